"""Connections to public addresses only, judged by the address that is connected to. MCP security, "SSRF".

A name is looked up once, and what came of that is both judged and connected to: one that is public when it is asked
about and private when it is used (DNS rebinding) gains nothing. Where a request takes a proxy, the proxy looks names
up, and it is the proxy that has to refuse private ones.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from .public_addresses import is_public, refused, require_public

_S = TypeVar("_S", bound=requests.Session)


class PublicOnlyAdapter(HTTPAdapter):
    """Carries requests of a session to public addresses, by https.

    For programs that run where others choose which MCP server they contact. It refuses, before anything is sent,
    addresses of this machine, of private networks, of a cloud's metadata service, and names that have no other ones.
    What follows a redirect is a request of its own. The arguments of requests for proxies, certificates and time limits
    apply. A request that takes a proxy goes wherever the proxy finds a name: it has to refuse private addresses.

    Args:
        pool_connections: Hosts whose connections are kept.
        pool_maxsize: Connections kept for each.
        max_retries: How often a connection is tried again; 0 never.
        pool_block: Whether to wait for a kept connection instead of making more.

    Example::

        session = PublicOnlyAdapter.guard(requests.Session())
        session.auth = OAuth(url_from_a_stranger, public_only=True)
    """

    @classmethod
    def guard(cls, session: _S) -> _S:
        """Have a session make no other requests, and return it. Its other adapters are dropped.

        Args:
            session: The session.
        """
        session.adapters.clear()
        for scheme in ("https://", "http://"):
            session.mount(scheme, cls())
        return session

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        """Make connections of our own kind, but for those to a proxy, which whoever runs the program has chosen."""
        super().init_poolmanager(*args, **settings)
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool}

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request, as requests asks for it.

        Args:
            request: The request.
            stream: Whether its answer is left unread.
            timeout: Seconds, as requests takes them.
            verify: Whether, or by which CA bundle, certificates are verified.
            cert: The client's certificate; None for none.
            proxies: The proxies by scheme; None for none.

        Raises:
            NotPublicError: It would go elsewhere than to a public address, or is not https.
            requests.RequestException: As every adapter does.
        """
        require_public(request.url or "", "request to")
        return super().send(request, stream=stream, timeout=timeout, verify=verify, cert=cert, proxies=proxies)


def guarded(session: requests.Session | None) -> requests.Session:
    """Return a session that makes no other requests than to public addresses.

    Args:
        session: A session of a caller's, which has to be one already; None makes one.

    Raises:
        ValueError: The caller's would make others: it may serve the caller for those.
    """
    if session is None:
        return PublicOnlyAdapter.guard(requests.Session())
    if not all([isinstance(adapter, PublicOnlyAdapter) for adapter in session.adapters.values()]):
        raise ValueError("public_only needs a session that is guarded: pass session=PublicOnlyAdapter.guard(session)")
    return session


class _Connection(HTTPSConnection):
    """A connection that judges where it goes. The name stays what its certificate is checked against."""

    def _new_conn(self) -> socket.socket:
        url = f"https://{self.host}:{self.port}/"
        failure: OSError | None = None
        for family, kind, proto, _, place in self._look_up():
            if not is_public(ip_address(str(place[0]).partition("%")[0])):
                continue
            try:
                return self._connect_to(socket.socket(family, kind, proto), place)
            except OSError as unreachable:
                failure = unreachable
        if failure is None:
            raise refused(url, "request to", "its host has no public address", host=self.host)
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out.") from failure
        raise NewConnectionError(self, f"Failed to establish a new connection: {failure}") from failure

    def _look_up(self) -> Iterable[tuple[Any, ...]]:
        try:
            return socket.getaddrinfo(self._dns_host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        except (OSError, UnicodeError) as failure:
            reason = failure if isinstance(failure, socket.gaierror) else socket.gaierror(str(failure))
            raise NameResolutionError(self.host, self, reason) from failure

    def _connect_to(self, sock: socket.socket, place: Any) -> socket.socket:
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            if self.timeout is None or isinstance(self.timeout, int | float):
                sock.settimeout(self.timeout)
            if self.source_address:
                sock.bind(self.source_address)
            sock.connect(place)
        except BaseException:
            sock.close()
            raise
        sys.audit("http.client.connect", self, self.host, self.port)
        return sock


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection
