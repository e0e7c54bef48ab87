"""The canary: it knows every secret of a test, hears everything that is said, and tells where one was let out.

Secrets are learned from both sides: what the scripted servers issue or are sent, and what the package itself
treats as a secret. A secret counts as let out when eight of its characters in a row can be read: as they are,
percent-encoded, inside JSON, or in base64.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_plus

import pytest

import mcp_oauth_sync
from mcp_oauth_sync.exceptions import OAuthError
from mcp_oauth_sync.models.secret import Secret

from ..servers.ledger import Ledger
from ..servers.messages import Exchange, Reply
from ..servers.origin import Origin
from ..servers.plain_client import HEADERS as HEADERS_OF_PLAIN

#: Characters of a secret that may be read in a row: one less than this.
WINDOW = 8
#: A text shorter than this may be a word that is no secret elsewhere.
SHORTEST = 16
#: Form fields and JSON members that are secret on their way to a server.
SENT = (
    "access_token refresh_token token code code_verifier client_secret device_code state "
    "client_assertion assertion subject_token actor_token id_token id_token_hint"
).split()
#: JSON members that are secret on their way from a server.
RECEIVED = (
    "access_token refresh_token id_token client_secret registration_access_token device_code code assertion".split()
)
#: Headers that are secret on every way.
HEADERS = ("DPoP", "Mcp-Session-Id", "X-Vault-Token", "Cookie", "Set-Cookie")
_PACKAGE = str(Path(mcp_oauth_sync.__file__).parent) + os.sep
#: Bytes of an answer that may hold a secret of a true server.
_LONGEST = 1 << 16
_RANDOM = re.compile(r"(?=(?:.*[a-z]){3})(?=(?:.*[A-Z]){3})(?=.*[0-9])[A-Za-z0-9_-]{24}")
_VALUE = re.compile(rf"[A-Za-z0-9._~+/=:%-]{{{SHORTEST},256}}")
_FOR_THE_BROWSER = re.compile(r"(?<!\S)\S*[?&](?:state|code_challenge)=\S*")


def base64_of(text: str) -> Iterator[str]:
    """Give the base64 of a text as it looks inside a longer one, for each of the three alignments."""
    for lead in range(3):
        coded = base64.b64encode(b"\0" * lead + text.encode()).decode().rstrip("=")
        inner = coded[(4 * lead + 2) // 3 : -1]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


#: How the client that the tests try their servers with calls itself.
PLAIN = HEADERS_OF_PLAIN["User-Agent"]


class Canary(logging.Handler):
    """Learns and listens. As a log handler, it hears the whole process."""

    def __init__(self) -> None:
        """Know no secret yet."""
        super().__init__(logging.DEBUG)
        self.secrets: set[str] = set()
        self.heard: list[tuple[str, str]] = []

    # Learning

    def learn(self, value: object) -> None:
        """Take a value as a secret; too short a one could be any word."""
        if isinstance(value, str) and len(value) >= SHORTEST:
            self.secrets.add(str(value))

    def learn_exchange(self, exchange: Exchange) -> None:
        """Take what a client sent to one of our servers."""
        for name in SENT:
            for value in (*exchange.form.get(name, ()), *exchange.query.get(name, ())):
                self.learn(value)
        for name in HEADERS:
            self.learn(exchange.headers.get(name))
        scheme, _, credentials = exchange.headers.get("Authorization", "").partition(" ")
        if scheme:
            self.learn(credentials.strip())
        if scheme.lower() == "basic":
            with suppress(ValueError):
                pair = base64.b64decode(credentials).decode()
                self.learn(unquote_plus(pair.partition(":")[2]))

    def learn_reply(self, reply: Reply) -> None:
        """Take what one of our servers answered."""
        for name in HEADERS:
            self.learn(reply.header(name))
        if not any(name.encode() in reply.body for name in RECEIVED) or len(reply.body) > _LONGEST:
            return
        with suppress(ValueError, RecursionError):
            document = json.loads(reply.body)
            for name in RECEIVED if isinstance(document, dict) else ():
                self.learn(document.get(name))

    # Listening

    def hear(self, where: str, text: str) -> None:
        """Keep a text to look through at the end."""
        self.heard.append((where, text))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a log record; of other libraries', what they say about requests of ours."""
        text = logging.Formatter("%(message)s").format(record)
        if not record.name.startswith("mcp_oauth_sync"):
            if record.name.startswith("urllib3") and not record.threadName.startswith("mcp-oauth-sync"):
                return  # a test's own browser and clients
            text = _FOR_THE_BROWSER.sub("", text)
        self.hear(f"the log of {record.name}", text)

    def hear_printed(self, where: str, text: str) -> None:
        """Keep what was printed, but for the authorization URL that a person has to open."""
        self.hear(where, re.sub(r"https?://\S*[?&]code_challenge=\S*", "", text))

    def hear_child(self, argv: object, environment: Any) -> None:
        """Keep what a child process is given, if it is ours: its words, but for the address, and its variables."""
        frame: Any = sys._getframe(1)
        while frame is not None and not frame.f_code.co_filename.startswith(_PACKAGE):
            frame = frame.f_back
        if frame is None:
            return
        words = [argv] if isinstance(argv, (str, bytes, os.PathLike)) else list(argv)  # type: ignore[call-overload]
        for word in words:
            self.hear_printed("the words of a child process", os.fsdecode(word))
        for name, value in ({} if environment is None else dict(environment)).items():
            if os.environ.get(os.fsdecode(name)) == os.fsdecode(value):
                continue  # what whoever started the program has given to it, and to all that it starts
            self.hear("the environment of a child process", f"{os.fsdecode(name)}={os.fsdecode(value)}")

    def hear_files(self, folder: Path) -> None:
        """Keep the names and contents of all files below a folder."""
        for path in folder.rglob("*"):
            self.hear("a file name", path.name)
            if path.is_file() and not path.is_symlink():
                self.hear(f"the file {path.name}", path.read_bytes().decode("latin-1"))

    # Telling

    def leaks(self) -> list[str]:
        """Name the places where a secret can be read; not the secret."""
        windows, wholes = self._needles()
        longest = sorted(len(whole) for whole in wholes)[:1]
        found = []
        for where, text in self.heard:
            read = any(text[at : at + WINDOW] in windows for at in range(len(text) - WINDOW + 1))
            if not read and longest and len(text) >= longest[0]:
                read = any(whole in text for whole in wholes)
            if read:
                found.append(where)
        return found

    def _needles(self) -> tuple[set[str], set[str]]:
        """Return what to look for: pieces of what is random, and the whole of what may hold plain words."""
        windows: set[str] = set()
        wholes: set[str] = set()
        for secret in self.secrets:
            tail = secret[-24:]
            if _RANDOM.fullmatch(tail):
                for form in (tail, *base64_of(tail)):
                    windows.update(form[at : at + WINDOW] for at in range(len(form) - WINDOW + 1))
            else:
                wholes.update((secret, quote(secret, safe=""), *base64_of(secret)))
        return windows, wholes


def release_canary(patch: pytest.MonkeyPatch) -> Canary:
    """Return a canary that learns and hears from now on, until the patches are undone.

    What goes through the browser is for it to know, and what the tests' own client sends is none of ours.
    """
    canary = Canary()
    remember, read, init = Ledger.remember, Exchange.read.__func__, OAuthError.__init__  # type: ignore[attr-defined]
    readouterr, answer, start = pytest.CaptureFixture.readouterr, Origin.answer, subprocess.Popen.__init__

    def learn_issued(ledger: Ledger, secret: str) -> str:
        canary.learn(secret)
        return remember(ledger, secret)

    def learn_received(cls: type[Exchange], *args: Any, **options: Any) -> Exchange:
        exchange: Exchange = read(cls, *args, **options)
        canary.learn_exchange(exchange)
        browsed = exchange.query.keys() & {"state", "code_challenge"}
        if not browsed and not exchange.headers.get("User-Agent", "").startswith(PLAIN):
            canary.hear("the address of a request", exchange.target)
        return exchange

    def learn_answered(origin: Origin, exchange: Exchange) -> Reply:
        reply: Reply = answer(origin, exchange)
        canary.learn_reply(reply)
        return reply

    def hear_started(process: Any, args: Any, *more: Any, **options: Any) -> None:
        canary.hear_child(args, options.get("env"))
        start(process, args, *more, **options)

    def learn_held(cls: type[Secret], value: object = "") -> Secret:
        secret = str.__new__(cls, value)
        text = str.__str__(secret).removeprefix("Bearer ").removeprefix("DPoP ")
        if text.startswith("-----BEGIN"):
            for line in text.splitlines()[1:-1]:
                canary.learn(line)
        if _VALUE.fullmatch(text) and "://" not in text:
            canary.learn(text)
        return secret

    def hear_error(error: OAuthError, message: str, *, hint: str | None = None) -> None:
        canary.hear(f"a {type(error).__name__}", f"{message}\n{hint}")
        init(error, message, hint=hint)

    def hear_captured(fixture: Any) -> Any:
        captured = readouterr(fixture)
        for name, text in zip(("stdout", "stderr"), captured, strict=True):
            canary.hear_printed(name, text if isinstance(text, str) else text.decode("latin-1"))
        return captured

    patch.setattr(Ledger, "remember", learn_issued)
    patch.setattr(Exchange, "read", classmethod(learn_received))
    patch.setattr(Origin, "answer", learn_answered)
    patch.setattr(Secret, "__new__", learn_held)
    patch.setattr(subprocess.Popen, "__init__", hear_started)
    patch.setattr(OAuthError, "__init__", hear_error)
    patch.setattr(pytest.CaptureFixture, "readouterr", hear_captured)
    return canary
