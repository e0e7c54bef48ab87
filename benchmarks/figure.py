"""One row of the table that ``python -m benchmarks`` prints."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import attrs


@attrs.frozen(kw_only=True)
class Figure:
    """What was measured for one row, beside its goal.

    Attributes:
        what: The row.
        ours: What this library takes, or how fast it is.
        floor: What a program written by hand on requests takes in the same run; None where there is none.
        peers: What others take, by their names.
        ratio: Ours by the floor, or by what the goal names; None where the row counts.
        unit: Of all of them.
        goal: What is to be reached.
        bound: The same as a number, in this unit: the first of them where there are several counts.
        at_least: Whether more is better.
        met: Whether it is reached.
    """

    what: str
    ours: str
    floor: str | None = None
    peers: Mapping[str, str] = attrs.field(factory=dict)
    ratio: float | None = None
    unit: str = ""
    goal: str
    bound: float
    at_least: bool = False
    met: bool

    def cells(self) -> dict[str, str]:
        """Return what is known of everybody, by name."""
        return {"ours": self.ours, **({} if self.floor is None else {"floor": self.floor}), **self.peers}

    def shares(self) -> dict[str, float]:
        """Return how much of what the goal allows everybody takes: of several counts, the one that takes most.

        It is infinite for who fails, or does what the goal does not allow at all.
        """
        return {name: self._share(cell) for name, cell in self.cells().items()}

    def _share(self, cell: str) -> float:
        found = numbers(cell)
        if not found or cell.endswith("fails"):
            return math.inf
        if self.at_least:
            return self.bound / found[0]
        allowed = numbers(self.goal) if "/" in cell else [self.bound]
        return max(mine / most if most else math.inf for mine, most in zip(found, allowed, strict=True) if mine or most)


def numbers(cell: str) -> list[float]:
    """Return the numbers that a cell begins with, which slashes divide."""
    found = re.match(r"[\d./]*", cell)
    return [float(one) for one in found[0].split("/")] if found and found[0] else []


def show(figures: Iterable[Figure]) -> None:
    """Print rows as they come, one script's by itself."""
    for figure in figures:
        beside = "".join(f", {name} {took}" for name, took in figure.cells().items() if name != "ours")
        ratio = "" if figure.ratio is None else f", ratio {figure.ratio:.2f}"
        verdict = "met" if figure.met else "MISSED"
        print(f"{figure.what}: {figure.ours}{beside}{ratio} ({figure.unit}); goal {figure.goal}: {verdict}", flush=True)
