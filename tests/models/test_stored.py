"""Secrets of every kind: what is kept of them, what is shown of them, and what they are sent as."""

from __future__ import annotations

import base64
import json
import traceback

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_sync.models.credentials import APIKeyToken, BasicAuthToken, BearerToken
from mcp_oauth_sync.models.document import MalformedDocument, NewerSchema
from mcp_oauth_sync.models.secret import Secret
from mcp_oauth_sync.models.stored import (
    SCHEMA,
    StoredToken,
    TokenType,
    oauth_from_stored_token,
    oauth_to_stored_token,
)
from mcp_oauth_sync.models.tokens import OAuthTokens

CANARY = "kC4n8rYq2Wx7Zt1Lm5Pv9Bd3"
BEARER = BearerToken(token=CANARY, expires_at=2000.5)
KEY = APIKeyToken(provider="weather", key=CANARY, organization_id="org-1", project_id="p-2")
BASIC = BasicAuthToken(username="ann", password=CANARY)
TOKENS = OAuthTokens(
    access_token=CANARY, refresh_token=CANARY[::-1], expires_in=3600, issued_at=1000.0, scope="notes:read"
)
EVERY = [
    BEARER.to_stored_token("n"),
    KEY.to_stored_token("n"),
    BASIC.to_stored_token("n"),
    oauth_to_stored_token(TOKENS, "n"),
]


def pieces(secret: str, size: int = 8) -> list[str]:
    return [secret[at : at + size] for at in range(len(secret) - size + 1)]


def shows(text: str, secret: str = CANARY) -> bool:
    return any(piece in text for whole in (secret, secret[::-1]) for piece in pieces(whole))


def test_every_kind_comes_back_from_its_stored_form() -> None:
    for original, stored in zip((BEARER, KEY, BASIC), EVERY, strict=False):
        again = StoredToken.from_json(stored.to_json())
        assert again == stored
        assert type(original).from_stored_token(again) == original
    assert oauth_from_stored_token(StoredToken.from_json(EVERY[3].to_json())) == TOKENS


def test_what_is_optional_may_be_missing() -> None:
    for token in (
        BearerToken(token="t"),
        APIKeyToken(provider="", key="k"),
        BasicAuthToken(username="", password=""),
    ):
        stored = StoredToken.from_json(token.to_stored_token("n").to_json())
        assert type(token).from_stored_token(stored) == token


@pytest.mark.parametrize("stored", EVERY, ids=lambda stored: stored.token_type.value)
def test_a_secret_taken_for_another_kind_is_refused_and_both_kinds_are_named(stored: StoredToken) -> None:
    doors = {
        "oauth": oauth_from_stored_token,
        "bearer": BearerToken.from_stored_token,
        "api_key": APIKeyToken.from_stored_token,
        "basic_auth": BasicAuthToken.from_stored_token,
    }
    for kind, door in doors.items():
        if kind != stored.token_type.value:
            with pytest.raises(ValueError, match=f"'n'.*'{stored.token_type.value}'.*'{kind}'"):
                door(stored)


@pytest.mark.parametrize("stored", EVERY, ids=lambda stored: stored.token_type.value)
def test_nothing_shown_of_a_secret_holds_a_piece_of_it(stored: StoredToken) -> None:
    members = dict(stored.data)
    assert not shows(f"{stored!r} {stored} {members!r} {stored.get_display_info()!r} {stored.to_json()!r}")
    assert not shows(json.dumps(stored.get_display_info()))
    for token in (BEARER, KEY, BASIC, TOKENS):
        assert not shows(f"{token!r} {token}")


def test_what_is_shown_says_what_one_wants_to_know() -> None:
    shown = [stored.get_display_info() for stored in EVERY]
    assert shown == [
        {"name": "n", "type": "bearer", "expires_at": 2000.5, "metadata": {}},
        {
            "name": "n",
            "type": "api_key",
            "provider": "weather",
            "organization_id": "org-1",
            "project_id": "p-2",
            "metadata": {},
        },
        {"name": "n", "type": "basic_auth", "username": "ann", "metadata": {}},
        {
            "name": "n",
            "type": "oauth",
            "expires_at": 4600.0,
            "has_refresh_token": True,
            "scope": "notes:read",
            "metadata": {},
        },
    ]
    bare = oauth_to_stored_token(OAuthTokens(access_token=CANARY, issued_at=1.0), "n").get_display_info()
    assert (bare["expires_at"], bare["has_refresh_token"]) == (None, False)


def test_what_is_shown_holds_no_text_that_hides_itself_so_that_it_may_go_into_an_index() -> None:
    info = attrs.evolve(EVERY[1], metadata={"of": ["a", {"b": "c"}]}).get_display_info()
    assert [type(info[member]) for member in ("provider", "organization_id", "project_id")] == [str, str, str]
    assert json.loads(json.dumps(info)) == info
    assert "<secret" not in repr(info)


def test_a_piece_of_the_secret_that_strayed_into_another_member_is_not_shown() -> None:
    stray = CANARY[3:11]
    stored = StoredToken(
        token_type=TokenType.API_KEY,
        name="n",
        data={"key": CANARY, "provider": f"x{stray}", "organization_id": CANARY[:7]},
        metadata={"note": [f"key {stray}"], f"of {stray}": 1, "fine": "yes"},
    )
    info = stored.get_display_info()
    assert not shows(repr(info))
    assert (info["provider"], info["organization_id"]) == (None, CANARY[:7])
    assert info["metadata"] == {"note": [None], "fine": "yes"}
    same = BasicAuthToken(username=CANARY, password=CANARY).to_stored_token("n")
    assert same.get_display_info()["username"] is None


def test_a_user_name_without_a_password_is_the_key_and_is_not_shown() -> None:
    stored = BasicAuthToken(username=CANARY, password="").to_stored_token("n")
    assert stored.get_display_info()["username"] is None


def test_odd_data_of_ones_own_does_not_break_what_is_shown() -> None:
    odd = {"expires_at": "soon", "issued_at": [], "expires_in": {}, "username": 7, "password": ["x"], "token": 5}
    for kind in TokenType:
        info = StoredToken(token_type=kind, name="n", data=odd).get_display_info()
        assert info.get("expires_at") is None
        assert json.dumps(info)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "[" * 100_000,
        "{}",
        '{"schema":0}',
        '{"schema":1.5}',
        '{"schema":"one"}',
        '{"schema":1,"name":"n","token_type":"bearer"}',
        '{"schema":1,"name":"n","token_type":"bearer","data":["kC4n8rYq2W"]}',
        '{"schema":1,"name":7,"token_type":"bearer","data":{}}',
        '{"schema":1,"name":"n","token_type":"diskette","data":{}}',
        '{"schema":1,"name":"n","token_type":["bearer"],"data":{}}',
        '{"schema":1,"name":"n","token_type":"bearer","data":{},"metadata":[1]}',
        '{"schema":1,"name":"n","token_type":"bearer","data":{},"metadata":{"x":NaN}}',
    ],
)
def test_junk_is_malformed_and_its_content_is_not_in_the_error(written: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        StoredToken.from_json(written)
    assert type(caught.value) is MalformedDocument
    assert not shows("".join(traceback.format_exception_only(caught.value)))


def test_a_newer_form_is_refused_and_an_older_or_longer_one_is_read() -> None:
    written = json.loads(BEARER.to_stored_token("n").to_json())
    with pytest.raises(NewerSchema, match=str(SCHEMA + 1)):
        StoredToken.from_json(json.dumps({**written, "schema": SCHEMA + 1}))
    longer = {**written, "added_later": [1], "data": {**written["data"], "added_later": "x"}}
    assert BearerToken.from_stored_token(StoredToken.from_json(json.dumps(longer))) == BEARER
    oldest = '{"schema":1,"token_type":"bearer","name":"n","data":{"token":"t"}}'
    assert BearerToken.from_stored_token(StoredToken.from_json(oldest)) == BearerToken(token="t")


@pytest.mark.parametrize(
    ("door", "data"),
    [
        (BearerToken, {}),
        (BearerToken, {"token": 7}),
        (BearerToken, {"token": ""}),
        (BearerToken, {"token": "two words"}),
        (BearerToken, {"token": "t", "expires_at": "soon"}),
        (APIKeyToken, {"key": "k"}),
        (APIKeyToken, {"provider": "p"}),
        (APIKeyToken, {"provider": "p", "key": "k", "project_id": 7}),
        (BasicAuthToken, {"username": "u"}),
        (BasicAuthToken, {"password": "p"}),
        (BasicAuthToken, {"username": "a:b", "password": "p"}),
    ],
)
def test_data_of_the_right_kind_with_wrong_members_is_a_value_error(door: type, data: dict[str, object]) -> None:
    kind = {BearerToken: "bearer", APIKeyToken: "api_key", BasicAuthToken: "basic_auth"}[door]
    with pytest.raises(ValueError, match=r"\w"):
        door.from_stored_token(StoredToken(token_type=kind, name="n", data=data))


@given(st.text(), st.dictionaries(st.text(), st.recursive(st.text() | st.integers() | st.none(), st.lists)))
def test_any_text_survives_the_stored_form(name: str, data: dict[str, object]) -> None:
    stored = StoredToken(token_type=TokenType.BEARER, name=name, data=data, metadata={name: name})
    assert StoredToken.from_json(stored.to_json()) == stored


def test_two_halves_of_a_character_do_not_become_one() -> None:
    halves = StoredToken(token_type="bearer", name="\ud83d\ude00", data={"token": "\ud83d\ude00"})
    again = StoredToken.from_json(halves.to_json())
    assert (len(again.name), len(again.data["token"])) == (2, 2)


def test_data_that_is_no_json_is_refused_without_showing_it() -> None:
    for odd in (object(), {CANARY}, float("nan")):
        stored = StoredToken(token_type="bearer", name="n", data={"token": odd})
        with pytest.raises(ValueError, match="'n' is not plain JSON") as caught:
            stored.to_json()
        assert not shows(str(caught.value))
        assert caught.value.__cause__ is None


def test_metadata_is_plain_json_and_never_a_secret() -> None:
    for bad in ({"a": Secret(CANARY)}, {"a": [{"b": Secret(CANARY)}]}, {Secret(CANARY): 1}):
        with pytest.raises(ValueError, match="a secret was given") as caught:
            attrs.evolve(EVERY[0], metadata=bad)
        assert not shows(str(caught.value))
    for bad in ({"a": object()}, {1: "a"}, {"a": (1, 2)}, {"a": float("inf")}, {"a": {"b"}}):
        with pytest.raises(ValueError, match="JSON"):
            attrs.evolve(EVERY[0], metadata=bad)


def test_the_caller_keeps_no_hand_on_what_was_given() -> None:
    data, metadata = {"token": "t", "more": ["x"]}, {"seen": ["x"]}
    stored = StoredToken(token_type="bearer", name="n", data=data, metadata=metadata)
    data["more"].append("y")  # type: ignore[attr-defined]
    metadata["seen"].append("y")
    assert (stored.data["more"], stored.metadata) == (["x"], {"seen": ["x"]})


def test_a_bearer_token_expires_at_its_time_or_so_much_earlier() -> None:
    assert [BEARER.is_expired(now=now) for now in (2000.0, 2000.5, 9e9)] == [False, True, True]
    assert BEARER.is_expired(now=1990.5, leeway=10) is True
    assert BEARER.is_expired(now=1990.4, leeway=10) is False
    assert BEARER.is_expired() is True
    assert BearerToken(token="t").is_expired(now=9e9, leeway=1e9) is False


@pytest.mark.parametrize("moment", [float("nan"), float("inf")])
def test_a_time_of_expiry_that_never_comes_is_refused(moment: float) -> None:
    with pytest.raises(ValueError, match="expiry"):
        BearerToken(token="t", expires_at=moment)


@pytest.mark.parametrize("token", ["", "two words", "line\r\nX-Evil: 1", "täst", "nul\0", None, 7])
def test_a_bearer_token_that_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ValueError, match=r"empty|visible|text") as caught:
        BearerToken(token=token)
    assert "Evil" not in str(caught.value)


def test_headers_are_what_the_standards_say() -> None:
    assert BEARER.get_authorization_header() == f"Bearer {CANARY}"
    # The example of RFC 7617 section 2, and that of section 2.1 in UTF-8.
    assert BasicAuthToken(username="Aladdin", password="open sesame").get_auth_header() == (
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    )
    assert BasicAuthToken(username="test", password="123£").get_auth_header() == "Basic dGVzdDoxMjPCow=="
    assert not shows(repr([BEARER.get_authorization_header(), BASIC.get_auth_header()]))


def test_a_name_is_sent_in_the_same_form_however_it_was_typed() -> None:
    composed = BasicAuthToken(username="Zoë", password="pä:ss").get_auth_header()
    assert composed == BasicAuthToken(username="Zoe\u0308", password="pa\u0308:ss").get_auth_header()
    assert base64.b64decode(composed[6:]).decode() == "Zoë:pä:ss"


@pytest.mark.parametrize(
    ("username", "password"),
    [("a:b", "p"), ("a\n", "p"), ("a", "p\0"), ("a", "\x7f"), ("a", "\x85"), ("\ud800", "p"), (None, "p"), ("a", None)],
)
def test_what_basic_auth_cannot_carry_is_refused(username: str, password: str) -> None:
    with pytest.raises(ValueError, match=r"colon|control|text"):
        BasicAuthToken(username=username, password=password)


def test_an_api_key_needs_a_key() -> None:
    with pytest.raises(ValueError, match="empty"):
        APIKeyToken(provider="p", key="")
