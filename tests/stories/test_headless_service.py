"""The example of a service without a person, run as it stands against the scripted servers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scene import Scene
from tests.servers import reply
from tests.servers.keys import private_pem, public_pem

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "headless_service.py"
SECRET = "a-secret-of-the-service-Zq7XcV2bN9mK4jH6"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def service(scene: Scene, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it as a service manager does: no terminal, nothing to read from."""
    return subprocess.run(
        [sys.executable, str(EXAMPLE), scene.url],
        env={**os.environ, "CLIENT_ID": "service", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("by", ["key", "secret"])
def test_a_service_signs_in_as_itself_and_the_next_run_finds_it_signed_in(
    scene: Scene, tmp_path: Path, by: str
) -> None:
    key_file = tmp_path / "key.pem"
    key_file.write_text(private_pem())
    given = {"CLIENT_KEY_FILE": str(key_file)} if by == "key" else {"CLIENT_SECRET": SECRET}
    if by == "key":
        scene.az.machines.add_client("service", public_key=public_pem())
    else:
        scene.az.machines.add_client("service", SECRET)
    for _ in range(2):
        done = service(scene, ISSUER=scene.az.issuer, **given)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert '"jsonrpc"' in done.stdout
    assert scene.az.machines.credentials == 1


def test_a_service_says_what_is_wrong_without_its_secret(scene: Scene) -> None:
    scene.az.fault("/token", reply(400, {"error": "unauthorized_client"}))
    done = service(scene, CLIENT_SECRET=SECRET)
    assert done.returncode == 1
    assert "unauthorized_client" in done.stderr
    assert SECRET not in done.stderr


def test_a_service_whose_credentials_belong_elsewhere_sends_them_nowhere(scene: Scene) -> None:
    done = service(scene, CLIENT_SECRET=SECRET, ISSUER="https://login.example.com")
    assert done.returncode == 1
    assert "belongs to https://login.example.com" in done.stderr
    assert scene.asked("/token") == []


def test_a_fault_that_will_pass_has_a_status_of_its_own(scene: Scene) -> None:
    scene.az.fault("/token", reply(429, headers=[("Retry-After", "600")]))
    done = service(scene, CLIENT_SECRET=SECRET)
    assert done.returncode == 75
