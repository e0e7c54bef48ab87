"""The code in docs/mcp.rst runs: block after block, with the official SDK's server behind OAuth in the example's place.

A block that cannot be run says why in a comment above it (``.. not run: reason``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .blocks import DOCS, at, blocks, run_python, runnable
from .real.sdk_features import SdkFeatures, sdk_features
from .scene import Scene

__all__ = ["sdk_features"]

pytestmark = pytest.mark.demo
PAGE = DOCS / "mcp.rst"


@pytest.fixture
def scene(sdk_features: SdkFeatures) -> Iterator[Scene]:
    with Scene(upstream=sdk_features.mcp_url) as made:
        yield made


def test_every_python_block_runs_after_those_before_it(scene: Scene, tmp_path: Path) -> None:
    typed = [("Title: ", "Roadmap\r"), ("Author: ", "Ben\r")]
    ran = run_python(runnable(PAGE), tmp_path, replaced=at(scene.mcp.url), typed=typed)
    listed, fails, asks, logs, own = ran.printed
    assert "echo Give back what it got." in listed
    assert listed[-3:] == ["1/2 reading", "2/2 found", "A page about the roadmap."]
    assert fails == logs == []
    assert asks[-1].endswith("Roadmap, by Ben")
    assert own[0].startswith("{'jsonrpc': '2.0', 'id': 1, 'result': {")
    assert len(ran.opened) == scene.az.exchanges == 2  # one sign-in by the URL, one by name


def test_every_block_is_run() -> None:
    assert [(block.section, block.reason) for block in blocks(PAGE) if block.reason is not None] == []
    assert {language for block in blocks(PAGE) for language in block.languages} == {"python"}
