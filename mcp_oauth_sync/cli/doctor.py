"""``mcp-oauth-sync doctor URL|NAME``: what stands in the way of a sign-in, and what helps."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path

from ..doctor import Examination, Finding, Level, Report, build_trace
from ..exceptions import OAuthError, printable
from ..models.options import SignInOptions
from .accounts import manager_for
from .auth_flags import arguments_of, in_flags
from .doctor_flags import STANDARD_OUTPUT
from .output import data, paragraph, say
from .paint import BAD, DOUBTFUL, FAINT, GOOD
from .parser_parts import is_public_only
from .table import show_headed

_INDENT = " " * 9
_PAINT = {Level.OK: GOOD, Level.WARNING: DOUBTFUL, Level.PROBLEM: BAD, Level.SKIPPED: FAINT}


def run(options: argparse.Namespace) -> int:
    """Examine what was named, and print what was found."""
    if options.what is None and options.trace not in (None, STANDARD_OUTPUT):
        options.what, options.trace = options.trace, STANDARD_OUTPUT  # the one word that was given is not the file
    is_url = options.what is not None and "://" in options.what
    try:
        chosen = SignInOptions(**arguments_of(options), public_only=is_public_only(options))
    except OAuthError:
        raise
    except ValueError as defect:  # flags that do not go together
        say(f"error: {in_flags(str(defect))}")
        return 2
    quiet = options.json or options.trace == STANDARD_OUTPUT
    report = Examination(
        options.what if is_url else None,
        name=None if is_url else options.what,
        manager=manager_for(options),
        options=chosen,
        registers=options.register,
        offline=options.offline,
        told=None if quiet else _print,
    ).run()
    if options.json:
        data(json.dumps(_document(report), indent=2))
    if options.trace == STANDARD_OUTPUT:
        data(build_trace(report).rstrip("\n"))
    elif options.trace is not None:
        _save(Path(options.trace), build_trace(report))
    say(_verdict(report))
    if report.at(Level.PROBLEM):
        return 1
    return 3 if report.needs_person else 0


def _print(findings: tuple[Finding, ...]) -> None:
    """Print what was found: those that were left out for the same reason in one line."""
    for (level, what), alike in groupby(findings, key=lambda finding: (finding.level, finding.what)):
        together = list(alike)
        if level is Level.SKIPPED:
            _head(level, ", ".join(finding.step.value for finding in together), what)
            continue
        for finding in together:
            _head(level, finding.step.value, what)
            _explain(finding)


def _head(level: Level, title: str, what: str) -> None:
    show_headed(f"{level.value:<{len(_INDENT)}}", f"{title}: {what}", paint=_PAINT[level], hanging=len(_INDENT))


def _explain(finding: Finding) -> None:
    if finding.why:
        paragraph(printable(finding.why, 1000), _INDENT)
    if finding.remedy:
        paragraph(f"-> {printable(in_flags(finding.remedy), 1000)}", _INDENT, hanging=3)
    if finding.arguments:
        arguments = ", ".join(_open(one) for one in finding.arguments)
        paragraph(f"In a program: OAuth(..., {arguments})", _INDENT, hanging=3)


def _open(argument: str) -> str:
    """Return an argument whose value is left to the reader as one that has a place for it."""
    return f"{argument}..." if argument.endswith("=") else argument


def _document(report: Report) -> dict[str, object]:
    found = [
        {**finding.to_document(), "flags": [in_flags(argument) for argument in finding.arguments]}
        for finding in report.findings
    ]
    return {**report.to_document(), "findings": found}


def _verdict(report: Report) -> str:
    problems, warnings = len(report.at(Level.PROBLEM)), len(report.at(Level.WARNING))
    counted = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((problems, "problem"), (warnings, "warning"))
        if count
    ]
    said = " and ".join(counted) or "Nothing"
    if problems:
        return f"{said}. A sign-in cannot work as things are."
    if report.needs_person:
        return f"{said}. A person has to sign in."
    return f"{said}. Nothing stands in the way of a sign-in." if counted else "Nothing stands in the way of a sign-in."


def _save(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as failure:
        raise OAuthError(
            f"The report could not be written to {printable(path)}: {failure.strerror}.",
            hint="Name a file that is not there yet, or leave it out for standard output.",
        ) from None
    say(f"Written to {printable(path)}: read it before you paste it.")
