"""What chuk-mcp-client-oauth 0.4 has left on this machine: read, and never changed.

Its folder (``~/.chuk_oauth``) holds an index of names, ``token_registry.json``, and in ``tokens`` one encrypted file
per server, ``NAME.enc`` (Fernet, by a key that PBKDF2-HMAC-SHA256 makes of a password and ``.salt``), beside the
clients it has registered, ``NAME_client.json``, in plain text. On a desktop the tokens are in the keyring instead.
It keeps neither the URL of a server nor who issued the tokens.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import attrs

from ..exceptions import StoreCorruptError, TokenStorageError, printable
from ..models.client import DYNAMIC, ClientRegistration
from ..models.document import Document, MalformedDocument, stored_document, text
from ..models.secret import Secret
from ..models.tokens import OAuthTokens
from .chuk_keyring import SERVICE, read_entries

#: Where its sign-ins come back to, all of them.
REDIRECT = "http://localhost:8080/callback"
_ROUNDS = 480_000
#: Bytes after which a file is none of its.
_LONGEST = 1 << 20
_ENCRYPTED, _CLIENT, _SALT, _INDEX = ".enc", "_client.json", ".salt", "token_registry.json"


@attrs.frozen(kw_only=True)
class ChukSignIn:
    """One sign-in as it was left.

    Attributes:
        name: What it is called there.
        tokens: Its tokens; a time of issue of 0 means that nobody knows it.
        registration: The client that was registered for it; None where none was kept. Its issuer is not known.
    """

    name: str
    tokens: OAuthTokens
    registration: ClientRegistration | None


class ChukSignIns:
    """The sign-ins of chuk-mcp-client-oauth on this machine.

    Args:
        folder: Its folder, or the one that was passed as its ``token_dir``.
        password: Returns the password of its files; asked when there is a file to open, and once.
        service: What its entries in the keyring are filed under; None takes its own default.
    """

    def __init__(self, folder: Path, *, password: Callable[[], str], service: str | None = None) -> None:
        """Read nothing yet."""
        self._service, self._password = service or SERVICE, password
        self._tokens = folder / "tokens" if (folder / "tokens").is_dir() else folder
        self._index = (
            folder / _INDEX if self._tokens != folder or (folder / _INDEX).exists() else folder.parent / _INDEX
        )
        self._key: bytes | TokenStorageError | None = None

    def read(self, names: Iterable[str] = ()) -> dict[str, ChukSignIn | TokenStorageError]:
        """Return every sign-in by name, or why it cannot be used.

        Args:
            names: Names to look for besides those that the index and the files tell. A keyring tells none.
        """
        called: dict[str, str] = {}
        for name in (*self._indexed(), *self._left(_ENCRYPTED), *self._left(_CLIENT), *names):
            called.setdefault(mangled(name), name)
        entries = read_entries(self._service, [_entry_name(name) for name in called.values()]) if called else {}
        found: dict[str, ChukSignIn | TokenStorageError] = {}
        for name in sorted(called.values()):
            try:
                found[name] = self._read(name, entries.get(_entry_name(name)))
            except TokenStorageError as failure:
                found[name] = failure
        return found

    def _read(self, name: str, entry: str | TokenStorageError | None) -> ChukSignIn:
        """Return the newer of what the keyring and the files hold: it keeps to one, but may have changed over."""
        tokens: list[OAuthTokens] = []
        failures: list[TokenStorageError] = []
        for stored in (entry, self._opened(name)):
            try:
                if isinstance(stored, str):
                    tokens.append(_read_tokens(stored))
                elif stored is not None:
                    failures.append(stored)
            except TokenStorageError as failure:
                failures.append(failure)
        if not tokens:
            raise (
                failures[-1]
                if failures
                else TokenStorageError(
                    "no tokens are kept for it, neither in the keyring nor in a file",
                    hint="What it keeps in a Vault is not read.",
                )
            )
        newest = max(tokens, key=lambda candidate: candidate.issued_at)
        return ChukSignIn(name=name, tokens=newest, registration=self._client(name))

    def _indexed(self) -> list[str]:
        """Return the names in its index, which are not mangled."""
        content = _content(self._index)
        try:
            index = {} if content is None else json.loads(content)
        except (ValueError, RecursionError):
            return []
        entries = index.values() if isinstance(index, dict) else ()
        oauth = [entry for entry in entries if isinstance(entry, dict) and entry.get("type") == "oauth"]
        return [entry["name"] for entry in oauth if isinstance(entry.get("name"), str) and entry["name"]]

    def _left(self, ending: str) -> list[str]:
        try:
            files = [path.name for path in self._tokens.iterdir() if path.name.endswith(ending)]
        except OSError:
            return []
        return sorted(name.removesuffix(ending) for name in files if name != ending)

    def _opened(self, name: str) -> str | TokenStorageError | None:
        try:
            return self._decrypted(name)
        except TokenStorageError as failure:
            return failure

    def _decrypted(self, name: str) -> str | None:
        sealed = _content(self._tokens / (_entry_name(name) + _ENCRYPTED))
        if sealed is None:
            return None
        from cryptography.fernet import Fernet, InvalidToken

        try:
            return Secret(Fernet(self._derived()).decrypt(sealed).decode())
        except (InvalidToken, UnicodeDecodeError):
            raise StoreCorruptError(
                "its file does not open with this password, or is damaged", hint="Check the password."
            ) from None

    def _derived(self) -> bytes:
        """Return the key of the files, made once: that takes a while."""
        if self._key is None:
            try:
                self._key = self._derive()
            except TokenStorageError as failure:
                self._key = failure
        if isinstance(self._key, TokenStorageError):
            raise self._key
        return self._key

    def _derive(self) -> bytes:
        salt = _content(self._tokens / _SALT)
        if not salt:
            raise StoreCorruptError(f"its file cannot be opened: {_SALT} is missing beside it")
        password = self._password()
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

        key = PBKDF2HMAC(algorithm=SHA256(), length=32, salt=salt, iterations=_ROUNDS).derive(password.encode())
        return base64.urlsafe_b64encode(key)

    def _client(self, name: str) -> ClientRegistration | None:
        """Return the client that was registered; a file that tells none is as good as none."""
        content = _content(self._tokens / (mangled(name) + _CLIENT))
        if content is None:
            return None
        try:
            document = stored_document(content.decode("utf-8", "replace"))
            known = {
                member: document.get(member) for member in ("client_id", "client_secret", "client_secret_expires_at")
            }
            read = ClientRegistration.from_response(known, issuer="")
        except MalformedDocument:
            return None
        method = "none" if read.client_secret is None else "client_secret_post"
        return attrs.evolve(
            read, issuer=None, token_endpoint_auth_method=method, redirect_uris=(REDIRECT,), source=DYNAMIC
        )


def _read_tokens(stored: str) -> OAuthTokens:
    """Return tokens out of their stored form.

    Raises:
        TokenStorageError: There are none, or none that can be used.
    """
    try:
        document = stored_document(stored)
        if "access_token" not in document and "token_type" in document and "data" in document:
            raise TokenStorageError(f"it is no sign-in but a secret of another kind ({_kind(document)})")
        tokens = OAuthTokens.from_record(document)
    except MalformedDocument as defect:
        raise StoreCorruptError(f"what is kept of it is damaged: {defect}") from None
    if tokens.token_type.lower() != "bearer":
        raise TokenStorageError(
            f"its tokens are of a type that cannot be used alone: {printable(tokens.token_type, 40)}"
        )
    return tokens


def _kind(document: Document) -> str:
    return printable(text(document, "token_type") or "unknown", 40)


def _entry_name(name: str) -> str:
    """Return what it calls the keyring entry and the encrypted file of a server."""
    return "".join(character if character.isalnum() or character in "-_:" else "_" for character in name)


def mangled(name: str) -> str:
    """Return what it calls the file of the client that it registered for a server: two names with one have one file."""
    return "".join(character if character.isalnum() or character in "-_" else "_" for character in name)


def _content(path: Path) -> bytes | None:
    """Return what is in a file; None when there is none, or it is no file, too long, or not to be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            content = stream.read(_LONGEST + 1)
    except (OSError, ValueError):
        return None
    return None if len(content) > _LONGEST else content
