"""The calls of one session: agreed with the server, answered where it asks back, given up in time.

MCP progress, cancellation, and multi round-trip requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any, TypeVar

import attrs

from ..exceptions import MCPError, MCPTimeoutError, OAuthError, printable
from ..urls import without_query
from . import jsonrpc
from .bounds import Complaints, Questions
from .choices import INVALID_PARAMS
from .conversation import ask
from .deadline import Deadline
from .eras import Agreement
from .jsonrpc import Message, params_of
from .notices import LogMessage, Progress
from .refusal import wants_asking
from .terms import Terms
from .wire import BrokenOff

#: How often one call may be asked for more input, and how often it is tried.
MAX_ROUNDS, MAX_ATTEMPTS = 20, 4
#: What a server may answer with a wish for input, and what may not be done twice by mistake.
_MAY_ASK, _ACTS = ("tools/call", "prompts/get", "resources/read"), ("tools/call",)
_ASK_HINT = "Give the session a function that asks the person: MCPSession(url, elicit=...)."
_Told = TypeVar("_Told", Progress, LogMessage)
#: Seconds for an answer of ours to be taken, and for telling a server that we give up.
_REPLY, _GOODBYE = 30.0, 2.0


@attrs.frozen(kw_only=True)
class Call:
    """What one call is: its method and parameters, what its headers name, and how it is waited for.

    Attributes:
        headers: Further headers; older revisions do not look at them.
        on_progress: Hears of progress; None asks for none.
        timeout: Seconds to wait for the answer; None waits as long as the session does. Progress starts them anew, up
            to ten times as long in all.
    """

    method: str
    params: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    on_progress: Callable[[Progress], object] | None = None
    timeout: float | None = None


@attrs.frozen(kw_only=True)
class Calls:
    """Makes the calls of one session.

    Attributes:
        url: The MCP server.
        agreement: Knows what it speaks.
        timeout: Seconds to wait for an answer where a call does not say.
        elicit: Asks the person what the server wants to know; None when nobody can be asked.
        on_log: Hears what the server logs; None ignores it.
        changed: Hears of every other notification.
        complain: Logs what makes no sense.
    """

    url: str
    agreement: Agreement
    timeout: float
    elicit: Questions | None
    on_log: Callable[[LogMessage], object] | None
    changed: Callable[[Message], None]
    complain: Complaints = attrs.field(default=attrs.Factory(lambda calls: Complaints(calls.url), takes_self=True))

    def make(self, call: Call) -> tuple[dict[str, Any], bool]:
        """Make a call, asking the person for what the server needs to go on.

        Returns:
            The result, and whether it depends on the call alone, not on what was asked meanwhile.

        Raises:
            MCPError: The server answered with an error, or with nothing of use.
            OAuthError: No good token could be got; the subclass says why.
        """
        inputs: dict[str, Any] = {}
        if self.elicit:
            self.elicit.begin()
        for _ in range(MAX_ROUNDS):
            result = self._try(attrs.evolve(call, params={**call.params, **inputs}))
            kind = result.get("resultType", "complete")
            if kind == "complete" or not self.agreement.terms().stateless:  # before, it was a member like any other
                return result, not inputs
            if kind != "input_required" or call.method not in _MAY_ASK:
                raise self._failure(call, f"was answered by a kind of result it may not have: {printable(kind, 40)}")
            inputs = self._inputs(call, result)
        raise self._failure(call, "asks for more input again and again")

    def _try(self, call: Call) -> dict[str, Any]:
        visited: set[str | None] = set()
        for attempt in range(1, MAX_ATTEMPTS):
            terms = self.agreement.terms()
            try:
                return self._once(terms, call)
            except BrokenOff:
                if call.method in _ACTS or attempt > 1:
                    raise
            except MCPError as refusal:
                if self.elicit is None and wants_asking(refusal):
                    refusal.hint = _ASK_HINT
                if not (self._visits(refusal, visited) or self.agreement.improve(terms, refusal)):
                    raise
        return self._once(self.agreement.terms(), call)

    def _once(self, terms: Terms, call: Call) -> dict[str, Any]:
        number = self.agreement.number()
        deadline = Deadline(self.url, self.timeout if call.timeout is None else call.timeout)
        meta = {**terms.meta(), **({"progressToken": number} if call.on_progress else {})}
        request = jsonrpc.build_request(number, call.method, {**call.params, **({"_meta": meta} if meta else {})})
        headers = {**terms.headers(call.method, call.params), **call.headers}
        heeding, progress = False, "notifications/progress"
        listeners = dict[str, object]({"elicitation/create": self.elicit, "notifications/message": self.on_log})
        listeners[progress] = call.on_progress

        def heed(said: Message) -> None:
            nonlocal heeding
            heeding = True
            method, params = jsonrpc.method_of(said), params_of(said)
            # A listener's time does not count, and neither does a person's; that of a server does.
            with deadline.paused() if listeners.get(method) else nullcontext():
                ours = method == progress and jsonrpc.is_id(params.get("progressToken"), number)
                if call.on_progress and ours:
                    self._pass_on(Progress, params, call.on_progress)
                    deadline.renew()
                else:
                    self.overhear(terms, said)
            heeding = False

        try:
            return ask(terms.channel, request, headers=headers, deadline=deadline, heed=heed)
        except BaseException as failure:
            given_up = heeding or isinstance(failure, MCPTimeoutError) or not isinstance(failure, Exception)
            if given_up and not terms.stateless:  # where there are sessions, a closed stream says nothing
                cancelled = jsonrpc.build_notification("notifications/cancelled", {"requestId": number})
                with suppress(OAuthError):
                    self._tell(terms, cancelled, within=_GOODBYE, ask=False)
            raise

    def _tell(self, terms: Terms, message: Message, *, within: float, ask: bool) -> None:
        headers = terms.headers(str(message.get("method")))
        terms.channel.tell(message, headers=headers, deadline=Deadline(self.url, within), ask=ask)

    def overhear(self, terms: Terms, said: Message) -> None:
        """Act on what the server says that may be about any call."""
        if jsonrpc.is_request(said):
            if not terms.stateless:  # since then servers ask by their answers, and take none of ours
                self._tell(terms, self._reply(said), within=_REPLY, ask=said["method"] == "elicitation/create")
        elif said.get("method") == "notifications/message" and self.on_log:
            self._pass_on(LogMessage, params_of(said), self.on_log)
        else:
            self.changed(said)

    def _pass_on(self, kind: type[_Told], params: Mapping[str, Any], hear: Callable[[_Told], object]) -> None:
        try:
            told = kind.from_document(params)
        except MCPError as wrong:
            self.complain("passed over", wrong.message)
        else:
            hear(told)

    def _reply(self, asked: Message) -> Message:
        """Return our answer to a request of the server."""
        if asked["method"] == "ping":
            return jsonrpc.build_reply(asked, {})
        if asked["method"] != "elicitation/create" or self.elicit is None:
            return jsonrpc.build_refusal(asked, jsonrpc.METHOD_NOT_FOUND, "Not offered by this client")
        try:
            question = self.elicit.read(params_of(asked))
        except MCPError as failure:
            return jsonrpc.build_refusal(asked, failure.code or INVALID_PARAMS, failure.message)
        return jsonrpc.build_reply(asked, self.elicit.put(question))

    def _inputs(self, call: Call, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return what an interrupted call is repeated with. MCP "Multi Round-Trip Requests"."""
        asked, state = result.get("inputRequests"), result.get("requestState")
        if (not isinstance(asked, dict) and (asked is not None or state is None)) or not jsonrpc.can_be_said(state):
            raise self._failure(call, "wants more input, and does not say which")
        inputs: dict[str, Any] = {} if state is None else {"requestState": state}
        if asked is not None:
            questions = {key: self._question(call, asked[key]) for key in asked}  # all, before the first is put
            inputs["inputResponses"] = {key: put() for key, put in questions.items()}
        return inputs

    def _question(self, call: Call, asked: object) -> Callable[[], dict[str, Any]]:
        method = asked.get("method") if isinstance(asked, dict) else None
        if method != "elicitation/create" or not isinstance(asked, dict):
            raise self._failure(call, f"wants what we did not offer: {printable(method, 60)}")
        if self.elicit is None:
            raise self._failure(call, "wants to ask a person, and there is nobody to ask", hint=_ASK_HINT)
        return partial(self.elicit.put, self.elicit.read(params_of(asked)))

    def _visits(self, refusal: MCPError, visited: set[str | None]) -> bool:
        """Have the person visit the pages that a server wants to be visited first, and tell whether they agreed.

        Nobody is sent to the same page again by one call: that it did not help says more.
        """
        asked = refusal.data.get("elicitations") if isinstance(refusal.data, dict) else None
        if (
            refusal.code != jsonrpc.URL_ELICITATION_REQUIRED
            or self.elicit is None
            or not isinstance(asked, list)
            or not asked
        ):
            return False
        pages = [page for page in map(self.elicit.read, asked) if page.url not in visited]
        visited.update(page.url for page in pages)
        return bool(pages) and all(self.elicit.put(page)["action"] == "accept" for page in pages)

    def _failure(self, call: Call, what: str, *, hint: str | None = None) -> MCPError:
        return MCPError(f"{call.method} at {without_query(self.url)} {what}.", hint=hint)
