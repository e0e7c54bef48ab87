"""What a store costs with 10 and with 10,000 sign-ins: loading one, saving one, listing all.

Run: ``python -m benchmarks.stores [files|password|secret_service|vault] [SIZE ...]``

Prints milliseconds of this process's CPU per operation, and of the clock. "files" and "password" work in a folder of
their own; "secret_service" and "vault" use the session's keyring and the Vault of VAULT_ADDR and VAULT_TOKEN, under
names of their own, and remove what they stored.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mcp_oauth_sync import ClientRegistration, OAuthTokens, ServerRecord, TokenManager

from .figure import Figure

SIZES = (10, 100, 1000, 10_000)
RUNS = 25
FEW, MANY = 10, 10_000
#: How often each operation is done for the table, in turns; the least counts.
TURNS = 200
LOAD, SAVE, LIST, TIMES = 0.5, 2.5, 50.0, 1.3


def record(number: int) -> ServerRecord:
    """Return a sign-in of the usual size."""
    issuer = f"https://login-{number}.example.com"
    return ServerRecord(
        server_url=f"https://mcp-{number}.example.com/mcp",
        issuer=issuer,
        resource=f"https://mcp-{number}.example.com/mcp",
        token_endpoint=f"{issuer}/token",
        revocation_endpoint=f"{issuer}/revoke",
        registration=ClientRegistration(client_id=f"client-{number}", issuer=issuer),
        tokens=OAuthTokens(
            access_token="a" * 1200, refresh_token=f"{number:064}", expires_in=3600, scope="notes:read notes:write"
        ),
        requested_scope="notes:read notes:write",
        redirect_uri="http://127.0.0.1:8765/callback",
    )


def measured(act: Callable[[], object], runs: int = RUNS) -> tuple[float, float]:
    """Return the median milliseconds of CPU and of the clock."""
    cpu, clock = [], []
    for _ in range(runs):
        began = time.process_time(), time.perf_counter()
        act()
        cpu.append((time.process_time() - began[0]) * 1000)
        clock.append((time.perf_counter() - began[1]) * 1000)
    return statistics.median(cpu), statistics.median(clock)


def manager_for(kind: str, folder: Path) -> TokenManager:
    """Return a manager of a store of this kind, empty."""
    if kind == "files":
        return TokenManager(token_dir=folder)
    if kind == "password":
        return TokenManager(token_dir=folder, password="benchmark")
    if kind == "vault":
        return TokenManager(backend="vault", vault_path_prefix=f"benchmark-{folder.name}")
    return TokenManager(backend=kind, service_name=f"benchmark-{folder.name}")


class ByHand:
    """One sealed file, read and replaced by hand, with a key that is there: the floor."""

    def __init__(self, folder: Path) -> None:
        """Leave a sign-in."""
        self.path, self.key, self.document = folder / "by-hand", os.urandom(32), record(1).to_record()
        self.save()

    def load(self) -> object:
        """Read it."""
        sealed = self.path.read_bytes()
        return json.loads(AESGCM(self.key).decrypt(sealed[:12], sealed[12:], None))

    def save(self) -> None:
        """Replace it, and see to it that it is on the disk."""
        nonce, beside = os.urandom(12), self.path.with_suffix(".new")
        sealed = nonce + AESGCM(self.key).encrypt(nonce, json.dumps(self.document).encode(), None)
        with beside.open("wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)


def least(acts: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Return the least milliseconds of CPU of each, done in turns."""
    taken: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(turns):
        for name, act in acts.items():
            began = time.process_time()
            act()
            taken[name].append((time.process_time() - began) * 1000)
    return {name: min(times) for name, times in taken.items()}


def figures() -> Iterator[Figure]:
    """Measure the encrypted files, with few sign-ins and with many."""
    acts: dict[str, Callable[[], object]] = {}
    with ExitStack() as stack:
        hand = ByHand(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        acts |= {"load, floor": hand.load, "save, floor": hand.save}
        for size in (FEW, MANY):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            manager = manager_for("files", folder)
            for number in range(size):
                manager.save_record(f"https://mcp-{number}.example.com/mcp", record(number))
            name, one = f"https://mcp-{size // 2}.example.com/mcp", record(size // 2)
            acts[f"load, {size}"] = lambda manager=manager, name=name: manager.load_record(name)  # type: ignore[misc]
            acts[f"save, {size}"] = lambda manager=manager, name=name, one=one: manager.save_record(name, one)  # type: ignore[misc]
        found = least(acts, TURNS)
        walked = [(len(files), where) for where, _, files in os.walk(folder)]
        listed = least(
            {"ours": manager.names, "floor": lambda: sorted(entry.name for entry in os.scandir(max(walked)[1]))},
            TURNS // 10,
        )
    for what, goal in (("load", LOAD), ("save", SAVE)):
        floor, few, many = (found[f"{what}, {size}"] for size in ("floor", FEW, MANY))
        yield Figure(
            what=f"{what} one sign-in of {FEW}",
            ours=f"{few:.2f}",
            floor=f"{floor:.2f}",
            ratio=few / floor,
            unit="ms CPU",
            goal=f"<= {goal}",
            bound=goal,
            met=few <= goal,
        )
        yield Figure(
            what=f"{what} one sign-in of {MANY:,}",
            ours=f"{many:.2f}",
            floor=f"{floor:.2f}",
            ratio=many / few,
            unit=f"ms CPU; the ratio is to {FEW}",
            goal=f"<= {goal}, {TIMES} x",
            bound=goal,
            met=many <= goal and many <= few * TIMES,
        )
    yield Figure(
        what=f"list {MANY:,} names",
        ours=f"{listed['ours']:.1f}",
        floor=f"{listed['floor']:.1f}",
        ratio=listed["ours"] / listed["floor"],
        unit="ms CPU; the floor lists a folder",
        goal=f"<= {LIST:.0f}",
        bound=LIST,
        met=listed["ours"] <= LIST,
    )


def main(kind: str, sizes: list[int]) -> None:
    """Print a line per size."""
    print(f"{kind}: milliseconds of CPU / of the clock, median of {RUNS}")
    print(f"{'servers':>8} {'load one':>16} {'save one':>16} {'add one':>16} {'list names':>16} {'list index':>16}")
    with tempfile.TemporaryDirectory() as temporary:
        manager = manager_for(kind, Path(temporary))
        kept = 0
        try:
            for size in sizes:
                while kept < size:
                    manager.save_record(f"https://mcp-{kept}.example.com/mcp", record(kept))
                    kept += 1
                name = f"https://mcp-{kept // 2}.example.com/mcp"
                one = record(kept // 2)
                more = iter(range(10**6))
                few = 3 if size > 1000 else RUNS
                registry = manager.registry
                figures = [
                    measured(lambda name=name: manager.load_record(name)),  # type: ignore[misc]
                    measured(lambda name=name, one=one: manager.save_record(name, one)),  # type: ignore[misc]
                    measured(lambda one=one, more=more: manager.save_record(f"more-{next(more)}", one)),  # type: ignore[misc]
                    measured(manager.names, few),
                    measured(registry.list_tokens if registry else manager.names, few),
                ]
                for number in range(RUNS):
                    manager.delete_record(f"more-{number}")
                print(f"{size:>8} " + " ".join(f"{cpu:>7.2f}/{clock:>8.2f}" for cpu, clock in figures), flush=True)
        finally:
            if kind in ("vault", "secret_service"):
                for name in manager.names():
                    manager.delete_record(name)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "files", [int(size) for size in sys.argv[2:]] or list(SIZES))
