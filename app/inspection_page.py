"""An inspection as one HTML page and the first picture as a JPEG: what a file is, for a person, without any network."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import InputRefused, StoreFailed
from core.refusal import Refusal
from core.text import _
from core.whole_file import write_bytes, write_text
from flight.telemetry.file_kind import FileKind
from flight.telemetry.inspect import Inspection
from flight.telemetry.sketch_svg import heights_svg, map_svg

WIDTH_PX: Final = 1280
_STYLE: Final = (
    "body{font:15px/1.5 'Noto Sans CJK SC','Noto Sans SC',sans-serif;margin:24px auto;max-width:980px;padding:0 16px;"
    "color:#222}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:4px 10px;"
    "border-bottom:1px solid #ddd}th{width:14em;font-weight:600}.missing th{color:#b00020}.assumed th{color:#8a5a00}"
    "img,svg{max-width:100%;height:auto;border:1px solid #ddd}figure{margin:20px 0}figcaption{color:#555}"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstPicture:
    """The first picture of a photo or video, upright.

    Attributes:
        pixels: (height, width, 3) uint8 BGR.
        caption: What it is, as a sentence.
    """

    pixels: NDArray[np.uint8]
    caption: str


def first_picture(path: Path, kind: FileKind) -> FirstPicture | Refusal | None:
    """Return the first picture of a file, why there is none, or None for a file that holds no pictures.

    Args:
        path: The file.
        kind: What it is.
    """
    if kind is FileKind.VIDEO:
        from detection.frames.video_stills import thumbnail

        still = thumbnail(path, width_px=WIDTH_PX)
        if isinstance(still, Refusal):
            return still
        caption = _("first picture, shown at {time:.3f} s, turned by {turned}°, decoded by {device}").format(
            time=still.time_s, turned=still.turned_deg, device=still.device
        )
        return FirstPicture(pixels=still.pixels, caption=caption)
    return _photo(path) if kind is FileKind.PHOTO else None


def _photo(path: Path) -> FirstPicture | Refusal:
    """Return a photo as viewers show it."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((WIDTH_PX, WIDTH_PX))
            pixels = np.ascontiguousarray(np.asarray(upright)[..., ::-1])
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        reason = _("its picture cannot be decoded ({problem})").format(problem=problem)
        return Refusal(subject=path.name, code="not-an-image", reason=reason)
    return FirstPicture(pixels=pixels, caption=_("the photo, upright and reduced"))


def write_inspection(seen: Inspection, picture: FirstPicture | Refusal | None, folder: Path) -> Path:
    """Write ``inspection.html`` and, where there is a picture, ``first-picture.jpg``; return the page's path.

    Args:
        seen: What was found.
        picture: The first picture.
        folder: Where; made when missing.

    Raises:
        InputRefused: The folder's name is a file's.
        StoreFailed: It cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise InputRefused(folder, _("is a file"), _("Name a folder for the page."))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        jpeg = _jpeg(picture.pixels) if isinstance(picture, FirstPicture) else None
        if jpeg is not None:
            write_bytes(folder / "first-picture.jpg", jpeg)
        write_text(folder / "inspection.html", _page(seen, picture, jpeg))
    except OSError as problem:
        raise StoreFailed(
            _("{folder} cannot be written ({why}).").format(folder=folder, why=problem.strerror or problem)
        ) from problem
    return folder / "inspection.html"


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    import cv2

    done, content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 88])
    if not done:
        raise StoreFailed(_("The picture cannot be written as JPEG."))
    return bytes(content)


def rows_of(seen: Inspection) -> list[tuple[str, str, str]]:
    """Return an inspection as (class, label, text): facts, then what is missing, assumed and refused."""
    rows = [("known", fact.label, fact.value) for fact in seen.facts]
    rows += [
        ("missing", _("missing"), _("{name} in {lacking} of {total}").format(name=name, lacking=lacking, total=total))
        for name, lacking, total in seen.missing
    ]
    if seen.track is not None and seen.track.poses and not seen.missing:
        rows.append(("known", _("missing"), _("nothing: every pose is whole")))
    rows += [("assumed", _("assumed"), note) for note in seen.notes]
    rows += [("missing", _("refused"), str(refusal)) for refusal in seen.refusals]
    return rows


def _page(seen: Inspection, picture: FirstPicture | Refusal | None, jpeg: bytes | None) -> str:
    title = f"{seen.name} · {seen.kind.value} · {seen.size_bytes:,} B"
    body = "".join(
        f'<tr class="{kind}"><th>{escape(label)}</th><td>{escape(text)}</td></tr>'
        for kind, label, text in rows_of(seen)
    )
    figures = []
    if jpeg is not None and isinstance(picture, FirstPicture):
        source = base64.b64encode(jpeg).decode()
        figures.append((f'<img alt="" src="data:image/jpeg;base64,{source}">', picture.caption))
    elif isinstance(picture, Refusal):
        figures.append(("", str(picture)))
    if seen.track is not None and seen.track.poses:
        for drawing, caption in (
            (map_svg(seen.track), _("where it was")),
            (heights_svg(seen.track), _("how high it was")),
        ):
            figures.append((drawing or "", caption if drawing else _("{what}: not known").format(what=caption)))
    shown = "".join(
        f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>" for drawing, caption in figures
    )
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1><table>{body}</table>{shown}</body></html>\n"
    )
