"""Rules for values: what was kept comes back, is replaced, is removed, and does not show itself."""

from __future__ import annotations

import logging
import traceback

from ..exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError
from ..stores.base import GENERIC
from .base import Rules, kept_or_refused, require, require_equal, typed_error

_SECRET = "contract-value-Zq7XcV2bN9mK4jH6"
_VALUES = {
    "plain text": "value",
    "nothing but the empty text": "",
    "JSON": '{"a":"b\\n\\u0000","c":[1,2.5,null]}',
    "text of many scripts": "ä ß € 中文 العربية 😀 e\u0301 \u202e\ufeff",
    "a NUL character": "a\0b\0",
    "line ends of all kinds": "\na\r\nb\rc\u2028\n\n",
    "blanks at both ends": "  \t a \t  ",
    "quotes and escapes": "'\"`$(x)%s%%{}\\\\;--",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f",
    "something like a number": "007",
    "100 KB": "0123456789abcde\n" * 6400,
    "100 KB of three bytes each": "\u20ac" * 34_000,
}
_HALVES = ("\ud83d", "\ud83d\ude00", "a\udc80b")


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        told = f"{record.getMessage()} {record.args!r}"
        if record.exc_info:
            told += "".join(traceback.format_exception(*record.exc_info))
        self.heard.append(told)


class ValueRules(Rules):
    """Rules for values."""

    def test_a_value_of_any_kind_comes_back_as_it_was_kept(self) -> None:
        """Text is text, whatever is in it."""
        store, space = self.open_store(), self.space()
        for what, value in _VALUES.items():
            store.store_generic("key", value, namespace=space)
            require_equal(store.retrieve_generic("key", namespace=space), value, f"a value of {what} came back changed")

    def test_half_a_character_comes_back_or_is_refused_and_the_old_value_stays(self) -> None:
        """A lone surrogate is no Unicode text; who cannot keep it says so."""
        store, space = self.open_store(), self.space()
        for value in _HALVES:
            store.store_generic("key", "old", namespace=space)
            kept = kept_or_refused(
                lambda value=value: store.store_generic("key", value, namespace=space),  # type: ignore[misc]
                "keeping half a character",
            )
            found = store.retrieve_generic("key", namespace=space)
            require_equal(found, value if kept else "old", "after keeping half a character")

    def test_what_was_never_kept_is_none(self) -> None:
        """Nothing there is no error."""
        store, space = self.open_store(), self.space()
        require_equal(store.retrieve_generic("key", namespace=space), None, "a key that was never kept")
        store.store_generic("key", "value", namespace=space)
        require_equal(store.retrieve_generic("other", namespace=space), None, "a key that was never kept")
        require_equal(store.retrieve_generic("key", namespace=self.space()), None, "a key of another namespace")

    def test_a_value_is_replaced_by_the_next(self) -> None:
        """The last one counts, also if it is shorter, longer or empty."""
        store, space = self.open_store(), self.space()
        for value in ("one", "a longer one " * 500, "three", "", "five", "five"):
            store.store_generic("key", value, namespace=space)
            require_equal(store.retrieve_generic("key", namespace=space), value, "the value kept last")

    def test_removing_tells_whether_there_was_something(self) -> None:
        """True once, False before and after."""
        store, space = self.open_store(), self.space()
        require(store.delete_generic("key", namespace=space) is False, "nothing was there: delete has to return False")
        store.store_generic("key", "", namespace=space)
        require(store.delete_generic("key", namespace=space) is True, "a value was there: delete has to return True")
        require(store.delete_generic("key", namespace=space) is False, "it was removed: delete has to return False")

    def test_what_was_removed_is_gone_and_its_neighbours_stay(self) -> None:
        """Removing is exact, and a removed key can be kept again."""
        store, space, other = self.open_store(), self.space(), self.space()
        for namespace, key in ((space, "key"), (space, "key2"), (space, "ke"), (other, "key")):
            store.store_generic(key, f"{namespace} {key}", namespace=namespace)
        store.delete_generic("key", namespace=space)
        require_equal(store.retrieve_generic("key", namespace=space), None, "a removed value")
        for namespace, key in ((space, "key2"), (space, "ke"), (other, "key")):
            found = store.retrieve_generic(key, namespace=namespace)
            require_equal(found, f"{namespace} {key}", f"{key!r} after removing 'key'")
        store.store_generic("key", "again", namespace=space)
        require_equal(store.retrieve_generic("key", namespace=space), "again", "a value kept again after removing it")

    def test_the_namespace_is_generic_unless_one_is_named(self) -> None:
        """The default is the same in all methods."""
        store, key = self.open_store(), self.space()
        store.store_generic(key, "value")
        try:
            require_equal(store.retrieve_generic(key, namespace=GENERIC), "value", "a value kept without a namespace")
            require_equal(store.retrieve_generic(key), "value", "a value kept without a namespace")
            require((GENERIC, key) in store.list_generic(), "a value kept without a namespace is not listed")
        finally:
            require(store.delete_generic(key) is True, "a value kept without a namespace was not found to remove it")

    def test_a_key_or_namespace_that_is_empty_is_a_typed_error(self) -> None:
        """There is no entry without a name, and looking for one is a mistake."""
        store, space = self.open_store(), self.space()
        for key, namespace in (("", space), ("key", "")):
            what = f"with the key {key!r} in the namespace {'' if not namespace else 'of the test'!r}"
            with typed_error(f"store_generic {what}"):
                store.store_generic(key, "value", namespace=namespace)
            with typed_error(f"retrieve_generic {what}"):
                store.retrieve_generic(key, namespace=namespace)
            with typed_error(f"delete_generic {what}"):
                store.delete_generic(key, namespace=namespace)

    def test_no_value_shows_itself_in_the_store_its_errors_or_its_log(self) -> None:
        """Not in repr, str, name or identity; not at the level DEBUG; not in the errors for a wrong name."""
        listener, root = _Listener(), logging.getLogger()
        level = root.level
        root.addHandler(listener)
        root.setLevel(logging.DEBUG)
        try:
            store, space = self.open_store(), self.space()
            store.store_generic("key", f"{_SECRET} one", namespace=space)
            store.store_generic("key", _SECRET, namespace=space)
            store.retrieve_generic("key", namespace=space)
            try:
                store.store_generic("", _SECRET, namespace=space)
            except TokenStorageError as failure:
                listener.heard.append("".join(traceback.format_exception(failure)))
            try:
                store.retrieve_record("key", namespace=space)
            except StoreCorruptError as failure:
                listener.heard.append("".join(traceback.format_exception(failure)))
            store.list_generic(namespace=space)
            shown = f"{store!r} {store} {store.name} {store.identity} {vars(type(store))!r}"
            store.delete_generic("key", namespace=space)
        finally:
            root.setLevel(level)
            root.removeHandler(listener)
        require(_SECRET not in shown, "repr(), str(), name or identity of the store shows a value")
        require(not any(_SECRET in told for told in listener.heard), "the log or an error shows a value")

    def test_it_tells_what_it_is_and_how_good_a_choice(self) -> None:
        """Its name is for messages; its priority is a number or the reason why it cannot be used here."""
        store = self.open_store()
        for what, said in {"name": store.name, "identity": store.identity}.items():
            require(type(said) is str and said, f"{what} has to be a text that is not empty")
        try:
            priority = type(store).priority()
        except StoreUnavailableError as failure:
            require(failure.message, "priority() has to say why the store cannot be used here")
        else:
            number = type(priority) in (int, float)
            require(
                number and 0 <= priority < float("inf"), f"priority() has to be a number from 0 on, not {priority!r}"
            )
