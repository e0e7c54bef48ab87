"""The runner of ``benchmarks/``: what it makes of figures, and one row for real, so that it goes on working."""

from __future__ import annotations

import importlib
import io
import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import attrs
import pytest
from docutils import nodes
from docutils.core import publish_doctree
from rich.console import Console

import benchmarks.__main__ as runner
from benchmarks.figure import Figure, numbers
from benchmarks.others import CHUK, MCP
from benchmarks.table import document, paragraphs, picture, table

ROOT = Path(__file__).resolve().parents[1]
TRIPS = Figure(
    what="a first sign-in",
    ours="6/2/1",
    floor="6/2/1",
    peers={CHUK: "3/1/0, fails", MCP: "12/2/1"},
    unit="round trips",
    goal="6/2/1",
    bound=6,
    met=True,
)
SPEED = Figure(
    what="events <fast>",
    ours="50",
    floor="400",
    peers={"httpx-sse": "100", MCP: "fails"},
    ratio=0.125,
    unit="[k/s] & up",
    goal=">= 200",
    bound=200,
    at_least=True,
    met=False,
)


def written(*figures: Figure) -> str:
    """Return the table as text."""
    out = io.StringIO()
    Console(file=out, width=200).print(table(figures))
    return out.getvalue()


def test_the_table_shows_everybody_the_ratio_the_goal_and_whether_it_is_met() -> None:
    trips, speed = (line for line in written(TRIPS, SPEED).splitlines() if "6/2/1" in line or "400" in line)
    assert [cell.strip() for cell in trips.strip("│").split("│")] == [
        "a first sign-in (round trips)", "6/2/1", "6/2/1", "3/1/0, fails", "12/2/1", "", "", "6/2/1", "met"
    ]  # fmt: skip
    assert [cell.strip() for cell in speed.strip("│").split("│")] == [
        "events <fast> ([k/s] & up)", "50", "400", "", "fails", "httpx-sse 100", "0.12", ">= 200", "MISSED"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "found"), [("6/2/1", [6, 2, 1]), ("0.97", [0.97]), ("3/1/0, fails", [3, 1, 0]), ("fails", [])]
)
def test_a_cell_counts_as_the_numbers_that_it_begins_with(cell: str, found: list[float]) -> None:
    assert numbers(cell) == found


@pytest.mark.parametrize(
    ("cell", "share"), [("1/1/0", 1), ("2/1/0", 2), ("1/3/0", 3), ("0/0/0", 0), ("1/1/1", math.inf)]
)
def test_of_several_counts_the_one_that_takes_most_is_the_share(cell: str, share: float) -> None:
    assert attrs.evolve(TRIPS, ours=cell, goal="1/1/0").shares()["ours"] == share


def test_a_share_is_of_what_the_goal_allows_whether_more_or_less_is_better() -> None:
    assert TRIPS.shares() == {"ours": 1, "floor": 1, CHUK: math.inf, MCP: 2}
    assert SPEED.shares() == {"ours": 4, "floor": 0.5, "httpx-sse": 2, MCP: math.inf}


def test_the_document_holds_every_row_and_what_it_was_taken_with() -> None:
    told = json.loads(json.dumps(document([TRIPS, SPEED])))
    assert [(row["what"], row["ours"], row["ratio"], row["met"]) for row in told["rows"]] == [
        ("a first sign-in", "6/2/1", None, True),
        ("events <fast>", "50", 0.125, False),
    ]
    assert {"python", "cores", "requests", "instructions"} <= set(told["with"])


def test_the_table_is_written_for_the_documentation_with_a_cell_in_every_column() -> None:
    text = paragraphs([TRIPS, SPEED])
    tree = publish_doctree(text, settings_overrides={"halt_level": 2, "report_level": 2})
    rows = [[entry.astext() for entry in row.findall(nodes.entry)] for row in tree.findall(nodes.row)]
    assert rows[1] == ["a first sign-in (round trips)", "6/2/1", "6/2/1", "3/1/0, fails", "12/2/1", "", "", "6/2/1"]
    assert rows[2] == [
        "events <fast> ([k/s] & up)",
        "50",
        "400",
        "",
        "fails",
        "httpx-sse 100",
        "0.12",
        ">= 200; missed",
    ]
    assert "python " in tree.children[-1].astext()


def test_the_picture_is_well_formed_and_has_a_dot_for_everybody_it_names() -> None:
    root = ElementTree.fromstring(picture([TRIPS, SPEED]))
    space = "{http://www.w3.org/2000/svg}"
    titles = [title.text for title in root.findall(f"{space}circle/{space}title")]
    assert titles == [
        "floor: 6/2/1 round trips",
        f"{MCP}: 12/2/1 round trips",
        "ours: 6/2/1 round trips",
        "floor: 400 [k/s] & up",
        "ours: 50 [k/s] & up",
    ]
    crosses = [title.text for title in root.findall(f"{space}text/{space}title")]
    assert crosses == [f"{CHUK}: 3/1/0, fails round trips", f"{MCP}: fails [k/s] & up"]
    across = [
        float(dot.attrib["cx"]) for dot in root.findall(f"{space}circle") if dot.find(f"{space}title") is not None
    ]
    assert across[0] == across[2] < across[1], "the goal, and twice as much"
    assert across[3] < across[0] < across[4], "better, the goal, worse"


@pytest.mark.parametrize(("figures", "status"), [([TRIPS], 0), ([TRIPS, SPEED], 1)])
def test_the_exit_status_tells_a_goal_that_is_missed(
    figures: list[Figure], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def take(rooms: list[str], _: Console) -> list[Figure]:
        asked.extend(rooms)
        return figures

    monkeypatch.setattr(runner, "take", take)
    assert runner.main(["--only", "memory", "round_trips"]) == status
    assert asked == ["round_trips", "memory"], "counts first"
    assert f"1 of {len(figures)} goals met" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="programs are run in terminals of Unix")
@pytest.mark.parametrize("room", runner.ROOMS)
def test_every_room_that_the_runner_names_gives_figures(room: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.{room}").figures)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read where Linux tells it")
def test_one_row_is_taken_for_real_and_the_exit_status_says_whether_its_goal_is_met(tmp_path: Path) -> None:
    figures, plot = tmp_path / "figures.json", tmp_path / "figures.svg"
    command = ["-m", "benchmarks", "--alone", "--only", "memory", "--json", str(figures), "--plot", str(plot)]
    ran = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert figures.exists(), ran.stderr
    [row] = json.loads(figures.read_text())["rows"]
    assert 10 < float(row["floor"]) < float(row["ours"]) < 200
    assert not row["peers"]
    assert ran.returncode == (0 if row["met"] else 1)
    assert f"{int(row['met'])} of 1 goals met" in ran.stdout
    assert "peak memory" in ran.stdout
    assert ElementTree.fromstring(plot.read_text()).tag.endswith("svg")
