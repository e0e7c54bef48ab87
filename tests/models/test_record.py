"""The record that one sign-in leaves behind: complete, versioned, refused when damaged."""

from __future__ import annotations

import json
import time
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync import ClientRegistration, OAuthTokens, ServerRecord
from mcp_oauth_sync.models.document import MalformedDocument, NewerSchema
from mcp_oauth_sync.models.record import SCHEMA
from mcp_oauth_sync.models.switches import Switches

from .test_document import JSON

RECORD = ServerRecord(
    server_url="https://mcp.example.com/mcp",
    issuer="https://as.example.com",
    resource="https://mcp.example.com/mcp",
    token_endpoint="https://as.example.com/token",
    revocation_endpoint="https://as.example.com/revoke",
    registration=ClientRegistration(client_id="c", issuer="https://as.example.com", client_secret="canary-secret"),
    tokens=OAuthTokens(access_token="canary-access", refresh_token="canary-refresh", expires_in=60, issued_at=1.0),
    requested_scope="a b",
    redirect_uri="http://127.0.0.1:5/callback",
)


def test_a_record_comes_back_as_it_was() -> None:
    assert ServerRecord.from_json(RECORD.to_json()) == RECORD
    assert ServerRecord.from_json(ServerRecord().to_json()) == ServerRecord()


def test_a_record_says_its_version_first_of_all() -> None:
    assert json.loads(RECORD.to_json())["schema"] == 1  # all of it, an older installation understands
    by_key = ClientRegistration(client_id="c", token_endpoint_auth_signing_alg="ES256")
    changes = ({"dpop_key": "-----BEGIN"}, {"moved_at": 1.0}, {"switches": Switches(no_resource=True)})
    for newer in (*changes, {"grant": "client_credentials"}, {"registration": by_key}):
        changed = attrs.evolve(RECORD, **newer)  # type: ignore[arg-type]
        assert json.loads(changed.to_json())["schema"] == SCHEMA
        assert ServerRecord.from_json(changed.to_json()) == changed


def test_a_record_of_a_newer_version_is_told_apart() -> None:
    with pytest.raises(NewerSchema, match=f"schema {SCHEMA + 1} is newer than {SCHEMA}"):
        ServerRecord.from_record({**RECORD.to_record(), "schema": SCHEMA + 1})


@pytest.mark.parametrize("schema", [None, 0, -1, 1.5, "x", True, []])
def test_a_record_without_a_version_is_refused(schema: object) -> None:
    with pytest.raises(MalformedDocument, match="schema"):
        ServerRecord.from_record({**RECORD.to_record(), "schema": schema})


def test_members_of_another_version_are_dropped() -> None:
    assert ServerRecord.from_record({**RECORD.to_record(), "later": {"x": 1}}) == RECORD


@pytest.mark.parametrize("stored", ["", "{", "[]", "5", "null", '"x"', "[" * 100_000, '{"schema":1,"tokens":5}'])
def test_what_is_no_record_is_refused_by_type(stored: str) -> None:
    with pytest.raises(MalformedDocument):
        ServerRecord.from_json(stored)


@pytest.mark.parametrize(
    "lost",
    [
        {"tokens": None},
        {"tokens": OAuthTokens(access_token="t")},
        {"token_endpoint": None},
        {"registration": None},
        {"registration": ClientRegistration(client_id="c", client_secret_expires_at=time.time() - 1)},
    ],
)
def test_a_refresh_needs_a_token_an_endpoint_and_a_living_registration(lost: dict[str, Any]) -> None:
    assert RECORD.can_refresh()
    assert not attrs.evolve(RECORD, **lost).can_refresh()


def test_a_record_shows_no_secret() -> None:
    assert "canary" not in repr(RECORD) + str(RECORD) + repr(RECORD.to_record())


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(document=st.dictionaries(st.sampled_from(sorted(RECORD.to_record())), JSON), keep=st.booleans())
def test_any_damaged_record_is_read_or_refused_by_type(document: dict[str, Any], keep: bool) -> None:
    whole = {**RECORD.to_record(), **document} if keep else document
    try:
        ServerRecord.from_record(whole)
    except MalformedDocument:
        return
    assert whole["schema"] in (1, SCHEMA)
