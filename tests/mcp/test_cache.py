"""What is kept of a server's answers: for how long, for whom, how much, and what makes it go."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from mcp_oauth_sync.mcp import cache as room
from mcp_oauth_sync.mcp.cache import CACHEABLE, INVALIDATED_BY, ResultCache

from .clock import Clock

ALICE, BOB = "Bearer canary-alice", "Bearer canary-bob"
READ = "resources/read"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> ResultCache:
    return ResultCache(clock=clock)


def answer(what: object = "echo", *, ttl: object = 60_000, scope: object = "public", **more: object) -> dict[str, Any]:
    return {"resultType": "complete", "tools": [what], "ttlMs": ttl, "cacheScope": scope, **more}


def keep(
    cache: ResultCache,
    params: Mapping[str, Any] | None = None,
    *,
    method: str = "tools/list",
    by: str | None = ALICE,
    result: Mapping[str, Any] | None = None,
    **more: Any,
) -> None:
    cache.put(method, params or {}, answer() if result is None else result, authorization=by, **more)


def kept(
    cache: ResultCache,
    params: Mapping[str, Any] | None = None,
    *,
    method: str = "tools/list",
    by: str | None = ALICE,
) -> Any:
    return cache.get(method, params or {}, authorization=by)


# What is kept, and for how long


@pytest.mark.parametrize("method", sorted(CACHEABLE))
def test_a_result_is_given_again_as_it_came(cache: ResultCache, method: str) -> None:
    result = answer({"z": 1, "a": [None, True, 1.5, "é\ud800"]}, nextCursor="", _meta={"b": {}})
    assert kept(cache, method=method) is None
    keep(cache, method=method, result=result)
    given = kept(cache, method=method)
    assert given == result
    assert list(given) == list(result)
    assert list(given["tools"][0]) == ["z", "a"]  # the order of properties is what people see


@pytest.mark.parametrize(
    "method", ["tools/call", "prompts/get", "completion/complete", "subscriptions/listen", "x", ""]
)
def test_the_results_of_other_operations_are_not_kept(cache: ResultCache, method: str) -> None:
    keep(cache, method=method)
    assert kept(cache, method=method) is None


def test_a_result_is_good_until_its_time_is_over_and_not_a_moment_longer(cache: ResultCache, clock: Clock) -> None:
    keep(cache)
    clock.now += 59.999
    assert kept(cache) == answer()
    clock.now += 0.001
    assert kept(cache) is None


def test_the_time_counts_from_when_the_result_came(cache: ResultCache, clock: Clock) -> None:
    keep(cache, received=clock.now - 30)
    clock.now += 29
    assert kept(cache) == answer()
    clock.now += 1
    assert kept(cache) is None
    keep(cache, received=clock.now - 60)
    assert kept(cache) is None


@pytest.mark.parametrize(
    "ttl",
    [0, -1, -0.0, None, True, False, "60000", "", [60000], {}, float("nan"), float("-inf"), -(10**400)],
    ids=lambda value: str(value)[:10],
)
def test_a_result_without_a_time_is_not_kept(cache: ResultCache, ttl: object) -> None:
    keep(cache, result=answer(ttl=ttl))
    assert kept(cache) is None
    assert not cache._kept


def test_a_result_that_says_nothing_of_caching_is_not_kept(cache: ResultCache) -> None:
    keep(cache, result={"tools": []})
    keep(cache, {"cursor": "a"}, result={"tools": [], "cacheScope": "public"})
    assert not cache._kept


@pytest.mark.parametrize("ttl", [24 * 3600 * 1000, 10**15, 10**400, 1e300, float("inf")], ids=range(5))
def test_nothing_is_kept_for_longer_than_a_day(cache: ResultCache, clock: Clock, ttl: float) -> None:
    keep(cache, result=answer(ttl=ttl))
    clock.now += 24 * 3600 - 1
    assert kept(cache) is not None
    clock.now += 1
    assert kept(cache) is None


def test_a_fraction_of_a_millisecond_counts(cache: ResultCache, clock: Clock) -> None:
    keep(cache, result=answer(ttl=1500.5))
    clock.now += 1.5
    assert kept(cache) is not None


@pytest.mark.parametrize("kind", ["input_required", "Complete", "", None, 1, ["complete"], "task"])
def test_a_result_that_is_not_complete_is_not_kept(cache: ResultCache, kind: object) -> None:
    keep(cache, result={**answer(), "resultType": kind})
    assert kept(cache) is None


def test_a_result_of_a_server_that_knows_no_kinds_is_complete(cache: ResultCache) -> None:
    result = answer()
    del result["resultType"]
    keep(cache, result=result)
    assert kept(cache) == result


@pytest.mark.parametrize("more", [{"inputResponses": {}}, {"requestState": "s"}, {"requestState": None}], ids=str)
def test_what_was_answered_with_the_help_of_a_person_is_neither_kept_nor_given(
    cache: ResultCache, more: dict[str, object]
) -> None:
    keep(cache, {"uri": "a:b", **more}, method=READ)
    assert not cache._kept
    keep(cache, {"uri": "a:b"}, method=READ)
    assert kept(cache, {"uri": "a:b", **more}, method=READ) is None
    assert kept(cache, {"uri": "a:b"}, method=READ) is not None


# For which request


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"cursor": ""}),
        ({}, {"cursor": None}),
        ({"cursor": "a"}, {"cursor": "b"}),
        ({"cursor": "1"}, {"cursor": 1}),
        ({"cursor": 1}, {"cursor": True}),
        ({"cursor": 1}, {"cursor": 1.0}),
        ({"cursor": "é"}, {"cursor": "e\u0301"}),
        ({"filter": {"a": 1}}, {"filter": {"a": 1, "b": 2}}),
        ({"filter": {"_meta": 1}}, {"filter": {"_meta": 2}}),
        ({"filter": [1, 2]}, {"filter": [2, 1]}),
    ],
    ids=str,
)
def test_a_result_is_given_only_for_the_same_parameters(
    cache: ResultCache, one: dict[str, object], other: dict[str, object]
) -> None:
    keep(cache, one)
    assert kept(cache, other) is None
    assert kept(cache, one) is not None


def test_neither_the_order_of_parameters_nor_what_is_said_about_the_request_matters(cache: ResultCache) -> None:
    keep(cache, {"cursor": "a", "filter": {"x": 1, "y": 2}, "_meta": {"progressToken": 1}})
    assert kept(cache, {"_meta": {"progressToken": 2}, "filter": {"y": 2, "x": 1}, "cursor": "a"}) is not None
    assert kept(cache, {"filter": {"x": 1, "y": 2}, "cursor": "a"}) is not None


def test_a_result_is_given_only_for_the_same_operation(cache: ResultCache) -> None:
    keep(cache, method="resources/list")
    assert kept(cache, method="resources/templates/list") is None


def test_a_caller_may_change_what_it_gave_and_got(cache: ResultCache) -> None:
    params, result = {"filter": {"a": 1}}, answer({"name": "echo"})
    keep(cache, params, result=result)
    params["filter"]["a"] = 2
    result["tools"].clear()
    given = kept(cache, {"filter": {"a": 1}})
    given["tools"][0]["name"] = "changed"
    assert kept(cache, {"filter": {"a": 1}}) == answer({"name": "echo"})


def test_a_newer_result_takes_the_place_of_the_one_before(cache: ResultCache) -> None:
    keep(cache, result=answer("old"))
    keep(cache, result=answer("new"))
    assert kept(cache) == answer("new")
    keep(cache, result=answer("newest", ttl=0))
    assert kept(cache) is None


def test_pages_are_kept_each_for_its_own_time(cache: ResultCache, clock: Clock) -> None:
    keep(cache, result=answer(ttl=10_000, nextCursor="2"))
    clock.now += 5
    keep(cache, {"cursor": "2"}, result=answer(ttl=10_000))
    clock.now += 5
    assert kept(cache) is None
    assert kept(cache, {"cursor": "2"}) is not None


@pytest.mark.parametrize(
    "odd", [{"a": object()}, {"a": b"x"}, {1: "a", "b": 2}, {"a": 10**5000}], ids=["object", "bytes", "keys", "number"]
)
def test_what_cannot_be_written_as_json_is_neither_kept_nor_a_failure(cache: ResultCache, odd: Any) -> None:
    keep(cache, odd)
    assert kept(cache, odd) is None
    keep(cache, result=answer(odd.get("a", object())))
    assert kept(cache) is None


def test_what_is_nested_too_deep_or_in_itself_is_not_kept_either(cache: ResultCache) -> None:
    nested: Any = []
    for _ in range(200_000):
        nested = [nested]
    itself: dict[str, Any] = {}
    itself["again"] = itself
    for odd in (nested, itself):
        keep(cache, {"a": odd})
        assert kept(cache, {"a": odd}) is None
        keep(cache, result=answer(odd))
        assert kept(cache) is None


# For whom


@pytest.mark.parametrize("scope", ["private", None, "Public", "PUBLIC", "", "shared", 1, ["public"], {}], ids=repr)
def test_what_is_not_public_is_given_only_to_whom_it_was_given(cache: ResultCache, scope: object) -> None:
    keep(cache, result=answer(scope=scope))
    assert kept(cache, by=BOB) is None
    assert kept(cache, by=None) is None
    assert kept(cache, by="") is None
    assert kept(cache) is not None


def test_a_result_without_a_scope_is_private(cache: ResultCache) -> None:
    result = answer()
    del result["cacheScope"]
    keep(cache, result=result)
    assert kept(cache, by=BOB) is None
    assert kept(cache) == result


def test_what_is_public_is_given_to_everybody(cache: ResultCache) -> None:
    keep(cache)
    assert kept(cache, by=BOB) == kept(cache, by=None) == answer()


def test_what_was_given_to_nobody_in_particular_stays_there(cache: ResultCache) -> None:
    keep(cache, by=None, result=answer(scope="private"))
    assert kept(cache) is None
    assert kept(cache, by="") is None
    assert kept(cache, by=None) is not None


def test_what_one_has_is_not_lost_because_another_asked(cache: ResultCache) -> None:
    keep(cache, result=answer(scope="private"))
    assert kept(cache, by=BOB) is None
    assert kept(cache) is not None


def test_what_has_become_private_is_public_no_longer(cache: ResultCache) -> None:
    keep(cache, result=answer("public"))
    keep(cache, by=BOB, result=answer("bob's", scope="private"))
    assert kept(cache) is None
    assert kept(cache, by=BOB) == answer("bob's", scope="private")


def test_no_credential_and_no_private_text_is_kept_or_shown(cache: ResultCache) -> None:
    keep(cache, result=answer("canary-text", scope="private"))
    kept(cache, by=BOB)
    gc.collect()
    seen: set[int] = set()
    waiting: list[object] = [vars(cache)]
    while waiting:
        found = waiting.pop()
        if id(found) not in seen:
            seen.add(id(found))
            assert "canary-alice" not in repr(found)
            assert "canary-bob" not in repr(found)
            waiting += [x for x in gc.get_referents(found) if isinstance(x, str | bytes | dict | tuple | list)]
            waiting += [getattr(found, name) for name in getattr(type(found), "__slots__", ()) if name != "__weakref__"]
    shown = repr(cache) + repr(cache._kept)
    assert not [word for word in ("canary", "owner", "text") if word in shown]


def test_two_caches_do_not_know_a_caller_by_the_same_mark(clock: Clock) -> None:
    marks = set()
    for cache in (ResultCache(clock=clock), ResultCache(clock=clock)):
        keep(cache, result=answer(scope="private"))
        marks.add(next(iter(cache._kept.values())).owner)
    assert len(marks) == 2
    assert all(mark is not None and len(mark) == 32 for mark in marks)


# How much


def test_of_too_many_the_one_not_used_for_longest_goes(clock: Clock) -> None:
    cache = ResultCache(clock=clock, max_entries=3)
    for cursor in "abc":
        keep(cache, {"cursor": cursor})
    assert kept(cache, {"cursor": "a"}) is not None
    keep(cache, {"cursor": "d"})
    assert [kept(cache, {"cursor": cursor}) is not None for cursor in "abcd"] == [True, False, True, True]
    keep(cache, {"cursor": "c"})  # is there already: nobody has to go
    assert [kept(cache, {"cursor": cursor}) is not None for cursor in "acd"] == [True, True, True]


def test_a_cache_of_no_entries_keeps_nothing_and_one_of_fewer_cannot_be(clock: Clock) -> None:
    cache = ResultCache(clock=clock, max_entries=0)
    keep(cache)
    assert kept(cache) is None
    with pytest.raises(ValueError, match="negative"):
        ResultCache(max_entries=-1)


def test_what_is_kept_together_has_a_largest_size(cache: ResultCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_SIZE", 1000)
    for cursor in "abcd":
        keep(cache, {"cursor": cursor}, result=answer("x" * 200))
    assert [kept(cache, {"cursor": cursor}) is not None for cursor in "abcd"] == [False, True, True, True]
    assert sum(each.size for each in cache._kept.values()) <= 1000
    keep(cache, {"cursor": "b"}, result=answer("x" * 1000))  # fits nowhere: the others stay
    assert [kept(cache, {"cursor": cursor}) is not None for cursor in "bcd"] == [False, True, True]
    keep(cache, {"cursor": "y" * 1000})  # parameters take room as well
    assert kept(cache, {"cursor": "y" * 1000}) is None
    assert [kept(cache, {"cursor": cursor}) is not None for cursor in "cd"] == [True, True]
    keep(cache, {"cursor": "e"}, result=answer("x" * 800))
    assert len(cache._kept) == 1


# What makes it go

EVERYTHING = {method: {"uri": "a:b"} if method == READ else {} for method in sorted(CACHEABLE)}


def full(cache: ResultCache) -> None:
    for method, params in EVERYTHING.items():
        keep(cache, params, method=method)


def left(cache: ResultCache) -> set[str]:
    return {method for method, params in EVERYTHING.items() if kept(cache, params, method=method) is not None}


@pytest.mark.parametrize(
    ("notification", "gone"),
    [
        ("notifications/tools/list_changed", {"tools/list"}),
        ("notifications/prompts/list_changed", {"prompts/list"}),
        ("notifications/resources/list_changed", {"resources/list", "resources/templates/list"}),
        ("notifications/resources/updated", {READ}),
        ("notifications/message", set()),
        ("notifications/progress", set()),
        ("tools/list", set()),
        ("", set()),
    ],
)
def test_a_notification_makes_go_what_it_is_about(cache: ResultCache, notification: str, gone: set[str]) -> None:
    full(cache)
    cache.hear(notification, {"_meta": {}})
    assert left(cache) == CACHEABLE - gone
    assert set(INVALIDATED_BY.get(notification, ())) == gone


def test_a_change_of_a_list_makes_every_page_go(cache: ResultCache) -> None:
    for cursor in "ab":
        keep(cache, {"cursor": cursor})
    cache.hear("notifications/tools/list_changed", {"uri": "a:b"})
    assert not cache._kept


@pytest.mark.parametrize(
    ("changed", "gone"),
    [
        ("file:///a/b", {"file:///a/b", "file:///a/", "file:///a"}),
        ("file:///a", {"file:///a"}),
        ("file:///a/", {"file:///a", "file:///a/"}),
        ("file:///a/bc", {"file:///a", "file:///a/", "file:///a/bc"}),
        ("note:x", {"note:x"}),
        ("other:x", set()),
    ],
)
def test_a_change_of_a_resource_makes_go_what_was_read_of_it_and_of_what_it_is_a_part_of(
    cache: ResultCache, changed: str, gone: set[str]
) -> None:
    every = {"file:///a", "file:///a/", "file:///a/b", "file:///a/bc", "note:x"}
    for uri in every:
        keep(cache, {"uri": uri}, method=READ)
    keep(cache, {"uri": changed}, method="resources/list")
    cache.hear("notifications/resources/updated", {"uri": changed})
    assert {uri for uri in every if kept(cache, {"uri": uri}, method=READ) is None} == gone
    assert kept(cache, {"uri": changed}, method="resources/list") is not None


@pytest.mark.parametrize("uri", [None, 1, ["a:b"], {}], ids=str)
def test_a_change_of_an_unknown_resource_makes_everything_read_go(cache: ResultCache, uri: object) -> None:
    full(cache)
    cache.hear("notifications/resources/updated", {"uri": uri})
    assert left(cache) == CACHEABLE - {READ}


def test_a_caller_forgets_one_operation_several_one_resource_or_everything(cache: ResultCache) -> None:
    full(cache)
    cache.forget(READ, uri="a:c")
    assert left(cache) == CACHEABLE
    cache.forget("tools/list", "prompts/list", "no/such")
    assert left(cache) == CACHEABLE - {"tools/list", "prompts/list"}
    cache.forget(READ, uri="a:b")
    assert READ not in left(cache)
    cache.forget()
    assert left(cache) == set()


def test_a_parameter_that_is_no_uri_is_in_nobodys_way(cache: ResultCache) -> None:
    keep(cache, {"uri": 5}, method=READ)
    cache.forget(READ, uri="5")
    assert kept(cache, {"uri": 5}, method=READ) is not None


def test_what_was_asked_for_before_it_changed_is_not_kept(cache: ResultCache, clock: Clock) -> None:
    asked = clock.now
    clock.now += 1
    cache.hear("notifications/tools/list_changed", {})
    keep(cache, asked=clock.now)  # who can tell which was first?
    assert kept(cache) is None
    clock.now += 1
    keep(cache, result=answer("new"), asked=clock.now)
    keep(cache, result=answer("old"), asked=asked)  # a slow answer
    assert kept(cache) == answer("new")
    keep(cache, method="prompts/list", asked=asked)
    assert kept(cache, method="prompts/list") is not None


def test_what_was_asked_for_before_everything_was_forgotten_is_not_kept(cache: ResultCache, clock: Clock) -> None:
    cache.forget()
    for method, params in EVERYTHING.items():
        keep(cache, params, method=method, asked=clock.now)
    assert left(cache) == set()


def test_a_server_cannot_fill_the_memory_with_what_it_says_has_changed(cache: ResultCache) -> None:
    for number in range(1000):
        cache.hear("notifications/resources/updated", {"uri": f"a:{number}"})
        cache.forget(f"no/such/{number}")
    assert len(cache._forgotten) == 1


# Several at once


def test_threads_share_a_cache(clock: Clock) -> None:
    cache = ResultCache(clock=clock, max_entries=8)
    wrong: list[object] = []
    start = threading.Barrier(4)

    def work(mine: int) -> None:
        try:
            start.wait(30)
            for turn in range(300):
                params = {"cursor": str(turn % 12)}
                keep(cache, params, by=f"{mine}", result=answer(f"{mine}", scope="private"))
                found = kept(cache, params, by=f"{mine}")
                if found is not None and found["tools"] != [f"{mine}"]:
                    wrong.append(found)
                if turn % 50 == mine:
                    cache.hear("notifications/tools/list_changed", {})
        except BaseException as failure:
            wrong.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert len(cache._kept) <= 8


FORK = """
import os, signal
from mcp_oauth_sync.mcp.cache import ResultCache

cache = ResultCache()
result = {"ttlMs": 60000, "cacheScope": "public"}
cache.put("tools/list", {}, result, authorization=None)
cache._lock.acquire()  # as if another thread were in the middle of a change
child = os.fork()
if child == 0:
    signal.alarm(20)
    assert cache.get("tools/list", {}, authorization=None) is None
    cache.put("tools/list", {}, result, authorization=None)
    assert cache.get("tools/list", {}, authorization=None) == result
    os._exit(7)
cache._lock.release()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert cache.get("tools/list", {}, authorization=None) == result
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_begins_anew_and_waits_for_nobody() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_cache_that_is_not_used_any_longer_goes() -> None:
    cache = ResultCache()
    assert cache in room._all
    before = len(room._all)
    del cache
    gc.collect()
    assert len(room._all) < before
