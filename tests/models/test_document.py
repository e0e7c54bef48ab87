"""Reading members of documents that somebody else wrote."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.models.document import MalformedDocument, flag, number, required_text, text, texts

WORDS = st.text(max_size=5)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.sampled_from(["\ud800", 10**400, 1e999])
JSON: st.SearchStrategy[Any] = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(WORDS, LEAVES, max_size=2)


@pytest.mark.parametrize("value", [None, ""])
def test_null_and_the_empty_string_count_as_absent(value: object) -> None:
    assert text({"a": value}, "a") is None
    assert number({"a": value}, "a") is None
    assert text({}, "a") is None
    assert number({}, "a") is None
    assert texts({"a": None}, "a") is None
    with pytest.raises(MalformedDocument, match="'a' is missing"):
        required_text({"a": value}, "a")


@pytest.mark.parametrize("value", [0, 1, True, 1.5, [], ["x"], {}, {"x": 1}, "\ud800", "half \udfff a character"])
def test_what_is_no_text_is_refused_by_the_name_of_its_member(value: object) -> None:
    with pytest.raises(MalformedDocument, match="'issuer' is not a string"):
        text({"issuer": value}, "issuer")


@pytest.mark.parametrize("value", ["x", 5, {}, {"0": "x"}, ["x", 1], [None], ["\ud800"], [["x"]]])
def test_what_is_no_list_of_texts_is_refused(value: object) -> None:
    with pytest.raises(MalformedDocument, match="'scopes' is not an array of strings"):
        texts({"scopes": value}, "scopes")


def test_a_list_of_texts_becomes_a_tuple() -> None:
    assert texts({"a": ["x", ""]}, "a") == ("x", "")
    assert texts({"a": []}, "a") == ()


@pytest.mark.parametrize("value", [False, "true", 1, None, [True]])
def test_only_true_is_true(value: object) -> None:
    assert flag({"a": True}, "a")
    assert not flag({"a": value}, "a")


@pytest.mark.parametrize(("value", "expected"), [(5, 5.0), (0, 0.0), ("12", 12.0), (1.5, 1.5), (-1, -1.0)])
def test_a_number_may_be_spelled_as_text(value: object, expected: float) -> None:
    assert number({"a": value}, "a") == expected


@pytest.mark.parametrize(
    "value", [True, False, "never", [], {}, "nan", float("inf"), float("-inf"), 1e16, 10**400, "1e999"]
)
def test_what_is_no_sensible_number_is_refused(value: object) -> None:
    with pytest.raises(MalformedDocument, match="'a' is not a number"):
        number({"a": value}, "a")


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(value=JSON)
def test_any_member_is_read_or_refused_by_type(value: object) -> None:
    for read in (text, texts, number, required_text, flag):
        with contextlib.suppress(MalformedDocument):
            read({"a": value}, "a")
