"""A calibrated camera as a lens file: an entry of the catalogue's own form, for ``--camera FILE``."""

from __future__ import annotations

from pathlib import Path

import yaml

from core.whole_file import write_text
from flight.camera import Camera
from flight.cameras.catalogue import read_lenses


def write_lens_file(camera: Camera, path: Path, *, key: str) -> None:
    """Write a camera as the one lens of a file, whole or not at all, and read it back.

    Args:
        camera: The camera, at the image size it was calibrated at.
        path: The file, ending in .yaml.
        key: The lens's key in it.

    Raises:
        ValueError: The file's name does not end in .yaml or .yml.
    """
    if path.suffix.lower() not in {".yaml", ".yml"}:
        raise ValueError("a lens file's name ends in .yaml")
    size = [camera.width_px, camera.height_px]
    entry: dict[str, object] = {
        "models": [camera.model],
        "full_px": size,
        "focal_px": round(camera.focal_px, 4),
        "centre_px": [round(camera.centre_x_px, 3), round(camera.centre_y_px, 3)],
        "distortion": [float(f"{term:.6g}") for term in camera.distortion],
        "lens": str(camera.lens),
        "mount_deg": [round(angle, 4) for angle in camera.mount_deg],
        "sigma": float(f"{camera.focal_sigma:.3g}"),
        "modes": [[*size, *size]],
        "source": camera.source,
    }
    if camera.focal_y_px is not None:
        entry["focal_y_px"] = round(camera.focal_y_px, 4)
    write_text(path, yaml.safe_dump({key: entry}, allow_unicode=True, sort_keys=False, width=120))
    read_lenses.cache_clear()
    read_lenses(path)
