"""A real kernel, and a frontend with a person in front of it, which runs cells and keeps outputs as a notebook does."""

from __future__ import annotations

import asyncio
import html
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import zmq
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_core.utils import ensure_event_loop

from .wire import PATIENCE, ROOT

#: What a test sets for itself, and a kernel that serves many tests has to be told.
_PER_TEST = ("MCP_OAUTH_SYNC_HOME", "MCP_OAUTH_SYNC_BACKEND", "HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
_LINK = re.compile(r'<a href="([^"]*)"')


def close_event_loop() -> None:
    """Close the event loop that jupyter_client makes for itself and leaves behind."""
    ensure_event_loop().close()
    asyncio.set_event_loop(None)


class Typed(NamedTuple):
    """What a person types into a box, and how many seconds after it opened."""

    text: str
    after: float = 0.0


class Ran:
    """A cell that has run.

    Attributes:
        outputs: What the notebook keeps: kind, HTML or text, plain form; displays are changed in place.
        shown: Every HTML that was displayed, in order.
        plain: The same for frontends without HTML.
        boxes: What each box was called, and whether what is typed there is hidden.
        box_open: Whether a box is open. JupyterLab runs no other cell then.
        error: Name and text of the exception; None when there was none.
        ended_within: Seconds from what the person did last to the end.
    """

    def __init__(self) -> None:
        self.outputs: list[tuple[str, str, str]] = []
        self.shown: list[str] = []
        self.plain: list[str] = []
        self.boxes: list[tuple[str, bool]] = []
        self.box_open = False
        self.error: tuple[str, str] | None = None
        self.ended_within = 0.0
        self._displays: dict[str, int] = {}

    @property
    def kept(self) -> str:
        """All that the notebook keeps."""
        return "\n".join("\n".join(output) for output in self.outputs)

    @property
    def printed(self) -> str:
        """What was printed."""
        return "".join(text for kind, text, _ in self.outputs if kind in ("stdout", "stderr"))

    @property
    def card(self) -> str:
        """The plain form of the last display."""
        return self.plain[-1]

    @property
    def links(self) -> list[str]:
        """Every link that was displayed, once."""
        found = (html.unescape(link) for shown in self.shown for link in _LINK.findall(shown))
        return list(dict.fromkeys(found))

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """Keep what one message says."""
        if kind == "stream":
            self.outputs.append((content["name"], content["text"], ""))
        elif kind == "error":
            self.outputs.append((kind, "\n".join(content["traceback"]), ""))
        elif kind in ("display_data", "update_display_data", "execute_result"):
            name, plain = content.get("transient", {}).get("display_id"), content["data"]["text/plain"]
            output = ("display", content["data"].get("text/html", plain), plain)
            self.shown.append(output[1])
            self.plain.append(plain)
            if kind == "update_display_data":
                self.outputs[self._displays[name]] = output
            else:
                self._displays[name] = len(self.outputs)
                self.outputs.append(output)
        elif kind == "input_request":
            self.boxes.append((content["prompt"], content["password"]))
            self.box_open = True
        elif kind == "execute_reply" and content["status"] == "error":
            self.error = (content["ename"], content["evalue"])


class Kernel:
    """A kernel of its own, with a frontend.

    Args:
        folder: Where it keeps its files.
    """

    def __init__(self, folder: Path) -> None:
        self._hear: Callable[[str, str], object] = lambda where, text: None
        self.manager = KernelManager(kernel_name="python3", connection_file=str(folder / "connection.json"))
        environment = {"IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": str(ROOT)}
        self.manager.start_kernel(env={**os.environ, **environment}, cwd=str(folder))
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels(hb=False)  # whose thread would leave an event loop behind
        self.client.wait_for_ready(timeout=PATIENCE)
        close_event_loop()
        self._channels = (self.client.iopub_channel, self.client.stdin_channel, self.client.shell_channel)
        self._poller = zmq.Poller()
        self._running: str | None = None
        for channel in self._channels:
            self._poller.register(channel.socket, zmq.POLLIN)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        self.manager.cleanup_resources()
        close_event_loop()

    def enter(self, hear: Callable[[str, str], object]) -> None:
        """Begin a test: with its home, and no store held in memory.

        Args:
            hear: Called with everything that a notebook keeps.
        """
        if self._running is not None:  # a test has failed in the middle of a cell
            self.interrupt()
            self._follow(Ran(), self._running)
        values = {name: os.environ[name] for name in _PER_TEST}
        began = self.run(f"""
import os
from mcp_oauth_sync.prompts import notebook_listener as listener
from mcp_oauth_sync.stores import manager
os.environ.update({values!r})
manager._defaults.clear()
listener.PATIENCE, listener.MOST_QUESTIONS = 0.5, 50
""")
        assert began.error is None, began.error
        self._hear = hear

    def stop(self) -> None:
        """Press the stop button."""
        os.kill(self.manager.provisioner.pid, signal.SIGINT)

    def interrupt(self, *_: object) -> None:
        """Press the stop button."""
        self.manager.interrupt_kernel()
        close_event_loop()

    def run(
        self,
        code: str,
        *,
        follow: Callable[[str], object] | None = None,
        answer: Callable[[Ran], str | Typed | None] | None = None,
        runs_scripts: bool = False,
        takes_input: bool = True,
        bare: bool = False,
    ) -> Ran:
        """Run a cell to its end.

        Args:
            code: The cell.
            follow: Called with each link that is displayed, once.
            answer: Called when a box opens; returns what the person types there, None when nothing.
            runs_scripts: Whether the frontend runs scripts that are displayed, as JupyterLab does.
            takes_input: False for a frontend that takes no input, such as nbconvert.
            bare: Whether boxes open without anything being displayed.
        """
        self._running = self.client.execute(code, allow_stdin=takes_input)
        ran = Ran()
        self._follow(ran, self._running, follow=follow, answer=answer, runs_scripts=runs_scripts, bare=bare)
        self._hear("a cell of the notebook", ran.kept)
        return ran

    def _follow(
        self,
        ran: Ran,
        ours: str,
        *,
        follow: Callable[[str], object] | None = None,
        answer: Callable[[Ran], str | Typed | None] | None = None,
        runs_scripts: bool = False,
        bare: bool = False,
    ) -> None:
        followed, asked, due = 0, False, Typed("", -1.0)
        acted = time.monotonic()
        deadline = acted + PATIENCE
        left = {"idle", "execute_reply"}
        while left:
            assert time.monotonic() < deadline, f"the cell did not end: {ran.kept} {ran.boxes}"
            if due.after >= 0 and time.monotonic() >= due.after:
                acted = self._type(ran, due.text)
                due = Typed("", -1.0)
            wait = 20 if due.after < 0 else max(0, int(1000 * (due.after - time.monotonic())))
            ready = dict(self._poller.poll(wait))
            for channel in self._channels:
                message = channel.get_msg(timeout=PATIENCE) if channel.socket in ready else {}
                if message.get("parent_header", {}).get("msg_id") != ours:
                    continue
                kind, content = message["header"]["msg_type"], message["content"]
                ran.take(kind, content)
                left -= {kind, content.get("execution_state", "")}
                if ran.box_open and runs_scripts and ran.shown and "<script>" in ran.shown[-1]:
                    acted = self._type(ran, "")
                if follow is not None:
                    for link in ran.links[followed:]:
                        followed += 1
                        follow(link)
                        acted = time.monotonic()
                asked = asked or (answer is not None and kind == "input_request")
            # Boxes and displays come by different ways: a person reads what belongs to a box before they answer.
            if asked and (bare or len(ran.shown) >= len(ran.boxes)):
                asked, typed = False, answer(ran) if answer is not None else None
                acted = time.monotonic()
                if typed is not None:
                    due = typed if isinstance(typed, Typed) else Typed(typed)
                    due = due._replace(after=time.monotonic() + due.after)
        ran.ended_within = time.monotonic() - acted
        self._running = None

    def _type(self, ran: Ran, text: str) -> float:
        """Answer the open box; the notebook keeps what was typed, unless it is hidden."""
        if ran.box_open:
            prompt, hidden = ran.boxes[-1]
            ran.outputs.append(("stdin", f"{prompt} {'*' * 8 if hidden else text}", ""))
            ran.box_open = False
            self.client.input(text)
        return time.monotonic()
