"""Hearing everything that is logged, to find secrets in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def listening() -> Iterator[Callable[[], list[str]]]:
    """Hear everything that is logged within the block; call what is given for the lines so far."""
    heard: list[str] = []

    class _Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(f"{record.getMessage()} {record.args!r}")

    ear, root = _Ear(logging.DEBUG), logging.getLogger()
    level = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        yield lambda: list(heard)
    finally:
        root.setLevel(level)
        root.removeHandler(ear)
