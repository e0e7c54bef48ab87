"""What servers offer: tools, resources, templates of resources, and values for arguments.

MCP schema, ``Tool``, ``Resource``, ``ResourceTemplate``, ``CompleteResult``; revisions 2024-11-05 to 2026-07-28. Names
are the schema's, in snake case; icons and the like are in ``raw``.
"""

from __future__ import annotations

import attrs

from ..models.document import Document
from .members import Record, integer, mapping, required_mapping, required_text, required_texts, text


@attrs.frozen(kw_only=True, repr=False)
class Tool(Record):
    """A tool that a server offers.

    Attributes:
        name: What it is called by.
        title: What people call it; None when not said.
        description: What it does, in the server's words; None when not said.
        input_schema: The JSON schema of its arguments, the very object received. References in it are not followed.
        output_schema: The JSON schema of its structured content; None when not said.
        annotations: Hints about what it does, which an untrusted server may give wrongly; None when there are none.
        raw: All that the server sent.

    MCP schema, ``Tool``.
    """

    name: str
    title: str | None = None
    description: str | None = None
    input_schema: Document = attrs.field(factory=lambda: {"type": "object"}, repr=False)
    output_schema: Document | None = attrs.field(default=None, repr=False)
    annotations: Document | None = attrs.field(default=None, repr=False)

    @classmethod
    def from_document(cls, document: Document) -> Tool:
        """Check the types of what a server sent. No ``inputSchema`` stands for one that takes any object.

        Raises:
            MCPError: ``name`` is missing, or ``name`` or ``inputSchema`` has a wrong type.
        """
        name = required_text(document, "name", of="a tool")
        schema: Document = {"type": "object"}
        if document.get("inputSchema") is not None:
            schema = required_mapping(document, "inputSchema", of="a tool")
        return cls(
            name=name,
            title=text(document, "title"),
            description=text(document, "description"),
            input_schema=schema,
            output_schema=mapping(document, "outputSchema"),
            annotations=mapping(document, "annotations"),
            raw=document,
        )


@attrs.frozen(kw_only=True, repr=False)
class Resource(Record):
    """A resource that can be read.

    Attributes:
        uri: What it is read by.
        name: What programs call it.
        title: What people call it; None when not said.
        description: What it is; None when not said.
        mime_type: Its kind; None when not said.
        size: Its size in bytes; None when not said.
        annotations: Hints for showing it; None when there are none.
        raw: All that the server sent.

    MCP schema, ``Resource``.
    """

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    annotations: Document | None = attrs.field(default=None, repr=False)

    @classmethod
    def from_document(cls, document: Document) -> Resource:
        """Check the types of what a server sent: an item of a list, or a content of type ``resource_link``.

        Raises:
            MCPError: ``uri`` or ``name`` is missing or of a wrong type.
        """
        return cls(
            uri=required_text(document, "uri", of="a resource"),
            name=required_text(document, "name", of="a resource"),
            title=text(document, "title"),
            description=text(document, "description"),
            mime_type=text(document, "mimeType"),
            size=integer(document, "size"),
            annotations=mapping(document, "annotations"),
            raw=document,
        )


@attrs.frozen(kw_only=True, repr=False)
class ResourceTemplate(Record):
    """A pattern for the URIs of resources.

    Attributes:
        uri_template: The pattern, a URI template of RFC 6570. This library does not fill it in.
        name: What programs call it.
        title: What people call it; None when not said.
        description: What it is for; None when not said.
        mime_type: The kind of all resources that match; None when not said.
        annotations: Hints for showing it; None when there are none.
        raw: All that the server sent.

    MCP schema, ``ResourceTemplate``.
    """

    uri_template: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    annotations: Document | None = attrs.field(default=None, repr=False)

    @classmethod
    def from_document(cls, document: Document) -> ResourceTemplate:
        """Check the types of what a server sent.

        Raises:
            MCPError: ``uriTemplate`` or ``name`` is missing or of a wrong type.
        """
        return cls(
            uri_template=required_text(document, "uriTemplate", of="a resource template"),
            name=required_text(document, "name", of="a resource template"),
            title=text(document, "title"),
            description=text(document, "description"),
            mime_type=text(document, "mimeType"),
            annotations=mapping(document, "annotations"),
            raw=document,
        )


@attrs.frozen(kw_only=True, repr=False)
class Completion(Record):
    """What a half-typed argument could become.

    Attributes:
        values: The values, best first.
        total: How many there are in all; None when not said.
        has_more: There are more than ``values``.
        raw: All that the server sent.

    MCP schema, ``CompleteResult``.
    """

    values: tuple[str, ...] = ()
    total: int | None = None
    has_more: bool = False

    @classmethod
    def from_document(cls, document: Document) -> Completion:
        """Check the types of what a server sent: the whole result, whose member ``completion`` this is.

        Raises:
            MCPError: ``completion`` or its ``values`` are missing or of a wrong type.
        """
        completion = required_mapping(document, "completion", of="a completion")
        return cls(
            values=required_texts(completion, "values", of="a completion"),
            total=integer(completion, "total"),
            has_more=completion.get("hasMore") is True,
            raw=document,
        )
