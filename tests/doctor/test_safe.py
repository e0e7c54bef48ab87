"""What is made safe to paste: URLs, words, headers, documents; and what still helps stays readable."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import uuid

import pytest

from mcp_oauth_sync.doctor.safe import (
    fingerprint,
    holds_piece,
    looks_random,
    safe_challenge,
    safe_document,
    safe_headers,
    safe_text,
    safe_url,
)

SECRET = "sk-live-51HxAbCdEfGh12345678"


def test_a_fingerprint_tells_two_secrets_apart_and_neither_of_them() -> None:
    told = fingerprint(SECRET)
    assert told == f"<{len(SECRET)} characters, sha256 {hashlib.sha256(SECRET.encode()).hexdigest()[:8]}>"
    assert told != fingerprint(SECRET[::-1])


def test_of_a_short_value_that_could_be_guessed_no_hash_is_shown() -> None:
    assert fingerprint("hunter2") == "<7 characters>"


@pytest.mark.parametrize(
    "word",
    [
        "application/json",
        "oauth-authorization-server",
        "client_secret_basic",
        "authorization_code",
        "private_key_jwt",
        "token_endpoint_auth_methods_supported",
        "ACCESS_TOKEN_NAMES",
        "urn",
        "Unauthorized",
    ],
)
def test_words_of_the_protocol_do_not_look_random(word: str) -> None:
    assert not looks_random(word)


@pytest.mark.parametrize(
    "word",
    [
        secrets.token_urlsafe(16),
        secrets.token_hex(16),
        base64.b64encode(bytes(range(30, 48))).decode(),
        str(uuid.UUID(int=2**121 + 12345)),
        SECRET,
        "ya29.a0AfH6SMBxxxxxxxxxx"[5:],
        "x" * 41,
    ],
    ids=range(7),
)
def test_tokens_keys_and_identifiers_look_random(word: str) -> None:
    assert looks_random(word)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h.example.com/mcp", "https://h.example.com/mcp"),
        ("https://H.example.com:443/mcp", "https://h.example.com/mcp"),
        ("https://h/mcp?project=abc&key=x", "https://h/mcp?project=...&key=..."),
        ("https://user:pw@h/mcp#part", "https://h/mcp"),
        ("https://h/.well-known/oauth-protected-resource/mcp", "https://h/.well-known/oauth-protected-resource/mcp"),
        (f"https://h/s/{SECRET}/mcp", f"https://h/s/{fingerprint(SECRET)}/mcp"),
        (f"https://h/mcp?{SECRET}", "https://h/mcp?..."),
        ("https://h/a b<c>", f"https://h/{fingerprint('a b<c>')}"),
        ("http://[::1]:80/x", "http://[::1]/x"),
        ("http://[::1/x", fingerprint("http://[::1/x")),
        ("https://h\u00e4/x", fingerprint("https://h\u00e4/x")),
        ("urn:example:resource", "urn:example:resource"),
    ],
)
def test_a_url_keeps_its_host_and_plain_path(url: str, shown: str) -> None:
    assert safe_url(url) == shown


def test_text_keeps_our_words_and_loses_secrets() -> None:
    text = f"it sends its callers to https://h/x?key=hidden-value, with {SECRET} and more"
    shown = safe_text(text)
    assert shown == f"it sends its callers to https://h/x?key=..., with {fingerprint(SECRET)} and more"


def test_private_words_are_replaced_and_a_piece_of_one_hides_the_whole_text() -> None:
    assert safe_text("kept for my-account there", ["my-account"]) == "kept for <10 characters> there"
    assert safe_text("a piece: my-accou", ["my-account"]) == "<not shown>"
    assert safe_text("a is a short word", ["a", ""]) == "a is a short word"
    assert holds_piece("12345678", ["0123456789"])
    assert not holds_piece("1234567", ["0123456789"])


def test_text_of_a_server_cannot_break_a_line_or_obey_a_terminal() -> None:
    assert safe_text("a\x1b[2Jb\nc\u202ed") == "a [2Jb c d"


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("", "<0 characters>"),
        ('Bearer error="invalid_token", scope="a b"', 'bearer error="invalid_token", scope="a b"'),
        (f'Bearer realm="{SECRET}"', f"bearer realm={fingerprint(SECRET)}"),
        (f"Bearer {SECRET}", "bearer"),
        (SECRET, fingerprint(SECRET.lower())),
        (f'Bearer error="{SECRET}"', f'bearer error="{fingerprint(SECRET)}"'),
        (f'Bearer error_description="{SECRET}"', f"bearer error_description={fingerprint(SECRET)}"),
        (f'Bearer {SECRET}="1"', f"bearer {fingerprint(SECRET.lower())}=<1 characters>"),
        ('Basic realm="x", DPoP algs="ES256"', 'basic realm=<1 characters>; dpop algs="ES256"'),
        (
            f'Bearer resource_metadata="https://h/x?key={SECRET}"',
            'bearer resource_metadata="https://h/x?key=..."',
        ),
    ],
)
def test_of_a_challenge_only_what_is_known_is_shown(header: str, shown: str) -> None:
    assert safe_challenge(header) == shown


def test_of_the_headers_only_those_that_help_are_shown() -> None:
    headers = {
        "content-type": "application/json",
        "set-cookie": f"session={SECRET}",
        "x-request-id": SECRET,
        "dpop-nonce": SECRET,
        "location": f"/login?state={SECRET}",
        "server": f"gateway {SECRET}",
    }
    assert safe_headers(headers) == {
        "content-type": "application/json",
        "location": "/login?state=...",
        "server": f"gateway {fingerprint(SECRET)}",
        "dpop-nonce": fingerprint(SECRET),
    }
    assert safe_headers({"location": f"https://u:{SECRET}@h/x"}) == {"location": "https://h/x"}


def test_of_a_document_only_known_members_are_shown() -> None:
    document = {
        "issuer": "https://login.example.com",
        "scopes_supported": ["notes:read", SECRET],
        "registration_endpoint": f"https://login.example.com/register?key={SECRET}",
        "client_id": "plain-client",
        "client_secret": SECRET,
        "access_token": SECRET,
        "code": "plain-code",
        "client_id_issued_at": 1234567890,
        "unknown": {"a": SECRET},
        SECRET: "x",
        "authorization_response_iss_parameter_supported": True,
        "error": "invalid_token",
        "error_description": SECRET,
        "list": [SECRET],
        "nothing": None,
    }
    shown = safe_document(document)
    assert shown == {
        "issuer": "https://login.example.com",
        "scopes_supported": ["notes:read", fingerprint(SECRET)],
        "registration_endpoint": "https://login.example.com/register?key=...",
        "client_id": "<12 characters>",
        "client_secret": fingerprint(SECRET),
        "access_token": fingerprint(SECRET),
        "code": "<10 characters>",
        "client_id_issued_at": "<int>",
        "unknown": "<1 members>",
        fingerprint(SECRET): "<1 characters>",
        "authorization_response_iss_parameter_supported": True,
        "error": "invalid_token",
        "error_description": fingerprint(SECRET),
        "list": [fingerprint(SECRET)],
        "nothing": None,
    }
    assert SECRET not in json.dumps(shown)


def test_a_message_of_json_rpc_keeps_its_code_and_not_its_words() -> None:
    message = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": SECRET, "data": SECRET}}
    assert safe_document(message) == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32601, "message": fingerprint(SECRET), "data": fingerprint(SECRET)},
    }
    assert safe_document({"id": 12345678901234}) == {"id": "<int>"}


@pytest.mark.parametrize("levels", [9, 100, 900])
def test_a_document_of_any_depth_can_be_shown(levels: int) -> None:
    arrays, objects = json.loads("[" * levels + "]" * levels), json.loads('{"error":' * levels + "1" + "}" * levels)
    shown = json.dumps(safe_document({"scopes_supported": arrays, "error": objects}))
    assert len(shown) < 200
    assert "<1 members>" in shown
    assert "<1 values>" in shown
