"""Small pictures for popups."""

from __future__ import annotations

import io
from typing import Final

THUMBNAIL_PX: Final = 360


def thumbnail_of(content: bytes) -> bytes:
    """Return an encoded picture as a small JPEG.

    Raises:
        ValueError: It is no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
            stream = io.BytesIO()
            picture.convert("RGB").save(stream, "JPEG", quality=80)
    except (UnidentifiedImageError, OSError) as unfit:
        raise ValueError("no picture that can be read") from unfit
    return stream.getvalue()
