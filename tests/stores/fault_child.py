"""The prepared process of :mod:`tests.stores.faults`: forks children that use a store once, when told to.

Takes lines on standard input (JSON lists) and answers each with a number.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import logging
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.models.record import ServerRecord
from mcp_oauth_sync.models.tokens import OAuthTokens
from mcp_oauth_sync.stores import TokenManager, sealing, time_limit
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.os_keyring import calls

from .faults import DONE, REFUSED

#: The name that is used, too long for the name of a file, and one that was there before.
NAME, NEIGHBOUR = "server " * 30, "neighbour"
#: For Linux with the Yama module: who may trace this process.
PR_SET_PTRACER, ANYBODY = 0x59616D61, ctypes.c_ulong(-1)
FEW_ROUNDS = 10
#: The file that says where the server of a store is.
SERVER = "server.json"
OLD_PASSWORD, NEW_PASSWORD = "old password", "new password"


def record(refresh_token: str) -> ServerRecord:
    tokens = OAuthTokens(access_token=f"for {refresh_token}", refresh_token=refresh_token, scope="a", issued_at=1000.0)
    return ServerRecord(tokens=tokens, server_url="https://mcp.example.com/mcp")


def encrypted_file(folder: Path) -> TokenManager:
    return TokenManager(folder, "encrypted_file")


def encrypted_file_with_password(folder: Path) -> TokenManager:
    return TokenManager(folder, "encrypted_file", password=OLD_PASSWORD)


class IndexedStore(EncryptedFileStore):
    """Stands for a store that cannot list, and so notes its names in the index."""

    indexed = True


def with_index(folder: Path) -> TokenManager:
    return TokenManager(store=IndexedStore(folder))


class OnTheSpot:
    """A call in the thread of who waits for it: strace counts the calls of each thread by itself."""

    def __init__(self, call: Callable[[], Any], name: str) -> None:
        self._call = call

    def result(self, seconds: float) -> Any:
        return self._call()


def _service(folder: Path) -> dict[str, str]:
    """Return what the file in a folder says of the server."""
    said: dict[str, str] = json.loads((folder / SERVER).read_text())
    return said


def secret_service(folder: Path) -> TokenManager:
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = _service(folder)["address"]
    return TokenManager(backend="secret_service", service_name=f"faults of {folder.name}")


def vault(folder: Path) -> TokenManager:
    said = _service(folder)
    return TokenManager(
        backend="vault",
        vault_url=said["url"],
        vault_token=said["token"],
        vault_mount_point=said["mount"],
        vault_path_prefix=folder.name,
    )


#: Kinds of store; each opens the one in a folder. A server's store has its address in a file in the folder.
SERVICES: dict[str, Callable[[Path], TokenManager]] = {"secret_service": secret_service, "vault": vault}
STORES: dict[str, Callable[[Path], TokenManager]] = {
    "encrypted_file": encrypted_file,
    "encrypted_file_with_password": encrypted_file_with_password,
    "with_index": with_index,
    **SERVICES,
}


def save(manager: TokenManager) -> None:
    """Do as a refresh does."""
    with manager.exclusive(NAME):
        manager.load_record(NAME)
        manager.save_record(NAME, record("new"))


def delete(manager: TokenManager) -> None:
    manager.delete_record(NAME)


def load(manager: TokenManager) -> None:
    """Read everything that may be read."""
    assert manager.load_record(NAME) == record("old")
    assert manager.load_record(NEIGHBOUR) == record("old")
    assert manager.load_record("nobody") is None


def list_names(manager: TokenManager) -> None:
    assert manager.names() == sorted([NAME, NEIGHBOUR])
    assert [entry["name"] for entry in manager.list_tokens()] == sorted([NAME, NEIGHBOUR])


def take_turn(manager: TokenManager) -> None:
    with manager.exclusive(NAME), manager.exclusive(NAME, purpose="sign-in"):
        pass


def change_password(manager: TokenManager) -> None:
    assert isinstance(manager.store, EncryptedFileStore)
    manager.store.change_password(NEW_PASSWORD)


def drop_password(manager: TokenManager) -> None:
    assert isinstance(manager.store, EncryptedFileStore)
    manager.store.change_password(None)


def save_on(manager: TokenManager) -> None:
    """Save until killed: a few names in turn, now and then a new one, now and then removing one."""
    for number in itertools.count():
        name = f"server-{number % 3}"
        with manager.exclusive(name):
            manager.load_record(name)
            manager.save_record(name, record(f"{os.getpid()}-{number}"))
        if number % 5 == 4:
            with manager.exclusive("now and then"):
                manager.delete_record("now and then")
                manager.save_record("now and then", record("old"))


ACTS = {
    act.__name__: act for act in (save, delete, load, list_names, take_turn, change_password, drop_password, save_on)
}


def forked(store: str, folder: Path, act: str, told: Path, ready: int) -> None:
    """Be the child: wait, do it, and end without another call. Closing ``ready`` says that the wait has begun."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY, 0, 0, 0)
        manager = STORES[store](folder)
        os.close(ready)
        signal.sigwait([signal.SIGUSR1])
        ACTS[act](manager)
        status = DONE
    except TokenStorageError:
        status = REFUSED
    except BaseException:
        told.write_text(traceback.format_exc())
    finally:
        os._exit(status)


def warm_up(service: str | None) -> None:
    """Load everything that is loaded on the way.

    Args:
        service: "KIND FOLDER" of the only store to use; None takes the files.
    """
    if service is not None:
        kind, _, folder = service.partition(" ")
        for room in (time_limit, calls):
            room.Waiting = OnTheSpot  # type: ignore[misc, assignment]
        manager = SERVICES[kind](Path(folder))
        save(manager)
        delete(manager)
        return
    with tempfile.TemporaryDirectory() as folder:
        for opened in (encrypted_file, encrypted_file_with_password, with_index):
            manager = opened(Path(folder) / opened.__name__)
            for name in (NAME, NEIGHBOUR):
                manager.save_record(name, record("old"))
            for act in (load, list_names, take_turn, save, delete):
                act(manager)
            change_password(manager)
            drop_password(manager)


def main() -> None:
    logging.disable()
    warnings.simplefilter("ignore")
    sealing.ITERATIONS = FEW_ROUNDS
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    warm_up(sys.argv[1] if len(sys.argv) > 1 else None)
    for line in sys.stdin:
        what, *rest = json.loads(line)
        answer = 0
        if what == "fork":
            waits, ready = os.pipe()
            answer = os.fork()
            if answer == 0:
                store, folder, act, told = rest
                forked(store, Path(folder), act, Path(told), ready)
            os.close(ready)
            os.read(waits, 1)  # nothing comes: whoever follows its calls must not meet those that lead to them
            os.close(waits)
        elif what == "go":
            os.kill(int(rest[0]), signal.SIGUSR1)
        elif what == "wait":
            answer = os.waitstatus_to_exitcode(os.waitpid(int(rest[0]), 0)[1])
        print(answer, flush=True)


if __name__ == "__main__":
    main()
