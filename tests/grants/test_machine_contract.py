"""The shipped contract over the grants without a person."""

from __future__ import annotations

from mcp_oauth_sync import ClientCredentialsGrant, ClientKey, EnterpriseGrant, Grant, JWTBearerGrant, SignInOptions
from mcp_oauth_sync.testing import Answer, Asked, GrantContract
from tests.servers import Workload
from tests.servers.keys import private_pem

ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"


class TestClientCredentials(GrantContract):
    def open_grant(self) -> Grant:
        return ClientCredentialsGrant()


class TestClientCredentialsOfAKey(GrantContract):
    options = SignInOptions(client_id="contract-client", client_key=ClientKey(private_pem()))

    def open_grant(self) -> Grant:
        return ClientCredentialsGrant()


class TestJWTBearer(GrantContract):
    def open_grant(self) -> Grant:
        return JWTBearerGrant(Workload().assertion)


class TestJWTBearerOfNoClientInParticular(GrantContract):
    options = SignInOptions()

    def open_grant(self) -> Grant:
        return JWTBearerGrant(Workload().assertion(self.server.url))


class TestEnterprise(GrantContract):
    def open_grant(self) -> Grant:
        return EnterpriseGrant(
            identity_assertion=Workload("https://idp.example.com", "ada").assertion("app"),
            client_id="app",
            client_secret="a secret at the company",
            token_endpoint=f"{self.server.url}/company",
        )

    def serve(self, asked: Asked) -> Answer | None:
        issued = {"issued_token_type": ID_JAG, "access_token": "an.identity.grant", "token_type": "N_A"}
        return Answer(200, issued) if asked.path == "/company" else None
