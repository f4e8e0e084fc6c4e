"""Commands for locating: a pixel of a photo on the ground."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from app.wiring import camera_zone as zone_called
from core.clock import BEIJING
from core.errors import InputRefused
from core.heights import HeightDatum
from core.refusal import Refusal
from core.text import _
from geofence.locating.error_budget import DeviceClass

if TYPE_CHECKING:
    from flight.telemetry.photo import PhotoTelemetry
    from geofence.locating.ground import Ground
    from geofence.locating.locate_point import LocatedPoint


def add_commands(application: typer.Typer) -> None:
    """Add the commands for locating to the command line."""
    application.command(
        name="locate",
        rich_help_panel=_("After the flight"),
        help=_("Tell where on the ground a pixel lies, and how surely, as GeoJSON."),
    )(_locate)


def _locate(
    *,
    photo: Annotated[Path, typer.Argument(help=_("Photo with its pose in EXIF and XMP."))],
    pixel: Annotated[
        list[str], typer.Option(help=_("Column and row, e.g. 2000,1125, from the top left corner; may be repeated."))
    ],
    dem: Annotated[Path | None, typer.Option(help=_("Terrain raster; needs --height-datum."))] = None,
    ground_height: Annotated[float | None, typer.Option(help=_("Height of level ground, with its datum."))] = None,
    height_datum: Annotated[
        HeightDatum | None, typer.Option(help=_("What the raster's or the ground's height is measured from."))
    ] = None,
    ground_sigma: Annotated[float | None, typer.Option(help=_("One-sigma error of those heights, metres."))] = None,
    takeoff: Annotated[
        str,
        typer.Option(
            help=_("Take-off point for a raster: latitude,longitude, or the patrol file or flight log that knows it.")
        ),
    ] = "",
    takeoff_height: Annotated[
        float | None, typer.Option(help=_("Height of the ground at the take-off point, where level ground differs."))
    ] = None,
    camera: Annotated[
        str, typer.Option(help=_("Camera: a key of the lens catalogue, 24mm, 3045px, or a lens file."))
    ] = "",
    device_class: Annotated[
        DeviceClass, typer.Option(help=_("Whose pose errors to assume where the photo states none."))
    ] = DeviceClass.GNSS,
    camera_zone: Annotated[str, typer.Option(help=_("Time zone that the camera's clock is set to."))] = str(BEIJING),
) -> None:
    from app.placing import camera_of_photo, takeoff_of
    from flight.cameras.declared import read_declared_camera
    from flight.telemetry.photo import read_photo
    from geofence.locating.locate_point import LocatedPoint, ground_of, locate_point, point_feature

    told = read_photo(photo, camera_zone=zone_called(camera_zone))
    if isinstance(told, Refusal):
        raise InputRefused(photo, told.reason, told.remedy)
    seen_by = camera_of_photo(told, read_declared_camera(camera) if camera else None, name=str(photo))
    if isinstance(seen_by, Refusal):
        raise InputRefused(photo, seen_by.reason, seen_by.remedy)
    told = replace(told, camera=seen_by[0])
    try:
        ground = ground_of(
            dem=dem,
            ground_height_m=ground_height,
            height_datum=height_datum,
            sigma_m=ground_sigma,
            takeoff=takeoff_of(takeoff) if takeoff else None,
            takeoff_height_m=takeoff_height,
            laser_m=None if told.laser is None else told.laser.distance_m,
        )
    except ValueError as wrong:
        raise InputRefused(photo, str(wrong), _("Say --height-datum with --dem or --ground-height.")) from wrong
    features = []
    for text in pixel:
        u_px, v_px = pixel_of(text)
        located = locate_point(
            u_px,
            v_px,
            name=photo.name,
            pose=told.pose,
            camera=told.camera,
            ground=ground,
            device_class=device_class,
        )
        if not isinstance(located, LocatedPoint):
            if len(pixel) == 1:
                raise InputRefused(photo, located.reason, located.remedy)
            # Of several pixels each gets its answer: one above the horizon does not take the others' away.
            features.append(_refused(photo, (u_px, v_px), located))
            continue
        located = replace(located, assumptions=(*located.assumptions, *_laser_check(told, ground, device_class)))
        feature = point_feature(located)
        feature["properties"] = {"photo": photo.name, "pixel": [u_px, v_px], **feature["properties"]}
        features.append(feature)
        _tell(located, u_px, v_px)
    answer: dict[str, Any] = features[0]
    if len(features) > 1:
        answer = {"type": "FeatureCollection", "features": features}
    Console(markup=False, highlight=False).print(json.dumps(answer, ensure_ascii=False, indent=1), soft_wrap=True)


def _refused(photo: Path, pixel: tuple[float, float], refusal: Refusal) -> dict[str, Any]:
    """Return a Feature without a place, and tell a person why."""
    Console(stderr=True, markup=False, highlight=False).print(
        _("pixel {u:g},{v:g}: {reason}").format(u=pixel[0], v=pixel[1], reason=refusal.reason), soft_wrap=True
    )
    return {
        "type": "Feature",
        "geometry": None,
        "properties": {
            "photo": photo.name,
            "pixel": list(pixel),
            "refused": refusal.code,
            "reason": refusal.reason,
        },
    }


def _laser_check(told: PhotoTelemetry, ground: Ground, device_class: DeviceClass) -> tuple[str, ...]:
    """Return how far the camera's axis meets the ground from where the aircraft's own laser puts it."""
    from core.points import distance_m
    from geofence.locating.locate_point import LocatedPoint, locate_point

    if told.laser is None or told.laser.point is None or told.camera is None:
        return ()
    axis = locate_point(
        told.camera.centre_x_px,
        told.camera.centre_y_px,
        name="axis",
        pose=told.pose,
        camera=told.camera,
        ground=ground,
        device_class=device_class,
    )
    if not isinstance(axis, LocatedPoint):
        return ()
    return (
        _(
            "the aircraft's laser rangefinder puts the image's centre {apart:.1f} m from here; CE90 there {ce:.1f} m"
        ).format(apart=distance_m(axis.point, told.laser.point), ce=axis.ce90_m),
    )


def _tell(located: LocatedPoint, u_px: float, v_px: float) -> None:
    """Print an answer for a person, beside the GeoJSON."""
    console = Console(stderr=True, markup=False, highlight=False)
    height = _("height unknown")
    if located.height_m is not None:
        height = _("{height:.1f} m above {datum}").format(height=located.height_m, datum=located.height_datum)
    console.print(
        _("pixel {u:g},{v:g}: {lat:.7f}, {lon:.7f} (WGS-84), {height}; CE90 {ce:.2f} m, slant {slant:.1f} m").format(
            u=u_px,
            v=v_px,
            lat=located.point.lat_deg,
            lon=located.point.lon_deg,
            height=height,
            ce=located.ce90_m,
            slant=located.slant_m,
        ),
        soft_wrap=True,
    )
    for sentence in located.assumptions:
        console.print("  · " + sentence, soft_wrap=True)


def pixel_of(text: str) -> tuple[float, float]:
    """Return column and row written as "2000,1125".

    Raises:
        InputRefused: It is not written so.
    """
    try:
        u_px, v_px = (float(part) for part in text.split(","))
    except ValueError as wrong:
        raise InputRefused(text, _("is no pixel"), _("Write column and row like 2000,1125.")) from wrong
    return u_px, v_px
