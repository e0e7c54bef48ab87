"""The README and the changelog render everywhere: plain reStructuredText, and not one warning."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from docutils.core import publish_string
from docutils.utils import Reporter

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
