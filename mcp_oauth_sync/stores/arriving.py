"""Sign-ins that arrive from another machine, and the keys that they are sealed to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from ..exceptions import StoreCorruptError, TokenStorageError
from ..models.document import MalformedDocument, NewerSchema
from ..models.record import ServerRecord
from ..models.secret import Secret
from ..urls import canonical_resource, is_loopback, require_secure, without_query
from .sign_ins import SignIns

if TYPE_CHECKING:
    from ..models.parcel import Parcel

logger = logging.getLogger(__name__)

_KEYS = "keys"


class ArrivingSignIns(SignIns):
    """Sign-ins that can arrive. Made as :class:`SignIns`."""

    def import_sign_in(
        self,
        sealed: str,
        *,
        name: str | None = None,
        password: str | None = None,
        private_key: str | None = None,
        replace: bool = False,
        server_url: str | None = None,
    ) -> str:
        """Keep a sign-in that another machine has sealed; return what it is called.

        Import only what you have exported yourself: a text that is sealed to a public key may come from anybody.
        A ``client_key`` is no part of a sign-in: the program that uses it here brings its own.

        Args:
            sealed: What :meth:`export_sign_in` returned, on this machine or another one.
            name: What to call it; None takes its old name.
            password: What it was sealed with.
            private_key: What it was sealed to; None takes the key of :meth:`receiving_key`, which is removed then.
            replace: Whether to give up another sign-in that has the name.
            server_url: The server it has to be for; None takes any.

        Raises:
            ValueError: Both a password and a key were given.
            StoreCorruptError: It was sealed with something else, or is damaged, cut short, or something else.
            TokenStorageError: A newer version made it, a password is missing, no key for it is kept here, the name is
                taken, it is for another server, or it could not be stored. Nothing was changed.
            InsecureURLError: It names a URL that may not be contacted.
        """
        parcel, received = self._opened(sealed, name, password, private_key)
        name, record = name or received or parcel.name, attrs.evolve(parcel.record, moved_at=None)
        _require_usable(record, server_url)
        self.take_over(name, record, replace=replace)
        if received is not None:
            self._forget_key(received)
        return name

    def take_over(self, name: str, record: ServerRecord, *, replace: bool = False) -> None:
        """Keep a sign-in that comes from elsewhere, and let it be found by its server's URL too.

        Args:
            name: What to call it.
            record: Everything it left behind.
            replace: Whether to give up another sign-in that has the name.

        Raises:
            TokenStorageError: The name is taken, or it could not be stored. Nothing was changed.
        """
        with self.exclusive(name):
            if not replace:
                self._require_free(name, record)
            self.save_record(name, record)
        try:
            if record.server_url:
                self.link(record.server_url, name)
        except TokenStorageError as failure:  # the sign-in itself is stored
            logger.warning("%s", failure.message)

    def receiving_key(self, name: str) -> str:
        """Return the public key to seal a sign-in to that is to come here; its private key is kept in the store.

        It is the same one until a sign-in that was sealed to it has been imported.

        Args:
            name: What the sign-in will be called.

        Raises:
            TokenStorageError: The store cannot be used now.
            StoreCorruptError: There is a key, but it cannot be read.
        """
        from .key_pair import ExportKeyPair

        with self.exclusive(name):
            private = self.store.retrieve_generic(name, namespace=self._keys)
            if private is not None:
                return ExportKeyPair.from_private(Secret(private)).public
            pair = ExportKeyPair.generate()
            self.store.store_generic(name, pair.private, namespace=self._keys)
            return pair.public

    @property
    def _keys(self) -> str:
        return self._beside(_KEYS)

    def _opened(
        self, sealed: str, name: str | None, password: str | None, private_key: str | None
    ) -> tuple[Parcel, str | None]:
        """Return what was sealed, and the name for whose key of ours it was sealed, or None."""
        if password is not None and private_key is not None:
            raise ValueError("give either a password or a private_key")
        from .sealed_text import KEY, kind_of, open_with_key, open_with_password

        if password is not None:
            return _read(open_with_password(sealed, Secret(password))), None
        if private_key is not None:
            return _read(open_with_key(sealed, Secret(private_key))), None
        if kind_of(sealed) != KEY:
            raise TokenStorageError(
                "The sign-in is sealed with a password, and none was given.",
                hint="Give it: with password=, or to 'mcp-oauth-sync import'.",
            )
        names = [name] if name else [key for _, key in self.store.list_generic(namespace=self._keys)]
        failure = None
        for received in names:
            private = self.store.retrieve_generic(received, namespace=self._keys)
            if private is None:
                continue
            try:
                return _read(open_with_key(sealed, Secret(private))), received
            except StoreCorruptError as other:
                failure = other
        raise failure or TokenStorageError(
            "The sealed sign-in cannot be opened: no key for it is kept here.",
            hint="Make one with 'mcp-oauth-sync receive NAME', and have the sign-in sealed to it.",
            store=self.store.name,
            name=name,
        )

    def _require_free(self, name: str, record: ServerRecord) -> None:
        """Refuse a name that another sign-in has."""
        there = self.load_record(name)
        if there is None or (there.tokens is None and _same_server(there, record)):
            return
        if there.tokens == record.tokens and _same_server(there, record):
            return
        raise TokenStorageError(
            f"There is a sign-in called {name!r} at {_where(there)} already; nothing was changed.",
            hint="Import it under another name= (--name), or with replace=True (--replace).",
            store=self.store.name,
            name=name,
        )

    def _forget_key(self, received: str) -> None:
        """Forget the key that a sign-in came with; it is stored itself."""
        try:
            self.store.delete_generic(received, namespace=self._keys)
        except TokenStorageError as failure:
            logger.warning("%s", failure.message)


def _read(opened: str) -> Parcel:
    from ..models.parcel import Parcel

    try:
        return Parcel.from_json(opened)
    except NewerSchema as defect:
        raise TokenStorageError(
            f"The sealed sign-in was made by a newer mcp-oauth-sync ({defect}).", hint="Upgrade this installation."
        ) from None
    except MalformedDocument as defect:
        raise StoreCorruptError(f"What was sealed is no sign-in: {defect}.", hint="Export it again.") from None


def _require_usable(record: ServerRecord, server_url: str | None) -> None:
    """Check the URLs that a sign-in would have us contact, and whom it is for."""
    local = not record.server_url or is_loopback(require_secure(record.server_url, "MCP server URL").hostname)
    issuers = (record.issuer, record.registration.issuer if record.registration else None)
    endpoints = {"issuer": issuers, "token endpoint": (record.token_endpoint,)}
    endpoints["revocation endpoint"] = (record.revocation_endpoint,)
    for what, urls in endpoints.items():
        for url in urls:
            if url:
                require_secure(url, what, allow_loopback=local)
    if record.switches.metadata_url is not None:
        require_secure(record.switches.metadata_url, "metadata URL")
    if record.tokens is None:
        raise StoreCorruptError("What was sealed is signed out.", hint="Export it again.")
    if server_url is not None and canonical_resource(record.server_url) != canonical_resource(server_url):
        raise TokenStorageError(
            f"The sealed sign-in is one at {_where(record)}, not at {without_query(server_url)}; nothing was changed.",
            hint="Import it for the server it is for.",
        )


def _same_server(one: ServerRecord, other: ServerRecord) -> bool:
    same_url = canonical_resource(one.server_url) == canonical_resource(other.server_url)
    return same_url and one.issuer == other.issuer


def _where(record: ServerRecord) -> str:
    return without_query(record.server_url or record.token_endpoint or record.issuer or "an unknown server")
