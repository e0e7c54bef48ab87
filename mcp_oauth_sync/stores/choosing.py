"""Which store is taken when nobody chose one: tried out before anybody signs in, and kept to afterwards."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..exceptions import StoreUnavailableError, TokenStorageError, UnsavedTokensWarning, printable
from .base import SecureTokenStore
from .places import BACKEND_VARIABLE, PASSWORD_VARIABLE, default_directory
from .private_files import make_private_directory, read_private, write_private
from .settings import StoreSettings
from .table import TokenStoreBackend, open_store, store_class, store_names, strangers_code
from .time_limit import TimedOut, within

logger = logging.getLogger(__name__)

#: Seconds in which a store has to prove that it works.
PROBE_TIMEOUT = 5.0
_KEYRING = {"darwin": TokenStoreBackend.KEYCHAIN.value, "win32": TokenStoreBackend.CREDENTIAL_MANAGER.value}
_DESKTOP = TokenStoreBackend.SECRET_SERVICE.value
MEMORY, _FILES = TokenStoreBackend.MEMORY.value, TokenStoreBackend.ENCRYPTED_FILE.value


def settled(settings: StoreSettings) -> SecureTokenStore | None:
    """Return the store that needs no choice: meant by the settings, named by the environment, or used before.

    Raises:
        StoreUnavailableError: It cannot be used here, or the environment names one that does not exist; another one
            would not hold what it holds.
    """
    if name := _meant(settings):
        return open_store(name, settings)
    used = _used_before()
    if used is None:
        return None
    try:
        return open_store(used, settings)
    except (StoreUnavailableError, ValueError) as failure:
        reason = failure.message if isinstance(failure, StoreUnavailableError) else str(failure)
        raise StoreUnavailableError(
            f"The sign-ins of this user are kept in {used!r}, which cannot be used here: {reason.rstrip('.')}.",
            hint=f"Run this where it can be used, or set {BACKEND_VARIABLE}={_FILES} and sign in once more.",
            store=used,
        ) from failure


def _meant(settings: StoreSettings) -> str | None:
    """Return the name of the store that the caller means or else the environment names."""
    if any(key.startswith("vault_") for key in settings.config):
        return TokenStoreBackend.VAULT.value
    if settings.directory is not None or settings.password is not None:
        return _FILES
    named = os.environ.get(BACKEND_VARIABLE) or TokenStoreBackend.AUTO.value
    if named != TokenStoreBackend.AUTO.value:
        return _existing(named)
    return _FILES if PASSWORD_VARIABLE in os.environ else None


def _existing(named: str) -> str:
    """Return the name that the environment gives if there is such a store."""
    if named not in {backend.value for backend in TokenStoreBackend} and named not in (names := store_names()):
        raise StoreUnavailableError(
            f"{BACKEND_VARIABLE} names {printable(named)!r}, and there is no such store.",
            hint=f"Set it to one of these, or to nothing: {', '.join(names)}.",
        )
    return named


def _marker() -> Path:
    return default_directory() / "backend"


def _used_before() -> str | None:
    """Return the name of the store that holds this user's sign-ins already.

    Raises:
        StoreUnavailableError: It was noted, and the note cannot be read: another store would hold none of them.
    """
    try:
        marked = read_private(_marker())
    except (PermissionError, NotADirectoryError):  # a home that is not this user's: nothing of theirs is in there
        marked = None
    except OSError as failure:
        raise _unreadable(failure.strerror or str(failure)) from failure
    if marked is not None:
        if not (name := marked.decode("ascii", "replace").strip()) or not name.isprintable() or not name.isascii():
            raise _unreadable("it is damaged")
        return name
    with suppress(OSError), os.scandir(default_directory()) as entries:
        if any(entry.name.endswith(".enc") for entry in entries):
            return _FILES
    return None


def _unreadable(reason: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"The file {_marker()}, which says where the sign-ins of this user are kept, cannot be read: {reason}.",
        hint=f"Set {BACKEND_VARIABLE} to the store that holds them. If none does, remove the file.",
    )


def remember(name: str) -> None:
    """Note where the first sign-in was kept, so that a process that lacks that store says so."""
    try:
        make_private_directory(_marker().parent)
        write_private(_marker(), name.encode("ascii"))
    except (OSError, UnicodeEncodeError):
        logger.info("could not note that sign-ins are kept in %r", name, exc_info=True)


def _rank(name: str) -> float:
    rank: object = within(PROBE_TIMEOUT, lambda: store_class(name).priority())
    if not isinstance(rank, (int, float)) or rank != rank:
        raise StoreUnavailableError(f"Its priority is no number but {rank!r}.", store=name)
    return rank


def _ranked() -> tuple[list[str], dict[str, str]]:
    """Return the stores that may work, best first, and why the others cannot."""
    ranks: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for name in store_names():
        try:
            with _in_time(name):
                ranks[name] = _rank(name)
        except TokenStorageError as failure:
            reasons[name] = failure.message
    return sorted((name for name in ranks if ranks[name] > 0), key=lambda name: -ranks[name]), reasons


@contextmanager
def _in_time(name: str) -> Iterator[None]:
    """Raise nothing but the errors of stores."""
    with strangers_code(name):
        try:
            yield
        except TimedOut:
            raise StoreUnavailableError(f"It did not answer within {PROBE_TIMEOUT:g} seconds.", store=name) from None


def _working(settings: StoreSettings, *, first: bool) -> tuple[dict[str, SecureTokenStore], dict[str, str]]:
    """Return the stores that were tried out and work, best first, and why the others do not."""
    names, reasons = _ranked()
    works: dict[str, SecureTokenStore] = {}
    for name in names:
        try:
            with _in_time(name):
                store = open_store(name, settings)
                within(PROBE_TIMEOUT, store.probe)
        except TokenStorageError as failure:
            reasons[name] = failure.message
        else:
            works[name] = store
            if first:
                break
    return works, reasons


def available() -> list[str]:
    """Return the names of the stores that work here, best first."""
    works, _ = _working(StoreSettings(), first=False)
    return [*works, MEMORY]


def survey() -> Iterator[tuple[str, SecureTokenStore | None, str | None]]:
    """Yield (name, store or None, why it cannot be used or None) of every store, each tried out, best first."""
    works, reasons = _working(StoreSettings(), first=False)
    for name, store in works.items():
        yield name, store, None
    for name in store_names():
        if name == MEMORY:
            yield name, open_store(name, StoreSettings()), None
        elif name not in works:
            yield name, None, reasons.get(name, "it is taken by name only")


def detect() -> str:
    """Return the name of the store that is taken here.

    Raises:
        StoreUnavailableError: The one that is named or was used before cannot be used here.
    """
    return explain()[0]


def explain() -> tuple[str, dict[str, str]]:
    """Return the name of the store that is taken here, and why those that were tried before it are not.

    Raises:
        StoreUnavailableError: The one that is named or was used before cannot be used here.
    """
    settings = StoreSettings()
    if settled(settings) is not None:
        return _meant(settings) or _used_before() or _FILES, {}
    works, reasons = _working(settings, first=True)
    return next(iter(works), MEMORY), reasons


def choose(settings: StoreSettings) -> SecureTokenStore:
    """Return the store to use, tried out unless it was used before, and say which one it is and why.

    Raises:
        StoreUnavailableError: The one that is named or was used before cannot be used here.
    """
    return settled(settings) or tried(settings)[1]


def tried(settings: StoreSettings) -> tuple[str, SecureTokenStore]:
    """Return (name, store) of the best store that works, and say which one it is and why not the usual one."""
    works, reasons = _working(settings, first=True)
    every_reason = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    for name, store in works.items():
        logger.debug("not used: %s", every_reason or "nothing better")
        if (usual := _KEYRING.get(sys.platform, _DESKTOP)) in reasons:
            logger.warning("Sign-ins are kept in %s. Not used: %s: %s", store.name, usual, reasons[usual])
        else:
            logger.info("Sign-ins are kept in %s.", store.name)
        return name, store
    warnings.warn(
        f"No store works here, so sign-ins end with this process. {every_reason}", UnsavedTokensWarning, stacklevel=4
    )
    return MEMORY, open_store(MEMORY, StoreSettings())
