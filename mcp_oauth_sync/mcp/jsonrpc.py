"""JSON-RPC 2.0 messages as MCP uses them. MCP base protocol, "Messages"."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..exceptions import MCPError, printable

Message = dict[str, Any]

METHOD_NOT_FOUND = -32601
#: Errors of a server that knows the stateless revisions. MCP base protocol, "Error Codes".
HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION = -32020, -32021, -32022
#: The server wants the person to visit a page first. MCP 2025-11-25, "URL Elicitation Required Error".
URL_ELICITATION_REQUIRED = -32042


def build_request(number: int, method: str, params: Mapping[str, Any]) -> Message:
    """Return a request."""
    return {"jsonrpc": "2.0", "id": number, "method": method, **({"params": dict(params)} if params else {})}


def build_notification(method: str, params: Mapping[str, Any] | None = None) -> Message:
    """Return a notification."""
    return {"jsonrpc": "2.0", "method": method, **({"params": dict(params)} if params else {})}


def build_reply(asked: Message, result: Mapping[str, Any]) -> Message:
    """Return the answer to a request of the server."""
    return {"jsonrpc": "2.0", "id": asked["id"], "result": dict(result)}


def build_refusal(asked: Message, code: int, text: str) -> Message:
    """Return the error that answers a request of the server."""
    return {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": code, "message": text}}


def read_messages(text: str) -> Iterator[Message]:
    """Return the messages in a text, several where it is a batch. What is no JSON object is passed over."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from (message for message in (said if isinstance(said, list) else [said]) if isinstance(message, dict))


def answers(message: Message, number: object) -> bool:
    """Tell whether a message is the answer to our request; an error without an id is about the only one there is."""
    if "method" in message:
        return False
    answered = message.get("id")
    return is_id(answered, number) or (answered is None and "error" in message)


def is_id(value: object, number: object) -> bool:
    """Tell whether a value is an id of ours, be it one that was made a text or a fraction on its way."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    return value == number or str(value) == str(number)


def can_be_said(value: object) -> bool:
    """Tell whether a value that was read as JSON can be written as JSON: Python reads more than that."""
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return False
    return True


def is_request(message: Message) -> bool:
    """Tell whether a message is a request of the server, which wants an answer."""
    return isinstance(message.get("method"), str) and isinstance(message.get("id"), (str, int))


def method_of(message: Message) -> str:
    """Return the method of a message; empty where it has none."""
    method = message.get("method")
    return method if isinstance(method, str) else ""


def params_of(message: Message) -> dict[str, Any]:
    """Return the parameters of a message; none where there are none of use."""
    params = message.get("params")
    return params if isinstance(params, dict) else {}


def read_result(answer: Message, *, status: int | None = None) -> dict[str, Any]:
    """Return the result in an answer.

    Args:
        answer: The answer.
        status: The HTTP status it came with, where that says something; None when not.

    Raises:
        MCPError: The answer is an error.
    """
    error, result = answer.get("error"), answer.get("result")
    if isinstance(error, dict):
        code = error.get("code")
        said = printable(error.get("message") or "an error").rstrip(".")
        number = code if isinstance(code, int) and not isinstance(code, bool) else None
        raise MCPError(f"The server answered: {said}.", code=number, data=error.get("data"), status=status)
    if not isinstance(result, dict):
        raise MCPError("The server answered neither with a result nor with an error.", status=status)
    return result
