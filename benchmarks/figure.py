"""One row of the table that ``python -m benchmarks`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs


@attrs.frozen(kw_only=True)
class Figure:
    """What was measured for one row, beside its goal.

    Attributes:
        what: The row.
        ours: What this library takes.
        floor: What a program written by hand on requests takes in the same run; None where there is none.
        peers: What others take, by their names.
        ratio: Ours by the floor, or by what the goal names; None where the row counts.
        unit: Of all of them.
        goal: What is to be reached.
        met: Whether it is.
    """

    what: str
    ours: str
    floor: str | None = None
    peers: Mapping[str, str] = attrs.field(factory=dict)
    ratio: float | None = None
    unit: str = ""
    goal: str
    met: bool


def show(figures: Iterable[Figure]) -> None:
    """Print rows as they come, one script's by itself."""
    for figure in figures:
        beside = "".join(f", {name} {took}" for name, took in {"floor": figure.floor, **figure.peers}.items() if took)
        ratio = "" if figure.ratio is None else f", ratio {figure.ratio:.2f}"
        verdict = "met" if figure.met else "MISSED"
        print(f"{figure.what}: {figure.ours}{beside}{ratio} ({figure.unit}); goal {figure.goal}: {verdict}", flush=True)
