"""Call a server so many times with chuk-mcp-client-oauth, one after the other or at once; say how long that took."""

import asyncio
import sys
import time

from chuk_mcp_client_oauth import OAuthHandler

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


async def main(url: str, count: int, *, at_once: bool) -> None:
    handler = OAuthHandler()
    head = {"Accept": "application/json, text/event-stream"}

    async def call() -> None:
        await handler.authenticated_request("server", url, url, method="POST", json=PING, headers=dict(head))

    began = time.perf_counter()
    if at_once:
        await asyncio.gather(*(call() for _ in range(count)))
    else:
        for _ in range(count):
            await call()
    print(time.perf_counter() - began)


asyncio.run(main(sys.argv[1], int(sys.argv[2]), at_once="at-once" in sys.argv))
