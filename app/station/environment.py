"""The templates' environment: Jinja, every value escaped, a name that is not there is an error.

Templates say ``{{ _("…") }}`` as the code does, so that one catalogue serves both; ``make messages`` finds them by the
mapping in ``app/locale/babel.cfg``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from app.station.access_table import BY_NAME, menu_of
from app.station.assets import asset_address
from app.station.roles import Role, role_name
from core.clock import BEIJING
from core.text import _
from evidence.cases.life import Decision, Deed, Reason, Verdict
from evidence.custody import Action
from geofence.hazard import Value
from maps.palette import change_name, severity_name, state_name, value_name


def beijing(instant: datetime | None, form: str = "%Y-%m-%d %H:%M") -> str:
    """Return an instant in Beijing time, or nothing for none."""
    return "" if instant is None else instant.astimezone(BEIJING).strftime(form)


def reason_name(reason: str) -> str:
    """Return why a lead is rejected, in the reader's language."""
    return {
        Reason.FALSE_DETECTION: _("false detection"),
        Reason.WRONG_POSITION: _("wrong position"),
        Reason.NOT_THIS_ENTERPRISE: _("not this enterprise"),
        Reason.ALREADY_RECTIFIED: _("put right already"),
        Reason.POOR_IMAGE: _("poor picture"),
        Reason.DUPLICATE: _("duplicate"),
        Reason.LAWFUL_WORK: _("lawful work"),
        Reason.NO_JURISDICTION: _("no jurisdiction"),
    }[Reason(reason)]


def verdict_name(verdict: Verdict) -> str:
    """Return a verdict in the reader's language."""
    return {Verdict.CONFIRM: _("confirm"), Verdict.REJECT: _("reject"), Verdict.ANOTHER_LOOK: _("another look")}[
        verdict
    ]


def decision_name(decision: Decision) -> str:
    """Return what a decision did, in the reader's language: a verdict by its word, a document by its name."""
    if decision.verdict is not None:
        return verdict_name(decision.verdict)
    if decision.document is not None:
        return str(decision.document.value)
    return {
        Deed.TAKEN_UP: _("taken up"),
        Deed.RESUMED: _("taken up again"),
        Deed.CHECKED_ON_SITE: _("checked on site"),
        Deed.ACCEPTED: _("evidence"),
        Deed.RECTIFIED: _("rectified"),
        Deed.TRANSFERRED: _("transferred"),
        Deed.CLOSED: _("closed"),
    }[decision.deed]


def action_name(action: str) -> str:
    """Return what an entry of the audit says was done, in the reader's language."""
    return {
        Action.INGESTED: _("taken in"),
        Action.OPENED: _("opened"),
        Action.DERIVED: _("copy made"),
        Action.REVIEWED: _("reviewed"),
        Action.CHECKED_ON_SITE: _("checked on site"),
        Action.DECIDED: _("decided"),
        Action.VIEWED: _("viewed"),
        Action.HANDED_OVER: _("handed over"),
        Action.COPIED: _("copied"),
        Action.SEALED: _("sealed"),
        Action.TIME_STAMPED: _("time-stamped"),
        Action.HELD: _("held"),
        Action.DISPOSED: _("disposed of"),
    }[Action(action)]


def address(name: str, **named: object) -> str:
    """Return the address of a page of the access table."""
    return str(reverse(name, kwargs=named or None))


@pass_context
def with_query(context: Context, **changes: object) -> str:
    """Return this page's query string with some values changed; None takes a value out."""
    query = {name: value for name, value in context["request"].GET.items() if name not in changes}
    query |= {name: str(value) for name, value in changes.items() if value is not None}
    return f"?{urlencode(query)}"


@pass_context
def may(context: Context, name: str) -> bool:
    """Return whether the reader's roles open a page, so that no template offers what would be refused."""
    user = context["request"].user
    return bool(user.is_authenticated and BY_NAME[name].roles & user.role_set)


def make_environment(**options: Any) -> Environment:  # noqa: ANN401 - Django hands over Jinja's options
    """Return the environment of every template."""
    environment = Environment(  # noqa: S701 - autoescape is on; the check does not see it among the options
        **options | {"loader": PackageLoader("app.station"), "autoescape": True, "undefined": StrictUndefined},
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        _=_,
        action_name=action_name,
        asset=asset_address,
        may=may,
        menu_of=menu_of,
        decision_name=decision_name,
        reason_name=reason_name,
        role_name=lambda role: role_name(Role(role)) if role in set(Role) else f"{role} ?",
        severity_name=severity_name,
        change_name=change_name,
        state_name=state_name,
        url=address,
        value_name=lambda value: value_name(Value(value)),
        with_query=with_query,
    )
    environment.filters["beijing"] = beijing
    return environment
