"""What a text may be painted as at a terminal: styles by the names that rich has for them."""

from __future__ import annotations

GOOD, DOUBTFUL, BAD = "green", "yellow", "red"
#: What stands apart without a colour of its own.
FAINT, STRONG = "dim", "bold"
PLAIN = ""
