"""Several processes that share one store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Fleet:
    """Processes as in `child.py`, up and ready within the `with` block.

    Args:
        url: The MCP server.
        size: How many.
        whom: "person" or "nobody" to ask.
    """

    def __init__(self, url: str, size: int, whom: str = "nobody") -> None:
        command = [sys.executable, "-m", "tests.stories.child", url, whom]
        pipe = subprocess.PIPE
        self.children = [
            subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, bufsize=1) for _ in range(size)
        ]

    def __enter__(self) -> Fleet:
        for child in self.children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        return self

    def tell(self, threads: int) -> None:
        """Let every process call from so many threads at once."""
        for child in self.children:
            assert child.stdin is not None
            child.stdin.write(f"{threads}\n")
            child.stdin.flush()

    def answers(self) -> list[dict[str, Any]]:
        """Wait for what every process got."""
        lines = [child.stdout.readline() for child in self.children if child.stdout is not None]
        return [json.loads(line) for line in lines]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self.children:
            if error is not None:
                child.kill()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    stream.close()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                raise
