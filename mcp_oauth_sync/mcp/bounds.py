"""How much of what a server says reaches a person: questions put to them, and lines in the log.

MCP 2025-11-25 Elicitation, "Security Considerations": clients limit how often they ask.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..exceptions import MCPError
from ..urls import without_query
from .elicitation import Elicitation, ElicitationReply, build_answer

logger = logging.getLogger(__name__)

#: Most questions that a server may put between two calls that the program makes.
MAX_QUESTIONS = 100
#: Most lines about what makes no sense that a session logs as warnings; the rest is there for who looks closer.
MAX_WARNINGS = 100
_INVALID_REQUEST = -32600


class Questions:
    """Puts the questions of a server to the person, until there are too many of them.

    Args:
        url: The MCP server.
        elicit: Asks the person.
    """

    def __init__(self, url: str, elicit: Callable[[Elicitation], ElicitationReply]) -> None:
        """Ask nothing yet."""
        self._url, self._elicit, self._left = url, elicit, MAX_QUESTIONS

    def begin(self) -> None:
        """Have patience again: the program makes a call."""
        self._left = MAX_QUESTIONS

    def read(self, params: object) -> Elicitation:
        """Read a question and take account of it.

        Args:
            params: What the server sent.

        Raises:
            MCPError: It makes no sense, or there were too many before. The code is what to answer the server with.
        """
        self._left -= 1
        if self._left < 0:
            told = f"{without_query(self._url)} asks the person more than {MAX_QUESTIONS} questions."
            raise MCPError(told, hint="Look at what it asks for before you go on.", code=_INVALID_REQUEST)
        return Elicitation.from_document(params, server_url=self._url)

    def put(self, asked: Elicitation) -> dict[str, Any]:
        """Put a question and return the answer as it is sent.

        Raises:
            ValueError: What was filled in does not fit.
            TypeError: So it does.
        """
        return build_answer(asked, self._elicit(asked))


class Complaints:
    """Logs what a server says that makes no sense, as warnings until there are too many of them.

    Args:
        url: The MCP server.
    """

    def __init__(self, url: str) -> None:
        """Log nothing yet."""
        self._url, self._left = url, MAX_WARNINGS

    def __call__(self, what: str, why: object) -> None:
        """Log what is passed over and why; both fit to be shown."""
        self._left -= 1
        level = logging.WARNING if self._left >= 0 else logging.DEBUG
        logger.log(level, "%s: %s: %s", without_query(self._url), what, why)
        if self._left == 0:
            logger.warning("%s: what else makes no sense is not warned of", without_query(self._url))
