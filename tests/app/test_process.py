"""The whole way over a folder: what comes out, what is refused, and what a kill leaves behind."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app.case_folder import GEOJSON, MAP, REPORT
from app.instruments import Station
from app.process import process
from app.processing.job import Job
from core.errors import InputRefused, StoreFailed
from detection.detection import Detection, Detector
from detection.frame import Frame
from evidence.cases.case_store import MemoryCaseStore
from evidence.cases.life import Decision, Deed, Person, Verdict
from evidence.custody import Action
from evidence.sealing.context import FlightApproval
from evidence.sealing.package import PACKAGES
from evidence.sealing.package_source import open_folder
from evidence.sealing.reading import read_package
from evidence.verify import verify
from evidence.verifying.verification import Outcome
from maps.geo_files import GEOPACKAGE

MakeJob = Callable[..., Job]


def _digests(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_vans_in_the_fire_lane_become_incidents_and_cars_elsewhere_do_not(job: MakeJob, station: Station) -> None:
    made = job()
    before = _digests(made.footage)
    report = process(made, station)
    assert [line.hazard.partition(" ")[0] for line in report.incidents] == ["H13", "H13"]
    assert {line.site_code for line in report.incidents} == {"91440115MADM0P017J"}
    assert (report.inputs, report.results, report.refused_inputs) == (2, 2, 0)
    assert report.detections == report.located == 11
    assert report.sightings == report.with_incident + sum(report.without.values())
    for line in report.incidents:
        # Who signed is unknown to a verifier without a trusted key; nothing else may be open but the time token.
        verification = verify(made.out / line.package)
        assert verification.outcome is not Outcome.FAIL
    for name in (MAP, GEOPACKAGE, GEOJSON, REPORT):
        assert (made.out / name).stat().st_size > 0
    assert _digests(made.footage) == before


def test_a_case_folder_within_the_footage_folder_is_no_footage(job: MakeJob, station: Station) -> None:
    made = replace(job("card/cases"), ledger=job().footage / "patrols")
    first = process(made, station)
    again = process(made, station)
    assert (again.inputs, again.results, again.refused_inputs) == (first.inputs, first.results, 0) == (2, 2, 0)
    assert again.resumed == 2
    assert [line.number for line in again.incidents] == [line.number for line in first.incidents]


def test_every_bad_input_is_refused_by_itself_and_the_rest_goes_on(job: MakeJob, station: Station) -> None:
    made = job()
    whole = (made.footage / "DJI_0010.JPG").read_bytes()
    (made.footage / "empty.JPG").write_bytes(b"")
    (made.footage / "cut.JPG").write_bytes(whole[: len(whole) // 3])
    (made.footage / "again.JPG").write_bytes((made.footage / "DJI_0012.JPG").read_bytes())
    (made.footage / "notes.txt").write_text("not footage")
    (made.footage / "lonely.MP4").write_bytes(b"\0" * 2000)
    from PIL import Image

    Image.new("RGB", (640, 480)).save(made.footage / "no-pose.JPG")
    report = process(made, station)
    refused = {refusal.subject: refusal.code for refusal in report.refusals}
    assert refused["empty.JPG"] == "empty-file"
    assert refused["notes.txt"] == "not-footage"
    assert refused["lonely.MP4"] == "not-a-video"
    assert refused["no-pose.JPG"] in {"no-pose", "no-time", "no-time-zone"}
    assert "cut.JPG" in refused
    assert "duplicate" in refused.values()
    assert (report.inputs, report.results, report.refused_inputs) == (8, 2, 6)
    assert len(report.incidents) == 2


class _Killed(BaseException):
    """Stands for a kill: no ``except Exception`` may stop it."""


class _DiesAfter:
    """A detector that is killed after some frames."""

    def __init__(self, inner: Detector, frames: int) -> None:
        self._inner, self._left = inner, frames
        self.weight_sha256, self.labels = inner.weight_sha256, inner.labels

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        if self._left < len(frames):
            raise _Killed
        self._left -= len(frames)
        return self._inner.detect(frames)


def test_a_killed_run_goes_on_and_writes_the_same(job: MakeJob, station: Station) -> None:
    straight = process(job("straight"), station)
    dying = replace(
        station, instruments=replace(station.instruments, detector=_DiesAfter(station.instruments.detector, 1))
    )
    with pytest.raises(_Killed):
        process(job("killed"), dying)
    assert not (job("killed").out / MAP).exists()
    resumed = process(job("killed"), station)
    assert resumed.resumed == 1
    assert [line.number for line in resumed.incidents] == [line.number for line in straight.incidents]
    for line in straight.incidents:
        for member in ("data/incident.json", "manifest-sha256.txt"):
            one, other = (job(out).out / line.package / member for out in ("straight", "killed"))
            assert one.read_bytes() == other.read_bytes()
    third = process(job("killed"), station)
    assert third.resumed == 2
    assert not list((job("killed").out / PACKAGES).glob("revision-*"))


def test_the_cases_are_opened_in_the_store_and_sealed_with_their_custody_and_flight_approval(
    job: MakeJob, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryCaseStore(clock=station.instruments.clock)
    made = replace(job(), flight=FlightApproval(approval_no="GZ-1"))
    report = process(made, replace(station, store=store))
    assert [line.number for line in store.list_cases()] == [line.number for line in report.incidents]
    for line in report.incidents:
        seen = read_package(open_folder(made.out / line.package))
        assert seen.context is not None
        assert seen.context.flight == made.flight
        assert "data/documents/evidence-report.pdf" in seen.members
        assert seen.track is not None
        assert {pose.position for pose in seen.track.poses} >= {frame.pose.position for frame in seen.frames.frames}  # type: ignore[union-attr]
        assert seen.custody is not None
        assert [entry.action for entry in seen.custody][-2:] == [Action.OPENED, Action.SEALED]
        assert {entry.action for entry in seen.custody[:-2]} == {Action.INGESTED}
        [opened, sealed] = store.audit(line.number)
        assert dict(seen.custody[-2].facts)["audit_sha256"] == opened.sha256
        assert sealed.action is Action.SEALED
        assert verify(made.out / line.package).findings == ()
    monkeypatch.setattr("app.examine.open_photo", None)  # what is sealed already needs no pixels again
    process(made, replace(station, store=store))
    assert len(store.audit()) == 2 * len(report.incidents)


def test_a_case_that_was_decided_meanwhile_is_sealed_as_it_stands(job: MakeJob, station: Station) -> None:
    store = MemoryCaseStore(clock=station.instruments.clock)
    made = job()
    first = process(made, replace(station, store=store)).incidents[0]
    [line] = [one for one in store.list_cases() if one.number == first.number]
    people = [Person(name=name, certificate_no=f"A{number}") for number, name in enumerate("陈林")]
    now = station.instruments.clock.now()
    store.decide(line.incident_id, Decision(at=now, deed=Deed.TAKEN_UP, people=(people[0],)))
    for person in people:
        store.decide(line.incident_id, Decision(at=now, deed=Deed.VERDICT, people=(person,), verdict=Verdict.CONFIRM))
    again = {line.number: line for line in process(made, replace(station, store=store)).incidents}[first.number]
    assert again.package != first.package
    seen = read_package(open_folder(made.out / again.package))
    assert seen.life is not None
    assert len(seen.life.decisions) == 3
    assert verify(made.out / again.package).findings == ()
    assert store.audit_breaks() == ()


def test_a_torn_journal_is_examined_again(job: MakeJob, station: Station) -> None:
    made = job()
    process(made, station)
    entry = next(path for path in (made.out / "work").glob("*/*.json"))
    entry.write_bytes(entry.read_bytes()[:-20])
    assert process(made, station).resumed == 1


def test_new_footage_adds_a_revision_and_keeps_the_sealed_one(job: MakeJob, station: Station) -> None:
    made = job()
    first = process(made, station)
    sealed = {line.number: (made.out / line.package / "data/incident.json").read_bytes() for line in first.incidents}
    nearer = replace(station.instruments, ground=replace(station.instruments.ground, sigma_m=3.0))
    again = process(replace(made, settings={"other": "settings"}), replace(station, instruments=nearer))
    for line in again.incidents:
        assert line.package.startswith(f"{PACKAGES}/revision-2/")
        assert (made.out / PACKAGES / line.number / "data/incident.json").read_bytes() == sealed[line.number]


def test_a_folder_without_footage_is_refused(job: MakeJob, station: Station, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputRefused, match="no photo and no video"):
        process(replace(job(), footage=empty), station)
    with pytest.raises(InputRefused, match="does not exist"):
        process(replace(job(), footage=tmp_path / "nowhere"), station)
    assert not job().out.exists()


def test_two_runs_do_not_write_one_case_folder(job: MakeJob, station: Station) -> None:
    from app.lock import held

    made = job()
    made.out.mkdir()
    with held(made.out), pytest.raises(StoreFailed, match="another run"):
        process(made, station)


def test_a_disk_that_is_full_or_closed_is_told_in_a_sentence(job: MakeJob, station: Station, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreFailed, match="may be written to"):
        process(replace(job(), out=tmp_path / "file" / "case"), station)

    class FullDisk:
        def start(self, _stage: str, _total: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")  # as writing says it: without the file's name

        def step(self) -> None: ...

    with pytest.raises(StoreFailed, match="Make room there"):
        process(job(), replace(station, progress=FullDisk()))


def test_a_file_that_the_machine_has_no_memory_for_is_refused_and_tried_again(job: MakeJob, station: Station) -> None:
    made, short = job(), station.instruments.detector

    class Short:
        weight_sha256, labels = short.weight_sha256, short.labels

        def detect(self, _frames: Sequence[Frame]) -> list[list[Detection]]:
            raise MemoryError

    report = process(made, replace(station, instruments=replace(station.instruments, detector=Short())))
    assert {refusal.code for refusal in report.refusals} >= {"no-memory"}
    assert report.results == 0
    assert process(made, station).results > 0


def test_the_report_says_what_was_assumed(job: MakeJob, station: Station) -> None:
    made = job()
    process(made, station)
    report = json.loads((made.out / REPORT).read_text(encoding="utf-8"))
    assert report["schema"] == "skywarden/run/1"
    assert any("Europe/Minsk" in words for words in report["assumptions"])


def test_a_removed_original_stops_nothing_that_was_found(job: MakeJob, station: Station) -> None:
    """A file that vanishes between two runs is simply no input any more."""
    made = job()
    process(made, station)
    shutil.move(made.footage / "DJI_0012.JPG", made.footage.parent / "gone.JPG")
    report = process(made, station)
    assert (report.inputs, report.resumed, len(report.incidents)) == (1, 1, 0)
