"""What keeps a keyring from doing its work: the errors of half a dozen packages, told apart without importing them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from traceback import walk_tb

_LOCKED = {
    "keyring.errors.KeyringLocked",
    "secretstorage.exceptions.LockedException",
    "secretstorage.exceptions.PromptDismissedException",
}
_UNREACHABLE = {
    "keyring.errors.NoKeyringError",
    "secretstorage.exceptions.SecretServiceNotAvailableException",
    "builtins.ImportError",
    "builtins.OSError",
    "builtins.RuntimeError",
}


class Trouble(Exception):
    """An operation on a keyring was not done."""


class NotOurs(Trouble):
    """An item was not written by this library, or by a newer one."""


class NotKept(Trouble):
    """The keyring does not do what it was told; the text says how that shows."""


class NoneViable(Trouble):
    """No backend can be used; the text says why not."""


class BackendFailed(Trouble):
    """A backend raised something.

    Attributes:
        failure: What it raised.
    """

    def __init__(self, failure: Exception) -> None:
        """Say which kind it was, and nothing that the backend may have put into its text."""
        super().__init__(type(failure).__name__)
        self.failure = failure

    def _is(self, kinds: set[str]) -> bool:
        return any(f"{kind.__module__}.{kind.__qualname__}" in kinds for kind in type(self.failure).__mro__)

    @property
    def is_locked(self) -> bool:
        """Whether the keyring is locked, or a person has dismissed its question."""
        said = str(getattr(self.failure, "name", ""))  # of an answer over D-Bus
        return self._is(_LOCKED) or said.endswith(".IsLocked")

    @property
    def is_unreachable(self) -> bool:
        """Whether there is no keyring to talk to."""
        return self._is(_UNREACHABLE) and not self.is_locked

    @property
    def is_not_set_up(self) -> bool:
        """Whether there is a service, but no keyring of this person in it, or none that may be opened."""
        return self._is({"keyring.errors.InitError"})

    @property
    def is_missing(self) -> bool:
        """Whether the backend refused to delete, which it does when there is nothing."""
        return self._is({"keyring.errors.PasswordDeleteError"})

    @property
    def has_vanished(self) -> bool:
        """Whether somebody else removed an item between two steps of the backend."""
        return self._is({"secretstorage.exceptions.ItemNotFoundException"}) and not self.is_locked


@contextmanager
def strangers_backend() -> Iterator[None]:
    """Raise nothing but :class:`Trouble` when a backend raises an error, whatever it is."""
    try:
        yield
    except Trouble:
        raise
    except Exception as failure:  # noqa: BLE001  (a stranger's code)
        put_down(failure)
        raise BackendFailed(failure) from None


def put_down(failure: BaseException) -> None:
    """Close the connections that a backend left open when it failed, and let go of its frames.

    The Secret Service backend closes its connection only once it has a collection. And what it was about to
    store is in its frames, where a traceback with local variables would show it.
    """
    for link in chain(failure):
        for frame, _ in walk_tb(link.__traceback__):
            for value in list(frame.f_locals.values()):
                if isinstance(value, socket.socket) or type(value).__module__.startswith("jeepney.io."):
                    close = getattr(value, "close", None)
                    if callable(close):
                        with suppress(OSError, AttributeError):  # it may have failed itself, or be half made
                            close()
        link.__traceback__ = None


def chain(failure: BaseException) -> Iterator[BaseException]:
    """Give a failure and what led to it."""
    seen: set[int] = set()
    link: BaseException | None = failure
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def said_by(failure: Exception) -> list[str] | None:
    """Return all that a failure and what led to it say; None when they cannot say it."""
    try:
        return [text for link in chain(failure) for text in (str(link), repr(link))]
    except Exception:  # noqa: BLE001  (a stranger's code)
        return None
