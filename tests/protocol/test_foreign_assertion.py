"""What is read of an assertion that somebody else signed: for whom it is, whose, until when, and never more."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mcp_oauth_sync.protocol.foreign_assertion import audiences, fingerprint, is_past, read_claims


def coded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def token(**claims: Any) -> str:
    return f"{coded('{}')}.{coded(json.dumps(claims))}.{coded('signature')}"


def saml(name: str, issuer: str = "https://idp.example.com", prefix: str = "saml:") -> str:
    return coded(
        f'<{prefix}Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id(name)}">'
        f"<{prefix}Issuer Format='urn'>\n {issuer} </{prefix}Issuer>"
        f"<{prefix}Subject><{prefix}NameID>{name}</{prefix}NameID></{prefix}Subject></{prefix}Assertion>"
    )


def test_the_claims_of_a_signed_jwt_are_read() -> None:
    assert read_claims(token(sub="ada", aud="x")) == {"sub": "ada", "aud": "x"}


@pytest.mark.parametrize(
    "text",
    [
        *("", "..", "a.b", "a.b.c.d.e", "/var/run/token", "a.!!!.c", "ä.ä.ä", f"a.{coded('[1]')}.c"),
        *(f"a.{coded('{')}.c", f"a.{coded('[' * 5000)}.c", f"a.{base64.urlsafe_b64encode(bytes([255])).decode()}.c"),
    ],
)
def test_anything_else_says_nothing(text: str) -> None:
    assert read_claims(text) is None
    assert fingerprint(text) is None


@pytest.mark.parametrize(
    ("aud", "expected"),
    [("x", ("x",)), (["x", "y"], ("x", "y")), ([7, "x"], ("x",)), (None, ()), ({}, ()), (7, ())],
)
def test_it_may_be_for_one_or_for_several(aud: object, expected: tuple[str, ...]) -> None:
    assert audiences({"aud": aud}) == expected


@pytest.mark.parametrize(
    ("exp", "past"), [(99, True), (100, True), (101, False), (99.5, True), ("99", False), (None, False), (True, False)]
)
def test_its_time_is_over_when_it_says_so(exp: object, past: bool) -> None:
    assert is_past({"exp": exp}, now=100) is past
    assert is_past({"exp": 1}) is True


def test_a_fingerprint_tells_people_apart_and_stays_when_the_assertion_changes() -> None:
    ada = {"iss": "https://idp.example.com", "sub": "ada"}
    assert fingerprint(token(**ada, exp=1)) == fingerprint(token(**ada, exp=2))
    others = [
        {**ada, "sub": "bob"},
        {**ada, "iss": "https://other.example.com"},
        {"iss": "https://idp.example.co", "sub": "mada"},
    ]
    assert len({fingerprint(token(**who)) for who in (ada, *others)}) == 4
    assert "ada" not in (fingerprint(token(**ada)) or "ada")


@pytest.mark.parametrize("claims", [{"sub": "ada"}, {"iss": "x"}, {"iss": "x", "sub": ""}, {"iss": 1, "sub": 2}, {}])
def test_without_issuer_and_subject_nobody_can_tell_whose_it_is(claims: dict[str, Any]) -> None:
    assert fingerprint(token(**claims)) is None


def test_a_saml_assertion_has_a_subject_too() -> None:
    assert fingerprint(saml("ada")) == fingerprint(saml("ada", prefix=""))
    assert len({fingerprint(saml("ada")), fingerprint(saml("bob")), fingerprint(saml("ada", "https://b"))}) == 3
    assert fingerprint(coded("<Assertion></Assertion>")) is None
