"""What came back from an endpoint, and how to read it. RFC 6749 sections 5.1 and 5.2."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any
from urllib.parse import parse_qsl

import attrs

from ..exceptions import OAuthError, printable
from ..models.document import Document
from ..models.secret import Secret

#: Members of answers whose values are wrapped before anything else sees them.
SECRET_MEMBERS = frozenset(
    "access_token refresh_token id_token client_secret registration_access_token device_code code".split()
)
#: Largest body, before and after decompression, that is read from an endpoint.
MAX_BODY = 1024 * 1024
#: Longest Retry-After that is believed, in seconds.
MAX_RETRY_AFTER = 3600.0

# What is as long as a secret may be, and no word. A server may repeat what it was sent, or answer with half a token.
_LIKE_A_SECRET = r"[^\s\"'<>(){}\[\],;:=&]{8,}"
_WORD = r"(?=.{1,16}$)[^\W\d_]+(?:['-][^\W\d_]+)*[.!?]*"


class TransportFailure(OAuthError):
    """No usable answer came: the network, TLS, a time limit or a size limit.

    Attributes:
        sent: False when the request certainly never reached the server.
    """

    sent = True


@attrs.frozen(kw_only=True)
class Reply:
    """One answer of an endpoint.

    Attributes:
        url: The URL that was asked.
        status: The HTTP status.
        headers: The response headers, names in lower case.
        body: The decoded body; never shown by ``repr``.
    """

    url: str
    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)

    def json_object(self) -> Document | None:
        """Return the body as a JSON object, or None when it is anything else."""
        try:
            document = json.loads(self.body.decode("utf-8-sig"), object_hook=_wrapped)
        except (ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) else None

    def fields(self) -> Document | None:
        """Return a JSON object or, from servers that ignore ``Accept``, a form-encoded body; else None."""
        document = self.json_object()
        if document is not None:
            return document
        if "x-www-form-urlencoded" not in self.headers.get("content-type", "") and not re.match(
            rb"[a-z_]+=[^\s<{]*(&|$)", self.body
        ):
            return None
        try:
            return _wrapped(dict(parse_qsl(self.body.decode("ascii"), max_num_fields=50))) or None
        except ValueError:
            return None

    def oauth_error(self) -> tuple[str | None, str | None]:
        """Return the error code and its description, both printable, None where absent. RFC 6749 section 5.2."""
        document = self.fields() or {}
        code, description = document.get("error"), document.get("error_description")
        return (
            printable(code, 80) if isinstance(code, str) and code else None,
            printable(description) if isinstance(description, str) and description else None,
        )

    def retry_after(self) -> float | None:
        """Return the seconds of ``Retry-After``, at most an hour; None when absent or senseless. RFC 9110 s10.2.3."""
        value = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,9}", value):
            return min(float(value), MAX_RETRY_AFTER)
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time()
        except (ValueError, TypeError, OverflowError):
            return None
        return min(max(seconds, 0.0), MAX_RETRY_AFTER)

    def describe(self) -> str:
        """Return status and kind of the answer for a message; never the body."""
        if self.json_object() is not None:
            code, description = self.oauth_error()
            said = ": ".join(part for part in (code, description) if part)
            return f"HTTP {self.status}" + (f" ({said})" if said else "")
        text = self.body[:4096].decode("utf-8", "replace")
        title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
        if title or re.match(r"\s*<(!doctype|html)", text, re.IGNORECASE):
            server = printable(self.headers.get("server", "an unnamed server"), 40)
            named = f" titled {printable(title.group(1), 60)!r}" if title and title.group(1).strip() else ""
            gateway = ", perhaps a gateway that blocks programs" if self.status in (403, 429, 503) else ""
            return f"HTTP {self.status}, an HTML page{named} from {server}{gateway}"
        prose = not re.search(r'[={"]', text)
        excerpt = printable(re.sub(_LIKE_A_SECRET, _hidden if prose else "...", text), 80)
        return f"HTTP {self.status}, no JSON" + (f": {excerpt!r}" if excerpt and self.status >= 400 else "")


def _hidden(found: re.Match[str]) -> str:
    return found[0] if re.fullmatch(_WORD, found[0]) else "..."


def _wrapped(document: dict[str, Any]) -> dict[str, Any]:
    for member in SECRET_MEMBERS.intersection(document):
        if isinstance(document[member], str):
            document[member] = Secret(document[member])
    return document


def decoded(body: bytes, encoding: str) -> bytes:
    """Undo a content encoding that was never asked for, within the size limit. RFC 9110 section 8.4.

    Raises:
        TransportFailure: The encoding is unknown, damaged, or hides too much.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity") or not body:
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise TransportFailure(f"the body has an encoding that was not asked for ({printable(encoding, 40)})")
    inflate = zlib.decompressobj(47)  # gzip or zlib, by the header
    try:
        plain = inflate.decompress(body, MAX_BODY + 1)
    except zlib.error:
        raise TransportFailure("the compressed body is damaged") from None
    if len(plain) > MAX_BODY:
        raise TransportFailure(f"the body is larger than {MAX_BODY} bytes")
    if not inflate.eof:
        raise TransportFailure("the compressed body is cut short")
    return plain
