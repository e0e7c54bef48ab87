"""The flags that meet a server halfway: what they stand for, what errors say of them, and that they are remembered."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import OAuthTokens, ServerRecord, SignInOptions, Switches
from mcp_oauth_sync.authorizer.command import flags_for
from mcp_oauth_sync.cli.auth_flags import arguments_of, in_flags
from mcp_oauth_sync.cli.parser import build_parser
from mcp_oauth_sync.stores import default_manager
from tests.servers import ABSENT

from .conftest import Scene
from .terminal import OBEYED, Terminal, run, run_here

ISSUER = "https://as.example.com"


def expire(scene: Scene) -> None:
    scene.az.expire_all_access_tokens()
    manager = default_manager()
    record = manager.load_record("notes")
    assert record is not None
    assert record.tokens is not None
    manager.save_record("notes", attrs.evolve(record, tokens=attrs.evolve(record.tokens, issued_at=1.0)))


def test_a_sign_in_made_with_flags_is_renewed_the_same_way_by_another_process_and_listed_with_them(
    scene: Scene,
) -> None:
    scene.az.metadata_overrides = {"code_challenge_methods_supported": ABSENT}
    scene.az.reject_resource = True
    scene.az.iss_mode = "absent"
    flags = ["--resource", "none", "--assume-pkce", "--allow-missing-iss"]
    with Terminal("auth", "notes", scene.url, *flags) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    told = "assume_pkce=True, allow_missing_iss=True, resource=None"
    assert f"Remembered for {scene.az.issuer} alone: {told}" in terminal.words
    assert max(map(len, terminal.screen.splitlines()[:3])) <= 80
    assert terminal.screen.count("is met halfway") <= 1
    record = default_manager().load_record("notes")
    assert record is not None
    assert record.switches == Switches(assume_pkce=True, allow_missing_iss=True, no_resource=True)
    listed = run("list")
    assert listed.out.rstrip().endswith(f"({told})")
    expire(scene)
    scene.az.clear()
    assert run("tools", "notes").status == 0
    assert [(sent.path, sent.param("resource")) for sent in scene.az.log] == [("/token", None)]


@pytest.mark.parametrize(
    ("fault", "flag"),
    [
        ({"metadata_overrides": {"code_challenge_methods_supported": ABSENT}}, "--assume-pkce"),
        ({"iss_mode": "absent"}, "--allow-missing-iss"),
        ({"reject_resource": True}, "--resource none"),
        ({"serve_at": set()}, "--metadata-url"),
        ({"allowed_scopes": ()}, "--scopes"),
    ],
)
def test_an_error_names_the_flag_that_helps_and_no_argument(scene: Scene, fault: dict[str, Any], flag: str) -> None:
    scene.mcp.challenge_scope = "notes:read"
    for name, value in fault.items():
        setattr(scene.az, name, value)
    with Terminal("auth", "notes", scene.url) as terminal:
        if "iss_mode" in fault or "reject_resource" in fault or "allowed_scopes" in fault:
            scene.person(terminal.address())
        assert terminal.end() == 1
    hint = terminal.screen[terminal.screen.rindex("hint: ") :]
    assert flag in hint
    assert re.search(r"\b[a-z_]+=", hint) is None
    assert OBEYED.findall(terminal.screen) == []


def parsed(*flags: str) -> dict[str, Any]:
    return arguments_of(build_parser().parse_args(["auth", "notes", "https://h/mcp", *flags]))


@pytest.mark.parametrize(
    ("flags", "arguments"),
    [
        ((), {}),
        (("--issuer", ISSUER), {"issuer": ISSUER}),
        (("--metadata-url", f"{ISSUER}/m.json"), {"metadata_url": f"{ISSUER}/m.json"}),
        (("--resource", "none"), {"resource": None}),
        (("--resource", "None"), {"resource": None}),
        (("--resource", "api://notes"), {"resource": "api://notes"}),
        (("--expected-resource", "https://h/"), {"expected_resource": "https://h/"}),
        (("--assume-pkce", "--allow-missing-iss"), {"assume_pkce": True, "allow_missing_iss": True}),
        (("--extra-scopes", "a b"), {"extra_scopes": "a b"}),
        (("--no-offline-access",), {"offline_access": False}),
        (("--dpop",), {"dpop": True}),
        (("--client-document", f"{ISSUER}/c.json"), {"client_id_metadata_url": f"{ISSUER}/c.json"}),
    ],
)
def test_each_flag_stands_for_an_argument(flags: tuple[str, ...], arguments: dict[str, Any]) -> None:
    assert parsed(*flags) == arguments
    SignInOptions(**arguments)


@pytest.mark.parametrize("flag", ["--resource", "--expected-resource", "--issuer", "--metadata-url"])
@pytest.mark.parametrize("value", ["notes", "", "https://h#x", "https://h/a b"])
def test_what_is_no_uri_is_wrong_usage(flag: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = run_here(capsys, "auth", "notes", "https://h/mcp", flag, value)
    assert done.status == 2
    assert f"argument {flag}: an absolute URI without a fragment is needed" in done.err


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (None, None),
        ("Nothing helps.", "Nothing helps."),
        ("pass assume_pkce=True.", "pass --assume-pkce."),
        (f"pass assume_pkce='{ISSUER}'.", f"pass --assume-pkce and --issuer {ISSUER}."),
        (f"pass allow_missing_iss='{ISSUER}/t'", f"pass --allow-missing-iss and --issuer {ISSUER}/t"),
        ("pass resource=None to send none,", "pass --resource none to send none,"),
        (f"resource=None and issuer='{ISSUER}'", f"--resource none and --issuer {ISSUER}"),
        ("or resource= with the one it knows", "or --resource with the one it knows"),
        ("pass expected_resource='https://h/a?b&c'.", "pass --expected-resource 'https://h/a?b&c'."),
        ("pass expected_resource=.", "pass --expected-resource."),
        ("Pass scopes= with; offline_access=False too", "Pass --scopes with; --no-offline-access too"),
        ("extra_scopes= adds", "--extra-scopes adds"),
        ("pass metadata_url= with the address.", "pass --metadata-url with the address."),
        ("client_id= (and client_secret=)", "--client-id (and --client-secret-file)"),
        ("sign_in_timeout= gives more time", "--timeout gives more time"),
        ("or leave out grant=DeviceCodeGrant().", "or leave out --device."),
        ("Leave out dpop=True to take", "Leave out --dpop to take"),
        ("choose a port with callback_port=,", "choose a port with --port,"),
        ("pass callback_host='localhost' or callback_port=8765.", "pass --host localhost or --port 8765."),
    ],
)
def test_a_hint_of_the_library_is_said_in_flags(hint: str | None, said: str | None) -> None:
    assert in_flags(hint) == said


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ({}, []),
        ({"client_id": "app", "issuer": ISSUER}, ["--client-id", "app", "--issuer", ISSUER]),
        ({"resource": None, "assume_pkce": True}, ["--resource", "none", "--assume-pkce"]),
        ({"resource": "api://x", "expected_resource": "https://h"}, "--resource api://x --expected-resource https://h"),
        ({"allow_missing_iss": ISSUER}, ["--issuer", ISSUER, "--allow-missing-iss"]),
        ({"metadata_url": f"{ISSUER}/m", "offline_access": False}, f"--metadata-url {ISSUER}/m --no-offline-access"),
        ({"extra_scopes": "a b", "callback_port": (1, 2)}, ["--port", "1,2", "--extra-scopes", "a b"]),
        ({"client_id_metadata_url": f"{ISSUER}/c"}, ["--client-document", f"{ISSUER}/c"]),
        ({"callback_host": "::1", "callback_bind": "0.0.0.0"}, "--host ::1 --bind 0.0.0.0"),
        ({"redirect_uri": "https://app.example.com/cb"}, ["--redirect-uri", "https://app.example.com/cb"]),
    ],
)
def test_the_command_that_a_caller_without_a_person_is_told_signs_in_the_same_way(
    options: dict[str, Any], flags: list[str] | str
) -> None:
    made = flags_for(SignInOptions(**options))
    assert made == (flags.split() if isinstance(flags, str) else flags)
    assert SignInOptions(**parsed(*made)) == SignInOptions(**{**options, **_said_otherwise(options)})


def _said_otherwise(options: dict[str, Any]) -> dict[str, Any]:
    """Return what the command line says in two flags."""
    named = options.get("allow_missing_iss")
    return {"allow_missing_iss": True, "issuer": named} if isinstance(named, str) else {}


def test_nothing_hostile_in_a_stored_record_moves_the_cursor_of_the_list(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = Switches(issuer="https://x\x1b[2J", resource="a:\x07")
    default_manager().save_record("notes", ServerRecord(server_url="https://h/mcp", issuer=ISSUER, switches=hostile))
    done = run_here(capsys, "list")
    assert OBEYED.findall(done.out) == []
    assert "issuer='https://x [2J'" in done.out


def test_a_sign_in_whose_store_has_gone_is_one_all_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    default_manager().store.store_generic("notes", "{", namespace="oauth")
    signed_in = SimpleNamespace(sign_in=lambda: OAuthTokens(access_token="access", scope="a"))
    monkeypatch.setattr("mcp_oauth_sync.cli.auth.OAuth", lambda *_, **__: signed_in)
    done = run_here(capsys, "auth", "notes", "https://h/mcp")
    assert (done.status, done.out) == (0, "")
    assert done.err.splitlines()[-1] == "Granted: a"
