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
from core.points import GeoPoint
from core.text import _
from flight.track import Pose
from geofence.locating.geoid import GeoidHeights, installed_geoid, on_datum

# An absolute height whose error nobody states: barometers of consumer drones are off by that much.
_LOOSE_SIGMA_M: Final = 10.0
TIGHT_SIGMA_M: Final = 0.5  # an absolute height that states this or better is believed before any other
_TAKEOFF_SIGMA_M: Final = 0.5
BAROMETER_SIGMA_M: Final = 1.2  # of a height above take-off over a battery, as the device class GNSS has it
_SAME_LEVEL_SIGMA_M: Final = 2.5  # how far the take-off point may stand from ground that is declared to be level
# One sigma of the ground's own height where the caller states none, metres: level at take-off, at a declared height,
# and through a laser's spot.
FLAT_SIGMA_M: Final = 2.0
LEVEL_SIGMA_M: Final = 1.0
LASER_SIGMA_M: Final = 0.5
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


def ray_heights(starts_m: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 3) coefficients a, b, c of each ray's height above the reference at distance t: a + b·t + c·t².

    The last is the Earth's curvature: a point at horizontal distance d lies d²/2R higher above the reference than above
    the tangent plane. Starting points are near the origin: their own curvature (centimetres) is left out.
    """
    up = directions[:, 2]
    return np.stack([starts_m[:, 2], up, (1.0 - up * up) / (2 * EARTH_RADIUS_M)], axis=1)


def slants_down_to(heights: NDArray[np.float64], level_m: float) -> NDArray[np.float64]:
    """Return (n,) distances at which rays first come down to a level above the reference; NaN where they do not.

    Args:
        heights: (n, 3) as :func:`ray_heights` gives them.
        level_m: Height above the reference; the level curves with the Earth.
    """
    above, up, bend = heights[:, 0] - level_m, heights[:, 1], heights[:, 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        # The form of the root that does not cancel.
        slant = 2 * above / (-up + np.sqrt(up * up - 4 * bend * above))
        met: NDArray[np.float64] = np.where((up < 0) & (above > 0), slant, np.nan)
    return met


def strike_level(
    starts_m: NDArray[np.float64], directions: NDArray[np.float64], level_m: float, reach_m: float
) -> NDArray[np.float64]:
    """Return (n,) slant distances at which rays first come down to a level surface; NaN where not within reach."""
    slant = slants_down_to(ray_heights(starts_m, directions), level_m)
    with np.errstate(invalid="ignore"):
        return np.where(slant <= reach_m, slant, np.nan)


def height_above_reference(
    starts_m: NDArray[np.float64], directions: NDArray[np.float64], slants_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (n,) heights above the reference of the points at ``slants_m`` along rays."""
    a, b, c = ray_heights(starts_m, directions).T
    heights: NDArray[np.float64] = a + slants_m * (b + slants_m * c)
    return heights


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatAtTakeoff:
    """A declared assumption: the ground is flat, at the height of the take-off point.

    Attributes:
        sigma_m: How far the true ground may lie from that height, one sigma, metres. Where the land is not flat this
            is the largest error of all (a median of 7.1 m instead of 3.8 m was seen on slopes): use a DEM there.
        rise_m: How much higher the ground is than the take-off point, where that is known.
    """

    sigma_m: float = FLAT_SIGMA_M
    rise_m: float = 0.0

    def __post_init__(self) -> None:
        _check_sigma(self.sigma_m)
        if not math.isfinite(self.rise_m):
            raise ValueError("a rise is a finite number of metres")

    def stand(self, pose: Pose) -> Standing | NoStanding:
        """Return the pose's height above take-off; one above ground serves too, and is named as an assumption."""
        notes: tuple[str, ...] = (
            _("the ground is taken as flat at the take-off height, ± {sigma:g} m").format(sigma=self.sigma_m),
        )
        if self.rise_m:
            notes = (
                _("the ground is declared flat {rise:+g} m from the take-off height, ± {sigma:g} m").format(
                    rise=self.rise_m, sigma=self.sigma_m
                ),
            )
        datum = HeightDatum.TAKEOFF
        if pose.height_takeoff is not None:
            height, sigma = pose.height_takeoff.metres, takeoff_sigma(pose)
        elif pose.height_agl is not None and not self.rise_m:
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
        return strike_level(starts_m, directions, self.rise_m, reach_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatAt:
    """Flat ground at a declared absolute height.

    Attributes:
        height: The ground's height: above the ellipsoid, or above mean sea level on a named geoid. A pose that states
            another kind needs a geoid, and is refused without.
        sigma_m: One-sigma error of that height, metres.
        takeoff: Height of the ground at the take-off point, on the same datum, where it is known to be another.
        geoid: The geoid; by default the installed grids (:func:`geofence.locating.geoid.installed_geoid`), None for
            none.

    The camera's height above it comes from the better known of two: an absolute height (RTK states centimetres; one
    that states nothing has ten metres of doubt, because barometric absolute altitudes are wrong by tens), and the
    height above take-off, the take-off point standing at ``takeoff`` or, where an absolute height relates the two at
    all, on this very ground.
    """

    height: HaeHeight | MslHeight
    sigma_m: float = LEVEL_SIGMA_M
    takeoff: HaeHeight | MslHeight | None = None
    geoid: GeoidHeights | None = field(default_factory=installed_geoid)

    def __post_init__(self) -> None:
        if not isinstance(self.height, HaeHeight | MslHeight):
            raise TypeError("flat ground is declared at an HaeHeight or an MslHeight")
        if self.takeoff is not None and _datum_of(self.takeoff) != _datum_of(self.height):
            raise ValueError("the take-off point's height is on the datum of the ground's")
        _check_sigma(self.sigma_m)

    def stand(self, pose: Pose) -> Standing | NoStanding:
        """Return the camera's height above the declared datum, from the better known of its heights."""
        if pose.position is None:
            return NoStanding(reason=_("the pose has no position"))
        wanted = None if isinstance(self.height, HaeHeight) else self.height.geoid
        name = _("the WGS-84 ellipsoid") if wanted is None else _("the {geoid} geoid").format(geoid=wanted)
        note = _("the ground is declared flat at {height:g} m above {reference}, ± {sigma:g} m").format(
            height=self.height.metres, reference=name, sigma=self.sigma_m
        )
        undulation = None if wanted is None or self.geoid is None else self.geoid(pose.position, wanted)

        def standing(height_m: float, sigma_m: float, *notes: str) -> Standing:
            return Standing(
                height_m=height_m,
                datum=_datum_of(self.height),
                sigma_m=sigma_m,
                reference_hae_m=0.0 if wanted is None else None if undulation is None else undulation.metres,
                assumptions=(note, *notes),
            )

        absolute = self._absolute(pose, pose.position, wanted)
        relative = self._relative(pose, absolute)
        if relative is not None and (absolute is None or relative[1] < absolute[1]):
            return standing(*relative)
        if absolute is not None:
            way = _("the camera's absolute height is taken as stated, ± {sigma:.2g} m").format(sigma=absolute[1])
            return standing(*absolute, way)
        return NoStanding(
            reason=_("the ground is declared above {reference}, but the pose states no height to compare with").format(
                reference=name
            )
        )

    def _absolute(
        self, pose: Pose, point: GeoPoint, wanted: Geoid | None
    ) -> tuple[float, float, *tuple[str, ...]] | None:
        """Return the camera's height by its absolute heights, its sigma, and how the datum was changed."""
        for stated in _same_kind_first(pose, wanted):
            changed = on_datum(stated, wanted, point, self.geoid)
            if changed is not None:
                metres, extra, notes = changed
                known = stated.sigma_m
                if known is None:
                    known = _LOOSE_SIGMA_M if pose.sigma is None else pose.sigma.vertical_m
                return metres, math.hypot(known, extra), *notes
        return None

    def _relative(
        self, pose: Pose, absolute: tuple[float, float, *tuple[str, ...]] | None
    ) -> tuple[float, float, str] | None:
        """Return the camera's height by its height above take-off, its sigma, and what that takes for granted.

        None where nothing relates the take-off point to this datum: neither a declaration nor an absolute height.
        """
        if pose.height_takeoff is None:
            return None
        own = takeoff_sigma(pose)
        own = BAROMETER_SIGMA_M if own is None else own
        if self.takeoff is not None:
            way = _("the take-off point is declared at {height:g} m").format(height=self.takeoff.metres)
            return self.takeoff.metres + pose.height_takeoff.metres, own, way
        if absolute is None:
            return None
        height = self.height.metres + pose.height_takeoff.metres
        way = _(
            "the take-off point is taken to stand on the same level, ± {sigma:g} m, and the camera's height above it "
            "is used: its absolute height, {apart:+.1f} m from that, is known to ± {loose:.2g} m only; declare the "
            "take-off height where it differs"
        ).format(sigma=_SAME_LEVEL_SIGMA_M, apart=absolute[0] - height, loose=absolute[1])
        return height, math.hypot(own, _SAME_LEVEL_SIGMA_M), way

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
    sigma_m: float = LASER_SIGMA_M

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


def _datum_of(height: HaeHeight | MslHeight) -> HeightDatum:
    return HeightDatum.ELLIPSOID if isinstance(height, HaeHeight) else HeightDatum(height.geoid)


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


def described(ground: Ground) -> str:
    """Return what a ground is by its figures alone: the same words for the same ground, for records of a run."""
    fields = getattr(ground, "__dataclass_fields__", {})
    told = [
        f"{name}={getattr(ground, name)!r}"
        for name in fields
        if not name.startswith("_") and name not in {"geoid", "path"}  # the machine's, not the ground's
    ]
    return f"{type(ground).__name__}({', '.join(told)})"


def _check_sigma(sigma_m: float) -> None:
    if not (math.isfinite(sigma_m) and sigma_m >= 0):
        raise ValueError("a ground's sigma is finite and not negative")
