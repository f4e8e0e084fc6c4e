"""Serves originals and derived copies out of the vault, by digest alone.

The address names no path and no file name: a digest is looked up among the files of the cases that the person may see,
and the vault's key is made from it. Pictures and videos of the kinds that browsers only paint are shown; anything else
is offered for saving, whatever its name says, and no browser is to guess another type.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from app.station.audit import note_file_seen
from app.station.context import station
from app.station.vault_keys import media_key

CHUNK_BYTES: Final = 256 * 1024
SHOWN: Final = frozenset({"image/jpeg", "image/png", "image/webp", "video/mp4", "video/webm"})
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


def serve(request: Any, sha256: str) -> Any:  # noqa: ANN401 - Django's request and response
    """Return a file, or the part of it that a player asks for."""
    row = request.found
    key = media_key(row.kind, sha256)
    size = station().vault.size(key)
    if size is None:
        raise Http404
    # A picture cut out or marked is a part of the page that shows it; an original or a clip is looked at for itself.
    if row.kind not in {"crop", "annotate"} and request.method == "GET":
        note_file_seen(request.user, number=row.case.number, name=row.name, sha256_hex=sha256)
    first, last = asked_range(request.headers.get("Range", ""), size)
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, max-age=3600", "ETag": f'"{sha256}"'}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return HttpResponse(status=304, headers=headers)
    if first is None:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Length"] = str(last - first + 1)
    partial = (first, last) != (0, size - 1)
    if partial:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    headers["Content-Disposition"] = content_disposition_header(row.media_type not in SHOWN, row.name)
    kind = row.media_type if row.media_type in SHOWN else "application/octet-stream"
    status = 206 if partial else 200
    if request.method == "HEAD":
        return HttpResponse(status=status, content_type=kind, headers=headers)
    pieces = _pieces(key, first, last - first + 1)
    content = _slowly(pieces) if hasattr(request, "scope") else pieces
    return StreamingHttpResponse(content, status=status, content_type=kind, headers=headers)


def asked_range(header: str, size: int) -> tuple[int | None, int]:
    """Return the first and last byte that a Range header (RFC 9110, 14.2) asks for of ``size`` bytes.

    The whole where there is no such header or more than one range; (None, 0) where it lies outside.
    """
    found = _RANGE.match(header)
    if found is None or found.groups() == ("", ""):
        return (0, size - 1) if size else (None, 0)
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) and size else (None, 0)
    end = min(int(last), size - 1) if last else size - 1
    return (int(first), end) if int(first) <= end else (None, 0)


def _pieces(key: str, first: int, count: int) -> Iterator[bytes]:
    """Yield a part of a file, which is opened when somebody begins to read."""
    with station().vault.open(key) as reader:
        reader.seek(first)
        while count and (piece := reader.read(min(CHUNK_BYTES, count))):
            count -= len(piece)
            yield piece


async def _slowly(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read from the disk beside the event loop, so that a large video holds nobody up."""

    def following() -> bytes | None:
        return next(pieces, None)

    while (piece := await sync_to_async(following, thread_sensitive=False)()) is not None:
        yield piece
