"""``export``, ``import`` and ``receive``: a sign-in goes from the laptop to the server that has no browser."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from pathlib import Path

import attrs
import pytest
import requests

from mcp_oauth_sync import NoPrompt, OAuth, OAuthTokens, ServerRecord, Switches, TokenManager
from mcp_oauth_sync.cli import passwords
from mcp_oauth_sync.stores import default_manager
from tests.stores import independent

from .conftest import Scene
from .terminal import OBEYED, Done, Terminal, closed_pipe, run, run_here, run_into

PASSWORD = "correct horse battery staple"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
RECORD = ServerRecord(server_url="https://mcp.example.com/mcp", tokens=OAuthTokens(access_token="at-of-this-test"))
VARIABLE = "MCP_OAUTH_SYNC_EXPORT_PASSWORD"


@pytest.fixture
def server(home: Path) -> dict[str, str]:
    """The environment of another machine."""
    return {"MCP_OAUTH_SYNC_HOME": str(home / "server")}


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\nand what nobody reads\n")
    return str(path)


def exported(*flags: str) -> str:
    done = run("export", "notes", *flags, environment={VARIABLE: PASSWORD})
    assert done.status == 0, done.err
    [sealed] = done.out.splitlines()
    return sealed


def works(scene: Scene, home: Path, name: str = "notes") -> bool:
    """Whether the sign-in goes on over there, a refresh included."""
    scene.az.expire_all_access_tokens()
    auth = OAuth(scene.url, name=name, prompt=NoPrompt(), token_manager=TokenManager(home / "server"))
    with requests.Session() as session:
        return session.post(scene.url, auth=auth, json=PING, timeout=10).status_code == 200


def without_a_process(
    capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch, *arguments: str, given: bytes = b""
) -> Done:
    """Run a command in this process, which has no terminal then."""
    patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    patch.setattr(passwords, "_somebody_there", lambda: False)
    return run_here(capture, *arguments)


def fine(done: Done) -> str:
    """Return what a command said that did what it should."""
    assert done.status == 0, done.err
    assert OBEYED.findall(done.err + done.out) == []
    return done.err


def test_the_sealed_sign_in_is_all_that_is_printed_and_the_rest_says_what_it_means(scene: Scene) -> None:
    scene.sign_in()
    done = run("export", "notes", environment={VARIABLE: PASSWORD})
    assert fine(done).startswith(f"'notes' at {scene.url} is sealed.\n")
    assert "import it once, on one machine" in done.err
    assert f"To sign in anew here: mcp-oauth-sync auth notes {scene.url}\n" in done.err
    assert independent.open_with_password(done.out.strip(), PASSWORD)["name"] == "notes"


def test_with_a_password_from_a_file_it_goes_through_a_pipe(
    scene: Scene, home: Path, server: dict[str, str], password_file: str
) -> None:
    scene.sign_in()
    done = run("export", "notes", "--password-file", password_file)
    fine(done)
    arrived = run("import", "--password-file", password_file, environment=server, given=done.out)
    assert fine(arrived).startswith(f"'notes' is signed in to {scene.url} here now; kept in encrypted files in ")
    assert arrived.out == ""
    assert works(scene, home)
    assert scene.az.reuses == 0


def test_with_a_password_from_a_person_who_says_it_twice(scene: Scene, home: Path, server: dict[str, str]) -> None:
    scene.sign_in()
    with Terminal("export", "notes", out=True) as terminal:
        for word in ("", PASSWORD, PASSWORD + "x", PASSWORD, PASSWORD):
            terminal.read_until(r"(Password of the sealed sign-in|The same once more): $")
            terminal.screen = ""
            terminal.press(f"{word}\r")
        assert terminal.end() == 0
    assert PASSWORD not in terminal.screen
    sealed = terminal.output.decode()
    with Terminal("import", environment=server) as terminal:
        terminal.read_until("The sealed sign-in: ")
        terminal.press(sealed.strip() + "\r")
        terminal.read_until("Password of the sealed sign-in: ")
        terminal.press(f"{PASSWORD}\r")
        assert terminal.end() == 0
    assert works(scene, home)


def test_a_person_who_gives_no_password_keeps_the_sign_in(scene: Scene) -> None:
    scene.sign_in()
    for keys in ("\r\r\r", "\x04"):
        with Terminal("export", "notes") as terminal:
            for key in keys:
                terminal.read_until("Password of[^:]*: $")
                terminal.screen = ""
                terminal.press(key)
            assert terminal.end() == 1
        assert "error: No password was given." in terminal.screen
    with Terminal("export", "notes") as terminal:
        terminal.read_until("Password of")
        terminal.press("\x03")
        assert terminal.end() == 130
    assert default_manager().load_tokens("notes") is not None


def test_to_a_key_it_goes_without_any_password(scene: Scene, home: Path, server: dict[str, str]) -> None:
    scene.sign_in()
    with Terminal("receive", "service", environment=server) as terminal:
        command = terminal.read_until(r"(?m)^  (mcp-oauth-sync export NAME --to \S+)\n")[1]
        flags = command.split()[3:]
        sealed = exported(*flags)
        terminal.read_until("Paste here")
        terminal.press(sealed + "\r")
        assert terminal.end() == 0
    assert f"'service' is signed in to {scene.url} here now" in terminal.screen
    assert works(scene, home, "service")


def test_in_one_line_of_a_shell(scene: Scene, home: Path, server: dict[str, str]) -> None:
    scene.sign_in()
    key = run("receive", "service", "--show-key", environment=server)
    fine(key)
    assert key.err == ""
    again = run("receive", "service", "--show-key", environment=server)
    assert again.out == key.out, "it stays the same until a sign-in has come"
    nothing = run("receive", "service", environment=server)
    assert nothing.status == 1
    assert "There is no sealed sign-in yet" in nothing.err
    sealed = exported("--to", key.out.strip())
    fine(run("receive", "service", environment=server, given=sealed))
    assert works(scene, home, "service")


def test_a_file_is_made_for_its_owner_only_and_read_again(
    scene: Scene, home: Path, server: dict[str, str], tmp_path: Path
) -> None:
    scene.sign_in()
    file = tmp_path / "sealed"
    old = os.umask(0)
    try:
        done = run("export", "notes", "--output", str(file), environment={VARIABLE: PASSWORD})
    finally:
        os.umask(old)
    assert f"is sealed in {file}." in fine(done)
    assert done.out == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    fine(run("import", str(file), "--name", "service", environment={**server, VARIABLE: PASSWORD}))
    assert works(scene, home, "service")


@pytest.mark.parametrize("where", ["there already", "in no folder", "a folder"])
def test_a_file_that_cannot_be_written_leaves_the_sign_in_here(scene: Scene, tmp_path: Path, where: str) -> None:
    scene.sign_in()
    taken = tmp_path / "taken"
    taken.write_text("mine")
    file = {"there already": taken, "in no folder": tmp_path / "no" / "file", "a folder": tmp_path}[where]
    done = run("export", "notes", "--output", str(file), environment={VARIABLE: PASSWORD})
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"error: The file {file} cannot be written: ")
    assert taken.read_text() == "mine"
    assert default_manager().load_tokens("notes") is not None


def test_a_file_that_cannot_be_written_out_is_removed_and_the_sign_in_stays_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    default_manager().save_record("notes", RECORD)
    monkeypatch.setenv(VARIABLE, PASSWORD)
    file = tmp_path / "sealed"
    fsync = os.fsync
    monkeypatch.setattr(
        "mcp_oauth_sync.cli.new_file.os.fsync",
        lambda number: (
            full(number) if file.exists() and os.path.samestat(os.fstat(number), file.stat()) else fsync(number)
        ),
    )
    done = run_here(capsys, "export", "notes", "--output", str(file))
    assert done.status == 1
    assert done.err.startswith(f"error: The file {file} cannot be written: No space left on device.")
    assert not file.exists()
    assert default_manager().load_record("notes") == RECORD


def test_where_the_server_is_met_halfway_is_said_on_arrival(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    default_manager().save_record("notes", attrs.evolve(RECORD, switches=Switches(assume_pkce=True)))
    monkeypatch.setenv(VARIABLE, PASSWORD)
    file = home / "sealed"
    fine(run_here(capsys, "export", "notes", "--output", str(file)))
    assert "assume_pkce=True" in fine(run_here(capsys, "import", str(file)))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_disk_that_is_full_leaves_the_sign_in_here(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.sign_in()
    monkeypatch.setenv(VARIABLE, PASSWORD)
    with Path("/dev/full").open("wb") as full:
        assert run_into(full.fileno(), "export", "notes").status == 1
    assert default_manager().load_tokens("notes") is not None


def test_a_reader_that_has_gone_leaves_the_sign_in_here(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.sign_in()
    monkeypatch.setenv(VARIABLE, PASSWORD)
    pipe = closed_pipe()
    try:
        done = run_into(pipe, "export", "notes")
    finally:
        os.close(pipe)
    assert done.status == 1
    assert "Traceback" not in done.err
    assert default_manager().load_tokens("notes") is not None


def test_with_keep_it_stays_and_the_person_is_warned(scene: Scene) -> None:
    token = scene.sign_in()
    done = run("export", "notes", "--keep", environment={VARIABLE: PASSWORD})
    assert "the second one to renew it ends it on both" in fine(done)
    assert "not used here any more" not in done.err
    tokens = default_manager().load_tokens("notes")
    assert tokens is not None
    assert tokens.access_token == token


def test_what_has_moved_is_listed_so_and_signs_nobody_in(scene: Scene) -> None:
    scene.sign_in()
    exported()
    listed = run("list")
    assert re.search(r"^notes +\S+ +moved on 20\d\d-\d\d-\d\d\n$", listed.out)
    done = run("tools", "notes")
    assert (done.status, done.out) == (3, "")
    assert re.search("^error: The sign-in 'notes' at .* was moved to another machine on 20", done.err)
    assert f"hint: To sign in anew here, run: mcp-oauth-sync auth notes {scene.url}" in done.err
    logout = run("logout", "notes")
    assert "its tokens live there" in fine(logout)
    assert "not revoked" in logout.err
    assert scene.az.requests("/revoke") == []
    again = run("export", "notes", environment={VARIABLE: PASSWORD})
    assert again.status == 1
    assert again.err.startswith("error: The sign-in 'notes' was moved to another machine on 20")
    fine(run("clear", "notes"))


def test_where_nobody_is_there_no_password_is_asked_for_and_nothing_hangs(scene: Scene) -> None:
    scene.sign_in()
    done = run("export", "notes")
    assert (done.status, done.out) == (1, "")
    assert "needs a password, and nobody is there" in done.err


def test_signing_in_anew_here_is_one_command(scene: Scene) -> None:
    scene.sign_in()
    exported()
    with Terminal("auth", "notes", scene.url) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    assert "signed in, good for" in run("list").out


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (["export", "nobody"], b"", "There is no sign-in called 'nobody'"),
        (["export", "notes"], b"", "needs a password, and nobody is there"),
        (["export", "notes", "--to", "x"], b"", "That is no public key"),
        (["export", "notes", "--password-file", "nowhere"], b"", "The password file nowhere cannot be read"),
        (["import"], b"", "There is no sealed sign-in."),
        (["import"], b"hello", "That is no sealed sign-in"),
        (["import"], b"\xff\x00\x1b[2J", "That is no sealed sign-in"),
        (["import", "nowhere"], b"", "The file nowhere cannot be read"),
        (["import"], b"mcp-oauth-sync.1.key.AAAA", "no key for it is kept here"),
        (["import"], b"mcp-oauth-sync.1.password.AAAA", "needs a password, and nobody is there"),
        (["import"], b"mcp-oauth-sync.2.password.AAAA", "made by a newer mcp-oauth-sync"),
        (["receive", "x"], b"mcp-oauth-sync.1.password.AAAA", "sealed with a password, and none was given"),
        (["receive", "x"], b"mcp-oauth-sync.1.key.AAAA", "cannot be opened: the key is another one"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_a_hint(
    arguments: list[str],
    given: bytes,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    default_manager().save_record("notes", RECORD)
    done = without_a_process(capsys, monkeypatch, *arguments, given=given)
    assert (done.status, done.out) == (1, "")
    assert said in done.err
    assert done.err.splitlines()[-1].startswith("hint: ")
    assert "Traceback" not in done.err
    assert OBEYED.findall(done.err) == []
    assert default_manager().load_tokens("notes") is not None


@pytest.mark.parametrize("content", [b"", b"\nsecond", b"\xff\n", b"x" * 5000])
def test_a_password_file_whose_first_line_is_none_is_refused(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    default_manager().save_record("notes", RECORD)
    file = tmp_path / "password"
    file.write_bytes(content)
    done = run_here(capsys, "export", "notes", "--password-file", str(file))
    assert done.status == 1
    assert "password file" in done.err
    assert default_manager().load_tokens("notes") is not None


def test_a_name_that_is_taken_is_given_up_only_on_request(scene: Scene, server: dict[str, str]) -> None:
    scene.sign_in()
    sealed = exported()
    scene.sign_in()
    there = {**server, VARIABLE: PASSWORD}
    fine(run("import", environment=there, given=sealed))
    other = exported()
    refused = run("import", environment=there, given=other)
    assert refused.status == 1
    assert "already; nothing was changed" in refused.err
    fine(run("import", "--replace", environment=there, given=other))


def test_a_wrong_password_changes_nothing(scene: Scene, server: dict[str, str], home: Path) -> None:
    scene.sign_in()
    sealed = exported()
    done = run("import", environment={**server, VARIABLE: "another one"}, given=sealed)
    assert done.status == 1
    assert "the password is another one" in done.err
    assert TokenManager(home / "server").names() == []
    fine(run("import", environment={VARIABLE: PASSWORD}, given=sealed))
    assert "signed in, good for" in run("list").out, "it is back where it came from"


def test_profiles_are_kept_apart_on_the_way(scene: Scene, server: dict[str, str], home: Path) -> None:
    scene.sign_in()
    there = {**server, VARIABLE: PASSWORD}
    fine(run("import", "--profile", "work", environment=there, given=exported()))
    assert TokenManager(home / "server", profile="work").names() == ["notes"]
    done = run("export", "notes", "--profile", "work", environment=there)
    assert "--profile work" in fine(done)
