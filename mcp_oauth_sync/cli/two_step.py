"""``auth NAME URL --start`` and ``--finish``: the two halves of a sign-in, in two processes."""

from __future__ import annotations

import argparse
import shlex
import time

from .. import OAuth
from ..exceptions import InvalidRedirectError, OAuthError
from ..models.pending import LIFETIME
from ..models.redirect import MAX_REDIRECT
from ..models.tokens import OAuthTokens
from ..prompts.pasted import read_pasted
from .as_json import show_json
from .auth_flags import in_flags
from .moments import as_utc
from .output import data, say
from .reading import read_text


def start(auth: OAuth, options: argparse.Namespace) -> int:
    """Print the address that a person has to open."""
    lifetime = getattr(options, "sign_in_timeout", LIFETIME)
    try:
        started = auth.start_sign_in(lifetime=lifetime)
    except OAuthError as error:
        error.hint = in_flags(error.hint)
        raise
    if options.json:
        show_json({"name": options.name, "url": started.url, "expires_at": as_utc(time.time() + lifetime)})
    else:
        data(started.url)
    profile = [] if options.profile is None else ["--profile", options.profile]
    public = ["--public-only"] if options.public_only else []
    command = shlex.join(["mcp-oauth-sync", "auth", options.name, options.url, "--finish", *profile, *public])
    say(f"Open that address in any browser, within {lifetime / 60:.4g} min. It ends on an address that may not load.")
    say(f"Copy that one, and give it to: {command}")
    return 0


def finish(auth: OAuth) -> OAuthTokens:
    """Read the address that the browser ended on, and complete the sign-in.

    Raises:
        OAuthError: It could not be completed; the subclass says why.
    """
    redirect = read_text("The address the browser ended on: ", longest=MAX_REDIRECT)
    pasted = read_pasted(redirect, state="")
    if pasted.redirect is None:
        what = "is not the answer of a sign-in" if redirect else "held nothing"
        raise InvalidRedirectError(f"Standard input {what}; nothing was sent.", hint=pasted.complaint)
    return auth.finish_sign_in(pasted.redirect)
