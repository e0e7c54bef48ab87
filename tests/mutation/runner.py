"""Runs the tests of a room against one fault after another, in a copy of the tree.

The tests that run a line are known from one run with coverage's contexts, so each fault meets only those that could
notice it, the quickest first. A process that has loaded pytest and what the package stands on forks once per fault.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import attrs
import coverage

from .changes import Change, changes
from .rooms import Room

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "mcp_oauth_sync"
#: Seconds of tests that a fault meets at most.
ENOUGH = 10.0
#: Tests that need other programs.
ELSEWHERE = (
    "not (chromium or conformance or curl or demo or kernel or npm_server or openbao or secret_service or strace)"
)
QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header")
#: It is about what is loaded early here.
LET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
#: What the package and its tests load and no fault changes.
LOADED = (
    *("attrs", "requests", "urllib3", "filelock", "keyring", "platformdirs", "segno", "pytest", "hypothesis", "jwt"),
    *("cryptography.fernet", "cryptography.hazmat.primitives.ciphers.aead", "cryptography.x509", "trustme"),
    *("http.server", "hypothesis.strategies", "_pytest.assertion.rewrite", "hypothesis.extra.pytestplugin"),
)


@attrs.frozen(kw_only=True)
class Mutant:
    """A fault in a file.

    Attributes:
        file: The file, below the package.
        change: The fault.
    """

    file: str
    change: Change

    def __str__(self) -> str:
        """Show it in one line."""
        return f"{self.file}:{self.change.line}: {self.change}"

    @property
    def key(self) -> str:
        """What it is called in the list of those that are explained: without its line, which moves."""
        return f"{self.file}: {self.change}"


def mutants_of(room: Room, *, most: int, seed: int) -> tuple[list[Mutant], int]:
    """Return the faults to try, and how many there are.

    Args:
        room: The room.
        most: How many of them are tried at most.
        seed: Decides which.
    """
    every = [
        Mutant(file=file, change=change)
        for file in room.files
        for change in changes((ROOT / PACKAGE / file).read_bytes())
    ]
    if len(every) <= most:
        return every, len(every)
    chosen = set(random.Random(seed).sample(range(len(every)), most))
    return [mutant for place, mutant in enumerate(every) if place in chosen], len(every)


class Runner:
    """Runs tests in a copy of the tree.

    Args:
        folder: An empty folder for the copy.
        room: The room.
    """

    def __init__(self, folder: Path, room: Room) -> None:
        """Copy the tree and see which tests run which lines."""
        self._tree, self._room = folder / "tree", room
        ignored = shutil.ignore_patterns(".*", "build", "__pycache__", "*.egg-info")
        shutil.copytree(ROOT, self._tree, ignore=ignored)
        self._seconds: dict[str, float] = {}
        self._by_line: dict[str, Mapping[int, Sequence[str]]] = {}
        self._learn(folder / "lines")
        self._leave_out(folder / "output")

    def _learn(self, data: Path) -> None:
        """Run the tests once, with nothing broken."""
        command = [
            sys.executable,
            "-m",
            "pytest",
            *QUIET,
            "-m",
            ELSEWHERE,
            "--durations=0",
            "--durations-min=0",
            "-rfE",
        ]
        command += ["--cov", "--cov-context=test", "--cov-report=", *(f"tests/{test}" for test in self._room.tests)]
        there = os.environ | {"PYTHONPATH": str(self._tree), "COVERAGE_FILE": str(data)}  # this run writes bytecode
        done = subprocess.run(command, cwd=self._tree, env=there, capture_output=True, text=True, timeout=3600)
        if done.returncode not in (0, 1):
            raise SystemExit(f"The tests fail with nothing broken:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
        for found in re.finditer(r"^([0-9.]+)s (?:setup|call|teardown) +(tests/.*)$", done.stdout, re.MULTILINE):
            self._seconds[found[2]] = self._seconds.get(found[2], 0.0) + float(found[1])
        self._forget(done.stdout)
        lines = coverage.CoverageData(basename=str(data))
        lines.read()
        for file in self._room.files:
            self._by_line[file] = lines.contexts_by_lineno(str(self._tree / PACKAGE / file))

    def _leave_out(self, output: Path) -> None:
        """Leave out the tests that do not get along with a forked process."""
        for _ in range(3):
            if not self._run(sorted(self._seconds), 1200, options=("-rfE", "--tb=no"), output=str(output)):
                return
            self._forget(output.read_text())
            output.unlink()
        raise SystemExit("The tests fail in a forked process with nothing broken.")

    def _forget(self, said: str) -> None:
        for test in re.findall(r"^(?:FAILED|ERROR) (tests/\S.*?)(?: - .*)?$", said, re.MULTILINE):
            print(f"    left out, for it fails with nothing broken: {test}")
            self._seconds.pop(test, None)

    def _environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self._tree), "PYTHONDONTWRITEBYTECODE": "1"}

    def tests_for(self, mutant: Mutant) -> list[str]:
        """Return the tests that run its line, the quickest first.

        For what runs on import, and in child processes, those that run any of the file, then those in a file named
        like it, which may start such processes.
        """
        lines = self._by_line[mutant.file]
        contexts = lines.get(mutant.change.line, [])
        if contexts and "" not in contexts:
            return self._quickest(contexts)
        near = f"test_{Path(mutant.file).stem}.py"
        tests = self._quickest(context for each in lines.values() for context in each)
        return list(dict.fromkeys([*tests, *self._quickest(test for test in self._seconds if near in test)]))

    def _quickest(self, contexts: Iterable[str]) -> list[str]:
        """Return as many tests as take ten seconds, the quickest first."""
        named = {re.sub(r"\|(setup|run|teardown)$", "", context) for context in contexts} & self._seconds.keys()
        chosen, seconds = [], 0.0
        for name in sorted(named, key=self._seconds.__getitem__):
            seconds += self._seconds[name]
            if chosen and seconds > ENOUGH:
                break
            chosen.append(name)
        return chosen

    def notices(self, mutant: Mutant) -> bool:
        """Tell whether a test fails with a fault."""
        tests = self.tests_for(mutant)
        if not tests:
            return False
        path = self._tree / PACKAGE / mutant.file
        whole = path.read_bytes()
        path.write_bytes(mutant.change.apply(whole))
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
        try:
            patience = 30 + 4 * sum(self._seconds.get(test, 0.0) for test in tests)
            return self._run(tests, patience, options=("-x",)) != 0
        finally:
            path.write_bytes(whole)

    def _run(self, tests: Sequence[str], patience: float, *, options: Sequence[str], output: str = os.devnull) -> int:
        """Run tests in a forked process; one that takes too long has noticed."""
        child = os.fork()
        if child == 0:
            self._be_child(tests, options, output)
        deadline = time.monotonic() + patience
        try:
            while time.monotonic() < deadline:
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    return os.waitstatus_to_exitcode(status)
                time.sleep(0.01)
            return -1
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)

    def _be_child(self, tests: Sequence[str], options: Sequence[str], output: str) -> None:
        code = 99
        try:
            os.setsid()
            os.chdir(self._tree)
            nowhere = os.open(output, os.O_RDWR | os.O_CREAT, 0o600)
            for descriptor in (0, 1, 2):
                os.dup2(nowhere, descriptor)
            os.environ.update(self._environment())
            sys.dont_write_bytecode = True
            for name in [name for name in sys.modules if name.split(".")[0] in ("tests", PACKAGE)]:
                del sys.modules[name]
            sys.path[:0] = [str(self._tree)]
            importlib.invalidate_caches()
            import pytest

            code = int(pytest.main([*QUIET, *options, "-p", "no:cov", "--timeout=60", *LET, *tests]))
        finally:
            os._exit(code)


def load() -> None:
    """Load what no fault changes."""
    for name in LOADED:
        importlib.import_module(name)
