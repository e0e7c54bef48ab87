"""``import --from chuk``: the sign-ins of the async original go on here, without a person."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import requests
from keyring.backends.SecretService import Keyring

from mcp_oauth_sync import NoPrompt, OAuth
from mcp_oauth_sync.cli import passwords
from mcp_oauth_sync.models.record import ServerRecord
from mcp_oauth_sync.stores import default_manager
from tests.real.secret_service import SecretService, keyring_daemon, secret_service
from tests.stores.chuk_files import PASSWORD, stored_tokens, unpack, write_client, write_entry

from .conftest import Scene
from .terminal import OBEYED, Done, Terminal, files_below, run, run_here

__all__ = ["keyring_daemon", "secret_service"]

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the original has kept everything: outside of the home that must hold no secret."""
    return tmp_path / "original"


def left_by_the_original(scene: Scene, folder: Path, name: str = "notes", *, client: bool = True) -> None:
    """Sign in, and let the original have done it: its forms, and nothing here."""
    scene.sign_in("elsewhere")
    manager = default_manager()
    record = manager.load_record("elsewhere")
    assert record is not None
    assert record.tokens is not None
    assert record.registration is not None
    tokens = stored_tokens(
        record.tokens.access_token,
        expires_in=3600,
        refresh_token=record.tokens.refresh_token,
        scope=record.tokens.scope,
        issued_at=time.time(),
    )
    write_entry(folder, name, tokens)
    if client:
        write_client(folder, name, record.registration.client_id)
    manager.delete_record("elsewhere")
    manager.unlink(scene.url, "elsewhere")


def take(folder: Path, *flags: str, password: str = PASSWORD) -> Done:
    done = run(
        "import", "--from", "chuk", "--dir", str(folder), *flags, environment={"MCP_CLI_ENCRYPTION_KEY": password}
    )
    assert OBEYED.findall(done.out + done.err) == []
    return done


def kept(name: str = "notes") -> ServerRecord:
    record = default_manager().load_record(name)
    assert record is not None
    return record


def call(scene: Scene, **options: object) -> int:
    with requests.Session() as session:
        auth = OAuth(scene.url, prompt=NoPrompt(), **options)  # type: ignore[arg-type]
        return session.post(scene.url, auth=auth, json=PING, timeout=10).status_code


def test_what_the_original_left_goes_on_here_and_is_refreshed_without_a_person(scene: Scene, folder: Path) -> None:
    left_by_the_original(scene, folder)
    before = files_below(folder)
    done = take(folder, "--url", f"notes={scene.url}")
    assert done.status == 0, done.err
    assert done.out == f"notes  {scene.url}  taken over\n"
    assert "nothing of chuk-mcp-client-oauth was changed" in done.err
    assert files_below(folder) == before
    assert call(scene) == 200  # found by its URL alone
    scene.az.expire_all_access_tokens()
    scene.az.clear()
    assert call(scene, name="notes") == 200
    assert [exchange.path for exchange in scene.az.log] == ["/token"]
    assert scene.az.log[0].param("grant_type") == "refresh_token"
    assert scene.az.log[0].param("resource") == scene.mcp.mcp_url
    assert scene.az.reuses == 0


def test_the_client_is_bound_to_the_issuer_that_the_server_names(scene: Scene, folder: Path) -> None:
    left_by_the_original(scene, folder)
    assert take(folder, "--url", f"notes={scene.url}").status == 0
    record = kept()
    assert record.registration is not None
    assert record.issuer == record.registration.issuer == scene.az.issuer
    assert record.token_endpoint == f"{scene.az.url}/token"
    assert record.redirect_uri == "http://localhost:8080/callback"
    assert [exchange.path for exchange in scene.az.log if exchange.method == "POST"] == []  # nothing was sent there


def test_tokens_that_have_expired_are_renewed_at_the_next_call(scene: Scene, folder: Path) -> None:
    left_by_the_original(scene, folder)
    [refresh_token] = scene.az.ledger.refresh
    write_entry(folder, "notes", stored_tokens("gone", expires_in=60, refresh_token=refresh_token, issued_at=1.0))
    done = take(folder, "--url", f"notes={scene.url}")
    assert done.out == f"notes  {scene.url}  taken over, renewed at the next call\n"
    assert call(scene) == 200


def test_without_a_client_it_is_good_until_it_expires(scene: Scene, folder: Path) -> None:
    left_by_the_original(scene, folder, client=False)
    done = take(folder, "--url", f"notes={scene.url}")
    assert (done.status, done.out) == (0, f"notes  {scene.url}  taken over until it expires\n")
    assert call(scene) == 200


def test_an_expired_one_without_a_client_is_left_out_with_the_command_to_run(scene: Scene, folder: Path) -> None:
    write_entry(folder, "notes", stored_tokens("gone", expires_in=60, refresh_token="rt", issued_at=1.0))
    done = take(folder, "--url", f"notes={scene.url}")
    assert (done.status, done.out) == (1, f"notes  {scene.url}  left out\n")
    assert done.err == (
        "'notes' is left out: it has expired, and there is nothing to renew it with. "
        f"Sign in: mcp-oauth-sync auth notes {scene.url}\n"
    )
    assert scene.quiet()
    assert default_manager().names() == []


def test_what_cannot_be_used_is_refused_in_a_line_each_and_the_rest_goes_on(scene: Scene, folder: Path) -> None:
    unpack(folder)
    done = take(
        folder,
        *("--url", f"a:b={scene.url}"),
        *("--url", f"my server (work)={scene.url}"),
        *("--url", f"proof={scene.url}"),
    )
    assert done.status == 1
    assert [line.split("  ")[0] for line in done.out.splitlines()] == [
        *("a:b", "generic:weather", "my server (work)", "notes", "proof", "signed-out")
    ]
    assert [line.rpartition("  ")[2] for line in done.out.splitlines()] == [
        *("left out", "left out", "taken over until it expires", "left out", "left out", "left out")
    ]
    refused = [line for line in done.err.splitlines() if " is left out: " in line]
    assert len(refused) == 5
    assert "'notes' is left out: the URL of its server is not known. Name it: --url notes=URL" in refused
    assert "vector-" not in done.out + done.err
    assert default_manager().names() == ["my server (work)"]
    record = kept("my server (work)")
    assert record.registration is not None
    assert record.registration.client_secret == "vector-secret-2"


@pytest.mark.secret_service
def test_what_lies_in_the_keyring_under_a_name_of_the_applications_own_is_taken_over(
    scene: Scene, folder: Path, tmp_path: Path, secret_service: SecretService
) -> None:
    left_by_the_original(scene, tmp_path / "files")
    [refresh_token] = scene.az.ledger.refresh
    entry = stored_tokens("gone", expires_in=60, refresh_token=refresh_token, scope="notes:read", issued_at=1.0)
    Keyring().set_password("an app", "notes", entry)
    (folder / "tokens").mkdir(parents=True)
    done = take(folder, "--service", "an app", "--url", f"notes={scene.url}")
    assert done.err.startswith("'notes' is left out: it has expired")  # no client is kept for it here
    (tmp_path / "files" / "tokens" / "notes_client.json").rename(folder / "tokens" / "notes_client.json")
    assert take(folder, "--service", "an app", "--url", f"notes={scene.url}").status == 0
    assert kept().requested_scope == "notes:read"
    assert call(scene) == 200
    assert secret_service.items()["an app|notes"] == entry


def test_a_sign_in_that_is_here_stays_unless_it_is_to_be_replaced(scene: Scene, folder: Path) -> None:
    left_by_the_original(scene, folder)
    ours = scene.sign_in("notes")
    done = take(folder, "--url", f"notes={scene.url}")
    assert (done.status, done.out) == (1, f"notes  {scene.url}  left out\n")
    assert "There is a sign-in called 'notes'" in done.err
    assert "--replace" in done.err
    assert kept().tokens.access_token == ours  # type: ignore[union-attr]
    assert take(folder, "--url", f"notes={scene.url}", "--replace").status == 0
    assert kept().tokens.access_token != ours  # type: ignore[union-attr]


def test_taking_over_twice_changes_nothing(scene: Scene, folder: Path) -> None:
    left_by_the_original(scene, folder)
    assert take(folder, "--url", f"notes={scene.url}").status == 0
    record = kept()
    assert take(folder, "--url", f"notes={scene.url}").status == 0
    assert kept() == record


def test_a_profile_has_its_own(scene: Scene, folder: Path) -> None:
    left_by_the_original(scene, folder)
    assert take(folder, "--url", f"notes={scene.url}", "--profile", "work").status == 0
    assert default_manager().names() == []
    assert default_manager().in_profile("work").names() == ["notes"]


@pytest.mark.parametrize("told", ["nothing", "only by whom"])
def test_where_its_endpoints_would_have_to_be_guessed_nothing_is_sent_or_kept(
    scene: Scene, folder: Path, told: str
) -> None:
    left_by_the_original(scene, folder)
    scene.az.serve_at = set()
    if told == "nothing":
        scene.mcp.prm_at, scene.mcp.name_metadata_in_challenge = set(), False
    done = take(folder, "--url", f"notes={scene.url}")
    assert (done.status, done.out) == (1, f"notes  {scene.url}  left out\n")
    assert default_manager().names() == []
    assert [exchange.path for exchange in scene.az.log if exchange.method == "POST"] == []


@pytest.mark.parametrize("url", ["http://mcp.example.com/mcp", "mcp.example.com", "file:///etc/passwd"])
def test_a_url_that_may_not_be_contacted_is_refused(folder: Path, url: str) -> None:
    write_entry(folder, "notes", stored_tokens("at"))
    done = take(folder, "--url", f"notes={url}")
    assert done.status == 1
    assert done.err.startswith("'notes' is left out: ")
    assert done.out.endswith("  left out\n")


def test_a_name_that_is_a_url_needs_no_other(scene: Scene, folder: Path) -> None:
    left_by_the_original(scene, folder)
    mangled = "".join(c if c.isalnum() or c in "-_:" else "_" for c in scene.url)
    (folder / "tokens" / "notes.enc").rename(folder / "tokens" / f"{mangled}.enc")
    (folder / "tokens" / "notes_client.json").rename(folder / "tokens" / f"{mangled.replace(':', '_')}_client.json")
    index = {"oauth:x": {"type": "oauth", "name": scene.url}}
    (folder / "token_registry.json").write_text(json.dumps(index))
    done = take(folder)
    assert (done.status, done.out) == (0, f"{scene.url}  {scene.url}  taken over\n")
    assert call(scene) == 200


def test_at_a_terminal_the_password_and_the_url_are_asked_for(scene: Scene, folder: Path) -> None:
    left_by_the_original(scene, folder)
    write_entry(folder, "other", stored_tokens("at"))
    with Terminal("import", "--from", "chuk", "--dir", str(folder), out=True) as terminal:
        terminal.read_until("Password of the store of chuk-mcp-client-oauth: $")
        terminal.press(f"{PASSWORD}\r")
        terminal.read_until(r"URL of the MCP server 'notes' \(empty leaves it out\): ")
        terminal.press(f"{scene.url}\r")
        terminal.read_until(r"URL of the MCP server 'other' \(empty leaves it out\): ")
        terminal.press("\r")
        assert terminal.end() == 1
    assert PASSWORD not in terminal.screen
    assert terminal.output.decode() == f"notes  {scene.url}  taken over\nother  -  left out\n"
    assert call(scene) == 200


def test_the_password_comes_from_a_file_too(folder: Path, tmp_path: Path) -> None:
    write_entry(folder, "notes", stored_tokens("at"))
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    done = run("import", "--from", "chuk", "--dir", str(folder), "--password-file", str(tmp_path / "password"))
    assert "the URL of its server is not known" in done.err


def test_nobody_there_to_give_the_password(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_entry(folder, "notes", stored_tokens("at"))
    monkeypatch.setattr(passwords, "_somebody_there", lambda: False)
    done = run_here(capsys, "import", "--from", "chuk", "--dir", str(folder))
    assert done.status == 1
    assert "The store of chuk-mcp-client-oauth needs a password" in done.err
    assert "MCP_CLI_ENCRYPTION_KEY" in done.err


def test_where_nothing_is_found_it_says_where_it_looked(folder: Path, home: Path) -> None:
    done = take(folder)
    assert (done.status, done.out) == (1, "")
    assert f"Nothing of chuk-mcp-client-oauth was found in {folder}." in done.err
    done = run("import", "--from", "chuk")
    assert f"{home / '.chuk_oauth'}" in done.err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--dir", "x"], "--dir goes with --from"),
        (["--service", "x"], "--service goes with --from"),
        (["--url", "x=y"], "--url goes with --from"),
        (["--from", "chuk", "FILE"], "FILE does not go with --from"),
        (["--from", "chuk", "--name", "x"], "--name does not go with --from"),
        (["--from", "chuk", "--url", "x"], "notion=https://mcp.notion.com/mcp"),
        (["--from", "somewhere"], "chuk"),
    ],
)
def test_flags_that_do_not_go_together_are_wrong_usage(
    capsys: pytest.CaptureFixture[str], flags: list[str], words: str
) -> None:
    done = run_here(capsys, "import", *flags)
    assert done.status == 2
    assert words in done.err
