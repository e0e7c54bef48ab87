"""``mcp-oauth-sync list``: every sign-in of the profile, how it stands, and nothing secret."""

from __future__ import annotations

import re
import time

import attrs
import pytest

from mcp_oauth_sync import ClientRegistration, OAuthTokens, ServerRecord, TokenManager
from mcp_oauth_sync.cli import main

ISSUER = "https://login.example.com"
RECORD = ServerRecord(
    server_url="https://mcp.example.com/mcp?project=1",
    issuer=ISSUER,
    token_endpoint=f"{ISSUER}/token",
    registration=ClientRegistration(client_id="client", issuer=ISSUER),
    tokens=OAuthTokens(access_token="at-that-is-never-listed", refresh_token="rt-that-is-never-listed"),
)


def record(**tokens: object) -> ServerRecord:
    assert RECORD.tokens is not None
    return attrs.evolve(RECORD, tokens=attrs.evolve(RECORD.tokens, **{"issued_at": time.time(), **tokens}))


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[str], str]:
    assert main(["list", *arguments]) == 0
    printed = capsys.readouterr()
    assert "never-listed" not in printed.out + printed.err
    return printed.out.splitlines(), printed.err


def test_every_sign_in_is_a_line_with_its_server_and_how_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    manager = TokenManager()
    for name, kept in {
        "endless": record(),
        "fresh": record(expires_in=7300.0),
        "old": record(expires_in=60.0, issued_at=1.0),
        "over": record(expires_in=60.0, issued_at=1.0, refresh_token=None),
        "out": attrs.evolve(RECORD, tokens=None),
    }.items():
        manager.save_record(name, kept)
    manager.store.store_generic("torn", "{", namespace="oauth")
    lines, said = listed(capsys)
    assert [line.split(None, 2) for line in lines[:5]] == [
        ["endless", "https://mcp.example.com/mcp", "signed in"],
        ["fresh", "https://mcp.example.com/mcp", "signed in, good for 2 h"],
        ["old", "https://mcp.example.com/mcp", "signed in, renewed at the next call"],
        ["out", "https://mcp.example.com/mcp", "signed out"],
        ["over", "https://mcp.example.com/mcp", "expired"],
    ]
    assert lines[5].split(None, 2)[:2] == ["torn", "-"]
    assert "cannot be read" in lines[5]
    assert said == f"Kept in {manager.store.name}; profile 'default'.\n"


def test_a_profile_lists_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    TokenManager(profile="work").save_record("notes", RECORD)
    assert listed(capsys) == ([], "There are no sign-ins.\n")
    lines, said = listed(capsys, "--profile", "work")
    assert [line.split()[0] for line in lines] == ["notes"]
    assert "profile 'work'" in said


@pytest.mark.parametrize(
    ("seconds", "told"), [(50.4, r"[1-5]?\d s"), (620.0, "10 min"), (3.2 * 86400, "3 d"), (2.2 * 3600, "2 h")]
)
def test_the_time_left_is_rounded_to_what_matters(
    seconds: float, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    TokenManager().save_record("notes", record(expires_in=seconds))
    lines, _ = listed(capsys)
    assert re.search(f" good for {told}$", lines[0])


def test_a_hostile_name_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    TokenManager().save_record("a\x1b[2Jb\nc", RECORD)
    lines, _ = listed(capsys)
    assert len(lines) == 1
    assert "\x1b" not in lines[0]
