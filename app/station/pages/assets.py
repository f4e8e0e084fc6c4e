"""Serves scripts, style sheets and pictures out of memory."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse

from app.station.assets import all_assets, assets_digest

FOR_EVER = "public, max-age=31536000, immutable"


def serve(_request: Any, digest: str, path: str) -> Any:  # noqa: ANN401 - Django's request and response
    """Return an asset; an address of another version is none."""
    asset = all_assets().get(path)
    if asset is None or digest != assets_digest():
        raise Http404
    return HttpResponse(asset.content, content_type=asset.media_type, headers={"Cache-Control": FOR_EVER})
