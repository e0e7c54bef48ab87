"""The documentation names only what is there: files of tests and examples, public names, flags of the command line.

Links, references and docstrings are checked by the Sphinx build.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import mcp_oauth_sync
from mcp_oauth_sync.cli.parser import build_parser

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TEXTS = sorted([ROOT / "README.rst", *DOCS.rglob("*.rst")])
SITUATIONS = (
    "Laptop, desktop; SSH; Container; WSL; Codespaces, VS Code remote; JupyterHub; Colab; CI; cron; Service; Enterprise"
)


def name(text: Path) -> str:
    return text.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("text", TEXTS, ids=name)
def test_every_file_that_is_named_is_there(text: Path) -> None:
    named = set(re.findall(r"``((?:tests|examples|docs|benchmarks)/[\w./]+)``", text.read_text(encoding="utf-8")))
    assert [wanted for wanted in sorted(named) if not (ROOT / wanted).exists()] == []


@pytest.mark.parametrize("text", TEXTS, ids=name)
def test_every_class_that_is_called_is_a_public_name(text: Path) -> None:
    called = set(re.findall(r"``(?:\w+=)?([A-Z]\w+)\(", text.read_text(encoding="utf-8")))
    assert sorted(called - set(mcp_oauth_sync.__all__) - {"Path"}) == []


def test_every_command_and_flag_in_a_shell_block_is_understood() -> None:
    parser = build_parser()
    for text in TEXTS:
        for line in re.findall(r"^ +mcp-oauth-sync (.+)$", text.read_text(encoding="utf-8"), re.MULTILINE):
            parser.parse_args(re.split(r"[#|>]", line)[0].split())


def test_each_situation_has_a_row_that_is_backed_by_a_test_or_says_that_it_is_not() -> None:
    table = (ROOT / "docs" / "signing_in.rst").read_text(encoding="utf-8").partition("Pasting\n---")[0]
    rows = re.split(r"^   \* - ", table, flags=re.MULTILINE)[2:]
    titles = [row.splitlines()[0] for row in rows]
    assert [wanted for wanted in SITUATIONS.split("; ") if wanted not in titles] == []
    for row in rows:
        shown_by = row.split("\n     - ")[-1]
        assert "``tests/" in shown_by or "not run" in shown_by, row


def test_every_public_name_has_one_place_in_the_reference() -> None:
    pages = "".join(text.read_text(encoding="utf-8") for text in sorted((DOCS / "reference").glob("*.rst")))
    shown = re.findall(r"^\.\. auto(?:class|function):: (\w+)$", pages, re.MULTILINE)
    for module in re.findall(r"^\.\. automodule:: ([\w.]+)$", pages, re.MULTILINE):
        shown += [*importlib.import_module(module).__all__, module.rpartition(".")[2]]
    public = [found for found in mcp_oauth_sync.__all__ if not found.startswith("__")]
    assert [wanted for wanted in public if shown.count(wanted) != 1] == []


def test_each_threat_has_a_row_that_names_the_tests_that_play_it() -> None:
    table = (DOCS / "security_model.rst").read_text(encoding="utf-8").partition("What is yours\n---")[0]
    rows = re.split(r"^   \* - ", table, flags=re.MULTILINE)[2:]
    assert len(rows) > 15
    assert [row.splitlines()[0] for row in rows if "``tests/" not in row.split("\n     - ")[-1]] == []
