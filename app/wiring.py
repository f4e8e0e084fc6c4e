"""Wiring: opens the drivers and files that a run asks for, and refuses early what cannot work.

Everything that could be wrong with what the user named (weight, sites, zones, rules, key) is found here, before the
first photo is examined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from app.corrections import read_corrections
from app.instruments import Instruments, Jurisdiction, Signing
from app.placing import takeoff_of
from app.weights import open_detectors, threads_of
from core.clock import Clock
from core.errors import InputRefused
from core.heights import HeightDatum
from core.refusal import Refusal
from core.text import _
from detection.frames.following import Following
from detection.lookout import Lookout
from detection.seen_ground import Enough
from detection.thermal.thermogram import AS_WRITTEN, Conditions
from evidence.sealing.context import FlightApproval
from evidence.signing.keys import SigningKey, create_key, ephemeral_key, load_key
from flight.calendars.periods import read_calendar
from flight.cameras.declared import read_declared_camera
from flight.flying.wind_log import read_wind
from flight.planning.patrol_file import read_patrol
from flight.telemetry.clock_offset import ClockOffset
from flight.track import PoseDeclaration
from geofence.attributing.attribute_extended import Wind
from geofence.attributing.attribute_prior import read_prior
from geofence.crowd import Recall
from geofence.datums import Datum
from geofence.locating.ground import Ground
from geofence.locating.locate_point import ground_of
from geofence.register.site_files import read_register
from geofence.rules.law import read_law
from geofence.rules.rule_file import SHIPPED_RULES, read_rules

MOST_VIEWS = 20
RECALL_SIGMA = 0.1  # a share that was measured on some other ground
DECLARED_SIGMA_DEG = 20.0  # a weather report names an eighth of the compass
FELT_SIGMA_DEG = 15.0
DECLARED_SIGMA_S = 1.0  # who gives no error knows the offset to the second

if TYPE_CHECKING:
    from app.store.django_store import DjangoCaseStore


def camera_zone(name: str) -> ZoneInfo:
    """Return the time zone called ``name``.

    Raises:
        InputRefused: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as unknown:
        raise InputRefused(name, _("is no time zone"), _("Use a name like Asia/Shanghai or Europe/Minsk.")) from unknown


def open_ground(
    dem: Path | None = None,
    datum: HeightDatum | None = None,
    *,
    height_m: float | None = None,
    sigma_m: float | None = None,
    takeoff: str = "",
) -> Ground:
    """Return the ground that rays are cut with: a raster, a declared level, or the level of the take-off point.

    Args:
        dem: A terrain raster, or None.
        datum: What the heights of the raster or the level refer to; rasters seldom say it.
        height_m: Height of level ground, or None.
        sigma_m: One-sigma error of the ground's height, metres; None for the default of its kind.
        takeoff: The take-off point for a raster, as :func:`app.placing.takeoff_of` reads it; empty for none.

    Raises:
        InputRefused: A raster or a height without a datum, or both of them.
    """
    try:
        return ground_of(
            dem=dem,
            ground_height_m=height_m,
            height_datum=datum,
            sigma_m=sigma_m,
            takeoff=takeoff_of(takeoff) if takeoff else None,
        )
    except ValueError as wrong:
        raise InputRefused(
            dem or "--ground-height",
            str(wrong),
            _("Say --height-datum EGM96, EGM2008 or ellipsoid; the raster's maker or the surveyor states it."),
        ) from wrong


def open_instruments(
    *,
    weights: Sequence[str] = (),
    zone: str,
    ground: Ground,
    device: str,
    clock: Clock,
    ground_declared: bool = False,
    camera: str = "",
    declaration: PoseDeclaration | None = None,
    clock_offset: ClockOffset | None = None,
    corrections: Path | None = None,
    thermal: Conditions = AS_WRITTEN,
    views: int = Enough().views,
    area: BaseGeometry | None = None,
    follow: bool = True,
    threads: str = "",
) -> Instruments:
    """Return the instruments for a run.

    Args:
        weights: Registered weights, by name or file; the defaults when empty.
        zone: The time zone declared for camera clocks.
        ground: The ground that rays are cut with.
        device: As :class:`detection.yolo.YoloDetector` takes it.
        clock: The station's clock.
        ground_declared: Whether that ground was declared rather than taken for granted.
        camera: What the camera is declared to be, as :func:`flight.cameras.declared.read_declared_camera` reads it;
            empty to believe each file.
        declaration: What the patrol declares of its cameras.
        clock_offset: How far the camera's clock is off.
        corrections: A flight's corrections to apply, or None.
        thermal: What is declared of thermal measurements.
        views: Looks from different sides after which ground is left out; 0 to look at everything again and again.
        area: Ground outside of which nothing is sought, longitude and latitude; None for everywhere.
        follow: Whether to look again shortly before and after what is found in videos.
        threads: CPU threads of the detector: a number, "auto", or nothing for the runtime's own choice.

    Raises:
        InputRefused: There is no such zone or camera, or the corrections are none, or the number of views.
        WeightRefused: The weight cannot be used.
    """
    zone_info = camera_zone(zone)
    lookout = Lookout(area=area, enough=enough_of(views))
    detectors = open_detectors(weights, device=device, threads=threads_of(threads), lookout=lookout)
    return Instruments(
        detector=detectors.light,
        heat=detectors.heat,
        ground=ground,
        camera_zone=zone_info,
        clock=clock,
        weight_cards=detectors.cards,
        ground_declared=ground_declared,
        camera=read_declared_camera(camera) if camera else None,
        declaration=declaration or PoseDeclaration(),
        clock_offset=clock_offset,
        corrections=None if corrections is None else read_corrections(corrections)[0],
        thermal=thermal,
        lookout=lookout,
        following=Following() if follow else None,
    )


def enough_of(views: int) -> Enough | None:
    """Return when ground has been seen often enough; None for never.

    Raises:
        InputRefused: It is no such number.
    """
    if not 0 <= views <= MOST_VIEWS:
        raise InputRefused(
            str(views), _("is no number of views"), _("Say 1 to {most}, or 0 for all.").format(most=MOST_VIEWS)
        )
    return Enough(views=views, found_views=2 * views) if views else None


def area_of(patrol: Path | None) -> BaseGeometry | None:
    """Return the ground that the patrol that was flown looks at; None when none is named or it follows lines.

    Raises:
        InputRefused: The patrol file cannot be used.
    """
    shapes = [] if patrol is None else [area.shape for area in read_patrol(patrol).areas]
    if not shapes or not all(isinstance(shape, Polygon | MultiPolygon) for shape in shapes):
        return None
    return shapely.union_all(shapes)


def open_jurisdiction(
    *,
    sites: Path,
    zones: Path | None,
    rules: Path | None,
    datum: Datum = Datum.WGS84,
    adjacency: Path | None = None,
) -> tuple[Jurisdiction, tuple[Refusal, ...]]:
    """Return what findings are judged by, and what of the register was refused.

    Args:
        sites: File of sites.
        zones: File of zones, or None.
        rules: Rule file, or None for the shipped one.
        datum: What the degrees of both register files are in.
        adjacency: File of what is declared of neighbouring sites, or None for nothing.

    Raises:
        InputRefused: A file cannot be used as a whole.
    """
    register, refusals = read_register(sites, zones, datum=datum)
    return Jurisdiction(
        register=register,
        register_file=sites,
        zones_file=zones,
        rules=read_rules(rules),
        rules_content=(rules or SHIPPED_RULES).read_bytes(),
        law=read_law(None),
        calendar=read_calendar(None),
        datum=datum,
        prior=None
        if adjacency is None
        else read_prior(adjacency, known=frozenset(site.code for site in register.sites)),
    ), refusals


def declaration_of(patrol: Path | None) -> PoseDeclaration:
    """Return what the patrol file that was flown declares of its cameras; nothing when none is named.

    Raises:
        InputRefused: The patrol file cannot be used.
    """
    return PoseDeclaration() if patrol is None else read_patrol(patrol).declares


def clock_offset_of(text: str) -> ClockOffset | None:
    """Return the clock offset that a person gives, "2.3" or "2.3,0.1" in seconds (true less device, and its sigma).

    Raises:
        InputRefused: It is no offset.
    """
    if not text:
        return None
    try:
        offset, _comma, sigma = text.partition(",")
        return ClockOffset(
            offset_s=float(offset), sigma_s=float(sigma or DECLARED_SIGMA_S), method=_("as declared"), samples=1
        )
    except ValueError as wrong:
        raise InputRefused(
            text, _("is no clock offset"), _("Give seconds to add to the camera's time, like 2.3 or 2.3,0.1.")
        ) from wrong


def wind_of(said: str) -> Wind | None:
    """Return the wind that ``--wind`` says: "45" or "45,20" (degrees it blows from, and their sigma), or a log's name.

    Raises:
        InputRefused: It is neither a direction nor a log, or the log says of no wind.
    """
    if not said:
        return None
    path = Path(said)
    if path.is_file():
        felt = read_wind(path)
        if felt is None:
            raise InputRefused(
                path,
                _("says of no wind that has a direction"),
                _("Declare the wind: degrees it blows from, like 45,20."),
            )
        told = _("the autopilot's mean of {reports} reports, {speed:.1f} m/s").format(
            reports=felt.reports, speed=felt.speed_m_s
        )
        # The ground's own wind turns about obstacles: no estimate from the air is better than this at a chimney's foot.
        return Wind(from_deg=felt.from_deg, sigma_deg=min(60.0, max(FELT_SIGMA_DEG, felt.spread_deg)), source=told)
    try:
        bearing, _comma, sigma = said.partition(",")
        return Wind(from_deg=float(bearing), sigma_deg=float(sigma or DECLARED_SIGMA_DEG), source=_("as declared"))
    except ValueError as wrong:
        raise InputRefused(
            said,
            _("is no wind"),
            _("Give the degrees it blows from and their error, like 45,20, or a flight log or .tlog that is there."),
        ) from wrong


def recall_of(said: str) -> Recall | None:
    """Return the share of people that a weight finds, "0.7" or "0.7,0.05" with its sigma; None where nothing is said.

    Raises:
        InputRefused: It is no such share.
    """
    if not said:
        return None
    try:
        share, _comma, sigma = said.partition(",")
        return Recall(share=float(share), sigma=float(sigma or RECALL_SIGMA), source=_("as declared"))
    except ValueError as wrong:
        raise InputRefused(
            said, _("is no recall"), _("Give the share of people that the weight finds, as measured, like 0.7,0.05.")
        ) from wrong


def flight_of(patrol: Path | None) -> FlightApproval | None:
    """Return what allowed the flight, as the patrol file that was flown states it; None when none is named.

    Raises:
        InputRefused: The patrol file cannot be used.
    """
    if patrol is None:
        return None
    flown = read_patrol(patrol)
    pilots = [crew for crew in flown.crews if crew.licence]
    told = FlightApproval(
        task_no=flown.name,
        pilot="、".join(crew.name for crew in pilots),
        pilot_licence="、".join(crew.licence for crew in pilots),
    )
    if flown.approval is None:
        return told
    return replace(
        told,
        approval_no=flown.approval.number,
        window_from=flown.approval.starts_at,
        window_to=flown.approval.ends_at,
    )


def open_case_store(where: str, clock: Clock, *, new: bool) -> DjangoCaseStore:
    """Return the store at ``where``: a file, or a ``postgresql://`` address.

    Args:
        where: As the user named it.
        clock: The station's clock.
        new: Whether a file that is not there may be made.

    Raises:
        InputRefused: There is no such file, and none may be made.
        StoreFailed: It is no store, or cannot be opened.
    """
    from app.store.open_store import open_store

    if where.startswith(("postgresql://", "postgres://")):
        return open_store(where, clock)
    path = Path(where)
    if not new and not path.is_file():
        raise InputRefused(
            path, _("is no store of cases"), _("Name one with --store or SKYWARDEN_STORE; processing footage makes it.")
        )
    return open_store(path, clock)


def open_signing(key: SigningKey | None, *, work: Path) -> Signing:
    """Return the bureau's key, or a key made for this case folder that nobody vouches for.

    A made key is kept in ``work``, so that a run that is killed and goes on seals with the same key.

    Raises:
        InputRefused: The kept key's file is damaged.
    """
    if key is not None:
        return Signing(key=key, ephemeral=False)
    kept = work / "ephemeral-key.pem"
    work.mkdir(parents=True, exist_ok=True)
    if kept.is_file():
        return Signing(key=load_key(kept, "ephemeral"), ephemeral=True)
    return Signing(key=create_key(kept, "ephemeral", label=ephemeral_key().label), ephemeral=True)
