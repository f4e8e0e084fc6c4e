"""What stands where a detection names its weight, for changes, which no weight sees; and what they are called."""

from __future__ import annotations

import hashlib
from typing import Final

from detection.changes.compare import LEAST_COST, WINDOW_M
from detection.changes.patches import LEAST_M2, Becoming, Stuff

METHOD_CARD: Final = f"""# Changes between two patrols, method 1

Not a trained weight: a rule. Pictures of two patrols are laid upon each other by their corners and compared in windows
of {WINDOW_M:g} m for every height that the ground's things have; unlike by {LEAST_COST:g} over {LEAST_M2:g} m² and more
is a change, unless shadows explain it. Its score is a strength, not a probability. Measured on rendered sites
(benchmarks/changes.py).
""".encode()
METHOD_SHA256: Final = hashlib.sha256(METHOD_CARD).hexdigest()


def _label(becoming: Becoming, stuff: Stuff, *, darker: bool) -> str:
    if becoming is Becoming.GREW and stuff is not Stuff.STANDING and darker:
        return "liquid_stain"  # what the rules ask for: a wet stain that grows between flights
    return f"change_{becoming.value}"


LABELS: Final = {
    (becoming, stuff, darker): _label(becoming, stuff, darker=darker)
    for becoming in Becoming
    for stuff in Stuff
    for darker in (True, False)
}
"""Label of a change by what became of it, what it seems to be, and whether it grew darker."""
