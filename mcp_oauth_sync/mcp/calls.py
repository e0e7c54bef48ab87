"""The calls of one session: agreed with the server, answered where it asks back, given up in time.

MCP progress, cancellation, and multi round-trip requests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import attrs

from ..exceptions import MCPError, MCPTimeoutError, OAuthError, printable
from ..urls import without_query
from .conversation import ask
from .deadline import Deadline
from .elicitation import Elicitation, ElicitationReply, build_answer
from .eras import Agreement
from .jsonrpc import (
    METHOD_NOT_FOUND,
    URL_ELICITATION_REQUIRED,
    Message,
    build_notification,
    build_refusal,
    build_reply,
    build_request,
    is_request,
    params_of,
)
from .notices import LogMessage, Progress
from .terms import Terms
from .wire import BrokenOff

logger = logging.getLogger(__name__)

#: How often one call may be asked for more input, and how often it is tried.
MAX_ROUNDS, MAX_ATTEMPTS = 20, 4
#: What a server may answer with a wish for input, and what may not be done twice by mistake.
_MAY_ASK, _ACTS = ("tools/call", "prompts/get", "resources/read"), ("tools/call",)
_INVALID_PARAMS = -32602
_Told = TypeVar("_Told", Progress, LogMessage)
#: Seconds for telling a server that an answer is not waited for any more.
_GOODBYE = 2.0
#: Seconds for an answer of ours to be taken.
_REPLY = 30.0


@attrs.frozen(kw_only=True)
class Call:
    """What one call is: its method and parameters, what its headers name, and how it is waited for.

    Attributes:
        timeout: Seconds to wait for the answer; progress starts them anew, up to ten times as long in all.
        headers: Further headers for revisions that know them.
        on_progress: Hears of progress; None asks for none.
    """

    method: str
    params: Mapping[str, Any]
    timeout: float
    headers: Mapping[str, str] = attrs.field(factory=dict)
    on_progress: Callable[[Progress], object] | None = None


@attrs.frozen(kw_only=True)
class Calls:
    """Makes the calls of one session.

    Attributes:
        url: The MCP server.
        agreement: Knows what it speaks.
        elicit: Asks the person what the server wants to know; None when nobody can be asked.
        on_log: Hears what the server logs; None ignores it.
        changed: Hears of every other notification.
    """

    url: str
    agreement: Agreement
    elicit: Callable[[Elicitation], ElicitationReply] | None
    on_log: Callable[[LogMessage], object] | None
    changed: Callable[[Message], None]

    def make(self, call: Call) -> tuple[dict[str, Any], bool]:
        """Make a call, asking the person for what the server needs to go on.

        Returns:
            The result, and whether it depends on the call alone, not on what was asked meanwhile.

        Raises:
            MCPError: The server answered with an error, or with nothing of use.
            OAuthError: No good token could be got; the subclass says why.
        """
        inputs: dict[str, Any] = {}
        for _ in range(MAX_ROUNDS):
            result = self._try(attrs.evolve(call, params={**call.params, **inputs}))
            kind = result.get("resultType", "complete")
            if kind == "complete":
                return result, not inputs
            if kind != "input_required" or call.method not in _MAY_ASK:
                raise self._failure(call, f"was answered by a kind of result we do not know: {printable(kind, 40)}")
            inputs = self._inputs(call, result)
        raise self._failure(call, "asks for more input again and again")

    def _try(self, call: Call) -> dict[str, Any]:
        for attempt in range(1, MAX_ATTEMPTS):
            terms = self.agreement.terms()
            try:
                return self._once(terms, call)
            except BrokenOff:
                if call.method in _ACTS or attempt > 1:
                    raise
            except MCPError as refusal:
                if not (self._visited(refusal) or self.agreement.improve(terms, refusal)):
                    raise
        return self._once(self.agreement.terms(), call)

    def _once(self, terms: Terms, call: Call) -> dict[str, Any]:
        number, deadline = self.agreement.number(), Deadline(self.url, call.timeout)
        meta = {**terms.meta(), **({"progressToken": number} if call.on_progress else {})}
        request = build_request(number, call.method, {**call.params, **({"_meta": meta} if meta else {})})
        headers = {**terms.headers(call.method, call.params), **(call.headers if terms.stateless else {})}

        def heed(said: Message) -> None:
            self._heed(terms, call, number, said, deadline)

        try:
            return ask(terms.channel, request, headers=headers, deadline=deadline, heed=heed)
        except BaseException as failure:
            given_up = isinstance(failure, MCPTimeoutError) or not isinstance(failure, OAuthError)
            if given_up and not terms.stateless:
                self._cancel(terms, number)
            raise

    def _cancel(self, terms: Terms, number: int) -> None:
        """Tell the server that nobody waits any more: where there are sessions, a closed stream says nothing."""
        told = build_notification("notifications/cancelled", {"requestId": number})
        with suppress(OAuthError):
            terms.channel.tell(told, headers=terms.headers(told["method"]), deadline=Deadline(self.url, _GOODBYE))

    def _heed(self, terms: Terms, call: Call, number: int, said: Message, deadline: Deadline) -> None:
        """Act on what the server says before its answer."""
        method, params = said.get("method"), params_of(said)
        with deadline.paused():
            if method == "notifications/progress" and call.on_progress and params.get("progressToken") == number:
                self._pass_on(Progress, params, call.on_progress)
                deadline.renew()
            else:
                self.overhear(terms, said)

    def overhear(self, terms: Terms, said: Message) -> None:
        """Act on what the server says that may be about any call."""
        if is_request(said):
            reply, headers = self._reply(said), terms.headers(said["method"])
            terms.channel.tell(reply, headers=headers, deadline=Deadline(self.url, _REPLY))
        elif said.get("method") == "notifications/message" and self.on_log:
            self._pass_on(LogMessage, params_of(said), self.on_log)
        else:
            self.changed(said)

    def _pass_on(self, kind: type[_Told], params: Mapping[str, Any], hear: Callable[[_Told], object]) -> None:
        try:
            told = kind.from_document(params)
        except MCPError as wrong:
            logger.warning("%s: passed over: %s", without_query(self.url), wrong.message)
        else:
            hear(told)

    def _reply(self, asked: Message) -> Message:
        """Return our answer to a request of the server."""
        if asked["method"] == "ping":
            return build_reply(asked, {})
        if asked["method"] != "elicitation/create" or self.elicit is None:
            return build_refusal(asked, METHOD_NOT_FOUND, "Not offered by this client")
        try:
            elicitation = Elicitation.from_document(params_of(asked), server_url=self.url)
        except MCPError as failure:
            return build_refusal(asked, _INVALID_PARAMS, failure.message)
        return build_reply(asked, build_answer(elicitation, self.elicit(elicitation)))

    def _inputs(self, call: Call, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return what an interrupted call is repeated with. MCP "Multi Round-Trip Requests"."""
        inputs: dict[str, Any] = {}
        if isinstance(asked := result.get("inputRequests"), dict):
            inputs["inputResponses"] = {key: self._input(call, asked[key]) for key in asked}
        if "requestState" in result:
            inputs["requestState"] = result["requestState"]
        if not inputs:
            raise self._failure(call, "wants more input, and does not say which")
        return inputs

    def _input(self, call: Call, asked: object) -> dict[str, Any]:
        method = asked.get("method") if isinstance(asked, dict) else None
        if method != "elicitation/create" or not isinstance(asked, dict):
            raise self._failure(call, f"wants what we did not offer: {printable(method, 60)}")
        if self.elicit is None:
            failure = self._failure(call, "wants to ask a person, and there is nobody to ask")
            failure.hint = "Give the session a function that asks: MCPSession(url, elicit=...)."
            raise failure
        elicitation = Elicitation.from_document(params_of(asked), server_url=self.url)
        return build_answer(elicitation, self.elicit(elicitation))

    def _visited(self, refusal: MCPError) -> bool:
        """Have the person visit the pages that a server wants to be visited first, and tell whether they agreed."""
        asked = refusal.data.get("elicitations") if isinstance(refusal.data, dict) else None
        if refusal.code != URL_ELICITATION_REQUIRED or self.elicit is None or not isinstance(asked, list) or not asked:
            return False
        pages = [Elicitation.from_document(page, server_url=self.url) for page in asked if isinstance(page, dict)]
        return all(build_answer(page, self.elicit(page))["action"] == "accept" for page in pages)

    def _failure(self, call: Call, what: str) -> MCPError:
        return MCPError(f"{call.method} at {without_query(self.url)} {what}.")
