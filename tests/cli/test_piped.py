"""``token`` and ``headers``: for pipes, never for a screen; ``test``: whether the server answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading

import attrs
import jwt
import pytest

from mcp_oauth_sync import TokenManager
from mcp_oauth_sync.cli.moments import as_utc
from mcp_oauth_sync.cli.test import _count_tools
from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp.jsonrpc import METHOD_NOT_FOUND
from mcp_oauth_sync.stores import default_manager
from tests.servers import gate, html

from .conftest import Scene
from .kept import FULL, RECORD
from .terminal import COMMAND, Terminal, closed_pipe, run, run_here, run_into
from .test_commands_page import keys_of


def expire() -> str:
    """Let the token of a sign-in run out, as time does, and return its refresh token."""
    record = default_manager().load_record("notes")
    assert record is not None
    assert record.tokens is not None
    old = attrs.evolve(record.tokens, issued_at=1.0)
    default_manager().save_record("notes", attrs.evolve(record, tokens=old))
    return str(old.refresh_token)


def test_the_token_alone_is_on_standard_output(scene: Scene) -> None:
    token = scene.sign_in()
    assert run("token", "notes") == (0, f"{token}\n", "")
    assert run("token", scene.url) == (0, f"{token}\n", "")
    assert run("headers", "notes") == (0, f"Authorization: Bearer {token}\n", "")
    assert scene.quiet()


@pytest.mark.parametrize("command", ["token", "headers"])
def test_an_expired_token_is_renewed_first(scene: Scene, command: str) -> None:
    token = scene.sign_in()
    expire()
    done = run(command, "notes")
    assert (done.status, done.err) == (0, "")
    printed = done.out.strip().removeprefix("Authorization: Bearer ")
    assert printed != token
    assert scene.az.is_active(printed)
    assert [exchange.path for exchange in scene.az.log] == ["/token"]


@pytest.mark.parametrize("command", ["token", "headers"])
def test_a_terminal_gets_nothing_unless_it_is_asked_for(scene: Scene, command: str) -> None:
    token = scene.sign_in()
    with Terminal(command, "notes") as terminal:
        assert terminal.end() == 1
    assert "on a screen is a leak: nothing was printed. hint: " in terminal.words
    assert token[:8] not in terminal.screen
    with Terminal(command, "notes", "--show") as terminal:
        assert terminal.end() == 0
    assert token in terminal.screen
    assert scene.quiet()


@pytest.mark.parametrize("command", ["token", "headers", "test"])
def test_nobody_is_asked_even_at_a_terminal(scene: Scene, command: str) -> None:
    token = scene.sign_in()
    default_manager().delete_tokens("notes")
    with Terminal(command, "notes", out=True) as terminal:
        assert terminal.end() == 3
    assert terminal.output == b""
    assert re.search(r"error: A person has to sign in to \S+, and nobody is there to ask", terminal.words)
    assert f"hint: Run: mcp-oauth-sync auth notes {scene.url}" in terminal.words
    assert token not in terminal.screen


def test_a_server_that_does_not_renew_for_now_is_status_1_and_keeps_everything(scene: Scene) -> None:
    scene.sign_in()
    refresh_token = expire()
    scene.az.fault("/token", *[html(400)] * 8)
    done = run("token", "notes")
    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith(("error: ", "hint: "))
    kept = default_manager().load_tokens("notes")
    assert kept is not None
    assert kept.refresh_token == refresh_token


def test_a_bound_token_is_refused_alone_with_the_command_that_helps(capsys: pytest.CaptureFixture[str]) -> None:
    TokenManager().save_record("notes", FULL)
    done = run_here(capsys, "token", "notes")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "error: The token is bound to a key (DPoP): alone it is of no use.\n"
        "hint: Each request needs a proof of its own, which 'headers' makes: "
        "mcp-oauth-sync headers notes --method POST\n"
    )


def test_headers_of_a_bound_token_come_with_a_proof_for_their_request(scene: Scene) -> None:
    scene.az.dpop.offered = scene.mcp.binding.offered = True
    scene.sign_in()
    done = run("headers", "notes", "--method", "post", "--url", f"{scene.url}/x?y=1")
    assert (done.status, done.err) == (0, "")
    headers = dict(line.split(": ", 1) for line in done.out.splitlines())
    assert headers["Authorization"].startswith("DPoP ")
    claims = jwt.decode(headers["DPoP"], options={"verify_signature": False})
    assert (claims["htm"], claims["htu"]) == ("POST", f"{scene.url}/x")


def test_for_programs_a_token_comes_with_its_type_and_its_end(scene: Scene) -> None:
    token = scene.sign_in()
    document = json.loads(run("token", "notes", "--json").out)
    assert set(document) == keys_of("token")
    assert (document["access_token"], document["token_type"]) == (token, "Bearer")
    kept = default_manager().load_tokens("notes")
    assert kept is not None
    assert document["expires_at"] == as_utc(kept.expires_at)
    done = run("headers", "notes", "--json")
    assert (done.status, json.loads(done.out), done.err) == (0, {"Authorization": f"Bearer {token}"}, "")
    with Terminal("token", "notes", "--json") as terminal:
        assert terminal.end() == 1
    assert token[:8] not in terminal.screen
    assert scene.quiet()


def test_for_programs_headers_of_a_bound_token_are_named_as_the_page_names_them(scene: Scene) -> None:
    scene.az.dpop.offered = scene.mcp.binding.offered = True
    scene.sign_in()
    assert set(json.loads(run("headers", "notes", "--json").out)) == keys_of("headers")


def test_headers_for_another_origin_are_refused(scene: Scene) -> None:
    token = scene.sign_in()
    done = run("headers", "notes", "--url", "https://evil.example.com/mcp")
    assert (done.status, done.out) == (1, "")
    assert token not in done.err
    assert "is not on the origin of" in done.err


@pytest.mark.parametrize("command", ["token", "headers", "test"])
def test_a_sign_in_from_explicit_endpoints_is_for_its_program(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    TokenManager().save_record("notes", attrs.evolve(RECORD, server_url=""))
    done = run_here(capsys, command, "notes")
    assert (done.status, done.out) == (1, "")
    assert "only that program can use it" in done.err


@pytest.mark.curl
def test_curl_takes_the_headers_from_a_substituted_process(scene: Scene) -> None:
    token = scene.sign_in()
    line = f"curl -s -o /dev/null -H @<({' '.join(COMMAND)} headers notes) {scene.url}"
    subprocess.run(["bash", "-c", line], check=True, timeout=60)
    assert scene.mcp.tokens_seen == [token]


def test_test_calls_the_server_and_says_what_it_is(scene: Scene) -> None:
    token = scene.sign_in()
    done = run("test", "notes")
    assert (done.status, done.err) == (0, "")
    lines = dict(line.split(": ", 1) for line in done.out.splitlines())
    assert re.fullmatch(r"as it was, good for \d+ minutes", lines.pop("token"))
    assert lines == {
        "name": "notes",
        "result": "the server answers",
        "server": scene.url,
        "called": "scripted 1",
        "speaks": "MCP 2025-11-25",
        "tools": "3",
    }
    assert set(scene.mcp.tokens_seen) == {token}


def test_test_says_that_the_token_was_renewed(scene: Scene) -> None:
    scene.sign_in()
    scene.az.expire_all_access_tokens()
    document = json.loads(run("test", "notes", "--json").out)
    assert document["renewed"] is True
    assert {*document, *document["server"]} == keys_of("test")
    scene.az.expire_all_access_tokens()
    assert re.search(r"^token: renewed just now, good for \d+ minutes$", run("test", "notes").out, re.MULTILINE)


def test_test_fails_with_1_where_the_server_does_not_answer_and_3_where_it_wants_a_person(scene: Scene) -> None:
    scene.az.revoke_family(scene.sign_in())
    done = run("test", "notes")
    assert (done.status, done.out) == (3, "")
    scene.mcp.stop()
    done = run("test", "notes", "--json")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: ")


@pytest.mark.parametrize("command", [("test", "notes"), ("token", "notes"), ("headers", "notes")])
def test_ctrl_c_ends_a_command_that_waits_for_a_server_with_130(scene: Scene, command: tuple[str, ...]) -> None:
    scene.sign_in()
    asked, go_on = threading.Event(), threading.Event()
    held = gate(go_on, arrived=asked)
    if command[0] == "test":
        scene.mcp.fault("*", held)
    else:
        expire()
        scene.az.fault("/token", held)
    try:
        with Terminal(*command, out=True) as terminal:
            assert asked.wait(30)
            terminal.press("\x03")
            assert terminal.end() == 130
    finally:
        go_on.set()
    assert terminal.output == b""
    assert terminal.screen.endswith("interrupted\n")
    assert default_manager().load_tokens("notes") is not None


@pytest.mark.parametrize("command", ["token", "headers", "get", "list", "status", "stores"])
def test_a_reader_who_has_gone_away_is_no_traceback(scene: Scene, command: str) -> None:
    scene.sign_in()
    pipe = closed_pipe()
    try:
        done = run_into(pipe, command, *([] if command in ("list", "status", "stores") else ["notes"]))
    finally:
        os.close(pipe)
    assert done.status == 1
    assert "Traceback" not in done.err


class Offers:
    """Stands for a session whose list of tools ends in an error."""

    def __init__(self, code: int) -> None:
        self.code = code

    def list_tools(self) -> object:
        raise MCPError("no", code=self.code)


def test_a_server_that_knows_no_tools_works_all_the_same() -> None:
    assert _count_tools(Offers(METHOD_NOT_FOUND)) is None  # type: ignore[arg-type]
    with pytest.raises(MCPError):
        _count_tools(Offers(-32603))  # type: ignore[arg-type]
