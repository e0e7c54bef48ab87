"""What chuk-mcp-client-oauth leaves on a machine: as it wrote it itself once, and as it would write other tokens."""

from __future__ import annotations

import base64
import functools
import json
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from tests.vectors.chuk_write import PASSWORD

VECTORS = Path(__file__).parents[1] / "vectors" / "chuk.json"
SALT = b"sixteen bytes!!!"


def unpack(folder: Path) -> Path:
    """Put down what the package has written; return its folder."""
    for name, content in json.loads(VECTORS.read_text()).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(content))
    return folder


@functools.cache
def _fernet(password: str) -> Fernet:
    kdf = PBKDF2HMAC(algorithm=SHA256(), length=32, salt=SALT, iterations=480_000)
    return Fernet(base64.urlsafe_b64encode(kdf.derive(password.encode())))


def stored_tokens(access_token: str, **members: object) -> str:
    """Return tokens in its stored form."""
    absent = dict.fromkeys(("expires_in", "refresh_token", "scope", "issued_at"))
    return json.dumps({"access_token": access_token, "token_type": "Bearer", **absent, **members})


def write_entry(folder: Path, name: str, stored: str, password: str = PASSWORD) -> None:
    """Encrypt what is stored under a name that needs no mangling."""
    (folder / "tokens").mkdir(parents=True, exist_ok=True)
    (folder / "tokens" / ".salt").write_bytes(SALT)
    (folder / "tokens" / f"{name}.enc").write_bytes(_fernet(password).encrypt(stored.encode()))


def write_client(folder: Path, name: str, client_id: str, secret: str | None = None) -> None:
    """Write the client that was registered for a server."""
    document = {"client_id": client_id, "client_secret": secret, "client_secret_expires_at": 0}
    (folder / "tokens" / f"{name}_client.json").write_text(json.dumps(document))
