"""RFC 7636 appendix B: the verifier and its S256 challenge."""

from __future__ import annotations

import hashlib

from mcp_oauth_sync.protocol.pkce import build_challenge

OCTETS = bytes(
    int(octet)
    for octet in (
        "19 211 30 150 26 26 216 236 47 22 177 12 76 152 46 8 "
        "118 168 120 173 109 241 68 86 110 225 137 74 203 112 249 195"
    ).split()
)
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_challenge_of_the_example_verifier_is_the_one_printed() -> None:
    assert build_challenge(VERIFIER) == CHALLENGE


def test_the_digest_behind_it_is_the_one_printed() -> None:
    assert hashlib.sha256(VERIFIER.encode()).digest() == OCTETS
