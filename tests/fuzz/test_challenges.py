"""Challenges written by the grammar of RFC 9110 section 11.6.1 come back as they were, however they are written."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_sync.protocol.challenge import parse_challenges, select_challenge

from .inputs import quick

TOKEN = "!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz"
TOKENS = st.sampled_from(["Bearer", "DPoP", "scope", "realm", "error", "resource_metadata", "algs"]) | st.text(
    TOKEN, min_size=1, max_size=6
)
#: What may stand in quotes: tab, space, visible characters, and what HTTP once called text.
QUOTABLE = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f") | st.just("\t")
VALUES = st.text(QUOTABLE, max_size=12) | st.sampled_from(
    ['", Bearer scope="x', "a, b", "\\", '\\"', "https://h/?a=b,c", "Basic realm=x", "=", "==", ""]
)
GAPS, NEEDED_GAPS = st.sampled_from(["", " ", "\t", "  "]), st.sampled_from([" ", "  "])
COMMAS = st.sampled_from([",", ", ", " ,", " , ", ",,", ", ,\t"])
TOKENS68 = st.from_regex(r"[A-Za-z0-9\-._~+/]{1,12}={0,2}", fullmatch=True)
#: A challenge: its scheme, then parameters in order, or a token in their place.
CHALLENGES = st.tuples(TOKENS, st.lists(st.tuples(TOKENS, VALUES), max_size=4) | TOKENS68)


def quoted(draw: st.DrawFn, value: str) -> str:
    """Write a value as it has to be, or as it may be: quoted, with more characters escaped than need be."""
    if re.fullmatch(f"[{re.escape(TOKEN)}]+", value) and draw(st.booleans()):
        return value
    return '"' + "".join(f"\\{c}" if c in '"\\' or draw(st.integers(0, 9)) == 0 else c for c in value) + '"'


@st.composite
def headers(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, dict[str, str]]]]:
    """Return lines, and what they say."""
    said, lines, line = draw(st.lists(CHALLENGES, min_size=1, max_size=4)), [], ""
    for scheme, rest in said:
        if line and draw(st.booleans()):
            lines.append(line)
            line = ""
        line += (draw(COMMAS) if line else "") + scheme
        if isinstance(rest, str):
            line += draw(NEEDED_GAPS) + rest
        for place, (name, value) in enumerate(rest if isinstance(rest, list) else []):
            line += draw(COMMAS if place else NEEDED_GAPS)
            line += f"{name}{draw(GAPS)}={draw(GAPS)}{quoted(draw, value)}"
    expected = []
    for scheme, rest in said:
        parameters: dict[str, str] = {}
        for name, value in rest if isinstance(rest, list) else []:
            parameters.setdefault(name.lower(), value)
        expected.append((scheme.lower(), parameters))
    return [*lines, line], expected


@quick
@given(headers())
def test_what_is_written_by_the_grammar_is_read_as_it_was_meant(
    written: tuple[list[str], list[tuple[str, dict[str, str]]]],
) -> None:
    lines, expected = written
    assert list(parse_challenges(lines)) == expected


@quick
@given(headers(), st.sampled_from([None, "Bearer x", "DPoP x", "dpop x", "Basic x", ""]))
def test_what_is_answered_is_one_of_those_that_were_written(
    written: tuple[list[str], list[tuple[str, dict[str, str]]]], sent: str | None
) -> None:
    lines, expected = written
    ours = [parameters for scheme, parameters in expected if scheme in ("bearer", "dpop")]
    found = select_challenge(lines, sent=sent)
    assert bool(found.scheme) is bool(ours)
    if ours:
        assert (found.scope or "") in {parameters.get("scope", "") for parameters in ours}
        assert found.error in {parameters.get("error") for parameters in ours}
        named = [parameters["resource_metadata"] for parameters in ours if parameters.get("resource_metadata")]
        assert found.resource_metadata in (named or [None])
        assert (found.dpop_offered or not found.dpop_only) is True or found.scheme == "dpop"


@quick
@given(st.text(QUOTABLE, max_size=40), st.text(TOKEN + ' ,="\\\t', max_size=60))
def test_reading_the_lines_one_by_one_reads_the_same(first: str, second: str) -> None:
    together = list(parse_challenges([first, second]))
    assert together == [*parse_challenges([first]), *parse_challenges([second])]
    for scheme, parameters in together:
        assert re.fullmatch(f"[{re.escape(TOKEN)}]+", scheme, re.IGNORECASE) or scheme
        assert all(name == name.lower() for name in parameters)
