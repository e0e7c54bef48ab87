"""The square for a phone's camera: right to the last module, and only where the terminal can show it whole."""

from __future__ import annotations

import io
import os
import sys

import pytest

from mcp_oauth_sync.prompts.qr_code import build_qr_code

from .squares import square_in, square_of

ADDRESS = "https://as.example.com/device?user_code=WDJB-MJHT"
COMPLETE = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}


class Screen(io.StringIO):
    """A terminal of that encoding."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def square(address: str = ADDRESS, output: io.StringIO | None = None, **environment: str) -> list[list[bool]]:
    lines = build_qr_code(address, output=output or Screen(), environment={**COMPLETE, **environment})
    return square_in("\n".join(lines))


@pytest.mark.parametrize(
    "address",
    [ADDRESS, "https://github.example/login/device", "http://127.0.0.1:8000/device", "https://a.example/" + "a" * 80],
)
def test_every_module_is_where_it_belongs(address: str) -> None:
    assert square(address) == square_of(address)


def test_it_is_dark_on_light_whatever_the_theme_with_light_around_it() -> None:
    lines = build_qr_code(ADDRESS, output=Screen(), environment=COMPLETE)
    assert all(line.startswith("  \x1b[38;5;16;48;5;231m") and line.endswith("\x1b[0m") for line in lines)
    modules = square()
    assert not any(modules[0] + modules[1] + modules[-1])
    assert not any(row[0] or row[1] or row[-1] or row[-2] for row in modules)
    assert modules[2][2:9] == [True] * 7, "the corner that cameras look for"


class Simple(Screen):
    encoding = "ascii"  # type: ignore[assignment]


class Unknown(Screen):
    encoding = "no-such-encoding"  # type: ignore[assignment]


class Odd:
    """Not even a stream."""


@pytest.mark.parametrize(
    "output", [io.StringIO(), Simple(), Unknown(), Odd(), None], ids=lambda one: type(one).__name__
)
def test_there_is_none_where_it_could_not_be_seen(output: object) -> None:
    assert build_qr_code(ADDRESS, output=output, environment=COMPLETE) == []  # type: ignore[arg-type]


def test_a_closed_output_gets_none() -> None:
    class Closed(Screen):
        def isatty(self) -> bool:
            raise ValueError("I/O operation on closed file")

    assert build_qr_code(ADDRESS, output=Closed(), environment=COMPLETE) == []


@pytest.mark.parametrize(
    "environment",
    [{"TERM": "dumb"}, {"TERM": ""}, {"NO_COLOR": "1"}, {"COLUMNS": "34"}, {"LINES": "16"}, {"COLUMNS": "0"}],
    ids=repr,
)
def test_there_is_none_in_a_terminal_that_is_too_simple_or_too_small(environment: dict[str, str]) -> None:
    assert square(**environment) == []


def test_there_is_one_as_soon_as_it_fits() -> None:
    assert square(COLUMNS="35", LINES="17") == square_of(ADDRESS)


def test_an_address_that_no_square_can_hold_gets_none() -> None:
    assert square("https://a.example/" + "a" * 4000, COLUMNS="9999", LINES="9999") == []


@pytest.mark.parametrize(("variable", "shown"), [("WT_SESSION", True), ("TERM", False)])
def test_a_console_of_windows_has_to_say_that_it_knows_colours(
    monkeypatch: pytest.MonkeyPatch, variable: str, shown: bool
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    environment = {"COLUMNS": "80", "LINES": "24", variable: "xterm"}
    assert bool(build_qr_code(ADDRESS, output=Screen(), environment=environment)) is shown


def test_a_terminal_tells_its_size_itself() -> None:
    import fcntl
    import struct
    import termios

    master, slave = os.openpty()
    try:
        with open(slave, "w", encoding="utf-8", closefd=False) as output:
            for size, shown in (((24, 80), True), ((24, 30), False), ((0, 0), False)):
                fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
                environment = {"TERM": "xterm", "COLUMNS": "wide"}
                assert bool(build_qr_code(ADDRESS, output=output, environment=environment)) is shown
    finally:
        os.close(master)
        os.close(slave)
