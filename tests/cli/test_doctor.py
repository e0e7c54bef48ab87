"""``mcp-oauth-sync doctor``: what is printed, as text, as JSON and as a report to paste; and the exit statuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mcp_oauth_sync.cli import main
from mcp_oauth_sync.cli.auth_flags import arguments_of
from mcp_oauth_sync.cli.parser import build_parser
from tests.servers import ABSENT

from .conftest import Scene
from .terminal import Terminal, run


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["doctor", *arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_each_step_is_a_line_and_nothing_wrong_is_status_0(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = told(capsys, scene.url)
    assert status == 0
    steps = [
        *("URL", "Without a token", "Resource metadata", "Authorization server", "Who we are there", "Ways in"),
        *("MCP endpoint", "Sign-in", "This machine"),
    ]
    lines = [line for line in out.splitlines() if not line.startswith(" ")]
    assert list(dict.fromkeys(line[9:].partition(":")[0] for line in lines)) == steps
    assert err == "1 warning. Nothing stands in the way of a sign-in.\n"
    assert scene.az.registrations == 0


def test_a_problem_is_told_with_the_flag_and_the_argument_that_help(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.az.metadata_overrides = {"code_challenge_methods_supported": ABSENT}
    status, out, err = told(capsys, scene.url)
    assert status == 1
    assert "problem  Authorization server: it does not say that it supports PKCE\n" in out
    assert "pass --assume-pkce." in " ".join(out.split())
    assert "In a program: OAuth(..., assume_pkce=True)" in out
    assert err == "1 problem. A sign-in cannot work as things are.\n"
    status, out, _ = told(capsys, scene.url, "--assume-pkce")
    assert status == 0
    assert "problem" not in out
    assert "In force: --assume-pkce" in out


def test_every_flag_that_is_named_is_one_of_auth(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.mcp.prm_overrides = {"resource": "https://other.example.com/mcp"}
    _, out, _ = told(capsys, scene.url, "--json")
    flags = [flag for finding in json.loads(out)["findings"] for flag in finding["flags"]]
    assert flags == ["--expected-resource https://other.example.com/mcp"]
    options = build_parser().parse_args(["auth", "x", "https://h/mcp", *flags[0].split()])
    assert arguments_of(options) == {"expected_resource": "https://other.example.com/mcp"}


def test_steps_left_out_for_one_reason_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = told(capsys, "http://127.0.0.1:9/mcp")
    assert status == 1
    assert [line[:8] for line in out.splitlines()].count("skipped ") == 2
    assert "Authorization server, Who we are there, Ways in," in " ".join(out.split())


def test_a_sign_in_that_is_good_is_status_0_and_one_that_is_not_3(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.sign_in("notes")
    status, out, _ = told(capsys, "notes")
    assert status == 0
    assert "Sign-in: good for 60 min, renewed by itself" in " ".join(out.split())
    assert main(["logout", "notes"]) == 0
    capsys.readouterr()
    status, out, err = told(capsys, "notes", "--offline")
    assert (status, err.splitlines()[-1]) == (3, "1 warning. A person has to sign in.")
    assert told(capsys, "nobody")[0] == 3


def test_a_profile_has_its_own_sign_ins(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.sign_in("notes")
    assert told(capsys, "notes", "--profile", "work", "--offline")[0] == 3


def test_offline_asks_nobody(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.sign_in("notes")
    assert told(capsys, "notes", "--offline")[0] == 0
    assert scene.quiet()


def test_the_machine_alone_is_examined_where_nothing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = told(capsys)
    assert status == 0
    assert "This machine: sign-ins are kept in encrypted file" in out


def test_json_is_data_and_nothing_else(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = told(capsys, scene.url, "--json")
    document = json.loads(out)
    assert (status, document["target"], document["problems"], document["warnings"]) == (0, scene.url, 0, 1)
    assert document["needs_person"] is False
    assert set(document["findings"][0]) == {"step", "level", "code", "what", "why", "remedy", "arguments", "flags"}
    assert err.startswith("1 warning.")


def test_a_registration_is_tried_only_where_it_is_asked_for(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = told(capsys, scene.url, "--register")
    assert (status, scene.az.registrations) == (0, 1)
    assert "a registration was tried, and worked" in " ".join(out.split())
    assert "that client is still there" in out


# The report to paste


def test_a_report_is_written_to_a_new_file_and_never_over_another(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.txt"
    status, out, err = told(capsys, scene.url, "--trace", str(path))
    assert status == 0
    assert out.startswith("ok ")
    assert f"Written to {path}: read it before you paste it." in err
    assert path.read_text().startswith("mcp-oauth-sync ")
    before = path.read_bytes()
    status, _, err = told(capsys, scene.url, "--trace", str(path))
    assert (status, path.read_bytes()) == (1, before)
    assert "File exists" in err


@pytest.mark.parametrize("order", ["after", "before"])
def test_a_report_without_a_file_is_standard_output(
    order: str, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (scene.url, "--trace") if order == "after" else ("--trace", scene.url)
    status, out, _ = told(capsys, *arguments)
    assert status == 0
    assert out.startswith("mcp-oauth-sync ")
    assert "\nExchanges\n" in out
    assert not Path(scene.url).exists()


def test_flags_that_do_not_go_together_are_wrong_usage(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key.pem"
    key.write_text("x")
    status, out, err = told(capsys, scene.url, "--client-key", str(key))
    assert (status, out) == (2, "")
    assert "client_key is the key of a client" in err
    assert scene.quiet()


def test_in_a_pipe_and_at_a_terminal_the_same_is_shown(scene: Scene) -> None:
    piped = run("doctor", scene.url, environment={"NO_COLOR": "1"})
    assert (piped.status, piped.err) == (0, "1 warning. Nothing stands in the way of a sign-in.\n")
    with Terminal("doctor", scene.url, environment={"NO_COLOR": "1"}) as terminal:
        assert terminal.end() == 0
        shown = terminal.screen
    assert "\x1b" not in shown + piped.out
    assert "ok       Ways in: browser elsewhere, with the answer pasted here" in shown
    assert "nobody" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    whole = [line for line in piped.out.splitlines() if len(line) > 80]
    assert whole != []
    assert [line for line in whole if "This machine: mcp-oauth-sync" in line and "OpenSSL" in line] != []


def test_how_bad_it_is_is_painted_where_colours_are_wanted(scene: Scene) -> None:
    with Terminal("doctor", "nobody", environment={"TERM": "xterm"}) as terminal:
        assert terminal.end() == 3
    heads = set(re.findall(r"^(\x1b\[\d+m\w+) *\x1b\[0m\S", terminal.screen, re.MULTILINE))
    assert heads == {"\x1b[2mskipped", "\x1b[33mwarning", "\x1b[32mok"}
    scene.mcp.stop()
    with Terminal("doctor", scene.url, environment={"TERM": "xterm"}) as terminal:
        assert terminal.end() == 1
    assert "\x1b[31mproblem" in terminal.screen


def test_a_hostile_server_moves_no_cursor(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "x\x1b[2J\u202e\r\nok       URL: fine"
    scene.mcp.prm_overrides = {"resource": f"https://h/{hostile}", "scopes_supported": [hostile]}
    scene.mcp.challenge_scope = "notes"
    _, out, err = told(capsys, scene.url)
    assert not any(character in out + err for character in "\x1b\u202e\r")
    assert "\nok       URL: fine" not in out
