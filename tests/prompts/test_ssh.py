"""The command that takes the redirect through an SSH session, whatever the session's variables say."""

from __future__ import annotations

import getpass
import shlex

import pytest

from mcp_oauth_sync.prompts.ssh import forwarding_command

HERE = "http://127.0.0.1:8765/callback"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a session of the user ``me``."""
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50000 203.0.113.9 22")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "me")


@pytest.mark.parametrize(
    ("connection", "ending"),
    [
        ("198.51.100.7 50000 203.0.113.9 22", "me@203.0.113.9"),
        ("198.51.100.7 50000 203.0.113.9 2222", "-p 2222 me@203.0.113.9"),
        ("2001:db8::7 50000 2001:db8::9 22", "me@2001:db8::9"),
        ("::ffff:198.51.100.7 50000 ::ffff:203.0.113.9 22", "me@203.0.113.9"),
        ("fe80::7%eth0 50000 fe80::9%eth0 22", "me@fe80::9%eth0"),
    ],
)
@pytest.mark.usefixtures("session")
def test_it_leads_to_the_machine_that_the_person_reached(
    connection: str, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", connection)
    assert forwarding_command(HERE, "127.0.0.1:8765") == f"ssh -N -L 8765:127.0.0.1:8765 {ending}"


@pytest.mark.parametrize(
    ("redirect", "address", "ends"),
    [
        ("http://localhost:8765/callback", "127.0.0.1:8765", "8765:127.0.0.1:8765"),
        ("http://[::1]:8765/callback", "[::1]:8765", "[::1]:8765:[::1]:8765"),
        ("http://127.0.0.5:8765/callback", "127.0.0.5:8765", "127.0.0.5:8765:127.0.0.5:8765"),
        (HERE, "127.0.0.1:9000", "8765:127.0.0.1:9000"),
        (HERE, "0.0.0.0:8765", "8765:127.0.0.1:8765"),
        (HERE, "[::]:8765", "8765:[::1]:8765"),
        (HERE, "192.0.2.5:8765", "8765:192.0.2.5:8765"),
        ("http://127.0.0.1/callback", "127.0.0.1:8765", "80:127.0.0.1:8765"),
    ],
)
@pytest.mark.usefixtures("session")
def test_it_joins_the_port_of_the_redirect_with_the_one_that_is_bound(redirect: str, address: str, ends: str) -> None:
    command = forwarding_command(redirect, address)
    assert command is not None
    assert shlex.split(command) == ["ssh", "-N", "-L", ends, "me@203.0.113.9"]


@pytest.mark.parametrize("connection", ["", "somewhere", "a b c d", "1.2.3.4 5 host 22", "1.2.3.4 5 6.7.8.9 $(id)"])
@pytest.mark.usefixtures("session")
def test_without_a_session_there_is_no_command(connection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", connection)
    assert forwarding_command(HERE, "127.0.0.1:8765") is None


@pytest.mark.parametrize("redirect", ["https://hub.example.com/proxy/8765/callback", "myapp://callback"])
@pytest.mark.usefixtures("session")
def test_a_redirect_that_goes_elsewhere_needs_no_command(redirect: str) -> None:
    assert forwarding_command(redirect, "127.0.0.1:8765") is None


@pytest.mark.parametrize("user", ["-oProxyCommand=id", "me; id", "$(id)", "a b", "'", "m\x1b[2J"])
@pytest.mark.usefixtures("session")
def test_a_user_name_that_a_shell_or_ssh_could_misread_is_left_out(user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: user)
    assert forwarding_command(HERE, "127.0.0.1:8765") == "ssh -N -L 8765:127.0.0.1:8765 203.0.113.9"


@pytest.mark.usefixtures("session")
def test_a_user_of_a_domain_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "CORP\\me")
    assert forwarding_command(HERE, "127.0.0.1:8765") == "ssh -N -L 8765:127.0.0.1:8765 'CORP\\me@203.0.113.9'"


@pytest.mark.parametrize("failure", [KeyError, OSError, ImportError])
@pytest.mark.usefixtures("session")
def test_a_user_without_a_name_is_left_out(failure: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise failure

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert forwarding_command(HERE, "127.0.0.1:8765") == "ssh -N -L 8765:127.0.0.1:8765 203.0.113.9"
