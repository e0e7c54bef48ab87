"""What lies in a store: read as it was written, or refused, whatever else lies there."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_sync import ClientRegistration, OAuthTokens, ServerRecord, TokenManager
from mcp_oauth_sync.exceptions import StoreCorruptError, TokenStorageError
from mcp_oauth_sync.models.document import MalformedDocument
from mcp_oauth_sync.models.parcel import Parcel
from mcp_oauth_sync.models.pending import PendingSignIn
from mcp_oauth_sync.models.stored import StoredToken
from mcp_oauth_sync.stores import from_chuk
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.from_chuk import ChukSignIn, ChukSignIns
from mcp_oauth_sync.stores.index_entry import DamagedEntry, Note

from .inputs import CANARY, JSON, TEXTS, bodies, damaged, slow, usual

CLIENT = ClientRegistration(client_id="a-client", issuer="https://as.example.com")
RECORD = ServerRecord(
    server_url="https://mcp.example.com/mcp",
    issuer="https://as.example.com",
    resource="https://mcp.example.com/mcp",
    token_endpoint="https://as.example.com/token",
    registration=CLIENT,
    tokens=OAuthTokens(access_token=f"{CANARY}-1", refresh_token="another", expires_in=60.0, issued_at=1.0),
)
EMPTY = ServerRecord(tokens=RECORD.tokens)
PENDING = PendingSignIn(
    server_url="https://mcp.example.com/mcp",
    issuer=None,
    issuer_advertised=True,
    redirect_uri="http://127.0.0.1/",
    state="s",
    verifier="v",
    token_endpoint="https://as.example.com/token",
    registration=CLIENT,
    expires_at=5.0,
)
STORED: dict[str, tuple[str, Callable[[str], Any]]] = {
    "record": (RECORD.to_json(), ServerRecord.from_json),
    "pending": (PENDING.to_json(), PendingSignIn.from_json),
    "parcel": (Parcel(name="n", exported_at=1.0, record=RECORD).to_json(), Parcel.from_json),
    "secret": (StoredToken(token_type="bearer", name="n", data={"token": "t"}).to_json(), StoredToken.from_json),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("kind", STORED)
@usual
@given(data=st.data())
def test_any_stored_form_is_read_and_written_the_same_or_refused(kind: str, data: st.DataObject) -> None:
    good, read = STORED[kind]
    members = json.loads(good)
    inner = data.draw(st.sampled_from([None, *(name for name, value in members.items() if isinstance(value, dict))]))
    if inner:
        members = {**members, inner: data.draw(damaged(members[inner]))}
    text = data.draw(bodies(damaged(members, "dpop_key", "grant", "switches", "x"))).decode("utf-8", "surrogateescape")
    try:
        found = read(text)
    except MalformedDocument:
        return
    again = read(found.to_json())
    assert again == found
    assert again.to_json() == found.to_json()


@pytest.mark.parametrize("kind", STORED)
def test_what_the_stored_forms_are_made_of_is_read_and_written_the_same(kind: str) -> None:
    good, read = STORED[kind]
    assert read(good).to_json() == good


NOTE = {"name": "n", "namespace": "oauth", "token_type": "oauth", "metadata": {}}


@usual
@given(bodies(damaged(NOTE, "unsettled")))
def test_any_file_of_the_index_is_an_entry_or_refused(content: bytes) -> None:
    try:
        note = Note.from_bytes(content)
    except DamagedEntry:
        return
    assert Note.from_bytes(note.to_bytes()) == note


KEYS = st.sampled_from(["a", "A", "b", "https://mcp.example.com/mcp", "e\u0301", "é", "\ud800", "con", "x" * 300])
SPACES = st.sampled_from(["oauth", "generic", "Generic", "a.d", "y" * 300])
DAMAGE: dict[str, Callable[[bytes, int], bytes]] = {
    "cut": lambda data, at: data[: at % len(data)],
    "flipped": lambda data, at: (
        data[: at % len(data)] + bytes([data[at % len(data)] ^ 1 + at % 255]) + data[at % len(data) + 1 :]
    ),
    "longer": lambda data, at: data + bytes(1 + at % 50),
    "emptied": lambda data, at: b"",
    "zeroed": lambda data, at: bytes(len(data)),
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["store", "retrieve", "delete", "swap", *DAMAGE]), KEYS, SPACES, st.integers(0, 999), TEXTS
    ),
    max_size=16,
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@slow
@given(STEPS)
def test_after_any_use_and_any_damage_there_is_what_was_stored_last_or_an_error(
    folder: Path, steps: list[tuple[str, str, str, int, str]]
) -> None:
    shutil.rmtree(folder / "store", ignore_errors=True)
    store = EncryptedFileStore(folder / "store")
    kept: dict[tuple[str, str], str | None] = {}  # None: damaged
    for act, key, space, number, text in steps:
        path, held = store.path(key, space), kept.get((space, key), "")
        damaged_one = (space, key) in kept and held is None
        if act == "store" and damaged_one:
            with pytest.raises(StoreCorruptError):
                store.store_generic(key, text, namespace=space)
        elif act == "store":
            store.store_generic(key, text, namespace=space)
            kept[space, key] = text
        elif act == "delete":
            assert store.delete_generic(key, namespace=space) is ((space, key) in kept)
            kept.pop((space, key), None)
        elif act == "swap" and path.exists():
            for (other_space, other), _ in list(kept.items()):
                if (other_space, other) != (space, key):
                    path.write_bytes(store.path(other, other_space).read_bytes())
                    kept[space, key] = None
                    break
        elif act in DAMAGE and path.exists() and (data := path.read_bytes()):
            path.write_bytes(DAMAGE[act](data, number))
            kept[space, key] = None
        for fresh in (store, EncryptedFileStore(folder / "store")):
            if (space, key) in kept and kept[space, key] is None:
                with pytest.raises(StoreCorruptError):
                    fresh.retrieve_generic(key, namespace=space)
            else:
                assert fresh.retrieve_generic(key, namespace=space) == kept.get((space, key))
    assert sorted(store.list_generic()) == sorted(kept)


@slow
@given(
    st.lists(
        st.tuples(st.sampled_from(["notes", "https://mcp.example.com/mcp", "Ä"]), st.binary(max_size=90)), max_size=4
    )
)
def test_any_bytes_in_place_of_any_file_are_told_as_an_error_of_the_store(
    folder: Path, damage: list[tuple[str, bytes]]
) -> None:
    shutil.rmtree(folder / "whole", ignore_errors=True)
    manager = TokenManager(store=EncryptedFileStore(folder / "whole"))
    manager.save_record("notes", RECORD)
    files = sorted(path for path in (folder / "whole").rglob("*") if path.is_file() and path.suffix != ".lock")
    for place, (_, content) in enumerate(damage):
        files[(place * 7 + len(content)) % len(files)].write_bytes(content)
    fresh = TokenManager(store=EncryptedFileStore(folder / "whole"))
    for name, _ in [*damage, ("notes", b"")]:
        try:
            found = fresh.load_record(name)
            assert found is None or attrs.evolve(found, tokens=RECORD.tokens) in (RECORD, EMPTY)
            fresh.list_tokens()
            fresh.save_tokens(name, OAuthTokens(access_token="new"))
        except TokenStorageError as refused:
            assert CANARY not in str(refused)


@pytest.fixture(scope="module")
def no_keyring() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(from_chuk, "read_entries", lambda service, names: {})
        patch.setattr(from_chuk, "_ROUNDS", 1)
        yield


@slow
@given(
    st.dictionaries(
        st.sampled_from(["token_registry.json", "tokens/a.enc", "tokens/a_client.json", "tokens/.salt", "tokens/.enc"]),
        bodies(
            JSON
            | damaged({"client_id": "c", "name": "n", "type": "oauth"})
            | st.just({"x": {"type": "oauth", "name": "a"}})
        ),
    )
)
def test_whatever_another_program_has_left_is_a_sign_in_or_an_error(
    folder: Path, no_keyring: None, files: dict[str, bytes]
) -> None:
    shutil.rmtree(folder / "chuk", ignore_errors=True)
    (folder / "chuk" / "tokens").mkdir(parents=True)
    for name, content in files.items():
        (folder / "chuk" / name).write_bytes(content)
    found = ChukSignIns(folder / "chuk", password=lambda: "x").read(["a"])
    assert all(isinstance(one, ChukSignIn | TokenStorageError) for one in found.values())
    assert found
