"""The client that the official conformance suite drives: what a person would write with the library.

The suite starts it with the server's URL as its last argument. MCP_CONFORMANCE_SCENARIO names the scenario, and
MCP_CONFORMANCE_CONTEXT is what the client was told beforehand, as JSON. Which revision the server speaks it is not
told: it finds out.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from itertools import islice
from typing import Any

import requests

from mcp_oauth_sync import (
    CallbackPrompt,
    ClientCredentialsGrant,
    ClientKey,
    EnterpriseGrant,
    JWTBearerGrant,
    MCPSession,
    OAuth,
    OAuthError,
    TokenManager,
    TokenStoreBackend,
)
from mcp_oauth_sync.mcp.elicitation import Elicitation, ElicitationReply

SECONDS = 10  # for each answer
CLIENT_ID_DOCUMENT = "https://conformance-test.local/client-metadata.json"


def follow(url: str) -> str:
    """Be the person and the browser: open the authorization URL once and say where it led."""
    with requests.Session() as browser:
        browser.trust_env = False
        answer = browser.get(url, allow_redirects=False, timeout=SECONDS)
    return answer.headers["Location"]


#: What each scenario tells of the client, under the names that the library has for it.
KNOWN_BEFOREHAND = {
    "auth/pre-registration": ("client_id", "client_secret", "issuer"),
    "auth/client-credentials-jwt": ("client_id",),
    "auth/client-credentials-basic": ("client_id", "client_secret"),
    "auth/enterprise-managed-authorization": ("client_id", "client_secret"),
}
#: How a client without a person signs in.
GRANTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "auth/client-credentials-jwt": lambda told: {
        "client_key": ClientKey(told["private_key_pem"], algorithm=told["signing_algorithm"]),
        "grant": ClientCredentialsGrant(),
    },
    "auth/client-credentials-basic": lambda told: {"grant": ClientCredentialsGrant()},
    "auth/enterprise-managed-authorization": lambda told: {
        "grant": EnterpriseGrant(
            identity_assertion=told["idp_id_token"],
            client_id=told["idp_client_id"],
            issuer=told["idp_issuer"],
            token_endpoint=told["idp_token_endpoint"],
        )
    },
    "auth/wif-jwt-bearer": lambda told: {"grant": JWTBearerGrant(told["valid_jwt"])},
}


def sign_in_with(server_url: str, scenario: str, context: dict[str, Any]) -> OAuth:
    """Build the auth object a user of the library would build from what the scenario told beforehand."""
    told = KNOWN_BEFOREHAND.get(scenario, ())
    known = {name: context[name] for name in told}
    known |= GRANTS[scenario](context) if scenario in GRANTS else {}
    return OAuth(
        server_url,
        prompt=CallbackPrompt(follow),
        client_id_metadata_url=CLIENT_ID_DOCUMENT,
        token_manager=TokenManager(backend=TokenStoreBackend.MEMORY),
        **known,
    )


def use_all(mcp: MCPSession) -> None:
    """List everything a server offers, and use the first of each."""
    for tool in islice(mcp.list_tools(), 1):
        mcp.call_tool(tool.name)
    for resource in islice(mcp.list_resources(), 1):
        mcp.read_resource(resource.uri)
    for prompt in islice(mcp.list_prompts(), 1):
        mcp.get_prompt(prompt.name)


def call_each(mcp: MCPSession) -> None:
    """Call every tool that is listed."""
    for tool in mcp.list_tools():
        mcp.call_tool(tool.name)


def call_first(mcp: MCPSession) -> None:
    """Call the first tool."""
    mcp.call_tool(next(mcp.list_tools()).name)


def call_as_told(mcp: MCPSession) -> None:
    """List the tools, then make the calls that the scenario names."""
    list(mcp.list_tools())
    for call in CONTEXT["toolCalls"]:
        mcp.call_tool(call["name"], call["arguments"])


def send_a_schema_back(mcp: MCPSession) -> None:
    """Call one tool with the schema of another."""
    tools = {tool.name: tool for tool in mcp.list_tools()}
    mcp.call_tool("json_schema_echo", {"schema": tools["json_schema_2020_12_tool"].input_schema})


#: What is done in scenarios that are not about signing in.
ACTS: dict[str, Callable[[MCPSession], object]] = {
    "initialize": lambda mcp: list(mcp.list_tools()),
    "tools_call": lambda mcp: mcp.call_tool("add_numbers", {"a": 5, "b": 3}),
    "elicitation-sep1034-client-defaults": call_each,
    "sse-retry": call_each,
    "request-metadata": lambda mcp: list(mcp.list_tools()),
    "http-standard-headers": use_all,
    "http-custom-headers": call_as_told,
    "http-invalid-tool-headers": call_each,
    "sep-2322-client-request-state": call_each,
    "json-schema-ref-no-deref": lambda mcp: list(mcp.list_tools()),
    "json-schema-2020-12-preservation": send_a_schema_back,
}


def answer(asked: Elicitation) -> ElicitationReply:
    """Be the person: agree, and leave what has a default as it is."""
    return {"confirmed": True} if "confirmed" in asked.schema.get("properties", {}) else True


def main(server_url: str) -> int:
    """Do what the scenario is about."""
    with MCPSession(
        server_url,
        auth=sign_in_with(server_url, SCENARIO, CONTEXT),
        timeout=SECONDS,
        elicit=answer,
    ) as mcp:
        try:
            ACTS.get(SCENARIO, call_first)(mcp)
        except OAuthError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    SCENARIO = os.environ["MCP_CONFORMANCE_SCENARIO"]
    CONTEXT = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    sys.exit(main(sys.argv[-1]))
