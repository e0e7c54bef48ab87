"""Names of entries as segments of a path in a Vault: one to one, and never a way up."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_sync.stores.vault.names import (
    LEASES,
    from_document,
    is_digest,
    lease_path,
    name_of,
    segment,
    to_document,
    told_by,
)

NAMES = st.text(min_size=1) | st.text("./=%aA\ud800", min_size=1)


@given(NAMES)
def test_a_name_is_found_again_from_its_segment(name: str) -> None:
    written = segment(name)
    assert re.fullmatch(r"[a-z0-9_.=-]+", written)
    assert ".." not in written
    assert not written.startswith(".")
    assert told_by(to_document("v", name, "k"), written, "k") == (name, "k")
    if not is_digest(written):
        assert name_of(written) == name


@given(NAMES, NAMES)
def test_two_names_are_two_segments(one: str, other: str) -> None:
    assert (segment(one) == segment(other)) == (one == other)
    assert (lease_path(one, other, "p") == lease_path(other, one, "p")) == (one == other)


@given(st.text() | st.text("\ud800\udc00\0a"))
def test_any_value_is_found_again_and_is_proper_unicode_on_its_way(value: str) -> None:
    document = to_document(value, "n", "k")
    for text in document.values():
        text.encode()
    assert from_document(document, "n", "k") == value
    assert from_document(document, "n", "l") is None
    assert from_document(document, "m", "k") is None
    del document["name"]  # as older versions wrote it
    assert from_document(document, "n", "k") == value


@pytest.mark.parametrize(
    "written", [LEASES, "", "A", "a=", "=zz", "=61", "a..b", "=ff", "a/b", "é", "=3D", ".a", "con"]
)
def test_a_segment_that_is_not_ours_is_nobodys_name(written: str) -> None:
    assert name_of(written) is None
    assert not is_digest(written)


@pytest.mark.parametrize("name", [None, "x", "[]", '["n"]', '["n", 7]', '["n", "other"]', '["", "k"]', "{}"])
def test_a_document_that_tells_another_name_is_not_believed(name: str | None) -> None:
    document = {"value": "v"} if name is None else {"value": "v", "name": name}
    assert told_by(document, "n", "k") is None
