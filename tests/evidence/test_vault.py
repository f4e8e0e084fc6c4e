from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.clock import FrozenClock
from core.errors import InputRefused, StoreFailed
from core.refusal import Refusal
from evidence.originals import vault, vault_store
from evidence.originals.vault import ingest_card, open_vault
from evidence.originals.vault_check import verify_vault
from evidence.originals.vault_records import Card, Deposit, DepositState, object_key, read_deposits
from evidence.originals.vault_store import LocalStore, VaultStore
from flight.telemetry.read_track import Declared, read_track
from flight.telemetry.table import Column, TableMapping
from flight.track import Track

CLOCK = FrozenClock(instant=datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC))
CARD = Card(serial="SD-0042", device="Mavic 3E", operator="Chen")
KILLS = int(os.environ.get("SKYWARDEN_KILLS", "8"))  # the full proof is a hundred; see docs/ingest.md


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "card"
    for name, size in (("DCIM/DJI_0001.JPG", 10_000), ("DCIM/DJI_0002.MP4", 300_000), ("DCIM/DJI_0002.SRT", 700)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(name).randbytes(size))  # noqa: S311 - repeatable content, not a secret
    return folder


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> VaultStore:
    return open_vault(tmp_path / "vault" if request.param == "folder" else f"memory://{uuid.uuid4().hex}/vault")


def sources(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_file_is_deposited_and_proved(card: Path, store: VaultStore) -> None:
    before = {path: path.stat().st_mtime_ns for path in card.rglob("*")}
    report = ingest_card(card, store, card=CARD, clock=CLOCK)
    assert report.complete
    content = sources(card)
    assert {deposit.source for deposit in report.deposits} == set(content)
    for deposit in report.deposits:
        original = deposit.original
        assert original.sha256 == hashlib.sha256(content[deposit.source]).hexdigest()
        assert original.sm3 == hashlib.new("sm3", content[deposit.source]).hexdigest()
        with store.open(object_key(original.sha256)) as reader:
            assert reader.read() == content[deposit.source]
        assert (deposit.state, deposit.card) == (DepositState.COPIED, CARD)
    check = verify_vault(store)
    assert (check.sound, check.findings, check.objects, check.records) == (True, (), 3, 3)
    assert {path: path.stat().st_mtime_ns for path in card.rglob("*")} == before


def test_what_is_no_footage_is_named_and_not_copied(card: Path, store: VaultStore) -> None:
    for name in ("DCIM/DJI_0002.LRF", "notes.docx", ".Trashes/x.jpg", "DCIM/._DJI_0001.JPG"):
        (card / name).parent.mkdir(exist_ok=True)
        (card / name).write_bytes(b"x")
    report = ingest_card(card, store, card=CARD, clock=CLOCK)
    assert (len(report.deposits), report.left_out) == (3, ("DCIM/DJI_0002.LRF", "notes.docx"))


def test_a_second_run_copies_nothing(card: Path, store: VaultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ingest_card(card, store, card=CARD, clock=CLOCK)

    def no_reading(*_arguments: object, **_options: object) -> object:
        raise AssertionError("a finished file was read again")

    monkeypatch.setattr(vault, "read_digests", no_reading)
    second = ingest_card(card, store, card=CARD, clock=CLOCK)
    assert {deposit.state for deposit in second.deposits} == {DepositState.KNOWN}
    assert [deposit.original.sha256 for deposit in second.deposits] == [
        deposit.original.sha256 for deposit in first.deposits
    ]


def test_a_card_without_a_serial_is_compared_and_not_copied_twice(card: Path, store: VaultStore) -> None:
    ingest_card(card, store, card=Card(), clock=CLOCK)
    again = ingest_card(card, store, card=Card(), clock=CLOCK)
    assert {deposit.state for deposit in again.deposits} == {DepositState.KNOWN}
    assert verify_vault(store).records == 3
    # The same name, size and time, but other bytes: another file, never mistaken for the first.
    photo = card / "DCIM/DJI_0001.JPG"
    status = photo.stat()
    photo.write_bytes(bytes(status.st_size))
    os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns))
    changed = ingest_card(card, store, card=Card(), clock=CLOCK)
    assert sorted(deposit.state for deposit in changed.deposits) == ["copied", "known", "known"]
    assert verify_vault(store).objects == 4


def test_duplicates_are_marked_and_kept_once(card: Path, store: VaultStore) -> None:
    (card / "DCIM/copy of DJI_0001.JPG").write_bytes((card / "DCIM/DJI_0001.JPG").read_bytes())
    report = ingest_card(card, store, card=CARD, clock=CLOCK)
    by_source = {deposit.source: deposit for deposit in report.deposits}
    duplicate = by_source["DCIM/copy of DJI_0001.JPG"]
    assert (duplicate.state, duplicate.duplicate_of) == (DepositState.DUPLICATE, "DCIM/DJI_0001.JPG")
    check = verify_vault(store)
    assert (check.sound, check.objects, check.records) == (True, 3, 4)
    recorded = list(read_deposits(store, sha256=duplicate.original.sha256))
    assert {(deposit.source, deposit.duplicate_of) for deposit in recorded} == {
        ("DCIM/DJI_0001.JPG", ""),
        ("DCIM/copy of DJI_0001.JPG", "DCIM/DJI_0001.JPG"),
    }


def test_equal_files_that_come_together_are_one_copy_and_duplicates(tmp_path: Path, store: VaultStore) -> None:
    folder = tmp_path / "card"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02d}.jpg").write_bytes(b"the same bytes" * 1000)
    report = ingest_card(folder, store, card=CARD, clock=CLOCK, workers=4)
    assert sorted(deposit.state for deposit in report.deposits) == ["copied", *["duplicate"] * 11]
    assert [deposit.source for deposit in report.deposits] == [f"{number:02d}.jpg" for number in range(12)]
    check = verify_vault(store)
    assert (check.findings, check.objects, check.records) == ((), 1, 12)


def test_what_cannot_be_copied_is_refused_and_the_rest_goes_on(card: Path, store: VaultStore) -> None:
    (card / "DCIM/DJI_0003.MP4").write_bytes(b"")
    report = ingest_card(card, store, card=CARD, clock=CLOCK)
    assert [(refusal.subject, refusal.code) for refusal in report.refusals] == [("DCIM/DJI_0003.MP4", "empty-file")]
    assert len(report.deposits) == 3
    assert verify_vault(store).sound


def test_a_card_pulled_in_the_middle_of_a_file(card: Path, store: VaultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    true_digests = vault.read_digests

    def pulled(source: object, **options: object) -> object:
        if Path(str(getattr(source, "name", ""))).name == "DJI_0002.MP4":
            options["sink"](memoryview(b"half of it"))  # type: ignore[operator]
            raise OSError(5, "Input/output error")
        return true_digests(source, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(vault, "read_digests", pulled)
    report = ingest_card(card, store, card=CARD, clock=CLOCK)
    assert [(refusal.subject, refusal.code) for refusal in report.refusals] == [
        ("DCIM/DJI_0002.MP4", "unreadable-file")
    ]
    check = verify_vault(store)
    assert (check.findings, check.objects) == ((), 2)
    monkeypatch.undo()
    assert ingest_card(card, store, card=CARD, clock=CLOCK).complete
    assert verify_vault(store).objects == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_names_what_is_missing(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    store = LocalStore(tmp_path / "vault")
    room = [20_000]
    true_write = vault_store._LocalStaged.write

    def write(self: vault_store._LocalStaged, chunk: memoryview) -> None:
        room[0] -= len(chunk)
        if room[0] < 0:
            raise StoreFailed("No space left on device")
        true_write(self, chunk)

    monkeypatch.setattr(vault_store._LocalStaged, "write", write)
    report = ingest_card(card, store, card=CARD, clock=CLOCK, workers=workers)
    codes = {refusal.subject: refusal.code for refusal in report.refusals}
    assert len(report.deposits) + len(codes) == 3
    assert set(codes.values()) == {"vault-failed"}
    assert {"DCIM/DJI_0002.MP4", "DCIM/DJI_0002.SRT"} <= set(codes)
    if workers == 1:  # with two, the second file may have filled the disk before the first one's record was written
        assert [deposit.source for deposit in report.deposits] == ["DCIM/DJI_0001.JPG"]
        assert verify_vault(store).findings == ()
    assert verify_vault(store).sound
    monkeypatch.undo()
    assert ingest_card(card, store, card=CARD, clock=CLOCK).complete
    check = verify_vault(store)
    assert (check.findings, check.objects, check.records) == ((), 3, 3)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_the_systems_own_no_space_becomes_one_sentence(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "vault")
    staged = store.stage()
    assert isinstance(staged, vault_store._LocalStaged)
    staged._file.close()
    staged._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - closed by discard
    with pytest.raises(StoreFailed, match="No space left"):
        staged.write(memoryview(b"x" * 100_000))
    staged.discard()


def test_a_copy_that_reads_back_differently_is_refused(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "vault")
    true_settle = vault_store._LocalStaged.settle

    def rot(self: vault_store._LocalStaged) -> None:
        true_settle(self)
        if self._path.stat().st_size == 300_000:
            content = bytearray(self._path.read_bytes())
            content[1000] ^= 1
            self._path.write_bytes(content)

    monkeypatch.setattr(vault_store._LocalStaged, "settle", rot)
    report = ingest_card(card, store, card=CARD, clock=CLOCK)
    assert [(refusal.subject, refusal.code) for refusal in report.refusals] == [("DCIM/DJI_0002.MP4", "copy-differs")]
    assert verify_vault(store).findings == ()


def test_objects_cannot_be_written_by_accident(card: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "vault")
    report = ingest_card(card, store, card=CARD, clock=CLOCK)
    for deposit in report.deposits:
        assert deposit.original.path.stat().st_mode & 0o222 == 0


@pytest.mark.parametrize("damage", ["flip", "remove", "record", "stray"])
def test_verification_finds_every_damage(card: Path, tmp_path: Path, damage: str) -> None:
    store = LocalStore(tmp_path / "vault")
    report = ingest_card(card, store, card=CARD, clock=CLOCK)
    victim = report.deposits[1].original
    if damage == "flip":
        victim.path.chmod(0o644)
        content = bytearray(victim.path.read_bytes())
        content[-1] ^= 1
        victim.path.write_bytes(content)
        expected = "altered"
    elif damage == "remove":
        victim.path.unlink()
        expected = "missing"
    elif damage == "record":
        record = next((tmp_path / "vault/records").rglob(f"{victim.sha256}/*.json"))
        record.chmod(0o644)
        record.write_bytes(record.read_bytes()[:-20])
        expected = "damaged-record"
    else:
        (tmp_path / "vault/notes.txt").write_text("x")
        expected = "stray"
    check = verify_vault(store)
    assert expected in {finding.code for finding in check.findings}
    assert not check.sound


def test_a_record_that_was_rewritten_is_found(card: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "vault")
    victim = ingest_card(card, store, card=CARD, clock=CLOCK).deposits[0].original
    record = next((tmp_path / "vault/records").rglob(f"{victim.sha256}/*.json"))
    record.chmod(0o644)
    fields = json.loads(record.read_text())
    record.write_text(json.dumps({**fields, "sm3": "0" * 64}))
    assert [finding.code for finding in verify_vault(store).findings] == ["altered"]


def test_a_deposit_onto_an_altered_twin_is_refused(card: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "vault")
    victim = ingest_card(card, store, card=CARD, clock=CLOCK).deposits[0].original
    victim.path.chmod(0o644)
    victim.path.write_bytes(b"something else")
    report = ingest_card(card, store, card=Card(serial="another"), clock=CLOCK)
    assert [refusal.code for refusal in report.refusals] == ["vault-altered"]
    assert victim.path.read_bytes() == b"something else"


def test_two_ingests_do_not_share_a_vault(card: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "vault")
    with store.held(), pytest.raises(StoreFailed, match="in use"):
        ingest_card(card, LocalStore(tmp_path / "vault"), card=CARD, clock=CLOCK)
    assert ingest_card(card, store, card=CARD, clock=CLOCK).complete


def test_leftovers_are_swept_by_the_next_run(card: Path, store: VaultStore) -> None:
    staged = store.stage()
    staged.write(memoryview(b"half"))
    staged.settle()
    check = verify_vault(store)
    assert [finding.code for finding in check.findings] == ["leftover"]
    assert check.sound
    assert ingest_card(card, store, card=CARD, clock=CLOCK).swept == 1
    assert verify_vault(store).findings == ()


def test_progress_hears_every_answer(card: Path, store: VaultStore) -> None:
    (card / "DCIM/empty.jpg").write_bytes(b"")
    heard: list[Deposit | Refusal] = []
    report = ingest_card(card, store, card=CARD, clock=CLOCK, on_file=heard.append)
    assert len(heard) == len(report.deposits) + len(report.refusals) == 4


def test_what_lies_in_the_vault_without_its_name_is_still_read(tmp_path: Path, shared: Path) -> None:
    folder = tmp_path / "card"
    folder.mkdir()
    for source in ("data/aerial_vehicles/dji_photos/DJI_0010.JPG", "data/srt/MAVIC3.srt"):
        (folder / Path(source).name).write_bytes((shared / source).read_bytes())
    (folder / "log.csv").write_text("t,x,y\n2026-10-01T02:03:04Z,113.25,23.12\n")
    columns = {
        "time": Column(name="t", unit="iso"),
        "lon": Column(name="x", unit="deg"),
        "lat": Column(name="y", unit="deg"),
    }
    declared = Declared(camera_zone=UTC, mapping=TableMapping(columns=columns))
    report = ingest_card(folder, LocalStore(tmp_path / "vault"), card=CARD, clock=CLOCK)
    assert len(report.deposits) == 3
    for deposit in report.deposits:
        assert deposit.original.path.suffix == ""
        track = read_track(deposit.original.path, declared)
        assert isinstance(track, Track), track
        assert track.poses[0].position is not None


def test_an_empty_card_is_refused(tmp_path: Path, store: VaultStore) -> None:
    with pytest.raises(InputRefused):
        ingest_card(tmp_path, store, card=CARD, clock=CLOCK)


def test_a_place_without_a_vault_proves_nothing_and_is_not_made_one(tmp_path: Path, store: VaultStore) -> None:
    with pytest.raises(StoreFailed, match="no vault"):
        verify_vault(store)
    assert not (tmp_path / "vault").exists()


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(StoreFailed):
        open_vault("nosuchprotocol://x/y")


INGEST = """
import sys
from pathlib import Path
from core.clock import SystemClock
from evidence.originals.vault import ingest_card, open_vault
from evidence.originals.vault_records import Card
print("ready", flush=True)
report = ingest_card(Path(sys.argv[1]), open_vault(sys.argv[2]), card=Card(serial="SD"), clock=SystemClock())
sys.exit(0 if report.complete else 3)
"""


def test_killed_at_random_nothing_is_lost_and_nothing_is_half_there(tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311 - repeatable moments, not a secret
    folder, place = tmp_path / "card", tmp_path / "vault"
    folder.mkdir()
    for number in range(60):
        (folder / f"DJI_{number:04d}.JPG").write_bytes(chance.randbytes(chance.randrange(1, 400_000)))
    content = {hashlib.sha256(data).hexdigest() for data in sources(folder).values()}
    script = tmp_path / "ingest.py"
    script.write_text(INGEST)
    command = [sys.executable, str(script), str(folder), str(place)]
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    killed = halfway = 0
    present: set[str] = set()
    while killed < KILLS:
        with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE) as run:
            assert run.stdout is not None
            run.stdout.readline()  # it has begun to work
            time.sleep(chance.uniform(0, 0.5))
            run.send_signal(signal.SIGKILL)
            assert run.wait() in {0, -signal.SIGKILL}
            killed += run.returncode == -signal.SIGKILL
        check = verify_vault(LocalStore(place))
        assert check.sound, check.findings
        halfway += bool(check.findings)
        now = {path.name for path in (place / "objects").rglob("*") if path.is_file()}
        assert present <= now <= content
        present = now
        if now == content:  # begin anew, so that every kill falls into work
            for path in sorted(place.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            present = set()
    assert halfway > 0 or KILLS < 8, "no kill fell between the beginning and the end of a file"
    assert subprocess.run(command, cwd=root, env=environment, check=False).returncode == 0
    check = verify_vault(LocalStore(place))
    assert (check.findings, check.objects, check.records) == ((), len(content), len(content))
