"""The patrol file: YAML in, :class:`flight.patrol.Patrol` out.

The file's shape is published as JSON Schema in ``missions/schema/patrol-1.json`` and checked against it; what the
schema cannot say (a bow-tie outline, an unknown catalogue key) is checked here. Every refusal names the line. Nothing
is repaired silently: an outline that crosses itself has no single meaning, so it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import shapely
from shapely.geometry.base import BaseGeometry

from core.clock import from_iso
from core.errors import InputRefused
from core.points import GeoPoint, LocalPlane, to_plane
from core.text import _
from flight.patrol import (
    Aircraft,
    Approval,
    AreaShape,
    Crew,
    KeyArea,
    Kit,
    Limits,
    NoFlyZone,
    Obstacle,
    Patrol,
    Pattern,
    TimeWindow,
    Wind,
)
from flight.planning.catalogue import SHIPPED as SHIPPED_CATALOGUE
from flight.planning.catalogue import Catalogue, CatalogueCamera, read_catalogue
from flight.planning.shape_files import circle, read_shape
from flight.planning.yaml_lines import YamlDocument, read_yaml
from flight.track import PoseDeclaration

SCHEMA_PATH: Final = Path(__file__).resolve().parents[2] / "missions" / "schema" / "patrol-1.json"
DEFAULT_LINE_SPEED_M_S: Final = 8.0

_T = TypeVar("_T")
_POLYGONAL: Final = frozenset({Pattern.SURVEY, Pattern.FACADE})


@lru_cache(maxsize=1)
def patrol_schema() -> dict[str, Any]:
    """Return the published JSON Schema of the patrol file."""
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return schema


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """One reading of one file: where it is, its document, and the catalogue."""

    path: Path
    document: YamlDocument
    catalogue: Catalogue

    def refuse(self, keys: tuple[str | int, ...], problem: str, remedy: str) -> InputRefused:
        line = self.document.line_of(keys)
        return InputRefused(self.path, _("line {line}: {problem}").format(line=line, problem=problem), remedy)

    def build(self, keys: tuple[str | int, ...], make: Callable[[], _T]) -> _T:
        """Return what ``make`` makes; a noun's own refusal becomes one that names the line."""
        try:
            return make()
        except (ValueError, TypeError) as error:
            raise self.refuse(keys, str(error), _("Correct the value.")) from error


def read_patrol(path: Path, *, catalogue_folder: Path = SHIPPED_CATALOGUE) -> Patrol:
    """Return the patrol that the YAML file at ``path`` describes.

    Args:
        path: The patrol file; files that it names are relative to it.
        catalogue_folder: Aircraft and cameras; the shipped catalogue by default.

    Raises:
        InputRefused: The file cannot be read or does not fit; the text names the line.
    """
    document = read_yaml(path)
    _check_schema(path, document)
    reader = _Reader(path=path, document=document, catalogue=read_catalogue(catalogue_folder))
    table: dict[str, Any] = document.value
    aircraft = _chosen(reader, ("aircraft",), table["aircraft"], reader.catalogue.aircraft)
    camera_key = str(table.get("camera", reader.catalogue.default_camera[str(table["aircraft"])]))
    camera = _chosen(reader, ("camera",), camera_key, reader.catalogue.cameras)
    crews = reader.build(("crews",), lambda: _crews(reader, table, camera_key))
    kits = [Kit(aircraft=aircraft, camera=camera.camera), *(crew.kit for crew in crews if crew.kit is not None)]
    if crews and all(crew.kit is not None for crew in crews):
        kits = kits[1:]
    areas = tuple(_area(reader, index, entry, kits) for index, entry in enumerate(table["areas"]))
    return reader.build((), lambda: _patrol(reader, table, areas, crews, (aircraft, camera)))


def _patrol(
    reader: _Reader,
    table: dict[str, Any],
    areas: tuple[KeyArea, ...],
    crews: tuple[Crew, ...],
    carried: tuple[Aircraft, CatalogueCamera],
) -> Patrol:
    aircraft, camera = carried
    terrain = table.get("terrain")
    if terrain is not None and not (reader.path.parent / terrain).is_file():
        raise reader.refuse(
            ("terrain",),
            _("the terrain raster {name} does not exist").format(name=terrain),
            _("Name a file beside the patrol."),
        )
    permitted = table.get("permitted")
    return Patrol(
        name=table["name"],
        areas=areas,
        aircraft=aircraft,
        camera=camera.camera,
        home=_point(table["home"]),
        no_fly_zones=tuple(_zone(reader, index, entry) for index, entry in enumerate(table.get("no_fly_zones", ()))),
        permitted=None if permitted is None else _polygonal(reader, ("permitted",), _("permitted"), permitted),
        limits=reader.build(("limits",), lambda: Limits(**table.get("limits", {}))),
        periods=tuple(table.get("periods", ())),
        approval=_approval(reader, table.get("approval")),
        wind=reader.build(("wind",), lambda: Wind(**table.get("wind", {}))),
        crews=crews,
        rally_points=tuple(_point(entry) for entry in table.get("rally_points", ())),
        obstacles=tuple(_obstacle(reader, index, entry) for index, entry in enumerate(table.get("obstacles", ()))),
        terrain=None if terrain is None else reader.path.parent / terrain,
        temperature_c=float(table.get("temperature_c", 20.0)),
        photo_interval_s=camera.interval_s,
        camera_key=camera.key,
        jurisdiction=table.get("jurisdiction", "cn"),
        emergency=table.get("emergency", False),
        operator=table.get("operator", ""),
        wpml_payload=camera.wpml_payload,
        wpml_lens=camera.wpml_lens,
        declares=_declares(reader, table.get("declares", {})),
    )


def _declares(reader: _Reader, entry: dict[str, Any]) -> PoseDeclaration:
    """Return what the patrol declares of its camera: "nadir" is pitch −90° and roll 0°."""
    gimbal = entry.get("gimbal", {})
    angles = {"pitch_deg": -90.0, "roll_deg": 0.0} if gimbal == "nadir" else gimbal
    heading = entry.get("heading")
    return reader.build(
        ("declares",),
        lambda: PoseDeclaration(
            yaw_deg=None if heading in {None, "course"} else float(heading),
            course_as_yaw=heading == "course",
            **{name: float(angle) for name, angle in angles.items()},
        ),
    )


def _check_schema(path: Path, document: YamlDocument) -> None:
    import jsonschema

    validator = jsonschema.Draft202012Validator(patrol_schema())
    errors = sorted(
        validator.iter_errors(document.value),
        key=lambda error: (document.line_of(list(error.absolute_path)), [str(key) for key in error.absolute_path]),
    )
    if not errors:
        return
    error = jsonschema.exceptions.best_match([errors[0]])
    where = "/".join(str(key) for key in error.absolute_path) or _("the document")
    more = _(" ({count} more like it)").format(count=len(errors) - 1) if len(errors) > 1 else ""
    raise InputRefused(
        path,
        _("line {line}: {where}: {problem}{more}").format(
            line=document.line_of(list(error.absolute_path)), where=where, problem=error.message, more=more
        ),
        _("See docs/planning.md for the keys of a patrol file."),
    )


def _chosen(reader: _Reader, keys: tuple[str | int, ...], key: str, entries: dict[str, _T]) -> _T:
    if key not in entries:
        raise reader.refuse(
            keys,
            _("the catalogue knows no {field} called {key}").format(field=keys[-1], key=key),
            _("Choose one of: {known}.").format(known=", ".join(sorted(entries))),
        )
    return entries[key]


def _point(entry: dict[str, float]) -> GeoPoint:
    return GeoPoint(lon_deg=float(entry["lon"]), lat_deg=float(entry["lat"]))


def _crews(reader: _Reader, table: dict[str, Any], camera_key: str) -> tuple[Crew, ...]:
    return tuple(
        Crew(
            name=entry["name"],
            launch=_point(entry["launch"]),
            batteries=entry.get("batteries", 4),
            licence=entry.get("licence", ""),
            kit=_kit(reader, index, entry, (str(table["aircraft"]), camera_key)),
        )
        for index, entry in enumerate(table.get("crews", ()))
    )


def _kit(reader: _Reader, index: int, entry: dict[str, Any], patrols: tuple[str, str]) -> Kit | None:
    """Return the aircraft and camera that a crew brings, or None when it names neither.

    What it leaves out is the patrol's aircraft, and the camera that belongs to the aircraft it flies.
    """
    if "aircraft" not in entry and "camera" not in entry:
        return None
    catalogue = reader.catalogue
    key = str(entry.get("aircraft", patrols[0]))
    aircraft = _chosen(reader, ("crews", index, "aircraft"), key, catalogue.aircraft)
    own = patrols[1] if key == patrols[0] else catalogue.default_camera[key]
    camera = _chosen(reader, ("crews", index, "camera"), str(entry.get("camera", own)), catalogue.cameras)
    return Kit(
        aircraft=aircraft,
        camera=camera.camera,
        photo_interval_s=camera.interval_s,
        camera_key=camera.key,
        wpml_payload=camera.wpml_payload,
        wpml_lens=camera.wpml_lens,
    )


def _area(reader: _Reader, index: int, entry: dict[str, Any], kits: Sequence[Kit]) -> KeyArea:
    keys: tuple[str | int, ...] = ("areas", index)
    pattern = Pattern(entry.get("pattern", "survey"))
    shape = _area_shape(reader, (*keys, "shape"), entry["name"], entry["shape"], pattern)
    height = entry.get("height_agl_m")
    if height is None:
        height = entry["gsd_cm"] / 100.0 * min(kit.camera.focal_px for kit in kits)
    slowest = min(kit.aircraft.cruise_m_s for kit in kits)
    window = entry.get("window")
    plain = (
        "front_overlap", "side_overlap", "gimbal_pitch_deg", "priority", "crosshatch", "angle_deg", "width_m",
        "standoff_m", "top_m", "laps", "hover_s", "every_days", "risk_grade", "credit_grade",
    )  # fmt: skip
    return reader.build(
        keys,
        lambda: KeyArea(
            name=entry["name"],
            shape=shape,
            pattern=pattern,
            height_agl_m=float(height),
            speed_m_s=float(entry.get("speed_m_s", min(DEFAULT_LINE_SPEED_M_S, slowest))),
            window=None
            if window is None
            else TimeWindow(starts_at=from_iso(window["starts_at"]), ends_at=from_iso(window["ends_at"])),
            airspace=tuple(entry.get("airspace", ())),
            **{name: entry[name] for name in plain if name in entry},
        ),
    )


def _zone(reader: _Reader, index: int, entry: dict[str, Any]) -> NoFlyZone:
    keys: tuple[str | int, ...] = ("no_fly_zones", index)
    shape = _polygonal(reader, (*keys, "shape"), entry["name"], entry["shape"])
    band = {name: float(entry[name]) for name in ("floor_m", "ceiling_m") if name in entry}
    return reader.build(
        keys, lambda: NoFlyZone(name=entry["name"], shape=shape, reason=entry.get("reason", ""), **band)
    )


def _obstacle(reader: _Reader, index: int, entry: dict[str, Any]) -> Obstacle:
    keys: tuple[str | int, ...] = ("obstacles", index)
    spec = entry["shape"]
    few = "coordinates" in spec and len(spec["coordinates"]) < 3
    pattern = Pattern.CORRIDOR if few and len(spec["coordinates"]) == 2 else Pattern.POINTS if few else Pattern.SURVEY
    shape = _area_shape(reader, (*keys, "shape"), entry["name"], spec, pattern)
    return reader.build(keys, lambda: Obstacle(name=entry["name"], shape=shape, top_m=float(entry["top_m"])))


def _approval(reader: _Reader, entry: dict[str, Any] | None) -> Approval | None:
    if entry is None:
        return None
    return reader.build(
        ("approval",),
        lambda: Approval(
            number=entry["number"],
            starts_at=from_iso(entry["starts_at"]),
            ends_at=from_iso(entry["ends_at"]),
            max_height_agl_m=float(entry["max_height_agl_m"]),
        ),
    )


def _polygonal(
    reader: _Reader, keys: tuple[str | int, ...], name: str, spec: dict[str, Any]
) -> shapely.Polygon | shapely.MultiPolygon:
    shape = _area_shape(reader, keys, name, spec, Pattern.SURVEY)
    return cast("shapely.Polygon | shapely.MultiPolygon", shape)


def _area_shape(
    reader: _Reader, keys: tuple[str | int, ...], name: str, spec: dict[str, Any], pattern: Pattern
) -> AreaShape:
    """Return the shape a ``spec`` names, of a kind that ``pattern`` can fly, valid and not empty."""
    if "file" in spec:
        try:
            shape = read_shape(reader.path.parent / spec["file"], spec.get("name"), spec.get("layer"))
        except InputRefused as error:
            raise reader.refuse(keys, f"{error.path.name}: {error.problem}", error.remedy) from error
    elif "circle" in spec:
        centre = GeoPoint(lon_deg=spec["circle"]["lon"], lat_deg=spec["circle"]["lat"])
        shape = circle(centre, float(spec["circle"]["radius_m"]))
    else:
        shape = _written(reader, keys, name, spec, pattern)
    _check_shape(reader, keys, name, shape, pattern)
    return cast("AreaShape", shape)


def _written(
    reader: _Reader, keys: tuple[str | int, ...], name: str, spec: dict[str, Any], pattern: Pattern
) -> BaseGeometry:
    positions = spec["coordinates"]
    try:
        if pattern is Pattern.POINTS:
            return shapely.MultiPoint(positions)
        if pattern is Pattern.CORRIDOR:
            return shapely.LineString(positions)
        if pattern is Pattern.ORBIT and len(positions) == 1:
            return shapely.Point(positions[0])
        return shapely.Polygon(positions, spec.get("holes", ()))
    except (ValueError, shapely.errors.ShapelyError) as error:
        raise reader.refuse(
            keys,
            _("{name}: these positions make no shape ({error})").format(name=name, error=error),
            _("An outline has at least three different positions, a line two."),
        ) from error


def _check_shape(
    reader: _Reader, keys: tuple[str | int, ...], name: str, shape: BaseGeometry, pattern: Pattern
) -> None:
    allowed = {
        Pattern.SURVEY: ("Polygon", "MultiPolygon"),
        Pattern.FACADE: ("Polygon", "MultiPolygon"),
        Pattern.PERIMETER: ("Polygon", "MultiPolygon"),
        Pattern.ORBIT: ("Polygon", "MultiPolygon", "Point", "MultiPoint"),
        Pattern.CORRIDOR: ("LineString", "MultiLineString"),
        Pattern.POINTS: ("Point", "MultiPoint"),
    }[pattern]
    if shape.is_empty or shape.geom_type not in allowed:
        raise reader.refuse(
            keys,
            _("{name}: a {pattern} is flown over {allowed}, and this is {kind}").format(
                name=name,
                pattern=pattern.value,
                allowed="/".join(allowed),
                kind=_("empty") if shape.is_empty else shape.geom_type,
            ),
            _("Give a shape of that kind or another pattern."),
        )
    first = shapely.get_coordinates(shape)[0]
    plane = LocalPlane(origin=GeoPoint(lon_deg=float(first[0]), lat_deg=float(first[1])))
    try:
        local = shapely.transform(shape, lambda lonlat: to_plane(plane, lonlat))
    except ValueError as error:
        raise reader.refuse(
            keys,
            _("{name}: the shape spans more than 50 km").format(name=name),
            _("Check the order (longitude first) or divide it."),
        ) from error
    if not local.is_valid:
        raise reader.refuse(
            keys,
            _("{name}: the outline is not valid ({why})").format(name=name, why=shapely.is_valid_reason(shape)),
            _("Draw it so that it does not cross or touch itself."),
        )
