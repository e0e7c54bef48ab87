"""Every server of the bench is examined, and what is said of each is true."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from mcp_oauth_sync.doctor import Step
from mcp_oauth_sync.exceptions import OAuthError
from tests.scene import Scene
from tests.servers import (
    ABSENT,
    AuthorizationServer,
    CombinedServer,
    McpServer,
    Origin,
    gzip_bomb,
    hang,
    html,
    json_reply,
    local_ca,
    raw,
    redirect_to,
    reply,
    reset,
)

from .bench import GOOD, SKIPPED, differing, examine, found, helping, said, stops

REST = dict.fromkeys(("RESOURCE", "SERVER", "CLIENT", "WAYS", "MCP"), SKIPPED)
NO_SIGN_IN = dict.fromkeys(("SERVER", "CLIENT", "WAYS"), SKIPPED)
NOT_KNOWN = dict.fromkeys(("CLIENT", "WAYS"), SKIPPED)


def change(**attributes: Any) -> Callable[[Scene], None]:
    """Change attributes of the servers: ``az_`` those of the authorization server, ``mcp_`` of the MCP server."""

    def change_scene(scene: Scene) -> None:
        for name, value in attributes.items():
            server, _, attribute = name.partition("_")
            setattr(getattr(scene, server), attribute, value)

    return change_scene


def fault(server: str, path: str, *faults: Any) -> Callable[[Scene], None]:
    return lambda scene: getattr(scene, server).fault(path, *faults)


def metadata(**members: Any) -> Callable[[Scene], None]:
    return change(az_metadata_overrides=members)


def published(**members: Any) -> Callable[[Scene], None]:
    return change(mcp_prm_overrides=members)


def bound(**how: bool) -> Callable[[Scene], None]:
    return lambda scene: scene.offer_binding(**how)


def bound_otherwise(scene: Scene) -> None:
    scene.offer_binding(only=True)
    scene.mcp.prm_overrides = {"dpop_signing_alg_values_supported": ["RS256"]}


def slash(scene: Scene) -> None:
    scene.az.iss_mode = "slash"
    scene.az.metadata_overrides = {"issuer": f"{scene.az.url}/"}


def documents(scene: Scene) -> None:
    scene.az.registration_mode = "absent"
    scene.az.client_documents = {"https://app.example.com/client": {}}


def machines(scene: Scene) -> None:
    scene.az.machines.add_client("nightly", "secret-of-nightly-0123456789")
    scene.az.machines.trusted = {"https://issuer.example.com": "a key"}


def two_servers(scene: Scene) -> None:
    scene.mcp.authorization_servers = [scene.az.issuer, "https://second.example.com"]


OIDC = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"
PRM = "/.well-known/oauth-protected-resource/mcp"

#: By what the server does: how it is made to, the findings that differ from a good one, and arguments that help.
BENCH: dict[str, tuple[Callable[[Scene], None], dict[str, list[str]], set[str]]] = {
    "everything as it should": (lambda _: None, {}, set()),
    # 2: the answer without a token
    "a scope in the challenge": (change(mcp_challenge_scope="notes"), {}, set()),
    "no metadata in the challenge": (change(mcp_name_metadata_in_challenge=False), {}, set()),
    "no challenge": (change(mcp_challenge=ABSENT), {"ANSWER": ["warning no-challenge"]}, set()),
    "a challenge for Basic": (
        change(mcp_challenge_headers=['Basic realm="x"']),
        {"ANSWER": ["warning other-scheme"]},
        set(),
    ),
    "open to all": (
        change(mcp_open=True, mcp_prm_at=set()),
        {"ANSWER": ["warning open"], "RESOURCE": SKIPPED, **NO_SIGN_IN, "MCP": ["ok handshake"]},
        set(),
    ),
    "open, and published": (change(mcp_open=True), {"ANSWER": ["warning open"], "MCP": ["ok handshake"]}, set()),
    "a 403 by a gateway": (
        fault("mcp", "/mcp", html(403)),
        {"ANSWER": ["problem blocked"], "MCP": SKIPPED},
        {"oauth_headers="},
    ),
    "a 403 without a word": (
        fault("mcp", "/mcp", reply(403, {})),
        {"ANSWER": ["warning 403-no-challenge"]},
        set(),
    ),
    "a 403 with a challenge": (
        fault("mcp", "/mcp", reply(403, {}, [("WWW-Authenticate", "Bearer")])),
        {"ANSWER": ["ok challenge", "warning 403-not-401"]},
        set(),
    ),
    "a fault": (fault("mcp", "/mcp", reply(503, b"")), {"ANSWER": ["problem server-fault"], "MCP": SKIPPED}, set()),
    "too many": (
        fault("mcp", "/mcp", reply(429, {}, [("Retry-After", "7")])),
        {"ANSWER": ["problem rate-limited"], "MCP": SKIPPED},
        set(),
    ),
    "a page": (fault("mcp", "/mcp", html(200)), {"ANSWER": ["problem web-page"], "MCP": SKIPPED}, set()),
    "nothing there": (fault("mcp", "/mcp", reply(404, {})), {"ANSWER": ["problem no-mcp"], "MCP": SKIPPED}, set()),
    "another path": (
        fault("mcp", "/mcp", redirect_to("/mcp/", 307)),
        {"ADDRESS": ["ok url", "warning redirect-same-origin"], "ANSWER": ["skipped redirect"], "MCP": SKIPPED},
        set(),
    ),
    "another origin": (
        fault("mcp", "/mcp", redirect_to("https://new.example.com/mcp", 308)),
        {"ADDRESS": ["ok url", "problem redirect-elsewhere"], "ANSWER": ["skipped redirect"], **REST},
        set(),
    ),
    "a reset": (fault("mcp", "/mcp", reset()), {"ANSWER": ["problem no-answer"], **REST}, set()),
    "no HTTP": (fault("mcp", "/mcp", raw(b"SSH-2.0-x\r\n")), {"ANSWER": ["problem no-answer"], **REST}, set()),
    "too much": (fault("mcp", "/mcp", gzip_bomb(3)), {"ANSWER": ["problem no-answer"], **REST}, set()),
    # 3: the metadata of the resource
    "metadata at the root": (change(mcp_prm_at={"root"}), {}, set()),
    "metadata of its own place": (change(mcp_prm_at={"custom"}), {}, set()),
    "about a parent": (lambda scene: published(resource=scene.mcp.url)(scene), {}, set()),
    "about another resource": (
        published(resource="https://mcp.example.com/other"),
        {"RESOURCE": ["problem resource-mismatch"], **NO_SIGN_IN},
        {"expected_resource='https://mcp.example.com/other'"},
    ),
    "malformed": (
        published(scopes_supported=7),
        {"RESOURCE": ["problem resource-metadata-malformed"], **NO_SIGN_IN},
        set(),
    ),
    "metadata that fail": (
        fault("mcp", PRM, reply(500, b"")),
        {"RESOURCE": ["problem resource-metadata-unknown"], **NO_SIGN_IN},
        set(),
    ),
    "metadata promised and missing": (
        fault("mcp", PRM, html(404)),
        {"RESOURCE": ["problem resource-metadata-missing"], **NO_SIGN_IN},
        {"issuer="},
    ),
    "no authorization server": (
        change(mcp_authorization_servers=[]),
        {"SERVER": ["problem no-authorization-server"], **NOT_KNOWN},
        {"issuer="},
    ),
    "several authorization servers": (
        two_servers,
        {"RESOURCE": ["ok resource-metadata", "warning several-authorization-servers"]},
        {"issuer='https://second.example.com'"},
    ),
    "tokens in the body only": (
        published(bearer_methods_supported=["body"]),
        {"RESOURCE": ["ok resource-metadata", "warning no-header-method"]},
        set(),
    ),
    "DPoP offered": (bound(), {"RESOURCE": ["ok resource-metadata", "ok dpop"]}, set()),
    "DPoP only": (bound(only=True), {"RESOURCE": ["ok resource-metadata", "ok dpop"]}, set()),
    "DPoP by another algorithm": (
        bound_otherwise,
        {"RESOURCE": ["ok resource-metadata", "problem dpop-impossible"], **NOT_KNOWN},
        set(),
    ),
    # 4: the authorization server
    "OpenID": (change(az_serve_at={"oidc"}), {}, set()),
    "a name with a slash": (
        slash,
        {},
        set(),
    ),
    "another name": (
        metadata(issuer="https://login.example.com"),
        {"SERVER": ["problem issuer-mismatch"], **NOT_KNOWN},
        {"metadata_url="},
    ),
    "no metadata there": (
        change(az_serve_at=set()),
        {"SERVER": ["problem no-server-metadata"], **NOT_KNOWN},
        {"metadata_url="},
    ),
    "malformed there": (
        metadata(grant_types_supported="code"),
        {"SERVER": ["problem server-metadata-malformed"], **NOT_KNOWN},
        {"metadata_url="},
    ),
    "a fault there": (
        fault("az", OAUTH, reply(502, b"")),
        {"SERVER": ["problem server-metadata-unknown"], **NOT_KNOWN},
        {"metadata_url="},
    ),
    "an authorization server in the clear": (
        change(mcp_authorization_servers=["http://login.example.com"]),
        {"SERVER": ["problem issuer-refused"], **NOT_KNOWN},
        set(),
    ),
    "PKCE not promised": (
        metadata(code_challenge_methods_supported=ABSENT),
        {
            "SERVER": ["ok authorization-server", "problem pkce-not-promised"],
            "WAYS": SKIPPED,
        },
        {"assume_pkce=True"},
    ),
    "PKCE without S256": (
        metadata(code_challenge_methods_supported=["plain"]),
        {"SERVER": ["ok authorization-server", "problem pkce-without-s256"], "WAYS": SKIPPED},
        set(),
    ),
    "no iss promised": (change(az_iss_advertised=False), {}, set()),
    "no revocation": (metadata(revocation_endpoint=ABSENT), {}, set()),
    "no refresh tokens named": (
        metadata(grant_types_supported=["authorization_code"]),
        {"SERVER": ["ok authorization-server", "warning no-refresh"]},
        set(),
    ),
    "offline access": (change(az_scopes_supported=["notes", "offline_access"]), {}, set()),
    "a token endpoint in the clear": (
        metadata(token_endpoint="http://login.example.com/token"),
        {"SERVER": ["ok authorization-server", "problem endpoint-refused"]},
        set(),
    ),
    "a revocation endpoint in the clear": (
        metadata(revocation_endpoint="http://login.example.com/revoke"),
        {"SERVER": ["ok authorization-server", "warning endpoint-refused"]},
        set(),
    ),
    "no token endpoint": (
        metadata(token_endpoint=ABSENT),
        {"SERVER": ["ok authorization-server", "problem no-token-endpoint"]},
        {"metadata_url="},
    ),
    "no authorization endpoint": (metadata(authorization_endpoint=ABSENT), {"WAYS": ["problem no-way-in"]}, set()),
    "clients by certificate only": (
        metadata(token_endpoint_auth_methods_supported=["tls_client_auth"]),
        {"SERVER": ["ok authorization-server", "warning client-authentication"]},
        set(),
    ),
    # 5 and 6: who we are, and the ways in
    "no registration": (
        change(az_registration_mode="absent"),
        {"CLIENT": ["problem no-registration"]},
        {"client_id=", "client_secret=", "callback_port="},
    ),
    "client-id documents": (
        documents,
        {"CLIENT": ["problem no-registration"]},
        {"client_id=", "client_secret=", "callback_port=", "client_id_metadata_url="},
    ),
    "device codes": (change(az_offer_device_codes=True), {}, set()),
    "machines": (machines, {}, set()),
}


@pytest.mark.parametrize("name", BENCH)
def test_the_truth_is_told_about_every_server_of_the_bench(name: str) -> None:
    arrange, expected, arguments = BENCH[name]
    with Scene() as scene:
        arrange(scene)
        report = examine(scene.url)
        assert scene.az.registrations == scene.az.authorizations == scene.az.exchanges == 0
    assert differing(report) == expected
    assert helping(report) == arguments
    assert stops(report) == any("problem" in code for codes in expected.values() for code in codes)
    assert not report.needs_person
    assert [finding.step for finding in report.findings] == sorted(
        (finding.step for finding in report.findings), key=tuple(Step).index
    )


#: Where a call tells nothing of a sign-in: the fault is there with a token, too.
WITH_ANY_TOKEN = ("a 403 without a word", "a 403 with a challenge", "another path")


@pytest.mark.parametrize("name", sorted(set(BENCH) - set(WITH_ANY_TOKEN)))
def test_what_is_said_to_stop_a_sign_in_does_and_nothing_else_does(name: str) -> None:
    arrange, expected, _ = BENCH[name]
    stopped = any("problem" in code for codes in expected.values() for code in codes)
    with Scene() as scene:
        arrange(scene)
        try:
            response = scene.post(scene.oauth(sign_in_timeout=15))
            works = response.status_code == 200 and "jsonrpc" in response.text
        except (OAuthError, requests.RequestException):
            works = False
        scene.az.violations.clear()  # a server that is broken on purpose refuses what it would otherwise take
        scene.mcp.violations.clear()
    assert works != stopped


#: By what is wrong: the switch that is named for it, and the findings once it is thrown.
SWITCHES = {
    "PKCE not promised": (
        {"assume_pkce": True},
        {"SERVER": ["ok authorization-server", "warning pkce-assumed"]},
    ),
    "about another resource": (
        {"expected_resource": "https://mcp.example.com/other"},
        {"RESOURCE": ["ok resource-metadata", "warning expected-resource"]},
    ),
    "no registration": ({"client_id": "by-hand"}, {"CLIENT": ["ok client-preregistered"]}),
    "client-id documents": (
        {"client_id_metadata_url": "https://app.example.com/client"},
        {"CLIENT": ["ok client-document"]},
    ),
    "everything as it should": (
        {"resource": None, "allow_missing_iss": True},
        {"SERVER": ["ok authorization-server", "warning missing-iss-allowed", "warning no-resource"]},
    ),
}


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_that_is_named_helps_and_is_said_to_be_in_force(name: str) -> None:
    switches, expected = SWITCHES[name]
    with Scene() as scene:
        BENCH[name][0](scene)
        report = examine(scene.url, **switches)
    assert differing(report) == expected
    assert not stops(report)


def test_metadata_elsewhere_and_a_named_issuer_help() -> None:
    with Scene() as scene:
        scene.az.serve_at = set()
        scene.az.route("GET", "/elsewhere", lambda _: json_reply(scene.az.metadata()))
        report = examine(scene.url, metadata_url=f"{scene.az.url}/elsewhere")
        assert differing(report) == {}
        assert "at http://127.0.0.1" in said(report, "authorization-server")
        scene.az.serve_at = {"oauth"}
        scene.mcp.authorization_servers = []
        assert differing(examine(scene.url, issuer=scene.az.issuer)) == {}


@pytest.mark.parametrize(
    ("mode", "codes"),
    [
        ("open", ["ok client-dynamic", "ok registered", "warning client-left"]),
        ("forbidden", ["ok client-dynamic", "problem registration-refused"]),
        ("rate-limited", ["ok client-dynamic", "problem registration-refused"]),
        ("needs-token", ["ok client-dynamic", "problem registration-refused"]),
        ("loopback-refused", ["ok client-dynamic", "warning localhost-only", "ok registered", "warning client-left"]),
    ],
)
def test_a_registration_is_tried_where_that_is_wanted_and_what_is_left_is_said(mode: str, codes: list[str]) -> None:
    with Scene() as scene:
        scene.az.registration_mode = mode
        report = examine(scene.url, registers=True)
        assert found(report)[Step.CLIENT] == codes
        assert scene.az.registrations == codes.count("ok registered")


def test_a_registration_that_can_be_managed_is_said_to_be() -> None:
    with Scene() as scene:
        manage = {"registration_client_uri": f"{scene.az.url}/register/1?key=hidden-in-query"}
        scene.az.registration_overrides = {**manage, "registration_access_token": "manage-0123456789abcdefABCDEF"}
        left = said(examine(scene.url, registers=True), "client-left")
    assert "RFC 7592" in left
    assert f"{scene.az.url}/register/1" in left
    assert "hidden-in-query" not in left


# Servers of another shape


@pytest.mark.parametrize(
    ("prm", "metadata", "expected"),
    [
        (True, True, {}),
        (False, True, {"RESOURCE": ["warning no-resource-metadata"]}),
        (False, False, {"RESOURCE": ["warning no-resource-metadata"], "SERVER": ["warning guessed-endpoints"]}),
    ],
)
def test_a_server_of_2025_03_26(prm: bool, metadata: bool, expected: dict[str, list[str]]) -> None:
    with CombinedServer(serve_prm=prm, serve_as_metadata=metadata) as server:
        report = examine(server.mcp_url)
        assert server.violations == []
    assert differing(report) == expected
    assert not stops(report)


@pytest.mark.parametrize("serve", ["oauth", "oidc", "oidc-appended"])
def test_an_issuer_with_a_path_is_found_at_each_of_its_places(serve: str) -> None:
    with Scene(issuer_path="/tenant", serve_at=(serve,)) as scene:
        report = examine(scene.url)
    assert differing(report) == {}
    assert ("RFC 8414" if serve == "oauth" else "OpenID") in said(report, "authorization-server")


def test_a_site_without_anything_of_the_kind() -> None:
    with Origin() as site:
        report = examine(f"{site.url}/mcp")
    assert differing(report) == {
        "ANSWER": ["problem web-page"],
        "RESOURCE": SKIPPED,
        **NO_SIGN_IN,
        "MCP": SKIPPED,
    }


def test_an_api_that_is_no_mcp_server_at_all() -> None:
    with Origin() as api:
        api.route("*", "/v1/secret", lambda _: json_reply({"errors": []}, 403))
        report = examine(f"{api.url}/v1/secret")
    assert differing(report) == {
        "ANSWER": ["warning 403-no-challenge"],
        "RESOURCE": SKIPPED,
        "SERVER": ["problem no-oauth"],
        **NOT_KNOWN,
    }
    assert helping(report) == {"issuer="}


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        report = examine(f"http://127.0.0.1:{taken.getsockname()[1]}/mcp")
    assert differing(report) == {"ANSWER": ["problem no-answer"], **REST}


def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    with Scene() as scene:
        scene.mcp.fault("/mcp", hang())
        report = examine(scene.url, deadline=0.3)
    assert differing(report) == {"ANSWER": ["problem no-answer"], **REST}
    assert "within 0.3 seconds" in said(report, "no-answer")


def test_a_host_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    report = examine("https://mcp.invalid/mcp")
    assert differing(report) == {"ANSWER": ["problem unknown-host"], **REST}
    assert "spelling" in said(report, "unknown-host")


def test_an_unknown_certificate_and_the_bundle_that_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca = local_ca(tmp_path)
    with AuthorizationServer(ca.context) as az, McpServer(az, tls=ca.context) as mcp:
        report = examine(mcp.mcp_url)
        assert differing(report) == {"ANSWER": ["problem tls"], **REST}
        assert "REQUESTS_CA_BUNDLE" in said(report, "tls")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca.ca_pem))
        assert differing(examine(mcp.mcp_url)) == {}
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
        report = examine(mcp.mcp_url)
        assert differing(report) == {"ANSWER": ["problem ca-bundle"], **REST}


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:proxy-password-0123456789@127.0.0.1:1")
    report = examine("https://mcp.example.com/mcp")
    assert differing(report) == {"ANSWER": ["problem proxy"], **REST}
    [silence] = [finding for finding in report.findings if finding.step is Step.ANSWER]
    assert "NO_PROXY" in (silence.remedy or "")
    shown = str(report.to_document())
    assert "http://127.0.0.1:1" in shown
    assert "proxy-password" not in shown


@pytest.mark.parametrize(
    "url", ["http://mcp.example.com/mcp", "ftp://mcp.example.com/", "https://user:pw@mcp.example.com/mcp"]
)
def test_a_url_that_may_not_be_used_is_refused_and_nobody_is_asked(url: str) -> None:
    report = examine(url)
    assert differing(report) == {"ADDRESS": ["problem url-refused"], "ANSWER": SKIPPED, **REST}
    assert report.seen == ()
    assert "pw" not in str(report.to_document())


def test_the_good_server_is_the_measure() -> None:
    with Scene() as scene:
        assert found(examine(scene.url)) == GOOD
