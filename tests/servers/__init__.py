"""Scripted, strict servers on real loopback sockets, for faults no real server produces on demand."""

from __future__ import annotations

from .authorization_server import AuthorizationServer
from .chaos import Chaos
from .combined_server import CombinedServer
from .faults import (
    Fault,
    bom_of_normal,
    cut,
    delay,
    drip,
    gate,
    gzip_bomb,
    gzip_of_normal,
    hang,
    html,
    huge,
    lose_answer,
    raw,
    redirect_to,
    reply,
    reset,
)
from .identity_provider import IdentityProvider
from .machines import Workload
from .mcp_server import McpServer
from .messages import ABSENT, Exchange, Reply, html_reply, json_reply, redirect_reply
from .origin import Origin
from .person import Person
from .protected_server import ProtectedServer
from .tls import LocalCA, local_ca

__all__ = [
    "ABSENT",
    "AuthorizationServer",
    "Chaos",
    "CombinedServer",
    "Exchange",
    "Fault",
    "IdentityProvider",
    "LocalCA",
    "McpServer",
    "Origin",
    "Person",
    "ProtectedServer",
    "Reply",
    "Workload",
    "bom_of_normal",
    "cut",
    "delay",
    "drip",
    "gate",
    "gzip_bomb",
    "gzip_of_normal",
    "hang",
    "html",
    "html_reply",
    "huge",
    "json_reply",
    "local_ca",
    "lose_answer",
    "raw",
    "redirect_reply",
    "redirect_to",
    "reply",
    "reset",
]
