"""The index: what it keeps and shows, what it refuses, and what damage, crowds and odd files do to it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.models.secret import Secret
from mcp_oauth_sync.models.stored import TokenType
from mcp_oauth_sync.stores.registry import TokenRegistry

from .folders import modes, snapshot
from .processes import environment

CANARY = "kC4n8rYq2Wx7Zt1Lm5Pv9Bd3"
SHOWN = {"server_url": "https://mcp.example.com/mcp", "scope": "a b", "n": 1.5, "on": True, "no": None, "l": [{"x": 1}]}
ODD_NAMES = [
    *(
        "a",
        "A",
        "a.",
        ".a",
        "..",
        ".",
        "a/b",
        "a\\b",
        "../a",
        "a%2fb",
        "%",
        "%61",
        "a.json",
        "oauth.d",
        "con",
        "CON",
        "nul.x",
    ),
    *(
        "é",
        "e\u0301",
        "\ud83d\ude00",
        "😀",
        "\ud800",
        "\0",
        "\n",
        " ",
        "a ",
        "%sha256-",
        "x" * 200,
        "X" * 200,
        "x" * 201,
    ),
    *("ü" * 5000, "index.lock", "https://mcp.example.com/mcp?x=1#y"),
]


@pytest.fixture
def registry(tmp_path: Path) -> TokenRegistry:
    return TokenRegistry(tmp_path / "index")


def entries(registry: TokenRegistry, namespace: str | None = None) -> list[tuple[str, str]]:
    return [(entry["namespace"], entry["name"]) for entry in registry.list_tokens(namespace)]


def file_of(registry: TokenRegistry) -> Path:
    [path] = registry.directory.rglob("*.json")
    return path


# What it keeps


def test_an_entry_comes_back_as_it_was_noted(registry: TokenRegistry) -> None:
    registry.register("n", TokenType.API_KEY, "space", SHOWN)
    entry = {"name": "n", "namespace": "space", "token_type": "api_key", "metadata": SHOWN}
    assert registry.get_entry("n", "space") == entry
    assert registry.list_tokens() == [entry]
    assert registry.has_token("n", "space") is True
    assert registry.get_entry("n") is None
    assert registry.has_token("m", "space") is False


def test_an_entry_is_replaced_by_the_next_and_written_only_when_it_says_something_else(
    registry: TokenRegistry,
) -> None:
    registry.register("n", TokenType.OAUTH, "oauth", SHOWN)
    written = file_of(registry).stat()
    registry.register("n", TokenType.OAUTH, "oauth", dict(SHOWN))
    registry.expect("n", "oauth")
    registry.settle("n", "oauth")
    assert file_of(registry).stat() == written
    registry.register("n", TokenType.BEARER, "oauth")
    assert registry.list_tokens() == [{"name": "n", "namespace": "oauth", "token_type": "bearer", "metadata": {}}]


def test_looking_into_an_index_that_is_not_there_makes_none(registry: TokenRegistry) -> None:
    assert (registry.list_tokens(), registry.unsettled(), registry.get_entry("n")) == ([], [], None)
    assert registry.unregister("n") is False
    registry.doubt("n")
    assert registry.update_metadata("n", "oauth", {"a": 1}) is False
    assert (registry.clear_all(), registry.clear_namespace("oauth")) == (0, 0)
    assert not registry.directory.exists()


def test_entries_are_listed_by_namespace_and_kind_in_order(registry: TokenRegistry) -> None:
    for namespace, name, kind in [
        ("b", "z", TokenType.OAUTH),
        ("b", "a", TokenType.BEARER),
        ("a", "y", TokenType.OAUTH),
        ("B", "a", TokenType.OAUTH),
    ]:
        registry.register(name, kind, namespace)
    assert entries(registry) == [("B", "a"), ("a", "y"), ("b", "a"), ("b", "z")]
    assert entries(registry, "b") == [("b", "a"), ("b", "z")]
    assert [entry["name"] for entry in registry.list_tokens(token_type=TokenType.OAUTH)] == ["a", "y", "z"]
    assert [entry["name"] for entry in registry.list_tokens("b", TokenType.BEARER)] == ["a"]
    assert entries(registry, "c") == []


def test_an_entry_is_dropped_and_its_neighbours_stay(registry: TokenRegistry) -> None:
    for namespace, name in [("a", "n"), ("a", "m"), ("b", "n"), ("c", "n")]:
        registry.register(name, namespace=namespace)
    assert registry.unregister("n", "a") is True
    assert registry.unregister("n", "a") is False
    assert entries(registry) == [("a", "m"), ("b", "n"), ("c", "n")]
    assert registry.clear_namespace("b") == 1
    assert entries(registry) == [("a", "m"), ("c", "n")]
    assert registry.clear_all() == 2
    assert entries(registry) == []


def test_metadata_is_added_to_and_the_kind_stays(registry: TokenRegistry) -> None:
    registry.register("n", TokenType.API_KEY, "space", {"a": 1, "b": 2})
    assert registry.update_metadata("n", "space", {"b": 3, "c": 4}) is True
    entry = registry.get_entry("n", "space")
    assert entry is not None
    assert (entry["token_type"], entry["metadata"]) == ("api_key", {"a": 1, "b": 3, "c": 4})


def test_what_is_handed_out_or_in_is_a_copy(registry: TokenRegistry) -> None:
    given_in = {"a": ["x"]}
    registry.register("n", metadata=given_in)
    given_in["a"].append("y")
    registry.list_tokens()[0]["metadata"]["a"].append("z")
    assert registry.list_tokens()[0]["metadata"] == {"a": ["x"]}


def test_an_index_is_private(registry: TokenRegistry) -> None:
    registry.register("n", namespace="oauth")
    found = modes(registry.directory)
    assert {mode for name, mode in found.items() if name.endswith(".json")} == {"0o600"}
    assert {mode for name, mode in found.items() if name in (".", "oauth.d")} == {"0o700"}


def test_an_entry_with_a_kind_that_does_not_exist_is_refused(registry: TokenRegistry) -> None:
    with pytest.raises(ValueError, match="diskette"):
        registry.register("n", "diskette")  # type: ignore[arg-type]
    assert not registry.directory.exists()


@pytest.mark.parametrize(("name", "namespace"), [("", "a"), ("a", ""), ("", "")])
def test_an_entry_needs_a_name_and_a_namespace(registry: TokenRegistry, name: str, namespace: str) -> None:
    for act in (
        lambda: registry.register(name, namespace=namespace),
        lambda: registry.unregister(name, namespace),
        lambda: registry.get_entry(name, namespace),
        lambda: registry.expect(name, namespace),
        lambda: registry.settle(name, namespace),
        lambda: registry.doubt(name, namespace),
        lambda: registry.update_metadata(name, namespace, {}),
    ):
        with pytest.raises(TokenStorageError, match="name"):
            act()
    assert not registry.directory.exists()


# Names


def test_odd_names_stay_apart_and_come_back_as_they_were(registry: TokenRegistry) -> None:
    for name in ODD_NAMES:
        registry.register(name, namespace="s", metadata={"mine": name})
        registry.register("n", namespace=name, metadata={"mine": name})
    for name in ODD_NAMES:
        for entry in (registry.get_entry(name, "s"), registry.get_entry("n", name)):
            assert entry is not None
            assert entry["metadata"] == {"mine": name}
    assert sorted(entries(registry, "s")) == sorted(("s", name) for name in ODD_NAMES)
    assert sorted(space for space, name in entries(registry) if name == "n") == sorted(ODD_NAMES)
    for name in ODD_NAMES:
        assert entries(registry, name) == [(name, "n")]
    assert not list(registry.directory.parent.glob("*.json"))
    for name in ODD_NAMES:
        assert registry.unregister(name, "s") is True
    assert entries(registry, "s") == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), unique=True, max_size=5))
def test_any_names_at_all_stay_apart(registry: TokenRegistry, names: list[tuple[str, str]]) -> None:
    registry.clear_all()
    for namespace, name in names:
        registry.register(name, namespace=namespace)
    assert entries(registry) == sorted(names)


# Metadata


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": Secret(CANARY)},
        {"a": ["b", {"c": Secret(CANARY)}]},
        {Secret(CANARY): 1},
        {"a": {Secret(CANARY): 1}},
    ],
)
def test_a_secret_is_no_metadata(registry: TokenRegistry, metadata: dict[str, object]) -> None:
    registry.register("n")
    for act in (
        lambda: registry.register("n", metadata=metadata),
        lambda: registry.update_metadata("n", "generic", metadata),
    ):
        with pytest.raises(ValueError, match="a secret was given") as caught:
            act()
        assert CANARY[:8] not in f"{caught.value!r}"
    assert registry.list_tokens()[0]["metadata"] == {}


@pytest.mark.parametrize(
    "metadata",
    [{"a": object()}, {"a": b"x"}, {"a": {1, 2}}, {"a": (1, 2)}, {1: "a"}, {"a": float("nan")}, {"a": float("inf")}],
)
def test_metadata_that_would_not_come_back_is_refused(registry: TokenRegistry, metadata: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="JSON"):
        registry.register("n", metadata=metadata)
    assert not registry.directory.exists()


def test_metadata_without_an_end_is_refused(registry: TokenRegistry) -> None:
    circle: dict[str, object] = {}
    circle["a"] = circle
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for metadata in (circle, {"a": deep}):
        with pytest.raises(ValueError, match="JSON"):
            registry.register("n", metadata=metadata)
    while deep:  # else its end is a recursion of its own
        deep = deep.pop()  # type: ignore[assignment]


def test_too_much_metadata_is_a_typed_error_and_the_entry_stays(registry: TokenRegistry) -> None:
    registry.register("n", metadata={"a": 1})
    with pytest.raises(TokenStorageError, match="larger"):
        registry.register("n", metadata={"a": "x" * 2_000_000})
    assert registry.list_tokens()[0]["metadata"] == {"a": 1}


# Unsettled entries


def test_an_entry_is_unsettled_until_its_value_is_there(registry: TokenRegistry) -> None:
    registry.expect("n", "oauth")
    assert registry.unsettled() == [("oauth", "n")]
    assert registry.list_tokens() == [{"name": "n", "namespace": "oauth", "token_type": "oauth", "metadata": {}}]
    registry.settle("n", "oauth")
    assert registry.unsettled() == []
    assert entries(registry) == [("oauth", "n")]


def test_an_entry_is_unsettled_again_while_its_value_is_deleted_and_keeps_what_it_shows(
    registry: TokenRegistry,
) -> None:
    registry.register("n", TokenType.BEARER, "s", SHOWN)
    registry.doubt("n", "s")
    assert registry.unsettled("s") == [("s", "n")]
    assert registry.unsettled("other") == []
    assert registry.list_tokens() == [{"name": "n", "namespace": "s", "token_type": "bearer", "metadata": SHOWN}]
    registry.update_metadata("n", "s", {"n": 2})
    assert registry.unsettled() == [("s", "n")]
    registry.settle("n", "s")
    assert registry.unsettled() == []
    entry = registry.get_entry("n", "s")
    assert entry is not None
    assert entry["metadata"] == {**SHOWN, "n": 2}


def test_a_settled_entry_is_not_unsettled_by_another_save(registry: TokenRegistry) -> None:
    registry.register("n")
    registry.expect("n")
    assert registry.unsettled() == []


def test_an_entry_of_which_nothing_was_expected_can_be_settled_and_none_can_be_doubted(
    registry: TokenRegistry,
) -> None:
    registry.doubt("m")
    registry.settle("n")
    assert (entries(registry), registry.unsettled()) == ([("generic", "n")], [])


def test_noting_an_unsettled_entry_settles_it_even_if_it_says_the_same(registry: TokenRegistry) -> None:
    registry.register("n")
    registry.doubt("n")
    registry.register("n")
    assert registry.unsettled() == []


# Damage


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "no JSON": lambda path: path.write_bytes(b"\xff\xfe junk"),
    "a list": lambda path: path.write_bytes(b"[]"),
    "a number": lambda path: path.write_bytes(b"7"),
    "too deep": lambda path: path.write_bytes(b"[" * 100_000),
    "no members": lambda path: path.write_bytes(b"{}"),
    "no kind": lambda path: path.write_text(json.dumps({**json.loads(path.read_bytes()), "token_type": "diskette"})),
    "an odd kind": lambda path: path.write_text(json.dumps({**json.loads(path.read_bytes()), "token_type": ["oauth"]})),
    "odd metadata": lambda path: path.write_text(json.dumps({**json.loads(path.read_bytes()), "metadata": []})),
    "another name": lambda path: path.write_text(json.dumps({**json.loads(path.read_bytes()), "name": "m"})),
    "another namespace": lambda path: path.write_text(json.dumps({**json.loads(path.read_bytes()), "namespace": "m"})),
    "an odd name": lambda path: path.write_text(json.dumps({**json.loads(path.read_bytes()), "name": 7})),
    "too large": lambda path: os.truncate(path, 5_000_000_000),
    "a link": lambda path: (path.rename(path.parent / "moved"), path.symlink_to(path.parent / "moved")),
    "a dangling link": lambda path: (path.unlink(), path.symlink_to(path.parent / "nowhere")),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_listed_without_its_metadata_and_looked_after_and_can_be_replaced(
    registry: TokenRegistry, damage: Callable[[Path], object]
) -> None:
    registry.register("n o", TokenType.BEARER, "s p", SHOWN)
    path = file_of(registry)
    damage(path)
    registry.register("whole", namespace="s p", metadata={"a": 1})
    bare = {"name": "n o", "namespace": "s p", "token_type": "oauth", "metadata": {}}
    whole = {"name": "whole", "namespace": "s p", "token_type": "oauth", "metadata": {"a": 1}}
    assert registry.list_tokens() == [bare, whole]
    assert registry.unsettled() == [("s p", "n o")]
    registry.register("n o", TokenType.BEARER, "s p", SHOWN)
    assert stat.S_ISREG(path.lstat().st_mode)
    assert registry.unsettled() == []
    assert [entry["metadata"] for entry in registry.list_tokens()] == [SHOWN, {"a": 1}]


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_there_can_be_settled_and_can_be_dropped(
    registry: TokenRegistry, damage: Callable[[Path], object]
) -> None:
    registry.register("n", namespace="s")
    damage(file_of(registry))
    try:
        assert registry.has_token("n", "s") is True
    except TokenStorageError as failure:  # what is not a plain file is not looked into
        assert "cannot be used" in failure.message  # noqa: PT017
    registry.settle("n", "s")
    assert registry.unsettled() == []
    damage(file_of(registry))
    assert registry.unregister("n", "s") is True
    assert registry.list_tokens() == []


def test_a_link_is_never_written_through(registry: TokenRegistry, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    registry.register("n", namespace="s")
    path = file_of(registry)
    path.unlink()
    path.symlink_to(tmp_path / "precious")
    for act in (
        lambda: registry.register("n", namespace="s"),
        lambda: registry.clear_all(),
        lambda: registry.unregister("n", "s"),
    ):
        act()
        assert (tmp_path / "precious").read_text() == "mine"


def test_a_damaged_entry_of_a_long_name_comes_back_with_its_next_save(registry: TokenRegistry) -> None:
    long = "x" * 5000
    registry.register(long, namespace="s")
    file_of(registry).write_bytes(b"")
    assert registry.list_tokens() == []  # only the digest of its name is left
    assert registry.has_token(long, "s") is True
    registry.expect(long, "s")
    assert registry.unsettled() == [("s", long)]


def test_strange_files_beside_the_entries_are_not_entries_and_stay(registry: TokenRegistry) -> None:
    registry.register("n", namespace="s")
    folder = file_of(registry).parent
    strange = (".n.json.0123.tmp", ".hidden.json", "notes.txt", "%zz.json", "N.json", ".json")
    for name in strange:
        (folder / name).write_text("{}")
    (registry.directory / "other").mkdir()
    (registry.directory / "other" / "x.json").write_text("{}")
    assert entries(registry) == [("s", "n")]
    assert registry.unregister("n", "s") is True
    assert {path.name for path in folder.iterdir()} >= set(strange)
    assert not (folder / "n.json").exists()


@pytest.mark.parametrize("where", ["the folder", "a namespace", "an entry"])
def test_something_else_in_the_place_of_a_folder_or_file_is_a_typed_error(registry: TokenRegistry, where: str) -> None:
    directory = registry.directory
    if where == "the folder":
        directory.write_text("")
    elif where == "a namespace":
        directory.mkdir()
        (directory / "s.d").write_text("")
    else:
        (directory / "s.d" / "n.json").mkdir(parents=True)
        assert entries(registry) == [("s", "n")]
    for act in (
        lambda: registry.register("n", namespace="s"),
        lambda: registry.expect("n", "s"),
        lambda: registry.settle("n", "s"),
        lambda: registry.get_entry("n", "s"),
        lambda: registry.unregister("n", "s"),
        lambda: registry.clear_all(),
    ):
        with pytest.raises(TokenStorageError, match="cannot be used") as caught:
            act()
        assert caught.value.hint
    if where != "an entry":
        with pytest.raises(TokenStorageError, match="cannot be used"):
            registry.list_tokens()


READ_ONLY = """
import subprocess, sys
from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores.registry import TokenRegistry
folder = sys.argv[1]
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
registry = TokenRegistry(folder + "/index")
registry.register("n", metadata={"a": 1})
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
registry.register("n", metadata={"a": 1})
registry.expect("n")
registry.settle("n")
assert registry.unregister("m") is False
acts = [lambda: registry.register("n"), lambda: registry.unregister("n"), lambda: registry.doubt("n"),
        lambda: registry.expect("m"), lambda: registry.clear_all(),
        lambda: registry.update_metadata("n", "generic", {"b": 1})]
for act in acts:
    try:
        act()
    except TokenStorageError as failure:
        assert "read-only" in (failure.hint or "").lower() + failure.message.lower(), failure
    else:
        raise AssertionError("no error")
assert [entry["metadata"] for entry in registry.list_tokens()] == [{"a": 1}]
"""


def test_in_a_read_only_place_it_can_be_read_and_every_change_is_a_typed_error(tmp_path: Path) -> None:
    subprocess.run(
        ["unshare", "--map-root-user", "--mount", sys.executable, "-c", READ_ONLY, tmp_path],
        env=environment(),
        check=True,
        timeout=60,
    )


# Crowds

CROWD = """
import sys
from mcp_oauth_sync.stores.registry import TokenRegistry
registry, me = TokenRegistry(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    registry.register(f"{me}-{number}", namespace="s", metadata={"by": me})
    registry.update_metadata("common", "s", {f"{me}-{number}": number})
    if number % 2:
        registry.doubt(f"{me}-{number}", "s")
        registry.unregister(f"{me}-{number}", "s")
"""


def test_processes_that_write_at_once_lose_nothing_of_each_other(registry: TokenRegistry) -> None:
    registry.register("common", namespace="s")
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", CROWD, registry.directory, str(me)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in range(4)
    ]
    for process in crowd:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in crowd:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    while any(process.poll() is None for process in crowd):
        assert all(entry["metadata"] or entry["name"] == "common" for entry in registry.list_tokens())  # never torn
    for process in crowd:
        process.communicate()
    assert [process.returncode for process in crowd] == [0] * 4
    kept = {(f"{me}-{number}", str(me)) for me in range(4) for number in range(0, 20, 2)}
    listed = {(entry["name"], entry["metadata"].get("by")) for entry in registry.list_tokens("s")}
    assert listed == {*kept, ("common", None)}
    common = registry.get_entry("common", "s")
    assert common is not None
    assert common["metadata"] == {f"{me}-{number}": number for me in range(4) for number in range(20)}
    assert registry.unsettled() == []


def test_threads_that_add_to_one_entry_lose_nothing_of_each_other(registry: TokenRegistry) -> None:
    registry.register("common")
    threads = [
        threading.Thread(
            target=lambda me=me: [registry.update_metadata("common", "generic", {f"{me}-{n}": n}) for n in range(10)]
        )
        for me in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(registry.list_tokens()[0]["metadata"]) == 40


def test_a_process_that_was_killed_leaves_no_turn_behind(registry: TokenRegistry) -> None:
    code = (
        "import sys, time; from mcp_oauth_sync.stores.registry import TokenRegistry\n"
        "with TokenRegistry(sys.argv[1])._turn(): print('mine', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, registry.directory], env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    process.kill()
    process.communicate()
    registry.register("n")
    assert entries(registry) == [("generic", "n")]


def test_the_size_of_the_index_costs_a_single_entry_nothing(
    registry: TokenRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        registry.register(f"n{number}", namespace="s")
    before = snapshot(registry.directory)
    looked: list[Path] = []
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", looked.append)
        registry.register("n7", TokenType.BEARER, "s")
        registry.expect("new", "s")
        registry.unregister("new", "s")
    assert looked == []
    changed = {name for name, content in snapshot(registry.directory).items() if before.get(name) != content}
    assert changed == {"s.d/n7.json"}


def test_a_folder_of_the_index_that_is_a_link_is_neither_written_nor_read_through(
    registry: TokenRegistry, tmp_path: Path
) -> None:
    registry.register("n", namespace="oauth")
    folder, elsewhere = registry.directory / "oauth.d", tmp_path / "elsewhere"
    folder.rename(elsewhere)
    elsewhere.chmod(0o755)
    folder.symlink_to(elsewhere)
    before = snapshot(elsewhere)
    for use in (registry.register, registry.settle, registry.unregister, registry.get_entry):
        with pytest.raises(TokenStorageError, match="symbolic link"):
            use("n", namespace="oauth")
    assert registry.list_tokens() == []
    assert registry.clear_all() == 0
    assert snapshot(elsewhere) == before
    assert elsewhere.stat().st_mode & 0o777 == 0o755
