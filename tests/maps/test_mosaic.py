"""The mosaic puts ground where it is."""

import cv2
import numpy as np

from core.points import GeoPoint, LocalPlane, to_plane
from detection.frame_on_ground import View
from flight.camera import Camera, Orientation, project
from maps.mosaic import lay_mosaic

HOME = GeoPoint(lon_deg=113.58, lat_deg=22.76)


def _view(orientation: Orientation, spot_enu: tuple[float, float]) -> View:
    """A grey frame from 50 m with a red blob drawn where the spot is seen."""
    camera = Camera(model="t", width_px=400, height_px=300, focal_px=300, centre_x_px=200, centre_y_px=150, source="t")
    pixels = np.full((300, 400, 3), 90, dtype=np.uint8)
    u, v = project(camera, orientation, np.array([*spot_enu, -50.0]))
    if np.isfinite(u):
        cv2.circle(pixels, (round(u - 0.5), round(v - 0.5)), 4, (0, 0, 255), -1)
    return View(pixels=pixels, camera=camera, orientation=orientation, point=HOME, height_m=50.0)


def test_a_spot_on_the_ground_lies_where_it_is() -> None:
    spot = (12.0, -7.0)
    for orientation in (
        Orientation(yaw_deg=0, pitch_deg=-90, roll_deg=0),
        Orientation(yaw_deg=130, pitch_deg=-75, roll_deg=2),
    ):
        mosaic = lay_mosaic([_view(orientation, spot)])
        assert mosaic is not None
        picture = cv2.imdecode(np.frombuffer(mosaic.image, np.uint8), cv2.IMREAD_UNCHANGED)
        red = (picture[..., 2] > 150) & (picture[..., 1] < 80)
        rows, columns = np.nonzero(red)
        lon = mosaic.west_deg + (columns.mean() + 0.5) / picture.shape[1] * (mosaic.east_deg - mosaic.west_deg)
        lat = mosaic.north_deg - (rows.mean() + 0.5) / picture.shape[0] * (mosaic.north_deg - mosaic.south_deg)
        assert np.hypot(*(to_plane(LocalPlane(origin=HOME), [lon, lat]) - spot)) < 0.3


def test_a_frame_of_the_horizon_lays_nothing() -> None:
    assert lay_mosaic([_view(Orientation(yaw_deg=0, pitch_deg=20, roll_deg=0), (0.0, 0.0))]) is None
    assert lay_mosaic([]) is None
