"""The flags of ``auth``: what they stand for, what is refused at once, and hints in their words."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync import BrowserPrompt, ClientCredentialsGrant, ConsolePrompt, DeviceCodeGrant, NoPrompt, prompts
from mcp_oauth_sync.cli.auth_flags import GROUPS, add_auth_flags, arguments_of, in_flags


def parsed(*flags: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_auth_flags(parser)
    return arguments_of(parser.parse_args(flags))


def test_without_flags_nothing_is_chosen() -> None:
    assert parsed() == {}


@pytest.mark.parametrize(
    ("flags", "arguments"),
    [
        (("--port", "8765"), {"callback_port": [8765]}),
        (("--port", "0"), {"callback_port": [0]}),
        (("--port", "8765-8767,9000"), {"callback_port": [8765, 8766, 8767, 9000]}),
        (("--host", "localhost"), {"callback_host": "localhost"}),
        (("--host", "::1"), {"callback_host": "::1"}),
        (("--bind", "0.0.0.0"), {"callback_bind": "0.0.0.0"}),
        (("--redirect-uri", "myapp://callback"), {"redirect_uri": "myapp://callback"}),
        (("--auth-method", "client_secret_post"), {"token_endpoint_auth_method": "client_secret_post"}),
        (
            ("--authorize-param", "access_type=offline", "--authorize-param", "prompt=a=b"),
            {"authorize_params": {"access_type": "offline", "prompt": "a=b"}},
        ),
    ],
)
def test_a_flag_stands_for_an_argument(flags: tuple[str, ...], arguments: dict[str, object]) -> None:
    assert parsed(*flags) == arguments


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--port", "8769-8765"), "a range goes up"),
        (("--port", "0-5"), "a range goes up"),
        (("--port", "8765-"), "a port is a number"),
        (("--port", "8765,"), "a port is a number"),
        (("--port", "-5"), "a port is a number"),
        (("--port", "\uff18\uff17\uff16\uff15"), "a port is a number"),
        (("--port", "70000"), "a port is a number"),
        (("--host", "0.0.0.0"), "127.0.0.1, ::1 or localhost"),
        (("--host", "example.com"), "127.0.0.1, ::1 or localhost"),
        (("--bind", "localhost"), "an interface is an address"),
        (("--authorize-param", "offline"), "a parameter is written as NAME=VALUE"),
        (("--authorize-param", "=offline"), "a parameter is written as NAME=VALUE"),
        (("--registration-token-file", "/nowhere/at-all"), "he token to register with"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_at_once(flags: tuple[str, str], said: str) -> None:
    with pytest.raises(argparse.ArgumentError, match=said):
        parsed(f"{flags[0]}={flags[1]}")


def test_the_token_to_register_with_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("given-by-the-operator\n")
    assert parsed("--registration-token-file", str(tmp_path / "token")) == {
        "initial_access_token": "given-by-the-operator"
    }


def test_of_two_flags_for_one_argument_the_last_one_counts() -> None:
    assert type(parsed("--device", "--machine")["grant"]) is ClientCredentialsGrant
    assert type(parsed("--machine", "--device")["grant"]) is DeviceCodeGrant


def test_how_somebody_is_asked_follows_the_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    console = parsed("--no-browser")["prompt"]
    assert type(console) is ConsolePrompt
    assert not console._accept_bare_code
    console = parsed("--no-browser", "--accept-bare-code")["prompt"]
    assert type(console) is ConsolePrompt
    assert console._accept_bare_code
    monkeypatch.setattr(prompts, "at_terminal", lambda: True)
    monkeypatch.setenv("BROWSER", "x")
    browser = parsed("--accept-bare-code")["prompt"]
    assert type(browser) is BrowserPrompt
    assert browser._accept_bare_code
    monkeypatch.setattr(prompts, "at_terminal", lambda: False)
    assert type(parsed("--accept-bare-code")["prompt"]) is NoPrompt


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("Choose another port with callback_port=, or end it.", "Choose another port with --port, or end it."),
        ("sign_in_timeout= gives more time.", "--timeout gives more time."),
        ("pass callback_host='localhost'.", "pass --host localhost."),
        ("pass callback_port=8765 too", "pass --port 8765 too"),
        ("Pass redirect_uri= and callback_bind=.", "Pass --redirect-uri and --bind."),
        (
            "Pass client_id= with client_secret= or client_key=.",
            "Pass --client-id with --client-secret-file or --client-key.",
        ),
        ("or grant=ClientCredentialsGrant().", "or --machine."),
        ("pass initial_access_token= if", "pass --registration-token-file if"),
        (
            "only with authorize_params={'access_type': 'offline', 'prompt': 'consent'}",
            "only with --authorize-param access_type=offline --authorize-param prompt=consent",
        ),
        ("see authorize_params=", "see --authorize-param"),
        ("nothing of ours", "nothing of ours"),
        (None, None),
    ],
)
def test_hints_speak_in_flags(hint: str | None, said: str | None) -> None:
    assert in_flags(hint) == said


def test_no_flag_and_no_argument_is_there_twice() -> None:
    flags = [flag for group in GROUPS.values() for flag in group]
    assert len({flag.flag for flag in flags}) == len(flags)
    assert len({(flag.argument, flag.written) for flag in flags}) == len(flags)
