"""What an MCP server offers, as methods that block: tools, resources, prompts, completion. MCP "Server Features"."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ..exceptions import MCPError
from ..urls import without_query
from .cache import ResultCache
from .calls import Call, Calls
from .content import ResourceContents, ToolResult
from .jsonrpc import HEADER_MISMATCH
from .notices import Progress
from .records import Completion, Resource, ResourceTemplate, Tool
from .server_prompts import PromptDefinition, PromptResult
from .tool_headers import Annotation, InvalidToolHeaders, build_param_headers, read_annotations

logger = logging.getLogger(__name__)

OnProgress = Callable[[Progress], object] | None
#: Most pages of a list that are fetched.
MAX_PAGES = 1000
_Offered = TypeVar("_Offered", Tool, Resource, ResourceTemplate, PromptDefinition)


class Operations:
    """The operations of a session.

    Args:
        server_url: The MCP server.
        calls: Makes the calls.
        authorization: Gives the ``Authorization`` header that a call would carry now.
        timeout: Seconds to wait for each answer.
    """

    def __init__(
        self, server_url: str, calls: Calls, *, authorization: Callable[[], str | None], timeout: float
    ) -> None:
        """Send nothing yet."""
        self.server_url, self.timeout = server_url, timeout
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
                    logger.warning("%s: the tool %r is left out: %s", without_query(self.server_url), tool.name, wrong)
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
        given = dict(arguments or {})

        def call() -> dict[str, Any]:
            headers = build_param_headers(self._known(name), given)
            params = {"name": name, "arguments": given}
            return self._call("tools/call", params, headers=headers, progress=on_progress, timeout=timeout)

        try:
            return ToolResult.from_document(call())
        except MCPError as refusal:
            if refusal.code != HEADER_MISMATCH:
                raise
        self._cache.forget("tools/list")  # the tool may want other headers by now
        for _ in self.list_tools():
            pass
        return ToolResult.from_document(call())

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
        found = self._cached("resources/read", {"uri": uri}, timeout=timeout)
        return tuple(ResourceContents.from_document(each) for each in _documents(found, "contents"))

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
        return PromptResult.from_document(self._call("prompts/get", params, timeout=timeout))

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
        about = {"type": "ref/resource", "uri": resource_template}
        params: dict[str, Any] = {"ref": about if prompt is None else {"type": "ref/prompt", "name": prompt}}
        params["argument"] = {"name": argument, "value": value}
        if context:
            params["context"] = {"arguments": dict(context)}
        return Completion.from_document(self._call("completion/complete", params))

    def _call(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        headers: Mapping[str, str] | None = None,
        progress: OnProgress = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        return self._make(method, params, headers=headers, progress=progress, timeout=timeout)[0]

    def _make(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        headers: Mapping[str, str] | None = None,
        progress: OnProgress = None,
        timeout: float | None = None,
    ) -> tuple[dict[str, Any], bool]:
        patience = self.timeout if timeout is None else timeout
        return self._calls.make(
            Call(method=method, params=params, headers=headers or {}, on_progress=progress, timeout=patience)
        )

    def _cached(self, method: str, params: Mapping[str, Any], **how: Any) -> dict[str, Any]:
        """Make a call, or give what it brought before while the server says that this holds. MCP caching."""
        before, asked = self._authorization(), time.monotonic()
        kept = self._cache.get(method, params, authorization=before)
        if kept is not None:
            return kept
        try:
            result, plain = self._make(method, params, **how)
        except MCPError:
            self._cache.forget(method)  # a cursor may have become invalid, and with it every page
            raise
        now = self._authorization()
        if plain and before in (None, now) and self._agreement.terms().stateless:
            self._cache.put(method, params, result, authorization=now, asked=asked)
        return result

    def _list(self, method: str, member: str, kind: type[_Offered]) -> Iterator[_Offered]:
        """Yield what a list holds. What is malformed is left out: it must not keep others from being used."""
        params: dict[str, Any] = {}
        for _ in range(MAX_PAGES):
            page = self._cached(method, params)
            for document in _documents(page, member):
                try:
                    record = kind.from_document(document)
                except MCPError as wrong:
                    logger.warning("%s: one of the %s is left out: %s", without_query(self.server_url), member, wrong)
                else:
                    yield record
            cursor = page.get("nextCursor")
            # An empty cursor is one like any other, but older servers mean by it that there is no more.
            if not isinstance(cursor, str) or not (cursor or self._agreement.terms().stateless):
                return
            params = {"cursor": cursor}
        raise MCPError(f"The list of {member} of {without_query(self.server_url)} has no end.")

    def _known(self, tool: str) -> tuple[Annotation, ...]:
        known = self._annotations.get(tool, ())
        if isinstance(known, InvalidToolHeaders):
            raise MCPError(f"The tool {tool!r} cannot be called: {known}.")
        return known


def _documents(found: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    """Return what an array holds; what is no object becomes an empty one, which nothing can be made of."""
    held = found.get(member)
    return [each if isinstance(each, dict) else {} for each in held] if isinstance(held, list) else []
