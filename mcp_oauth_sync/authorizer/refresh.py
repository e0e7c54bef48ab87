"""One refresh for everybody who needs it; without a refresh token, one use of a grant without a person.

RFC 6749 section 6, RFC 9700 section 4.14 (rotation).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import attrs

from ..exceptions import RefreshRejectedError, RegistrationError, TokenRefreshError, printable
from ..grants.patience import BACKOFF
from ..grants.refresh_token import renew
from ..interrupts import held_back
from ..models.client import DYNAMIC
from ..models.options import SignInOptions
from ..models.record import ServerRecord
from ..protocol.dpop import Prover
from ..protocol.presented import Presented
from ..protocol.proofs import Proofs
from ..protocol.token_response import CLIENT_ERRORS
from ..protocol.transport import Transport
from .held import Held
from .winner import winner

logger = logging.getLogger(__name__)


class Again(Protocol):
    """Obtains tokens once more without a person."""

    def __call__(
        self, http: Transport, record: ServerRecord, *, backoff: tuple[float, ...], since: float
    ) -> ServerRecord:
        """Return the record with fresh tokens.

        Args:
            http: The transport.
            record: What the sign-in left behind.
            backoff: Seconds to wait before each repetition; empty tries once.
            since: When the caller began to wait for its turn, in monotonic seconds.

        Raises:
            OAuthError: No tokens came; the subclass says why.
        """
        raise NotImplementedError


class Renewal(NamedTuple):
    """What came of it.

    Attributes:
        header: The ``Authorization`` value to send now; None when there is nothing to refresh with.
        adopted: Whether somebody else had got it.
    """

    header: Presented | None
    adopted: bool = False


@attrs.frozen(kw_only=True)
class _Means:
    """What tokens are renewed with.

    Attributes:
        http: The transport.
        options: The caller's choices.
        backoff: Seconds to wait before each repetition; empty tries once.
        again: Obtains tokens without a person; None where one is needed.
        since: When it began, in monotonic seconds.
    """

    http: Transport
    options: SignInOptions
    backoff: tuple[float, ...]
    again: Again | None
    since: float

    def refresh(self, record: ServerRecord, prover: Prover | None, sleep: Callable[[float], None]) -> ServerRecord:
        """Return the record with tokens that its refresh token brought; ``sleep`` waits between two attempts."""
        proofs = Proofs(
            issuer=record.issuer,
            client_key=self.options.client_key,
            dpop=prover,
            insist=self.options.dpop is True,
        )
        extra = self.options.token_params
        return renew(self.http, record, backoff=self.backoff, extra=extra, proofs=proofs, sleep=sleep)

    def obtain_again(self, record: ServerRecord) -> ServerRecord | None:
        """Return the record with tokens that need no refresh token; None where a person is needed for them."""
        if self.again is None or not (record.token_endpoint and record.issuer):
            return None
        return self.again(self.http, record, backoff=self.backoff, since=self.since)


def refresh(
    held: Held,
    rejected: str | None,
    http: Transport,
    *,
    backoff: tuple[float, ...],
    options: SignInOptions,
    again: Again | None = None,
) -> Renewal:
    """Adopt tokens that somebody else renewed meanwhile, else renew them.

    Args:
        held: The sign-in.
        rejected: The ``Authorization`` value that a server did not accept; None when it is only time.
        http: The transport.
        backoff: Seconds to wait before each repetition; empty tries once.
        options: The caller's choices.
        again: Obtains tokens without a person where there is no refresh token, or none that works; None where a
            person is needed for that.

    Raises:
        RefreshRejectedError: The refresh token will never work again; it was removed.
        TokenRefreshError: It did not work now; everything is kept.
        TokenStorageError: The store cannot be used.
        OAuthError: No tokens came without a person either; the subclass says why, and everything is kept.
    """
    if rejected is not None and _renewed(held, rejected):
        return Renewal(held.header, adopted=True)
    means = _Means(http=http, options=options, backoff=backoff, again=again, since=time.monotonic())
    with held.one_by_one():
        if _renewed(held, rejected):  # by a thread of ours while we waited: the store has nothing newer to tell
            return Renewal(held.header, adopted=True)
        with held.manager.exclusive(held.name):
            return _in_turn(held, rejected, means)


def _in_turn(held: Held, rejected: str | None, means: _Means) -> Renewal:
    record = held.load()
    if record is None or record.tokens is None:
        return Renewal(None)
    if not record.tokens.is_expired() and held.header != rejected:
        return Renewal(held.header, adopted=True)
    if record.can_refresh():
        try:
            _refresh(held, record, means)
        except RefreshRejectedError as failure:
            return _after_rejection(held, record, rejected, failure, means)
    elif (obtained := means.obtain_again(record)) is not None:
        held.save(obtained)
    else:
        return Renewal(None)
    return Renewal(held.header)


def _refresh(held: Held, record: ServerRecord, means: _Means) -> None:
    """Use the refresh token, and keep what it brings.

    It is used up by its use. An interruption before the new one is kept would end the sign-in, so it waits.
    """
    with held_back() as interruption:
        held.save(means.refresh(record, held.provers.of(record), interruption.sleep))


def _renewed(held: Held, rejected: str | None) -> bool:
    """Tell from memory alone whether there is a better token than the one that made us come here."""
    if rejected is not None:
        return held.header is not None and held.header != rejected
    return held.good_until > time.monotonic() and held.tokens is not None and not held.tokens.is_expired()


def _after_rejection(
    held: Held, record: ServerRecord, rejected: str | None, failure: RefreshRejectedError, means: _Means
) -> Renewal:
    """Decide what is dead. Called in our turn, so that nobody's fresh tokens are removed."""
    newer = held.load_instead()
    if newer is not None and newer.tokens is not None and newer.tokens != record.tokens:
        return Renewal(held.header, adopted=True)  # renewed by somebody who takes no turns
    if rejected is None and record.tokens is not None and record.tokens.seconds_left() > 0:
        logger.warning("refused to refresh early, the access token is still good: %s", failure.message)
        return Renewal(held.header)
    if (obtained := means.obtain_again(record)) is not None:
        logger.warning("%s", failure.message)
        held.save(obtained)
        return Renewal(held.header)
    if failure.error not in CLIENT_ERRORS and winner(held.load_instead, record.tokens) is not None:
        return Renewal(held.header, adopted=True)
    held.save(dead(record, failure.error))
    raise failure


def dead(record: ServerRecord, error: str | None) -> ServerRecord:
    """Return a record without its tokens, and without a registration that the server no longer knows.

    Args:
        record: The record whose refresh token was rejected.
        error: The OAuth error it was rejected with.
    """
    registration = record.registration
    if error in CLIENT_ERRORS and registration is not None and registration.source == DYNAMIC:
        registration = None
    return attrs.evolve(record, tokens=None, registration=registration, dpop_key=None)


def refresh_with_patience(
    held: Held, rejected: str | None, http: Transport, *, options: SignInOptions, again: Again | None = None
) -> Renewal:
    """Refresh with patience: to nothing when only a person can help, to an error when time may.

    Args:
        held: The sign-in.
        rejected: The ``Authorization`` value that a server did not accept; None when it is only time.
        http: The transport.
        options: The caller's choices.
        again: As :func:`refresh` takes it.

    Raises:
        TokenRefreshError: It did not work now; everything is kept.
        OAuthError: No tokens came without a person either; the subclass says why, and everything is kept.
        RegistrationError: The server no longer accepts the client that the caller registered.
        TokenStorageError: The store cannot be used.
    """
    try:
        return refresh(held, rejected, http, backoff=BACKOFF, options=options, again=again)
    except TokenRefreshError as failure:
        if failure.transient:
            raise
        if failure.error in CLIENT_ERRORS:
            _require_replaceable(held, options, failure)
        logger.warning("%s", failure.message)
        return Renewal(None)


def _require_replaceable(held: Held, options: SignInOptions, failure: TokenRefreshError) -> None:
    """Tell the caller that the server no longer takes their own client: a sign-in would not get far with it."""
    client = held.record.registration if held.record else None
    if client is None or client.source == DYNAMIC:
        return
    given = (options.client_id, options.client_secret)
    if options.client_id is not None and given != (client.client_id, client.client_secret):
        return  # the caller has brought another one since
    raise RegistrationError(
        f"{printable(client.issuer or 'The authorization server')} no longer accepts the {client.source} client "
        f"{printable(client.client_id)!r} ({failure.error}).",
        hint="Check client_id=, and client_secret= or client_key=, or register the client there again; then sign in.",
        issuer=client.issuer,
        error=failure.error,
        error_description=failure.error_description,
        status=failure.status,
    ) from failure
