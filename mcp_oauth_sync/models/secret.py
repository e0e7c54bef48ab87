"""Strings that never show themselves."""

from __future__ import annotations

from collections.abc import Mapping


class Secret(str):
    """A string whose ``repr`` shows its length only.

    It is a plain ``str`` everywhere else. Tokens, codes and keys travel as ``Secret`` so that a traceback
    that prints local variables, a dict dumped into a log or a notebook's echo has nothing to show.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a placeholder."""
        return f"<secret, {len(self)} characters>"


def secret_or_none(value: str | None) -> Secret | None:
    """Return the value as a :class:`Secret`; None and the empty string give None."""
    return Secret(value) if value else None


def secret_texts(values: Mapping[str, str]) -> Mapping[str, str]:
    """Return parameters or headers of a caller, any of which may hold a key, as :class:`Secret`."""
    return {name: Secret(value) for name, value in values.items()}


def secret_members(values: Mapping[str, object]) -> Mapping[str, object]:
    """Return members of a caller's document with every text a :class:`Secret`."""
    return {name: Secret(value) if isinstance(value, str) else value for name, value in values.items()}
