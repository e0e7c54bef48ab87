"""Examines MCP servers, sign-ins and this machine: what is as it should be, what is not, and which argument helps.

Nobody is signed in and nothing is stored. Each step is a file of checks: pure functions from what was seen to
:class:`Finding` records. :class:`Examination` makes the exchanges, by the same rules as a sign-in, and
:func:`build_trace` tells them without a secret.
"""

from .finding import Finding, Level, Report, Step
from .recording import Seen
from .trace import build_trace
from .walk import Examination

__all__ = ["Examination", "Finding", "Level", "Report", "Seen", "Step", "build_trace"]
