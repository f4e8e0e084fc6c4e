"""Whether looks are at one thing above the ground, one that moves, or several: three stories, one set of rays.

A ray through a thing that stands ``h`` above the ground meets the ground beyond it, by ``h`` times the ray's slope
``k`` (metres onward for each metre down). A fix is therefore ``P + h·k + error``: linear, with the errors of the
fixes' own covariances and of the causes that they share. Each story is one weighted least-squares problem in which the
shared causes are unknowns too, with a prior of one standard deviation (generalised least squares by another name), so
what a bias of the whole flight can explain is not taken for height:

* ``ground``: all fixes at one place, ``2n − 2`` degrees of freedom;
* ``raised``: at one place and height, ``2n − 3``;
* ``moving``: at one place with one velocity, ``2n − 4``;
* ``split``: two things on the ground, the looks divided by time or by the side that they came from, ``2n − 4``.

A camera that flies straight sees a thing on a roof creep against the flight as evenly as a thing that creeps: motion
needs times, height needs directions, and where neither is there the stories cost the same and none is told.

At height ``h`` a ray has fallen less, so that errors of angle, focal length and pixel are smaller by ``1 − h / drop``,
those of position and height are not; the raised story is solved a second time with that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from geofence.gathering.gather_group import MOVING_CHI2, Member, Stand, definite, in_order
from geofence.locating.locate_contact import Stature

Floats = NDArray[np.float64]

LEAST_LOOKS: Final = 3  # two rays nearly always pass near each other
MOST_LOOKS: Final = 48  # so many, evenly spread, tell a height; footage has hundreds
_MEET: Final = 0.01  # rays that meet worse than 99 of 100 true ones do not meet
TOLD_CHI2: Final = 9.21  # 99 % of two degrees: so much worse another story must be before it is out
# How much a story with heights up to some 15 m gains by fitting the height to noise of a metre or two: twice the
# logarithm of the range over the width of what fits (the Occam factor of a Bayesian comparison).
_OCCAM: Final = 4.6
# GB 50016-2014 (2018), 2.1.1: industrial buildings above 24 m are high-rise. What would have to stand higher than that
# to be no moving thing is taken for moving where nothing but the height speaks; no roof is taken to be above 100 m.
USUAL_ROOF_M: Final = 24.0
HIGHEST_ROOF_M: Final = 100.0
_SPLIT_CHI2: Final = 6.0  # what two things, which need one unknown more and a detector that sees them by turns, cost
_MOST_OF_DROP: Final = 0.8  # of the camera's own height
_AT_POSITION: Final = frozenset({"east", "north", "height", "ground", "lift"})  # causes that height does not shrink
# A frame's own share of the position error against the flight's: four fifths of the variance are the flight's.
_OWN_TO_COMMON: Final = 0.25
_TELLING_M: Final = 2.0  # looks tell the ground from a roof where their own errors leave a height within this
_GROUND_SIGMAS: Final = 2.0
_SHORT_S: Final = 20.0  # for so long a vehicle's way has one acceleration
_ACCELERATION_M_S2: Final = 1.0  # one sigma
_LEAST_DRIVEN: Final = 4
_PER_UNKNOWN: Final = 2.0
_PIECES_CHI2: Final = 4.0  # what one thing that drives must be better by than pieces that stand by turns
_LEVEL_M: Final = 0.2
_ROUGH_M: Final = 0.3
_STEEP: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """How one thing drives that was gathered in pieces.

    Attributes:
        velocity_m_s: East and north, in the middle of its looks.
        told: Whether it is told from pieces that stand and from a thing on a roof.
    """

    velocity_m_s: tuple[float, float]
    told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The looks as whitened equations.

    Attributes:
        place: (n, 2, 2) what multiplies the place.
        height, time: (n, 2, 1) and (n, 2, 2) what multiplies height and velocity.
        causes: (n, 2, m) what multiplies the shared causes.
        right: (n, 2, 1) the right-hand side.
        risen: (n, 2, 1) what is added there where the ground under a look is higher than under the thing, for a story
            with a height.
    """

    place: Floats
    height: Floats
    time: Floats
    causes: Floats
    right: Floats
    risen: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raised:
    """The story of one thing above the ground.

    Attributes:
        chi2: Its least sum of squares, which tells whether the rays meet.
        nested: The same with the errors of the ground: against the ground's it tells whether a height is needed at all.
        cost: Made comparable with stories that have no height either.
        place, covariance: (2,) and (2, 2) plumb below it.
        height_m, sigma_m: How high above the ground.
    """

    chi2: float
    nested: float
    cost: float
    place: Floats
    covariance: Floats
    height_m: float
    sigma_m: float


def roof_chi2(stature: Stature) -> float:
    """Return how much worse (χ²) the ground must fit than a height before a thing of that class is lifted; inf: never.

    Twice the logarithm of how much likelier the class is to stand on the ground, and what a height gains by chance.
    """
    share = stature.raised_share
    return 2 * math.log((1 - share) / share) + _OCCAM if share > 0 else math.inf


def judge_stand(members: Sequence[Member], stature: Stature, *, fastest_m_s: float) -> Stand | None:
    """Return where looks that fit no one place on the ground say that a thing stands; None where they do not say it.

    Args:
        members: The looks, in order of time.
        stature: Of their class.
        fastest_m_s: How fast things move at most, metres per second.
    """
    needed = roof_chi2(stature)
    looks = _evenly([member for member in members if member.slope is not None])
    if not math.isfinite(needed) or len(looks) < LEAST_LOOKS or len(looks) < min(len(members), MOST_LOOKS):
        return None
    rows, _sigma = _rows(looks)
    raised = _raised(looks, rows)
    most = min(HIGHEST_ROOF_M, _MOST_OF_DROP * min(look.drop_m for look in looks))
    if raised is None or raised.height_m > most or not _meet(raised.chi2, 2 * len(looks) - 3):
        return None
    ground, _place, _spread = _solve(rows.place, rows)
    if ground - raised.nested < needed or _split(rows, looks) - raised.cost < _SPLIT_CHI2:
        return None
    told = True
    if stature.moves:
        moving, _velocity = _moving(rows, looks, fastest_m_s=fastest_m_s)
        # Each is told by what speaks least for it: how large the errors look is no evidence for either.
        told = moving - raised.cost >= TOLD_CHI2
        if raised.nested - moving >= TOLD_CHI2 or (not told and raised.height_m > USUAL_ROOF_M):
            return None  # it moves
    return Stand(
        place=raised.place,
        covariance=raised.covariance,
        height_m=raised.height_m,
        sigma_m=raised.sigma_m,
        told=told,
    )


def stays_on_ground(members: Sequence[Member]) -> bool:
    """Return whether looks from different sides agree with the ground, so that nothing else need be asked of them."""
    looks = _evenly([member for member in members if member.slope is not None])
    if len(looks) < LEAST_LOOKS:
        return False
    slopes = np.array([look.slope for look in looks])
    own = np.array([np.trace(look.own) / 2 for look in looks])
    if float(np.sum((slopes - slopes.mean(axis=0)) ** 2 / own[:, None])) < 1 / _TELLING_M**2:
        return False
    rows, _sigma = _rows(looks)
    ground, _p, _c = _solve(rows.place, rows)
    _nested, found, covariance = _solve(np.concatenate([rows.place, rows.height], axis=2), rows, risen=True)
    return float(found[2]) < _GROUND_SIGMAS * math.sqrt(float(covariance[2, 2])) and _meet(ground, 2 * len(looks) - 2)


def judge_motion(pieces: Sequence[Sequence[Member]], *, fastest_m_s: float) -> Drive | None:
    """Return how one thing drives that was gathered in pieces, each as standing; None where the looks do not meet so.

    Args:
        pieces: The looks of each piece, in order of time; at least two, and no two looks of one frame among them.
        fastest_m_s: How fast things move at most, metres per second.
    """
    whose = {id(look): at for at, piece in enumerate(pieces) for look in piece}
    looks = _evenly(in_order(look for piece in pieces for look in piece))
    if len(looks) < _LEAST_DRIVEN or any(look.slope is None for look in looks):
        return None
    rows, _sigma = _rows(looks)
    moving, velocity = _moving(rows, looks, fastest_m_s=fastest_m_s)
    if not math.isfinite(moving) or not _meet(moving, 2 * len(looks) - 4):
        return None
    of = np.array([whose[id(look)] for look in looks])
    parts = [rows.place * (of == piece)[:, None, None] for piece in np.unique(of)]
    standing, _places, _spread = _solve(np.concatenate(parts, axis=2), rows)
    ground, _place, _spread = _solve(rows.place, rows)
    raised = _raised(looks, rows)
    on_roof = raised is not None and raised.height_m <= USUAL_ROOF_M and raised.nested - moving < TOLD_CHI2
    told = ground - moving >= MOVING_CHI2 and not on_roof
    # A thing that stands costs two unknowns, one that drives four: each is paid for as a piece of evidence of its own.
    told = told and standing - moving >= _PER_UNKNOWN * (4 - 2 * len(parts)) + _PIECES_CHI2
    return Drive(velocity_m_s=(float(velocity[0]), float(velocity[1])), told=told)


def _evenly(looks: Sequence[Member]) -> list[Member]:
    """Return so many looks at most, evenly spread over their order, first and last among them."""
    if len(looks) <= MOST_LOOKS:
        return list(looks)
    return [looks[at] for at in np.linspace(0, len(looks) - 1, MOST_LOOKS).round().astype(int)]


def _meet(chi2: float, freedom: int) -> bool:
    """Return whether a story fits as well as 99 of 100 true ones."""
    return chi2 <= float(chdtri(max(freedom, 1), _MEET))


def _rows(
    looks: Sequence[Member], *, height_m: float | None = None, place: Floats | None = None
) -> tuple[_Rows, float]:
    """Return the looks as whitened equations, and one sigma of the height of the ground under the thing.

    Args:
        looks: The looks, each with a slope.
        height_m: The height whose errors are meant, or None for those on the ground.
        place: (2,) where the thing stands, or None for the middle of the looks.
    """
    slopes = np.array([look.slope for look in looks])
    steps, ground_sigma_m = _ground_steps(looks, place)
    shrink = np.ones(len(looks)) if height_m is None else 1 - height_m / np.array([look.drop_m for look in looks])
    keys = sorted({cause for look in looks for cause in look.shared})
    column = {cause: at for at, cause in enumerate(keys)}
    causes = np.zeros((len(looks), 2, len(keys)))
    own = np.array([look.own for look in looks])
    for at, look in enumerate(looks):
        lasting = np.zeros((2, 2))
        for (name, sortie), moved in look.shared.items():
            causes[at, :, column[name, sortie]] = moved * (1.0 if name in _AT_POSITION else shrink[at])
            if name in {"east", "north", "height"}:
                lasting += _OWN_TO_COMMON * np.outer(moved, moved)
        if height_m is not None:
            lasting *= min(1.0, float(np.trace(own[at]) / max(np.trace(lasting), 1e-12)))
            own[at] = definite(lasting + shrink[at] ** 2 * (own[at] - lasting))
    white = np.linalg.inv(np.linalg.cholesky(own))
    times = np.array([look.time_s for look in looks])
    return _Rows(
        place=white,
        height=white @ slopes[:, :, None],
        time=white * (times - times.mean())[:, None, None],
        causes=white @ causes,
        right=white @ np.array([look.at for look in looks])[:, :, None],
        risen=white @ (slopes * steps[:, None])[:, :, None],
    ), ground_sigma_m


def _ground_steps(looks: Sequence[Member], place: Floats | None) -> tuple[Floats, float]:
    """Return (n,) how much higher each look's ground is than that under the thing, and one sigma of the latter.

    The ground under a thing that no ray reached is that of a plane through the ground that rays did reach, which
    slopes by 0.3 at most as a rule and is rough by as much in metres. Where the heights differ by less than
    :data:`_LEVEL_M` the ground is taken for level at their mean, without error; where they are unknown all are zero.
    """
    heights = [look.fix.ground_height_m for look in looks]
    if len({look.fix.ground_datum for look in looks}) != 1 or any(height is None for height in heights):
        return np.zeros(len(looks)), 0.0
    known = np.array(heights, dtype=np.float64)
    if float(np.ptp(known)) < _LEVEL_M:
        return known - known.mean(), 0.0
    places = np.array([look.at for look in looks])
    middle = places.mean(axis=0)
    plane = np.concatenate([np.ones((len(looks), 1)), places - middle], axis=1) / _ROUGH_M
    inverse = np.linalg.inv(plane.T @ plane + np.diag([0.0, 1.0, 1.0]) / _STEEP**2)
    under = np.concatenate([[1.0], (middle if place is None else place) - middle])
    level = float(under @ inverse @ (plane.T @ (known / _ROUGH_M)))
    return known - level, math.sqrt(float(under @ inverse @ under) + _ROUGH_M**2)


def _solve(columns: Floats, rows: _Rows, *, risen: bool = False) -> tuple[float, Floats, Floats]:
    """Return the least sum of squares, the unknowns and their covariance; shared causes are unknowns with a prior."""
    unknowns = columns.shape[2]
    whole = np.concatenate([columns, rows.causes], axis=2).reshape(-1, unknowns + rows.causes.shape[2])
    right = (rows.right + rows.risen if risen else rows.right).reshape(-1)
    normal = whole.T @ whole
    normal[unknowns:, unknowns:] += np.eye(rows.causes.shape[2])
    # A direction that nothing tells (no spread of slopes) is held by a hair; its covariance says so.
    normal[range(unknowns), range(unknowns)] += 1e-9
    inverse = np.linalg.inv(normal)
    found = inverse @ (whole.T @ right)
    left = right - whole @ found
    chi2 = float(left @ left + found[unknowns:] @ found[unknowns:])
    return chi2, found[:unknowns], inverse[:unknowns, :unknowns]


def _raised(looks: Sequence[Member], rows: _Rows) -> _Raised | None:
    """Return where the rays meet above the ground; None where they meet below it or above the cameras.

    A look at a thing on a roof errs more on the ground than it does up there. To compare this story with those on the
    ground, all of which speak of errors on the ground, its cost counts how much wider its errors are there (minus twice
    the logarithm of the likelihood, up to what all stories have in common).
    """
    nested, found, _spread = _solve(np.concatenate([rows.place, rows.height], axis=2), rows, risen=True)
    drops = np.array([look.drop_m for look in looks])
    if not 0 < float(found[2]) < _MOST_OF_DROP * float(drops.min()):
        return None
    there, ground_sigma_m = _rows(looks, height_m=float(found[2]), place=found[:2])
    chi2, last, spread = _solve(np.concatenate([there.place, there.height], axis=2), there, risen=True)
    if not 0 < float(last[2]) < float(drops.min()):
        return None
    # ``place`` is the inverse root of a look's own covariance: its determinant tells how narrow that is.
    wider = np.log(np.linalg.det(rows.place)) - np.log(np.linalg.det(there.place)) - 2 * np.log(1 - found[2] / drops)
    return _Raised(
        chi2=chi2,
        nested=nested,
        cost=chi2 + 2 * float(wider.sum()),
        place=last[:2],
        covariance=definite(spread[:2, :2]),
        height_m=float(last[2]),
        sigma_m=math.hypot(math.sqrt(float(spread[2, 2])), ground_sigma_m),
    )


def _moving(rows: _Rows, looks: Sequence[Member], *, fastest_m_s: float) -> tuple[float, Floats]:
    """Return the least sum of squares of one thing that drives, evenly or (over a short way) evenly faster, and how.

    Infinite where it would have to be faster than things are.
    """
    times = np.array([look.time_s for look in looks])
    columns = np.concatenate([rows.place, rows.time], axis=2)
    least, way, spread = _solve(columns, rows)
    speed, slack = float(np.hypot(*way[2:])), 3 * math.sqrt(float(np.trace(spread[2:, 2:])))
    if speed - slack > fastest_m_s:
        return math.inf, way[2:]
    if float(np.ptp(times)) > _SHORT_S:
        return least, way[2:]
    bent = rows.place * (_ACCELERATION_M_S2 * (times - times.mean()) ** 2 / 2)[:, None, None]
    # The acceleration is one more cause with a prior: it is there if the looks ask for it.
    least, way, _spread = _solve(columns, replace(rows, causes=np.concatenate([rows.causes, bent], axis=2)))
    return least, way[2:]


def _split(rows: _Rows, looks: Sequence[Member]) -> float:
    """Return the least sum of squares of two things on the ground, over divisions of the looks by time and by side."""
    slopes = np.array([look.slope for look in looks])
    centred = slopes - slopes.mean(axis=0)
    along = centred @ np.linalg.eigh(centred.T @ centred)[1][:, 1]
    count = len(looks)
    cuts = np.unique(np.linspace(1, count - 1, min(count - 1, 12)).round().astype(int))
    divisions = {tuple(np.arange(count) < cut) for cut in cuts}
    divisions |= {tuple(np.argsort(np.argsort(along, kind="stable")) < cut) for cut in cuts}
    return min(
        _solve(np.concatenate([rows.place * first[:, None, None], rows.place * ~first[:, None, None]], axis=2), rows)[0]
        for first in (np.array(division) for division in divisions)
    )
