"""Which keyring backends there are, which of them keep a secret, and what has to be known of those."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ...exceptions import StoreUnavailableError, printable
from .entries import PART
from .items import Backend, Traits
from .trouble import BackendFailed, NoneViable, strangers_backend

KEYCHAIN = ("keyring.backends.macOS.Keyring",)
CREDENTIAL_MANAGER = ("keyring.backends.Windows.WinVaultKeyring",)
SECRET_SERVICE = (
    "keyring.backends.SecretService.Keyring",
    "keyring.backends.libsecret.Keyring",
    "keyring.backends.kwallet.DBusKeyring",
)
_TRAITS = {
    **dict.fromkeys(KEYCHAIN, Traits(one_step=False)),  # it deletes, then adds
    **dict.fromkeys(CREDENTIAL_MANAGER, Traits(longest=PART, own_service=True)),
    **dict.fromkeys(SECRET_SERVICE, Traits()),
}
#: Backends that keep nothing, by where they come from.
_KEEPS_NOTHING = {
    "keyring.backends.null": "it forgets everything",
    "keyring.backends.fail": "it is the one that stands for no keyring at all",
}
#: What keyring itself asks of a backend that it takes unasked.
_RECOMMENDED = 1


def _names(backend: object) -> list[str]:
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in type(backend).__mro__]


def backend_name(backend: object) -> str:
    """Return what a backend is called: the name that PYTHON_KEYRING_BACKEND would have."""
    return _names(backend)[0]


def traits(backend: object) -> Traits:
    """Return what is known of a backend; of an unknown one the worst is assumed."""
    known = (_TRAITS[name] for name in _names(backend) if name in _TRAITS)
    return next(known, Traits(may_refuse=True, one_step=False))


def switched_off(name: str | None) -> bool:
    """Tell whether a person has told keyring by PYTHON_KEYRING_BACKEND to use none."""
    return name is not None and name.rpartition(".")[0] in _KEEPS_NOTHING


def refusal_by_name(backend: object) -> str | None:
    """Return why a backend must not be given secrets, as far as its name tells; None when it does not."""
    for name in _names(backend):
        if reason := _KEEPS_NOTHING.get(name.rpartition(".")[0]):
            return reason
        if "plaintext" in name.lower():
            return "it keeps secrets in plain text"
    return None


def refusal(backend: Any) -> str | None:
    """Return why a backend must not be given secrets; None when it may be. May take as long as the backend likes."""
    if reason := refusal_by_name(backend):
        return reason
    if "keyring.backends.chainer.ChainerBackend" in _names(backend):
        links = list(backend.backends)
        refused = [f"{backend_name(link)}: {why}" for link in links if (why := refusal(link))]
        if links and not refused:
            return None
        return f"it passes them on to {'; '.join(refused)}" if refused else "it has no keyring to pass them on to"
    priority = getattr(backend, "priority", _RECOMMENDED)
    if priority < _RECOMMENDED:
        return f"keyring does not recommend it (priority {priority:g})"
    return None


def first_viable(names: Sequence[str]) -> Backend:
    """Return the first of some backends that says it can be used. May take as long as the backends like.

    Raises:
        NoneViable: None of them can be used; it says what is the matter with the first.
        BackendFailed: The package keyring cannot be imported.
    """
    with strangers_backend():
        import_module("keyring")
    reasons = []
    for name in names:
        room, _, called = name.rpartition(".")
        try:
            with strangers_backend():
                kind = getattr(import_module(room), called)
                kind.priority  # noqa: B018  (raises where it cannot be used)
                backend: Backend = kind()
                return backend
        except BackendFailed as trouble:
            reasons.append(printable(trouble.failure).rstrip(".") or str(trouble))
    raise NoneViable(reasons[0])


def require_package(*names: str, store: str) -> None:
    """Look for one of some packages without importing it: that takes long, and may hang.

    Raises:
        StoreUnavailableError: None of them is installed.
    """
    if not any(find_spec(name) for name in names):
        raise StoreUnavailableError(
            f"the package {names[0]} is not installed", hint=f"Install {names[0]}.", store=store
        )
