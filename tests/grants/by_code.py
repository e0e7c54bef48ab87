"""A sign-in by code in which no time passes: the waits of the client move its clock and the server's."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from mcp_oauth_sync import CallbackPrompt, DeviceAuthorization, DeviceCodeGrant, OAuth, OAuthError
from tests.scene import Scene
from tests.servers import Person


class Screen(CallbackPrompt):
    """Shows codes, and remembers what it showed and how each sign-in ended."""

    def __init__(self) -> None:
        super().__init__(pytest.fail, show_code=self._take)
        self.codes: list[DeviceAuthorization] = []
        self.ends: list[OAuthError | None] = []
        self.when_shown: Callable[[], object] | None = None

    def _take(self, device: DeviceAuthorization) -> None:
        self.codes.append(device)
        if self.when_shown is not None:
            self.when_shown()

    def conclude(self, error: OAuthError | None) -> None:
        self.ends.append(error)


class ByCode(Scene):
    """The stage with a server that offers codes, and a person with a phone.

    Attributes:
        screen: What the person sees here.
        now: The client's clock, in seconds.
        slept: Each wait of the client, in seconds.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.az.offer_device_codes = True
        self.az.auto_consent = False
        self.screen = Screen()
        self.now = 0.0
        self.slept: list[float] = []
        self._due: list[tuple[float, Callable[[], object]]] = []

    def sleep(self, seconds: float) -> None:
        """Let time pass, on both sides, and what is due happen."""
        self.slept.append(seconds)
        self.now += seconds
        self.az.advance(seconds)
        due = [action for at, action in self._due if at <= self.now]
        self._due = [(at, action) for at, action in self._due if at > self.now]
        for action in due:
            action()

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something as soon as so much time has passed."""
        self._due.append((self.now + seconds, action))

    def enters(self, after: float = 0.0, decision: str = "allow") -> None:
        """Let the person enter the newest code after so many seconds, and press a button."""
        self.at(after, lambda: self.enter(decision))

    def enter(self, decision: str = "allow") -> None:
        """Enter the newest code now."""
        device = self.screen.codes[-1]
        person = Person(decision)
        person.enter(device.verification_uri, device.user_code)
        assert person.page is not None
        assert person.page.status == 200

    @property
    def grant(self) -> DeviceCodeGrant:
        """The grant on this clock."""
        return DeviceCodeGrant(clock=lambda: self.now, sleep=self.sleep)

    def oauth(self, **options: Any) -> OAuth:
        """Make the auth object of a fresh process that shows codes."""
        return super().oauth(**{"prompt": self.screen, "grant": self.grant, **options})

    def questions(self) -> list[float]:
        """Return the seconds between the questions that the server was asked, from the first one on."""
        times = self.az.device_questions
        return [later - earlier for earlier, later in itertools.pairwise(times)]
