"""Asking in a notebook: real kernels, a frontend that answers as JupyterLab does, real servers."""

from __future__ import annotations

import contextlib
import random
import re
import threading
from collections.abc import Callable
from urllib.parse import unquote

import pytest
import requests

from tests.servers import ABSENT, AuthorizationServer, McpServer, Person

from .cells import browse, call, one_by_one, pasted, redirect_of, require_untouched
from .kernel import Kernel, Ran, Typed
from .wire import accepts_connections, port_of

pytestmark = pytest.mark.kernel

#: Seconds in which a cell ends that would wait for minutes otherwise.
AT_ONCE = 20


# The link


@pytest.mark.parametrize("runs_scripts", [True, False], ids=["JupyterLab", "a frontend without scripts"])
def test_the_link_is_followed_and_the_cell_goes_on(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer, person: Person, runs_scripts: bool
) -> None:
    ran = kernel.run(call(mcp), follow=person.in_thread, runs_scripts=runs_scripts)
    person.join()
    assert ran.error is None
    assert (ran.error, ran.printed) == (None, "before\nstatus 200\n")
    assert ran.card == f"Signed in to {mcp.mcp_url}"
    assert len(ran.boxes) == 1
    assert ran.box_open is not runs_scripts  # JupyterLab would run no other cell
    assert ran.ended_within < AT_ONCE
    assert person.page is not None
    assert "You are signed in" in person.page.html
    assert (az.exchanges, az.violations, mcp.violations) == (1, [], [])
    require_untouched(kernel)


def test_the_cell_says_where_and_how_and_keeps_nothing_of_it(kernel: Kernel, mcp: McpServer, person: Person) -> None:
    ran = kernel.run(call(mcp), follow=person.in_thread, runs_scripts=True)
    waiting = ran.shown[0]
    assert f"Sign in to {mcp.mcp_url}" in waiting
    assert "Waiting for you..." in waiting
    assert 'target="_blank" rel="noopener noreferrer"' in waiting
    assert "copy the address of that page, paste it below" in waiting
    assert "<script" not in waiting
    for left in ("<a ", "<script", "state=", "code_challenge", "redirect_uri"):
        assert left not in ran.kept


def test_a_frontend_without_html_shows_the_whole_address(kernel: Kernel, mcp: McpServer, person: Person) -> None:
    ran = kernel.run(call(mcp), follow=person.in_thread)
    assert ran.plain[0].startswith(f"Sign in to {mcp.mcp_url}\nOpen this address in a browser:\n\n  {ran.links[0]}\n")
    assert ran.plain[-1] == f"Signed in to {mcp.mcp_url}"


def test_twenty_sign_ins_in_a_row_pasted_and_followed_at_nearly_the_same_time_interrupt_nothing(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer
) -> None:
    kernel.run("from mcp_oauth_sync import OAuth; import time; listener.PATIENCE = 0.01")
    chance, redirects, browsers = random.Random(8252), list[str](), list[threading.Thread]()

    def follow(link: str) -> None:
        redirect = Person().redirect_only(link)
        assert redirect is not None
        redirects.append(redirect)
        browsers.append(threading.Timer(chance.uniform(0, 0.04), browse, (redirect,)))
        browsers[-1].start()

    for turn in range(20):
        ran = kernel.run(
            f"OAuth({mcp.mcp_url!r}).sign_in()\nfor _ in range(10): time.sleep(0.003)\nprint('went on', {turn})",
            follow=follow,
            answer=lambda ran: Typed(redirects[-1], chance.uniform(0, 0.06)),
        )
        assert ran.printed == f"went on {turn}\n", (turn, ran.error)
        browsers[-1].join()
    assert (az.exchanges, az.violations, mcp.violations) == (20, [], [])
    require_untouched(kernel)


# What is pasted


@pytest.mark.parametrize(
    "change",
    [str, lambda url: "?" + url.partition("?")[2], lambda url: url.partition("?")[2], lambda url: f'  "{url}"\t'],
    ids=["the address", "its query with the mark", "its query", "with something around it"],
)
def test_what_is_pasted_signs_in(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer, change: Callable[[str], str]
) -> None:
    ran = kernel.run(call(mcp), answer=pasted(change))
    assert (ran.error, ran.printed) == (None, "before\nstatus 200\n")
    assert ran.card == f"Signed in to {mcp.mcp_url}"
    assert (az.exchanges, az.violations, mcp.violations) == (1, [], [])
    require_untouched(kernel)


def test_what_is_pasted_is_hidden_as_it_is_typed_and_in_the_notebook(kernel: Kernel, mcp: McpServer) -> None:
    ran = kernel.run(call(mcp), answer=pasted())
    assert [hidden for _, hidden in ran.boxes] == [True]
    assert "********" in ran.kept  # as JupyterLab keeps it
    assert "code=" not in ran.kept


@pytest.mark.parametrize("state", ["somebody-elses-state", ""], ids=["another", "empty"])
def test_a_pasted_address_with_a_wrong_state_is_refused_and_nothing_of_it_is_used(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer, state: str
) -> None:
    ran = kernel.run(call(mcp), answer=pasted(lambda url: re.sub(r"state=[^&]*", f"state={state}", url)))
    assert ran.error is not None
    assert ran.error[0] == "InvalidRedirectError"
    assert ran.card.startswith(f"Not signed in to {mcp.mcp_url}\n")
    assert az.requests("/token") == []
    require_untouched(kernel)


def test_a_pasted_address_of_another_authorization_server_is_refused(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer
) -> None:
    ran = kernel.run(call(mcp), answer=pasted(lambda url: re.sub("iss=[^&]*", "iss=https%3A%2F%2Fevil.example", url)))
    assert ran.error is not None
    assert ran.error[0] == "InvalidRedirectError"
    assert "evil.example" not in ran.card
    assert az.requests("/token") == []


def test_nothing_and_nonsense_are_asked_again_with_a_reason_until_the_right_thing_comes(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer
) -> None:
    answers = ("", "what is this?", "?code=x", "x" * 20000, lambda ran: ran.links[0], pasted())
    ran = kernel.run(call(mcp), answer=one_by_one(*answers))
    assert (ran.error, ran.printed) == (None, "before\nstatus 200\n")
    complaints = [plain.splitlines()[-2] for plain in ran.plain[1:6]]
    assert [complaint.partition(".")[0] for complaint in complaints] == [
        "That is not it",
        "That is not it",
        "A part of it is missing",
        "It is too long",
        "That is the address to open",
    ]
    assert len(ran.outputs) == 1 + 1 + 6 + 1  # one card, however often it changed
    assert az.exchanges == 1


def test_a_code_alone_is_taken_only_where_that_was_asked_for(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer
) -> None:
    az.metadata_overrides = {"authorization_response_iss_parameter_supported": ABSENT}

    def code_alone(url: str) -> str:
        return unquote(re.findall(r"[?&]code=([^&]*)", url)[0])

    ran = kernel.run(call(mcp), answer=one_by_one(pasted(code_alone), pasted()))
    assert "That is not it" in ran.plain[1]
    asked = "from mcp_oauth_sync import NotebookPrompt\n" + call(
        mcp, "profile='other', prompt=NotebookPrompt(accept_bare_code=True)"
    )
    ran = kernel.run(asked, answer=pasted(code_alone))
    assert (ran.error, ran.printed) == (None, "before\nstatus 200\n")


def test_a_code_alone_that_is_not_enough_leads_to_the_whole_address(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer
) -> None:
    asked = "from mcp_oauth_sync import NotebookPrompt\n" + call(mcp, "prompt=NotebookPrompt(accept_bare_code=True)")
    ran = kernel.run(asked, answer=pasted(lambda url: unquote(re.findall(r"[?&]code=([^&]*)", url)[0])))
    assert ran.error is not None
    assert ran.error[0] == "InvalidRedirectError"
    assert ran.card.endswith("A code alone does not say which server it is from: paste the whole address instead.")
    assert az.requests("/token") == []


def test_the_link_works_while_the_box_complains(kernel: Kernel, mcp: McpServer, person: Person) -> None:
    def answer(ran: Ran) -> str | None:
        if len(ran.boxes) > 1:
            person.in_thread(ran.links[0])
        return "nonsense" if len(ran.boxes) == 1 else None

    assert kernel.run(call(mcp), answer=answer, runs_scripts=True).printed == "before\nstatus 200\n"


def test_a_redirect_that_only_the_person_can_bring_is_pasted(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer
) -> None:
    ran = kernel.run(call(mcp, "redirect_uri='https://notes.example.com/signed-in'"), answer=pasted())
    assert (ran.error, ran.printed) == (None, "before\nstatus 200\n")
    assert "a page that cannot be reached. That is as it should be here" in ran.plain[0]


# No


@pytest.mark.parametrize("way", ["link", "paste"])
def test_who_says_no_is_told_so_in_the_cell(kernel: Kernel, az: AuthorizationServer, mcp: McpServer, way: str) -> None:
    az.auto_consent = False
    person = Person("deny")
    if way == "link":
        ran = kernel.run(call(mcp), follow=person.in_thread, runs_scripts=True)
    else:
        ran = kernel.run(call(mcp), answer=pasted(decision="deny"))
    person.join()
    assert ran.error is not None
    assert ran.error[0] == "AccessDeniedError"
    assert ran.card.startswith(f"Not signed in to {mcp.mcp_url}\n")
    assert az.requests("/token") == []
    require_untouched(kernel)


def test_nobody_coming_ends_in_time_and_closes_the_box(kernel: Kernel, az: AuthorizationServer, mcp: McpServer) -> None:
    ran = kernel.run(call(mcp, "sign_in_timeout=0.3"), runs_scripts=True)
    assert ran.error is not None
    assert ran.error[0] == "AuthorizationTimeoutError"
    assert not ran.box_open
    assert "within 0.3 seconds" in ran.card
    assert not accepts_connections(port_of(redirect_of(ran.links[0])))
    require_untouched(kernel)


# The stop button


def require_stopped(ran: Ran, mcp: McpServer) -> None:
    assert ran.error is not None
    assert ran.error[0] == "KeyboardInterrupt"
    assert ran.ended_within < AT_ONCE
    assert ran.card == f"Not signed in to {mcp.mcp_url}\nInterrupted. Run the cell again to start over."
    assert "<script" not in ran.kept
    assert not accepts_connections(port_of(redirect_of(ran.links[0])))


@pytest.mark.parametrize("runs_scripts", [True, False], ids=["JupyterLab", "a frontend without scripts"])
def test_the_stop_button_ends_the_wait_and_another_sign_in_right_after_works(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer, person: Person, runs_scripts: bool
) -> None:
    require_stopped(kernel.run(call(mcp), answer=kernel.interrupt, runs_scripts=runs_scripts), mcp)
    again = kernel.run(call(mcp), follow=person.in_thread, runs_scripts=runs_scripts)
    assert again.printed == "before\nstatus 200\n"
    assert (az.exchanges, az.violations, mcp.violations) == (1, [], [])
    require_untouched(kernel)


def test_the_stop_button_works_in_a_cell_that_awaits(kernel: Kernel, mcp: McpServer) -> None:
    cell = "import asyncio\nawait asyncio.sleep(0)\n" + call(mcp)
    require_stopped(kernel.run(cell, answer=kernel.interrupt), mcp)
    require_untouched(kernel)


def test_a_verbose_traceback_of_a_stopped_sign_in_holds_no_secret(kernel: Kernel, mcp: McpServer) -> None:
    kernel.run("%xmode Verbose")
    require_stopped(kernel.run(call(mcp), answer=kernel.interrupt), mcp)
    kernel.run("%xmode Context")


def test_the_stop_button_at_any_moment_of_a_sign_in_is_a_keyboard_interrupt(
    kernel: Kernel, az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    """The cell goes on until it is stopped: were a stop taken for the end of the box, it would never end."""
    kernel.run("listener.PATIENCE = 0.02")
    chance, timers = random.Random(8252), list[threading.Timer]()

    def follow(link: str) -> None:
        person.in_thread(link)
        timers.append(threading.Timer(chance.uniform(0.0, 0.25), kernel.stop))
        timers[-1].start()

    code = f"OAuth({mcp.mcp_url!r}).sign_in()\nfor _ in range(3000): time.sleep(0.01)"
    for turn in range(6):
        ran = kernel.run(f"import time\nfrom mcp_oauth_sync import OAuth\n{code}", follow=follow)
        assert ran.error is not None, turn
        assert ran.error[0] == "KeyboardInterrupt", (turn, ran.error)
        timers[-1].join()
        with contextlib.suppress(requests.RequestException):
            person.join()
    require_untouched(kernel)
