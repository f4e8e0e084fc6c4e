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

from app.instruments import Instruments, Jurisdiction, Signing
from app.weights import open_detector
from core.clock import Clock
from core.errors import InputRefused
from core.heights import Geoid
from core.refusal import Refusal
from core.text import _
from evidence.sealing.context import FlightApproval
from evidence.signing.keys import create_key, ephemeral_key, load_key
from flight.calendars.periods import read_calendar
from flight.planning.patrol_file import read_patrol
from geofence.locating.ground import FlatAtTakeoff, Ground
from geofence.locating.ground_dem import DemGround
from geofence.register.site_files import read_register
from geofence.rules.law import read_law
from geofence.rules.rule_file import SHIPPED_RULES, read_rules

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


def open_ground(dem: Path | None, datum: str) -> Ground:
    """Return the ground that rays are cut with.

    Args:
        dem: A terrain raster, or None for ground that is level at take-off height.
        datum: What the raster's heights refer to: "EGM96", "EGM2008" or "ellipsoid"; rasters seldom say it.

    Raises:
        InputRefused: A raster is named without a datum, or the datum is none of the three.
    """
    if dem is None:
        return FlatAtTakeoff()
    if datum == "ellipsoid":
        return DemGround(path=dem, vertical=None)
    if datum not in {Geoid.EGM96.value, Geoid.EGM2008.value}:
        raise InputRefused(
            dem,
            _("the datum of its heights is not declared"),
            _("Say --dem-datum EGM96, EGM2008 or ellipsoid; the raster's maker states it."),
        )
    return DemGround(path=dem, vertical=Geoid(datum))


def open_instruments(
    *, weights: Sequence[str] = (), zone: str, ground: Ground, device: str, clock: Clock
) -> Instruments:
    """Return the instruments for a run.

    Args:
        weights: Registered weights, by name or file; the defaults when empty.
        zone: The time zone declared for camera clocks.
        ground: The ground that rays are cut with.
        device: "auto", "cpu" or "cuda".
        clock: The station's clock.

    Raises:
        InputRefused: There is no such zone.
        WeightRefused: The weight cannot be used.
    """
    zone_info = camera_zone(zone)
    detector, cards = open_detector(weights, device=device)
    return Instruments(
        detector=detector,
        ground=ground,
        camera_zone=zone_info,
        clock=clock,
        weight_cards=cards,
    )


def open_jurisdiction(
    *, sites: Path, zones: Path | None, rules: Path | None
) -> tuple[Jurisdiction, tuple[Refusal, ...]]:
    """Return what findings are judged by, and what of the register was refused.

    Raises:
        InputRefused: A file cannot be used as a whole.
    """
    register, refusals = read_register(sites, zones)
    return Jurisdiction(
        register=register,
        register_file=sites,
        zones_file=zones,
        rules=read_rules(rules),
        rules_content=(rules or SHIPPED_RULES).read_bytes(),
        law=read_law(None),
        calendar=read_calendar(None),
    ), refusals


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


def open_signing(key: Path | None, passphrase: str, *, work: Path) -> Signing:
    """Return the bureau's key, or a key made for this case folder that nobody vouches for.

    A made key is kept in ``work``, so that a run that is killed and goes on seals with the same key.

    Raises:
        InputRefused: The key file or its passphrase is wrong.
    """
    if key is not None:
        return Signing(key=load_key(key, passphrase), ephemeral=False)
    kept = work / "ephemeral-key.pem"
    work.mkdir(parents=True, exist_ok=True)
    if kept.is_file():
        return Signing(key=load_key(kept, "ephemeral"), ephemeral=True)
    return Signing(key=create_key(kept, "ephemeral", label=ephemeral_key().label), ephemeral=True)
