"""``mcp-oauth-sync client-document``: write a client-id metadata document, or check one that is hosted."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..exceptions import OAuthError, printable
from ..models.client_metadata import ClientMetadata
from ..protocol.client_id_document import (
    DEFAULT_HOSTS,
    DEFAULT_PORTS,
    as_served,
    build_client_document,
    build_loopback_redirects,
)
from ..urls import without_query
from .as_json import show_json
from .output import data, say

#: Bytes of the largest file of keys that is read.
_LARGEST_KEYS = 64 * 1024


def run(options: argparse.Namespace) -> int:
    """Do either."""
    return _write(options) if options.check is None else _check(options.check, as_document=options.json)


def _write(options: argparse.Namespace) -> int:
    given = options.redirect_uri or []
    chosen = options.ports or ([] if given else DEFAULT_PORTS)
    ports = [port for port in chosen if port]  # port 0 stands for any
    loopback = build_loopback_redirects(ports, hosts=options.host or DEFAULT_HOSTS) if chosen or options.host else ()
    document = build_client_document(
        options.url,
        (*loopback, *given),
        client_name=ClientMetadata().client_name if options.name is None else options.name,
        scope=options.scopes,
        client_uri=options.client_uri,
        logo_uri=options.logo_uri,
        jwks=None if options.jwks is None else _keys(Path(options.jwks)),
        jwks_uri=options.jwks_uri,
    )
    text = as_served(document)
    if options.output is None:
        data(text.rstrip("\n"))
    else:
        _save(Path(options.output), text)
    comes_back = ["--port", _ranges(ports)] if ports else ["--redirect-uri", given[0]] if given else []
    checking = shlex.join(["mcp-oauth-sync", "client-document", "--check", options.url])
    using = shlex.join(["mcp-oauth-sync", "auth", "NAME", "SERVER", "--client-document", options.url, *comes_back])
    say(f"Host it at {printable(options.url)} as application/json, then check it: {checking}")
    say(f"Sign in with it: {using}")
    return 0


def _keys(path: Path) -> dict[str, object]:
    """Read a set of public keys.

    Raises:
        OAuthError: It cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            keys = json.loads(file.read(_LARGEST_KEYS))
    except OSError as failure:
        raise OAuthError(f"The file of keys {printable(path)} cannot be read: {failure.strerror}.") from None
    except (ValueError, RecursionError):
        keys = None
    if not isinstance(keys, dict):
        hint = 'It has to hold a JSON object: {"keys": [...]}.'
        raise OAuthError(f"The file {printable(path)} holds no set of keys.", hint=hint)
    return keys


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError as failure:
        raise OAuthError(
            f"The document could not be written to {printable(path)}: {failure.strerror}.",
            hint="Choose another file with --output, or leave it out for standard output.",
        ) from None
    say(f"Written to {printable(path)}.")


def _check(url: str, *, as_document: bool) -> int:
    from ..protocol.client_document_check import fetch_client_document_findings
    from ..protocol.transport import Transport

    findings = fetch_client_document_findings(Transport(), url)
    wrong = [finding for finding in findings if finding.wrong]
    if as_document:
        said = [{"wrong": finding.wrong, "said": finding.said} for finding in findings]
        show_json({"url": without_query(url), "usable": not wrong, "findings": said})
    for finding in [] if as_document else findings:
        data(f"{'wrong' if finding.wrong else 'note'}: {finding.said}")
    if wrong:
        say(f"Authorization servers may refuse the document at {without_query(url)}.")
        return 1
    say(f"The document at {without_query(url)} will do.")
    return 0


def _ranges(ports: Sequence[int]) -> str:
    """Return ports the short way: 8765-8769,9000."""

    def runs() -> Iterator[tuple[int, int]]:
        first = last = ports[0]
        for port in ports[1:]:
            if port != last + 1:
                yield first, last
                first = port
            last = port
        yield first, last

    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs())
