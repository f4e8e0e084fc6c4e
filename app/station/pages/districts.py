"""Districts, for the administrator."""

from __future__ import annotations

import re
from typing import Any, Final

from django.db import transaction
from django.db.models import Count
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from app.station.audit import actor_of_user, note_account
from app.station.cards import Districts
from app.station.models import District
from core.errors import InputRefused
from core.text import _

CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")
MAX_OUTLINE: Final = 1_000_000


def browse(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """List the districts."""
    districts = District.objects.annotate(cases=Count("cards", distinct=True), members=Count("people", distinct=True))
    return render(request, "station/districts.html", {"districts": list(districts.order_by("code"))})


def create(request: Any) -> Any:  # noqa: ANN401 - as above
    """Make a district."""
    return _kept(request, District(), new=True)


def edit(request: Any, code: str) -> Any:  # noqa: ANN401, ARG001 - as above; the check found it
    """Change a district's name and outline; its code stays, for the audit speaks of it."""
    return _kept(request, request.found, new=False)


def _kept(request: Any, district: District, *, new: bool) -> Any:  # noqa: ANN401 - as above
    fault = ""
    if request.method == "POST":
        if new:
            district.code = str(request.POST.get("code", "")).strip()[:64]
        district.name = str(request.POST.get("name", "")).strip()[:120]
        district.outline = str(request.POST.get("outline", "")).strip()
        try:
            _check(district, new=new)
            with transaction.atomic():
                district.save()
                note_account(actor_of_user(request.user), f"district {district.code}", "district kept",
                             name=district.name)  # fmt: skip
            return HttpResponseRedirect(reverse("districts"))
        except InputRefused as refusal:
            fault = str(refusal)
    context = {"district": district, "new": new, "fault": fault}
    return render(request, "station/district.html", context, status=400 if fault else 200)


def _check(district: District, *, new: bool) -> None:
    """Raise ``InputRefused`` for a district that cannot be kept so."""
    if not CODE.match(district.code) or not district.name:
        raise InputRefused(_("district"), _("has no code or no name"), _("Give both; a code has letters and digits."))
    if new and District.objects.filter(code=district.code).exists():
        raise InputRefused(_("district"), _("has a code that is taken"), _("Choose another."))
    if not district.outline:
        return
    from shapely.errors import ShapelyError

    try:
        from shapely import from_geojson

        outline = from_geojson(district.outline[:MAX_OUTLINE])
        if outline.geom_type not in {"Polygon", "MultiPolygon"} or not outline.is_valid or outline.is_empty:
            raise InputRefused(_("district"), _("has an outline that is no valid area"), _("Give a GeoJSON polygon."))
        Districts([district])
    except ShapelyError as unfit:
        raise InputRefused(
            _("district"), _("has an outline that is no GeoJSON"), _("Give a GeoJSON polygon.")
        ) from unfit
