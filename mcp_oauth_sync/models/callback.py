"""Where the browser is to come back to, and where it is listened for. RFC 8252 section 7."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

import attrs

from ..urls import loopback_host, portless, require_redirect
from .asker import NOBODY, Asker


def _ports(value: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(value))


@attrs.frozen(kw_only=True)
class Callback:
    """The redirect of a sign-in, before a port is bound for it.

    Attributes:
        redirect_uri: What is sent. On the loopback interface the port in it stands for the one that is bound, unless
            ``fixed``.
        ports: Ports to listen on, in order of preference; 0 takes any free one. Empty: nothing is listened on, and the
            answer has to be pasted or handed in.
        exact: Whether only these ports will do; else any free one is taken when they are busy.
        fixed: Whether the redirect stays as it is, whatever port is bound: something in between forwards it.
        bind: Address of the interface to listen on; None takes the host of the redirect.
        asker: Who asks, and for what, to be named to the person who comes back.
    """

    redirect_uri: str
    ports: tuple[int, ...] = attrs.field(default=(), converter=_ports)
    exact: bool = False
    fixed: bool = False
    bind: str | None = None
    asker: Asker = NOBODY

    @classmethod
    def at(cls, redirect_uri: str, *, exact: bool = False) -> Callback:
        """Return the callback for one redirect on the loopback interface, listened for at its own port.

        Args:
            redirect_uri: Without a port, or with port 0, any free one is taken.
            exact: Whether only that port will do.
        """
        port = urlsplit(redirect_uri).port or 0
        return cls(redirect_uri=redirect_uri, ports=(port,), exact=exact and bool(port))

    @classmethod
    def wanted(cls, redirect_uri: str, ports: tuple[int, ...] = (), bind: str | None = None) -> Callback:
        """Return the callback for a redirect that a caller spelled out.

        A redirect on the loopback interface is listened for at its own port, or at any free one when it names none.
        Any other one, and one whose listener is told other ports or another interface, is left as it is.

        Args:
            redirect_uri: The redirect: loopback, https behind a proxy, or of a scheme of the application's own.
            ports: Ports to listen on; empty follows the redirect.
            bind: Address of the interface to listen on; None takes the loopback interface.

        Raises:
            InsecureURLError: The redirect is none of these.
        """
        require_redirect(redirect_uri.replace(":0/", "/") if loopback_host(redirect_uri) else redirect_uri)
        if loopback_host(redirect_uri) is None:
            return cls(redirect_uri=redirect_uri, ports=ports, exact=True, fixed=True, bind=bind)
        own = urlsplit(redirect_uri).port or 0
        if not own:
            return cls(redirect_uri=redirect_uri, ports=ports or (0,), exact=bool(ports), bind=bind)
        return cls(redirect_uri=redirect_uri, ports=ports or (own,), exact=True, fixed=True, bind=bind)

    def uri_at(self, port: int) -> str:
        """Return the redirect to send when a port is bound; port 0 leaves it out."""
        if self.fixed or loopback_host(self.redirect_uri) is None:
            return self.redirect_uri
        parts = urlsplit(portless(self.redirect_uri))
        return urlunsplit(
            parts._replace(netloc=f"{parts.netloc}:{port}" if port else parts.netloc, path=parts.path or "/")
        )

    def uris(self, bound: str) -> tuple[str, ...]:
        """Return every redirect to register: one for each port that may be bound, the bound one first.

        Args:
            bound: The redirect with the port that is bound.
        """
        others = (self.uri_at(port) for port in self.ports if port) if self.exact else ()
        return tuple(dict.fromkeys((bound, *others)))

    def preferring(self, known: Iterable[str]) -> Callback:
        """Return this callback with the ports first that are known; of exact ones, none is added.

        Args:
            known: Redirects that an authorization server knows; those that differ in more than the port count nothing.
        """
        if self.fixed:
            return self
        ports = [urlsplit(uri).port or 0 for uri in known if portless(uri) == portless(self.redirect_uri)]
        first = [port for port in ports if port in self.ports] if self.exact else ports
        return attrs.evolve(self, ports=(*first, *self.ports))

    @property
    def unbound(self) -> str:
        """The redirect for who does not listen, with the first port, without any where none is named."""
        return self.uri_at(next(iter(self.ports), 0))
