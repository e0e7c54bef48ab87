"""The doctor at servers that others wrote: the SDK's, the reference server, the official suite's mocks, OpenBao."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_oauth_sync.doctor import Level, Report, Step
from tests.conformance.suite import run_scenario
from tests.doctor.bench import GOOD, SKIPPED, differing, examine, found, said, stops
from tests.scene import Scene

from .everything import EverythingServer, everything, everything_in_both_eras, everything_sse
from .openbao import Bao, bao, openbao_server
from .sdk import SdkServer
from .sdk_features import SdkFeatures, sdk_features

__all__ = ["bao", "everything", "everything_in_both_eras", "everything_sse", "openbao_server", "sdk_features"]

OPEN = {"ANSWER": ["warning open"], **dict.fromkeys(("RESOURCE", "SERVER", "CLIENT", "WAYS"), SKIPPED)}


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    with SdkServer() as running:
        yield running


def bad(report: Report) -> list[str]:
    return [finding.code for level in (Level.PROBLEM, Level.WARNING) for finding in report.at(level)]


@pytest.mark.demo
def test_the_server_of_the_demo_is_as_it_should_be(server: SdkServer) -> None:
    report = examine(server.mcp_url)
    assert found(report) == GOOD
    assert bad(report) == ["nobody-here"]


@pytest.mark.demo
def test_a_registration_at_the_demo_is_tried_and_what_is_left_is_said(server: SdkServer) -> None:
    report = examine(server.mcp_url, registers=True)
    assert found(report)[Step.CLIENT] == ["ok client-dynamic", "ok registered", "warning client-left"]


@pytest.mark.demo
def test_the_sdks_server_without_oauth_is_open_and_says_what_it_speaks(sdk_features: SdkFeatures) -> None:
    report = examine(sdk_features.mcp_url)
    assert differing(report) == {**OPEN, "MCP": ["ok discovered"]}
    assert "2026-07-28" in said(report, "discovered")
    assert not stops(report)


@pytest.mark.demo
def test_the_sdks_server_behind_oauth_is_as_it_should_be(sdk_features: SdkFeatures) -> None:
    with Scene(upstream=sdk_features.mcp_url) as scene:
        assert found(examine(scene.url)) == GOOD


@pytest.mark.npm_server
def test_the_reference_server_is_open_and_shakes_hands(everything: EverythingServer) -> None:
    assert differing(examine(everything.mcp_url)) == {**OPEN, "MCP": ["ok handshake"]}


@pytest.mark.npm_server
def test_a_server_of_both_eras_is_open_and_says_so(everything_in_both_eras: EverythingServer) -> None:
    assert differing(examine(everything_in_both_eras.mcp_url)) == {**OPEN, "MCP": ["ok discovered"]}


@pytest.mark.npm_server
def test_the_old_transport_takes_no_post_and_that_is_said(everything_sse: EverythingServer) -> None:
    report = examine(everything_sse.mcp_url)
    assert stops(report)
    assert found(report)[Step.ANSWER] != GOOD[Step.ANSWER]


@pytest.mark.openbao
def test_a_vault_is_no_mcp_server(bao: Bao, openbao_server: object) -> None:
    report = examine(f"{openbao_server.url}/v1/secret/data/mcp")
    assert stops(report)
    assert found(report)[Step.CLIENT] == found(report)[Step.WAYS] == SKIPPED


#: By scenario of the official suite: the findings that differ from a good server's.
MOCKS: dict[str, dict[str, list[str]]] = {
    "auth/2025-03-26-oauth-endpoint-fallback": {
        "RESOURCE": ["warning no-resource-metadata"],
        "SERVER": ["warning guessed-endpoints"],
    },
    "auth/dpop": {"RESOURCE": ["ok resource-metadata", "ok dpop"]},
    "auth/metadata-issuer-mismatch": {"SERVER": ["problem issuer-mismatch"], "CLIENT": SKIPPED, "WAYS": SKIPPED},
    "auth/metadata-var3": {},
    "auth/pre-registration": {"CLIENT": ["problem no-registration"]},
    "auth/resource-mismatch": {
        "RESOURCE": ["problem resource-mismatch"],
        **dict.fromkeys(("SERVER", "CLIENT", "WAYS"), SKIPPED),
    },
    "auth/wif-jwt-bearer": {"CLIENT": ["problem no-registration"]},
}


@pytest.mark.conformance
@pytest.mark.parametrize("scenario", MOCKS)
def test_the_truth_is_told_about_the_mocks_of_the_official_suite(scenario: str, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    client = [
        sys.executable,
        "-c",
        f"""
import contextlib, sys
from mcp_oauth_sync.cli import main
with open({str(told)!r}, "w") as file, contextlib.redirect_stdout(file):
    main(["doctor", "--json", sys.argv[-1]])
""",
    ]
    run_scenario(scenario, "2025-11-25", tmp_path, client=client)
    findings = json.loads(told.read_text())["findings"]
    codes: dict[str, list[str]] = {}
    for finding in findings:
        codes.setdefault(finding["step"].upper(), []).append(f"{finding['level']} {finding['code']}")
    codes.pop("MACHINE")
    assert {step: found for step, found in codes.items() if found != GOOD[Step[step]]} == MOCKS[scenario]
