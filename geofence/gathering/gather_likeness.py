"""Whether two looks are alike: the size on the ground and the colour of the box's middle, beside the place.

Likeness never brings looks together that their places keep apart; it makes one of several possible things dearer than
another, and rules out what cannot be one thing: a lorry and a car, a red car and a white one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from geofence.fix import Fix
from geofence.locating.locate_contact import Form, stature_of
from geofence.locating.look_colour import colours_apart

_LENGTH_SIGMA: Final = 0.3  # of the logarithm of a length on the ground, from one view to another
_LATEST: Final = 15  # so many latest looks tell a length and a colour; footage has hundreds
_OTHER_SIZE_MOST: Final = 6.0  # what a wholly different size costs at most, as a squared distance
UNLIKE_ALTOGETHER: Final = 9.0  # and a wholly different size and colour together
_NEVER_ALIKE: Final = 0.8  # 2.2 times as long: not one thing, however a box is drawn around it
# Colours farther apart than that (99.97 % of three degrees) are not one thing's; up to there they cost their distance.
_NEVER_THAT_COLOUR: Final = 19.0


def unlike(look: Fix, looks: Sequence[Fix], *, by_colour: bool) -> float:
    """Return what differences in size and colour cost, as a squared distance; inf for what cannot be one thing.

    Args:
        look: A new look.
        looks: The looks at the thing that it may be, in order of time.
        by_colour: Whether the colour of bodies has a say.
    """
    latest = looks[-_LATEST:]
    differs = _other_size(look, latest)
    if by_colour and np.isfinite(differs):
        differs += _other_colour(look, latest)
    return differs if differs == np.inf else min(differs, UNLIKE_ALTOGETHER)


def alike(look: Fix, looks: Sequence[Fix], *, by_colour: bool) -> bool:
    """Return whether a look can be at the thing that others show, as far as size and colour tell."""
    return bool(np.isfinite(unlike(look, looks, by_colour=by_colour)))


def _other_size(look: Fix, looks: Sequence[Fix]) -> float:
    sizes = [length for one in looks if (length := _length_m(one)) > 0]
    own = _length_m(look)
    if not sizes or own <= 0:
        return 0.0
    differs = abs(float(np.log(own / np.median(sizes))))
    return np.inf if differs > _NEVER_ALIKE else min(_OTHER_SIZE_MOST, (differs / _LENGTH_SIGMA) ** 2)


def _length_m(fix: Fix) -> float:
    """Return the longer diagonal of a fix's outline, which hardly depends on how a thing stands in the image."""
    if not fix.outline_m:
        return 0.0
    corners = np.array(fix.outline_m)
    return float(np.hypot(*(corners[:2] - corners[2:]).T).max())


def _other_colour(look: Fix, looks: Sequence[Fix]) -> float:
    """Return the squared distance of a body's colour from a thing's; smoke, stains and unseen colours say nothing."""
    if look.colour_lab is None or stature_of(look.detection.label).form is not Form.BODY:
        return 0.0
    known = [one.colour_lab for one in looks if one.colour_lab is not None]
    if not known:
        return 0.0
    lightness, a, b = np.median(np.array(known), axis=0)
    apart = colours_apart(look.colour_lab, (float(lightness), float(a), float(b)))
    return np.inf if apart > _NEVER_THAT_COLOUR else apart
