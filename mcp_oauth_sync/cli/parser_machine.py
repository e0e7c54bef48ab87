"""The commands about this machine and its shell: ``stores``, ``demo``, ``completion``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .parser_parts import add_command, add_json

if TYPE_CHECKING:
    from .parser_parts import Commands

SHELLS = ("bash", "zsh", "fish")


def add_stores(commands: Commands) -> argparse.ArgumentParser:
    """Add the command that tells where sign-ins are kept, and return its parser."""
    stores = add_command(
        commands,
        "stores",
        what="tell where sign-ins are kept",
        description="Try every store out, and say which one is taken, where it keeps what, and why others cannot be "
        "used.",
        examples="mcp-oauth-sync stores",
        room="list_stores",
    )
    add_json(stores)
    return stores


def add_demo(commands: Commands) -> argparse.ArgumentParser:
    """Add the demo, and return its parser."""
    demo = add_command(
        commands,
        "demo",
        what="see it all at work",
        description="Start a real MCP server with OAuth on this computer, sign in to it, and show what happens.",
        examples="mcp-oauth-sync demo",
    )
    demo.add_argument("--no-browser", action="store_true", help="let the demo play the person, even with a screen")
    return demo


def add_completion(commands: Commands) -> argparse.ArgumentParser:
    """Add the command for the shell's TAB key, and return its parser."""
    completion = add_command(
        commands,
        "completion",
        what="let the shell complete commands and names",
        description="Print what lets a shell complete commands, flags, and the names of sign-ins. It needs the extra "
        "'completion'.",
        examples="""
            mcp-oauth-sync completion bash >> ~/.bashrc
            mcp-oauth-sync completion zsh >> ~/.zshrc
            mcp-oauth-sync completion fish >> ~/.config/fish/config.fish""",
    )
    completion.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))
    return completion
