"""Tables on a real terminal: they fit it, and are painted where that is wanted; in a pipe they are lines."""

from __future__ import annotations

import re
import sys
from itertools import takewhile
from pathlib import Path

import attrs
import pytest
from rich.cells import cell_len as columns

from mcp_oauth_sync import TokenManager
from mcp_oauth_sync.cli import list_stores
from mcp_oauth_sync.cli.output import complain, paragraph, say
from mcp_oauth_sync.cli.screen import shortened
from mcp_oauth_sync.cli.table import show_facts, show_table
from mcp_oauth_sync.exceptions import OAuthError

from .kept import RECORD, keep
from .terminal import OBEYED, Terminal, run

LONG = "https://mcp.a-rather-long-host-name.example.com/with/a/long/path/to/mcp"
PAINT = re.compile(r"\x1b\[\d*m")
#: Columns of the names that "get" shows.
ROOM_OF_NAMES = len("renewed by itself  ")


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
    clean = [PAINT.sub("", line) for line in screen(*command.split(), columns=wide, status=status)]
    assert [line for line in clean if OBEYED.search(line)] == []
    table = list(takewhile(lambda line: not line.startswith(("Kept in", "hint:")), clean))
    if command == "get endless":  # beside its name, a word that is longer than the line stays whole
        wide = max(wide, 40)
        table = [line for line in table if max(map(columns, line.split())) <= wide - ROOM_OF_NAMES]
    assert [line for line in table if columns(line) > wide] == []


def test_the_folder_of_a_person_is_one_sign_in_the_table_of_stores_and_whole_in_a_pipe(tmp_path: Path) -> None:
    variables = {"HOME": str(tmp_path), "MCP_OAUTH_SYNC_HOME": str(tmp_path / "kept"), "MCP_OAUTH_SYNC_BACKEND": ""}
    [line] = [PAINT.sub("", line) for line in screen("stores", **variables) if "encrypted_file" in line]
    assert line.rstrip().endswith(" encrypted files in ~/kept")
    [line] = [line for line in run("stores", environment=variables).out.splitlines() if "encrypted_file" in line]
    assert line.endswith(f" encrypted files in {tmp_path}/kept")


def test_who_has_no_folder_sees_the_stores_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(list_stores.Path, "home", nobody)
    assert list_stores._from_home("/srv/kept") == "/srv/kept"


def test_a_wide_table_has_a_heading_and_an_address_that_shows_both_ends() -> None:
    keep_long()
    lines = [PAINT.sub("", line) for line in screen("list", columns=100)]
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


def test_what_looks_like_markup_or_an_emoji_is_shown_as_it_is() -> None:
    name = "[red]x[/red] [link=https://evil.example]y[/] :smile: 1.5 'q'"
    hostile = attrs.evolve(RECORD, server_url="https://h/[bold]z", requested_scope=name, grant=name)
    TokenManager().save_record(name, hostile)
    for command in (["list"], ["status"], ["get", name]):
        for environment in ({}, {"NO_COLOR": "1"}):
            lines = screen(*command, columns=160, **environment)
            assert [PAINT.sub("", line) for line in lines if name in PAINT.sub("", line)] != []
            assert [line for line in lines if "\x1b]" in line] == []
    painted = {found for line in screen("get", name, columns=160) for found in PAINT.findall(line)}
    assert painted == {"\x1b[0m", "\x1b[2m", "\x1b[33m"}


def test_a_terminal_too_narrow_for_columns_has_the_cells_under_each_other() -> None:
    keep("fresh")
    lines = [PAINT.sub("", line) for line in screen("list", columns=40)]
    assert [line.rstrip() for line in lines[:3]] == [
        "fresh",
        "  https://mcp.example.com/mcp",
        "  signed in, good for 2 h",
    ]


def test_a_name_is_whole_while_it_leaves_room_for_the_rest() -> None:
    keep_long()
    assert any(line.startswith("a-name-that-goes-on-and-on-for-ever  ") for line in screen("list", NO_COLOR="1"))
    narrow = screen("list", columns=60, NO_COLOR="1")
    assert any(re.match(r"a-name-\S*\.\.\.  https://", line) for line in narrow)


def test_a_last_cell_loses_no_letter_however_long_its_words_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    for wide in (100, 40):
        monkeypatch.setenv("COLUMNS", str(wide))
        show_table(("A", "B", "C"), [("a", "b", "x" * 150), ("d", "e", "f")])
        shown = capsys.readouterr().out
        assert shown.count("x") == 150
        assert max(map(len, shown.splitlines())) <= wide


def test_an_address_and_a_command_among_facts_are_never_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    show_facts({"a": LONG, "long name": "some words before " + LONG, "c": "one two three four five six seven"})
    assert capsys.readouterr().out.splitlines() == [
        f"a          {LONG}",
        "long name  some words before",
        f"           {LONG}",
        "c          one two three four five six",
        "           seven",
    ]


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
    assert shortened("http://a.example/mcp", 15) == "http://a.../mcp"
    assert columns("漢字a") == 5
    assert shortened("漢字漢字漢字", 8) == "漢字..."
    assert columns(shortened("https://漢字.example/漢字漢字", 19)) <= 19


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
        ("Install what is missing: pip install 'x[y]'", ["hint: Install what is missing:", "pip install 'x[y]'"]),
        (
            "Run: mcp-oauth-sync auth NAME URL in a terminal, or pass a prompt=",
            ["hint: Run: mcp-oauth-sync auth NAME URL", "in a terminal, or pass a prompt="],
        ),
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


def test_what_happened_is_told_in_lines_that_fit_a_terminal_and_whole_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = f"  what was said of {LONG} is this: 漢字漢字 漢字漢字 漢字漢字 漢字漢字 漢字漢字\n\nand more"
    say(text)
    assert capsys.readouterr().err == f"{text}\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    say(text)
    assert capsys.readouterr().err.splitlines() == [
        "  what was said of",
        f"  {LONG}",
        "  is this: 漢字漢字 漢字漢字 漢字漢字",
        "  漢字漢字 漢字漢字",
        "",
        "and more",
    ]


def test_a_paragraph_is_one_line_in_a_pipe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    paragraph("word " * 12 + "end", "  ", hanging=2)
    assert capsys.readouterr().out == f"  {'word ' * 12}end\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    paragraph("word " * 12 + "end", "  ", hanging=2)
    assert capsys.readouterr().out.splitlines() == [
        "  word word word word word word word",
        "    word word word word word end",
    ]


def test_what_others_wrote_has_its_bar_before_every_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    say("They ask:\n  | Please say where it goes | and when, hint: Run: rm")
    assert capsys.readouterr().err.splitlines() == [
        "They ask:",
        "  | Please say where it goes | and when,",
        "  | hint: Run: rm",
    ]


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["clear", "no-sign-in-of-this-name-is-kept-here"], 0),
        (["logout", "no-sign-in-of-this-name-is-kept-here"], 0),
        (["export", "no-sign-in-of-this-name-is-kept-here"], 1),
        (["import", "/no/file/of/this/name/is/there"], 1),
        (["token", "fresh"], 1),
        (["status", "torn"], 1),
        (["client-document", "--url", "https://app.example.com/client.json"], 0),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_every_command_says_what_it_says_in_lines_that_fit(command: list[str], status: int) -> None:
    keep()
    with Terminal(*command, environment={"TERM": "xterm", "COLUMNS": "40"}, out=command[0] != "token") as terminal:
        assert terminal.end() == status
    lines = [line for line in terminal.screen.splitlines() if not line.lstrip("'").startswith("mcp-oauth-sync ")]
    assert lines != [] or command[0] == "status"
    assert [line for line in lines if len(line) > 40 and " " in line.strip()] == []
