"""Which pixel of a box stands for the ground: the step from a detection to a ray.

A box is drawn around a body, not around its footprint. Seen from straight above, the box's centre is the middle of the
footprint. Seen obliquely, the body's far upper parts are drawn over ground that lies behind it, so that the ray through
the box's centre passes *above* the footprint and meets the ground beyond it (by half the body's height over the tangent
of the depression: 1.3 m for a car at 30°, 9 m for a car at 5°).

Bodies of known height. The box's centre is, to first order, the image of the body's middle, which stands half the
body's height above the ground. So the ray through the centre is met with the ground *raised by half the typical height*
of the class, and the fix is plumb below. This holds at every pitch and roll, needs no bottom edge (which a neighbour
often hides), and the spread of heights within the class enters the covariance as an error of that lift.

Plumes (smoke, flame, vapour) have no typical height. Their contact is where the plume leaves the ground: the box's
centre seen from above, the middle of the box's lower end seen from the side, and between the two the point that goes
over with the cosine of the depression; the lower end is the one towards which a plumb line in the image points. A
quarter of the box is given to it as error.

Flat things (stains, water, markings) have no height: centre, no lift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.text import _
from detection.detection import Box
from flight.camera import Camera


class Form(StrEnum):
    """How a class of things stands on the ground."""

    BODY = "body"
    PLUME = "plume"
    FLAT = "flat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stature:
    """How things of a class stand on the ground.

    Attributes:
        form: Body, plume or flat.
        height_m: Typical height, metres; zero unless a body.
        sigma_m: Its spread within the class, one sigma, metres.
        raised_share: How many of what is found as this class stand on something (a roof), of one; zero for what drifts
            or lies level, whose height is not asked. Rounded guesses: only their order of magnitude has a say.
        grounded: Whether a true one can only stand on the ground; on a roof it is something else.
        moves: Whether things of the class move by themselves.
    """

    form: Form
    height_m: float = 0.0
    sigma_m: float = 0.0
    raised_share: float = 0.1
    grounded: bool = False
    moves: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The ray's pixel for a detection, and how far above the ground it aims.

    Attributes:
        u_px, v_px: The pixel.
        sigma_u_px, sigma_v_px: Its one-sigma errors.
        lift_m: How far above the ground the pixel's point lies.
        lift_sigma_m: One sigma of that.
        assumptions: As short sentences.
        whole: Whether the box shows the whole thing; False where the image's border cuts it off.
    """

    u_px: float
    v_px: float
    sigma_u_px: float
    sigma_v_px: float
    lift_m: float
    lift_sigma_m: float
    assumptions: tuple[str, ...]
    whole: bool = True


_BODY, _PLUME, _FLAT = Form.BODY, Form.PLUME, Form.FLAT
_GOODS: Final = Stature(form=_BODY, height_m=1.5, sigma_m=1.0)
_UNKNOWN: Final = Stature(form=_BODY, height_m=1.5, sigma_m=1.0, moves=True)


def _wheeled(height_m: float, sigma_m: float) -> Stature:
    """Return the stature of what stands on wheels or tracks: on the ground, or it is no such thing."""
    return Stature(form=_BODY, height_m=height_m, sigma_m=sigma_m, raised_share=0.01, grounded=True, moves=True)


# Typical heights: GB 1589-2016 limits road vehicles to 4.0 m; cars are 1.4–1.8 m, vans 2.0–2.6 m; adults 1.6–1.8 m
# (GB/T 10000-2023); a 200 l drum is 0.88 m (GB/T 325.1), an IBC tote on its pallet 1.2 m, a 40 l gas cylinder 1.5 m.
STATURES: Final[dict[str, Stature]] = {
    "vehicle": _wheeled(1.6, 0.5),
    "car": _wheeled(1.5, 0.2),
    "van": _wheeled(2.2, 0.3),
    "truck": _wheeled(3.2, 0.6),
    "tanker": _wheeled(3.4, 0.4),
    "bus": _wheeled(3.1, 0.3),
    "motorbike": _wheeled(1.2, 0.3),
    "bicycle": _wheeled(1.1, 0.3),
    "ebike": _wheeled(1.1, 0.2),
    "e_bike": _wheeled(1.1, 0.2),
    "trailer": _wheeled(2.5, 1.0),
    "excavator": _wheeled(3.0, 0.7),
    "person": Stature(form=_BODY, height_m=1.7, sigma_m=0.15, moves=True),
    "human": Stature(form=_BODY, height_m=1.7, sigma_m=0.15, moves=True),
    "drum": Stature(form=_BODY, height_m=0.9, sigma_m=0.2),
    "drums": Stature(form=_BODY, height_m=1.2, sigma_m=0.5),
    "ibc": Stature(form=_BODY, height_m=1.2, sigma_m=0.2),
    "cylinder": Stature(form=_BODY, height_m=1.5, sigma_m=0.3),
    "gas_cylinder": Stature(form=_BODY, height_m=1.5, sigma_m=0.3),
    "container": Stature(form=_BODY, height_m=2.6, sigma_m=0.3),
    "stack": Stature(form=_BODY, height_m=2.0, sigma_m=1.0),
    **dict.fromkeys(("goods", "pallet_stack", "tyre_stack", "paper_stack", "carton", "debris", "shed"), _GOODS),
    "tent": Stature(form=_BODY, height_m=2.5, sigma_m=0.7),
    "smoke": Stature(form=_PLUME, raised_share=0.0),
    "fire": Stature(form=_PLUME, raised_share=0.0),
    "flame": Stature(form=_PLUME, raised_share=0.0),
    "vapour": Stature(form=_PLUME, raised_share=0.0),
    "spill": Stature(form=_FLAT),
    "stain": Stature(form=_FLAT),
    "liquid_stain": Stature(form=_FLAT),
    "liquid_pool": Stature(form=_FLAT),
    "flood_water": Stature(form=_FLAT, raised_share=0.0),
    "water": Stature(form=_FLAT, raised_share=0.0),
    "point": Stature(form=_FLAT, moves=True),  # a pixel that a person named
}

# A detector's box edges are off by some hundredths of the box's size and never by less than a pixel. A box edge errs
# independently at both ends, so its centre errs by the same over the square root of two: 4 % is assumed for the centre.
_CENTRE_SHARE: Final = 0.04
_LEAST_PX: Final = 1.0
_BORDER_PX: Final = 2.0


def stature_of(label: str) -> Stature:
    """Return how things of class ``label`` stand on the ground; an unknown class is a body of 1.5 ± 1 m."""
    return STATURES.get(label.casefold(), _UNKNOWN)


def contact(label: str, box: Box, camera: Camera, plumb_px: tuple[float, float], level_share: float) -> Contact:
    """Return the ray's pixel for a box.

    Args:
        label: The detection's class.
        box: The box.
        camera: The camera, for the image's border: a box cut off there has lost its true centre.
        plumb_px: Unit vector in the image along which a plumb line falls at the box's centre (x right, y down); zeros
            straight below the camera.
        level_share: Cosine of the depression of the ray through the box's centre: 0 from straight above, 1 level.
    """
    stature = stature_of(label)
    width, height = box.right_px - box.left_px, box.bottom_px - box.top_px
    u, v = (box.left_px + box.right_px) / 2, (box.top_px + box.bottom_px) / 2
    sigma_u, sigma_v = max(_LEAST_PX, _CENTRE_SHARE * width), max(_LEAST_PX, _CENTRE_SHARE * height)
    notes = []
    if stature.form is Form.PLUME:
        # From the centre along the plumb line to the box's edge, as far as the view is level.
        reach = min(
            width / 2 / abs(plumb_px[0]) if plumb_px[0] else math.inf,
            height / 2 / abs(plumb_px[1]) if plumb_px[1] else math.inf,
        )
        reach = 0.0 if math.isinf(reach) else reach  # straight down, a plumb line is a point
        u, v = u + plumb_px[0] * reach * level_share, v + plumb_px[1] * reach * level_share
        sigma_u, sigma_v = width / 4, height / 4
        notes.append(_("the plume is taken to leave the ground at the lower end of its box"))
    elif stature.form is Form.BODY:
        notes.append(
            _("a {label} is taken to be {height:g} ± {sigma:g} m high").format(
                label=label, height=stature.height_m, sigma=stature.sigma_m
            )
        )
    cut_across = box.left_px <= _BORDER_PX or box.right_px >= camera.width_px - _BORDER_PX
    cut_along = box.top_px <= _BORDER_PX or box.bottom_px >= camera.height_px - _BORDER_PX
    if cut_across or cut_along:
        sigma_u, sigma_v = (width / 4 if cut_across else sigma_u), (height / 4 if cut_along else sigma_v)
        notes.append(_("the box is cut off by the image's border, so its centre is doubtful by a quarter of its size"))
    return Contact(
        u_px=u,
        v_px=v,
        sigma_u_px=sigma_u,
        sigma_v_px=sigma_v,
        lift_m=stature.height_m / 2,
        lift_sigma_m=stature.sigma_m / 2,
        assumptions=tuple(notes),
        whole=not (cut_across or cut_along),
    )
