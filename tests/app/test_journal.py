"""The journal of a run: which of a case folder's journals its findings are read back from."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from app.case_folder import work_of
from app.comparing.patrol_view import open_case_folder
from app.instruments import Station
from app.journal import journal_folder
from app.process import process
from app.processing.job import Job


def test_a_run_is_compared_by_the_journal_that_it_used_though_another_is_younger(
    job: Callable[..., Job], station: Station
) -> None:
    made = job()
    (made.footage / "DJI_0012.JPG").unlink()
    process(made, station)
    used = journal_folder(work_of(made.out), made.settings)
    other = replace(made, settings={**made.settings, "weight_sha256": "another"})
    younger = journal_folder(work_of(made.out), other.settings)
    (younger / "unfit.json").write_text("{}")  # refused where it is read
    os.utime(used, (1, 1))
    report = process(made, station)
    assert report.resumed == 1
    assert len(open_case_folder(made.out).frames) == 1
