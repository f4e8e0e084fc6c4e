"""Reads which ground no copy may show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shapely import MultiPolygon, Polygon

from core.errors import InputRefused
from core.text import _
from geofence.register.site_features import read_features


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretGround:
    """Ground that no copy may show.

    Attributes:
        name: Of its file.
        outlines: WGS-84 longitude and latitude.
    """

    name: str
    outlines: tuple[Polygon | MultiPolygon, ...]


def read_secret_ground(path: Path) -> SecretGround:
    """Return the secret ground of a file of polygons (GeoJSON, GeoPackage, Shapefile, KML, CSV with WKT).

    Raises:
        InputRefused: It cannot be read, or holds anything but polygons.
    """
    features, refused = read_features(path)
    shapes = [one.shape for one in features]
    outlines = tuple(one for one in shapes if isinstance(one, Polygon | MultiPolygon) and one.is_valid and one.area)
    if refused or not outlines or len(outlines) != len(shapes):
        raise InputRefused(
            path, _("holds secret ground that is no valid polygon"), _("Mend the file; every outline must count.")
        )
    return SecretGround(name=path.name, outlines=outlines)
