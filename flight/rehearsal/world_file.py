"""The world's file (YAML, ``skywarden: world/1``): reads and writes :class:`~flight.rehearsal.world.World`.

Every key is checked: an unknown one is refused rather than ignored, because a misspelt ``planted`` would silently make
the rehearsal's truth wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from core.errors import InputRefused
from core.points import GeoPoint
from core.text import _
from flight.rehearsal.world import World

FORMAT: Final = "world/1"


def read_world(path: Path) -> World:
    """Return the world that a YAML file describes.

    Args:
        path: The file.

    Raises:
        InputRefused: It cannot be read, is not YAML, is of another format, or describes no valid world.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a safe loader either way
    except (OSError, UnicodeDecodeError) as failure:
        raise InputRefused(path, _("cannot be read ({why})").format(why=failure), _("Name a world file.")) from failure
    except yaml.YAMLError as failure:
        raise InputRefused(path, _("is not YAML ({why})").format(why=failure), _("Mend the file.")) from failure
    if not isinstance(document, dict) or document.get("skywarden") != FORMAT:
        raise InputRefused(
            path,
            _("is not a world file (its first key is not 'skywarden: {format}')").format(format=FORMAT),
            _("Name a world file."),
        )
    return _structured(path, {key: part for key, part in document.items() if key != "skywarden"})


def _structured(path: Path, document: dict[str, Any]) -> World:
    """Return the world of a parsed document; every misfit becomes one refusal that names the first few places."""
    import cattrs

    converter = _converter()
    try:
        world: World = converter.structure(document, World)
    except (cattrs.BaseValidationError, ValueError, TypeError, KeyError) as failure:
        grouped = isinstance(failure, cattrs.BaseValidationError)
        problems = cattrs.transform_error(failure, format_exception=_told) if grouped else [str(failure)]
        listed = "; ".join(problems[:3]) + ("; …" if len(problems) > 3 else "")
        raise InputRefused(
            path, _("describes no valid world ({why})").format(why=listed), _("Mend the file.")
        ) from None
    return world


def _told(failure: BaseException, wanted: type | None) -> str:
    """Return what is wrong with one part: a noun's own words where it has some, else cattrs'."""
    from cattrs.v import format_exception

    return str(failure) if type(failure) is ValueError else format_exception(failure, wanted)


def _converter() -> Any:  # noqa: ANN401 - cattrs' converter class differs between its presets
    """Return a converter that refuses unknown keys and writes positions as {lon, lat}."""
    import cattrs

    def point(pair: Any, _type: Any) -> GeoPoint:  # noqa: ANN401 - whatever the file holds
        if not isinstance(pair, dict) or set(pair) != {"lon", "lat"}:
            raise ValueError("a position is written {lon: …, lat: …}")
        return GeoPoint(lon_deg=float(pair["lon"]), lat_deg=float(pair["lat"]))

    converter = cattrs.Converter(forbid_extra_keys=True, omit_if_default=True)
    converter.register_structure_hook(GeoPoint, point)
    converter.register_unstructure_hook(GeoPoint, lambda place: {"lon": place.lon_deg, "lat": place.lat_deg})
    return converter


def world_text(world: World) -> str:
    """Return the YAML text of a world; :func:`read_world` of it gives the same world."""
    import yaml

    document = {"skywarden": FORMAT, **_plain(_converter().unstructure(world))}
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, default_flow_style=None, width=118)


def _plain(part: Any) -> Any:  # noqa: ANN401 - a tree of YAML values
    """Return a tree of dicts and lists without tuples or enum members, which YAML's safe dumper does not write."""
    if isinstance(part, dict):
        return {key: _plain(inner) for key, inner in part.items()}
    if isinstance(part, list | tuple):
        return [_plain(inner) for inner in part]
    return str(part) if isinstance(part, str) else part
