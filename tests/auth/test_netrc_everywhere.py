"""A ``.netrc`` for every host: no way to sign in, and nothing that is asked besides, carries its password."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from mcp_oauth_sync import (
    CallbackPrompt,
    ClientCredentialsGrant,
    DeviceCodeGrant,
    MCPSession,
    NoPrompt,
    OAuth,
    OAuthHandler,
    TokenManager,
)
from tests.doctor.bench import examine
from tests.servers import AuthorizationServer, McpServer, Person

from .stage import CALL, header_values

PASSWORD = "from-the-netrc"
#: How the credentials of a client named "job" begin, which is none of the netrc.
JOB = "Basic am9iO"
SECRET = "a-secret-of-the-job-Zq7XcV2bN9mK4jH6"


@pytest.fixture(autouse=True)
def netrc(home: Path) -> None:
    """Entries for the hosts of both servers, and for everywhere else."""
    path = home / ".netrc"
    entry = f"login somebody password {PASSWORD}"
    path.write_text(f"machine 127.0.0.1 {entry}\nmachine localhost {entry}\ndefault {entry}\n")
    path.chmod(0o600)


def call(auth: OAuth) -> None:
    with requests.Session() as session:
        assert session.post(auth.server_url, json=CALL, auth=auth, timeout=20).status_code == 200


def by_code(az: AuthorizationServer, mcp: McpServer, person: Person) -> None:
    az.offer_device_codes = True

    def sleep(_: float) -> None:
        az.advance(60)
        for device in az.devices.values():
            device.decision = "allow"

    grant = DeviceCodeGrant(clock=lambda: 0.0, sleep=sleep)
    call(OAuth(mcp.mcp_url, prompt=CallbackPrompt(lambda _: None), grant=grant))


def without_a_person(az: AuthorizationServer, mcp: McpServer, person: Person) -> None:
    az.machines.add_client("job", SECRET)
    grant = ClientCredentialsGrant()
    call(OAuth(mcp.mcp_url, prompt=NoPrompt(), grant=grant, client_id="job", client_secret=SECRET))


def by_name(az: AuthorizationServer, mcp: McpServer, person: Person) -> None:
    handler = OAuthHandler(TokenManager(), prompt=CallbackPrompt(person.redirect_only))
    handler.ensure_authenticated_mcp("notes", mcp.mcp_url)
    assert handler.authenticated_request("notes", mcp.mcp_url, mcp.mcp_url, "POST", json=CALL).status_code == 200
    handler.logout("notes")


def in_two_steps(az: AuthorizationServer, mcp: McpServer, person: Person) -> None:
    auth = OAuth(mcp.mcp_url, prompt=NoPrompt())
    started = auth.start_sign_in()
    auth.finish_sign_in(person.redirect_only(started.url) or "")
    call(auth)


def in_a_session(az: AuthorizationServer, mcp: McpServer, person: Person) -> None:
    auth = OAuth(mcp.mcp_url, prompt=CallbackPrompt(person.redirect_only))
    with MCPSession(mcp.mcp_url, auth=auth) as session:
        list(session.list_tools())


def examined(az: AuthorizationServer, mcp: McpServer, person: Person) -> None:
    examine(mcp.mcp_url)


WAYS: list[Callable[[AuthorizationServer, McpServer, Person], None]] = [
    *(by_code, without_a_person, by_name, in_two_steps, in_a_session, examined)
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_way_carries_it(az: AuthorizationServer, mcp: McpServer, person: Person, way: Callable[..., None]) -> None:
    way(az, mcp, person)
    assert len(az.log) > 0
    values = header_values([az, mcp], "Authorization")
    assert [value for value in values if value.startswith("Basic") and not value.startswith(JOB)] == []
