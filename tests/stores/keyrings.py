"""Keyrings for what Linux cannot produce, with a life that can be cut short at any step.

The backends of Windows and macOS are the real ones of the package ``keyring``, on a system below them that is
acted: a Credential Manager with its limits, a Keychain that replaces by deleting and adding.
"""

from __future__ import annotations

import importlib
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class Killed(BaseException):
    """The process has ended here."""


class Life:
    """The life of a process that uses a keyring; what is kept goes on without it.

    Attributes:
        steps: How many steps were made.
        ends_before: The step before which it ends; None lets it go on for ever.
    """

    def __init__(self) -> None:
        self.ends_before: int | None = None
        self.steps = 0

    def step(self) -> None:
        if self.ends_before is not None and self.steps >= self.ends_before:
            raise Killed
        self.steps += 1

    def begins(self, ends_before: int | None = None) -> None:
        self.steps, self.ends_before = 0, ends_before


class PlainKeyring:
    """A keyring of which nothing is known.

    Args:
        life: What ends at some step.
        refuses: The length from which on a value is refused; None takes any.
        cuts: The length at which a value is cut without a word.
    """

    priority: Any = 5

    def __init__(self, life: Life | None = None, *, refuses: int | None = None, cuts: int | None = None) -> None:
        self.life = life or Life()
        self.refuses, self.cuts = refuses, cuts
        self.kept: dict[Any, str] = {}
        self.raises: BaseException | None = None
        self.drops = False

    def _begin(self) -> None:
        self.life.step()
        if self.raises is not None:
            raise self.raises

    def get_password(self, service: str, username: str) -> str | None:
        self._begin()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._begin()
        if self.refuses is not None and len(password) >= self.refuses:
            raise ValueError("too long")
        if not self.drops:
            self.kept[service, username] = str(password)[: self.cuts]

    def delete_password(self, service: str, username: str) -> None:
        self._begin()
        if not self.drops and self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


class HangingKeyring(PlainKeyring):
    """A keyring that answers only while ``answers`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.answers, self.asked = threading.Event(), threading.Event()
        self.answers.set()
        self.threads: set[str] = set()

    def _begin(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.asked.set()
        assert self.answers.wait(60)
        super()._begin()


class _Win32Error(Exception):
    def __init__(self, winerror: int, funcname: str, text: str) -> None:
        super().__init__(winerror, funcname, text)
        self.winerror, self.funcname = winerror, funcname


class CredentialManager:
    """What lies below the Windows backend: names in any case are the same, and an item holds 2560 bytes of UTF-16."""

    CRED_TYPE_GENERIC, CRED_PERSIST_ENTERPRISE = 1, 3
    __name__ = "win32cred"

    def __init__(self, life: Life) -> None:
        self.life = life
        self.kept: dict[str, dict[str, Any]] = {}
        self.longest = 0

    def CredRead(self, Type: int, TargetName: str) -> dict[str, Any]:  # noqa: N802, N803
        self.life.step()
        if TargetName.lower() not in self.kept:
            raise _Win32Error(1168, "CredRead", "Element not found.")
        return dict(self.kept[TargetName.lower()])

    def CredWrite(self, credential: dict[str, Any], flags: int) -> None:  # noqa: N802
        self.life.step()
        assert flags == 0
        blob = credential["CredentialBlob"].encode("utf-16-le")
        self.longest = max(self.longest, len(blob))
        if len(blob) > 2560 or len(credential["UserName"]) > 513 or len(credential["TargetName"]) > 32767:
            raise _Win32Error(1783, "CredWrite", "The stub received bad data.")
        self.kept[credential["TargetName"].lower()] = {**credential, "CredentialBlob": blob}

    def CredDelete(self, Type: int, TargetName: str) -> None:  # noqa: N802, N803
        self.life.step()
        if self.kept.pop(TargetName.lower(), None) is None:
            raise _Win32Error(1168, "CredDelete", "Element not found.")


def windows(patch: pytest.MonkeyPatch, life: Life) -> tuple[Any, dict[Any, Any]]:
    """Return the real Windows backend on an acted Credential Manager, and what that keeps."""
    manager = CredentialManager(life)
    room, pywin32 = ModuleType("win32ctypes"), ModuleType("win32ctypes.pywin32")
    pywin32.win32cred = manager  # type: ignore[attr-defined]
    pywin32.pywintypes = SimpleNamespace(error=_Win32Error)  # type: ignore[attr-defined]
    patch.setitem(sys.modules, "win32ctypes", room)
    patch.setitem(sys.modules, "win32ctypes.pywin32", pywin32)
    patch.setattr(KeyringBackend, "_classes", set(KeyringBackend._classes))
    name = "keyring.backends.Windows"
    importlib.import_module(name)
    patch.delitem(sys.modules, name)
    fresh = importlib.import_module(name)
    patch.setitem(sys.modules, name, fresh)
    backend = fresh.WinVaultKeyring()
    backend.manager = manager
    return backend, manager.kept


class Keychain:
    """What lies below the macOS backend. As there, replacing is deleting and adding."""

    class Error(Exception):
        pass

    class NotFound(Error):
        pass

    class KeychainDenied(Error):
        pass

    def __init__(self, life: Life) -> None:
        self.life = life
        self.kept: dict[Any, str] = {}
        self.locked = False

    def find_generic_password(self, _: None, service: str, username: str) -> str:
        self._begin()
        if (service, username) not in self.kept:
            raise self.NotFound
        return self.kept[service, username]

    def set_generic_password(self, _: None, service: str, username: str, password: str) -> None:
        self._begin()
        self.kept.pop((service, username), None)
        self._begin()
        self.kept[service, username] = password.partition("\0")[0]  # it is handed over as a C string

    def delete_generic_password(self, _: None, service: str, username: str) -> None:
        self._begin()
        if self.kept.pop((service, username), None) is None:
            raise self.NotFound

    def _begin(self) -> None:
        self.life.step()
        if self.locked:
            raise self.KeychainDenied(-128, "Keychain Access Denied")


def macos(patch: pytest.MonkeyPatch, life: Life) -> tuple[Any, dict[Any, Any]]:
    """Return the real macOS backend on an acted Keychain, and what that keeps."""
    from keyring.backends import macOS

    keychain = Keychain(life)
    patch.setattr(macOS, "api", keychain, raising=False)
    patch.setattr("platform.system", lambda: "Darwin")
    backend: Any = macOS.Keyring()
    backend.keychain = None
    backend.acted = keychain
    return backend, keychain.kept


def plain(patch: pytest.MonkeyPatch, life: Life) -> tuple[Any, dict[Any, Any]]:
    backend = PlainKeyring(life)
    return backend, backend.kept


def with_small_items(patch: pytest.MonkeyPatch, life: Life) -> tuple[Any, dict[Any, Any]]:
    """Return an unknown keyring that refuses long values."""
    backend = PlainKeyring(life, refuses=1300)
    return backend, backend.kept


EVERY = {"windows": windows, "macos": macos, "unknown": plain, "unknown with small items": with_small_items}
