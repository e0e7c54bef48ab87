"""Lines of Python that do with others what the rows of ``benchmarks/startup.py`` do with this library.

Each is given only where what it imports is installed in the running environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .others import CHUK, MCP, version_of

URL = "https://mcp.example.com/mcp"
PASSWORD = "what it would ask for at every start"
IMPORTS = {
    CHUK: "from chuk_mcp_client_oauth import OAuthHandler",
    MCP: "from mcp import Client; from mcp.client.auth import OAuthClientProvider",
    "google-auth": "import google.auth.transport.requests",
    "Authlib": "from authlib.integrations.requests_client import OAuth2Session",
    "requests-oauthlib": "from requests_oauthlib import OAuth2Session",
}
#: A keyring that is installed for this library would be taken for one that works.
FILES_ONLY = "import sys; sys.modules['keyring'] = None; "
HELP = {
    CHUK: "import sys; sys.argv = ['program', '--help']; from chuk_mcp_client_oauth.cli import main; main()",
}
SAVE_CHUK = f"""
import time
from chuk_mcp_client_oauth import OAuthHandler, OAuthTokens
tokens = OAuthTokens(access_token='a' * 1200, refresh_token='r' * 64, expires_in=86400, issued_at=time.time())
OAuthHandler().token_manager.save_tokens({URL!r}, tokens)
"""
VALUE_CHUK = f"""
import asyncio
from chuk_mcp_client_oauth import OAuthHandler
asyncio.run(OAuthHandler().prepare_headers_for_mcp_server({URL!r}, {URL!r}))['Authorization']
"""
PROVIDER_MCP = f"""
import asyncio
from pathlib import Path
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
class Files:
    async def get_tokens(self):
        return OAuthToken.model_validate_json((Path.home() / 'tokens-of-mcp.json').read_text())
    async def get_client_info(self):
        return OAuthClientInformationFull(client_id='client', redirect_uris=['http://127.0.0.1:1/callback'])
about = OAuthClientMetadata(client_name='A program', redirect_uris=['http://127.0.0.1:1/callback'])
auth = OAuthClientProvider({URL!r}, about, Files())
"""
VALUE_MCP = f"""{PROVIDER_MCP}
import httpx2
async def value():
    flow = auth.async_auth_flow(httpx2.Request('POST', {URL!r}))
    request = await flow.__anext__()
    request.headers['Authorization']
    await flow.aclose()
asyncio.run(value())
"""


def codes(home: Path, *, names: tuple[str, str, str]) -> dict[str, dict[str, str]]:
    """Return lines by row and by whom, and leave in a home what they read.

    Args:
        home: What HOME says already.
        names: Of the rows: the import, the help, the value.
    """
    imports, help_, value = names
    values = {}
    if version_of(CHUK):
        keep_for_chuk(home)
        values[CHUK] = FILES_ONLY + VALUE_CHUK
    if version_of(MCP):
        keep_for_mcp(home)
        values[MCP] = VALUE_MCP
    return {
        imports: {name: code for name, code in IMPORTS.items() if version_of(name)},
        help_: {name: code for name, code in HELP.items() if version_of(name)},
        value: values,
    }


def keep_for_chuk(home: Path) -> None:
    """Leave a token where chuk-mcp-client-oauth keeps them, if it is installed, and the password in the environment."""
    if version_of(CHUK):
        os.environ["MCP_CLI_ENCRYPTION_KEY"] = PASSWORD
        subprocess.run([sys.executable, "-c", FILES_ONLY + SAVE_CHUK], cwd=home, check=True, capture_output=True)


def keep_for_mcp(home: Path) -> None:
    """Leave a token for the store that is written for mcp."""
    (home / "tokens-of-mcp.json").write_text('{"access_token": "good", "token_type": "Bearer", "expires_in": 86400}')
