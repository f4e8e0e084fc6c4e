"""Writes a scene's layers where QGIS opens them: one GeoPackage, one GeoJSON of the incidents, and the mosaic.

The mosaic is a WebP picture with GDAL's own word beside it (``.aux.xml``) of where it lies. The only module that writes
through GeoPandas.
"""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from core.errors import InputRefused
from core.text import _
from core.whole_file import write_bytes, write_text, written_whole
from maps.features import Feature, layers_of
from maps.scene import Mosaic, Scene

GEOPACKAGE: Final = "patrol.gpkg"
MOSAIC: Final = "mosaic.webp"
PLACE_OF_MOSAIC: Final = "mosaic.webp.aux.xml"


def write_geopackage(scene: Scene, path: Path) -> None:
    """Write every layer that has features to a GeoPackage (OGC 12-128r19), WGS-84.

    Raises:
        OSError: The file cannot be written.
    """
    import geopandas

    layers = {name: features for name, features in layers_of(scene).items() if features}
    if not layers:
        raise ValueError("the scene has no layer to write")
    with written_whole(path) as aside, _disk_told(path):
        for name, features in layers.items():
            frame = geopandas.GeoDataFrame.from_features(features, crs="EPSG:4326")
            frame.to_file(aside, layer=name, driver="GPKG", engine="pyogrio")


@contextmanager
def _disk_told(path: Path) -> Iterator[None]:
    """Turn what GDAL says of a disk that is full or fails into the error that files give elsewhere."""
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

    try:
        yield
    except (DataSourceError, DataLayerError, FeatureError) as problem:
        raise OSError(errno.EIO, str(problem), str(path)) from problem


def write_geojson(scene: Scene, path: Path) -> None:
    """Write the incidents to a GeoJSON file (RFC 7946); a patrol without incidents gives an empty collection.

    Raises:
        OSError: The file cannot be written.
    """
    collection = {"type": "FeatureCollection", "name": "incidents", "features": layers_of(scene)["incidents"]}
    write_text(path, json.dumps(collection, ensure_ascii=False, indent=1) + "\n")


def write_points(features: Sequence[Feature], path: Path, *, layer: str) -> None:
    """Write features as one layer of a GeoPackage (OGC 12-128r19), WGS-84; none at all give an empty layer.

    Raises:
        OSError: The file cannot be written.
    """
    import geopandas

    if features:
        frame = geopandas.GeoDataFrame.from_features(features, crs="EPSG:4326")
    else:
        frame = geopandas.GeoDataFrame({"number": []}, geometry=[], crs="EPSG:4326")
    with written_whole(path) as aside, _disk_told(path):
        frame.to_file(aside, layer=layer, driver="GPKG", engine="pyogrio")


def write_mosaic(mosaic: Mosaic, folder: Path) -> None:
    """Write a mosaic, and where it lies, to a folder.

    Raises:
        OSError: A file cannot be written.
    """
    width, height = _size(mosaic.image)
    east = (mosaic.east_deg - mosaic.west_deg) / width
    south = (mosaic.south_deg - mosaic.north_deg) / height
    numbers = ", ".join(f"{number:.15e}" for number in (mosaic.west_deg, east, 0, mosaic.north_deg, 0, south))
    write_text(
        folder / PLACE_OF_MOSAIC,
        f'<PAMDataset>\n  <SRS dataAxisToSRSAxisMapping="2,1">EPSG:4326</SRS>\n'
        f"  <GeoTransform>{numbers}</GeoTransform>\n</PAMDataset>\n",
    )
    write_bytes(folder / MOSAIC, mosaic.image)


def read_mosaic(folder: Path) -> Mosaic | None:
    """Return the mosaic of a run's folder, or None where there is none.

    Raises:
        InputRefused: The picture, or what says where it lies, is damaged.
    """
    import defusedxml.ElementTree

    path = folder / MOSAIC
    if not path.is_file():
        return None
    try:
        image = path.read_bytes()
        width, height = _size(image)
        place = defusedxml.ElementTree.fromstring((folder / PLACE_OF_MOSAIC).read_text(encoding="utf-8"))
        numbers = (place.findtext("GeoTransform") or "").split(",")
        west, east, _turn, north, _turn_too, south = (float(number) for number in numbers)
    except (OSError, ValueError, SyntaxError) as unfit:
        raise InputRefused(path, _("does not say where it lies"), _("Process the footage again.")) from unfit
    metres = -south * 111_320.0
    return Mosaic(image=image, media_type="image/webp", west_deg=west, south_deg=north + south * height,
                  east_deg=west + east * width, north_deg=north, metres_per_pixel=metres)  # fmt: skip


def _size(image: bytes) -> tuple[int, int]:
    from PIL import Image

    with Image.open(io.BytesIO(image)) as picture:
        return picture.size
