"""Stores that are broken in one way each, and two that work."""

from __future__ import annotations

import logging
import posixpath
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import attrs

from mcp_oauth_sync import OAuthTokens
from mcp_oauth_sync.exceptions import StoreCorruptError, TokenStorageError
from mcp_oauth_sync.models.record import ServerRecord
from mcp_oauth_sync.stores import SecureTokenStore
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.memory import MemoryStore

ENTRIES: dict[tuple[str, str], str] = {}


class Sound(SecureTokenStore):
    """A store that works, with all objects in one place of this process."""

    name = "sound"

    @property
    def values(self) -> dict[tuple[str, str], str]:
        return ENTRIES

    def folder_for(self, kind: str) -> Path | None:
        return None

    def place(self, key: str, namespace: str) -> tuple[str, str]:
        if not key or not namespace:
            raise TokenStorageError("an entry needs a name")
        return namespace, key

    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        self.values[self.place(key, namespace)] = value

    def retrieve_generic(self, key: str, *, namespace: str = "generic") -> str | None:
        return self.values.get(self.place(key, namespace))

    def delete_generic(self, key: str, *, namespace: str = "generic") -> bool:
        return self.values.pop(self.place(key, namespace), None) is not None

    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        return [place for place in list(self.values) if namespace in (None, place[0])]


# Values


class Forgets(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        self.place(key, namespace)


class Strips(Sound):
    def retrieve_generic(self, key: str, *, namespace: str = "generic") -> str | None:
        value = super().retrieve_generic(key, namespace=namespace)
        return value and value.strip(" ")


class TakesEmptyForNone(Sound):
    def retrieve_generic(self, key: str, *, namespace: str = "generic") -> str | None:
        return super().retrieve_generic(key, namespace=namespace) or None


class CutsShort(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        super().store_generic(key, value[:65536], namespace=namespace)


class EndsAtNul(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        super().store_generic(key, value.split("\0")[0], namespace=namespace)


class TranslatesLineEnds(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        super().store_generic(key, value.replace("\r\n", "\n"), namespace=namespace)


class FailsOnHalves(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        value.encode()
        super().store_generic(key, value, namespace=namespace)


class GarblesHalves(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        super().store_generic(key, value.encode(errors="replace").decode(), namespace=namespace)


class RaisesForNothing(Sound):
    def retrieve_generic(self, key: str, *, namespace: str = "generic") -> str | None:
        return self.values[self.place(key, namespace)]


class KeepsTheFirst(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        self.values.setdefault(self.place(key, namespace), value)


class DoesNotTell(Sound):
    def delete_generic(self, key: str, *, namespace: str = "generic") -> bool:
        super().delete_generic(key, namespace=namespace)
        return None  # type: ignore[return-value]


class AlwaysTellsYes(Sound):
    def delete_generic(self, key: str, *, namespace: str = "generic") -> bool:
        super().delete_generic(key, namespace=namespace)
        return True


class DoesNotRemove(Sound):
    def delete_generic(self, key: str, *, namespace: str = "generic") -> bool:
        return self.place(key, namespace) in self.values


class RemovesTooMuch(Sound):
    def delete_generic(self, key: str, *, namespace: str = "generic") -> bool:
        there = super().delete_generic(key, namespace=namespace)
        for place in list(self.values):
            if place[0] == namespace and place[1].startswith(key):
                del self.values[place]
        return there


class HasAnotherDefault(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "other") -> None:
        super().store_generic(key, value, namespace=namespace)


class TakesEmptyNames(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        return namespace, key


class RaisesTheWrongError(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        if not key or not namespace:
            raise ValueError("an entry needs a name")
        return namespace, key


class ShowsItself(Sound):
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.values})"


class Logs(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        logging.getLogger("stranger").debug("keeping %s", value)
        super().store_generic(key, value, namespace=namespace)


class ShowsValuesInErrors(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        if not key:
            raise TokenStorageError(f"cannot keep {value} without a name")
        super().store_generic(key, value, namespace=namespace)


class HasAnOddPriority(Sound):
    @classmethod
    def priority(cls) -> float:
        return "high"  # type: ignore[return-value]


class HasNoName(Sound):
    name = ""


# Names


class MixesNamespaces(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        super().place(key, namespace)
        return "one for all", key

    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        return [(namespace or "generic", key) for _, key in self.values]


class FoldsNamespaces(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        return super().place(key, namespace.lower())


class JoinsNames(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        super().place(key, namespace)
        return "", f"{namespace}/{key}"


class FoldsCase(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        return super().place(key.lower(), namespace)


class Normalizes(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        return super().place(unicodedata.normalize("NFC", key), namespace)


class TidiesPaths(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        return super().place(posixpath.normpath(key), namespace)


class CutsNames(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        return super().place(key[:255], namespace)


class Unquotes(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        return super().place(unquote(key), namespace)


class FailsOnHalvesOfNames(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        key.encode()
        return super().place(key, namespace)


class MixesHalves(Sound):
    def place(self, key: str, namespace: str) -> tuple[str, str]:
        return super().place(key.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), namespace)


class ListsWhatWas(Sound):
    seen: ClassVar[set[tuple[str, str]]] = set()

    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        super().store_generic(key, value, namespace=namespace)
        self.seen.add((namespace, key))

    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        return [place for place in self.seen if namespace in (None, place[0])]


class ListsTwice(Sound):
    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        return super().list_generic(namespace=namespace) * 2


class ListsEverything(Sound):
    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        return list(self.values)


class ListsOneNamespaceOnly(Sound):
    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        return super().list_generic(namespace=namespace or "generic")


class ListsLazily(Sound):
    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        return iter(super().list_generic(namespace=namespace))  # type: ignore[return-value]


class ListsDigests(Sound):
    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        return [
            (space, key if len(key) < 999 else "(long)") for space, key in super().list_generic(namespace=namespace)
        ]


class MakesEntriesByReading(Sound):
    def retrieve_generic(self, key: str, *, namespace: str = "generic") -> str | None:
        return self.values.setdefault(self.place(key, namespace), "")


# Sign-ins


class TakesDamageForNone(Sound):
    def retrieve_record(self, name: str, *, namespace: str = "oauth") -> ServerRecord | None:
        try:
            return super().retrieve_record(name, namespace=namespace)
        except TokenStorageError:
            return None


class CallsNewerDamaged(Sound):
    def retrieve_record(self, name: str, *, namespace: str = "oauth") -> ServerRecord | None:
        try:
            return super().retrieve_record(name, namespace=namespace)
        except TokenStorageError as failure:
            raise StoreCorruptError(failure.message) from None


class RemovesDamage(Sound):
    def retrieve_record(self, name: str, *, namespace: str = "oauth") -> ServerRecord | None:
        try:
            return super().retrieve_record(name, namespace=namespace)
        except TokenStorageError:
            self.delete_generic(name, namespace=namespace)
            raise


class LosesTheRegistration(Sound):
    def store_token(self, name: str, tokens: OAuthTokens) -> None:
        self.store_record(name, ServerRecord(tokens=tokens))


class LosesTheResource(Sound):
    def store_record(self, name: str, record: ServerRecord, *, namespace: str = "oauth") -> None:
        super().store_record(name, attrs.evolve(record, resource=None), namespace=namespace)


class KeepsHalf(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        super().store_generic(key, value[:1_000_000], namespace=namespace)
        if len(value) > 1_000_000:
            raise TokenStorageError("it is too large")


class AddsMembers(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        super().store_generic(key, value.replace("weather", "whether"), namespace=namespace)


# Crowds


class IsAlone(Sound):
    def __init__(self) -> None:
        self.own: dict[tuple[str, str], str] = {}

    @property
    def values(self) -> dict[tuple[str, str], str]:
        return self.own


class CallsItselfDifferently(Sound):
    @property
    def identity(self) -> str:
        return f"{id(self)}"


class WritesTheWholeTable(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        table = {**self.values, self.place(key, namespace): value}
        time.sleep(0.001)
        self.values.clear()
        self.values.update(table)


class RemovesBeforeItWrites(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        self.values.pop(self.place(key, namespace), None)
        time.sleep(0.001)
        super().store_generic(key, value, namespace=namespace)


class WritesInPieces(Sound):
    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        super().store_generic(key, value[:100], namespace=namespace)
        time.sleep(0.001)
        super().store_generic(key, value, namespace=namespace)


class TakesNoTurns(Sound):
    def exclusive(self, key: str, **_: Any) -> AbstractContextManager[None]:
        return nullcontext()


LOCKS: dict[Any, Any] = {}


class HasLocks(Sound):
    """Takes turns with locks of the kind and by the name that a subclass says."""

    kind: Any = threading.RLock
    error: type[Exception] = TokenStorageError

    def lock_name(self, *names: str) -> Any:
        return names

    @contextmanager
    def exclusive(
        self, key: str, *, namespace: str = "oauth", purpose: str = "refresh", timeout: float = 120
    ) -> Iterator[None]:
        name = type(self), self.lock_name(key, namespace, purpose)
        lock = LOCKS.setdefault(name, type(self).kind())
        if not lock.acquire(timeout=timeout):
            raise self.error("it did not come in time")
        try:
            yield
        finally:
            self.end(lock)

    def end(self, lock: Any) -> None:
        lock.release()


class TurnsPerObject(HasLocks):
    def lock_name(self, *names: str) -> Any:
        return (id(self), *names)


class CannotEnterTwice(HasLocks):
    kind = threading.Lock


class LetsGoAtOnce(HasLocks):
    def end(self, lock: Any) -> None:
        while lock._is_owned():
            lock.release()

    @contextmanager
    def exclusive(self, key: str, **how: Any) -> Iterator[None]:
        try:
            with super().exclusive(key, **how):
                yield
        except RuntimeError:
            pass  # the outer one has nothing left to release


class RaisesTimeoutError(HasLocks):
    error = TimeoutError


class DoesNotWait(HasLocks):
    def exclusive(self, key: str, *, timeout: float = 120, **where: Any) -> AbstractContextManager[None]:
        return super().exclusive(key, timeout=0, **where)


class HasOneTurnForAllKeys(HasLocks):
    def lock_name(self, *names: str) -> Any:
        return names[1:]


class HasOneTurnForAllNamespaces(HasLocks):
    def lock_name(self, *names: str) -> Any:
        return names[0], names[2]


class HasOneTurnForAllPurposes(HasLocks):
    def lock_name(self, *names: str) -> Any:
        return names[:2]


class TakesTurnsElsewhere(HasLocks):
    def exclusive(self, key: str, *, namespace: str = "generic", **how: Any) -> AbstractContextManager[None]:
        return super().exclusive(key, namespace=namespace, **how)


class TurnsForSigningIn(HasLocks):
    def exclusive(self, key: str, *, purpose: str = "sign-in", **how: Any) -> AbstractContextManager[None]:
        return super().exclusive(key, purpose=purpose, **how)


class KeepsTheTurnAfterAnError(HasLocks):
    @contextmanager
    def exclusive(
        self, key: str, *, namespace: str = "oauth", purpose: str = "refresh", timeout: float = 120
    ) -> Iterator[None]:
        lock = LOCKS.setdefault((type(self), key, namespace, purpose), threading.RLock())
        if not lock.acquire(timeout=min(timeout, 0.3)):
            raise TokenStorageError("it did not come in time")
        yield
        lock.release()


class SwallowsErrors(HasLocks):
    @contextmanager
    def exclusive(self, key: str, **how: Any) -> Iterator[None]:
        try:
            with super().exclusive(key, **how):
                yield
        except LookupError:
            pass


class StandsInItsOwnWay(HasLocks):
    kind = threading.Lock

    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        with self.exclusive(key, namespace=namespace, timeout=0.1):
            super().store_generic(key, value, namespace=namespace)


# Processes


class TakesTurnsInOneProcessOnly(EncryptedFileStore):
    def lock_file(self, key: str, namespace: str, purpose: str) -> Path | None:
        return None


class LeavesStaleLocks(EncryptedFileStore):
    @contextmanager
    def exclusive(
        self, key: str, *, namespace: str = "oauth", purpose: str = "refresh", timeout: float = 120
    ) -> Iterator[None]:
        lock, end = self.directory / f"{namespace}-{key}", time.monotonic() + timeout
        lock.parent.mkdir(exist_ok=True)
        while True:
            try:
                lock.touch(exist_ok=False)
                break
            except FileExistsError:
                if time.monotonic() > end:
                    raise TokenStorageError("it did not come in time") from None
                time.sleep(0.01)
        try:
            yield
        finally:
            lock.unlink()


class IsOfOneProcess(MemoryStore):
    def __init__(self, folder: str) -> None:
        super().__init__()
        self._values = ENTRIES  # type: ignore[assignment]

    @property
    def identity(self) -> str:
        return "of one process"
