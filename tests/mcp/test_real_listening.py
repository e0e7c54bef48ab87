"""Listening to changes on the official SDK's server, in both eras, while another thread makes calls."""

from __future__ import annotations

import threading

import pytest

from mcp_oauth_sync import MCPSession
from tests.real.sdk_features import SdkFeatures, sdk_features

__all__ = ["sdk_features"]

pytestmark = pytest.mark.demo
UPDATED, TOOLS = "notifications/resources/updated", "notifications/tools/list_changed"


@pytest.mark.parametrize("version", ["2026-07-28", "2025-11-25"])
@pytest.mark.parametrize("logged", [False, True], ids=["nothing else is heard", "the log is heard too"])
def test_changes_are_heard_until_the_session_is_closed(sdk_features: SdkFeatures, version: str, logged: bool) -> None:
    heard = threading.Event()
    mcp = MCPSession(sdk_features.mcp_url, auth=None, version=version, on_log=print if logged else None)

    def touch() -> None:
        while not heard.wait(0.05):
            assert mcp.call_tool("touch", {"uri": "notes://welcome"}).text == "touched"
        mcp.close()

    changes = mcp.listen(tools=True, uris=["notes://welcome"])
    toucher = threading.Thread(target=touch)
    toucher.start()
    try:
        told = {next(changes).method, next(changes).method}
    finally:
        heard.set()
        toucher.join(20)
    assert told == {UPDATED, TOOLS}
    assert all(change.method in told for change in changes)
