"""The security matrix is whole and true: every requirement has its row, its room, and tests that exist and are run.

What a test shows is for people to judge; that the tables in ``docs/security/`` name something is judged here.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from docutils import nodes
from docutils.core import publish_doctree

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mcp_oauth_sync"
PAGES = ROOT / "docs" / "security"
HEADINGS = ["Row", "Requirement", "What meets it", "Shown by"]
TEST = re.compile(r"(tests/(?:\w+/)*test_\w+\.py)::((?:\w+::)?test_\w+)(?:\[.+\])?")


def numbered(letters: str, last: int) -> tuple[str, ...]:
    """Return the rows of a family: S-01 and so on."""
    return tuple(f"{letters}-{number:02}" for number in range(1, last + 1))


def with_letters(letters: str, parts: str) -> tuple[str, ...]:
    """Return the rows of a family whose requirements have parts: for each of them its last letter, or - for none."""
    rows = ([""] if last == "-" else [chr(part) for part in range(ord("a"), ord(last) + 1)] for last in parts)
    return tuple(f"{letters}-{number}{part}" for number, found in enumerate(rows, 1) for part in found)


# Every row there has to be, by page. A row is never taken away: what no longer holds is told in it.
FAMILIES: dict[str, tuple[str, ...]] = {
    "mcp": numbered("S", 44),
    "practices": numbered("B", 11),
    "rfcs": numbered("R", 25),
    "advisories": numbered("V", 19),
    "storage": numbered("F", 22),
    "field": with_letters("AC", "dddddcdccdcdccc-ed-c--d---c--------"),
}


@attrs.frozen(kw_only=True)
class Row:
    """A row of a table.

    Attributes:
        number: Its number.
        source: What is emphasised in the requirement: where it comes from and its level.
        requirement: The whole requirement.
        rooms: What meets it.
        tests: What shows it.
    """

    number: str
    source: str
    requirement: str
    rooms: tuple[str, ...]
    tests: tuple[str, ...]


def rows_of(text: str) -> Iterator[Row]:
    """Read the tables of a page that have the four columns; what only Sphinx knows is passed over."""
    document = publish_doctree(text, settings_overrides={"report_level": 5, "halt_level": 5})
    for table in document.findall(nodes.table):
        first, *rest = table.findall(nodes.row)
        if [cell.astext() for cell in first.findall(nodes.entry)] != HEADINGS:
            continue
        for row in rest:
            number, requirement, rooms, tests = row.findall(nodes.entry)
            yield Row(
                number=number.astext(),
                source=" ".join(said.astext() for said in requirement.findall(nodes.emphasis)),
                requirement=requirement.astext(),
                rooms=tuple(literal.astext() for literal in rooms.findall(nodes.literal)),
                tests=tuple(literal.astext() for literal in tests.findall(nodes.literal)),
            )


@functools.cache
def defined_in(path: str) -> frozenset[str]:
    """Return the tests that a file defines and that are run somewhere, those of classes as ``Class::test``."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    found = set[str]()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        inside = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for function in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_") and is_run(function):
                found.add(inside + function.name)
    return frozenset(found)


def is_run(function: ast.FunctionDef) -> bool:
    """Say whether a test is run and counts: neither skipped everywhere nor expected to fail."""
    marks = {
        inner.attr for mark in function.decorator_list for inner in ast.walk(mark) if isinstance(inner, ast.Attribute)
    }
    return not marks & {"skip", "xfail"}


def is_a_room(named: str) -> bool:
    """Say whether this is a module or folder of the package, or a file of the project such as ``setup.cfg``."""
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", named):
        return False
    return (PACKAGE / f"{named}.py").is_file() or (PACKAGE / named).is_dir() or (ROOT / named).is_file()


def problems(text: str, expected: tuple[str, ...]) -> list[str]:
    """Say all that is wrong with a page that has to hold these rows."""
    rows = list(rows_of(text))
    numbers = [row.number for row in rows]
    wrong = [f"{number}: no row" for number in expected if number not in numbers]
    wrong += [f"{number}: not of this page" for number in numbers if number not in expected]
    wrong += [f"{number}: twice" for number in sorted(set(numbers)) if numbers.count(number) > 1]
    if not wrong and numbers != list(expected):
        wrong.append("rows are not in order")
    for row in rows:
        if not row.source or row.requirement == row.source:
            wrong.append(f"{row.number}: no requirement with its source")
        if not row.rooms:
            wrong.append(f"{row.number}: nothing meets it")
        wrong += [f"{row.number}: no room {room}" for room in row.rooms if not is_a_room(room)]
        if not row.tests:
            wrong.append(f"{row.number}: no test")
        for named in row.tests:
            parts = TEST.fullmatch(named)
            if parts is None or parts[2] not in defined_in(parts[1]):
                wrong.append(f"{row.number}: no test {named}")
    return wrong


@pytest.mark.parametrize("page", FAMILIES)
def test_each_requirement_has_a_row_a_room_and_tests_that_exist(page: str) -> None:
    assert problems((PAGES / f"{page}.rst").read_text(encoding="utf-8"), FAMILIES[page]) == []


def test_no_table_is_left_out() -> None:
    listed = re.findall(
        r"^   security/(\w+)$", (ROOT / "docs" / "security.rst").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(listed) == sorted(FAMILIES) == sorted(page.stem for page in PAGES.glob("*.rst"))


HERE = "tests/test_security_matrix.py"
GOOD = f"""
.. list-table::
   :header-rows: 1

   * - Row
     - Requirement
     - What meets it
     - Shown by
   * - T-01
     - *RFC 1, section 2: MUST.* Be good to :doc:`others`.
     - ``urls``, ``protocol/challenge``, ``mcp`` and the floor in ``setup.cfg``
     - ``{HERE}::test_a_page_that_is_true_has_nothing_wrong_with_it``,
       ``{HERE}::TestInside::test_counts[twice]``
   * - T-02
     - *RFC 1, section 3: SHOULD.* Be quick.
     - ``models/record``
     - ``{HERE}::test_no_table_is_left_out``
"""


class TestInside:
    """A test in a class is named with its class."""

    @pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
    def test_counts(self, times: int) -> None:
        """Be found by the page above."""
        assert times


def test_a_page_that_is_true_has_nothing_wrong_with_it() -> None:
    assert problems(GOOD, ("T-01", "T-02")) == []


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("* - T-02", "* - T-03", ["T-02: no row", "T-03: not of this page"]),
        ("* - T-02", "* - T-01", ["T-02: no row", "T-01: twice"]),
        ("* - T-02", "* -", ["T-02: no row", ": not of this page"]),
        ("*RFC 1, section 3: SHOULD.* Be quick.", "Be quick.", ["T-02: no requirement with its source"]),
        ("*RFC 1, section 3: SHOULD.* Be quick.", "*RFC 1.*", ["T-02: no requirement with its source"]),
        ("``models/record``", "The house.", ["T-02: nothing meets it"]),
        ("``models/record``", "``models/recording``", ["T-02: no room models/recording"]),
        ("``models/record``", "``/etc/passwd``", ["T-02: no room /etc/passwd"]),
        (f"``{HERE}::test_no_table_is_left_out``", "", ["T-02: no test"]),
        (f"``{HERE}::test_no_table_is_left_out``", "All of them.", ["T-02: no test"]),
        ("::test_no_table_is_left_out", "", [f"T-02: no test {HERE}"]),
        ("::test_no_table_is_left_out", "::rows_of", [f"T-02: no test {HERE}::rows_of"]),
        ("::test_no_table_is_left_out", "::test_counts", [f"T-02: no test {HERE}::test_counts"]),
        ("::test_no_table_is_left_out", "::test_gone", [f"T-02: no test {HERE}::test_gone"]),
        (
            f"{HERE}::test_no_table_is_left_out",
            "tests/test_gone.py::test_no_table_is_left_out",
            ["T-02: no test tests/test_gone.py::test_no_table_is_left_out"],
        ),
        (
            f"{HERE}::test_no_table_is_left_out",
            "tests/scene.py::test_no_table_is_left_out",
            ["T-02: no test tests/scene.py::test_no_table_is_left_out"],
        ),
    ],
)
def test_a_page_that_is_not_true_is_told_what_is_wrong(old: str, new: str, wrong: list[str]) -> None:
    assert old in GOOD
    assert problems(GOOD.replace(old, new), ("T-01", "T-02")) == wrong


def test_rows_stand_in_order() -> None:
    assert problems(GOOD, ("T-02", "T-01")) == ["rows are not in order"]


@pytest.mark.parametrize(
    ("old", "new"), [("- Shown by", "- Perhaps"), ("     - Shown by\n", "")], ids=["other", "fewer"]
)
def test_a_table_with_other_columns_has_no_rows(old: str, new: str) -> None:
    assert problems(GOOD.replace(old, new), ("T-01", "T-02")) == ["T-01: no row", "T-02: no row"]


@pytest.mark.parametrize(
    ("mark", "runs"),
    [
        ("pytest.mark.skip(reason='never')", False),
        ("pytest.mark.xfail", False),
        ("pytest.mark.skipif(sys.platform == 'win32', reason='elsewhere')", True),
        ("pytest.mark.openbao", True),
    ],
    ids=["skip", "xfail", "skipif", "own"],
)
def test_what_is_never_run_shows_nothing(mark: str, runs: bool) -> None:
    (function,) = ast.parse(f"@{mark}\ndef test_it(): ...").body
    assert isinstance(function, ast.FunctionDef)
    assert is_run(function) is runs
