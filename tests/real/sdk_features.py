"""The official SDK's server with everything it can offer, in a child process, both eras at one endpoint.

Who imports the fixtures names them in ``__all__``; each server runs once per test process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from urllib.parse import urlsplit

import pytest
import requests

from .sdk import ServerProcess

_SECONDS = 10.0


class SdkFeatures:
    """The server of :mod:`tests.real.sdk_server`, up within the ``with`` block.

    Args:
        json_response: Answers are JSON documents instead of streams.
        stateless: There are no sessions in the revisions with a handshake.
        resumable: Events are remembered for clients that come back.

    Attributes:
        mcp_url: The endpoint.
    """

    def __init__(self, *, json_response: bool = False, stateless: bool = False, resumable: bool = False) -> None:
        given = {"--json-response": json_response, "--stateless": stateless, "--resumable": resumable}
        self._flags = [flag for flag, wanted in given.items() if wanted]
        self.mcp_url = ""
        self._process: ServerProcess | None = None

    def __enter__(self) -> SdkFeatures:
        self._start(0)
        return self

    def _start(self, port: int) -> None:
        self._process = ServerProcess(*self._flags, module="tests.real.sdk_server", port=port)
        self.mcp_url = self._process.url

    def restart(self) -> None:
        """Kill it, and start another one on the same port: it knows of nothing that was."""
        assert self._process is not None, "it does not run"
        self._process.process.kill()
        self._process.stop()
        self._start(urlsplit(self.mcp_url).port or 0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.stop()

    def became(self, name: str, what: str) -> bool:
        """Wait until a call of ``wait`` is "waiting", "cancelled" or "done"; tell whether it came to that in time."""
        url = self.mcp_url.removesuffix("/mcp") + "/state"
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            if requests.get(url, timeout=_SECONDS).json().get(name) == what:
                return True
            time.sleep(0.01)
        return False


@pytest.fixture(scope="session")
def sdk_features() -> Iterator[SdkFeatures]:
    """Give the server with sessions and streams."""
    with SdkFeatures() as server:
        yield server


@pytest.fixture(scope="session")
def sdk_json() -> Iterator[SdkFeatures]:
    """Give the server without sessions, whose answers are JSON documents."""
    with SdkFeatures(json_response=True, stateless=True) as server:
        yield server


@pytest.fixture(scope="session")
def sdk_resumable() -> Iterator[SdkFeatures]:
    """Give the server whose streams can be taken up again."""
    with SdkFeatures(resumable=True) as server:
        yield server
