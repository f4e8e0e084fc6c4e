"""Hand-drawn boxes of real vehicles as fixes: pictures taken straight down, whose scale their cars tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from core.points import GeoPoint
from detection.detection import Box, Detection
from geofence.fix import Covariance, Fix

KINDS: Final = ("car", "truck", "bus", "minibus")
METRES_PER_DEGREE: Final = 111_195.0
HEIGHT_M: Final = 100.0
EDGE_PX: Final = 2.0
SCALE_SIGMA: Final = 0.03


def labelled_vehicles(folder: Path, gsd_m: Mapping[str, float]) -> Iterator[tuple[str, Fix]]:
    """Yield the kind that a label says and the fix of its box; boxes at the picture's border are left out.

    Args:
        folder: Pictures with YOLO labels beside them.
        gsd_m: Metres per pixel of each flight, by how its pictures' names begin.
    """
    here = GeoPoint(lon_deg=27.5, lat_deg=0.0)
    for path in sorted(folder.glob("*.txt")):
        scale = next(gsd for begin, gsd in gsd_m.items() if path.name.startswith(begin))
        with Image.open(path.with_suffix(".jpg")) as picture:
            width, height = picture.size
        for kind, *shares in np.loadtxt(path, ndmin=2):
            u, v, wide, high = np.array(shares) * [width, height, width, height]
            left, top, right, bottom = u - wide / 2, v - high / 2, u + wide / 2, v + high / 2
            if min(left, top, width - right, height - bottom) < EDGE_PX:
                continue
            east, north = (u - width / 2) * scale, (height / 2 - v) * scale
            half_e, half_n = wide / 2 * scale, high / 2 * scale
            box = Box(left_px=float(left), top_px=float(top), right_px=float(right), bottom_px=float(bottom))
            yield (
                KINDS[int(kind)],
                Fix(
                    detection=Detection(
                        frame_id=path.stem, label="vehicle", score=1.0, box=box, weight_sha256="0" * 64
                    ),
                    captured_at=datetime(2026, 10, 1, tzinfo=UTC),
                    point=here,
                    covariance=Covariance(east_m2=1.0, north_m2=1.0),
                    ground_hae_m=None,
                    slant_m=math.hypot(east, north, HEIGHT_M),
                    camera_point=GeoPoint(
                        lon_deg=here.lon_deg - east / METRES_PER_DEGREE, lat_deg=-north / METRES_PER_DEGREE
                    ),
                    assumptions=(),
                    outline_m=((-half_e, half_n), (half_e, half_n), (half_e, -half_n), (-half_e, -half_n)),
                    scale_sigma=SCALE_SIGMA,
                ),
            )
