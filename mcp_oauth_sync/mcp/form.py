"""The form of an elicitation: flat fields of primitive types, and what fits into them.

MCP Elicitation, "Requested Schema". Only what that section names is checked; other keywords of JSON Schema are left
to the server, ``pattern`` too: an expression from a server could keep this process busy for hours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs

from ..exceptions import MCPError, printable
from .choices import Choice, Primitive, choices, is_plain, is_same, is_sendable, malformed, without_null
from .text_formats import FORMATS

FieldValue = Primitive | list[Primitive]
_KINDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
}


@attrs.frozen(kw_only=True)
class FormField:
    """One field of a form.

    Attributes:
        name: What the answer calls it; a server chose it, so it is not fit to be shown as it is.
        kind: ``string``, ``number``, ``integer``, ``boolean``, or ``array``: several of the choices.
        title: What to call it, fit to be shown; the name when the server gave none.
        description: What it is for, fit to be shown; empty when the server does not say.
        required: Whether it has to be filled in.
        choices: Each value to choose from and its title, fit to be shown; empty when there is no choice.
        schema: The server's words.
    """

    name: str
    kind: str
    title: str
    description: str
    required: bool
    choices: tuple[Choice, ...] = ()
    schema: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    @classmethod
    def from_document(cls, name: str, document: object, *, required: bool) -> FormField:
        """Read the schema of a field.

        Args:
            name: The field.
            document: Its schema.
            required: Whether the form requires it.

        Raises:
            MCPError: It is neither text, a number, a boolean nor a choice. The code is that of invalid params.
        """
        if not isinstance(document, Mapping):
            raise malformed(f"the field {_quoted(name)} has no schema")
        schema = without_null(document)
        try:
            found = choices(schema)
        except MCPError:
            raise malformed(f"the choices of the field {_quoted(name)} are not plain values") from None
        kind = schema.get("type", "string" if found else None)
        if not isinstance(kind, str) or kind not in _KINDS or (kind == "array" and not found):
            raise malformed(f"the field {_quoted(name)} is not text, a number, a boolean or a choice")
        title, description = schema.get("title"), schema.get("description")
        return cls(
            name=name,
            kind=kind,
            title=(printable(title, 100) if isinstance(title, str) else "") or printable(name, 100),
            description=printable(description, 500) if isinstance(description, str) else "",
            required=required,
            choices=found,
            schema=schema,
        )

    @property
    def default(self) -> FieldValue | None:
        """What the server suggests; None without that, and when it does not fit the field."""
        try:
            return self.checked(self.schema.get("default"))
        except ValueError:
            return None

    def checked(self, value: object) -> FieldValue:
        """Return a value as it is sent.

        Args:
            value: What somebody filled in.

        Raises:
            ValueError: It does not fit. The message names the field and the rule, never the value.
        """
        if self.kind != "array":
            return self._one(value)
        if not isinstance(value, list | tuple):
            raise self._misfit("be a list")
        self._within(len(value), "minItems", "maxItems", "hold at {} {} of the choices")
        known = {_key(choice): choice for choice, _ in reversed(self.choices)}
        if not all(is_plain(item) and _key(item) in known for item in value):
            raise self._misfit("be one of the choices")
        return [known[_key(item)] for item in value]

    def bound(self, rule: str) -> int | float | None:
        """Return the number of a rule such as ``minimum``; None where the server sets none, or no number."""
        found = self.schema.get(rule)
        return found if isinstance(found, int | float) and not isinstance(found, bool) else None

    def _one(self, value: object) -> Primitive:
        """Check one value, alone or of a list."""
        if self.choices:
            same = [known for known, _ in self.choices if is_same(known, value)]
            if not same:
                raise self._misfit("be one of the choices")
            return same[0]
        if isinstance(value, str) and self.kind == "string":
            return self._text(value)
        if isinstance(value, bool) and self.kind == "boolean":
            return value
        if isinstance(value, int | float) and not isinstance(value, bool) and self.kind in ("number", "integer"):
            return self._number(value)
        raise self._misfit(f"be {_KINDS[self.kind]}")

    def _number(self, value: float) -> int | float:
        if isinstance(value, float):
            if not math.isfinite(value):
                raise self._misfit("be a finite number")
            if self.kind == "integer":
                if not float.is_integer(value):
                    raise self._misfit("be a whole number")
                value = int(value)
        self._within(value, "minimum", "maximum", "be at {} {}")
        return value

    def _text(self, value: str) -> str:
        if not is_sendable(value):
            raise self._misfit("be made of whole characters")
        self._within(len(value), "minLength", "maxLength", "be at {} {} characters long")
        form = self.schema.get("format")
        if isinstance(form, str) and form in FORMATS:
            fits, what = FORMATS[form]
            if not fits(value):
                raise self._misfit(f"be {what}")
        return value

    def _within(self, size: float, least: str, most: str, rule: str) -> None:
        low, high = self.bound(least), self.bound(most)
        if low is not None and size < low:
            raise self._misfit(rule.format("least", printable(low, 40)))
        if high is not None and size > high:
            raise self._misfit(rule.format("most", printable(high, 40)))

    def _misfit(self, rule: str) -> ValueError:
        return ValueError(f"The field {_quoted(self.name)} must {rule}.")


def parse_form(schema: object) -> tuple[FormField, ...]:
    """Read the fields of a form, in the server's order.

    Args:
        schema: The ``requestedSchema``.

    Raises:
        MCPError: It is not a flat object of primitive fields. The code is that of invalid params.
    """
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise malformed("it is not the schema of an object")
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, Mapping):
        raise malformed("it has no fields")
    if not all(is_sendable(name) for name in properties):
        raise malformed("the name of a field holds half a character")
    if not isinstance(required, list | None):
        raise malformed("what it requires is not a list")
    needed = required or []
    if not all(isinstance(name, str) and name in properties for name in needed):
        raise malformed("it requires what is none of its fields")
    return tuple(
        FormField.from_document(name, document, required=name in needed) for name, document in properties.items()
    )


def build_content(
    fields: tuple[FormField, ...], given: Mapping[str, Any], *, open_ended: bool = False
) -> dict[str, FieldValue]:
    """Return the content of an answer: what is given, and the server's defaults for what is not.

    Args:
        fields: Of the form.
        given: Values by the name of their field. None leaves a field out, one with a default too.
        open_ended: Whether the form lets one add fields that it does not name.

    Raises:
        ValueError: A value does not fit, a required one is missing, or a field is unknown. The message names the
            field and the rule, never the value.
    """
    content: dict[str, FieldValue] = {}
    for field in fields:
        value = given.get(field.name, field.default)
        if value is not None:
            content[field.name] = field.checked(value)
        elif field.required:
            raise ValueError(f"The field {_quoted(field.name)} must be filled in.")
    known = {field.name for field in fields}
    for name, value in given.items():
        if name not in known:
            if not open_ended or not is_sendable(name):
                raise ValueError(f"The form has no field {_quoted(name)}.")
            if value is not None:
                content[name] = _plain(name, value)
    return content


def _plain(name: str, value: object) -> FieldValue:
    """Check a value that no field describes: it is one of those that any answer may hold."""
    if isinstance(value, list | tuple):
        if all(is_sendable(item) for item in value):
            return list(value)
    elif is_plain(value):
        return value
    raise ValueError(f"The field {_quoted(name)} must be text, a finite number, true or false, or a list of texts.")


def _key(value: Primitive) -> tuple[bool, Primitive]:
    """Return what a choice is found by; true is not 1, although Python says so."""
    return isinstance(value, bool), value


def _quoted(name: object) -> str:
    return repr(printable(name, 60))
