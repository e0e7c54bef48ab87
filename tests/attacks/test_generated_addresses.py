"""Ten thousand addresses in every place a server may name one: what is dialled or opened is https or the loopback."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import requests

from mcp_oauth_sync.discovery import find_resource_metadata
from mcp_oauth_sync.exceptions import InsecureURLError, OAuthError
from mcp_oauth_sync.models.client import ClientRegistration
from mcp_oauth_sync.models.client_metadata import ClientMetadata
from mcp_oauth_sync.models.device import DeviceAuthorization
from mcp_oauth_sync.models.document import MalformedDocument
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata
from mcp_oauth_sync.protocol.authorization import build_authorization_request
from mcp_oauth_sync.protocol.device import start_device_authorization
from mcp_oauth_sync.protocol.documents import Trace
from mcp_oauth_sync.protocol.registration import register_client
from mcp_oauth_sync.protocol.revocation import revoke_token
from mcp_oauth_sync.protocol.server_metadata import fetch_server_metadata
from mcp_oauth_sync.protocol.token_endpoint import exchange_code
from mcp_oauth_sync.protocol.transport import Transport

from .network import Network
from .stage import readable
from .test_authorization_urls import parts

ADDRESSES = 10_000
ISSUER, MCP, REDIRECT = "https://login.example.com", "https://mcp.example.com/mcp", "http://127.0.0.1:5555/callback"
CLIENT = ClientRegistration(client_id="c", issuer=ISSUER, token_endpoint_auth_method="none")
#: What an address may look like, whatever else is in it: said anew, by other means than the package.
HTTPS = re.compile(r"https://(?P<host>[a-z0-9._-]+|\[[0-9a-f:]+\])(:(?P<port>\d*))?([/?][!-~]*)?", re.IGNORECASE)
HERE = re.compile(r"https?://(?P<host>localhost|127\.[\d.]+|\[::1\])(:(?P<port>\d*))?([/?][!-~]*)?", re.IGNORECASE)
#: Hosts among the generated ones that mean this machine in some spelling.
OURS = ("localhost", "127.0.0.1", "[::1]", "127.1", "0")


@attrs.define
class Heard:
    """What came of addresses.

    Attributes:
        dialled: Each address with the host and port that it led to.
        opened: Each address with what a browser would have been given.
    """

    network: Network
    dialled: list[tuple[str, str, int]] = attrs.field(factory=list)
    opened: list[tuple[str, str]] = attrs.field(factory=list)

    def try_out(self, url: str, act: Callable[[], Any]) -> None:
        """Do something with an address that a server has named."""
        with contextlib.suppress(InsecureURLError, MalformedDocument):
            try:
                opened = act()
            except OAuthError as error:
                readable(error)
                raise
            if isinstance(opened, str):
                self.opened.append((url, opened))
        self.dialled += [(url, host, port) for host, port in self.network.dialled]
        self.network.dialled.clear()


def places(url: str, http: Transport, local: bool) -> list[Callable[[], Any]]:
    """Return what is done with an address in each place where a server may name one."""
    server = AuthorizationServerMetadata(issuer=ISSUER, authorization_endpoint=url, registration_endpoint=url)
    device = {"device_code": "d", "user_code": "u", "verification_uri": url, "verification_uri_complete": url}

    def contact(act: Callable[..., Any], *given: Any, **named: Any) -> Callable[[], None]:
        def acting() -> None:
            try:
                act(http, *given, **named)
            except InsecureURLError:
                raise
            except OAuthError as error:  # nobody is at home anywhere
                readable(error)

        return acting

    def open_authorization() -> str:
        asked = {"client_id": "c", "redirect_uri": REDIRECT, "state": "s" * 43}
        return build_authorization_request(server, **asked, allow_loopback=local).url

    def open_device() -> str:
        shown = DeviceAuthorization.from_response(device, allow_loopback=local)
        assert shown.verification_uri == shown.verification_uri_complete
        return shown.verification_uri

    code = {"code": "c", "verifier": "v" * 43, "redirect_uri": REDIRECT, "resource": None}
    return [
        contact(fetch_server_metadata, url, trace=Trace()),
        contact(find_resource_metadata, MCP, named=url, trace=Trace()),
        contact(register_client, server, ClientMetadata(), redirect_uris=(REDIRECT,)),
        contact(exchange_code, url, CLIENT, **code),
        contact(revoke_token, url, CLIENT, "t"),
        contact(start_device_authorization, url, CLIENT),
        open_authorization,
        open_device,
    ]


@pytest.mark.parametrize("local", [True, False], ids=["from here", "from elsewhere"])
def test_of_ten_thousand_addresses_nothing_but_https_and_the_loopback_is_dialled_or_opened(
    local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, chance = Heard(network=Network({})), random.Random(9728)
    heard.network.take_over(monkeypatch)
    with requests.Session() as session:
        http = Transport(session=session, allow_loopback=local)
        addresses = {"x"}  # nothing at all is no address
        while len(addresses) < ADDRESSES:
            addresses.add(parts(chance) or "x")
        for url in sorted(addresses):
            for act in places(url, http, local):
                heard.try_out(url, act)
    assert len(heard.dialled) > 200
    assert len(heard.opened) > 60
    for url, host, port in heard.dialled:
        allowed = HTTPS.fullmatch(url) or (HERE.fullmatch(url) if local else None)
        assert allowed, url
        assert allowed["host"].strip("[]").lower() == host.strip("[]").lower(), (url, host)
        assert port == int(allowed["port"] or (443 if url.lower().startswith("https") else 80)), (url, port)
        assert local or allowed["host"].lower() not in OURS, url
    for url, shown in heard.opened:
        allowed = HTTPS.fullmatch(url) or (HERE.fullmatch(url) if local else None)
        assert allowed, url
        assert local or allowed["host"].lower() not in OURS, url
        assert shown == url or shown[: len(url) + 1].lower() in (f"{url}?".lower(), f"{url}&".lower()), shown
        assert HTTPS.fullmatch(shown) or HERE.fullmatch(shown), shown
