"""Servers that everybody may contact, and a service of this machine that nobody may be sent to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from mcp_oauth_sync import PublicOnlyAdapter

from ..servers import AuthorizationServer, McpServer, Origin, Person, local_ca
from .stage import Stage
from .world import LOGIN_AT, MCP_AT, World

MCP, LOGIN, INSIDE = "mcp.example.com", "login.example.com", "inside.example.com"
#: What an attacker may write in the place of a host: `{port}` is that of the service of this machine.
LITERALS = [
    "https://10.0.0.1",
    "https://192.168.0.1:8443",
    "https://169.254.169.254",
    "https://0xa9fea9fe",
    "https://100.100.100.200",
    "https://[fd00:ec2::254]",
    "https://[fe80::1]",
    "https://[64:ff9b::a00:1]",
    "https://[2002:a00:1::]",
    "https://[::ffff:10.0.0.1]",
    "https://10.1",
]
#: The addresses that a name of an attacker's may have.
ADDRESSES = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fd00::1", "::ffff:127.0.0.1"]


class PublicStage(Stage):
    """A stage whose servers are out in the world.

    Attributes:
        world: Names and sockets.
    """

    world: World

    def guarded(self) -> requests.Session:
        """Return a session as a service makes one."""
        session = PublicOnlyAdapter.guard(requests.Session())
        session.verify = str(self.ca)
        return session

    def plain(self) -> requests.Session:
        """Return a session of somebody who forgot to guard it."""
        session = requests.Session()
        session.verify = str(self.ca)
        return session

    def public_auth(self, **options: Any) -> Any:
        """Return a door that is kept to public addresses."""
        return self.auth(public_only=True, **options)

    def public_call(self, auth: Any, url: str | None = None, **how: Any) -> requests.Response:
        """Make one request as a service does."""
        with self.guarded() as session:
            return session.post(url or self.mcp.mcp_url, json={"hello": 1}, auth=auth, timeout=20, **how)

    def untouched(self) -> None:
        """Check that nobody was contacted but the two servers."""
        assert self.world.places <= {MCP_AT, LOGIN_AT}
        assert [place for place in self.world.dialled if place[1] == self.elsewhere.port] == []
        self.nothing_went_elsewhere()


@contextmanager
def public_stage(folder: Path, tmp_path: Path, patch: pytest.MonkeyPatch) -> Iterator[PublicStage]:
    """Set it up."""
    ca, world = local_ca(tmp_path, MCP, LOGIN), World()
    with AuthorizationServer(ca.context) as server, McpServer(server, tls=ca.context) as mcp, Origin() as inside:
        mcp.public_url, server.public_url = f"https://{MCP}", f"https://{LOGIN}"
        world.names = {MCP: [[MCP_AT]], LOGIN: [[LOGIN_AT]]}
        world.ports = {MCP_AT: mcp.port, LOGIN_AT: server.port}
        world.take_over(patch)
        person = Person(ca=ca.ca_pem)
        made = PublicStage(mcp=mcp, server=server, elsewhere=inside, folder=folder, person=person, ca=ca.ca_pem)
        made.world = world
        yield made
        made.untouched()
        patch.undo()
