"""The commands as an officer uses them, in one process: a case from lead to its end, its package, keys and keeping."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from app.commands import build
from app.store.open_store import open_store
from core.clock import FrozenClock, SystemClock
from core.errors import InputRefused, IntegrityFailed, SkywardenError, StoreFailed
from detection.detection import Box, Detection
from detection.frame import Frame
from evidence.cases.life import Reason
from evidence.custody import Action
from evidence.sealing.clip import encode_pictures
from evidence.sealing.derivation import Derivation, Derived
from evidence.sealing.package_source import open_folder
from evidence.sealing.reading import read_package
from evidence.signing.key_ring import KeyRing, add_key, revoke_key, rotate_key, write_ring
from evidence.signing.keys import ephemeral_key
from tests.evidence.content_authority import make_authority

CHEN, LIN, WU = "陈伟/粤A001", "林静/粤A002", "吴敏/粤A003"
Run = Callable[..., str]


@pytest.fixture(scope="module")
def application() -> Any:
    return build()


@pytest.fixture
def run(application: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKYWARDEN_KEY_PASSPHRASE", "correct horse")
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str) -> str:
        done = CliRunner().invoke(application, [str(one) for one in arguments])
        if isinstance(done.exception, SkywardenError):
            raise done.exception
        assert done.exit_code == 0, done.output + str(done.exception)
        return str(done.output)

    return invoke


@pytest.fixture
def opened(case: Any, tmp_path: Path) -> Any:
    """A store with one lead, and its first package."""
    from app.publish import note_sealed

    store = open_store(tmp_path / "cases.sqlite3", SystemClock())
    store.open_case(case.incident, actor="program:skywarden")
    package = case.seal(tmp_path / "packages")
    note_sealed(store, case.incident, package)
    store.close()
    return case


def _reviewed(run: Run, number: str) -> None:
    assert "in-review" in run("case", "review", number, "--by", CHEN, "--verdict", "confirm")
    assert "confirmed-lead" in run("case", "review", number, "--by", LIN, "--verdict", "confirm", "--seconds", "31")


def test_a_case_goes_from_lead_to_its_end_and_its_package_holds_it(run: Run, opened: Any, tmp_path: Path) -> None:
    number = opened.incident.number
    assert number in run("case", "list")
    shown = run("case", "review", number, "--by", CHEN, "--verdict", "confirm")
    assert "second person" in shown
    assert "confirm" not in run("case", "show", number, "--by", LIN).replace("confirmed", "")
    with pytest.raises(InputRefused, match="same person"):
        run("case", "review", number, "--by", CHEN, "--verdict", "confirm")
    run("case", "review", number, "--by", LIN, "--verdict", "confirm")
    with pytest.raises(InputRefused, match="two officers"):
        run("case", "onsite", number, "--by", CHEN, "--by", CHEN, "--place", "gate", "--found", "blocked")
    run("case", "onsite", number, "--by", CHEN, "--by", LIN, "--place", "南门", "--found", "消防车通道被占用")
    with pytest.raises(InputRefused, match="no evidence"):
        run("case", "accept", number, "--by", WU, "--true", "--clear", "--complete")
    run("case", "accept", number, "--by", WU, "--true", "--clear", "--complete", "--accurate")
    with pytest.raises(InputRefused, match="only after"):
        run("case", "issue", number, "--by", CHEN, "--document", "整改复查意见书")
    for document in ("现场检查记录", "责令限期整改指令书", "整改复查意见书"):
        run("case", "issue", number, "--by", CHEN, "--document", document)
    run("case", "rectified", number, "--by", CHEN)
    assert "closed" in run("case", "close", number, "--by", CHEN)
    shown = run("case", "show", number, "--by", WU)
    assert "南门" in shown
    assert "limitation" in shown

    run("key", "create", "seal.pem", "--label", "区局")
    told = run("documents", f"packages/{number}", "--out", "papers", "--paper", "evidence-list")
    for store, words in (((), "不是行政处罚的证据"), (("--store", "cases.sqlite3"), "已由两名执法人员现场核查")):
        run("documents", f"packages/{number}", "--out", "report", "--paper", "evidence-report", *store)
        text = subprocess.run(
            ["pdftotext", "report/evidence-report.pdf", "-"], check=True, capture_output=True, text=True, cwd=tmp_path
        ).stdout
        assert words in re.sub(r"\s", "", text)
    assert "evidence-list.pdf" in told
    sealed = run("seal", f"packages/{number}", "--key", "seal.pem", "--documents", "papers", "--zip")
    package = tmp_path / "packages" / "revision-2" / number
    assert "closed" in sealed
    checked = run("verify", str(package), "--ring", "key-ring.json")
    assert "FAIL" not in checked
    assert "区局" in checked
    assert "FAIL" not in run("verify", f"{package}.zip", "--trust", "seal.pub.pem", "--report", "report.json")
    assert json.loads((tmp_path / "report.json").read_bytes())["outcome"] == "unknown"  # no time token
    seen = read_package(open_folder(package))
    assert seen.life is not None
    assert len(seen.life.decisions) == 10
    assert seen.custody is not None
    assert [entry.action.value for entry in seen.custody][:3] == ["ingested", "ingested", "opened"]
    assert "data/documents/evidence-list.pdf" in seen.members
    assert seen.context is not None
    assert seen.context.flight == opened.context.flight
    assert run("audit", "verify").startswith(str(len(run("audit", "show").splitlines())))


def test_people_cases_and_reasons_that_are_not_there_are_refused_by_name(run: Run, opened: Any) -> None:
    number = opened.incident.number
    for wrong, match in (
        (("case", "show", "H99-NONE", "--by", CHEN), "no case of this store"),
        (("case", "show", number, "--by", "陈伟"), "NAME/CERTIFICATE"),
        (("case", "review", number, "--by", CHEN, "--verdict", "reject"), "without a reason"),
        (("case", "list", "--store", "nowhere.sqlite3"), "no store of cases"),
        (("seal", "nowhere"), "no folder of a package"),
        (("verify", "nowhere"), "does not exist"),
        (("documents", f"packages/{number}", "--out", "p", "--particulars", "none.yaml"), "cannot be read"),
        (("stamp", "key", "--url", "ftp://x", "--authority", "none.pem"), "no certificate"),
        (("case", "export", "register.xls", "--by", CHEN), "of no format"),
    ):
        with pytest.raises(InputRefused, match=match):
            run(*wrong)
    assert run("case", "review", number, "--by", CHEN, "--verdict", "reject", "--reason", Reason.DUPLICATE.value)


def test_what_was_done_to_the_audit_is_said_in_words(run: Run, opened: Any, tmp_path: Path) -> None:
    _reviewed(run, opened.incident.number)
    end = re.findall(r"\d+:[0-9a-f]{64}", run("audit", "verify"))[0]
    assert run("audit", "verify", "--anchor", end)
    with pytest.raises(IntegrityFailed, match="written anew"):
        run("audit", "verify", "--anchor", f"1:{end.partition(':')[2]}")
    with closing(sqlite3.connect(tmp_path / "cases.sqlite3")) as raw:
        for (trigger,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {trigger}")
        raw.execute("DELETE FROM store_audit WHERE seq = 1")
        raw.commit()
    done = CliRunner().invoke(build(), ["audit", "verify"])
    assert isinstance(done.exception, IntegrityFailed)
    assert "removed: entry 1 is gone" in done.output


def test_the_store_is_backed_up_and_put_back(run: Run, opened: Any, tmp_path: Path) -> None:
    _reviewed(run, opened.incident.number)
    assert "1 cases" in run("backup", "backups/one.sqlite3")
    store = open_store(tmp_path / "cases.sqlite3", SystemClock())
    noted = store.audit()[-1]
    store.close()
    assert (noted.action, noted.subject, dict(noted.facts)) == (
        Action.COPIED,
        "store:backup",
        {"name": "one.sqlite3"},
    )
    assert noted.subject_sha256 == sha256((tmp_path / "backups/one.sqlite3").read_bytes()).hexdigest()
    with pytest.raises(StoreFailed, match="never replaced"):
        run("backup", "backups/one.sqlite3")
    assert "1 cases restored" in run("restore", "backups/one.sqlite3", "--store", "again.sqlite3")
    assert "confirmed-lead" in run("case", "list", "--store", "again.sqlite3")
    with pytest.raises(InputRefused, match="exists already"):
        run("restore", "backups/one.sqlite3", "--store", "again.sqlite3")


@pytest.mark.parametrize("algorithm", ["Ed25519", "ECDSA-P256", "SM2"])
def test_keys_are_made_rotated_revoked_and_handed_out(run: Run, tmp_path: Path, algorithm: str) -> None:
    first = re.findall(r"[0-9a-f]{64}", run("key", "create", "one.pem", "--label", "局", "--algorithm", algorithm))[0]
    with pytest.raises(InputRefused, match="signs already"):
        run("key", "create", "two.pem", "--label", "局")
    run("key", "rotate", "two.pem", "--label", "局", "--algorithm", algorithm)
    run("key", "revoke", first[:8], "--reason", "遗失")
    listed = run("key", "list").splitlines()
    assert len(listed) == 2
    assert "revoked" in listed[0]
    assert "遗失" in listed[0]
    assert "signs since" in listed[1]
    assert algorithm in listed[1]
    run("key", "export", first[:12], "given.pem")
    assert (tmp_path / "given.pem").read_bytes() == (tmp_path / "one.pub.pem").read_bytes()
    with pytest.raises(InputRefused, match="no one key"):
        run("key", "revoke", "0000", "--reason", "x")
    with pytest.raises(InputRefused, match="never overwritten"):
        run("key", "create", "one.pem", "--label", "another")


def test_a_key_that_may_not_sign_seals_nothing(run: Run, opened: Any, tmp_path: Path) -> None:
    package = f"packages/{opened.incident.number}"
    run("key", "create", "one.pem", "--label", "局")
    run("key", "rotate", "two.pem", "--label", "局")
    run("key", "create", "other.pem", "--label", "others", "--ring", "other.json")
    for key, words in (("one.pem", "signed until"), ("other.pem", "not on the ring")):
        with pytest.raises(IntegrityFailed, match=words):
            run("seal", package, "--key", key, "--ring", "key-ring.json")
    with pytest.raises(InputRefused, match="is not named"):
        run("seal", package)
    assert "sealed" in run("seal", package, "--key", "two.pem", "--ring", "key-ring.json")
    key_id = re.findall(r"^[0-9a-f]{16}", run("key", "list").splitlines()[1])[0]
    run("key", "revoke", key_id, "--reason", "遗失")
    with pytest.raises(IntegrityFailed, match="revoked"):
        run("seal", package, "--key", "two.pem", "--ring", "key-ring.json")
    assert not (tmp_path / "packages" / "revision-3").exists()


def test_a_key_that_may_not_sign_stops_a_run_before_anything_is_read(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "card").mkdir()
    process = ("process", "card", "--sites", "none.geojson", "--out", "cases")
    run("key", "create", "one.pem", "--label", "局")
    run("key", "rotate", "two.pem", "--label", "局")
    run("key", "create", "other.pem", "--label", "others", "--ring", "other.json")
    for key, words in (("one.pem", "signed until"), ("other.pem", "not on the ring key-ring.json")):
        with pytest.raises(IntegrityFailed, match=words):  # the ring of this folder, though none was named
            run(*process, "--key", key)
    with pytest.raises(InputRefused, match=r"none\.geojson"):  # a key that may sign: the run goes on to its inputs
        run(*process, "--key", "two.pem")
    ring = json.loads((tmp_path / "key-ring.json").read_bytes())
    early = re.sub(r'"valid_from":"20', '"valid_from":"30', json.dumps(ring, ensure_ascii=False, separators=(",", ":")))
    early = re.sub(r'"valid_to":"20', '"valid_to":"30', early)
    (tmp_path / "key-ring.json").chmod(0o644)
    (tmp_path / "key-ring.json").write_text(early, encoding="utf-8")
    with pytest.raises(IntegrityFailed, match="set back"):
        run(*process, "--key", "two.pem")
    monkeypatch.setenv("SKYWARDEN_RING", "other.json")
    with pytest.raises(IntegrityFailed, match=r"not on the ring other\.json"):
        run(*process, "--key", "two.pem")
    with pytest.raises(InputRefused, match="names no hardware key"):
        run(*process, "--pkcs11", "lib.so")
    assert not (tmp_path / "cases").exists()


class Everywhere:
    """A detector that sees a vehicle in every picture."""

    weight_sha256 = "ab" * 32
    labels = ("vehicle",)

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        box = Box(left_px=5, top_px=5, right_px=25, bottom_px=20)
        return [
            [Detection(frame_id=one.frame_id, label="vehicle", score=0.8, box=box, weight_sha256=self.weight_sha256)]
            for one in frames
        ]


@pytest.fixture
def clipped(case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Derived]:
    """A package with a clip, a bureau's content credentials beside it, and a detector that finds vehicles."""
    monkeypatch.setattr("app.redacting.looking.open_redactors", lambda _weights: (Everywhere(),))
    store = open_store(tmp_path / "cases.sqlite3", SystemClock())
    store.open_case(case.incident, actor="program:skywarden")
    store.close()
    rng = np.random.default_rng(5)
    ground = np.kron(rng.integers(60, 150, (20, 40, 3), dtype=np.uint8), np.ones((6, 6, 1), dtype=np.uint8))
    pictures = [(number / 10, ground[:96, number : number + 160]) for number in range(8)]
    made = Derivation(
        source_sha256=case.originals[0].sha256,
        source_name=case.originals[0].name,
        source_index=0,
        operation="clip",
        tool="PyAV",
        tool_version="1",
        parameters=(("frames", "8"),),
    )
    clip = Derived(name="a-clip.mp4", media_type="video/mp4", content=encode_pictures(pictures), derivation=made)
    package = case.seal(tmp_path / "packages", derived=(*case.derived, clip))
    root, signer = make_authority("Bureau")
    (tmp_path / "roots.pem").write_text(root)
    (tmp_path / "chain.pem").write_text(signer.chain_pem)
    (tmp_path / "c2pa.key").write_text(signer.key_pem)
    return package, clip


def test_a_clip_leaves_redacted_and_marked_or_stays_here_with_its_reason(
    run: Run, case: Any, clipped: tuple[Path, Derived], tmp_path: Path
) -> None:
    package, clip = clipped
    give = ("hand-out", str(package), "--to", "公司", "--purpose", "申辩", "--by", CHEN)
    said = run(*give, "--out", "without")
    assert "not given: a-clip.mp4: no detector here looks for: face, person" in said
    [folder] = (tmp_path / "without").iterdir()
    assert list(folder.glob("*.mp4")) == []
    assert "face, person" in json.loads((folder / "note.json").read_bytes())["left_out"][0]
    marks = ("--box", "a-clip.mp4@0.3:100,40,120,60", "--mask", "a-clip.mp4@0.0:0,0 30,0 30,30")
    credentials = ("--c2pa-chain", "chain.pem", "--c2pa-key", "c2pa.key")
    said = run(*give, "--out", "with", "--clips-seen-by", LIN, *marks, *credentials)
    assert "8 frames, by-hand 1, vehicle " in said
    assert "looked through by 林静 粤A002" in said
    [copy] = (tmp_path / "with").glob("*/*.mp4")
    checked = run("check-copy", str(copy), "--trust", "roots.pem")
    assert "given by Bureau, unchanged" in checked
    assert clip.sha256 in checked
    spoiled = bytearray(copy.read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    (tmp_path / "spoiled.mp4").write_bytes(spoiled)
    with pytest.raises(IntegrityFailed, match="gave unchanged"):
        run("check-copy", "spoiled.mp4", "--trust", "roots.pem")
    assert case.originals[0].sha256 == sha256(case.originals[0].path.read_bytes()).hexdigest()
    with pytest.raises(InputRefused, match="no place in a picture"):
        run(*give, "--out", "x", "--box", "a-clip.mp4@soon:1,1,9,9")
    (tmp_path / "secret.geojson").write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},'
        '"geometry":{"type":"Point","coordinates":[113.5,23.1]}}]}'
    )
    with pytest.raises(InputRefused, match="no valid polygon"):
        run(*give, "--out", "x", "--secret", "secret.geojson")
    outline = '{"type":"Polygon","coordinates":[[[113.5,23.1],[113.6,23.1],[113.6,23.2],[113.5,23.1]]]}'
    (tmp_path / "secret.geojson").write_text(
        f'{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{{}},"geometry":{outline}}}]}}'
    )
    with pytest.raises(InputRefused, match="secret ground cannot be placed"):  # no frame of this case has a camera
        run(*give, "--out", "x", "--secret", "secret.geojson", "--clips-seen-by", LIN)


def test_redacted_copies_are_sealed_with_the_case_that_they_are_of(
    run: Run, case: Any, clipped: tuple[Path, Derived], tmp_path: Path
) -> None:
    package, clip = clipped
    run("hand-out", str(package), "--to", "x", "--purpose", "y", "--by", CHEN, "--out", "with", "--clips-seen-by", LIN)
    [copy] = (tmp_path / "with").glob("*/*.mp4")
    run("key", "create", "seal.pem")
    run("seal", str(package), "--key", "seal.pem", "--handed-out", str(copy.parent))
    again = tmp_path / "packages/revision-2" / case.incident.number
    assert "FAIL" not in run("verify", str(again))
    page = (again / "data/viewer.html").read_text(encoding="utf-8")
    assert re.findall(r'<video[^>]*src="derived/([^"]*)"', page) == ["a-clip.mp4", "a-clip-redacted.mp4"]
    seen = read_package(open_folder(again))
    assert seen.derivations is not None
    made = {one.derivation.source_sha256: one.derivation.operation for one in seen.derivations.derived}
    assert made[clip.sha256] == "redact"
    given = run("hand-out", str(again), "--to", "x", "--purpose", "y", "--by", CHEN, "--out", "third")
    assert "redacted-" not in given  # what is redacted is not redacted again
    shutil.copytree(copy.parent, tmp_path / "altered")
    (tmp_path / "altered" / copy.name).chmod(0o644)
    (tmp_path / "altered" / copy.name).write_bytes(copy.read_bytes()[:-1])
    for folder, match in (("altered", "not the copy that was handed out"), ("packages", "no folder of a hand-out")):
        with pytest.raises((InputRefused, IntegrityFailed), match=match):
            run("seal", str(package), "--key", "seal.pem", "--handed-out", folder)


def test_copies_are_looked_at_redacted_marked_and_noted(
    run: Run, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.redacting.looking.open_redactors", lambda _weights: (Everywhere(),))
    number = opened.incident.number
    give = (
        "hand-out",
        f"packages/{number}",
        "--to",
        "示范公司",
        "--purpose",
        "陈述申辩",
        "--by",
        CHEN,
        "--out",
        "given",
    )
    said = run(*give, "--box", "1,1,9,9", "--mask", "0,0 8,0 8,8")
    assert (
        "4 regions made unreadable; no detector looked for: face, person" in said
    )  # seen at its own, half and double size, and the one by hand
    assert "look at every copy" in said
    [folder] = (tmp_path / "given").iterdir()
    note = json.loads((folder / "note.json").read_bytes())
    assert len(note["copies"]) == len(opened.derived)
    told = dict(note["copies"][0]["derivation"]["parameters"])
    assert "vehicle 2,3,28,22 24 weight abababababababab score 0.80" in told["regions"]
    assert "by-hand 1,1,9,9 4 陈伟 粤A001" in told["regions"]
    assert "POLYGON" in told["masks"]
    assert "handed-over" in run("audit", "show", number)
    for wrong, match in (
        (("--box", "1,2"), "is no box"),
        (("--box", "x,y,z,w"), "no place in a picture"),
        (("--mask", "0,0 5,5"), "is no outline"),
        (("--box", "none.jpg:1,1,9,9"), "no picture of this package"),
        (("--c2pa-key", "x.pem"), "half of what C2PA needs"),
    ):
        with pytest.raises(InputRefused, match=match):
            run(*give, *wrong)
    plain = run(*give[:-1], "plain", "--unredacted-because", "本人车辆", "--documents")
    assert "look at every copy" not in plain
    [copy, *_others] = sorted((tmp_path / "plain").glob("*/*.jpg"))
    (tmp_path / "roots.pem").write_text("")
    with pytest.raises(InputRefused, match="no certificate"):
        run("check-copy", str(copy), "--trust", "roots.pem")
    (tmp_path / "roots.pem").write_text(make_authority("Nobody")[0])
    with pytest.raises(IntegrityFailed, match="gave unchanged"):
        run("check-copy", str(copy), "--trust", "roots.pem")


def test_a_short_passphrase_is_refused_before_anything_is_written(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SKYWARDEN_KEY_PASSPHRASE", "short")
    with pytest.raises(InputRefused, match="fewer than 8"):
        run("key", "create", "one.pem")
    assert list(tmp_path.glob("*.pem")) == []


def test_what_is_held_is_kept_and_what_is_young_too(run: Run, opened: Any, tmp_path: Path) -> None:
    number = opened.incident.number
    package = f"packages/{number}"
    for who in (CHEN, LIN):
        run("case", "review", number, "--by", who, "--verdict", "reject", "--reason", Reason.FALSE_DETECTION.value)
    run("hold", number, "--by", CHEN, "--reason", "法院 2026-17")
    assert "法院 2026-17" in run("case", "show", number, "--by", CHEN)
    two = ("--by", CHEN, "--by", LIN)
    with pytest.raises(InputRefused, match="legal hold"):
        run("dispose", package, *two, "--class", "10-years")
    run("hold", number, "--by", CHEN, "--reason", "法院 2026-17 已结", "--lift")
    with pytest.raises(InputRefused, match="not on hold"):
        run("hold", number, "--by", CHEN, "--reason", "x", "--lift")
    for wrong, match in (
        ((package, *two, "--class", "10-years"), "kept until"),
        ((package, *two, "--class", "permanent"), "kept for ever"),
        ((package, *two, "--class", "unheard-of"), "not known"),
        ((package, "--by", CHEN, "--class", "10-years"), "witnessed"),
    ):
        with pytest.raises(InputRefused, match=match):
            run("dispose", *wrong)
    assert (tmp_path / package).is_dir()


def test_a_package_whose_time_is_over_is_disposed_of_and_leaves_its_record(
    run: Run, opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = opened.incident.number
    for who in (CHEN, LIN):
        run("case", "review", number, "--by", who, "--verdict", "reject", "--reason", Reason.FALSE_DETECTION.value)
    monkeypatch.setattr("app.commands.keeping.YEARS", {"10-years": -3})
    done = run("dispose", f"packages/{number}", "--by", CHEN, "--by", LIN, "--class", "10-years")
    assert "is gone" in done
    assert list((tmp_path / "packages").iterdir()) == []
    assert "disposed" in run("audit", "show", number)


def test_the_register_is_exported_and_the_copy_is_noted(run: Run, opened: Any, tmp_path: Path) -> None:
    import geopandas

    number = opened.incident.number
    run("case", "export", "register.csv", "--by", CHEN)
    assert number in (tmp_path / "register.csv").read_text(encoding="utf-8-sig")
    run("case", "export", "register.gpkg", "--by", CHEN)
    table = geopandas.read_file(tmp_path / "register.gpkg", layer="incidents")
    assert list(table["number"]) == [number]
    assert table.crs.to_epsg() == 4326
    run("case", "export", "none.gpkg", "--by", CHEN, "--state", "closed")
    assert len(geopandas.read_file(tmp_path / "none.gpkg")) == 0
    assert run("audit", "show", number).count("copied") == 2


def test_provenance_is_written_for_other_tools(run: Run, opened: Any, tmp_path: Path) -> None:
    package = f"packages/{opened.incident.number}"
    run("provenance", package, "prov.json")
    assert "wasDerivedFrom" in json.loads((tmp_path / "prov.json").read_bytes())
    run("provenance", package, "case.jsonld")
    assert "@graph" in json.loads((tmp_path / "case.jsonld").read_bytes())


def test_nothing_is_made_from_a_package_that_was_altered(run: Run, opened: Any, tmp_path: Path) -> None:
    package = tmp_path / "packages" / opened.incident.number
    member = package / "data/custody.jsonl"
    member.chmod(0o644)
    member.write_bytes(member.read_bytes().replace(b"program", b"Program", 1))
    run("key", "create", "seal.pem")
    for command in (("seal", str(package), "--key", "seal.pem"), ("documents", str(package), "--out", "p")):
        with pytest.raises(IntegrityFailed, match="custody"):
            run(*command)
    with pytest.raises(IntegrityFailed, match="steps failed"):
        run("verify", str(package))


def test_a_key_that_is_not_to_be_trusted_is_refused_in_one_sentence_that_says_why(
    run: Run, case: Any, tmp_path: Path
) -> None:
    package = str(case.seal(tmp_path / "packages"))
    sealed = case.clock.now()
    ring = add_key(KeyRing(), case.key.public, label="区局", at=sealed - timedelta(days=1))
    new = ephemeral_key().public
    rings = {
        "the key of 区局 had expired when it signed": rotate_key(
            ring, new, label="区局", at=sealed - timedelta(seconds=1)
        ),
        "the key of 区局 was not yet valid when it signed": add_key(
            KeyRing(), case.key.public, label="区局", at=sealed + timedelta(seconds=1)
        ),
        "the key of 区局 was revoked at 2026-": revoke_key(
            ring, case.key.key_id, at=sealed + timedelta(days=1), reason="stolen"
        ),
        "is none of the trusted keys": add_key(KeyRing(), new, label="区局", at=sealed),
    }
    for words, one in rings.items():
        write_ring(one, tmp_path / "ring.json")
        with pytest.raises(IntegrityFailed) as refusal:
            run("verify", package, "--ring", "ring.json")
        said = str(refusal.value)
        assert words in said
        assert "(1 of 17 steps failed)" in said
        assert "\n" not in said
    ahead = replace(case, clock=FrozenClock(instant=datetime(2999, 1, 1, tzinfo=UTC))).seal(tmp_path / "ahead")
    with pytest.raises(IntegrityFailed, match=r"2999-01-01T00:00:00\.000Z, which has not come yet"):
        run("verify", str(ahead))
    write_ring(ring, tmp_path / "good.json")
    assert "FAIL" not in run("verify", package, "--ring", "good.json")


def test_a_record_that_the_store_does_not_keep_is_not_sealed(
    run: Run, opened: Any, tmp_path: Path, case_maker: Any
) -> None:
    from dataclasses import replace

    other = case_maker("other", photos=2)
    changed = replace(
        other, incident=replace(other.incident, hazard=replace(other.incident.hazard, explanation="another"))
    )
    shutil.rmtree(tmp_path / "packages")
    package = changed.seal(tmp_path / "packages")
    assert package.name == opened.incident.number
    run("key", "create", "seal.pem")
    with pytest.raises(IntegrityFailed, match="another record"):
        run("seal", str(package), "--key", "seal.pem")
