"""Each example runs as it stands, and prints what was recorded beside this file.

``RECORD_EXAMPLES=1`` records anew: read the difference before it is committed.
"""

from __future__ import annotations

import ast
import io
import os
import re
import signal
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest
import requests

from examples.small_server import running_server
from tests.blocks import ROOT, Block, blocks
from tests.cli.terminal import OBEYED, Terminal, stand_in_browser
from tests.scene import Scene

EXAMPLES = ROOT / "examples"
RECORDED = Path(__file__).parent
#: What the examples share, and no examples themselves.
SHARED = ("demo_server", "small_server")
PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem not in SHARED)
#: Programs that call the server given to them without a person's help, or with another one than a browser's.
OTHERWISE = ("device_code", "headless_service", "own_prompt")
IN_A_BROWSER = [name for name in PROGRAMS if name not in OTHERWISE]
LINES_OF_CODE = 80
COLUMNS = 80
NO_CODE = (
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
)
# What differs from run to run: where the server listens, the code to enter, the address to open.
VOLATILE = (
    (re.compile(r"(http://127\.0\.0\.1:)\d+(/authorize\?)\S+"), r"\1PORT\2..."),
    (re.compile(r"127\.0\.0\.1(:|%3a)\d+"), r"127.0.0.1\1PORT"),
    (re.compile(r"(?<=The code )[A-Z]{6}"), "ABCDEF"),
)

pytestmark = pytest.mark.demo


def masked(text: str) -> str:
    for pattern, stands_for in VOLATILE:
        text = pattern.sub(stands_for, text)
    return text


def agrees_with_record(name: str, printed: str) -> None:
    """Compare what was printed with the record, line by line."""
    record = RECORDED / f"{name}.txt"
    if os.environ.get("RECORD_EXAMPLES"):
        record.write_text(masked(printed), encoding="utf-8")
    assert masked(printed).splitlines() == record.read_text(encoding="utf-8").splitlines()


def environment(temporary: Path) -> dict[str, str]:
    """Return an environment with an empty folder, and with a proxy that reaches nobody."""
    temporary.mkdir(exist_ok=True)
    told = {"PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8", "http_proxy": "http://127.0.0.1:1"}
    return {**os.environ, **told, "TMPDIR": str(temporary)}


def left_in(temporary: Path, home: Path) -> list[str]:
    """Return the files that an example left behind."""
    return [path.name for folder in (temporary, home) for path in folder.rglob("*")]


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_runs_where_nobody_is_prints_what_was_recorded_and_leaves_nothing(
    name: str, tmp_path: Path, home: Path
) -> None:
    temporary = tmp_path / "temporary"
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(temporary),
        start_new_session=True,  # the terminal of who runs the tests is not there
        cwd=tmp_path,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    printed = done.stdout.decode()
    agrees_with_record(name, printed)
    assert left_in(temporary, home) == []
    assert OBEYED.findall(printed) == []
    assert [line for line in masked(printed).splitlines() if len(line) > COLUMNS] == []
    assert re.findall(r"[A-Za-z0-9_-]{24,}", masked(printed)) == []  # what a secret looks like


@pytest.mark.parametrize("name", IN_A_BROWSER)
def test_an_example_signs_in_with_a_browser_at_a_server_that_is_named(name: str, tmp_path: Path) -> None:
    """At one that knows nothing of the demo's tools, and whose tokens live long."""
    variable, opened = stand_in_browser(tmp_path, "allow")
    settings = {"BROWSER": variable, "TMPDIR": str(tmp_path), "PYTHONWARNINGS": "error"}
    with Scene() as scene:
        program = [sys.executable, str(EXAMPLES / f"{name}.py")]
        with Terminal(scene.url, program=program, environment=settings, out=True, cwd=tmp_path) as terminal:
            assert terminal.end() == 0, terminal.screen + terminal.output.decode()
        assert (scene.az.exchanges, scene.az.violations, scene.mcp.violations) == (1, [], [])
        signs_out = name != "mcp_session"  # which keeps the sign-in
        assert (len(scene.asked("/revoke")) > 0) is signs_out
    assert len(opened.read_text().splitlines()) == 1
    assert "is played" not in terminal.output.decode()
    assert list(tmp_path.glob("example-*")) == []


def test_with_a_browser_the_persons_own_is_used(tmp_path: Path) -> None:
    variable, opened = stand_in_browser(tmp_path, "allow")
    program = [sys.executable, str(EXAMPLES / "basic_mcp_oauth.py")]
    with Terminal(program=program, environment={"BROWSER": variable}, out=True, cwd=tmp_path) as terminal:
        assert terminal.end() == 0, terminal.screen
    played = ("Nobody can be asked here", "  [browser]")
    recorded = (RECORDED / "basic_mcp_oauth.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in recorded if not line.startswith(played)]
    assert terminal.output.decode().splitlines() == wanted
    assert len(opened.read_text().splitlines()) == 1


def test_a_person_who_says_no_gets_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    variable, _ = stand_in_browser(tmp_path, "deny")
    settings = {"BROWSER": variable, "TMPDIR": str(tmp_path)}
    program = [sys.executable, str(EXAMPLES / "basic_mcp_oauth.py")]
    with Terminal(program=program, environment=settings, out=True, cwd=tmp_path) as terminal:
        assert terminal.end() == 1
    assert re.search(r"(?m)^error: .*access_denied", terminal.screen)
    assert "Traceback" not in terminal.screen
    assert list(tmp_path.glob("example-*")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_example_that_is_stopped_leaves_nothing(number: signal.Signals, tmp_path: Path, home: Path) -> None:
    temporary = tmp_path / "temporary"
    program = [sys.executable, str(EXAMPLES / "device_code.py")]
    with Terminal(program=program, environment=environment(temporary), cwd=tmp_path) as terminal:
        terminal.address()  # it waits for a person who enters a code
        assert left_in(temporary, home) != []
        terminal.process.send_signal(number)
        assert terminal.end() == 130
    assert "Traceback" not in terminal.screen
    assert left_in(temporary, home) == []


@pytest.mark.parametrize("arguments", [["--help"], ["http://127.0.0.1:1/mcp", "more"]], ids=["flag", "two"])
def test_what_an_example_cannot_use_is_answered_with_its_usage(arguments: list[str]) -> None:
    program = [sys.executable, EXAMPLES / "basic_mcp_oauth.py", *arguments]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"usage: python \S+basic_mcp_oauth\.py \[URL\]\n", done.stderr)


def test_a_server_that_is_not_there_gets_one_line() -> None:
    for name in ("basic_mcp_oauth", "authenticated_requests"):
        program = [sys.executable, EXAMPLES / f"{name}.py", "http://127.0.0.1:1/mcp"]
        done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert re.match(r"error: .+", done.stderr)
        assert "Traceback" not in done.stderr


# A command line of one's own


def oauth_cli(*arguments: str, store: Path, browser: str = "") -> tuple[int, str, str]:
    program = [sys.executable, str(EXAMPLES / "oauth_cli.py"), "--store", str(store)]
    with Terminal(*arguments, program=program, environment={"BROWSER": browser}, out=True) as terminal:
        status = terminal.end()
    return status, terminal.output.decode(), terminal.screen


def test_the_command_line_keeps_a_sign_in_from_one_command_to_the_next(tmp_path: Path) -> None:
    variable, _ = stand_in_browser(tmp_path, "allow")
    store = tmp_path / "kept"
    with Scene() as scene:
        assert oauth_cli("login", "notes", scene.url, store=store, browser=variable)[:2] == (
            0,
            "Signed in to notes.\n",
        )
        assert oauth_cli("list", store=store) == (0, "notes: signed in\n", "")
        status, listed, _ = oauth_cli("tools", "notes", store=store)
        assert (status, listed) == (0, "echo: Say it again.\nwhoami: Say who asks.\nwrite_note: Keep a note.\n")
        assert scene.az.exchanges == 1
        assert oauth_cli("logout", "notes", store=store) == (0, "Signed out of notes.\n", "")
    assert oauth_cli("tools", "nowhere", store=store)[0] == 2


def test_the_command_line_says_by_its_status_that_a_person_is_needed(tmp_path: Path) -> None:
    with Scene() as scene:
        program = [sys.executable, EXAMPLES / "oauth_cli.py", "--store", tmp_path / "kept", "login", "n", scene.url]
        done = subprocess.run(
            program, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")


# What they bring along


def test_the_small_server_knows_one_service_by_its_secret() -> None:
    with running_server(("nightly-job", "the secret")) as url:
        token = url.removesuffix("mcp") + "token"
        form = {"grant_type": "client_credentials"}
        ways = [("nightly-job", "the secret"), ("nightly-job", "another"), ("somebody", "the secret")]
        answers = [requests.post(token, data=form, auth=way, timeout=10) for way in ways]
        good = {"Authorization": f"Bearer {answers[0].json()['access_token']}"}
        message = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
        assert requests.post(url, json=message, headers=good, timeout=10).json()["id"] == 7
        assert requests.post(url, json=message, timeout=10).status_code == 401
    assert [answer.status_code for answer in answers] == [200, 401, 401]


# What they are made of


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_is_short(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    described = set[int]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            described.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    held = set[int]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            held.update(range(token.start[0], token.end[0] + 1))
    assert len(held - described) <= LINES_OF_CODE
    assert ast.get_docstring(ast.parse(text))


# The page about them


def page() -> list[Block]:
    return blocks(EXAMPLES / "README.rst")


def test_the_page_lists_every_file_of_the_folder_once() -> None:
    text = (EXAMPLES / "README.rst").read_text(encoding="utf-8")
    there = {path.name for path in EXAMPLES.iterdir() if path.is_file()} - {"README.rst"}
    named = re.findall(r"^``([\w.]+)``", text, re.MULTILINE)
    assert sorted(named) == sorted(there)


def test_the_page_shows_how_each_example_is_run_and_what_it_prints() -> None:
    commands = [block.code for block in page() if "sh" in block.languages]
    for name in PROGRAMS:
        assert [line for code in commands for line in code.splitlines() if f"examples/{name}.py" in line], name
    shown = [block for block in page() if "text" in block.languages]
    assert len(shown) >= len(PROGRAMS)
    records = [path.read_text(encoding="utf-8") for path in RECORDED.glob("*.txt")]
    assert [block.code for block in shown if not any(block.code in record for record in records)] == []


def test_every_record_is_of_an_example() -> None:
    assert sorted(path.stem for path in RECORDED.glob("*.txt")) == sorted([*PROGRAMS, "notebook"])
