"""What the library stands on: the oldest releases that setup.cfg allows, and what is known against any of it.

Run by tests/run::

    python -m tests.supply floors      prints the oldest releases, as pip takes them
    python -m tests.supply advisories  looks for published advisories; where the data cannot be reached, says so
"""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
NAME = "mcp-oauth-sync"
#: What users install; the others serve whoever works on the library.
EXTRAS = ("completion", "demo", "jwt", "vault")


def required(*extras: str) -> list[Requirement]:
    """Return what setup.cfg asks for, with the extras named."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lists = [config["options"]["install_requires"], *(config["options.extras_require"][extra] for extra in extras)]
    return [Requirement(line) for text in lists for line in text.splitlines() if line]


def floors(*extras: str) -> dict[str, str]:
    """Return the oldest release allowed of each, by name."""
    found = {}
    for requirement in required(*extras):
        (floor,) = (part.version for part in requirement.specifier if part.operator in (">=", "~=", "=="))
        found[canonicalize_name(requirement.name)] = floor
    return found


def installed(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Return the installed release of each, and of all that they need in turn, by name."""
    found: dict[str, str] = {}
    waiting = [(requirement, {""}) for requirement in requirements]
    seen = set()
    while waiting:
        requirement, asked = waiting.pop()
        name = canonicalize_name(requirement.name)
        wanted = any(requirement.marker is None or requirement.marker.evaluate({"extra": extra}) for extra in asked)
        if not wanted or (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        package = metadata.distribution(name)
        found[name] = package.version
        extras = requirement.extras or {""}
        waiting += [(Requirement(line), extras) for line in package.requires or ()]
    return found


def advisories(releases: dict[str, str]) -> tuple[list[str], int]:
    """Look releases up.

    Returns:
        A line for each advisory, and of how many releases the data could be reached.

    Raises:
        RuntimeError: The tool failed by itself.
    """
    with tempfile.TemporaryDirectory() as folder:
        wanted, said = Path(folder, "releases.txt"), Path(folder, "said.json")
        wanted.write_text("".join(f"{name}=={release}\n" for name, release in sorted(releases.items())))
        tool = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off"]
        done = subprocess.run(
            [*tool, "--format=json", f"--output={said}", f"--requirement={wanted}"],
            capture_output=True,
            text=True,
            timeout=300,
        )
        if not said.exists():
            raise RuntimeError(done.stderr.strip())
        reached = [one for one in json.loads(said.read_text())["dependencies"] if "skip_reason" not in one]
    lines = [
        f"{one['name']} {one['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'no release'}"
        for one in reached
        for fault in one["vulns"]
    ]
    return lines, len(reached)


def look_up() -> int:
    """Look up what is installed and what may be; return the exit code."""
    exit_code = 0
    for what, releases in (
        ("installed", installed(required(*EXTRAS))),
        ("the oldest allowed", floors(*EXTRAS)),
    ):
        try:
            found, reached = advisories(releases)
        except RuntimeError as failure:
            reason = str(failure).splitlines()[-1:] or ["it said nothing"]
            print(f"   {what}: not looked up, pip-audit failed: {reason[0]}")
            continue
        if not reached:
            print(f"   {what}: not looked up, the package index gives no advisories here")
        elif not found:
            print(f"   {what}: none known of {reached} of {len(releases)} releases")
        for line in found:
            print(f"error: {what}: {line}", file=sys.stderr)
            exit_code = 1
    return exit_code


def main(what: str) -> int:
    """Do as the file says; return the exit code."""
    if what == "advisories":
        return look_up()
    print("\n".join(f"{name}=={release}" for name, release in floors("completion", "jwt", "vault").items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
