"""What all rules have in common: beginning, tidying up, and saying what is wrong."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..exceptions import OAuthError, TokenStorageError
from ..stores.base import SecureTokenStore

#: What ``process_opener`` is until somebody says something.
NOT_SAID = "not said"


class Hooks:
    """What happens before and after each test of a contract, under pytest and under unittest."""

    _begun = False

    def prepare(self) -> None:
        """Do what has to be done before each test. Nothing, unless overridden."""

    def clean_up(self) -> None:
        """Do what has to be done after each test, however it ended. Nothing, unless overridden."""

    def begin(self) -> None:
        """Make what the rules themselves need. Called before :meth:`prepare`."""

    def end(self) -> None:
        """Remove what the rules themselves have left. Called before :meth:`clean_up`."""

    # pytest calls the first two, unittest the others, and pytest all four for a unittest.TestCase.

    def setup_method(self, method: object = None) -> None:
        """Begin a test, as pytest does; ``method`` is not looked at."""
        if not self._begun:
            self._begun = True
            self.begin()
            self.prepare()

    def teardown_method(self, method: object = None) -> None:
        """End a test, as pytest does; ``method`` is not looked at."""
        if not self._begun:
            return
        self._begun = False
        try:
            self.end()
        finally:
            self.clean_up()

    def setUp(self) -> None:
        """Begin a test."""
        self.setup_method()

    def tearDown(self) -> None:
        """End a test."""
        self.teardown_method()


class Rules(Hooks):
    """The hooks of a store's contract; see :class:`StoreContract`."""

    persistent: bool = True
    process_opener: str | None = NOT_SAID
    process_arguments: Sequence[str] = ()
    freed_within: float = 30.0

    _spaces: list[str]

    def open_store(self) -> SecureTokenStore:
        """Return a store. Within one test, all of them keep their entries in the same place."""
        raise NotImplementedError(f"{type(self).__name__} has to define open_store()")

    def begin(self) -> None:
        """Keep nothing yet."""
        self._spaces = []

    def end(self) -> None:
        """Remove what was kept."""
        if self.persistent and self._spaces:
            store = self.open_store()
            for space in self._spaces:
                for namespace, key in store.list_generic(namespace=space):
                    store.delete_generic(key, namespace=namespace)

    def space(self, name: str = "") -> str:
        """Return a namespace that only this test uses; what is kept there is removed after it.

        Args:
            name: What to make part of it.
        """
        require(self._begun, "inherit from StoreContract first and from unittest.TestCase after it")
        namespace = f"contract-{secrets.token_hex(6)}{name}"
        self._spaces.append(namespace)
        return namespace

    def second_store(self, store: SecureTokenStore) -> SecureTokenStore:
        """Return another object for the same place; the same one where each object is a place of its own."""
        return self.open_store() if self.persistent else store


def require(condition: object, message: str) -> None:
    """Fail a test.

    Raises:
        AssertionError: The condition is not true.
    """
    if not condition:
        raise AssertionError(message)


def require_equal(found: object, wanted: object, what: str) -> None:
    """Fail a test that has found something else.

    Raises:
        AssertionError: The two differ.
    """
    require(found == wanted, f"{what}: found {_short(found)}, not {_short(wanted)}")


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 500 else f"{shown[:300]} ... ({len(shown)} characters)"


@contextmanager
def typed_error(what: str, kind: type[OAuthError] = TokenStorageError) -> Iterator[list[OAuthError]]:
    """Fail a test unless the block raises an error of the library; the list holds it afterwards.

    Args:
        what: What the block does, for the message.
        kind: The error it has to be.

    Raises:
        AssertionError: The block raised nothing, or something else.
    """
    caught: list[OAuthError] = []
    try:
        yield caught
    except kind as failure:
        caught.append(failure)
        require(failure.message, f"{what}: the error has no message")
    except Exception as failure:
        raise AssertionError(f"{what}: {type(failure).__name__} was raised, not {kind.__name__}") from failure
    if not caught:
        raise AssertionError(f"{what}: nothing was raised, although it has to be a {kind.__name__}")


def kept_or_refused(act: Callable[[], Any], what: str) -> bool:
    """Tell whether something was done; False if it was refused with a typed error.

    Raises:
        AssertionError: It failed in another way.
    """
    try:
        act()
    except TokenStorageError:
        return False
    except Exception as failure:
        raise AssertionError(f"{what}: {type(failure).__name__} was raised, not TokenStorageError") from failure
    return True
