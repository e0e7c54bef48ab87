"""What an MCP server offers, as methods that block: tools, resources, prompts, completion. MCP "Server Features"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ..exceptions import MCPError, printable
from ..urls import without_query
from .cache import ResultCache
from .calls import Call, Calls
from .choices import INVALID_PARAMS
from .content import ResourceContents, ToolResult
from .jsonrpc import HEADER_MISMATCH
from .members import documents, required_objects
from .notices import Progress
from .records import Completion, Resource, ResourceTemplate, Tool
from .server_prompts import PromptDefinition, PromptResult
from .tool_headers import Annotation, InvalidToolHeaders, build_param_headers, read_annotations

OnProgress = Callable[[Progress], object] | None
#: Most pages of a list that are fetched.
MAX_PAGES = 1000
#: Refusals of a tool that is not what its list said.
_OUTDATED = (HEADER_MISMATCH, INVALID_PARAMS)
_Offered = TypeVar("_Offered", Tool, Resource, ResourceTemplate, PromptDefinition)


class Operations:
    """The operations of a session.

    Args:
        server_url: The MCP server.
        calls: Makes the calls.
        authorization: Gives the ``Authorization`` header that a call would carry now.
    """

    def __init__(self, server_url: str, calls: Calls, *, authorization: Callable[[], str | None]) -> None:
        """Send nothing yet."""
        self.server_url = server_url
        self._calls, self._agreement, self._authorization = calls, calls.agreement, authorization
        self._cache = ResultCache()
        self._annotations: dict[str, tuple[Annotation, ...] | InvalidToolHeaders] = {}

    def list_tools(self) -> Iterator[Tool]:
        """Return the tools, fetching page after page as they are asked for.

        Raises:
            MCPError: The server answered with an error, or with nothing of use.
            OAuthError: No good token could be got; the subclass says why.
        """
        for tool in self._list("tools/list", "tools", Tool):
            if self._agreement.terms().stateless:
                try:
                    self._annotations[tool.name] = read_annotations(tool.input_schema)
                except InvalidToolHeaders as wrong:
                    self._calls.complain(f"the tool {printable(tool.name, 60)} is left out", wrong)
                    self._annotations[tool.name] = wrong
                    continue
            yield tool

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        on_progress: OnProgress = None,
        timeout: float | None = None,
    ) -> ToolResult:
        """Call a tool.

        Args:
            name: The tool.
            arguments: What it is given; None gives it nothing.
            on_progress: Hears of progress; None asks for none.
            timeout: Seconds to wait; None waits as long as the session does.

        Returns:
            What the tool says, also when it says that it failed: see :meth:`ToolResult.raise_for_error`.

        Raises:
            MCPError: The server answered with an error, or with nothing of use.
            OAuthError: No good token could be got; the subclass says why.
            ValueError: The arguments are nothing that JSON or the tool's headers can say.
        """
        params: dict[str, Any] = {"name": name, "arguments": dict(arguments or {})}

        def call() -> ToolResult:
            headers = self._param_headers(params)
            made = Call(method="tools/call", params=params, headers=headers, on_progress=on_progress, timeout=timeout)
            return ToolResult.from_document(self._result(made))

        try:
            return call()
        except MCPError as refusal:
            if refusal.code in _OUTDATED:
                self._cache.forget("tools/list")
            if refusal.code != HEADER_MISMATCH:
                raise
        list(self.list_tools())  # the tool wants other headers by now
        return call()

    def list_resources(self) -> Iterator[Resource]:
        """Return the resources, fetching page after page as they are asked for. Raises as :meth:`list_tools`."""
        return self._list("resources/list", "resources", Resource)

    def list_resource_templates(self) -> Iterator[ResourceTemplate]:
        """Return the templates of resources, as :meth:`list_resources` does. Raises as :meth:`list_tools`."""
        return self._list("resources/templates/list", "resourceTemplates", ResourceTemplate)

    def read_resource(self, uri: str, *, timeout: float | None = None) -> tuple[ResourceContents, ...]:
        """Return the contents of a resource. Raises as :meth:`list_tools`.

        Args:
            uri: The resource.
            timeout: Seconds to wait; None waits as long as the session does.
        """
        found = self._cached(Call(method="resources/read", params={"uri": uri}, timeout=timeout))
        return tuple(
            ResourceContents.from_document(each) for each in required_objects(found, "contents", of="a resource")
        )

    def list_prompts(self) -> Iterator[PromptDefinition]:
        """Return the prompts, fetching page after page as they are asked for. Raises as :meth:`list_tools`."""
        return self._list("prompts/list", "prompts", PromptDefinition)

    def get_prompt(
        self, name: str, arguments: Mapping[str, str] | None = None, *, timeout: float | None = None
    ) -> PromptResult:
        """Return the messages of a prompt. Raises as :meth:`list_tools`.

        Args:
            name: The prompt.
            arguments: What it is filled with; None fills in nothing.
            timeout: Seconds to wait; None waits as long as the session does.
        """
        params = {"name": name, **({"arguments": dict(arguments)} if arguments else {})}
        return PromptResult.from_document(self._result(Call(method="prompts/get", params=params, timeout=timeout)))

    def complete(
        self,
        argument: str,
        value: str,
        *,
        prompt: str | None = None,
        resource_template: str | None = None,
        context: Mapping[str, str] | None = None,
    ) -> Completion:
        """Return how the value of an argument could go on. Raises as :meth:`list_tools`.

        Args:
            argument: The argument's name.
            value: What it begins with.
            prompt: The prompt it belongs to, or None.
            resource_template: The URI template it belongs to, or None.
            context: The arguments that are known already; None for none.

        Raises:
            ValueError: Not just one of ``prompt`` and ``resource_template`` is given.
        """
        if (prompt is None) == (resource_template is None):
            raise ValueError("Give either prompt= or resource_template=.")
        ref = (
            {"type": "ref/resource", "uri": resource_template}
            if prompt is None
            else {"type": "ref/prompt", "name": prompt}
        )
        known = {"context": {"arguments": dict(context)}} if context else {}
        params = {"ref": ref, "argument": {"name": argument, "value": value}, **known}
        return Completion.from_document(self._result(Call(method="completion/complete", params=params)))

    def _result(self, call: Call) -> dict[str, Any]:
        return self._calls.make(call)[0]

    def _cached(self, call: Call) -> dict[str, Any]:
        """Make a call, or give what it brought before while the server says that this holds. MCP caching."""
        if not self._agreement.terms().stateless:
            return self._result(call)
        before, asked = self._authorization(), self._cache.clock()
        kept = self._cache.get(call.method, call.params, authorization=before)
        if kept is not None:
            return kept
        try:
            result, plain = self._calls.make(call)
        except MCPError:
            self._cache.forget(call.method)  # a cursor may have become invalid, and with it every page
            raise
        now = self._authorization()
        if plain and before in (None, now):
            self._cache.put(call.method, call.params, result, authorization=now, asked=asked)
        return result

    def _list(self, method: str, member: str, kind: type[_Offered]) -> Iterator[_Offered]:
        """Yield what a list holds. What is malformed is left out: it must not keep others from being used."""
        cursor: str | None = None
        seen: set[str | None] = set()
        while cursor not in seen and len(seen) < MAX_PAGES:
            seen.add(cursor)
            page = self._cached(Call(method=method, params={} if cursor is None else {"cursor": cursor}))
            for document in documents(page, member):
                try:
                    record = kind.from_document(document)
                except MCPError as wrong:
                    self._calls.complain(f"one of the {member} is left out", wrong)
                else:
                    yield record
            cursor = page.get("nextCursor")
            # An empty cursor is one like any other, but older servers mean by it that there is no more.
            if not isinstance(cursor, str) or not (cursor or self._agreement.terms().stateless):
                return
        raise MCPError(f"The list of {member} of {without_query(self.server_url)} has no end.")

    def _param_headers(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Return the headers that repeat arguments of a tool, as far as it is known."""
        known = self._annotations.get(params["name"], ())
        if isinstance(known, InvalidToolHeaders):
            raise MCPError(f"The tool {printable(params['name'], 60)} cannot be called: {known}.")
        return build_param_headers(known, params["arguments"])
