"""The shipped contract finds what it is for: each rule is broken by a store, and the contract says so."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.testing import StoreContract

from .broken_stores import (
    ENTRIES,
    AddsMembers,
    AlwaysTellsYes,
    CallsItselfDifferently,
    CallsNewerDamaged,
    CannotEnterTwice,
    CutsNames,
    CutsShort,
    DoesNotRemove,
    DoesNotTell,
    DoesNotWait,
    EndsAtNul,
    FailsOnHalves,
    FailsOnHalvesOfNames,
    FoldsCase,
    FoldsNamespaces,
    Forgets,
    GarblesHalves,
    HasAnOddPriority,
    HasAnotherDefault,
    HasLocks,
    HasNoName,
    HasOneTurnForAllKeys,
    HasOneTurnForAllNamespaces,
    HasOneTurnForAllPurposes,
    IsAlone,
    IsOfOneProcess,
    JoinsNames,
    KeepsHalf,
    KeepsTheFirst,
    KeepsTheTurnAfterAnError,
    LeavesStaleLocks,
    LetsGoAtOnce,
    ListsDigests,
    ListsEverything,
    ListsLazily,
    ListsOneNamespaceOnly,
    ListsTwice,
    ListsWhatWas,
    Logs,
    LosesTheRegistration,
    LosesTheResource,
    MakesEntriesByReading,
    MixesHalves,
    MixesNamespaces,
    Normalizes,
    RaisesForNothing,
    RaisesTheWrongError,
    RaisesTimeoutError,
    RemovesBeforeItWrites,
    RemovesDamage,
    RemovesTooMuch,
    ShowsItself,
    ShowsValuesInErrors,
    Sound,
    StandsInItsOwnWay,
    Strips,
    SwallowsErrors,
    TakesDamageForNone,
    TakesEmptyForNone,
    TakesEmptyNames,
    TakesNoTurns,
    TakesTurnsElsewhere,
    TakesTurnsInOneProcessOnly,
    TidiesPaths,
    TranslatesLineEnds,
    TurnsForSigningIn,
    TurnsPerObject,
    Unquotes,
    WritesInPieces,
    WritesTheWholeTable,
)
from .stores.processes import environment

BROKEN: list[tuple[type[Sound], str, str]] = [
    (Forgets, "a_value_of_any_kind_comes_back_as_it_was_kept", "came back changed: found None"),
    (Strips, "a_value_of_any_kind_comes_back_as_it_was_kept", "blanks at both ends"),
    (TakesEmptyForNone, "a_value_of_any_kind_comes_back_as_it_was_kept", "the empty text"),
    (CutsShort, "a_value_of_any_kind_comes_back_as_it_was_kept", "100 KB"),
    (EndsAtNul, "a_value_of_any_kind_comes_back_as_it_was_kept", "NUL"),
    (TranslatesLineEnds, "a_value_of_any_kind_comes_back_as_it_was_kept", "line ends"),
    (FailsOnHalves, "half_a_character_comes_back_or_is_refused_and_the_old_value_stays", "UnicodeEncodeError"),
    (GarblesHalves, "half_a_character_comes_back_or_is_refused_and_the_old_value_stays", "half a character"),
    (RaisesForNothing, "what_was_never_kept_is_none", "key"),
    (MixesNamespaces, "what_was_never_kept_is_none", "another namespace"),
    (KeepsTheFirst, "a_value_is_replaced_by_the_next", "kept last"),
    (DoesNotTell, "removing_tells_whether_there_was_something", "False"),
    (AlwaysTellsYes, "removing_tells_whether_there_was_something", "False"),
    (DoesNotRemove, "removing_tells_whether_there_was_something", "False"),
    (DoesNotRemove, "what_was_removed_is_gone_and_its_neighbours_stay", "removed value"),
    (RemovesTooMuch, "what_was_removed_is_gone_and_its_neighbours_stay", "key2"),
    (HasAnotherDefault, "the_namespace_is_generic_unless_one_is_named", "without a namespace"),
    (TakesEmptyNames, "a_key_or_namespace_that_is_empty_is_a_typed_error", "nothing was raised"),
    (RaisesTheWrongError, "a_key_or_namespace_that_is_empty_is_a_typed_error", "ValueError"),
    (ShowsItself, "no_value_shows_itself_in_the_store_its_errors_or_its_log", "repr"),
    (Logs, "no_value_shows_itself_in_the_store_its_errors_or_its_log", "log"),
    (ShowsValuesInErrors, "no_value_shows_itself_in_the_store_its_errors_or_its_log", "error"),
    (HasAnOddPriority, "it_tells_what_it_is_and_how_good_a_choice", "number"),
    (HasNoName, "it_tells_what_it_is_and_how_good_a_choice", "name"),
    (MixesNamespaces, "namespaces_are_apart", "this namespace"),
    (FoldsNamespaces, "namespaces_are_apart", "this namespace"),
    (JoinsNames, "namespace_and_key_are_never_run_together", "'/'"),
    (FoldsCase, "keys_of_any_kind_are_one_to_one", "'a' and 'A'"),
    (Normalizes, "keys_of_any_kind_are_one_to_one", "taken for one another"),
    (TidiesPaths, "keys_of_any_kind_are_one_to_one", "taken for one another"),
    (CutsNames, "keys_of_any_kind_are_one_to_one", "taken for one another"),
    (Unquotes, "keys_of_any_kind_are_one_to_one", "'a' and '%61'"),
    (ListsDigests, "keys_of_any_kind_are_one_to_one", "not listed|twice"),
    (FailsOnHalvesOfNames, "a_key_with_half_a_character_is_one_to_one_or_refused", "UnicodeEncodeError"),
    (MixesHalves, "a_key_with_half_a_character_is_one_to_one_or_refused", "value of"),
    (ListsWhatWas, "the_list_tells_exactly_what_is_there", "should not be"),
    (ListsTwice, "the_list_tells_exactly_what_is_there", "twice"),
    (ListsEverything, "the_list_tells_exactly_what_is_there", "other namespaces"),
    (ListsOneNamespaceOnly, "the_list_tells_exactly_what_is_there", "all namespaces"),
    (ListsLazily, "the_list_tells_exactly_what_is_there", "list"),
    (MakesEntriesByReading, "reading_adds_nothing_to_the_list", "ever kept"),
    (LosesTheResource, "a_sign_in_comes_back_whole", "came back changed"),
    (LosesTheRegistration, "tokens_are_replaced_and_the_rest_of_the_sign_in_stays", "registration"),
    (TakesDamageForNone, "a_sign_in_of_a_newer_version_is_refused_and_left_alone", "nothing was raised"),
    (CallsNewerDamaged, "a_sign_in_of_a_newer_version_is_refused_and_left_alone", "damaged"),
    (RemovesDamage, "a_sign_in_of_a_newer_version_is_refused_and_left_alone", "after reading"),
    (TakesDamageForNone, "what_is_no_sign_in_is_a_damaged_entry_and_not_none", "nothing was raised"),
    (RemovesDamage, "what_is_no_sign_in_is_a_damaged_entry_and_not_none", "after reading"),
    (AddsMembers, "a_secret_of_another_kind_comes_back_whole", "changed"),
    (KeepsHalf, "a_failure_to_keep_leaves_the_old_value", "refused save"),
    (IsAlone, "another_object_sees_what_was_kept", "another object"),
    (CallsItselfDifferently, "another_object_sees_what_was_kept", "identity"),
    (WritesTheWholeTable, "threads_that_write_at_once_lose_nothing_of_each_other", "thread|value|dictionary"),
    (RemovesBeforeItWrites, "a_reader_sees_the_old_value_or_the_new_one", "missing|list"),
    (WritesInPieces, "a_reader_sees_the_old_value_or_the_new_one", "torn"),
    (TakesNoTurns, "a_turn_is_one_threads_alone_until_it_ends", "held it"),
    (TurnsPerObject, "a_turn_is_one_threads_alone_until_it_ends", "held it"),
    (CannotEnterTwice, "a_turn_is_one_threads_alone_until_it_ends", "in time"),
    (LetsGoAtOnce, "a_turn_is_one_threads_alone_until_it_ends", "inner"),
    (TakesNoTurns, "a_turn_that_does_not_come_in_time_is_a_typed_error", "nothing was raised"),
    (RaisesTimeoutError, "a_turn_that_does_not_come_in_time_is_a_typed_error", "TimeoutError"),
    (DoesNotWait, "a_turn_that_does_not_come_in_time_is_a_typed_error", "waited 0.0"),
    (HasOneTurnForAllKeys, "turns_for_other_entries_and_purposes_do_not_wait", "one key"),
    (HasOneTurnForAllNamespaces, "turns_for_other_entries_and_purposes_do_not_wait", "one namespace"),
    (HasOneTurnForAllPurposes, "turns_for_other_entries_and_purposes_do_not_wait", "sign in"),
    (TakesTurnsElsewhere, "the_turn_is_for_a_refresh_of_a_sign_in_unless_said_otherwise", "default"),
    (TurnsForSigningIn, "the_turn_is_for_a_refresh_of_a_sign_in_unless_said_otherwise", "default"),
    (KeepsTheTurnAfterAnError, "a_turn_ends_with_its_block_however_that_ends", "not given back"),
    (SwallowsErrors, "a_turn_ends_with_its_block_however_that_ends", "did not come through"),
    (StandsInItsOwnWay, "the_holder_of_a_turn_reads_writes_and_removes", "in time"),
    (TakesNoTurns, "threads_that_count_together_lose_no_step", "sum"),
]


def named(value: object) -> str:
    return getattr(value, "__name__", str(value))


def run(test: str, **attributes: Any) -> None:
    """Run one test of the contract over a store."""
    contract = type("Contract", (StoreContract,), attributes)()
    contract.setup_method()
    try:
        getattr(contract, f"test_{test}")()
    finally:
        contract._spaces.clear()  # a broken store cannot tidy up
        contract.teardown_method()


@pytest.mark.parametrize(("store", "test", "said"), BROKEN, ids=named)
def test_a_broken_store_fails_the_contract(store: type[Sound], test: str, said: str) -> None:
    ENTRIES.clear()
    if store is TakesNoTurns and "count" in test:  # so that threads do meet
        store = type("Slow", (TakesNoTurns,), {"retrieve_generic": _slowly})
    with pytest.raises((AssertionError, TokenStorageError, KeyError, RuntimeError), match=said):
        run(test, open_store=lambda _: store(), process_opener=None)


def _slowly(store: Sound, key: str, *, namespace: str = "generic") -> str | None:
    found = Sound.retrieve_generic(store, key, namespace=namespace)
    time.sleep(0.01)
    return found


TESTS = sorted(name.removeprefix("test_") for name in dir(StoreContract) if name.startswith("test_"))


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("store", [Sound, HasLocks])
def test_a_sound_store_passes(store: type[Sound], test: str) -> None:
    ENTRIES.clear()
    run(test, open_store=lambda _: store(), process_opener=None)


def test_every_rule_is_broken_by_some_store() -> None:
    assert {test for _, test, _ in BROKEN} | {"another_object_sees_what_was_kept"} | PROCESS_TESTS == set(TESTS)


def test_a_store_that_calls_itself_not_persistent_is_not(home: Path) -> None:
    with pytest.raises(AssertionError, match="not persistent"):
        run("another_object_sees_what_was_kept", open_store=lambda _: Sound(), persistent=False)


# Processes

PROCESS_TESTS = {
    "another_process_sees_what_was_kept",
    "a_turn_of_another_process_is_waited_for",
    "a_process_that_is_killed_leaves_no_turn_behind",
    "processes_that_write_at_once_lose_nothing_of_each_other",
}


BROKEN_AMONG_PROCESSES = [
    (IsOfOneProcess, "another_process_sees_what_was_kept", "what another process reads"),
    (TakesTurnsInOneProcessOnly, "a_turn_of_another_process_is_waited_for", "while the turn was held here"),
    (LeavesStaleLocks, "a_process_that_is_killed_leaves_no_turn_behind", "killed process"),
    (IsOfOneProcess, "processes_that_write_at_once_lose_nothing_of_each_other", "two processes"),
]


@pytest.mark.parametrize(("store", "test", "said"), BROKEN_AMONG_PROCESSES, ids=named)
def test_a_store_that_is_broken_among_processes_fails_the_contract(
    store: Any, test: str, said: str, tmp_path: Path
) -> None:
    ENTRIES.clear()
    with pytest.raises(AssertionError, match=said):
        run(
            test,
            open_store=lambda _: store(str(tmp_path / "store")),
            process_opener=f"{store.__module__}:{store.__name__}",
            process_arguments=(str(tmp_path / "store"),),
            freed_within=0.5,
        )


@pytest.mark.parametrize("test", sorted(PROCESS_TESTS))
def test_who_says_nothing_about_processes_is_asked(test: str) -> None:
    with pytest.raises(AssertionError, match="set process_opener"):
        run(test, open_store=lambda _: Sound())


def test_an_opener_that_does_not_work_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError, match="standard error says why"):
        run("another_process_sees_what_was_kept", open_store=lambda _: Sound(), process_opener="there.is:nothing")
    assert "No module named 'there'" in capfd.readouterr().err


# Who runs it

UNITTEST = """
import sys, unittest
sys.modules["pytest"] = None
sys.modules["_pytest"] = None
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.testing import StoreContract

class OverFiles(StoreContract, unittest.TestCase):
    process_opener = "mcp_oauth_sync.stores.encrypted_file:EncryptedFileStore"
    process_arguments = (sys.argv[1],)
    made = 0

    def prepare(self):
        OverFiles.made += 1

    def clean_up(self):
        OverFiles.made -= 1

    def open_store(self):
        assert OverFiles.made == 1
        return EncryptedFileStore(sys.argv[1])

class Forgetful(EncryptedFileStore):
    def store_generic(self, key, value, *, namespace="generic"):
        pass

class OverForgetful(OverFiles):
    def open_store(self):
        return Forgetful(sys.argv[1])

load = unittest.defaultTestLoader.loadTestsFromTestCase
result = unittest.TextTestRunner(verbosity=0).run(load(OverFiles))
assert result.wasSuccessful(), result
assert result.testsRun == len([name for name in dir(StoreContract) if name.startswith("test_")])
assert OverFiles.made == 0, OverFiles.made
left = EncryptedFileStore(sys.argv[1]).list_generic()
assert left == [], left
result = unittest.TextTestRunner(verbosity=0, stream=open("/dev/null", "w")).run(load(OverForgetful))
assert len(result.failures) > 15, result
"""


def test_it_runs_under_unittest_without_pytest_and_leaves_the_place_as_it_was(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", UNITTEST, tmp_path / "store"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_one_test_case_may_be_run_by_pytest_too_and_is_prepared_once(tmp_path: Path) -> None:
    (tmp_path / "test_store.py").write_text(
        "import unittest\n"
        "from mcp_oauth_sync.stores.memory import MemoryStore\n"
        "from mcp_oauth_sync.testing import StoreContract\n"
        "class Counts:\n"
        "    persistent, made = False, []\n"
        "    def prepare(self): self.made.append(1)\n"
        "    def clean_up(self): self.made.pop(); assert not self.made\n"
        "    def open_store(self): assert self.made == [1]; return MemoryStore()\n"
        "class TestPlain(Counts, StoreContract): pass\n"
        "class TestCase(Counts, StoreContract, unittest.TestCase): pass\n"
        "class TestWrongOrder(unittest.TestCase, Counts, StoreContract): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "replaced_by_the_next", tmp_path],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout
