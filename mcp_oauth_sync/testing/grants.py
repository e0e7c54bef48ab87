"""The contract of a grant: all rules in one class, to be run over any way of obtaining tokens by pytest or unittest."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import attrs

from ..exceptions import AuthorizationError, InsecureURLError, OAuthError, TokenExchangeError
from ..grants.base import Grant, GrantContext, Obtained
from ..models.client import ClientRegistration
from ..models.metadata import AuthorizationServerMetadata
from ..models.options import SignInOptions
from ..prompts import NoPrompt, Prompt
from ..protocol.proofs import Proofs
from ..protocol.transport import Transport
from .base import Hooks, require, require_equal, typed_error
from .listening import listening
from .token_server import ACCESS_TOKEN, TOKENS, Answer, Asked, TokenServer

_SECRET = "contract-client-secret-Zq7XcV2bN9mK4jH6"
_RESOURCE = "https://mcp.example.com/mcp"
#: What a token endpoint may answer instead of tokens, and the error code in it.
_REFUSALS: tuple[tuple[Answer, str | None], ...] = (
    (Answer(400, {"error": "invalid_grant", "error_description": "no \x1b[2J more"}), "invalid_grant"),
    (Answer(401, {"error": "invalid_client"}), "invalid_client"),
    (Answer(500, "<!doctype html><title>Oops</title>"), None),
    (Answer(302, "", {"Location": "https://elsewhere.example.com/token"}), None),
    (Answer(200, "no JSON"), None),
    (Answer(200, {"token_type": "Bearer"}), None),
    (Answer(200, {"access_token": ACCESS_TOKEN, "token_type": "mac"}), None),
    (Answer(200, {"error": "invalid_request"}), "invalid_request"),
    (Answer(0, ""), None),
)


class GrantContract(Hooks):
    """The definition of "a grant that works", as tests to inherit.

    A grant that passes asks the token endpoint for what it was told to ask for, as the client that it was told to be,
    and turns every other answer into an error of the library. Neither pytest nor any fixture is needed; with unittest,
    inherit from ``unittest.TestCase`` too.

    Attributes:
        metadata: Members of the authorization server's metadata that the grant needs. ``{issuer}`` in a text stands
            for the server's origin.
        options: What the caller has chosen.

    Example::

        class TestVoucher(GrantContract):
            def open_grant(self):
                return Voucher("a voucher")

    A grant that uses other endpoints too says what they answer::

            def serve(self, asked):
                return Answer(200, {"voucher": "a voucher"}) if asked.path == "/vouchers" else None
    """

    metadata: Mapping[str, Any] = {}
    options: SignInOptions = SignInOptions(client_id="contract-client", client_secret=_SECRET)

    server: TokenServer

    def open_grant(self) -> Grant:
        """Return the grant. ``server`` is up."""
        raise NotImplementedError(f"{type(self).__name__} has to define open_grant()")

    def open_prompt(self) -> Prompt:
        """Return how people are asked, for a grant that asks them."""
        return NoPrompt()

    def serve(self, asked: Asked) -> Answer | None:
        """Return the answer of an endpoint that is not the token endpoint; None where there is none."""
        return None

    def begin(self) -> None:
        """Start the server."""
        self.server = TokenServer()
        self._answer_with(Answer(200, {**TOKENS, "scope": "a b"}))

    def end(self) -> None:
        """Stop the server."""
        self.server.stop()

    # The rules

    def test_it_says_what_it_is(self) -> None:
        """A name for messages, whether a person takes part, and what a client registers for."""
        grant = self.open_grant()
        require(str(grant.name or "").strip(), "a grant needs a name")
        require(isinstance(grant.interactive, bool), "interactive has to be True or False")
        kinds = grant.grant_types
        require(type(kinds) is tuple, "grant_types has to be a tuple")

    def test_it_brings_tokens(self) -> None:
        """Those of the token endpoint, for the scopes, the resource and the client it was told."""
        obtained = self.open_grant().obtain(self._context())
        require_equal(obtained.tokens.access_token, ACCESS_TOKEN, "the access token")
        require_equal(obtained.tokens.scopes, ("a", "b"), "the scopes")
        asked = self._asked_for_tokens()[-1]
        require(asked.form.get("grant_type"), "there is no grant_type in the form")
        require_equal(asked.form.get("resource"), _RESOURCE, "the resource in the form")
        require("repeated" not in asked.form, "a field is in the form more than once")

    def test_it_leaves_out_a_resource_that_is_not_to_be_sent(self) -> None:
        """None means none."""
        self.open_grant().obtain(attrs.evolve(self._context(), resource=None))
        require("resource" not in self._asked_for_tokens()[-1].form, "a resource is in the form that is not to be sent")

    def test_it_is_one_client_by_one_method(self) -> None:
        """The one whose registration it was given."""
        obtained = self.open_grant().obtain(self._context())
        form, basic = self._asked_for_tokens()[-1].form, self._asked_for_tokens()[-1].client
        methods = [basic is not None, "client_secret" in form, "client_assertion" in form]
        require(sum(methods) <= 1, "the client authenticates by more than one method")
        named = basic or form.get("client_id")
        if obtained.registration is not None and named is not None:
            require_equal(named, obtained.registration.client_id, "the client that asks")

    def test_it_sends_the_callers_own_fields_and_none_of_them_replaces_one_of_its_own(self) -> None:
        """``token_params`` are further fields."""
        options = attrs.evolve(self.options, token_params={"audience": "notes"})
        self.open_grant().obtain(self._context(options=options))
        require_equal(self._asked_for_tokens()[-1].form.get("audience"), "notes", "a field of the caller")

    def test_everything_else_than_tokens_is_a_typed_error(self) -> None:
        """With the server's error code where it gives one, and nothing of what it says obeyed or shown."""
        for answer, code in _REFUSALS:
            self._answer_with(answer)
            what = f"the answer {answer.status} {answer.body}"
            with typed_error(what, OAuthError) as caught:
                self.open_grant().obtain(self._context())
            failure = caught[0]
            kind = type(failure).__name__
            require(isinstance(failure, (TokenExchangeError, AuthorizationError)), f"{what}: {kind} was raised")
            require_equal(getattr(failure, "error", None), code, "the error code of the failure")
            for secret in (ACCESS_TOKEN, _SECRET, "\x1b"):
                require(secret not in f"{failure} {failure!r}", "the error shows what it must not show")

    def test_no_token_endpoint_is_an_error_before_anything_is_sent(self) -> None:
        """So is one that may not be contacted."""
        for endpoint, kind in ((None, AuthorizationError), ("http://as.example.com/token", InsecureURLError)):
            context = self._context()
            broken = attrs.evolve(context, server=attrs.evolve(context.server, token_endpoint=endpoint))
            with typed_error(f"the token endpoint {endpoint}", kind):
                self.open_grant().obtain(broken)
        require_equal(self._asked_for_tokens(), [], "what was sent to the token endpoint")

    def test_it_can_be_used_again_and_by_many_threads(self) -> None:
        """It keeps nothing of one use for the next."""
        grant, context = self.open_grant(), self._context()
        found: list[Obtained | OAuthError] = []

        def use() -> None:
            try:
                found.append(grant.obtain(context))
            except OAuthError as failure:
                found.append(failure)

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        require(all(isinstance(one, Obtained) for one in found), f"not every use brought tokens: {found}")
        require_equal(len(self._asked_for_tokens()), 4, "requests to the token endpoint for four uses")

    def test_no_secret_is_logged_or_shown_by_repr(self) -> None:
        """Not the token and not the client's secret."""
        with listening() as heard:
            grant = self.open_grant()
            obtained = grant.obtain(self._context())
            told = [repr(grant), repr(obtained), *heard()]
        for secret in (ACCESS_TOKEN, _SECRET):
            require(not any(secret in line for line in told), "a token or secret can be read in a log or a repr")

    # What they stand on

    def _answer_with(self, answer: Answer) -> None:
        self.server.respond = lambda asked: (
            answer if asked.path == "/token" else self.serve(asked) or Answer(404, {"error": "not_found"})
        )

    def _asked_for_tokens(self) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.path == "/token"]

    def _context(self, *, options: SignInOptions | None = None) -> GrantContext:
        issuer, chosen = self.server.url, options or self.options
        members = {
            name: value.replace("{issuer}", issuer) if isinstance(value, str) else value
            for name, value in self.metadata.items()
        }
        server = AuthorizationServerMetadata.from_document(
            {"issuer": issuer, "token_endpoint": f"{issuer}/token", **members}
        )
        registration = ClientRegistration(
            client_id=chosen.client_id or "contract-client",
            client_secret=chosen.client_secret,
            issuer=issuer,
            token_endpoint_auth_method="client_secret_basic" if chosen.client_secret else "none",
        )

        def identify(redirect_uri: str | None, *, fresh: bool = False, known: bool = False) -> ClientRegistration:
            return registration

        return GrantContext(
            http=Transport(),
            server=server,
            server_url=_RESOURCE,
            resource=_RESOURCE,
            scopes=("a", "b"),
            prompt=self.open_prompt(),
            callback=chosen.callback,
            identify=identify,
            proofs=Proofs(issuer=issuer, client_key=chosen.client_key),
            options=chosen,
        )
