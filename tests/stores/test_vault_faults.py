"""A save in a Vault with the process killed or the connection broken at every call: the old value, or the new one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from ..real.openbao import Bao, bao, openbao_server
from .vault_child import DONE, REFUSED, Host

__all__ = ["bao", "openbao_server"]
pytestmark = [pytest.mark.openbao, pytest.mark.strace]
#: Calls, and how each fails. A reset while sending is left for the answer to tell, and there would be one.
CALLS = {"connect": "ECONNREFUSED", "sendto": "ENETUNREACH", "recvfrom": "ECONNRESET"}


def traced(child: Host, log: Path, inject: str | None = None) -> tuple[int, str]:
    """Save "new" in a forked child under strace; return how it ended, and its calls."""
    process = int(child.told("fork", "new"))
    options = ["-f", "-o", str(log), "-e", f"trace={','.join(CALLS)}"]
    if inject is not None:
        options += ["-e", f"inject={inject}"]
    with subprocess.Popen(["strace", *options, "-p", str(process)], stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        assert "attached" in line, line
        os.kill(process, signal.SIGUSR1)
        status = int(child.told("wait", str(process)))
        tracer.stderr.read()
    return status, log.read_text()


@pytest.mark.parametrize("old", ["old", None], ids=["replacing", "first"])
def test_a_save_that_is_cut_short_anywhere_leaves_the_old_value_or_the_new_one(
    bao: Bao, tmp_path: Path, old: str | None
) -> None:
    store, log, left = bao.store(), tmp_path / "log", Counter[tuple[str, str | None]]()

    def set_back() -> None:
        store.delete_generic("k")
        if old is not None:
            store.store_generic("k", old)

    with Host(tmp_path / "host", (bao.server.url, bao.server.token), "prepare", bao.mount) as child:
        assert child.hears() == "ready"
        set_back()
        status, calls = traced(child, log)
        assert (status, store.retrieve_generic("k")) == (DONE, "new")
        numbers = {name: len(re.findall(rf"\b{name}\(", calls)) for name in CALLS}
        assert min(numbers.values()) >= 1
        for call, number in numbers.items():
            for way in ("signal=KILL", f"error={CALLS[call]}"):
                for nth in range(1, number + 1):
                    set_back()
                    status, calls = traced(child, log, f"{call}:{way}:when={nth}")
                    found, case = store.retrieve_generic("k"), f"{call} {nth} {way}: {status}"
                    assert "INJECTED" in calls or "killed by SIGKILL" in calls, case
                    assert status in ((-9,) if "KILL" in way else (DONE, REFUSED)), case
                    assert found == "new" if status == DONE else found in (old, "new"), case
                    assert store.list_generic() == ([] if found is None else [("generic", "k")]), case
                    left[way, found] += 1
    for way in ("signal=KILL", "error=ECONNRESET"):
        assert left[way, "new"] > 0
    assert left["signal=KILL", old] > 0
