"""Where sign-ins and other secrets are kept: encrypted files, a password, other programs, API keys, the index.

    python examples/token_storage_example.py [URL]

``TokenManager()`` without arguments takes what your system has: Keychain, Credential Manager, Secret Service, or files.
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path

from demo_server import Place, example_server
from mcp_oauth_sync import APIKeyToken, NoPrompt, OAuth, TokenManager
from mcp_oauth_sync.exceptions import TokenStorageError


def show(folder: Path) -> None:
    """List the files that hold secrets: each is encrypted, and its owner's alone."""
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".enc", ".key")):
        print("-", stat.filemode(path.stat().st_mode), path.relative_to(folder).as_posix())


def run(place: Place) -> None:
    """Keep, find, list and remove."""
    folder, password = place.folder / "secrets", "correct horse battery staple"  # yours comes from the environment
    manager = TokenManager(folder, "encrypted_file", password=password)
    auth = OAuth(place.url, name="notes", token_manager=manager, prompt=place.prompt)
    print("1. A sign-in is kept in files that are sealed with a password")
    auth.sign_in()
    show(folder)

    print("\n2. Another program opens the same folder")
    other = TokenManager(folder, "encrypted_file", password=password)
    print("- it finds the sign-in:", other.has_valid_tokens("notes"))
    print("- it needs nobody:", "Authorization" in OAuth(place.url, token_manager=other, prompt=NoPrompt()).headers())
    try:
        TokenManager(folder, "encrypted_file", password="a guess").load_tokens("notes")
    except TokenStorageError as error:
        print(f"- with another password: {type(error).__name__}")

    print("\n3. Other secrets fit in as well")
    manager.save_secret(APIKeyToken(provider="weather", key="an-api-key").to_stored_token("weather"))
    stored = manager.load_secret("weather")
    if stored is not None:
        shown = stored.get_display_info()
        print("- what may be shown:", *[f"{name}={shown[name]}" for name in ("name", "type", "provider")])
        print("- to the program:", len(APIKeyToken.from_stored_token(stored).key), "characters")

    print("\n4. Two accounts on one server are two profiles, and share nothing")
    print("- here:", manager.names(), "at work:", manager.in_profile("work").names())

    print("\n5. Removing")
    print("- the API key:", manager.delete_secret("weather"))
    print("- the sign-in, here and at the server:", auth.sign_out())
    print("- left:", manager.load_tokens("notes"))


if __name__ == "__main__":
    with example_server(sys.argv[1:]) as place:
        run(place)
