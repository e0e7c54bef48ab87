"""Values made safe to paste where everybody can read them: secrets and identifiers become fingerprints.

What is not known to be harmless is not shown: only members, parameters and headers that are named here are, and of
those only what looks neither random nor like the address of somebody's own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from ..exceptions import printable
from ..models.shown import WINDOW
from ..protocol.challenge import parse_challenges
from ..urls import origin

#: Characters from which on a value can be told by a piece of its hash; of a shorter one that could be guessed.
_LONG = 16
#: A number below which it is nobody's identifier.
_SMALL = 100_000
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^\s'\"<>,;()]+")
_WORD = re.compile(r"[A-Za-z0-9_\-+/=~%]{16,}")
_RUN = "[a-z]{1,20}"
_WORDS = re.compile(rf"[A-Z]?{_RUN}(?:[-_./:]{_RUN})*|[A-Z]{{1,20}}(?:_[A-Z]{{1,20}})*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,60}")
_ERROR = re.compile(r"[a-z_]{1,40}")
_PART = re.compile(r"[A-Za-z0-9_.\-~:]{1,60}")
# Members of RFC 9728, RFC 8414, OpenID Connect Discovery, RFC 7591 and errors whose values say nothing of a person.
_SHOWN = frozenset(
    "resource authorization_servers bearer_methods_supported resource_signing_alg_values_supported "
    "dpop_signing_alg_values_supported dpop_bound_access_tokens_required tls_client_certificate_bound_access_tokens "
    "scopes_supported issuer authorization_endpoint token_endpoint registration_endpoint revocation_endpoint "
    "introspection_endpoint device_authorization_endpoint pushed_authorization_request_endpoint userinfo_endpoint "
    "end_session_endpoint jwks_uri response_types_supported response_modes_supported grant_types_supported "
    "code_challenge_methods_supported token_endpoint_auth_methods_supported subject_types_supported "
    "token_endpoint_auth_signing_alg_values_supported revocation_endpoint_auth_methods_supported "
    "introspection_endpoint_auth_methods_supported id_token_signing_alg_values_supported "
    "authorization_response_iss_parameter_supported client_id_metadata_document_supported "
    "require_pushed_authorization_requests redirect_uris grant_types response_types application_type "
    "token_endpoint_auth_method scope jsonrpc method error protocolVersion supportedVersions".split()
)
_SCHEMES = frozenset("bearer dpop basic digest negotiate ntlm mutual".split())
_CHALLENGED = frozenset("error scope resource_metadata algs authorization_uri".split())
_HEADERS = (
    "content-type content-length date server location www-authenticate retry-after allow cache-control "
    "dpop-nonce mcp-protocol-version content-encoding via"
).split()


def fingerprint(value: str) -> str:
    """Return what tells two values apart without telling either: the length, and a piece of the hash of a long one."""
    if len(value) < _LONG:
        return f"<{len(value)} characters>"
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"<{len(value)} characters, sha256 {digest}>"


def looks_random(word: str) -> bool:
    """Tell whether a word looks made by a machine: it is long, and not made of words in letters of one case."""
    return len(word) >= _LONG and not _WORDS.fullmatch(word)


def safe_url(url: str) -> str:
    """Return a URL without user information, fragment and values of its query; random parts are fingerprints."""
    try:
        parts = urlsplit(url)
        shown = origin(url) if parts.netloc else f"{parts.scheme}:"
    except ValueError:
        return fingerprint(url)
    if not re.fullmatch(r"[a-z][a-z0-9+.\-]*:(?://[a-z0-9_.\-]+(?::\d+)?|//\[[0-9a-f:.]+\](?::\d+)?)?", shown):
        return fingerprint(url)
    path = "/".join(_safe_part(part) for part in parts.path.split("/"))
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = "&".join(f"{_safe_part(name)}=..." if value else "..." for name, value in pairs)
    return f"{shown}{path}" + (f"?{query}" if parts.query else "")


def _safe_part(part: str) -> str:
    harmless = not part or (_PART.fullmatch(part) and not looks_random(part))
    return part if harmless else fingerprint(part)


def safe_text(text: str, private: Sequence[str] = ()) -> str:
    """Return text in which URLs are safe and words that look random are fingerprints.

    Args:
        text: Our own words, with values in them.
        private: What must not be readable, not even a piece of it.
    """
    text = printable(text, 2000)
    for value in private:
        text = text.replace(value, fingerprint(value)) if len(value) >= WINDOW else text
    shown = _URL.sub(lambda found: safe_url(found[0]), text)
    shown = _WORD.sub(lambda found: fingerprint(found[0]) if looks_random(found[0]) else found[0], shown)
    return "<not shown>" if holds_piece(shown, private) else shown


def holds_piece(text: str, private: Sequence[str]) -> bool:
    """Tell whether a piece of something private can be read in a text: eight of its characters in a row."""
    pieces = (secret[at : at + WINDOW] for secret in private for at in range(len(secret) - WINDOW + 1))
    return any(piece in text for piece in pieces)


def safe_document(document: object, *, member: str | None = None, depth: int = 8) -> object:
    """Return a JSON document in which only what is known to be harmless is shown.

    Args:
        document: The document, or a part of it.
        member: The member that it is the value of; None for the whole.
        depth: How many levels are shown.
    """
    if isinstance(document, Mapping):
        if member not in (None, "error", "result", "params") or not depth:
            return f"<{len(document)} members>"
        return {
            _safe_name(str(name)): safe_document(value, member=str(name), depth=depth - 1)
            for name, value in document.items()
        }
    if document is None or isinstance(document, bool):
        return document
    if member in ("code", "id") and isinstance(document, int) and abs(document) < _SMALL:
        return document  # a code of JSON-RPC is a number; one of OAuth is a secret text
    if isinstance(document, Sequence) and not isinstance(document, str):
        if not depth:
            return f"<{len(document)} values>"
        return [safe_document(value, member=member, depth=depth - 1) for value in document[:100]]
    if member not in _SHOWN:
        return fingerprint(str(document)) if isinstance(document, str) else f"<{type(document).__name__}>"
    text = str(document)
    if member == "error":
        return _safe_error(text)
    return safe_url(text) if "://" in text else safe_text(text)


def _safe_error(text: str) -> str:
    return text if _ERROR.fullmatch(text) else fingerprint(text)


def _safe_name(name: str) -> str:
    return name if _NAME.fullmatch(name) and not looks_random(name) else fingerprint(name)


def safe_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an answer that help, their values made safe.

    Args:
        headers: All headers, names in lower case.
    """
    return {name: _safe_header(name, headers[name]) for name in _HEADERS if name in headers}


def _safe_header(name: str, value: str) -> str:
    if name == "www-authenticate":
        return safe_challenge(value)
    if name == "location":
        return safe_url(value) if "://" in value else _safe_path(value)
    return fingerprint(value) if name == "dpop-nonce" else safe_text(value)


def _safe_path(value: str) -> str:
    return safe_url(f"https://x{'' if value.startswith('/') else '/'}{value}").removeprefix("https://x")


def safe_challenge(header: str) -> str:
    """Return a challenge with its scheme and the parameters that are known; of all else, how long it is."""
    shown = []
    for scheme, parameters in parse_challenges([header]):
        told = [_safe_parameter(name, value) for name, value in parameters.items()]
        shown.append(f"{scheme if scheme in _SCHEMES else fingerprint(scheme)} {', '.join(told)}".strip())
    return "; ".join(shown) or fingerprint(header)


def _safe_parameter(name: str, value: str) -> str:
    if name == "error":
        return f'error="{_safe_error(value)}"'
    if name in _CHALLENGED:
        return f'{name}="{safe_text(value)}"'
    return f"{_safe_name(name)}={fingerprint(value)}"
