"""The example notebook: nothing in it but what a person reads and runs, and every cell runs."""

from __future__ import annotations

import os
import re

import nbformat
import pytest

from tests.servers import AuthorizationServer, McpServer, Person

from .kernel import Kernel, Ran
from .wire import ROOT

EXAMPLE = ROOT / "examples" / "notebook.ipynb"
RECORD = ROOT / "tests" / "examples" / "notebook.txt"


def cells() -> list[str]:
    """Return the code of its cells."""
    return [cell.source for cell in nbformat.read(EXAMPLE, 4).cells if cell.cell_type == "code"]


def test_the_example_holds_no_outputs_and_names_no_place_of_whoever_wrote_it() -> None:
    notebook = nbformat.read(EXAMPLE, 4)
    nbformat.validate(notebook)
    assert [cell.outputs for cell in notebook.cells if cell.cell_type == "code"] == [[]] * len(cells())
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [None] * len(cells())
    assert not re.search(r"(?<![\w:/.])/\w+/|[A-Z]:\\", "\n".join(cells()))


def told(ran: list[Ran]) -> str:
    """Return what each cell shows to who reads it, without what differs from run to run."""
    names = [cell.id for cell in nbformat.read(EXAMPLE, 4).cells if cell.cell_type == "code"]
    lines = []
    for name, cell in zip(names, ran, strict=True):
        lines += [f"[{name}]", *[plain for _, _, plain in cell.outputs if plain], *cell.printed.splitlines()]
    text = re.sub(r"(http://127\.0\.0\.1:)\d+(/authorize\?)\S+", r"\1PORT\2...", "\n".join(lines))
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)


@pytest.mark.kernel
def test_the_example_runs_against_a_server_given(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    kernel.run(f"import os; os.environ['MCP_SERVER_URL'] = {mcp.mcp_url!r}")
    ran = [kernel.run(cell, follow=person.in_thread) for cell in cells()]
    kernel.run("del os.environ['MCP_SERVER_URL']")
    person.join()
    assert [cell.error for cell in ran] == [None] * 4
    assert [len(cell.links) for cell in ran] == [0, 1, 0, 0]
    assert ran[1].plain[-1] == "<Response [200]>"
    assert ran[3].plain == ["True"]
    assert (az.exchanges, len(az.requests("/revoke")) > 0, az.violations, mcp.violations) == (1, True, [], [])


@pytest.mark.kernel
@pytest.mark.demo
def test_the_example_runs_without_a_server_of_your_own(kernel: Kernel, person: Person) -> None:
    ran = [kernel.run(cell, follow=person.in_thread) for cell in cells()]
    kernel.run("demo.close(); os.environ['MCP_OAUTH_SYNC_BACKEND'] = 'encrypted_file'")
    person.join()
    assert [cell.error for cell in ran] == [None] * 4
    assert ran[1].plain[-1] == "<Response [200]>"
    assert "list_notes" in ran[2].printed
    assert ran[3].plain == ["True"]
    if os.environ.get("RECORD_EXAMPLES"):
        RECORD.write_text(told(ran) + "\n", encoding="utf-8")
    assert told(ran).splitlines() == RECORD.read_text(encoding="utf-8").splitlines()
