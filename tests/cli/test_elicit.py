"""A person at a real terminal is asked what a server wants: forms, pages, mistakes, and every way to say no."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync.cli import elicit, elicit_fields
from mcp_oauth_sync.cli.elicit_keys import NobodyAnswers, ask_line
from mcp_oauth_sync.mcp.form import FormField

from .terminal import OBEYED, PATIENCE, Terminal

SERVER = "https://mcp.example.com/mcp"
PAGE = "https://mcp.example.com/ui/set_api_key?ticket=17"
PROGRAM = """
import json, sys
from mcp_oauth_sync.cli.elicit import ask_in_terminal
from mcp_oauth_sync.mcp.elicitation import Elicitation, build_answer
params, server_url, before = json.loads(sys.argv[1])
if before:
    print("working", file=sys.stderr, flush=True)
    import time
    from select import select
    while not select([sys.stdin], [], [], 0.01)[0]:
        pass
asked = Elicitation.from_document(params, server_url=server_url)
print(json.dumps(build_answer(asked, ask_in_terminal(asked))))
"""
NO_SCREEN = {"BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}


def program(params: dict[str, Any], *, server_url: str = SERVER, before: bool = False) -> list[str]:
    return [sys.executable, "-c", PROGRAM, json.dumps([params, server_url, before])]


def form(properties: dict[str, Any], *required: str, message: str = "Please say") -> dict[str, Any]:
    return {
        "message": message,
        "requestedSchema": {"type": "object", "properties": properties, "required": list(required)},
    }


def page(url: str = PAGE) -> dict[str, Any]:
    return {"mode": "url", "url": url, "message": "Please go there"}


def terminal_for(
    params: dict[str, Any], *, environment: dict[str, str] | None = None, before: bool = False
) -> Terminal:
    return Terminal(program=program(params, before=before), environment={**NO_SCREEN, **(environment or {})}, out=True)


def say(terminal: Terminal, *turns: tuple[str, str]) -> None:
    """Wait for each question, anew each time, and type the answer."""
    for question, keys in turns:
        terminal.read_until(question)
        terminal.screen = terminal.screen[re.search(question, terminal.screen).end() :]  # type: ignore[union-attr]
        terminal.press(keys)


def answer_of(terminal: Terminal) -> Any:
    assert terminal.end() == 0, terminal.screen
    return json.loads(terminal.output)


ANSWER, SEND = r"Answer\? \[Y/d\].*\) ", r"Send this\? \[Y/n/d\].*\) "

KINDS = {
    "name": {"type": "string", "title": "Your name", "description": "As in your passport", "minLength": 2},
    "mail": {"type": "string", "format": "email"},
    "age": {"type": "integer", "minimum": 18, "maximum": 120},
    "score": {"type": "number"},
    "news": {"type": "boolean"},
    "color": {"type": "string", "oneOf": [{"const": "#f00", "title": "Red"}, {"const": "#0f0", "title": "Green"}]},
    "sizes": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string", "enum": ["S", "M", "L"]}},
}


def test_each_kind_of_field_is_asked_for_until_it_fits() -> None:
    with terminal_for(form(KINDS, *KINDS)) as terminal:
        terminal.read_until(ANSWER)
        for told in ("mcp.example.com asks you for:", "  - Your name", "  | Please say", "Do not enter passwords"):
            assert told in terminal.screen
        say(terminal, (ANSWER, "\r"))
        terminal.read_until("Your name: ")
        for told in ("(1 of 7)\nYour name (required)\n    As in your passport\n    Text, at least 2 characters.\n",):
            assert told in terminal.screen
        say(
            terminal,
            ("Your name: ", "\r"),
            ("has to be filled in.\nYour name: ", "A\r"),
            ("must be at least 2 characters long.\nYour name: ", "  Ada \u00c9 \r"),
            (r"An e-mail address\.\nmail: ", "ada\r"),
            ("must be an e-mail address.\nmail: ", "ada@example.com\r"),
            (r"A whole number, at least 18 and at most 120\.\nage: ", "young\r"),
            ("must be a whole number.\nage: ", "17\r"),
            ("must be at least 18.\nage: ", "\r"),
            ("must be a whole number.\nage: ", "36\r"),
            (r"A number\.\nscore: ", "1.5\r"),
            (r"y or n\.\nnews: ", "maybe\r"),
            ("must be true or false.\nnews: ", "N\r"),
            (r" 1  Red\n     2  Green\n    The number of your choice\.\ncolor: ", "3\r"),
            ("must be one of the choices.\ncolor: ", "2\r"),
            ("0 for none, at least 1 and\\s+at most 2\\.\nsizes: ", "0\r"),
            ("must hold at least 1 of the choices.\nsizes: ", "1, 2, L\r"),
            ("must hold at most 2 of the choices.\nsizes: ", "3,M\r"),
        )
        terminal.read_until(SEND)
        assert "This is sent to mcp.example.com:\n  Your name: Ada \u00c9\n  mail: ada@example.com\n" in terminal.screen
        assert "  score: 1.5\n  news: no\n  color: Green (#0f0)\n  sizes: L, M\n" in terminal.screen
        terminal.press("\r")
        assert answer_of(terminal) == {
            "action": "accept",
            "content": {
                "name": "Ada \u00c9",
                "mail": "ada@example.com",
                "age": 36,
                "score": 1.5,
                "news": False,
                "color": "#0f0",
                "sizes": ["L", "M"],
            },
        }


def test_a_choice_is_named_by_number_title_or_value() -> None:
    color = {"type": "string", "enum": ["2", "b", "c"], "enumNames": ["Two", "c"]}
    for typed, chosen in (("2", "b"), ("Two", "2"), ("c", "b"), ("b", "b"), ("3", "c")):
        with terminal_for(form({"color": color})) as terminal:
            say(terminal, (ANSWER, "y\r"), ("color: ", f"{typed}\r"), (SEND, "yes\r"))
            assert answer_of(terminal)["content"] == {"color": chosen}


def test_enter_takes_defaults_and_a_dash_leaves_them_out() -> None:
    fields = {
        "name": {"type": "string", "default": "John Doe"},
        "nick": {"type": "string", "default": "jd"},
        "news": {"type": "boolean", "default": True},
        "sizes": {"type": "array", "items": {"enum": ["S", "M"]}, "default": ["S", "M"]},
        "none": {"type": "array", "items": {"enum": ["S", "M"]}, "default": []},
        "note": {"type": "string"},
    }
    with terminal_for(form(fields, "name")) as terminal:
        say(
            terminal,
            (ANSWER, "\r"),
            (r"Text\. Enter takes what is in brackets\.\nname \[John Doe\]: ", "-\r"),
            (r"Text\. Enter takes what is in brackets\. - leaves it out\.\nnick \[jd\]: ", "-\r"),
            (r"news \[yes\]: ", "\r"),
            (r"sizes \[S, M\]: ", "\r"),
            (r"none \[none\]: ", "\r"),
            (r"Text\. Enter leaves it out\.\nnote: ", "\r"),
        )
        terminal.read_until(SEND)
        assert "  name: -\n  nick: (left out)\n" in terminal.screen
        terminal.press("\r")
        assert answer_of(terminal)["content"] == {"name": "-", "news": True, "sizes": ["S", "M"], "none": []}


def field_of(**schema: Any) -> FormField:
    return FormField.from_document("field", schema, required=False)


def test_a_dash_is_text_where_there_is_nothing_to_leave_out() -> None:
    with terminal_for(form({"a": {"type": "string"}})) as terminal:
        say(terminal, (ANSWER, "\r"), ("a: ", "-\r"), (SEND, "\r"))
        assert answer_of(terminal)["content"] == {"a": "-"}


def test_only_a_number_in_the_list_is_taken_for_one() -> None:
    field = field_of(type="string", enum=["x", "y"])
    typed = ("1", "2", "0", "3", "-1", "\u00b2", "9" * 5000)
    assert [elicit_fields._read(field, text) for text in typed] == ["x", "y", *typed[2:]]


def test_a_number_is_whole_when_it_is_typed_so() -> None:
    field = field_of(type="number")
    assert (
        repr([elicit_fields._read(field, text) for text in ("5", "5.0", "1e3", "five")]) == "[5, 5.0, 1000.0, 'five']"
    )


def test_what_cannot_be_seen_in_a_value_is_spelled_out() -> None:
    field = field_of(type="string")
    shown = [elicit_fields.shown_value(field, text) for text in ("a  b", " y ", "", "a\nb", "\u202e", "x" * 3000)]
    assert shown == ["a  b", "' y '", "''", r"'a\nb'", r"'\u202e'", "x" * 2000 + "... (3000 characters)"]


def test_an_answer_can_be_changed_before_it_is_sent() -> None:
    with terminal_for(form({"a": {"type": "string"}, "b": {"type": "integer", "default": 3}})) as terminal:
        say(
            terminal,
            (ANSWER, "\r"),
            ("a: ", "one\r"),
            (r"b \[3\]: ", "-\r"),
            (SEND, "what?\r"),
            (r"Type one of: y, n, d\.\n" + SEND, "n\r"),
            (r"a \[one\]: ", "two\r"),
            ("b: ", "4\r"),
            (SEND, "\r"),
        )
        assert answer_of(terminal)["content"] == {"a": "two", "b": 4}


def test_a_form_without_fields_asks_for_consent() -> None:
    with terminal_for(form({})) as terminal:
        say(terminal, (ANSWER, "\r"), ("nothing but that you agree\n" + SEND, "\r"))
        assert answer_of(terminal) == {"action": "accept", "content": {}}


@pytest.mark.parametrize(
    ("turns", "action"),
    [
        ([(ANSWER, "d\r")], "decline"),
        ([(ANSWER, "\r"), ("a: ", "x\r"), (SEND, "decline\r")], "decline"),
        ([(ANSWER, "\x04")], "cancel"),
        ([(ANSWER, "\x03")], "cancel"),
        ([(ANSWER, "\r"), ("a: ", "\x04")], "cancel"),
        ([(ANSWER, "\r"), ("a: ", "half\x04\x04")], "cancel"),
        ([(ANSWER, "\r"), ("a: ", "half\x03")], "cancel"),
        ([(ANSWER, "\r"), ("a: ", "x\r"), (SEND, "\x04")], "cancel"),
    ],
    ids=["d", "d-late", "ctrl-d", "ctrl-c", "ctrl-d-in-a-field", "ctrl-d-in-a-line", "ctrl-c-in-a-line", "ctrl-d-late"],
)
def test_there_is_a_way_out_at_every_question(turns: list[tuple[str, str]], action: str) -> None:
    with terminal_for(form({"a": {"type": "string"}})) as terminal:
        say(terminal, *turns)
        assert answer_of(terminal) == {"action": action}
        assert ("Cancelled." in terminal.screen) is (action == "cancel")


@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape"])
def test_keys_without_a_character_are_no_part_of_an_answer(encoding: str) -> None:
    again = r"cannot be shown\. Type it again\.\na: "
    with terminal_for(form({"a": {"type": "string"}}), environment={"PYTHONIOENCODING": encoding}) as terminal:
        say(terminal, (ANSWER, "\r"), ("a: ", "x\x1b[D\r"), (again, "a\tb\r"), (again, ""))
        os.write(terminal._master, b"caf\xe9\r")
        say(terminal, (again, "ok\r"), (SEND, "\r"))
        assert answer_of(terminal)["content"] == {"a": "ok"}


def test_what_was_typed_before_the_question_is_no_answer() -> None:
    with terminal_for(page(), before=True) as terminal:
        terminal.read_until("working")
        terminal.press("y\ry\r\r")
        say(terminal, (r"\[y/N\] ", "\r"))
        assert answer_of(terminal) == {"action": "decline"}


# Pages


def test_a_page_is_opened_once_the_person_has_agreed(tmp_path: Path) -> None:
    notes = tmp_path / "opened"
    stand_in = tmp_path / "browser.py"
    stand_in.write_text(f"import sys\nopen({str(notes)!r}, 'a').write(sys.argv[1] + '\\n')\n")
    environment = {"BROWSER": f"{sys.executable} {stand_in} %s"}
    with terminal_for(page(), environment=environment) as terminal:
        terminal.read_until(r"Open this page in your browser\? \[y/N\] ")
        assert "mcp.example.com asks you to open a page:\n  | Please go there\n" in terminal.screen
        assert f"The whole address:\n  {PAGE}\nIt is on the host:\n  mcp.example.com\n" in terminal.screen
        assert not notes.exists()
        terminal.press("y\r")
        say(terminal, (r"Press Enter when you are done there\. ", ""))
        wait_until(notes.exists)
        terminal.press("\r")
        assert answer_of(terminal) == {"action": "accept"}
    assert notes.read_text() == f"{PAGE}\n"


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_without_a_browser_here_the_person_opens_the_page_elsewhere() -> None:
    with terminal_for(page()) as terminal:
        question = r"Will you open this page in a browser, on any device\? \[y/N\] "
        say(terminal, (question, "yn\r"), (question, "Yes\r"), ("Press Enter", "\r"))
        assert answer_of(terminal) == {"action": "accept"}


def test_without_a_browser_here_none_is_started_on_top_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NO_SCREEN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n\n"))
    monkeypatch.setattr(elicit, "open_beside", lambda _: pytest.fail("opened"))
    assert elicit._ask_page(PAGE) is True


@pytest.mark.parametrize(
    ("key", "action"), [("\r", "decline"), ("n\r", "decline"), ("\x04", "cancel"), ("\x03", "cancel")]
)
def test_a_page_that_nobody_agreed_to_is_not_opened(tmp_path: Path, key: str, action: str) -> None:
    notes = tmp_path / "opened"
    with terminal_for(page(), environment={"BROWSER": f"touch {notes} %s"}) as terminal:
        say(terminal, (r"\[y/N\] ", key))
        assert answer_of(terminal) == {"action": action}
    assert not notes.exists()


def test_who_does_not_come_back_from_a_page_cancels() -> None:
    with terminal_for(page()) as terminal:
        say(terminal, (r"\[y/N\] ", "y\r"), ("Press Enter", "\x04"))
        assert answer_of(terminal) == {"action": "cancel"}


def test_warnings_are_shown_before_the_question() -> None:
    with terminal_for(page("https://mcp.example.com.evil.net/")) as terminal:
        shown = terminal.read_until(r"(?s)(.*)\[y/N\] ")[1]
        assert "Take care: This page is on mcp.example.com.evil.net, not on mcp.example.com" in shown
        assert "Take care: The name has a part of mcp.example.com in it" in shown
        terminal.press("n\r")
        terminal.end()


# Nobody there, and nothing hostile


def test_without_a_terminal_nobody_is_asked() -> None:
    for params in (form({"a": {"type": "string", "default": "x"}}), page()):
        done = subprocess.run(
            program(params),
            input=b"y\ny\n\n",
            capture_output=True,
            start_new_session=True,
            timeout=PATIENCE,
            check=True,
        )
        assert json.loads(done.stdout) == {"action": "cancel"}
        assert b"no terminal to ask you at" in done.stderr
        assert b"[y/N]" not in done.stderr


def test_a_question_that_nobody_could_read_is_not_asked(tmp_path: Path) -> None:
    shell = ["/bin/sh", "-c", f'exec "$@" 2>{tmp_path / "errors"}', "sh", *program(page())]
    with Terminal(program=shell, environment=NO_SCREEN, out=True) as terminal:
        terminal.press("y\r\r")
        assert answer_of(terminal) == {"action": "cancel"}


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_a_stream_that_is_closed_or_missing_is_no_terminal(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    closed = io.StringIO()
    closed.close()
    for instead in (closed, None):
        monkeypatch.setattr(sys, stream, instead)
        assert not elicit.at_terminal()


def test_a_terminal_that_has_gone_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def readline(self, size: int | None = -1, /) -> str:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stdin", Gone())
    with pytest.raises(NobodyAnswers):
        ask_line("your name?")


HOSTILE = "\x1b[2J\x1b]0;t\x07Hi\r\nThis is sent to good.example:\u202e\u200b\u2028\x9b1m " + "long " * 900


def test_nothing_hostile_reaches_the_terminal() -> None:
    field = {"type": "string", "title": HOSTILE, "description": HOSTILE}
    fields = {
        HOSTILE: {**field, "default": HOSTILE},
        "b": {
            **field,
            "oneOf": [{"const": HOSTILE, "title": HOSTILE}, {"const": "e", "title": "https://evil"}],
            "default": HOSTILE,
        },
        "c": {"type": "string", "default": " x\u202e"},
        "d": {"type": "string", "title": "to https://evil.example", "description": "https://evil.example"},
    }
    with terminal_for(form(fields, message=HOSTILE)) as terminal:
        seen = ""
        for question in (ANSWER, r"\]: ", r"\]: ", r"c \[' x\\u202e'\]: ", r"evil\.example: ", SEND):
            terminal.read_until(question)
            seen += terminal.screen
            say(terminal, (question, "\r"))
        sent = answer_of(terminal)["content"]
        seen += terminal.screen
    assert sent == {HOSTILE: HOSTILE, "b": HOSTILE, "c": " x\u202e"}
    assert OBEYED.findall(seen.replace("\r", "")) == []
    assert not re.search(r"(?m)^This is sent to good", seen)
    assert f"({len(HOSTILE)} characters)" in seen
    assert "://" not in seen
