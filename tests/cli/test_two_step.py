"""``auth NAME URL --start`` and ``--finish``: two commands, with a person and any time between them."""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from mcp_oauth_sync import NoPrompt, OAuth
from mcp_oauth_sync.stores import default_manager

from .conftest import Scene
from .terminal import OBEYED, Done, Terminal, run, run_here


def answer(scene: Scene, **options: Any) -> str:
    """Start a sign-in as the command does, and return where the person's browser ends."""
    started = OAuth(scene.url, name="notes", prompt=NoPrompt(), **options).start_sign_in()
    redirect = scene.person.redirect_only(started.url)
    assert redirect is not None
    return redirect


@pytest.fixture
def finish(
    scene: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str | bytes], Done]:
    """Run the second step in this process, with something on standard input."""

    def run_it(given: str | bytes) -> Done:
        raw = given.encode() if isinstance(given, str) else given
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
        return run_here(capsys, "auth", "notes", scene.url, "--finish")

    return run_it


def test_the_address_is_all_that_is_printed_and_the_rest_says_how_to_go_on(scene: Scene) -> None:
    done = run("auth", "notes", scene.url, "--start", "--profile", "work", "--timeout", "90")
    assert done.status == 0
    assert done.out.startswith(scene.az.endpoint("authorize") + "?")
    assert "within 1.5 min" in done.err
    command = done.err.splitlines()[-1].partition("give it to: ")[2]
    assert shlex.split(command) == ["mcp-oauth-sync", "auth", "notes", scene.url, "--finish", "--profile", "work"]


@pytest.mark.parametrize("form", ["{}", "\n\n  {}\n", "'{}'", "<{}>", "“{}”\n"])
def test_the_address_is_taken_from_standard_input_without_what_is_around_it(
    scene: Scene, finish: Callable[[str | bytes], Done], form: str
) -> None:
    done = finish(form.format(answer(scene, scopes="notes:read")))
    assert (done.status, done.out) == (0, "")
    assert f"Signed in to {scene.url} as 'notes'" in done.err
    assert "Granted: notes:read" in done.err
    tokens = default_manager().load_tokens("notes")
    assert tokens is not None
    assert scene.az.is_active(tokens.access_token)


def test_one_command_starts_it_and_another_one_finishes_it(scene: Scene) -> None:
    started = run("auth", "notes", scene.url, "--start")
    redirect = scene.person.redirect_only(started.out.strip())
    done = run("auth", "notes", scene.url, "--finish", given=redirect or "")
    assert (started.status, done.status, done.out) == (0, 0, "")
    assert scene.az.exchanges == 1


def test_an_address_that_a_narrow_terminal_has_broken_is_put_together(
    scene: Scene, finish: Callable[[str | bytes], Done]
) -> None:
    redirect = answer(scene)
    broken = "\n".join(redirect[at : at + 40] for at in range(0, len(redirect), 40))
    assert finish(broken).status == 0


def test_a_person_at_a_terminal_is_asked_for_the_address(scene: Scene) -> None:
    redirect = answer(scene)
    with Terminal("auth", "notes", scene.url, "--finish") as terminal:
        terminal.read_until("ended on")
        terminal.press(redirect + "\r")
        assert terminal.end() == 0
    assert "Signed in to" in terminal.screen


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "error: Standard input held nothing"),
        (b"\xff\xfe\x00", "error: Standard input is not the answer"),
        ("x" * 100_000, "error: Standard input is not the answer"),
        ("state=x&code=y&z=" + "x" * 100_000, "error: The redirect is too long"),
        ("https://a.example.com/?state=made-up&code=made-up", "error: The redirect belongs to no sign-in"),
        ("\x1b[2J?state=\x1b]0;x\x07", "error: "),
    ],
)
def test_what_is_no_answer_ends_with_1_and_a_sentence(
    scene: Scene, finish: Callable[[str | bytes], Done], given: str | bytes, said: str
) -> None:
    redirect = answer(scene)
    done = finish(given)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(said)
    assert "\nhint: " in done.err
    assert "Traceback" not in done.err
    assert OBEYED.findall(done.err) == []
    assert finish(redirect).status == 0


def test_the_address_to_open_is_told_from_the_one_it_leads_to(
    scene: Scene, finish: Callable[[str | bytes], Done]
) -> None:
    done = finish(OAuth(scene.url, name="notes", prompt=NoPrompt()).start_sign_in().url)
    assert done.status == 1
    assert "hint: That is the address to open." in done.err


def test_an_address_longer_than_a_line_of_a_terminal_arrives_whole(scene: Scene) -> None:
    redirect = answer(scene)
    with Terminal("auth", "notes", scene.url, "--finish") as terminal:
        terminal.read_until("ended on")
        terminal.press(f"{redirect}&padding={'x' * 6000}\r")
        assert terminal.end() == 0
    assert "x" * 20 not in terminal.screen, "what is pasted is not shown"


@pytest.mark.parametrize(("key", "status"), [("\x03", 130), ("\x04", 1)])
def test_a_person_who_gives_up_leaves_it_open(
    scene: Scene, finish: Callable[[str | bytes], Done], key: str, status: int
) -> None:
    redirect = answer(scene)
    with Terminal("auth", "notes", scene.url, "--finish") as terminal:
        terminal.read_until("ended on")
        terminal.press(key)
        assert terminal.end() == status
    assert finish(redirect).status == 0


def test_a_person_who_pastes_in_pieces_is_told_how_much_has_arrived(scene: Scene) -> None:
    redirect = answer(scene)
    with Terminal("auth", "notes", scene.url, "--finish") as terminal:
        terminal.read_until("ended on")
        terminal.press(redirect[:30])
        terminal.read_until("30 characters so far")
        terminal.press(redirect[30:] + "\r")
        assert terminal.end() == 0


class Stand(io.StringIO):
    """A stream that passes for a terminal and is none, as some shells of Python have."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", ["a stand-in", "none"])
def test_without_a_keyboard_the_stream_is_read_if_there_is_one(
    scene: Scene, stream: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    redirect = answer(scene)
    monkeypatch.setattr("sys.stdin", Stand(redirect + "\nmore") if stream == "a stand-in" else None)
    done = run_here(capsys, "auth", "notes", scene.url, "--finish")
    assert done.status == (0 if stream == "a stand-in" else 1)


def test_a_person_who_says_no_ends_it_with_1(scene: Scene, finish: Callable[[str | bytes], Done]) -> None:
    scene.az.decision = "deny"
    done = finish(answer(scene))
    assert done.status == 1
    assert done.err.startswith("error: Access was denied")


def test_both_steps_at_once_are_wrong_usage(scene: Scene) -> None:
    done = run("auth", "notes", scene.url, "--start", "--finish")
    assert done.status == 2
    assert scene.quiet()


def test_a_hint_at_the_start_is_in_the_words_of_the_command(scene: Scene) -> None:
    scene.az.registration_mode = "absent"
    done = run("auth", "notes", scene.url, "--start")
    assert (done.status, done.out) == (1, "")
    assert "--client-id" in done.err
