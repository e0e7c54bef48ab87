"""What a cell shows of a sign-in: whatever a server says, codes, and the contract of prompts."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers import AuthorizationServer, McpServer

from .cells import call, in_thread, pasted
from .kernel import Kernel

pytestmark = pytest.mark.kernel


# Hostile servers


def test_what_a_server_says_is_shown_as_text(kernel: Kernel, az: AuthorizationServer, mcp: McpServer) -> None:
    spoken = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%1B%5B2J"

    def deny(url: str) -> str:
        return re.sub(r"\bcode=[^&]*", f"error=server_error&error_description={spoken}", url)

    ran = kernel.run(call(mcp), answer=pasted(deny))
    assert ran.error is not None
    [(_, shown, plain)] = [output for output in ran.outputs if output[0] == "display"]
    assert "<script" not in shown
    assert "<img" not in shown
    assert "\x1b" not in shown + plain
    assert "&lt;script&gt;alert(1)" in shown


def test_what_stands_in_the_address_stays_in_the_link(kernel: Kernel, mcp: McpServer) -> None:
    ran = kernel.run(
        call(mcp, """authorize_params={'q': '"><script>alert(1)</script>', "it's": '&amp;'}"""), answer=kernel.interrupt
    )
    assert "<script>alert" not in "".join(ran.shown)
    assert parse_qs(urlsplit(ran.links[0]).query)["q"] == ['"><script>alert(1)</script>']


# Codes


CODE = """
from mcp_oauth_sync import DeviceAuthorization, NotebookPrompt
from mcp_oauth_sync.exceptions import AuthorizationError
prompt = NotebookPrompt()
device = DeviceAuthorization(device_code="device-code-Zq7XcV2bN9mK4jH6LpQ8", user_code="WDJB-MJHT",
    verification_uri={address!r}, verification_uri_complete={complete!r})
prompt.show_code(device, server_url="https://mcp.example.com/mcp")
"""
ADDRESS = "https://as.example.com/device"


def code_cell(address: str = ADDRESS, complete: str | None = None) -> str:
    return CODE.format(address=address, complete=complete)


def test_a_code_is_shown_in_large_type_with_a_link(kernel: Kernel) -> None:
    ran = kernel.run(code_cell())
    assert ran.error is None
    assert ran.links == [ADDRESS]
    assert re.search(r"font-size: \d\dpx[^>]*>WDJB-MJHT<", ran.shown[0])
    assert ran.plain[0].startswith(
        f"Sign in to https://mcp.example.com/mcp\nOpen this address in a browser:\n\n  {ADDRESS}\n\n"
        "Enter this code there:\n\n  WDJB-MJHT\n"
    )
    assert "Zq7XcV2b" not in ran.kept
    assert ran.boxes == []


def test_the_link_has_the_code_in_it_where_the_server_offers_that(kernel: Kernel) -> None:
    ran = kernel.run(code_cell(complete=f"{ADDRESS}?user_code=WDJB-MJHT"))
    assert ran.links == [f"{ADDRESS}?user_code=WDJB-MJHT"]
    assert f"enter this code at {ADDRESS}<" in ran.shown[0]
    assert "compare it" in ran.shown[0]


def test_the_cell_says_how_long_a_code_is_good_and_what_is_easily_misread(kernel: Kernel) -> None:
    ran = kernel.run(code_cell().replace("WDJB-MJHT", "WDJO-0JHT"))
    assert ran.plain[0].endswith("0 is a zero; O is a letter. You have 10 minutes.")


@pytest.mark.parametrize(
    ("error", "card"),
    [
        ("None", "Signed in to https://mcp.example.com/mcp"),
        ("AuthorizationError('<b>Too late.</b>', hint='Try again.')", "Not signed in to https://mcp.example.com/mcp"),
    ],
    ids=["complete", "failed"],
)
def test_how_a_sign_in_by_code_ended_is_shown_in_place(kernel: Kernel, error: str, card: str) -> None:
    ran = kernel.run(f"{code_cell()}prompt.conclude({error})\nprompt.conclude(None)")
    assert ran.error is None
    assert len(ran.outputs) == 1
    assert ran.card.splitlines()[0] == card
    assert "WDJB" not in ran.kept
    assert "<b>" not in ran.shown[-1]


def test_only_addresses_of_the_web_become_links(kernel: Kernel) -> None:
    assert kernel.run(code_cell(address="javascript:alert(1)")).links == []


def test_each_thread_has_its_own_code(kernel: Kernel) -> None:
    ran = kernel.run(code_cell() + in_thread("prompt.conclude(None)"))
    assert len(ran.shown) == 1  # nothing was shown in that thread


# Listeners


LISTENING = """
from mcp_oauth_sync import Callback, NotebookPrompt, Listener
from mcp_oauth_sync.exceptions import AuthorizationTimeoutError
prompt = NotebookPrompt()
"""


def test_a_link_is_shown_for_any_listener(kernel: Kernel) -> None:
    ran = kernel.run(
        LISTENING
        + """
class Mine(Listener):
    redirect_uri, code_offered = "http://127.0.0.1:9/callback", True
    def wait(self, timeout):
        raise AssertionError
prompt.show("https://as.example.com/authorize?a=b", listener=Mine(), server_url="https://mcp.example.com/mcp")
"""
    )
    assert (ran.error, ran.links) == (None, ["https://as.example.com/authorize?a=b"])
    assert "paste" not in ran.plain[0]
    assert "This server also takes a code instead: grant=DeviceCodeGrant()" in ran.plain[0]


def test_a_wait_before_anything_is_shown_shows_nothing(kernel: Kernel) -> None:
    ran = kernel.run(
        LISTENING
        + """
with prompt.listen(Callback.at("http://127.0.0.1/callback"), state="state") as mine:
    try:
        mine.wait(0.2)
    except AuthorizationTimeoutError:
        print("late")
""",
        bare=True,
        answer=lambda ran: "nonsense" if len(ran.boxes) == 1 else None,
    )
    assert (ran.error, ran.printed, ran.shown) == (None, "late\n", [])


# The contract


def test_it_keeps_the_contract_of_prompts(kernel: Kernel) -> None:
    ran = kernel.run("""
from mcp_oauth_sync import NotebookPrompt
from mcp_oauth_sync.testing import PromptContract
listener.PATIENCE = 0.05
class Contract(PromptContract):
    def open_prompt(self):
        return NotebookPrompt()
for name in [name for name in dir(Contract) if name.startswith("test_")]:
    contract = Contract()
    contract.prepare()
    getattr(contract, name)()
    contract.clean_up()
    print(name)
""")
    assert ran.error is None
    assert len(ran.printed.splitlines()) > 8


# The default


def test_a_notebook_is_asked_in_by_itself(kernel: Kernel) -> None:
    ran = kernel.run("from mcp_oauth_sync.prompts import choose_prompt; print(type(choose_prompt()).__name__)")
    assert ran.printed == "NotebookPrompt\n"
