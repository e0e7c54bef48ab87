"""A sign-in on its way to another machine, opened: the record itself, what it was called, and when it left."""

from __future__ import annotations

import json

import attrs

from .document import Document, MalformedDocument, number, required_text
from .record import NewerSchema, ServerRecord

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
        try:
            document = json.loads(opened)
        except (ValueError, RecursionError):
            raise MalformedDocument("it is not JSON") from None
        if not isinstance(document, dict):
            raise MalformedDocument("it is not a JSON object")
        return cls._from_document(document)

    @classmethod
    def _from_document(cls, document: Document) -> Parcel:
        schema, exported_at = number(document, "schema"), number(document, "exported_at")
        if schema is None or schema != int(schema) or schema < 1:
            raise MalformedDocument("'schema' is not a version")
        if schema > SCHEMA:
            raise NewerSchema(f"schema {int(schema)} is newer than {SCHEMA}")
        record = document.get("record")
        if exported_at is None or not isinstance(record, dict):
            raise MalformedDocument("'exported_at' or 'record' is missing")
        return cls(
            name=required_text(document, "name"), exported_at=exported_at, record=ServerRecord.from_record(record)
        )
