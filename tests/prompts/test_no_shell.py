"""How an address gets to a browser, as the interpreter itself reports it: as one argument of a program, by no shell."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "mcp_oauth_sync"
#: An address as hostile as one may be that is still opened.
ADDRESS = "https://login.example.com/authorize?a=b&calc.exe&x=%s&y=%action&--z=~/*"
CHILD = """
import json, sys
heard = []
def hear(event, given):
    if event.startswith(("os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.startfile", "subprocess.Popen")):
        heard.append([event, repr(given[0]), [str(part) for part in given[1]] if len(given) > 1 else []])
from mcp_oauth_sync.prompts import browser
sys.addaudithook(hear)
browser._open(sys.argv[1])
print(json.dumps(heard))
"""
SHELLS = {"os.system", "os.popen", "os.startfile", "subprocess.getoutput", "subprocess.getstatusoutput"}


@pytest.mark.parametrize("found", ["BROWSER", "xdg-open", "firefox"])
def test_an_address_is_one_argument_of_a_program_and_no_shell_is_started(tmp_path: Path, found: str) -> None:
    recorder, record = tmp_path / found.lower(), tmp_path / "record"
    recorder.write_text(f"#!{sys.executable}\nimport sys\nopen({str(record)!r}, 'a').write(repr(sys.argv[1:]) + '\\n')")
    recorder.chmod(0o755)
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= {"BROWSER": f"{recorder} %s"} if found == "BROWSER" else {"DISPLAY": ":0"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, ADDRESS], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    heard = json.loads(done.stdout)
    opened = [part for _, _, parts in heard for part in parts if "login.example.com" in part]
    assert {event for event, _, _ in heard} <= {"subprocess.Popen", "os.posix_spawn"}
    assert opened, heard
    assert {Path(ast.literal_eval(program)).name for _, program, _ in heard} <= {"xdg-settings", recorder.name}, heard
    (arguments,) = [ast.literal_eval(line) for line in record.read_text().splitlines()]
    assert [part for part in arguments if "://" in part] == [opened[0]]
    assert opened[0].startswith("https://login.example.com/authorize?a=b&calc.exe&x=%s&y=")


def test_no_room_has_a_way_to_a_shell() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in SHELLS:
                found.append(f"{path.name}:{node.lineno}")
            if isinstance(node, ast.keyword) and node.arg == "shell" and not isinstance(node.value, ast.Attribute):
                found.append(f"{path.name}:{node.value.lineno}")
    assert found == []
