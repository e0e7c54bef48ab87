"""The two versions of the KV engine of a Vault. With version 2, a write goes through only if nobody was faster."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import attrs

from ...exceptions import StoreUnavailableError, TokenStorageError
from .access import VaultAccess
from .answer import LONGEST, PolicyError, Unanswered, strange

#: Versions that an engine keeps unless told otherwise.
_KEPT = 10
#: Bytes of a document that is kept. A Vault may use six for a character, and what is longest is still read.
LARGEST = LONGEST // 8
logger = logging.getLogger(__name__)


@attrs.frozen
class Entry:
    """What is kept under a path.

    Attributes:
        version: The number of its last write, also when that is deleted; 0 when there was none, or nobody counts.
        document: What was written; None when there is nothing.
    """

    version: int
    document: Mapping[str, Any] | None = attrs.field(default=None, repr=False)


class KeyValue:
    """A KV engine.

    Args:
        access: The way to the Vault.
        mount: Where the engine is mounted.
        version: 1 or 2, for who may not ask the Vault; None asks it.
    """

    def __init__(self, access: VaultAccess, mount: str, version: int | None) -> None:
        """Send nothing yet."""
        self._access, self._mount, self._said = access, mount, version
        self._version: int | None = None
        self._single: dict[str, bool] = {}  # whether a path keeps one version only, as far as it was asked to
        self._warned = False

    @property
    def version(self) -> int:
        """1 or 2.

        Raises:
            TokenStorageError: The Vault cannot be asked, or there is no such engine.
        """
        if self._version is None:
            self._version = self._found_out()
        return self._version

    def _found_out(self) -> int:
        try:
            answer = self._access.call("GET", f"sys/internal/ui/mounts/{self._mount}")
        except PolicyError:
            if self._said is not None:
                return self._said
            raise StoreUnavailableError(
                f"There is no engine {self._mount!r} in {self._access.name}, or the policy allows nothing in it.",
                hint="Check mount point and namespace, enable a KV engine there, or extend the policy.",
                store=self._access.name,
            ) from None
        told = answer.member("data")
        there = quote(str(told.get("path", "")).strip("/"))
        if told.get("type") not in ("kv", "generic") or not f"/{there}".endswith(f"/{self._mount}"):
            raise StoreUnavailableError(
                f"There is no KV engine at {self._mount!r} in {self._access.name}.",
                hint="Give the mount point of one; what comes after it belongs into the path prefix.",
                store=self._access.name,
            )
        options = told.get("options")
        version = 2 if isinstance(options, dict) and str(options.get("version")) == "2" else 1
        if self._said not in (None, version):
            raise StoreUnavailableError(
                f"The KV engine at {self._mount!r} in {self._access.name} is of version {version}, not {self._said}.",
                hint="Leave kv_version out.",
                store=self._access.name,
            )
        return version

    def _path(self, kind: str, path: str) -> str:
        return f"{self._mount}/{kind}/{path}" if self.version == 2 else f"{self._mount}/{path}"

    def read(self, path: str) -> Entry:
        """Return what is kept under a path. Raises as :meth:`VaultAccess.call`."""
        answer = self._access.call("GET", self._path("data", path))
        if answer.nothing_there:
            return Entry(_last_version(answer.member("data")))
        found = answer.member("data")
        number = 0 if self.version == 1 else _last_version(found)
        document = found if self.version == 1 else found.get("data")
        if not document or not isinstance(document, dict) or (self.version == 2 and number < 1):
            raise strange(self._access.name, "an entry without content")  # which is not the same as no entry
        return Entry(number, document)

    def names(self, path: str) -> list[str]:
        """Return the segments below a path; those of folders end in a slash. Raises as :meth:`VaultAccess.call`."""
        answer = self._access.call("LIST", self._path("metadata", path))
        if answer.nothing_there:
            return []
        keys = answer.member("data").get("keys")
        if not isinstance(keys, list):
            raise strange(self._access.name, "a list without names")  # which is not the same as an empty one
        return [str(key) for key in keys]

    def write(self, path: str, document: Mapping[str, object], *, after: int, keep: bool = False) -> int | None:
        """Write if nobody was faster; return the number of this write, or None when somebody was.

        Args:
            path: Where.
            document: What.
            after: The number of the last write that the writer knows; with version 1 nobody counts.
            keep: True lets the engine keep older versions, which hold nothing secret.

        Raises:
            Unanswered: It may or may not be written.
            TokenStorageError: It was not written.
        """
        if len(json.dumps(document)) > LARGEST:
            raise TokenStorageError(
                f"The entry is too large: in {self._access.name} nothing of more than {LARGEST} bytes is kept.",
                store=self._access.name,
            )
        if self.version == 1:
            self._access.call("POST", self._path("data", path), document)
            return 0
        if keep:
            return self._compared_and_set(path, document, after)
        single = after > 0 and self._keep_one(path)
        number = self._compared_and_set(path, document, after)
        if number is None:
            return None
        if after == 0:
            self._keep_one_from_now_on(path)
        elif not single:
            self._destroy(path, after)
        return number

    def _compared_and_set(self, path: str, document: Mapping[str, object], after: int) -> int | None:
        body = {"options": {"cas": after}, "data": document}
        try:
            answer = self._access.call("POST", self._path("data", path), body, repeat=False)
        except Unanswered:
            there = self.read(path)  # the answer was lost; was the request?
            if there.version != after:
                return there.version if there.document == document else None
            answer = self._access.call("POST", self._path("data", path), body, repeat=False)
        if answer.conflict:
            return None
        number = answer.member("data").get("version")
        if not isinstance(number, int):
            raise strange(self._access.name, "a write without a version")
        return number

    def _keep_one_from_now_on(self, path: str) -> None:
        """Let the engine keep no older versions of a new entry: after its first write, so that none is left empty."""
        self._single.pop(path, None)
        try:
            self._keep_one(path)
        except TokenStorageError as failure:  # the entry is written; the next write tries again
            logger.debug("%s", failure.message)

    def _keep_one(self, path: str) -> bool:
        """Let the engine keep no older versions of an entry; tell whether it does so."""
        if path not in self._single:
            try:
                self._access.call("POST", self._path("metadata", path), {"max_versions": 1})
            except PolicyError:
                self._single[path] = False
            else:
                self._single[path] = True
        return self._single[path]

    def _destroy(self, path: str, number: int) -> None:
        """Destroy older versions: the second best way, where the policy forbids the best."""
        older = list(range(max(1, number - _KEPT + 1), number + 1))
        try:
            self._access.call("POST", self._path("destroy", path), {"versions": older})
        except TokenStorageError as failure:  # the new one is written
            if not self._warned:
                self._warned = True
                logger.warning("Older versions of secrets stay readable. %s", failure.message)

    def remove(self, path: str, number: int) -> None:
        """Remove an entry with all its versions.

        Args:
            path: Where.
            number: Its version, to be destroyed where the policy forbids to remove all of it.

        Raises:
            TokenStorageError: It could not be removed.
        """
        try:
            self._access.call("DELETE", self._path("metadata", path))
        except PolicyError:
            if self.version == 1:
                raise
            self._access.call("POST", self._path("destroy", path), {"versions": [number]})
        self._single.pop(path, None)


def _last_version(data: Mapping[str, Any]) -> int:
    metadata = data.get("metadata")
    number = metadata.get("version") if isinstance(metadata, dict) else None
    return number if isinstance(number, int) else 0
