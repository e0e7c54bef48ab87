"""The device authorization endpoint, the page for the code, and the questions of the client. RFC 8628."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from .consent_page import consent, error_page, page
from .ledger import Grant
from .messages import Exchange, Reply, html_reply, json_reply, merged
from .strictness import Refusal, check_client_request, check_form

if TYPE_CHECKING:
    from .authorization_server import AuthorizationServer

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
#: Letters and digits that nobody takes for others. RFC 8628 section 6.1
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
#: Seconds between two questions where the answer names none, and what each slow_down adds. RFC 8628 sections 3.2, 3.5
INTERVAL = SLOWER = 5.0

Authenticate = Callable[["AuthorizationServer", Exchange], dict[str, Any]]


@dataclass(repr=False)
class Device:
    """One code, waiting for a person."""

    grant: Grant
    user_code: str
    expires_at: float
    interval: float
    asked_at: float
    decision: str | None = None
    questions: int = 0


def authorize_device(server: AuthorizationServer, exchange: Exchange, authenticate: Authenticate) -> Reply:
    """Hand out a code. RFC 8628 sections 3.1 and 3.2."""
    if not server.offer_device_codes:
        return html_reply("<!doctype html><title>404</title><h1>Not Found</h1>", 404)
    check_client_request(exchange, authorization="basic")
    check_form(exchange)
    client = authenticate(server, exchange)
    if GRANT_TYPE not in (client.get("grant_types") or ["authorization_code"]):
        raise Refusal("unauthorized_client", "not registered for device codes", violation=False)
    for name in ("redirect_uri", "response_type", "state", "code_challenge", "grant_type", "device_code"):
        if name in exchange.form:
            raise Refusal("invalid_request", f"{name} in a device authorization request")
    scope = exchange.param("scope") or ""
    if server.allowed_scopes is not None and not set(scope.split()) <= set(server.allowed_scopes):
        raise Refusal("invalid_scope", "a scope that this server does not give", violation=False)
    given = scope if server.grant_scope is None else server.grant_scope(scope)
    grant = Grant(str(client["client_id"]), "", given, server.check_resource(exchange), None, requested=scope)
    code, now = server.ledger.new("device/+=%"), server.ledger.now()
    user_code = "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(2))
    interval = server.device_interval if isinstance(server.device_interval, int | float) else INTERVAL
    server.devices[code] = Device(grant, user_code, now + server.device_ttl, interval, now)
    server.device_authorizations += 1
    address = server.endpoint("enter")
    answer = {
        "device_code": code,
        "user_code": user_code,
        "verification_uri": address,
        "verification_uri_complete": f"{address}?user_code={user_code}",
        "expires_in": server.device_ttl,
        "interval": server.device_interval,
    }
    return json_reply(merged(answer, server.device_overrides), headers=[("Cache-Control", "no-store")])


def enter_code(server: AuthorizationServer, exchange: Exchange) -> Reply:
    """Take the code, ask who entered it, take the button. RFC 8628 section 3.3."""
    typed = "".join(c for c in (exchange.param("user_code") or "").upper() if c in ALPHABET)
    action = server.paths["enter"]
    if not typed:
        field = '<input name="user_code" autofocus><button id="go">Continue</button>'
        return html_reply(page("Enter the code", f'<form method="post" action="{escape(action)}">{field}</form>'))
    waiting = [one for one in server.devices.values() if one.user_code.replace("-", "") == typed]
    if not waiting or waiting[0].decision is not None or server.ledger.now() >= waiting[0].expires_at:
        return html_reply(error_page("This code is not known", "Check it, or start again from the program."), 400)
    device = waiting[0]
    if decision := exchange.param("decision"):
        device.decision = decision
        return html_reply(page("Done", "<p>Go back to the program.</p>"))
    client = server.clients.get(device.grant.client_id, {})
    text = consent(
        client=str(client.get("client_name") or device.grant.client_id),
        host=f"the device that shows {device.user_code}",
        scopes=device.grant.scope.split(),
        request=device.user_code,
        action=action,
    )
    return html_reply(text.replace('name="request"', 'name="user_code"'), headers=[("Cache-Control", "no-store")])


def redeem_device_code(server: AuthorizationServer, exchange: Exchange, client: dict[str, Any]) -> Grant:
    """Return what the person allowed; every other answer is an error. RFC 8628 sections 3.4 and 3.5."""
    device = server.devices.get(exchange.param("device_code") or "")
    if device is None:
        raise Refusal("invalid_grant", "unknown device code")
    if device.grant.client_id != client["client_id"]:
        raise Refusal("invalid_grant", "a device code of another client")
    if device.grant.redeemed:
        raise Refusal("invalid_grant", "device code redeemed a second time")
    now, since = server.ledger.now(), device.asked_at
    device.asked_at = now
    device.questions += 1
    server.device_questions.append(now)
    if now - since < device.interval:
        device.interval += SLOWER
        raise Refusal("slow_down", f"asked after {now - since:.3f} s, not {device.interval - SLOWER:g}")
    if server.device_slow_downs > 0:
        server.device_slow_downs -= 1
        device.interval += SLOWER
        raise Refusal("slow_down", "slow down as scripted", violation=False)
    if now >= device.expires_at:
        raise Refusal("expired_token", "the code has expired", violation=False)
    if device.decision is None:
        raise Refusal("authorization_pending", "nobody has entered the code yet", violation=False)
    if device.decision != "allow":
        error = "access_denied" if device.decision == "deny" else device.decision
        raise Refusal(error, "The person said no.", violation=False)
    device.grant.redeemed = True
    server.exchanges += 1
    return device.grant
