"""The dashboard: what was flown, found, decided and put right; the same as files."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header

from app.station.case_filter import CaseFilter, read_filter
from app.station.context import station
from app.station.figure_files import heading, summary, tables
from app.station.figures import REMEMBERED, Figures
from app.station.objects import cards_of, districts_of
from app.station.weekly import bureau_of, report_file, weeks_of
from core.clock import BEIJING
from core.text import _

DAYS_AT_FIRST = 90


def _asked(request: Any) -> tuple[CaseFilter, Figures]:  # noqa: ANN401 - Django's request and response
    now = station().clock.now()
    query = request.GET.dict()
    if "since" not in query:
        query["since"] = (now.astimezone(BEIJING).date() - timedelta(days=DAYS_AT_FIRST)).isoformat()
    wanted = read_filter(query)
    return wanted, REMEMBERED.figures(
        request.user, wanted, now=now, chinese=request.language == "zh_CN", store=station().store
    )


def show(request: Any) -> Any:  # noqa: ANN401 - as above
    """Show the figures of a period."""
    wanted, figures = _asked(request)
    today = station().clock.now().astimezone(BEIJING).date()
    monday = today - timedelta(days=today.weekday())
    spans = [
        (_("this week"), monday, today),
        (_("last week"), monday - timedelta(days=7), monday - timedelta(days=1)),
        (_("thirty days"), today - timedelta(days=29), today),
        (_("this year"), today.replace(month=1, day=1), today),
    ]
    kept = {name: value for name, value in wanted.said.items() if name not in {"since", "until"}}
    context = {
        "wanted": wanted,
        "figures": figures,
        "summary": summary(figures),
        "heading": heading(),
        "tables": tables(figures),
        "districts": list(districts_of(request.user)),
        "query": urlencode(wanted.said),
        "spans": [
            (name, urlencode(kept | {"since": first.isoformat(), "until": last.isoformat()}))
            for name, first, last in spans
        ],
        "weeks": figures.by_week[-26:],
        "most": max((week.leads for week in figures.by_week[-26:]), default=1) or 1,
        "hazards": figures.by_hazard[:12],
        "most_hazard": max((one.leads for one in figures.by_hazard), default=1) or 1,
    }
    return render(request, "station/dashboard.html", context)


def save(request: Any, form: str) -> Any:  # noqa: ANN401 - as above
    """Return the figures as a file: csv, xlsx, or the report as pdf."""
    wanted, figures = _asked(request)
    bureau = bureau_of(request.user, wanted.district)
    report = report_file(form, figures, wanted, bureau=bureau, now=station().clock.now())
    return HttpResponse(
        report.content,
        content_type=report.media_type,
        headers={"Content-Disposition": content_disposition_header(True, report.name) or ""},  # noqa: FBT003 - Django's
    )


def reports(request: Any) -> Any:  # noqa: ANN401 - as above
    """List the weeks, each with its report."""
    today = station().clock.now().astimezone(BEIJING).date()
    return render(request, "station/reports.html", {"weeks": weeks_of(cards_of(request.user), today)})
