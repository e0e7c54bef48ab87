"""What examines the servers of the bench, and how its findings are compared."""

from __future__ import annotations

from typing import Any

from mcp_oauth_sync import SignInOptions
from mcp_oauth_sync.doctor import Examination, Level, Report, Step
from mcp_oauth_sync.stores import default_manager

#: Seconds for an exchange: long enough for a busy machine, short enough for a server that hangs.
DEADLINE = 20.0
#: What is found at a server that does everything as it should, but for the step that a test changes.
GOOD = {
    Step.ADDRESS: ["ok url"],
    Step.ANSWER: ["ok challenge"],
    Step.RESOURCE: ["ok resource-metadata"],
    Step.SERVER: ["ok authorization-server"],
    Step.CLIENT: ["ok client-dynamic"],
    Step.WAYS: ["ok ways", "warning nobody-here", "ok redirect"],
    Step.MCP: ["ok asks"],
    Step.STORED: ["skipped skipped"],
}
SKIPPED = ["skipped skipped"]


def examine(url: str | None, **options: Any) -> Report:
    """Examine a server as ``mcp-oauth-sync doctor`` does."""
    told = {name: options.pop(name) for name in tuple(options) if name not in _OF_THE_EXAMINATION}
    settings = {"manager": default_manager(), "deadline": DEADLINE, **options}
    return Examination(url, options=SignInOptions(**told), **settings).run()


_OF_THE_EXAMINATION = ("name", "manager", "session", "registers", "offline", "deadline", "told")


def found(report: Report) -> dict[Step, list[str]]:
    """Return the findings by step, each as its level and its code; what is said of this machine is left out."""
    by_step: dict[Step, list[str]] = {}
    for finding in report.findings:
        if finding.step is not Step.MACHINE:
            by_step.setdefault(finding.step, []).append(f"{finding.level.value} {finding.code}")
    return by_step


def differing(report: Report) -> dict[str, list[str]]:
    """Return the findings of the steps in which a server differs from one that does everything as it should."""
    return {step.name: codes for step, codes in found(report).items() if codes != GOOD[step]}


def helping(report: Report) -> set[str]:
    """Return the arguments that are said to help, or to be in force."""
    return {argument for finding in report.findings for argument in finding.arguments}


def said(report: Report, code: str) -> str:
    """Return all that is said of one finding."""
    [finding] = [finding for finding in report.findings if finding.code == code]
    return "\n".join(part for part in (finding.what, finding.why, finding.remedy) if part)


def stops(report: Report) -> bool:
    """Tell whether something stops a sign-in."""
    return bool(report.at(Level.PROBLEM))
