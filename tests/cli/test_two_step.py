"""``auth NAME URL --start`` and ``--finish``: two commands, with a person and any time between them."""

from __future__ import annotations

import shlex

import pytest

from mcp_oauth_sync.stores import default_manager

from .conftest import Scene
from .terminal import OBEYED, Terminal, run


def started(scene: Scene, *flags: str) -> str:
    done = run("auth", "notes", scene.url, "--start", *flags)
    assert done.status == 0, done.err
    [address] = done.out.splitlines()
    return address


def answer(scene: Scene, *flags: str) -> str:
    redirect = scene.person.redirect_only(started(scene, *flags))
    assert redirect is not None
    return redirect


def test_the_address_is_all_that_is_printed_and_the_rest_says_how_to_go_on(scene: Scene) -> None:
    done = run("auth", "notes", scene.url, "--start", "--profile", "work", "--timeout", "90")
    assert done.status == 0
    assert done.out.startswith(scene.az.endpoint("authorize") + "?")
    assert "within 1.5 min" in done.err
    command = done.err.splitlines()[-1].partition("give it to: ")[2]
    assert shlex.split(command) == ["mcp-oauth-sync", "auth", "notes", scene.url, "--finish", "--profile", "work"]


@pytest.mark.parametrize("form", ["{}", "\n\n  {}\n", "'{}'", "<{}>", "“{}”\n"])
def test_another_command_finishes_it_with_the_address_on_standard_input(scene: Scene, form: str) -> None:
    redirect = answer(scene, "--scopes", "notes:read")
    done = run("auth", "notes", scene.url, "--finish", given=form.format(redirect))
    assert (done.status, done.out) == (0, "")
    assert f"Signed in to {scene.url} as 'notes'" in done.err
    assert "Granted: notes:read" in done.err
    tokens = default_manager().load_tokens("notes")
    assert tokens is not None
    assert scene.az.is_active(tokens.access_token)


def test_an_address_that_a_narrow_terminal_has_broken_is_put_together(scene: Scene) -> None:
    redirect = answer(scene)
    broken = "\n".join(redirect[at : at + 40] for at in range(0, len(redirect), 40))
    assert run("auth", "notes", scene.url, "--finish", given=broken).status == 0


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
def test_what_is_no_answer_ends_with_1_and_a_sentence(scene: Scene, given: str | bytes, said: str) -> None:
    redirect = answer(scene)
    done = run("auth", "notes", scene.url, "--finish", given=given)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(said)
    assert "\nhint: " in done.err
    assert "Traceback" not in done.err
    assert OBEYED.findall(done.err) == []
    assert run("auth", "notes", scene.url, "--finish", given=redirect).status == 0


def test_the_address_to_open_is_told_from_the_one_it_leads_to(scene: Scene) -> None:
    done = run("auth", "notes", scene.url, "--finish", given=started(scene))
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
def test_a_person_who_gives_up_leaves_it_open(scene: Scene, key: str, status: int) -> None:
    redirect = answer(scene)
    with Terminal("auth", "notes", scene.url, "--finish") as terminal:
        terminal.read_until("ended on")
        terminal.press(key)
        assert terminal.end() == status
    assert run("auth", "notes", scene.url, "--finish", given=redirect).status == 0


def test_a_person_who_says_no_ends_it_with_1(scene: Scene) -> None:
    scene.az.decision = "deny"
    done = run("auth", "notes", scene.url, "--finish", given=answer(scene))
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
