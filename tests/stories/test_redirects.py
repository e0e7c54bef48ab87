"""Where the browser comes back to: what is registered, what is sent and what is bound are one and the same."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mcp_oauth_sync import BrowserPrompt, CallbackPrompt, ClientMetadata, OAuth, SignInOptions
from mcp_oauth_sync.exceptions import AuthorizationError, InvalidRedirectError, RegistrationError, SignInRequiredError
from tests.prompts.wire import Answer, Reader, accepts_connections, read_answer
from tests.scene import Scene
from tests.servers import Chaos, Person, local_ca, reply
from tests.servers.ports import free_ports
from tests.servers.reverse_proxy import ReverseProxy


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def busy(*ports: int) -> contextlib.ExitStack:
    """Hold ports."""
    stack = contextlib.ExitStack()
    for port in ports:
        stack.enter_context(socket.create_server(("127.0.0.1", port)))
    return stack


def uri(port: int, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{port}/callback"


def used(scene: Scene) -> str:
    """Return the redirect of the sign-in that was made, which was sent to both endpoints and is registered."""
    scene.person.join()
    sent = scene.asked("/authorize")[-1].param("redirect_uri")
    assert sent is not None
    assert scene.asked("/token")[-1].param("redirect_uri") == sent
    record = scene.record()
    assert record.redirect_uri == sent
    assert record.registration is not None
    assert sent in record.registration.redirect_uris
    return sent


def registered(scene: Scene) -> list[list[str]]:
    return [exchange.json()["redirect_uris"] for exchange in scene.asked("/register")]


# Ports


def test_one_port_is_registered_sent_and_bound(scene: Scene) -> None:
    [port] = free_ports(1)
    scene.oauth(callback_port=port).sign_in()
    assert used(scene) == uri(port)
    assert registered(scene) == [[uri(port)]]


def test_every_port_of_a_range_is_registered_at_once_and_the_first_free_one_is_used(scene: Scene) -> None:
    ports = free_ports(3)
    with busy(ports[0]):
        scene.oauth(callback_port=ports).sign_in()
    assert used(scene) == uri(ports[1])
    assert registered(scene) == [[uri(ports[1]), uri(ports[0]), uri(ports[2])]]
    assert scene.asked("/register")[0].json()["application_type"] == "native"


def test_when_the_port_is_busy_the_next_time_another_registered_one_is_used(scene: Scene) -> None:
    ports = free_ports(3)
    scene.oauth(callback_port=ports).sign_in()
    assert used(scene) == uri(ports[0])
    with busy(ports[0]):
        scene.oauth(callback_port=ports).sign_in()
    assert used(scene) == uri(ports[1])
    assert scene.az.registrations == 1


def test_a_range_that_grew_is_registered_anew_only_when_a_new_port_is_needed(scene: Scene) -> None:
    ports = free_ports(3)
    scene.oauth(callback_port=ports[:1]).sign_in()
    scene.oauth(callback_port=list(reversed(ports))).sign_in()
    assert used(scene) == uri(ports[0])
    assert scene.az.registrations == 1
    with busy(ports[0]):
        scene.oauth(callback_port=ports).sign_in()
    assert used(scene) == uri(ports[1])
    assert registered(scene)[1] == [uri(ports[1]), uri(ports[0]), uri(ports[2])]


def test_a_client_of_the_caller_gets_the_ports_in_their_order(scene: Scene) -> None:
    ports = free_ports(2)
    scene.az.add_client("app", redirect_uris=[uri(port) for port in ports])
    with busy(ports[0]):
        scene.oauth(client_id="app", callback_port=ports).sign_in()
    assert scene.asked("/authorize")[0].param("redirect_uri") == uri(ports[1])
    scene.oauth(client_id="app", callback_port=ports).sign_in()
    assert scene.asked("/authorize")[1].param("redirect_uri") == uri(ports[0])


@pytest.mark.parametrize("client_id", [None, "app"])
def test_when_all_are_busy_the_error_names_them_and_nobody_is_asked(scene: Scene, client_id: str | None) -> None:
    scene.az.add_client("app")
    first, second, _, last = ports = free_ports(4)
    with busy(*ports), pytest.raises(AuthorizationError) as caught:
        scene.oauth(client_id=client_id, callback_port=[first, second, last]).sign_in()
    assert f"Cannot listen on 127.0.0.1 port {first}-{second} or {last}: " in caught.value.message
    assert "callback_port=" in (caught.value.hint or "")
    assert scene.shown == scene.asked("/register") == scene.asked("/authorize") == []


# Interfaces


def other_addresses() -> list[str]:
    """Return addresses of this machine beside 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return ["127.0.0.2", probe.getsockname()[0]]
    return ["127.0.0.2"]


def come_back(redirect: str, address: str) -> Answer:
    """Be the browser at the other end of a published port: the address differs, the Host header does not."""
    parts = urlsplit(redirect)
    with socket.create_connection((address, parts.port or 0), timeout=10) as connection:
        target = f"{parts.path}?{parts.query}"
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        return read_answer(connection)


@pytest.mark.parametrize("address", ["127.0.0.1", *other_addresses()])
def test_bound_to_every_interface_it_is_reached_through_each(scene: Scene, address: str) -> None:
    """As in a container whose port is published."""
    [port] = free_ports(1)
    pages: list[Answer] = []

    def browse(url: str) -> None:
        redirect = Person().redirect_only(url)
        assert redirect is not None
        pages.append(come_back(redirect, address))

    OAuth(scene.url, prompt=BrowserPrompt(output=Reader(browse)), callback_port=port, callback_bind="0.0.0.0").sign_in()
    assert used(scene) == uri(port)
    assert [page.status for page in pages] == [200]


def test_bound_to_every_interface_it_still_turns_strangers_away(scene: Scene) -> None:
    [port] = free_ports(1)

    def browse(url: str) -> None:
        redirect = str(Person().redirect_only(url))
        for wrong in (
            redirect.replace("127.0.0.1", "evil.example.com"),
            redirect.replace("/callback", "/x/callback"),
            redirect.replace("state=", "state=x"),
        ):
            assert come_back(wrong, "127.0.0.1").status in (400, 404)
        assert come_back(redirect, "127.0.0.1").status == 200

    OAuth(scene.url, prompt=BrowserPrompt(output=Reader(browse)), callback_port=port, callback_bind="0.0.0.0").sign_in()
    assert scene.az.exchanges == 1


def test_every_interface_of_ipv6_stands_for_those_of_ipv4_too(scene: Scene) -> None:
    [port] = free_ports(1)
    scene.oauth(callback_port=port, callback_bind="::").sign_in()
    assert used(scene) == uri(port)


def test_an_interface_that_is_not_there_is_an_error_that_names_the_option(scene: Scene) -> None:
    with pytest.raises(AuthorizationError, match=r"Cannot listen on 192\.0\.2\.7 port 8765") as caught:
        scene.oauth(callback_port=8765, callback_bind="192.0.2.7").sign_in()
    assert "callback_bind=" in (caught.value.hint or "")
    assert scene.shown == scene.asked("/register") == []


def test_a_port_that_needs_rights_is_an_error_that_says_so(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(AuthorizationError, match="port 80: Permission denied") as caught:
        scene.oauth(callback_port=80).sign_in()
    assert "above 1023" in (caught.value.hint or "")


# Something in between


def test_a_port_that_is_forwarded_to_another_one(scene: Scene) -> None:
    [port] = free_ports(1)
    with Chaos(("127.0.0.1", port)) as forwarder:
        scene.oauth(redirect_uri=uri(forwarder.port), callback_port=port).sign_in()
        assert used(scene) == uri(forwarder.port)
        assert registered(scene) == [[uri(forwarder.port)]]
        assert scene.person.page is not None
        assert "You are signed in" in scene.person.page.html
        assert not accepts_connections(port)


HUB = "/user/x/proxy/8765"


@pytest.mark.parametrize("strip", [True, False], ids=["stripped", "kept"])
@pytest.mark.parametrize("host", [None, "127.0.0.1:{port}", "localhost:{port}", "machine-of-x", "10.0.0.7:8888"])
def test_a_redirect_by_https_through_a_reverse_proxy(
    scene: Scene, tmp_path: Path, host: str | None, strip: bool
) -> None:
    [port] = free_ports(1)
    ca = local_ca(tmp_path)
    scene.person.ca = ca.ca_pem
    with ReverseProxy(ca.context, prefix=HUB, host=host and host.format(port=port), strip=strip) as proxy:
        proxy.upstream = port
        redirect = f"{proxy.url}{HUB}/callback"
        scene.oauth(redirect_uri=redirect, callback_port=port).sign_in()
        assert used(scene) == redirect
    asked = scene.asked("/register")[0].json()
    assert (asked["redirect_uris"], asked["application_type"]) == ([redirect], "web")
    assert scene.person.page is not None
    assert scene.person.page.status == 200
    assert "You are signed in" in scene.person.page.html


def test_a_redirect_to_the_root_of_a_proxy_arrives_there(scene: Scene, tmp_path: Path) -> None:
    [port] = free_ports(1)
    ca = local_ca(tmp_path)
    scene.person.ca = ca.ca_pem
    with ReverseProxy(ca.context, prefix=HUB) as proxy:
        proxy.upstream = port
        scene.oauth(redirect_uri=f"{proxy.url}{HUB}/", callback_port=port).sign_in()
    assert scene.az.exchanges == 1


def test_behind_a_proxy_strangers_are_turned_away_all_the_same(scene: Scene, tmp_path: Path) -> None:
    [port] = free_ports(1)
    statuses: list[int] = []

    def browse(url: str) -> None:
        redirect = str(Person().redirect_only(url))
        good = urlsplit(redirect).query
        wrong = good.replace("state=", "state=x")
        for target in ("/", "/allback", "/proxy/callback/x", "/other", f"/callback?{wrong}"):
            where = target if "?" in target else f"{target}?{good}"
            statuses.append(come_back(f"http://127.0.0.1:{port}{where}", "127.0.0.1").status)
        answer = f"http://127.0.0.1:{port}/callback?{good}"
        statuses.extend(come_back(answer, "127.0.0.1").status for _ in range(2))

    prompt = BrowserPrompt(output=Reader(browse))
    OAuth(scene.url, prompt=prompt, redirect_uri=f"https://hub.example.com{HUB}/callback", callback_port=port).sign_in()
    assert statuses == [404, 404, 404, 404, 400, 200, 400]


@pytest.mark.parametrize("chosen", ["native", "web"])
def test_the_kind_of_application_that_the_caller_chose_is_kept(scene: Scene, chosen: str) -> None:
    options = {"client_metadata": ClientMetadata(application_type=chosen)}
    if chosen == "web":  # which a loopback redirect does not go with
        with pytest.raises(RegistrationError, match="invalid_redirect_uri"):
            scene.oauth(callback_host="127.0.0.1", **options).sign_in()
        scene.az.violations.clear()
    else:
        scene.oauth(**options).sign_in()
    assert scene.asked("/register")[0].json()["application_type"] == chosen


# Nothing to listen on


@pytest.mark.parametrize(
    ("redirect", "kind"),
    [
        ("myapp://oauth/callback", "native"),
        ("com.example.app:/callback", "native"),
        ("https://app.example.com/callback", "web"),
    ],
)
def test_a_redirect_that_nothing_listens_for_is_handed_in(scene: Scene, redirect: str, kind: str) -> None:
    OAuth(scene.url, prompt=CallbackPrompt(Person().redirect_only), redirect_uri=redirect).sign_in()
    assert used(scene) == redirect
    assert scene.asked("/register")[0].json()["application_type"] == kind


# The other name of this machine


def test_a_server_that_refuses_the_address_of_this_machine_gets_its_name(scene: Scene) -> None:
    scene.az.registration_mode = "loopback-refused"
    scene.oauth().sign_in()
    redirect = used(scene)
    assert urlsplit(redirect).hostname == "localhost"
    [refused, taken] = registered(scene)
    assert urlsplit(refused[0]).hostname == "127.0.0.1"
    assert taken == [redirect]
    assert len(scene.shown) == 1


def test_the_name_is_kept_to_without_asking_again(scene: Scene) -> None:
    scene.az.registration_mode = "loopback-refused"
    scene.oauth().sign_in()
    redirect = used(scene)
    scene.forget_log()
    scene.oauth().sign_in()
    assert used(scene) == redirect
    assert scene.asked("/register") == []
    with busy(urlsplit(redirect).port or 0):
        scene.oauth().sign_in()
    assert urlsplit(used(scene)).hostname == "localhost"
    assert used(scene) != redirect
    assert registered(scene) == [[used(scene)]]


def test_the_name_goes_with_every_port_of_a_range(scene: Scene) -> None:
    scene.az.registration_mode = "loopback-refused"
    ports = free_ports(2)
    scene.oauth(callback_port=ports).sign_in()
    assert used(scene) == uri(ports[0], "localhost")
    assert registered(scene)[1] == [uri(port, "localhost") for port in ports]
    with busy(ports[0]):
        scene.oauth(callback_port=ports).sign_in()
    assert used(scene) == uri(ports[1], "localhost")
    assert len(registered(scene)) == 2


def test_a_server_that_refuses_both_is_asked_twice_and_no_more(scene: Scene) -> None:
    scene.az.registration_mode = "loopback-refused"
    scene.az.fault("/register", reply(400, {"error": "invalid_redirect_uri"}))
    with pytest.raises(RegistrationError) as caught:
        scene.oauth().sign_in()
    assert caught.value.error == "invalid_redirect_uri"
    assert [urlsplit(uris[0]).hostname for uris in registered(scene)] == ["127.0.0.1", "localhost"]
    assert scene.shown == []


def test_a_sign_in_in_two_steps_gets_the_name_too(scene: Scene) -> None:
    scene.az.registration_mode = "loopback-refused"
    auth = scene.oauth()
    started = auth.start_sign_in()
    redirect = Person().redirect_only(started.url)
    assert redirect is not None
    assert urlsplit(redirect).hostname == "localhost"
    auth.finish_sign_in(redirect)
    assert used(scene) == "http://localhost/callback"


# Nobody there


def test_the_command_for_a_person_signs_in_as_the_program_would(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setattr("sys.stderr", None)
    auth = OAuth(
        scene.url, name="notes", callback_port=[8765, 8766], callback_host="localhost", callback_bind="0.0.0.0"
    )
    with pytest.raises(SignInRequiredError) as caught:
        auth.sign_in()
    assert (caught.value.hint or "").endswith(f"{scene.url} --port 8765,8766 --host localhost --bind 0.0.0.0")
    auth = OAuth(scene.url, name="notes", redirect_uri="myapp://callback")
    with pytest.raises(SignInRequiredError) as caught:
        auth.sign_in()
    assert (caught.value.hint or "").endswith(f"{scene.url} --redirect-uri myapp://callback")


def test_a_pasted_answer_of_another_sign_in_is_refused(scene: Scene) -> None:
    def swap(url: str) -> str:
        return str(Person().redirect_only(url)).replace("state=", "state=x")

    with pytest.raises(InvalidRedirectError):
        OAuth(scene.url, prompt=CallbackPrompt(swap), redirect_uri="myapp://callback").sign_in()
    assert scene.asked("/token") == []


def test_the_same_choices_at_localhost() -> None:
    assert SignInOptions(callback_host="127.0.0.1").at_localhost is None
    other = SignInOptions(callback_port=8765).at_localhost
    assert other is not None
    assert other.callback.unbound == uri(8765, "localhost")
