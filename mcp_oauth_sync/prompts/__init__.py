"""How a person is asked to sign in.

The parts that need a web server or a browser are loaded when a person is really asked.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .base import Prompt
from .listener import Listener
from .refuse import NoPrompt
from .surroundings import at_terminal, browser_reaches_person, in_notebook

if TYPE_CHECKING:
    from .browser import BrowserPrompt
    from .callback import CallbackPrompt
    from .console import ConsolePrompt
    from .notebook import NotebookPrompt

__all__ = [
    "BrowserPrompt",
    "CallbackPrompt",
    "ConsolePrompt",
    "Listener",
    "NoPrompt",
    "NotebookPrompt",
    "Prompt",
    "choose_prompt",
]

_ROOMS = {
    "BrowserPrompt": "browser",
    "CallbackPrompt": "callback",
    "ConsolePrompt": "console",
    "NotebookPrompt": "notebook",
}


def __getattr__(name: str) -> object:
    """Load a prompt when it is first named."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_ROOMS[name]}", __name__), name)


def choose_prompt(*, accept_bare_code: bool = False) -> Prompt:
    """Return the default prompt for this process.

    In a notebook :class:`NotebookPrompt`, at a terminal with a browser :class:`BrowserPrompt`, at any other terminal
    (SSH, a container) :class:`ConsolePrompt`, and where nobody is there :class:`NoPrompt`.

    Args:
        accept_bare_code: Whether a prompt that reads what is pasted takes a code alone, without its state.
    """
    if in_notebook():
        from .notebook import NotebookPrompt

        return NotebookPrompt(accept_bare_code=accept_bare_code)
    if not at_terminal():
        return NoPrompt()
    if browser_reaches_person():
        from .browser import BrowserPrompt

        return BrowserPrompt(accept_bare_code=accept_bare_code)
    from .console import ConsolePrompt

    return ConsolePrompt(accept_bare_code=accept_bare_code)
