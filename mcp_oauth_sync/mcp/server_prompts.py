"""The prompts of a server: what it offers, and what it gives when one is filled in.

MCP schema, ``Prompt``, ``GetPromptResult``; revisions 2024-11-05 to 2026-07-28.
"""

from __future__ import annotations

import attrs

from ..models.document import Document
from .content import Content
from .members import Record, objects, required_mapping, required_objects, required_text, text


@attrs.frozen(kw_only=True, repr=False)
class PromptArgument(Record):
    """An argument of a prompt.

    Attributes:
        name: What it is called by.
        title: What people call it; None when not said.
        description: What it is for; None when not said.
        required: It has to be given.
        raw: All that the server sent.

    MCP schema, ``PromptArgument``.
    """

    name: str
    title: str | None = None
    description: str | None = None
    required: bool = False

    @classmethod
    def from_document(cls, document: Document) -> PromptArgument:
        """Check the types of what a server sent.

        Raises:
            MCPError: ``name`` is missing or of a wrong type.
        """
        return cls(
            name=required_text(document, "name", of="an argument of a prompt"),
            title=text(document, "title"),
            description=text(document, "description"),
            required=document.get("required") is True,
            raw=document,
        )


@attrs.frozen(kw_only=True, repr=False)
class PromptDefinition(Record):
    """A prompt that a server offers.

    Attributes:
        name: What it is called by.
        title: What people call it; None when not said.
        description: What it is for; None when not said.
        arguments: What can be filled in, in the server's order.
        raw: All that the server sent.

    MCP schema, ``Prompt``.
    """

    name: str
    title: str | None = None
    description: str | None = None
    arguments: tuple[PromptArgument, ...] = ()

    @classmethod
    def from_document(cls, document: Document) -> PromptDefinition:
        """Check the types of what a server sent.

        Raises:
            MCPError: ``name`` is missing or of a wrong type, in the prompt or in one of its arguments.
        """
        return cls(
            name=required_text(document, "name", of="a prompt"),
            title=text(document, "title"),
            description=text(document, "description"),
            arguments=tuple(PromptArgument.from_document(item) for item in objects(document, "arguments") or ()),
            raw=document,
        )


@attrs.frozen(kw_only=True, repr=False)
class PromptMessage(Record):
    """One message of a prompt.

    Attributes:
        role: Who says it: ``user`` or ``assistant``.
        content: What is said.
        raw: All that the server sent.

    MCP schema, ``PromptMessage``.
    """

    role: str
    content: Content

    @classmethod
    def from_document(cls, document: Document) -> PromptMessage:
        """Check the types of what a server sent. All revisions know one content for a message, never a list.

        Raises:
            MCPError: ``role`` or ``content`` is missing or of a wrong type.
        """
        what = "a message of a prompt"
        return cls(
            role=required_text(document, "role", of=what),
            content=Content.from_document(required_mapping(document, "content", of=what)),
            raw=document,
        )


@attrs.frozen(kw_only=True, repr=False)
class PromptResult(Record):
    """A prompt, filled in.

    Attributes:
        messages: Its messages, in order.
        description: What it is for; None when not said.
        raw: All that the server sent.

    MCP schema, ``GetPromptResult``.
    """

    messages: tuple[PromptMessage, ...] = ()
    description: str | None = None

    @classmethod
    def from_document(cls, document: Document) -> PromptResult:
        """Check the types of what a server sent.

        Raises:
            MCPError: ``messages`` is missing or of a wrong type, or one of them is.
        """
        messages = required_objects(document, "messages", of="a prompt")
        return cls(
            messages=tuple(PromptMessage.from_document(message) for message in messages),
            description=text(document, "description"),
            raw=document,
        )
