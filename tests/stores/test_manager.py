"""The token manager: sign-ins, registrations and links by name, and nothing of them in plain text on the disk."""

from __future__ import annotations

import base64
import threading
import time
from pathlib import Path

import pytest

from mcp_oauth_sync import OAuthTokens, TokenManager
from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.models.client import ClientRegistration
from mcp_oauth_sync.models.record import ServerRecord

from .folders import snapshot
from .test_base import RECORD

URL = "https://mcp.example.com/mcp"
TOKENS = OAuthTokens(access_token="acc", refresh_token="ref", expires_in=3600, scope="a")
REGISTRATION = ClientRegistration(client_id="c", issuer="https://as.example.com", client_secret="s3cret")


@pytest.fixture(params=["memory", "files"])
def manager(request: pytest.FixtureRequest, folder: Path) -> TokenManager:
    return TokenManager(folder, backend="memory" if request.param == "memory" else "encrypted_file")


def test_tokens_are_saved_loaded_and_deleted(manager: TokenManager) -> None:
    assert manager.load_tokens("notion") is None
    manager.save_tokens("notion", TOKENS)
    assert manager.load_tokens("notion") == TOKENS
    assert manager.delete_tokens("notion") is True
    assert manager.delete_tokens("notion") is False
    assert manager.load_tokens("notion") is None
    assert manager.load_record("notion") is None


def test_a_registration_is_saved_loaded_and_deleted(manager: TokenManager) -> None:
    assert manager.load_client_registration("notion") is None
    manager.save_client_registration("notion", REGISTRATION)
    assert manager.load_client_registration("notion") == REGISTRATION
    assert manager.load_tokens("notion") is None
    assert manager.delete_client_registration("notion") is True
    assert manager.delete_client_registration("notion") is False
    assert manager.load_client_registration("notion") is None


def test_deleting_tokens_keeps_the_registration(manager: TokenManager) -> None:
    manager.save_record("notion", RECORD)
    assert manager.delete_tokens("notion") is True
    kept = manager.load_record("notion")
    assert kept is not None
    assert (kept.tokens, kept.registration, kept.issuer) == (None, RECORD.registration, RECORD.issuer)
    assert manager.delete_tokens("notion") is False


def test_deleting_a_registration_keeps_the_tokens(manager: TokenManager) -> None:
    manager.save_record("notion", RECORD)
    assert manager.delete_client_registration("notion") is True
    kept = manager.load_record("notion")
    assert kept is not None
    assert (kept.tokens, kept.registration) == (RECORD.tokens, None)


def test_saving_one_part_keeps_the_others(manager: TokenManager) -> None:
    manager.save_record("notion", RECORD)
    manager.save_tokens("notion", TOKENS)
    manager.save_client_registration("notion", REGISTRATION)
    kept = manager.load_record("notion")
    assert kept is not None
    assert (kept.tokens, kept.registration) == (TOKENS, REGISTRATION)
    assert (kept.token_endpoint, kept.redirect_uri) == (RECORD.token_endpoint, RECORD.redirect_uri)


def test_deleting_a_record_leaves_nothing_of_it(manager: TokenManager) -> None:
    manager.save_record("notion", RECORD)
    manager.save_record("linear", RECORD)
    assert manager.delete_record("notion") is True
    assert manager.delete_record("notion") is False
    assert manager.load_record("notion") is None
    assert manager.load_record("linear") == RECORD


@pytest.mark.parametrize(
    ("record", "valid"),
    [
        (None, False),
        (ServerRecord(registration=REGISTRATION), False),
        (ServerRecord(tokens=TOKENS), True),
        (ServerRecord(tokens=OAuthTokens(access_token="acc")), True),
        (ServerRecord(tokens=OAuthTokens(access_token="acc", expires_in=60, issued_at=0)), False),
        (RECORD, True),
        (ServerRecord(tokens=RECORD.tokens, registration=REGISTRATION), False),
        (
            ServerRecord(
                tokens=RECORD.tokens,
                token_endpoint=RECORD.token_endpoint,
                registration=ClientRegistration(client_id="c", client_secret="s", client_secret_expires_at=5),
            ),
            False,
        ),
    ],
    ids=[
        *("nothing", "no tokens", "fresh", "no expiry known", "expired", "expired but can be renewed"),
        *("expired, endpoint unknown", "expired, client secret expired"),
    ],
)
def test_tokens_are_valid_while_they_are_good_or_can_be_renewed(
    manager: TokenManager, record: ServerRecord | None, valid: bool
) -> None:
    if record is not None:
        manager.save_record("notion", record)
    assert manager.has_valid_tokens("notion") is valid


def test_expiry_is_kept_as_a_point_in_time(folder: Path) -> None:
    before = time.time()
    TokenManager(folder).save_tokens("notion", OAuthTokens(access_token="acc", expires_in=100))
    loaded = TokenManager(folder).load_tokens("notion")
    assert loaded is not None
    assert loaded.expires_at is not None
    assert before + 100 <= loaded.expires_at <= time.time() + 100
    assert loaded.is_expired(now=before + 101)


def test_a_later_manager_reads_what_an_earlier_one_saved(folder: Path) -> None:
    TokenManager(folder).save_record("Notion (work)", RECORD)
    assert TokenManager(str(folder)).load_record("Notion (work)") == RECORD


def test_namespaces_keep_applications_apart(manager: TokenManager) -> None:
    other = TokenManager(store=manager.store, namespace="my app")
    manager.save_tokens("notion", TOKENS)
    assert other.load_tokens("notion") is None
    other.save_tokens("notion", OAuthTokens(access_token="other"))
    other.link(URL, "notion")
    assert manager.load_tokens("notion") == TOKENS
    assert (manager.name_for(URL), other.name_for(URL)) == (URL, "notion")
    assert other.delete_tokens("notion") is True
    assert manager.load_tokens("notion") == TOKENS


# Links


def test_a_sign_in_is_found_by_its_url_unless_another_name_was_linked(manager: TokenManager) -> None:
    assert manager.name_for(URL) == URL
    manager.link(URL, "notion")
    assert manager.name_for(URL) == "notion"
    manager.unlink(URL, "notion")
    assert manager.name_for(URL) == URL


def test_the_first_name_that_was_linked_stays(manager: TokenManager) -> None:
    manager.link(URL, "notion")
    manager.link(URL, "second")
    manager.unlink(URL, "second")
    assert manager.name_for(URL) == "notion"


def test_a_sign_in_under_the_url_itself_wins_over_a_link(manager: TokenManager) -> None:
    manager.link(URL, "notion")
    manager.save_tokens(URL, TOKENS)
    assert manager.name_for(URL) == URL


def test_a_name_that_is_the_url_needs_no_link(manager: TokenManager) -> None:
    manager.link(URL, URL)
    assert manager.store.retrieve_generic(URL, namespace="links") is None
    assert manager.name_for(URL) == URL


def test_deleting_the_record_of_a_url_takes_its_link_along(manager: TokenManager) -> None:
    manager.link(URL, "notion")
    manager.save_tokens(URL, TOKENS)
    assert manager.delete_record(URL) is True
    assert manager.name_for(URL) == URL


# Turns and failures


def test_threads_that_save_different_parts_at_once_lose_none(manager: TokenManager) -> None:
    start = threading.Barrier(2)

    def save_tokens() -> None:
        start.wait()
        for number in range(15):
            manager.save_tokens("notion", OAuthTokens(access_token=f"a{number}"))

    def save_registrations() -> None:
        start.wait()
        for number in range(15):
            manager.save_client_registration("notion", ClientRegistration(client_id=f"c{number}"))

    threads = [threading.Thread(target=work) for work in (save_tokens, save_registrations)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = manager.load_record("notion")
    assert kept is not None
    assert kept.tokens is not None
    assert kept.registration is not None
    assert (kept.tokens.access_token, kept.registration.client_id) == ("a14", "c14")


@pytest.mark.parametrize("change", ["tokens", "registration", "delete tokens", "delete registration"])
def test_a_sign_in_of_a_newer_version_is_refused_and_left_alone(folder: Path, change: str) -> None:
    manager = TokenManager(folder)
    manager.store.store_generic("notion", '{"schema":99,"tokens":{}}', namespace="oauth")
    before = snapshot(folder)
    with pytest.raises(TokenStorageError, match="newer") as caught:
        {
            "tokens": lambda: manager.save_tokens("notion", TOKENS),
            "registration": lambda: manager.save_client_registration("notion", REGISTRATION),
            "delete tokens": lambda: manager.delete_tokens("notion"),
            "delete registration": lambda: manager.delete_client_registration("notion"),
        }[change]()
    assert type(caught.value) is TokenStorageError
    assert snapshot(folder) == before


# What lies on the disk


def test_nothing_lies_in_plain_text_on_the_disk_but_the_name(folder: Path) -> None:
    secrets = [f"canary-{kind}" for kind in ("access", "refresh", "secret", "registration")]
    registration = ClientRegistration(
        client_id="canary-client",
        client_secret=secrets[2],
        registration_access_token=secrets[3],
        registration_client_uri="https://as.example.com/register/canary-client",
    )
    tokens = OAuthTokens(access_token=secrets[0], refresh_token=secrets[1], scope="canary-scope")
    manager = TokenManager(folder)
    manager.save_record("notion", ServerRecord(server_url=URL, issuer=URL, tokens=tokens, registration=registration))
    manager.save_client_registration("linear", registration)
    manager.store.store_generic("note", "canary-generic")
    content = b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    content += b"\n".join(bytes(path.relative_to(folder)) for path in folder.rglob("*"))
    plain = ["canary", "mcp.example.com", "access_token", "schema", *secrets]
    hidden = [base64.b64encode(secret.encode()).decode().rstrip("=") for secret in secrets]
    assert [word for word in (*plain, *hidden) if word.encode() in content] == []
    assert sorted(path.name for path in folder.rglob("*.enc")) == ["linear.enc", "note.enc", "notion.enc"]


def test_one_sign_in_is_one_file_under_its_name(folder: Path) -> None:
    TokenManager(folder).save_record("notion-mcp", RECORD)
    assert sorted(path.name for path in folder.glob("*.enc")) == ["notion-mcp.enc"]
