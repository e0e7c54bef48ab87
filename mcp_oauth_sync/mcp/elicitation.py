"""What a server asks of the person, in a form or on a page of its own, and their answer. MCP Elicitation.

Revisions 2025-06-18 (forms only), 2025-11-25 and 2026-07-28. Nothing here shows, fetches or opens anything.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

from ..exceptions import MCPError, printable
from ..urls import shown_url
from .choices import INVALID_PARAMS
from .form import FieldValue, FormField, build_content, parse_form
from .page_address import find_doubts, host_of, require_openable, shown_host, unlinked

#: What the person says: a mapping accepts with these fields, and with the form's defaults for those left out; True
#: accepts a form with its defaults, or says that the person agreed to open the page; False declines; None cancels.
ElicitationReply: TypeAlias = Mapping[str, Any] | bool | None

#: What a client that asks in both ways declares as its ``elicitation`` capability.
CAPABILITY: dict[str, dict[str, Any]] = {"form": {}, "url": {}}

_LONGEST_MESSAGE = 2000
#: Columns of the text, and fields of a form that it lists.
_COLUMNS, _LISTED = 76, 12


@attrs.frozen(kw_only=True)
class Elicitation:
    """What a server asks of the person.

    ``str()`` gives a text that is fit for a terminal. It tells who asks and why, and in URL mode the whole address,
    its host and the warnings; an application with a window of its own shows the same things.

    Attributes:
        mode: ``form``: fields to fill in, whose values the program sees; never for passwords or other secrets.
            ``url``: a page to open, where the person deals with the server alone.
        message: The server's reason, fit to be shown; as the server wrote it, it is in ``raw``.
        server_url: The server that asks. The person has to be told.
        schema: The flat schema of the form; empty in URL mode.
        url: The address of the page, safe to be opened once the person has agreed; None in form mode.
        elicitation_id: What servers of revision 2025-11-25 call this when they say that it is done, or None.
        raw: The server's words.

    Example::

        def ask(asked: Elicitation) -> ElicitationReply:
            print(asked)
            return input("Agree? [y/N] ") == "y"
    """

    mode: str
    message: str = attrs.field(repr=False)
    server_url: str = attrs.field(repr=shown_url)
    schema: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    url: str | None = attrs.field(default=None, repr=shown_url)
    elicitation_id: str | None = attrs.field(default=None, repr=False)
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    @classmethod
    def from_document(cls, params: object, *, server_url: str) -> Elicitation:
        """Read the parameters of ``elicitation/create``.

        Args:
            params: What the server sent.
            server_url: The server that sent it.

        Raises:
            MCPError: The mode is unknown, the form is no flat object of primitive fields, or the address of the page
                may not be opened. The code is that of invalid params, to answer the server with.
        """
        if not isinstance(params, Mapping):
            raise MCPError("The server asks the person for something without saying what.", code=INVALID_PARAMS)
        mode, message, number = params.get("mode"), params.get("message"), params.get("elicitationId")
        if not isinstance(message, str):
            raise MCPError("The server asks the person for something without a message.", code=INVALID_PARAMS)
        if number is not None and not isinstance(number, str):
            raise MCPError("The id of what the server asks for is not a string.", code=INVALID_PARAMS)
        schema: Mapping[str, Any] = {}
        url = None
        if mode is None or mode == "form":
            schema = params.get("requestedSchema", {})
            parse_form(schema)
        elif mode == "url":
            url = require_openable(params.get("url"), server_url=server_url)
        else:
            raise MCPError(
                f"The server asks the person in a way that is not known: {printable(mode, 40)!r}.", code=INVALID_PARAMS
            )
        return cls(
            mode="form" if url is None else "url",
            message=printable(message, _LONGEST_MESSAGE),
            server_url=server_url,
            schema=schema,
            url=url,
            elicitation_id=number,
            raw=params,
        )

    @property
    def fields(self) -> tuple[FormField, ...]:
        """The fields of the form in the server's order; none in URL mode."""
        return parse_form(self.schema) if self.mode == "form" else ()

    @property
    def defaults(self) -> dict[str, FieldValue]:
        """What the server suggests for each field; a suggestion that does not fit its own field is left out."""
        found = ((field.name, field.default) for field in self.fields)
        return {name: default for name, default in found if default is not None}

    @property
    def host(self) -> str | None:
        """The host of the page in ASCII, to be shown apart from the address; None in form mode."""
        return host_of(self.url) if self.url is not None else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What calls for care about the page's address, a sentence each; none in form mode."""
        return find_doubts(self.url, server_url=self.server_url) if self.url is not None else ()

    def __str__(self) -> str:
        asker = printable(shown_host(self.server_url))
        said = textwrap.wrap(unlinked(self.message), _COLUMNS - 4)
        reason = [f"  | {line}" for line in said]
        if self.url is None:
            listed = [f"  - {unlinked(field.title)}{'' if field.required else ' (optional)'}" for field in self.fields]
            more = [f"  and {len(listed) - _LISTED} more"] if len(listed) > _LISTED else []
            return "\n".join([f"{asker} asks you for:", *listed[:_LISTED], *more, *reason])
        # The warnings have no line ends, and the address has only characters that require_secure() lets pass.
        cautions = [f"Take care: {warning}" for warning in self.warnings]
        page = ["The whole address:", f"  {self.url}", "It is on the host:", f"  {self.host}"]
        return "\n".join([f"{asker} asks you to open a page:", *reason, *page, *cautions])


def build_answer(asked: Elicitation, reply: ElicitationReply) -> dict[str, Any]:
    """Return the result of ``elicitation/create``.

    Args:
        asked: What the server asked.
        reply: What the person said. In a mapping, None leaves a field out, one with a default too.

    Raises:
        ValueError: What was filled in does not fit the form, or there is no form. The message names the field and the
            rule, never the value.
        TypeError: The reply is neither a mapping, a boolean nor None.
    """
    if reply is None:
        return {"action": "cancel"}
    if reply is False:
        return {"action": "decline"}
    if reply is not True and not isinstance(reply, Mapping):
        raise TypeError(f"A reply is a mapping, True, False or None, not {type(reply).__name__}.")
    given = {} if reply is True else reply
    if asked.mode == "url":
        if given:
            raise ValueError("What the server asks is to open a page: there are no fields to fill in.")
        return {"action": "accept"}
    open_ended = asked.schema.get("additionalProperties") not in (None, False)
    return {"action": "accept", "content": build_content(asked.fields, given, open_ended=open_ended)}
