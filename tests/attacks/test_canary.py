"""The canary hears what it should; and whole sign-ins, at the most talkative level, let no secret out."""

from __future__ import annotations

import base64
import json
import logging
import re
import secrets
import shlex
import subprocess
import sys
import threading
import webbrowser
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

import mcp_oauth_sync
from mcp_oauth_sync import BrowserPrompt, OAuth, OAuthTokens
from mcp_oauth_sync.cli import main
from mcp_oauth_sync.exceptions import OAuthError
from mcp_oauth_sync.models.secret import Secret

from ..servers import Origin, json_reply, reply
from ..servers.ledger import Ledger
from .canary import HEADERS, RECEIVED, SENT, Canary

LEAKS = {
    "as it is": lambda secret: secret,
    "its middle": lambda secret: secret[-16:-8],
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "JSON": lambda secret: json.dumps({"a": secret}),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 after one letter": lambda secret: base64.b64encode(b"a" + secret.encode()).decode(),
    "base64 after two letters": lambda secret: base64.urlsafe_b64encode(b"ab" + secret.encode()).decode(),
}


def fresh(secret: str) -> Canary:
    canary = Canary()
    canary.learn(secret)
    return canary


@pytest.mark.parametrize("name", LEAKS)
def test_the_canary_hears_a_secret_however_it_is_written(name):
    # Pieces count where the end of a secret looks random, which one without a digit there may not.
    secret = next(made for made in iter(lambda: Ledger().new("access"), "") if re.search("[0-9]", made[-24:]))
    canary = fresh(secret)
    canary.hear("there", f"before {LEAKS[name](secret)} after")
    canary.hear("elsewhere", f"{secret[-8:-1]} are but seven")
    assert canary.leaks() == ["there"]


@pytest.mark.parametrize("name", [name for name in LEAKS if name != "its middle"])
def test_the_canary_hears_a_secret_of_plain_words_too(name):
    secret = "initial-access-token-0123456789"
    canary = fresh(secret)
    canary.hear("there", f"before {LEAKS[name](secret)} after")
    canary.hear("elsewhere", "an initial-access-token is no secret by itself")
    assert canary.leaks() == ["there"]


def test_the_canary_listens_to_logs_errors_output_and_files(canary, home, capsys):
    secret = Secret(Ledger().new("access"))
    logging.getLogger("mcp_oauth_sync.anywhere").debug("token %s", secret)
    logging.getLogger("another.library").debug("token %s", secret)
    try:
        raise ValueError(secret)
    except ValueError:
        logging.getLogger("mcp_oauth_sync").exception("failed")
    OAuthError("no", hint=f"try {secret}")
    print(secret)
    print(f"Open https://login.example.com/authorize?code_challenge=x&state={secret} now", file=sys.stderr)
    capsys.readouterr()
    (home / f"{secret}.txt").write_text("x")
    (home / "plain.txt").write_text(f"x{secret}")
    canary.hear_files(home)
    assert set(canary.leaks()) == {
        "the log of mcp_oauth_sync.anywhere",
        "the log of another.library",
        "the log of mcp_oauth_sync",
        "a OAuthError",
        "stdout",
        "a file name",
        "the file plain.txt",
    }
    for path in home.iterdir():
        path.unlink()
    canary.heard.clear()


def test_the_canary_learns_from_both_sides(canary, stage):
    auth = stage.auth()
    assert stage.call(auth).status_code == 200
    (token,) = stage.sent("token")
    (authorize,) = stage.sent("authorize")
    for secret in (
        auth.tokens.access_token,
        auth.tokens.refresh_token,
        token.form["code"][0],
        token.form["code_verifier"][0],
        authorize.query["state"][0],
    ):
        assert str(secret) in canary.secrets
    assert OAuthTokens(access_token="never-On-a-Wire-0123456789").access_token in canary.secrets


def test_the_canary_learns_every_kind_of_secret_that_goes_over_a_wire(canary):
    made = {name: secrets.token_urlsafe(24) for name in (*SENT, *RECEIVED, *HEADERS, "bearer", "basic")}
    with Origin() as origin:
        answer = {name: f"{made[name]}-back" for name in RECEIVED}
        origin.route("POST", "/", lambda _: json_reply(answer, headers=[("Mcp-Session-Id", made["Mcp-Session-Id"])]))
        headers = {name: made[name] for name in HEADERS if name != "Set-Cookie"}
        requests.post(
            f"{origin.url}/",
            data={name: made[name] for name in SENT if name != "state"},
            params={"state": made["state"]},
            headers={**headers, "Authorization": f"Bearer {made['bearer']}"},
            timeout=20,
        )
        requests.post(f"{origin.url}/", auth=("name", made["basic"]), timeout=20)
    sent = {made[name] for name in (*SENT, *HEADERS, "bearer", "basic") if name != "Set-Cookie"}
    assert sent | {f"{made[name]}-back" for name in RECEIVED} <= canary.secrets


def test_the_canary_hears_an_address_with_a_secret_in_it(canary):
    secret = Ledger().new("access")
    with Origin() as origin:
        requests.get(f"{origin.url}/?token={quote(secret)}", timeout=20)
    assert "the address of a request" in canary.leaks()
    canary.heard.clear()


def test_the_canary_hears_what_a_child_of_ours_is_given_and_no_other(canary):
    secret = Ledger().new("access")
    told = [sys.executable, "-c", "", secret]
    subprocess.run(told, check=True, env={"A": secret})
    assert canary.leaks() == []
    code = "import subprocess\ndef start(words, env): subprocess.run(words, check=True, env=env)"
    space: dict[str, object] = {}
    exec(compile(code, str(Path(mcp_oauth_sync.__file__).parent / "elsewhere.py"), "exec"), space)
    space["start"](told, {})
    space["start"](told[:3], {"A": secret})
    assert canary.leaks() == ["the words of a child process", "the environment of a child process"]
    canary.heard.clear()


@pytest.fixture
def spoken(monkeypatch):
    """Let the standard library choose its browser anew."""
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    monkeypatch.setattr(webbrowser, "_browsers", {})
    return monkeypatch


def whole_life(stage, auth) -> None:
    """Sign in, call, refresh, step up, fail, sign out."""
    assert stage.call(auth).status_code == 200
    stage.server.expire_all_access_tokens()
    assert stage.call(auth).status_code == 200
    stage.mcp.required_scopes = ("notes",)
    assert stage.call(auth).status_code == 200
    stage.server.revoke_family(auth.tokens.refresh_token)
    assert stage.call(auth).status_code == 200
    stage.server.fault("/revoke", reply(500, b""))
    assert not auth.sign_out()
    stage.server.clear_faults()
    assert stage.call(auth).status_code == 200
    assert auth.sign_out(forget=True)


def test_what_came_along_unasked_is_neither_kept_nor_said(stage, canary, home):
    unasked = {name: Ledger().new(name) for name in ("id_token", "device_secret", "registration_access_token")}
    for secret in unasked.values():
        canary.learn(secret)
    stage.server.token_overrides = unasked
    stage.server.registration_overrides = {"software_statement": unasked["id_token"]}
    whole_life(stage, stage.auth())
    assert stage.call(stage.auth()).status_code == 200
    kept = json.dumps(stage.manager.load_record(stage.mcp.mcp_url).to_record())
    assert [name for name, secret in unasked.items() if secret in kept] == []
    stage.server.token_overrides = {**unasked, "access_token": ["not a text"]}
    with pytest.raises(OAuthError):
        stage.auth().sign_in()
    canary.hear_files(home)
    assert canary.leaks() == []


@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic"])
def test_a_whole_life_puts_no_secret_into_an_address_a_log_or_a_file(stage, canary, method, caplog, home):
    stage.server.auth_methods = (method,)
    whole_life(stage, stage.auth())
    addressed = Canary()
    addressed.secrets = set(canary.secrets)
    for exchange in (*stage.server.log, *stage.mcp.log):
        if exchange.path not in (stage.server.paths["authorize"], stage.server.paths["consent"]):
            addressed.hear(exchange.path, exchange.target)
        else:
            addressed.hear("the browser", exchange.target.replace(exchange.query["state"][0], ""))
    assert addressed.leaks() == []
    assert "mcp_oauth_sync.protocol.transport" in {record.name for record in caplog.records}
    canary.hear_files(home)
    assert canary.leaks() == []


def test_the_command_line_at_its_most_talkative_says_no_secret(stage, canary, capsys, monkeypatch):
    monkeypatch.setattr("mcp_oauth_sync.prompts.at_terminal", lambda: True)
    monkeypatch.setattr("mcp_oauth_sync.prompts.output.PromptOutput.say", _open_what_is_printed(stage))
    assert main(["-v", "auth", "notes", stage.mcp.mcp_url]) == 0
    stage.person.join()
    assert main(["-v", "tools", "notes"]) == 0
    stage.server.fault("/revoke", reply(400, {"error": "invalid_request"}))
    main(["-v", "logout", "notes"])
    assert main(["-v", "clear", "notes"]) in (0, 1)
    assert main(["-v", "tools", "notes", stage.mcp.mcp_url + "?key=1"]) in (0, 1, 3)
    out, err = capsys.readouterr()
    assert "echo" in out
    assert "Signed in" in err
    assert canary.leaks() == []


def _open_what_is_printed(stage):
    def show(prompt, text):
        print(text, file=sys.stderr)
        for word in text.split():
            if "code_challenge=" in word:
                stage.person.in_thread(word)

    return show


BROWSER = """
import json, os, sys, urllib.request
report = {"argv": sys.argv, "environ": dict(os.environ), "parent": open(f"/proc/{os.getppid()}/cmdline").read()}
with open(os.environ["REPORT"], "w") as file:
    json.dump(report, file)
urllib.request.urlopen(sys.argv[1], timeout=10).read()
"""


def test_a_browser_is_given_the_address_to_open_and_no_other_secret(stage, canary, spoken, tmp_path, home):
    script, told = tmp_path / "browser.py", tmp_path / "report.json"
    script.write_text(BROWSER)
    spoken.setenv("BROWSER", f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} %s")
    spoken.setenv("REPORT", str(told))
    auth = OAuth(stage.mcp.mcp_url, prompt=BrowserPrompt(), token_manager=stage.manager, sign_in_timeout=30)
    with requests.Session() as session:
        assert session.post(stage.mcp.mcp_url, auth=auth, timeout=20).status_code == 200
    for thread in threading.enumerate():
        if thread.name == "mcp-oauth-sync browser":
            thread.join(10)
    report = json.loads(told.read_text())
    assert len(report["argv"]) == 2
    assert report["argv"][1].startswith(stage.server.endpoint("authorize") + "?")
    listener = Canary()
    listener.secrets = set(canary.secrets)
    (asked,) = stage.sent("authorize")
    given = report["argv"].pop()
    listener.hear("the address", given.replace(asked.query["state"][0], ""))
    listener.hear("the rest", json.dumps(report))
    assert listener.leaks() == []
    assert "code_verifier" not in given
