"""List the tools of a server, with mcp-oauth-sync."""

import sys

from mcp_oauth_sync import MCPSession

with MCPSession(sys.argv[1]) as mcp:
    print(len(list(mcp.list_tools())), "tools")
