"""Asking for one field of a form at a terminal: what it is, what may be typed, and what was typed."""

from __future__ import annotations

from ..exceptions import printable
from ..mcp.choices import Primitive, is_same
from ..mcp.form import FieldValue, FormField
from ..mcp.page_address import unlinked
from ..mcp.text_formats import FORMATS
from .elicit_keys import ask_line
from .output import say, wrapped

#: What stands for leaving out a field that has a value.
LEAVE_OUT = "-"
_BOOLEANS = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}
#: Characters of a value that are shown.
_SHOWN = 2000


def ask_field(field: FormField, current: FieldValue | None) -> FieldValue | None:
    """Ask until something fits, and return it; None leaves the field out.

    Args:
        field: What to ask for.
        current: What Enter alone means; None without a default.

    Raises:
        NobodyAnswers: The person ended the input, or the terminal has gone.
    """
    title = unlinked(field.title)
    say(wrapped(f"{title} (required)" if field.required else title))
    if field.description:
        say(wrapped(unlinked(field.description), "    "))
    for number, (_, shown) in enumerate(field.choices, start=1):
        say(f"    {number:>2}  {unlinked(shown)}")
    say(wrapped(_explained(field, current), "    "))
    while True:
        suggestion = "" if current is None else f" [{shown_value(field, current)}]"
        typed = ask_line(f"{title}{suggestion}:")
        try:
            if not typed and (current is not None or not field.required):
                return current
            if typed == LEAVE_OUT and current is not None and not field.required:
                return None
            return field.checked(_read(field, typed))
        except ValueError as misfit:
            say(str(misfit))


def shown_value(field: FormField, value: FieldValue) -> str:
    """Return a value as it is shown to the person, in one line.

    Args:
        field: Whose value it is.
        value: One that fits.
    """
    if isinstance(value, list):
        return ", ".join(_shown_one(field, item) for item in value) or "none"
    return _shown_one(field, value)


def _shown_one(field: FormField, value: Primitive) -> str:
    for known, title in field.choices:
        if is_same(known, value):
            return title if title == str(value) else f"{title} ({_plain(value)})"
    return _plain(value)


def _plain(value: Primitive) -> str:
    """Return a value in plain sight: what cannot be seen is spelled out."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    cut = text[:_SHOWN]
    clear = cut if cut.isprintable() and cut == cut.strip() != "" else repr(cut)
    return clear if len(text) <= _SHOWN else f"{clear}... ({len(text)} characters)"


def _read(field: FormField, typed: str) -> object:
    """Return what was typed as a value of the field's kind; what is none stays a text, which does not fit."""
    if field.kind == "array":
        parts = [part.strip() for part in typed.split(",")]
        return [] if parts == ["0"] else [_read_choice(field, part) for part in parts if part]
    if field.choices:
        return _read_choice(field, typed)
    if field.kind == "boolean":
        return _BOOLEANS.get(typed.lower(), typed)
    if field.kind in ("number", "integer"):
        return _read_number(typed)
    if not typed:
        raise ValueError("This has to be filled in.")
    return typed


def _read_number(typed: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(typed)
        except ValueError:
            continue
    return typed


def _read_choice(field: FormField, typed: str) -> object:
    """Return the value with this number, else with this title, else the one that is written like this."""
    if typed.isdecimal() and len(typed) < 6 and 0 < int(typed) <= len(field.choices):
        return field.choices[int(typed) - 1][0]
    titled = [value for value, title in field.choices if title == typed]
    written = [value for value, _ in field.choices if str(value) == typed]
    return (titled or written or [typed])[0]


def _explained(field: FormField, current: FieldValue | None) -> str:
    """Return what may be typed."""
    if current is not None:
        enter = "Enter takes what is in brackets." + ("" if field.required else f" {LEAVE_OUT} leaves it out.")
    else:
        enter = "" if field.required else "Enter leaves it out."
    return f"{_kind(field)}. {enter}".rstrip()


def _kind(field: FormField) -> str:
    if field.kind == "array":
        return "Numbers of your choices with commas between them, 0 for none" + _bounds(field, "minItems", "maxItems")
    if field.choices:
        return "The number of your choice"
    if field.kind == "boolean":
        return "y or n"
    if field.kind == "string":
        form = field.schema.get("format")
        what = FORMATS[form][1] if isinstance(form, str) and form in FORMATS else "text"
        return what[0].upper() + what[1:] + _bounds(field, "minLength", "maxLength", " characters")
    what = "A whole number" if field.kind == "integer" else "A number"
    return what + _bounds(field, "minimum", "maximum")


def _bounds(field: FormField, least: str, most: str, unit: str = "") -> str:
    found = [("at least", field.bound(least)), ("at most", field.bound(most))]
    said = " and ".join(f"{words} {printable(number, 40)}" for words, number in found if number is not None)
    return f", {said}{unit}" if said else ""
