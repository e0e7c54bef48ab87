"""Where one authorization server is met halfway: named, off by default, kept with the sign-in, shown to the person."""

from __future__ import annotations

import attrs

from .document import Document, flag, text


@attrs.frozen(kw_only=True)
class Switches:
    """What one sign-in does not insist on, or was told by hand; all of it is for the issuer of that sign-in only.

    Attributes:
        assume_pkce: PKCE is used though the metadata does not promise it.
        allow_missing_iss: An answer without the promised ``iss`` is taken.
        no_resource: No ``resource`` is sent.
        resource: The ``resource`` sent instead of the published one; None sends that one.
        expected_resource: A published resource accepted although it is another one than the server's URL.
        metadata_url: Where the authorization server's metadata is; None looks at the well-known places.
        issuer: The authorization server that the caller named where the MCP server named none.
    """

    assume_pkce: bool = False
    allow_missing_iss: bool = False
    no_resource: bool = False
    resource: str | None = None
    expected_resource: str | None = None
    metadata_url: str | None = None
    issuer: str | None = None

    def __bool__(self) -> bool:
        """Tell whether any is on."""
        return self != NO_SWITCHES

    def to_record(self) -> dict[str, object]:
        """Return those that are on, as plain values."""
        return attrs.asdict(self, filter=lambda _, value: bool(value))

    @classmethod
    def from_record(cls, document: Document) -> Switches:
        """Rebuild from :meth:`to_record`.

        Raises:
            MalformedDocument: A member has a wrong type.
        """
        flags = {name: flag(document, name) for name in ("assume_pkce", "allow_missing_iss", "no_resource")}
        texts = {name: text(document, name) for name in ("resource", "expected_resource", "metadata_url", "issuer")}
        return cls(**flags, **texts)  # type: ignore[arg-type]


#: Nothing is relaxed.
NO_SWITCHES = Switches()
