"""A store in HashiCorp Vault or OpenBao, which many hosts may share. Needs the extra ``mcp-oauth-sync[vault]``.

An entry lies at ``<mount>/<prefix>/<namespace>/<key>``, names escaped one to one; leases between hosts lie in
``<prefix>/=leases/``. With version 2 of the KV engine every write is a check-and-set, one version is kept, and
hosts take turns. With version 1 the processes of one host take turns, hosts do not. A policy for version 2::

    path "secret/data/mcp-oauth-sync/*"     { capabilities = ["create", "read", "update"] }
    path "secret/metadata/mcp-oauth-sync/*" { capabilities = ["create", "update", "delete", "list"] }

Without the second, ``update`` on ``secret/destroy/mcp-oauth-sync/*`` keeps old versions from staying readable.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...exceptions import StoreCorruptError, StoreUnavailableError
from ...models.secret import Secret, secret_or_none
from ..base import GENERIC, OAUTH, TURN_TIMEOUT, SecureTokenStore, require_names
from ..private_files import make_private_directory
from ..settings import StoreSettings
from . import fence
from .access import LoginFunction, VaultAccess
from .address import ADDRESS_VARIABLE, TOKEN_VARIABLE, arguments, checked_address, checked_path, require_hvac
from .kv import KeyValue
from .lease import Lease, this_host
from .names import from_document, is_digest, lease_path, name_of, segment, to_document, told_by
from .turn import Place, Turn, current, holds, taken

if TYPE_CHECKING:
    import hvac


class VaultStore(SecureTokenStore):
    """Keeps each entry as a secret in a KV engine.

    Args:
        url: Address of the Vault, https or on this machine; None takes VAULT_ADDR.
        token: Token for it; None takes VAULT_TOKEN, else ``~/.vault-token`` as ``vault login`` leaves it.
        mount_point: Where the KV engine is mounted.
        path_prefix: Where in it our entries lie.
        namespace: Namespace of the Vault; None takes VAULT_NAMESPACE, else none.
        role_id: Logs in as this AppRole, also when the token has ended.
        secret_id: The secret of the AppRole; None when the role needs none.
        client: A client of your own instead of address, token, namespace and AppRole. It is not changed.
        login: Logs in when there is no token or it has ended: called with the client, which has a token afterwards.
            Errors of hvac and of the network become errors of the store, others are raised as they are.
        kv_version: 1 or 2, for tokens that may not ask the Vault; None asks it.
        timeout: Seconds that one request may take.

    Raises:
        StoreUnavailableError: hvac is missing, or the address or token cannot be used.
        ValueError: Arguments do not go together, or a path is none.

    Example::

        VaultStore(url="https://vault.example.com", role_id=ROLE, secret_id=os.environ["SECRET_ID"])
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        token: str | None = None,
        mount_point: str = "secret",
        path_prefix: str = "mcp-oauth-sync",
        namespace: str | None = None,
        role_id: str | None = None,
        secret_id: str | None = None,
        client: hvac.Client | None = None,
        login: LoginFunction | None = None,
        kv_version: int | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Send nothing yet."""
        token, role_id, secret_id = map(secret_or_none, (token, role_id, secret_id))
        if client is not None and any(given is not None for given in (url, token, namespace, role_id, secret_id)):
            raise ValueError("a client brings its own address, token and namespace: give either it or them")
        if login is not None and role_id is not None:
            raise ValueError("role_id is one way to log in and login another: give one")
        if secret_id is not None and role_id is None:
            raise ValueError("a secret_id needs its role_id")
        if kv_version not in (None, 1, 2):
            raise ValueError(f"kv_version is 1 or 2, not {kv_version!r}")
        mount, self._prefix = checked_path(mount_point, "mount_point"), checked_path(path_prefix, "path_prefix")
        self._access = VaultAccess(
            url=url,
            token=token,
            namespace=namespace,
            role_id=role_id,
            secret_id=secret_id,
            client=client,
            login=login,
            timeout=timeout,
        )
        self._engine = KeyValue(self._access, mount, kv_version)
        self.name = self._access.name
        self._identity = " ".join(("Vault", self._access.url, self._access.namespace or "-", mount, self._prefix))

    @classmethod
    def priority(cls) -> float:
        """Better than any store of one machine, for who has set VAULT_ADDR and VAULT_TOKEN.

        Raises:
            StoreUnavailableError: They are not set, or hvac is missing.
        """
        missing = [name for name in (ADDRESS_VARIABLE, TOKEN_VARIABLE) if not os.environ.get(name)]
        if missing:
            raise StoreUnavailableError(f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not set.")
        require_hvac()
        checked_address(os.environ[ADDRESS_VARIABLE])
        return 90

    @classmethod
    def open(cls, settings: StoreSettings) -> VaultStore:
        """Make the store as a caller wants it: ``vault_url`` is ``url``, and so on.

        Raises:
            StoreUnavailableError: It cannot be used here; the message says why.
            ValueError: There is no such setting.
        """
        return cls(**arguments(settings.config, VaultStore.__init__.__kwdefaults__ or {}))

    @property
    def identity(self) -> str:
        """Address, namespace, mount point and prefix."""
        return self._identity

    def store_generic(self, key: str, value: str, *, namespace: str = GENERIC) -> None:
        """Keep a secret. In a turn it is kept only if the entry is as it was last read there.

        Raises:
            TokenStorageError: It could not be kept; the earlier one is still there, unless the connection broke
                and could not be made again: then it is the one or the other.
        """
        value = Secret(value)
        path, turn = self._path(key, namespace), current(self._place(key, namespace))
        fence.write(self._engine, path, to_document(value, namespace, key), turn, name=key)

    def retrieve_generic(self, key: str, *, namespace: str = GENERIC) -> str | None:
        """Return a secret, or None when there is none.

        Raises:
            StoreCorruptError: There is one, but somebody else wrote it.
            TokenStorageError: The Vault cannot be used now, or the turn has passed to another host.
        """
        path, turn = self._path(key, namespace), current(self._place(key, namespace))
        document = fence.read(self._engine, path, turn).document
        if document is None:
            return None
        value = from_document(document, segment(namespace), segment(key))
        if value is None:
            raise StoreCorruptError(
                f"The entry {key!r} in {self.name} was not written by this library, or for another name.",
                hint=f"It was left as it is: see {path!r}, or use another vault_path_prefix.",
                store=self.name,
                name=key,
            )
        return value

    def delete_generic(self, key: str, *, namespace: str = GENERIC) -> bool:
        """Remove a secret with all its versions; tell whether there was one.

        Raises:
            TokenStorageError: It could not be removed.
        """
        path, turn = self._path(key, namespace), current(self._place(key, namespace))
        return fence.remove(self._engine, path, turn, name=key)

    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        """Return what is kept as pairs of namespace and key. An entry is read only where a path is too short for it.

        Raises:
            TokenStorageError: The Vault cannot be used now.
        """
        if namespace is not None:
            spaces = [segment(namespace)]
        else:
            spaces = [name[:-1] for name in self._engine.names(self._prefix) if name.endswith("/")]
        return [named for space in spaces for named in self._listed(space) if namespace in (None, named[0])]

    def _listed(self, space: str) -> Iterator[tuple[str, str]]:
        namespace = name_of(space)
        if namespace is None and not is_digest(space):
            return  # the leases, or somebody else's
        for written in self._engine.names(f"{self._prefix}/{space}"):
            if is_digest(space) or is_digest(written):
                document = self._engine.read(f"{self._prefix}/{space}/{written}").document
                if (told := told_by(document or {}, space, written)) is not None:
                    yield told
            elif namespace is not None and (key := name_of(written)) is not None:
                yield namespace, key

    def _path(self, key: str, namespace: str) -> str:
        require_names(key, namespace, store=self.name)
        return f"{self._prefix}/{segment(namespace)}/{segment(key)}"

    def _place(self, key: str, namespace: str) -> Place:
        return self._identity, namespace, key

    def exclusive(
        self, key: str, *, namespace: str = OAUTH, purpose: str = "refresh", timeout: float = TURN_TIMEOUT
    ) -> AbstractContextManager[None]:
        """Return the only turn for one entry among threads and processes and, with version 2, among hosts.

        Args:
            key: The entry.
            namespace: Its namespace.
            purpose: "refresh" or "sign-in"; turns for different purposes do not wait for each other.
            timeout: Seconds to wait for the turn.

        Raises:
            TokenStorageError: On entering: the turn did not come in time, or the Vault cannot be used now.
        """
        return self._turn(key, namespace, purpose, timeout)

    @contextmanager
    def _turn(self, key: str, namespace: str, purpose: str, timeout: float) -> Iterator[None]:
        began, among_hosts, place = time.monotonic(), self._engine.version == 2, self._place(key, namespace)
        with super().exclusive(key, namespace=namespace, purpose=purpose, timeout=timeout):
            if not among_hosts or holds(place, purpose):
                yield
                return
            file = self.lock_file(key, namespace, purpose)
            lease = Lease(
                self._engine,
                f"{self._prefix}/{lease_path(namespace, key, purpose)}",
                host=this_host(None if file is None else self.folder_for("locks")),
                name=key,
            )
            with lease.held(max(0.0, timeout - (time.monotonic() - began))), taken(place, Turn(purpose, lease)):
                yield

    def lock_file(self, key: str, namespace: str, purpose: str) -> Path | None:
        """Return the file whose lock is the turn among processes; None when leases have to do, for lack of a folder."""
        file = super().lock_file(key, namespace, purpose)
        if file is None or self._engine.version == 1:
            return file
        try:
            make_private_directory(file.parent)
        except OSError:
            return None
        return file if os.access(file.parent, os.W_OK) else None
