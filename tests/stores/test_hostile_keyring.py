"""A keyring that lies, raises whatever it likes or gives what is no text: an error of the store, and nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import StoreCorruptError, TokenStorageError
from mcp_oauth_sync.stores.os_keyring.store import KeyringStore

from .keyrings import PlainKeyring

LONG = "x" * 3000


class Liar(PlainKeyring):
    """A keyring whose answers to reading are made up by ``tells``, which gets what is kept."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.tells: Callable[[str | None], Any] | None = None

    def get_password(self, service: str, username: str) -> Any:
        found = super().get_password(service, username)
        return found if self.tells is None else self.tells(found)


@pytest.fixture
def liar() -> Liar:
    """Return a keyring with two entries, which does not lie yet."""
    backend = Liar()
    store = KeyringStore(backend=backend)
    store.store_generic("k", "the value")
    store.store_generic("other", "value of another")
    return backend


class EqualToAll(str):
    """A text that says it is any other."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__

    def __str__(self) -> str:
        return "something else"

    def __bool__(self) -> bool:
        raise ZeroDivisionError


class Unspeakable(Exception):
    """An error that cannot be shown."""

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


class Endless(Exception):
    """An error that was caused by itself."""

    def __init__(self) -> None:
        super().__init__("again " * 100_000)
        self.__cause__ = self


UNTYPED: dict[str, Callable[[], Exception]] = {
    "unspeakable": Unspeakable,
    "endless": Endless,
    "deep": RecursionError,
    "memory": MemoryError,
    "stop": StopIteration,
    "assertion": AssertionError,
    "no text at all": lambda: Exception(b"\xff", None),
    "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"),
}


@pytest.mark.parametrize("kind", UNTYPED)
def test_whatever_it_raises_is_an_error_of_the_store_and_loses_nothing(liar: Liar, kind: str) -> None:
    store, kept = KeyringStore(backend=liar), dict(liar.kept)
    liar.raises = UNTYPED[kind]()
    for use in everything(store):
        with pytest.raises(TokenStorageError) as caught:
            use()
        assert caught.value.hint
        assert len(str(caught.value)) < 1000
    liar.raises = None
    assert liar.kept == kept
    assert store.retrieve_generic("k") == "the value"


def everything(store: KeyringStore) -> Iterator[Callable[[], object]]:
    yield lambda: store.retrieve_generic("k")
    yield lambda: store.store_generic("k", "new")
    yield lambda: store.store_generic("added", LONG)
    yield lambda: store.delete_generic("k")
    yield store.probe


@pytest.mark.parametrize(
    "tells",
    [lambda found: b"bytes", lambda found: 7, lambda found: [found], lambda found: object()],
    ids=["bytes", "a number", "a list", "an object"],
)
def test_what_is_no_text_is_an_error_of_the_store(liar: Liar, tells: Callable[[str | None], Any]) -> None:
    store, kept = KeyringStore(backend=liar), dict(liar.kept)
    liar.tells = tells
    for use in everything(store):
        with pytest.raises(TokenStorageError):
            use()
    liar.tells = None
    assert liar.kept == kept


def test_a_text_of_a_kind_of_its_own_counts_as_what_it_holds(liar: Liar) -> None:
    store = KeyringStore(backend=liar)
    liar.tells = lambda found: found and EqualToAll(found)
    value = store.retrieve_generic("k")
    assert value == "the value"
    assert value.isprintable()
    liar.drops = True
    with pytest.raises(TokenStorageError, match="does not return what it was given"):
        store.store_generic("k", "new")


def test_the_value_of_another_entry_is_refused(liar: Liar) -> None:
    store = KeyringStore(backend=liar)
    [others] = [text for (_, name), text in liar.kept.items() if name == "generic/other"]
    kept = dict(liar.kept)
    liar.tells = lambda found: others
    with pytest.raises(StoreCorruptError, match="holds something else there"):
        store.retrieve_generic("k")
    with pytest.raises(StoreCorruptError, match="holds something else there"):
        store.store_generic("k", "new")
    assert liar.kept == kept
    assert store.retrieve_generic("other") == "value of another"


def test_the_parts_of_another_entry_are_refused() -> None:
    backend = Liar(refuses=1300)
    store = KeyringStore(backend=backend)
    for key in ("k", "other"):
        store.store_generic(key, f"{key} {LONG}")
    for (service, name), text in list(backend.kept.items()):
        if name.startswith("generic/other"):
            backend.kept[service, name.replace("other", "k")] = text
    with pytest.raises(StoreCorruptError, match="holds something else there"):
        store.retrieve_generic("k")
    assert store.retrieve_generic("other") == f"other {LONG}"


def test_a_keyring_that_files_everything_under_one_name_is_found_out() -> None:
    class OneDrawer(PlainKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            return super().get_password(service, "all")

        def set_password(self, service: str, username: str, password: str) -> None:
            super().set_password(service, "all", password)

    store = KeyringStore(backend=OneDrawer())
    store.store_generic("k", "the value")
    with pytest.raises(StoreCorruptError):
        store.store_generic("other", "another")
    assert store.retrieve_generic("k") == "the value"
    with pytest.raises(StoreCorruptError):
        store.retrieve_generic("other")


@pytest.mark.parametrize("old", [None, "the value"])
def test_a_keyring_that_gives_back_what_it_was_given_once_and_forgets_it_is_found_out_later(old: str | None) -> None:
    backend = Liar()
    store = KeyringStore(backend=backend)
    if old is not None:
        store.store_generic("k", old)
    kept = dict(backend.kept)
    store.store_generic("k", "new")
    backend.kept = kept
    assert store.retrieve_generic("k") == old
