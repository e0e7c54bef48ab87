"""Makes one warm request in a process of its own and prints, as JSON, what it touched besides the adapter."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

taken: list[str] = []
events: list[str] = []


def watched(make: Any) -> Any:
    """Return a maker of locks that note each time they are taken."""

    class Watched:
        def __init__(self) -> None:
            self._lock = make()

        def acquire(self, *args: Any, **options: Any) -> Any:
            taken.append("lock")
            return self._lock.acquire(*args, **options)

        def __enter__(self) -> Any:
            return self.acquire()

        def __exit__(self, *_: Any) -> None:
            self._lock.release()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._lock, name)

    return Watched


threading.Lock = watched(threading.Lock)  # type: ignore[assignment,misc]
threading.RLock = watched(threading.RLock)

import requests  # noqa: E402
from requests.adapters import HTTPAdapter  # noqa: E402

from mcp_oauth_sync import NoPrompt, OAuth, OAuthTokens, TokenManager  # noqa: E402

URL = "https://mcp.example.com/mcp"


class Local(HTTPAdapter):
    """Answers without a network."""

    sent: str | None = None

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.sent = str(request.headers.get("Authorization"))
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, request.url or ""
        response.connection = self
        response._content = b"{}"
        return response


def measured(session: requests.Session) -> dict[str, list[str]]:
    """Make one request and tell which locks and files it took."""
    taken.clear()
    events.clear()
    session.post(URL, data=b"{}")
    files = [event for event in events if event == "open" or event.startswith(("os.", "fcntl.", "socket.", "shutil."))]
    return {"locks": list(taken), "files": files}


def main() -> None:
    """Sign requests with a stored token: the first of them reads the store, later ones must not."""
    TokenManager().save_tokens(URL, OAuthTokens(access_token="good", expires_in=3600))
    adapter = Local()
    with requests.Session() as session:
        session.mount("https://", adapter)
        session.auth = OAuth(URL, prompt=NoPrompt())
        sys.addaudithook(lambda event, _: events.append(event))
        first, second, third = measured(session), measured(session), measured(session)
    with requests.Session() as plain:
        plain.mount("https://", Local())
        plain.headers["Authorization"] = "Bearer good"
        preset = measured(plain)
    report = {"sent": adapter.sent, "first": first, "second": second, "third": third, "preset": preset}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
