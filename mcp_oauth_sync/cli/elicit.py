"""Asking the person at this terminal what an MCP server wants to know from them. MCP Elicitation.

What is asked goes to standard error: standard output is for data. Nothing is opened or sent without a yes.
"""

from __future__ import annotations

import sys

from ..mcp.elicitation import Elicitation, ElicitationReply
from ..mcp.form import FieldValue
from ..mcp.page_address import shown_host, unlinked
from ..prompts.browser import open_beside
from ..prompts.surroundings import browser_at_hand
from .elicit_fields import ask_field, shown_value
from .elicit_keys import NobodyAnswers, choose, forget_typed, wait_for_enter
from .output import say, wrapped


def ask_in_terminal(asked: Elicitation) -> ElicitationReply:
    """Ask the person, and return what they say.

    Ctrl-D and Ctrl-C cancel. Where there is no terminal to read from and to write to, nobody is asked.

    Args:
        asked: What the server asks.

    Returns:
        The fields of a form, as they were shown to the person last; True once they have been to a page; False when
        they decline; None when they cancel, or nobody was asked.
    """
    if not at_terminal():
        say("The MCP server asks for an answer, and there is no terminal to ask you at: it is told that you cancel.")
        return None
    say(f"\n{asked}")
    forget_typed()
    try:
        return _ask_form(asked) if asked.url is None else _ask_page(asked.url)
    except (KeyboardInterrupt, NobodyAnswers):
        say("\nCancelled.")
        return None


def at_terminal() -> bool:
    """Tell whether a person can read the question and type the answer."""
    try:
        return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
    except ValueError:  # closed
        return False


def _ask_page(url: str) -> bool:
    opens = browser_at_hand()
    question = "Open this page in your browser?" if opens else "Will you open this page in a browser, on any device?"
    if choose(f"{question} [y/N]", "yn", default="n") == "n":
        return False
    if opens:
        open_beside(url)
    wait_for_enter("Press Enter when you are done there.")
    return True


def _ask_form(asked: Elicitation) -> dict[str, FieldValue | None] | bool:
    say(wrapped("Do not enter passwords or other secrets here: the server should not ask for them in this way."))
    if choose("Answer? [Y/d] (d declines, Ctrl-D cancels)", "yd", default="y") == "d":
        return False
    answers: dict[str, FieldValue | None] = dict(asked.defaults)
    while True:
        for number, field in enumerate(asked.fields, start=1):
            say(f"\n({number} of {len(asked.fields)})")
            answers[field.name] = ask_field(field, answers.get(field.name))
        say(f"\nThis is sent to {shown_host(asked.server_url)}:")
        for field in asked.fields:
            value = answers[field.name]
            say(f"  {unlinked(field.title)}: {'(left out)' if value is None else shown_value(field, value)}")
        if not asked.fields:
            say("  nothing but that you agree")
        said = choose("Send this? [Y/n/d] (n changes it, d declines, Ctrl-D cancels)", "ynd", default="y")
        if said != "n":
            return answers if said == "y" else False
