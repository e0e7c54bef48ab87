"""``client-document``: what is written can be hosted as it is, and what is hosted is checked as a server would."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import LocalCA, Origin, json_reply, local_ca, redirect_to, reply

from .conftest import Scene
from .terminal import OBEYED, Terminal, run, run_here

URL = "https://app.example.com/oauth/client.json"


def test_the_document_goes_to_standard_output_and_what_to_do_with_it_to_the_other() -> None:
    done = run("client-document", "--url", URL, "--ports", "8765-8767,9000", "--name", "Notes at work \u00e9")
    assert done.status == 0
    document = json.loads(done.out)
    assert (document["client_id"], document["client_name"]) == (URL, "Notes at work \u00e9")
    ports = ["", ":8765", ":8766", ":8767", ":9000"]
    assert document["redirect_uris"] == [f"http://{h}{p}/callback" for h in ("127.0.0.1", "localhost") for p in ports]
    checking, using = done.err.splitlines()
    assert checking == (
        f"Host it at {URL} as application/json, then check it: mcp-oauth-sync client-document --check {URL}"
    )
    assert using == (f"Sign in with it: mcp-oauth-sync auth NAME SERVER --client-document {URL} --port 8765-8767,9000")


@pytest.mark.parametrize(
    ("flags", "redirects", "then"),
    [
        ((), [f"http://127.0.0.1{port}/callback" for port in ("", ":8765")], "--port 8765-8769"),
        (("--ports", "9000", "--host", "::1"), ["http://[::1]/callback", "http://[::1]:9000/callback"], "--port 9000"),
        (("--ports", "0", "--host", "localhost"), ["http://localhost/callback"], f"--client-document {URL}"),
        (("--redirect-uri", "com.example.app:/cb"), ["com.example.app:/cb"], "--redirect-uri com.example.app:/cb"),
        (
            ("--redirect-uri", "https://a.example.com/cb", "--redirect-uri", "https://b.example.com/cb?x=1&y=2"),
            ["https://a.example.com/cb", "https://b.example.com/cb?x=1&y=2"],
            "--redirect-uri https://a.example.com/cb",
        ),
    ],
)
def test_the_redirects_are_those_asked_for(
    flags: tuple[str, ...], redirects: list[str], then: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_here(capsys, "client-document", "--url", URL, *flags)
    assert done.status == 0
    assert json.loads(done.out)["redirect_uris"][: len(redirects)] == redirects
    assert done.err.splitlines()[-1].endswith(then)


def test_everything_that_can_be_said_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]}))
    flags = ["--scopes", "a b", "--client-uri", "https://app.example.com", "--logo-uri", "https://app.example.com/l"]
    done = run_here(capsys, "client-document", "--url", URL, *flags, "--jwks", str(keys))
    document = json.loads(done.out)
    assert (document["scope"], document["logo_uri"]) == ("a b", "https://app.example.com/l")
    assert (document["token_endpoint_auth_method"], document["jwks"]) == (
        "private_key_jwt",
        json.loads(keys.read_text()),
    )
    done = run_here(capsys, "client-document", "--url", URL, "--jwks-uri", "https://app.example.com/k")
    assert json.loads(done.out)["jwks_uri"] == "https://app.example.com/k"


def test_a_file_is_written_whole_and_standard_output_stays_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "client.json"
    done = run_here(capsys, "client-document", "--url", URL, "--output", str(file))
    assert (done.status, done.out) == (0, "")
    assert json.loads(file.read_bytes())["client_id"] == URL
    assert f"Written to {file}." in done.err
    done = run_here(capsys, "client-document", "--url", URL, "--output", str(tmp_path / "no" / "client.json"))
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: The document could not be written to ")
    assert "--output" in done.err


@pytest.mark.parametrize("content", [None, "", "[]", "{", '"x"', '{"keys": [{"kty": "oct", "k": "hunter2-hunter2"}]}'])
def test_a_file_that_holds_no_public_keys_is_an_error_that_repeats_nothing_of_it(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys.json"
    if content is not None:
        keys.write_text(content)
    done = run_here(capsys, "client-document", "--url", URL, "--jwks", str(keys))
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert "hunter2" not in done.err


@pytest.mark.parametrize(
    ("flags", "status", "said"),
    [
        ((), 2, "one of the arguments --url --check is required"),
        (("--url", URL, "--check", URL), 2, "not allowed with argument"),
        (("--url", URL, "--ports", "x"), 2, "a port is a number"),
        (("--url", URL, "--host", "app.example.com"), 2, "127.0.0.1, ::1 or localhost"),
        (("--url", "http://app.example.com/c.json"), 1, "is refused"),
        (("--url", "https://app.example.com"), 1, "is refused"),
        (("--url", URL, "--redirect-uri", "http://app.example.com/cb"), 1, "it is not https"),
        (("--url", URL, "--ports", "8000-8200"), 1, "Name fewer ports"),
        (("--url", URL, "--name", ""), 1, "client_name"),
        (("--url", URL, "--jwks-uri", "ftp://x"), 1, "jwks_uri"),
        (("--check", "http://app.example.com/c.json"), 1, "is refused"),
        (("--check", "https://127.0.0.1:1/c.json"), 1, "could not be fetched"),
    ],
)
def test_what_would_not_work_is_an_error(
    flags: tuple[str, ...], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_here(capsys, "client-document", *flags)
    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalCA:
    made = local_ca(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.ca_pem))
    return made


@pytest.fixture
def host(ca: LocalCA) -> Iterator[Origin]:
    with Origin(ca.context) as running:
        yield running


def publish(host: Origin, capsys: pytest.CaptureFixture[str]) -> str:
    """Host what the command writes, and return its URL."""
    url = f"{host.url}/client.json"
    document = json.loads(run_here(capsys, "client-document", "--url", url).out)
    host.route("GET", "/client.json", lambda exchange: json_reply(document))
    return url


def test_a_document_hosted_as_it_was_written_will_do(host: Origin, capsys: pytest.CaptureFixture[str]) -> None:
    url = publish(host, capsys)
    done = run("client-document", "--check", url)
    assert (done.status, done.out, done.err) == (0, "", f"The document at {url} will do.\n")
    assert [(sent.method, sent.path) for sent in host.log] == [("GET", "/client.json")]


def test_what_is_wrong_is_listed_on_standard_output_and_ends_with_1(
    host: Origin, capsys: pytest.CaptureFixture[str]
) -> None:
    url = publish(host, capsys)
    bad = {"client_id": f"{host.url}/other.json", "client_secret": "hunter2-hunter2", "redirect_uris": ["\x1b[2J"]}
    host.fault("/client.json", reply(200, bad, content_type="text/plain"))
    done = run_here(capsys, "client-document", "--check", url)
    assert done.status == 1
    lines = done.out.splitlines()
    assert all(line.startswith(("wrong: ", "note: ")) for line in lines)
    for part in ("text/plain", "client_id is", "client_name is missing", "it holds client_secret", "redirect URI"):
        assert any(line.startswith("wrong: ") and part in line for line in lines), part
    assert any(line.startswith("note: ") for line in lines)
    assert done.err == f"Authorization servers may refuse the document at {url}.\n"
    assert OBEYED.findall(done.out) == []
    assert "hunter2" not in done.out


def test_a_redirect_is_not_followed(host: Origin, capsys: pytest.CaptureFixture[str]) -> None:
    url = publish(host, capsys)
    with Origin() as elsewhere:
        host.fault("/client.json", redirect_to(f"{elsewhere.url}/client.json"))
        done = run_here(capsys, "client-document", "--check", url)
        assert done.status == 1
        assert f"wrong: it redirects to {elsewhere.url}/client.json (HTTP 302)" in done.out
        assert elsewhere.log == []


def test_what_is_better_done_otherwise_is_told_and_ends_with_0(
    host: Origin, capsys: pytest.CaptureFixture[str]
) -> None:
    url = publish(host, capsys)
    document = {"client_id": url, "client_name": "Notes", "redirect_uris": ["http://127.0.0.1/callback"]}
    host.fault("/client.json", reply(200, document))
    done = run_here(capsys, "client-document", "--check", url)
    assert done.status == 0
    assert [line.split(":")[0] for line in done.out.splitlines()] == ["note", "note"]


def test_a_certificate_that_cannot_be_verified_is_an_error(
    host: Origin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = publish(host, capsys)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    done = run_here(capsys, "client-document", "--check", url)
    assert (done.status, done.out) == (1, "")
    assert "certificate" in done.err


def test_the_command_that_it_ends_with_signs_in(scene: Scene) -> None:
    url = "https://app.example.com/oauth/client.json"
    done = run("client-document", "--url", url, "--ports", "0")
    scene.az.client_documents[url] = json.loads(done.out)
    scene.az.document_ports = "any-if-documented-without"
    words = shlex.split(done.err.splitlines()[-1].partition("mcp-oauth-sync ")[2])
    filled = [{"NAME": "notes", "SERVER": scene.url}.get(word, word) for word in words]
    with Terminal(*filled) as terminal:
        scene.person(terminal.address())
        assert terminal.end() == 0
    assert scene.az.registrations == 0
