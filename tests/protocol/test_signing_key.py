"""The private key of a client: read where it is kept, judged, and never shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync import ClientKey
from mcp_oauth_sync.exceptions import RegistrationError
from mcp_oauth_sync.protocol.signing_key import read_signing_key, select_algorithm
from tests.servers.keys import private_pem, public_pem

SERVER = "https://login.example.com"


def algorithms(key: Any, **more: Any) -> tuple[str, ...]:
    return read_signing_key(ClientKey(key, **more)).algorithms


def choose(kind: str, offered: tuple[str, ...] | None = None, algorithm: str | None = None) -> str:
    key = ClientKey(private_pem(kind), algorithm=algorithm)
    return select_algorithm(read_signing_key(key), wanted=algorithm, offered=offered, server=SERVER)


@pytest.mark.parametrize(
    ("kind", "usual"),
    [
        ("P-256", "ES256"),
        ("P-384", "ES384"),
        ("P-521", "ES512"),
        ("RSA", "RS256"),
        ("Ed25519", "EdDSA"),
        ("Ed448", "EdDSA"),
    ],
)
def test_the_kind_of_the_key_says_what_it_signs_by(kind: str, usual: str) -> None:
    assert algorithms(private_pem(kind))[0] == usual
    assert choose(kind) == usual


@pytest.mark.parametrize("kind", ["P-256", "RSA"])
def test_the_older_forms_of_pem_are_read_too(kind: str) -> None:
    assert algorithms(private_pem(kind, older=True)) == algorithms(private_pem(kind))


def test_a_key_comes_as_text_or_bytes_from_a_file_or_from_a_function(tmp_path: Path) -> None:
    pem = private_pem()
    file = tmp_path / "key.pem"
    file.write_text(pem)
    for source in (pem, pem.encode(), file, lambda: pem, pem.encode):
        assert algorithms(source) == ("ES256",)


def test_a_file_and_a_function_are_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    brought = iter([private_pem("P-256"), private_pem("RSA")])
    by_file, by_function = ClientKey(file), ClientKey(lambda: next(brought))
    for kind in ("P-256", "RSA"):
        file.write_text(private_pem(kind))
        assert read_signing_key(by_file).algorithms == read_signing_key(by_function).algorithms
        assert read_signing_key(by_file).algorithms == algorithms(private_pem(kind))


@pytest.mark.parametrize("older", [False, True])
def test_an_encrypted_key_is_opened_by_its_password(older: bool) -> None:
    assert algorithms(private_pem(password="open sesame", older=older), password="open sesame") == ("ES256",)


@pytest.mark.parametrize(
    ("pem", "password", "defect"),
    [
        (private_pem(password="right"), None, "it is encrypted, and password= is not given"),
        (private_pem(password="right"), "wrong", "it is encrypted, and the password is wrong"),
        (private_pem(), "not needed", "a password is given, and it is not encrypted"),
        (public_pem(), None, "it is a public key, and the private key is needed"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", None, "it is a certificate"),
        ("{'kty': 'EC'}", None, "it is no private key in PEM"),
        ("", None, "it is no private key in PEM"),
        (private_pem()[:-40], None, "it is damaged"),
        (private_pem("short RSA"), None, "an RSA key of 1024 bits is too short"),
        (private_pem("X25519"), None, "it is of a kind that no assertion can be signed with"),
        (private_pem("secp256k1"), None, "it is of a kind that no assertion can be signed with"),
    ],
    ids=[
        *("no password", "wrong password", "needless password", "public", "certificate", "JWK", "empty", "cut"),
        *("short", "X25519", "secp256k1"),
    ],
)
def test_what_is_no_key_to_sign_with_is_an_error_that_shows_nothing_of_it(
    tmp_path: Path, pem: str, password: str | None, defect: str
) -> None:
    file = tmp_path / "key.pem"
    file.write_text(pem or "nothing")
    sources = {file: str(file), pem: "the text given", (lambda: pem): "the function given"}
    for source, origin in sources.items():
        with pytest.raises(RegistrationError) as caught:
            algorithms(source, password=password)
        assert caught.value.message.startswith(f"The client's private key from {origin} cannot be used: {defect}")
        assert "client_key=" in (caught.value.hint or "")
        body = pem.splitlines()[1] if pem.count("\n") > 1 else None
        assert body is None or body[:12] not in repr(caught.value)
        assert caught.value.__cause__ is None


def test_der_bytes_are_no_pem_and_are_not_repeated() -> None:
    with pytest.raises(RegistrationError, match="no private key in PEM"):
        algorithms(b"\x30\x82\x01\x0a\x02\x82\x01\x01\x00")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.pem"
    with pytest.raises(RegistrationError, match=re.escape(f"cannot be read from {missing}: No such file")):
        algorithms(missing)


@pytest.mark.parametrize("brought", [None, 7, ["PEM"]])
def test_a_function_that_brings_no_pem_is_an_error(brought: object) -> None:
    with pytest.raises(RegistrationError, match="from the function given cannot be used: it brought a"):
        algorithms(lambda: brought)


def test_of_what_the_key_can_do_the_server_takes_what_it_lists() -> None:
    assert choose("RSA", ("PS256", "ES256")) == "PS256"
    assert choose("RSA", ("RS512", "RS256")) == "RS256"
    assert choose("RSA", ()) == "RS256"
    assert choose("RSA", ("PS256", "RS384"), "RS384") == "RS384"


def test_what_the_server_does_not_take_is_an_error_that_names_both() -> None:
    with pytest.raises(RegistrationError, match=f"signs by ES256, and {SERVER} takes only RS256 PS256"):
        choose("P-256", ("RS256", "PS256"))
    with pytest.raises(RegistrationError, match=r"signs by RS256, and .* takes only PS256"):
        choose("RSA", ("PS256",), "RS256")
    with pytest.raises(RegistrationError, match="takes only ES"):
        choose("RSA", ("ES\x1b[2J256",))


def test_an_algorithm_that_the_key_cannot_do_is_an_error_before_anything_is_signed() -> None:
    with pytest.raises(RegistrationError, match="does not fit ES384; it can sign by ES256"):
        choose("P-256", None, "ES384")


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS1", "es256", ""])
def test_what_is_no_algorithm_for_a_private_key_is_refused_at_once(algorithm: str) -> None:
    with pytest.raises(ValueError, match="must be one of ES256"):
        ClientKey(private_pem(), algorithm=algorithm)


def test_a_key_never_shows_itself() -> None:
    for source in (private_pem(), private_pem().encode()):
        key = ClientKey(source, password="a password of some length")
        signing = read_signing_key(ClientKey(source))
        for shown in (repr(key), str(key), repr(key.key), repr(key.password), repr(signing)):
            assert private_pem().splitlines()[1][:8] not in shown
            assert "a password" not in shown
