"""The coded check: every automatic judgement has a code, a severity, evidence and advice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Check", "Finding", "Severity"]

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Check:
    """What a code means: one record for each code, documented under its code.

    Attributes
    ----------
    code : str
        `LS` and three digits.
    name : str
        A short name in words, such as `collapsed-seed`.
    severity : {"info", "warning", "error"}
    what : str
        What the check looks at and when it fires.
    why : str
        Why it matters.
    advice : str
        What to do, in general.
    """

    code: str
    name: str
    severity: Severity
    what: str
    why: str
    advice: str
    aliases: tuple[str, ...] = ()

    def found(self, subject: str, evidence: str, *, advice: str = "", command: str = "") -> Finding:
        """Return the finding of this check on `subject`, with its evidence."""
        return Finding(self.code, self.severity, subject, evidence, advice or self.advice, command)


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement: the check `code` fired on `subject`.

    Attributes
    ----------
    code, severity : str
        See `Check`.
    subject : str
        What it is about, such as the name of a loss; empty for the whole comparison.
    evidence : str
        The numbers that were seen.
    advice : str
        What to do.
    command : str
        One command to try next, or empty.

    Examples
    --------
    >>> Finding("LS104", "warning", "hinge", "1 of 30 seeds never left 0.50", "try `he_normal`").line()
    'LS104 warning   hinge: 1 of 30 seeds never left 0.50'
    """

    code: str
    severity: Severity
    subject: str
    evidence: str
    advice: str = ""
    command: str = ""

    def line(self) -> str:
        """Return code, severity, subject and evidence as one line of text."""
        subject = f"{self.subject}: " if self.subject else ""
        return f"{self.code} {self.severity:<9} {subject}{self.evidence}"
