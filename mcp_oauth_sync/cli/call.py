"""``mcp-oauth-sync call NAME TOOL [ARGUMENT ...]``: call a tool of a server, and show what it gives."""

from __future__ import annotations

import argparse
import difflib
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..exceptions import MCPError, MCPTimeoutError, OAuthError, printable
from ..mcp.content import ToolResult
from ..mcp.elicitation import Elicitation, ElicitationReply
from ..mcp.jsonrpc import METHOD_NOT_FOUND, MISSING_CAPABILITY, URL_ELICITATION_REQUIRED
from ..mcp.records import Tool
from ..mcp.session import MCPSession
from .as_json import as_json
from .call_arguments import Given, Misuse, explain
from .call_output import ProgressLine, explain_failure, first_binary, show_result
from .connection import command, open_session
from .elicit import ask_in_terminal, at_terminal
from .new_file import NewFile
from .output import complain, data, say
from .tool_parameters import read_parameters

_INVALID_PARAMS = -32602


def run(options: argparse.Namespace) -> int:
    """Call the tool. Wrong arguments reach no server."""
    try:
        given = Given.read(options.arguments)
        if options.output is None:
            return _Call(options, given).run(None)
        with _new_file(options.output) as file:  # before the tool does anything
            return _Call(options, given).run(file)
    except Misuse as wrong:
        complain(wrong)
        return 2


class _Call:
    """One call of one tool."""

    def __init__(self, options: argparse.Namespace, given: Given) -> None:
        self.options, self.given = options, given
        self.progress = ProgressLine()
        self.asks = at_terminal() and not given.from_stdin

    def run(self, file: NewFile | None) -> int:
        """Make it, and show the result."""
        how: dict[str, Any] = {"elicit": self._ask} if self.asks else {}
        if self.options.verbose:
            how |= {"on_log": self._log, "log_level": "debug"}
        if self.options.timeout is not None:
            how["timeout"] = self.options.timeout
        with open_session(self.options, **how) as mcp:
            try:
                result = self._result(mcp)
            finally:
                self.progress.leave()
            if self.options.json:
                data(as_json(result.raw))
            if result.is_error:
                say(f"error: {explain_failure(result)}")
                if hint := self._hint(mcp):
                    say(f"hint: {hint}")
                return 1
        if not self.options.json:
            show_result(result)
        return 0 if file is None else _save(result, file, self.options.output)

    def _result(self, mcp: MCPSession) -> ToolResult:
        tool = self.options.tool
        arguments = self.given.document
        if arguments is None:
            arguments = self.given.arguments(read_parameters(self._tool(mcp).input_schema))
        try:
            return mcp.call_tool(tool, arguments, on_progress=self.progress.show)
        except MCPError as error:
            error.hint = self._remedy(mcp, error)
            raise
        except OAuthError:
            raise
        except ValueError as defect:
            raise Misuse(printable(defect)) from None

    def _remedy(self, mcp: MCPSession, error: MCPError) -> str | None:
        """Return what to do about an error here, where a program would pass other arguments."""
        if error.code in (_INVALID_PARAMS, METHOD_NOT_FOUND):
            return self._hint(mcp, arguments_are_wrong=True) or error.hint
        if isinstance(error, MCPTimeoutError):
            return "Try again later, or wait longer with --timeout SECONDS."
        wants_a_person = error.code in (MISSING_CAPABILITY, URL_ELICITATION_REQUIRED) or "elicit=" in (error.hint or "")
        if wants_a_person and not self.asks:
            return "Run it at a terminal, where you can answer what the server asks."
        return error.hint

    def _tool(self, mcp: MCPSession) -> Tool:
        """Return what the server says of the tool.

        Raises:
            OAuthError: It offers no such tool.
        """
        names = []
        for tool in mcp.list_tools():
            if tool.name == self.options.tool:
                return tool
            names.append(tool.name)
        raise OAuthError(f"The server offers no tool {printable(self.options.tool, 60)!r}.", hint=self._near(names))

    def _hint(self, mcp: MCPSession, *, arguments_are_wrong: bool = False) -> str | None:
        """Return what may help after a failure: which tools there are, or what this one takes."""
        if self.given.document is None:
            return None  # both were looked at before
        with suppress(OAuthError):
            tools = {tool.name: tool for tool in mcp.list_tools()}
            found = tools.get(self.options.tool)
            if found is None:
                return self._near(list(tools))
            if arguments_are_wrong:
                return explain(read_parameters(found.input_schema))
        return None

    def _near(self, names: list[str]) -> str:
        near = difflib.get_close_matches(self.options.tool, names, n=1)
        guess = f"Did you mean {printable(near[0], 60)!r}? " if near else ""
        where = [self.options.url] if self.options.url else []
        return f"{guess}The tools are listed by: {command('tools', self.options, *where)}"

    def _ask(self, asked: Elicitation) -> ElicitationReply:
        self.progress.leave()
        return ask_in_terminal(asked)

    def _log(self, line: object) -> None:
        self.progress.leave()
        say(str(line))


def _new_file(name: str) -> NewFile:
    try:
        return NewFile(Path(name))
    except OSError as failure:
        raise OAuthError(
            f"The file {printable(name)} cannot be written: {failure.strerror}.",
            hint="Choose one that is not there yet. The tool was not called.",
        ) from None


def _save(result: ToolResult, file: NewFile, name: str) -> int:
    content = first_binary(result)
    if content is None:
        say(f"error: The tool gave no image, audio or other bytes: {printable(name)} was not written.")
        return 1
    try:
        file.write(content)
    except OSError as failure:
        raise OAuthError(f"The file {printable(name)} cannot be written: {failure.strerror}.") from None
    say(f"Written to {printable(name)}: {len(content)} bytes.")
    return 0
