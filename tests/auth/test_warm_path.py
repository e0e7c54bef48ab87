"""What a request costs when the token is good: one look at the clock, and no file, lock or log call."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import requests

from mcp_oauth_sync import OAuth
from mcp_oauth_sync.authorizer import held
from tests.servers import McpServer

from .stage import CALL

ROOT = Path(__file__).resolve().parents[2]


def test_a_warm_request_opens_no_file_and_takes_no_lock_but_those_of_requests_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.auth.warm_probe"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["sent"] == "Bearer good"
    assert "open" in found["first"]["files"], "the first request reads the store"
    assert len(found["first"]["locks"]) > len(found["preset"]["locks"]), "and takes turns"
    assert found["second"] == found["third"] == {"files": [], "locks": found["preset"]["locks"]}


def calls_during(work: Callable[[], Any]) -> list[str]:
    """Return the names of all functions that run, Python's and built-in ones."""
    seen: list[str] = []

    def profile(frame: FrameType, event: str, what: Any) -> None:
        if event == "call":
            seen.append(frame.f_code.co_name)
        elif event == "c_call":
            seen.append(what.__name__)

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return seen[:-1]  # the last one is setprofile itself


def test_a_warm_request_runs_three_functions_of_ours_and_reads_the_clock_once(
    mcp: McpServer, signed_in: requests.Session
) -> None:
    auth = signed_in.auth
    assert isinstance(auth, OAuth)
    answer = signed_in.post(mcp.mcp_url, json=CALL)
    request = signed_in.prepare_request(requests.Request("POST", mcp.mcp_url, json=CALL))
    signing = calls_during(lambda: auth(request))
    assert [name for name in signing if name not in ("<lambda>", "__setitem__", "lower")] == [
        "__call__",
        "startswith",
        "current",
        "monotonic",
        "append",
    ]
    watching = calls_during(lambda: auth._after(answer))
    assert [name for name in watching if name != "<lambda>"] == ["_after", "getattr"]


@pytest.mark.parametrize("left", [61.0, 59.0])
def test_the_clock_that_is_read_decides(
    mcp: McpServer, signed_in: requests.Session, monkeypatch: pytest.MonkeyPatch, left: float
) -> None:
    auth = signed_in.auth
    assert isinstance(auth, OAuth)
    loads: list[str] = []
    load = held.Held.load
    monkeypatch.setattr(held.Held, "load", lambda self: (loads.append("load"), load(self))[1])
    ends = auth._authorizer.held.good_until + 60
    monkeypatch.setattr("mcp_oauth_sync.authorizer.authorizer.time.monotonic", lambda: ends - left)
    request = requests.Request("GET", mcp.mcp_url, auth=auth).prepare()
    monkeypatch.undo()
    assert "Authorization" in request.headers
    assert bool(loads) is (left < 60)
