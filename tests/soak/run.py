"""The soak itself: servers, weather and processes for so long, then calm, then a look at what is left."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from mcp_oauth_sync import ServerRecord, TokenManager
from mcp_oauth_sync.models.credentials import APIKeyToken
from mcp_oauth_sync.models.stored import StoredToken
from mcp_oauth_sync.stores import default_manager
from mcp_oauth_sync.stores.private_files import ABANDONED, TEMPORARY
from tests.scene import Scene
from tests.servers import McpServer
from tests.servers.ports import free_ports

from .crew import Crew
from .weather import MCP_TROUBLE, TOKEN_LOST, TOKEN_ODD, TOKEN_TROUBLE, Weather, forget, withdraw_tokens
from .worker import NAMESPACE, REPORT, TALLY

#: How many records lie in the store that nobody touches.
BYSTANDERS = 20
HOUR = 3600.0


@attrs.frozen(kw_only=True)
class Pace:
    """How fast everything goes.

    Attributes:
        lifetime: Seconds that an access token lives.
        quite_new: Seconds for which no access token is withdrawn.
        slow: Most seconds that a slow answer takes.
        pause: Most seconds between two calls of a thread.
        spell: Seconds from one kind of weather to the next.
        event: Seconds between two things that happen to a server or a process, on average.
        patience: What the client's pauses between repetitions are multiplied by.
        downtime: Most seconds that a server is away.
        progress: Seconds between two lines of progress.
    """

    lifetime: float = 10.0
    quite_new: float = 3.0
    slow: float = 1.2
    pause: float = 0.6
    spell: float = 15.0
    event: float = 2.0
    patience: float = 1.0
    downtime: float = 2.0
    progress: float = 60.0


QUICK = Pace(
    lifetime=8, quite_new=1, slow=0.15, pause=0.1, spell=1.5, event=0.25, patience=0.1, downtime=0.2, progress=5
)


class Soak:
    """Everything of one run.

    Args:
        seconds: How long the weather is bad.
        seed: What the weather follows.
        pace: How fast everything goes.
        processes: How many; the second half of them may be killed, the disk of the first half may be full.
        threads: How many threads of each call by plain requests.
        kills: Whether processes are killed.
        tell: Takes lines of progress.
    """

    def __init__(
        self,
        seconds: float,
        *,
        seed: int,
        pace: Pace,
        processes: int = 4,
        threads: int = 2,
        kills: bool = True,
        tell: Callable[[str], object] = print,
    ) -> None:
        self.seconds, self.pace, self.kills, self.tell = seconds, pace, kills, tell
        self.dice, self.counts = random.Random(seed), Counter[str]()
        first, second, third = free_ports(3)  # nobody is given one of them while its server is away
        self.scene = Scene(port=first)
        self.az = self.scene.az
        self.scene.mcp = McpServer(self.az, port=second)
        self.other = McpServer(self.az, path="/other", port=third)
        self.servers = [self.scene.mcp, self.other]
        self.processes, self.threads = processes, threads
        self.crew: Crew
        self._bag: list[Callable[[], None]] = []
        self.files_before: set[str] = set()

    # Before

    def sign_in(self) -> None:
        """Sign in to both servers, put other things beside that, and count from there."""
        self.az.forgive_lost_answers = True
        self.az.access_ttl = self.pace.lifetime
        for server in self.servers:
            auth = self.scene.oauth() if server is self.scene.mcp else self._oauth_of(server)
            auth.sign_in()
        self.scene.person.join()
        self.scene.shown.clear()
        manager = default_manager()
        for number in range(BYSTANDERS):
            manager.save_secret(bystander(number))
        manager.store.store_generic(TALLY, "{}", namespace=NAMESPACE)
        self.az.registrations = self.az.authorizations = self.az.refreshes = 0

    def _oauth_of(self, server: McpServer) -> Any:
        from mcp_oauth_sync import OAuth

        return OAuth(server.mcp_url, prompt=self.scene.prompt)

    def storm(self) -> None:
        """Begin with the weather at the servers."""
        most = self.pace.slow
        self.token = Weather(self.dice, self.counts, "token", most=most, share=0.35, kinds=[])
        self.calls = Weather(self.dice, self.counts, "mcp", most=most, share=0.03, kinds=[MCP_TROUBLE])
        for server in self.servers:
            server.fault(server.path, self.calls.fault, method="POST")
        self._new_spell(False)
        self.az.fault("/token", self.token.fault)

    # While it lasts

    def run(self) -> None:
        """Do all of it; `verdict.judge` says what to think of it."""
        with self.scene, self.other:
            self.sign_in()
            urls = [server.mcp_url for server in self.servers]
            settings = {"urls": urls, "pause": self.pace.pause, "patience": self.pace.patience, "threads": self.threads}
            self.crew = Crew(self.processes, settings)
            try:
                self.crew.wait_until_all_speak()
                self.files_before = files()
                self.storm()
                self._weather()
                self._clear_up()
            finally:
                self.crew.end()
        self.violations = [*self.az.violations, *(text for server in self.servers for text in server.violations)]

    def _weather(self) -> None:
        """Let things happen, at least one in each spell."""
        began = time.monotonic()
        end, next_line, next_size = began + self.seconds, began + self.pace.progress, began
        spell_ends, next_event, harsh = began + self.pace.spell, began, True
        size_every, told = max(self.seconds / 400, 0.25), 0
        while (now := time.monotonic()) < end:
            if now >= next_event:
                self._harsh_event() if harsh else self._disk_event()
                next_event = time.monotonic() + self.pace.event * self.dice.uniform(0.3, 1.7)
            if time.monotonic() >= spell_ends:
                harsh = self._new_spell(harsh)
                length = self.pace.spell * self.dice.uniform(0.5, 1.5) if harsh else 0.0  # else for one event
                spell_ends, next_event = time.monotonic() + length, time.monotonic()
            if now >= next_size:
                for life in self.crew.now:
                    life.measure()
                next_size += size_every
            if now >= next_line:
                self.tell(self.progress(now - began))
                for text in self.crew.unexpected[told:]:
                    self.tell(text)
                told = len(self.crew.unexpected)
                forget(self.az, *self.servers)
                next_line += self.pace.progress
            time.sleep(0.05)

    def _new_spell(self, harsh: bool) -> bool:
        """Change from answers that are lost, deaths and wrong clocks to full disks, and back.

        What a process could not store, while what is stored was used up for it, is nobody's fault and costs a
        sign-in. It takes both at once, so that they take turns here.
        """
        harsh = not harsh
        if harsh:
            deadline = time.monotonic() + 60
            while any(life.said["pending"] for life in self.crew.now) and time.monotonic() < deadline:
                time.sleep(0.05)
            self.token.kinds = [TOKEN_TROUBLE, TOKEN_LOST, TOKEN_ODD]
        else:
            self.token.kinds = [TOKEN_TROUBLE, TOKEN_ODD]
            for life in self.crew.now:
                life.tell(ahead=0.0)
            time.sleep(2.5 * self.pace.slow)  # what was lost last is asked for again
        return harsh

    def _harsh_event(self) -> None:
        """Do one of these, and none a second time before each had its turn."""
        if not self._bag:
            self._bag = [self._withdraw, self._step_a_clock, self._stop_for_a_while, self._restart, self._withdraw]
            self._bag += [self._kill] if self.kills else []
            self.dice.shuffle(self._bag)
        self._bag.pop()()

    def _disk_event(self) -> None:
        """Let the disk of some be full while everybody needs fresh tokens, for less than those live."""
        lives = self.crew.now[: max(self.processes // 2, 1)]
        self.counts["full disk"] += len(lives)
        for life in lives:
            life.tell(full=True)
        withdraw_tokens(self.az, older_than=self.pace.quite_new)
        time.sleep(self.dice.uniform(0.3, 1) * self.pace.quite_new)
        for life in lives:
            life.tell(full=False)
        time.sleep(self.pace.quite_new)
        withdraw_tokens(self.az, older_than=self.pace.quite_new)
        deadline = time.monotonic() + 4 * self.pace.lifetime
        time.sleep(3 * REPORT)
        while any(life.said["pending"] for life in lives) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.counts["stored later"] += sum(not life.said["pending"] for life in lives)

    def _withdraw(self) -> None:
        self.counts["tokens withdrawn"] += 1
        withdraw_tokens(self.az, older_than=self.pace.quite_new)

    def _step_a_clock(self) -> None:
        self.counts["clock stepped"] += 1
        by = self.dice.choice([0.0, 0.0, 30.0, -30.0, HOUR, -HOUR, 24 * HOUR, -24 * HOUR])
        self.dice.choice(self.crew.now).tell(ahead=by)

    def _stop_for_a_while(self) -> None:
        self.counts["process stopped"] += 1
        life = self.dice.choice(self.crew.now)
        os.kill(life.process.pid, signal.SIGSTOP)
        time.sleep(self.dice.uniform(0.1, 0.5) * self.pace.quite_new)
        os.kill(life.process.pid, signal.SIGCONT)

    def _kill(self) -> None:
        self.counts["kill -9"] += 1
        self.crew.replace(self.dice.randrange(self.processes // 2, self.processes))

    def _restart(self) -> None:
        server = self.dice.choice([self.az, *self.servers])
        self.counts["server restarted"] += 1
        server.stop()
        time.sleep(self.dice.uniform(0.1, 1) * self.pace.downtime)
        start_again(server)

    def progress(self, seconds: float) -> str:
        """Say in one line how it goes."""
        got = self.crew.got
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items()))
        sizes = [life.sizes[-1] if life.sizes else None for life in self.crew.now]
        memory = "/".join(f"{size.memory / 1e6:.1f}" if size else "?" for size in sizes)
        threads = "/".join(f"{size.threads}" if size else "?" for size in sizes)
        descriptors = "/".join(f"{size.descriptors}" if size else "?" for size in sizes)
        return (
            f"{seconds / 60:6.1f} min: {sum(got.values())} calls, {self.az.refreshes} refreshes, "
            f"{self.az.forgiven} of them again, {self.az.reuses} reuses, {self.crew.sum('prompts')} prompts, "
            f"{len(self.crew.unexpected)} unexpected; RSS {memory} MB, threads {threads}, descriptors {descriptors}; "
            f"{faults}"
        )

    # After

    def _clear_up(self) -> None:
        """Let the weather be fine, and see whether everybody is served."""
        self.az.clear_faults()
        for server in self.servers:
            server.clear_faults()
        for life in self.crew.now:
            life.tell(ahead=0.0)
            life.tell(full=False)
        self.crew.wait_until_all_speak()
        time.sleep(2.5 * self.pace.slow)
        withdraw_tokens(self.az, older_than=0.0)
        for life in self.crew.now:
            life.measure()
            life.tell(last_calls=4)
        self.finished = [life.finished.wait(90) for life in self.crew.now]
        self.unstored = sum(life.said["pending"] for life in self.crew.now)
        self.statuses = [life.end() for life in self.crew.now]
        self.records = [records_of(default_manager(), server.mcp_url) for server in self.servers]
        self.lost_bystanders = [
            number
            for number in range(BYSTANDERS)
            if default_manager().load_secret(f"api {number}") != bystander(number)
        ]
        self.stored_tallies = json.loads(default_manager().store.retrieve_generic(TALLY, namespace=NAMESPACE) or "{}")
        self.left_over = self._left_over()

    def _left_over(self) -> set[str]:
        """Return the files that are left, once those are old that killed processes left, and one more is written."""
        folder = Path(os.environ["MCP_OAUTH_SYNC_HOME"])
        left = [path for path in folder.rglob("*") if TEMPORARY in path.parts and path.is_file()]
        self.counts["half-written files"] = len(left)
        long_ago = time.time() - 2 * ABANDONED
        for path in left:
            os.utime(path, (long_ago, long_ago))
        default_manager().store.store_generic(TALLY, "{}", namespace=NAMESPACE)
        return files() - self.files_before


def bystander(number: int) -> StoredToken:
    """Return a record that nobody touches."""
    key = APIKeyToken(provider="provider", key=f"a key that nobody uses {number}")
    return key.to_stored_token(f"api {number}")


def files() -> set[str]:
    """Return every file of the store, lock files included."""
    folder = Path(os.environ["MCP_OAUTH_SYNC_HOME"])
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def records_of(manager: TokenManager, url: str) -> ServerRecord | None:
    """Read one sign-in as a fresh process does."""
    return manager.load_record(url)


def start_again(server: Any) -> None:
    """Start a server at the port it had, even where that takes a while to be free."""
    for _ in range(200):
        try:
            return server.start()
        except OSError:
            time.sleep(0.05)
    server.start()
