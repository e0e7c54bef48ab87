"""``--public-only`` and its variable: no command contacts what is at no public address."""

from __future__ import annotations

import pytest

from mcp_oauth_sync import SignInOptions
from mcp_oauth_sync.authorizer.command import flags_for
from mcp_oauth_sync.cli.parser import CONTACTING, build_parser
from mcp_oauth_sync.cli.parser_parts import is_public_only

from .conftest import Scene
from .terminal import run_here

REST = {"auth": ["notes", "{url}"], "call": ["notes", "tool"], "doctor": ["{url}"]}


@pytest.mark.parametrize("variable", [False, True])
@pytest.mark.parametrize("command", CONTACTING)
def test_every_command_refuses_a_server_on_this_machine_before_it_is_contacted(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, variable: bool
) -> None:
    scene.sign_in()
    words = [word.format(url=scene.url) for word in REST.get(command, ["notes"])]
    if variable:
        monkeypatch.setenv("MCP_OAUTH_SYNC_PUBLIC_ONLY", "1")
    done = run_here(capsys, command, *words, *([] if variable else ["--public-only"]))
    assert done.status == 1
    assert "public_only" in done.out + done.err
    assert scene.quiet()


@pytest.mark.parametrize(
    ("value", "on"), [("1", True), ("yes", True), ("what", True), ("0", False), (" No ", False), ("", False)]
)
def test_the_variable_is_a_yes_unless_it_is_a_no(monkeypatch: pytest.MonkeyPatch, value: str, on: bool) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_PUBLIC_ONLY", value)
    assert is_public_only(build_parser().parse_args(["test", "notes"])) is on
    assert is_public_only(build_parser().parse_args(["test", "notes", "--public-only"]))


def test_the_command_that_an_error_names_is_kept_to_public_addresses_too() -> None:
    assert flags_for(SignInOptions(public_only=True)) == ["--public-only"]


def test_what_finishes_a_sign_in_is_kept_to_public_addresses_too(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_oauth_sync.cli.auth.is_public_only", lambda _: False)
    done = run_here(capsys, "auth", "notes", scene.url, "--start", "--public-only")
    assert "--finish --public-only" in done.err
