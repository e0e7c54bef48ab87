"""Hearing of what changes on a server, for as long as one likes.

MCP 2026-07-28, "Subscriptions"; before it, "Listening for Messages from the Server" and resource subscriptions.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

from ..exceptions import MCPError, OAuthError
from ..urls import without_query
from .calls import Call
from .channel import Heard, Messages, all_in
from .deadline import Deadline
from .jsonrpc import Message, answers, build_request, is_id, method_of, params_of, read_result
from .notices import Notification
from .operations import Operations
from .terms import Terms
from .wire import IDLE, BrokenOff, Wire

logger = logging.getLogger(__name__)

#: Seconds to wait until a server has noted what to watch.
_MOMENT = 10.0
#: Messages that wait for somebody who does not listen.
_WAITING = 1000
#: What each part of a filter lets through.
_LETS_THROUGH = {
    "toolsListChanged": "notifications/tools/list_changed",
    "promptsListChanged": "notifications/prompts/list_changed",
    "resourcesListChanged": "notifications/resources/list_changed",
    "resourceSubscriptions": "notifications/resources/updated",
}
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


class Listening(Operations):
    """What a session hears without having asked."""

    _wire: Wire
    _ears: list[weakref.ref[Heard]]

    def listen(
        self, *, tools: bool = False, prompts: bool = False, resources: bool = False, uris: Iterable[str] = ()
    ) -> Iterator[Notification]:
        """Return an iterator that waits for changes, until the server ends it or this session is closed.

        Results that are no longer good are forgotten on the way. To stop, close the iterator or leave its loop.

        Args:
            tools: Whether to hear that other tools are offered.
            prompts: Whether to hear that other prompts are offered.
            resources: Whether to hear that other resources are offered.
            uris: The resources whose contents are watched.

        Raises:
            MCPError: The connection ended without a word (``BrokenOff``: listen again), the server tells of none of
                this, or it answered with an error.
            OAuthError: No good token could be got; the subclass says why.
            ValueError: There is nothing to listen to.

        MCP 2026-07-28, "Subscriptions".

        Example::

            for change in mcp.listen(tools=True, uris=["file:///project/config.json"]):
                print(change.method, change.uri)
        """
        watched = [uris] if isinstance(uris, str) else list(uris)
        chosen = zip(_LETS_THROUGH, (tools, prompts, resources, watched), strict=True)
        wanted = {kind: value for kind, value in chosen if value}
        if not wanted:
            raise ValueError("Say what to listen to: tools=, prompts=, resources= or uris=.")
        terms = self._agreement.terms()
        try:
            return self._subscribe(terms, wanted)
        except MCPError as refusal:
            if not self._agreement.improve(terms, refusal):
                raise
        return self._subscribe(self._agreement.terms(), wanted)

    def _changed(self, said: Message) -> None:
        """Forget what a notification says has changed, and pass it on."""
        self._cache.hear(method_of(said), params_of(said))
        self._tell_ears(said)

    def _tell_ears(self, said: Message | None) -> None:
        for each in list(self._ears):
            ear = each()
            if ear is not None and (said is None or ear.qsize() < _WAITING):
                ear.put(said)

    def _subscribe(self, terms: Terms, wanted: Mapping[str, Any]) -> Iterator[Notification]:
        if not terms.stateless:
            return self._overheard(wanted)
        number, deadline = self._agreement.number(), _Patience(self.server_url, self._calls.timeout)
        request = build_request(number, "subscriptions/listen", {"notifications": wanted, "_meta": terms.meta()})
        headers = terms.headers("subscriptions/listen")
        messages = terms.channel.converse(request, headers=headers, deadline=deadline)
        for said in messages:
            if said.get("method") == _ACKNOWLEDGED:
                if not self._tells(wanted, params_of(said).get("notifications")):
                    messages.close()
                    raise MCPError(f"{without_query(self.server_url)} tells of nothing that was asked for.")
                deadline.settle()
                return self._told(messages, wanted, number)
            if answers(said, number):
                read_result(said)
        return iter(())

    def _tells(self, wanted: Mapping[str, Any], agreed: object) -> bool:
        """Say whether a server agreed to tell anything."""
        told = agreed if isinstance(agreed, dict) else {}
        missed = [_LETS_THROUGH[kind] for kind in wanted if not told.get(kind)]
        if missed:
            logger.warning("%s does not tell of: %s", without_query(self.server_url), ", ".join(missed))
        return len(missed) < len(wanted)

    def _told(self, messages: Messages, wanted: Mapping[str, Any], number: int) -> Iterator[Notification]:
        """Yield what a subscription brings."""
        for said in self._unless_closed(messages):
            params = params_of(said)
            meta = params.get("_meta")
            subscription = meta.get(_SUBSCRIPTION, number) if isinstance(meta, dict) else number
            if answers(said, number):
                read_result(said)
                return
            if said.get("method") == "notifications/cancelled" and is_id(params.get("requestId"), number):
                return
            if _lets_through(wanted, said) and is_id(subscription, number):
                self._changed(said)
                yield Notification.from_document(said)

    def _overheard(self, wanted: Mapping[str, Any]) -> Iterator[Notification]:
        """Listen to what a server of handshakes says of its own accord."""
        watched = wanted.get("resourceSubscriptions", ())
        ear: Heard | None = None
        if self._calls.elicit or self._calls.on_log:  # the session listens already, and a server tells each thing once
            ear = Heard()
            self._ears.append(weakref.ref(ear, self._ears.remove))
        for call in _about(watched, "resources/subscribe") or [Call(method="ping")]:  # a lost session is begun anew
            self._result(call)
        return self._heard(wanted, watched, ear)

    def _heard(self, wanted: Mapping[str, Any], watched: Iterable[str], ear: Heard | None) -> Iterator[Notification]:
        """Yield what a server says of its own accord."""
        try:
            for said in self._stream() if ear is None else all_in(ear):
                if _lets_through(wanted, said):
                    yield Notification.from_document(said)
        finally:
            for call in _about(watched, "resources/unsubscribe"):
                with suppress(OAuthError):
                    self._result(call)

    def _stream(self) -> Iterator[Message]:
        """Yield what comes on a stream of its own."""
        terms, began = self._agreement.terms(), threading.Event()
        headers = terms.headers("notifications/initialized")
        for said in self._unless_closed(terms.channel.listen(headers=headers, ready=began.set)):
            self._calls.overhear(terms, said)
            yield said
        if not self._wire.closed:
            where = without_query(self.server_url)
            if not began.is_set():
                raise MCPError(f"{where} says nothing of its own accord.")
            raise BrokenOff(f"{where} does not tell any more, and did not say so.", hint="Listen again.")

    def _unless_closed(self, messages: Messages) -> Iterator[Message]:
        """Yield messages; to close this session ends them."""
        with closing(messages):
            try:
                yield from messages
            except MCPError:
                if not self._wire.closed:
                    raise


class _Patience(Deadline):
    """Waits for the beginning as ever, and then for as long as it takes."""

    _settled = False

    def settle(self) -> None:
        """Let there be no hurry from here on."""
        self._settled, self.seconds = True, IDLE

    def remaining(self) -> float:
        """Return the seconds that may pass without a byte."""
        return IDLE if self._settled else super().remaining()


def _about(uris: Iterable[str], method: str) -> list[Call]:
    return [Call(method=method, params={"uri": uri}, timeout=_MOMENT) for uri in uris]


def _lets_through(wanted: Mapping[str, Any], said: Message) -> bool:
    return said.get("method") in [_LETS_THROUGH[kind] for kind in wanted]
