"""The device code grant: a person signs in on another device, by a code. RFC 8628."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NoReturn

import attrs

from ..exceptions import AuthorizationError, AuthorizationTimeoutError, OAuthError, printable
from ..interrupts import sleep
from ..models.client import ClientRegistration
from ..models.device import DeviceAuthorization
from ..prompts.refuse import nobody_to_ask
from ..protocol.client_auth import select_other_method
from ..protocol.device import AGAIN, GRANT_TYPE, NotYet, poll_once, start_device_authorization
from ..protocol.token_response import Granted
from ..urls import require_secure, without_query
from .base import Grant, GrantContext, Obtained

logger = logging.getLogger(__name__)

#: Seconds that ``slow_down`` adds to every pause from then on. RFC 8628 section 3.5.
SLOWER = 5.0
#: Longest pause, in seconds, that a fault or ``Retry-After`` makes of a shorter one.
LONGEST_PAUSE = 60.0


class DeviceCodeGrant(Grant):
    """Shows the person a code to enter on any device that has a browser, and waits until they did.

    No browser, no port and no redirect is needed here: the way in over SSH, in a container, on a machine without a
    screen. The authorization server has to offer it. The wait ends with ``sign_in_timeout`` or with the code,
    whichever comes first. ``authorize_params`` go with the request for the code, ``token_params`` with each question
    whether it was entered.

    Args:
        clock: Tells the time in seconds; only differences count.
        sleep: Waits for so many seconds.

    Example::

        OAuth("https://mcp.example.com/mcp", grant=DeviceCodeGrant())
    """

    name = "device_code"
    grant_types = (GRANT_TYPE, "refresh_token")

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = sleep
    ) -> None:
        """Ask nobody yet."""
        self._clock, self._sleep = clock, sleep

    def obtain(self, context: GrantContext) -> Obtained:
        """Obtain tokens.

        Raises:
            InsecureURLError: An endpoint may not be contacted.
            SignInRequiredError: There is nobody to show the code to; nothing was sent.
            AuthorizationError: The server offers no codes, gave none, or one that may not be shown.
            RegistrationError: We could not be registered.
            AccessDeniedError: The person said no.
            AuthorizationTimeoutError: The code was not entered in time.
            TokenExchangeError: The server gives no tokens for the code.
        """
        endpoint = require_device_endpoint(context)
        context.token_endpoint  # noqa: B018  (refuses one that may not be contacted, before anybody is asked)
        prompt = context.prompt
        if not prompt.interactive:
            raise nobody_to_ask()
        registration, device = self._start(context, endpoint)
        began = self._clock()
        patience = min(context.options.sign_in_timeout, device.expires_in)
        prompt.show_code(attrs.evolve(device, expires_in=patience), server_url=context.server_url)
        try:
            granted = self._wait(context, registration, device, began)
        except OAuthError as error:
            prompt.conclude(error)
            raise
        except BaseException:
            prompt.conclude(AuthorizationError("The sign-in was interrupted."))
            raise
        prompt.conclude(None)
        return Obtained(tokens=granted.tokens, registration=granted.registration)

    def _start(self, context: GrantContext, endpoint: str) -> tuple[ClientRegistration, DeviceAuthorization]:
        """Return who we are and the code; another method of client authentication is tried once."""

        def ask(registration: ClientRegistration) -> DeviceAuthorization:
            return start_device_authorization(
                context.http,
                endpoint,
                registration,
                scopes=context.scopes,
                resource=context.resource,
                extra=context.options.authorize_params,
                proofs=context.proofs,
            )

        registration = context.identify(None)
        try:
            return registration, ask(registration)
        except AuthorizationError as refused:
            other = select_other_method(registration, refused.error, refused.error_description)
            if other is None:
                raise
            logger.warning("%s refused the client authentication; trying %s once", without_query(endpoint), other)
            changed = attrs.evolve(registration, token_endpoint_auth_method=other)
            try:
                return changed, ask(changed)
            except AuthorizationError as second:
                raise refused if second.error == refused.error else second from None

    def _wait(
        self, context: GrantContext, registration: ClientRegistration, device: DeviceAuthorization, began: float
    ) -> Granted:
        """Ask until there are tokens, a definitive answer, or no time left."""
        patience = min(context.options.sign_in_timeout, device.expires_in)
        pace = _Pace(device.interval)
        while True:
            left = began + patience - self._clock()
            self._sleep(max(0.0, min(pace.pause, left)))
            if pace.pause > left:
                _too_late(context.options.sign_in_timeout, device.expires_in, pace.fault)
            answer = poll_once(
                context.http,
                context.token_endpoint,
                registration,
                device,
                scope=" ".join(context.scopes) or None,
                resource=context.resource,
                extra=context.options.token_params,
                proofs=context.proofs,
            )
            if isinstance(answer, Granted):
                return answer
            pace.note(answer)


class _Pace:
    """How long to pause before the next question. RFC 8628 section 3.5."""

    def __init__(self, interval: float) -> None:
        self.interval = self.pause = interval
        self.fault: str | None = None
        self._faults = 0

    def note(self, answer: NotYet) -> None:
        """Take an answer into account: a server that asks for more time gets it, one in trouble twice as much."""
        self.fault = answer.fault
        self._faults = self._faults + 1 if answer.fault else 0
        self.interval += SLOWER if answer.slower else 0.0
        wished = max(self.interval * 2.0 ** min(self._faults, 10), answer.retry_after or 0.0)
        self.pause = max(self.interval, min(wished, LONGEST_PAUSE))
        if answer.fault:
            logger.warning("%s Asking again in %.0f s.", answer.fault, self.pause)


def require_device_endpoint(context: GrantContext) -> str:
    """Return the device authorization endpoint.

    Raises:
        InsecureURLError: It may not be contacted.
        AuthorizationError: The server has none.
    """
    endpoint = context.server.device_authorization_endpoint
    if not endpoint:
        raise AuthorizationError(
            f"The authorization server {printable(context.server.issuer)} offers no sign-in by code "
            "(it names no device authorization endpoint).",
            hint="Leave out grant=DeviceCodeGrant(): the address to open is printed, and a browser on any machine "
            "that the answer can be brought back from will do.",
        )
    require_secure(endpoint, "device authorization endpoint", allow_loopback=context.http.allow_loopback)
    return endpoint


def _too_late(sign_in_timeout: float, expires_in: float, fault: str | None) -> NoReturn:
    lately = f" {fault}" if fault else ""
    if expires_in <= sign_in_timeout:
        raise AuthorizationTimeoutError(
            f"The code expired after {expires_in:g} seconds, before it was entered.{lately}", hint=AGAIN
        )
    raise AuthorizationTimeoutError(
        f"Nobody completed the sign-in within {sign_in_timeout:g} seconds.{lately}",
        hint="Start it again; sign_in_timeout= gives more time.",
    )
