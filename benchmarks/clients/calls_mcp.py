"""Call a server so many times with mcp, one after the other or at once; say how long that took."""

import asyncio
import sys
import time
from pathlib import Path

from mcp.client.auth import OAuthClientProvider
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


class Files:
    """What ``with_mcp.py`` has left."""

    async def get_tokens(self) -> OAuthToken:
        return OAuthToken.model_validate_json(Path.home().joinpath("tokens.json").read_text())

    async def get_client_info(self) -> OAuthClientInformationFull:
        return OAuthClientInformationFull.model_validate_json(Path.home().joinpath("client.json").read_text())


async def main(url: str, count: int, *, at_once: bool) -> None:
    about = OAuthClientMetadata(client_name="A program", redirect_uris=["http://127.0.0.1:1/callback"])
    head = {"Accept": "application/json, text/event-stream"}
    async with create_mcp_http_client(auth=OAuthClientProvider(url, about, Files())) as http_client:

        async def call() -> None:
            (await http_client.post(url, json=PING, headers=head)).raise_for_status()

        began = time.perf_counter()
        if at_once:
            await asyncio.gather(*(call() for _ in range(count)))
        else:
            for _ in range(count):
                await call()
        print(time.perf_counter() - began)


asyncio.run(main(sys.argv[1], int(sys.argv[2]), at_once="at-once" in sys.argv))
