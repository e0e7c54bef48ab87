"""What the official SDK's server offers in these tests: every kind of tool, resource, prompt and completion."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import anyio
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp.server.mcpserver.utilities.types import Image
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError
from mcp_types import Completion, ElicitRequest, ElicitRequestURLParams, InputRequiredResult, ResourceLink
from pydantic import BaseModel, Field

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PAGE = "https://example.com/pay?order=1"
NAMES = ["alpha", "beta", "gamma"]
LEVELS: tuple[Literal["debug", "info", "error"], ...] = ("debug", "info", "error")


class Guest(BaseModel):
    """A form."""

    name: str = Field(description="Who comes")
    nights: int = Field(default=1, ge=1, le=30)
    breakfast: bool = True
    room: Literal["single", "double"] = "single"


class Confirmation(BaseModel):
    """A second form."""

    sure: bool


class Page(BaseModel):
    """A form of texts alone."""

    title: str
    author: str = "Ada"


class Weather(BaseModel):
    """Structured output."""

    city: str
    degrees: float
    sky: list[str]


Answer = ElicitationResult[Guest]


def ask_who_comes() -> Elicit[Guest]:
    return Elicit("Who comes?", Guest)


def ask_for_a_page() -> Elicit[Page]:
    return Elicit("What is the new page?", Page)


def ask_whether_sure(guest: Annotated[Guest, Resolve(ask_who_comes)]) -> Elicit[Confirmation]:
    return Elicit(f"Is {guest.name} to come?", Confirmation)


def add_tools(server: MCPServer[Any], state: dict[str, str]) -> None:
    """Add the tools that only answer.

    Args:
        server: Where to.
        state: What has become of each slow call, by its name.
    """

    @server.tool()
    def echo(text: str) -> str:
        """Give back what it got."""
        return text

    @server.tool()
    def weather(city: Annotated[str, Field(json_schema_extra={"x-mcp-header": "City"})]) -> Weather:
        """Give structured output; the city is in a header too."""
        return Weather(city=city, degrees=20.5, sky=["blue"])

    @server.tool(structured_output=False)
    def picture() -> list[Any]:
        """Give an image and a link."""
        return [Image(data=PIXEL, format="png"), ResourceLink(type="resource_link", uri="notes://welcome", name="w")]

    @server.tool()
    def fail() -> str:
        """Fail as a tool does."""
        raise ToolError("the shop is closed")

    @server.tool()
    def crash() -> str:
        """Fail by a bug."""
        raise ZeroDivisionError("a secret of the server")

    @server.tool()
    def refuse() -> str:
        """Fail as the protocol does."""
        raise MCPError(code=-32050, message="refused", data={"why": "because"})

    @server.tool()
    async def count(ctx: Context[Any, Any], steps: int = 3) -> str:
        """Tell of progress."""
        for step in range(1, steps + 1):
            await ctx.report_progress(step, steps, f"step {step}")
        return f"counted to {steps}"

    @server.tool()
    async def search(query: str, ctx: Context[Any, Any]) -> str:
        """Tell of progress, log a line, and find something."""
        await ctx.report_progress(1, 2, "reading")
        await ctx.log("info", "two pages to read", logger_name="search")
        await ctx.report_progress(2, 2, "found")
        return f"A page about the {query}."

    @server.tool()
    async def talk(ctx: Context[Any, Any]) -> str:
        """Log a line at each of some levels."""
        for level in LEVELS:
            await ctx.log(level, {"said": level}, logger_name="talk")
        return "said"

    @server.tool()
    async def wait(name: str, ctx: Context[Any, Any], seconds: float = 60.0) -> str:
        """Wait, and remember under a name whether it was cancelled."""
        state[name] = "waiting"
        try:
            await ctx.report_progress(0, None, "waiting")
            await anyio.sleep(seconds)
        except anyio.get_cancelled_exc_class():
            state[name] = "cancelled"
            raise
        state[name] = "done"
        return "waited"

    @server.tool()
    async def hang_up(ctx: Context[Any, Any]) -> str:
        """Close the stream of the call, and go on: the rest is for who resumes."""
        await ctx.report_progress(1, 2, "before")
        await ctx.close_sse_stream()
        await ctx.report_progress(2, 2, "after")
        return "resumed"

    @server.tool()
    async def touch(uri: str, ctx: Context[Any, Any]) -> str:
        """Change a resource, and the list of tools."""
        await ctx.notify_resource_updated(uri)
        await ctx.notify_tools_changed()
        if ctx.protocol_version is not None and ctx.protocol_version < "2026":
            await ctx.session.send_resource_updated(uri)
            await ctx.session.send_tool_list_changed()
        return "touched"


def add_questions(server: MCPServer[Any]) -> None:
    """Add the tools that ask the person; how they ask follows the revision that is spoken."""

    @server.tool()
    def book(answer: Annotated[Answer, Resolve(ask_who_comes)]) -> str:
        """Ask with a form."""
        if isinstance(answer, AcceptedElicitation):
            return answer.data.model_dump_json()
        return answer.action

    @server.tool()
    def new_page(page: Annotated[Page, Resolve(ask_for_a_page)]) -> str:
        """Ask with a form of texts."""
        return f"{page.title}, by {page.author}"

    @server.tool()
    def book_surely(
        guest: Annotated[Guest, Resolve(ask_who_comes)], sure: Annotated[Confirmation, Resolve(ask_whether_sure)]
    ) -> str:
        """Ask twice, the second time about the first answer."""
        return f"{guest.name} {'comes' if sure.sure else 'stays at home'}"

    @server.tool()
    async def pay(ctx: Context[Any, Any]) -> str | InputRequiredResult:
        """Ask to open a page."""
        message = "Pay on our page."
        if ctx.protocol_version is not None and ctx.protocol_version < "2026":
            answer = await ctx.elicit_url(message, PAGE, "order-1")
            await ctx.session.send_elicit_complete("order-1")
            return answer.action
        if ctx.input_responses is None:
            asked = ElicitRequest(params=ElicitRequestURLParams(message=message, url=PAGE))
            return InputRequiredResult(input_requests={"payment": asked}, request_state="asked")
        response = ctx.input_responses["payment"]
        given: Mapping[str, Any] = response if isinstance(response, Mapping) else response.model_dump()
        return f"{given['action']}, {ctx.request_state}"

    @server.tool()
    def members_only() -> str:
        """Fail until a page was opened, as servers did before 2026-07-28."""
        raise UrlElicitationRequiredError(
            [ElicitRequestURLParams(message="Join first.", url=PAGE, elicitation_id="join-1")]
        )


def add_texts(server: MCPServer[Any]) -> None:
    """Add resources, prompts and completion."""

    @server.resource("notes://welcome", mime_type="text/plain", description="A text")
    def welcome() -> str:
        return "Welcome!"

    @server.resource("notes://pixel", mime_type="image/png", description="Bytes")
    def pixel() -> bytes:
        return PIXEL

    @server.resource("notes://by-name/{name}", mime_type="text/plain", description="A text with a name")
    def note(name: str) -> str:
        return f"The note {name}."

    @server.prompt(title="Greet somebody")
    def greet(name: str, tone: str = "kind") -> str:
        """Write a greeting."""
        return f"Greet {name} in a {tone} tone."

    @server.prompt()
    def plain() -> str:
        """Say something."""
        return "Say something."

    @server.prompt()
    def long() -> list[str]:
        """Say much."""
        return ["One.", "Two."]

    @server.completion()
    async def complete(ref: Any, argument: Any, context: Any) -> Completion:
        found = [name for name in NAMES if name.startswith(argument.value)]
        if context is not None and context.arguments:
            found = [f"{name} {'/'.join(sorted(context.arguments.values()))}" for name in found]
        return Completion(values=found, total=len(found), has_more=False)
