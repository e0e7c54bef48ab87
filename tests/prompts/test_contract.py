"""The shipped contract over the prompts that come with the library, and over broken ones, which it finds."""

from __future__ import annotations

import logging
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mcp_oauth_sync import Callback, CallbackPrompt, DeviceAuthorization, Listener, OAuthError, Prompt
from mcp_oauth_sync.prompts.loopback import loopback_listener
from mcp_oauth_sync.testing import PromptContract

from ..servers import AuthorizationServer, McpServer, Person

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_prompt.py"


class TestCallback(PromptContract):
    def open_prompt(self) -> Prompt:
        return CallbackPrompt(lambda url: None)


class TestOwn(PromptContract):
    """The example, with a browser that comes back by itself."""

    def prepare(self) -> None:
        self.names = runpy.run_path(str(EXAMPLE))
        self.room = self.names["ChatRoom"](lambda message: None)

    def open_prompt(self) -> Prompt:
        prompt: Prompt = self.names["ChatPrompt"](self.room)
        return prompt


class TestOwnWithAnswersInTheRoom(TestOwn):
    def answer(self, redirect: str) -> None:
        self.room.say("hello")
        self.room.say(redirect)


def test_the_example_signs_in_at_a_server_given() -> None:
    with AuthorizationServer() as az, McpServer(az) as mcp:
        command = [sys.executable, str(EXAMPLE), mcp.mcp_url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            lines = iter(running.stdout.readline, "")
            url = next(line.strip() for line in lines if line.startswith("http"))
            redirect = Person().redirect_only(url)
            assert running.stdin is not None
            running.stdin.write(f"what is this?\n{redirect}\n")
            running.stdin.flush()
            assert "Signed in. The server has 3 tools." in [line.strip() for line in lines]
            assert running.wait(30) == 0
        assert (az.exchanges, len(az.requests("/revoke")) > 0) == (1, True)
        assert (az.violations, mcp.violations) == ([], [])


# What the contract finds


class Sound(Prompt):
    """A prompt that works, to be broken in one way each."""

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """The person knows what to do."""

    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        """Here too."""


class ListensElsewhere(Sound):
    @contextmanager
    def listen(self, callback: Callback, *, state: str) -> Iterator[Listener]:
        with super().listen(callback, state=state) as listener:
            listener.redirect_uri = "http://127.0.0.1/callback"
            yield listener


class TakesAnyPort(Sound):
    @contextmanager
    def listen(self, callback: Callback, *, state: str) -> Iterator[Listener]:
        with super().listen(Callback.at("http://127.0.0.1/callback"), state=state) as listener:
            yield listener


class SaysOnePortAndTakesAnother(Sound):
    @contextmanager
    def listen(self, callback: Callback, *, state: str) -> Iterator[Listener]:
        with super().listen(Callback.at("http://127.0.0.1/callback"), state=state) as listener:
            listener.redirect_uri = callback.redirect_uri
            yield listener


class Changed(Sound):
    """Changes what its listener does."""

    def change(self, listener: Any, state: str) -> None:
        raise NotImplementedError

    @contextmanager
    def listen(self, callback: Callback, *, state: str) -> Iterator[Listener]:
        with super().listen(callback, state=state) as listener:
            self.change(listener, state)
            yield listener


class LosesTheCode(Changed):
    def change(self, listener: Any, state: str) -> None:
        waits = listener.wait
        listener.wait = lambda timeout: waits(timeout).replace("code=", "kode=")


class WaitsForEver(Changed):
    def change(self, listener: Any, state: str) -> None:
        def wait(timeout: float) -> str:
            raise TimeoutError

        listener.wait = wait


class ListensToStrangers(Changed):
    def change(self, listener: Any, state: str) -> None:
        accept = listener.accept

        def accepts(redirect: str) -> bool:
            if "?code=x" in redirect:
                listener.deliver(redirect)
            return bool(accept(redirect))

        listener.accept = accepts


class TakesNothingFromElsewhere(Changed):
    def change(self, listener: Any, state: str) -> None:
        listener.deliver = lambda redirect: None


class TakesTheLastAnswer(Changed):
    def change(self, listener: Any, state: str) -> None:
        deliver = listener.deliver

        def last(redirect: str) -> None:
            if "another" in redirect:
                deliver(redirect)

        listener.deliver = last


class CannotBeToldTwice(Changed):
    def change(self, listener: Any, state: str) -> None:
        told: list[object] = []

        def conclude(error: OAuthError | None) -> None:
            assert not told
            told.append(error)

        listener.conclude = conclude


class LeavesAThread(Changed):
    over = threading.Event()

    def change(self, listener: Any, state: str) -> None:
        threading.Thread(target=self.over.wait, daemon=True).start()


class LeavesAPort(Sound):
    held: ClassVar[list[Any]] = []

    @contextmanager
    def listen(self, callback: Callback, *, state: str) -> Iterator[Listener]:
        opened = loopback_listener(callback, state=state)
        self.held.append(opened)
        yield opened.__enter__()


class MixesAnswersUp(Sound):
    ears: ClassVar[list[Listener]] = []

    @contextmanager
    def listen(self, callback: Callback, *, state: str) -> Iterator[Listener]:
        with super().listen(callback, state=state) as listener:
            self.ears.append(listener)
            try:
                yield self.ears[0]
            finally:
                self.ears.remove(listener)


class LogsTheAddress(Sound):
    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        logging.getLogger("chatty").info("open %s", url)


class ShowsTheDeviceCode(Sound):
    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        logging.getLogger("chatty").info("code %s", str(device.device_code))


class ShowsNoCode(Sound):
    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        raise RuntimeError


class AsksNobody(Sound):
    interactive = False


BROKEN: dict[type[Prompt], str] = {
    ListensElsewhere: "test_the_redirect_is_final_before_anything_is_shown",
    TakesAnyPort: "test_a_port_that_is_wanted_exactly_is_taken_or_refused",
    SaysOnePortAndTakesAnother: "test_a_port_that_is_wanted_exactly_is_taken_or_refused",
    LosesTheCode: "test_the_answer_comes_back",
    WaitsForEver: "test_nobody_answering_ends_in_time",
    ListensToStrangers: "test_strangers_do_not_end_the_wait",
    TakesNothingFromElsewhere: "test_an_answer_that_is_handed_in_counts",
    TakesTheLastAnswer: "test_an_answer_that_is_handed_in_counts",
    CannotBeToldTwice: "test_how_it_ended_may_be_told_at_any_time",
    LeavesAThread: "test_nothing_stays_behind",
    LeavesAPort: "test_nothing_stays_behind",
    MixesAnswersUp: "test_two_sign_ins_at_once_get_their_own_answers",
    LogsTheAddress: "test_no_secret_is_logged_or_shown_by_repr",
    ShowsTheDeviceCode: "test_a_device_code_is_shown_or_refused",
    ShowsNoCode: "test_a_device_code_is_shown_or_refused",
    AsksNobody: "test_the_answer_comes_back",
}


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Remove what the broken ones leave."""
    LeavesAThread.over.clear()
    yield
    LeavesAThread.over.set()
    for opened in LeavesAPort.held:
        opened.__exit__(None, None, None)
    LeavesAPort.held.clear()


def run(prompt: type[Prompt], rule: str) -> None:
    class Contract(PromptContract):
        def open_prompt(self) -> Prompt:
            return prompt()

    contract = Contract()
    contract.setup_method()
    try:
        getattr(contract, rule)()
    finally:
        contract.teardown_method()


@pytest.mark.parametrize("prompt", BROKEN, ids=lambda prompt: prompt.__name__)
def test_a_broken_prompt_is_found(prompt: type[Prompt], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_oauth_sync.testing.prompts.LONG", 2.0)
    with pytest.raises((AssertionError, RuntimeError, OSError)):
        run(prompt, BROKEN[prompt])


RULES: list[str] = [name for name in vars(PromptContract) if name.startswith("test_")]


@pytest.mark.parametrize("rule", RULES)
def test_one_that_works_is_let_through(rule: str) -> None:
    run(Sound, rule)


def test_every_rule_is_broken_by_a_prompt() -> None:
    assert set(BROKEN.values()) == set(RULES)


def test_a_contract_without_a_prompt_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="open_prompt"):
        PromptContract().open_prompt()
