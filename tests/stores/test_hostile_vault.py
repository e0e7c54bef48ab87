"""Every broken answer at everything that one can do with a Vault: an error in time and memory, and nothing lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import StoreCorruptError, TokenStorageError
from mcp_oauth_sync.stores.vault.answer import LONGEST, PolicyError
from mcp_oauth_sync.stores.vault.kv import LARGEST
from mcp_oauth_sync.stores.vault.names import to_document

from ..attacks.broken import ENDLESS, EVERY, WRONG_TYPES
from ..attacks.test_broken_replies import peak
from ..real.openbao import Bao, bao, openbao_server
from ..real.vault_front import Front, front
from ..servers import Fault, Origin, gzip_bomb, huge, json_reply, reply
from .vault_acts import everything, refused

__all__ = ["bao", "front", "openbao_server"]
pytestmark = pytest.mark.openbao

ACTS = ("store", "read", "delete", "list", "turn")
#: Bytes that one call may take, and seconds for all its requests.
MEMORY, BOUND = 60 << 20, 20
#: What an act may be told twice.
ANSWERS: dict[str, Callable[[Any], Any]] = {
    "wrong data": lambda wrong: {"data": wrong},
    "wrong data in the data": lambda wrong: {"data": {"data": wrong, "metadata": {"version": 1}}},
    "wrong value": lambda wrong: {"data": {"data": {"value": wrong}, "metadata": {"version": 1}}},
    "wrong metadata": lambda wrong: {"data": {"data": {"value": "x"}, "metadata": wrong}},
    "wrong version": lambda wrong: {"data": {"data": {"value": "x"}, "metadata": {"version": wrong}, "version": wrong}},
    "wrong keys": lambda wrong: {"data": {"keys": wrong}},
    "wrong type": lambda wrong: {"data": {"type": wrong, "path": wrong, "options": {"version": wrong}}},
    "wrong errors": lambda wrong: {"errors": wrong, "warnings": wrong},
}


@pytest.fixture
def elsewhere() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin
        assert origin.log == []


@pytest.mark.parametrize("act", ACTS)
def test_every_broken_answer_is_an_error_in_time_and_nothing_is_lost(
    bao: Bao, front: Front, elsewhere: Origin, subtests: pytest.Subtests, act: str
) -> None:
    bao.store().store_generic("k", "old")
    for name, made in EVERY.items():
        with subtests.test(name):
            store = bao.store(url=front.url, kv_version=2, timeout=0.3 if name in ENDLESS else 5.0)
            with suppress(TokenStorageError):  # a Vault that is busy does not answer in time
                store.retrieve_generic("k")
            front.fault("*", made(SimpleNamespace(elsewhere=elsewhere)))  # type: ignore[arg-type]
            began = time.monotonic()
            failure = refused(everything(store)[act])
            assert time.monotonic() - began < BOUND
            assert not isinstance(failure, StoreCorruptError)
            assert failure.message.isprintable()
            front.clear_faults()
            assert bao.store().retrieve_generic("k") in ["old", *(["new value of the entry"] if act == "store" else [])]


@pytest.mark.parametrize("act", [*ACTS, "ask for the version"])
def test_an_answer_of_wrong_types_is_an_error_and_never_a_value(
    bao: Bao, front: Front, subtests: pytest.Subtests, act: str
) -> None:
    known, asks = bao.store(url=front.url, kv_version=2), act == "ask for the version"
    where = f"/v1/sys/internal/ui/mounts/{bao.mount}" if asks else "*"
    assert known.retrieve_generic("k") is None
    options = {"wrong options": lambda wrong: {"data": {"type": "kv", "path": bao.mount, "options": wrong}}}
    for name, made in {**ANSWERS, **options}.items():
        for kind, wrong in WRONG_TYPES.items():
            for status in (200, 404, *((400, 403, 500) if name == "wrong errors" else ())):
                with subtests.test(f"{name}: {kind}, {status}"):
                    store = bao.store(url=front.url) if asks else known
                    front.fault(where, reply(status, made(wrong)))
                    told: Any = None
                    with suppress(TokenStorageError):
                        told = everything(store)["read" if asks else act]()
                    assert told in (None, [], False, "x", act == "delete"), told
                    front.clear_faults()


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b""), (404, b"{}"), (404, b'{"other": []}'), (403, b""), (400, b"[" * 100_000), (404, b"[" * 100_000)],
)
def test_who_answers_for_a_vault_tells_nobody_that_nothing_is_there(
    bao: Bao, front: Front, act: str, status: int, body: bytes
) -> None:
    store = bao.store(url=front.url, kv_version=2)
    store.store_generic("k", "old")
    front.fault("*", reply(status, body))
    failure = refused(everything(store)[act])
    assert not isinstance(failure, PolicyError)
    assert "revoked" not in failure.message
    front.clear_faults()
    assert store.retrieve_generic("k") == "old"


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("fault", [huge(200 << 20), gzip_bomb(200)], ids=lambda fault: fault.name)
def test_an_answer_without_measure_takes_no_memory(bao: Bao, front: Front, act: str, fault: Fault) -> None:
    store = bao.store(url=front.url)
    store.store_generic("k", "old")
    front.fault("*", fault)
    before = peak(reset=True)
    assert "without an end" in refused(everything(store)[act]).message
    assert peak() - before < MEMORY
    front.clear_faults()
    assert store.retrieve_generic("k") == "old"


def test_a_list_of_ten_thousand_names_is_no_answer_without_measure(bao: Bao, front: Front) -> None:
    names = [f"https=3a=2f=2fmcp-{number}.example.com=2f{'path' * 30}" for number in range(10_000)]
    assert len("".join(names)) < LONGEST / 2
    store = bao.store(url=front.url, kv_version=2)
    store.retrieve_generic("k")
    front.fault("*", reply(200, {"data": {"keys": names}}))
    assert len(store.list_generic(namespace="oauth")) == 10_000


@pytest.mark.parametrize("character", ["a", "<", "\u00fc", "\U0001f600", "\x01"])
def test_the_largest_value_that_is_kept_is_read_again(bao: Bao, character: str) -> None:
    store, room = bao.store(timeout=30.0), LARGEST - len(json.dumps(to_document("", "generic", "k")))
    length = room // (len(json.dumps(character)) - 2)
    store.store_generic("k", character * length)
    assert store.retrieve_generic("k") == character * length
    with pytest.raises(TokenStorageError, match="too large"):
        store.store_generic("k", character * (length + 1))
    assert store.retrieve_generic("k") == character * length


@pytest.mark.parametrize("key", ["other", "o" * 300], ids=["short", "long"])
def test_the_entry_of_another_name_is_refused(bao: Bao, front: Front, key: str) -> None:
    store = bao.store(url=front.url, kv_version=2)
    store.store_generic("k", "the value")
    store.store_generic(key, "value of another")
    [asked] = [
        exchange for exchange in front.requests() if exchange.method == "POST" and b"of another" in exchange.body
    ]
    others = bao.server.do("GET", asked.path.removeprefix("/v1/"))
    front.fault("*", Fault("another entry", change=lambda _, answer: json_reply(others)), method="GET")
    with pytest.raises(StoreCorruptError, match="for another name"):
        store.retrieve_generic("k")
    front.clear_faults()
    assert store.retrieve_generic("k") == "the value"
