"""Debian's Chromium without a screen, for tests that need a person at a real browser.

Traps: ``webbrowser`` splits BROWSER at ":" and reads it once per process. Without " &" at the end it waits
until the command ends, and a program that serves the redirect in the same thread waits for ever; with it,
it drops the child process without a look, which Python reports as a leak.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

import attrs
import pytest

SCRIPT = Path(__file__).with_name("browser_click.py")
_VISIT_SECONDS = 100.0


@attrs.frozen
class Visit:
    """Where a visit ended.

    Attributes:
        url: Address of the last page.
        title: Its title.
        text: Its text as shown.
        clicked: Whether there was something to click.
        failure: What went wrong on the way, or None.
        console: Errors that the pages logged, for instance about their content security policy.
        scroll_height: Height of the last page in pixels.
    """

    url: str
    title: str
    text: str
    clicked: bool
    failure: str | None
    console: list[str]
    scroll_height: int


class Chromium:
    """A person with a browser: opens what it is given and clicks one thing."""

    def __init__(self, folder: Path, *, click: str = "#allow", insecure: bool = False) -> None:
        """Say what the person does.

        Args:
            folder: Where ``page.png``, ``page.html`` and the report of the last visit are put.
            click: Selector of what to click where the page has it: ``#allow`` or ``#deny``.
            insecure: True accepts any certificate, as a person with the authority installed would.
        """
        self.shot = folder / "page.png"
        self.html = folder / "page.html"
        self._report = folder / "report.json"
        files = ["--shot", str(self.shot), "--html", str(self.html), "--report", str(self._report)]
        self._options = ["--click", click, *files, *(["--insecure"] if insecure else [])]

    def visit(self, url: str, *options: str) -> Visit:
        """Open a URL now and return where that led.

        Args:
            url: What to open.
            options: More for browser_click.py, such as ``--scheme dark``.
        """
        command = [sys.executable, str(SCRIPT), url, *self._options, *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_VISIT_SECONDS, check=False)
        assert self._report.exists(), done.stderr
        return self._take_report()

    def browser_variable(self) -> str:
        """Return a value for the BROWSER variable of a child process: it visits in the background."""
        return self._variable("&")

    def _variable(self, ending: str) -> str:
        command = shlex.join([sys.executable, str(SCRIPT)])
        value = f"{command} %s {shlex.join(self._options)} {ending}"
        assert os.pathsep not in value, f"webbrowser would split this in two: {value}"
        return value

    def become_the_browser(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make ``webbrowser.open`` in this process, and in its children, visit with this Chromium.

        The command puts itself into the background, so that nothing is left for this process to look after.
        """
        monkeypatch.setenv("BROWSER", self._variable("--detach"))
        monkeypatch.setattr(webbrowser, "_tryorder", None)
        monkeypatch.setattr(webbrowser, "_browsers", {})

    def finish(self) -> Visit:
        """Wait for a visit that runs in the background and return where it led."""
        deadline = time.monotonic() + _VISIT_SECONDS
        while not self._report.exists():
            assert time.monotonic() < deadline, "the browser did not come back"
            time.sleep(0.05)
        return self._take_report()

    def _take_report(self) -> Visit:
        visit = Visit(**json.loads(self._report.read_text(encoding="utf-8")))
        self._report.unlink()
        return visit
