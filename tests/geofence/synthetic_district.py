"""A dense district of adjoining parcels, and sightings in it whose truth is known: for calibration and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import shapely
from numpy.typing import NDArray

from core.points import GeoPoint, LocalPlane, from_plane
from detection.detection import Box, Detection
from geofence.fix import Covariance, Fix
from geofence.register.credit_code import complete_code
from geofence.sighting import Sighting
from geofence.site import Register, Site

SEEN_AT = datetime(2026, 10, 1, 2, tzinfo=UTC)
CENTRE = GeoPoint(lon_deg=113.5, lat_deg=22.75)
PARCEL_M = 60.0
ROAD_M = 14.0
BLOCK = 3


def district_code(number: int) -> str:
    return complete_code("91", "440115", f"MA{number:06d}")


def draw_parcels(rng: np.random.Generator, side: int) -> NDArray[np.object_]:
    """Return side² parcels in metres: neighbours share a wavy fence of 5 to 15 vertices a side, roads part the blocks.

    Parcels stand in blocks of three by three; inside a block they touch, so an error ellipse covers several.
    """
    lines = np.arange(side + side // BLOCK + 1)
    offsets = np.cumsum(np.where(lines % (BLOCK + 1) == 0, ROAD_M, PARCEL_M)) - ROAD_M
    jitter = rng.uniform(-6, 6, (len(lines), len(lines), 2))
    corners = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) + jitter * 0.6

    def fence(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
        count = int(rng.integers(5, 16))
        along = np.linspace(0, 1, count, endpoint=False)[:, None]
        wave = rng.uniform(-0.9, 0.9, (count, 2)) * np.sin(np.pi * along)
        return np.concatenate([start + along * (end - start) + wave, end[None]])

    across = {}
    upward = {}
    for i in range(len(lines)):
        for j in range(len(lines)):
            if i + 1 < len(lines):
                across[i, j] = fence(corners[i, j], corners[i + 1, j])
            if j + 1 < len(lines):
                upward[i, j] = fence(corners[i, j], corners[i, j + 1])
    cells = [(i, j) for i in range(len(lines) - 1) for j in range(len(lines) - 1)]
    parcels = [
        shapely.Polygon(
            np.concatenate([across[i, j][:-1], upward[i + 1, j][:-1], across[i, j + 1][:0:-1], upward[i, j][:0:-1]])
        )
        for i, j in cells
        if (i + 1) % (BLOCK + 1) and (j + 1) % (BLOCK + 1)
    ]
    return np.array(parcels[: side * side], dtype=object)


def place_parcels(parcels: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return parcels in degrees."""
    plane = LocalPlane(origin=CENTRE)
    placed: NDArray[np.object_] = shapely.transform(parcels, lambda metres: from_plane(plane, metres))
    return placed


def register_parcels(shapes: NDArray[np.object_], boundary_sigma_m: float) -> Register:
    """Return a register of parcels in degrees."""
    sites = tuple(
        Site(
            code=district_code(n), name=f"第{n}号示范企业", shape=shape, boundary_sigma_m=boundary_sigma_m, version="1"
        )
        for n, shape in enumerate(shapes)
    )
    return Register(sites=sites, zones=(), sha256="0" * 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Sightings of things whose true site is known.

    Attributes:
        register: The fences as the register has them: each shifted by its own error.
        sightings: What was seen.
        truth: (n,) the true parcel's number, −1 for ground that is nobody's.
    """

    register: Register
    sightings: list[Sighting]
    truth: NDArray[np.int64]


def draw_trial(
    rng: np.random.Generator, *, side: int, count: int, boundary_sigma_m: float = 1.0, together: bool = True
) -> Trial:
    """Return a trial: things stand anywhere with equal density, are seen with an error, in fences with an error.

    Args:
        rng: Where chance comes from.
        side: Parcels along each side.
        count: Sightings.
        boundary_sigma_m: Error of the fences, one sigma on either axis, metres.
        together: True when the fences of one map err together, drawn anew for each sighting (each is of another town);
            False when every fence errs by itself, so that neighbours in the register gape and overlap.
    """
    parcels = draw_parcels(rng, side)
    west, south, east, north = shapely.total_bounds(parcels)
    truth = rng.uniform([west - 30, south - 30], [east + 30, north + 30], (count, 2))
    shifts = rng.normal(0, boundary_sigma_m, (count if together else len(parcels), 2))
    on_map = truth - shifts if together else truth  # the true fences are those of the map moved by the shift
    inside, places = shapely.STRtree(parcels).query(shapely.points(on_map), predicate="intersects")
    true_place = np.full(count, -1)
    true_place[inside] = places
    major, minor = rng.uniform(1.0, 8.0, count), rng.uniform(0.7, 4.0, count)
    turn = rng.uniform(0, np.pi, count)
    noise = rng.standard_normal((count, 2)) * np.column_stack([major, minor])
    cosine, sine = np.cos(turn), np.sin(turn)
    seen = truth + np.column_stack(
        [cosine * noise[:, 0] - sine * noise[:, 1], sine * noise[:, 0] + cosine * noise[:, 1]]
    )
    lonlat = from_plane(LocalPlane(origin=CENTRE), seen)
    covariances = np.column_stack(
        [
            (cosine * major) ** 2 + (sine * minor) ** 2,
            (sine * major) ** 2 + (cosine * minor) ** 2,
            cosine * sine * (major**2 - minor**2),
        ]
    )
    sightings = [make_sighting(n, lonlat[n], covariances[n]) for n in range(count)]
    recorded = parcels
    if not together:
        moved = [
            shapely.transform(parcel, lambda xy, by=by: xy - by) for parcel, by in zip(parcels, shifts, strict=True)
        ]
        recorded = np.array(moved, dtype=object)
    return Trial(
        register=register_parcels(place_parcels(recorded), boundary_sigma_m), sightings=sightings, truth=true_place
    )


def make_sighting(number: int, lonlat: NDArray[np.float64], covariance: NDArray[np.float64]) -> Sighting:
    """Return a sighting of one fix; ``covariance`` is (east, north, east-north) in square metres."""
    point = GeoPoint(lon_deg=float(lonlat[0]), lat_deg=float(lonlat[1]))
    spread = Covariance(east_m2=float(covariance[0]), north_m2=float(covariance[1]), east_north_m2=float(covariance[2]))
    detection = Detection(
        frame_id=f"frame-{number}",
        label="vehicle",
        score=0.9,
        box=Box(left_px=0, top_px=0, right_px=9, bottom_px=9),
        weight_sha256="0" * 64,
    )
    fix = Fix(
        detection=detection,
        captured_at=SEEN_AT,
        point=point,
        covariance=spread,
        ground_hae_m=None,
        slant_m=100.0,
        camera_point=point,
        assumptions=(),
    )
    return Sighting(label="vehicle", fixes=(fix,), point=point, covariance=spread, passes=1, moving=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a trial says of an attribution's honesty.

    Attributes:
        count: Sightings.
        attributed: Share attributed to a site or to nobody.
        right: Of those attributed to a site with p ≥ threshold, the share that stands there.
        wrong_enterprise: Of all sightings, the share for which another enterprise than the true one was named.
        reliability: For each tenth of probability: mean probability, observed frequency, shares counted.
    """

    count: int
    attributed: float
    right: float
    wrong_enterprise: float
    reliability: tuple[tuple[float, float, int], ...]


def calibrate(trial: Trial, *, threshold: float = 0.95) -> Calibration:
    """Return the calibration of the attributions of a trial."""
    from geofence.attribute import attribute_all
    from geofence.attribution import Attribution
    from geofence.register.site_index import build_index

    number_of = {site.code: number for number, site in enumerate(trial.register.sites)}
    outcomes = list(attribute_all(trial.sightings, build_index(trial.register), threshold=threshold))
    probabilities: list[float] = []
    happened: list[bool] = []
    decided = named = right = wrong = 0
    for outcome, truth in zip(outcomes, trial.truth.tolist(), strict=True):
        for share in outcome.sites:
            probabilities.append(share.probability)
            happened.append(number_of[share.key] == truth)
        if isinstance(outcome, Attribution):
            decided += 1
            if outcome.site_code is not None:
                named += 1
                right += number_of[outcome.site_code] == truth
                wrong += number_of[outcome.site_code] != truth
    share, hit = np.array(probabilities), np.array(happened)
    bins = np.minimum((share * 10).astype(int), 9)
    return Calibration(
        count=len(outcomes),
        attributed=decided / len(outcomes),
        right=right / named,
        wrong_enterprise=wrong / len(outcomes),
        reliability=tuple(
            (float(share[bins == b].mean()), float(hit[bins == b].mean()), int((bins == b).sum())) for b in range(10)
        ),
    )
