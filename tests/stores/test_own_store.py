"""A complete store of a stranger: it keeps the contract, is published, opened by name and chosen by itself."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from examples.own_store import KEY, OwnStore
from mcp_oauth_sync import OAuthTokens, TokenManager, TokenStoreBackend, TokenStoreFactory
from mcp_oauth_sync.exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError
from mcp_oauth_sync.stores import SecureTokenStore
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.memory import MemoryStore
from mcp_oauth_sync.stores.vault.store import VaultStore
from mcp_oauth_sync.testing import StoreContract

from .processes import ROOT, environment

EXAMPLE = ROOT / "examples" / "own_store.py"
SECRET = "kC4n8rYq2Wx7Zt1Lm5Pv9Bd3"
TOKENS = OAuthTokens(access_token=SECRET, refresh_token=SECRET[::-1], issued_at=1000.0)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, Fernet.generate_key().decode())
    monkeypatch.delenv("MCP_OAUTH_SYNC_BACKEND", raising=False)


class TestOwnStore(StoreContract):
    process_opener = "examples.own_store:OwnStore"

    def prepare(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.process_arguments = (str(self.folder / "own.db"),)

    def clean_up(self) -> None:
        shutil.rmtree(self.folder)

    def open_store(self) -> SecureTokenStore:
        return OwnStore(self.folder / "own.db")


# The store


@pytest.mark.demo
def test_the_example_fits_on_two_pages_and_runs(tmp_path: Path) -> None:
    assert EXAMPLE.read_text().count("\n") <= 125
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE],
        stdin=subprocess.DEVNULL,
        env={**environment(), "TMPDIR": str(tmp_path)},
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Kept in the SQLite file, and found there: ['notes']" in done.stdout
    assert "removed: True - left: []" in done.stdout
    assert list(tmp_path.glob("example-*")) == []


def test_nothing_lies_in_the_file_in_plain_text_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    manager = TokenManager(store=OwnStore(tmp_path / "own.db"))
    manager.save_tokens("notes", TOKENS)
    path = tmp_path / "own.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SECRET[:8].encode() not in path.read_bytes()
    assert manager.load_tokens("notes") == TOKENS


def test_looking_into_a_store_that_is_not_there_makes_none(tmp_path: Path) -> None:
    store = OwnStore(tmp_path / "own.db")
    assert (store.retrieve_generic("k"), store.delete_generic("k"), store.list_generic()) == (None, False, [])
    with pytest.raises(TokenStorageError):
        store.store_generic("", "v")
    assert not store.path.exists()


def test_a_value_that_was_moved_or_sealed_with_another_key_does_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = OwnStore(tmp_path / "own.db")
    store.store_generic("mine", "one")
    store.store_generic("yours", "two")
    monkeypatch.setenv(KEY, Fernet.generate_key().decode())
    with pytest.raises(StoreCorruptError, match="'mine'"):
        OwnStore(tmp_path / "own.db").retrieve_generic("mine")
    with sqlite3.connect(tmp_path / "own.db") as database:
        [(sealed,)] = database.execute(
            "SELECT sealed FROM secrets WHERE name = ?", (b'["generic", "yours"]',)
        ).fetchall()
        database.execute("UPDATE secrets SET sealed = ? WHERE name = ?", (sealed, b'["generic", "mine"]'))
    database.close()
    with pytest.raises(StoreCorruptError, match="'mine'"):
        store.retrieve_generic("mine")
    assert store.retrieve_generic("yours") == "two"


def test_a_file_that_is_no_database_and_a_folder_that_is_not_there_are_typed_errors(tmp_path: Path) -> None:
    (tmp_path / "own.db").write_text("no database " * 100)
    for path in (tmp_path / "own.db", tmp_path / "nowhere" / "own.db", tmp_path):
        with pytest.raises(TokenStorageError, match="cannot be used"):
            OwnStore(path).store_generic("k", "v")
    assert (tmp_path / "own.db").read_text() == "no database " * 100


@pytest.mark.parametrize("value", [None, "", "no key"])
def test_without_a_key_it_cannot_be_used_and_says_why(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv(KEY) if value is None else monkeypatch.setenv(KEY, value)
    with pytest.raises(StoreUnavailableError, match=KEY):
        OwnStore()


# Published under the entry-point group


class Site:
    """A folder of installed packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def publish(self, name: str, where: str, code: str | None = None) -> None:
        """Install a package that publishes a store.

        Args:
            name: What it is published as.
            where: "module:class".
            code: What is in the module; None takes the example's.
        """
        (self.folder / f"{where.partition(':')[0]}.py").write_text(EXAMPLE.read_text() if code is None else code)
        info = self.folder / f"{where.partition(':')[0]}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {where.partition(':')[0]}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[mcp_oauth_sync.stores]\n{name} = {where}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Give the test a folder of packages that ends with it."""
    before = set(sys.modules)
    made = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(made.folder)
    yield made
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(made.folder)):
            del sys.modules[name]


def test_a_published_store_is_opened_by_its_name(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.publish("own", "own_package:OwnStore")
    monkeypatch.chdir(tmp_path)
    for manager in (
        TokenManager(backend="own", backend_config={"path": tmp_path / "own.db"}),
        TokenManager(store=TokenStoreFactory.create("own", backend_config={"path": "own.db"})),
    ):
        assert manager.store.identity == OwnStore(tmp_path / "own.db").identity
        assert type(manager.store).__module__ == "own_package"
        manager.save_tokens("notes", TOKENS)
        assert manager.load_tokens("notes") == TOKENS
        assert manager.delete_record("notes") is True
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "own")
    assert type(TokenManager(backend_config={"path": "own.db"}).store).__module__ == "own_package"


def test_a_published_store_with_the_highest_priority_is_taken_by_itself_and_kept_to(
    site: Site, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish("own", "own_package:OwnStore")
    assert TokenStoreFactory.get_available_backends()[0] == "own"
    assert TokenStoreFactory.detect_backend() == "own"
    manager = TokenManager()
    manager.save_tokens("notes", TOKENS)
    assert (home / ".own-store.db").exists()
    assert TokenManager().load_tokens("notes") == TOKENS
    monkeypatch.delenv(KEY)
    with pytest.raises(StoreUnavailableError, match=r"'own'.*OWN_STORE_KEY"):  # and no other store steps in
        TokenManager()


def test_a_published_store_that_cannot_be_used_here_is_passed_over_with_its_reason(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.publish("own", "own_package:OwnStore")
    monkeypatch.delenv(KEY)
    with caplog.at_level(logging.DEBUG, "mcp_oauth_sync"):
        store = TokenStoreFactory.create()
    assert isinstance(store, EncryptedFileStore)
    assert f"own: {KEY} is not set" in caplog.text
    with pytest.raises(StoreUnavailableError, match=KEY):
        TokenManager(backend="own")


def test_a_published_store_of_no_priority_is_taken_by_name_only(site: Site) -> None:
    site.publish(
        "quiet",
        "quiet_package:Quiet",
        "from mcp_oauth_sync.stores.memory import MemoryStore\nclass Quiet(MemoryStore):\n    name = 'quiet'\n",
    )
    assert "quiet" not in TokenStoreFactory.get_available_backends()
    assert isinstance(TokenStoreFactory.create(), EncryptedFileStore)
    assert TokenStoreFactory.create("quiet").name == "quiet"


STORE = "from mcp_oauth_sync.stores.memory import MemoryStore\nclass S(MemoryStore):\n    name = 's'\n"
BROKEN = {
    "a module that fails": ("raise RuntimeError('out of\\x1b[31m order')", "RuntimeError: out of"),
    "a module that exits in pieces": ("import a_module_that_is_not_there", "ModuleNotFoundError"),
    "a module with a mistake": ("def (:", "SyntaxError"),
    "no such class": ("x = 1", "AttributeError"),
    "no class": ("S = 7", "not a SecureTokenStore"),
    "a class of something else": ("class S: pass", "not a SecureTokenStore"),
    "an unfinished class": (
        "from mcp_oauth_sync import SecureTokenStore\nclass S(SecureTokenStore):\n"
        "    priority = classmethod(lambda cls: 90)\n",
        "abstract",
    ),
    "a priority that fails": (f"{STORE}    priority = classmethod(lambda cls: 1 / 0)\n", "ZeroDivisionError"),
    "a priority that is no number": (f"{STORE}    priority = classmethod(lambda cls: 'high')\n", None),
    "a priority that cannot be compared": (f"{STORE}    priority = classmethod(lambda cls: float('nan'))\n", None),
    "a priority that is none": (f"{STORE}    priority = classmethod(lambda cls: None)\n", None),
    "an opening that fails": (
        f"{STORE}    priority = classmethod(lambda cls: 90)\n    open = classmethod(lambda cls, settings: 1 / 0)\n",
        "ZeroDivisionError",
    ),
    "an opening that gives nothing": (
        f"{STORE}    priority = classmethod(lambda cls: 90)\n    open = classmethod(lambda cls, settings: None)\n",
        None,
    ),
    "a save that fails": (
        f"{STORE}    priority = classmethod(lambda cls: 90)\n"
        "    def store_generic(self, key, value, *, namespace='generic'): raise KeyError('no')\n",
        "KeyError",
    ),
    "a store that forgets": (
        f"{STORE}    priority = classmethod(lambda cls: 90)\n"
        "    def store_generic(self, key, value, *, namespace='generic'): pass\n",
        "does not return what was stored",
    ),
}


@pytest.mark.parametrize(("code", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_package_does_not_keep_others_from_working(
    site: Site, code: str, reason: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    site.publish("broken", "broken_package:S", code)
    site.publish("own", "own_package:OwnStore")
    with caplog.at_level(logging.DEBUG, "mcp_oauth_sync"):
        manager = TokenManager()
        manager.save_tokens("notes", TOKENS)
    assert manager.store.name.startswith("the SQLite file")
    assert "broken: " in caplog.text
    assert (reason or "broken") in caplog.text
    assert "\x1b" not in caplog.text
    assert TokenStoreFactory.get_available_backends()[0] == "own"


@pytest.mark.parametrize(
    "what",
    [name for name in BROKEN if "priority" not in name and not name.startswith(("a save", "a store"))],
)
def test_a_broken_package_that_is_asked_for_by_name_is_a_typed_error_and_no_other_store_steps_in(
    site: Site, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _ = BROKEN[what]
    site.publish("broken", "broken_package:S", code)
    acts: list[Callable[[], object]] = [
        lambda: TokenManager(backend="broken"),
        lambda: TokenStoreFactory.create("broken"),
        TokenStoreFactory.create,
        TokenManager,
    ]
    for act in acts:
        with pytest.raises(StoreUnavailableError, match="'broken'"):
            act()
        monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "broken")


def test_arguments_that_a_published_store_does_not_take_are_a_typed_error(site: Site) -> None:
    site.publish("own", "own_package:OwnStore")
    with pytest.raises(StoreUnavailableError, match="colour"):
        TokenManager(backend="own", backend_config={"colour": "red"})


def test_a_name_that_nobody_publishes_is_refused_and_what_there_is_is_told(site: Site) -> None:
    site.publish("own", "own_package:OwnStore")
    with pytest.raises(ValueError, match=r"'diskette'.*encrypted_file.*own"):
        TokenManager(backend="diskette")


@pytest.mark.parametrize("backend", [backend.value for backend in TokenStoreBackend])
def test_a_built_in_name_is_never_a_strangers(site: Site, backend: str) -> None:
    site.publish(backend, "own_package:OwnStore")
    named = {"memory": MemoryStore, "encrypted_file": EncryptedFileStore, "vault": VaultStore}
    if backend in named:
        config = {"vault_url": "http://127.0.0.1:1", "vault_token": "t"} if backend == "vault" else {}
        assert type(TokenManager(backend=backend, **config).store) is named[backend]  # type: ignore[arg-type]
    manager = TokenManager()
    manager.save_tokens("notes", TOKENS)
    assert "SQLite" not in manager.store.name
    assert "own_package" not in sys.modules


def test_a_package_that_was_really_installed_is_found(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(EXAMPLE, source / "own_store.py")
    [snippet] = [
        line.strip() for line in EXAMPLE.read_text().splitlines() if line.strip() == 'own = "own_store:OwnStore"'
    ]
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "own-store"\nversion = "1"\n[tool.setuptools]\npy-modules = ["own_store"]\n'
        f'[project.entry-points."mcp_oauth_sync.stores"]\n{snippet}\n'
    )
    target = tmp_path / "target"
    pip = [sys.executable, "-m", "pip", "--quiet", "--no-cache-dir", "--disable-pip-version-check", "install"]
    subprocess.run(
        [*pip, "--no-index", "--no-deps", "--no-build-isolation", "--target", target, source],
        check=True,
        timeout=100,
        capture_output=True,
    )
    code = (
        "from mcp_oauth_sync import OAuthTokens, TokenManager, TokenStoreFactory\n"
        "manager = TokenManager()\n"
        "manager.save_tokens('notes', OAuthTokens(access_token='a'))\n"
        "print(TokenStoreFactory.detect_backend(), type(TokenManager(backend='own').store).__name__, manager.names())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment(), "PYTHONPATH": f"{target}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "own OwnStore ['notes']\n", done.stderr
    assert "Traceback" not in done.stderr
