"""The only turn for one entry among the hosts that share a Vault: a lease, written by check-and-set.

The holder writes it again and again. Clocks of two hosts are never compared: who waits takes the lease over
after having watched it unchanged for :data:`LEASE` seconds of its own clock, and who holds it trusts it only
that long after its last write. What a holder of old writes after all is refused by check-and-set.
"""

from __future__ import annotations

import logging
import os
import platform
import random
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...exceptions import TokenStorageError, printable
from ..locks import exclusive
from ..private_files import make_private_directory, read_private, write_private
from .clock import seconds
from .kv import KeyValue

logger = logging.getLogger(__name__)

#: Seconds after which a lease that nobody renews is taken over.
LEASE = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5


class TurnLostError(TokenStorageError):
    """The turn has passed to another host: this process was suspended or cut off for too long."""


class Lease:
    """One lease, from asking for it until it is given back.

    Args:
        engine: Where it is kept; version 2.
        path: Where in it.
        host: This host, as :func:`this_host` calls it.
        name: What the turn is for, for messages.
    """

    def __init__(self, engine: KeyValue, path: str, *, host: str, name: str) -> None:
        """Ask for nothing yet."""
        self._engine, self._path, self._host, self._name = engine, path, host, name
        self._holder = secrets.token_hex(12)
        self._version = 0
        self._confirmed = 0.0
        self._beat = 0
        self._lost = False
        self._lock = threading.Lock()
        self._over = threading.Event()

    @contextmanager
    def held(self, timeout: float) -> Iterator[None]:
        """Hold the lease until the block ends.

        Args:
            timeout: Seconds to wait for it.

        Raises:
            TokenStorageError: It did not come in time, or the Vault cannot be used.
        """
        self._acquire(timeout)
        process, keeper = os.getpid(), threading.Thread(target=self._keep, name="mcp-oauth-sync lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            if os.getpid() == process:  # a forked child has no share in it
                self._over.set()
                self._give_back()
                keeper.join(LEASE)

    def _acquire(self, timeout: float) -> None:
        deadline, pause = time.monotonic() + timeout, _FIRST_PAUSE
        watched, since = -1, 0.0
        while True:
            there = self._engine.read(self._path)
            document = there.document or {}
            if there.version != watched:
                watched, since = there.version, seconds()
            # We have this host's own turn: whoever of this host wrote the lease has ended without giving it back.
            free = not document.get("holder") or document.get("host") == self._host
            if (free or seconds() - since >= LEASE) and self._written(after=there.version):
                return
            left = deadline - time.monotonic()
            if left <= 0:
                raise TokenStorageError(
                    f"Another host ({printable(document.get('host'), 80)}) has been busy with {self._name!r} for more "
                    f"than {timeout:g} seconds.",
                    hint="Wait for it to finish its sign-in, or end it; then try again.",
                    name=self._name,
                )
            time.sleep(min(left, pause * random.uniform(0.5, 1.0)))  # noqa: S311
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _written(self, *, after: int) -> bool:
        """Write that we hold it; tell whether nobody was faster."""
        self._beat += 1
        document = {"holder": self._holder, "host": self._host, "beat": self._beat}
        sent = seconds()
        version = self._engine.write(self._path, document, after=after, keep=True)
        if version is not None:
            self._version, self._confirmed = version, sent
        return version is not None

    def trust(self) -> None:
        """Make sure that it is still ours, by asking only when our last word is old.

        Raises:
            TurnLostError: It is not.
            TokenStorageError: The Vault cannot be asked now.
        """
        with self._lock:
            if self._lost or seconds() - self._confirmed > LEASE / 2:
                self._confirm()

    def confirm(self) -> None:
        """Make sure that it is still ours, by writing it. Raises as :meth:`trust`."""
        with self._lock:
            self._confirm()

    def _confirm(self) -> None:
        if not self._lost and not self._written(after=self._version):
            there = self._engine.read(self._path)
            # Ours after all when only the answer to our last word got lost.
            ours = (there.document or {}).get("holder") == self._holder
            self._lost = not (ours and self._written(after=there.version))
        if self._lost:
            raise TurnLostError(
                f"The turn for {self._name!r} has passed to another host meanwhile; nothing was written.",
                hint="This process was suspended or cut off for too long. What the other host stored is good.",
                name=self._name,
            )

    def _keep(self) -> None:
        """Renew it until it is over."""
        while not self._over.wait(LEASE / 3):
            try:
                with self._lock:
                    if not self._over.is_set():
                        self._confirm()
            except TurnLostError as failure:
                logger.warning("%s", failure.message)
                return
            except TokenStorageError as failure:
                logger.debug("a lease could not be renewed: %s", failure.message)

    def _give_back(self) -> None:
        with self._lock:
            if self._lost:
                return
            try:
                self._engine.write(self._path, {"holder": ""}, after=self._version, keep=True)
            except TokenStorageError as failure:
                # This host takes it over at once, others when they have watched it for long enough.
                logger.debug("a lease could not be given back: %s", failure.message)


def this_host(folder: Path | None) -> str:
    """Return what this host is called in leases: processes with the same lock files say the same.

    Args:
        folder: Where the lock files lie; None when there are none, and each process is a host of its own.

    Raises:
        TokenStorageError: The folder cannot be used.
    """
    node = printable(platform.node(), 60)
    if folder is None:
        return f"{node} {_ALONE.setdefault(os.getpid(), secrets.token_hex(12))}"
    path = folder / "host"
    try:
        known = read_private(path)
        if known is None:
            make_private_directory(folder)
            with exclusive(str(path.absolute()), folder / "host.lock", timeout=30, name="the name of this host"):
                known = read_private(path)
                if known is None:
                    known = secrets.token_hex(12).encode()
                    write_private(path, known)
    except OSError as failure:
        raise TokenStorageError(
            f"The file {path} cannot be used: {failure.strerror or failure}.",
            hint="Check that the folder is yours and has room.",
        ) from failure
    return f"{node} {known.decode('ascii', 'replace')}"


_ALONE: dict[int, str] = {}
