"""The examination: every step in order, as a sign-in would go, up to where a person or a client would be needed."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import urlsplit

import requests

from ..exceptions import DiscoveryError, NotPublicError, TokenStorageError
from ..models.options import SignInOptions
from ..models.record import ServerRecord
from ..protocol.reply import Reply, TransportFailure
from ..protocol.transport import DEADLINE, guard_of
from ..stores import TokenManager
from ..stores.time_limit import TimedOut, within
from ..urls import is_loopback, require_secure, same_origin, without_query
from . import address, answer, endpoint, machine, stored
from .finding import Finding, Level, Report, Step, skipped
from .messages import build_discover
from .oauth import Findings, examine_oauth
from .private import private_texts
from .recording import RecordingTransport, Seen
from .server import ExaminedServer

#: Seconds to wait for the resolver.
_RESOLVER = 5.0
_NETWORK = tuple(Step)[: tuple(Step).index(Step.STORED)]


class Examination:
    """Examines one MCP server, one sign-in, or this machine alone. Nobody is signed in, and nothing is stored.

    Args:
        url: The MCP server; None examines the one of the sign-in, or none.
        manager: Where sign-ins are kept.
        name: The sign-in; None looks for the one of the URL.
        options: What a sign-in would be told; None is told nothing.
        session: Supplies proxies, CA bundle, client certificate and adapters; None takes those of the environment.
        registers: Whether a registration is tried, which leaves a client at the authorization server.
        offline: Whether no server is asked.
        deadline: Seconds for each exchange.
        told: Called with the findings of a step as soon as they are there.

    Example::

        report = Examination("https://mcp.example.com/mcp", manager=TokenManager()).run()
        for finding in report.at(Level.PROBLEM):
            print(finding.what, finding.remedy)
    """

    def __init__(
        self,
        url: str | None,
        *,
        manager: TokenManager,
        name: str | None = None,
        options: SignInOptions | None = None,
        session: requests.Session | None = None,
        registers: bool = False,
        offline: bool = False,
        deadline: float = DEADLINE,
        told: Callable[[Findings], object] | None = None,
    ) -> None:
        """Ask nobody yet."""
        self._url, self._name, self._manager = url, name, manager
        self._options, self._session = options or SignInOptions(), session or requests.Session()
        self._registers, self._offline, self._deadline = registers, offline, deadline
        self._told = told or (lambda _: None)
        self._findings: list[Finding] = []
        self._seen: list[Seen] = []
        self._server: ExaminedServer | None = None

    def run(self) -> Report:
        """Do all of it and return what was found. Nothing is raised for what a server does."""
        failure, name, record = self._load()
        url = self._url or (record.server_url if record else None) or None
        if self._offline or url is None:
            self._tell(skipped(_NETWORK, "no server is asked" if url else "there is no URL to ask"))
        else:
            for findings in self._examine_server(url, record):
                self._tell(findings)
        self._tell(self._stored(failure, name, record))
        self._tell(self._machine(url))
        return Report(
            target=without_query(url) if url else self._name or "this machine",
            findings=tuple(self._findings),
            seen=tuple(self._seen),
            private=private_texts(url, self._options, record, name=name),
            needs_person=self._name is not None and failure is None and stored.needs_person(record),
        )

    def _tell(self, findings: Iterable[Finding]) -> None:
        found = tuple(findings)
        self._findings += found
        if found:
            self._told(found)

    def _load(self) -> tuple[TokenStorageError | None, str | None, ServerRecord | None]:
        """Return why nothing can be read, or None; the sign-in's name, and what is kept of it."""
        try:
            if self._name is not None:
                return None, self._name, self._manager.load_record(self._name)
            return (None, *self._manager.find(self._url)) if self._url else (None, None, None)
        except TokenStorageError as error:
            return error, self._name, None

    def _examine_server(self, url: str, record: ServerRecord | None) -> Iterator[Findings]:
        public_only = self._options.public_only
        findings = tuple(address.check_address(url, public_only=public_only))
        if findings[0].level is Level.PROBLEM:
            yield findings
            yield skipped(_NETWORK[1:], "not asked, because of the URL")
            return
        local = is_loopback(require_secure(url, "MCP server URL").hostname)
        http = RecordingTransport(
            session=self._session,
            headers_for=self._options.headers_for,
            allow_loopback=local,
            guard=guard_of(url, public_only=public_only),
            deadline=self._deadline,
            seen=self._seen,
        )
        server = self._server = ExaminedServer(url, options=self._options, session=None, http=http, record=record)
        try:
            server.ask_without_token()
        except NotPublicError as refused:
            yield (address.check_not_public(refused),)
            yield skipped(_NETWORK[1:], "not asked, because of the URL")
            return
        except DiscoveryError as error:
            yield findings
            failure = self._seen[-1].failure
            resolves = _resolves(url) if failure == "ConnectionError" else None
            yield (answer.check_silence(error, failure, resolves=resolves),)
            yield skipped(_NETWORK[2:], "not asked, because no answer came")
            return
        reply = self._seen[-1].reply
        assert reply is not None  # noqa: S101  (it answered)
        yield (*findings, *address.check_redirect(url, reply))
        answered = tuple(answer.check_answer(url, reply, server.challenge))
        yield answered
        target = address.redirect_target(url, reply)
        if target is not None and not same_origin(target, url):
            yield skipped(_NETWORK[2:], "not asked, because the server is elsewhere")
            return
        yield from examine_oauth(server, http, answered[0], registers=self._registers)
        yield tuple(self._endpoint(http, url, answered[0]))

    def _endpoint(self, http: RecordingTransport, url: str, answered: Finding) -> Iterator[Finding]:
        if answered.level is Level.PROBLEM or answered.code == "redirect":
            yield from skipped((Step.MCP,), "not asked, because of its answer above")
            return
        body, headers = build_discover()
        try:
            reply: Reply = http.post_json(url, body, what="MCP endpoint", headers=headers)
        except (TransportFailure, NotPublicError) as failure:
            yield from skipped((Step.MCP,), f"no answer came: {failure.message}")
            return
        yield from endpoint.check_endpoint(reply, was_open=answered.code == "open")

    def _stored(
        self, failure: TokenStorageError | None, name: str | None, record: ServerRecord | None
    ) -> Iterator[Finding]:
        if failure is not None:
            yield stored.check_unreadable(failure, named=self._name is not None)
        elif record is not None and name is not None:
            place, profile = self._manager.store.name, self._manager.profile
            yield from stored.check_stored(name, record, store=place, profile=profile)
            if found := self._server and self._server.authorization_server:
                yield from stored.check_issuer(name, record, found.issuer)
        elif self._name is not None:
            yield stored.check_absent(self._name)
        else:
            yield from skipped((Step.STORED,), "there is none for this URL" if self._url else "none was asked for")

    def _machine(self, url: str | None) -> Iterator[Finding]:
        yield from machine.check_store()
        yield from machine.check_clock(self._seen)
        yield from machine.check_versions()
        yield from machine.check_environment(url if not self._offline else None)


def _resolves(url: str) -> bool | None:
    """Tell whether the host of a URL has an address; None when nobody knows in time."""
    host = urlsplit(url).hostname or ""
    try:
        return bool(within(_RESOLVER, lambda: socket.getaddrinfo(host, None)))
    except TimedOut:
        return None
    except OSError:
        return False
