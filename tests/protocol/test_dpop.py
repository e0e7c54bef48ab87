"""Proofs, their keys, and what servers say about them."""

from __future__ import annotations

import base64
import copy
import pickle
import sys
import time
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mcp_oauth_sync import OAuthTokens, ServerRecord
from mcp_oauth_sync.exceptions import AuthorizationError, InsecureURLError, StoreCorruptError
from mcp_oauth_sync.models.secret import Secret
from mcp_oauth_sync.protocol import dpop
from mcp_oauth_sync.protocol.dpop import MAX_ORIGINS, Heard, Prover, build_key
from mcp_oauth_sync.protocol.presented import (
    Presented,
    Provers,
    present,
    presented_on,
    require_same_origin,
    withdraw,
)

URL = "https://mcp.example.com/mcp"
KEY = build_key()


def opened(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a proof, its signature checked with its own key."""
    header = jwt.get_unverified_header(proof)
    key = jwt.PyJWK(header["jwk"]).key
    return header, jwt.decode(proof, key, algorithms=["ES256"], options={"verify_iat": False})


def test_a_proof_holds_what_rfc_9449_wants_and_nothing_else() -> None:
    header, claims = opened(Prover(KEY).build_proof("post", f"{URL}?a=b#c"))
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert set(header) == {"typ", "alg", "jwk"}
    assert set(header["jwk"]) == {"kty", "crv", "x", "y"}
    assert set(claims) == {"jti", "htm", "htu", "iat"}
    assert (claims["htm"], claims["htu"]) == ("POST", URL)
    assert abs(claims["iat"] - time.time()) < 5
    assert len(base64.urlsafe_b64decode(claims["jti"] + "==")) * 8 >= 96


def test_no_two_proofs_have_a_name_in_common() -> None:
    prover = Prover(KEY)
    assert len({opened(prover.build_proof("GET", URL))[1]["jti"] for _ in range(200)}) == 200


def test_the_nonce_of_an_origin_goes_to_that_origin_only() -> None:
    prover = Prover(KEY)
    prover.heard.hear_nonce(f"{URL}/elsewhere?x", {"DPoP-Nonce": "n1"})
    assert opened(prover.build_proof("GET", URL))[1]["nonce"] == "n1"
    for other in ("https://mcp.example.com:8443/mcp", "http://mcp.example.com/mcp", "https://example.com"):
        assert "nonce" not in opened(prover.build_proof("GET", other))[1]


def test_the_newest_nonce_wins_and_of_many_origins_the_last_heard_of_are_kept() -> None:
    heard = Heard()
    for number in range(MAX_ORIGINS + 3):
        heard.hear_nonce(f"https://{number}.example.com", {"dpop-nonce": f"n{number}"})
    heard.hear_nonce("https://3.example.com", {"dpop-nonce": "newer"})
    assert [number for number in range(MAX_ORIGINS + 3) if heard.nonce(f"https://{number}.example.com")] == list(
        range(3, MAX_ORIGINS + 3)
    )
    assert heard.nonce("https://3.example.com") == "newer"


@pytest.mark.parametrize(
    "nonce",
    [
        "",
        " ",
        "a b",
        "a, b",
        'a"b',
        "a\\b",
        "a\r\nX: y",
        "\x00",
        "n\x7f",
        "n\u00e9",
        "n\u2028",
        "n" * 1025,
        "n" * 10_000,
    ],
    ids=lambda nonce: repr(nonce)[:16],
)
def test_a_nonce_that_is_none_is_not_taken(nonce: str) -> None:
    heard = Heard()
    assert heard.hear_nonce(URL, {"dpop-nonce": "good"})
    assert not heard.hear_nonce(URL, {"DPoP-Nonce": nonce})
    assert heard.nonce(URL) == "good"


def test_answers_without_a_nonce_leave_the_one_that_is_known() -> None:
    heard = Heard()
    heard.hear_nonce(URL, {"dpop-nonce": "n" * 1024})
    assert not heard.hear_nonce(URL, {})
    assert heard.nonce(URL) == "n" * 1024


def test_another_proof_is_worth_it_once_for_each_reason() -> None:
    prover, corrected = Prover(KEY), set[str]()

    def better(error: str | None, **headers: str) -> bool:
        answer = {name.replace("_", "-"): value for name, value in headers.items()}
        return prover.can_do_better(URL, answer, error=error, corrected=corrected)

    wrong_clock = formatdate(time.time() + 3600, usegmt=True)
    assert not better(None, dpop_nonce="n0")
    assert not better("use_dpop_nonce"), "without a nonce there is nothing to do better"
    assert better("use_dpop_nonce", dpop_nonce="n1")
    assert not better("use_dpop_nonce", dpop_nonce="n2")
    assert not better("invalid_dpop_proof", date=formatdate(time.time(), usegmt=True)), "the clock is not to blame"
    assert better("invalid_dpop_proof", date=wrong_clock)
    assert not better("invalid_dpop_proof", date=formatdate(0, usegmt=True))
    assert not better("invalid_token", dpop_nonce="n3", date=formatdate(0, usegmt=True))
    _, claims = opened(prover.build_proof("GET", URL))
    assert claims["nonce"] == "n3", "it listens to whatever answer there is"
    assert abs(claims["iat"] - time.time() - 3600) < 5
    assert abs(opened(prover.build_proof("GET", "https://as.example.com"))[1]["iat"] - time.time()) < 5


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Jan 2026 00:00:00 GMT", "Fri, 31 Dec 99999 23:59:59", None])
def test_a_date_that_is_none_says_nothing(date: str | None) -> None:
    assert not Heard().hear_time(URL, {} if date is None else {"date": date})


def pem(key: Any, password: bytes | None = None) -> str:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden).decode()


UNREADABLE = {
    "nothing": "",
    "no PEM": "-----BEGIN PRIVATE KEY-----",
    "damaged": KEY.replace("MIG", "AAA"),
    "another curve": pem(ec.generate_private_key(ec.SECP384R1())),
    "RSA": pem(rsa.generate_private_key(65537, 2048)),
    "Ed25519": pem(ed25519.Ed25519PrivateKey.generate()),
    "locked": pem(ec.generate_private_key(ec.SECP256R1()), b"a password"),
    "half characters": "\ud800",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_key_that_cannot_be_read_is_an_error_that_does_not_show_it(name: str) -> None:
    with pytest.raises(StoreCorruptError, match="that the tokens for a server are bound to") as caught:
        Prover(UNREADABLE[name])
    assert "BEGIN" not in str(caught.value)
    assert "sign in again" in str(caught.value.hint)


def test_each_key_is_new_and_fits_its_thumbprint() -> None:
    one, other = Prover(build_key()), Prover(build_key())
    assert one.thumbprint != other.thumbprint
    assert one.thumbprint == Prover(one.key).thumbprint
    assert len(one.thumbprint) == 43


def test_coordinates_with_leading_zeros_keep_their_length() -> None:
    short = next(key for key in iter(build_key, None) if len(_coordinates(key)) < 64)
    assert {len(Prover(short).jwk[name]) for name in ("x", "y")} == {43}


def _coordinates(key: str) -> bytes:
    numbers = dpop._read_key(Secret(key), "x").public_key().public_numbers()
    return b"".join(n.to_bytes((n.bit_length() + 7) // 8, "big") for n in (numbers.x, numbers.y))


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(AuthorizationError, match=r"https://mcp\.example\.com/mcp needs a proof") as caught:
        Prover(KEY).build_proof("GET", f"{URL}?secret=x")
    assert caught.value.hint == "Run: pip install 'mcp-oauth-sync[jwt]'"


# As requests carry it


def record(token_type: str, **more: Any) -> ServerRecord:
    tokens = OAuthTokens(access_token="the-token", token_type=token_type)
    return ServerRecord(server_url=URL, tokens=tokens, **more)


def test_a_bearer_token_is_presented_alone_whether_or_not_there_is_a_key() -> None:
    for kept in (record("bearer"), record("Bearer", dpop_key=KEY)):
        header = Provers(URL).present(kept)
        assert header is not None
        assert (header, header.prover) == ("Bearer the-token", None)
        assert header.headers("GET", URL) == {"Authorization": "Bearer the-token"}
    assert Provers(URL).present(ServerRecord()) is Provers(URL).present(None) is None


def test_the_same_key_has_the_same_prover_and_another_one_remembers_what_was_heard() -> None:
    provers = Provers(URL)
    first = provers.of(record("DPoP", dpop_key=KEY))
    assert first is provers.of(record("dpop", dpop_key=KEY)) is not None
    assert provers.of(record("Bearer")) is None
    first.heard.hear_nonce(URL, {"dpop-nonce": "n"})
    second = provers.of(record("DPoP", dpop_key=build_key()))
    assert second is not None
    assert second is not first
    assert second.heard.nonce(URL) == "n"


def test_another_token_takes_the_place_of_the_one_on_a_request_and_of_its_proof() -> None:
    request = requests.Request("GET", URL, headers={"authorization": "Basic x", "dpop": "theirs"}).prepare()
    bound, bearer = Presented("DPoP t", Prover(KEY)), Presented("Bearer t")
    present(request, bearer)
    assert (request.headers["Authorization"], request.headers["DPoP"]) == ("Bearer t", "theirs")
    present(request, bound)
    assert presented_on(request) is bound
    assert [name for name in request.headers if name.lower() == "dpop"] == ["DPoP"]
    assert opened(request.headers["DPoP"])[1]["ath"] == dpop.build_token_hash("t")
    present(request, bearer)
    assert "DPoP" not in request.headers
    withdraw(request)
    assert "Authorization" not in request.headers
    request.headers["Authorization"] = "Basic x"
    withdraw(request)
    assert request.headers["Authorization"] == "Basic x"


def test_copies_that_leave_the_process_leave_the_key_behind() -> None:
    header = Presented("DPoP t", Prover(KEY))
    for copied in (pickle.loads(pickle.dumps(header)), copy.deepcopy(header), copy.copy(header)):
        assert type(copied) is Secret
        assert copied == header
    assert KEY.splitlines()[1] not in repr([header, vars(header.prover)])


def test_a_token_goes_to_its_own_server_only() -> None:
    assert require_same_origin(None, URL) == URL
    assert require_same_origin("https://MCP.example.com:443/x?y", URL) == "https://MCP.example.com:443/x?y"
    for elsewhere in ("https://example.com/mcp", "http://mcp.example.com/mcp", "https://mcp.example.com:1/", "no URL"):
        with pytest.raises(InsecureURLError, match="not on the origin"):
            require_same_origin(elsewhere, URL)


def test_a_web_socket_is_on_the_origin_of_the_request_that_opens_it() -> None:
    assert require_same_origin("wss://mcp.example.com/live?x", URL) == "https://mcp.example.com/live?x"
    assert require_same_origin("WSS://mcp.example.com:443/live", URL) == "https://mcp.example.com:443/live"
    assert require_same_origin("ws://localhost:8000/live", "http://localhost:8000/mcp") == "http://localhost:8000/live"
    for elsewhere in (
        "ws://mcp.example.com/live",
        "ws://mcp.example.com:443/live",
        "wss://mcp.example.com:444/live",
        "wss://example.com/live",
        "wsss://mcp.example.com/live",
        "wss",
    ):
        with pytest.raises(InsecureURLError, match="not on the origin"):
            require_same_origin(elsewhere, URL)
    with pytest.raises(InsecureURLError, match="not on the origin"):
        require_same_origin("wss://localhost:8000/live", "http://localhost:8000/mcp")


def test_the_clock_is_read_for_each_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    prover = Prover(KEY)
    monkeypatch.setattr(dpop, "time", SimpleNamespace(time=lambda: 1234.9))
    claims = jwt.decode(prover.build_proof("GET", URL), options={"verify_signature": False})
    assert claims["iat"] == 1234
