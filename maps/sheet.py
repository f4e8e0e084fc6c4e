"""Sheet: what one page of the commander's map shows, small enough for ten thousand incidents.

A run gives a sheet through :func:`sheet_of` (its :class:`~maps.scene.Scene`), many runs through
``maps.case_folder``, the station through its store; ``maps.offline_map`` draws any of them. A sheet is a view: it holds
no fact that the records do not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from shapely import MultiPolygon, Polygon

from core.clock import in_utc
from evidence.incident import Incident, State
from flight.patrol import NoFlyZone
from geofence.attribution import Undecided
from geofence.hazard import Value
from geofence.sighting import Sighting
from geofence.site import Register, Site, Zone
from maps.coverage import ground_by_gsd, ground_by_views, missed_ground, seen_ground, share_seen
from maps.features import semi_major_90_m
from maps.planned_areas import PlannedArea, planned_areas
from maps.scene import Scene, Trace

OPEN_STATES: Final = frozenset(
    {State.LEAD, State.IN_REVIEW, State.CONFIRMED_LEAD, State.NEEDS_ANOTHER_LOOK, State.ON_SITE_CHECKED, State.EVIDENCE}
)
"""States in which something is still to be done: what "open leads" of a site counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An incident as the map shows it.

    Attributes:
        number: Its short number.
        hazard, hazard_name: Code, and name in the reader's language.
        severity: 1 (look at it) to 4 (act at once).
        value: What the air can show of it.
        state: Where it stands.
        lon_deg, lat_deg: Where it is, WGS-84.
        error_90_m: Longer half axis of its 90 % ellipse.
        first_seen, last_seen: When, aware UTC.
        site_code: Whose ground; empty for nobody's; None where that is undecided.
        site_name: The enterprise's name.
        candidates: Where the site is undecided: the candidates with their probabilities.
        note: What is to be known of whose it is: why that is undecided, or a prior that was declared.
        zone: The zone's name.
        basis: Articles.
        authority: Who decides.
        history: What earlier patrols said of it.
        link: Address of the case, relative to the page; empty for none.
        thumbnail: JPEG of what the camera saw; empty for none.
        explanation: SVG that explains the attribution; empty for none.
    """

    number: str
    hazard: str
    hazard_name: str
    severity: int
    value: Value
    state: State
    lon_deg: float
    lat_deg: float
    error_90_m: float
    first_seen: datetime
    last_seen: datetime
    site_code: str | None
    site_name: str = ""
    candidates: str = ""
    note: str = ""
    zone: str = ""
    basis: str = ""
    authority: str = ""
    history: str = ""
    link: str = ""
    thumbnail: bytes = field(default=b"", repr=False)
    explanation: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "first_seen", in_utc(self.first_seen))
        object.__setattr__(self, "last_seen", in_utc(self.last_seen))
        if not 1 <= self.severity <= 4:
            raise ValueError(f"{self.number}: a severity is 1 to 4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """A site as the map shows it.

    Attributes:
        site: The site.
        open_leads: How many incidents on it are open.
        looked: Which patrols (by place in the sheet) saw it, and what share of it each, in (0, 1].
    """

    site: Site
    open_leads: int = 0
    looked: tuple[tuple[int, float], ...] = ()

    @property
    def grade(self) -> str:
        """The credit grade that the register gives it, or empty."""
        return self.site.attributes.get("credit_grade", "").strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one patrol looked at.

    Attributes:
        trace: What it left.
        ground: The ground that a clear frame of it saw.
        area_km2: How large that is.
        views: As it is drawn: the ground seen at least so often, each within the one before.
        gsd: And the ground whose finest look is at most so many metres a pixel, likewise.
        missed: And what no clear frame saw, though it was asked for or the camera was over it.
    """

    trace: Trace
    ground: Polygon | MultiPolygon
    area_km2: float
    views: tuple[tuple[int, Polygon | MultiPolygon], ...]
    gsd: tuple[tuple[float, Polygon | MultiPolygon], ...]
    missed: Polygon | MultiPolygon


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Everything that one page shows.

    Attributes:
        title: The page's title.
        drawn_at: When the records were taken, aware UTC.
        marks: Incidents.
        premises: Sites.
        zones: Zones.
        no_fly_zones: Forbidden ground.
        areas: Ground that was to be looked at besides the sites (:func:`maps.planned_areas.planned_areas`).
        patrols: Patrols in order of time.
        others: Sightings that are no incident.
    """

    title: str
    drawn_at: datetime
    marks: tuple[Mark, ...] = ()
    premises: tuple[Premises, ...] = ()
    zones: tuple[Zone, ...] = ()
    no_fly_zones: tuple[NoFlyZone, ...] = ()
    areas: tuple[PlannedArea, ...] = ()
    patrols: tuple[Seen, ...] = ()
    others: tuple[Sighting, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "drawn_at", in_utc(self.drawn_at))


def _marks(
    incidents: Iterable[Incident], register: Register, *, chinese: bool, links: Mapping[str, str]
) -> Iterable[Mark]:
    names = {site.code: site.name for site in register.sites}
    zones = {zone.zone_id: zone.name or zone.zone_id for zone in register.zones}
    for incident in incidents:
        outcome, hazard = incident.attribution, incident.hazard
        code, candidates = None, ""
        if isinstance(outcome, Undecided):
            shares = (f"{names.get(share.key, share.key)} {share.probability:.0%}" for share in outcome.sites)
            candidates = "; ".join(shares)
        else:
            code = outcome.site_code or ""
        yield Mark(
            number=incident.number,
            hazard=hazard.code,
            hazard_name=hazard.name_zh if chinese else hazard.name_en,
            severity=hazard.severity,
            value=hazard.value,
            state=incident.state,
            lon_deg=incident.sighting.point.lon_deg,
            lat_deg=incident.sighting.point.lat_deg,
            error_90_m=semi_major_90_m(incident.sighting.covariance),
            first_seen=incident.sighting.first_seen,
            last_seen=incident.sighting.last_seen,
            site_code=code,
            site_name=names.get(code or "", code or ""),
            candidates=candidates,
            note=" ".join(words for words in (getattr(outcome, "reason", ""), outcome.prior) if words),
            zone=zones.get(hazard.zone_id or "", hazard.zone_id or ""),
            basis="; ".join(f"{citation.law}{citation.article}" for citation in hazard.citations),
            authority=hazard.authority,
            link=links.get(incident.incident_id, ""),
        )


def open_leads(marks: Iterable[Mark]) -> dict[str, int]:
    """Return how many marks are open on each site, by its code."""
    counts: dict[str, int] = {}
    for mark in marks:
        if mark.site_code and mark.state in OPEN_STATES:
            counts[mark.site_code] = counts.get(mark.site_code, 0) + 1
    return counts


def patrols_of(traces: Iterable[Trace]) -> tuple[Seen, ...]:
    """Return what patrols looked at, in order of time."""
    ordered = sorted(traces, key=lambda trace: (trace.started_at, trace.name))
    return tuple(_seen(trace) for trace in ordered)


def _seen(trace: Trace) -> Seen:
    ground, area_km2 = seen_ground(trace.coverage)
    return Seen(
        trace=trace,
        ground=ground,
        area_km2=area_km2,
        views=ground_by_views(trace.coverage),
        gsd=ground_by_gsd(trace.coverage),
        missed=missed_ground(trace.coverage),
    )


def premises_of(sites: Iterable[Site], leads: Mapping[str, int], patrols: Iterable[Seen] = ()) -> tuple[Premises, ...]:
    """Return sites as the map shows them, with their open leads and who looked at them."""
    listed = tuple(sites)
    looked: list[list[tuple[int, float]]] = [[] for _site in listed]
    for number, seen in enumerate(patrols):
        for place, share in share_seen([site.shape for site in listed], seen.ground).items():
            looked[place].append((number, share))
    return tuple(
        Premises(site=site, open_leads=leads.get(site.code, 0), looked=tuple(by_patrol))
        for site, by_patrol in zip(listed, looked, strict=True)
    )


def sheet_of(scene: Scene, *, chinese: bool = False, links: Mapping[str, str] | None = None) -> Sheet:
    """Return the sheet of one run.

    Args:
        scene: What the run found.
        chinese: Whether hazards are named in Chinese.
        links: Addresses of cases by incident id, relative to the page.
    """
    register = scene.register
    marks = tuple(
        replace(
            mark,
            history=scene.histories.get(incident.incident_id, ""),
            thumbnail=scene.thumbnails.get(incident.incident_id, b""),
            explanation=scene.explanations.get(incident.incident_id, ""),
        )
        for incident, mark in zip(
            scene.incidents,
            _marks(scene.incidents, register, chinese=chinese, links=links or {}),
            strict=True,
        )
    )
    patrols = patrols_of(scene.traces)
    return Sheet(
        title=scene.title,
        drawn_at=scene.drawn_at,
        marks=marks,
        premises=premises_of(register.sites, open_leads(marks), patrols),
        zones=register.zones,
        no_fly_zones=scene.no_fly_zones,
        areas=planned_areas(scene.plans, [seen.ground for seen in patrols]),
        patrols=patrols,
        others=scene.others,
    )


def bounds_of(sheet: Sheet) -> tuple[float, float, float, float]:
    """Return west, south, east, north in degrees of what the sheet is about.

    Footprints that reach to the horizon and registers that span a city must not decide: incidents, other sightings,
    ways and mosaics do, then the sites, then the ground seen.

    Raises:
        ValueError: The sheet shows nothing at all.
    """
    boxes = [(mark.lon_deg, mark.lat_deg, mark.lon_deg, mark.lat_deg) for mark in sheet.marks]
    points = [sighting.point for sighting in sheet.others]
    points += [point for seen in sheet.patrols for way in seen.trace.ways for point in way]
    boxes += [(point.lon_deg, point.lat_deg, point.lon_deg, point.lat_deg) for point in points]
    mosaics = [seen.trace.mosaic for seen in sheet.patrols if seen.trace.mosaic is not None]
    boxes += [(one.west_deg, one.south_deg, one.east_deg, one.north_deg) for one in mosaics]
    if not boxes:
        boxes = [premises.site.shape.bounds for premises in sheet.premises] or [
            seen.ground.bounds for seen in sheet.patrols if not seen.ground.is_empty
        ]
    if not boxes:
        raise ValueError("the sheet shows nothing")
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)
