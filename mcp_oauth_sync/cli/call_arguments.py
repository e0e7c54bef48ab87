"""The arguments of a tool on the command line: one JSON object, or words like ``name=value`` and ``name:=JSON``.

In ``name=value`` the tool's schema says what the value is: a text as it stands, else the number, boolean, null, array
or object that it spells. Mistakes are told by the name of the parameter, never by its value.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from ..exceptions import OAuthError, printable
from .output import say
from .tool_parameters import Parameter, Takes

_WORD = re.compile(r"([^=]*?)(:?=)(.*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_OTHERS: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
#: Parameters that are told when one is not known.
_TOLD = 12


class Misuse(OAuthError):
    """What stands on the command line is no way to call the tool."""


@attrs.frozen(kw_only=True)
class Given:
    """The arguments as they were given: a whole object, or words that the tool's schema has to explain.

    Attributes:
        document: The object; None for words.
        words: For each name the operator, ``=`` or ``:=``, and the value.
        from_stdin: Whether standard input held them.
    """

    document: dict[str, Any] | None = None
    words: Mapping[str, tuple[str, str]] = attrs.field(factory=dict, repr=False)
    from_stdin: bool = False

    @classmethod
    def read(cls, words: Sequence[str]) -> Given:
        """Read the words of the command line, and the file or input that they name.

        Args:
            words: None of them give the tool nothing.

        Raises:
            Misuse: They are no arguments.
        """
        if not words:
            return cls(document={})
        _require_text(words)
        first, alone = words[0], len(words) == 1
        if first == "-" or first.startswith(("@", "{")):
            if not alone:
                raise Misuse("A JSON object, - or @FILE stands alone.", hint="Put everything into the object.")
            if first == "-":
                return cls(document=_read_object(_standard_input(), "Standard input"), from_stdin=True)
            if first.startswith("@"):
                return cls(document=_read_object(_file(first[1:]), f"The file {printable(first[1:])}"))
            return cls(document=_read_object(first, "The argument"))
        found: dict[str, tuple[str, str]] = {}
        for place, word in enumerate(words, start=1):
            split = _WORD.fullmatch(word)
            if not split or not split[1]:
                raise Misuse(
                    f"Argument {place} is neither name=value nor name:=JSON.",
                    hint="Give such words, one JSON object, @FILE, or - for standard input.",
                )
            if split[1] in found:
                raise Misuse(f"The parameter {_quoted(split[1])} is given twice.")
            found[split[1]] = (split[2], split[3])
        return cls(words=found)

    def arguments(self, takes: Takes) -> dict[str, Any]:
        """Return the arguments that the words are.

        Args:
            takes: What the tool takes.

        Raises:
            Misuse: A parameter is unknown or missing, or a value is not what it takes.
        """
        for name in self.words:
            if name not in takes.parameters and not takes.others:
                near = difflib.get_close_matches(name, takes.parameters, n=1)
                guess = f" Did you mean {_quoted(near[0])}?" if near else ""
                raise Misuse(f"The tool takes no parameter {_quoted(name)}.{guess}", hint=explain(takes))
        for name, parameter in takes.parameters.items():
            if parameter.required and name not in self.words:
                raise Misuse(f"The tool needs the parameter {_quoted(name)}.", hint=explain(takes))
        return {name: _value(name, how, takes.parameters.get(name)) for name, how in self.words.items()}


def explain(takes: Takes) -> str:
    """Return what a tool takes, in one line."""
    told = [str(parameter) for parameter in takes.parameters.values()]
    if not told:
        return "It takes any parameters." if takes.others else "It takes no parameters."
    more = f", and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
    return f"It takes {', '.join(told[:_TOLD])}{more}."


def _value(name: str, how: tuple[str, str], parameter: Parameter | None) -> object:
    operator, text = how
    if operator == ":=":
        try:
            return parse_json(text)
        except ValueError as defect:
            raise Misuse(f"What is given for {_quoted(name)} is no JSON: {defect}.") from None
    if parameter is None or not parameter.kinds or "string" in parameter.kinds:
        return text
    for read in (_number, _other):
        found = read(text, parameter.kinds)
        if found is not _NOTHING:
            return found
    hint = f"It takes {parameter}. NAME:=JSON gives any JSON."
    raise Misuse(f"What is given for {_quoted(name)} is not what the tool takes.", hint=hint)


_NOTHING = object()


def _number(text: str, kinds: frozenset[str]) -> object:
    if not kinds & {"integer", "number"} or not _NUMBER.fullmatch(text):
        return _NOTHING
    try:
        if _WHOLE.fullmatch(text):
            return int(text)
        found = float(text)
    except ValueError:  # more digits than are read
        return _NOTHING
    if not math.isfinite(found):
        return _NOTHING
    if "number" in kinds:
        return found
    return int(found) if found.is_integer() else _NOTHING


def _other(text: str, kinds: frozenset[str]) -> object:
    try:
        found = parse_json(text)
    except ValueError:
        return _NOTHING
    wanted = tuple(kind for name in kinds for kind in _OTHERS.get(name, ()))
    return found if isinstance(found, wanted) else _NOTHING


def parse_json(text: str) -> Any:
    """Read JSON as its standard has it: no constants like NaN, and no name twice in one object.

    Raises:
        ValueError: It is none. The message says where, and shows nothing of it but a name that stands there twice.
    """
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except json.JSONDecodeError as defect:
        raise ValueError(f"it goes wrong at line {defect.lineno}, column {defect.colno}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {_quoted(name)} stands twice in one object")
        found[name] = value
    return found


def _read_object(text: str, where: str) -> dict[str, Any]:
    try:
        found = parse_json(text)
    except ValueError as defect:
        raise Misuse(f"{where} holds no JSON: {defect}.") from None
    if not isinstance(found, dict):
        raise Misuse(f"{where} holds JSON, but no object.", hint='Arguments have names: {"name": "value"}.')
    return found


def _standard_input() -> str:
    if sys.stdin is None:
        raise Misuse("There is no standard input.")
    if sys.stdin.isatty():
        say("Type a JSON object, then Ctrl-D on a line of its own.")
    return _text(sys.stdin.buffer.read(), "Standard input")


def _file(name: str) -> str:
    try:
        return _text(Path(name).read_bytes(), f"The file {printable(name)}")
    except OSError as failure:
        raise Misuse(f"The file {printable(name)} cannot be read: {failure.strerror}.") from None


def _text(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Misuse(f"{where} is not UTF-8.") from None


def _require_text(words: Sequence[str]) -> None:
    for place, word in enumerate(words, start=1):
        try:
            word.encode()
        except UnicodeEncodeError:  # bytes that are no text in the terminal's encoding
            raise Misuse(f"Argument {place} holds bytes that are no text.") from None


def _quoted(name: str) -> str:
    return repr(printable(name, 60))
