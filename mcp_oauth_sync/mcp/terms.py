"""What was agreed with an MCP server, and what each message says of it. MCP base protocol, "General fields"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .channel import Channel
from .jsonrpc import Message, params_of
from .server_info import ServerInfo
from .tool_headers import encode_header

#: Revisions that say all with every request, and those that begin with a handshake; newest first.
STATELESS = ("2026-07-28",)
HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
_META = "io.modelcontextprotocol/"
#: What ``Mcp-Name`` repeats.
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


@attrs.frozen(kw_only=True)
class About:
    """What we say of ourselves: ``clientInfo``, ``clientCapabilities``, and the least ``logLevel`` we want to hear."""

    info: Mapping[str, Any]
    capabilities: Mapping[str, Any]
    log_level: str | None


@attrs.frozen(kw_only=True, eq=False)
class Terms:
    """What was agreed with a server: the revision, how messages reach it, and what it said of itself.

    Attributes:
        proven: The server was asked in this session, not only in an earlier one.
        again: It refused this revision once, and named it in the same breath.
    """

    version: str
    channel: Channel
    server: ServerInfo
    about: About
    proven: bool = True
    again: bool = False

    @property
    def stateless(self) -> bool:
        """Whether every request says all."""
        return self.version in STATELESS

    def meta(self) -> dict[str, Any]:
        """Return what each request says in ``_meta``."""
        if not self.stateless:
            return {}
        said = {"protocolVersion": self.version, "clientInfo": self.about.info}
        said["clientCapabilities"] = self.about.capabilities
        if self.about.log_level is not None:
            said["logLevel"] = self.about.log_level
        return {f"{_META}{key}": value for key, value in said.items()}

    def headers(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Return the headers of one message. MCP Streamable HTTP, "Request Metadata"."""
        headers = {"MCP-Protocol-Version": self.version}
        if self.stateless:
            headers["Mcp-Method"] = method
            name = (params or {}).get(_NAMED.get(method, ""))
            if isinstance(name, str):
                headers["Mcp-Name"] = encode_header(name)
        return headers

    def dress(self, message: Message) -> tuple[Message, dict[str, str]]:
        """Return a message and its headers, with all that this revision wants of them."""
        method, params = str(message.get("method")), params_of(message)
        headers = self.channel.with_session(self.headers(method, params))
        if meta := self.meta():
            params = {**params, "_meta": {**meta, **_mapping(params.get("_meta"))}}
        return {**message, **({"params": params} if params else {})}, headers


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
