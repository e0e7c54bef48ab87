"""Every figure that the library is held to, beside bare requests and beside others: one table.

    python -m venv build/bench && build/bench/bin/pip install -e '.[bench]'
    build/bench/bin/python -m benchmarks
    build/bench/bin/python -m benchmarks --only round_trips startup --json figures.json --plot figures.svg

Counts come first, then ratios. Instructions are counted with valgrind where it is installed; CPU time is taken
otherwise. Others are run where they are installed in this environment. Exits with 1 when a goal is missed. Each row
comes from a room of this folder that runs alone, too: ``python -m benchmarks.round_trips``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .figure import Figure
from .others import OTHERS, left_out
from .table import document, paragraphs, picture, table, versions

#: Counts first.
ROOMS = ("round_trips", "single_flight", "parallel", "warm", "startup", "memory", "noticed", "stores", "event_stream")
#: Columns of a table that nobody looks at in a terminal.
WIDE = 190


def take(rooms: list[str], console: Console) -> list[Figure]:
    """Take the figures of some rooms, and show how far that is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    taken: list[Figure] = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(rooms))
        for room in rooms:
            progress.update(task, description=room)
            began = time.monotonic()
            for figure in importlib.import_module(f"{__package__}.{room}").figures():
                taken.append(figure)
                progress.update(task, description=f"{room}: {figure.what}")
            progress.advance(task)
            console.print(f"{room}: {time.monotonic() - began:.0f} s", style="dim")
    return taken


def main(arguments: list[str] | None = None) -> int:
    """Take the figures and show them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=ROOMS, metavar="ROW", help=f"some of {', '.join(ROOMS)}")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a picture of the table, in SVG")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON")
    parser.add_argument("--rst", type=Path, metavar="FILE", help="write the table as reStructuredText")
    parser.add_argument("--alone", action="store_true", help="leave other libraries out, which is quicker")
    told = parser.parse_args(arguments)
    if told.alone:
        left_out.update(OTHERS)
    console = Console(stderr=True)
    figures = take([room for room in ROOMS if told.only is None or room in told.only], console)
    out = Console()
    if not out.is_terminal:
        out = Console(width=WIDE)
    out.print(table(figures))
    out.print(", ".join(f"{name} {version}" for name, version in versions().items()), style="dim")
    if told.json:
        told.json.write_text(json.dumps(document(figures), indent=1) + "\n", encoding="utf-8")
    if told.rst:
        told.rst.write_text(paragraphs(figures), encoding="utf-8")
    if told.plot:
        told.plot.write_text(picture(figures), encoding="utf-8")
    missed = [figure.what for figure in figures if not figure.met]
    out.print(f"{len(figures) - len(missed)} of {len(figures)} goals met", style="bold")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
