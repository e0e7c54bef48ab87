"""Forgetting a client removes it at its server too, where that is offered and nobody else is it. RFC 7592."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import ClientMetadata, OAuth, TokenManager
from mcp_oauth_sync.exceptions import TokenStorageError
from tests.scene import Scene, paths, stored
from tests.servers import ABSENT, Origin, html, redirect_to, reply, reset


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        made.az.offer_removal = True
        yield made


def removals(scene: Scene) -> list[str]:
    return [line for line in paths(scene.az.log) if line.startswith("DELETE")]


def test_forgetting_removes_the_client_after_its_tokens(scene: Scene) -> None:
    auth = scene.sign_in(name="notes")
    assert auth.sign_out(forget=True) is True
    assert paths(scene.az.log) == ["POST /revoke 200", "POST /revoke 200", "DELETE /register/1 204"]
    assert scene.az.clients == {}
    assert stored() == {name: data for name, data in stored().items() if "notes" not in name}
    assert scene.post(auth).status_code == 200
    assert scene.az.registrations == 2


def test_the_token_of_the_registration_goes_in_one_header_and_nothing_else_is_sent(scene: Scene) -> None:
    auth = scene.sign_in()
    registration = scene.record().registration
    assert registration is not None
    auth.sign_out(forget=True)
    [sent] = [exchange for exchange in scene.az.log if exchange.method == "DELETE"]
    assert sent.headers["Authorization"] == f"Bearer {registration.registration_access_token}"
    assert (sent.body, sent.query, sent.headers["Cookie"]) == (b"", {}, None)


def test_signing_out_alone_keeps_the_client(scene: Scene) -> None:
    auth = scene.sign_in()
    assert auth.sign_out() is True
    assert (removals(scene), len(scene.az.clients)) == ([], 1)


def test_a_client_without_tokens_is_removed_too(scene: Scene) -> None:
    auth = scene.sign_in()
    auth.sign_out()
    auth.sign_out(forget=True)
    assert (removals(scene), scene.az.clients) == (["DELETE /register/1 204"], {})
    assert scene.manager.load_record(scene.url) is None


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (reply(401), "the server does not know it, or not by this token"),
        (reply(403), "the server does not let clients remove themselves"),
        (reply(404), "the server does not know it"),
        (reply(405), "the server does not let clients be removed"),
        (reply(503), "it did not confirm"),
        (html(500), "it did not confirm"),
        (redirect_to("https://evil.example.com/", 307), "it did not confirm"),
        (reset(), "could not be removed"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_removal_that_is_not_confirmed_is_said_and_the_client_is_forgotten_here(
    scene: Scene, caplog: pytest.LogCaptureFixture, fault: Any, said: str
) -> None:
    auth = scene.sign_in()
    scene.az.fault("/register/1", fault)
    with caplog.at_level(logging.WARNING):
        assert auth.sign_out(forget=True) is False
    assert said in caplog.text
    assert scene.manager.load_record(scene.url) is None
    assert len(removals(scene)) == 1
    assert scene.az.revocations == 2
    scene.az.clear_faults()


def test_a_removal_that_answers_200_is_one(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.az.fault("/register/1", reply(200))
    assert auth.sign_out(forget=True) is True
    scene.az.clear_faults()


def test_a_revocation_that_fails_does_not_spare_the_client(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.az.fault("/revoke", reply(503))
    assert auth.sign_out(forget=True) is False
    assert scene.az.removals == 1
    scene.az.clear_faults()


def test_the_token_goes_to_no_other_place_than_the_servers(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    with Origin() as elsewhere:
        for uri in (
            f"{elsewhere.url}/register/1",
            scene.az.url.replace("127.0.0.1", "localhost"),
            "nothing",
            "http://[",
        ):
            scene.az.registration_overrides = {"registration_client_uri": uri}
            auth = scene.sign_in(name="notes")
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                assert auth.sign_out(forget=True) is False
            assert "not where it was registered; nothing was sent" in caplog.text
        assert (elsewhere.connections, removals(scene)) == (0, [])


@pytest.mark.parametrize("member", ["registered_at", "issuer", "token_endpoint", "revocation_endpoint", None])
def test_each_place_of_the_server_that_is_known_may_manage_the_client(scene: Scene, member: str | None) -> None:
    scene.sign_in()
    record = scene.record()
    assert record.registration is not None
    assert record.registration.registered_at == f"{scene.az.url}/register"
    away = "https://other.example.com/x"
    places = dict.fromkeys(["registered_at", "issuer", "token_endpoint", "revocation_endpoint"], away)
    if member is not None:
        places[member] = f"{scene.az.url}/y"
    registration = attrs.evolve(record.registration, registered_at=places.pop("registered_at"))
    scene.change_record(tokens=None, registration=registration, **places)
    scene.oauth().sign_out(forget=True)
    assert scene.az.removals == (0 if member is None else 1)


@pytest.mark.parametrize("missing", ["registration_client_uri", "registration_access_token"])
def test_a_server_that_offers_half_of_it_is_not_asked(scene: Scene, missing: str) -> None:
    scene.az.registration_overrides = {missing: ABSENT}
    auth = scene.sign_in()
    assert auth.sign_out(forget=True) is True
    assert removals(scene) == []


def test_a_client_registered_by_hand_is_never_removed(scene: Scene) -> None:
    scene.sign_in()
    registration = scene.record().registration
    assert registration is not None
    scene.change_record(registration=attrs.evolve(registration, source="pre-registered"))
    assert scene.oauth().sign_out(forget=True) is True
    assert (removals(scene), len(scene.az.clients)) == ([], 1)


@pytest.mark.parametrize("profile", [None, "work"])
def test_a_client_that_another_sign_in_is_too_is_left_alone(
    scene: Scene, caplog: pytest.LogCaptureFixture, profile: str | None
) -> None:
    auth = scene.sign_in()
    record = scene.record()
    manager = scene.manager if profile is None else scene.manager.in_profile(profile)
    manager.save_record("another", attrs.evolve(record, server_url="https://mcp.example.com/mcp"))
    with caplog.at_level(logging.WARNING):
        assert auth.sign_out(forget=True) is True
    assert "Other sign-ins are the same client" in caplog.text
    assert (removals(scene), len(scene.az.clients)) == ([], 1)
    other = OAuth("https://mcp.example.com/mcp", name="another", token_manager=manager)
    manager.save_record("another", attrs.evolve(record, server_url="https://mcp.example.com/mcp", tokens=None))
    other.sign_out(forget=True)
    assert removals(scene) == []  # it may not point at this machine: that server is elsewhere


def test_what_has_the_same_name_at_another_server_or_application_is_another_client(scene: Scene) -> None:
    auth = scene.sign_in()
    record = scene.record()
    registration = record.registration
    assert registration is not None
    away = attrs.evolve(registration, issuer="https://other.example.com")
    scene.manager.save_record("another", attrs.evolve(record, issuer="https://other.example.com", registration=away))
    theirs = TokenManager(namespace="another application")
    theirs.save_record("another", record)
    assert auth.sign_out(forget=True) is True
    assert scene.az.removals == 1


def test_where_it_cannot_be_told_who_else_is_the_client_it_is_left_alone(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = scene.sign_in()

    def broken(*_: object) -> None:
        raise TokenStorageError("The store is away.")

    monkeypatch.setattr(TokenManager, "records_of_all_profiles", broken)
    with caplog.at_level(logging.WARNING):
        assert auth.sign_out(forget=True) is True
    assert "cannot be told. The store is away." in caplog.text
    assert (removals(scene), scene.manager.load_record(scene.url)) == ([], None)


def test_a_sign_in_that_was_moved_keeps_its_client_for_the_other_machine(scene: Scene) -> None:
    auth = scene.sign_in()
    auth.export_sign_in(password="long enough a password")
    assert auth.sign_out(forget=True) is False
    assert (removals(scene), len(scene.az.clients)) == ([], 1)


def test_another_client_at_the_same_server_keeps_none(scene: Scene) -> None:
    auth = scene.sign_in()
    other = scene.sign_in(name="another", client_metadata=ClientMetadata(client_name="Another program"))
    assert len(scene.az.clients) == 2
    assert auth.sign_out(forget=True) is True
    assert (removals(scene), len(scene.az.clients)) == (["DELETE /register/1 204"], 1)
    assert scene.post(other).status_code == 200


def test_a_client_that_two_sign_ins_share_is_removed_with_the_second(scene: Scene) -> None:
    auth = scene.sign_in()
    other = scene.sign_in(name="another")
    assert len(scene.az.clients) == 1
    assert auth.sign_out(forget=True) is True
    assert removals(scene) == []
    assert scene.post(other).status_code == 200
    assert other.sign_out(forget=True) is True
    assert (removals(scene), len(scene.az.clients)) == (["DELETE /register/1 204"], 0)
