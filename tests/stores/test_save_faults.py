"""Every system call of a save, a removal or a look goes wrong once: no space, a broken disk, an interruption, a kill.

Afterwards there is the old record or the new one, never neither and never half of one; the neighbour is there, the
listing is whole, and the store goes on working. All calls with all that can go wrong: benchmarks/store_faults.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores import TokenManager

from .fault_child import NAME, NEIGHBOUR, STORES, record
from .faults import DONE, Outcome, Zygote, copies, ended_badly, every_call

pytestmark = [pytest.mark.strace, pytest.mark.timeout(300)]

OLD, NEW = record("old"), record("new")


def left_badly(
    manager: TokenManager, allowed: list[object], neighbours: list[str], *, patience: float = 0
) -> str | None:
    """Say what is wrong with what was left in the store."""
    try:
        listed = manager.names()  # before anything is used by its name
        found = manager.load_record(NAME)
        if found not in allowed:
            return f"there is {found}"
        names = sorted([*neighbours, NAME] if found else neighbours)
        if listed != names:
            return f"listed are {listed}, not {names}"
        if any(manager.load_record(name) != OLD for name in neighbours):
            return "the neighbour is not as it was"
        with manager.exclusive(NAME, timeout=patience):
            manager.save_record(NAME, NEW)
        if manager.load_record(NAME) != NEW:
            return "it cannot be saved any more"
        if [entry["name"] for entry in manager.list_tokens()] != sorted([*neighbours, NAME]):
            return f"the index says {manager.list_tokens()}"
    except TokenStorageError as failure:
        return f"the store does not work any more: {failure}"
    return None


def template(store: str, folder: Path, *names: str) -> Path:
    """Make a store with records."""
    manager = STORES[store](folder)
    for name in names:
        with manager.exclusive(name):
            manager.save_record(name, OLD)
    return folder


@pytest.mark.parametrize("store", ["encrypted_file"])
def test_a_save_with_any_call_going_wrong_leaves_the_old_record_or_the_new(
    tmp_path: Path, process: Zygote, store: str
) -> None:
    place = copies(template(store, tmp_path / "template", NAME, NEIGHBOUR), tmp_path)

    def check(outcome: Outcome, folder: Path) -> str | None:
        allowed: list[object] = [NEW] if outcome.status == DONE else [OLD, NEW]
        return ended_badly(outcome) or left_badly(STORES[store](folder), allowed, [NEIGHBOUR])

    cases, wrong = every_call(process, store, "save", place=place, check=check)
    assert not wrong, "\n".join(wrong)
    assert cases > 100


@pytest.mark.parametrize(
    ("store", "neighbours"),
    [("encrypted_file", []), ("with_index", [NEIGHBOUR])],
    ids=["of all", "of a name, which is noted in the index"],
)
def test_a_first_save_with_any_call_going_wrong_leaves_nothing_or_the_record(
    tmp_path: Path, process: Zygote, store: str, neighbours: list[str]
) -> None:
    place = copies(template(store, tmp_path / "template", *neighbours) if neighbours else tmp_path / "none", tmp_path)

    def check(outcome: Outcome, folder: Path) -> str | None:
        allowed: list[object] = [NEW] if outcome.status == DONE else [None, NEW]
        return ended_badly(outcome) or left_badly(STORES[store](folder), allowed, neighbours)

    cases, wrong = every_call(process, store, "save", place=place, check=check)
    assert not wrong, "\n".join(wrong)
    assert cases > 100


@pytest.mark.parametrize("store", ["with_index"])
def test_a_removal_with_any_call_going_wrong_leaves_the_record_or_nothing(
    tmp_path: Path, process: Zygote, store: str
) -> None:
    place = copies(template(store, tmp_path / "template", NAME, NEIGHBOUR), tmp_path)

    def check(outcome: Outcome, folder: Path) -> str | None:
        allowed: list[object] = [None] if outcome.status == DONE else [OLD, None]
        return ended_badly(outcome) or left_badly(STORES[store](folder), allowed, [NEIGHBOUR])

    cases, wrong = every_call(process, store, "delete", place=place, check=check)
    assert not wrong, "\n".join(wrong)
    assert cases > 50


@pytest.mark.parametrize("act", ["load", "list_names", "take_turn"])
def test_a_look_with_any_call_going_wrong_is_right_or_refused_and_leaves_everything(
    tmp_path: Path, process: Zygote, act: str
) -> None:
    place = copies(template("with_index", tmp_path / "template", NAME, NEIGHBOUR), tmp_path)

    def check(outcome: Outcome, folder: Path) -> str | None:
        return ended_badly(outcome) or left_badly(STORES["with_index"](folder), [OLD], [NEIGHBOUR])

    cases, wrong = every_call(process, "with_index", act, place=place, check=check)
    assert not wrong, "\n".join(wrong)
    assert cases > 10
