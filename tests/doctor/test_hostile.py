"""Broken and hostile answers: the examination goes to its end, sends nothing elsewhere, and calls nothing good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.doctor import Examination, Level, Step, build_trace
from mcp_oauth_sync.doctor.answer import check_answer
from mcp_oauth_sync.doctor.authorization_server import check_server
from mcp_oauth_sync.doctor.resource import check_resource
from mcp_oauth_sync.doctor.safe import safe_challenge, safe_document, safe_text, safe_url
from mcp_oauth_sync.models.document import MalformedDocument
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from mcp_oauth_sync.models.switches import NO_SWITCHES
from mcp_oauth_sync.protocol.challenge import select_challenge
from mcp_oauth_sync.protocol.reply import Reply
from tests.attacks.broken import ENDLESS, HOLLOW, UNREADABLE
from tests.scene import Scene
from tests.servers import Origin

from .bench import examine

URL = "https://mcp.example.com/mcp"
#: By what is broken: the server, the path, and the step that has to notice it.
PLACES = {
    "the MCP server": ("mcp", "/mcp", Step.ANSWER),
    "the metadata of the resource": ("mcp", "/.well-known/oauth-protected-resource/mcp", Step.RESOURCE),
    "the metadata of the server": ("az", "/.well-known/oauth-authorization-server", Step.SERVER),
    "the registration": ("az", "/register", Step.CLIENT),
}


class Stage(Scene):
    """A scene with a place where nothing may be sent."""

    def __enter__(self) -> Stage:
        self.elsewhere = Origin()
        self.elsewhere.start()
        super().__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        super().__exit__(*reason)
        self.elsewhere.stop()


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as made:
        yield made
        made.az.violations.clear()
        made.mcp.violations.clear()


@pytest.mark.parametrize("place", PLACES)
def test_a_broken_answer_is_noticed_where_it_is(place: str, stage: Stage, subtests: pytest.Subtests) -> None:
    server, path, step = PLACES[place]
    broken = {**UNREADABLE, **HOLLOW, **ENDLESS}
    for name, make in broken.items():
        with subtests.test(name):
            origin = getattr(stage, server)
            origin.fault(path, make(stage))  # type: ignore[arg-type]
            report = examine(stage.url, registers=place == "the registration", deadline=0.3 if name in ENDLESS else 5)
            origin.clear_faults()
            noticed = [finding for finding in report.findings if finding.step is step]
            assert any(finding.level is not Level.OK for finding in noticed)
            assert all(line.isprintable() for line in build_trace(report).split("\n"))
            assert stage.elsewhere.log == []


# Any document, any header

quietly = settings(
    derandomize=True, database=None, deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow]
)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
URLS = st.sampled_from(
    [
        "https://h",
        "https://h:0/x",
        "http://[::1",
        "//",
        "",
        "urn:x",
        "javascript:x",
        "https://h:99999/",
        "https://\u00e4/",
    ]
) | st.text(max_size=30)


def members(*names: str, lists: tuple[str, ...] = ()) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={**dict.fromkeys(names, URLS), **dict.fromkeys(lists, st.lists(URLS, max_size=3))}
    )


@quietly
@given(members("resource", lists=("authorization_servers", "scopes_supported")), JSON, URLS)
def test_any_metadata_of_a_resource_is_judged(document: dict[str, Any], methods: Any, place: str) -> None:
    try:
        metadata = ProtectedResourceMetadata.from_document(document)
    except MalformedDocument:
        return
    found = check_resource(URL, metadata, place="https://h/x", raw={"bearer_methods_supported": methods})
    assert next(finding.code for finding in found) == "resource-metadata"


ENDPOINTS = tuple(f"{name}_endpoint" for name in ("authorization", "token", "registration", "revocation"))


@quietly
@given(
    members(
        *("issuer", *ENDPOINTS, "device_authorization_endpoint"),
        lists=("grant_types_supported", "code_challenge_methods_supported", "token_endpoint_auth_methods_supported"),
    )
)
def test_any_metadata_of_a_server_is_judged(document: dict[str, Any]) -> None:
    try:
        metadata = AuthorizationServerMetadata.from_document({"issuer": "https://h", **document})
    except MalformedDocument:
        return
    found = list(check_server(metadata, NO_SWITCHES, place="https://h/.well-known/x", allow_loopback=False))
    assert all(finding.what.isprintable() for finding in found)


@quietly
@given(st.text(max_size=80), st.sampled_from([200, 204, 302, 400, 401, 403, 404, 405, 429, 500, 999]), JSON)
def test_any_answer_is_judged(header: str, status: int, document: Any) -> None:
    reply = Reply(url=URL, status=status, headers={"www-authenticate": header}, body=json.dumps(document).encode())
    found = list(check_answer(URL, reply, select_challenge([header])))
    assert found
    assert all(f"{finding.what}{finding.why or ''}".isprintable() for finding in found)


@quietly
@given(JSON, st.text(max_size=200), st.text(max_size=80))
def test_anything_can_be_made_safe(document: Any, text: str, header: str) -> None:
    json.dumps(safe_document(document))
    assert safe_text(text).isprintable()
    assert safe_text(safe_url(text)).isprintable()
    assert safe_challenge(header).isprintable() or not header.isprintable()


@quietly
@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=24, max_size=60))
def test_no_random_value_survives(secret: str) -> None:
    shown = safe_text(f"before {secret} after https://h/{secret}?k={secret}#{secret}")
    document = json.dumps(safe_document({"access_token": secret, "scope": secret, "x": {secret: secret}}))
    if sum(character.isdigit() for character in secret):
        assert secret not in shown + document


def test_an_examination_that_is_interrupted_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with Scene() as scene, pytest.raises(KeyboardInterrupt):
        Examination(scene.url, manager=scene.manager, told=interrupted).run()
