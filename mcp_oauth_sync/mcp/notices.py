"""What a server says while it works: progress and log messages, and that something has changed.

MCP schema, ``ProgressNotificationParams``, ``LoggingMessageNotificationParams``, ``Notification``; revisions 2024-11-05
to 2026-07-28.
"""

from __future__ import annotations

from typing import Any

import attrs

from ..exceptions import printable
from ..models.document import Document
from .members import Record, brief, malformed, mapping, number, required_number, required_text, text


@attrs.frozen(kw_only=True, repr=False)
class Progress(Record):
    """How far a call has come. As a text it is made to be printed: ``3/10 Reading files``.

    Attributes:
        progress: How far, in the server's own measure.
        total: How far it goes; None when not said.
        message: What is being done; None when not said.
        raw: All that the server sent.

    MCP schema, ``ProgressNotificationParams``.
    """

    progress: float
    total: float | None = None
    message: str | None = None

    @classmethod
    def from_document(cls, document: Document) -> Progress:
        """Check the types of what a server sent: the parameters of the notification.

        Raises:
            MCPError: ``progress`` is missing or not a number.
        """
        return cls(
            progress=required_number(document, "progress", of="a progress notification"),
            total=number(document, "total"),
            message=text(document, "message"),
            raw=document,
        )

    def __str__(self) -> str:
        counted = f"{self.progress:.12g}" if self.total is None else f"{self.progress:.12g}/{self.total:.12g}"
        return f"{counted} {printable(self.message or '')}".rstrip()


@attrs.frozen(kw_only=True, repr=False)
class LogMessage(Record):
    """A line of a server's log. As a text it is made to be printed: ``error database: connection lost``.

    Attributes:
        level: How bad it is: ``debug``, ``info``, ``notice``, ``warning``, ``error``, ``critical``, ``alert``,
            ``emergency``, or what the server says instead.
        logger: What wrote it; None when not said.
        data: What it says: a text or any JSON.
        raw: All that the server sent.

    MCP schema, ``LoggingMessageNotificationParams``.
    """

    level: str
    logger: str | None = None
    data: Any = None

    @classmethod
    def from_document(cls, document: Document) -> LogMessage:
        """Check the types of what a server sent: the parameters of the notification.

        Raises:
            MCPError: ``level`` is missing or not a string, or ``data`` is missing.
        """
        level = required_text(document, "level", of="a log message")
        if "data" not in document:
            raise malformed("data", of="a log message", why="is missing")
        return cls(level=level, logger=text(document, "logger"), data=document["data"], raw=document)

    def __str__(self) -> str:
        said = self.data if isinstance(self.data, str) else brief(self.data)
        where = printable(f"{self.level} {self.logger or ''}", 60)
        return f"{where}: {printable(said)}"


@attrs.frozen(kw_only=True, repr=False)
class Notification(Record):
    """That something has changed on a server.

    Attributes:
        method: What: ``notifications/tools/list_changed``, ``notifications/prompts/list_changed``,
            ``notifications/resources/list_changed``, ``notifications/resources/updated``.
        params: What the server says of it.
        raw: All that the server sent.

    MCP schema, ``Notification``.
    """

    method: str
    params: Document = attrs.field(factory=dict, repr=False)

    @classmethod
    def from_document(cls, document: Document) -> Notification:
        """Check the types of what a server sent: the whole message.

        Raises:
            MCPError: ``method`` is missing or not a string.
        """
        method = required_text(document, "method", of="a notification")
        return cls(method=method, params=mapping(document, "params") or {}, raw=document)

    @property
    def uri(self) -> str | None:
        """The resource it is about, or one that it is a part of; None when it is about none."""
        return text(self.params, "uri")
