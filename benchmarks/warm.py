"""Instructions of a request when the token is good, against one with a preset header.

    python -m benchmarks.warm

Counted by callgrind over an adapter that answers without a network: what a process takes for MANY requests less what it
takes for FEW, so that the start does not count. "an auth object" sets a header from a string, and is the floor:
requests looks for a ``.netrc`` where there is only a header. Needs valgrind.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator

from mcp_oauth_sync import OAuthTokens, TokenManager

from .figure import Figure, show
from .stage import fresh_home
from .startup import instructions

URL = "https://mcp.example.com/mcp"
FEW, MANY = 20, 220
GOAL = 0.98
COMMON = """
import requests
from requests.adapters import HTTPAdapter
class Local(HTTPAdapter):
    def send(self, request, *args, **kwargs):
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, request.url
        response.connection, response._content = self, b"{{}}"
        return response
session = requests.Session()
session.mount("https://", Local())
{prepare}
for _ in range({count}):
    session.post({url!r}, data=b"{{}}")
"""
PREPARED = {
    "a preset header": "session.headers['Authorization'] = 'Bearer good'",
    "an auth object": """
class Bearer(requests.auth.AuthBase):
    def __call__(self, request):
        request.headers['Authorization'] = 'Bearer good'
        return request
session.auth = Bearer()""",
    "ours": f"from mcp_oauth_sync import OAuth\nsession.auth = OAuth({URL!r})",
}
PEERS = {
    "google-auth": (
        "google.auth",
        """
import google.oauth2.credentials as c
credentials = c.Credentials('good')
class Auth(requests.auth.AuthBase):
    def __call__(self, request):
        credentials.before_request(None, request.method, request.url, request.headers)
        return request
session.auth = Auth()""",
    ),
    "Authlib": (
        "authlib",
        """
from authlib.oauth2.auth import TokenAuth
from authlib.integrations.requests_client.oauth2_session import OAuth2Auth
session.auth = OAuth2Auth({'access_token': 'good', 'token_type': 'Bearer', 'expires_in': 3600, 'expires_at': 9e9})""",
    ),
}


def per_request(prepare: str) -> float:
    """Return the instructions of one request."""
    few, many = (instructions(COMMON.format(prepare=prepare, count=count, url=URL)) for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def figures() -> Iterator[Figure]:
    """Count."""
    if shutil.which("valgrind") is None:
        raise RuntimeError("there is no valgrind")
    with fresh_home():
        TokenManager().save_tokens(URL, OAuthTokens(access_token="good", expires_in=86400))
        counts = {name: per_request(prepare) for name, prepare in PREPARED.items()}
        peers = {
            name: per_request(prepare) for name, (module, prepare) in PEERS.items() if importlib.util.find_spec(module)
        }
    preset = counts["a preset header"]
    ratio = counts["ours"] / preset
    yield Figure(
        what="instructions of a request with a good token, by one with a preset header",
        ours=f"{ratio:.3f}",
        floor=f"{counts['an auth object'] / preset:.3f}",
        peers={name: f"{count / preset:.3f}" for name, count in peers.items()},
        ratio=ratio,
        unit="x",
        goal=f"<= {GOAL}",
        met=ratio <= GOAL,
    )


if __name__ == "__main__":
    show(figures())
