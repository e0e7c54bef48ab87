"""How long every broken answer at every endpoint takes with the true deadlines, and how much memory.

    python -m benchmarks.broken_replies
    python -m benchmarks.broken_replies --endpoint token --endpoint refresh --kind hang

Needs what the tests need, and Linux for the memory. Each answer is met by a whole sign-in, refresh or sign-out in this
process, with nothing made shorter but the pauses between repetitions; the servers are in it, too, and their memory
counts. It prints the longest and the largest, and ends with status 1 where a case took longer than 30 seconds for an
exchange, took more than 100 MB, ended in no error of this library's, or sent something elsewhere. All of it takes
about half an hour, most of it waiting for servers that never end their answers.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from mcp_oauth_sync import DeviceCodeGrant
from mcp_oauth_sync.exceptions import OAuthError
from tests.attacks.broken import ACTED, ENDLESS, EVERY
from tests.attacks.memory import MEMORY, peak
from tests.attacks.stage import Stage, impatient
from tests.attacks.test_broken_replies import place
from tests.servers import AuthorizationServer, McpServer, Origin, drip

#: Seconds for one exchange, and what this machine may need besides.
LIMIT, GRACE = 30.0, 3.0
ENDPOINTS = ("resource metadata", "server metadata", "registration", "token", "refresh", "revocation", "device")


#: What comes to its end in seconds, and has to be slower here.
SLOWER = {"drip of the body": drip(1.0), "drip of the head": drip(1.0, "headers")}


class Case(NamedTuple):
    """What one answer cost."""

    endpoint: str
    kind: str
    seconds: float
    memory: int
    requests: int
    ended: str

    @property
    def fault(self) -> str | None:
        """Return what is wrong with it; None when nothing is."""
        if self.seconds > LIMIT * max(1, self.requests) + GRACE:
            return "took too long"
        if self.memory > MEMORY:
            return "took too much memory"
        return None if self.ended.startswith("typed") else self.ended


@contextmanager
def stage() -> Iterator[Stage]:
    """Set up two servers, a store and somebody who must hear nothing."""
    with tempfile.TemporaryDirectory() as home:
        os.environ.update({"HOME": home, "MCP_OAUTH_SYNC_HOME": f"{home}/store"})
        with AuthorizationServer() as server, McpServer(server) as mcp, Origin() as elsewhere:
            yield Stage(mcp=mcp, server=server, elsewhere=elsewhere, folder=Path(home, "store"))


def act(made: Stage, endpoint: str) -> str:
    """Do what asks the endpoint, and tell how it ended."""
    try:
        if endpoint == "revocation":
            return f"typed: signed out, confirmed: {made.auth().sign_out()}"
        grant = DeviceCodeGrant() if endpoint == "device" else None
        made.call(made.auth() if grant is None else made.auth(grant=grant, sign_in_timeout=1))
    except OAuthError as error:
        return f"typed: {type(error).__name__}"
    except Exception as error:  # noqa: BLE001 (that is what is looked for)
        return f"ended in {type(error).__name__}"
    return "was taken for an answer"


def meet(endpoint: str, kind: str) -> Case:
    """Meet one answer at one endpoint."""
    with stage() as made:
        made.server.offer_device_codes = endpoint == "device"
        if endpoint in ("refresh", "revocation"):
            made.call(made.auth())
            made.server.expire_all_access_tokens()
        before = made.snapshot()
        server, path = (made.server, made.server.paths["device"]) if endpoint == "device" else place(made, endpoint)
        server.clear()
        server.fault(path, SLOWER.get(kind) or EVERY[kind](made))
        held, began = peak(reset=True), time.monotonic()
        ended = act(made, endpoint)
        seconds, memory = time.monotonic() - began, peak() - held
        if made.elsewhere.connections:
            ended = "sent something elsewhere"
        elif endpoint != "revocation" and ended.startswith("typed") and made.snapshot() != before:
            ended = "changed the store"
        return Case(endpoint, kind, seconds, memory, len(server.requests(path)), ended)


def main() -> int:
    """Meet them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", action="append", choices=ENDPOINTS)
    parser.add_argument("--kind", action="append", choices=list(EVERY), metavar="KIND")
    parser.add_argument("--quick", action="store_true", help="leave out the answers that never end")
    chosen = parser.parse_args()
    os.environ["MCP_OAUTH_SYNC_BACKEND"] = "encrypted_file"
    logging.disable()
    bad = 0
    with pytest.MonkeyPatch.context() as patch:
        impatient(patch)
        for endpoint in chosen.endpoint or ENDPOINTS:
            kinds = chosen.kind or [kind for kind in EVERY if not (chosen.quick and kind in ENDLESS)]
            cases = [meet(endpoint, kind) for kind in kinds if not (endpoint == "device" and kind in ACTED)]
            slow, large = max(cases, key=lambda case: case.seconds), max(cases, key=lambda case: case.memory)
            faults = [case for case in cases if case.fault]
            bad += len(faults)
            print(
                f"{endpoint}: {len(cases)} kinds, {len(faults)} wrong; longest {slow.seconds:.1f} s ({slow.kind}, "
                f"{slow.requests} requests); most memory {large.memory / (1 << 20):.0f} MB ({large.kind})",
                flush=True,
            )
            for case in faults:
                print(f"  {case.kind}: {case.fault} ({case.seconds:.1f} s, {case.memory >> 20} MB)")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
