"""What the shell's TAB key brings: commands, flags, names of sign-ins and profiles."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_oauth_sync.stores import default_manager

from .kept import RECORD, keep
from .terminal import COMMAND, run, run_here

SHELLS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}


@pytest.fixture
def completed(tmp_path: Path):
    def complete(line: str) -> list[str]:
        into = tmp_path / "completed"
        into.unlink(missing_ok=True)
        environment = {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(into),
            "COMP_LINE": line,
            "COMP_POINT": str(len(line.encode())),
        }
        done = run(environment=environment)
        assert (done.status, done.out) == (0, "")
        return into.read_text().split("\n") if into.stat().st_size else []

    return complete


def test_a_command_is_completed(completed) -> None:
    assert completed("mcp-oauth-sync st") == ["status", "stores"]
    assert "--version" not in completed("mcp-oauth-sync ")


@pytest.mark.parametrize("command", ["get", "status", "test", "tools", "call", "token", "headers", "logout", "export"])
def test_the_name_of_a_sign_in_is_completed(command: str, completed) -> None:
    keep("fresh", "stale")
    assert completed(f"mcp-oauth-sync {command} ") == ["fresh", "stale"]
    assert completed(f"mcp-oauth-sync {command} s") == ["stale"]


def test_names_are_those_of_the_profile_that_was_written(completed) -> None:
    keep("fresh")
    default_manager().in_profile("work").save_record("report", RECORD)
    assert completed("mcp-oauth-sync get --profile ") == ["default", "work"]
    assert completed("mcp-oauth-sync get --profile work ") == ["report"]


def test_flags_and_choices_are_completed(completed) -> None:
    assert "--scopes" in completed("mcp-oauth-sync auth notes https://h/mcp --sc")
    assert completed("mcp-oauth-sync completion ") == ["bash", "zsh", "fish"]


def test_a_store_that_cannot_be_used_completes_nothing_and_says_nothing(
    completed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "keychain")
    assert completed("mcp-oauth-sync get ") == []
    assert completed("mcp-oauth-sync get --profile ") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_shell_is_given_is_a_script_of_that_shell(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_here(capsys, "completion", shell)
    assert (done.status, done.err) == (0, "")
    assert "mcp-oauth-sync" in done.out
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(done.out)
        subprocess.run([*SHELLS[shell], str(script)], check=True, timeout=60)


def test_without_the_extra_the_error_names_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "argcomplete"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    done = run_here(capsys, "completion", "bash")
    assert (done.status, done.out) == (1, "")
    assert done.err.endswith("hint: Install it: pip install 'mcp-oauth-sync[completion]'\n")


def test_a_normal_run_does_not_load_it() -> None:
    code = "import sys\nfrom mcp_oauth_sync.cli import main\nmain(['list'])\nassert 'argcomplete' not in sys.modules"
    assert COMMAND
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True)
