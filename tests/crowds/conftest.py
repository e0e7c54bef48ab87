"""Somebody who is signed in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scene import Scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        made.sign_in()
        yield made
