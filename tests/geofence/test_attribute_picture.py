from __future__ import annotations

import dataclasses
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import shapely

from core.points import LocalPlane, from_plane
from geofence.attribute import attribute
from geofence.attributing.attribute_footing import attribute_footing
from geofence.attributing.attribute_picture import draw_attribution
from geofence.register.site_index import build_index
from geofence.site import Register
from tests.geofence.synthetic_district import CENTRE, make_sighting, place_parcels, register_parcels

PLANE = LocalPlane(origin=CENTRE)
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_shows_candidates_numbers_and_the_position() -> None:
    parcels = np.array([shapely.box(-80, -50, 0, 50), shapely.box(0, -50, 80, 50)], dtype=object)
    register = register_parcels(place_parcels(parcels), 0.5)
    sites = (dataclasses.replace(register.sites[0], name="<甲> & 乙"), register.sites[1])
    index = build_index(Register(sites=sites, zones=(), sha256="0" * 64))
    seen = make_sighting(0, from_plane(PLANE, [[-3.0, 0.0]])[0], np.array([16.0, 9.0, 4.0]))
    outcome = attribute(seen, index)
    drawing = draw_attribution(outcome, seen, index)
    root = ET.fromstring(drawing)  # noqa: S314 - our own text
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert any(text.startswith(f"<甲> & 乙 {outcome.sites[0].probability:.3f}") for text in texts)
    assert any(re.fullmatch(r"\d+ m", text) for text in texts)
    assert "http://" not in drawing.replace("http://www.w3.org/2000/svg", "")
    paths = list(root.iter(f"{SVG}path"))
    filled = [path.attrib["d"] for path in paths if "fill-opacity" in path.attrib]
    assert len(filled) == 2
    # The shared fence lies 3 m east of the middle: both outlines meet in one column of pixels right of it.
    rightmost = max(float(x) for x in re.findall(r"[ML](\d+\.\d) ", filled[0]))
    leftmost = min(float(x) for x in re.findall(r"[ML](\d+\.\d) ", filled[1]))
    assert rightmost == pytest.approx(leftmost, abs=0.2)
    assert 160 < rightmost < 200


def test_a_picture_of_another_sighting_is_refused() -> None:
    index = build_index(register_parcels(place_parcels(np.array([shapely.box(0, 0, 9, 9)], dtype=object)), 0.5))
    one, other = (make_sighting(n, np.array([113.5, 22.75]), np.array([1.0, 1.0, 0.0])) for n in (1, 2))
    with pytest.raises(ValueError, match="another sighting"):
        draw_attribution(attribute(one, index), other, index)


def test_the_ground_under_a_large_thing_is_drawn_to_scale() -> None:
    parcels = np.array([shapely.box(-80, -50, 0, 50), shapely.box(0, -50, 80, 50)], dtype=object)
    index = build_index(register_parcels(place_parcels(parcels), 0.5))
    made = make_sighting(0, from_plane(PLANE, [[-1.0, 0.0]])[0], np.array([1.0, 1.0, 0.0]))
    stain = dataclasses.replace(made.fixes[0].detection, label="liquid_stain")
    outline = ((-6.0, 3.0), (6.0, 3.0), (6.0, -3.0), (-6.0, -3.0))
    fix = dataclasses.replace(made.fixes[0], detection=stain, outline_m=outline)
    seen = dataclasses.replace(made, label="liquid_stain", fixes=(fix,))
    outcome = attribute_footing(seen, attribute(seen, index), index)
    root = ET.fromstring(draw_attribution(outcome, seen, index))  # noqa: S314 - our own text
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert "its box covers 72 m²" in texts
    assert "N" in texts
    assert any("north is up" in text for text in texts)
    *_sites, under = [path.attrib["d"] for path in root.iter(f"{SVG}path") if "fill-opacity" in path.attrib]
    numbers = np.array(re.findall(r"(\d+\.\d) (\d+\.\d)", under), dtype=float)
    width, height = np.ptp(numbers, axis=0)
    assert width / height == pytest.approx(2.0, abs=0.02)  # twelve metres by six
    bar = next(path.attrib["d"] for path in root.iter(f"{SVG}path") if path.attrib.get("stroke-width") == "3")
    metres = next(int(text.split()[0]) for text in texts if re.fullmatch(r"\d+ m", text))
    begin, end = (float(number) for number in re.findall(r"M(\d+) \d+H(\d+\.\d)", bar)[0])
    assert width / (end - begin) == pytest.approx(12 / metres, rel=0.01)


def test_a_neighbour_that_cannot_be_it_is_drawn_and_not_left_white() -> None:
    parcels = np.array([shapely.box(-80, -50, 0, 50), shapely.box(0, -50, 80, 50)], dtype=object)
    index = build_index(register_parcels(place_parcels(parcels), 0.5))
    seen = make_sighting(0, from_plane(PLANE, [[-12.0, 0.0]])[0], np.array([1.0, 1.0, 0.0]))
    outcome = attribute(seen, index)
    assert len(outcome.sites) == 1
    root = ET.fromstring(draw_attribution(outcome, seen, index))  # noqa: S314 - our own text
    grey = [path.attrib["d"] for path in root.iter(f"{SVG}path") if path.attrib.get("fill") == "#E4E4E4"]
    assert len(grey) == 1
    assert "another site, which cannot be it" in [element.text for element in root.iter(f"{SVG}text")]
    alone = make_sighting(1, from_plane(PLANE, [[-40.0, 0.0]])[0], np.array([1.0, 1.0, 0.0]))
    plain = draw_attribution(attribute(alone, index), alone, index)
    assert "another site" not in plain
