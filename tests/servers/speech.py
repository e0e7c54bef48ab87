"""What an MCP server says once a request may pass: JSON-RPC results, or an account of what arrived."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .messages import Exchange, Reply, json_reply

TOOLS = [
    {"name": name, "description": text, "inputSchema": {"type": "object"}}
    for name, text in (("echo", "Say it again."), ("whoami", "Say who asks."), ("write_note", "Keep a note."))
]


def speak(exchange: Exchange, *, sse: bool) -> Reply:
    """Answer a request that may pass."""
    message = _json_rpc(exchange)
    if message is None:
        digest = hashlib.sha256(exchange.body).hexdigest()
        account = {"ok": True, "method": exchange.method, "length": len(exchange.body), "sha256": digest}
        return _answer(account, sse)
    if "id" not in message:
        return Reply(202)
    return _answer({"jsonrpc": "2.0", "id": message["id"], **_result(message)}, sse)


def _json_rpc(exchange: Exchange) -> dict[str, Any] | None:
    try:
        message = exchange.json()
    except ValueError:
        return None
    is_rpc = isinstance(message, dict) and message.get("jsonrpc") == "2.0" and "method" in message
    return message if is_rpc else None


def _result(message: dict[str, Any]) -> dict[str, Any]:
    params = message.get("params") or {}
    method = message["method"]
    if method == "initialize":
        info = {"name": "scripted", "version": "1"}
        version = params.get("protocolVersion", "2025-11-25")
        return {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}}
    if method == "ping":
        return {"result": {}}
    if method == "tools/list":
        return {"result": {"tools": TOOLS}}
    if method == "tools/call":
        text = json.dumps(params.get("arguments") or {}, sort_keys=True)
        return {"result": {"content": [{"type": "text", "text": text}], "isError": False}}
    return {"error": {"code": -32601, "message": "Method not found"}}


def _answer(document: dict[str, Any], sse: bool) -> Reply:
    if not sse:
        return json_reply(document)
    body = f"event: message\ndata: {json.dumps(document)}\n\n".encode()
    return Reply(200, [("Content-Type", "text/event-stream")], body)
