"""Verification: a numbered list of what was expected and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.text import _
from evidence.sealing.canonical import canonical_bytes

SCHEMA: Final = "skywarden/verification/1"


class Outcome(StrEnum):
    """How a step ended. Unknown is not a pass: it says what would be needed to know."""

    PASS = "pass"  # noqa: S105 - an outcome, no secret
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the list.

    Attributes:
        code: Short stable slug ("payload-sha256"), for programs and tests.
        title: What is checked.
        expected: What must be so.
        found: What is so.
        outcome: Pass, fail or unknown.
        findings: What does not hold, one sentence each, naming the file.
    """

    code: str
    title: str
    expected: str
    found: str
    outcome: Outcome
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The list, in order; a step's number is its place, from one.

    Attributes:
        package: What was looked at.
        steps: At least one.
    """

    package: str
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a verification has at least one step")

    @property
    def outcome(self) -> Outcome:
        """Fail when a step failed, else unknown when one is unknown, else pass."""
        outcomes = {step.outcome for step in self.steps}
        for worst in (Outcome.FAIL, Outcome.UNKNOWN):
            if worst in outcomes:
                return worst
        return Outcome.PASS

    @property
    def findings(self) -> tuple[str, ...]:
        """Everything that does not hold, in order."""
        return tuple(finding for step in self.steps for finding in step.findings)


def judged(code: str, title: str, expected: str, findings: Sequence[str], found: str) -> Step:
    """Return a step that fails when there are findings and passes otherwise."""
    return Step(
        code=code,
        title=title,
        expected=expected,
        found=_("{count} departures").format(count=len(findings)) if findings else found,
        outcome=Outcome.FAIL if findings else Outcome.PASS,
        findings=tuple(findings),
    )


def lines_of(verification: Verification) -> list[str]:
    """Return the list as lines of plain text for a terminal or a file."""
    lines = [verification.package]
    for number, step in enumerate(verification.steps, start=1):
        lines += [
            f"{number:2d}. [{step.outcome.value.upper():7s}] {step.title}",
            f"      {step.expected}",
            f"      {step.found}",
            *(f"      - {finding}" for finding in step.findings),
        ]
    return lines


def report_json(verification: Verification) -> bytes:
    """Return the list as canonical JSON (``skywarden/verification/1``) for programs; steps in order."""
    return canonical_bytes(
        {
            "schema": SCHEMA,
            "package": verification.package,
            "outcome": verification.outcome.value,
            "steps": [
                {
                    "number": number,
                    "code": step.code,
                    "title": step.title,
                    "expected": step.expected,
                    "found": step.found,
                    "outcome": step.outcome.value,
                    "findings": list(step.findings),
                }
                for number, step in enumerate(verification.steps, start=1)
            ],
        }
    )
