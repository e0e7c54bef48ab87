"""Names of entries as names of files: one to one on every file system, and never out of the folder."""

from __future__ import annotations

import os
import random
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.file_names import entry_name, file_name

quietly = settings(derandomize=True, database=None, deadline=None, max_examples=300)

PLAIN = ("notion", "notion-mcp", "my_server.v2", "a", "0", "x" * 180)
AWKWARD = (
    *("Notion", "NOTION", "nOtion", "straße", "STRASSE", "ﬁ", "fi", "İ", "i̇", "\u0131", "K"),
    *("caf\u00e9", "cafe\u0301", "\u212b", "\u00c5", "A\u030a"),
    *(
        "..",
        ".",
        "...",
        "../a",
        "..\\a",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "C:\\x",
        "C:x",
        "a:b",
        "\\\\host\\x",
        "~",
        "-rf",
    ),
    *(
        "con",
        "CON",
        "con.txt",
        "prn",
        "aux",
        "nul",
        "nul.",
        "com1",
        "com0.x",
        "lpt9",
        "conin$",
        "conout$",
        "com¹",
        "cons",
    ),
    *("a.", "a ", " a", "a. ", ".hidden", "a\0b", "a\nb", "a\tb", "%", "%2e", "%2E.", "%63on", "%sha256-00", "a%b"),
    *("a.enc", "a.lock", "a.refresh", "a.tmp", "x" * 181, "X" * 180, "X" * 181, "é" * 90, "é" * 500, "x" * 100_000),
    *(
        "https://mcp.example.com/mcp",
        "https://MCP.example.com/mcp",
        "https://mcp.example.com/mcp?a=1#b",
        "😀",
        "\udc80",
    ),
)


def folded(name: str) -> set[str]:
    """Return what a file system may take the name of a file for."""
    forms = {unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    return {variant for form in forms for variant in (form.lower(), form.upper(), form.casefold(), form.rstrip(". "))}


def check(name: str) -> None:
    """Check one name against everything a file system could hold against it."""
    written = file_name(name)
    assert re.fullmatch(r"[a-z0-9%_-][a-z0-9%_.-]*", written), "characters that every file system keeps apart"
    assert len(written) <= 180
    for ending in (".enc", ".d", ".sign-in.lock"):
        whole = written + ending
        assert PurePosixPath(whole).name == whole == PureWindowsPath(whole).name
        assert not PureWindowsPath(whole).drive
        assert not re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", whole), "a device of Windows"


def collisions(names: Iterable[str]) -> list[str]:
    """Return the names whose file could be taken for another one's."""
    taken: dict[str, str] = {}
    return [
        name
        for name in names
        for variant in folded(f"{file_name(name)}.enc")
        if taken.setdefault(variant.lower(), name) != name
    ]


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_name_stays_readable(name: str) -> None:
    assert file_name(name) == name
    check(name)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Notion", "%4eotion"),
        ("a/b", "a%2fb"),
        (".hidden", "%2ehidden"),
        ("con", "%63on"),
        ("nul.txt", "%6eul.txt"),
        ("é", "%c3%a9"),
        ("%", "%25"),
    ],
)
def test_every_other_name_is_escaped_byte_by_byte(name: str, written: str) -> None:
    assert file_name(name) == written


def test_a_name_that_is_too_long_becomes_its_digest() -> None:
    assert re.fullmatch(r"%sha256-[0-9a-f]{64}", file_name("x" * 181))


@pytest.mark.parametrize("name", AWKWARD, ids=[ascii(name[:30]) for name in AWKWARD])
def test_an_awkward_name_fits_every_file_system(name: str) -> None:
    check(name)


def test_names_that_look_alike_get_files_of_their_own() -> None:
    assert len(set(PLAIN + AWKWARD)) == len(PLAIN + AWKWARD)
    assert collisions(PLAIN + AWKWARD) == []


@quietly
@given(st.text(st.characters(), min_size=1))
def test_any_name_fits_every_file_system(name: str) -> None:
    check(name)


@quietly
@given(st.lists(st.text(st.sampled_from("aA./\\%:2eE5é\u0301 "), min_size=1, max_size=6), unique=True, min_size=2))
def test_any_two_names_get_files_of_their_own(names: list[str]) -> None:
    assert collisions(names) == []


def test_ten_thousand_names_get_ten_thousand_files() -> None:
    chance = random.Random(20)
    pieces = ("a", "A", ".", "..", "/", "\\", "%", "%2e", "2e", "con", "CON", "é", "e\u0301", " ", ":", "x" * 170, "😀")
    names = {"".join(chance.choices(pieces, k=chance.randint(1, 8))) for _ in range(20_000)}
    names = set(sorted(names)[:10_000])
    assert len(names) == 10_000
    assert collisions(names) == []


def test_ten_thousand_names_stay_in_their_folder(tmp_path: Path) -> None:
    chance, store, there = random.Random(21), EncryptedFileStore(tmp_path), str(tmp_path)
    pieces = (
        "a",
        "A",
        ".",
        "..",
        "/",
        "\\",
        "%",
        "%2e%2e",
        "con",
        "nul",
        "\0",
        "\u2215",
        "~",
        "C:",
        ":",
        "x" * 170,
        "\udc80",
    )
    for _ in range(10_000):
        name, space = ("".join(chance.choices(pieces, k=chance.randint(1, 6))) for _ in range(2))
        check(name)
        lock = store.lock_file(name, space, "refresh")
        assert lock is not None
        for path in (store.path(name, space), store.path(name), lock):
            assert os.path.normpath(path) == str(path)
            assert os.path.commonpath([there, path]) == there


# And back


@pytest.mark.parametrize("name", [*PLAIN, *AWKWARD], ids=[ascii(name[:30]) for name in (*PLAIN, *AWKWARD)])
def test_the_name_is_had_from_that_of_the_file_unless_it_was_too_long(name: str) -> None:
    written = file_name(name)
    assert entry_name(written) == (None if written.startswith("%sha256-") else name)


@quietly
@given(st.text(st.characters(), min_size=1, max_size=40))
def test_any_name_is_had_from_that_of_its_file(name: str) -> None:
    written = file_name(name)
    assert entry_name(written) == (None if written.startswith("%sha256-") else name)


@settings(quietly, max_examples=2000)
@given(
    st.text(st.sampled_from("aA.%2e3d5f7a0_-cn\u00e9/:"), max_size=12) | st.from_regex(r"(con|%[0-9a-fA-F]{2}|.){1,4}")
)
def test_whatever_lies_in_the_folder_has_the_name_whose_file_it_is_or_none(written: str) -> None:
    name = entry_name(written)
    assert name is None or file_name(name) == written


@pytest.mark.parametrize("byte", range(256))
def test_an_escape_that_would_not_be_written_so_is_nobody_s(byte: int) -> None:
    for written in (f"%{byte:02x}", f"a%{byte:02x}", f"%{byte:02X}", f"%{byte:02x}on", f"a%{byte:02x}%3a%2f"):
        name = entry_name(written)
        assert name is None or file_name(name) == written
        if byte < 0x80:
            meant = re.sub("%(..)", lambda escaped: chr(int(escaped[1], 16)), written)
            assert (name == meant) == (file_name(meant) == written)
