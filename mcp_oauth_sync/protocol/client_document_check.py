"""Whether a client-id metadata document would be accepted: what it says, and how it is served.

draft-ietf-oauth-client-id-metadata-document-00 sections 3, 4.1 and 6.6; MCP client registration; RFC 7591 section 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from ..exceptions import DiscoveryError, InsecureURLError, printable
from ..models.document import Document, MalformedDocument, text, texts
from ..models.option_rules import require_document_url
from ..urls import loopback_host, require_redirect, require_secure, without_query
from .reply import SECRET_MEMBERS, Reply, TransportFailure
from .transport import Transport

_WHAT = "client-id metadata document"
#: Bytes after which an authorization server may stop to read. Draft section 6.6.
LARGEST = 5 * 1024
#: What a document must not hold, whatever it is. Draft section 4.1.
_FORBIDDEN = sorted({*SECRET_MEMBERS, "client_secret_expires_at"})
_PRIVATE_PARTS = frozenset("d p q dp dq qi oth k".split())


@attrs.frozen
class Finding:
    """One thing about a document.

    Attributes:
        said: What it is, with nothing in it that a terminal obeys.
        wrong: Whether a server will refuse the document for it; False for what is better done otherwise.
    """

    said: str
    wrong: bool = True


def check_client_document(document: Document, url: str, *, size: int = 0) -> tuple[Finding, ...]:
    """Say what is wrong with a document.

    Args:
        document: The JSON object.
        url: Where it is, or is going to be.
        size: Its bytes as served; 0 when it is not served yet.

    Returns:
        What was found; nothing for a document that will do.
    """
    found = (_about_url, _about_names, _about_redirects, _about_authentication, _about_keys, _about_the_rest)
    findings = [finding for about in found for finding in about(document, url)]
    if size > LARGEST:
        findings.append(Finding(f"it has {size} bytes, and authorization servers need not read more than {LARGEST}"))
    return tuple(findings)


def fetch_client_document_findings(http: Transport, url: str) -> tuple[Finding, ...]:
    """Fetch a document as an authorization server does, and say what is wrong with it or with how it is served.

    Args:
        http: The transport.
        url: Where it is.

    Raises:
        InsecureURLError: The URL may not be contacted.
        DiscoveryError: No answer came.
    """
    try:
        reply = http.send("GET", url, what=_WHAT)
    except TransportFailure as failure:
        raise DiscoveryError(
            f"The {_WHAT} could not be fetched from {without_query(url)}: {failure.message}.",
            hint=failure.hint or "Check the URL and the network.",
            url=url,
        ) from None
    served = tuple(_about_serving(reply))
    document = reply.json_object() if reply.status == 200 else None
    return served if document is None else (*served, *check_client_document(document, url, size=len(reply.body)))


def _about_serving(reply: Reply) -> Iterator[Finding]:
    if 300 <= reply.status < 400:
        target = without_query(reply.headers.get("location", "nowhere"))
        yield Finding(f"it redirects to {target} (HTTP {reply.status}), and authorization servers follow no redirect")
        return
    if reply.status != 200:
        yield Finding(f"it is not there: {reply.describe()}")
        return
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        shown = printable(kind, 60) or "nothing in particular"
        yield Finding(f"it is served as {shown}, not as application/json (raw files of code forges often are)")
    if reply.body.startswith(b"\xef\xbb\xbf"):
        yield Finding("it begins with a byte order mark, which JSON must not")
    if reply.json_object() is None:
        yield Finding("it is no JSON object")


def _about_url(document: Document, url: str) -> Iterator[Finding]:
    try:
        query = require_document_url(url, "client identifier").query
    except InsecureURLError as refused:
        yield Finding(refused.message)
    else:
        if query:
            yield Finding("its URL has a query, which it should not have", wrong=False)
    named = document.get("client_id")
    if named is None:
        yield Finding("client_id is missing; it has to be the URL of the document")
    elif named != url:
        yield Finding(f"client_id is {printable(named)!r}, not the URL of the document, {printable(url)!r}")


def _about_names(document: Document, _: str) -> Iterator[Finding]:
    name = document.get("client_name")
    if not isinstance(name, str) or not name.strip():
        yield Finding("client_name is missing: people are asked to trust a program without a name")
    for member in ("client_uri", "logo_uri", "policy_uri", "tos_uri"):
        where = document.get(member)
        if where is None:
            continue
        try:
            require_secure(where if isinstance(where, str) else "", member)
        except InsecureURLError as refused:
            yield Finding(refused.message, wrong=False)


def _about_redirects(document: Document, _: str) -> Iterator[Finding]:
    try:
        uris = texts(document, "redirect_uris")
    except MalformedDocument as defect:
        yield Finding(f"{defect}")
        return
    if not uris:
        yield Finding("redirect_uris is missing: nobody could be sent back")
        return
    for uri in uris:
        try:
            require_redirect(uri)
        except InsecureURLError as refused:
            yield Finding(refused.message)
    if not any(loopback_host(uri) for uri in uris):
        yield Finding("no redirect URI is on the loopback interface: sign-ins need redirect_uri=", wrong=False)


def _about_authentication(document: Document, _: str) -> Iterator[Finding]:
    for member in _FORBIDDEN:
        if member in document:
            yield Finding(f"it holds {member}: everybody can read it, so nothing in it can be a secret")
    method = document.get("token_endpoint_auth_method")
    if method is None:
        what = "token_endpoint_auth_method is missing, which stands for client_secret_basic: say none"
        yield Finding(what, wrong=False)
    elif not isinstance(method, str) or method.startswith("client_secret"):
        yield Finding(f"token_endpoint_auth_method is {printable(method, 40)!r}: there is no secret to share")
    elif method == "private_key_jwt" and not (document.get("jwks") or document.get("jwks_uri")):
        yield Finding("private_key_jwt needs the public key: jwks or jwks_uri is missing")


def _about_keys(document: Document, _: str) -> Iterator[Finding]:
    keys, where = document.get("jwks"), document.get("jwks_uri")
    if keys is not None and where is not None:
        yield Finding("it has both jwks and jwks_uri, where only one may be")
    if where is not None:
        try:
            require_secure(where if isinstance(where, str) else "", "jwks_uri")
        except InsecureURLError as refused:
            yield Finding(refused.message)
    if keys is None:
        return
    listed = keys.get("keys") if isinstance(keys, Mapping) else None
    if not isinstance(listed, list) or not listed or not all(isinstance(key, Mapping) for key in listed):
        yield Finding("jwks is no set of keys: an object with a list of objects, keys")
        return
    if any(_PRIVATE_PARTS & set(key) or key.get("kty") == "oct" for key in listed):
        yield Finding("jwks holds a private or a symmetric key: it is known to everybody now, make a new one")


def _about_the_rest(document: Document, _: str) -> Iterator[Finding]:
    try:
        grants = texts(document, "grant_types") or ("authorization_code",)
        answers = texts(document, "response_types") or ("code",)
        text(document, "scope")
    except MalformedDocument as defect:
        yield Finding(f"{defect}")
        return
    if "authorization_code" not in grants:
        yield Finding("grant_types lacks authorization_code", wrong=False)
    if "refresh_token" not in grants:
        yield Finding("grant_types lacks refresh_token: people will have to sign in again and again", wrong=False)
    if "code" not in answers:
        yield Finding("response_types lacks code", wrong="authorization_code" in grants)
