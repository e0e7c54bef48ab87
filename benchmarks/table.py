"""What ``python -m benchmarks`` prints and writes: a table, a document, a picture."""

from __future__ import annotations

import math
import os
import platform
import shutil
from collections.abc import Sequence
from html import escape
from typing import Any

import attrs
from rich.table import Table

from .figure import Figure
from .others import CHUK, MCP, OTHERS, version_of

#: What figures depend on.
PARTS = ("requests", "urllib3", "attrs", "cryptography", "filelock")
#: Who has a dot of a colour of its own in the picture; what others take is in the table.
COLOURS = {"floor": "#9a9a9a", CHUK: "#c8553d", MCP: "#e0a030", "ours": "#1f6f8b"}
LEFT, EDGE, WIDTH, LINE, TOP = 430, 980, 1000, 22, 64


def table(figures: Sequence[Figure]) -> Table:
    """Return the rows as a table."""
    made = Table("row", "ours", "floor", CHUK, MCP, "others", "ratio", "goal", "", show_lines=False)
    for figure in figures:
        others = [f"{name} {took}" for name, took in figure.peers.items() if name not in (CHUK, MCP)]
        made.add_row(
            f"{figure.what} [dim]({escape_markup(figure.unit)})[/]",
            figure.ours,
            figure.floor or "",
            figure.peers.get(CHUK, ""),
            figure.peers.get(MCP, ""),
            "\n".join(others),
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.goal,
            "[green]met[/]" if figure.met else "[red]MISSED[/]",
        )
    return made


def escape_markup(text: str) -> str:
    """Let a text be no markup."""
    return text.replace("[", r"\[")


def versions() -> dict[str, str]:
    """Return what the figures were taken with."""
    found = {"python": platform.python_version(), "system": platform.system(), "cores": str(os.cpu_count())}
    for name in (*PARTS, *OTHERS):
        if (version := version_of(name)) is not None:
            found[name] = version
    return found | {"instructions": "valgrind" if shutil.which("valgrind") else "none: CPU time in their place"}


def document(figures: Sequence[Figure]) -> dict[str, Any]:
    """Return all of it as JSON has it."""
    return {"with": versions(), "rows": [attrs.asdict(figure) for figure in figures]}


def paragraphs(figures: Sequence[Figure]) -> str:
    """Return the table as reStructuredText, and what it was taken with."""
    heads = ("Measured", "ours", "floor", CHUK, MCP, "others", "ratio", "goal")
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 30 9 9 11 9 14 7 11", ""]

    def row(cells: Sequence[str]) -> None:
        lines.extend(f"   {'-' if place else '* -':>3} {cell}".rstrip() for place, cell in enumerate(cells))

    row(heads)
    for figure in figures:
        others = [f"{name} {took}" for name, took in figure.peers.items() if name not in (CHUK, MCP)]
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        mine, theirs = (figure.ours, figure.floor or ""), (figure.peers.get(CHUK, ""), figure.peers.get(MCP, ""))
        goal = figure.goal if figure.met else f"{figure.goal}; **missed**"
        row((f"{figure.what} ({figure.unit})", *mine, *theirs, ", ".join(others), ratio, goal))
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    return "\n".join([*lines, "", f"Taken with: {used}.", ""])


def picture(figures: Sequence[Figure]) -> str:
    """Return a picture in SVG: a line per row, a dot for everybody at the share of the goal that is taken."""
    shares = [figure.shares() for figure in figures]
    drawn = [share for row in shares for name, share in row.items() if name in COLOURS and share != math.inf]
    least, most = min([*drawn, 0.1]), max([*drawn, 10])
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))

    def across(share: float) -> float:
        return LEFT + (math.log10(share) - low) / (high - low) * (EDGE - 40 - LEFT)

    bottom = TOP + LINE * len(figures)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 16}" font-family="sans-serif" '
        'font-size="12">',
        "<title>What everybody takes, as a share of what the goal allows</title>",
        f'<rect width="{WIDTH}" height="{bottom + 16}" fill="#ffffff"/>',
    ]
    at = LEFT
    for name, colour in reversed(COLOURS.items()):
        lines.append(f'<circle cx="{at}" cy="16" r="5" fill="{colour}"/><text x="{at + 10}" y="20">{name}</text>')
        at += 40 + 7 * len(name)
    lines.append(f'<text x="{at}" y="20">x  fails, or asks the person</text>')
    for power in range(low, high + 1):
        at, colour = across(10.0**power), "#333333" if power == 0 else "#e4e4e4"
        label = "the goal" if power == 0 else f"{10.0**power:g} x"
        lines.append(f'<line x1="{at:.1f}" y1="{TOP - 10}" x2="{at:.1f}" y2="{bottom}" stroke="{colour}"/>')
        lines.append(f'<text x="{at:.1f}" y="{TOP - 16}" text-anchor="middle" fill="#333333">{label}</text>')
    for place, (figure, row) in enumerate(zip(figures, shares, strict=True)):
        at = TOP + LINE * place + LINE // 2
        lines.append(f'<text x="8" y="{at + 4}" fill="#111111">{escape(figure.what)}</text>')
        for number, (name, colour) in enumerate(COLOURS.items()):
            said = f"<title>{escape(f'{name}: {figure.cells().get(name)} {figure.unit}')}</title>"
            if row.get(name) == math.inf:
                x = EDGE - 12 * number
                lines.append(f'<text x="{x}" y="{at + 4}" fill="{colour}" font-weight="bold">x{said}</text>')
            elif name in row:
                where = f'cx="{across(row[name]):.1f}" cy="{at}"'
                lines.append(f'<circle {where} r="5" fill="{colour}" fill-opacity="0.9">{said}</circle>')
    return "\n".join([*lines, "</svg>", ""])
