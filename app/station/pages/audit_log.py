"""The audit chain, newest first, and whether it holds."""

from __future__ import annotations

from typing import Any

from django.shortcuts import render

from app.station.audit_check import audit_breaks
from app.station.paging import page_of
from app.store.models import AuditRow
from evidence.custody import SCHEMA, Action, CustodyEntry
from evidence.sealing.canonical import decode


def browse(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """List entries by subject and action."""
    wanted = {name: str(request.GET.get(name, "")).strip()[:64] for name in ("subject", "action")}
    rows = AuditRow.objects.order_by("-seq")
    if wanted["subject"]:
        rows = rows.filter(subject__startswith=wanted["subject"])
    if wanted["action"]:
        rows = rows.filter(action=wanted["action"])
    page = page_of(rows, request.GET)
    entries = [decode(SCHEMA, CustodyEntry, row.document.encode(), f"audit {row.seq}") for row in page.rows]
    context = {"page": page, "entries": entries, "wanted": wanted, "actions": [action.value for action in Action]}
    return render(request, "station/audit.html", context)


def check(request: Any) -> Any:  # noqa: ANN401 - as above
    """Check the whole chain and what it speaks of."""
    return render(request, "station/audit_check.html", {"breaks": audit_breaks()})
