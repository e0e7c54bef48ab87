"""The code blocks of README.rst and the documentation: what they are, and how they are run.

A block that cannot be run says why in a comment above it (``.. not run: reason``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import attrs
from docutils import nodes
from docutils.core import publish_doctree

from .cli.terminal import Terminal, stand_in_browser

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
EXAMPLE = "https://mcp.example.com"
NOT_RUN = "not run:"
# Each block is a file of its own to the interpreter, and sees what those before it have named.
RUNNER = """
import json, sys
names = {"__name__": "__main__"}
for number, block in enumerate(json.load(open(sys.argv[1])), 1):
    print("block", number, flush=True)
    exec(compile(block, f"block {number}", "exec"), names)
print("the end", flush=True)
"""


@attrs.frozen(kw_only=True)
class Block:
    """A literal block.

    Attributes:
        languages: What ``code-block`` was given; empty for a bare literal block.
        code: The text.
        section: The title above it.
        reason: Why it is not run; None where it is.
    """

    languages: frozenset[str]
    code: str
    section: str
    reason: str | None


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return the blocks of a page in these languages, or all, in order.

    What only Sphinx knows is passed over.
    """
    settings = {"report_level": 5, "halt_level": 5}
    document = publish_doctree(page.read_text(encoding="utf-8"), str(page), settings_overrides=settings)
    found = []
    for block in document.findall(nodes.literal_block):
        classes = frozenset(block["classes"]) - {"code"}
        if isinstance(block.parent, nodes.system_message) or (languages and not classes & set(languages)):
            continue
        place = block.parent.index(block)
        before = block.parent[place - 1] if place else None
        said = before.astext() if isinstance(before, nodes.comment) else ""
        reason = said.removeprefix(NOT_RUN).strip() if said.startswith(NOT_RUN) else None
        found.append(Block(languages=classes, code=block.astext(), section=title_of(block, document), reason=reason))
    return found


def title_of(block: nodes.Node, document: nodes.document) -> str:
    """Return the title of the section a block is in."""
    above: nodes.Node | None = block
    while above is not None and not isinstance(above, nodes.section):
        above = above.parent
    titles = (above or document).findall(nodes.title)
    return next((title.astext() for title in titles), "")


def runnable(page: Path, *, section: str | None = None) -> list[str]:
    """Return the Python of a page, or of one section, that is run."""
    found = blocks(page, "python")
    return [block.code for block in found if block.reason is None and section in (None, block.section)]


def at(url: str, *, example: str = EXAMPLE) -> dict[str, str]:
    """Return what makes the example server this one, its WebSockets included.

    Args:
        url: Scheme, host and port of the server.
        example: What stands in the text.
    """
    return {example: url, example.replace("http", "ws", 1): url.replace("http", "ws", 1)}


@attrs.frozen(kw_only=True)
class Ran:
    """How blocks ran.

    Attributes:
        printed: The lines that each printed.
        opened: The addresses that the browser was given.
        screen: What the terminal showed.
    """

    printed: list[list[str]]
    opened: list[str]
    screen: str


def run_python(
    code: Iterable[str],
    folder: Path,
    *,
    replaced: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
    typed: Iterable[tuple[str, str]] = (),
    ca: Path | None = None,
    follow: Callable[[Terminal], object] | None = None,
) -> Ran:
    """Run blocks one after the other in a fresh interpreter, with a person at a terminal and a browser.

    Args:
        code: The blocks.
        folder: Where to run, and to put what is needed for it.
        replaced: What to put in the place of what stands in the text.
        environment: Further variables.
        typed: Patterns to wait for on standard output, and what to type then.
        ca: A certificate authority that the browser trusts; None trusts no private one.
        follow: What the person does at the terminal meanwhile; None does nothing.
    """
    listed = list(code)
    for old, new in replaced.items():
        listed = [block.replace(old, new) for block in listed]
    program, given = folder / "runner.py", folder / "blocks.json"
    program.write_text(RUNNER)
    given.write_text(json.dumps(listed))
    variable, opened = stand_in_browser(folder, "allow", ca=ca)
    python = [sys.executable, str(program), str(given)]
    with Terminal(
        program=python, environment={"BROWSER": variable, **(environment or {})}, out=True, cwd=folder
    ) as terminal:
        for question, keys in typed:
            terminal.read_until(question, output=True)
            terminal.press(keys)
        if follow is not None:
            follow(terminal)
        status = terminal.end()
    printed: list[list[str]] = []
    for line in terminal.output.decode().splitlines():
        if line == f"block {len(printed) + 1}":
            printed.append([])
        else:
            printed[-1].append(line)
    assert (status, printed[-1][-1:], len(printed)) == (0, ["the end"], len(listed)), terminal.screen
    printed[-1].pop()
    addresses = opened.read_text().splitlines() if opened.exists() else []
    return Ran(printed=printed, opened=addresses, screen=terminal.screen)
