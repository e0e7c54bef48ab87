"""The documentation tells enough to open a file without this library: its own few lines do it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from mcp_oauth_sync import OAuthTokens, TokenManager

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "stores.rst"


@pytest.fixture
def open_entry() -> Callable[..., bytes]:
    """Return the function that the documentation shows."""
    document = publish_doctree(DOCUMENT.read_text(encoding="utf-8"), settings_overrides={"report_level": 5})
    (block,) = (block for block in document.findall(nodes.literal_block) if "python" in block["classes"])
    names: dict[str, Any] = {}
    exec(compile(block.astext(), "docs/stores.rst", "exec"), names)
    return cast("Callable[..., bytes]", names["open_entry"])


@pytest.mark.parametrize("password", [None, "correct horse battery"])
def test_the_lines_in_the_documentation_open_a_file(
    open_entry: Callable[..., bytes], password: str | None, tmp_path: Path
) -> None:
    manager = TokenManager(tmp_path / "secrets", password=password)
    manager.save_tokens("notion", OAuthTokens(access_token="at-of-this-test", refresh_token="rt-of-this-test"))
    opened = json.loads(open_entry(tmp_path / "secrets", "notion", password))
    assert opened["tokens"]["access_token"] == "at-of-this-test"
    assert opened["schema"] == 1
