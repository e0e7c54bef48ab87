"""Who asks a person to sign in, and for what: named on the page that the browser ends on. RFC 8252 section 8.3."""

from __future__ import annotations

import shlex

import attrs

from ..exceptions import printable
from ..urls import without_query


def _name(name: str) -> str:
    return printable(name, 60)


@attrs.frozen(kw_only=True)
class Asker:
    """Who asks, and for what.

    Attributes:
        program: The name that the person saw on the consent page; empty when it is not known.
        server_url: The MCP server; empty when it is not known.
    """

    program: str = attrs.field(default="", converter=_name)
    server_url: str = ""

    @property
    def host(self) -> str:
        """The server's host, with its port where the URL has one; empty when it is not known."""
        return without_query(self.server_url).partition("://")[2].partition("/")[0]

    @property
    def command(self) -> str:
        """The command that starts such a sign-in by hand; empty when the server is not known, or not to be shown."""
        shown = without_query(self.server_url)
        whole = bool(self.host) and "?" not in self.server_url and not shown.endswith("...")
        return shlex.join(["mcp-oauth-sync", "auth", "NAME", shown]) if whole else ""


NOBODY = Asker()
