"""RFC 9449 and RFC 7638: the proofs printed there, the hash of their token, the thumbprint of their key."""

from __future__ import annotations

from email.message import Message

import pytest
import requests

from mcp_oauth_sync.protocol.dpop import build_thumbprint, build_token_hash
from tests.servers import Exchange, Origin
from tests.servers.dpop import ProofChecker, thumbprint

HEAD = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
)
#: Section 4.2, figures 1 and 2: a proof for a token request.
FOR_A_TOKEN = (
    f"{HEAD}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2Vu"
    "IiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
#: Section 7.1, figures 12 and 13: one for a protected resource.
FOR_A_RESOURCE = (
    f"{HEAD}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90"
    "ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9"
    ".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
KEY = {
    "crv": "P-256",
    "kty": "EC",
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
}


def test_the_hash_of_the_printed_token_is_the_one_printed() -> None:
    assert build_token_hash(TOKEN) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def test_the_thumbprint_of_the_printed_key_is_the_one_printed() -> None:
    assert build_thumbprint(KEY) == thumbprint(KEY) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_the_thumbprint_of_rfc_7638_is_ours() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    rsa = {"kty": "RSA", "n": modulus, "e": "AQAB"}
    expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert build_thumbprint(rsa) == thumbprint({**rsa, "alg": "RS256", "kid": "2011-04-29"}) == expected


class Named(Origin):
    """A server that goes by the name of an example."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.public_url = name


@pytest.mark.parametrize(
    ("proof", "server", "method", "path", "token"),
    [
        (FOR_A_TOKEN, "https://server.example.com", "POST", "/token", None),
        (FOR_A_RESOURCE, "https://resource.example.org", "GET", "/protectedresource", TOKEN),
    ],
    ids=["for a token", "for a resource"],
)
def test_the_scripted_servers_take_the_printed_proofs(
    proof: str, server: str, method: str, path: str, token: str | None
) -> None:
    checker = ProofChecker(Named(server))
    checker.window = 1e12
    head = requests.Request(method, server + path, headers={"DPoP": proof}).prepare().headers
    headers = Message()
    for name, value in head.items():
        headers[name] = value
    assert checker.check(Exchange(method, path, {}, headers, b"", {}), token=token) == thumbprint(KEY)
