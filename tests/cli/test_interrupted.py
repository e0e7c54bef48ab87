"""Ctrl-C at any moment of a command: one word, status 130, and no error of somebody whom it came in between."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from types import FrameType
from typing import NoReturn

import pytest

from mcp_oauth_sync.cli import list as command
from mcp_oauth_sync.exceptions import TokenStorageError

from .conftest import Scene
from .terminal import closed_pipe, run_here

#: How many moments of each command are tried out.
MOMENTS = 40


class Strike:
    """Interrupts the main thread at one of the moments at which Python may: the beginning or the end of a call."""

    def __init__(self, moment: int | None = None) -> None:
        self.left, self.struck = moment, False
        self.seen = 0

    def __call__(self, frame: FrameType, what: str, argument: object) -> None:
        if what in ("call", "c_return") and not self.struck:
            self.seen += 1
            if self.seen == self.left:
                self.struck = True
                raise KeyboardInterrupt


@pytest.mark.parametrize("arguments", ["list", "status notes", "--version"])
def test_at_any_moment(
    scene: Scene, capsys: pytest.CaptureFixture[str], arguments: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored: list[object] = []  # in a finalizer: Python goes on
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    scene.sign_in()

    def struck(strike: Strike) -> int:
        sys.setprofile(strike)
        try:
            done = run_here(capsys, *arguments.split())
        finally:
            sys.setprofile(None)
        if done.status == 130:
            assert done.err == "interrupted\n"
        return done.status

    assert struck(Strike()) == 0  # loads what the command needs
    whole = Strike()
    assert struck(whole) == 0
    moments = range(30, whole.seen - 30, whole.seen // MOMENTS)
    ends = [struck(Strike(moment)) for moment in moments]
    assert set(ends) <= {0, 130}
    assert len(moments) - ends.count(130) <= max(len(ignored), 1)
    assert struck(Strike()) == 0


@pytest.mark.parametrize("failure", [RuntimeError("release unlocked lock"), TokenStorageError("Not written.")])
@pytest.mark.parametrize("flags", [(), ("--verbose",)])
def test_an_error_that_was_made_of_it_is_not_told(
    home: object,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    flags: tuple[str, ...],
) -> None:
    def run(options: argparse.Namespace) -> NoReturn:
        try:
            raise KeyboardInterrupt
        finally:
            raise failure

    monkeypatch.setattr(command, "run", run)
    done = run_here(capsys, "list", *flags)
    assert (done.status, done.err) == (130, "interrupted\n")


INTERRUPTED_WITH_NO_READER = """
import sys
from mcp_oauth_sync.cli import list as command, main

def run(options):
    sys.stdout.write("held back until the end")
    raise KeyboardInterrupt

command.run = run
sys.exit(main(["list"]))
"""


def test_output_that_nobody_reads_is_not_complained_of(home: object) -> None:
    pipe = closed_pipe()
    try:
        program = [sys.executable, "-c", INTERRUPTED_WITH_NO_READER]
        buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
        done = subprocess.run(
            program, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=60, check=False, env=buffered
        )
    finally:
        os.close(pipe)
    assert (done.returncode, done.stderr) == (1, "interrupted\n")
