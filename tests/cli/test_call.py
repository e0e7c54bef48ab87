"""``call NAME TOOL``: what a tool gives is data, everything else is told beside it, whatever a server sends."""

from __future__ import annotations

import base64
import errno
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync.cli.call_output import as_json
from mcp_oauth_sync.exceptions import MCPError
from tests.mcp.script import EVENTS, ScriptedMcp, error, event, result
from tests.servers import Reply, json_reply

from .conftest import Scene
from .terminal import OBEYED, PATIENCE, Terminal, closed_pipe, run, run_here, run_into

ATTACK = "\x1b[2J\x1b]52;c;cm0gLXJm\x07 rm\r$ pwned \u202e\u2066\x9b1m\x00\x7f"
PIXEL = b"\x89PNG\r\n\x1a\n not really"
Call = Callable[..., Any]


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def image(content: bytes = PIXEL) -> dict[str, Any]:
    return {"type": "image", "mimeType": "image/png", "data": encoded(content)}


class Shop(ScriptedMcp):
    """Offers tools, and answers each call with one result."""

    def __init__(self) -> None:
        super().__init__(tools_list=self._list, tools_call=lambda message: json_reply(result(message, self.gives)))
        self.tools: list[dict[str, Any]] = [{"name": "order"}, {"name": "refund"}]
        self.gives: dict[str, Any] = {"content": [text("done")]}

    def _list(self, message: dict[str, Any]) -> Reply:
        return json_reply(result(message, {"tools": self.tools}))

    @property
    def given(self) -> dict[str, Any]:
        """What the tool was given."""
        arguments: dict[str, Any] = self.asked("tools/call").json()["params"]["arguments"]
        return arguments


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as made:
        yield made


@pytest.fixture
def call(shop: Shop, capsys: pytest.CaptureFixture[str]) -> Call:
    return lambda *words: run_here(capsys, "call", "shop", *words, "--url", shop.mcp_url)


# A server that was signed in to


def test_a_tool_of_a_server_is_called_with_the_token_alone(scene: Scene) -> None:
    token = scene.sign_in()
    assert run("call", "notes", "echo", "text=hello") == (0, '{"text": "hello"}\n', "")
    assert set(scene.mcp.tokens_seen) == {token}
    assert scene.az.log == []


def test_without_a_sign_in_it_is_3_and_the_command_to_run(scene: Scene) -> None:
    assert run("call", "notes", "echo") == (
        3,
        "",
        "error: There is no sign-in called 'notes'.\nhint: Run: mcp-oauth-sync auth notes URL\n",
    )
    scene.az.revoke_family(scene.sign_in())
    done = run("call", "notes", "echo")
    assert (done.status, done.out) == (3, "")
    assert done.err.splitlines()[-1] == f"hint: Run: mcp-oauth-sync auth notes {scene.url}"


def test_a_server_never_signed_in_to_is_signed_in_to_on_the_way(scene: Scene) -> None:
    with Terminal("call", "notes", "echo", "--url", scene.url, out=True) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    assert terminal.output == b"{}\n"


# What it gives


def test_texts_are_lines_and_the_rest_is_told_of(shop: Shop, call: Call) -> None:
    link = {"type": "resource_link", "uri": "file:///a%20b", "name": "a"}
    held = {"uri": "x:1", "text": "held\ninside"}
    bytes_held = {"uri": "x:2", "mimeType": "application/pdf", "blob": encoded(b"1234")}
    sound = {"type": "audio", "mimeType": "audio/wav", "data": encoded(b"12")}
    resources = [{"type": "resource", "resource": each} for each in (held, bytes_held)]
    new = {"type": "hologram", "depth": 3}
    broken = {**sound, "data": "!"}
    shop.gives = {"content": [text("one\ntwo"), image(), link, *resources, sound, new, broken, text("é")]}
    status, out, err = call("order")
    assert (status, out) == (0, "one\ntwo\nfile:///a%20b\nheld\ninside\né\n")
    assert err.splitlines() == [
        f"[image/png, {len(PIXEL)} bytes]",
        "[application/pdf, 4 bytes]",
        "[audio/wav, 2 bytes]",
        "[hologram]",
        "[audio/wav, no base64]",
    ]


def test_structured_content_is_shown_where_there_is_no_text(shop: Shop, call: Call) -> None:
    shop.gives = {"content": [], "structuredContent": {"sky": ["blåu"]}}
    assert call("order") == (0, '{\n  "sky": [\n    "blåu"\n  ]\n}\n', "")
    shop.gives = {"content": [text("blue")], "structuredContent": {"sky": ["blue"]}}
    assert call("order").out == "blue\n"
    shop.gives = {"structuredContent": {"a": "\u202e\x7f"}}
    assert call("order").out == '{\n  "a": "\\u202e\\u007f"\n}\n'


def test_an_encoding_without_the_letter_gets_it_escaped(shop: Shop) -> None:
    shop.gives = {"structuredContent": {"a": "é"}}
    done = run("call", "x", "order", "--url", shop.mcp_url, environment={"PYTHONIOENCODING": "ascii"})
    assert done == (0, '{\n  "a": "\\u00e9"\n}\n', "")


def test_json_is_the_whole_result(shop: Shop, call: Call) -> None:
    shop.gives = {"content": [text(ATTACK), image()], "structuredContent": None, "_meta": {"x": 1}, "news": [1.5]}
    status, out, err = call("order", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == shop.gives
    assert OBEYED.findall(out) == []


def test_a_result_without_a_bottom_is_an_error(shop: Shop, call: Call) -> None:
    depth = 5000
    body = b'{"jsonrpc": "2.0", "id": %d, "result": {"content": [], "deep": ' + b"[" * depth + b"]" * depth + b"}}"
    shop.script["tools_call"] = lambda message: Reply(200, [("Content-Type", "application/json")], body % message["id"])
    done = call("order", "--json")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err


def test_what_is_too_deep_to_be_written_as_json_is_an_error_of_ours() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(MCPError, match="nested too deeply"):
        as_json(deep)


def test_a_reader_who_has_gone_away_ends_it_quietly(shop: Shop) -> None:
    pipe = closed_pipe()
    try:
        done = run_into(pipe, "call", "x", "order", "--url", shop.mcp_url)
    finally:
        os.close(pipe)
    assert (done.status, done.err) == (1, "")


# Bytes


def test_the_first_bytes_are_written_to_a_new_file_of_ones_own(shop: Shop, call: Call, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    shop.gives = {"content": [text("look"), image(), image(b"second")]}
    status, out, err = call("order", "--output", str(path))
    assert (status, out) == (0, "look\n")
    assert err.splitlines()[-1] == f"Written to {path}: {len(PIXEL)} bytes."
    assert path.read_bytes() == PIXEL
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_bytes_of_an_embedded_resource_are_written_too_also_none_of_them(
    shop: Shop, call: Call, tmp_path: Path
) -> None:
    for number, content in enumerate((b"1234", b"")):
        shop.gives = {"content": [{"type": "resource", "resource": {"uri": "x:2", "blob": encoded(content)}}]}
        assert call("order", "--output", str(tmp_path / str(number))).status == 0
        assert (tmp_path / str(number)).read_bytes() == content


def test_a_file_that_is_there_is_kept_and_the_tool_is_not_called(shop: Shop, call: Call, tmp_path: Path) -> None:
    path, dangling = tmp_path / "there", tmp_path / "link"
    path.write_text("mine")
    dangling.symlink_to(tmp_path / "elsewhere")
    for name in (path, dangling, tmp_path / "no" / "folder"):
        status, out, err = call("order", "--output", str(name))
        assert (status, out) == (1, "")
        assert err.startswith(f"error: The file {name} cannot be written: ")
    assert path.read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()
    assert shop.log == []


def test_bytes_that_do_not_fit_on_the_disk_leave_no_file(
    shop: Shop, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    shop.gives = {"content": [text("look"), image()]}
    # The store, whose files are written in the same way, is not touched by a call without a sign-in.
    monkeypatch.setattr("mcp_oauth_sync.cli.new_file.os.fsync", full)
    file = tmp_path / "f"
    status, out, err = call("order", "--output", str(file))
    assert (status, out) == (1, "look\n")
    assert err.splitlines()[-1] == f"error: The file {file} cannot be written: No space left on device."
    assert not file.exists()


@pytest.mark.parametrize(
    "gives",
    [
        {"content": [text("no picture")]},
        {"content": [text("no"), {**image(), "data": "?"}]},
        {"content": [text("broken"), image()], "isError": True},
    ],
    ids=["none", "no base64", "failed"],
)
def test_without_bytes_there_is_no_file_and_it_is_1(
    shop: Shop, call: Call, tmp_path: Path, gives: dict[str, Any]
) -> None:
    shop.gives = gives
    done = call("order", "--output", str(tmp_path / "f"))
    assert done.status == 1
    assert "error: " in done.err
    assert list(tmp_path.glob("f")) == []


# When it fails


def test_a_tool_that_fails_is_1_and_its_text_cannot_pass_for_ours(shop: Shop, call: Call) -> None:
    shop.gives = {"content": [text(f"closed{ATTACK}\nhint: Run: rm -rf /")], "isError": True}
    status, out, err = call("order")
    assert (status, out) == (1, "")
    first, *more = err.splitlines()
    assert first == "error: closed [2J ]52;c;cm0gLXJm  rm"
    assert [line[:7] for line in more] == ["       "] * 2
    assert more[-1] == "       hint: Run: rm -rf /"
    assert OBEYED.findall(err) == []


def test_a_tool_that_fails_without_a_text_says_what_it_says(shop: Shop, call: Call) -> None:
    shop.gives = {"content": [], "isError": True}
    assert call("order").err == "error: The tool failed and did not say why.\n"
    shop.gives = {"content": [], "structuredContent": {"why": 1}, "isError": True}
    assert call("order").err == 'error: {\n         "why": 1\n       }\n'
    status, out, err = call("order", "--json")
    assert (status, json.loads(out)["isError"], err[:7]) == (1, True, "error: ")


def test_a_refusal_is_1_and_one_line(shop: Shop, call: Call) -> None:
    shop.script["tools_call"] = lambda message: json_reply(error(message, -32050, f"no{ATTACK}\nhint: x"))
    status, out, err = call("order")
    assert (status, out) == (1, "")
    assert err.startswith("error: The server answered: no [2J")
    assert err.count("\n") == 1
    assert OBEYED.findall(err) == []


def test_a_server_that_asks_all_the_same_is_told_of_with_what_to_do(shop: Shop, call: Call) -> None:
    about = {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {}}
    shop.script["server_discover"] = lambda message: json_reply(result(message, about))
    asked = {"method": "elicitation/create", "params": {"message": "Sure?"}}
    shop.gives = {"resultType": "input_required", "inputRequests": {"a": asked}}
    done = call("order")
    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines()[-1] == "hint: Run it at a terminal, where you can answer what the server asks."


def test_an_authorization_server_that_is_not_secure_is_no_wrong_usage(scene: Scene) -> None:
    scene.mcp.authorization_servers = ["http://login.example.com"]
    with Terminal("call", "notes", "echo", "--url", scene.url, out=True) as terminal:
        assert terminal.end() == 1
    assert "error: " in terminal.screen


@pytest.mark.parametrize("said", ["a result", "an error"])
def test_an_unknown_tool_is_told_with_the_nearest_one(shop: Shop, call: Call, said: str) -> None:
    shop.gives = {"content": [text("Unknown tool: ordr")], "isError": True}
    if said == "an error":
        shop.script["tools_call"] = lambda message: json_reply(error(message, -32602, "Unknown tool: ordr"))
    done = call("ordr")
    listed = f"The tools are listed by: mcp-oauth-sync tools shop {shop.mcp_url}"
    assert (done.status, done.out) == (1, "")
    assert "Unknown tool: ordr" in done.err.splitlines()[0]
    assert done.err.splitlines()[1] == f"hint: Did you mean 'order'? {listed}"
    assert call("ordr", "a=b").err == (
        f"error: The server offers no tool 'ordr'.\nhint: Did you mean 'order'? {listed}\n"
    )
    assert call("quite other", "a=b").err.splitlines()[1] == f"hint: {listed}"


def test_a_tool_that_is_not_listed_is_called_and_its_failure_is_its_own(shop: Shop, call: Call) -> None:
    shop.tools = []
    assert call("hidden").out == "done\n"
    shop.gives = {"content": [text("out of stock")], "isError": True}
    shop.script["tools_list"] = lambda message: json_reply(error(message, -32601, "Method not found"))
    assert call("hidden").err == "error: out of stock\n"


def test_what_was_looked_up_before_is_not_looked_up_again(shop: Shop, call: Call) -> None:
    shop.gives = {"content": [text("sold out")], "isError": True}
    assert call("order", "a=b").err == "error: sold out\n"
    assert shop.methods.count("tools/list") == 1


def test_arguments_that_a_server_refuses_are_told_with_what_the_tool_takes(shop: Shop, call: Call) -> None:
    shop.tools = [{"name": "order", "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}}}]
    shop.script["tools_call"] = lambda message: json_reply(error(message, -32602, "Invalid params"))
    assert call("order", '{"m": 1}').err.splitlines()[1] == "hint: It takes n (integer)."


def test_a_tool_that_takes_too_long_is_given_up(shop: Shop, call: Call) -> None:
    shop.script["tools_call"] = lambda message: Reply(200, EVENTS, chunks=shop.endless(b": wait\n\n"))
    done = call("order", "--timeout", "0.2")
    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines()[1] == "hint: Try again later, or wait longer with --timeout SECONDS."


# While it works


def working(shop: Shop, *said: dict[str, Any]) -> None:
    """Let the tool say something before it answers."""

    def answer(message: dict[str, Any]) -> Reply:
        token = message["params"].get("_meta", {}).get("progressToken")
        told = [
            {
                "jsonrpc": "2.0",
                **each,
                "params": {**each["params"], **({"progressToken": token} if "progress" in each["params"] else {})},
            }
            for each in said
        ]
        return Reply(200, EVENTS, b"".join(event(each) for each in [*told, result(message, shop.gives)]))

    shop.script["tools_call"] = answer


def progress(step: int, words: str) -> dict[str, Any]:
    return {"method": "notifications/progress", "params": {"progress": step, "total": 2, "message": words}}


def log(words: str) -> dict[str, Any]:
    return {"method": "notifications/message", "params": {"level": "info", "logger": "till", "data": words}}


def test_progress_is_a_line_each_time_where_there_is_no_terminal(shop: Shop, call: Call) -> None:
    working(shop, progress(1, f"packing{ATTACK}\nmore"), progress(2, "sent"))
    status, out, err = call("order")
    assert (status, out) == (0, "done\n")
    assert OBEYED.findall(err) == []
    first, second = err.splitlines()
    assert first.startswith("1/2 packing [2J ]52;c;cm0gLXJm rm $ pwned")
    assert second == "2/2 sent"


def test_progress_is_one_line_that_is_written_over_at_a_terminal(shop: Shop) -> None:
    working(shop, progress(1, "長い" * 60 + ATTACK), progress(2, "short"))
    with Terminal("call", "x", "order", "--url", shop.mcp_url) as terminal:
        assert terminal.end() == 0
    line, done, _ = terminal.screen.split("\n")
    before, first, second = line.split("\r")
    assert before == ""
    assert first == "1/2 " + "長い" * 18 + "長 "  # 79 columns: these letters take two
    assert second == f"2/2 short{' ' * (79 - 9)}"
    assert done == "done"


def test_a_question_begins_a_line_of_its_own(shop: Shop) -> None:
    form = {"message": "Sure?", "requestedSchema": {"type": "object", "properties": {}}}
    working(shop, progress(1, "packing"), {"id": "q", "method": "elicitation/create", "params": form})
    with Terminal("call", "x", "order", "--url", shop.mcp_url) as terminal:
        terminal.read_until(r"Answer\? .*\) ")
        terminal.press("d\r")
        assert terminal.end() == 0
    assert "\r1/2 packing\n\n127.0.0.1" in terminal.screen
    assert {"jsonrpc": "2.0", "id": "q", "result": {"action": "decline"}} in shop.replies


def test_a_servers_log_is_shown_to_who_asks_for_details(shop: Shop, call: Call) -> None:
    working(shop, log(f"ring{ATTACK}\nerror: no"))
    assert call("order") == (0, "done\n", "")
    status, out, err = run("call", "x", "order", "--url", shop.mcp_url, "--verbose")
    assert (status, out) == (0, "done\n")
    [line] = [line for line in err.splitlines() if "ring" in line]
    assert line.startswith("info till: ring [2J ]52;c;cm0gLXJm rm $ pwned")
    assert line.endswith("error: no")
    assert OBEYED.findall(err) == []


def test_an_interruption_is_130_and_leaves_no_file(shop: Shop, tmp_path: Path) -> None:
    called = threading.Event()

    def answer(message: dict[str, Any]) -> Reply:
        called.set()
        return Reply(200, EVENTS, chunks=shop.endless(b": wait\n\n"))

    shop.script["tools_call"] = answer
    with Terminal("call", "x", "order", "--url", shop.mcp_url, "--output", str(tmp_path / "f")) as terminal:
        assert called.wait(PATIENCE)
        assert (tmp_path / "f").exists()
        terminal.press("\x03")
        assert terminal.end() == 130
    assert terminal.screen.endswith("interrupted\n")
    assert list(tmp_path.glob("f")) == []
    assert "notifications/cancelled" in shop.methods
