"""RFC 7523 and RFC 7515: an assertion signed with a printed key, read by a few lines that know nothing of ours."""

from __future__ import annotations

import base64
import json
import time

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mcp_oauth_sync import ClientKey, ClientRegistration
from mcp_oauth_sync.protocol.client_auth import build_client_authentication
from mcp_oauth_sync.protocol.proofs import Proofs

# RFC 7515 appendix A.3.1: the key of the ES256 example.
X = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
Y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
D = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"


def number(text: str) -> int:
    return int.from_bytes(raw(text), "big")


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


PUBLIC = ec.EllipticCurvePublicNumbers(number(X), number(Y), ec.SECP256R1())
PEM = (
    ec.EllipticCurvePrivateNumbers(number(D), PUBLIC)
    .private_key()
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
)


def test_the_form_and_the_claims_are_those_of_rfc_7523_and_the_signature_is_that_of_the_printed_key() -> None:
    client = ClientRegistration(client_id="s6BhdRkqt3", token_endpoint_auth_method="private_key_jwt")
    proofs = Proofs(issuer="https://authz.example.net", client_key=ClientKey(PEM, key_id="22"))
    headers, fields = build_client_authentication(client, proofs)
    assert headers == {}
    assert sorted(fields) == ["client_assertion", "client_assertion_type"]
    assert fields["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    head, claims, signature = fields["client_assertion"].split(".")
    assert json.loads(raw(head)) == {"alg": "ES256", "kid": "22", "typ": "JWT"}
    said = json.loads(raw(claims))
    assert {name: said[name] for name in ("iss", "sub", "aud")} == {
        "iss": "s6BhdRkqt3",
        "sub": "s6BhdRkqt3",
        "aud": "https://authz.example.net",
    }
    assert said["iat"] <= time.time() < said["exp"] <= time.time() + 60
    r, s = raw(signature)[:32], raw(signature)[32:]
    pair = utils.encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    PUBLIC.public_key().verify(pair, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
