"""The sign-in that is kept: how it stands, whether it still fits the server, and what a person has to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import ClientRegistration, OAuthTokens, ServerRecord
from mcp_oauth_sync.doctor import Level, Step
from mcp_oauth_sync.doctor.stored import check_stored, needs_person
from mcp_oauth_sync.models.switches import Switches
from tests.scene import Scene, stored
from tests.servers import AuthorizationServer

from .bench import GOOD, SKIPPED, differing, examine, found, said

ISSUER = "https://login.example.com"
NOW = 1_000_000.0
RECORD = ServerRecord(
    server_url="https://mcp.example.com/mcp?key=hidden",
    issuer=ISSUER,
    token_endpoint=f"{ISSUER}/token",
    registration=ClientRegistration(client_id="client", issuer=ISSUER),
    tokens=OAuthTokens(access_token="at", refresh_token="rt", expires_in=7200, issued_at=NOW - 10),
)


def tokens(**changes: Any) -> ServerRecord:
    assert RECORD.tokens is not None
    return attrs.evolve(RECORD, tokens=attrs.evolve(RECORD.tokens, **changes))


@pytest.mark.parametrize(
    ("record", "code", "words", "person"),
    [
        (RECORD, "ok signed-in", "good for 2 h, renewed by itself", False),
        (tokens(expires_in=None), "ok signed-in", "no end known, renewed by itself", False),
        (tokens(refresh_token=None), "ok signed-in", "good for 2 h, no refresh token", False),
        (tokens(expires_in=5), "ok signed-in", "expired, renewed by itself", False),
        (tokens(expires_in=5, refresh_token=None), "warning expired", "expired, no refresh token", True),
        (tokens(token_type="DPoP"), "ok signed-in", "renewed by itself, bound to a key (DPoP)", False),
        (attrs.evolve(RECORD, tokens=None), "warning signed-out", "signed out", True),
        (RECORD.moved(NOW), "warning moved", "moved to another machine on 1970-01-12", True),
        (
            attrs.evolve(tokens(expires_in=5, refresh_token=None), grant="client_credentials"),
            "ok signed-in",
            "expired, obtained anew by its program",
            False,
        ),
    ],
)
def test_how_a_sign_in_stands_is_told(record: ServerRecord, code: str, words: str, person: bool) -> None:
    [finding] = check_stored("notes", record, store="a drawer", profile="default", now=NOW)
    assert f"{finding.level.value} {finding.code}" == code
    assert words in finding.what
    assert needs_person(record, now=NOW) is person
    if person:
        assert finding.remedy is not None
        assert "mcp-oauth-sync auth notes https://mcp.example.com/mcp" in finding.remedy
        assert "hidden" not in finding.remedy


def test_a_refresh_token_that_cannot_be_used_is_told() -> None:
    record = attrs.evolve(RECORD, token_endpoint=None)
    codes = [finding.code for finding in check_stored("notes", record, store="a drawer", profile="default", now=NOW)]
    assert codes == ["signed-in", "cannot-refresh"]


def test_the_profile_and_the_switches_in_force_are_told() -> None:
    record = attrs.evolve(RECORD, switches=Switches(assume_pkce=True, extra_scopes=("mail",)))
    first, second = check_stored("notes", record, store="a drawer", profile="work", now=NOW)
    assert first.why == "Kept in a drawer; profile 'work'."
    assert second.what == f"remembered for {ISSUER} alone: assume_pkce=True, extra_scopes='mail'"


def test_nothing_kept_needs_a_person() -> None:
    assert needs_person(None)


# Whole examinations


def test_a_sign_in_by_name_is_examined_with_its_server_and_left_as_it_is() -> None:
    with Scene() as scene:
        scene.sign_in(name="notes")
        before = stored()
        report = examine(None, name="notes")
        assert scene.asked("/token") == []
        assert stored() == before
    assert differing(report) == {"CLIENT": ["ok client-saved"], "STORED": ["ok signed-in"]}
    assert not report.needs_person


def test_the_sign_in_of_a_url_is_found_too() -> None:
    with Scene() as scene:
        scene.sign_in()
        report = examine(scene.url)
    assert found(report)[Step.STORED] == ["ok signed-in"]
    assert not report.needs_person


def test_a_sign_in_is_examined_offline_without_a_server() -> None:
    with Scene() as scene:
        scene.sign_in(name="notes", extra_scopes="mail")
        report = examine(None, name="notes", offline=True)
        assert scene.mcp.log == scene.az.log == []
    assert found(report)[Step.STORED] == ["ok signed-in", "ok switches"]
    assert {tuple(found(report)[step]) for step in GOOD if step is not Step.STORED} == {tuple(SKIPPED)}


def test_a_server_that_has_moved_to_another_authorization_server_is_told() -> None:
    with Scene() as scene, AuthorizationServer() as other:
        scene.sign_in(name="notes")
        scene.mcp.authorization_server = other
        report = examine(None, name="notes")
        assert found(report)[Step.STORED] == ["ok signed-in", "warning other-issuer"]
        told = said(report, "other-issuer")
    assert scene.az.issuer in told
    assert other.issuer in told


def test_a_name_that_nothing_is_kept_under_is_told_with_what_to_run() -> None:
    report = examine(None, name="nobody's")
    assert found(report)[Step.STORED] == ["warning no-such-sign-in"]
    assert "mcp-oauth-sync auth 'nobody'\"'\"'s' URL" in said(report, "no-such-sign-in")
    assert report.needs_person


def test_a_host_that_is_given_for_a_url_is_told_apart() -> None:
    assert "https://" in said(examine(None, name="mcp.example.com/mcp"), "no-such-sign-in")


def test_an_entry_that_cannot_be_read_is_a_problem_for_who_named_it_only() -> None:
    with Scene() as scene:
        scene.sign_in(name="notes")
        [path] = Path(os.environ["MCP_OAUTH_SYNC_HOME"]).rglob("notes.enc")
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        named, by_url = examine(None, name="notes"), examine(scene.url)
    assert found(named)[Step.STORED] == ["problem unreadable"]
    assert found(by_url)[Step.STORED] == ["warning unreadable"]
    assert not named.needs_person
    assert "clear notes" in said(named, "unreadable")
    assert not by_url.at(Level.PROBLEM)


def test_an_examination_of_nothing_examines_this_machine() -> None:
    report = examine(None)
    assert {finding.step for finding in report.findings if finding.level is not Level.SKIPPED} == {Step.MACHINE}
    assert not report.needs_person
