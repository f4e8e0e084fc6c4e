"""Leaflet's script and style from the installed package, as text that needs no network.

Leaflet 1.9.4 comes with ``django-leaflet``; its style sheet's pictures are put in as data URIs.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from core.errors import SkywardenError
from core.text import _


@cache
def _folder() -> Path:
    """Return the folder that holds Leaflet's files, found without importing Django."""
    spec = find_spec("leaflet")
    if spec is None or spec.origin is None:
        raise SkywardenError(_("Leaflet is not installed; install the package django-leaflet."))
    return Path(spec.origin).parent / "static" / "leaflet"


@cache
def leaflet_script() -> str:
    """Return Leaflet's JavaScript without the pointer to its source map (which a browser would try to load)."""
    text = (_folder() / "leaflet.js").read_text(encoding="utf-8")
    return re.sub(r"//# sourceMappingURL=.*", "", text).strip()


@cache
def leaflet_style() -> str:
    """Return Leaflet's style sheet with its pictures inside."""
    folder = _folder()

    def picture(match: re.Match[str]) -> str:
        encoded = base64.b64encode((folder / match[1]).read_bytes()).decode()
        return f"url(data:image/png;base64,{encoded})"

    text = (folder / "leaflet.css").read_text(encoding="utf-8")
    return re.sub(r"url\((images/[\w.-]+\.png)\)", picture, text)
