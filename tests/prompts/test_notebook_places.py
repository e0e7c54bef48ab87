"""Asking in a notebook where something is missing: input, the main thread, a browser on the same computer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mcp_oauth_sync import Callback, DeviceAuthorization, Listener, NotebookPrompt
from mcp_oauth_sync.exceptions import SignInRequiredError
from tests.servers import AuthorizationServer, McpServer, Person

from .cells import call, in_thread, pasted, require_untouched
from .kernel import Kernel, Ran
from .wire import PATIENCE, ROOT

pytestmark = pytest.mark.kernel

DEVICE = DeviceAuthorization(device_code="hidden", user_code="WDJB", verification_uri="https://as.example.com/device")


class _Nowhere(Listener):
    redirect_uri = "http://127.0.0.1:9/callback"

    def wait(self, timeout: float) -> str:
        """Nobody waits."""
        raise AssertionError


# Nobody there


def test_a_frontend_without_input_is_an_error_with_the_command_before_anything_is_asked_or_shown(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer
) -> None:
    ran = kernel.run(call(mcp), takes_input=False)
    assert ran.error is not None
    name, text = ran.error
    assert name == "SignInRequiredError"
    assert f"A person has to sign in to {mcp.mcp_url}, and nobody is there to ask (this notebook" in text
    assert f"\nHint: Run: mcp-oauth-sync auth notes {mcp.mcp_url}\n" in text
    assert "start_sign_in() and finish_sign_in()" in text
    assert (ran.shown, ran.boxes, az.log) == ([], [], [])


def test_a_sign_in_made_beforehand_is_all_that_a_frontend_without_input_needs(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    kernel.run(call(mcp), follow=person.in_thread, runs_scripts=True)
    ran = kernel.run(call(mcp), takes_input=False)
    assert (ran.error, ran.printed, ran.shown) == (None, "before\nstatus 200\n", [])


def test_the_step_by_step_client_registers_nothing_without_input(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer
) -> None:
    cell = f"from mcp_oauth_sync import MCPOAuthClient\nMCPOAuthClient({mcp.mcp_url!r}).authorize()"
    ran = kernel.run(cell, takes_input=False)
    assert ran.error is not None
    assert ran.error[0] == "SignInRequiredError"
    assert "Hint: Run: mcp-oauth-sync auth NAME URL\n" in ran.error[1]
    assert (ran.shown, az.requests("/register")) == ([], [])


def test_input_that_turns_out_to_be_impossible_is_the_same_error(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer
) -> None:
    refusing = (
        "import getpass\nfrom IPython.core.error import StdinNotImplementedError\n"
        "class Refusing:\n    def getpass(self, prompt): raise StdinNotImplementedError('no')\n"
        "getpass.getpass = Refusing().getpass\n"
    )
    ran = kernel.run(refusing + call(mcp))
    assert ran.error is not None
    assert ran.error[0] == "SignInRequiredError"
    assert ran.card.startswith(f"Not signed in to {mcp.mcp_url}\n")
    assert "mcp-oauth-sync auth NAME URL" in ran.card
    assert az.requests("/token") == []
    require_untouched(kernel)


def test_a_notebook_executed_by_a_program_ends_with_the_useful_error(
    az: AuthorizationServer, mcp: McpServer, tmp_path: Path
) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(call(mcp))])
    nbformat.write(notebook, tmp_path / "executed.ipynb")
    done = subprocess.run(
        [sys.executable, "-c", "import nbclient, nbformat; nbclient.execute(nbformat.read('executed.ipynb', 4))"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode != 0
    assert f"Hint: Run: mcp-oauth-sync auth notes {mcp.mcp_url}\n" in done.stderr
    assert az.log == []


def test_ending_the_input_leaves_the_link(kernel: Kernel, mcp: McpServer, person: Person) -> None:
    def answer(ran: Ran) -> str:
        person.in_thread(ran.links[0])
        return "\x04"

    ran = kernel.run(call(mcp), answer=answer)
    assert (ran.error, ran.printed, len(ran.boxes)) == (None, "before\nstatus 200\n", 1)
    require_untouched(kernel)


def test_a_frontend_that_answers_nonsense_by_itself_is_not_asked_for_ever(
    kernel: Kernel, mcp: McpServer, person: Person
) -> None:
    kernel.run("listener.MOST_QUESTIONS = 3")

    def answer(ran: Ran) -> str:
        if len(ran.boxes) == 3:
            person.in_thread(ran.links[0])
        return ""

    ran = kernel.run(call(mcp), answer=answer)
    assert (ran.error, ran.printed, len(ran.boxes)) == (None, "before\nstatus 200\n", 3)


@pytest.mark.parametrize("act", ["listen", "show", "show_code"])
def test_outside_of_notebooks_there_is_nobody_to_ask(act: str) -> None:
    prompt = NotebookPrompt()
    assert not prompt.interactive
    acts = {
        "listen": lambda: prompt.listen(Callback.at("http://127.0.0.1/callback"), state="state"),
        "show": lambda: prompt.show("https://as.example.com/", listener=_Nowhere(), server_url="https://example.com"),
        "show_code": lambda: prompt.show_code(DEVICE, server_url="https://example.com"),
    }
    with pytest.raises(SignInRequiredError, match="nobody is there to ask"):
        acts[act]()
    prompt.conclude(None)


# Away from the cell


def test_in_a_thread_there_is_the_link_and_no_box(kernel: Kernel, mcp: McpServer, person: Person) -> None:
    ran = kernel.run(in_thread(call(mcp)), follow=person.in_thread)
    assert (ran.error, ran.printed, ran.boxes) == (None, "before\nstatus 200\n", [])
    assert "paste" not in ran.plain[0]
    assert "on the computer where this notebook runs" in ran.plain[0]
    assert ran.card == f"Signed in to {mcp.mcp_url}"


def test_in_a_thread_a_redirect_that_has_to_be_pasted_is_an_error(kernel: Kernel, mcp: McpServer) -> None:
    ran = kernel.run(in_thread(call(mcp, "redirect_uri='https://notes.example.com/signed-in'")))
    assert "AuthorizationError The browser comes back to https://notes.example.com/signed-in" in ran.printed
    assert "Sign in from the cell itself" in ran.printed
    assert ran.shown == []


def test_between_cells_there_is_the_link_and_no_box(kernel: Kernel, mcp: McpServer, person: Person) -> None:
    """What a widget calls runs outside of any cell, where Python's own getpass is back."""
    ran = kernel.run("import getpass; getpass.getpass = getpass.unix_getpass\n" + call(mcp), follow=person.in_thread)
    assert (ran.error, ran.printed, ran.boxes) == (None, "before\nstatus 200\n", [])


def test_a_cell_that_awaits_signs_in(kernel: Kernel, mcp: McpServer, person: Person) -> None:
    ran = kernel.run("import asyncio\nawait asyncio.sleep(0)\n" + call(mcp), follow=person.in_thread)
    assert (ran.error, ran.printed) == (None, "before\nstatus 200\n")
    ran = kernel.run("await asyncio.sleep(0.01); print('goes on')")
    assert (ran.error, ran.printed) == (None, "goes on\n")


# Where the browser is on another computer


@pytest.mark.parametrize(
    ("place", "leave"),
    [
        ("os.environ['JUPYTERHUB_SERVICE_PREFIX'] = '/user/ada/'", "del os.environ['JUPYTERHUB_SERVICE_PREFIX']"),
        ("os.environ['CODESPACES'] = 'true'", "del os.environ['CODESPACES']"),
        (
            "import sys, types; sys.modules['google.colab'] = types.ModuleType('colab')",
            "del sys.modules['google.colab']",
        ),
    ],
    ids=["JupyterHub", "Codespaces", "Colab"],
)
def test_on_a_hosted_notebook_the_cell_says_what_to_expect(
    kernel: Kernel, mcp: McpServer, place: str, leave: str
) -> None:
    kernel.run(place)
    ran = kernel.run(call(mcp), answer=pasted())
    kernel.run(leave)
    assert (ran.error, ran.printed) == (None, "before\nstatus 200\n")
    assert "At the end your browser shows a page that cannot be reached. That is as it should be here" in ran.plain[0]
