"""The contract of a prompt: all rules in one class, to be run over any way of asking by pytest or unittest."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote, urlsplit

import requests

from ..exceptions import AccessDeniedError, AuthorizationError, AuthorizationTimeoutError, OAuthError
from ..models.callback import Callback
from ..models.device import DeviceAuthorization
from ..models.redirect import parse_redirect
from ..prompts import Listener, Prompt
from .base import Hooks, require, require_equal, typed_error
from .listening import listening

#: Seconds in which what has to come comes, and in which what must not come would have come.
LONG, SHORT = 20.0, 0.3
_CODE = "contract-code-Zq7XcV2bN9mK4jH6"
_ANYWHERE = Callback.at("http://127.0.0.1/callback")
_DEVICE = DeviceAuthorization(
    device_code="contract-device-code-Zq7XcV2bN9mK4jH6",
    user_code="WDJB-MJHT",
    verification_uri="https://as.example.com/device",
    verification_uri_complete="https://as.example.com/device?user_code=WDJB-MJHT",
)


class PromptContract(Hooks):
    """The definition of "a prompt that works", as tests to inherit.

    A prompt that passes brings a person's answer back, once, and leaves no port, thread or secret behind. Neither
    pytest nor any fixture is needed; with unittest, inherit from ``unittest.TestCase`` too. :meth:`prepare` and
    :meth:`clean_up` are called before and after each test.

    Attributes:
        shows_codes: Whether the prompt can show a device code.

    Example::

        class TestLinkInChat(PromptContract):
            def open_prompt(self):
                return LinkInChat(self.chat)

    The person is played by :meth:`answer`: by default a browser that comes back to the loopback interface. For a
    prompt that takes its answers elsewhere::

            def answer(self, redirect):
                self.chat.say(redirect)
    """

    shows_codes: bool = True

    def open_prompt(self) -> Prompt:
        """Return the prompt."""
        raise NotImplementedError(f"{type(self).__name__} has to define open_prompt()")

    def answer(self, redirect: str) -> None:
        """Play the person whom the authorization server has sent back.

        Args:
            redirect: The URL the browser comes back to.
        """
        with suppress(requests.RequestException), requests.Session() as browser:
            browser.trust_env = False
            browser.get(redirect, timeout=LONG)

    # The rules

    def test_the_answer_comes_back(self) -> None:
        """It carries our state and the code, to the letter."""
        with self._asked("state-1") as listener:
            self._answer_soon(listener, "state-1")
            self._require_answer(listener.wait(LONG), "state-1")
            listener.conclude(None)

    def test_the_redirect_is_final_before_anything_is_shown(self) -> None:
        """What is registered and sent is what is listened on."""
        with self.open_prompt().listen(_ANYWHERE, state="state-1") as listener:
            parts = urlsplit(listener.redirect_uri)
            require(parts.scheme and "#" not in listener.redirect_uri, "the redirect URI is no absolute URI")
            if parts.scheme == "http":
                require(parts.port, f"the redirect URI {listener.redirect_uri} has no port")

    def test_a_port_that_is_wanted_exactly_is_taken_or_refused(self) -> None:
        """Somebody has registered it: another one is of no use."""
        with socket.create_server(("127.0.0.1", 0)) as place:
            busy = place.getsockname()[1]
            with (
                suppress(AuthorizationError),
                self.open_prompt().listen(
                    Callback.at(f"http://127.0.0.1:{busy}/callback", exact=True), state="state-1"
                ) as listener,
            ):
                require(
                    urlsplit(listener.redirect_uri).port != busy or not listener.listening,
                    "a port that another program holds is said to be listened on",
                )
        wanted = f"http://127.0.0.1:{busy}/callback"
        with self.open_prompt().listen(Callback.at(wanted, exact=True), state="state-1") as listener:
            require_equal(listener.redirect_uri, wanted, "the redirect URI for a port that is free")

    def test_nobody_answering_ends_in_time(self) -> None:
        """With the error that says so."""
        with self._asked("state-1") as listener:
            began = time.monotonic()
            with typed_error("waiting for nobody", AuthorizationTimeoutError) as caught:
                listener.wait(SHORT)
            require(time.monotonic() - began < LONG, "the wait did not end in time")
            listener.conclude(caught[0])

    def test_strangers_do_not_end_the_wait(self) -> None:
        """Who does not know the state is not listened to."""
        with self._asked("state-1") as listener:
            if not listener.listening or urlsplit(listener.redirect_uri).scheme != "http":
                return
            for query in ("", "?code=x", "?code=x&state=other", "?error=access_denied&state="):
                with suppress(requests.RequestException), requests.Session() as browser:
                    browser.trust_env = False
                    browser.get(listener.redirect_uri + query, timeout=LONG)
            with typed_error("waiting after strangers", AuthorizationTimeoutError):
                listener.wait(SHORT)

    def test_two_sign_ins_at_once_get_their_own_answers(self) -> None:
        """In whatever order they come."""
        with self._asked("state-1") as one, self._asked("state-2") as another:
            for listener, state in ((another, "state-2"), (one, "state-1")):
                self._answer_soon(listener, state)
                self._require_answer(listener.wait(LONG), state)

    def test_an_answer_that_is_handed_in_counts(self) -> None:
        """From another thread, while somebody waits; the first one counts."""
        with self._asked("state-1") as listener:
            answers = [f"{listener.redirect_uri}?code={code}&state=state-1" for code in (_CODE, "another")]
            handing = threading.Timer(0.05, _deliver, args=(listener, answers))
            handing.start()
            try:
                self._require_answer(listener.wait(LONG), "state-1")
            finally:
                handing.join()

    def test_how_it_ended_may_be_told_at_any_time(self) -> None:
        """Before an answer, after it, twice, and after the end."""
        for error in (None, AccessDeniedError("Access was denied."), OAuthError("It failed.")):
            with self._asked("state-1") as listener:
                listener.conclude(error)
                listener.conclude(None)
            listener.conclude(error)

    def test_nothing_stays_behind(self) -> None:
        """No thread and no port, however it ended."""
        before = set(threading.enumerate())
        for failure in (None, KeyboardInterrupt, OAuthError("It failed.")):
            with suppress(KeyboardInterrupt, OAuthError), self._asked("state-1") as listener:
                if failure is not None:
                    raise failure
            port = urlsplit(listener.redirect_uri).port
            if port and listener.listening:
                socket.create_server(("127.0.0.1", port)).close()
        deadline = time.monotonic() + LONG
        while left := [thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()]:
            require(time.monotonic() < deadline, f"threads are left: {left}")
            time.sleep(0.01)

    def test_no_secret_is_logged_or_shown_by_repr(self) -> None:
        """Not the state and not the code."""
        with listening() as heard, self._asked("secret-state-Zq7XcV2bN9") as listener:
            self._answer_soon(listener, "secret-state-Zq7XcV2bN9")
            listener.wait(LONG)
            told = [*heard(), repr(listener), repr(self.open_prompt())]
        for secret in (_CODE, "secret-state-Zq7XcV2bN9"):
            require(not any(secret in line for line in told), "a code or state can be read in a log or a repr")

    def test_a_device_code_is_shown_or_refused(self) -> None:
        """Showing it does not wait for the person; the device code itself stays hidden."""
        prompt = self.open_prompt()
        if not self.shows_codes:
            with typed_error("showing a device code", AuthorizationError):
                prompt.show_code(_DEVICE, server_url="https://mcp.example.com/mcp")
            return
        with listening() as heard:
            prompt.show_code(_DEVICE, server_url="https://mcp.example.com/mcp")
            prompt.conclude(None)
            prompt.show_code(_DEVICE, server_url="https://mcp.example.com/mcp")
            prompt.conclude(AccessDeniedError("Access was denied."))
            require(not any(_DEVICE.device_code in line for line in heard()), "the device code can be read in a log")

    # What they stand on

    @contextmanager
    def _asked(self, state: str) -> Iterator[Listener]:
        prompt = self.open_prompt()
        require(prompt.interactive, "a prompt that asks people has interactive = True")
        with prompt.listen(_ANYWHERE, state=state) as listener:
            url = f"https://as.example.com/authorize?state={state}&redirect_uri={quote(listener.redirect_uri, '')}"
            prompt.show(url, listener=listener, server_url="https://mcp.example.com/mcp")
            yield listener

    def _answer_soon(self, listener: Listener, state: str) -> None:
        redirect = f"{listener.redirect_uri}?code={_CODE}&state={state}"
        threading.Thread(target=self.answer, args=(redirect,), name="the person", daemon=True).start()

    def _require_answer(self, redirect: str, state: str) -> None:
        found = parse_redirect(redirect)
        require_equal((found.get("code"), found.get("state")), (_CODE, state), "the answer that came back")


def _deliver(listener: Listener, answers: list[str]) -> None:
    for answer in answers:
        listener.deliver(answer)
