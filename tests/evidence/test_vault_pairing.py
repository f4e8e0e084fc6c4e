from __future__ import annotations

import importlib.util
import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType

import pytest

from core.clock import FrozenClock
from core.errors import StoreFailed
from evidence.originals.vault import ingest_card, open_vault
from evidence.originals.vault_check import verify_vault
from evidence.originals.vault_export import export_originals
from evidence.originals.vault_pairing import RecordedPairing, pair_deposits, read_pairings
from evidence.originals.vault_records import Card, read_deposits
from evidence.originals.vault_store import VaultStore
from flight.telemetry.pairing import gaps_in_numbers
from flight.telemetry.read_track import Declared

CLOCK = FrozenClock(instant=datetime(2026, 10, 1, 5, 0, 0, tzinfo=UTC))
CARD = Card(serial="SD-0042", device="Mavic 3E", operator="Chen")
DECLARED = Declared(camera_zone=timezone(timedelta(hours=8)))


def load(name: str) -> ModuleType:
    path = Path(__file__).parents[1] / "flight" / f"{name}_samples.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


samples, logs, videos = load("subtitle"), load("log"), load("video")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "card" / "DCIM"
    folder.mkdir(parents=True)
    videos.video(folder / "DJI_0002.MP4", times=list(range(90)))
    (folder / "DJI_0002.SRT").write_text(samples.subtitle("2", records=3))
    videos.video(folder / "DJI_0005.MP4", times=list(range(60)), created="2026-10-01T02:03:10.000000Z")
    (folder / "DJI_0006.MP4").write_bytes((folder / "DJI_0005.MP4").read_bytes()[:600])
    (folder / "orphan.SRT").write_text(samples.subtitle("2", records=40))
    (folder / "flight.bin").write_bytes(logs.dataflash())
    return tmp_path / "card"


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> VaultStore:
    return open_vault(tmp_path / "vault" if request.param == "folder" else f"memory://{uuid.uuid4().hex}/vault")


def paired(card: Path, store: VaultStore) -> RecordedPairing:
    report = ingest_card(card, store, card=CARD, clock=CLOCK)
    return pair_deposits(report.deposits, store, folder=card, card=CARD, declared=DECLARED, clock=CLOCK)


def test_what_belongs_together_is_recorded_with_its_evidence(card: Path, store: VaultStore) -> None:
    pairing = paired(card, store)
    by_name = {Path(recording.footage.source).name: recording for recording in pairing.recordings}
    first, second, cut_off = (by_name[f"DJI_000{number}.MP4"] for number in (2, 5, 6))
    assert first.subtitle is not None
    assert first.subtitle.source == "DCIM/DJI_0002.SRT"
    assert "same name" in first.reasons[0]
    assert "3.0 s" in first.reasons[1]
    assert any("yaw" in sentence for sentence in first.missing)
    assert (second.subtitle, [log.source for log in second.logs]) == (None, ["DCIM/flight.bin"])
    assert "flight.bin ran from 2026-10-01T02:03:04" in second.reasons[0]
    assert "only a flight log" in second.missing[0]
    assert "moov" in cut_off.missing[0]
    assert [(named.source, code) for named, code, _reason in pairing.unpaired] == [("DCIM/orphan.SRT", "no-footage")]
    assert "0003–0004" in pairing.gaps[0]
    assert list(read_pairings(store)) == [pairing]
    digests = {deposit.source: deposit.original.sha256 for deposit in read_deposits(store)}
    assert {named.source: named.sha256 for named in pairing.names()} == digests
    assert verify_vault(store).findings == ()


def test_another_look_records_nothing_new_and_another_zone_does(card: Path, store: VaultStore) -> None:
    paired(card, store)
    paired(card, store)
    assert len(list(read_pairings(store))) == 1
    report = ingest_card(card, store, card=CARD, clock=CLOCK)
    pair_deposits(report.deposits, store, folder=card, card=CARD, declared=Declared(), clock=CLOCK)
    assert sorted(pairing.camera_zone for pairing in read_pairings(store)) == ["", "UTC+08:00"]


def test_a_pairing_that_was_changed_is_found(card: Path, tmp_path: Path) -> None:
    store = open_vault(tmp_path / "vault")
    paired(card, store)
    (record,) = (tmp_path / "vault/pairings").iterdir()
    record.chmod(0o644)
    fields = json.loads(record.read_text())
    fields["recordings"][0]["footage"]["sha256"] = "0" * 64
    record.write_text(json.dumps(fields))
    check = verify_vault(store)
    assert (check.sound, [finding.code for finding in check.findings]) == (False, ["missing"])
    record.write_text("{}")
    assert [finding.code for finding in verify_vault(store).findings] == ["damaged-record"]
    with pytest.raises(StoreFailed, match="damaged"):
        list(read_pairings(store))


def test_a_log_of_another_place_is_not_taken_for_its_time(tmp_path: Path, store: VaultStore) -> None:
    folder = tmp_path / "card"
    folder.mkdir()
    text = samples.subtitle("16", records=29)
    videos.video(folder / "a.mp4", times=list(range(29)))
    (folder / "a.srt").write_text(text)
    for name, lat in (("here", 23.1234), ("elsewhere", 23.2234)):
        points = "".join(
            f'<trkpt lat="{lat}" lon="113.2512"><time>2026-10-01T02:{minute:02d}:{second:02d}Z</time></trkpt>'
            for minute in range(60)
            for second in range(0, 60, 10)
        )
        (folder / f"{name}.gpx").write_text(
            f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'
        )
    pairing = paired(folder, store)
    (recording,) = pairing.recordings
    assert [log.source for log in recording.logs] == ["here.gpx"]
    assert any("0 m from where the footage does" in reason for reason in recording.reasons)
    assert [(named.source, code) for named, code, _reason in pairing.unpaired] == [("elsewhere.gpx", "no-footage")]


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("DJI_0001.JPG", "DJI_0002.JPG"), None),
        (("DJI_0001.JPG", "DJI_0004.JPG", "DJI_0006.JPG"), "0002–0003, 0005"),
        (("DJI_20261001100304_0001_W.MP4", "DJI_20261001100304_0001_T.MP4", "DJI_20261001100500_0003_W.MP4"), "0002"),
        (("DJI_0001.JPG", "DJI_0900.JPG"), None),  # numbering began anew; nothing is missing
        (("a.jpg", "b.jpg"), None),
    ],
)
def test_numbers_that_are_missing_are_named(names: tuple[str, ...], missing: str | None) -> None:
    gaps = gaps_in_numbers([Path(name) for name in names])
    assert (missing is None and gaps == ()) or (missing is not None and gaps[0].endswith(f": {missing}"))


def test_originals_come_out_under_their_names(card: Path, store: VaultStore, tmp_path: Path) -> None:
    ingest_card(card, store, card=CARD, clock=CLOCK)
    deposits = list(read_deposits(store))
    done, refused = export_originals(deposits, store, tmp_path / "out")
    assert refused == ()
    assert all(copy.fresh for copy in done)
    for deposit in deposits:
        copy = tmp_path / "out/SD-0042" / deposit.source
        assert copy.read_bytes() == (card / deposit.source).read_bytes()
        assert copy.stat().st_mode & 0o222 == 0
    again, refused = export_originals(deposits, store, tmp_path / "out")
    assert (refused, {copy.fresh for copy in again}) == ((), {False})


def test_what_cannot_come_out_is_refused_and_nothing_is_overwritten(card: Path, tmp_path: Path) -> None:
    store = open_vault(tmp_path / "vault")
    ingest_card(card, store, card=CARD, clock=CLOCK)
    deposits = sorted(read_deposits(store), key=lambda deposit: deposit.source)
    taken = tmp_path / "out/SD-0042" / deposits[0].source
    taken.parent.mkdir(parents=True)
    taken.write_text("mine")
    deposits[1].original.path.chmod(0o644)
    deposits[1].original.path.write_bytes(b"altered")
    deposits[2].original.path.unlink()
    _done, refused = export_originals(deposits, store, tmp_path / "out")
    assert [refusal.code for refusal in refused] == ["exists", "altered", "missing"]
    assert taken.read_text() == "mine"
    assert not (tmp_path / "out/SD-0042" / deposits[1].source).exists()


@pytest.mark.parametrize(
    ("serial", "folder"),
    [("", "."), ("udp://10.0.0.1:5000/x", "udp_10.0.0.1_5000_x"), ("../..", "_"), ("SD 1", "SD 1")],
)
def test_whatever_a_card_is_called_its_copies_stay_in_the_folder(
    card: Path, tmp_path: Path, serial: str, folder: str
) -> None:
    store = open_vault(tmp_path / "vault")
    ingest_card(card, store, card=Card(serial=serial), clock=CLOCK)
    done, refused = export_originals(list(read_deposits(store)), store, tmp_path / "out")
    assert refused == ()
    assert {copy.path for copy in done} == {tmp_path / "out" / folder / copy.deposit.source for copy in done}
    assert all(copy.path.resolve().is_relative_to(tmp_path / "out") for copy in done)


def test_a_record_that_would_lead_out_of_the_folder_is_refused(card: Path, tmp_path: Path) -> None:
    store = open_vault(tmp_path / "vault")
    ingest_card(card, store, card=CARD, clock=CLOCK)
    deposits = [replace(deposit, source=f"../../{deposit.source}") for deposit in read_deposits(store)]
    done, refused = export_originals(deposits, store, tmp_path / "out")
    assert done == ()
    assert {refusal.code for refusal in refused} == {"unsafe-name"}
