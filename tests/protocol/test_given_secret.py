"""A secret in a file: read anew, within bounds, and named by its path when it cannot be."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from mcp_oauth_sync.exceptions import AuthorizationError
from mcp_oauth_sync.protocol.given_secret import MAX_FILE, read_given, read_secret_file


def read(path: Path) -> str:
    return read_secret_file(path, what="the assertion", failed=AuthorizationError)


def test_blanks_and_line_ends_around_it_do_not_belong_to_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("\n  header.claims.signature \r\n")
    assert read(file) == "header.claims.signature"
    assert "header" not in repr(read(file))


def test_a_link_to_a_file_is_followed_as_in_a_mounted_volume(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "token").write_text("first")
    (tmp_path / "token").symlink_to(Path("..data") / "token")
    assert read(tmp_path / "token") == "first"
    (tmp_path / "..data" / "token").write_text("second")
    assert read(tmp_path / "token") == "second"


@pytest.mark.parametrize(
    ("content", "defect"),
    [
        (b"", "it is empty"),
        (b" \n ", "it is empty"),
        (b"\xff\xfe\x00secret-in-utf-16", "it is no plain text"),
        (b"x" * (MAX_FILE + 1), "it is larger than"),
    ],
    ids=["empty", "blank", "binary", "large"],
)
def test_what_is_no_secret_is_an_error_that_names_the_path(tmp_path: Path, content: bytes, defect: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(AuthorizationError, match=re.escape(f"The assertion cannot be read from {file}: {defect}")):
        read(file)


def test_what_would_block_or_never_end_is_not_read(tmp_path: Path) -> None:
    pipe, bound = tmp_path / "pipe", tmp_path / "socket"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bound))
        for path in (pipe, tmp_path, Path("/dev/zero")):
            with pytest.raises(AuthorizationError, match=r"cannot be read from .*: it is no file"):
                read(path)
        for path in (bound, tmp_path / "missing", Path("a\0b")):
            with pytest.raises(AuthorizationError, match="cannot be read from"):
                read(path)


def test_a_path_of_control_characters_reaches_no_terminal(tmp_path: Path) -> None:
    with pytest.raises(AuthorizationError) as caught:
        read(tmp_path / "a\x1b[2Jb")
    assert "\x1b" not in str(caught.value)


def test_a_function_is_asked_anew_each_time_and_told_what_for() -> None:
    asked: list[str] = []

    def bring(audience: str) -> str:
        asked.append(audience)
        return f" for {audience} \n"

    for issuer in ("https://one.example.com", "https://two.example.com"):
        found = read_given(bring, issuer, what="the assertion", failed=AuthorizationError)
        assert found == f"for {issuer}"
        assert "for" not in repr(found)
    assert len(asked) == 2


@pytest.mark.parametrize("brought", [None, "", "  ", b"bytes", 7])
def test_a_function_that_brings_nothing_of_use_is_an_error(brought: object) -> None:
    with pytest.raises(AuthorizationError, match="The function given brought no text"):
        read_given(lambda: brought, what="the assertion", failed=AuthorizationError)  # type: ignore[arg-type, return-value]


def test_what_a_function_of_the_caller_raises_is_raised_as_it_is() -> None:
    def fail() -> str:
        raise ZeroDivisionError("the caller's own")

    with pytest.raises(ZeroDivisionError, match="own"):
        read_given(fail, what="the assertion", failed=AuthorizationError)
