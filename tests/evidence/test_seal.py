from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import bagit
import pytest

from core.errors import IntegrityFailed, StoreFailed
from core.heights import Geoid, MslHeight, TakeoffHeight
from core.points import GeoPoint
from evidence.cases.life import Decision, Deed, Life, Person, Verdict
from evidence.incident import State
from evidence.sealing import package as names
from evidence.sealing.canonical import decode
from evidence.sealing.context import Attachment
from evidence.sealing.selection import CARRY_ALL, Carry
from evidence.signing.keys import ephemeral_key
from evidence.verify import verify
from evidence.verifying.verification import Outcome, lines_of, report_json
from flight.track import Pose, Track


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_package_is_a_valid_bag_and_verifies(case: Any, package: Path) -> None:
    assert package.name == case.incident.number
    bag = bagit.Bag(str(package))
    assert bag.version_info == (1, 0)
    assert bag.is_valid()
    verification = verify(package, trusted_keys=case.trusted)
    outcomes = {step.code: step.outcome for step in verification.steps}
    assert {code for code, outcome in outcomes.items() if outcome is not Outcome.PASS} == {"time-token"}
    assert outcomes["time-token"] is Outcome.UNKNOWN  # its absence is stated, not passed over
    assert verification.findings == ()
    assert "bureau" in "\n".join(lines_of(verification))


def test_originals_are_bit_exact_and_apart_from_their_source(case: Any, package: Path) -> None:
    for original in case.originals:
        copy = package / "data/originals" / original.sha256[:8] / original.name
        assert copy.read_bytes() == original.path.read_bytes()
        assert not copy.samefile(original.path)
        assert not os.access(copy, os.W_OK) or os.geteuid() == 0
        assert not copy.stat().st_mode & 0o222


def test_the_same_inputs_give_the_same_bytes(case: Any, tmp_path: Path) -> None:
    first, second = (_files(case.seal(tmp_path / name)) for name in ("one", "two"))
    assert first == second
    case.clock.advance(1)
    assert _files(case.seal(tmp_path / "three")) != first


def test_a_package_is_never_replaced(case: Any, tmp_path: Path) -> None:
    package = case.seal(tmp_path)
    before = _files(package)
    with pytest.raises(StoreFailed, match="never replaced"):
        case.seal(tmp_path)
    assert _files(package) == before


def test_an_altered_original_stops_the_sealing(case: Any, tmp_path: Path) -> None:
    case.originals[1].path.write_bytes(b"something else")
    with pytest.raises(IntegrityFailed, match="changed since it was ingested"):
        case.seal(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    case.originals[1].path.unlink()
    with pytest.raises(IntegrityFailed, match="gone"):
        case.seal(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_clock_before_the_incident_is_refused(case: Any, tmp_path: Path) -> None:
    case.clock.instant = case.incident.opened_at - timedelta(days=1)
    with pytest.raises(IntegrityFailed, match="set back"):
        case.seal(tmp_path)


def test_what_the_incident_does_not_rest_on_is_not_carried(case: Any, case_maker: Any, tmp_path: Path) -> None:
    stranger = case_maker("other", photos=3)
    package = case.seal(tmp_path / "out", originals=(*stranger.originals, *case.originals))
    listed = json.loads((package / "data/originals.json").read_bytes())["originals"]
    assert {record["sha256"] for record in listed} == {original.sha256 for original in case.originals}


def test_a_lost_original_or_a_strange_copy_is_the_callers_mistake(case: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no given original"):
        case.seal(tmp_path / "out", originals=case.originals[:1])
    stranger = replace(
        case.derived[0], derivation=replace(case.derived[0].derivation, source_sha256="00" * 32), name="strange.jpg"
    )
    with pytest.raises(ValueError, match="does not rest on"):
        case.seal(tmp_path / "out", derived=[stranger])
    with pytest.raises(ValueError, match="one name"):
        case.seal(tmp_path / "out", derived=[case.derived[0], case.derived[0]])


def test_many_originals_are_named_and_few_are_carried(case_maker: Any, tmp_path: Path) -> None:
    case = case_maker("many", photos=30)
    package = case.seal(tmp_path / "few", carry=Carry(max_originals=4))
    listed = json.loads((package / "data/originals.json").read_bytes())["originals"]
    carried = [record for record in listed if record["path"]]
    assert len(listed) == 30
    assert len(carried) == 4
    names = [record["name"] for record in carried]
    assert {"DJI_0000.JPG", "DJI_0029.JPG"} <= set(names)  # first and last (which is also the best)
    assert any("DJI_0013.JPG" <= name <= "DJI_0016.JPG" for name in names)  # and the middle between them
    assert verify(package, trusted_keys=case.trusted).findings == ()
    whole = case.seal(tmp_path / "all", carry=CARRY_ALL)
    assert len(list((whole / "data/originals").iterdir())) == 30
    none = case.seal(tmp_path / "none", carry=Carry(max_bytes=100))
    assert not (none / "data/originals").exists()
    assert verify(none, trusted_keys=case.trusted).findings == ()


def test_an_ephemeral_key_is_named_as_one(case: Any, tmp_path: Path) -> None:
    package = case.seal(tmp_path, key=ephemeral_key())
    verification = verify(package)
    signer = next(step for step in verification.steps if step.code == "signer")
    assert signer.outcome is Outcome.UNKNOWN
    assert "rehearsal" in signer.found
    assert verify(package, trusted_keys=case.trusted).outcome is Outcome.FAIL


def test_what_a_killed_sealing_left_is_swept_and_a_living_one_is_not(case: Any, tmp_path: Path) -> None:
    import fcntl

    dead, living = tmp_path / ".H13-AAAAAA.00.partial", tmp_path / ".H13-BBBBBB.00.partial"
    for folder in (dead, living):
        (folder / "data").mkdir(parents=True)
    descriptor = os.open(living, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        case.seal(tmp_path)
        assert not dead.exists()
        assert living.exists()
    finally:
        os.close(descriptor)


def test_the_statement_covers_every_file_with_both_digests(package: Path) -> None:
    statement = json.loads((package / "signature/statement.json").read_bytes())
    subjects = {subject["name"]: subject["digest"] for subject in statement["subject"]}
    files = _files(package)
    outside = {name for name in files if name.startswith(("signature/", "tagmanifest-"))}
    assert set(subjects) == set(files) - outside
    assert all(sha256(files[name]).hexdigest() == digest["sha256"] for name, digest in subjects.items())
    assert all(len(digest["sm3"]) == 64 for digest in subjects.values())


def test_the_decisions_travel_with_the_incident_and_are_checked(case: Any, tmp_path: Path) -> None:
    at = case.incident.opened_at
    reviewers = [Person(name="陈", certificate_no="A1"), Person(name="林", certificate_no="A2")]
    decisions = (
        Decision(at=at, deed=Deed.TAKEN_UP, people=(reviewers[0],)),
        *(Decision(at=at, deed=Deed.VERDICT, people=(who,), verdict=Verdict.CONFIRM) for who in reviewers),
    )
    life = Life(incident_id=case.incident.incident_id, opened_at=at, last_seen=at, decisions=decisions)
    confirmed = replace(case, incident=replace(case.incident, state=State.CONFIRMED_LEAD))
    package = confirmed.seal(tmp_path / "good", life=life)
    review = next(step for step in verify(package, trusted_keys=case.trusted).steps if step.code == "review")
    assert review.outcome is Outcome.PASS
    with pytest.raises(ValueError, match="do not lead to"):
        case.seal(tmp_path / "bad", life=life)
    one_person = replace(life, decisions=(*decisions[:2], replace(decisions[2], people=(reviewers[0],))))
    broken = confirmed.seal(tmp_path / "broken", life=one_person)
    review = next(step for step in verify(broken, trusted_keys=case.trusted).steps if step.code == "review")
    assert review.outcome is Outcome.FAIL
    assert "same person" in review.findings[0]


def test_documents_are_carried_and_signed_for(case: Any, tmp_path: Path) -> None:
    report = Attachment(name="evidence-report.pdf", media_type="application/pdf", content=b"%PDF-1.7")
    package = case.seal(tmp_path / "out", documents=[report])
    statement = json.loads((package / names.STATEMENT).read_bytes())
    assert "data/documents/evidence-report.pdf" in {subject["name"] for subject in statement["subject"]}
    with pytest.raises(ValueError, match="one name"):
        case.seal(tmp_path / "twice", documents=[report, report])


def test_a_name_that_manifests_would_escape_is_carried_under_another(case_maker: Any, tmp_path: Path) -> None:
    case = case_maker("card", photos=1)
    odd = case.originals[0].path.rename(tmp_path / "100% 消防.JPG")
    original = replace(case.originals[0], name=odd.name, path=odd)
    package = case.seal(tmp_path / "out", originals=[original], derived=())
    assert bagit.Bag(str(package)).is_valid()
    assert verify(package, trusted_keys=case.trusted).findings == ()
    [listed] = json.loads((package / names.ORIGINALS).read_bytes())["originals"]
    assert listed["name"] == "100% 消防.JPG"
    assert (package / listed["path"]).read_bytes() == odd.read_bytes()
    for bad in ("../x", "a/b", "..", "a\\b", "a\nb"):
        with pytest.raises(ValueError, match="plain file name"):
            case.seal(tmp_path / "bad", originals=[replace(original, name=bad)], derived=())


def test_the_track_around_the_fixes_travels_and_no_more_of_it(case: Any, tmp_path: Path) -> None:
    start = case.incident.sighting.first_seen - timedelta(seconds=60)
    point = GeoPoint(lon_deg=113.5, lat_deg=23.1)
    poses = tuple(
        Pose(
            captured_at=start + timedelta(seconds=index),
            position=point,
            height_takeoff=TakeoffHeight(metres=100.5),
            height_msl=MslHeight(metres=120, geoid=Geoid.EGM96),
            yaw_deg=10.0,
        )
        for index in range(200)
    )
    package = case.seal(tmp_path / "out", track=Track(poses=poses, source="DJI_0007.SRT"))
    assert verify(package, trusted_keys=case.trusted).findings == ()
    kept = decode(names.TRACK_SCHEMA, Track, (package / names.TRACK).read_bytes(), names.TRACK)
    assert [pose.captured_at for pose in kept.poses] == [
        pose.captured_at
        for pose in poses
        if any(abs(pose.captured_at - fix.captured_at) <= timedelta(seconds=10) for fix in case.incident.sighting.fixes)
    ]
    assert 0 < len(kept.poses) < len(poses)
    assert set(kept.poses) <= set(poses)


def test_a_verification_is_told_to_programs_as_it_is_told_to_people(case: Any, package: Path) -> None:
    (package / "stray.txt").write_text("x")
    verification = verify(package, trusted_keys=case.trusted)
    told = json.loads(report_json(verification))
    assert told["outcome"] == "fail"
    assert [step["code"] for step in told["steps"]] == [step.code for step in verification.steps]
    assert any("stray.txt" in finding for step in told["steps"] for finding in step["findings"])
    lines = "\n".join(lines_of(verification))
    assert all(step["title"] in lines for step in told["steps"])
