"""One sign-in at one known server: which registration, which redirect, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest
import requests

from mcp_oauth_sync import AuthorizationServerMetadata, SignInOptions
from mcp_oauth_sync.exceptions import AccessDeniedError, RegistrationRequiredError
from mcp_oauth_sync.grants.base import Grant, GrantContext, Obtained
from mcp_oauth_sync.models.client import DYNAMIC, PREREGISTERED
from mcp_oauth_sync.models.tokens import OAuthTokens
from mcp_oauth_sync.protocol.transport import Transport
from mcp_oauth_sync.sign_in import SignIn
from mcp_oauth_sync.two_step import redeem, start

from .scene import Scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


@pytest.fixture
def step(scene: Scene) -> Iterator[SignIn]:
    with requests.Session() as session:
        yield SignIn(
            http=Transport(session=session),
            server=AuthorizationServerMetadata.from_document(scene.az.metadata()),
            server_url=scene.url,
            resource=scene.url,
            scopes=("notes:read",),
            prompt=scene.prompt,
        )


def redirect_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["redirect_uri"][0]


def test_it_keeps_everything_a_later_process_needs(scene: Scene, step: SignIn) -> None:
    record = step.run()
    assert (record.server_url, record.issuer, record.resource) == (scene.url, scene.az.issuer, scene.url)
    assert record.token_endpoint == scene.az.endpoint("token")
    assert record.revocation_endpoint == scene.az.endpoint("revoke")
    assert record.requested_scope == "notes:read"
    assert record.redirect_uri == redirect_of(scene.shown[0])
    assert record.registration is not None
    assert record.registration.source == DYNAMIC
    assert record.can_refresh()


def test_the_registration_says_who_we_are_and_that_we_refresh(scene: Scene, step: SignIn) -> None:
    step.run()
    [sent] = scene.asked("/register")
    asked = sent.json()
    assert asked["application_type"] == "native"
    assert set(asked["grant_types"]) == {"authorization_code", "refresh_token"}
    assert asked["redirect_uris"] == [redirect_of(scene.shown[0])]
    assert asked["scope"] == "notes:read"


def test_a_client_given_by_the_caller_is_used_and_none_registered(scene: Scene, step: SignIn) -> None:
    scene.az.add_client("app")
    record = attrs.evolve(step, options=SignInOptions(client_id="app")).run()
    assert record.registration is not None
    assert (record.registration.client_id, record.registration.issuer) == ("app", scene.az.issuer)
    assert (record.registration.source, scene.asked("/register")) == (PREREGISTERED, [])


def test_the_ways_to_be_known_have_an_order(scene: Scene, step: SignIn) -> None:
    url = "https://app.example.com/client.json"
    scene.az.client_documents[url] = {"client_id": url, "redirect_uris": ["http://127.0.0.1/callback"]}
    scene.az.client_documents[url]["grant_types"] = ["authorization_code", "refresh_token"]
    scene.az.add_client("app")
    server = AuthorizationServerMetadata.from_document(scene.az.metadata())
    step = attrs.evolve(step, server=server)
    both = SignInOptions(client_id="app", client_id_metadata_url=url)
    document = SignInOptions(client_id_metadata_url=url)
    without = attrs.evolve(server, client_id_metadata_document_supported=False)
    ids = []
    for changed in (
        attrs.evolve(step, options=both),
        attrs.evolve(step, options=document),
        attrs.evolve(step, options=document, server=without),
    ):
        registration = changed.run().registration
        assert registration is not None
        ids.append(registration.client_id)
    assert ids[:2] == ["app", url]
    assert ids[2].startswith("client-")
    nobody = attrs.evolve(step, server=attrs.evolve(without, registration_endpoint=None))
    scene.forget_log()
    with pytest.raises(RegistrationRequiredError) as caught:
        nobody.run()
    assert (caught.value.issuer, scene.shown, scene.az.log) == (scene.az.issuer, [], [])


def test_scopes_that_the_saved_registration_was_not_made_for_get_one_of_their_own(scene: Scene, step: SignIn) -> None:
    saved = step.run().registration
    wider = attrs.evolve(step, saved=saved, scopes=("notes:read", "notes:write"))
    assert wider.run().registration != saved
    assert scene.az.registrations == 2


def test_a_registration_refused_for_its_scopes_is_replaced_once(scene: Scene, step: SignIn) -> None:
    saved = attrs.evolve(step, scopes=()).run().registration
    assert saved is not None
    scene.az.allowed_scopes = ()
    with pytest.raises(Exception, match="invalid_scope"):
        attrs.evolve(step, saved=attrs.evolve(saved, scope=None)).run()
    assert scene.az.registrations == 2
    assert len(scene.shown) == 3  # one of them before: two of the second sign-in


def test_a_person_who_says_no_to_a_saved_registration_is_not_asked_again(scene: Scene, step: SignIn) -> None:
    saved = step.run().registration
    scene.az.decision = "deny"
    with pytest.raises(AccessDeniedError):
        attrs.evolve(step, saved=saved).run()
    assert (scene.az.registrations, len(scene.shown)) == (1, 2)


@pytest.mark.parametrize(
    ("wanted", "same"),
    [("http://127.0.0.1/callback", True), ("http://127.0.0.1/elsewhere", False), ("http://localhost/callback", False)],
)
def test_a_redirect_without_a_port_takes_the_port_that_is_registered_for_it(
    scene: Scene, step: SignIn, wanted: str, same: bool
) -> None:
    saved = step.run().registration
    attrs.evolve(step, saved=saved, options=SignInOptions(redirect_uri=wanted)).run()
    first, second = map(redirect_of, scene.shown)
    assert (first == second) is same
    assert urlsplit(second).path == urlsplit(wanted).path
    assert scene.az.registrations == (1 if same else 2)


def test_another_way_to_obtain_tokens_needs_nothing_but_itself(scene: Scene, step: SignIn) -> None:
    class Gift(Grant):
        name = "gift"

        def obtain(self, context: GrantContext) -> Obtained:
            registration = context.identify("http://127.0.0.1/callback")
            return Obtained(tokens=OAuthTokens(access_token="gift", scope="a"), registration=registration)

    record = attrs.evolve(step, grant=Gift()).run()
    assert record.tokens is not None
    assert record.tokens.access_token == "gift"
    assert (record.redirect_uri, scene.shown) == (None, [])


def test_a_sign_in_by_hand_is_redeemed_where_it_was_started(scene: Scene, step: SignIn) -> None:
    started, pending = start(step, "http://127.0.0.1:8765/callback")
    redirect = scene.person.redirect_only(started.url)
    assert redirect is not None
    record = redeem(pending, parse_qs(urlsplit(redirect).query)["code"][0], http=step.http, options=step.options)
    assert record.tokens is not None
    assert scene.az.is_active(record.tokens.access_token)
    assert record.redirect_uri == "http://127.0.0.1:8765/callback"
    for secret in (pending.verifier, pending.state):
        assert secret not in repr(pending) + repr(started)
