"""``mcp-oauth-sync token NAME``: an access token, for a pipe. RFC 6750 section 5.3."""

from __future__ import annotations

import argparse
import shlex

from ..exceptions import OAuthError
from .as_json import show_json
from .moments import as_utc
from .output import data
from .silent import refuse_terminal, silent_sign_in


def run(options: argparse.Namespace) -> int:
    """Print the token and nothing else, unless JSON is wanted."""
    refuse_terminal(options, "An access token")
    auth, record = silent_sign_in(options)
    if record.tokens is not None and record.tokens.bound:
        profile = [] if options.profile is None else ["--profile", options.profile]
        again = shlex.join(["mcp-oauth-sync", "headers", options.name, "--method", "POST", *profile])
        raise OAuthError(
            "The token is bound to a key (DPoP): alone it is of no use.",
            hint=f"Each request needs a proof of its own, which 'headers' makes: {again}",
        )
    token_type, _, token = auth.headers()["Authorization"].partition(" ")
    if options.json:
        expires_at = as_utc(auth.tokens.expires_at) if auth.tokens else None
        show_json({"access_token": token, "token_type": token_type, "expires_at": expires_at})
    else:
        data(token)
    return 0
