"""What a store costs with 10 and with 10,000 sign-ins: loading one, saving one, listing all.

Run: ``python benchmarks/stores.py [files|password|secret_service|vault] [SIZE ...]``

Prints milliseconds of this process's CPU per operation, and of the clock. "files" and "password" work in a folder of
their own; "secret_service" and "vault" use the session's keyring and the Vault of VAULT_ADDR and VAULT_TOKEN, under
names of their own, and remove what they stored.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mcp_oauth_sync import ClientRegistration, OAuthTokens, ServerRecord, TokenManager

SIZES = (10, 100, 1000, 10_000)
RUNS = 25


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
