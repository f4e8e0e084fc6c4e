"""The words that a sheet's script says, in the reader's language."""

from __future__ import annotations

from core.text import _


def page_words() -> dict[str, str]:
    """Return the words by the names that the script calls them by."""
    return {
        "count": _("{shown} of {all} incidents"),
        "leftOut": _("{count} patrols are missing: their case folders cannot be read. See the fleet page."),
        "noAnswer": _("the station does not answer; what is shown may be old"),
        "drawnAt": _("records of {when} Beijing time"),
        "datum": _("positions in WGS-84"),
        "severity": _("severity"),
        "hazard": _("hazard"),
        "state": _("state"),
        "value": _("what the air can show"),
        "age": _("age"),
        "upTo": _("up to {days} days"),
        "olderThan": _("more than {days} days"),
        "undecided": _("site undecided"),
        "cluster": _("several, with their number"),
        "sites": _("sites"),
        "openLeads": _("open leads"),
        "grade": _("credit grade {grade}"),
        "gradeWord": _("credit grade"),
        "noGrade": _("without a credit grade"),
        "coverage": _("coverage"),
        "timesSeen": _("seen {times}×"),
        "finerThan": _("{cm} cm a pixel or finer"),
        "unseen": _("not looked at: no clear frame"),
        "thermal": _("thermal frame: hot spots only"),
        "area": _("planned area"),
        "way": _("way flown"),
        "zones": _("zones"),
        "closed": _("no-fly zone"),
        "heat": _("incidents shown, by area"),
        "perKm2": _("per km²"),
        "none": _("none"),
        "all": _("all"),
        "nothing": _("none"),
        "allPatrols": _("all {count} patrols"),
        "patrols": _("patrols"),
        "earlier": _("earlier patrols"),
        "later": _("later patrols"),
        "ofPatrols": _("{from} – {to} of {count} patrols, newest first"),
        "code": _("credit code"),
        "lookedAt": _("last looked at"),
        "never": _("not looked at in this time"),
        "looks": _("patrols that looked at it"),
        "enterprise": _("enterprise"),
        "outside": _("outside every site"),
        "zone": _("zone"),
        "seenAt": _("seen, Beijing time"),
        "position": _("position"),
        "history": _("over patrols"),
        "basis": _("legal basis"),
        "authority": _("who decides"),
        "camera": _("what the camera saw"),
        "whose": _("why this site"),
        "openCase": _("open the case"),
        "lead": _("A finding from the air is a lead until officers confirm it on site."),
    }


def layer_words() -> list[tuple[str, str]]:
    """Return the layers that can be switched, by the names that the script calls them by."""
    return [
        ("marks", _("incidents")),
        ("heat", _("heat map of the incidents shown")),
        ("ellipses", _("position errors (90 %), near")),
        ("sites", _("sites")),
        ("zones", _("zones")),
        ("areas", _("planned areas")),
        ("unseen", _("ground not looked at")),
        ("seen", _("ground looked at")),
        ("ways", _("ways flown")),
        ("footprints", _("footprint of each frame")),
        ("mosaics", _("frames laid on the ground")),
        ("others", _("other sightings")),
    ]
