"""A scripted HTTP/1.1 origin on a real loopback socket: routes, a log, faults on demand, a clean stop."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from .faults import Fault
from .http_machine import Machine
from .messages import Exchange, Reply, html_reply

Handler = Callable[[Exchange], Reply]


@dataclass
class _Rule:
    """Faults for one path; `left` counts down, None = until cleared."""

    path: str
    method: str | None
    faults: tuple[Fault, ...]
    left: int | None

    def fits(self, exchange: Exchange) -> bool:
        return self.path in ("*", exchange.path) and self.method in (None, exchange.method)


class Origin:
    """One scheme, host and port that answers as told: `with Origin() as origin: ...`.

    Args:
        tls: Server side SSL context (see `local_ca`); None = plain http.
        port: 0 takes a free port; a stopped origin starts again on the port it had.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, port: int = 0) -> None:
        self.tls = tls
        self.port = port
        self.public_url: str | None = None
        """What `.url` says instead, for an origin that is reached through a proxy."""
        self.log: list[Exchange] = []
        self.connections = 0
        self.errors: list[BaseException] = []
        """Exceptions of handlers (a broken script); the end of the `with` block raises the first."""
        self.failed_handshakes = 0
        self.lock = threading.RLock()
        self._routes: dict[tuple[str, str], Handler] = {}
        self._rules: list[_Rule] = []
        self._machine: Machine | None = None

    # Life

    def start(self) -> None:
        """Listen. The port is known from here on."""
        self._machine = Machine(self, self.port)
        self.port = self._machine.port

    def stop(self) -> None:
        """Close the listener and every open connection, and wait for the threads."""
        machine, self._machine = self._machine, None
        if machine is not None:
            machine.stop()

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.errors and error is None:
            raise AssertionError(f"a handler of {self.url} failed") from self.errors[0]

    @property
    def url(self) -> str:
        """The origin, without a slash at the end."""
        if self.public_url is not None:
            return self.public_url
        if not self.port:
            raise RuntimeError("the origin has no port before it starts")
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    # Script

    def route(self, method: str, path: str, handler: Handler) -> None:
        """Answer `method` ("*" = any) on `path` by calling the handler."""
        self._routes[method, path] = handler

    def fault(self, path: str, *faults: Fault, times: int | None = None, method: str | None = None) -> None:
        """Misbehave on this path ("*" = any): on the next `times` requests, or until cleared.

        Rules with `times` are used up first, in the order given; of the others, the last one counts.
        Without any fault, the path behaves again.
        """
        with self.lock:
            if not faults:
                return self.clear_faults(path)
            if times is None:
                self._rules = [
                    rule for rule in self._rules if rule.left is not None or (rule.path, rule.method) != (path, method)
                ]
            self._rules.append(_Rule(path, method, faults, times))

    def clear_faults(self, path: str | None = None) -> None:
        """Behave again, on this path or everywhere."""
        with self.lock:
            self._rules = [rule for rule in self._rules if path is not None and rule.path != path]

    # What happened

    def requests(self, path: str | None = None, method: str | None = None) -> list[Exchange]:
        """Return the logged exchanges, in the order in which they arrived."""
        with self.lock:
            return [x for x in self.log if path in (None, x.path) and method in (None, x.method)]

    def clear(self) -> None:
        """Forget the log and the count of connections (not the faults, not what was issued)."""
        with self.lock:
            self.log.clear()
            self.connections = 0

    # For the machine

    def admit(self, exchange: Exchange) -> tuple[Fault, ...]:
        """Log an exchange and take the faults that are due."""
        with self.lock:
            due = [rule for rule in self._rules if rule.fits(exchange) and rule.left != 0]
            rule = next((r for r in due if r.left is not None), due[-1] if due else None)
            if rule is not None and rule.left is not None:
                rule.left -= 1
            faults = rule.faults if rule is not None else ()
            exchange.faults = tuple(fault.name for fault in faults)
            self.log.append(exchange)
            return faults

    def answer(self, exchange: Exchange) -> Reply:
        """Run the handler of the route, else 405 or 404 as a web server would."""
        methods = ["GET", "HEAD"] if exchange.method == "HEAD" else [exchange.method]
        for method in [*methods, "*"]:
            if handler := self._routes.get((method, exchange.path)):
                return handler(exchange)
        allowed = sorted(method for method, path in self._routes if path == exchange.path)
        if allowed:
            return html_reply("<h1>Method Not Allowed</h1>", 405, [("Allow", ", ".join(allowed))])
        return html_reply("<!doctype html><title>404</title><h1>Not Found</h1>", 404)
