"""Who gets the tokens: a person is asked for them, or a grant without a person brings them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models.options import SignInOptions
from .asking import Asking
from .held import Held

if TYPE_CHECKING:
    from ..grants.base import Grant
    from ..prompts import Prompt


def asking_for(held: Held, options: SignInOptions, prompt: Prompt | None, grant: Grant | None) -> Asking:
    """Return what gets tokens by a grant: from a person, or without one.

    Args:
        held: The sign-in.
        options: The caller's choices.
        prompt: How a person is asked; None chooses by what this process is when one is needed.
        grant: How tokens are obtained; None sends a person to the authorization server.
    """
    if grant is None or grant.interactive:
        return Asking(held, options, prompt, grant)
    from .unattended import Unattended  # what only programs without a person need

    return Unattended(held, options, grant)
