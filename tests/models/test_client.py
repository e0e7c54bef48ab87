"""Client metadata and registrations: what is read, kept, and never shown."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.models.client import DYNAMIC, PREREGISTERED, ClientRegistration
from mcp_oauth_sync.models.client_metadata import ClientMetadata
from mcp_oauth_sync.models.document import MalformedDocument

ISSUER = "https://as.example.com"
CANARY = "canary-secret-0123456789"


def test_a_client_wants_refresh_tokens_and_its_kind_follows_its_redirects_unless_told_otherwise() -> None:
    metadata = ClientMetadata()
    assert metadata.application_type is None
    assert metadata.grant_types == ("authorization_code", "refresh_token")
    assert metadata.response_types == ("code",)


def test_only_the_client_id_has_to_be_in_a_registration_response() -> None:
    registration = ClientRegistration.from_response({"client_id": "c"}, issuer=ISSUER)
    assert registration == ClientRegistration(client_id="c", issuer=ISSUER, source=DYNAMIC)


def test_null_and_empty_members_of_a_registration_response_count_as_absent() -> None:
    absent = dict.fromkeys(
        "redirect_uris client_secret client_secret_expires_at token_endpoint_auth_method scope client_name "
        "registration_client_uri registration_access_token grant_types logo_uri contacts".split()
    )
    document = {"client_id": "c", **absent, "client_uri": "", "jwks_uri": ""}
    assert ClientRegistration.from_response(document, issuer=ISSUER) == ClientRegistration.from_response(
        {"client_id": "c"}, issuer=ISSUER
    )


def test_unknown_members_and_unknown_values_pass() -> None:
    document = {
        "client_id": "c",
        "application_type": "martian",
        "grant_types": ["urn:x"],
        "token_endpoint_auth_method": "tls_client_auth",
        "x": {"y": [1]},
    }
    registration = ClientRegistration.from_response(document, issuer=ISSUER)
    assert registration.token_endpoint_auth_method == "tls_client_auth"


@pytest.mark.parametrize(
    "document",
    [
        *({}, {"client_id": None}, {"client_id": ""}, {"client_id": "  "}, {"client_id": 5}, {"client_id": ["c"]}),
        {"client_id": "\ud800"},
        {"client_id": "c", "client_secret": 5},
        {"client_id": "c", "redirect_uris": "http://127.0.0.1/callback"},
        {"client_id": "c", "client_secret_expires_at": 10**400},
    ],
)
def test_a_response_without_a_usable_client_id_is_refused_by_type(document: dict[str, object]) -> None:
    with pytest.raises(MalformedDocument):
        ClientRegistration.from_response(document, issuer=ISSUER)


@pytest.mark.parametrize("client_id", ["", " ", "\t"])
def test_there_is_no_registration_without_a_client_id(client_id: str) -> None:
    with pytest.raises(ValueError, match="client_id"):
        ClientRegistration(client_id=client_id)


@pytest.mark.parametrize(
    ("expires_at", "expired"), [(None, False), (0, False), (999.0, True), (1000.0, True), (1001.0, False)]
)
def test_a_secret_expires_when_the_server_said_and_zero_means_never(expires_at: float | None, expired: bool) -> None:
    assert ClientRegistration(client_id="c", client_secret_expires_at=expires_at).is_expired(now=1000.0) is expired


def test_zero_as_expiry_is_read_as_no_expiry() -> None:
    document = {"client_id": "c", "client_secret": "s", "client_secret_expires_at": 0}
    assert ClientRegistration.from_response(document, issuer=ISSUER).client_secret_expires_at is None


def test_no_representation_shows_a_secret() -> None:
    registration = ClientRegistration(client_id="c", client_secret=CANARY, registration_access_token=CANARY)
    assert "canary" not in repr(registration) + str(registration) + repr(registration.to_record())


def test_a_registration_comes_back_from_its_record_as_it_was() -> None:
    registration = ClientRegistration(
        client_id="c",
        issuer=ISSUER,
        client_secret=CANARY,
        client_secret_expires_at=5.0,
        token_endpoint_auth_method="client_secret_basic",
        redirect_uris=("http://127.0.0.1:5/callback",),
        scope="a",
        client_name="n",
        registration_client_uri="https://as.example.com/c",
        registration_access_token="t",
        source=DYNAMIC,
    )
    assert ClientRegistration.from_record(registration.to_record()) == registration
    assert ClientRegistration.from_record({"client_id": "c"}).source == PREREGISTERED
