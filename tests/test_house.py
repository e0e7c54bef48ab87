"""The rules of the house that no linter knows: sizes, docstrings, quick imports, and what no file may say."""

from __future__ import annotations

import ast
import importlib
import io
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree

import mcp_oauth_sync

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mcp_oauth_sync"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in FILES}

LINES = 250
# What makes up MCPSession, and fewer lines of code than this.
SESSION, SESSION_LINES = ("session", "operations", "calls", "conversation"), 400
NO_CODE = (
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
)
SLOW = (
    *("argparse", "asyncio", "cryptography", "filelock", "http.server", "hvac", "keyring", "platformdirs"),
    *("jwt", "webbrowser"),
)
# Floors that must stay light however they are imported; they may use these modules inside a function.
LIGHT = ("auth", "exceptions", "models", "protocol", "urls")

# Written in two halves, so that this file may be searched like any other.
HOSTS = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "deb" + "ian.org/deb")
PLACES = ("/wo" + "rk/", "/op" + "t/", "/tm" + "p/w")
WORDS = (
    *("shared/" + "design", "field" + "-notes", "acceptance" + " criteri", "co-authored" + "-by"),
    *("chat" + "gpt", "open" + "ai", "co" + "pilot", "language" + " model", "ai" + "-generated"),
)
# Where the rows of the security matrix have numbers of this form.
MATRIX = ("docs/security/", "tests/test_security_matrix.py")
NUMBERED = re.compile(r"\b(?:AC-\d+|(?:issue|ticket|task) ?#?\d+)\b", re.IGNORECASE)


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def places(find: Callable[[Path], Iterable[ast.AST]], but: str | tuple[str, ...] = ()) -> list[str]:
    """Say where a rule is broken, except in the folders it does not bind."""
    bound = [path for path in FILES if not name(path).startswith(but)]
    return [f"{name(path)}:{getattr(node, 'lineno', 1)}" for path in bound for node in find(path)]


def is_overload(node: ast.AST) -> bool:
    return any("overload" in names_in(decorator) for decorator in getattr(node, "decorator_list", ()))


def names_in(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def public_definitions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Walk modules and public classes; what is inside a function is its own business."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not child.name.startswith("_"):
                yield child
                if isinstance(child, ast.ClassDef):
                    yield from public_definitions(child)
        elif isinstance(child, ast.If | ast.Try):
            yield from public_definitions(child)


def test_every_file_says_what_it_does_and_fits_its_room() -> None:
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in FILES}
    assert [f"{name(path)}: {count} lines" for path, count in lines.items() if count > LINES] == []
    assert [name(path) for path in FILES if not ast.get_docstring(TREES[path])] == []


def lines_of_code(path: Path) -> int:
    """Count the lines that hold code: no blank ones, no comments, no docstrings."""
    described = set[int]()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            described.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    held = set[int]()
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type not in NO_CODE:
            held.update(range(token.start[0], token.end[0] + 1))
    return len(held - described)


def test_a_session_of_mcp_is_small() -> None:
    assert sum(lines_of_code(PACKAGE / "mcp" / f"{room}.py") for room in SESSION) < SESSION_LINES


def test_everything_public_has_a_docstring() -> None:
    def bare(path: Path) -> Iterator[ast.AST]:
        for node in public_definitions(TREES[path]):
            if not ast.get_docstring(node) and not is_overload(node):
                yield node

    assert places(bare) == []


def test_only_the_command_line_and_who_calls_strangers_stores_catches_everything() -> None:
    def blind(path: Path) -> Iterator[ast.AST]:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.ExceptHandler) and (node.type is None or "Exception" in names_in(node.type)):
                yield node

    assert places(blind, but=("cli/", "stores/table.py", "stores/os_keyring/trouble.py", "testing/")) == []


def test_only_the_command_line_and_the_prompts_print() -> None:
    def prints(path: Path) -> Iterator[ast.AST]:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                yield node

    assert places(prints, but=("cli/", "prompts/")) == []


def test_certificates_are_always_verified() -> None:
    def relaxed(path: Path) -> Iterator[ast.AST]:
        return (value for value in verify_settings(TREES[path]) if is_constant(value, False))

    assert places(relaxed) == []


def verify_settings(module: ast.Module) -> Iterator[ast.expr]:
    """Find what is given for ``verify``: as an argument, an attribute, a variable or a key."""
    for node in ast.walk(module):
        if isinstance(node, ast.keyword) and node.arg == "verify":
            yield node.value
        elif isinstance(node, ast.Assign):
            names = [getattr(target, "attr", getattr(target, "id", "")) for target in node.targets]
            yield from [node.value] if "verify" in names else []
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (value for key, value in pairs if is_constant(key, "verify"))


def is_constant(node: ast.AST | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is type(value) and node.value == value


#: The kinds of grant that there are. That of a password and the implicit one are gone (OAuth 2.1 section 10).
GRANTS = {"authorization_code", "refresh_token", "client_credentials"} | {
    f"urn:ietf:params:oauth:grant-type:{kind}" for kind in ("device_code", "jwt-bearer", "token-exchange")
}


def values_of(member: str) -> Iterator[str]:
    """Find what is given for a member of a request; names of constants are followed within the package."""
    bound = [TREES[path] for path in FILES if not name(path).startswith(("cli/demo", "testing/"))]
    constants: dict[str, set[str]] = {}
    for node in (node for tree in bound for node in tree.body if isinstance(node, ast.Assign)):
        if isinstance(node.value, ast.Constant):
            for target in node.targets:
                constants.setdefault(ast.unparse(target), set()).add(str(node.value.value))
    for node in (node for tree in bound for node in ast.walk(tree) if isinstance(node, ast.Dict)):
        for key, value in zip(node.keys, node.values, strict=True):
            if is_constant(key, member):
                said = str(value.value) if isinstance(value, ast.Constant) else ast.unparse(value)
                yield from constants.get(said, {said})


def test_no_persons_password_is_taken_and_no_token_comes_by_the_browser() -> None:
    # Client credentials send the name of their grant.
    assert set(values_of("grant_type")) == GRANTS - {"client_credentials"} | {"self.name"}
    assert set(values_of("response_type")) == {"code"}
    public = [getattr(mcp_oauth_sync, public) for public in mcp_oauth_sync.__all__ if public.endswith("Grant")]
    names = {grant.name for grant in public if grant is not mcp_oauth_sync.Grant}
    assert names == {"client_credentials", "device_code", "enterprise", "jwt_bearer"}


def repository_files() -> list[Path]:
    """List what git knows or would add; in an unpacked sdist, everything."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not {"build", ".venv-tests"} & set(path.parts)]
    return [path for path in paths if path.is_file()]


def test_no_file_names_a_registry_a_machine_or_how_it_was_made() -> None:
    said = []
    for path in repository_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        low = text.lower()
        found = [word for word in (*HOSTS, *WORDS) if word in low]
        found += [place for place in PLACES if re.search(rf"(?<![\w.*-]){re.escape(place)}", text)]
        found += NUMBERED.findall(text)
        if path.relative_to(ROOT).as_posix().startswith(MATRIX):
            found = [word for word in found if not word.startswith("AC-")]
        said += [f"{path.relative_to(ROOT)}: {word}" for word in found]
    assert said == []


def modules_after(imports: str) -> set[str]:
    """Return what a fresh interpreter has loaded after these imports."""
    code = f"import sys, json; {imports}; print(json.dumps(sorted(sys.modules)))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=kept,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def already_loaded() -> set[str]:
    return modules_after("import requests, attrs")


def test_importing_the_library_loads_nothing_but_requests_and_attrs(already_loaded: set[str]) -> None:
    loaded = modules_after("import mcp_oauth_sync; from mcp_oauth_sync import OAuth") - already_loaded
    assert [name for name in SLOW if name in loaded] == []
    foreign = {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert foreign - {"mcp_oauth_sync"} == set()


def test_a_program_that_finds_its_token_in_the_store_does_not_load_what_reads_refusals_and_sends() -> None:
    loaded = modules_after("from mcp_oauth_sync import OAuth")
    assert [room for room in ("challenge", "exchange", "reply") if f"mcp_oauth_sync.protocol.{room}" in loaded] == []


def test_a_session_of_mcp_loads_nothing_else_and_nobody_loads_it_who_does_not_speak_mcp() -> None:
    without, speaking = (
        modules_after("from mcp_oauth_sync import OAuth"),
        modules_after("from mcp_oauth_sync import MCPSession"),
    )
    assert [name for name in without if name.startswith("mcp_oauth_sync.mcp")] == []
    assert "mcp_oauth_sync.mcp.session" in speaking
    assert {name for name in speaking - without if not name.startswith("mcp_oauth_sync.")} == set()
    rarely = ("auth", "authorizer", "handler", "mcp.http_sse", "prompts", "stores")
    assert [name for name in rarely if f"mcp_oauth_sync.{name}" in speaking] == []


@pytest.mark.parametrize("room", LIGHT)
def test_the_lower_floors_load_no_key_store_no_server_and_no_browser(room: str, already_loaded: set[str]) -> None:
    names = [f"mcp_oauth_sync.{room}"]
    module = importlib.import_module(names[0])
    names += [f"{names[0]}.{found.name}" for found in pkgutil.iter_modules(getattr(module, "__path__", []))]
    loaded = modules_after(f"import {', '.join(names)}") - already_loaded
    assert [
        name for name in ("cryptography", "http.server", "hvac", "jwt", "keyring", "webbrowser") if name in loaded
    ] == []


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    for name in mcp_oauth_sync.__all__:
        value = getattr(mcp_oauth_sync, name)
        assert isinstance(value, str) or value.__doc__, name


def rfc_table() -> dict[str, set[str]]:
    """Read the README's table: a row names one RFC or more, and in literals the rooms where it lives."""
    document = publish_doctree(
        (ROOT / "README.rst").read_text(encoding="utf-8"), settings_overrides={"report_level": 5}
    )
    rooms: dict[str, set[str]] = {}
    for table in document.findall(nodes.table):
        head = next(iter(table.findall(nodes.thead)), None)
        if head is None or not head.astext().startswith("RFC"):
            continue
        for row in next(iter(table.findall(nodes.tbody))).findall(nodes.row):
            what, *where = row.findall(nodes.entry)
            names = {literal.astext() for cell in where for literal in cell.findall(nodes.literal)}
            for number in re.findall(r"\b\d{4}\b", what.astext()):
                rooms.setdefault(number, set()).update(names)
    return rooms


def cited_rfcs() -> dict[str, set[str]]:
    """Return, for each room, the RFCs that its docstring cites. A folder's ``__init__`` goes by its name."""
    return {
        name(path).removesuffix(".py").removesuffix("/__init__"): set(
            re.findall(r"RFC (\d{4})", ast.get_docstring(TREES[path]) or "")
        )
        for path in FILES
    }


def test_the_readme_and_the_files_agree_where_each_rfc_lives() -> None:
    table, cited = rfc_table(), cited_rfcs()
    assert table, "README.rst has no table whose first heading is RFC"
    promised = {(number, room) for number, rooms in table.items() for room in rooms}
    wrong = [f"RFC {number} is not in {room}" for number, room in promised if number not in cited.get(room, ())]
    unlisted = [f"RFC {n} in {room}" for room, ns in cited.items() for n in ns if n not in table]
    assert sorted(wrong) + sorted(unlisted) == []
