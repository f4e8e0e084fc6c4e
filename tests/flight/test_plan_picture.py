"""The picture of a plan shows what it must, and the table adds up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely
from PIL import Image

from core.points import GeoPoint, LocalPlane, from_plane
from flight.exports.colours import NO_FLY_COLOUR, SORTIE_COLOURS
from flight.exports.picture import write_picture
from flight.patrol import KeyArea, NoFlyZone, Patrol
from flight.plan import plan
from flight.planning.catalogue import read_catalogue
from flight.planning.plan_table import failures, finding_rows, gathered_findings, sortie_rows

HOME = GeoPoint(lon_deg=113.5, lat_deg=22.8)
PLANE = LocalPlane(origin=HOME)


def patrol() -> Patrol:
    catalogue = read_catalogue()

    def on_earth(shape: shapely.Geometry) -> shapely.Polygon:
        return shapely.transform(shape, lambda p: from_plane(PLANE, p))

    return Patrol(
        name="罐区巡查",
        areas=(KeyArea(name="罐区", shape=on_earth(shapely.box(60, 60, 860, 460)), height_agl_m=60, speed_m_s=8),),
        aircraft=replace(catalogue.aircraft["generic-arducopter"], endurance_s=700.0),
        camera=catalogue.cameras["demo-12mp"].camera,
        home=HOME,
        no_fly_zones=(NoFlyZone(name="变电站", shape=on_earth(shapely.box(300, 200, 400, 300))),),
        photo_interval_s=1.0,
    )


def test_the_picture_shows_every_sortie_and_the_zone_and_is_the_same_each_time(tmp_path: Path) -> None:
    asked = patrol()
    flight_plan = plan(asked)
    assert len(flight_plan.sorties) >= 2
    write_picture(flight_plan, tmp_path / "a.png", patrol=asked, width_px=900)
    write_picture(flight_plan, tmp_path / "b.png", patrol=asked, width_px=900)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image)
    assert pixels.shape[1] == 900
    for colour in SORTIE_COLOURS[: len(flight_plan.sorties)]:
        assert np.count_nonzero(np.all(pixels == colour, axis=-1)) > 200
    assert np.count_nonzero(np.all(pixels == NO_FLY_COLOUR, axis=-1)) > 200


def test_the_table_adds_up() -> None:
    flight_plan = plan(patrol())
    heading, rows = sortie_rows(flight_plan)
    assert all(len(row) == len(heading) for row in rows)
    assert int(rows[-1][5]) == sum(int(row[5]) for row in rows[:-1]) == sum(s.photos for s in flight_plan.sorties)
    assert [row[0] for row in finding_rows(flight_plan)] == [str(i + 1) for i in range(len(flight_plan.findings))]
    assert failures(flight_plan) == ()


def test_a_checklist_line_that_holds_for_several_sorties_is_told_once() -> None:
    flight_plan = plan(patrol())
    assert len(flight_plan.sorties) >= 2
    told = gathered_findings(flight_plan.findings)
    assert len(told) < len(flight_plan.findings)
    numbers = ", ".join(str(sortie.number) for sortie in flight_plan.sorties)
    shared = [finding.text for number, finding in told if number.endswith("…")]
    assert shared
    assert any(text.startswith(f"sorties {numbers}: ") for text in shared)
    every = " ".join(finding.text for _number, finding in told)
    for finding in flight_plan.findings:
        assert finding.text.partition(": ")[2] in every or finding.text in every
