"""Sealed sign-ins and keys as text: the documented forms, and every other text refused with nothing let through."""

from __future__ import annotations

import base64
import json
import re
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from mcp_oauth_sync import ExportKeyPair
from mcp_oauth_sync.exceptions import StoreCorruptError, TokenStorageError
from mcp_oauth_sync.models.secret import Secret
from mcp_oauth_sync.stores import sealed_text, sealing

from . import independent

TEXT = json.dumps({"schema": 1, "name": "ñotes", "record": {}})
PASSWORD = "correct horse battery staple"
PAIR = ExportKeyPair.generate()


@pytest.fixture(scope="module", autouse=True)
def few_rounds() -> Any:
    """Derive keys quickly, for every example."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "ITERATIONS", 10)
        patch.setattr(sealing, "_derived", {})
        yield


def with_password() -> str:
    return sealed_text.seal_with_password(PASSWORD)(TEXT)


def to_key() -> str:
    return sealed_text.seal_to_key(PAIR.public)(TEXT)


def test_lines_written_from_the_documentation_open_both_forms() -> None:
    assert independent.open_with_password(with_password(), PASSWORD, rounds=10) == json.loads(TEXT)
    assert independent.open_with_key(to_key(), PAIR.private) == json.loads(TEXT)


def test_the_password_costs_who_guesses_600_000_rounds_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "ITERATIONS", 600_000)
    monkeypatch.setattr(sealing, "_derived", {})
    assert independent.open_with_password(with_password(), PASSWORD) == json.loads(TEXT)


@pytest.mark.parametrize("make", [with_password, to_key, lambda: PAIR.public, lambda: PAIR.private])
def test_each_is_one_line_of_printable_ascii_that_says_what_it_is(make: Any) -> None:
    assert re.fullmatch(r"mcp-oauth-sync\.1\.(password|key|public|private)\.[A-Za-z0-9_-]+", make())


def test_no_two_seals_are_alike() -> None:
    assert len({with_password() for _ in range(50)} | {to_key() for _ in range(50)}) == 100


@pytest.mark.parametrize("make", [with_password, to_key])
def test_line_ends_and_spaces_that_a_mail_has_put_in_do_not_matter(make: Any) -> None:
    sealed = make()
    broken = "\r\n ".join(sealed[at : at + 60] for at in range(0, len(sealed), 60)) + "\n\n"
    assert opened(broken) == TEXT


def opened(text: str) -> str:
    if sealed_text.kind_of(text) == sealed_text.PASSWORD:
        return sealed_text.open_with_password(text, PASSWORD)
    return sealed_text.open_with_key(text, PAIR.private)


def refused(text: str) -> None:
    with pytest.raises(TokenStorageError) as caught:
        opened(text)
    assert caught.value.hint
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("make", [with_password, to_key])
@given(choice=some.data())
@settings(max_examples=60, deadline=None)
def test_no_damaged_text_opens(make: Any, choice: some.DataObject) -> None:
    sealed = make()
    at = choice.draw(some.integers(0, len(sealed) - 1))
    kind = choice.draw(some.sampled_from(["cut", "change", "drop", "double", "insert", "junk"]))
    other = choice.draw(some.sampled_from(string.ascii_letters + string.digits + "-_.=+/é\0"))
    spoilt = {
        "cut": sealed[:at],
        "change": sealed[:at] + other + sealed[at + 1 :],
        "drop": sealed[:at] + sealed[at + 1 :],
        "double": sealed + sealed,
        "insert": sealed[:at] + other + sealed[at:],
        "junk": other * at,
    }[kind]
    if spoilt != sealed:
        refused(spoilt)


@given(text=some.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_foreign_text_opens(text: str) -> None:
    refused(text)


@pytest.mark.parametrize("kind", [sealed_text.PASSWORD, sealed_text.KEY])
@given(data=some.binary(max_size=200))
@settings(max_examples=40, deadline=None)
def test_no_made_up_data_opens(kind: str, data: bytes) -> None:
    refused(sealed_text.written(kind, data))


def test_a_seal_of_one_purpose_does_not_open_for_another() -> None:
    _, data = independent.parts(with_password())
    refused(sealed_text.written(sealed_text.KEY, data))
    salt, key = data[:32], sealing.PasswordKeys(PASSWORD).for_sealing(data[:32])
    refused(sealed_text.written(sealed_text.PASSWORD, sealing.seal(key, salt, TEXT, "oauth/notes")))


def test_there_is_one_way_only_to_write_a_sealed_text() -> None:
    for sealed in (with_password(), to_key()):
        kind, data = independent.parts(sealed)
        for spelled in (base64.urlsafe_b64encode(data).decode(), base64.b64encode(data).decode()):
            if f"{kind}.{spelled}" != sealed:
                refused(f"{kind}.{spelled}")


@pytest.mark.parametrize("length", [10, 11])
def test_bits_that_stand_for_nothing_are_not_there_to_be_changed(length: int) -> None:
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    sealed = sealed_text.seal_to_key(PAIR.public)("x" * length)
    other = sealed[:-1] + alphabet[alphabet.index(sealed[-1]) + 1]
    kind, data = independent.parts(other)
    assert (kind, data) == independent.parts(sealed), "the same bytes, written in another way"
    refused(other)


@pytest.mark.parametrize("version", ["2", "17", "999999999"])
def test_a_newer_form_says_that_this_installation_is_too_old(version: str) -> None:
    for sealed in (with_password(), to_key()):
        with pytest.raises(TokenStorageError, match=f"newer mcp-oauth-sync .version {version}") as caught:
            opened(sealed.replace(".1.", f".{version}.", 1))
        assert caught.value.hint == "Upgrade this installation."
        assert not isinstance(caught.value, StoreCorruptError)


def test_what_is_too_long_is_refused_before_it_is_looked_at() -> None:
    refused(sealed_text.written(sealed_text.PASSWORD, b"x" * sealed_text.LONGEST))
    refused("mcp-oauth-sync.1.password." + " A" * 4 * sealed_text.LONGEST)


@pytest.mark.parametrize("password", ["wrong", PASSWORD + " ", PASSWORD.upper()])
def test_another_password_opens_nothing(password: str) -> None:
    with pytest.raises(StoreCorruptError, match="the password is another one"):
        sealed_text.open_with_password(with_password(), password)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(StoreCorruptError, match="the key is another one"):
        sealed_text.open_with_key(to_key(), ExportKeyPair.generate().private)


def test_an_empty_password_seals_and_opens_nothing() -> None:
    for act in (
        lambda: sealed_text.seal_with_password(""),
        lambda: sealed_text.open_with_password(with_password(), ""),
    ):
        with pytest.raises(TokenStorageError, match="is empty"):
            act()


def test_the_wrong_kind_of_means_is_told_from_a_wrong_one() -> None:
    with pytest.raises(TokenStorageError, match="a key was given, but it was sealed with a password"):
        sealed_text.open_with_key(with_password(), PAIR.private)
    with pytest.raises(TokenStorageError, match="a password was given, but it was sealed to a key"):
        sealed_text.open_with_password(to_key(), PASSWORD)


@pytest.mark.parametrize("text", [PAIR.public, PAIR.private], ids=["public", "private"])
def test_a_key_is_not_taken_for_a_sealed_sign_in(text: str) -> None:
    with pytest.raises(TokenStorageError, match="key, not a sealed sign-in"):
        sealed_text.kind_of(text)


@pytest.mark.parametrize(
    "text",
    ["", "x", PAIR.private, "mcp-oauth-sync.1.public.AAAA", "mcp-oauth-sync.1.public.A"],
    ids=["empty", "one character", "private key", "too short", "no base64"],
)
def test_what_is_no_public_key_seals_nothing(text: str) -> None:
    with pytest.raises(TokenStorageError, match="no public key") as caught:
        sealed_text.seal_to_key(text)
    assert PAIR.private[-8:] not in str(caught.value)


def test_a_public_key_that_gives_everybody_the_same_secret_seals_nothing() -> None:
    seal = sealed_text.seal_to_key(sealed_text.written(sealed_text.PUBLIC, bytes(32)))
    with pytest.raises(TokenStorageError, match="no public key"):
        seal(TEXT)
    refused(sealed_text.written(sealed_text.KEY, bytes(64)))


@pytest.mark.parametrize(
    "text", ["", PAIR.public, "mcp-oauth-sync.1.private.AAAA"], ids=["empty", "public key", "too short"]
)
def test_what_is_no_private_key_opens_nothing(text: str) -> None:
    with pytest.raises(TokenStorageError, match="no private key"):
        sealed_text.open_with_key(to_key(), text)
    with pytest.raises(TokenStorageError, match="no private key"):
        ExportKeyPair.from_private(text)


def test_the_public_key_is_had_from_the_private_one_which_does_not_show_itself() -> None:
    assert ExportKeyPair.from_private(PAIR.private) == PAIR
    assert PAIR.private[-8:] not in repr(PAIR)
    assert isinstance(PAIR.private, Secret)
