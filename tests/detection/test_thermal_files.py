"""Thermal photos, written byte by byte as their makers' formats are documented, and read back."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.refusal import Refusal
from detection.thermal.dji import DjiDriver
from detection.thermal.exported import MatrixDriver, TiffDriver
from detection.thermal.flir import FlirDriver
from detection.thermal.hot_spots import find_hot_spots
from detection.thermal.planck import Path, counts_at, counts_through, kelvin_through, sigma_through
from detection.thermal.read_thermogram import read_thermogram, refuse_sequence
from detection.thermal.thermogram import Conditions, Scale, ThermalDriver, Thermogram, Unit
from tests.thermal_files import CALIBRATION, PATH, Flir, dji_jpeg, flir_jpeg, plain_jpeg, scene, segment

SPOT = ((300, 200, 6, 140.0),)


def read(driver: ThermalDriver, content: bytes, conditions: Conditions | None = None) -> Thermogram | Refusal:
    return driver.read(content, name="IR_0001.JPG", conditions=conditions or Conditions())


def test_planck_s_constants_give_the_published_examples() -> None:
    # Thermimage's README, a FLIR SC660 of these constants: a black body of 23 °C gives 17994.06 counts; the same counts
    # through a window of 0.96, from a body of 0.95 a metre off, all else at 20 °C and 50 %: 23.31223 °C.
    assert float(counts_at(CALIBRATION, 273.15 + 23)) == pytest.approx(17994.06, abs=0.005)
    window = Path(
        emissivity=0.95,
        distance_m=1.0,
        reflected_k=293.15,
        air_k=293.15,
        humidity=0.5,
        window_k=293.15,
        window_transmission=0.96,
    )
    assert float(kelvin_through(CALIBRATION, window, 17994.06)) - 273.15 == pytest.approx(23.31223, abs=5e-6)
    # The first numbers of its sample picture, and of what it makes of them: 23.7 23.6 23.6 23.6 23.7.
    bare = replace(window, window_transmission=1.0)
    found = kelvin_through(CALIBRATION, bare, np.array([18090, 18074, 18064, 18061, 18081])) - 273.15
    assert found.round(1).tolist() == [23.7, 23.6, 23.6, 23.6, 23.7]


@given(celsius=st.floats(-20, 500), emissivity=st.floats(0.3, 1.0), window=st.floats(0.7, 1.0))
@settings(max_examples=40, deadline=None)
def test_temperature_and_counts_are_each_other_s_inverse(celsius: float, emissivity: float, window: float) -> None:
    path = replace(PATH, emissivity=emissivity, window_transmission=window)
    counts = counts_through(CALIBRATION, path, celsius + 273.15)
    assert float(kelvin_through(CALIBRATION, path, counts)) - 273.15 == pytest.approx(celsius, abs=1e-6)


def test_a_dull_body_that_is_taken_for_bright_reads_too_cold() -> None:
    seen = counts_through(CALIBRATION, replace(PATH, emissivity=0.6), 400.0)
    assert float(kelvin_through(CALIBRATION, PATH, seen)) < 390


def test_the_error_grows_with_what_is_assumed_and_holds_the_maker_s_bound() -> None:
    counts = counts_at(CALIBRATION, np.array([300.0, 400.0, 500.0]))
    sigma = sigma_through(CALIBRATION, PATH, counts, camera_k=5.0, share=0.05)
    assert (sigma > 5 / np.sqrt(3)).all()
    assert sigma[2] > sigma[1] > sigma[0]


@pytest.mark.parametrize(
    "how",
    [Flir(), Flir(swapped=False), Flir(png=False), Flir(png=False, order=">"), Flir(order=">"), Flir(piece=4_000)],
    ids=["swapped-png", "right-png", "bare", "bare-big-endian", "png-big-endian", "many-pieces"],
)
def test_flir_s_temperatures_come_back(how: Flir) -> None:
    celsius = scene(SPOT)
    found = read(FlirDriver(), flir_jpeg(celsius, how))
    assert isinstance(found, Thermogram)
    assert found.scale is Scale.CELSIUS
    assert np.abs(found.values - celsius).max() < 0.1  # a count is 0.03 K at 30 °C
    assert found.sigma_k is not None
    assert float(found.sigma_k[200, 300]) > float(found.sigma_k[0, 0]) > 2.5
    assert found.emissivity == pytest.approx(0.95)


def test_a_declared_emissivity_goes_before_the_file_s() -> None:
    content = flir_jpeg(scene(SPOT))
    as_written, declared = (read(FlirDriver(), content, Conditions(emissivity=e)) for e in (None, 0.6))
    assert isinstance(as_written, Thermogram)
    assert isinstance(declared, Thermogram)
    assert float(declared.values[200, 300]) > float(as_written.values[200, 300]) + 20
    assert any("as declared" in note for note in declared.notes)


def flir_pieces(content: bytes) -> list[bytes]:
    return content.split(b"\xff\xe1")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda c: c[: len(c) // 3], "truncated-thermal"),  # the copy broke off
        (lambda c: c[:2] + c[c.index(b"\xff\xe1", 10) :], "truncated-thermal"),  # the first piece was cut out
        (lambda c: c.replace(b"FFF\x00", b"XXX\x00", 1), "damaged-thermal"),
        (lambda c: c.replace(b"IDAT", b"IDxT", 1), "damaged-thermal"),
    ],
    ids=["cut", "piece-missing", "no-fff", "png-damaged"],
)
def test_a_damaged_flir_file_is_refused(spoil: object, code: str) -> None:
    content = spoil(flir_jpeg(scene()))  # type: ignore[operator]
    driver = FlirDriver()
    assert driver.recognises(content)
    found = read(driver, content)
    assert isinstance(found, Refusal)
    assert found.code == code
    assert found.remedy


def test_a_flir_file_without_its_calibration_is_refused() -> None:
    found = read(FlirDriver(), flir_jpeg(scene(), Flir(png=False, with_calibration=False)))
    assert isinstance(found, Refusal)
    assert found.code == "no-calibration"


@given(at=st.integers(2, 40_000), byte=st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_any_byte_of_a_flir_file_may_be_wrong(at: int, byte: int) -> None:
    content = bytearray(flir_jpeg(scene(width=64, height=48)))
    content[at % len(content)] = byte
    found = read(FlirDriver(), bytes(content))
    assert isinstance(found, Thermogram | Refusal)


def test_dji_s_counts_are_compared_with_one_another_only() -> None:
    counts = np.rint((scene(SPOT) + 273.15) * 40).astype(np.uint16)
    content = dji_jpeg(counts)
    assert DjiDriver().recognises(content)
    assert not FlirDriver().recognises(content)
    found = read(DjiDriver(), content)
    assert isinstance(found, Thermogram)
    assert found.scale is Scale.COUNTS
    assert found.sigma_k is None
    assert (found.values == counts).all()
    assert any("relative" in note for note in found.notes)
    assert any("0.95" in note for note in found.notes)


def test_a_declared_scale_of_dji_s_counts_is_the_declarer_s() -> None:
    celsius = scene(SPOT)
    counts = np.rint((celsius + 273.15) * 64).astype(np.uint16)
    found = read(DjiDriver(), dji_jpeg(counts), Conditions(unit=Unit.KELVIN_64THS))
    assert isinstance(found, Thermogram)
    assert np.abs(found.values - celsius).max() < 0.02
    assert any("does not confirm" in note for note in found.notes)


def counts_of_64ths(celsius: np.ndarray) -> np.ndarray:
    return np.rint((celsius + 273.15) * 64).astype(np.uint16)


@pytest.mark.parametrize("kind", ["M2EA", "iirp", "iirp-1280", "girp", "hirp", "H20T", "XT S"])
def test_every_kind_of_dji_s_files_gives_its_counts(kind: str) -> None:
    counts = counts_of_64ths(scene(SPOT))
    content = dji_jpeg(counts, kind)
    assert DjiDriver().recognises(content)
    found = read(DjiDriver(), content)
    assert isinstance(found, Thermogram)
    assert (found.values == counts).all()
    settings = any("0.95 and 5 m" in note for note in found.notes)
    assert settings == (kind not in {"hirp", "XT S"})  # where theirs stand, nobody has said


@pytest.mark.parametrize("kind", ["girp", "hirp", "H20T", "XT S"])
def test_a_scale_that_a_file_cannot_be_on_is_not_believed_of_it(kind: str) -> None:
    counts = counts_of_64ths(scene(SPOT))
    found = read(DjiDriver(), dji_jpeg(counts, kind), Conditions(unit=Unit.KELVIN_64THS))
    assert isinstance(found, Thermogram)
    assert found.scale is Scale.COUNTS
    assert (found.values == counts).all()
    assert any("on another scale" in note and kind in note for note in found.notes)


def test_64ths_by_which_the_ground_is_colder_than_ground_are_not_believed() -> None:
    counts = (counts_of_64ths(scene(SPOT)) // 4).astype(np.uint16)
    found = read(DjiDriver(), dji_jpeg(counts, "iirp"), Conditions(unit=Unit.KELVIN_64THS))
    assert isinstance(found, Thermogram)
    assert found.scale is Scale.COUNTS


def test_declared_64ths_end_where_the_camera_s_high_gain_does() -> None:
    counts = counts_of_64ths(scene(((300, 200, 6, 160.0),)))
    found = read(DjiDriver(), dji_jpeg(counts, "iirp"), Conditions(unit=Unit.KELVIN_64THS))
    assert isinstance(found, Thermogram)
    (spot,) = find_hot_spots(found)
    assert spot.at_ceiling


def test_what_a_flir_camera_cannot_measure_is_said() -> None:
    celsius = scene(SPOT)
    celsius[:50] = -40.0  # sky
    said, unsaid = (
        read(FlirDriver(), flir_jpeg(celsius, Flir(range_k=range_k))) for range_k in ((253.15, 823.15), (0.0, 823.15))
    )
    assert isinstance(said, Thermogram)
    assert isinstance(unsaid, Thermogram)
    assert any("10 per cent of it lies beyond the camera's range of -20 to 550 °C" in note for note in said.notes)
    assert not any("beyond" in note for note in unsaid.notes)


def test_flir_s_thermal_videos_are_refused_by_name() -> None:
    for name in ("20180727_0001.SEQ", "a.csq"):
        refused = refuse_sequence(FilePath(name))
        assert isinstance(refused, Refusal)
        assert refused.code == "thermal-sequence"
        assert refused.remedy
    assert refuse_sequence(FilePath("a.jpg")) is None


def test_dji_s_counts_of_a_wrong_size_are_refused() -> None:
    counts = np.full((512, 640), 17_000, dtype=np.uint16)
    content = dji_jpeg(counts)
    shorter = content.replace(segment(0xE3, counts.astype("<u2").tobytes()[:40]), b"", 1)
    for spoilt in (shorter, content[: len(content) // 2]):
        found = read(DjiDriver(), spoilt)
        assert isinstance(found, Refusal)
        assert found.code == "truncated-thermal"


def test_a_photo_of_daylight_is_no_thermogram_and_a_coloured_one_is_refused(tmp_path: FilePath) -> None:
    path = tmp_path / "DJI_0001.JPG"
    path.write_bytes(plain_jpeg(640, 512))
    assert read_thermogram(path, infrared=False) is None
    refused = read_thermogram(path, infrared=True)
    assert isinstance(refused, Refusal)
    assert refused.code == "not-radiometric"


def tiff_of(numbers: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(numbers).save(stream, "TIFF")
    return stream.getvalue()


def test_an_exported_tiff_needs_its_unit(tmp_path: FilePath) -> None:
    celsius = scene(SPOT).astype(np.float32)
    photo, beside = tmp_path / "DJI_0001_T.JPG", tmp_path / "DJI_0001_T.tif"
    photo.write_bytes(plain_jpeg(640, 512))
    beside.write_bytes(tiff_of(celsius))
    refused = read_thermogram(photo, infrared=True, exported=beside)
    assert isinstance(refused, Refusal)
    assert refused.code == "no-unit"
    found = read_thermogram(photo, infrared=True, exported=beside, conditions=Conditions(unit=Unit.CELSIUS))
    assert isinstance(found, Thermogram)
    assert np.allclose(found.values, celsius)
    wrong = read_thermogram(photo, infrared=True, exported=beside, conditions=Conditions(unit=Unit.KELVIN))
    assert isinstance(wrong, Refusal)
    assert wrong.code == "wrong-unit"
    # Beside a photo of daylight it is nothing.
    assert read_thermogram(photo, infrared=False, exported=beside) is None


@pytest.mark.parametrize(
    ("unit", "numbers"),
    [
        (Unit.CENTIKELVIN, lambda c: np.rint((c + 273.15) * 100).astype(np.uint16)),
        (Unit.DECIKELVIN, lambda c: np.rint((c + 273.15) * 10).astype(np.uint16)),
        (Unit.DECICELSIUS, lambda c: np.rint(c * 10).astype(np.uint16)),
    ],
)
def test_whole_numbers_are_read_by_their_declared_unit(unit: Unit, numbers: object) -> None:
    celsius = scene(SPOT)
    found = read(TiffDriver(), tiff_of(numbers(celsius)), Conditions(unit=unit))  # type: ignore[operator]
    assert isinstance(found, Thermogram)
    assert np.abs(found.values - celsius).max() < 0.11


def test_a_tiff_of_colours_and_a_broken_one_are_refused() -> None:
    coloured = read(TiffDriver(), tiff_of(np.zeros((64, 64, 3), np.uint8)), Conditions(unit=Unit.CELSIUS))
    broken = read(TiffDriver(), tiff_of(np.zeros((64, 64), np.float32))[:200], Conditions(unit=Unit.CELSIUS))
    assert isinstance(coloured, Refusal)
    assert coloured.code == "not-radiometric"
    assert isinstance(broken, Refusal)
    assert broken.code == "damaged-thermal"


def test_the_matrix_of_dji_s_tool_is_told_by_its_size() -> None:
    celsius = scene(SPOT)
    tenths = np.rint(celsius * 10).astype("<i2").tobytes()
    degrees = celsius.astype("<f4").tobytes()
    for content, most in ((tenths, 0.06), (degrees, 1e-4)):
        assert MatrixDriver().recognises(content)
        found = read(MatrixDriver(), content)
        assert isinstance(found, Thermogram)
        assert np.abs(found.values - celsius).max() < most
    assert isinstance(read(MatrixDriver(), tenths[:-2]), Refusal)
