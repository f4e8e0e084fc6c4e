"""Scripts, style sheets and pictures: ours and those of the packages we stand on, all from this machine.

They are read once and served under an address that holds a digest of them all, so that a browser keeps them for ever
and never keeps an old one; addresses inside style sheets are relative and stay right. Nothing else can be asked for:
a name is looked up among those that were read, not on the disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from mimetypes import guess_type
from types import MappingProxyType
from typing import Final

from maps.palette import HUES

# Name below /assets/…/, package, path in the package. A folder stands for the files in it.
SOURCES: Final = (
    ("station", "app.station", "static/station"),
    ("htmx", "django_htmx", "static/django_htmx/htmx-2.min.js"),
    ("htmx", "django_htmx", "static/django_htmx/ext/hx-sse-2.min.js"),
    ("map", "maps", "page"),
    ("map", "maps", "templates/sheet.css"),
    ("leaflet", "leaflet", "static/leaflet/leaflet.js"),
    ("leaflet", "leaflet", "static/leaflet/leaflet.css"),
    ("leaflet/images", "leaflet", "static/leaflet/images"),
)
PALETTE: Final = "station/palette.css"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file that pages refer to."""

    content: bytes = field(repr=False)
    media_type: str


def _palette_css() -> bytes:
    """Return the map's colours as custom properties, so that lists and map mean the same by a colour."""
    lines = "".join(f"  --{name}: {colour};\n" for name, colour in HUES.items())
    return f":root {{\n{lines}}}\n".encode()


@cache
def all_assets() -> MappingProxyType[str, Asset]:
    """Return every asset by its name."""
    found: dict[str, Asset] = {PALETTE: Asset(content=_palette_css(), media_type="text/css; charset=utf-8")}
    for prefix, package, place in SOURCES:
        source = files(package).joinpath(place)
        for entry in [source] if source.is_file() else sorted(source.iterdir(), key=lambda one: one.name):
            if entry.is_file():
                found[f"{prefix}/{entry.name}"] = Asset(content=entry.read_bytes(), media_type=_type_of(entry.name))
    return MappingProxyType(found)


def _type_of(name: str) -> str:
    kind = guess_type(name, strict=False)[0] or "application/octet-stream"
    if kind.endswith("javascript"):
        kind = "text/javascript"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind == "image/svg+xml" else kind


@cache
def assets_digest() -> str:
    """Return the digest that stands in the address of every asset."""
    digest = sha256()
    for name, asset in sorted(all_assets().items()):
        digest.update(f"{name}\0{len(asset.content)}\0".encode() + asset.content)
    return digest.hexdigest()[:16]


def asset_address(name: str) -> str:
    """Return the address of an asset.

    Raises:
        KeyError: There is none of that name; a page that refers to it is wrong.
    """
    if name not in all_assets():
        raise KeyError(f"no asset is called {name}")
    return f"/assets/{assets_digest()}/{name}"
