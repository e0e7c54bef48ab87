"""The page about the commands says what the commands say of themselves: flags and keys, word for word."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from mcp_oauth_sync.cli.parser import build_parser

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "commands.rst").read_text(encoding="utf-8")
#: Said once for all commands.
COMMON = {"--help", "--verbose", "--profile", "--public-only"}


def commands() -> dict[str, argparse.ArgumentParser]:
    [action] = [found for found in build_parser()._actions if isinstance(found, argparse._SubParsersAction)]
    return dict(action.choices)


def words_of(parser: argparse.ArgumentParser) -> str:
    """Return what stands after a command, without its flags."""
    written = {None: "{}", "?": "[{}]", "*": "[{} ...]"}
    words = [written[action.nargs].format(action.metavar) for action in parser._actions if not action.option_strings]
    return " ".join(words)


def flags_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return the lines that tell of the flags of a command."""
    lines = []
    for action in parser._actions:
        flag = next((found for found in action.option_strings if found.startswith("--")), None)
        if flag is None or flag in COMMON:
            continue
        value = f" [{action.metavar}]" if action.nargs == "?" else f" {action.metavar}" if action.metavar else ""
        if action.choices:
            value = " " + "|".join(action.choices)
        lines.append(f"- ``{flag}{value}``: {action.help}")
    return lines


def section(command: str) -> str:
    found = re.search(rf"^``{command}( [^`]*)?``\n-+\n(.*?)(?=^``[^\n]*``\n-+\n|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"no section about {command}"
    return found[0]


def test_every_command_has_one_section_in_the_order_of_the_help() -> None:
    titles = re.findall(r"^``([\w-]+)(?: [^`]*)?``\n-+\n", PAGE, re.MULTILINE)
    assert titles == list(commands())


@pytest.mark.parametrize("command", commands())
def test_a_section_names_the_words_and_flags_of_its_command_as_its_help_does(command: str) -> None:
    parser, told = commands()[command], section(command)
    assert told.splitlines()[0] == f"``{f'{command} {words_of(parser)}'.strip()}``"
    said = re.sub(r"\n  (?=\S)", " ", told)
    assert re.findall(r"^- ``--.*$", said, re.MULTILINE) == flags_of(parser)


@pytest.mark.parametrize("command", commands())
def test_a_section_tells_the_exit_status_and_the_keys_of_json_where_there_are_any(command: str) -> None:
    told = section(command)
    assert "\nExit status: " in told
    assert ("\nJSON: " in told) == ("--json" in " ".join(flags_of(commands()[command])))


def keys_of(command: str) -> set[str]:
    """Return the keys that the page names for a command."""
    told = re.search(r"^JSON: (.*?)(?=\n\n)", section(command), re.MULTILINE | re.DOTALL)
    assert told
    return set(re.findall(r"``(\w+)``", told[1]))
