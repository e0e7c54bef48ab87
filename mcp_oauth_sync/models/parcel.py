"""A sign-in on its way to another machine, opened: the record itself, what it was called, and when it left."""

from __future__ import annotations

import json

import attrs

from .document import MalformedDocument, number, require_schema, required_text, stored_document
from .record import ServerRecord

#: Newest version of the form inside the seal.
SCHEMA = 1


@attrs.frozen(kw_only=True)
class Parcel:
    """What is sealed: what the record holds, and no more.

    Attributes:
        name: What the sign-in is called where it comes from.
        exported_at: When it left, in seconds since the epoch.
        record: Everything the sign-in left behind.
    """

    name: str
    exported_at: float
    record: ServerRecord

    def to_json(self) -> str:
        """Return the form that is sealed."""
        plain = {"schema": SCHEMA, "name": self.name, "exported_at": self.exported_at}
        return json.dumps({**plain, "record": self.record.to_record()}, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, opened: str) -> Parcel:
        """Rebuild from :meth:`to_json`; members this version does not know are dropped.

        Raises:
            NewerSchema: A newer version wrote it, or the record in it.
            MalformedDocument: It is not such a form.
        """
        document = stored_document(opened)
        require_schema(document, SCHEMA)
        exported_at = number(document, "exported_at")
        record = document.get("record")
        if exported_at is None or not isinstance(record, dict):
            raise MalformedDocument("'exported_at' or 'record' is missing")
        return cls(
            name=required_text(document, "name"), exported_at=exported_at, record=ServerRecord.from_record(record)
        )
