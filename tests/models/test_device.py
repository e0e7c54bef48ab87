"""What a device authorization endpoint answers: only what a person may be shown is taken, and times that make sense."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync import DeviceAuthorization
from mcp_oauth_sync.models.document import MalformedDocument

from .test_document import JSON

fuzz = settings(max_examples=80, derandomize=True, deadline=None, database=None)
DEVICE_CODE = "device-code-Zq7XcV2bN9mK4jH6"
ANSWER = {
    "device_code": DEVICE_CODE,
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://as.example.com/device",
    "verification_uri_complete": "https://as.example.com/device?user_code=WDJB-MJHT",
    "expires_in": 900,
    "interval": 7,
}


def read(**changes: Any) -> DeviceAuthorization:
    """Read the answer with some members changed; None takes one away."""
    document = {name: value for name, value in {**ANSWER, **changes}.items() if value is not None}
    return DeviceAuthorization.from_response(document)


def test_an_answer_is_taken_as_it_is() -> None:
    assert read() == DeviceAuthorization(**ANSWER)


def test_the_device_code_and_the_address_with_the_code_are_not_shown() -> None:
    shown = repr(read())
    assert DEVICE_CODE not in shown
    assert "user_code=WDJB" not in shown
    assert repr(read().device_code) == f"<secret, {len(DEVICE_CODE)} characters>"


def test_the_address_with_the_code_in_it_need_not_be_there() -> None:
    assert read(verification_uri_complete=None).verification_uri_complete is None


def test_the_address_may_have_its_older_name() -> None:
    old = read(verification_uri=None, verification_url="https://www.google.example/device")
    assert old.verification_uri == "https://www.google.example/device"


@pytest.mark.parametrize("member", ["device_code", "user_code", "verification_uri"])
@pytest.mark.parametrize("value", [None, "", 5, ["x"], {}, True, "\ud800"], ids=repr)
def test_what_has_to_be_there_is_there_and_a_text(member: str, value: Any) -> None:
    with pytest.raises(MalformedDocument, match=member):
        read(**{member: value})


@pytest.mark.parametrize("code", ["WDJB-MJHT", "  wdjb mjht\n", "1", "123 456 789", "A" * 64, "Ж-7", "ק7"])
def test_a_code_that_a_person_can_enter_is_taken_without_the_space_around_it(code: str) -> None:
    assert read(user_code=code).user_code == code.strip()


@pytest.mark.parametrize(
    "code",
    [
        " \t ",
        "A" * 65,
        "A" * 1_000_000,
        "WDJB\nMJHT",
        "WDJB\x1b[2J",
        "WDJB\x00",
        "WDJB\x9b31m",
        "WD\u202eJB",
        "WD\u2066JB",
        "WD\u200bJB",
        "WD\u00a0JB",
        "WD\u2028JB",
        "W\u0335\u0336DJB",
        "\ufeffWDJB",
    ],
    ids=ascii,
)
def test_a_code_that_would_hide_or_turn_something_is_refused_and_not_repeated(code: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        read(user_code=code)
    assert str(caught.value) == "'user_code' is nothing that a person can enter"


HOSTILE = [
    "javascript:alert(1)",
    "file:///etc/passwd",
    "http://as.example.com/device",
    "https://as.example.com@evil.example.com/device",
    "https://as.example.com/device#fragment",
    "https://as.example.com/\x1b[2J",
    "https://as.example.com/\u202edevice",
    "https://as.example.com/a b",
    "https://as.example.com/$(id)",
    "--help",
    "%action",
    "as.example.com/device",
    "//as.example.com/device",
    "https:///device",
    "https://as.example.com/" + "a" * 2000,
]


@pytest.mark.parametrize("member", ["verification_uri", "verification_uri_complete"])
@pytest.mark.parametrize("address", HOSTILE, ids=lambda address: ascii(address)[:40])
def test_an_address_that_may_not_be_opened_is_refused_and_not_repeated(member: str, address: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        read(**{member: address})
    assert str(caught.value) == f"'{member}' is not an address that may be opened"


def test_an_address_on_this_machine_is_taken_from_a_server_on_this_machine_only() -> None:
    document = {**ANSWER, "verification_uri": "http://127.0.0.1:8000/device"}
    assert DeviceAuthorization.from_response(document).verification_uri == "http://127.0.0.1:8000/device"
    with pytest.raises(MalformedDocument, match="may be opened"):
        DeviceAuthorization.from_response(document, allow_loopback=False)


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        (900, 900),
        ("900", 900),
        (0.5, 0.5),
        (None, 600),
        (0, 600),
        (-5, 600),
        (float("nan"), 600),
        (True, 600),
        ("soon", 600),
        ([], 600),
        (10**400, 600),
        (1e300, 86400),
        (float("inf"), 86400),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_a_lifetime_that_makes_no_sense_is_ten_minutes_and_none_is_longer_than_a_day(said: Any, taken: float) -> None:
    assert read(expires_in=said).expires_in == taken


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        (7, 7),
        ("7", 7),
        (1, 1),
        (None, 5),
        ("often", 5),
        (False, 5),
        (float("nan"), 5),
        (0, 1),
        (0.001, 1),
        (-60, 1),
        (float("-inf"), 1),
        (120, 120),
        (899, 899),
        (900, 450),
        (float("inf"), 450),
        (1e300, 450),
    ],
    ids=repr,
)
def test_questions_are_a_second_apart_at_least_and_one_can_be_asked_before_the_end(said: Any, taken: float) -> None:
    assert read(interval=said).interval == taken


def test_a_code_that_is_good_for_a_moment_is_asked_about_no_faster_for_that() -> None:
    assert read(expires_in=0.5, interval=5).interval == 1


@fuzz
@given(st.dictionaries(st.sampled_from([*list(ANSWER)[1:], "verification_url"]), JSON | st.sampled_from(HOSTILE)))
def test_whatever_comes_is_refused_or_fit_to_be_shown(changes: dict[str, Any]) -> None:
    try:
        device = DeviceAuthorization.from_response({**ANSWER, **changes})
    except MalformedDocument:
        return
    assert device.user_code.isprintable()
    assert 0 < len(device.user_code) <= 64
    for address in (device.verification_uri, device.verification_uri_complete or "https://as.example.com"):
        assert address.isascii()
        assert address.isprintable()
        assert address.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]"))
    assert 0 < device.expires_in <= 86400
    assert 1 <= device.interval <= max(1, device.expires_in / 2)
