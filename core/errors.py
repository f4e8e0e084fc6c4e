"""Every failure of the world that Skywarden knows, as one tree.

A caller's mistake (a negative height, a naive datetime) is a ``TypeError`` or ``ValueError`` where it happens. The
world's failures are these, and ``app.exit_codes`` is the one place that turns them into exit codes::

    SkywardenError
    ├── InputRefused      a file or folder cannot be used           (which, what is wrong, what to do)
    │   └── WeightRefused     a detector weight is unknown, altered or unfit
    ├── PlanRefused       no flight can keep the patrol's promises
    ├── LinkFailed        the vehicle did not do what it was asked
    │   └── VehicleRefused    the vehicle answered, and its answer was no
    ├── StoreFailed       our own records cannot be read or written
    └── IntegrityFailed   a sealed thing is not what it was

A failure that concerns one input among many is not raised but returned, as a :class:`core.refusal.Refusal`, so that
the rest of the run goes on and counts in equal counts out.
"""

from __future__ import annotations

from pathlib import Path

from core.text import _


class SkywardenError(Exception):
    """The root of the tree. Its text is one sentence (or a few) fit for a person."""


class InputRefused(SkywardenError):
    """A file or folder that the user named cannot be used.

    Args:
        path: The file or folder, as the user named it.
        problem: What is wrong with it, as a clause ("holds no photos").
        remedy: What the user can do, as an imperative sentence ("Name a folder of JPEG photos.").
    """

    def __init__(self, path: Path | str, problem: str, remedy: str) -> None:
        super().__init__(_("{path}: {problem}. {remedy}").format(path=path, problem=problem, remedy=remedy))
        self.path = Path(path)
        self.problem = problem
        self.remedy = remedy


class WeightRefused(InputRefused):
    """A detector weight is missing, unregistered, altered, or does not fit its card."""


class PlanRefused(SkywardenError):
    """No flight can keep what the patrol promises; the text says which promise and why."""


class LinkFailed(SkywardenError):
    """The link to a vehicle broke, or the vehicle did not answer or did not do what it was asked."""


class VehicleRefused(LinkFailed):
    """The vehicle answered, and its answer was no (its own words are in the text)."""


class StoreFailed(SkywardenError):
    """Skywarden's own records cannot be read or written."""


class IntegrityFailed(SkywardenError):
    """Something sealed is not what it was when it was sealed."""
