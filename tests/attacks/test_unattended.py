"""Hostile and broken answers to a program without a person: typed, in time, nothing sent elsewhere, no secret shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync import ClientCredentialsGrant, ClientKey, EnterpriseGrant, JWTBearerGrant, NoPrompt, OAuth
from mcp_oauth_sync.exceptions import DiscoveryError, InsecureURLError, OAuthError, TokenExchangeError

from ..servers import IdentityProvider, Workload, cut, lose_answer, reply, reset
from ..servers.keys import private_pem, public_pem
from .broken import ENDLESS, EVERY
from .stage import Stage, hurry
from .test_reprs import VALUE
from .test_tracebacks import frames, shows

SECRET = "a-secret-of-the-job-" + VALUE["Secret"]
EXCHANGE = "/oauth2/token"


@pytest.fixture
def idp(stage: Stage) -> Iterator[IdentityProvider]:
    stage.server.machines.add_client("job", SECRET)
    Workload().trust(stage.server)
    with IdentityProvider(secret=VALUE["Password"]) as company:
        company.let_in(stage.server, "job")
        yield company
        assert company.violations == []


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in ("refresh", "unattended"):
        monkeypatch.setattr(f"mcp_oauth_sync.authorizer.{room}.BACKOFF", ())


def job(stage: Stage, grant: Any = None, **more: Any) -> OAuth:
    known = {"client_id": "job", "client_secret": SECRET, "grant": grant or ClientCredentialsGrant()}
    return OAuth(stage.mcp.mcp_url, token_manager=stage.manager, **{"prompt": NoPrompt(), **known, **more})


def through(idp: IdentityProvider, **more: Any) -> EnterpriseGrant:
    given = {"client_id": idp.client_id, "client_secret": VALUE["Password"], "token_endpoint": idp.url + EXCHANGE}
    return EnterpriseGrant(identity_assertion=idp.id_token(), **{**given, **more})


def test_every_broken_answer_to_a_program_ends_in_a_typed_error_and_keeps_what_is_stored(
    stage: Stage, idp: IdentityProvider, subtests: Any
) -> None:
    assert stage.call(job(stage)).status_code == 200
    for name in EVERY:
        with subtests.test(name), pytest.MonkeyPatch.context() as patch:
            stage.server.expire_all_access_tokens()
            stage.server.fault("/token", EVERY[name](stage))
            if name in ENDLESS:
                hurry(patch, "/token")
            with stage.refusing(TokenExchangeError, redeemed=1):
                stage.call(job(stage))
            stage.server.clear_faults()
    assert stage.call(job(stage)).status_code == 200


def test_every_broken_answer_of_the_company_ends_in_a_typed_error_before_the_server_hears_of_it(
    stage: Stage, idp: IdentityProvider, subtests: Any
) -> None:
    for name in EVERY:
        with subtests.test(name), pytest.MonkeyPatch.context() as patch:
            idp.fault(EXCHANGE, EVERY[name](stage))
            if name in ENDLESS:
                hurry(patch, EXCHANGE)
            with stage.refusing(TokenExchangeError):
                stage.call(job(stage, through(idp)))
            idp.clear_faults()
    assert stage.call(job(stage, through(idp))).status_code == 200


@pytest.mark.parametrize(
    ("endpoint", "error"),
    [
        ("http://elsewhere.example.com/token", InsecureURLError),
        ("javascript:alert(1)", InsecureURLError),
        ("file:///etc/passwd", InsecureURLError),
        ("https://user:word@elsewhere.example.com/token", InsecureURLError),
        (["https://elsewhere.example.com"], DiscoveryError),
        (7, DiscoveryError),
    ],
)
def test_a_token_endpoint_that_may_not_be_contacted_gets_no_credentials(
    stage: Stage, idp: IdentityProvider, endpoint: Any, error: type[OAuthError]
) -> None:
    stage.server.metadata_overrides = {"token_endpoint": endpoint}
    for grant in (ClientCredentialsGrant(), through(idp)):
        with stage.refusing(error):
            stage.call(job(stage, grant))
    assert idp.requests(EXCHANGE) == []  # nor is a grant made for it


@pytest.mark.parametrize("endpoint", ["http://idp.example.com/token", "javascript:alert(1)", 7])
def test_a_company_that_names_such_an_endpoint_gets_no_identity(
    stage: Stage, idp: IdentityProvider, endpoint: Any
) -> None:
    idp.metadata_overrides = {"token_endpoint": endpoint}
    grant = through(idp, token_endpoint=None, issuer=idp.url)
    with stage.refusing(DiscoveryError, InsecureURLError):
        stage.call(job(stage, grant))
    assert idp.requests(EXCHANGE) == []


def test_an_mcp_server_that_names_another_server_gets_no_assertion_to_use_elsewhere(
    stage: Stage, idp: IdentityProvider
) -> None:
    honest = Workload().assertion("https://login.example.com")
    with stage.refusing(OAuthError):
        stage.call(job(stage, JWTBearerGrant(honest), client_id=None, client_secret=None))


FAILURES = {
    "refused": reply(400, {"error": "invalid_grant", "error_description": "no"}),
    "broken": reply(200, b'{"access_token": 7, "token_type": "N_A"}'),
    "unavailable": reply(503, b""),
    "reset": reset(),
    "cut": cut(30),
    "lost": lose_answer(),
}
Ways = dict[str, Callable[[Stage, IdentityProvider], OAuth]]
WAYS: Ways = {
    "secret": lambda stage, idp: job(stage),
    "key": lambda stage, idp: job(stage, client_id="keyed", client_secret=None, client_key=ClientKey(private_pem())),
    "assertion": lambda stage, idp: job(stage, JWTBearerGrant(Workload().assertion(stage.server.url))),
    "company": lambda stage, idp: job(stage, through(idp)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FAILURES)
def test_an_error_shows_no_secret_in_its_words_nor_in_any_frame(
    stage: Stage, idp: IdentityProvider, way: str, name: str
) -> None:
    stage.server.machines.add_client("keyed", public_key=public_pem())
    (idp if way == "company" else stage.server).fault(EXCHANGE if way == "company" else "/token", FAILURES[name])
    with pytest.raises(TokenExchangeError) as caught:
        stage.call(WAYS[way](stage, idp))
    body = "".join(private_pem().splitlines()[1:-1])
    secrets = {secret[-24:] for secret in stage.server.secrets | idp.ledger.secrets} | {*VALUE.values(), SECRET, body}
    lines = frames(caught.value).splitlines()
    assert [line.partition(" = ")[0] for line in lines if shows(line, secrets)] == []


def test_a_key_that_cannot_be_used_shows_none_of_itself_in_any_frame(stage: Stage, tmp_path: Path) -> None:
    damaged = private_pem("RSA")[:-60]
    file = tmp_path / "key.pem"
    file.write_text(damaged)
    secrets = {line for line in damaged.splitlines()[1:] if len(line) > 24} | {"open-sesame-" + VALUE["Password"]}
    for source in (damaged, damaged.encode(), file, lambda: damaged):
        for password in (None, "open-sesame-" + VALUE["Password"]):
            with pytest.raises(OAuthError) as caught:
                stage.call(job(stage, client_secret=None, client_key=ClientKey(source, password=password)))
            lines = frames(caught.value).splitlines()
            assert [line.partition(" = ")[0] for line in lines if shows(line, secrets)] == []
