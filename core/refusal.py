"""A refusal: what a step gives back when it cannot give a result.

Every step yields a value for every input, the result or a refusal with a reason, so that inputs = results + refusals
can be counted at the end of each run.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.text import _


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why one input gave no result.

    Attributes:
        subject: What was refused: a file name, a frame id, an area's name.
        code: A short stable slug in kebab case ("no-pose", "truncated-jpeg"), for counting and for tests.
        reason: What is wrong, one clause for a person.
        remedy: What the person can do, one imperative sentence; may be empty when nothing can be done.
    """

    subject: str
    code: str
    reason: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if not self.subject or not self.code or not self.reason:
            raise ValueError("a refusal names its subject, a code and a reason")

    def __str__(self) -> str:
        if not self.remedy:
            return _("{path}: {problem}.").format(path=self.subject, problem=self.reason)
        return _("{path}: {problem}. {remedy}").format(path=self.subject, problem=self.reason, remedy=self.remedy)
