"""What no trace may show, not even a piece of it: the secrets of the user, and what the user is called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from ..models.options import SignInOptions
from ..models.record import ServerRecord

_VARIABLES = ("MCP_OAUTH_SYNC_PASSWORD MCP_OAUTH_SYNC_EXPORT_PASSWORD MCP_OAUTH_SYNC_CLIENT_SECRET VAULT_TOKEN").split()


def private_texts(
    url: str | None, options: SignInOptions, record: ServerRecord | None, *, name: str | None
) -> tuple[str, ...]:
    """Return every text that is private to the user.

    Args:
        url: The MCP server, as the user gave it; None when no server is asked.
        options: What a sign-in would be told.
        record: What is kept of the sign-in; None when nothing is.
        name: What the sign-in is called; None when it has no name of its own.
    """
    found = [
        *_of_url(url),
        *_of_options(options),
        *(_of_record(record) if record else ()),
        *(os.environ.get(variable) for variable in _VARIABLES),
        None if name is not None and "://" in name else name,
    ]
    return tuple(dict.fromkeys(str(text) for text in found if text))


def _of_url(url: str | None) -> Iterator[str]:
    if url is None:
        return
    try:
        parts = urlsplit(url)
        yield from (text for text in (parts.username, parts.password) if text)
        yield parts.fragment
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            yield from (value, "" if value else name)
        yield unquote(parts.query)
    except ValueError:
        yield url


def _of_options(options: SignInOptions) -> Iterator[str | None]:
    yield from (options.client_secret, options.initial_access_token, options.client_id)
    yield from options.authorize_params.values()
    yield from options.token_params.values()
    for headers in options.oauth_headers.values():
        yield from headers.values()


def _of_record(record: ServerRecord) -> Iterator[str | None]:
    tokens, client = record.tokens, record.registration
    if tokens is not None:
        yield from (tokens.access_token, tokens.refresh_token)
    if client is not None:
        yield from (client.client_secret, client.registration_access_token, client.client_id)
    yield from (line for line in (record.dpop_key or "").splitlines() if not line.startswith("-----"))
