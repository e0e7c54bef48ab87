"""``call`` with the official SDK's server: questions answered at the keyboard, progress, errors, cancellation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.real.sdk_features import SdkFeatures, sdk_features
from tests.real.sdk_tools import PIXEL

from .terminal import OBEYED, Done, Terminal, run

__all__ = ["sdk_features"]

pytestmark = pytest.mark.demo
NO_SCREEN = {"BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}


def call(server: SdkFeatures, *words: str) -> Done:
    return run("call", "features", *words, "--url", server.mcp_url)


def at_terminal(server: SdkFeatures, *words: str) -> Terminal:
    return Terminal("call", "features", *words, "--url", server.mcp_url, environment=NO_SCREEN, out=True)


def answer(terminal: Terminal, *turns: tuple[str, str]) -> None:
    """Wait for each question, anew each time, and type the answer."""
    for question, keys in turns:
        found = terminal.read_until(question)
        terminal.screen = terminal.screen[found.end() :]
        terminal.press(keys)


def test_a_form_is_filled_in_at_the_keyboard(sdk_features: SdkFeatures) -> None:
    with at_terminal(sdk_features, "book") as terminal:
        answer(
            terminal,
            (r"127.0.0.1:\d+ asks you for:\n(.*\n)*.*Answer\? .*\) ", "\r"),
            (r"Name: ", "Ada\r"),
            (r"Nights \[1\]: ", "many\r"),
            (r"Nights \[1\]: ", "3\r"),
            (r"Breakfast \[yes\]: ", "n\r"),
            (r"Room \[single\]: ", "2\r"),
            (r"Room: double\nSend this\? .*\) ", "\r"),
        )
        assert terminal.end() == 0
    booked = {"name": "Ada", "nights": 3, "breakfast": False, "room": "double"}
    assert json.loads(terminal.output) == booked
    assert OBEYED.findall(terminal.screen) == []


def test_two_questions_of_one_call_are_asked_one_after_the_other(sdk_features: SdkFeatures) -> None:
    with at_terminal(sdk_features, "book_surely") as terminal:
        answer(terminal, (r"Answer\? .*\) ", "\r"), ("Name: ", "Ada\r"))
        answer(
            terminal, *[(question, "\r") for question in (r"Nights.*: ", "Breakfast.*: ", "Room.*: ", r"Send .*\) ")]
        )
        answer(terminal, (r"Is Ada to come\?\n(.*\n)*.*Answer\? .*\) ", "\r"), ("Sure: ", "y\r"), (r"Send .*\) ", "\r"))
        assert terminal.end() == 0
    assert terminal.output == b"Ada comes\n"


@pytest.mark.parametrize(("key", "said"), [("d\r", "decline"), ("\x04", "cancel"), ("\x03", "cancel")])
def test_a_question_may_be_declined_or_cancelled(sdk_features: SdkFeatures, key: str, said: str) -> None:
    with at_terminal(sdk_features, "book") as terminal:
        answer(terminal, (r"Answer\? .*\) ", key))
        assert terminal.end() == 0
    assert terminal.output.decode() == f"{said}\n"


def test_a_page_is_shown_and_gone_to_by_the_person(sdk_features: SdkFeatures) -> None:
    with at_terminal(sdk_features, "pay") as terminal:
        answer(
            terminal,
            (r"The whole address:\n  https://example.com/pay\?order=1\n(.*\n)*.*\[y/N\] ", "y\r"),
            ("Press Enter when you are done there. ", "\r"),
        )
        assert terminal.end() == 0
    assert terminal.output == b"accept, asked\n"


def test_where_nobody_can_be_asked_the_server_is_told_so_and_the_person_what_to_do(sdk_features: SdkFeatures) -> None:
    for tool in ("book", "members_only"):
        done = call(sdk_features, tool)
        assert (done.status, done.out) == (1, "")
        assert done.err.splitlines()[-1] == "hint: Run it at a terminal, where you can answer what the server asks."
    with at_terminal(sdk_features, "book", "-") as terminal:  # what is typed there is JSON
        answer(terminal, ("Ctrl-D on a line of its own.\n", "{}\r\x04"))
        assert terminal.end() == 1
    assert "Run it at a terminal" in terminal.screen


def test_progress_values_and_failures_of_a_real_server(sdk_features: SdkFeatures) -> None:
    assert call(sdk_features, "count", "steps=2") == (0, "counted to 2\n", "1/2 step 1\n2/2 step 2\n")
    assert call(sdk_features, "weather", "city=K\u00f6ln").status == 0
    failed = call(sdk_features, "fail")
    assert (failed.status, failed.out) == (1, "")
    assert re.fullmatch("error: .*the shop is closed\n", failed.err)
    assert call(sdk_features, "refuse") == (1, "", "error: The server answered: refused.\n")
    assert "hint: Did you mean 'echo'?" in call(sdk_features, "ecko", '{"text": "x"}').err
    assert call(sdk_features, "count", "steps=few").status == 2


def test_every_line_of_a_servers_log_is_shown_to_who_asks_for_details(sdk_features: SdkFeatures) -> None:
    done = call(sdk_features, "talk", "--verbose")
    assert (done.status, done.out) == (0, "said\n")
    assert re.findall(r"(?m)^(\w+) talk: ", done.err) == ["debug", "info", "error"]


def test_text_that_no_header_can_carry_is_wrong_usage(sdk_features: SdkFeatures) -> None:
    done = call(sdk_features, "weather", '{"city": "\\ud800"}')
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: The parameter 'city' cannot be sent: ")


def test_a_picture_is_saved(sdk_features: SdkFeatures, tmp_path: Path) -> None:
    done = call(sdk_features, "picture", "--output", str(tmp_path / "p.png"))
    assert (done.status, done.out) == (0, "notes://welcome\n")
    assert (tmp_path / "p.png").read_bytes() == PIXEL


def test_ctrl_c_cancels_the_call_at_the_server(sdk_features: SdkFeatures) -> None:
    with at_terminal(sdk_features, "wait", "name=ctrl-c") as terminal:
        terminal.read_until("0 waiting")
        assert sdk_features.became("ctrl-c", "waiting")
        terminal.press("\x03")
        assert terminal.end() == 130
    assert terminal.screen.endswith("\ninterrupted\n")
    assert sdk_features.became("ctrl-c", "cancelled")
