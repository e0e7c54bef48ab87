"""A real Secret Service: gnome-keyring on a D-Bus of its own, which can be locked, stopped and killed.

Who imports the fixtures names both of them in ``__all__``. The daemon runs once per test process, and each test
gets it unlocked and empty.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pytest

from mcp_oauth_sync.exceptions import TokenStorageError

T = TypeVar("T")

PASSWORD = "the password of the login keyring"
_PATIENCE = 20.0
_BUS_NAME = "org.freedesktop.secrets"


def _until(what: str, is_so: object) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not is_so():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise AssertionError(f"waited too long until {what}")
        time.sleep(0.005)


def _is_traced(thread: Path) -> bool:
    try:
        return "\nTracerPid:\t0\n" not in (thread / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


class SecretService:
    """A session bus and, unless it is left locked, an unlocked login keyring; up within the ``with`` block.

    Args:
        unlocked: False starts the bus alone: the first who asks has a daemon started that nobody ever unlocked.
        home: Where the keyring's files lie; None makes a folder and removes it at the end.
    """

    def __init__(self, *, unlocked: bool = True, home: Path | None = None) -> None:
        self._own = home is None
        self.home = Path(tempfile.mkdtemp(prefix="keyring-")) if home is None else home
        self.run = Path(tempfile.mkdtemp(prefix="run-"))
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.env = {**kept, "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.run)}
        self.address = f"unix:path={self.run}/bus"
        self._unlocked = unlocked
        self.worn = False
        """Whether something was done to the daemon that no desktop does: later tests get another one."""
        self._daemon: subprocess.Popen[str] | None = None

    def __enter__(self) -> SecretService:
        command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"]
        self._bus = subprocess.Popen(
            [*command, f"--address={self.address}"],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._bus.stdout is not None
        assert self._bus.stdout.readline().startswith("unix:")
        self.env["DBUS_SESSION_BUS_ADDRESS"] = self.address
        if self._unlocked:
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_daemon()
        self._bus.kill()
        self._bus.wait()
        assert self._bus.stdout is not None
        self._bus.stdout.close()
        for pid in self._left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _until("everything has ended", lambda: not self._left())
        shutil.rmtree(self.run)
        if self._own:
            shutil.rmtree(self.home)

    def _left(self) -> list[int]:
        """Return the processes that have our runtime folder: what the bus has started included."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if os.fsencode(self.run) in path.read_bytes():
                    found.append(int(path.parent.name))
        return [pid for pid in found if pid != os.getpid()]

    def renew(self) -> None:
        """Start afresh, with another bus, daemon and home."""
        self.__exit__(None, None, None)
        SecretService.__init__(self)
        self.__enter__()

    # The daemon

    def _start(self) -> None:
        """Start a daemon and unlock the login keyring; the first time, this makes it."""
        self._daemon = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._daemon.stdin is not None
        self._daemon.stdin.write(f"{PASSWORD}\n")
        self._daemon.stdin.close()
        _until("the keyring is on the bus", lambda: self.pid == (self._daemon and self._daemon.pid))

    def _end_daemon(self) -> None:
        """End whatever serves the bus, also what the bus starts meanwhile because somebody still asks."""

        def nobody_serves() -> bool:
            if self.pid is None:
                return True
            self.kill()
            return False

        _until("nobody serves the bus", nobody_serves)
        if self._daemon is not None:  # died by itself
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    @property
    def aborted(self) -> bool:
        """Whether the daemon that was started here has ended by a fault of its own.

        gnome-keyring 42 does once in some hundred clients that are killed in the middle of a call.
        """
        if self._daemon is None or self._daemon.pid == self.pid:
            return False
        return self._daemon.wait(_PATIENCE) == -signal.SIGABRT  # the bus knows a moment earlier

    def persistently(self, step: Callable[[], T]) -> T:
        """Do something with a store, and once more where the daemon ended by a fault of its own meanwhile.

        Args:
            step: What may be done twice. What it returns or asserts is never looked at, only what the store raises.
        """
        try:
            return step()
        except TokenStorageError:
            if not self.aborted:
                raise
        self.recover()
        return step()

    @property
    def pid(self) -> int | None:
        """The process that serves the bus now; None when there is none."""
        from jeepney import DBusErrorResponse
        from jeepney.bus_messages import message_bus
        from jeepney.io.blocking import Proxy, open_dbus_connection

        with closing(open_dbus_connection(self.address)) as connection:
            try:
                found: int = Proxy(message_bus, connection).GetConnectionUnixProcessID(_BUS_NAME)[0]
            except DBusErrorResponse:
                return None
            return found

    def lock(self) -> None:
        """Lock the login keyring, as a screen saver does."""
        self.worn = True
        from secretstorage import get_default_collection

        with closing(self._connection()) as connection:
            get_default_collection(connection).lock()

    def unlock(self) -> None:
        """Have it unlocked again, whatever has become of it; its items are still there."""
        self._end_daemon()
        self._start()

    def stop(self) -> None:
        """Let it answer nothing from now on."""
        self.worn = True
        pid = self.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again, also what it was asked meanwhile."""
        pid = self.pid
        assert pid is not None
        os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill it. The bus starts another one when somebody asks, and that one is locked."""
        self.worn = True
        pid = self.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            _until("the bus knows", lambda: self.pid != pid)
        if self._daemon is not None and self._daemon.pid == pid:
            self._daemon.wait()
            self._daemon = None

    @contextmanager
    def tampered(self, injection: str) -> Iterator[None]:
        """Have strace do something to its system calls until the block ends: ``rename:signal=KILL:when=2``."""
        self.worn = True
        pid = self.pid
        calls = injection.partition(":")[0]
        command = ["strace", "-f", "-qq", "-p", str(pid), "-o", "/dev/null", "-e", f"trace={calls}", "-e"]
        tracer = subprocess.Popen([*command, f"inject={injection}"], stderr=subprocess.DEVNULL)
        threads = Path(f"/proc/{pid}/task")
        try:
            _until("strace follows it", lambda: all(_is_traced(thread) for thread in threads.iterdir()))
            yield
        finally:
            tracer.terminate()
            tracer.wait()

    def _connection(self):  # type: ignore[no-untyped-def]
        from jeepney.io.blocking import open_dbus_connection
        from secretstorage.util import add_match_rules

        connection = open_dbus_connection(self.address)
        add_match_rules(connection)
        return connection

    # What it holds

    def items(self) -> dict[str, str]:
        """Return the secrets it holds by what they are filed under: ``service|user``."""
        from secretstorage import get_default_collection

        with closing(self._connection()) as connection:
            found = {}
            for item in get_default_collection(connection).get_all_items():
                attributes = item.get_attributes()
                found[f"{attributes.get('service')}|{attributes.get('username')}"] = item.get_secret().decode()
            return found

    def clear(self) -> None:
        """Have it unlocked and empty."""
        from secretstorage import get_default_collection

        self.recover()
        with closing(self._connection()) as connection:
            for item in get_default_collection(connection).get_all_items():
                item.delete()

    def recover(self) -> None:
        """Have it answer, unlocked, whatever was done to it."""
        from secretstorage import get_default_collection

        if self.pid is not None:
            self.go_on()
        if self._daemon is None or self.pid != self._daemon.pid:
            self.unlock()
        with closing(self._connection()) as connection:
            locked = get_default_collection(connection).is_locked()
        if locked:
            self.unlock()


@pytest.fixture(scope="session")
def keyring_daemon() -> Iterator[SecretService]:
    """Give the daemon of this test process."""
    with SecretService() as service:
        yield service


@pytest.fixture
def secret_service(
    keyring_daemon: SecretService, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[SecretService]:
    """Give the test a keyring that is unlocked and empty, and the session that finds it."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", keyring_daemon.address)
    yield keyring_daemon
    if keyring_daemon.worn or request.node.get_closest_marker("strace"):
        keyring_daemon.renew()  # a gnome-keyring whose system calls or clients were killed may end later, by itself
    else:
        keyring_daemon.clear()
