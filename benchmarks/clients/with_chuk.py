"""List the tools of a server, with chuk-mcp-client-oauth: it signs in, the messages are the program's own."""

import asyncio
import sys

from chuk_mcp_client_oauth import OAuthHandler


async def main(url: str) -> None:
    handler = OAuthHandler()
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "A program", "version": "1"}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    headers = {"Accept": "application/json, text/event-stream"}
    for message in messages:
        answer = await handler.authenticated_request("server", url, url, method="POST", json=message, headers=headers)
    print(len(answer.json()["result"]["tools"]), "tools")


asyncio.run(main(sys.argv[1]))
