"""What has to be right before a Vault is asked anything: hvac, settings, address, paths, the form of a token."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

from ...exceptions import InsecureURLError, StoreUnavailableError
from ...models.secret import Secret
from ...urls import require_secure

ADDRESS_VARIABLE = "VAULT_ADDR"
TOKEN_VARIABLE = "VAULT_TOKEN"
NAMESPACE_VARIABLE = "VAULT_NAMESPACE"
_SETTING = "vault_"
#: Settings that are more than a text, and those that messages may show.
_KINDS: dict[str, Callable[[str], object]] = {
    "kv_version": int,
    "timeout": float,
    **dict.fromkeys(("url", "namespace", "mount_point", "path_prefix"), str),
}
_VISIBLE = re.compile(r"[!-~]+")


def require_hvac() -> None:
    """Check that hvac is installed.

    Raises:
        StoreUnavailableError: It is not.
    """
    if find_spec("hvac") is None:
        raise StoreUnavailableError(
            "The package hvac is not installed.", hint="Install it with: pip install 'mcp-oauth-sync[vault]'"
        )


def checked_address(url: str | None) -> str:
    """Return an address to which a token may be sent.

    Raises:
        StoreUnavailableError: There is none, or it is neither https nor on this machine.
    """
    if not url:
        raise StoreUnavailableError("There is no address of a Vault.", hint=f"Set {ADDRESS_VARIABLE}, or give a url.")
    try:
        parts = require_secure(url, "Vault address")
    except InsecureURLError as failure:
        raise StoreUnavailableError(failure.message, hint=failure.hint) from failure
    if parts.query:
        raise StoreUnavailableError("The Vault address carries a query.", hint="Give scheme, host and port only.")
    return parts.geturl().rstrip("/")


def checked_namespace(namespace: str | None) -> str:
    """Return a namespace as it is sent; empty when there is none.

    Raises:
        StoreUnavailableError: It has characters that no namespace has.
    """
    namespace = (namespace or "").strip("/")
    if namespace and not _VISIBLE.fullmatch(namespace):
        raise StoreUnavailableError(f"The Vault namespace {namespace!r} has characters that none has.")
    return namespace


def checked_token(token: str | None) -> Secret | None:
    """Return a token that can be sent; None when there is none.

    Raises:
        StoreUnavailableError: It has characters that no token has.
    """
    token = Secret((token or "").strip())
    if token and not _VISIBLE.fullmatch(token):
        raise StoreUnavailableError("The Vault token has characters that no token has.", hint="Copy it once more.")
    return token or None


def checked_path(path: str, what: str) -> str:
    """Return a path as it stands in a URL.

    Raises:
        ValueError: It is none.
    """
    parts = path.strip("/").split("/")
    if any(not part or ".." in part or part == "." for part in parts) or not path.isprintable():
        raise ValueError(f"{what} is a path of names, without empty ones and '..': {path!r}")
    return "/".join(quote(part) for part in parts)


def arguments(config: Mapping[str, object], known: Iterable[str]) -> dict[str, Any]:
    """Return settings such as ``vault_url`` as arguments such as ``url``.

    Args:
        config: What the caller said.
        known: The names of the arguments.

    Raises:
        ValueError: There is no such setting, or it is not a number that has to be one.
    """
    settings = {_SETTING + name: name for name in known}
    given: dict[str, Any] = {}
    for setting, value in config.items():
        if setting not in settings:
            raise ValueError(f"a Vault has no setting {setting!r}; it has {', '.join(settings)}")
        kind = _KINDS.get(settings[setting])
        given[settings[setting]] = kind(value) if kind is not None and isinstance(value, str) else value
    return given
