"""How long many processes and threads wait for one refresh, and how often it happens: it should be once.

    python -m benchmarks.single_flight --processes 80 --threads 1 --rounds 3
    python -m benchmarks.single_flight --store secret_service
    python -m benchmarks.single_flight --store vault
    python -m benchmarks.single_flight --kill 300

Needs what the tests need. Every round ends the life of all access tokens and lets every thread of every process make
one request. With ``--kill``, two of the processes are killed at random moments per round and replaced, until so many
have been, and the authorization server forgives lost answers; it prints how often that was needed.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.real.openbao import InMemory
from tests.real.secret_service import SecretService
from tests.scene import Scene
from tests.servers import Fault, delay
from tests.stories.fleet import Fleet

#: Seconds that the authorization server takes for a refresh, about as long as one that is far away.
REFRESH = 0.1


@contextmanager
def store(kind: str) -> Iterator[None]:
    """Choose a kind of store for this process and those it starts, in a place of its own."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ.update({"HOME": home, "MCP_OAUTH_SYNC_HOME": f"{home}/store", "MCP_OAUTH_SYNC_BACKEND": kind})
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VAULT_NAMESPACE"):
            os.environ.pop(name, None)
        if kind == "secret_service":
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = stack.enter_context(SecretService()).address
        elif kind == "vault":
            folder = Path(home, "openbao")
            folder.mkdir()
            server = stack.enter_context(InMemory(folder))
            os.environ.update({"VAULT_ADDR": server.url, "VAULT_TOKEN": server.token})
        yield


def flights(scene: Scene, processes: int, threads: int, rounds: int) -> None:
    """Let everybody need a refresh at once, again and again."""
    answered: list[float] = []
    scene.az.fault(
        "/token", delay(REFRESH), Fault("note", change=lambda _, reply: (answered.append(time.monotonic()), reply)[1])
    )
    with Fleet(scene.url, processes) as fleet:
        fleet.tell(threads)
        assert {got for answer in fleet.answers() for got in answer.got} == {200}
        scene.forget_log()
        waited, whole, failed = [], [], 0
        for _ in range(rounds):
            scene.az.expire_all_access_tokens()
            began = time.monotonic()
            fleet.tell(threads)
            answers = fleet.answers()
            failed += sum(got != 200 for answer in answers for got in answer.got)
            waited.append(max(answer.done for answer in answers) - answered[-1])
            whole.append(max(answer.done for answer in answers) - began)
    print(
        f"{processes} processes x {threads} threads x {rounds} expiries: {scene.az.refreshes} refreshes, "
        f"{len(scene.asked('/token'))} asked for, {scene.az.reuses} reuses, {failed} requests failed"
    )
    print(
        f"from the answer to the refresh until the last one was done: median {_ms(statistics.median(waited))}, "
        f"at most {_ms(max(waited))}; the whole round: median {_ms(statistics.median(whole))}"
    )


def kills(scene: Scene, processes: int, threads: int, victims: int) -> None:
    """Kill processes at random moments."""
    scene.az.forgive_lost_answers = True
    failed = rounds = killed = 0
    with Fleet(scene.url, processes) as fleet:
        while killed < victims:
            rounds += 1
            scene.az.expire_all_access_tokens()
            fleet.tell(threads)
            for victim in random.sample(fleet.members, 2):
                time.sleep(random.uniform(0, 0.1))
                fleet.kill(victim)
                killed += 1
            answers = fleet.answers()
            failed += sum(got != 200 for answer in answers for got in answer.got)
            fleet.grow(2)
    print(
        f"{killed} processes killed in {rounds} rounds: {failed} requests of others failed, {scene.az.refreshes} "
        f"refreshes, {scene.az.forgiven} of them because an answer was lost, {scene.az.reuses} reuses"
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def main() -> None:
    """Take the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="encrypted_file", choices=["encrypted_file", "secret_service", "vault"])
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--kill", type=int, default=0, metavar="PROCESSES")
    told = parser.parse_args()
    with store(told.store), Scene() as scene:
        scene.sign_in()
        if told.kill:
            kills(scene, told.processes, told.threads, told.kill)
        else:
            flights(scene, told.processes, told.threads, told.rounds)
        print(f"signed in {scene.az.authorizations} time(s); load of the machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
