"""What a thread knows during its turn at an entry of a Vault: the lease, and the version it has read."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .lease import Lease

#: Store (by its identity), namespace and key.
Place = tuple[str, str, str]


class Turn:
    """A turn at one entry.

    Args:
        purpose: What for.
        lease: What excludes other hosts.

    Attributes:
        version: The version of the entry last read or written in this turn; None before that.
    """

    def __init__(self, purpose: str, lease: Lease) -> None:
        """Know nothing of the entry yet."""
        self.purpose, self.lease = purpose, lease
        self.version: int | None = None


class _Held(threading.local):
    def __init__(self) -> None:
        self.turns: dict[Place, list[Turn]] = {}


_held = _Held()


def _forget() -> None:
    _held.turns.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # they are the parent's


def current(place: Place) -> Turn | None:
    """Return this thread's turn at an entry, the inner one of two for different purposes; None outside any."""
    turns = _held.turns.get(place)
    return turns[-1] if turns else None


def holds(place: Place, purpose: str) -> bool:
    """Tell whether this thread has the turn already."""
    return any(turn.purpose == purpose for turn in _held.turns.get(place, ()))


@contextmanager
def taken(place: Place, turn: Turn) -> Iterator[None]:
    """Let a turn be this thread's until the block ends."""
    turns = _held.turns.setdefault(place, [])
    turns.append(turn)
    try:
        yield
    finally:
        turns.remove(turn)
        if turns:
            turns[-1].version = turn.version
        elif _held.turns.get(place) is turns:
            del _held.turns[place]
