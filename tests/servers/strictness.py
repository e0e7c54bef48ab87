"""What every request to an OAuth endpoint must look like, and the refusal of those that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from .messages import Exchange, Reply, json_reply

TRACKER = "as_tracker"
"""The cookie set on every answer to an OAuth client; a client that keeps cookies brings it back."""

NEVER_IN_A_QUERY = ("access_token", "refresh_token", "client_secret", "code", "code_verifier", "token")


class Strict(Protocol):
    """A server that writes down what a correct client would not have done."""

    violations: list[str]


class Refusal(Exception):
    """An OAuth error answer; no `violation` where a correct client can meet it too."""

    def __init__(
        self,
        error: str,
        description: str,
        *,
        status: int = 400,
        headers: Iterable[tuple[str, str]] = (),
        violation: bool = True,
    ) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status
        self.headers, self.violation = list(headers), violation

    def reply(self) -> Reply:
        """Return the refusal as the endpoint's answer. RFC 6749 section 5.2."""
        document = {"error": self.error, "error_description": self.description}
        return json_reply(document, self.status, [("Cache-Control", "no-store"), *self.headers])


def guarded(handler: Callable[[Exchange], Reply], server: Strict) -> Callable[[Exchange], Reply]:
    """Turn refusals into answers, and write down those that a correct client never meets."""

    def answer(exchange: Exchange) -> Reply:
        try:
            reply = handler(exchange)
        except Refusal as refusal:
            if refusal.violation:
                server.violations.append(f"{exchange.method} {exchange.path}: {refusal.description}")
            reply = refusal.reply()
        reply.headers.append(("Set-Cookie", f"{TRACKER}=kept; Path=/"))
        return reply

    return answer


def check_client_request(exchange: Exchange, *, authorization: str | None = None) -> None:
    """Check what holds for every request an OAuth client makes itself (not the browser).

    Args:
        exchange: The request.
        authorization: The one scheme that the Authorization header may have here; None = no such header.
    """
    if not exchange.headers.get("User-Agent", "").strip():
        raise Refusal("access_denied", "missing User-Agent", status=403)
    if "application/json" not in exchange.headers.get("Accept", "").lower():
        raise Refusal("invalid_request", "missing Accept: application/json", status=406)
    if exchange.headers.get("Cookie"):
        raise Refusal("invalid_request", "cookies sent")
    for name in NEVER_IN_A_QUERY:
        if name in exchange.query:
            raise Refusal("invalid_request", f"{name} in a query")
    if exchange.body.startswith(b"\xef\xbb\xbf"):
        raise Refusal("invalid_request", "body with a byte order mark")
    check_authorization(exchange, authorization)


def check_authorization(exchange: Exchange, allowed: str | None) -> None:
    """Check that the Authorization header is there once at most, and of no other scheme than this."""
    values = exchange.headers.get_all("Authorization") or []
    if len(values) > 1:
        raise Refusal("invalid_request", "several Authorization headers")
    scheme = values[0].partition(" ")[0].lower() if values else None
    if scheme is not None and scheme != allowed:
        raise Refusal("invalid_request", f"an Authorization header ({scheme}) where none of its kind belongs")


def check_form(exchange: Exchange) -> None:
    """Check that the body is a form in which no parameter is repeated. RFC 6749 section 3.2."""
    if exchange.headers.get_content_type() != "application/x-www-form-urlencoded":
        raise Refusal("invalid_request", "the body is not application/x-www-form-urlencoded")
    check_single(exchange.form)
    if exchange.query:
        raise Refusal("invalid_request", "parameters in the query of a POST")


def check_single(parameters: dict[str, list[str]]) -> None:
    """Check that no parameter is repeated. RFC 6749 sections 3.1 and 3.2."""
    for name, values in parameters.items():
        if len(values) > 1:
            raise Refusal("invalid_request", f"parameter {name} repeated")
