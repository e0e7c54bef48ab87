"""The flags of ``mcp-oauth-sync doctor``. Nothing heavy is loaded here: ``--help`` is quick."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .auth_flags import MET_HALFWAY, WHO_ASKS, add_auth_flags
from .parser_parts import add_command, add_json

if TYPE_CHECKING:
    from .parser_parts import Commands

#: Where the trace goes that is given no file.
STANDARD_OUTPUT = "-"


def add_doctor(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to those there are, and return its parser."""
    doctor = add_command(
        commands,
        "doctor",
        what="find out what stands in the way of a sign-in",
        description="Walk through a sign-in step by step, without signing in, and say what is not as it should be and "
        "which flag helps. The flags of 'auth' may be given to see what they change.",
        examples="""
            mcp-oauth-sync doctor https://mcp.example.com/mcp
            mcp-oauth-sync doctor notion --trace report.txt""",
    )
    doctor.add_argument("what", metavar="URL|NAME", nargs="?", help="an MCP server, or a sign-in")
    doctor.add_argument("--offline", action="store_true", help="ask no server: the sign-in and this machine only")
    doctor.add_argument("--register", action="store_true", help="try a registration; the client stays there")
    add_json(doctor, "print what was found as JSON")
    doctor.add_argument(
        "--trace",
        metavar="FILE",
        nargs="?",
        const=STANDARD_OUTPUT,
        help="write a report without secrets, to be pasted into an issue (default: standard output)",
    )
    add_auth_flags(doctor, only=(WHO_ASKS, MET_HALFWAY))
    return doctor
