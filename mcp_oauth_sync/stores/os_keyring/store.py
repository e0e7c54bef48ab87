"""A store in a keyring, through the package ``keyring``."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import ClassVar, TypeVar

from ...exceptions import StoreUnavailableError, TokenStorageError
from ...models.secret import Secret
from ..base import GENERIC, SecureTokenStore, require_names
from ..locks import exclusive
from ..places import place_of
from ..settings import StoreSettings
from ..time_limit import TimedOut
from . import backends, calls
from .entries import KeyringEntries
from .errors import explained
from .index import KeyringIndex
from .items import Backend, KeyringItems
from .texts import item_name
from .trouble import Trouble, strangers_backend

T = TypeVar("T")
logger = logging.getLogger(__name__)

SERVICE_NAME, _PROBE = "mcp-oauth-sync", "probe"
#: Seconds to wait for others who change the same entry and are getting on with it.
_TURN = 15.0
_LEAST = 1.0  # and seconds that are left for the keyring after that


class KeyringStore(SecureTokenStore):
    """Keeps each entry in one item of a keyring; in several where items are small.

    What a keyring does not answer within five seconds is given up with an error. Whether a save that was given
    up takes place later is unknown then.

    Args:
        service_name: What the items are filed under; applications with different ones do not see each other.
        backend: A keyring backend; None takes the one that the package ``keyring`` is configured for, or in a
            subclass the one of its platform.

    Raises:
        StoreUnavailableError: The backend keeps nothing, or keeps it in plain text.
        ValueError: The service name is empty.

    Example::

        TokenManager(store=KeyringStore("my-app", backend=keyring.get_keyring()))
    """

    title: ClassVar[str] = "the keyring"
    indexed = True

    def __init__(self, service_name: str = SERVICE_NAME, *, backend: Backend | None = None) -> None:
        """Use a keyring; it is not touched yet."""
        if not service_name:
            raise ValueError("a service name has at least one character")
        self.service_name = service_name
        self._given = backend
        self._checked: Backend | None = None
        self._kind = self.title if backend is None else f"the keyring {backends.backend_name(backend)}"
        self.name = f"{self._kind} ({service_name})"
        if backend is not None and (reason := backends.refusal_by_name(backend)):
            raise self._refused(reason)

    @classmethod
    def priority(cls) -> float:
        """Taken by name only: what the package ``keyring`` is configured for may be anything.

        Raises:
            StoreUnavailableError: The package is not installed.
        """
        backends.require_package("keyring", store=cls.title)
        return 0

    @classmethod
    def open(cls, settings: StoreSettings) -> KeyringStore:
        """Make the store as a caller wants it. The keyring is not touched yet.

        Args:
            settings: The service name, and in ``config`` a ``backend``.

        Raises:
            StoreUnavailableError: It cannot be used here; the message says why.
        """
        backend: Backend | None = settings.config.get("backend")  # type: ignore[assignment]
        if backend is None:
            cls.priority()
        return cls(settings.service_name or SERVICE_NAME, backend=backend)

    def probe(self) -> None:
        """Write, read and remove an item, always the same one, so that nothing is left behind; the index is left out.

        Raises:
            TokenStorageError: The keyring cannot be used.
        """
        name = item_name(_PROBE, _PROBE)

        def try_out(entries: KeyringEntries) -> None:
            entries.write(name, _PROBE, lambda: None)
            entries.erase(name, lambda: None)

        with self._turn(_PROBE, _PROBE) as seconds:
            self._ask(try_out, "stored", _PROBE, seconds)

    @property
    def identity(self) -> str:
        """The keyring and the service name."""
        return f"{self._kind}/{self.service_name}"

    def store_generic(self, key: str, value: str, *, namespace: str = GENERIC) -> None:
        """Keep a secret, replacing an earlier one, and read it back.

        Raises:
            StoreCorruptError: There is an item of the same name that is not ours; it was left alone.
            TokenStorageError: It could not be kept; the earlier one is still there. After a keyring that did not
                answer in time, either may be.
        """
        index = self._index()

        def save(entries: KeyringEntries) -> None:
            entries.write(item_name(namespace, key), value, lambda: index.expect(namespace, key))
            index.settle(namespace, key)

        with self._turn(key, namespace) as seconds:
            self._ask(save, "stored", key, seconds, Secret(value))

    def retrieve_generic(self, key: str, *, namespace: str = GENERIC) -> str | None:
        """Return a secret, or None when there is none, or when parts of it are missing.

        Raises:
            StoreCorruptError: There is an item of that name that is not ours.
            TokenStorageError: The keyring cannot be used now.
        """
        require_names(key, namespace, store=self.name)
        return self._ask(lambda entries: entries.read(item_name(namespace, key)), "read", key)

    def delete_generic(self, key: str, *, namespace: str = GENERIC) -> bool:
        """Remove a secret; tell whether there was one.

        Raises:
            TokenStorageError: It could not be removed.
        """
        index = self._index()

        def erase(entries: KeyringEntries) -> bool:
            there = entries.erase(item_name(namespace, key), lambda: index.doubt(namespace, key))
            index.drop(namespace, key)
            return there

        with self._turn(key, namespace) as seconds:
            return self._ask(erase, "removed", key, seconds)

    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        """Return what is kept as pairs of namespace and key. The keyring is asked only about what was cut short.

        Raises:
            TokenStorageError: The index cannot be read, or the keyring cannot be used now.
        """
        index = self._index()
        missing = {entry for entry in index.unsettled(namespace) if not self._settle(*entry)}
        return [entry for entry in index.entries(namespace) if entry not in missing]

    def _settle(self, namespace: str, key: str) -> bool:
        """Tell whether there is a value of which the index is not sure, and let it know."""
        index = self._index()

        def look(entries: KeyringEntries) -> bool:
            there = entries.has(item_name(namespace, key))
            (index.settle if there else index.drop)(namespace, key)
            return there

        with self._turn(key, namespace) as seconds:
            return self._ask(look, "listed", key, seconds)

    def _index(self) -> KeyringIndex:
        return KeyringIndex(place_of(self.identity, "registry"))

    @contextmanager
    def _turn(self, key: str, namespace: str) -> Iterator[float]:
        """Be the only one who changes an entry, among all threads and processes; give the seconds left for that.

        Entries share a fixed number of locks, so that none is left behind for each entry there ever was.
        """
        require_names(key, namespace, store=self.name)
        began = time.monotonic()
        file = f"saving-{hashlib.sha256(item_name(namespace, key).encode()).hexdigest()[:2]}.lock"
        path = place_of(self.identity, "locks") / file
        with ExitStack() as stack:
            try:
                stack.enter_context(exclusive(str(path.absolute()), path, timeout=_TURN, name=key))
            except TokenStorageError as failure:
                if not isinstance(failure.__cause__, (OSError, NotImplementedError)):
                    raise  # somebody else is at it
                logger.warning("%s", failure.message)  # a read-only home must not keep a secret from being stored
                stack.enter_context(exclusive(f"{self.identity}/{file}", None, timeout=_TURN, name=key))
            yield max(_LEAST, calls.LIMIT - (time.monotonic() - began))

    def _ask(
        self, work: Callable[[KeyringEntries], T], done: str, key: str, seconds: float | None = None, secret: str = ""
    ) -> T:
        """Do something with the keyring, in time or not at all.

        Raises:
            TokenStorageError: It failed, or took too long.
        """

        def worked(go_on: Callable[[], None]) -> T:
            backend = self._backend()
            traits = backends.traits(backend)
            return work(KeyringEntries(KeyringItems(backend, self.service_name, traits, go_on)))

        try:
            return calls.in_line(self._kind, calls.LIMIT if seconds is None else seconds, worked)
        except (Trouble, TimedOut, RuntimeError) as failure:  # the latter: no more threads
            error, cause = explained(failure, done, store=self.name, key=key, secret=secret)
            raise error from cause

    def _backend(self) -> Backend:
        """Return the backend, looked at once.

        Raises:
            StoreUnavailableError: It must not be given secrets.
        """
        if self._checked is None:
            with strangers_backend():
                backend = self.find() if self._given is None else self._given
                reason = backends.refusal(backend)
            if reason:
                raise self._refused(reason)
            self._checked = backend
        return self._checked

    def find(self) -> Backend:
        """Return the backend when the caller gave none. May take as long as the package ``keyring`` likes."""
        import keyring

        return keyring.get_keyring()

    def _refused(self, reason: str) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"{self.name} is not used: {reason}.",
            hint="Choose another store; encrypted files work everywhere.",
            store=self.name,
        )
