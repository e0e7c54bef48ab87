"""What a server elsewhere may make a browser open or this machine contact: https elsewhere, and nothing else."""

from __future__ import annotations

import ast
import io
import random
import re
import shlex
import sys
import threading
import webbrowser
from collections.abc import Iterator

import pytest

from mcp_oauth_sync import BrowserPrompt, OAuth
from mcp_oauth_sync.exceptions import DiscoveryError, InsecureURLError
from mcp_oauth_sync.urls import require_secure

from ..servers import AuthorizationServer, McpServer, Origin, Person, local_ca, redirect_to
from .network import Network
from .stage import Stage, readable
from .test_hostile_documents import HOSTILE_URLS

MCP, LOGIN = "mcp.example.com", "login.example.com"


INSIDE = [
    "http://127.0.0.1:{port}",
    "https://127.0.0.1:{port}",
    "https://localhost:{port}",
    "https://LOCALHOST:{port}",
    "https://localhost.:{port}",
    "https://printer.localhost:{port}",
    "https://[::1]:{port}",
    "https://[::ffff:127.0.0.1]:{port}",
    "https://[0:0:0:0:0:0:0:1]:{port}",
    "https://127.1:{port}",
    "https://127.255.255.254:{port}",
    "https://2130706433:{port}",
    "https://0x7f000001:{port}",
    "https://0177.0.0.1:{port}",
    "https://0.0.0.0:{port}",
    "https://0:{port}",
    "https://[::]:{port}",
    "http://10.0.0.1:{port}",
    "http://169.254.169.254/latest",
]


@pytest.fixture
def network(monkeypatch) -> Network:
    made = Network({})
    made.take_over(monkeypatch)
    return made


@pytest.fixture
def remote(home, tmp_path, network) -> Iterator[Stage]:
    """An MCP server and its authorization server elsewhere; `elsewhere` is a service of this machine instead."""
    ca = local_ca(tmp_path, MCP, LOGIN)
    with AuthorizationServer(ca.context) as server, McpServer(server, tls=ca.context) as mcp, Origin() as inside:
        mcp.public_url, server.public_url = f"https://{MCP}", f"https://{LOGIN}"
        network.ports = {MCP: mcp.port, LOGIN: server.port, "127.0.0.1": inside.port, "localhost": inside.port}
        person = Person(ca=ca.ca_pem)
        made = Stage(mcp=mcp, server=server, elsewhere=inside, folder=home / "store", person=person, ca=ca.ca_pem)
        yield made
        made.nothing_went_elsewhere()


def test_a_sign_in_elsewhere_contacts_the_two_servers_and_nobody_else(remote, network):
    assert remote.call(remote.auth()).status_code == 200
    assert {host for host, _ in network.dialled} == {MCP, LOGIN}
    assert [url.partition("?")[0] for url in remote.asked] == [f"https://{LOGIN}/authorize"]


def test_no_server_elsewhere_names_an_authorization_server_on_this_machine(remote, network, subtests):
    for url in INSIDE:
        remote.mcp.authorization_servers = [url.format(port=remote.elsewhere.port)]
        with subtests.test(url), remote.refusing(InsecureURLError):
            remote.call(remote.auth())
    assert {host for host, _ in network.dialled} == {MCP}


def test_no_server_elsewhere_names_metadata_on_this_machine(remote, network, subtests):
    for url in INSIDE:
        named = url.format(port=remote.elsewhere.port)
        remote.mcp.challenge_headers = [f'Bearer resource_metadata="{named}/prm"']
        with subtests.test(url), remote.refusing(InsecureURLError):
            remote.call(remote.auth())
    assert {host for host, _ in network.dialled} == {MCP}


@pytest.mark.parametrize("member", ["authorization_endpoint", "token_endpoint", "registration_endpoint"])
def test_no_server_elsewhere_names_an_endpoint_on_this_machine(remote, network, subtests, member):
    for url in INSIDE:
        remote.server.metadata_overrides = {member: url.format(port=remote.elsewhere.port) + "/do"}
        with subtests.test(url), remote.refusing(InsecureURLError):
            remote.call(remote.auth())
    assert {host for host, _ in network.dialled} == {MCP, LOGIN}
    assert remote.server.registrations == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_of_a_document_leads_to_this_machine(remote, network, status):
    for url in INSIDE:
        remote.server.fault("*", redirect_to(url.format(port=remote.elsewhere.port), status), times=2)
        with remote.refusing(DiscoveryError):
            remote.call(remote.auth())
    assert {host for host, _ in network.dialled} == {MCP, LOGIN}


def test_no_hostile_address_ever_reaches_a_browser(stage, monkeypatch, tmp_path):
    opened, browser = tmp_path / "opened", tmp_path / "browser.py"
    browser.write_text(f"import sys; open({str(opened)!r}, 'a').write(repr(sys.argv[1:]) + chr(10))")
    monkeypatch.setenv("BROWSER", f"{shlex.quote(sys.executable)} {shlex.quote(str(browser))} %s")
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    monkeypatch.setattr(webbrowser, "_browsers", {})
    output = io.StringIO()
    auth = OAuth(
        stage.mcp.mcp_url, prompt=BrowserPrompt(output=output), token_manager=stage.manager, sign_in_timeout=10
    )
    for url in HOSTILE_URLS:
        stage.server.metadata_overrides = {"authorization_endpoint": url}
        with stage.refusing(InsecureURLError):
            auth.sign_in()
    assert (opened.exists(), output.getvalue()) == (False, "")
    stage.server.metadata_overrides = {"authorization_endpoint": stage.server.endpoint("authorize") + "?audience=--x"}

    class Reading(io.StringIO):
        def write(self, text: str) -> int:
            found = re.search(r"http://\S+", text.partition("\n")[2])
            if found:
                stage.person.in_thread(found.group())
            return super().write(text)

    output = Reading()
    auth = OAuth(
        stage.mcp.mcp_url, prompt=BrowserPrompt(output=output), token_manager=stage.manager, sign_in_timeout=10
    )
    assert auth.sign_in().access_token
    stage.person.join()
    for thread in threading.enumerate():
        if thread.name == "mcp-oauth-sync browser":
            thread.join(10)
    (arguments,) = [ast.literal_eval(line) for line in opened.read_text().splitlines()]
    assert len(arguments) == 1
    assert arguments[0].startswith(f"{stage.server.endpoint('authorize')}?audience=--x&")


def parts(chance: random.Random) -> str:
    """Put an address together from what addresses, good and bad, are made of."""
    scheme = chance.choice(["https://", "http://", "HTTPS://", "https:", "//", "javascript:", "file://", "ftp://", ""])
    user = chance.choice(["", "", "", "", "user@", "user:pw@", "@", "a%40b@"])
    hosts = ["example.com", "localhost", "127.0.0.1", "[::1]", "127.1", "10.0.0.1", "169.254.169.254", "[fe80::1]"]
    host = chance.choice([*hosts, "localhost.example.com", "example.com.", "-x", "", "a..b", "\u212a.com", "[::1", "0"])
    port = chance.choice(["", "", "", ":443", ":0", ":99999", ":x", ":-1", ":"])
    path = chance.choice(
        ["", "/", "/a", "/a?b=c", "/a#b", "/ a", "/\n", "/\x1b", "/`id`", "/$(id)", "/%action", "/\\b", "/'"]
    )
    return scheme + user + host + port + path


@pytest.mark.parametrize("local", [True, False], ids=["from here", "from elsewhere"])
def test_of_ten_thousand_addresses_only_https_and_the_loopback_pass(local):
    chance, passed = random.Random(8252), set()
    for _ in range(10_000):
        url = parts(chance)
        try:
            require_secure(url, "address", allow_loopback=local)
        except InsecureURLError as error:
            readable(error)
            continue
        found = re.fullmatch(r"(https?)://([a-z0-9.]+|\[::1\]|\[fe80::1\])(:443)?:?(/[!-~]*)?", url, re.IGNORECASE)
        assert found, repr(url)
        assert not set(url) & set(" \t\r\n\x1b\\`$'\"<>|^{}()#@")
        here = found.group(2) in ("localhost", "127.0.0.1", "[::1]")
        assert found.group(1).lower() == "https" or (here and local), url
        assert local or not (here or found.group(2) in ("127.1", "0")), url
        passed.add(url)
    assert len(passed) > 20
