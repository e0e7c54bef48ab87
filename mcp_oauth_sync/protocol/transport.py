"""The one way to call an OAuth endpoint. RFC 9700 section 4.12, OAuth 2.1 section 1.5.

Every request carries a User-Agent and ``Accept: application/json``, has a limit per read and one for the
whole exchange, follows no redirect, keeps no cookie, sends no credential that was not asked for (no
``.netrc``, no session auth, none of the caller's headers), and reads a bounded body. The caller's proxies,
CA bundle, client certificate, adapters and timeouts apply.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

import attrs
import requests
from requests.adapters import BaseAdapter
from requests.utils import get_environ_proxies

from ..models.secret import Secret
from ..urls import require_secure, same_origin, without_query
from ..version import __version__

if TYPE_CHECKING:
    from .reply import Reply

logger = logging.getLogger(__name__)

#: Seconds to connect, and between two reads, where the caller set no timeout.
DEFAULT_TIMEOUT = (10.0, 20.0)
#: Seconds for one whole exchange.
DEADLINE = 30.0
#: Same-origin redirects followed when fetching a document.
MAX_REDIRECTS = 3

Timeout = float | tuple[float | None, float | None] | None
Headers = Mapping[str, str]
Sign = Callable[[requests.PreparedRequest], None]


def _no_headers(_: str) -> Headers:
    return {}


@attrs.frozen(kw_only=True)
class Transport:
    """Calls endpoints the way a session would, without what a session would add.

    Attributes:
        session: Supplies adapters, proxies, CA bundle and client certificate.
        headers_for: Gives the further headers for a URL.
        allow_loopback: False refuses URLs on this machine: set when the MCP server is elsewhere.
        timeout: Per-operation timeout as requests takes it; None means :data:`DEFAULT_TIMEOUT`.
        deadline: Seconds for a whole exchange.
        user_agent: The ``User-Agent`` header; None means this library's own.
        connection: An adapter used for every URL; None asks the session.
        settings: ``verify``, ``cert`` and ``proxies`` used for every URL; None asks the session.
        guard: An adapter that stands in for all that are not of its kind; None lets every adapter do.
    """

    session: requests.Session = attrs.field(factory=requests.Session, repr=False)
    headers_for: Callable[[str], Headers] = attrs.field(default=_no_headers, repr=False)
    allow_loopback: bool = True
    timeout: Timeout = None
    deadline: float = DEADLINE
    user_agent: str | None = None
    connection: BaseAdapter | None = attrs.field(default=None, repr=False)
    settings: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    guard: BaseAdapter | None = attrs.field(default=None, repr=False)

    def like(self, response: requests.Response, sent_with: Mapping[str, Any]) -> Transport:
        """Return a transport that reaches servers the way a caller's own request did.

        Args:
            response: The answer to the caller's request.
            sent_with: The keyword arguments requests gave to its response hook.
        """
        request_url = response.request.url or ""
        proxies = dict(sent_with.get("proxies") or {})
        from_environment = get_environ_proxies(request_url)
        used = [proxies.get(key) == value for key, value in from_environment.items()]
        explicit = {key: value for key, value in proxies.items() if from_environment.get(key) != value}
        settings = {
            "verify": sent_with.get("verify", True),
            "cert": sent_with.get("cert"),
            "proxies": explicit,
            "trust_env": any(used) or not used,
        }
        agent = response.request.headers.get("User-Agent")
        return attrs.evolve(
            self,
            connection=getattr(response, "connection", None) or self.connection,
            settings=settings,
            timeout=sent_with.get("timeout") or self.timeout,
            user_agent=_own_agent(agent) or self.user_agent,
        )

    def get(self, url: str, *, what: str) -> Reply:
        """Fetch a public document, following redirects on the same origin only.

        Args:
            url: The document.
            what: What it is, for messages.

        Raises:
            InsecureURLError: The URL may not be contacted.
            TransportFailure: No usable answer came.
        """
        reply = self.send("GET", url, what=what)
        for _ in range(MAX_REDIRECTS):
            target = _redirect_target(reply)
            if target is None or not same_origin(target, url):
                break
            reply = self.send("GET", target, what=what)
        return reply

    def post_form(
        self,
        url: str,
        fields: Mapping[str, str],
        *,
        what: str,
        headers: Headers | None = None,
        sign: Sign | None = None,
    ) -> Reply:
        """Post a form. Raises as :meth:`get`."""
        body = Secret(urlencode(fields))
        sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.send("POST", url, what=what, body=body, headers=sent, sign=sign)

    def post_json(self, url: str, text: str, *, what: str, headers: Headers | None = None) -> Reply:
        """Post a JSON text. Raises as :meth:`get`."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self.send("POST", url, what=what, body=Secret(text), headers=sent)

    def send(
        self,
        method: str,
        url: str,
        *,
        what: str,
        body: str | None = None,
        headers: Headers | None = None,
        sign: Sign | None = None,
    ) -> Reply:
        """Make exactly one HTTP exchange. Raises as :meth:`get`.

        Args:
            method: The HTTP method.
            url: Where it goes.
            what: What that is, for messages.
            body: What is sent; None sends nothing.
            headers: Further headers.
            sign: Puts what depends on all of it on the request that goes out; None puts nothing.
        """
        from .exchange import Exchange, explain  # most programs find their token in the store and send nothing here
        from .reply import TransportFailure

        require_secure(url, what, allow_loopback=self.allow_loopback)
        request = requests.PreparedRequest()
        sent = {
            "User-Agent": self.user_agent or _own_agent(self._session_agent()) or _default_agent(),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **self.headers_for(url),
            **(headers or {}),
        }
        try:
            request.prepare(method=method, url=url, headers=sent, data=None if body is None else body.encode())
        except ValueError as failure:
            raise explain(failure) from None
        if sign is not None:
            sign(request)
        exchange = Exchange(self._adapter(url), request, self._settings(url))
        try:
            reply = exchange.run(self.deadline)
        except TransportFailure as failure:
            logger.debug("%s %s: %s", method, without_query(url), failure.message)
            raise
        logger.debug("%s %s: HTTP %d", method, without_query(url), reply.status)
        return reply

    def _session_agent(self) -> str | None:
        agent = self.session.headers.get("User-Agent")
        return agent if isinstance(agent, str) else None

    def _adapter(self, url: str) -> BaseAdapter:
        adapter = self.connection or self.session.get_adapter(url)
        return adapter if self.guard is None or isinstance(adapter, type(self.guard)) else self.guard

    def _settings(self, url: str) -> dict[str, Any]:
        """Return what ``adapter.send`` takes. An explicit ``verify`` wins over REQUESTS_CA_BUNDLE."""
        timeout = self.timeout if self.timeout is not None else DEFAULT_TIMEOUT
        if self.settings is None:
            verify = None if self.session.verify is True else self.session.verify
            settings: dict[str, Any] = {**self.session.merge_environment_settings(url, {}, True, verify, None)}
        else:
            settings = dict(self.settings)
            environment = get_environ_proxies(url) if settings.pop("trust_env") else {}
            settings["proxies"] = {**environment, **settings["proxies"]}
        return {**settings, "stream": True, "timeout": timeout}


def guard_of(url: str, *, public_only: bool) -> BaseAdapter | None:
    """Return what keeps requests to public addresses; None where all may be contacted.

    Args:
        url: Where the first request goes.
        public_only: Whether the caller wants that.

    Raises:
        NotPublicError: ``url`` certainly is at none, or is not https.
    """
    if not public_only:
        return None
    from .public_addresses import require_public  # loaded where it is asked for
    from .public_only import PublicOnlyAdapter

    require_public(url, "MCP server URL")
    return PublicOnlyAdapter()


def _redirect_target(reply: Reply) -> str | None:
    location = reply.headers.get("location")
    if reply.status not in (301, 302, 303, 307, 308) or not location:
        return None
    try:
        return urljoin(reply.url, location).partition("#")[0]
    except ValueError:
        return None


def _own_agent(agent: str | None) -> str | None:
    return None if not agent or agent.startswith("python-requests/") else agent


def _default_agent() -> str:
    return f"mcp-oauth-sync/{__version__} {requests.utils.default_user_agent()}"
