"""Answers of a Vault, and what each of them means. Vault HTTP API; OpenBao speaks the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import requests

from ...exceptions import StoreUnavailableError, TokenStorageError, printable
from ...urls import without_query

PASSES = "This may pass by itself: everything stored is kept. Try again later."
_DOES = {"GET": "read", "LIST": "list", "POST": "create or update", "DELETE": "delete"}
_MANY = 64
#: Bytes of an answer that are read: a list of some ten thousand names.
LONGEST = 4 << 20


class TooLong(requests.RequestException):
    """An answer is longer than any that a Vault gives."""


class Unanswered(TokenStorageError):
    """No usable answer came: nobody knows whether the Vault has acted."""


class PolicyError(StoreUnavailableError):
    """The token is good but may not do this."""


@attrs.frozen(kw_only=True)
class Answer:
    """What a Vault said.

    Attributes:
        status: The HTTP status.
        document: The JSON document; None when the body was something else, which no Vault sends.
        location: Where a redirect points to.
    """

    status: int
    document: Mapping[str, Any] | None = attrs.field(repr=False)
    location: str = ""

    @classmethod
    def from_reply(cls, reply: object) -> Answer:
        """Read what an adapter of hvac returned: a response, or a document of status 200."""
        if not isinstance(reply, requests.Response):
            return cls(status=200, document=reply if isinstance(reply, dict) else None)
        document: Any = {} if reply.ok else None  # an answer without anything in it may mean that it was done
        if reply.content:
            try:
                document = reply.json()
            except (ValueError, RecursionError):
                document = None
        location = without_query(reply.headers.get("Location") or "")
        return cls(
            status=reply.status_code, document=document if isinstance(document, dict) else None, location=location
        )

    @property
    def errors(self) -> tuple[str, ...]:
        """What the Vault gives as the reasons."""
        return self._texts("errors")

    def _texts(self, name: str) -> tuple[str, ...]:
        found = (self.document or {}).get(name)
        return tuple(map(str, found[:_MANY])) if isinstance(found, list) else ()

    @property
    def good(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300 and self.document is not None

    @property
    def nothing_there(self) -> bool:
        """Whether there is no such entry, in an engine that is there."""
        absent = self.status == 404 and bool({"errors", "data"} & set(self.document or ()))
        return absent and not self.errors and not self._texts("warnings")  # those say that it is no place for entries

    @property
    def conflict(self) -> bool:
        """Whether somebody else had written meanwhile."""
        return self.status == 400 and any("check-and-set parameter did not match" in error for error in self.errors)

    @property
    def forbidden(self) -> bool:
        """Whether the Vault itself says no, and not something in between."""
        return self.status == 403 and self.document is not None

    @property
    def token_is_dead(self) -> bool:
        """Whether a token that asked about itself is no token of this Vault any more.

        Both Vaults count their errors where a policy is what forbids.
        """
        counted = any("error occurred" in error and "invalid token" not in error for error in self.errors)
        return self.forbidden and not counted

    def member(self, name: str) -> Mapping[str, Any]:
        """Return a member of the document that is a document itself; empty when it is not there."""
        found = (self.document or {}).get(name)
        return found if isinstance(found, dict) else {}

    @property
    def said(self) -> str:
        """The reasons in one line, for a message."""
        return printable("; ".join(self.errors or self._texts("warnings"))).rstrip(".")

    def judge(self, vault: str, method: str, path: str) -> Answer:
        """Return the answer if its asker can go on with it: done, nothing there, or somebody else was first.

        Args:
            vault: What messages call the Vault.
            method: What was asked: "GET", "LIST", "POST" or "DELETE".
            path: Of what, below ``/v1/``.

        Raises:
            StoreUnavailableError: It cannot be used like this; the message says what is wrong.
            TokenStorageError: Not now, or not this.
        """
        if self.good or self.conflict or (self.nothing_there and method != "POST"):
            return self
        raise self._explained(vault, _DOES.get(method, method), path)

    def _explained(self, vault: str, does: str, path: str) -> TokenStorageError:
        """Put a refusal into words."""
        if 300 <= self.status < 400:
            return StoreUnavailableError(
                f"{_capital(vault)} redirects to {self.location or 'nowhere'}; this was not followed, the token would "
                "go along.",
                hint="Give the address that it redirects to, if that is where your tokens belong.",
                store=vault,
            )
        if self.forbidden:
            return PolicyError(
                f"The policy of the token does not allow to {does} {path!r} in {vault}.",
                hint="Extend the policy, or use another token, mount point or path prefix.",
                store=vault,
            )
        if self.status == 404 and self.said:
            what = "namespace" if "namespace" in self.said else "engine"
            return StoreUnavailableError(
                f"{_capital(vault)} has no such {what}: {self.said}.",
                hint="Check the mount point and the namespace, and enable a KV engine there.",
                store=vault,
            )
        if self.status in (500, 502, 504):
            return Unanswered(self._words(vault), hint=PASSES, store=vault)
        if self.status in (412, 429) or self.status > 500:
            return TokenStorageError(self._words(vault), hint=PASSES, store=vault)
        if self.document is None:
            return strange(vault, f"HTTP {self.status} without a JSON document")
        hint = "The entry is too large for this Vault." if self.status == 413 else None
        return TokenStorageError(self._words(vault), hint=hint, store=vault)

    def _words(self, vault: str) -> str:
        return f"{_capital(vault)} refused with HTTP {self.status}{f' ({self.said})' if self.said else ''}."


def bounded(reply: requests.Response, *_: object, **__: object) -> None:
    """Read an answer while it is as long as one of a Vault may be; a hook of ``requests``, which would read it all.

    Raises:
        TooLong: It is longer.
    """
    pieces, size = [], 0
    for piece in reply.iter_content(1 << 16):
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST:
            reply.close()
            raise TooLong
    reply._content = b"".join(pieces)


def unanswered(vault: str, reason: str, hint: str = PASSES) -> Unanswered:
    """Return the error for an answer that did not come."""
    return Unanswered(f"{_capital(vault)} {reason}.", hint=hint, store=vault)


def strange(vault: str, what: str) -> StoreUnavailableError:
    """Return the error for an answer that no Vault gives."""
    return StoreUnavailableError(
        f"{_capital(vault)} does not answer like a Vault: {what}.",
        hint="Check the address; a proxy or a login page may be in between.",
        store=vault,
    )


def _capital(vault: str) -> str:
    return vault[:1].upper() + vault[1:]
