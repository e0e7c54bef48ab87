"""What a caller said about the store to use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from ..models.secret import Secret, secret_members


def _path(value: Path | str | None) -> Path | None:
    return None if value is None else Path(value)


def _secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)


@attrs.frozen(kw_only=True)
class StoreSettings:
    """Settings of a store; each store takes those it knows.

    Attributes:
        directory: Folder for encrypted files; None takes the default one.
        password: Password for encrypted files; None takes MCP_OAUTH_SYNC_PASSWORD, or a generated key file.
        service_name: What entries of an OS keyring are filed under; None takes "mcp-oauth-sync".
        config: Further settings by the names of the store's own arguments, such as ``vault_url``.
    """

    directory: Path | None = attrs.field(default=None, converter=_path)
    password: str | None = attrs.field(default=None, converter=_secret, repr=False)
    service_name: str | None = None
    config: Mapping[str, object] = attrs.field(factory=dict, converter=secret_members, repr=False)
