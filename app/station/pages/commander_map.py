"""The commander's map: the page, what it asks for while it is open, and the same as one offline file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from django.db.models import Count
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse

from app.station.context import station
from app.station.fleet import patrol_lines
from app.station.map_base import layers_of, tile_of
from app.station.map_ground import PER_PAGE, Ground, change_of, ground_of, mosaic_of
from app.station.map_live import events, pulse
from app.station.map_marks import HELD, MAX_IDS, gather, in_scope, read_wanted, totals_of, veiled
from app.station.map_popups import Told, marks_of, told_of
from app.station.models import CaseCard, Run
from app.station.objects import cards_of
from app.station.previous_visit import change_picture, changes_at
from core.clock import BEIJING, iso_utc
from core.errors import InputRefused
from core.text import _
from maps.change_file import Change
from maps.offline_map import SCRIPTS, page_parts, render_sheet
from maps.palette import ZONE_STYLES, zone_name
from maps.sheet import OPEN_STATES, Sheet
from maps.sheet_json import areas_json, ground_json, layer_json, looks_of, outline

CHINA: Final = (73.5, 18.0, 135.1, 53.6)
MOST_OFFLINE: Final = 10_000


def show(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """Show the map; what is on it is asked for by its script."""
    here = station()
    columns = veiled(HELD.columns(here.store, pulse(here.store, fresh=True), with_every_case=True), request.user)
    scope = in_scope(columns, request.user)
    totals = totals_of(columns, scope)
    chosen = columns.lon[scope], columns.lat[scope]
    bounds = CHINA
    if scope.any():
        bounds = (float(chosen[0].min()), float(chosen[1].min()), float(chosen[0].max()), float(chosen[1].max()))
    content = {
        "title": _("Map"),
        "drawnAt": iso_utc(here.clock.now()),
        "bounds": [round(number, 7) for number in bounds],
        "marksFrom": reverse("map-marks"),
        "groundFrom": reverse("map-ground"),
        "live": reverse("map-live"),
        "totals": totals,
        "closed": [],
        "areas": [],
        "others": [],
        "base": [
            layer_json(layer, bounds) if layer.file is None else _served(layer_number, layer)
            for layer_number, layer in enumerate(layers_of(here.options))
        ],
        "look": looks_of(totals["hazard"], dict(columns.names_zh if request.language == "zh_CN" else columns.names_en)),
    }
    parts = page_parts(content, title=_("Map"), bounds=bounds)
    return render(request, "station/map.html", {"parts": parts, "scripts": SCRIPTS, "most": MOST_OFFLINE})


def _served(number: int, layer: Any) -> dict[str, Any]:  # noqa: ANN401 - a base layer
    address = reverse("map-tile", kwargs={"layer": number, "z": 0, "x": 0, "y": 0}).removesuffix("0/0/0")
    return {
        "name": layer.name, "datum": layer.datum.value, "url": f"{address}{{z}}/{{x}}/{{y}}", "hosts": [],
        "attribution": layer.attribution, "least": layer.least_zoom, "most": layer.most_zoom, "tiles": {},
    }  # fmt: skip


def marks(request: Any) -> Any:  # noqa: ANN401 - as above
    """Return what a screen shows, or what a click tells."""
    if "ids" in request.GET:
        ids = request.GET["ids"].split(",")[:MAX_IDS]
        cards = list(cards_of(request.user).filter(pk__in=ids).order_by("-severity", "number"))
        told = told_of(cards)
        return _json({"marks": [_mark_json(card, told[card.pk], request) for card in cards]})
    here = station()
    columns = veiled(HELD.columns(here.store, pulse(here.store)), request.user)
    now = here.clock.now()
    scope = in_scope(columns, request.user)
    gathered = gather(columns, read_wanted(request.GET.dict(), now), scope, now)
    return _json(gathered | {"totals": totals_of(columns, scope)})


def _json(content: object) -> Any:  # noqa: ANN401 - as above
    return JsonResponse(content, safe=False, json_dumps_params={"ensure_ascii": False, "separators": (",", ":")},
                        headers={"Cache-Control": "no-store"})  # fmt: skip


def _mark_json(card: CaseCard, told: Told, request: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    name = card.hazard_zh if request.language == "zh_CN" else card.hazard_en
    content = {
        "number": card.number,
        "hazard": f"{card.hazard_code} {name}",
        "state": card.shown_state,
        "value": card.value,
        "severity": card.severity,
        "site": card.site_code or None,
        "siteName": card.site_name or card.site_code,
        "candidates": told.candidates,
        "note": told.note,
        "zone": told.zone,
        "basis": told.basis,
        "authority": told.authority,
        "history": "",
        "error": round(card.error_90_m, 1),
        "first": int(card.first_seen.timestamp() // 60),
        "last": int(card.last_seen.timestamp() // 60),
        "lon": card.lon_deg,
        "lat": card.lat_deg,
        "link": reverse("incident", kwargs={"incident_id": card.pk}),
    }
    if told.picture:
        content["picture"] = reverse("media", kwargs={"sha256": told.picture})
    return content


def _ground(request: Any) -> Ground:  # noqa: ANN401 - as above
    rows = cards_of(request.user).filter(shown__in=[state.value for state in OPEN_STATES]).exclude(site_code="")
    asked = str(request.GET.get("page", "0"))
    if not (asked.isascii() and asked.isdigit() and len(asked) < 6):
        raise InputRefused("page", _("is no number of a page"), _("Begin with page 0."))
    folder, now = station().options.patrols, station().clock.now()
    lines = () if folder is None else patrol_lines(folder, request.user, now)
    return ground_of(
        request.user,
        dict(rows.order_by().values_list("site_code").annotate(open=Count("*"))),
        page=int(asked),
        plans=[line.patrol for line in lines if line.patrol is not None],
    )


def ground(request: Any) -> Any:  # noqa: ANN401 - as above
    """Return sites, zones and patrols of the person's districts."""
    found = _ground(request)
    content = ground_json(
        found.premises, [replace(seen, trace=replace(seen.trace, mosaic=None)) for _run, seen in found.patrols]
    )
    for (run, seen), line in zip(found.patrols, content["patrols"], strict=True):
        if seen.trace.mosaic is not None:
            mosaic = seen.trace.mosaic
            line["mosaic"] = {
                "image": f"{reverse('map-mosaic')}?run={run.pk}",
                "bounds": [mosaic.west_deg, mosaic.south_deg, mosaic.east_deg, mosaic.north_deg],
            }
        line["name"] = run.title
        _show_changes(run, seen.trace.changes, line["changes"], request.user)
    content["zones"] = [
        {"name": zone.name or zone.zone_id, "kind": zone_name(zone.zone_type), "site": zone.site_code or "",
         "shape": outline(zone.shape), "look": dict(ZONE_STYLES[zone.zone_type])}
        for zone in found.zones
    ]  # fmt: skip
    content["areas"] = areas_json(found.areas)
    content |= {"leftOut": found.left_out, "page": found.page, "pages": found.pages, "perPage": PER_PAGE,
                "patrolsInAll": found.runs}  # fmt: skip
    return _json(content)


def _show_changes(run: Run, changes: Sequence[Change], lines: list[dict[str, Any]], user: Any) -> None:  # noqa: ANN401 - as above
    """Add to changes their pictures and the cases there that the person may open."""
    wanted = {number for change in changes for number in change.incidents}
    cards = dict(cards_of(user).filter(number__in=wanted).values_list("number", "pk")) if wanted else {}
    for change, line in zip(changes, lines, strict=True):
        address = f"{reverse('map-change')}?run={run.pk}&change={quote(change.number)}&when="
        line["pictures"] = [
            (when, address + when) for when in ("before", "after") if change_picture(run, change, when) is not None
        ]
        line["incidents"] = [number for number in change.incidents if number in cards]
        line["cases"] = [
            (number, reverse("incident", kwargs={"incident_id": cards[number]})) for number in line["incidents"]
        ]


def change(request: Any) -> Any:  # noqa: ANN401 - as above
    """Return a picture of a change that a run of the person's districts was compared to find."""
    asked = request.GET.get("run", "")
    found = (
        change_of(request.user, int(asked), request.GET.get("change", ""))
        if asked.isdigit() and len(asked) < 12
        else None
    )
    return change_answer(None if found is None else change_picture(*found, request.GET.get("when", "")))


def change_of_case(request: Any, incident_id: str, change: str, when: str) -> Any:  # noqa: ANN401, ARG001 - as above; the check found the case
    """Return a picture of a change that a case lies on."""
    found = next((one for one in changes_at(request.found) if one.number == change), None)
    return change_answer(None if found is None else change_picture(request.found.run, found, when))


def change_answer(path: Path | None) -> Any:  # noqa: ANN401 - as above
    """Return a picture, or nothing where there is none."""
    try:
        content = None if path is None else path.read_bytes()
    except OSError:
        content = None
    if content is None:
        return HttpResponse(status=204)
    return HttpResponse(content, content_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


def mosaic(request: Any) -> Any:  # noqa: ANN401 - as above
    """Return the mosaic of a run of the person's districts."""
    asked = request.GET.get("run", "")
    image = mosaic_of(request.user, int(asked)) if asked.isdigit() and len(asked) < 12 else None
    if image is None:
        return HttpResponse(status=204)
    return HttpResponse(image, content_type="image/webp", headers={"Cache-Control": "private, max-age=3600"})


def tile(request: Any, layer: int, z: int, x: int, y: int) -> Any:  # noqa: ANN401, ARG001 - as above
    """Return a tile of a file that the station was given."""
    layers = layers_of(station().options)
    found = tile_of(layers[layer], z, x, y) if layer < len(layers) and z <= 24 and max(x, y) < 1 << z else None
    if found is None:
        return HttpResponse(status=204)
    return HttpResponse(found[0], content_type=found[1], headers={"Cache-Control": "private, max-age=86400"})


def live(request: Any) -> Any:  # noqa: ANN401 - as above
    """Tell, as long as the page is open, that something changed and where aircraft are."""
    here = station()
    if not hasattr(request, "scope"):  # without ASGI an answer that never ends would hold a thread
        return HttpResponse(status=204)
    answer = StreamingHttpResponse(
        events(request.user, here.store, here.options.streams), content_type="text/event-stream; charset=utf-8"
    )
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def offline(request: Any) -> Any:  # noqa: ANN401 - as above
    """Return the map as one file that needs no network: the gravest and newest cases of the person's districts."""
    cards = list(cards_of(request.user).order_by("-severity", "-last_seen", "pk")[:MOST_OFFLINE])
    chinese = request.language == "zh_CN"
    found = _ground(request)
    sheet = Sheet(
        title=_("Map of {day}").format(day=station().clock.now().astimezone(BEIJING).strftime("%Y-%m-%d")),
        drawn_at=station().clock.now(),
        marks=marks_of(cards, chinese=chinese),
        premises=found.premises,
        zones=found.zones,
        areas=found.areas,
        patrols=tuple(seen for _run, seen in found.patrols),
    )
    if not (sheet.marks or sheet.premises or sheet.patrols):
        raise InputRefused(_("map"), _("has nothing to show yet"), _("Take in a run first."))
    body = render_sheet(sheet, chinese=chinese)
    return HttpResponse(body, content_type="application/octet-stream",
                        headers={"Content-Disposition": 'attachment; filename="map.html"'})  # fmt: skip
