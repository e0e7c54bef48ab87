"""Run one scenario of the official conformance suite and read its verdict.

Only the verdict of a single scenario counts a warning, a time-out and a failed client as a failure; a run of
a whole suite does not. tests/run installs what tests/conformance/package.json names into build/conformance.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MODULES = HERE.parents[1] / "build" / "conformance" / "node_modules"
PACKAGE = "@modelcontextprotocol/conformance"
CLIENT = (sys.executable, str(HERE / "client.py"))
CLIENT_SECONDS = 30  # what a client may take; the harness itself needs about one second more
RUN_SECONDS = 60  # after this the run and everything it started is killed


@dataclass(frozen=True)
class Check:
    """One line of checks.json that judges the client."""

    id: str
    status: str
    message: str


@dataclass(frozen=True)
class Verdict:
    """What the harness said about one run of a client."""

    scenario: str
    spec_version: str
    exit_code: int
    checks: tuple[Check, ...]
    traffic: tuple[str, ...] = field(repr=False)
    output: str = field(repr=False)

    @property
    def passed(self) -> bool:
        """True for a strict pass: exit code 0, something was checked, and nothing failed or warned."""
        statuses = {check.status for check in self.checks}
        return self.exit_code == 0 and "SUCCESS" in statuses and not statuses & {"FAILURE", "WARNING"}

    def explain(self) -> str:
        """Tell what failed and what went over the wire, for the person who has to repair it."""
        failed = [f"{c.status} {c.id}: {c.message}" for c in self.checks if c.status in ("FAILURE", "WARNING")]
        title = f"{self.scenario} at {self.spec_version}: exit code {self.exit_code}"
        return "\n".join([title, *failed, "--- traffic", *self.traffic, "--- harness", self.output[-3000:]])


def conformance(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the harness with the Node that was installed beside it, and end all of it at the time limit."""
    command = [str(MODULES / ".bin" / "node"), str(MODULES / PACKAGE / "dist" / "index.js"), *arguments]
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            output += f"\nkilled after {RUN_SECONDS} s"
    return subprocess.CompletedProcess(command, process.returncode, output)


def environment() -> dict[str, str]:
    """Give the environment for the harness: without proxies, which cannot reach the loopback interface."""
    proxies = {"http_proxy", "https_proxy", "all_proxy"}
    return {name: value for name, value in os.environ.items() if name.lower() not in proxies}


def installed_version() -> str:
    """Return the version of the harness that is installed."""
    version = json.loads((MODULES / PACKAGE / "package.json").read_text(encoding="utf-8"))["version"]
    return str(version)


def pinned_version() -> str:
    """Return the version of the harness that tests/conformance/package.json asks for."""
    pins = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return str(pins[PACKAGE])


def required_scenarios(spec_version: str) -> list[str]:
    """List the scored client scenarios that a revision of the specification requires."""
    lines = conformance("list", "--requirements", spec_version).stdout.splitlines()
    start = lines.index("Client scenarios (test against a client):") + 1
    end = next(i for i in range(start, len(lines)) if not lines[i].startswith("  - "))
    return [line.removeprefix("  - ") for line in lines[start:end]]


def run_scenario(
    scenario: str,
    spec_version: str,
    folder: Path,
    *,
    client: Sequence[str] = CLIENT,
) -> Verdict:
    """Run one scenario against one client.

    Args:
        scenario: Its name, such as ``auth/metadata-default``.
        spec_version: The revision of the specification whose wire is spoken.
        folder: An empty folder for the harness's own records.
        client: The command of the client; a shell starts it, with the server's URL as its last argument.

    Returns:
        The strict verdict.
    """
    # Without exec the harness would end the shell at the time limit, and wait for the client all the same.
    run = conformance(
        "client",
        *("--command", "exec " + shlex.join(client)),
        *("--scenario", scenario, "--spec-version", spec_version, "--force"),
        *("--timeout", str(CLIENT_SECONDS * 1000), "-o", str(folder)),
        cwd=folder,
    )
    entries = [entry for file in folder.rglob("checks.json") for entry in json.loads(file.read_text("utf-8"))]
    checks = tuple(_check(entry) for entry in entries if entry["status"] != "INFO")
    traffic = tuple(_exchange(entry) for entry in entries if entry["id"] in ("incoming-request", "outgoing-response"))
    return Verdict(scenario, spec_version, run.returncode, checks, traffic, run.stdout)


def _check(entry: dict[str, Any]) -> Check:
    message = entry.get("errorMessage") or entry.get("description") or ""
    return Check(entry["id"], entry["status"], str(message))


def _exchange(entry: dict[str, Any]) -> str:
    arrow = ">" if entry["id"] == "incoming-request" else "<"
    return f"{arrow} {json.dumps(entry.get('details', {}))[:600]}"
