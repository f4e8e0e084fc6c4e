"""Makes derived pictures with Pillow: the annotated frame and the crop, with Chinese words where they are needed.

The one module of this room that draws. The same frame and parameters give the same bytes with the same versions of the
libraries, which the derivation names. The frame's own pixels are copied before anything is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from core.clock import BEIJING
from core.text import _
from detection.detection import Box, Detection
from detection.frame import Frame
from evidence.sealing.derivation import Derivation, Derived, parameters_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

TOOL: Final = "Pillow"
_SIMPLIFIED_CHINESE: Final = 2  # index in Noto Sans CJK's collection: 0 Japanese, 1 Korean, 2 simplified Chinese
_RED: Final = (220, 30, 30)
_WHITE: Final = (255, 255, 255)


@lru_cache(maxsize=8)
def _font(size_px: int) -> FreeTypeFont:
    from noto_cjk_sans_otc import FONT_PATH
    from PIL import ImageFont

    return ImageFont.truetype(str(FONT_PATH), size_px, index=_SIMPLIFIED_CHINESE)


def _tool_version() -> str:
    import PIL
    from PIL import features

    codecs = ", ".join(
        f"{name} {features.version(name)}" for name in ("jpg", "libjpeg_turbo", "freetype2") if features.version(name)
    )
    return f"{PIL.__version__} ({codecs})"


def picture_of(frame: Frame) -> Image:
    """Return a frame's pixels as a Pillow image of its own."""
    from PIL import Image

    return Image.fromarray(frame.pixels[:, :, ::-1].copy())  # BGR to RGB, in memory of its own


def _jpeg(picture: Image, quality: int) -> bytes:
    from io import BytesIO

    stream = BytesIO()
    picture.save(stream, "JPEG", quality=quality, subsampling=0, optimize=False)
    return stream.getvalue()


def stem_of(name: str) -> str:
    """Return a file's name without its suffix, fit to begin another file's name."""
    return re.sub(r"[/\\\\%\x00-\x1f\x7f]", "_", name.rsplit(".", 1)[0])[:120]


def derived_picture(
    frame: Frame, picture: Image, operation: str, suffix: str, parameters: Mapping[str, object]
) -> Derived:
    """Return a picture as a derived copy of a frame, a JPEG without metadata, named after its original."""
    quality = 88
    place = f"{stem_of(frame.original_name)}-{frame.original_sha256[:8]}" + (
        f"-{frame.index:06d}" if frame.index else ""
    )
    return Derived(
        name=f"{place}-{suffix}.jpg",
        media_type="image/jpeg",
        content=_jpeg(picture, quality),
        derivation=Derivation(
            source_sha256=frame.original_sha256,
            source_name=frame.original_name,
            source_index=frame.index,
            operation=operation,
            tool=TOOL,
            tool_version=_tool_version(),
            parameters=parameters_of({**parameters, "jpeg_quality": quality}),
        ),
    )


def _edges(box: Box) -> str:
    return f"{box.left_px:.2f},{box.top_px:.2f},{box.right_px:.2f},{box.bottom_px:.2f}"


def annotate_frame(
    frame: Frame, marked: Sequence[Detection], *, caption: str = "", max_width_px: int = 1920
) -> Derived:
    """Return the frame as a JPEG with the marked detections drawn in, and a strip that says what it is.

    Args:
        frame: The frame; every detection of ``marked`` was seen in it.
        marked: What to draw boxes around.
        caption: Words for the strip's first line (the incident's number and the hazard's name); may be Chinese.
        max_width_px: The picture is made smaller to this width, never larger.

    Raises:
        ValueError: A detection is not of this frame.
    """
    from PIL import Image, ImageDraw

    if any(detection.frame_id != frame.frame_id for detection in marked):
        raise ValueError("a marked detection was seen in another frame")
    picture = picture_of(frame)
    scale = min(1.0, max_width_px / picture.width)
    if scale < 1:
        picture = picture.resize(
            (max_width_px, max(1, round(picture.height * scale))), resample=Image.Resampling.LANCZOS
        )
    size = max(14, picture.width // 80)
    draw = ImageDraw.Draw(picture)
    for detection in marked:
        box = detection.box
        corners = [edge * scale for edge in (box.left_px, box.top_px, box.right_px, box.bottom_px)]
        draw.rectangle(corners, outline=_RED, width=max(2, size // 6))
        words = f"{detection.label} {detection.score:.2f}"
        above = corners[1] - size * 1.5
        anchor = (
            max(2, corners[0]),
            above if above >= 0 else min(corners[3] + size * 0.3, picture.height - size * 1.5),
        )
        left, top, right, bottom = draw.textbbox(anchor, words, font=_font(size))
        draw.rectangle((left - 2, top - 2, right + 2, bottom + 2), fill=_RED)
        draw.text(anchor, words, font=_font(size), fill=_WHITE)
    local = frame.captured_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    lines = [
        *([caption] if caption else []),
        _("{name} · {time} Beijing time · derived copy, marks added; the original is unchanged").format(
            name=frame.original_name, time=local
        ),
        f"SHA-256 {frame.original_sha256}",
    ]
    strip = Image.new("RGB", (picture.width, picture.height + round(size * 1.5 * len(lines)) + size // 2), "black")
    strip.paste(picture, (0, 0))
    pen = ImageDraw.Draw(strip)
    for row, line in enumerate(lines):
        pen.text((size // 2, picture.height + row * size * 1.5 + size // 6), line, font=_font(size), fill=_WHITE)
    return derived_picture(
        frame,
        strip,
        "annotate",
        "annotated",
        {
            "caption": caption,
            "marked": ";".join(_edges(detection.box) for detection in marked),
            "max_width_px": max_width_px,
        },
    )


def crop_frame(frame: Frame, detection: Detection, *, margin: float = 0.5, min_side_px: int = 160) -> Derived:
    """Return the part of a frame around one detection as a JPEG, in the original's own resolution, nothing drawn in.

    Args:
        frame: The frame the detection was seen in.
        detection: What to show.
        margin: Room on every side, as a share of the box's longer side.
        min_side_px: The crop's smallest side where the frame is large enough.

    Raises:
        ValueError: The detection is of another frame, or its box lies outside the picture.
    """
    if detection.frame_id != frame.frame_id:
        raise ValueError("the detection was seen in another frame")
    box = detection.box
    height, width = frame.pixels.shape[:2]
    room = margin * max(box.right_px - box.left_px, box.bottom_px - box.top_px)
    room_x = max(room, (min_side_px - (box.right_px - box.left_px)) / 2)
    room_y = max(room, (min_side_px - (box.bottom_px - box.top_px)) / 2)
    left, top = max(0, int(box.left_px - room_x)), max(0, int(box.top_px - room_y))
    right, bottom = min(width, int(box.right_px + room_x) + 1), min(height, int(box.bottom_px + room_y) + 1)
    if left >= right or top >= bottom:
        raise ValueError("the detection's box lies outside the picture")
    return derived_picture(
        frame,
        picture_of(frame).crop((left, top, right, bottom)),
        "crop",
        f"crop-{detection.detection_id[:8]}",
        {"left_px": left, "top_px": top, "right_px": right, "bottom_px": bottom},
    )
