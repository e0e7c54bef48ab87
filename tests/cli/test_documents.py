"""``--json``: one document on standard output, with the keys that the page names, and nothing else there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync.cli import main
from mcp_oauth_sync.stores import default_manager

from .conftest import Scene
from .kept import FULL, keep
from .terminal import Terminal, run, run_here
from .test_commands_page import keys_of


def document(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    done = run_here(capsys, *arguments, "--json")
    assert done.status == status, done.err
    return json.loads(done.out)


def test_auth_prints_what_get_prints(scene: Scene) -> None:
    with Terminal("auth", "notes", scene.url, "--json", out=True) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    printed = json.loads(terminal.output)
    assert set(printed) == keys_of("get")
    assert printed["client_kind"] == "dynamic"
    assert printed == json.loads(run("get", "notes", "--json").out)
    assert [secret for secret in scene.az.secrets if secret in terminal.output.decode()] == []


def test_the_address_of_a_sign_in_in_two_steps_is_in_a_document_too(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = document(capsys, "auth", "notes", scene.url, "--start")
    assert set(printed) == {"name", "url", "expires_at"}
    assert printed["url"].startswith(scene.az.endpoint("authorize"))


def test_logout_says_what_became_of_the_tokens(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.sign_in()
    printed = document(capsys, "logout", "notes")
    told = {"name": "notes", "signed_out": True, "revoked": True, "forgotten": False}
    assert printed == {**told, "client_removed": None, "why": None}
    assert set(printed) == keys_of("logout")
    assert document(capsys, "logout", "notes") == {**printed, "signed_out": False, "revoked": None}


def test_a_logout_keeps_the_client_unless_it_is_to_be_forgotten(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.sign_in()
    main(["logout", "notes"])
    assert default_manager().load_client_registration("notes") is not None
    assert main(["logout", "notes", "--forget-client"]) == 0  # signed out already
    assert default_manager().names() == []
    scene.sign_in()
    capsys.readouterr()
    done = run_here(capsys, "logout", scene.url, "--forget-client")
    assert (done.status, done.out) == (0, "")
    assert done.err == (
        "'notes' is signed out; the server has revoked its tokens.\n"
        "Its client is forgotten here, too; the next sign-in will register another one.\n"
    )
    assert default_manager().names() == []
    assert [exchange.path for exchange in scene.az.log] == ["/revoke", "/revoke"]


def test_clear_says_whether_there_was_something(capsys: pytest.CaptureFixture[str]) -> None:
    keep("fresh")
    printed = document(capsys, "clear", "fresh")
    assert printed == {"name": "fresh", "removed": True}
    assert set(printed) == keys_of("clear")
    assert document(capsys, "clear", "fresh") == {"name": "fresh", "removed": False}


def test_a_torn_sign_in_is_cleared(capsys: pytest.CaptureFixture[str]) -> None:
    keep()
    assert document(capsys, "clear", "torn") == {"name": "torn", "removed": True}
    assert "torn" not in default_manager().names()


def test_a_sign_in_goes_out_and_comes_in_by_documents(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_EXPORT_PASSWORD", "a word that is long enough")
    default_manager().save_record("notes", FULL)
    printed = document(capsys, "export", "notes", "--keep")
    assert set(printed) == keys_of("export")
    assert (printed["name"], printed["file"], printed["kept"]) == ("notes", None, True)
    (tmp_path / "sealed").write_text(printed["sealed"])
    written = document(capsys, "export", "notes", "--output", str(tmp_path / "other"))
    assert (written["sealed"], written["file"], written["kept"]) == (None, str(tmp_path / "other"), False)
    came = document(capsys, "import", str(tmp_path / "sealed"), "--name", "again")
    assert came == {
        "name": "again",
        "server_url": "https://mcp.example.com/mcp",
        "store": default_manager().store.name,
        "switches": ["assume_pkce=True"],
    }
    assert set(came) <= keys_of("import")
    assert set(came) <= keys_of("receive")
    assert set(document(capsys, "receive", "new", "--show-key")) == {"name", "key"}


def test_a_check_of_a_client_document_says_what_is_wrong(capsys: pytest.CaptureFixture[str], scene: Scene) -> None:
    printed = document(capsys, "client-document", "--check", scene.url.replace("127.0.0.1", "localhost"), status=1)
    assert printed["usable"] is False
    assert {key for finding in printed["findings"] for key in finding} | set(printed) == keys_of("client-document")


def test_every_store_is_told_of_with_the_reason_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    keep("fresh", "stale")
    default_manager().in_profile("work").save_record("more", FULL)
    printed = document(capsys, "stores")
    assert {key for store in printed["stores"] for key in store} | set(printed) == keys_of("stores")
    stores = {store["name"]: store for store in printed["stores"]}
    assert next(iter(stores)) == printed["taken"] == "encrypted_file"
    assert stores["encrypted_file"] == {
        "name": "encrypted_file",
        "taken": True,
        "usable": True,
        "place": default_manager().store.name,
        "sign_ins": 3,
        "why": None,
    }
    assert stores["vault"]["why"] == "VAULT_ADDR and VAULT_TOKEN are not set."
    assert not stores["vault"]["usable"]
    assert stores["memory"]["why"] == "nothing outlives the process"
    lines = run_here(capsys, "stores").out.splitlines()
    assert lines[0] == f"encrypted_file  taken  3  {default_manager().store.name}"
    assert "vault  not usable  -  VAULT_ADDR and VAULT_TOKEN are not set." in lines


@pytest.mark.parametrize("backend", ["keychain", "nonesuch"])
def test_a_store_that_is_named_and_cannot_be_used_is_status_1(
    backend: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", backend)
    printed = document(capsys, "stores", status=1)
    assert printed["taken"] is None
    assert printed["why"]
    assert [store["name"] for store in printed["stores"] if store["taken"]] == []
    assert run_here(capsys, "stores").err.startswith("error: ")
