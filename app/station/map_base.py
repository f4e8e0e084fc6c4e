"""What lies under the station's map: files of tiles that it serves itself, or services that it was told to name."""

from __future__ import annotations

from functools import cache

from app.station.options import StationOptions
from maps.base_layers import BaseLayer, base_layer
from maps.tile_archive import media_type_of, open_tiles


def layers_of(options: StationOptions) -> tuple[BaseLayer, ...]:
    """Return the base layers that a station was told to show; none by default.

    Raises:
        InputRefused: What it was told names none.
    """
    return _layers(options.base, options.base_key)


@cache
def _layers(base: tuple[str, ...], key: str) -> tuple[BaseLayer, ...]:
    return tuple(layer for words in base for layer in base_layer(words, key=key))


def tile_of(layer: BaseLayer, zoom: int, column: int, row: int) -> tuple[bytes, str] | None:
    """Return a tile of a file and its media type, or None where there is none."""
    if layer.file is None or not layer.least_zoom <= zoom <= layer.most_zoom:
        return None
    with open_tiles(layer.file) as tiles:
        content = tiles.tile(zoom, column, row)
    kind = "" if content is None else media_type_of(content)
    return (content, kind) if content is not None and kind else None
