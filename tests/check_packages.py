"""Look into the built wheel and sdist: what has to be in them, and what must not.

Run by tests/run: ``python tests/check_packages.py FOLDER``.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path


def faults_of_wheel(path: Path) -> list[str]:
    """Say what is wrong with a wheel, a line for each fault."""
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        metadata = next(wheel.read(n).decode() for n in names if n.endswith(".dist-info/METADATA"))
    tops = {name.split("/")[0] for name in names}
    info = next(top for top in tops if top.endswith(".dist-info"))
    faults = [f"holds {top}" for top in sorted(tops - {"mcp_oauth_sync", info})]
    wanted = ["mcp_oauth_sync/py.typed", "mcp_oauth_sync/__main__.py", f"{info}/entry_points.txt"]
    faults += [f"lacks {name}" for name in wanted if name not in names]
    if not any(name.startswith(f"{info}/") and name.endswith("LICENSE") for name in names):
        faults.append("lacks LICENSE")
    here = {p.as_posix() for p in Path("mcp_oauth_sync").rglob("*.py")}
    faults += [f"lacks {name}" for name in sorted(here - set(names))]
    faults += [f"holds {name}" for name in sorted(n for n in names if n.endswith(".py")) if name not in here]
    lines = metadata.split("\n\n", 1)[0].splitlines()
    for line in ("Name: mcp-oauth-sync", "Requires-Python: >=3.10", "Description-Content-Type: text/x-rst"):
        if line not in lines:
            faults.append(f"has no metadata line {line!r}")
    return faults


def faults_of_sdist(path: Path) -> list[str]:
    """Say what is wrong with an sdist, a line for each fault."""
    with tarfile.open(path) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = ["LICENSE", "README.rst", "CHANGELOG.rst", "setup.cfg", "mcp_oauth_sync/py.typed", "tests/run"]
    faults = [f"lacks {name}" for name in wanted if name not in names]
    faults += [f"holds {name}" for name in sorted(names) if name.startswith(("build", ".venv"))]
    return faults


def main(folder: str) -> int:
    """Check the one wheel and the one sdist of a folder; return the exit code."""
    (wheel,), (sdist,) = Path(folder).glob("*.whl"), Path(folder).glob("*.tar.gz")
    faults = [f"{wheel.name} {fault}" for fault in faults_of_wheel(wheel)]
    faults += [f"{sdist.name} {fault}" for fault in faults_of_sdist(sdist)]
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
