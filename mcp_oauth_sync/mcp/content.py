"""What servers give: contents of resources, of prompts and of tools, and the result of a tool.

MCP schema, ``ContentBlock``, ``ResourceContents``, ``CallToolResult``; revisions 2024-11-05 to 2026-07-28.
"""

from __future__ import annotations

from typing import Any

import attrs

from ..exceptions import MCPError, ToolError, printable
from ..models.document import Document
from .members import Record, binary, mapping, required_mapping, required_objects, required_text, text

#: Texts that a content of each type has to have.
_NEEDS = {
    "text": ("text",),
    "image": ("data", "mimeType"),
    "audio": ("data", "mimeType"),
    "resource_link": ("uri", "name"),
}


@attrs.frozen(kw_only=True, repr=False)
class ResourceContents(Record):
    """The contents of a resource: text, or bytes.

    Attributes:
        uri: What was read.
        mime_type: Its kind; None when not said.
        text: The text; None for bytes.
        blob: The bytes in base64, as they came; None for text.
        raw: All that the server sent.

    MCP schema, ``TextResourceContents`` and ``BlobResourceContents``.
    """

    uri: str
    mime_type: str | None = None
    text: str | None = None
    blob: str | None = None

    @classmethod
    def from_document(cls, document: Document) -> ResourceContents:
        """Check the types of what a server sent.

        Raises:
            MCPError: ``uri`` or both of ``text`` and ``blob`` are missing or of a wrong type.
        """
        what = "contents of a resource"
        uri = required_text(document, "uri", of=what)
        said, blob = text(document, "text"), text(document, "blob")
        if said is None and blob is None:
            raise MCPError(f"The server sent {what} with neither 'text' nor 'blob'.")
        return cls(uri=uri, mime_type=text(document, "mimeType"), text=said, blob=blob, raw=document)

    @property
    def data(self) -> bytes:
        """The bytes, decoded anew each time; a text in UTF-8.

        Raises:
            MCPError: ``blob`` is no base64.
        """
        if self.text is not None:
            return self.text.encode("utf-8", "replace")
        return binary({"blob": self.blob}, "blob", of="contents of a resource") or b""


@attrs.frozen(kw_only=True, repr=False)
class Content(Record):
    """One piece of a tool result or of a prompt.

    Attributes:
        type: ``text``, ``image``, ``audio``, ``resource_link``, ``resource``, or what a later revision adds.
        text: The text of a text; None otherwise.
        mime_type: The kind of an image, an audio or a linked resource; None when not said.
        uri: Where a linked resource is; None otherwise.
        name: The name of a linked resource; None otherwise. ``Resource.from_document(content.raw)`` has the rest.
        resource: The contents of a resource that is part of this; None otherwise.
        annotations: Hints for showing it; None when there are none.
        raw: All that the server sent.

    MCP schema, ``ContentBlock``.
    """

    type: str
    text: str | None = None
    mime_type: str | None = None
    uri: str | None = None
    name: str | None = None
    resource: ResourceContents | None = None
    annotations: Document | None = attrs.field(default=None, repr=False)

    @classmethod
    def from_document(cls, document: Document) -> Content:
        """Check the types of what a server sent. A type this library does not know is taken as it is.

        Raises:
            MCPError: A member that its type requires is missing or of a wrong type.
        """
        kind = required_text(document, "type", of="a content")
        for member in _NEEDS.get(kind, ()):
            required_text(document, member, of=f"a content of type {kind!r}")
        resource = None
        if kind == "resource":
            resource = ResourceContents.from_document(
                required_mapping(document, "resource", of="a content of type 'resource'")
            )
        return cls(
            type=kind,
            text=text(document, "text"),
            mime_type=text(document, "mimeType"),
            uri=text(document, "uri"),
            name=text(document, "name"),
            resource=resource,
            annotations=mapping(document, "annotations"),
            raw=document,
        )

    @property
    def data(self) -> bytes | None:
        """The bytes of an image or an audio, decoded anew each time; None for what has none.

        Raises:
            MCPError: They are no base64.
        """
        return binary(self.raw, "data", of="a content")


@attrs.frozen(kw_only=True, repr=False)
class ToolResult(Record):
    """What a tool gave.

    Attributes:
        content: What it gave to read, see, or hear, in order.
        structured_content: What it gave as JSON; None when nothing, or when ``null``.
        is_error: The tool says that it failed; ``text`` then says why.
        raw: All that the server sent.

    MCP schema, ``CallToolResult``.
    """

    content: tuple[Content, ...] = ()
    structured_content: Any = None
    is_error: bool = False

    @classmethod
    def from_document(cls, document: Document) -> ToolResult:
        """Check the types of what a server sent. ``content`` may be missing where there is structured content.

        Raises:
            MCPError: ``content`` is missing or of a wrong type, or one of its items is not as its type requires.
        """
        pieces: tuple[Document, ...] = ()
        if document.get("content") is not None or document.get("structuredContent") is None:
            pieces = required_objects(document, "content", of="a tool result")
        return cls(
            content=tuple(Content.from_document(piece) for piece in pieces),
            structured_content=document.get("structuredContent"),
            is_error=document.get("isError") is True,
            raw=document,
        )

    @property
    def text(self) -> str:
        """The texts in it, embedded ones too, joined by line breaks. It comes from the server as it is."""
        said = [piece.resource.text if piece.resource else piece.text for piece in self.content]
        return "\n".join(words for words in said if words is not None)

    def raise_for_error(self) -> ToolResult:
        """Return this result, unless the tool says that it failed.

        Raises:
            ToolError: It does; the message says why, and ``result`` is this result.
        """
        if not self.is_error:
            return self
        why = printable(self.text).rstrip(".")
        raise ToolError(f"The tool failed: {why}." if why else "The tool failed and did not say why.", result=self)
