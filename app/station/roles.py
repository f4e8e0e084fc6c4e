"""The roles of a bureau. What each may do stands in :mod:`app.station.access_table`, nowhere else."""

from __future__ import annotations

from enum import StrEnum

from core.text import _


class Role(StrEnum):
    """What somebody is at the station. One person may be several."""

    PILOT = "pilot"
    REVIEWER = "reviewer"
    SENIOR_REVIEWER = "senior-reviewer"
    OFFICER = "officer"
    COMMANDER = "commander"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


def role_name(role: Role) -> str:
    """Return a role's name in the reader's language."""
    return {
        Role.PILOT: _("pilot"),
        Role.REVIEWER: _("reviewer"),
        Role.SENIOR_REVIEWER: _("senior reviewer"),
        Role.OFFICER: _("officer"),
        Role.COMMANDER: _("commander"),
        Role.AUDITOR: _("auditor"),
        Role.ADMINISTRATOR: _("administrator"),
    }[role]
