"""Ground: where a ray from the camera first meets the Earth.

A ground has a *reference* in which heights are stated: the take-off plane, the ellipsoid, a geoid. :meth:`Ground.stand`
turns the heights that a pose states into one height above that reference, or says why it cannot: heights of different
kinds are never mixed. :meth:`Ground.strike` then casts rays. Rays run in the east-north-up frame of a local plane at
the camera; the Earth's curvature (8 cm at 1 km, 2 m at 5 km) is part of the geometry.

Drivers: :class:`FlatAtTakeoff`, :class:`FlatAt`, :class:`AtLaserSpot` here,
:class:`geofence.locating.ground_dem.DemGround` for a raster.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from core.heights import Geoid, HaeHeight, HeightDatum, MslHeight
from core.text import _
from flight.track import Pose
from geofence.locating.geoid import GeoidHeights, installed_geoid, on_datum

# An absolute height whose error nobody states: barometers of consumer drones are off by that much.
_LOOSE_SIGMA_M: Final = 10.0
_TAKEOFF_SIGMA_M: Final = 0.5
EARTH_RADIUS_M: Final = 6_371_000.0  # mean radius; its 0.3 % error moves the curvature term by 0.2 mm at 1 km


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How high a camera stands above a ground's reference.

    Attributes:
        height_m: Camera above the reference, metres.
        datum: What the reference is.
        sigma_m: One-sigma error of that height, or None when the pose's error budget speaks for it.
        reference_hae_m: Ellipsoidal height of the reference's zero here, metres, or None when it is not known.
        assumptions: What was declared or assumed to get there, as short sentences.
    """

    height_m: float
    datum: HeightDatum
    sigma_m: float | None = None
    reference_hae_m: float | None = None
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoStanding:
    """Why a pose's heights cannot be used on a ground.

    Attributes:
        reason: For a person.
    """

    reason: str


class Ground(Protocol):
    """The shape of the ground, for casting rays on it."""

    @property
    def sigma_m(self) -> float:
        """One-sigma error of the ground's own height, metres."""
        ...

    def stand(self, pose: Pose) -> Standing | NoStanding:
        """Return how high the camera of ``pose`` stands above the ground's reference."""
        ...

    def strike(
        self,
        origin: tuple[float, float],
        starts_m: NDArray[np.float64],
        directions: NDArray[np.float64],
        reach_m: float,
    ) -> NDArray[np.float64]:
        """Return (n,) slant distances in metres to the first hit of each ray; NaN where there is none within reach.

        Args:
            origin: Longitude and latitude of the local plane's origin, degrees.
            starts_m: (n, 3) where rays start: east and north of the origin, and height above the reference there.
            directions: (n, 3) unit vectors east, north, up in the plane's frame.
            reach_m: The longest slant distance of interest, metres.
        """
        ...


def strike_level(
    starts_m: NDArray[np.float64], directions: NDArray[np.float64], level_m: float, reach_m: float
) -> NDArray[np.float64]:
    """Return (n,) slant distances at which rays first come down to a level surface; NaN where they do not.

    The surface is everywhere ``level_m`` above the reference and curves with the Earth: a point at horizontal
    distance d lies d²/2R lower in the frame, so the distance t solves (start + t·up + t²·(1 − up²)/2R) = level.
    """
    drop = starts_m[:, 2] - level_m
    up = directions[:, 2]
    # Starting points near the origin: their own curvature (d²/2R of centimetres) is left out.
    bend = (1.0 - up * up) / (2 * EARTH_RADIUS_M)
    with np.errstate(invalid="ignore", divide="ignore"):
        inner = up * up - 4 * bend * drop
        # The form without cancellation: t = 2·drop / (−up + sqrt(up² − 4·bend·drop)).
        slant = 2 * drop / (-up + np.sqrt(inner))
        hit = (up < 0) & (drop > 0) & (inner >= 0) & (slant <= reach_m)
    return np.where(hit, slant, np.nan)


def height_above_reference(
    starts_m: NDArray[np.float64], directions: NDArray[np.float64], slants_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (n,) heights above the reference of the points at ``slants_m`` along rays."""
    run2 = (1.0 - directions[:, 2] ** 2) * slants_m**2
    heights: NDArray[np.float64] = starts_m[:, 2] + directions[:, 2] * slants_m + run2 / (2 * EARTH_RADIUS_M)
    return heights


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatAtTakeoff:
    """A declared assumption: the ground is flat, at the height of the take-off point.

    Attributes:
        sigma_m: How far the true ground may lie from that height, one sigma, metres. Where the land is not flat this
            is the largest error of all (a median of 7.1 m instead of 3.8 m was seen on slopes): use a DEM there.
    """

    sigma_m: float = 2.0

    def __post_init__(self) -> None:
        _check_sigma(self.sigma_m)

    def stand(self, pose: Pose) -> Standing | NoStanding:
        """Return the pose's height above take-off; one above ground serves too, and is named as an assumption."""
        notes: tuple[str, ...] = (
            _("the ground is taken as flat at the take-off height, ± {sigma:g} m").format(sigma=self.sigma_m),
        )
        datum = HeightDatum.TAKEOFF
        if pose.height_takeoff is not None:
            height, sigma = pose.height_takeoff.metres, takeoff_sigma(pose)
        elif pose.height_agl is not None:
            datum = HeightDatum.GROUND
            height, sigma = pose.height_agl.metres, pose.height_agl.sigma_m
            notes = (
                _("the ground is taken as flat at the height below the camera, ± {sigma:g} m").format(
                    sigma=self.sigma_m
                ),
            )
        else:
            return NoStanding(
                reason=_("the pose states no height above take-off or above ground, which flat ground needs")
            )
        reference = None if pose.height_hae is None else pose.height_hae.metres - height
        return Standing(height_m=height, datum=datum, sigma_m=sigma, reference_hae_m=reference, assumptions=notes)

    def strike(
        self,
        origin: tuple[float, float],
        starts_m: NDArray[np.float64],
        directions: NDArray[np.float64],
        reach_m: float,
    ) -> NDArray[np.float64]:
        """Return (n,) slant distances to the plane; see :class:`Ground`."""
        del origin
        return strike_level(starts_m, directions, 0.0, reach_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatAt:
    """Flat ground at a declared absolute height.

    Attributes:
        height: The ground's height: above the ellipsoid, or above mean sea level on a named geoid. A pose that states
            another kind needs a geoid, and is refused without.
        sigma_m: One-sigma error of that height, metres.
        geoid: The geoid; by default the installed grids (:func:`geofence.locating.geoid.installed_geoid`), None for
            none.
    """

    height: HaeHeight | MslHeight
    sigma_m: float = 1.0
    geoid: GeoidHeights | None = field(default_factory=installed_geoid)

    def __post_init__(self) -> None:
        if not isinstance(self.height, HaeHeight | MslHeight):
            raise TypeError("flat ground is declared at an HaeHeight or an MslHeight")
        _check_sigma(self.sigma_m)

    def stand(self, pose: Pose) -> Standing | NoStanding:
        """Return the camera's height above the declared datum, from the pose's height of that kind or by the geoid."""
        if pose.position is None:
            return NoStanding(reason=_("the pose has no position"))
        wanted = None if isinstance(self.height, HaeHeight) else self.height.geoid
        name = _("the WGS-84 ellipsoid") if wanted is None else _("the {geoid} geoid").format(geoid=wanted)
        note = _("the ground is declared flat at {height:g} m above {reference}, ± {sigma:g} m").format(
            height=self.height.metres, reference=name, sigma=self.sigma_m
        )
        for stated in _same_kind_first(pose, wanted):
            changed = on_datum(stated, wanted, pose.position, self.geoid)
            if changed is not None:
                metres, extra, notes = changed
                undulation = None if wanted is None or self.geoid is None else self.geoid(pose.position, wanted)
                known = stated.sigma_m
                if known is None:
                    known = _LOOSE_SIGMA_M if pose.sigma is None else pose.sigma.vertical_m
                sigma = math.hypot(known, extra)
                return Standing(
                    height_m=metres,
                    datum=HeightDatum.ELLIPSOID if wanted is None else HeightDatum(wanted),
                    sigma_m=sigma,
                    reference_hae_m=0.0 if wanted is None else None if undulation is None else undulation.metres,
                    assumptions=(note, *notes),
                )
        return NoStanding(
            reason=_("the ground is declared above {reference}, but the pose states no such height").format(
                reference=name
            )
        )

    def strike(
        self,
        origin: tuple[float, float],
        starts_m: NDArray[np.float64],
        directions: NDArray[np.float64],
        reach_m: float,
    ) -> NDArray[np.float64]:
        """Return (n,) slant distances to the plane; see :class:`Ground`."""
        del origin
        return strike_level(starts_m, directions, self.height.metres, reach_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLaserSpot:
    """Level ground through the spot that the aircraft's laser rangefinder hits, which is where the camera looks.

    Attributes:
        distance_m: Measured slant distance (DJI LRFTargetDistance), metres.
        sigma_m: One-sigma error of the ground's height: the laser's own ± 0.2 m, and ground that is not quite level.
    """

    distance_m: float
    sigma_m: float = 0.5

    def __post_init__(self) -> None:
        _check_sigma(self.sigma_m)
        if not (math.isfinite(self.distance_m) and self.distance_m > 0):
            raise ValueError("a laser distance is positive")

    def stand(self, pose: Pose) -> Standing | NoStanding:
        """Return the camera's height above the spot: the distance times the sine of the camera's depression."""
        if pose.pitch_deg is None:
            return NoStanding(reason=_("the pose has no pitch, which the laser's distance needs"))
        height = -self.distance_m * math.sin(math.radians(pose.pitch_deg))
        if height <= 0:
            return NoStanding(reason=_("the camera and its laser look above the horizon"))
        note = _(
            "the ground is taken as level at the spot that the laser hit, {distance:g} m away, ± {sigma:g} m"
        ).format(distance=self.distance_m, sigma=self.sigma_m)
        return Standing(
            height_m=height,
            datum=HeightDatum.GROUND,
            # The height is measured, not flown by: what the barometer or the receiver says has no part in it.
            sigma_m=0.2,
            reference_hae_m=None if pose.height_hae is None else pose.height_hae.metres - height,
            assumptions=(note,),
        )

    def strike(
        self,
        origin: tuple[float, float],
        starts_m: NDArray[np.float64],
        directions: NDArray[np.float64],
        reach_m: float,
    ) -> NDArray[np.float64]:
        """Return (n,) slant distances to the level through the spot; see :class:`Ground`."""
        del origin
        return strike_level(starts_m, directions, 0.0, reach_m)


def _same_kind_first(pose: Pose, wanted: Geoid | None) -> list[HaeHeight | MslHeight]:
    """Return the absolute heights that a pose states, the one that needs no geoid first."""
    stated: list[HaeHeight | MslHeight] = [h for h in (pose.height_hae, pose.height_msl) if h is not None]
    return sorted(stated, key=lambda height: (None if isinstance(height, HaeHeight) else height.geoid) is not wanted)


def takeoff_sigma(pose: Pose) -> float | None:
    """Return one sigma of a pose's height above take-off; None for that of its error budget.

    An RTK receiver's centimetres are of the absolute height. The height of the take-off point was noted before the
    receiver had its fix, or by barometer, so the difference is never better than half a metre unless the telemetry
    says so.
    """
    if pose.height_takeoff is None or pose.height_takeoff.sigma_m is not None or pose.sigma is None:
        return None if pose.height_takeoff is None else pose.height_takeoff.sigma_m
    return max(pose.sigma.vertical_m, _TAKEOFF_SIGMA_M)


def _check_sigma(sigma_m: float) -> None:
    if not (math.isfinite(sigma_m) and sigma_m >= 0):
        raise ValueError("a ground's sigma is finite and not negative")
