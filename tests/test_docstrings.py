"""Docstrings of public names have the form of the house: what each parameter means, and when what is raised.

That the first line is imperative, and that a list of arguments is complete, is checked by ruff; that names in them
lead somewhere, by the Sphinx build.
"""

from __future__ import annotations

import ast
import builtins
import enum
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import mcp_oauth_sync
import mcp_oauth_sync.mcp
import mcp_oauth_sync.testing
from mcp_oauth_sync import exceptions
from mcp_oauth_sync.models import document

MODULES = (mcp_oauth_sync, exceptions, mcp_oauth_sync.mcp, mcp_oauth_sync.testing)
ERRORS = {*exceptions.__all__, *dir(builtins), *dir(document)}
RAISES = re.compile(r"^Raises:\n((?:    .*\n|\n)+)", re.MULTILINE)


def ours(value: object) -> bool:
    return (getattr(value, "__module__", "") or "").startswith("mcp_oauth_sync")


def public() -> Iterator[tuple[str, Any]]:
    """Give public classes and functions, each once, and their public methods and properties with them."""
    seen: set[object] = set()
    for module in MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            if not (inspect.isclass(value) or inspect.isfunction(value)) or value in seen:
                continue
            seen.add(value)
            yield name, value
            for member, found in inspect.getmembers(value) if inspect.isclass(value) else ():
                function = found.fget if isinstance(found, property) else inspect.unwrap(found)
                function = getattr(function, "__func__", function)
                wanted = not member.startswith("_") and inspect.isfunction(function) and ours(function)
                if wanted and function not in seen:
                    seen.add(function)
                    yield f"{name}.{member}", function


PUBLIC = dict(public())


def said_of(path: str) -> str:
    """Return a docstring; for a method, with those of the methods that it overrides."""
    owner, _, member = path.partition(".")
    if not member:
        return f"{inspect.getdoc(PUBLIC[path])}\n"
    bases = [vars(base)[member] for base in inspect.getmro(PUBLIC[owner]) if member in vars(base)]
    return "\n".join(f"{inspect.getdoc(getattr(base, '__func__', base))}\n" for base in bases)


def explained(path: str, parameter: str) -> bool:
    """Whether the meaning of a parameter is said: in a list of arguments, or in words, there or at the class."""
    said = said_of(path)
    listed = re.search(rf"^    \*{{0,2}}{parameter}: \S", said, re.MULTILINE)
    in_words = f"``{parameter}``" in said + (inspect.getdoc(PUBLIC[path.partition(".")[0]]) or "")
    return bool(listed or (in_words and "Args:" not in said))


def unexplained(path: str) -> list[str]:
    value = PUBLIC[path]
    if inspect.isclass(value) and issubclass(value, enum.Enum | BaseException):
        return []
    wild = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    given = [each for each in inspect.signature(value).parameters.values() if each.kind not in wild]
    given = [each for each in given if each.name not in ("self", "cls")]
    if len(given) == 1 and given[0].default is inspect.Parameter.empty:
        return []
    return [f"{path}: {each.name}" for each in given if not explained(path, each.name)]


def test_public_names_were_found() -> None:
    wanted = "OAuth OAuth.headers TokenManager.save_tokens MCPSession.call_tool OAuthTokens.expires_at ToolError"
    assert set(wanted.split()) <= set(PUBLIC)
    assert len(PUBLIC) > 250


def test_what_each_parameter_means_is_said() -> None:
    """A single parameter that has to be given may be left to the first line; the fields of an error to its class."""
    assert [found for path in PUBLIC for found in unexplained(path)] == []


def test_each_error_is_named_with_its_condition() -> None:
    wrong = []
    for path in PUBLIC:
        for section in RAISES.findall(said_of(path)):
            for line in re.findall(r"^    (\S.*)$", section, re.MULTILINE):
                name, _, condition = line.partition(": ")
                if not condition or (name not in ERRORS and not name.startswith("requests.")):
                    wrong.append(f"{path}: {line}")
    assert wrong == []


def test_what_a_method_raises_itself_is_said() -> None:
    silent = []
    for path, value in PUBLIC.items():
        if inspect.isclass(value) or path.rpartition(".")[2].startswith("test_"):
            continue
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(value)))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                name, said = node.exc.func.id, said_of(path)
                known = name in said or name in ("NotImplementedError",) or "Raises as" in said
                if name in ERRORS and not known:
                    silent.append(f"{path}: {name}")
    assert silent == []
