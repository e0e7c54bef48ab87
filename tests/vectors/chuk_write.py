"""Writes ``chuk.json`` with the real chuk-mcp-client-oauth: ``pip install chuk-mcp-client-oauth==0.4`` first.

It holds every file that the package makes in ``~/.chuk_oauth``, by name, in base64: some of the names cannot be on
every file system. Every secret in it is made up, and the password is in this file. Run once.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
import time
from pathlib import Path

PASSWORD = "a password that protects nothing"


def write(home: Path) -> None:
    """Let the package make its folder in a home."""
    os.environ["HOME"] = str(home)
    time.time = lambda: 1_760_000_000.0  # times of issue that do not change

    from chuk_mcp_client_oauth.mcp_oauth import DynamicClientRegistration
    from chuk_mcp_client_oauth.oauth_config import OAuthTokens
    from chuk_mcp_client_oauth.token_manager import TokenManager
    from chuk_mcp_client_oauth.token_store_factory import TokenStoreBackend

    manager = TokenManager(backend=TokenStoreBackend.ENCRYPTED_FILE, password=PASSWORD)
    full = OAuthTokens(access_token="vector-at-1", expires_in=3600, refresh_token="vector-rt-1", scope="notes:read mcp")
    manager.save_tokens("notes", full)
    manager.save_client_registration("notes", DynamicClientRegistration(client_id="vector-client-1"))
    manager.save_tokens("my server (work)", OAuthTokens(access_token="vector-at-2"))
    manager.save_client_registration(
        "my server (work)",
        DynamicClientRegistration(
            client_id="vector-client-2", client_secret="vector-secret-2", client_secret_expires_at=1_760_009_000
        ),
    )
    manager.save_tokens("a:b", OAuthTokens(access_token="vector-at-3", token_type="bearer", expires_in=60))
    manager.save_tokens("proof", OAuthTokens(access_token="vector-at-4", token_type="DPoP"))
    manager.save_client_registration("signed-out", DynamicClientRegistration(client_id="vector-client-5"))
    manager.token_store.store_generic("weather", "vector-key-6")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        write(Path(name))
        folder = Path(name, ".chuk_oauth")
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    encoded = {path: base64.b64encode(content).decode() for path, content in sorted(files.items())}
    Path(__file__).with_name("chuk.json").write_text(json.dumps(encoded, indent=1) + "\n")
