"""The shipped contract over the grants that come with the library, and over broken ones, which it finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

from mcp_oauth_sync import CallbackPrompt, Grant, GrantContext, OAuthTokens, Obtained, Prompt
from mcp_oauth_sync.exceptions import TokenExchangeError
from mcp_oauth_sync.grants.authorization_code import AuthorizationCodeGrant
from mcp_oauth_sync.testing import Answer, Asked, GrantContract


class TestAuthorizationCode(GrantContract):
    metadata = {  # noqa: RUF012
        "authorization_endpoint": "{issuer}/authorize",
        "code_challenge_methods_supported": ["S256"],
    }

    def open_grant(self) -> Grant:
        return AuthorizationCodeGrant()

    def open_prompt(self) -> Prompt:
        return CallbackPrompt(come_back)


def come_back(url: str) -> str:
    """Be a browser that is sent back at once."""
    query = parse_qs(urlsplit(url).query)
    return f"{query['redirect_uri'][0]}?code=a-code&state={query['state'][0]}"


# What the contract finds


class Voucher(Grant):
    """A grant that works, to be broken in one way each."""

    name = "voucher"
    interactive = False

    def fields(self) -> Mapping[str, str]:
        return {"grant_type": "urn:example:voucher", "voucher": "a voucher"}

    def obtain(self, context: GrantContext) -> Obtained:
        return context.request_tokens(context.identify(None), self.fields(), what="the voucher")


class HasNoName(Voucher):
    name = " "


class MakesTokensUp(Voucher):
    def obtain(self, context: GrantContext) -> Obtained:
        super().obtain(context)
        return Obtained(tokens=OAuthTokens(access_token="made up"), registration=None)


class NamesNoGrant(Voucher):
    def fields(self) -> Mapping[str, str]:
        return {"voucher": "a voucher"}


class ForgetsTheResource(Voucher):
    def obtain(self, context: GrantContext) -> Obtained:
        return super().obtain(attrs.evolve(context, resource=None))


class SendsTheServersUrl(Voucher):
    def obtain(self, context: GrantContext) -> Obtained:
        return super().obtain(attrs.evolve(context, resource=context.server_url))


class IsTwoClients(Voucher):
    def fields(self) -> Mapping[str, str]:
        return {**super().fields(), "client_secret": "another"}


class DropsTheCallersFields(Voucher):
    def obtain(self, context: GrantContext) -> Obtained:
        return super().obtain(attrs.evolve(context, options=attrs.evolve(context.options, token_params={})))


class LetsErrorsPass(Voucher):
    def obtain(self, context: GrantContext) -> Obtained:
        try:
            return super().obtain(context)
        except TokenExchangeError as failure:
            raise RuntimeError(failure.message) from None


class LosesTheErrorCode(Voucher):
    def obtain(self, context: GrantContext) -> Obtained:
        try:
            return super().obtain(context)
        except TokenExchangeError as failure:
            raise TokenExchangeError(failure.message) from None


class AsksWhateverEndpoint(Voucher):
    def obtain(self, context: GrantContext) -> Obtained:
        endpoint = f"{context.server.issuer}/token"
        return super().obtain(attrs.evolve(context, server=attrs.evolve(context.server, token_endpoint=endpoint)))


class WorksOnce(Voucher):
    def __init__(self) -> None:
        self.used = False

    def obtain(self, context: GrantContext) -> Obtained:
        if self.used:
            raise TokenExchangeError("The voucher is used up.")
        self.used = True
        return super().obtain(context)


class ShowsItself(Voucher):
    got = ""

    def obtain(self, context: GrantContext) -> Obtained:
        obtained = super().obtain(context)
        self.got = str(obtained.tokens.access_token)
        return obtained

    def __repr__(self) -> str:
        return f"<ShowsItself {self.got}>"


BROKEN: dict[type[Grant], str] = {
    HasNoName: "test_it_says_what_it_is",
    MakesTokensUp: "test_it_brings_tokens",
    NamesNoGrant: "test_it_brings_tokens",
    ForgetsTheResource: "test_it_brings_tokens",
    SendsTheServersUrl: "test_it_leaves_out_a_resource_that_is_not_to_be_sent",
    IsTwoClients: "test_it_is_one_client_by_one_method",
    DropsTheCallersFields: "test_it_sends_the_callers_own_fields_and_none_of_them_replaces_one_of_its_own",
    LetsErrorsPass: "test_everything_else_than_tokens_is_a_typed_error",
    LosesTheErrorCode: "test_everything_else_than_tokens_is_a_typed_error",
    AsksWhateverEndpoint: "test_no_token_endpoint_is_an_error_before_anything_is_sent",
    WorksOnce: "test_it_can_be_used_again_and_by_many_threads",
    ShowsItself: "test_no_secret_is_logged_or_shown_by_repr",
}
RULES: list[str] = [name for name in vars(GrantContract) if name.startswith("test_")]


def run(grant: type[Grant], rule: str) -> None:
    class Contract(GrantContract):
        def open_grant(self) -> Grant:
            return grant()

    contract = Contract()
    contract.setup_method()
    try:
        getattr(contract, rule)()
    finally:
        contract.teardown_method()


@pytest.mark.parametrize("grant", BROKEN, ids=lambda grant: grant.__name__)
def test_a_broken_grant_is_found(grant: type[Grant]) -> None:
    with pytest.raises(AssertionError):
        run(grant, BROKEN[grant])


@pytest.mark.parametrize("rule", RULES)
def test_one_that_works_is_let_through(rule: str) -> None:
    run(Voucher, rule)


def test_every_rule_is_broken_by_a_grant() -> None:
    assert set(BROKEN.values()) == set(RULES)


def test_a_grant_may_have_endpoints_of_its_own() -> None:
    class FetchesItsVoucher(Voucher):
        def obtain(self, context: GrantContext) -> Obtained:
            reply = context.http.post_form(
                f"{context.server.issuer}/vouchers", {"want": "one"}, what="voucher endpoint"
            )
            document: Any = reply.json_object()
            fields = {"grant_type": "urn:example:voucher", "voucher": document["voucher"]}
            return context.request_tokens(context.identify(None), fields, what="the voucher")

    class Contract(GrantContract):
        def open_grant(self) -> Grant:
            return FetchesItsVoucher()

        def serve(self, asked: Asked) -> Answer | None:
            return Answer(200, {"voucher": "fetched"}) if asked.path == "/vouchers" else None

    contract = Contract()
    contract.setUp()
    try:
        contract.test_it_brings_tokens()
        assert [asked.path for asked in contract.server.asked] == ["/vouchers", "/token"]
    finally:
        contract.tearDown()


def test_a_contract_without_a_grant_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="open_grant"):
        GrantContract().open_grant()
