"""Requests to a Vault: in time, with a good token, never redirected, and every failure in words."""

from __future__ import annotations

import copy
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import requests

from ...exceptions import StoreUnavailableError
from ...models.secret import Secret
from ...urls import without_query
from ..time_limit import TimedOut, within
from .address import (
    ADDRESS_VARIABLE,
    NAMESPACE_VARIABLE,
    checked_address,
    checked_namespace,
    checked_token,
    require_hvac,
)
from .answer import PASSES, Answer, TooLong, Unanswered, bounded, unanswered
from .clock import seconds
from .login import Login, Means

if TYPE_CHECKING:
    import hvac

#: Connections kept open at most; more are made when more threads ask at once.
_POOL = 32
_UNTRUSTED = "Name the CA that signed it in VAULT_CACERT or REQUESTS_CA_BUNDLE."
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (requests.exceptions.SSLError, "has a TLS certificate that could not be verified"),
    (requests.exceptions.ProxyError, "cannot be reached: the proxy refused or is down"),
    (requests.exceptions.Timeout, "did not answer in time"),
    (requests.exceptions.ConnectionError, "cannot be reached: the connection failed"),
    (requests.exceptions.ChunkedEncodingError, "cut its answer short"),
    (TooLong, "gave an answer without an end"),
    (RecursionError, "gave an answer that nobody can read"),
    (OSError, "cannot be reached: the connection failed"),
)
LoginFunction = Callable[["hvac.Client"], object]


class VaultAccess:
    """The way to one Vault.

    Args:
        url: Its address; None takes VAULT_ADDR.
        token: A token; None takes VAULT_TOKEN, else what ``vault login`` left, unless there is another way.
        namespace: Its namespace; None takes VAULT_NAMESPACE, else none.
        role_id: Logs in as an AppRole.
        secret_id: The secret of the AppRole.
        client: A client of the caller's instead of all that. It is not changed.
        login: Logs in once more when the token has ended.
        timeout: Seconds that one request may take.

    Raises:
        StoreUnavailableError: hvac is missing, or the address or token cannot be used.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        token: Secret | None = None,
        namespace: str | None = None,
        role_id: Secret | None = None,
        secret_id: Secret | None = None,
        client: hvac.Client | None = None,
        login: LoginFunction | None = None,
        timeout: float,
    ) -> None:
        """Send nothing yet."""
        require_hvac()
        self._theirs, self._hook, self.timeout = client, login, timeout
        self._clients: dict[int, Any] = {}  # by process: connections are not shared with a forked child
        self._sessions: dict[int, requests.Session] = {}
        self._born = os.getpid()
        if client is None:
            self.url = checked_address(url or os.environ.get(ADDRESS_VARIABLE))
            self.namespace = checked_namespace(os.environ.get(NAMESPACE_VARIABLE) if namespace is None else namespace)
        else:
            self.url = checked_address(client.adapter.base_uri)
            self.namespace = checked_namespace(client.adapter.namespace)
        self.name = f"the Vault at {without_query(self.url)}"
        means = Means(
            token=checked_token(token),
            role_id=role_id,
            secret_id=secret_id,
            again=None if login is None else self._log_in,
            theirs=None if client is None else lambda: client.adapter.token,
        )
        self._login = Login(means, self._send, self.name)

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None, *, repeat: bool = True) -> Answer:
        """Ask for something and return the answer, if it is one to go on with.

        Args:
            method: "GET", "LIST", "POST" or "DELETE".
            path: Of what, below ``/v1/``.
            body: The JSON document to send.
            repeat: False does not ask a second time when the connection fails.

        Raises:
            Unanswered: No answer came.
            PolicyError: The token may not do this.
            StoreUnavailableError: The Vault cannot be used like this; the message says why.
            TokenStorageError: Not now, or not this.
        """
        token = self._login.token()
        answer = self._sent(method, path, token, body, repeat)
        if answer.forbidden and not self._login.is_good(token):
            answer = self._sent(method, path, self._login.another(token), body, repeat)
        return answer.judge(self.name, method, path)

    def _sent(self, method: str, path: str, token: str, body: Mapping[str, object] | None, repeat: bool) -> Answer:
        began = seconds()
        try:
            return self._send(method, path, token=token, body=body)
        except Unanswered:
            # A connection that was kept open may have been closed just now.
            if not repeat or seconds() - began > self.timeout / 2:
                raise
        return self._send(method, path, token=token, body=body)

    def _send(self, method: str, path: str, *, token: str, body: Mapping[str, object] | None = None) -> Answer:
        """Make one exchange, with whatever answer.

        Raises:
            Unanswered: None came.
        """
        client = self._client()
        adapter = copy.copy(client.adapter)
        adapter.session, adapter.token = self._session(adapter.session), token
        adapter.allow_redirects = False
        options: dict[str, Any] = {"timeout": self.timeout, "raise_exception": False}
        if getattr(adapter.session, "auth", None) is None:
            options["auth"] = _nothing_added
        options["hooks"] = {"response": [bounded, *adapter.session.hooks["response"]]}
        if body is not None:
            options["json"] = body
        if method == "LIST":
            method, options["params"] = "GET", {"list": "true"}
        try:
            outcome = within(self.timeout, lambda: _exchange(adapter, method, f"/v1/{path}", options))
        except TimedOut:
            outcome = f"did not answer within {self.timeout:g} seconds"
        if isinstance(outcome, str):
            hint = _UNTRUSTED if "certificate" in outcome else PASSES
            raise unanswered(self.name, outcome, hint)
        return outcome

    def _client(self) -> Any:
        if self._theirs is not None:
            return self._theirs
        found = self._clients.get(os.getpid())
        return found or self._clients.setdefault(os.getpid(), self._made())

    def _made(self) -> hvac.Client:
        import hvac

        made = hvac.Client(
            url=self.url,
            token="",  # None would take one from the environment
            timeout=self.timeout,
            allow_redirects=False,
            namespace=self.namespace or None,
        )
        made.session.auth = _nothing_added
        for scheme in ("https://", "http://"):
            made.session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=_POOL))
        return made

    def _session(self, session: requests.Session) -> requests.Session:
        """Return a session with connections of this process."""
        if self._theirs is None or os.getpid() == self._born:
            return session
        found = self._sessions.get(os.getpid())
        return found or self._sessions.setdefault(os.getpid(), _reconnected(session))

    def _log_in(self) -> str | None:
        """Let the caller's function log in, and return the token it got."""
        from hvac import exceptions

        client = self._client()
        try:
            self._hook(client)  # type: ignore[misc]
        except _passing(exceptions) as failure:
            raise unanswered(self.name, f"could not be logged in to ({type(failure).__name__})") from failure
        except exceptions.VaultError as failure:
            raise StoreUnavailableError(
                f"The function that logs in to {self.name} failed with {type(failure).__name__}.",
                hint="Nothing stored is lost. The error it raised is the cause of this one.",
                store=self.name,
            ) from failure
        token: str | None = client.adapter.token
        return token


def _exchange(adapter: Any, method: str, path: str, options: dict[str, Any]) -> Answer | str:
    """Send one request; return the answer, or what went wrong. No error leaves: its frames hold token and body."""
    from hvac.exceptions import VaultError

    try:
        return Answer.from_reply(adapter.request(method, path, **options))
    except (requests.RequestException, VaultError, OSError, ValueError, RecursionError) as failure:
        if type(failure) is OSError and failure.errno is None:
            return f"was not asked: {failure}"  # a certificate file that is missing
        words = next((words for kind, words in _REASONS if isinstance(failure, kind)), "could not be asked")
        return f"{words} ({type(failure).__name__})"


def _passing(exceptions: Any) -> tuple[type[Exception], ...]:
    """Return the errors, of hvac and of the network, that may pass by themselves."""
    names = ("BadGateway", "InternalServerError", "RateLimitExceeded", "VaultDown", "VaultNotInitialized")
    return (requests.RequestException, OSError, *(getattr(exceptions, name) for name in names))


def _nothing_added(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authenticate by nothing but the token: with no auth at all, requests would look into ``.netrc``."""
    return request


def _reconnected(session: requests.Session) -> requests.Session:
    """Return a copy of a session without its connections."""
    other = copy.copy(session)
    other.adapters = OrderedDict((prefix, copy.copy(adapter)) for prefix, adapter in session.adapters.items())
    return other
