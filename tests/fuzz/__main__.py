"""Looks for input that breaks something, for as long as wanted.

    python -m tests.fuzz --minutes 30
    python -m tests.fuzz --minutes 5 -k "urls or redirects"

Runs every test of the suite that generates its input, each for its share of the time and with new examples, and prints
a line for each: how many examples it saw, and whether one broke it. What was found is kept below ``build/fuzz`` and
tried first the next time. Ends with 1 when something was found. An example that takes longer than 20 seconds counts.
"""

from __future__ import annotations

import argparse
import functools
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

ROOT = Path(__file__).resolve().parents[2]
#: Seconds after which an example hangs.
HANGING = 20.0
#: Examples between two looks at the clock.
AT_ONCE = 200


class Hanging(AssertionError):
    """An example takes too long."""


def _give_up(number: int, frame: FrameType | None) -> None:
    raise Hanging(f"an example takes more than {HANGING:g} seconds")


class Over(KeyboardInterrupt):
    """The time of a test is over. Hypothesis takes it for no failure."""


class Plugin:
    """Lets each generated test run until its time is over.

    Args:
        minutes: For all of them together.
    """

    def __init__(self, minutes: float) -> None:
        """Have seen nothing yet."""
        self._seconds, self._share = minutes * 60, 0.0
        self._examples: dict[str, int] = {}
        self.found = 0
        database = DirectoryBasedExampleDatabase(ROOT / "build" / "fuzz")
        self._settings = settings(
            max_examples=AT_ONCE,
            derandomize=False,
            deadline=None,
            database=database,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        )

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the generated tests, and share the time out."""
        items[:] = [item for item in items if getattr(getattr(item, "obj", None), "is_hypothesis_test", False)]
        self._share = self._seconds / max(1, len(items))

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        """Run one test again and again, with new examples each time."""
        test: Any = pyfuncitem.obj
        handle, inner = test.hypothesis, test.hypothesis.inner_test
        test._hypothesis_internal_use_settings = self._settings
        deadline = time.monotonic() + self._share
        handle.inner_test = self._watched(inner, pyfuncitem.nodeid, deadline)
        given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        before = signal.signal(signal.SIGALRM, _give_up)
        try:
            while True:
                test(**given)
        except Over:
            return True
        finally:
            signal.signal(signal.SIGALRM, before)
            handle.inner_test = inner

    def _watched(self, inner: Callable[..., None], name: str, deadline: float) -> Callable[..., None]:
        """Return a test that counts its examples, ends those that hang, and ends when its time is over.

        One that found something goes on, to find the smallest example of it.
        """
        broken = False

        @functools.wraps(inner)
        def example(*args: Any, **kwargs: Any) -> None:
            nonlocal broken
            if time.monotonic() > deadline and not broken:
                raise Over
            self._examples[name] = self._examples.get(name, 0) + 1
            signal.setitimer(signal.ITIMER_REAL, HANGING)
            try:
                inner(*args, **kwargs)
            except Exception:
                broken = True
                raise
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)

        return example

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print what came of a test."""
        if report.when == "call" or report.failed:
            self.found += report.failed
            seen = self._examples.get(report.nodeid, 0)
            print(f"\r{'BROKEN' if report.failed else 'held':<6} {seen:>8} examples  {report.nodeid}", flush=True)


def _generated() -> Iterator[str]:
    """Give the test files that generate input."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if "from hypothesis import" in path.read_text(encoding="utf-8"):
            yield str(path)


def main() -> int:
    """Look for a while; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Look for input that breaks something.")
    parser.add_argument("--minutes", type=float, default=10, help="for all tests together (10)")
    parser.add_argument("-k", dest="which", default="", help="only tests that match, as pytest has it")
    options = parser.parse_args()
    plugin = Plugin(options.minutes)
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--timeout=0", "--show-capture=no"]
    quiet += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is loaded already
    code = pytest.main([*quiet, "-k", options.which, *_generated()], plugins=[plugin])
    print(f"{plugin.found} found; exit code {int(code)}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
