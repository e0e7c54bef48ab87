"""What a caller may choose, and what a caller may not."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.exceptions import InsecureURLError
from mcp_oauth_sync.models.client_metadata import ClientMetadata
from mcp_oauth_sync.models.options import PROTECTED_PARAMETERS, SignInOptions


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, None), ("", ()), ([], ()), ("a b", ("a", "b")), (["a", "b c"], ("a", "b", "c")), (("a",), ("a",))],
)
def test_scopes_are_given_as_text_or_as_words(given: object, expected: object) -> None:
    assert SignInOptions(scopes=given).scopes == expected  # type: ignore[arg-type]


def test_extra_scopes_are_never_none() -> None:
    assert SignInOptions(extra_scopes="a b").extra_scopes == ("a", "b")
    assert SignInOptions(extra_scopes=None).extra_scopes == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["authorize_params", "token_params"])
@pytest.mark.parametrize("parameter", sorted(PROTECTED_PARAMETERS))
def test_what_protects_the_flow_cannot_be_set_by_hand(field: str, parameter: str) -> None:
    with pytest.raises(ValueError, match=f"{field} may not set '{parameter}'"):
        SignInOptions(**{field: {"audience": "x", parameter: "y"}})  # type: ignore[arg-type]


def test_what_ties_an_answer_to_its_request_is_protected() -> None:
    assert {"state", "code_challenge", "redirect_uri", "client_id", "code_verifier", "resource"} <= PROTECTED_PARAMETERS


def test_vendor_parameters_may_be_set() -> None:
    google = {"access_type": "offline", "prompt": "consent"}
    options = SignInOptions(authorize_params=google, token_params={"audience": "api"})
    assert options.authorize_params == google
    assert options.token_params == {"audience": "api"}


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example.com/client.json",
        "http://127.0.0.1/client.json",
        "https://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/a/../client.json",
        "https://app.example.com/./client.json",
        "https://app.example.com/client.json#x",
        "https://me:hunter2@app.example.com/client.json",
        "app.example.com/client.json",
        "",
    ],
)
def test_a_client_id_document_url_is_https_with_a_path_or_refused_at_once(url: str) -> None:
    with pytest.raises(InsecureURLError) as refused:
        SignInOptions(client_id_metadata_url=url)
    assert "hunter2" not in str(refused.value)


def test_a_good_client_id_document_url_is_taken_to_the_letter() -> None:
    url = "https://app.example.com/OAuth/client.json?v=1"
    assert SignInOptions(client_id_metadata_url=url).client_id_metadata_url == url


@pytest.mark.parametrize("client_id", ["", " ", "\n"])
def test_an_empty_client_id_is_refused_at_once(client_id: str) -> None:
    with pytest.raises(ValueError, match="client_id must not be empty"):
        SignInOptions(client_id=client_id)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_is_a_port(port: int) -> None:
    with pytest.raises(ValueError, match="callback_port"):
        SignInOptions(callback_port=port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.com", "192.168.1.5", "127.1", ""])
def test_the_callback_host_is_this_machine_and_never_a_wildcard(host: str) -> None:
    with pytest.raises(ValueError, match="callback_host"):
        SignInOptions(callback_host=host)


@pytest.mark.parametrize(
    ("host", "port", "uri"),
    [
        ("127.0.0.1", 0, "http://127.0.0.1/callback"),
        ("localhost", 8123, "http://localhost:8123/callback"),
        ("::1", 8123, "http://[::1]:8123/callback"),
    ],
)
def test_the_redirect_uri_follows_host_and_port(host: str, port: int, uri: str) -> None:
    assert SignInOptions(callback_host=host, callback_port=port).callback.unbound == uri


@pytest.mark.parametrize("seconds", [0, -1])
def test_the_sign_in_has_some_time(seconds: float) -> None:
    with pytest.raises(ValueError, match="sign_in_timeout"):
        SignInOptions(sign_in_timeout=seconds)


def test_further_headers_reach_the_origin_they_were_given_for_and_no_other() -> None:
    options = SignInOptions(
        oauth_headers={
            "https://AS.example.com:443": {"X-Gate": "one"},
            "https://as.example.com/path": {"X-Other": "two"},
            "https://as.example.com:8443": {"X-Port": "three"},
        }
    )
    assert options.headers_for("https://as.example.com/token") == {"X-Gate": "one", "X-Other": "two"}
    assert options.headers_for("https://as.example.com:8443/") == {"X-Port": "three"}
    for url in ("http://as.example.com/", "https://mcp.example.com/", "https://as.example.com.evil.example/"):
        assert options.headers_for(url) == {}
    assert SignInOptions().headers_for("https://as.example.com/") == {}


@pytest.mark.parametrize("key", ["as.example.com", "*", "", "http://as.example.com", "https://[::1"])
def test_headers_for_something_that_is_no_origin_are_refused_at_once(key: str) -> None:
    with pytest.raises(InsecureURLError, match="oauth_headers origin"):
        SignInOptions(oauth_headers={key: {"X": "y"}})


def test_a_client_registered_by_hand_is_bound_to_its_issuer() -> None:
    assert SignInOptions().preregistered is None
    known = SignInOptions(
        client_id="c", client_secret="s", issuer="https://as", token_endpoint_auth_method="client_secret_post"
    ).preregistered
    assert known is not None
    assert (known.client_id, known.client_secret, known.issuer) == ("c", "s", "https://as")
    assert known.token_endpoint_auth_method == "client_secret_post"


def test_options_show_no_secret() -> None:
    options = SignInOptions(
        client_id="c",
        client_secret="canary-secret-0123",
        initial_access_token="canary-token-0123",
        oauth_headers={"https://h": {"X": "canary-header-0123"}},
        authorize_params={"login_hint": "canary-hint"},
    )
    assert "canary" not in repr(options)
    assert isinstance(options.client_metadata, ClientMetadata)
