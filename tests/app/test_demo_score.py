"""The score counts each planted thing and each incident once."""

from app.demo import Finding, score
from core.points import GeoPoint
from flight.rehearsal.world import Truth

STEP = 0.0001  # about 10 m of longitude here


def _truth(number: int, hazard: str = "H13") -> Truth:
    return Truth(
        thing_id=f"v{number}",
        label="vehicle",
        position=GeoPoint(lon_deg=113.58 + number * STEP, lat_deg=22.76),
        hazard=hazard,
        site_code=f"site-{number}",
        zone_id="Z",
    )


def _finding(number: float, site: str, hazard: str = "H13") -> Finding:
    return Finding(hazard=hazard, site_code=site, point=GeoPoint(lon_deg=113.58 + number * STEP, lat_deg=22.76))


def test_right_wrong_undecided_missed_and_false_are_told_apart() -> None:
    planted = [_truth(0), _truth(2), _truth(4), _truth(6)]
    found = [
        _finding(0.1, "site-0"),
        _finding(2.1, "site-9"),
        _finding(4.1, ""),
        _finding(4.2, "site-4"),  # a second incident about the same thing is false
        _finding(6.0, "site-6", hazard="S01"),  # another hazard is not the planted one
    ]
    reached = score(planted, found)
    assert (reached.planted, reached.found) == (4, 3)
    assert (reached.right_site, reached.wrong_site, reached.false) == (1, 1, 2)
    assert [truth.thing_id for truth in reached.missed] == ["v6"]
    assert reached.median_error_m is not None
    assert 0.9 < reached.median_error_m < 1.2


def test_nothing_found_has_no_error() -> None:
    assert score([_truth(0)], []).median_error_m is None
