"""A folder with every file that a store of encrypted files ever makes, and what may become of it when one is damaged.

A damaged file may cost what it holds, and never silently: everything else is read as it was. What is written is
written whole or refused, and who refuses leaves the damaged file as it is.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.models.credentials import APIKeyToken
from mcp_oauth_sync.models.record import ServerRecord
from mcp_oauth_sync.stores import TokenManager

from .fault_child import IndexedStore, record

PASSWORD = "a password"
URL, LONG = "https://mcp.example.com/mcp", "x" * 200
#: Sign-ins by name; one is too long to be the name of a file.
RECORDS = {name: record(name[:9]) for name in ("notion", "neighbour", LONG)}
NEW = record("new")
SECRET = APIKeyToken(provider="weather", key="key-of-the-weather").to_stored_token("weather")
#: Files whose damage may cost every entry, and those whose damage may keep everybody from writing.
KEY, CHECK = "store.key", "store.check"
SHARED = frozenset({KEY, CHECK, ".tmp", "locks", "locks/store.lock"})


def opened(folder: Path, password: str | None) -> TokenManager:
    """Return the manager of a fresh process."""
    return TokenManager(store=IndexedStore(folder, password=password))


def fill(folder: Path, password: str | None = None) -> Path:
    """Make the folder with everything in it."""
    manager = opened(folder, password)
    for name, kept in RECORDS.items():
        with manager.exclusive(name):
            manager.save_record(name, kept)
    manager.link(URL, "notion")
    manager.save_secret(SECRET)
    return folder


def files(folder: Path) -> list[str]:
    """Return every file below a folder by its path there."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def folders(folder: Path) -> list[str]:
    """Return every folder below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_dir())


def entry_file(name: str) -> str:
    """Return the file of a sign-in."""
    return IndexedStore(Path("/"), password=PASSWORD).path(name).name


def read_badly(folder: Path, password: str | None, hit: frozenset[str]) -> list[str]:
    """Read everything as a fresh process; return what is wrong with that.

    Args:
        folder: The store.
        password: Its password; None for the generated key.
        hit: The files that are damaged.
    """
    manager, wrong = opened(folder, password), []
    uses = {entry_file(name): (lambda name=name: manager.load_record(name), kept) for name, kept in RECORDS.items()}
    uses[f"links.d/{entry_file(URL)}"] = (lambda: manager.name_for(URL), "notion")
    uses["generic.d/weather.enc"] = (lambda: manager.load_secret("weather"), SECRET)
    for file, (use, kept) in uses.items():
        costs = hit & {file, KEY, str(Path(file).parent)}
        try:
            found = use()
        except TokenStorageError:
            if not costs:
                wrong.append(f"{file} is refused")
        except BaseException as failure:
            wrong.append(f"{file} raises {failure!r}")
        else:
            if found != kept:
                wrong.append(f"{file} is read as {found!r}")
    try:
        listed = set(manager.names())
        lost = {LONG} if any(file.endswith(".name") for file in hit) else set()
        if listed | lost != set(RECORDS):
            wrong.append(f"listed are {listed}")
        if {entry["name"] for entry in manager.list_tokens()} != listed:
            wrong.append("names and index do not agree")
    except TokenStorageError:
        if not any(file.startswith("registry") for file in hit):
            wrong.append("listing is refused")
    except BaseException as failure:
        wrong.append(f"listing raises {failure!r}")
    return wrong


def written_badly(folder: Path, password: str | None, hit: frozenset[str]) -> list[str]:
    """Write, add and remove as a fresh process; return what is wrong with that."""
    manager, wrong = opened(folder, password), []
    before = {file: _bytes(folder / file) for file in hit}
    for name in (*RECORDS, "added"):
        file = entry_file(name)
        own = {file, file.replace(".enc", ".name"), f"locks/oauth.d/{file.replace('.enc', '.refresh.lock')}"}
        try:
            with manager.exclusive(name, timeout=1):
                manager.save_record(name, NEW)
        except TokenStorageError:
            if not hit & (own | SHARED | {"locks/oauth.d"}):
                wrong.append(f"{name[:9]} cannot be written")
        except BaseException as failure:
            wrong.append(f"writing {name[:9]} raises {failure!r}")
        else:
            if _read(folder, password, name) != NEW:
                wrong.append(f"{name[:9]} was written and is read as {_read(folder, password, name)!r}")
            continue
        wrong += [
            f"{file} was changed by who refused" for file in hit & {file} if _bytes(folder / file) != before[file]
        ]
    for name in ("notion", "added"):
        with suppress(TokenStorageError):
            manager.delete_record(name)
            if _read(folder, password, name) is not None:
                wrong.append(f"{name} was removed and is there")
    return wrong


def _read(folder: Path, password: str | None, name: str) -> ServerRecord | TokenStorageError | None:
    try:
        return opened(folder, password).load_record(name)
    except TokenStorageError as failure:
        return failure


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 20 else None
