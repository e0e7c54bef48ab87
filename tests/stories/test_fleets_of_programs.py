"""Many processes and threads of one program: one token request per expiry. The turns are those of any fleet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_oauth_sync import ClientCredentialsGrant, NoPrompt, OAuth
from tests.scene import Scene

from .child import SECRET_VARIABLE
from .fleet import Fleet

HOUR = 3600.0
SECRET = "a-secret-of-the-fleet-Zq7XcV2bN9mK4jH6"


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv(SECRET_VARIABLE, SECRET)
    with Scene() as made:
        made.az.machines.add_client("fleet", SECRET)
        yield made


@pytest.mark.timeout(240)
def test_eight_processes_with_four_threads_each_make_one_token_request_per_expiry(scene: Scene) -> None:
    threads, hours = 4, 0
    with Fleet(scene.url, 8, "program") as fleet:
        fleet.tell(threads)  # nobody has signed in yet
        assert [answer.got for answer in fleet.answers()] == [[200] * threads] * fleet.size
        assert len(scene.asked("/token")) == 1
        for expiry in range(1, 9):
            if expiry % 2:
                hours += 2
                scene.az.advance(2 * HOUR)
            else:
                scene.az.expire_all_access_tokens()
            fleet.tell(threads, ahead=hours * HOUR)
            assert [answer.got for answer in fleet.answers()] == [[200] * threads] * fleet.size
            assert len(scene.asked("/token")) == expiry + 1
    assert scene.az.machines.credentials == len(scene.asked("/token")) == 9


def test_a_process_that_is_killed_while_it_asks_holds_up_nobody(scene: Scene) -> None:
    with Fleet(scene.url, 2, "program") as fleet:
        fleet.tell()
        assert [answer.got for answer in fleet.answers()] == [[200]] * 2
        scene.az.expire_all_access_tokens()
        first, other = fleet.members
        first.tell(stop="written")
        assert first.hear() == "written"
        other.tell()
        fleet.kill(first)
        assert [answer.got for answer in fleet.answers()] == [[200]]
    known = {"client_id": "fleet", "client_secret": SECRET, "grant": ClientCredentialsGrant()}
    auth = OAuth(scene.url, prompt=NoPrompt(), **known)  # type: ignore[arg-type]
    assert scene.post(auth).status_code == 200
    assert len(scene.asked("/token")) == 2
