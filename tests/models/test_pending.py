"""What is kept of a started sign-in, and what its starter gets: read back as written, refused when spoilt."""

from __future__ import annotations

import json

import pytest

from mcp_oauth_sync import ClientRegistration, StartedSignIn, Switches
from mcp_oauth_sync.models.document import MalformedDocument
from mcp_oauth_sync.models.pending import PendingSignIn, expiry_of, key_part

PENDING = PendingSignIn(
    server_url="https://mcp.example.com/mcp",
    name="work",
    named=True,
    issuer="https://as.example.com",
    issuer_advertised=True,
    redirect_uri="https://app.example.com/back",
    state="state-of-this-test",
    verifier="verifier-of-this-test",
    token_endpoint="https://as.example.com/token",
    revocation_endpoint="https://as.example.com/revoke",
    resource="https://mcp.example.com/mcp",
    scopes=("a", "b"),
    registration=ClientRegistration(
        client_id="app", client_secret="secret-of-this-test", issuer="https://as.example.com"
    ),
    switches=Switches(assume_pkce=True),
    dpop_key="key-of-this-test",
    expires_at=1000.25,
)


def test_it_comes_back_as_it_was() -> None:
    assert PendingSignIn.from_json(PENDING.to_json()) == PENDING


def test_it_shows_no_secret_of_its_own() -> None:
    assert "of-this-test" not in repr(PENDING) + repr(PENDING.to_record()) + PENDING.key


def test_its_key_tells_when_it_ends_and_nothing_else() -> None:
    digest, _, digits = PENDING.key.partition(".")
    assert (digest, digits) == (key_part("state-of-this-test"), "1001")
    assert expiry_of(PENDING.key) == 1001


@pytest.mark.parametrize(
    "key", ["", "1001", f"{'a' * 63}.1", f"{'a' * 64}.x", f"{'a' * 64}.-1", f"{'a' * 64}.{'9' * 40}"]
)
def test_a_key_that_is_not_one_never_ends(key: str) -> None:
    assert expiry_of(key) == float("inf")


@pytest.mark.parametrize(("now", "late"), [(1000.2, False), (1000.25, True), (2000.0, True)])
def test_it_is_too_late_from_the_moment_it_ends(now: float, late: bool) -> None:
    assert PENDING.is_expired(now=now) is late


@pytest.mark.parametrize(
    "member", ["server_url", "redirect_uri", "state", "verifier", "token_endpoint", "registration"]
)
@pytest.mark.parametrize("spoilt", [None, 5, []])
def test_a_member_that_is_missing_or_of_another_kind_is_refused(member: str, spoilt: object) -> None:
    with pytest.raises(MalformedDocument):
        PendingSignIn.from_record({**PENDING.to_record(), member: spoilt})


@pytest.mark.parametrize("member", ["expires_at", "switches", "scopes", "schema"])
def test_so_is_a_number_an_object_or_a_list_that_is_none(member: str) -> None:
    with pytest.raises(MalformedDocument):
        PendingSignIn.from_record({**PENDING.to_record(), member: "text"})


@pytest.mark.parametrize("schema", [2, 0, 1.5])
def test_a_version_that_is_not_known_is_refused(schema: float) -> None:
    with pytest.raises(MalformedDocument):
        PendingSignIn.from_record({**PENDING.to_record(), "schema": schema})


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(MalformedDocument):
        PendingSignIn.from_json(text)


def test_what_the_starter_gets_goes_through_json() -> None:
    started = StartedSignIn(
        url="https://as.example.com/a?state=x", server_url="https://mcp.example.com?k=1", expires_at=5
    )
    assert StartedSignIn.from_dict(json.loads(json.dumps(started.to_dict()))) == started
    assert repr(started) == "StartedSignIn(server_url=https://mcp.example.com, expires_at=5)"


@pytest.mark.parametrize("spoilt", [{"url": None}, {"server_url": 1}, {"expires_at": None}, {"expires_at": "soon"}])
def test_what_is_not_what_the_starter_got_is_refused(spoilt: dict[str, object]) -> None:
    whole = {"url": "https://as.example.com/a", "server_url": "https://mcp.example.com", "expires_at": 5}
    with pytest.raises(ValueError, match="is"):
        StartedSignIn.from_dict({**whole, **spoilt})
