"""``camera calibrate`` and ``locate`` as their users call them: photos and a CSV file in, a lens file out, and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from app.commands import build
from core.errors import InputRefused
from core.points import LocalPlane, from_enu
from flight.cameras.catalogue import read_lenses
from tests.flight.test_camera_known_points import TRUTH, photograph
from tests.flight.test_telemetry_photo import TIME, packet, write_photo

LINES = ("a", -45.0, 10.0), ("b", -60.0, 130.0), ("c", -80.0, 250.0)


def run(*words: str) -> Result:
    return CliRunner().invoke(build(), list(words))


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three RTK photos of surveyed marks by a camera that nobody has listed, and the CSV of the marks."""
    folder = tmp_path_factory.mktemp("flight")
    lines = ["photo,u,v,lat,lon,height"]
    for seed, (name, pitch, yaw) in enumerate(LINES, start=1):
        made = photograph(name, pitch=pitch, yaw=yaw, seed=seed, count=20, vertical=0.02)
        at = made.position
        xmp = packet(
            f'drone-dji:GpsLatitude="{at.lat_deg:.10f}" drone-dji:GpsLongitude="{at.lon_deg:.10f}" '
            f'drone-dji:AbsoluteAltitude="{made.height_hae_m:.4f}" drone-dji:RelativeAltitude="+80.0" '
            f'drone-dji:GimbalYawDegree="{yaw}" drone-dji:GimbalPitchDegree="{pitch}" drone-dji:GimbalRollDegree="0" '
            'drone-dji:RtkFlag="50" drone-dji:RtkStdLon="0.02" drone-dji:RtkStdLat="0.02" drone-dji:RtkStdHgt="0.03"'
        )
        write_photo(folder / f"{name}.JPG", exif=TIME, xmp=xmp, size=(4000, 3000))
        for (u, v), (lon, lat), height in zip(made.pixels, made.lonlat, made.point_hae_m, strict=True):
            lines.append(f"{name}.JPG,{u:.2f},{v:.2f},{lat:.10f},{lon:.10f},{height:.4f}")
    points = folder / "marks.csv"
    points.write_text("\n".join(lines) + "\n")
    return folder, points


def test_an_unknown_camera_is_calibrated_from_marks_and_then_locates_them(
    flight: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, points = flight
    ask = ("locate", str(folder / "a.JPG"), "--ground-height", "0", "--height-datum", "ellipsoid")
    refused = run(*ask, "--pixel", "2000,1500")
    assert isinstance(refused.exception, InputRefused)
    assert "--camera" in str(refused.exception)
    lens = tmp_path / "ours.yaml"
    done = run(
        "camera", "calibrate", str(folder), "--points", str(points), "--height-datum", "ellipsoid",
        "--camera", "2800px", "--out", str(lens),
    )  # fmt: skip
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert "left out" in done.output
    (entry,) = read_lenses(lens)
    assert entry.focal_px == pytest.approx(TRUTH.focal_px, abs=25)
    rows = [line.split(",") for line in points.read_text().splitlines()[1:] if line.startswith("a.JPG")][:6]
    pixels = [word for row in rows for word in ("--pixel", f"{row[1]},{row[2]}")]
    after = json.loads(run(*ask, "--camera", str(lens), *pixels).stdout)
    before = json.loads(run(*ask, "--camera", "2800px", *pixels).stdout)

    def misses(answer: dict[str, list[dict[str, dict[str, float]]]]) -> list[float]:
        found = [feature["properties"] for feature in answer["features"]]
        return [
            float(np.hypot(111_320 * (p["lat_deg"] - float(row[3])), 102_800 * (p["lon_deg"] - float(row[4]))))
            for p, row in zip(found, rows, strict=True)
        ]

    assert np.median(misses(after)) < 0.5
    assert np.median(misses(before)) > 2.0


def test_what_cannot_be_calibrated_is_refused_in_one_sentence(flight: tuple[Path, Path], tmp_path: Path) -> None:
    folder, points = flight
    out = ("--out", str(tmp_path / "x.yaml"))
    cases = {
        "give one of the two": ("camera", "calibrate", str(folder), *out),
        "lens file": ("camera", "calibrate", str(folder), "--board", "9x6", "--out", str(tmp_path / "x.txt")),
        "no board": ("camera", "calibrate", str(folder), "--board", "nine", *out),
        "datum of its heights": ("camera", "calibrate", str(folder), "--points", str(points), *out),
        "needs the register": ("calibrate-flight", str(folder), "--camera", "3000px", "--corner", "a.JPG,1,2"),
        "no known point": ("calibrate-flight", str(folder), "--camera", "3000px", "--known-point", "a.JPG,1,2"),
        "no photo": ("calibrate-flight", str(tmp_path)),
    }
    for words, call in cases.items():
        answer = run(*call)
        assert isinstance(answer.exception, InputRefused), call
        assert words in str(answer.exception), call
    assert not (tmp_path / "x.yaml").exists()


def test_the_made_photos_show_the_marks_where_the_file_says() -> None:
    """The fixture's own truth: TRUTH projects each mark to its pixel from the pose that the photo states."""
    made = photograph("a", pitch=-45, yaw=10, seed=1, count=5, noise=0.0)
    back, _height = from_enu(LocalPlane(origin=made.position), np.zeros(3))
    assert back == pytest.approx([made.position.lon_deg, made.position.lat_deg], abs=1e-9)
    assert made.pixels.shape == (5, 2)
