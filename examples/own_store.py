"""A store of your own, complete: one SQLite file, each value sealed with the key in the variable OWN_STORE_KEY.

See it at work: ``python examples/own_store.py [URL]``. To let programs choose it by name, publish the class. In
``pyproject.toml``::

    [project.entry-points."mcp_oauth_sync.stores"]
    own = "own_store:OwnStore"

Then ``TokenManager(backend="own", backend_config={"path": "/srv/app/secrets.db"})`` opens it, and so does the variable
``MCP_OAUTH_SYNC_BACKEND=own``. ``mcp_oauth_sync.testing.StoreContract`` shows that it works.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from mcp_oauth_sync import OAuth, SecureTokenStore, TokenManager
from mcp_oauth_sync.exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError

KEY = "OWN_STORE_KEY"
UTF8 = ("utf-8", "surrogatepass")  # any text, halves of characters included


class OwnStore(SecureTokenStore):
    """Keeps secrets in a SQLite file, ``~/.own-store.db`` by default. Names lie in it as they are, values sealed."""

    def __init__(self, path: Path | str | None = None) -> None:
        """Touch nothing yet: every operation opens the file anew, which is safe among threads and after a fork."""
        self.path = Path(path or Path.home() / ".own-store.db").absolute()
        self.name = f"the SQLite file {self.path}"
        try:
            self._fernet = Fernet(os.environ[KEY])
        except (KeyError, ValueError):
            raise StoreUnavailableError(f"{KEY} has no key as of Fernet.generate_key().", store=self.name) from None

    @classmethod
    def priority(cls) -> float:
        """Before the keyring of the system (50) for who has set the key; nothing is opened to find out."""
        if KEY not in os.environ:
            raise StoreUnavailableError(f"{KEY} is not set", store="own")
        return 60

    @property
    def identity(self) -> str:
        """The file: whoever uses it takes the same turns, under whatever name this module was loaded."""
        return self.name

    def folder_for(self, kind: str) -> Path:
        """Lock files and the index lie beside it."""
        return Path(f"{self.path}.{kind}")

    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        """Keep a secret: in one transaction, so it is the old one or the new one whatever happens."""
        name = self._name(key, namespace)
        # The name is sealed too: a value that was moved to another row does not open there.
        sealed = self._fernet.encrypt(name + b"\n" + value.encode(*UTF8))
        with self._database(writing=True) as database:
            database.execute("INSERT OR REPLACE INTO secrets VALUES (?, ?)", (name, sealed))

    def retrieve_generic(self, key: str, *, namespace: str = "generic") -> str | None:
        """Return a secret, or None. What is there but does not open is an error: None would mean signed out."""
        name = self._name(key, namespace)
        with self._database() as database:
            row = database.execute("SELECT sealed FROM secrets WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        with suppress(InvalidToken, TypeError):
            sealed_for, _, value = self._fernet.decrypt(row[0]).partition(b"\n")
            if sealed_for == name:
                return value.decode(*UTF8)
        raise StoreCorruptError(f"{key!r} in {self.name} does not open.", store=self.name, name=key)

    def delete_generic(self, key: str, *, namespace: str = "generic") -> bool:
        """Remove a secret; tell whether there was one."""
        name = self._name(key, namespace)
        with self._database() as database:
            return database.execute("DELETE FROM secrets WHERE name = ?", (name,)).rowcount > 0

    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        """Return what is kept as pairs of namespace and key; no value is opened for it."""
        with self._database() as database:
            names = [json.loads(row[0].decode(*UTF8)) for row in database.execute("SELECT name FROM secrets")]
        return [(space, key) for space, key in names if namespace in (None, space)]

    def _name(self, key: str, namespace: str) -> bytes:
        """Return what an entry is filed under: bytes, one to one, which no database folds."""
        if not key or not namespace:
            raise TokenStorageError("An entry needs a name that is not empty.", store=self.name)
        return json.dumps([namespace, key], ensure_ascii=False).encode(*UTF8)

    @contextmanager
    def _database(self, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            if writing:  # private from the moment it exists
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            there = self.path.exists()
            with closing(sqlite3.connect(self.path if there else ":memory:", timeout=30)) as database, database:
                database.execute("PRAGMA secure_delete = ON")
                database.execute("CREATE TABLE IF NOT EXISTS secrets (name BLOB PRIMARY KEY, sealed BLOB)")
                yield database
        except (OSError, sqlite3.Error) as failure:
            raise TokenStorageError(f"{self.name} cannot be used: {failure}.", store=self.name) from failure


if __name__ == "__main__":
    from demo_server import example_server

    os.environ.setdefault(KEY, Fernet.generate_key().decode())
    with example_server(sys.argv[1:]) as place:
        manager = TokenManager(store=OwnStore(place.folder / "secrets.db"))
        auth = OAuth(place.url, name="notes", token_manager=manager, prompt=place.prompt)
        auth.sign_in()
        print("Kept in the SQLite file, and found there:", manager.names())
        print("Signed out:", auth.sign_out(), "- removed:", manager.delete_record("notes"), "- left:", manager.names())
