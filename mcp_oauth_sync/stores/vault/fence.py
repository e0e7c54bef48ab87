"""Reading and writing an entry of a Vault within a turn or without one.

In a turn, an entry is written only if it is as it was last read there: who lost the turn without noticing
overwrites nothing. Without a turn the last writer wins, and no write is torn.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

from ...exceptions import TokenStorageError
from .answer import PASSES, Unanswered
from .kv import Entry, KeyValue
from .turn import Turn

_TRIES, _PAUSE = 100, 0.05


def read(engine: KeyValue, path: str, turn: Turn | None) -> Entry:
    """Return what is kept under a path.

    Args:
        engine: Where.
        path: Where in it.
        turn: The turn of this thread; None when it has none.

    Raises:
        TokenStorageError: The Vault cannot be used now, or the turn has passed to another host.
    """
    if turn is None:
        return engine.read(path)
    turn.lease.trust()
    entry = engine.read(path)
    turn.version = entry.version
    return entry


def write(engine: KeyValue, path: str, document: Mapping[str, object], turn: Turn | None, *, name: str) -> None:
    """Write an entry; ``name`` is what messages call it.

    Raises:
        Unanswered: It may or may not be written.
        TokenStorageError: It was not written.
    """
    if turn is not None:
        turn.lease.trust()
        if turn.version is not None:
            if not _written(engine, path, document, turn, turn.version):
                raise _changed(name)
            return
    for attempt in range(_TRIES):
        after = engine.read(path).version if engine.version == 2 else 0
        if turn is not None:
            turn.lease.confirm()  # nobody has had a turn since the reading
        if _written(engine, path, document, turn, after):
            return
        time.sleep(random.uniform(0, _PAUSE * min(1.0, attempt / 10)))  # noqa: S311
    raise TokenStorageError(f"The entry {name!r} is written by others all the time.", hint=PASSES, name=name)


def _written(engine: KeyValue, path: str, document: Mapping[str, object], turn: Turn | None, after: int) -> bool:
    """Write if the entry is as it was; tell whether it was."""
    try:
        number = engine.write(path, document, after=after)
    except Unanswered:
        if turn is not None:
            turn.version = None  # ours or the one before: to be looked up
        raise
    if turn is not None and number is not None:
        turn.version = number
    return number is not None


def remove(engine: KeyValue, path: str, turn: Turn | None, *, name: str) -> bool:
    """Remove an entry with all its versions; tell whether there was one.

    Raises:
        TokenStorageError: It could not be removed.
    """
    known = None if turn is None else turn.version
    entry = read(engine, path, turn)
    if turn is not None:
        if known not in (None, entry.version):
            raise _changed(name)
        turn.lease.confirm()
        turn.version = None
    if entry.document is not None or entry.version:
        engine.remove(path, entry.version)
    return entry.document is not None


def _changed(name: str) -> TokenStorageError:
    return TokenStorageError(
        f"The entry {name!r} was written by somebody else during this turn; it was left as it is.",
        hint="Read it again: what is stored is newer.",
        name=name,
    )
