"""What a check found, how bad that is, and what to do about it."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable

import attrs

from ..exceptions import OAuthError
from .recording import Seen


class Step(enum.Enum):
    """The steps of an examination, in order, by what they look at."""

    ADDRESS = "URL"
    ANSWER = "Without a token"
    RESOURCE = "Resource metadata"
    SERVER = "Authorization server"
    CLIENT = "Who we are there"
    WAYS = "Ways in"
    MCP = "MCP endpoint"
    STORED = "Sign-in"
    MACHINE = "This machine"


class Level(enum.Enum):
    """How bad it is.

    Attributes:
        OK: As it should be.
        WARNING: It may get in the way, or is met halfway.
        PROBLEM: It stops a sign-in.
        SKIPPED: It was not looked at; the text says why.
    """

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


# Arguments of OAuth as hints write them.
_ARGUMENT = re.compile(
    r"\b(?:issuer|metadata_url|resource|expected_resource|assume_pkce|allow_missing_iss|client_id|client_secret"
    r"|client_key|client_id_metadata_url|client_metadata|initial_access_token|scopes|offline_access|dpop"
    r"|callback_port|callback_host|grant|oauth_headers)="
    r"(?:'[^']*'|\w+\(\)|\w+)?"
)


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that was found.

    Attributes:
        step: What was looked at.
        level: How bad it is.
        code: A word for it that stays the same, for programs.
        what: What was found: our words and values that were checked, no text of a server's choice.
        why: What follows from it, perhaps in words that came from a server, made printable; None when nothing does.
        remedy: What to do; None when there is nothing to do.
        arguments: The arguments of :class:`~mcp_oauth_sync.OAuth` that help, as they are written.
    """

    step: Step
    level: Level
    code: str
    what: str
    why: str | None = None
    remedy: str | None = None
    arguments: tuple[str, ...] = attrs.field(
        default=attrs.Factory(lambda finding: arguments_in(finding.remedy), takes_self=True)
    )

    @classmethod
    def of(cls, error: OAuthError, step: Step, code: str, what: str, *, why: str | None = None) -> Finding:
        """Return the problem that an error of the library tells of.

        Args:
            error: What stopped us.
            step: What was looked at.
            code: A word for it.
            what: What was found, in our words.
            why: What follows from it; None takes the words of the error.
        """
        return cls(step=step, level=Level.PROBLEM, code=code, what=what, why=why or error.message, remedy=error.hint)

    def to_document(self) -> dict[str, object]:
        """Return the finding as plain JSON."""
        return {
            "step": self.step.name.lower(),
            "level": self.level.value,
            "code": self.code,
            "what": self.what,
            "why": self.why,
            "remedy": self.remedy,
            "arguments": list(self.arguments),
        }


def arguments_in(hint: str | None) -> tuple[str, ...]:
    """Return the arguments of OAuth that a hint names, each once.

    Args:
        hint: What to do; None names none.
    """
    found = dict.fromkeys(_ARGUMENT.findall(hint or ""))
    return tuple(one for one in found if not any(other != one and other.startswith(one) for other in found))


@attrs.frozen(kw_only=True)
class Report:
    """Everything that an examination found.

    Attributes:
        target: What was examined: a URL without its query, or the name of a sign-in.
        findings: In the order of the steps.
        seen: Every exchange that was made for it; never shown by ``repr``.
        private: Texts that no trace may show; never shown by ``repr``.
        needs_person: Whether a person has to sign in.
    """

    target: str
    findings: tuple[Finding, ...]
    seen: tuple[Seen, ...] = attrs.field(default=(), repr=False)
    private: tuple[str, ...] = attrs.field(default=(), repr=False)
    needs_person: bool = False

    def at(self, level: Level) -> tuple[Finding, ...]:
        """Return the findings of one level."""
        return tuple(finding for finding in self.findings if finding.level is level)

    def to_document(self) -> dict[str, object]:
        """Return the findings as plain JSON."""
        return {
            "target": self.target,
            "problems": len(self.at(Level.PROBLEM)),
            "warnings": len(self.at(Level.WARNING)),
            "needs_person": self.needs_person,
            "findings": [finding.to_document() for finding in self.findings],
        }


def skipped(steps: Iterable[Step], why: str) -> tuple[Finding, ...]:
    """Return what is said of steps that are left out.

    Args:
        steps: The steps.
        why: Why they are.
    """
    return tuple(Finding(step=step, level=Level.SKIPPED, code="skipped", what=why) for step in steps)
