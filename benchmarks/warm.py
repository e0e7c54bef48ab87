"""Instructions of a request when the token is good, against one with a preset header.

    python -m benchmarks.warm

Counted by callgrind over an adapter that answers without a network: what a process takes for MANY requests less what it
takes for FEW, so that the start does not count; without valgrind, CPU time. "an auth object" sets a header from a
string, and is the floor: requests looks for a ``.netrc`` where there is only a header. Others are counted against a
preset header on the HTTP library that they use.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mcp_oauth_sync import OAuthTokens, TokenManager

from .figure import Figure, show
from .others import CHUK, MCP, version_of
from .stage import fresh_home
from .start_peers import FILES_ONLY, PROVIDER_MCP, URL, VALUE_CHUK, keep_for_chuk, keep_for_mcp
from .startup import costs, is_exact

FEW, MANY = 20, 220
#: How much fewer of those that take as long as a start.
RARER = 100
#: How many more where it is time that is taken.
MORE = 20
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
ASYNC = """
import asyncio, {library} as httpx
transport = httpx.MockTransport(lambda request: httpx.Response(200, content=b"{{}}"))
{prepare}
async def main():
    async with httpx.AsyncClient(transport=transport, headers=headers, auth=auth) as client:
        for _ in range({count}):
            {call}
asyncio.run(main())
"""
POST = f"await client.post({URL!r}, content=b'{{}}')"
HEADER = "headers, auth = {'Authorization': 'Bearer good'}, None"
PRESET, FLOOR, OURS = "a preset header", "an auth object", "ours"
PREPARED = {
    PRESET: "session.headers['Authorization'] = 'Bearer good'",
    FLOOR: """
class Bearer(requests.auth.AuthBase):
    def __call__(self, request):
        request.headers['Authorization'] = 'Bearer good'
        return request
session.auth = Bearer()""",
    OURS: f"from mcp_oauth_sync import OAuth\nsession.auth = OAuth({URL!r})",
    "google-auth": """
import google.oauth2.credentials as c
credentials = c.Credentials('good')
class Auth(requests.auth.AuthBase):
    def __call__(self, request):
        credentials.before_request(None, request.method, request.url, request.headers)
        return request
session.auth = Auth()""",
    "Authlib": """
from authlib.integrations.requests_client.oauth2_session import OAuth2Auth
session.auth = OAuth2Auth({'access_token': 'good', 'token_type': 'Bearer', 'expires_in': 3600, 'expires_at': 9e9})""",
}
# Each of its calls makes a client of httpx, whose transport is put in its place.
CALL_CHUK = f"await handler.authenticated_request('server', {URL!r}, {URL!r}, method='POST', content=b'{{}}')"
PREPARE_CHUK = f"""{FILES_ONLY}{VALUE_CHUK}
handler = OAuthHandler()
asyncio.run(handler.prepare_headers_for_mcp_server({URL!r}, {URL!r}))
handler._active_tokens['server'] = handler._active_tokens[{URL!r}]
async def local(self, request):
    return await transport.handle_async_request(request)
httpx.AsyncHTTPTransport.handle_async_request = local
{HEADER}"""


def lines(count: int) -> dict[str, str]:
    """Return a program for each that makes so many requests."""
    programs = {
        name: COMMON.format(prepare=prepare, count=count, url=URL)
        for name, prepare in PREPARED.items()
        if name in (PRESET, FLOOR, OURS) or version_of(name)
    }
    if version_of(MCP):
        for name, prepare in ((f"preset, {MCP}", HEADER), (MCP, f"{PROVIDER_MCP}\nheaders = {{}}")):
            programs[name] = ASYNC.format(library="httpx2", prepare=prepare, count=count, call=POST)
    if version_of(CHUK):
        fewer = count // RARER
        programs[CHUK] = ASYNC.format(library="httpx", prepare=PREPARE_CHUK, count=fewer, call=CALL_CHUK)
        programs[f"preset, {CHUK}"] = ASYNC.format(library="httpx", prepare=HEADER, count=count, call=POST)
    return programs


def per_request() -> dict[str, float]:
    """Return what as many requests of each cost."""
    times = 1 if is_exact() else MORE
    few, many = (costs(lines(count * times)) for count in (FEW, MANY))
    return {name: (many[name] - few[name]) * (RARER if name == CHUK else 1) for name in few}


def figures() -> Iterator[Figure]:
    """Count."""
    with fresh_home() as folder:
        TokenManager().save_tokens(URL, OAuthTokens(access_token="good", expires_in=86400))
        keep_for_mcp(Path(folder))
        keep_for_chuk(Path(folder))
        found = per_request()
    preset = found[PRESET]
    ratio = found[OURS] / preset
    peers = {name: value / found.get(f"preset, {name}", preset) for name, value in found.items() if version_of(name)}
    yield Figure(
        what="a request with a good token, by one with a preset header",
        ours=f"{ratio:.3f}",
        floor=f"{found[FLOOR] / preset:.3f}",
        peers={name: f"{value:.3f}" if value < 10 else f"{value:.0f}" for name, value in peers.items()},
        ratio=ratio,
        unit=f"x, {'instructions' if is_exact() else 'CPU'}",
        goal=f"<= {GOAL}",
        bound=GOAL,
        met=ratio <= GOAL,
    )


if __name__ == "__main__":
    show(figures())
