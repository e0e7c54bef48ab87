"""Redirects that are not the answer, or not from whom they say: nothing in them is used, and no code is redeemed."""

from __future__ import annotations

import random
import threading
from urllib.parse import parse_qsl, quote, urlencode

import pytest
import requests

from mcp_oauth_sync import MCPOAuthClient
from mcp_oauth_sync.exceptions import AccessDeniedError, AuthorizationError, InvalidRedirectError, TokenExchangeError

from .stage import readable

MUTATIONS = 1000
PARTS = ("state", "iss", "code")


def meaning(redirect: str) -> dict[str, list[str]] | None:
    """Read a redirect as a browser and RFC 6749 would, by other means than the package; None when it cannot be."""
    query = redirect.partition("#")[0].partition("?")[2] if "?" in redirect else redirect
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
    except ValueError:
        return None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def mutated(good: str, chance: random.Random) -> str:
    """Change a good redirect in one to three places."""
    base, _, query = good.partition("?")
    for _ in range(chance.randint(1, 3)):
        pairs = query.split("&")
        at, other = chance.randrange(len(pairs)), chance.randrange(len(pairs))
        spot = chance.randrange(len(query) + 1)
        odd = chance.choice(
            ["%00", "%0a", "+", "&", "=", "%", "#", ";", "a", "0", "%C3", "\u0131", "%2F", "-", "_", "?"]
        )
        query = chance.choice(
            [
                query[:spot] + odd + query[spot:],
                query[:spot] + query[spot + chance.randint(1, 12) :],
                query[:spot] + query[spot:].swapcase(),
                query[:spot],
                "&".join(pairs[:at] + pairs[at + 1 :]) or "x",
                "&".join([*pairs, pairs[at]]),
                "&".join([*pairs, pairs[at].partition("=")[0] + "=" + pairs[other].partition("=")[2]]),
                "&".join([*pairs[:at], pairs[at].partition("=")[0] + "=", *pairs[at + 1 :]]),
                "&".join([*pairs[:at], pairs[at].upper(), *pairs[at + 1 :]]),
                "&".join([*pairs, "error=access_denied"]),
                quote(query, safe="&="),
                query.replace("%", "%25"),
            ]
        )
    return f"{base}?{query}"


@pytest.fixture
def client(stage):
    return MCPOAuthClient(stage.mcp.mcp_url, "http://127.0.0.1:49152/callback")


def test_of_a_thousand_changed_answers_none_is_redeemed_and_then_the_good_one_is(stage, client):
    good = stage.person.redirect_only(client.get_authorization_url())
    expected = meaning(good)
    chance, tried, codes = random.Random(20260728), 0, set()
    while tried < MUTATIONS:
        redirect = mutated(good, chance)
        said = meaning(redirect)
        same = said is not None and all(said.get(part) == expected[part] for part in PARTS)
        if same and said.get("error", [""]) == [""]:
            continue  # nothing that counts was changed
        tried += 1
        try:
            code = client.read_authorization_response(redirect)
        except AuthorizationError as error:
            readable(error)
            continue
        assert said is not None
        assert (said["state"], said["iss"]) == (expected["state"], expected["iss"])
        assert said["code"] == [code] != expected["code"]
        codes.add(code)
    assert stage.sent("token") == []
    for code in sorted(codes)[:20]:
        pending = MCPOAuthClient(stage.mcp.mcp_url, "http://127.0.0.1:49152/callback")
        pending.get_authorization_url()
        with pytest.raises(TokenExchangeError):
            pending.exchange_code_for_token(code)
    assert stage.server.exchanges == 0
    assert client.exchange_code_for_token(client.read_authorization_response(good)).access_token
    assert stage.server.exchanges == 1
    stage.server.violations.clear()  # codes it never issued


@pytest.mark.parametrize(
    ("advertised", "iss", "taken"),
    [
        (True, "{issuer}", True),
        (True, None, False),
        (True, "", False),
        (True, "{issuer}/", False),
        (True, "{upper}", False),
        (True, "{percent}", False),
        (True, " {issuer}", False),
        (True, "{issuer}\x00", False),
        (True, "https://evil.example.com", False),
        (True, ["{issuer}", "{issuer}"], False),
        (True, ["{issuer}", "https://evil.example.com"], False),
        (False, "{issuer}", True),
        (False, None, True),
        (False, "{issuer}/", False),
        (False, "https://evil.example.com", False),
        (False, ["https://evil.example.com", "{issuer}"], False),
    ],
    ids=repr,
)
def test_the_issuer_in_the_answer_decides_before_anything_else_is_used(stage, advertised, iss, taken):
    issuer = stage.server.issuer
    values = {"issuer": issuer, "upper": issuer.replace("http", "HTTP"), "percent": issuer.replace("1", "%31")}

    def forge(query):
        named = [] if iss is None else iss if isinstance(iss, list) else [iss]
        return {**query, "iss": [one.format(**values) for one in named], "error_description": "<b>hostile words</b>"}

    stage.server.iss_advertised = advertised
    stage.server.before_redirect = forge
    if taken:
        assert stage.call(stage.auth()).status_code == 200
        return
    with stage.refusing(InvalidRedirectError, shown=1) as errors:
        stage.call(stage.auth())
    assert "hostile words" not in readable(errors[0])
    assert errors[0].error is None


@pytest.mark.parametrize("iss", ["https://evil.example.com", None], ids=repr)
def test_an_error_from_somebody_else_is_not_repeated(stage, iss):
    def forge(query):
        return {
            "state": query["state"],
            "iss": iss or [],
            "error": "hostile_code",
            "error_description": "hostile words",
        }

    stage.server.before_redirect = forge
    with stage.refusing(InvalidRedirectError, shown=1) as errors:
        stage.call(stage.auth())
    assert "hostile" not in readable(errors[0])


@pytest.mark.parametrize("name", ["code", "state", "iss", "error", "error_description", "error_uri"])
def test_an_answer_that_repeats_a_parameter_is_not_used(stage, name):
    stage.server.before_redirect = lambda query: {**query, name: [query.get(name, "x"), query.get(name, "x")]}
    with stage.refusing(InvalidRedirectError, shown=1):
        stage.call(stage.auth())


STATES = [None, "", "x", "{state}x", "x{state}", "{lower}", "{state}\x00", "{state} ", "\u0131" * 43, "%", "{start}"]


@pytest.mark.parametrize("state", STATES, ids=repr)
def test_an_answer_with_another_state_is_not_used(stage, state):
    def forge(query):
        good = query["state"]
        made = None if state is None else state.replace("{state}", good).replace("{lower}", good.lower())
        return {**query, "state": [] if made is None else made.replace("{start}", good[:-1])}

    stage.server.before_redirect = forge
    with stage.refusing(InvalidRedirectError, shown=1):
        stage.call(stage.auth())


@pytest.mark.parametrize(
    "redirect",
    [
        "",
        "?",
        "&&&",
        "x" * 100_000,
        "http://[",
        "http://127.0.0.1/callback",
        "%ff%fe=1",
        "code",
        "a=1&" * 500,
        "\ud800=1",
    ],
    ids=lambda text: repr(text)[:20],
)
def test_what_is_no_answer_at_all_is_not_used(stage, redirect):
    stage.answer = lambda url: redirect
    with stage.refusing(AuthorizationError, shown=1):
        stage.call(stage.auth())


def test_a_code_and_an_error_together_are_an_error(stage):
    stage.server.before_redirect = lambda query: {**query, "error": "access_denied"}
    with pytest.raises(AccessDeniedError):  # the registration is kept for the next try
        stage.call(stage.auth())
    with stage.refusing(AccessDeniedError, shown=1):
        stage.call(stage.auth())


def test_the_answer_of_an_earlier_sign_in_is_not_used_in_a_later_one(stage):
    first = stage.auth()
    assert stage.call(first).status_code == 200
    old = stage.person.redirect
    stage.answer = lambda url: old
    with stage.refusing(InvalidRedirectError, shown=1):
        first.sign_in()


def test_an_answer_is_good_once(stage, client):
    good = stage.person.redirect_only(client.get_authorization_url())
    assert client.exchange_code_for_token(client.read_authorization_response(good)).access_token
    with pytest.raises(AuthorizationError):
        client.read_authorization_response(good)
    with pytest.raises(AuthorizationError):
        client.exchange_code_for_token("anything")
    assert (stage.server.exchanges, stage.server.code_reuses) == (1, 0)


def test_strangers_at_the_loopback_change_nothing_and_the_true_answer_still_counts(stage):
    chance, statuses = random.Random(7), set()

    def answer(url):
        redirect = stage.person.redirect_only(url)
        base, _, query = redirect.partition("?")
        with requests.Session() as stranger:
            for _ in range(60):
                forged = dict(parse_qsl(query))
                forged["state"] = "".join(chance.sample(forged["state"], len(forged["state"])))
                statuses.add(stranger.get(f"{base}?{urlencode(forged)}", timeout=10).status_code)
        threading.Thread(target=lambda: requests.get(redirect, timeout=10).close(), name="browser").start()

    stage.answer = answer
    assert stage.call(stage.auth()).status_code == 200
    assert statuses == {400}
    assert stage.server.exchanges == 1
