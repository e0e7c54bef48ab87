"""Where one authorization server is met halfway: named, off by default, kept with the sign-in, shown to the person."""

from __future__ import annotations

import attrs

from ..exceptions import printable
from ..urls import shown_url, without_query
from .document import Document, flag, text, texts


@attrs.frozen(kw_only=True)
class Switches:
    """What one sign-in does not insist on, or was told by hand; all of it is for the issuer of that sign-in only.

    ``str()`` names those that are on, as the arguments of :class:`~mcp_oauth_sync.OAuth` that set them.

    Attributes:
        assume_pkce: PKCE is used though the metadata does not promise it.
        allow_missing_iss: An answer without the promised ``iss`` is taken.
        no_resource: No ``resource`` is sent.
        resource: The ``resource`` sent instead of the published one; None sends that one.
        expected_resource: A published resource accepted although it is another one than the server's URL.
        metadata_url: Where the authorization server's metadata is; None looks at the well-known places.
        issuer: The authorization server that the caller named where the MCP server named none.
        scopes: What is asked for instead of what the server names; None follows the server.
        extra_scopes: What is asked for besides.
        no_offline_access: ``offline_access`` is not added.
    """

    assume_pkce: bool = False
    allow_missing_iss: bool = False
    no_resource: bool = False
    resource: str | None = None
    expected_resource: str | None = None
    metadata_url: str | None = attrs.field(default=None, repr=shown_url)
    issuer: str | None = None
    scopes: tuple[str, ...] | None = None
    extra_scopes: tuple[str, ...] = ()
    no_offline_access: bool = False

    def __bool__(self) -> bool:
        """Tell whether any is on."""
        return self != NO_SWITCHES

    def __str__(self) -> str:
        """Name those that are on, safe to show."""
        return ", ".join(self.names)

    @property
    def relaxations(self) -> tuple[str, ...]:
        """Those that are on and by which a server is met halfway, as arguments; a choice of scopes asks nobody to."""
        said = {"assume_pkce=True": self.assume_pkce, "allow_missing_iss=True": self.allow_missing_iss}
        said["resource=None"] = self.no_resource
        named = ("resource", "expected_resource", "metadata_url", "issuer")
        values = {name: value for name in named if (value := getattr(self, name)) is not None}
        if self.metadata_url is not None:
            values["metadata_url"] = without_query(self.metadata_url)
        return (
            *(name for name, on in said.items() if on),
            *(f"{name}={printable(value)!r}" for name, value in values.items()),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All that are on, as arguments."""
        scopes = {"scopes": self.scopes, "extra_scopes": self.extra_scopes or None}
        chosen = [f"{name}={printable(' '.join(value))!r}" for name, value in scopes.items() if value is not None]
        return (*self.relaxations, *chosen, *(["offline_access=False"] if self.no_offline_access else []))

    def to_record(self) -> dict[str, object]:
        """Return those that are on, as plain values."""
        return attrs.asdict(self, filter=lambda field, value: value != field.default)

    @classmethod
    def from_record(cls, document: Document) -> Switches:
        """Rebuild from :meth:`to_record`.

        Raises:
            MalformedDocument: A member has a wrong type.
        """
        return cls(
            assume_pkce=flag(document, "assume_pkce"),
            allow_missing_iss=flag(document, "allow_missing_iss"),
            no_resource=flag(document, "no_resource"),
            resource=text(document, "resource"),
            expected_resource=text(document, "expected_resource"),
            metadata_url=text(document, "metadata_url"),
            issuer=text(document, "issuer"),
            scopes=texts(document, "scopes"),
            extra_scopes=texts(document, "extra_scopes") or (),
            no_offline_access=flag(document, "no_offline_access"),
        )


#: Nothing is relaxed.
NO_SWITCHES = Switches()
