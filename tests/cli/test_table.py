"""Tables on a real terminal: they fit it, and are painted where that is wanted; in a pipe they are lines."""

from __future__ import annotations

import re
import sys

import attrs
import pytest

from mcp_oauth_sync import TokenManager
from mcp_oauth_sync.cli.columns import columns, shortened
from mcp_oauth_sync.cli.output import complain
from mcp_oauth_sync.cli.table import show_facts, show_table
from mcp_oauth_sync.exceptions import OAuthError

from .kept import RECORD, keep
from .terminal import OBEYED, Terminal, run

LONG = "https://mcp.a-rather-long-host-name.example.com/with/a/long/path/to/mcp"
PAINT = re.compile(r"\x1b\[\d*m")


def screen(*arguments: str, columns: int = 80, status: int | None = 0, **environment: str) -> list[str]:
    """Return the lines that a terminal of so many columns shows."""
    environment = {"TERM": "xterm", "COLUMNS": str(columns), **environment}
    with Terminal(*arguments, environment=environment) as terminal:
        ended = terminal.end()
    assert status in (None, ended)
    return terminal.screen.splitlines()


def keep_long() -> None:
    keep()
    TokenManager().save_record("a-name-that-goes-on-and-on-for-ever", attrs.evolve(RECORD, server_url=LONG))


@pytest.mark.parametrize("wide", [80, 60, 44, 30, 20])
@pytest.mark.parametrize("command", ["list", "status", "stores", "get endless"])
def test_a_table_fits_the_terminal(command: str, wide: int) -> None:
    keep_long()
    status = 1 if command == "status" else 0
    lines = screen(*command.split(), columns=wide, status=status)
    table = [line for line in lines if not line.startswith(("Kept in", "hint:"))]
    clean = [PAINT.sub("", line) for line in table]
    assert [line for line in clean if columns(line) > max(wide, 40)] == []
    assert [line for line in clean if OBEYED.search(line)] == []
    if wide >= 30 and command != "get endless":
        assert [line for line in clean if columns(line) > wide] == []


def test_a_wide_table_has_a_heading_and_an_address_that_shows_both_ends() -> None:
    keep_long()
    lines = [PAINT.sub("", line) for line in screen("list")]
    assert lines[0].split() == ["NAME", "SERVER", "STATE"]
    [long] = [line for line in lines if line.startswith("a-name")]
    assert re.search(r"https://mcp\.\S*\.\.\.\S*mcp  ", long)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_colours_gets_none(name: str, value: str) -> None:
    keep("fresh")
    assert "\x1b" not in "\n".join(screen("list", **{name: value}))
    assert "\x1b" not in "\n".join(screen("get", "fresh", **{name: value}))
    assert "\x1b" in "\n".join(screen("list"))


def test_how_a_sign_in_stands_is_painted() -> None:
    keep()
    lines = {PAINT.sub("", line).split()[0]: line for line in screen("list")}
    assert "\x1b[32msigned in" in lines["fresh"]
    assert "\x1b[32msigned in" in lines["narrow"]
    assert "\x1b[33mexpired" in lines["over"]
    assert "\x1b[31mcannot be read" in lines["torn"]
    lines = {PAINT.sub("", line).split()[0]: line for line in screen("status", status=1)}
    assert "\x1b[33msigned in: not granted: notes:write" in lines["narrow"]


def test_in_a_pipe_a_row_is_a_line_without_colours_or_filling() -> None:
    keep_long()
    done = run("list", environment={"TERM": "xterm", "COLUMNS": "40"})
    rows = [line.split("  ") for line in done.out.splitlines()]
    assert {len(row) for row in rows} == {3}
    assert rows[0] == ["a-name-that-goes-on-and-on-for-ever", LONG, "signed in"]
    assert "\x1b" not in done.out
    assert "\t" not in done.out


def test_a_cell_has_no_two_spaces_in_it_in_a_pipe() -> None:
    TokenManager().save_record("a   b", RECORD)
    assert run("list").out == "a b  https://mcp.example.com/mcp  signed in\n"


def test_characters_that_take_two_columns_are_counted_as_two() -> None:
    TokenManager().save_record("漢字" * 12, RECORD)
    TokenManager().save_record("notes", RECORD)
    lines = [PAINT.sub("", line) for line in screen("list", PYTHONIOENCODING="utf-8")]
    starts = {columns(line[: line.index("https")]) for line in lines if "https" in line}
    assert len(starts) == 1


def test_what_a_cell_holds_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("A", "B"), [("x\x1b[2J\ry", "1\n2  3\t4")])
    show_facts({"a": "x\x1b[2J\ny"})
    assert capsys.readouterr().out == "x [2J y  1 2 3 4\na: x [2J y\n"


def test_a_text_is_shortened_to_the_room_there_is() -> None:
    assert shortened("abcdefghij", 10) == "abcdefghij"
    assert shortened("abcdefghijk", 10) == "abcdefg..."
    assert shortened("abcdefghijkl", 9, middle=True) == "abcd...kl"
    assert columns("漢字a") == 5
    assert shortened("漢字漢字漢字", 8) == "漢字..."


def test_without_a_command_there_is_an_overview() -> None:
    done = run()
    assert (done.status, done.err) == (0, "")
    assert "mcp-oauth-sync auth NAME URL" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    assert len(done.out.splitlines()) <= 12


@pytest.mark.parametrize(
    ("hint", "lines"),
    [
        ("one two three four five six seven eight", ["hint: one two three four five six seven", "eight"]),
        (
            "Did you mean it? Run: mcp-oauth-sync auth notes https://h/mcp --profile work",
            ["hint: Did you mean it? Run:", "mcp-oauth-sync auth notes https://h/mcp --profile work"],
        ),
        (
            "That there 'mcp-oauth-sync clear notes' does, or so.",
            ["hint: That there", "'mcp-oauth-sync clear notes' does, or", "so."],
        ),
        ("a\x00b", ["hint: a b"]),
    ],
)
def test_what_helps_breaks_between_words_at_a_terminal_and_never_in_a_command(
    hint: str, lines: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    complain(OAuthError("x", hint=hint))
    assert capsys.readouterr().err.splitlines()[1:] == [" ".join(lines)]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    complain(OAuthError("x", hint=hint))
    assert capsys.readouterr().err.splitlines()[1:] == lines
