"""Pasting into a plain program: who reads the terminal, when, and that nobody does afterwards."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_oauth_sync import BrowserPrompt, Callback, ConsolePrompt, OAuth
from mcp_oauth_sync.exceptions import AuthorizationError, InvalidRedirectError
from mcp_oauth_sync.models.secret import Secret
from mcp_oauth_sync.prompts import paste
from mcp_oauth_sync.prompts.keyboard import Keyboard
from mcp_oauth_sync.prompts.loopback import loopback_listener
from mcp_oauth_sync.prompts.paste import PasteListener, one_keyboard
from tests.cli.terminal import Terminal
from tests.servers import AuthorizationServer, McpServer, Person

from .wire import STATE, Reader, answer_target, get

READY = "What you paste is not shown"
ANYWHERE = Callback.at("http://127.0.0.1/callback")
PROGRAM = """
import sys, threading
from mcp_oauth_sync import BrowserPrompt, ConsolePrompt, OAuth
from mcp_oauth_sync.exceptions import OAuthError
url, prompt = sys.argv[1], eval(sys.argv[2])

def sign_in(name, prompt):
    try:
        OAuth(url, name=name, prompt=prompt).sign_in()
        print("signed in", name)
    except OAuthError as error:
        print(type(error).__name__, error.hint)
"""
ONE = f"""{PROGRAM}
sign_in("one", prompt)
print("threads:", sorted(thread.name for thread in threading.enumerate()))
print("heard:", repr(input("your name? ")))
"""
IN_A_THREAD = f"""{PROGRAM}
thread = threading.Thread(target=sign_in, args=("one", prompt))
thread.start()
thread.join()
"""
TWO = f"""{PROGRAM}
threads = [threading.Thread(target=sign_in, args=(name, prompt)) for name in ("one", "two")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("heard:", repr(input("your name? ")))
"""


def run(code: str, mcp: McpServer, prompt: str = "None") -> Terminal:
    return Terminal(mcp.mcp_url, prompt, program=[sys.executable, "-c", code])


# A program and its own input


def test_what_is_typed_after_the_answer_reaches_the_programs_own_input(mcp: McpServer) -> None:
    with run(ONE, mcp) as terminal:
        before = terminal.settings
        terminal.read_until(READY)
        terminal.press(f"{Person().redirect_only(terminal.address())}\rAda\r")
        assert terminal.end() == 0
        assert terminal.settings == before
    assert "threads: ['MainThread']" in terminal.screen
    assert "heard: 'Ada'" in terminal.screen


def test_when_the_browser_wins_the_programs_own_input_is_its_own_again(mcp: McpServer, person: Person) -> None:
    with run(ONE, mcp) as terminal:
        before = terminal.settings
        terminal.read_until(READY)
        person(terminal.address())
        terminal.read_until("your name")
        assert terminal.settings == before
        terminal.press("Ada\r")
        assert terminal.end() == 0
    assert "threads: ['MainThread']" in terminal.screen
    assert "heard: 'Ada'" in terminal.screen
    assert person.page is not None
    assert "You are signed in" in person.page.html


def test_an_error_leaves_the_programs_own_input_alone(az: AuthorizationServer, mcp: McpServer) -> None:
    with run(ONE, mcp) as terminal:
        before = terminal.settings
        terminal.read_until(READY)
        terminal.press("code=not-ours&state=not-ours\rAda\r")
        assert terminal.end() == 0
        assert terminal.settings == before
    assert "InvalidRedirectError" in terminal.screen
    assert "threads: ['MainThread']" in terminal.screen
    assert "heard: 'Ada'" in terminal.screen
    assert az.requests("/token") == []


def test_outside_the_main_thread_the_browser_prompt_does_not_touch_the_terminal(mcp: McpServer, person: Person) -> None:
    with run(IN_A_THREAD, mcp, "BrowserPrompt()") as terminal:
        before = terminal.settings
        terminal.read_until("Ctrl-C stops")
        assert terminal.settings == before
        assert READY not in terminal.screen
        person(terminal.address())
        assert terminal.end() == 0
    assert "signed in one" in terminal.screen


def test_outside_the_main_thread_the_console_prompt_reads_all_the_same(mcp: McpServer) -> None:
    with run(IN_A_THREAD, mcp, "ConsolePrompt()") as terminal:
        terminal.read_until(READY)
        terminal.press(f"{Person().redirect_only(terminal.address())}\r")
        assert terminal.end() == 0
    assert "signed in one" in terminal.screen


def test_of_two_sign_ins_at_once_one_reads_and_both_end_well(mcp: McpServer) -> None:
    with run(TWO, mcp, "ConsolePrompt()") as terminal:
        before = terminal.settings
        terminal.read_until(r"(?s)Ctrl-C stops.*Ctrl-C stops")
        terminal.read_until(READY)
        assert terminal.screen.count(READY) == 1
        first, second = terminal.read_until(r"(?s)\n {2}(http\S+)\n.*\n {2}(http\S+)\n").groups()
        reading, other = (first, second) if READY in terminal.screen.partition(second)[0] else (second, first)
        Person()(other)
        terminal.read_until("signed in")
        terminal.press(f"{Person().redirect_only(reading)}\rAda\r")
        assert terminal.end() == 0
        assert terminal.settings == before
    assert terminal.screen.count("signed in") == 2
    assert "heard: 'Ada'" in terminal.screen


def test_a_program_at_a_pipe_offers_no_pasting(mcp: McpServer, person: Person) -> None:
    reader = Reader(person.in_thread)
    OAuth(mcp.mcp_url, prompt=ConsolePrompt(output=reader)).sign_in()
    assert READY not in reader.getvalue()
    assert "\nOpen this address in a browser on this machine:\n" in reader.getvalue()


@pytest.mark.parametrize("stream", [None, types.SimpleNamespace(), io.StringIO()], ids=["none", "makeshift", "text"])
def test_a_makeshift_standard_input_is_no_keyboard(stream: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", stream)
    with one_keyboard(True) as keyboard:
        assert keyboard is None


def test_a_terminal_that_is_not_the_sessions_own_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at it would not reach us."""
    ours, theirs = os.openpty()
    try:
        with os.fdopen(theirs) as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            with one_keyboard(True) as keyboard:
                assert keyboard is None
    finally:
        os.close(ours)


# Nothing to listen on


@pytest.mark.parametrize("redirect", ["myapp://oauth/callback", "https://hub.example.com/callback"])
@pytest.mark.parametrize("kind", [BrowserPrompt, ConsolePrompt])
def test_without_a_listener_and_a_terminal_it_fails_before_anything_is_registered_or_shown(
    az: AuthorizationServer, mcp: McpServer, redirect: str, kind: type[ConsolePrompt]
) -> None:
    reader = Reader(lambda url: pytest.fail(url))
    with pytest.raises(AuthorizationError, match=f"end on {redirect}") as caught:
        OAuth(mcp.mcp_url, prompt=kind(output=reader), redirect_uri=redirect).sign_in()
    assert "callback_port=" in (caught.value.hint or "")
    assert az.requests("/register") == az.requests("/authorize") == []
    assert reader.getvalue() == ""


# The reader by itself


class Keys(Keyboard):
    """A keyboard with somebody at it: gives what it is told to, then nothing.

    Args:
        keys: What is pressed; a None stands for a moment without a key.
    """

    def __init__(self, *keys: str | None, begins: bool = True) -> None:
        self.keys = [key for part in keys for key in ([None] if part is None else part)]
        self.begins, self.log = begins, list[str]()
        self.woken, self.empty = threading.Event(), threading.Event()

    def begin(self) -> bool:
        self.log.append("begin")
        return self.begins

    def read(self, seconds: float) -> str:
        if self.keys:
            return self.keys.pop(0) or ""
        self.empty.set()
        self.woken.wait(seconds)
        return ""

    def wake(self) -> None:
        self.woken.set()

    def release(self) -> None:
        self.log.append("release")

    def close(self) -> None:
        self.log.append("close")


class Screen(io.StringIO):
    """A terminal to write to."""

    def isatty(self) -> bool:
        return True


Make = Callable[..., PasteListener]


@pytest.fixture
def make() -> Iterator[Make]:
    """Make a listener that reads given keys."""
    with loopback_listener(ANYWHERE, state=STATE) as inner:
        inner.conclude(None)
        made: list[PasteListener] = []

        def listener(keys: Keys | None, screen: io.StringIO | None = None, bare: bool = False) -> PasteListener:
            output = paste.PromptOutput(screen or io.StringIO())
            made.append(PasteListener(inner, keys, state=STATE, accept_bare_code=bare, output=output))
            return made[-1]

        yield listener
        for one in made:
            one.end()


def test_what_is_pasted_is_the_answer_and_the_reading_is_over(make: Make) -> None:
    keys = Keys(answer_target(), "\r", "for the program")
    listener = make(keys)
    assert listener.begin()
    answer = listener.wait(10)
    assert parse_qs(answer)["code"] == ["the-code"]
    assert isinstance(answer, Secret)
    assert "".join(key or "" for key in keys.keys) == "for the program"
    assert keys.log == ["begin", "release", "release", "close"]


def test_whoever_is_first_wins_and_the_other_changes_nothing(make: Make) -> None:
    listener = make(Keys())
    listener.begin()
    assert get(listener, answer_target("from-the-browser")).status == 200  # type: ignore[arg-type]
    listener.deliver(answer_target("from-the-application"))
    assert "from-the-browser" in listener.wait(10)


def test_without_a_keyboard_or_with_one_that_is_gone_it_is_an_ordinary_listener(make: Make) -> None:
    assert not make(None).begin()
    keys = Keys(begins=False)
    listener = make(keys)
    assert not listener.begin()
    listener.end()
    listener.end()
    assert keys.log == ["begin", "release", "close"]


def test_what_has_arrived_is_told_at_a_pause_and_written_over(make: Make) -> None:
    screen = Screen()
    keys = Keys("x" * 100, None, "\x15", None, "nonsense", None, "\r", "half")
    listener = make(keys, screen)
    listener.begin()
    assert keys.empty.wait(10)
    listener.end()
    first, second = screen.getvalue().split("\n", 1)
    assert first.split("\r")[1:] == [
        "100 characters so far. Press Enter after the last one.",
        "0 characters so far. Press Enter after the last one.  ",
        "8 characters so far. Press Enter after the last one.",
        "Received 8 characters. That is not it. Paste the whole address that the browser ends on.",
    ]
    assert second in ("", "\r4 characters so far. Press Enter after the last one.\n")


def test_where_lines_cannot_be_written_over_only_whole_lines_are_told(make: Make) -> None:
    screen = io.StringIO()
    keys = Keys("nonsense", None, None, "\r", "\r")
    listener = make(keys, screen)
    listener.begin()
    assert keys.empty.wait(10)
    listener.end()
    assert screen.getvalue().splitlines() == [
        "Received 8 characters. That is not it. Paste the whole address that the browser ends on."
    ]


def test_an_empty_line_at_a_terminal_is_ignored(make: Make) -> None:
    screen = Screen()
    keys = Keys("x", None, "\x7f", "\r", "\r")
    listener = make(keys, screen)
    listener.begin()
    assert keys.empty.wait(10)
    listener.end()
    assert screen.getvalue() == "\r1 character so far. Press Enter after the last one.\n"


@pytest.mark.parametrize(("bare", "told"), [(True, True), (False, False)])
def test_a_code_alone_that_is_refused_is_explained(make: Make, bare: bool, told: bool) -> None:
    listener = make(Keys("code-0123456789" if bare else answer_target(), "\r"), bare=bare)
    listener.begin()
    listener.wait(10)
    error = InvalidRedirectError("iss is missing", hint="another one")
    listener.conclude(error)
    assert ("paste the whole address" in (error.hint or "")) == told


def test_the_second_sign_in_gets_no_keyboard_and_the_next_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard = Keys()
    monkeypatch.setattr(paste, "_keyboard_at_hand", lambda: keyboard)
    with one_keyboard(True) as first, one_keyboard(True) as second:
        assert (first, second) == (keyboard, None)
    with one_keyboard(False) as unwanted:
        assert unwanted is None
    with one_keyboard(True) as third:
        assert third is keyboard


FORKED = """
import os
from mcp_oauth_sync.prompts import paste
paste._keyboard_at_hand = lambda: "keyboard"
with paste.one_keyboard(True):
    child = os.fork()
    with paste.one_keyboard(True) as mine:
        os.write(1, f"{child == 0} {mine}\\n".encode())
    if child:
        os.waitpid(child, 0)
"""


def test_a_forked_child_does_not_take_its_parent_for_another_reader() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=True)
    assert sorted(done.stdout.splitlines()) == ["False None", "True keyboard"]


def test_the_redirect_of_the_listener_is_the_one_that_is_bound(make: Make) -> None:
    listener = make(None)
    assert urlsplit(listener.redirect_uri).port
    assert listener.listening
