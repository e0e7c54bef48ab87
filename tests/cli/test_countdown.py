"""How long a person has left: a line at a terminal that nothing else is disturbed by."""

from __future__ import annotations

import io
import re
import signal
import threading
from contextlib import AbstractContextManager

import pytest

from mcp_oauth_sync import ConsolePrompt, prompts
from mcp_oauth_sync.cli import main
from mcp_oauth_sync.exceptions import AuthorizationError
from mcp_oauth_sync.models.callback import Callback
from mcp_oauth_sync.prompts import Listener
from mcp_oauth_sync.prompts.countdown import Countdown
from mcp_oauth_sync.prompts.output import PromptOutput

from .conftest import Scene
from .terminal import Terminal

LINE = r"[|/\\-] \d+:\d\d left to sign in"


class Screen(io.StringIO):
    """A stream that says that it is a terminal, and tells when something was printed."""

    def __init__(self) -> None:
        super().__init__()
        self.printed = threading.Event()

    def isatty(self) -> bool:
        super().isatty()  # complains when it is closed
        return True

    def write(self, text: str) -> int:
        written = super().write(text)
        self.printed.set()
        return written

    def shown(self) -> list[str]:
        """Return the lines as a person sees them: what was written over is gone."""
        lines = []
        for line in self.getvalue().split("\n"):
            cells: list[str] = []
            for part in line.split("\r"):
                cells[: len(part)] = part
            lines.append("".join(cells).rstrip())
        return lines


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(PromptOutput, "_in_foreground", lambda _: True)
    return Screen()


def counted(screen: Screen, seconds: float = 300.0) -> tuple[Countdown, PromptOutput]:
    countdown, output = Countdown(interval=0.001, clock=lambda: 100.0), PromptOutput(screen)
    countdown.begin(output, seconds)
    return countdown, output


def test_the_time_left_is_told_and_wiped_off_in_the_end(screen: Screen) -> None:
    countdown, output = counted(screen)
    assert screen.printed.wait(10)
    assert re.fullmatch(LINE.replace(r"\d+:\d\d", "5:00"), screen.shown()[0])
    countdown.end()
    assert screen.shown() == [""]
    output.say("done")
    assert screen.shown() == ["done", ""]


def test_a_text_is_printed_over_the_line(screen: Screen) -> None:
    output = PromptOutput(screen)
    output.waiting("| 4:59 left to sign in")
    output.say("one\ntwo")
    assert screen.shown() == ["one", "two", ""]
    output.waiting("| 4:59 left to sign in")
    output.leave()
    assert screen.shown() == ["one", "two", ""]


def test_what_is_typed_goes_before_the_line(screen: Screen) -> None:
    output = PromptOutput(screen)
    output.waiting("| 4:59 left to sign in")
    output.progress("12 characters so far.")
    output.waiting("/ 4:58 left to sign in")
    output.waiting("")
    assert screen.shown() == ["12 characters so far."]
    output.leave()
    output.waiting("- 4:57 left to sign in")
    assert screen.shown() == ["12 characters so far.", "- 4:57 left to sign in"]


def test_the_cursor_waits_at_the_beginning_of_the_line(screen: Screen) -> None:
    PromptOutput(screen).waiting("| 4:59 left to sign in")
    screen.write("warning: something that others print\n")
    assert screen.shown() == ["warning: something that others print", ""]


@pytest.mark.parametrize("trouble", ["dumb", "background", "no terminal", "closed"])
def test_nothing_is_counted_where_a_line_cannot_be_written_over(
    trouble: str, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble == "dumb":
        monkeypatch.setenv("TERM", "dumb")
    elif trouble == "background":
        monkeypatch.setattr(PromptOutput, "_in_foreground", lambda _: False)
    elif trouble == "no terminal":
        monkeypatch.setattr(Screen, "isatty", lambda _: False)
    else:
        screen.close()
    before = threading.active_count()
    countdown, _ = counted(screen)
    assert threading.active_count() == before
    countdown.end()
    assert trouble == "closed" or screen.getvalue() == ""


def test_a_countdown_that_is_begun_again_counts_once(screen: Screen) -> None:
    before = threading.active_count()
    countdown, output = counted(screen)
    countdown.begin(output, 5.0)
    assert threading.active_count() == before + 1
    countdown.end()
    countdown.end()
    assert threading.active_count() == before


@pytest.mark.parametrize("flag", ["--no-browser", "--device"])
def test_a_person_at_a_terminal_sees_how_long_they_have(scene: Scene, flag: str) -> None:
    if flag == "--device":
        scene.az.offer_device_codes = True
    with Terminal("auth", "notes", scene.url, flag, "--timeout", "299", environment={"TERM": "xterm"}) as terminal:
        address = terminal.address()
        terminal.read_until(r"[|/\\-] [45]:\d\d left to sign in")
        if flag == "--device":
            terminal.process.send_signal(signal.SIGINT)
        else:
            scene.person(address)
        status = terminal.end()
    assert status == (130 if flag == "--device" else 0)
    shown = Screen()
    shown.write(terminal.screen)
    assert [line for line in shown.shown() if "left to" in line] == []
    said = "interrupted" if flag == "--device" else "Signed in to"
    assert [line[: len(said)] for line in shown.shown() if line.startswith(said)] == [said]


def test_ctrl_c_leaves_the_terminal_as_it_was(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url, "--no-browser", environment={"TERM": "xterm"}) as terminal:
        settings = terminal.settings
        terminal.address()
        terminal.read_until(LINE)
        terminal.press("\x03")
        assert terminal.end() == 130
        assert terminal.settings == settings
    assert re.search(r"\r +\r(.*\n)*interrupted\n$", terminal.screen)


def test_what_is_pasted_is_counted_and_taken_while_the_time_runs(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url, "--no-browser", environment={"TERM": "xterm"}) as terminal:
        address = terminal.address()
        terminal.read_until(LINE)
        terminal.press("http://127.0.0.1:1/other")
        terminal.read_until(r"\r24 characters so far\.")
        terminal.press("\r")
        terminal.read_until(r"Received 24 characters\. ")
        terminal.read_until(r"(?s)Received 24 characters\..*" + LINE)
        scene.person(address)
        assert terminal.end() == 0


@pytest.mark.parametrize(
    ("flags", "counts"), [((), True), (("-v",), False), (("--start",), False), (("--machine",), False)]
)
def test_time_is_told_only_where_a_person_is_waited_for_and_no_steps_are_told(
    flags: tuple[str, ...], counts: bool, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ConsolePrompt] = []

    class Watched(ConsolePrompt):
        def listen(self, callback: Callback, *, state: str) -> AbstractContextManager[Listener]:
            raise AuthorizationError("seen")

    monkeypatch.setattr(prompts, "choose_prompt", lambda **_: made.append(Watched()) or made[-1])
    main(["auth", "notes", scene.url, *flags])
    assert [prompt.countdown is not None for prompt in made if prompt.countdown is not None] == [True] * counts
