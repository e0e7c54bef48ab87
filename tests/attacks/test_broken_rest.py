"""Broken answers at the endpoints that a sign-in does not need: a client's removal, and a client document to check."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_oauth_sync import ClientRegistration
from mcp_oauth_sync.exceptions import DiscoveryError, RegistrationError
from mcp_oauth_sync.protocol.client_document_check import fetch_client_document_findings
from mcp_oauth_sync.protocol.deregistration import delete_client
from mcp_oauth_sync.protocol.transport import Transport

from .broken import ENDLESS, EVERY, HOLLOW
from .stage import HURRY, Stage, readable

TOKEN = "managing-Zq7XcV2bN9mK4jH6sD3f"


def transport(name: str) -> Transport:
    return Transport(deadline=HURRY) if name in ENDLESS else Transport()


def test_every_broken_answer_to_a_removal_is_told_and_goes_nowhere_else(stage: Stage, subtests: Any) -> None:
    url = f"{stage.server.url}/manage"
    client = ClientRegistration(
        client_id="c", issuer=stage.server.url, registration_client_uri=url, registration_access_token=TOKEN
    )
    for name, broken in EVERY.items():
        with subtests.test(name):
            stage.server.fault("/manage", broken(stage))
            if name in HOLLOW:
                delete_client(transport(name), client, known=[stage.server.url])
            else:
                with pytest.raises(RegistrationError) as caught:
                    delete_client(transport(name), client, known=[stage.server.url])
                assert TOKEN not in readable(caught.value)
            stage.nothing_went_elsewhere()
    assert {exchange.method for exchange in stage.server.requests("/manage")} == {"DELETE"}


def test_every_broken_answer_for_a_client_document_is_told_and_goes_nowhere_else(stage: Stage, subtests: Any) -> None:
    for name, broken in EVERY.items():
        with subtests.test(name):
            stage.server.fault("/client.json", broken(stage))
            try:
                findings = fetch_client_document_findings(transport(name), f"{stage.server.url}/client.json")
            except DiscoveryError as failure:
                readable(failure)
            else:
                assert [finding for finding in findings if finding.wrong] != []
                assert all(finding.said.isprintable() for finding in findings)
            stage.nothing_went_elsewhere()
