"""``auth --machine``: a program signs in as itself, with its secret or key where nobody else can see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_oauth_sync import ClientCredentialsGrant, ClientKey, NoPrompt, OAuth
from mcp_oauth_sync.exceptions import SignInRequiredError
from mcp_oauth_sync.stores import default_manager
from tests.servers.keys import private_pem, public_pem

from .conftest import Scene
from .terminal import run, run_here

SECRET = "a-secret-of-the-job-Zq7XcV2bN9mK4jH6"


def test_a_secret_from_the_environment_signs_a_program_in(scene: Scene) -> None:
    scene.az.machines.add_client("job", SECRET)
    flags = ["--machine", "--client-id", "job", "--scopes", "notes:read"]
    done = run("auth", "night", scene.url, *flags, environment={"MCP_OAUTH_SYNC_CLIENT_SECRET": SECRET})
    assert (done.status, done.out) == (0, ""), done.err
    assert f"Signed in to {scene.url} as 'night'" in done.err
    assert "Granted: notes:read" in done.err
    assert scene.az.machines.credentials == 1
    assert run("tools", "night").status == 0


def test_a_secret_from_a_file_goes_before_that_of_the_environment(scene: Scene, tmp_path: Path) -> None:
    scene.az.machines.add_client("job", SECRET)
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    flags = ["--machine", "--client-id", "job", "--client-secret-file", str(file)]
    done = run("auth", "night", scene.url, *flags, environment={"MCP_OAUTH_SYNC_CLIENT_SECRET": "another"})
    assert done.status == 0, done.err


def test_a_key_signs_a_program_in_whatever_secret_is_in_the_environment(scene: Scene, tmp_path: Path) -> None:
    scene.az.machines.add_client("job", public_key=public_pem())
    file = tmp_path / "key.pem"
    file.write_text(private_pem())
    flags = ["--machine", "--client-id", "job", "--client-key", str(file)]
    done = run("auth", "night", scene.url, *flags, environment={"MCP_OAUTH_SYNC_CLIENT_SECRET": "another"})
    assert done.status == 0, done.err
    listed = run("list")
    assert "night" in listed.out
    # The same sign-in, by its name, in a program:
    auth = OAuth(scene.url, name="night", client_id="job", client_key=ClientKey(file), grant=ClientCredentialsGrant())
    assert auth.headers()
    assert scene.az.machines.credentials == 1
    # and not by accident in somebody's who gives no name:
    with pytest.raises(SignInRequiredError):
        OAuth(scene.url, prompt=NoPrompt()).headers()


def test_an_expired_sign_in_of_a_program_is_listed_as_what_it_is(scene: Scene) -> None:
    scene.az.machines.add_client("job", SECRET)
    scene.az.access_ttl = 0.001
    flags = ["--machine", "--client-id", "job"]
    assert run("auth", "night", scene.url, *flags, environment={"MCP_OAUTH_SYNC_CLIENT_SECRET": SECRET}).status == 0
    assert run("list").out.rstrip().endswith("expired, obtained anew by its program")


@pytest.mark.parametrize("flags", [[], ["--client-id", "job"]])
def test_without_credentials_the_hint_names_the_flags(scene: Scene, flags: list[str]) -> None:
    done = run("auth", "night", scene.url, "--machine", *flags)
    assert done.status == 1
    error, hint = done.err.splitlines()
    assert "needs credentials, and none were given" in error
    assert "--client-id with --client-secret-file or --client-key" in hint
    assert scene.files == {}


def test_a_secret_file_that_cannot_be_read_is_wrong_usage(scene: Scene, tmp_path: Path) -> None:
    flags = ["--machine", "--client-id", "job", "--client-secret-file", str(tmp_path / "missing")]
    done = run("auth", "night", scene.url, *flags)
    assert done.status == 2
    assert f"cannot be read from {tmp_path / 'missing'}: No such file" in done.err
    assert scene.quiet()


def test_a_key_file_that_cannot_be_read_is_an_error_that_names_it(scene: Scene, tmp_path: Path) -> None:
    flags = ["--machine", "--client-id", "job", "--client-key", str(tmp_path / "missing")]
    done = run("auth", "night", scene.url, *flags)
    assert done.status == 1
    assert f"private key cannot be read from {tmp_path / 'missing'}" in done.err
    assert scene.az.requests("/token") == []


def test_the_command_that_a_hint_names_has_the_key_too(scene: Scene, tmp_path: Path) -> None:
    auth = OAuth(scene.url, client_id="app", client_key=ClientKey(tmp_path / "key.pem"), prompt=NoPrompt())
    with pytest.raises(SignInRequiredError) as caught:
        auth.headers()
    assert f"--client-id app --client-key {tmp_path / 'key.pem'}" in (caught.value.hint or "")


def test_a_secret_in_the_environment_is_a_persons_client_too(scene: Scene) -> None:
    scene.az.add_client("app", SECRET)
    assert default_manager().names() == []
    flags = ["--client-id", "app"]
    done = run("auth", "notes", scene.url, *flags, environment={"MCP_OAUTH_SYNC_CLIENT_SECRET": SECRET})
    assert done.status == 3  # a person has to follow the link; the secret has harmed nobody
    assert SECRET not in done.err


def test_flags_that_do_not_go_together_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    done = run_here(capsys, "auth", "job", "https://mcp.example.com/mcp", "--client-key", "key.pem")
    assert (done.status, done.out) == (2, "")
    assert done.err == "error: client_key is the key of a client: it needs client_id, or client_id_metadata_url\n"
