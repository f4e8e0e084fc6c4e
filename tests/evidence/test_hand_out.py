from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import StoreFailed
from core.refusal import Refusal
from detection.detection import Box
from detection.frame import Frame
from evidence.cases.case_store import MemoryCaseStore
from evidence.cases.life import Person
from evidence.custody import Action
from evidence.handing_out.hand_out import NOTE, SCHEMA, HandedOut, HandOutNote, hand_out
from evidence.handing_out.redact import Region, redact_frame
from evidence.sealing.canonical import decode
from evidence.sealing.derivation import Derived
from flight.track import Pose

CHEN = Person(name="陈某", certificate_no="粤A00001")


@pytest.fixture
def redacted(case: Any) -> Derived:
    at = case.incident.opened_at
    frame = Frame(
        original_sha256=case.originals[0].sha256,
        original_name="DJI_0000.JPG",
        captured_at=at,
        pixels=np.full((80, 80, 3), 90, dtype=np.uint8),
        pose=Pose(captured_at=at),
        camera=None,
    )
    return redact_frame(
        frame,
        regions=[
            Region(kind="by-hand", cells=4, found_by="陈", box=Box(left_px=10, top_px=10, right_px=30, bottom_px=30))
        ],
    )


def _give(case: Any, copies: list[Derived], out: Path, **more: Any) -> HandedOut | Refusal:
    arguments = {
        "by": CHEN,
        "recipient": "广州示范化工有限公司",
        "purpose": "陈述申辩",
        "clock": case.clock,
        "out": out,
    }
    return hand_out(case.incident.number, copies, **(arguments | more))


def test_redacted_copies_leave_with_a_note_that_custody_keeps(case: Any, redacted: Derived, tmp_path: Path) -> None:
    given = _give(case, [redacted], tmp_path / "given")
    assert isinstance(given, HandedOut)
    content = (given.folder / NOTE).read_bytes()
    note = decode(SCHEMA, HandOutNote, content, NOTE)
    assert note.by == CHEN
    assert [copy.sha256 for copy in note.copies] == [redacted.sha256]
    assert (given.folder / redacted.name).read_bytes() == redacted.content
    assert {path.name for path in given.folder.iterdir()} == {NOTE, redacted.name}
    assert sha256(content).hexdigest() == given.note_sha256
    store = MemoryCaseStore(clock=case.clock)
    store.open_case(case.incident, actor="program:skywarden")
    key = case.incident.incident_id
    assert (
        store.note(key, Action.HANDED_OVER, actor="陈某", subject_sha256=given.note_sha256, facts=given.facts) is None
    )
    assert dict(store.audit()[-1].facts)["to"] == "广州示范化工有限公司"
    with pytest.raises(StoreFailed, match="exists already"):
        _give(case, [redacted], tmp_path / "given")  # the same second
    case.clock.advance(timedelta(seconds=1).total_seconds())
    assert isinstance(_give(case, [redacted], tmp_path / "given"), HandedOut)


def test_a_plain_picture_leaves_only_with_a_stated_reason(case: Any, tmp_path: Path) -> None:
    refusal = _give(case, [case.derived[0]], tmp_path)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "not-redacted"
    assert list(tmp_path.glob("H13*")) == []
    given = _give(case, [case.derived[0]], tmp_path, unredacted_because="画面中无人脸、车牌，陈某已核对")
    assert isinstance(given, HandedOut)
    assert "核对" in given.facts["unredacted_because"]


@pytest.mark.parametrize("change", [{"recipient": " "}, {"purpose": ""}])
def test_nobody_gets_something_for_nothing(
    case: Any, redacted: Derived, tmp_path: Path, change: dict[str, str]
) -> None:
    refusal = _give(case, [redacted], tmp_path, **change)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "incomplete"
    assert isinstance(_give(case, [], tmp_path), Refusal)
    assert isinstance(_give(case, [redacted, redacted], tmp_path), Refusal)
