"""How much memory this process takes at most, where the system tells, and when it is tidied up."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What one attack may add to this process's memory, in bytes; the servers are in it, too.
MEMORY = 100 << 20
_RESET = Path("/proc/self/clear_refs")


def peak(*, reset: bool = False) -> int:
    """Return the most memory this process has held since the last reset, in bytes; 0 where nobody knows."""
    if not _RESET.exists():
        return 0
    if reset:
        _RESET.write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found.group(1)) * 1024


@contextmanager
def uncollected() -> Iterator[None]:
    """Let no finalizer run within the block: where a document that is too deep has used up the stack, it would fail."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
