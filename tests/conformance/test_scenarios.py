"""Every client scenario of the official conformance suite, judged strictly: a warning is a failure.

The lists are written out, so that nobody has to install the suite to see what the library claims; a test
compares them with the suite's own.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from tests.conformance.suite import (
    CLIENT,
    installed_version,
    pinned_version,
    required_scenarios,
    run_scenario,
)

pytestmark = pytest.mark.conformance

BOTH = (
    "auth/metadata-default",
    "auth/metadata-var1",
    "auth/metadata-var2",
    "auth/metadata-var3",
    "auth/basic-cimd",
    "auth/scope-from-www-authenticate",
    "auth/scope-from-scopes-supported",
    "auth/scope-omitted-when-undefined",
    "auth/scope-step-up",
    "auth/scope-retry-limit",
    "auth/token-endpoint-auth-basic",
    "auth/token-endpoint-auth-post",
    "auth/token-endpoint-auth-none",
    "auth/pre-registration",
)
#: Not about signing in, by the revisions that require them.
ONLY_2025 = ("initialize", "elicitation-sep1034-client-defaults", "sse-retry")
MESSAGES = ("tools_call",)
MESSAGES_IN_2026 = (
    "request-metadata",
    "sep-2322-client-request-state",
    "http-standard-headers",
    "http-custom-headers",
    "http-invalid-tool-headers",
    "json-schema-ref-no-deref",
)
NEW_IN_2026 = (
    "auth/resource-mismatch",
    "auth/offline-access-scope",
    "auth/offline-access-not-supported",
    "auth/authorization-server-migration",
    "auth/iss-supported",
    "auth/iss-not-advertised",
    "auth/iss-supported-missing",
    "auth/iss-wrong-issuer",
    "auth/iss-unexpected",
    "auth/iss-normalized",
    "auth/metadata-issuer-mismatch",
)
# The oldest servers have no protected resource metadata. No later revision requires these two.
OLDEST = ("auth/2025-03-26-oauth-metadata-backcompat", "auth/2025-03-26-oauth-endpoint-fallback")

# What no revision requires, each at both wires.
EXTENSIONS = (
    "json-schema-2020-12-preservation",
    "auth/client-credentials-jwt",
    "auth/client-credentials-basic",
    "auth/enterprise-managed-authorization",
    "auth/wif-jwt-bearer",
    "auth/dpop",
    "auth/dpop-nonce",
)

REQUIRED = {
    "2025-11-25": BOTH + MESSAGES + ONLY_2025,
    "2026-07-28": BOTH + NEW_IN_2026 + MESSAGES + MESSAGES_IN_2026,
}
RUNS = [(name, version) for version, names in REQUIRED.items() for name in names]
RUNS += [(name, version) for version in REQUIRED for name in EXTENSIONS]
RUNS += [(name, "2025-03-26") for name in OLDEST]


@pytest.mark.parametrize(("scenario", "spec_version"), RUNS, ids=[f"{v}-{n}" for n, v in RUNS])
def test_the_scenario_passes_strictly(scenario: str, spec_version: str, tmp_path: Path) -> None:
    verdict = run_scenario(scenario, spec_version, tmp_path)
    assert verdict.passed, verdict.explain()


def test_the_installed_suite_is_the_pinned_one() -> None:
    assert installed_version() == pinned_version()


@pytest.mark.parametrize("spec_version", sorted(REQUIRED))
def test_our_list_is_the_suites_list_of_required_scenarios(spec_version: str) -> None:
    assert sorted(REQUIRED[spec_version]) == sorted(required_scenarios(spec_version))


def test_a_client_that_does_nothing_does_not_pass(tmp_path: Path) -> None:
    verdict = run_scenario("auth/metadata-default", "2026-07-28", tmp_path, client=(sys.executable, "-c", "pass"))
    assert not verdict.passed
    assert "authorization-request" in {check.id for check in verdict.checks if check.status == "FAILURE"}


def test_a_client_that_does_everything_and_then_fails_does_not_pass(tmp_path: Path) -> None:
    script = f'{shlex.join(CLIENT)} "$1"; exit 3'
    verdict = run_scenario("auth/metadata-default", "2025-11-25", tmp_path, client=("sh", "-c", script, "sh"))
    assert {check.status for check in verdict.checks} == {"SUCCESS"}, verdict.explain()
    assert not verdict.passed
