"""What a server says about itself.

MCP schema, ``InitializeResult`` (revisions 2024-11-05 to 2025-11-25), ``DiscoverResult`` (2026-07-28).
"""

from __future__ import annotations

import attrs

from ..models.document import Document
from .members import Record, mapping, required_text, required_texts, text

_SERVER_INFO = "io.modelcontextprotocol/serverInfo"


@attrs.frozen(kw_only=True, repr=False)
class ServerInfo(Record):
    """What a server says about itself. Nothing of it is verified.

    Attributes:
        name: What programs call it; None when not said.
        version: Its own version; None when not said.
        title: What people call it; None when not said.
        protocol_version: The revision of MCP that is spoken with it.
        capabilities: What it can do, by name; empty when it was not asked.
        instructions: How to use it, in its own words; None when not said.
        supported_versions: The revisions it speaks, in its order, as far as known.
        raw: All that the server sent.

    MCP schema, ``Implementation``, ``ServerCapabilities``.
    """

    name: str | None = None
    version: str | None = None
    title: str | None = None
    protocol_version: str
    capabilities: Document = attrs.field(factory=dict)
    instructions: str | None = None
    supported_versions: tuple[str, ...] = ()

    @classmethod
    def from_initialize(cls, document: Document) -> ServerInfo:
        """Check the types of an answer to ``initialize``. What the server is called, and can do, may be missing.

        Raises:
            MCPError: ``protocolVersion`` is missing or not a string.
        """
        version = required_text(document, "protocolVersion", of="an answer to initialize")
        about = mapping(document, "serverInfo") or {}
        return cls(
            name=text(about, "name"),
            version=text(about, "version"),
            title=text(about, "title"),
            protocol_version=version,
            capabilities=mapping(document, "capabilities") or {},
            instructions=text(document, "instructions"),
            supported_versions=(version,),
            raw=document,
        )

    @classmethod
    def from_discover(cls, document: Document, *, protocol_version: str) -> ServerInfo:
        """Check the types of an answer to ``server/discover``. What the server is called, and can do, may be missing.

        Args:
            document: The answer.
            protocol_version: The revision that is spoken with the server.

        Raises:
            MCPError: ``supportedVersions`` is missing or not a list of strings.
        """
        about = mapping(mapping(document, "_meta") or {}, _SERVER_INFO) or mapping(document, "serverInfo") or {}
        return cls(
            name=text(about, "name"),
            version=text(about, "version"),
            title=text(about, "title"),
            protocol_version=protocol_version,
            capabilities=mapping(document, "capabilities") or {},
            instructions=text(document, "instructions"),
            supported_versions=required_texts(document, "supportedVersions", of="an answer to server/discover"),
            raw=document,
        )

    @classmethod
    def bare(cls, protocol_version: str) -> ServerInfo:
        """Return what is known of a server that was not asked: the revision that is spoken with it."""
        return cls(protocol_version=protocol_version)
