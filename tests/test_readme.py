"""The README and the changelog render everywhere: plain reStructuredText, and not one warning.

The tables of the README hold: errors are as related as they are shown, names for who comes over are there, the figures
of the conformance suite are those of the lists that the tests go through, and other libraries were measured in the
versions that are named.
"""

from __future__ import annotations

import io
import re
from operator import attrgetter
from pathlib import Path

import pytest
from docutils.core import publish_string
from docutils.utils import Reporter

import mcp_oauth_sync
from benchmarks.alternatives import ALTERNATIVES, CLIENTS, GENERAL, of_program
from mcp_oauth_sync import exceptions

from .blocks import blocks
from .conformance import test_scenarios as scenarios

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ("README.rst", "CHANGELOG.rst")


def render(source: str) -> tuple[str, str]:
    """Render as a package index does: no raw HTML, no other files. Return the page and the warnings."""
    warnings = io.StringIO()
    settings = {
        "report_level": Reporter.INFO_LEVEL,
        "halt_level": Reporter.SEVERE_LEVEL + 1,
        "warning_stream": warnings,
        "raw_enabled": False,
        "file_insertion_enabled": False,
    }
    page = publish_string(source, writer="html5", settings_overrides=settings)
    return page.decode("utf-8"), warnings.getvalue()


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_renders_without_a_warning(name: str) -> None:
    page, warnings = render((ROOT / name).read_text(encoding="utf-8"))
    assert warnings == ""
    assert "<h1" in page


@pytest.mark.parametrize(
    "source",
    ["Title\n==\n", ".. autoclass:: OAuth\n", "See :class:`OAuth`.\n", ".. raw:: html\n\n   <b>x</b>\n"],
    ids=["short underline", "Sphinx directive", "Sphinx role", "raw HTML"],
)
def test_what_only_renders_elsewhere_is_noticed(source: str) -> None:
    assert render(source)[1]


def section(title: str) -> str:
    """Return the source of one section of the README."""
    readme = (ROOT / "README.rst").read_text(encoding="utf-8")
    return re.split(r"\n\n.+\n-+\n\n", readme.partition(f"\n{title}\n---")[2].partition("\n\n")[2])[0]


def public_bases(error: type[BaseException]) -> list[str]:
    """Return the public errors above one, nearest first."""
    return [base.__name__ for base in error.__mro__[1:] if base.__name__ in exceptions.__all__]


def test_the_tree_of_errors_is_the_tree_of_errors() -> None:
    [tree] = [block.code for block in blocks(ROOT / "README.rst", "text") if block.code.startswith("OAuthError")]
    above: list[str] = []
    shown: dict[str, list[str]] = {}
    for line in tree.splitlines():
        name = line.split()[0]
        above = [*above[: (len(line) - len(line.lstrip())) // 4], name]
        shown[name] = above[-2::-1]
        assert line.endswith("also a TimeoutError") == issubclass(getattr(exceptions, name), TimeoutError), line
        assert line.endswith("also a ValueError") == issubclass(getattr(exceptions, name), ValueError), line
    errors = [getattr(exceptions, name) for name in exceptions.__all__]
    errors = [error for error in errors if isinstance(error, type) and issubclass(error, exceptions.OAuthError)]
    assert shown == {error.__name__: public_bases(error) for error in errors}


def test_who_comes_over_finds_every_name() -> None:
    rows = re.findall(r"^``(.+?)``  +``([\w.]+)``(.*)$", section("Coming from chuk-mcp-client-oauth"), re.MULTILINE)
    assert len(rows) >= 9
    for old, new, remark in rows:
        found = attrgetter(new)(mcp_oauth_sync)
        name = re.sub(r"^await |\(.*", "", old)
        if "the old name works" in remark:
            assert getattr(mcp_oauth_sync, name) is found
        elif "another name" not in remark:
            assert name.split(".")[-1].lstrip("_") == found.__name__


def test_every_contract_and_base_class_that_is_named_is_there() -> None:
    import mcp_oauth_sync.testing

    rows = re.findall(r"^\w+ +``(\w+)`` +``(\w+)`` +``([\w/.]+)``$", section("Write your own"), re.MULTILINE)
    assert len(rows) == 3
    for base, contract, file in rows:
        assert hasattr(mcp_oauth_sync, base)
        assert hasattr(mcp_oauth_sync.testing, contract)
        assert (ROOT / file).exists()


def test_the_figures_of_the_conformance_suite_are_those_of_the_lists() -> None:
    rows = re.findall(r"^(?:(20\d\d-\d\d-\d\d)|Extensions).*? +(\d+) +(\d+)$", section("Standards"), re.MULTILINE)
    ran = {
        "2026-07-28": len(scenarios.REQUIRED["2026-07-28"]),
        "2025-11-25": len(scenarios.REQUIRED["2025-11-25"]),
        "": len(scenarios.EXTENSIONS) * len(scenarios.REQUIRED),
        "2025-03-26": len(scenarios.OLDEST),
    }
    assert {name: (int(passed), int(known)) for name, passed, known in rows} == {n: (c, c) for n, c in ran.items()}
    assert sum(ran.values()) == len(scenarios.RUNS)


def test_other_libraries_are_those_that_are_measured() -> None:
    compared = section("Beside other libraries")
    [lines] = re.findall(r"^Lines of the program +(.+)$", compared, re.MULTILINE)
    assert lines.split() == [of_program(CLIENTS / program)[1] for _, program in ALTERNATIVES.values()]
    named = compared.replace("``", "").replace("chuk-mcp-client-oauth\n", "chuk-mcp-client-oauth ", 1)
    named = " ".join(named.split()).lower()
    for wanted, _ in [*ALTERNATIVES.values(), *GENERAL.values()]:
        if "==" in wanted[0]:
            assert wanted[0].replace("==", " ") in named
