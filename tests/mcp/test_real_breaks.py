"""Sessions with real servers when things break: calls given up, streams cut, servers killed, many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError, MCPTimeoutError
from mcp_oauth_sync.mcp import streamable
from mcp_oauth_sync.mcp.notices import Progress
from tests.real.everything import EverythingServer, everything
from tests.real.jsonrpc import HANDSHAKE, MODERN
from tests.real.sdk_features import SdkFeatures, sdk_features, sdk_resumable
from tests.servers import Chaos

from .doors import ERAS, SECONDS, WAYS, Door, counted, in_background, opened

__all__ = ["everything", "sdk_features", "sdk_resumable"]

THREADS, CALLS = 8, 5
LONG = "trigger-long-running-operation"


class Enough(Exception):
    """Said by who does not want to hear more."""


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WAYS)
def door(sdk_features: SdkFeatures, request: pytest.FixtureRequest) -> Iterator[Door]:
    with opened(request.param, sdk_features.mcp_url) as made:
        yield made


def port_of(server: SdkFeatures | EverythingServer) -> tuple[str, int]:
    port = urlsplit(server.mcp_url).port
    assert port is not None
    return "127.0.0.1", port


@pytest.mark.demo
def test_the_server_stops_work_on_a_call_that_took_too_long(
    door: Door, sdk_features: SdkFeatures, era: str, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    with door.session(era) as mcp:
        mcp.ping()
        with pytest.raises(MCPTimeoutError):
            mcp.call_tool("wait", {"name": name}, timeout=0.2)
        assert sdk_features.became(name, "cancelled")
        assert mcp.call_tool("echo", {"text": "on"}).text == "on"


@pytest.mark.demo
def test_the_server_stops_work_on_a_call_that_its_caller_leaves(
    door: Door, sdk_features: SdkFeatures, era: str, request: pytest.FixtureRequest
) -> None:
    name = request.node.name

    def hear(progress: object) -> None:
        raise Enough

    with door.session(era) as mcp:
        with pytest.raises(Enough):
            mcp.call_tool("wait", {"name": name}, on_progress=hear)
        assert sdk_features.became(name, "cancelled")
        assert mcp.call_tool("echo", {"text": "on"}).text == "on"


@pytest.mark.demo
def test_the_server_stops_work_on_the_calls_of_a_session_that_is_closed(
    door: Door, sdk_features: SdkFeatures, era: str, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    with door.session(era) as mcp:
        works = threading.Event()
        answer = in_background(lambda: mcp.call_tool("wait", {"name": name}, on_progress=lambda progress: works.set()))
        assert works.wait(SECONDS)
        assert sdk_features.became(name, "waiting")
    with pytest.raises(MCPError):
        answer()
    assert sdk_features.became(name, "cancelled")


@pytest.mark.demo
def test_threads_share_a_session_and_one_that_waits_delays_no_other(
    door: Door, sdk_features: SdkFeatures, era: str, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    with door.session(era) as mcp, ThreadPoolExecutor(THREADS) as pool:
        works = threading.Event()
        answer = in_background(lambda: mcp.call_tool("wait", {"name": name}, on_progress=lambda progress: works.set()))

        def speak(number: int) -> list[str]:
            return [mcp.call_tool("echo", {"text": f"{number} {turn}"}).text for turn in range(CALLS)]

        said = list(pool.map(speak, range(THREADS)))
        assert said == [[f"{number} {turn}" for turn in range(CALLS)] for number in range(THREADS)]
        assert works.wait(SECONDS)
        mcp.close()
    with pytest.raises(MCPError):
        answer()


@pytest.mark.demo
def test_threads_that_begin_at_once_agree_once(sdk_features: SdkFeatures, era: str) -> None:
    with counted(sdk_features.mcp_url) as scene, MCPSession(scene.url, auth=None, version=era) as mcp:
        with ThreadPoolExecutor(THREADS) as pool:
            said = list(pool.map(lambda number: mcp.call_tool("echo", {"text": str(number)}).text, range(THREADS)))
        assert said == [str(number) for number in range(THREADS)]
        first = [exchange.json()["method"] for exchange in scene.mcp.requests() if b"tools/call" not in exchange.body]
    assert first == ([] if era == MODERN else ["initialize", "notifications/initialized"])


@pytest.mark.demo
@pytest.mark.parametrize("way", WAYS)
def test_a_stream_that_the_server_closes_goes_on_where_it_was(sdk_resumable: SdkFeatures, way: str) -> None:
    with opened(way, sdk_resumable.mcp_url) as door, door.session(HANDSHAKE) as mcp:
        told: list[str] = []
        answer = mcp.call_tool("hang_up", on_progress=lambda progress: told.append(progress.message or ""))
        assert answer.text == "resumed"
        assert told == ["before", "after"]


@pytest.mark.demo
def test_a_stream_whose_connection_breaks_goes_on_where_it_was(sdk_resumable: SdkFeatures) -> None:
    with Chaos(port_of(sdk_resumable)) as chaos:
        breaks = iter((True, False))

        def hear(progress: object) -> None:
            if next(breaks):
                chaos.set()  # which drops every connection there is

        with MCPSession(f"{chaos.url}/mcp", auth=None, version=HANDSHAKE, timeout=SECONDS) as mcp:
            before = chaos.connections
            answer = mcp.call_tool("wait", {"name": "cut", "seconds": 0.3}, on_progress=hear)
            assert answer.text == "waited"
            assert next(breaks) is False, "progress was heard once"
            assert chaos.connections > before
    assert sdk_resumable.became("cut", "done")


@pytest.mark.demo
def test_a_tool_whose_stream_breaks_for_good_is_not_called_twice(sdk_features: SdkFeatures, era: str) -> None:
    with Chaos(port_of(sdk_features)) as chaos:
        told: list[object] = []

        def hear(progress: object) -> None:
            told.append(progress)
            chaos.set()

        with MCPSession(f"{chaos.url}/mcp", auth=None, version=era, timeout=SECONDS) as mcp:
            mcp.ping()
            with pytest.raises(MCPError, match=r"broke off|ended before"):
                mcp.call_tool("wait", {"name": f"broken {era}", "seconds": 0.2}, on_progress=hear)
            assert len(told) == 1
            assert mcp.call_tool("echo", {"text": "on"}).text == "on"
            assert mcp.read_resource("notes://by-name/a")[0].text == "The note a."


@pytest.mark.demo
def test_what_only_reads_is_asked_again_when_its_connection_breaks(sdk_features: SdkFeatures, era: str) -> None:
    with (
        Chaos(port_of(sdk_features)) as chaos,
        MCPSession(f"{chaos.url}/mcp", auth=None, version=era, timeout=SECONDS) as mcp,
    ):
        mcp.ping()
        chaos.set(times=1, lose_response=True)
        assert mcp.read_resource("notes://by-name/b")[0].text == "The note b."


@pytest.mark.demo
def test_a_server_of_the_sdk_that_was_killed_and_started_again_is_spoken_to_by_the_next_call() -> None:
    with (
        SdkFeatures() as server,
        opened("protected", server.mcp_url) as door,
        door.session(HANDSHAKE) as old,
        door.session(MODERN) as new,
    ):
        assert [mcp.call_tool("echo", {"text": "before"}).text for mcp in (old, new)] == ["before"] * 2
        server.restart()
        assert [mcp.call_tool("echo", {"text": "after"}).text for mcp in (old, new)] == ["after"] * 2


@pytest.mark.npm_server
@pytest.mark.parametrize("mode", ["streamableHttp", "sse", "both eras"])
def test_a_server_from_npm_that_was_killed_and_started_again_is_spoken_to_by_the_next_call(mode: str) -> None:
    with EverythingServer(mode) as server, Door(server.mcp_url).session() as mcp:  # type: ignore[arg-type]
        assert mcp.call_tool("echo", {"message": "before"}).text == "Echo: before"
        server.restart()
        assert mcp.call_tool("echo", {"message": "after"}).text == "Echo: after"
        with pytest.raises(MCPError):  # killed while it works: nobody knows what it has done
            mcp.call_tool(LONG, {"duration": 0.5, "steps": 5}, on_progress=lambda progress: server.restart())
        assert len(list(mcp.list_tools())) > 10


@pytest.mark.npm_server
def test_a_stream_of_the_reference_server_whose_connection_breaks_goes_on(
    everything: EverythingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where a server names no pause, ours counts. This one repeats what came in the meantime, and nothing that comes
    # later: its store of events gives the wrong name for the stream. So its work has to be done by then.
    monkeypatch.setattr(streamable, "PAUSE", 0.4)
    with Chaos(port_of(everything)) as chaos:
        told: list[float] = []

        def hear(progress: Progress) -> None:
            told.append(progress.progress)
            if len(told) == 1:
                chaos.set()

        with MCPSession(f"{chaos.url}/mcp", auth=None, version=HANDSHAKE, timeout=SECONDS) as mcp:
            answer = mcp.call_tool(LONG, {"duration": 0.02, "steps": 2}, on_progress=hear)
            assert "completed" in answer.text
            assert told == [1, 2]
