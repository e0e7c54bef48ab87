"""List the tools of a server, with mcp: the store and the listener for the browser are the program's own."""

import asyncio
import http.server
import sys
import webbrowser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken


class Files:
    def __init__(self, folder: Path) -> None:
        self.tokens, self.client = folder / "tokens.json", folder / "client.json"

    async def get_tokens(self) -> OAuthToken | None:
        return OAuthToken.model_validate_json(self.tokens.read_text()) if self.tokens.exists() else None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens.write_text(tokens.model_dump_json())

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return OAuthClientInformationFull.model_validate_json(self.client.read_text()) if self.client.exists() else None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client.write_text(client_info.model_dump_json())


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.answers = parse_qs(urlsplit(self.path).query)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


async def main(url: str) -> None:
    listener = http.server.HTTPServer(("127.0.0.1", 0), Page)

    async def open_browser(address: str) -> None:
        webbrowser.open(address)

    async def wait() -> AuthorizationCodeResult:
        await asyncio.to_thread(listener.handle_request)
        return AuthorizationCodeResult(**{name: found[0] for name, found in listener.answers.items()})

    redirect = f"http://127.0.0.1:{listener.server_port}/callback"
    about = OAuthClientMetadata(client_name="A program", redirect_uris=[redirect], token_endpoint_auth_method="none")
    auth = OAuthClientProvider(url, about, Files(Path.home()), open_browser, wait)
    async with (
        create_mcp_http_client(auth=auth) as http_client,
        Client(streamable_http_client(url, http_client=http_client)) as client,
    ):
        print(len((await client.list_tools()).tools), "tools")


asyncio.run(main(sys.argv[1]))
