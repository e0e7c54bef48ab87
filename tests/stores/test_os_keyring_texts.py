"""Names of items and what stands in them: one to one, plain ASCII, and nothing that could be mistaken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_sync.stores.os_keyring.texts import Header, NotOurs, document_of, item_name, value_of

ANY = st.text(st.characters(), min_size=1)
TRICKY = st.text("aA%/#:.\0\udc80\u00e9e\u0301 ", min_size=1, max_size=6)


@given(st.tuples(ANY | TRICKY, ANY | TRICKY), st.tuples(ANY | TRICKY, ANY | TRICKY))
def test_two_entries_never_share_an_item_not_even_where_case_is_ignored(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (item_name(*one).lower() == item_name(*other).lower()) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "b/c"), ("a/b", "c")), (("a", "B"), ("a", "b")), (("a", "x#new"), ("a", "x")), (("a", "%41"), ("a", "A"))],
)
def test_entries_that_look_alike_have_items_of_their_own(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert item_name(*one).lower() != item_name(*other).lower()


@given(ANY | TRICKY, ANY | TRICKY)
def test_the_name_of_an_item_is_short_ascii_without_the_sign_of_a_part(namespace: str, key: str) -> None:
    name = item_name(namespace, key)
    assert name.isascii()
    assert name.isprintable()
    assert len(name) <= 255
    assert name.startswith("#sha256-") or "#" not in name


def test_the_item_of_a_server_can_be_recognised_by_a_person() -> None:
    assert item_name("oauth", "https://mcp.example.com/mcp") == "oauth/https://mcp.example.com/mcp"


def test_long_names_keep_apart_by_their_digest() -> None:
    names = {
        item_name(*entry) for entry in [("n" * 300, "k"), ("n", "n" * 299 + "/k"), ("n", "k" * 300), ("n", "k" * 301)]
    }
    assert len(names) == 4
    assert all(name.startswith("#sha256-") for name in names)


@given(st.text(st.characters()) | TRICKY)
def test_any_value_comes_back_from_plain_ascii(value: str) -> None:
    document = document_of(value, "generic/k")
    assert document.isascii()
    assert document.isprintable()
    assert Header.read(document) is None
    assert value_of(document, "generic/k") == value
    with pytest.raises(NotOurs):
        value_of(document, "generic/l")


@pytest.mark.parametrize(
    ("written", "value"), [("mcp-oauth-sync/1 text a b", "a b"), ("mcp-oauth-sync/1 base64 w7w=", "ü")]
)
def test_a_value_of_the_version_before_names_were_bound_is_read(written: str, value: str) -> None:
    assert value_of(written, "generic/k") == value


@given(st.text())
def test_no_value_is_taken_for_a_header_and_no_other_text_for_a_value(text: str) -> None:
    if not text.startswith("mcp-oauth-sync/1 "):
        with pytest.raises(NotOurs):
            value_of(text, "generic/k")


@pytest.mark.parametrize("text", ["", "text x", "base64 eA==", "mcp-oauth-sync/3 text x", "mcp-oauth-sync/2 text x"])
def test_a_text_without_our_mark_is_no_value(text: str) -> None:
    with pytest.raises(NotOurs):
        value_of(text, "generic/k")


def test_a_header_fits_its_own_document_only() -> None:
    header = Header.of("a", 2, "document")
    assert Header.read(str(header)) == header
    assert header.fits("document")
    assert not header.fits("documents")
    for damaged in (
        str(header)[:-1],
        f"{header} ",
        str(header).replace(" 2 ", " 0 "),
        str(header).replace(" a ", " c "),
    ):
        assert Header.read(damaged) is None
    assert Header.read(None) is None
