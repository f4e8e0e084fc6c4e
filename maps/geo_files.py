"""Writes a scene's layers where QGIS opens them: one GeoPackage, and one GeoJSON of the incidents.

The only module that writes through GeoPandas.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from core.whole_file import write_text, written_whole
from maps.features import Feature, layers_of
from maps.scene import Scene


def write_geopackage(scene: Scene, path: Path) -> None:
    """Write every layer that has features to a GeoPackage (OGC 12-128r19), WGS-84.

    Raises:
        OSError: The file cannot be written.
    """
    import geopandas

    layers = {name: features for name, features in layers_of(scene).items() if features}
    if not layers:
        raise ValueError("the scene has no layer to write")
    with written_whole(path) as aside:
        for name, features in layers.items():
            frame = geopandas.GeoDataFrame.from_features(features, crs="EPSG:4326")
            frame.to_file(aside, layer=name, driver="GPKG", engine="pyogrio")


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
    with written_whole(path) as aside:
        frame.to_file(aside, layer=layer, driver="GPKG", engine="pyogrio")
