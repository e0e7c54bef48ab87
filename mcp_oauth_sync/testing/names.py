"""Rules for names: every key and namespace is its own, and the list tells exactly what is there."""

from __future__ import annotations

from ..stores.base import SecureTokenStore
from .base import Rules, kept_or_refused, require, require_equal

#: Names that careless stores take for one another, or for something else than a name.
ODD_NAMES = (
    *("a", "A", "ab", "aB", "a.b", "a-b", "a_b", "a b", " a", "a ", "a.", ".a", "a\t", "a\n", "-a", "0", "00", "None"),
    *(
        "a/b",
        "a\\b",
        "a:b",
        "a|b",
        "a@b",
        "a#b",
        "a?b",
        "a&b",
        "a+b",
        "a*",
        "~",
        "/",
        "//",
        "/a",
        "a/",
        "../a",
        "a/../b",
    ),
    *(".", "..", "./a", "c:\\a", "con", "CON", "nul", "aux.x", "com1", "LPT9", "a.lock", "a.json", "a.enc", "index"),
    *("%", "%61", "a%2fb", "a%2Fb", "%2e%2e", "%%", "\0", "a\0", "a\0b", "'", '"', "$x", "{x}", "<x>"),
    *("\u00e9", "e\u0301", "\u212b", "\u00c5", "A\u030a", "ss", "\u00df", "i", "\u0131", "I", "\u0130", "\ufb01", "fi"),
    *("\u00a0", "\ufeff", "\u202e", "\U0001f600", "\u4e2d\u6587", "x" * 250, "x" * 251, "X" * 250, "x" * 3000),
    *("x" * 2999 + "y", "\u00fc" * 1000, "\u00dc" * 1000, "https://mcp.example.com/MCP?a=1#c"),
)
_HALVES = ("\ud83d", "\ud83d\ude00", "a\udc80")
#: Pairs of namespace ending and key that give the same text when they are just put together.
_SEPARATORS = ("/", ":", ".", "-", "_", " ", "|", "@", "#", "\0", "\n", "%2f", "\\")


class NameRules(Rules):
    """Rules for names."""

    def test_namespaces_are_apart(self) -> None:
        """One key means another value in each, and removing it in one leaves the others."""
        store = self.open_store()
        base = self.space()
        endings = ("", "-a", "-A", "/a", "/../a", ".d", " ", "@work", "-\u00e9", "-e\u0301", "x" * 2000)
        spaces = [base, *(f"{base}{ending}" for ending in endings[1:])]
        self._spaces.extend(spaces[1:])
        for space in spaces:
            store.store_generic("key", f"in {space}", namespace=space)
        for space in spaces:
            require_equal(store.retrieve_generic("key", namespace=space), f"in {space}", "the value of this namespace")
            require_equal(store.list_generic(namespace=space), [(space, "key")], "the list of this namespace")
        store.delete_generic("key", namespace=spaces[1])
        left = [space for space in spaces if store.retrieve_generic("key", namespace=space) is not None]
        require_equal(left, [space for space in spaces if space != spaces[1]], "the namespaces left after removing one")

    def test_namespace_and_key_are_never_run_together(self) -> None:
        """(a, b/c) and (a/b, c) are two entries, whatever the separator."""
        store, base = self.open_store(), self.space()
        for separator in _SEPARATORS:
            longer = f"{base}{separator}b"
            self._spaces.append(longer)
            store.store_generic(f"b{separator}c", "short namespace", namespace=base)
            store.store_generic("c", "long namespace", namespace=longer)
            what = f"of two entries that look alike when joined by {separator!r}, this one"
            require_equal(store.retrieve_generic(f"b{separator}c", namespace=base), "short namespace", what)
            require_equal(store.retrieve_generic("c", namespace=longer), "long namespace", what)
            require_equal(store.list_generic(namespace=longer), [(longer, "c")], "the list of the longer namespace")

    def test_keys_of_any_kind_are_one_to_one(self) -> None:
        """No two keys meet, whatever a file system, a database or an address makes of them."""
        store, space = self.open_store(), self.space()
        for number, key in enumerate(ODD_NAMES):
            store.store_generic(key, str(number), namespace=space)
        for number, key in enumerate(ODD_NAMES):
            found = store.retrieve_generic(key, namespace=space)
            other = ODD_NAMES[int(found)] if found is not None and found != str(number) else None
            require(other is None, f"the keys {key[:80]!r} and {(other or '')[:80]!r} are taken for one another")
            require(found is not None, f"the value of the key {key[:80]!r} is not found again")
        _require_listed(store, space, ODD_NAMES)
        for number, key in enumerate(ODD_NAMES):
            require(store.delete_generic(key, namespace=space) is True, f"the key {key[:80]!r} was not removed")
            if number % 30 == 0:
                _require_listed(store, space, ODD_NAMES[number + 1 :])
        _require_listed(store, space, ())

    def test_a_key_with_half_a_character_is_one_to_one_or_refused(self) -> None:
        """Who cannot name an entry by a lone surrogate says so."""
        store, space = self.open_store(), self.space()
        store.store_generic("\U0001f600", "whole", namespace=space)
        wanted = {"\U0001f600": "whole"}
        for key in _HALVES:
            if kept_or_refused(
                lambda key=key: store.store_generic(key, "half", namespace=space),  # type: ignore[misc]
                "keeping a value under half a character",
            ):
                wanted[key] = "half"
        for key, value in wanted.items():
            require_equal(store.retrieve_generic(key, namespace=space), value, f"the value of {key!r}")
        _require_listed(store, space, tuple(wanted))

    def test_the_list_tells_exactly_what_is_there(self) -> None:
        """After keeping, replacing and removing, for one namespace and for all."""
        store, space, other = self.open_store(), self.space("A/"), self.space("a/")
        require_equal(store.list_generic(namespace=space), [], "the list of a namespace in which nothing was ever kept")
        for key in ("one", "two", "two", "three"):
            store.store_generic(key, f"value of {key}", namespace=space)
        store.store_generic("four", "", namespace=other)
        _require_listed(store, space, ("one", "two", "three"))
        store.delete_generic("two", namespace=space)
        store.delete_generic("never", namespace=space)
        _require_listed(store, space, ("one", "three"))
        _require_listed(store, other, ("four",))
        everything = store.list_generic()
        ours = sorted((namespace, key) for namespace, key in everything if namespace in (space, other))
        require_equal(ours, sorted([(space, "one"), (space, "three"), (other, "four")]), "the list of all namespaces")
        require_equal(sorted(store.list_generic(namespace=None)), sorted(everything), "the list for namespace=None")

    def test_reading_adds_nothing_to_the_list(self) -> None:
        """Only keeping a value makes an entry; looking for one, or taking its turn, does not."""
        store, space = self.open_store(), self.space()
        store.retrieve_generic("read", namespace=space)
        store.delete_generic("removed", namespace=space)
        with store.exclusive("turn", namespace=space):
            pass
        require_equal(store.list_generic(namespace=space), [], "the list of a namespace in which nothing was ever kept")
        require(space not in {namespace for namespace, _ in store.list_generic()}, "an entry that was never kept")


def _require_listed(store: SecureTokenStore, space: str, keys: tuple[str, ...]) -> None:
    listed = store.list_generic(namespace=space)
    require(isinstance(listed, list), f"list_generic() has to return a list, not {type(listed).__name__}")
    require(all(isinstance(entry, tuple) for entry in listed), "list_generic() has to return pairs")
    require_equal({namespace for namespace, _ in listed} - {space}, set(), "other namespaces in the list of one")
    found = [key for _, key in listed]
    require_equal(len(found), len(set(found)), "the number of entries in the list, some of which are there twice")
    missing, extra = set(keys) - set(found), set(found) - set(keys)
    require(not missing, f"these keys are not listed: {sorted(key[:80] for key in missing)!r}")
    require(not extra, f"these keys are listed and should not be: {sorted(key[:80] for key in extra)!r}")
