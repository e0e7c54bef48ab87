"""``tools NAME``: one line a tool on standard output and nothing else there, whatever a server says."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from mcp_oauth_sync.stores import default_manager
from tests.servers import AuthorizationServer, McpServer, html, reply, speech

from .conftest import Scene
from .terminal import OBEYED, Terminal, closed_pipe, files_below, run, run_into

LISTED = "echo  Say it again.\nwhoami  Say who asks.\nwrite_note  Keep a note.\n"
ATTACK = "\x1b[2J\x1b]52;c;cm0gLXJm\x07 rm\r\n$ pwned \u202e\u2066\x9b1m\x00\x7f"


def offer(monkeypatch: pytest.MonkeyPatch, *tools: Any) -> None:
    monkeypatch.setattr(speech, "TOOLS", list(tools))


def test_the_tools_are_listed_on_standard_output_alone(scene: Scene) -> None:
    token = scene.sign_in()
    assert run("tools", "notes") == (0, LISTED, "")
    assert set(scene.mcp.tokens_seen) == {token}
    assert scene.az.log == []


def test_a_server_that_answers_with_events_is_listed_too(scene: Scene) -> None:
    scene.sign_in()
    scene.mcp.use_sse = True
    assert run("tools", "notes") == (0, LISTED, "")


def test_an_expired_token_is_renewed_without_a_word(scene: Scene) -> None:
    scene.sign_in()
    scene.az.expire_all_access_tokens()
    done = run("tools", "notes")
    assert (done.status, done.out) == (0, LISTED)
    assert [exchange.path for exchange in scene.az.log] == ["/token"]


def test_a_person_at_a_terminal_is_asked_when_the_sign_in_has_ended(scene: Scene) -> None:
    scene.az.revoke_family(scene.sign_in())
    with Terminal("tools", "notes", out=True) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    assert terminal.output.decode() == LISTED


def test_a_server_never_signed_in_to_is_signed_in_to_on_the_way(scene: Scene) -> None:
    with Terminal("tools", "notes", scene.url, out=True) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    assert terminal.output.decode() == LISTED
    assert default_manager().load_tokens("notes") is not None


def test_without_a_terminal_a_sign_in_that_has_ended_is_3_and_the_command_to_run(scene: Scene) -> None:
    scene.az.revoke_family(scene.sign_in())
    done = run("tools", "notes")
    assert (done.status, done.out) == (3, "")
    assert done.err.splitlines()[-1] == f"hint: Run: mcp-oauth-sync auth notes {scene.url}"
    assert scene.az.authorizations == 1


@pytest.mark.parametrize("command", ["tools", "auth"])
def test_another_address_than_the_sign_ins_is_refused_and_sees_no_token(scene: Scene, command: str) -> None:
    scene.sign_in()
    before = scene.files
    with AuthorizationServer() as elsewhere, McpServer(elsewhere) as other:
        with Terminal(command, "notes", other.mcp_url, out=True) as terminal:
            assert terminal.end() == 1
        assert other.tokens_seen == []
        assert elsewhere.authorizations == 0
    assert terminal.output == b""
    assert f"error: The sign-in 'notes' is one at {scene.url}, not at {other.mcp_url}" in terminal.words
    assert "mcp-oauth-sync clear notes" in terminal.screen.splitlines()[-1]
    assert scene.quiet()
    assert scene.files == before


def test_the_same_address_given_again_is_no_other(scene: Scene) -> None:
    scene.sign_in()
    assert run("tools", "notes", scene.url).out == LISTED


def test_a_hostile_server_cannot_write_to_the_terminal(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, {"name": f"a{ATTACK}", "description": f"b{ATTACK}\nmore"}, {"name": None}, {"description": 7})
    scene.sign_in()
    with Terminal("tools", "notes", environment={"NO_COLOR": "1"}) as terminal:
        assert terminal.end() == 0
    assert OBEYED.findall(terminal.screen) == []
    *_, heading, listed = terminal.screen.splitlines()
    left_out = "one of the tools is left out: The server sent a tool whose 'name' is missing."
    assert terminal.words.count(left_out) == 2
    assert heading.split("  ")[0] == "TOOL"
    assert listed.startswith("a [2J ]52;c;cm0gLXJm rm $ pwned")


def test_a_hostile_error_cannot_write_to_the_terminal(scene: Scene) -> None:
    scene.sign_in()
    said = "\x1b[2Jno\nerror: something else\x07"
    scene.mcp.fault(scene.mcp.path, reply(200, {"jsonrpc": "2.0", "id": None, "error": {"code": -1, "message": said}}))
    with Terminal("tools", "notes") as terminal:
        assert terminal.end() == 1
    assert terminal.screen == "error: The server answered: [2Jno error: something else.\n"


def test_the_parameters_of_each_tool_are_listed_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    guests = {"type": "array", "items": {"$ref": "#/$defs/Guest"}, "description": "Who comes. " * 12}
    nights = {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 1, "title": "Nights"}
    room = {"enum": ["single", "double"], "default": "single", "description": "Which\nkind"}
    schema = {
        "type": "object",
        "properties": {"guests": guests, "nights": nights, "room": room},
        "required": ["guests"],
        "$defs": {"Guest": {"type": "string"}},
    }
    nothing = {"type": "object", "properties": {}}
    offer(
        monkeypatch,
        {"name": "book", "description": "Book a room.", "inputSchema": schema},
        {"name": "more", "inputSchema": {**schema, "additionalProperties": True}},
        {"name": "list", "description": "List rooms.", "inputSchema": nothing},
        {"name": "free", "description": "Whatever.", "inputSchema": {"type": "object"}},
    )
    scene.sign_in()
    with Terminal("tools", "notes", "--long", environment={"NO_COLOR": "1"}) as terminal:
        assert terminal.end() == 0
    lines = terminal.screen.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert lines[:6] == [
        "book  Book a room.",
        "    guests (array of string, required): Who comes. Who comes. Who comes. Who",
        "        comes. Who comes. Who comes. Who comes. Who comes. Who comes. Who comes.",
        "        Who comes. Who comes.",
        "    nights (integer or null, default 1)",
        "    room (one of single, double, default single): Which kind",
    ]
    assert lines[-4:] == [
        "    (and others)",
        "list  List rooms.",
        "free  Whatever.",
        "    (anything)",
    ]
    with Terminal("tools", "notes", "--long", environment={"TERM": "xterm"}) as terminal:
        assert terminal.end() == 0
    assert terminal.screen.splitlines()[0] == "\x1b[1mbook\x1b[0m  Book a room."


def test_json_is_all_that_a_server_says_of_its_tools(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [
        {"name": f"a{ATTACK}", "description": "é", "inputSchema": {"type": "object"}, "news": {"x": [1]}},
        {"name": "b", "inputSchema": {"type": "object"}},
    ]
    offer(monkeypatch, *documents)
    scene.sign_in()
    status, out, err = run("tools", "notes", "--json")
    assert (status, err, OBEYED.findall(out)) == (0, "", [])
    assert json.loads(out) == documents
    offer(monkeypatch)
    assert run("tools", "notes", "--json") == (0, "[]\n", "The server offers no tools.\n")


def test_a_hostile_schema_cannot_write_to_the_terminal(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    parameter = {"type": "string", "enum": [ATTACK], "default": ATTACK, "description": f"{ATTACK}\nmore "}
    properties = {f"p{ATTACK}\nq": parameter, "long": {"type": "string", "description": "x" * 5000}}
    offer(monkeypatch, {"name": "a", "inputSchema": {"properties": properties}})
    scene.sign_in()
    done = run("tools", "notes", "--long")
    assert (done.status, done.err) == (0, "")
    assert OBEYED.findall(done.out) == []
    assert [line for line in done.out.splitlines()[1:] if not line.startswith("    ")] == []
    assert len(done.out) < 2000


def test_what_a_tool_does_is_broken_into_lines_at_a_terminal_and_whole_in_a_pipe(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "word " * 60
    offer(
        monkeypatch,
        {"name": "long", "description": f"{words}\nsecond line"},
        {"name": "n" * 50, "description": "x" * 90},
        {"name": "silent"},
    )
    scene.sign_in()
    with Terminal("tools", "notes", environment={"NO_COLOR": "1"}) as terminal:
        assert terminal.end() == 0
    lines = terminal.screen.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert lines[0].split() == ["TOOL", "WHAT", "IT", "DOES"]
    assert terminal.screen.count("word") == 60
    assert terminal.screen.count("x") == 90
    assert "second line" not in terminal.screen
    listed = run("tools", "notes", environment={"COLUMNS": "40"}).out.splitlines()
    assert listed == [f"long  {words}".rstrip(), f"{'n' * 50}  {'x' * 90}", "silent"]
    whole = run("tools", "notes", "--long", environment={"COLUMNS": "40"}).out.splitlines()
    assert [line for line in whole if not line.startswith(" ")] == listed


def test_a_reader_who_has_gone_away_ends_it_quietly(scene: Scene) -> None:
    scene.sign_in()
    pipe = closed_pipe()
    try:
        done = run_into(pipe, "tools", "notes")
    finally:
        os.close(pipe)
    assert (done.status, done.err) == (1, "")


def test_a_full_disk_is_an_error_and_no_traceback(scene: Scene) -> None:
    scene.sign_in()
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = run_into(full, "tools", "notes")
    finally:
        os.close(full)
    assert done.status == 1
    assert done.err.startswith("error: OSError: [Errno 28]")
    assert "Traceback" not in done.err
    assert "Exception ignored" not in done.err


def test_an_encoding_without_the_letter_shows_a_question_mark(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, {"name": "écho", "description": "say it \ud83d\ude00 again"})
    scene.sign_in()
    done = run("tools", "notes", environment={"PYTHONIOENCODING": "ascii"})
    assert done == (0, "?cho  say it ? again\n", "")


def test_no_tools_are_no_data(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch)
    scene.sign_in()
    assert run("tools", "notes") == (0, "", "The server offers no tools.\n")


@pytest.mark.parametrize("trouble", ["HTML", "gone"])
def test_a_server_in_trouble_is_one_typed_line_and_a_hint(scene: Scene, trouble: str) -> None:
    scene.sign_in()
    before = scene.files
    if trouble == "gone":
        scene.mcp.stop()
    else:
        scene.mcp.fault(scene.mcp.path, html(502))
    done = run("tools", "notes")
    assert (done.status, done.out) == (1, "")
    error, hint = done.err.splitlines()
    assert error.startswith(f"error: {scene.url} ")
    assert hint.startswith("hint: ")
    assert scene.files == before


def test_a_damaged_sign_in_says_how_to_remove_it_and_clear_does(scene: Scene) -> None:
    scene.sign_in()
    [path] = [scene.store / name for name in scene.files if name == "notes.enc"]
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    damaged = files_below(scene.store)
    done = run("tools", "notes")
    assert (done.status, done.out) == (1, "")
    assert "mcp-oauth-sync clear notes" in done.err.splitlines()[-1]
    assert scene.files == damaged
    assert run("clear", "notes").status == 0
    assert not path.exists()
    assert run("tools", "notes").status == 3
    assert scene.quiet()


def test_verbose_may_stand_after_the_command_and_tells_no_secret(scene: Scene) -> None:
    scene.sign_in()
    scene.az.expire_all_access_tokens()
    done = run("tools", "notes", "-v")
    assert (done.status, done.out) == (0, LISTED)
    assert "/token: HTTP 200" in done.err
    assert [secret for secret in scene.az.secrets if secret in done.err] == []


def test_a_store_whose_folder_is_a_file_is_an_error_and_no_traceback(scene: Scene) -> None:
    scene.store.write_text("not a folder")
    done = run("tools", "notes")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err
    assert scene.store.read_text() == "not a folder"
