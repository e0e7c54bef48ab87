"""``get`` and ``status``: what is kept, how it stands and why, without a server and without a secret."""

from __future__ import annotations

import hashlib
import json
import re

import attrs
import pytest

from mcp_oauth_sync import TokenManager
from mcp_oauth_sync.cli import main
from mcp_oauth_sync.exceptions import TokenStorageError

from .kept import FULL, RECORD, SECRETS, STATES, keep, with_tokens
from .terminal import OBEYED, Done, run_here
from .test_commands_page import keys_of


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Done:
    done = run_here(capsys, *arguments)
    assert "never-shown" not in done.out + done.err
    for secret in SECRETS:
        assert secret[:8] not in done.out + done.err
    return done


@pytest.mark.parametrize("name", STATES)
def test_a_sign_in_stands_as_what_is_kept_tells(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, state, status, why = STATES[name]
    keep(name)
    done = said(capsys, "status", name, "--json")
    assert done.status == status
    document = json.loads(done.out)
    assert (document["exit_status"], document["profile"], document["why"]) == (status, "default", None)
    [one] = document["sign_ins"]
    assert (one["name"], one["state"], one["why"], one["exit_status"]) == (name, state, why, status)
    assert one["server_url"] == "https://mcp.example.com/mcp"
    told = said(capsys, "status", name)
    assert told.out.startswith(f"{name}  ")
    assert len(told.out.splitlines()) == 1
    assert (why or "") in told.out
    kept = f"Kept in {TokenManager().store.name}; profile 'default'.\n"
    hint = f"hint: Run: mcp-oauth-sync auth {name} https://mcp.example.com/mcp\n"
    assert told.err == kept + (hint if status == 3 else "")


def test_it_is_told_whose_sign_ins_these_are(capsys: pytest.CaptureFixture[str]) -> None:
    TokenManager(profile="work").save_record("notes", RECORD)
    assert said(capsys, "status").err == "There are no sign-ins.\n"
    assert said(capsys, "status", "--profile", "work").err.endswith("; profile 'work'.\n")
    for flags, profile in (([], "default"), (["--profile", "work"], "work")):
        assert json.loads(said(capsys, "status", "--json", *flags).out)["profile"] == profile


def test_what_is_broken_counts_before_what_a_person_can_mend(capsys: pytest.CaptureFixture[str]) -> None:
    keep()
    done = said(capsys, "status")
    assert done.status == 1
    assert [line.split("  ")[0] for line in done.out.splitlines()] == sorted([*STATES, "torn"])
    assert "torn  cannot be read: " in done.out
    main(["clear", "torn"])
    capsys.readouterr()
    assert said(capsys, "status").status == 3


def test_where_nothing_is_kept_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "status") == (0, "", "There are no sign-ins.\n")
    assert json.loads(said(capsys, "status", "--json").out) == {
        "exit_status": 0,
        "profile": "default",
        "store": None,
        "why": None,
        "sign_ins": [],
    }
    assert json.loads(said(capsys, "list", "--json").out)["sign_ins"] == []


def test_a_name_nobody_knows_is_told_with_one_that_is_written_alike(capsys: pytest.CaptureFixture[str]) -> None:
    keep("fresh", "stale")
    for command in ("get", "status", "test", "tools", "token", "headers"):
        done = said(capsys, command, "frehs", *(["--show"] if command in ("token", "headers") else []))
        assert (done.status, done.out) == (3, "")
        assert done.err == (
            "error: There is no sign-in called 'frehs'.\n"
            "hint: Did you mean 'fresh'? Run: mcp-oauth-sync auth frehs URL\n"
        )
    for command in ("logout", "clear"):
        done = said(capsys, command, "frehs")
        assert done.status == 0
        assert "Did you mean 'fresh'?" in done.err


def test_a_name_nobody_knows_is_no_sign_in_for_programs_either(capsys: pytest.CaptureFixture[str]) -> None:
    done = said(capsys, "status", "nobody", "--json")
    assert done.status == 3
    document = json.loads(done.out)
    assert (document["exit_status"], document["sign_ins"]) == (3, [])
    assert "nobody" in document["why"]


@pytest.mark.parametrize("url", ["https://mcp.example.com/mcp", "https://mcp.example.com/mcp/"])
@pytest.mark.parametrize("command", ["get", "status"])
def test_a_sign_in_is_found_by_the_url_of_its_server(
    command: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    manager = TokenManager()
    record = attrs.evolve(RECORD, server_url="https://mcp.example.com/mcp")
    manager.save_record("notes", record)
    manager.link(record.server_url, "notes")
    done = said(capsys, command, url)
    assert done.status == 0
    assert "notes" in done.out


def test_a_url_without_a_sign_in_is_told_with_the_command_that_signs_in(capsys: pytest.CaptureFixture[str]) -> None:
    done = said(capsys, "get", "https://mcp.example.com/mcp?key=query-that-is-never-shown", "--profile", "work")
    assert (done.status, done.out) == (3, "")
    assert done.err == (
        "error: There is no sign-in for https://mcp.example.com/mcp in the profile 'work'.\n"
        "hint: Run: mcp-oauth-sync auth NAME https://mcp.example.com/mcp --profile work\n"
    )


def test_get_shows_everything_but_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    manager = TokenManager()
    manager.save_record("notes", FULL)
    lines = dict(line.split(": ", 1) for line in said(capsys, "get", "notes").out.splitlines())
    expires, issued = lines.pop("expires"), lines.pop("token from")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, in (2 hours|\d+ minutes)", expires)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, .+ (ago|second)", issued)
    assert lines == {
        "name": "notes",
        "server": "https://mcp.example.com/mcp",
        "issuer": "https://login.example.com",
        "profile": "default",
        "store": manager.store.name,
        "state": "signed in, good for 2 h",
        "renewed by itself": "yes",
        "scopes": "notes:read",
        "asked for": "notes:read",
        "token": f"DPoP, fingerprint {hashlib.sha256(SECRETS[0].encode()).hexdigest()[:8]}",
        "refresh token": f"fingerprint {hashlib.sha256(SECRETS[1].encode()).hexdigest()[:8]}",
        "bound to a key": "yes (DPoP)",
        "client": "client-7 (dynamic)",
        "redirect": "http://127.0.0.1:8765/callback",
        "met halfway": "assume_pkce=True",
    }


@pytest.mark.parametrize("name", STATES)
def test_get_prints_the_keys_that_the_page_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    keep(name)
    done = said(capsys, "get", name, "--json")
    assert done.status == 0
    assert set(json.loads(done.out)) == keys_of("get")


@pytest.mark.parametrize("command", ["list", "status"])
def test_lists_print_the_keys_that_the_page_names(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    keep()
    document = json.loads(said(capsys, command, "--json").out)
    assert {key for one in document["sign_ins"] for key in one} | set(document) == keys_of(command)
    by_name = {one["name"]: one["state"] for one in document["sign_ins"]}
    assert by_name == {**{name: state for name, (_, state, _, _) in STATES.items()}, "torn": "unreadable"}


def test_times_are_iso_8601_in_utc_and_those_no_calendar_has_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    manager = TokenManager()
    manager.save_record("old", with_tokens(expires_in=60.0, issued_at=1.0))
    manager.save_record("far", with_tokens(expires_in=1e12))
    assert json.loads(said(capsys, "get", "old", "--json").out)["expires_at"] == "1970-01-01T00:01:01Z"
    assert json.loads(said(capsys, "get", "far", "--json").out)["expires_at"] is None
    assert "expires" not in said(capsys, "get", "far").out


def test_a_store_that_cannot_be_used_is_told_with_the_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "keychain")
    done = said(capsys, "status", "--json")
    assert done.status == 1
    document = json.loads(done.out)
    assert (document["exit_status"], document["sign_ins"], document["store"]) == (1, [], None)
    assert document["profile"] is None
    assert "only on macOS" in document["why"]
    assert done.err.startswith("error: ")
    assert said(capsys, "status").out == ""
    assert said(capsys, "list", "--json").out == ""


def test_hostile_texts_move_no_cursor_and_add_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "x\x1b[2J\r\n\u202e[red]y"
    manager = TokenManager()
    record = attrs.evolve(
        with_tokens(scope=f"a {evil}", expires_in=7300.0),
        issuer=evil,
        requested_scope=evil,
        redirect_uri=evil,
        registration=attrs.evolve(RECORD.registration, client_id=evil, source=evil),
        grant=evil,
    )
    manager.save_record(evil, record)
    for command in (["list"], ["status"], ["get", evil], ["list", "--json"], ["get", evil, "--json"]):
        done = said(capsys, *command)
        assert done.status == 0
        assert OBEYED.search(done.out + done.err) is None
        if command[-1] != "--json":
            assert "[red]" in done.out
        assert len(done.out.splitlines()) == {"list": 1, "status": 1, "get": 16}.get(
            command[0] if command[-1] != "--json" else "", len(done.out.splitlines())
        )


def test_nothing_is_written_by_looking(capsys: pytest.CaptureFixture[str]) -> None:
    manager = keep("fresh")
    folder = manager.store.folder_for("registry")
    assert folder is not None
    before = {path: path.stat().st_mtime_ns for path in folder.parent.rglob("*")}
    for command in (["list"], ["status"], ["get", "fresh"]):
        said(capsys, *command)
    assert {path: path.stat().st_mtime_ns for path in folder.parent.rglob("*")} == before


def test_a_store_that_fails_while_it_lists_is_status_1_for_programs_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> list[str]:
        raise TokenStorageError("The keyring is locked.", hint="Unlock it.")

    monkeypatch.setattr(TokenManager, "names", fail)
    done = said(capsys, "status", "--json")
    assert (done.status, json.loads(done.out)["why"]) == (1, "The keyring is locked.")
    assert done.err == "error: The keyring is locked.\nhint: Unlock it.\n"
