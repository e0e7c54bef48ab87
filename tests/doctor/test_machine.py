"""This machine: the store that is taken, clocks, versions, variables, proxies."""

from __future__ import annotations

from email.utils import formatdate
from pathlib import Path

import pytest

from mcp_oauth_sync import __version__
from mcp_oauth_sync.doctor import Finding, Level
from mcp_oauth_sync.doctor.machine import check_clock, check_environment, check_store, check_versions
from mcp_oauth_sync.doctor.recording import Seen
from mcp_oauth_sync.protocol.reply import Reply
from mcp_oauth_sync.stores import choosing
from tests.scene import Scene

from .bench import examine, said

NOW = 1_700_000_000.0


def seen(url: str, date: str | None, *, at: float = NOW) -> Seen:
    headers = {} if date is None else {"date": date}
    reply = Reply(url=url, status=200, headers=headers, body=b"")
    return Seen(what="x", method="GET", url=url, reply=reply, at=at)


def clocks(*exchanges: Seen) -> list[str]:
    return [f"{finding.level.value} {finding.what}" for finding in check_clock(exchanges)]


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        (0, "ok clocks agree within 1 s"),
        (59, "ok clocks agree within 59 s"),
        (-60, "ok clocks agree within 60 s"),
        (61, "warning the clock of https://h is 61 s ahead"),
        (-3600, "warning the clock of https://h is 3600 s behind"),
    ],
)
def test_a_clock_is_held_against_ours(ahead: float, told: str) -> None:
    assert clocks(seen("https://h/x", formatdate(NOW + ahead, usegmt=True))) == [told]


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Foo 2023 99:99:99 GMT"])
def test_a_server_that_tells_no_time_is_passed_over(date: str | None) -> None:
    assert clocks(seen("https://h/x", date)) == []


def test_each_wrong_clock_is_told_once_and_no_right_one_beside_it() -> None:
    late = formatdate(NOW - 100, usegmt=True)
    right = formatdate(NOW, usegmt=True)
    silent = Seen(what="x", method="GET", url="https://c/x", failure="SSLError")
    assert clocks(seen("https://a/1", late), seen("https://a/2", late), seen("https://b/1", right), silent) == [
        "warning the clock of https://a is 100 s behind"
    ]


def test_the_clock_of_a_real_answer_is_read() -> None:
    with Scene() as scene:
        scene.mcp.binding.ahead = 7200.0
        scene.mcp.binding.offered = True
        report = examine(scene.url)
    assert "7200 s ahead" in said(report, "clock") or "7199 s ahead" in said(report, "clock")


def test_the_versions_of_what_takes_part_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    [finding] = check_versions()
    assert all(part in finding.what for part in (f"mcp-oauth-sync {__version__}", "Python 3.", "requests 2.", "SSL"))
    assert "without PyJWT" not in finding.what
    monkeypatch.setattr("mcp_oauth_sync.doctor.machine.can_sign", lambda: False)
    assert "without PyJWT" in next(iter(check_versions())).what


def environment(url: str | None = None, **variables: str) -> list[str]:
    return [finding.what for finding in check_environment(url, variables)]


def test_variables_are_named_and_not_told() -> None:
    told = environment(MCP_OAUTH_SYNC_PASSWORD="hidden", VAULT_TOKEN="hidden", HOME="/home", REQUESTS_CA_BUNDLE="/x")
    assert told == ["variables that are set: MCP_OAUTH_SYNC_PASSWORD, REQUESTS_CA_BUNDLE, VAULT_TOKEN"]
    assert environment() == ["no variable of ours is set"]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("HTTPS_PROXY", "http://user:pw@proxy.example.com:3128/x", "http://proxy.example.com:3128"),
        ("ALL_PROXY", "proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("HTTPS_PROXY", "http://proxy.example.com:port", "one whose address cannot be read"),
    ],
)
def test_a_proxy_is_told_by_its_host(variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    assert environment("https://mcp.example.com/mcp")[1:] == [f"goes through a proxy: {told}"]
    assert environment("http://127.0.0.1/mcp")[1:] == [] or variable == "ALL_PROXY"
    monkeypatch.setenv("NO_PROXY", "mcp.example.com")
    assert environment("https://mcp.example.com/mcp")[1:] == []


def store() -> Finding:
    [finding] = check_store()
    return finding


def test_the_store_that_is_named_is_told() -> None:
    assert (store().level, store().what) == (Level.OK, "sign-ins are kept in encrypted file")


def test_why_the_keyring_is_not_taken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MCP_OAUTH_SYNC_BACKEND")
    assert store().code == "store"
    assert "not secret_service: there is no D-Bus session" in (store().why or "")


def test_a_store_that_cannot_be_used_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "vault")
    assert (store().level, store().code) == (Level.PROBLEM, "no-store")
    assert "VAULT_ADDR" in f"{store().why}{store().remedy}"
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "drawer")
    assert "names 'drawer', and there is no such store" in (store().why or "")


def test_a_machine_without_a_store_is_warned_of(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(
        choosing, "explain", lambda: ("memory", {"secret_service": "no bus.", "keychain": "only on macOS"})
    )
    assert (store().level, store().code) == (Level.WARNING, "store-memory")
    assert store().why == "not secret_service: no bus"
