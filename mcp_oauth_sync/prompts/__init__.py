"""How a person is asked to sign in.

The parts that need a web server or a browser are loaded when a person is really asked.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .base import Prompt
from .listener import Listener
from .refuse import NoPrompt

if TYPE_CHECKING:
    from .browser import BrowserPrompt
    from .callback import CallbackPrompt

__all__ = ["BrowserPrompt", "CallbackPrompt", "Listener", "NoPrompt", "Prompt", "choose_prompt"]


def __getattr__(name: str) -> object:
    """Load a prompt when it is first named."""
    if name == "BrowserPrompt":
        from .browser import BrowserPrompt

        return BrowserPrompt
    if name == "CallbackPrompt":
        from .callback import CallbackPrompt

        return CallbackPrompt
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def somebody_there() -> bool:
    """Tell whether a person sits in front of this process: at a terminal or in a notebook."""
    for stream in (sys.stdin, sys.stderr):
        try:
            if stream is not None and stream.isatty():
                return True
        except (AttributeError, ValueError):  # a stand-in for a stream, or a closed one
            continue
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(getattr(shell, "get_ipython", lambda: None)(), "kernel")


def choose_prompt() -> Prompt:
    """Return the default prompt for this process: the browser with somebody there, else :class:`NoPrompt`."""
    if not somebody_there():
        return NoPrompt()
    from .browser import BrowserPrompt

    return BrowserPrompt()
