"""How an entry lies in a keyring: whole in one item, or in parts where items are small.

The items of an entry called ``user``::

    user            what counts: the value, or a header that names a set of parts
    user#new        the same, while a keyring that replaces in two steps replaces ``user``
    user#a.1 ...    the parts of a long value; the sets a and b take turns, so that the old value
    user#b.1 ...    stays readable until the header, written last, names the new one

Whoever is killed at any point leaves the old value or the new one, and orphans that the next save or
removal clears away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ...models.secret import Secret
from .items import KeyringItems
from .texts import Header, document_of, value_of
from .trouble import BackendFailed, NotKept, Trouble

logger = logging.getLogger(__name__)

#: Longest text in one item of a keyring with small items. Windows takes 2560 bytes, which are 1280 UTF-16 units.
PART = 1200
#: Most parts that are looked for: those of some megabytes.
_MOST_PARTS = 4096
_OTHER_SET = {"a": "b", "b": "a"}


class KeyringEntries:
    """The entries of a keyring, within one operation.

    Args:
        items: Its items.
    """

    def __init__(self, items: KeyringItems) -> None:
        """Touch nothing yet."""
        self._items = items
        self._traits = items.traits

    def read(self, user: str) -> Secret | None:
        """Return a value, or None; a value of which parts are missing counts as none.

        Raises:
            NotOurs: Something else lies there.
        """
        head = self._head(user)
        while head is not None:
            value = self._whole(user, head)
            if value is not None:
                return value
            seen, head = head, self._head(user)
            if head == seen:  # else another process has replaced it meanwhile
                logger.warning("the keyring item %s is incomplete and counts as missing", user)
                return None
        return None

    def has(self, user: str) -> bool:
        """Tell whether there is an entry, without reading its parts."""
        return self._head(user) is not None

    def write(self, user: str, value: str, before: Callable[[], object]) -> None:
        """Replace a value.

        Args:
            user: The item's name.
            value: Any text.
            before: Called once it is clear that the keyring can be used, before anything is written.

        Raises:
            NotOurs: Something else lies there; it was left alone.
            NotKept: The keyring does not return what it took; the old value is still there.
        """
        old = self._head(user)
        if old is not None and Header.read(old) is None:
            value_of(old, user)  # never overwrite what somebody else wrote
        before()
        document = document_of(value, user)
        longest = self._traits.longest
        if longest is not None and len(document) > longest:
            self._write_parts(user, document, old, longest)
        else:
            self._write_whole(user, document, old)

    def erase(self, user: str, before: Callable[[], object]) -> bool:
        """Remove a value and whatever was left of earlier ones; tell whether there was one.

        Args:
            user: The item's name.
            before: Called before anything is removed.
        """
        head = self._head(user)
        before()
        if not self._traits.one_step:
            self._items.remove(f"{user}#new")  # first: without the main item it would count
        self._items.remove(user)
        if self._may_have_parts(head):
            for letter in _OTHER_SET:
                self._sweep(user, letter, 1)
        return head is not None

    # Values

    def _head(self, user: str) -> Secret | None:
        head = self._items.get(user)
        if head is None and not self._traits.one_step:
            head = self._items.get(f"{user}#new")
            if head is None:
                head = self._items.get(user)  # the replacement may have ended in between
        return head

    def _whole(self, user: str, head: str) -> Secret | None:
        header = Header.read(head)
        if header is None:
            return value_of(head, user)
        parts = []
        for number in range(1, header.size + 1):
            part = self._items.get(f"{user}#{header.letter}.{number}")
            if part is None:
                return None
            parts.append(part)
        document = Secret("".join(parts))
        return value_of(document, user) if header.fits(document) else None

    def _write_whole(self, user: str, document: Secret, old: str | None) -> None:
        try:
            self._replace(user, document, old)
        except Trouble as trouble:
            shut = isinstance(trouble, BackendFailed) and (trouble.is_locked or trouble.is_unreachable)
            if shut or not self._traits.may_refuse or len(document) <= PART:
                raise
            self._write_parts(user, document, old, PART)
        else:
            self._clear_away(user, document, old)

    def _write_parts(self, user: str, document: Secret, old: str | None, longest: int) -> None:
        used = Header.read(old)
        letter = "a" if used is None else _OTHER_SET[used.letter]
        parts = [document[start : start + longest] for start in range(0, len(document), longest)]
        header = str(Header.of(letter, len(parts), document))
        try:
            for number, part in enumerate(parts, 1):
                self._items.put(f"{user}#{letter}.{number}", Secret(part))
            self._replace(user, header, old)
        except Trouble:
            self._try(lambda: self._sweep(user, letter, 1))
            raise
        self._clear_away(user, header, old)

    def _replace(self, user: str, text: str, old: str | None) -> None:
        """Replace the item that counts, so that a crash leaves the old text or the new one."""
        if not self._traits.one_step:
            self._items.put(f"{user}#new", text)
        try:
            self._items.put(user, text)
        except Trouble:
            if not self._is_there_anyway(user, text, old):
                raise
        if not self._traits.one_step:
            self._try(lambda: self._items.remove(f"{user}#new"))

    def _is_there_anyway(self, user: str, text: str, old: str | None) -> bool:
        """Tell whether a replacement that failed was made all the same; put the old text back if it was half made."""
        found = self._items.get(user)
        if found == text:  # only the answer was lost
            return True
        if found != old:
            if old is None:
                self._items.remove(user)
            else:
                self._items.put(user, old)
        if not self._traits.one_step:
            self._items.remove(f"{user}#new")
        return False

    def _clear_away(self, user: str, head: str, old: str | None) -> None:
        """Remove parts that do not count any more. The new value is kept: a failure here must not say otherwise."""
        if not (self._may_have_parts(old) or self._may_have_parts(head)):
            return
        used = Header.read(head)
        for letter in _OTHER_SET:
            first = used.size + 1 if used is not None and used.letter == letter else 1
            self._try(lambda letter=letter, first=first: self._sweep(user, letter, first))  # type: ignore[misc]

    def _may_have_parts(self, head: str | None) -> bool:
        return Header.read(head) is not None or self._traits.longest is not None or self._traits.may_refuse

    def _sweep(self, user: str, letter: str, first: int) -> None:
        """Remove the parts of a set from a number on, last first: a sweep cut short leaves no gap to stop the next."""
        end = first
        while self._items.get(f"{user}#{letter}.{end}") is not None:
            end += 1
            if end > _MOST_PARTS:
                raise NotKept("gives what it was never given")
        for number in range(end - 1, first - 1, -1):
            self._items.remove(f"{user}#{letter}.{number}")

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Trouble as trouble:
            logger.info("could not clear away items of the keyring: %s", trouble)
