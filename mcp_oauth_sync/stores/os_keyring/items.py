"""Single items of a keyring: read back after each write, looked for after each removal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from ...models.secret import Secret
from .trouble import BackendFailed, NotKept, strangers_backend

T = TypeVar("T")

#: Attempts at a step that another process undid in between.
_TRIES = 5
#: Seconds until such a step is tried again, and in which nobody has read a question and dismissed it.
_PAUSE, _QUICKER_THAN_A_PERSON = 0.05, 0.5


class Backend(Protocol):
    """What is used of a keyring backend."""

    def get_password(self, service: str, username: str, /) -> str | None:
        """Return what is kept."""

    def set_password(self, service: str, username: str, password: str, /) -> None:
        """Keep something."""

    def delete_password(self, service: str, username: str, /) -> None:
        """Remove it."""


class Traits(NamedTuple):
    """What has to be known of a backend.

    Attributes:
        longest: Longest text of an item; None means that there is no limit, or none is known.
        may_refuse: Whether a limit may show only when an item is refused.
        one_step: Whether it replaces an item in one step, so that a crash leaves the old or the new one.
        own_service: Whether each entry needs a service of its own: the Windows backend files one item per service
            directly and moves it aside when another user comes.
    """

    longest: int | None = None
    may_refuse: bool = False
    one_step: bool = True
    own_service: bool = False


class KeyringItems:
    """The items of a keyring, within one operation.

    Args:
        backend: The keyring.
        service: What the items are filed under.
        traits: What is known of the backend.
        go_on: Called before each step; raises when the operation was given up.
    """

    def __init__(self, backend: Backend, service: str, traits: Traits, go_on: Callable[[], None]) -> None:
        """Touch nothing yet."""
        self.traits = traits
        self._backend = backend
        self._service = service
        self._go_on = go_on

    def get(self, user: str) -> Secret | None:
        """Return the text of an item, or None.

        An empty one counts as none: a GNOME keyring that dies while it makes an item may leave it without its text.
        """
        text = self._step(lambda: _plain(self._backend.get_password(self._filed(user), user)))
        return Secret(text) if text else None

    def put(self, user: str, text: str) -> None:
        """Replace the text of an item, and read it back.

        Raises:
            NotKept: It is not returned.
        """
        self._step(lambda: self._backend.set_password(self._filed(user), user, Secret(text)))
        if self.traits.own_service:
            self._delete(f"{user}@{self._filed(user)}", user)  # where that backend has moved the old text to
        if self.get(user) != text:
            raise NotKept("does not return what it was given")

    def remove(self, user: str) -> None:
        """Remove an item, if there is one, and look whether it is gone.

        Raises:
            NotKept: It is not.
        """
        if self.traits.own_service:
            self._delete(f"{user}@{self._filed(user)}", user)
        for _ in range(_TRIES):  # a keyring may hold several items of the same name
            refused = self._delete(self._filed(user), user)
            if self.get(user) is None:
                return
            if refused is not None:
                raise refused
        raise NotKept("does not remove what it is told to")

    def _filed(self, user: str) -> str:
        return f"{self._service}:{user}" if self.traits.own_service else self._service

    def _delete(self, service: str, user: str) -> BackendFailed | None:
        """Delete one item; return the refusal, which most often means that there is none."""
        try:
            self._step(lambda: self._backend.delete_password(service, user))
        except BackendFailed as trouble:
            if not trouble.is_missing:
                raise
            return trouble
        return None

    def _step(self, act: Callable[[], T]) -> T:
        """Ask the keyring one thing, again if something came in between that is over in a moment.

        Another process may have removed the item while the backend was at it. And a GNOME keyring that several
        processes use says now and then that there is no keyring to open, without having asked anybody.
        """
        for _ in range(_TRIES):
            self._go_on()
            began = time.monotonic()
            try:
                with strangers_backend():
                    return act()
            except BackendFailed as trouble:
                if trouble.is_not_set_up and time.monotonic() - began < _QUICKER_THAN_A_PERSON:
                    time.sleep(_PAUSE)
                elif not trouble.has_vanished:
                    raise
        self._go_on()
        with strangers_backend():
            return act()


def _plain(found: object) -> str | None:
    """Return what a backend gave as a plain text: a kind of its own may compare as it likes."""
    if found is None or isinstance(found, str):
        return None if found is None else str.__str__(found)
    raise TypeError("what it gives is no text")
