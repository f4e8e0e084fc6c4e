"""Processes the footage that was uploaded, one card at a time, by ``skywarden process`` in a process of its own.

The station is started with a file of options for it (``--processing``: the register, the zones, the weight, …); without
one, uploads stay in the vault and are processed by hand. A job's originals are linked out of the vault under the names
they had on the card. A kill loses nothing: jobs that were running begin again, and the run itself goes on where it
stopped. When it is done its incidents are taken in as by ``skywarden station import``.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from app.case_folder import work_of
from app.station.audit import actor_of_user
from app.station.background import Worker
from app.station.context import station
from app.station.filling import take_in_run
from app.station.models import ProcessingJob
from app.station.vault_keys import media_key
from app.store.claims import claimed
from core.errors import InputRefused, SkywardenError, StoreFailed
from core.text import _

_OURS: Final = ("--out", "--store")
_MAX_WORDS: Final = 4000
_MOST_REASONS: Final = 5
_running: Final = Worker("processing")


def read_processing_options(path: Path) -> tuple[str, ...]:
    """Return the options of ``skywarden process`` that a file holds, as on a command line; # begins a comment.

    Raises:
        InputRefused: It cannot be read, names no register, or what the station itself decides.
    """
    try:
        options = tuple(shlex.split(path.read_text(encoding="utf-8"), comments=True))
    except (OSError, ValueError) as unfit:
        raise InputRefused(
            path, _("cannot be read ({why})").format(why=unfit), _("Write options of skywarden process into it.")
        ) from unfit
    named = {option.partition("=")[0] for option in options}
    if "--sites" not in named or named & set(_OURS):
        raise InputRefused(
            path,
            _("names no register, or says where to write"),
            _("It holds --sites and what else the footage needs, but neither --out nor --store."),
        )
    return options


def job_folder(job: ProcessingJob) -> Path:
    """Return where a job works and leaves its case folder."""
    folder = station().options.upload_folder
    if folder is None:
        raise StoreFailed(_("This station takes no uploads. Start it with --uploads FOLDER."))
    return folder / "jobs" / f"{job.pk:06d}"


def start_job(job: ProcessingJob) -> None:
    """Put a job into the queue."""
    _running.submit(_run, job.pk)


def resume_jobs() -> None:
    """Begin again what a kill interrupted; called once, when the station starts."""
    for job in ProcessingJob.objects.filter(state__in=["waiting", "running"]).order_by("pk"):
        start_job(job)


def progress_of(job: ProcessingJob) -> tuple[int, int]:
    """Return how many of a job's files have been examined, and how many there are."""
    if job.state in {"done", "failed"}:
        return len(job.files), len(job.files)
    journal = work_of(job_folder(job) / "cases")
    return min(len(job.files), len(list(journal.glob("*/*.json")))), len(job.files)


def _run(key: int) -> None:
    """Do a job, unless another station on this store does it or has done it."""
    with claimed(f"job {key}", alias=ProcessingJob.objects.db) as ours:
        if ours and ProcessingJob.objects.filter(pk=key, state__in=["waiting", "running"]).exists():
            _run_ours(key)


def _run_ours(key: int) -> None:
    job = ProcessingJob.objects.get(pk=key)
    ProcessingJob.objects.filter(pk=key).update(state="running")
    try:
        state, words = "done", _done(job)
    except (SkywardenError, OSError) as problem:
        state, words = "failed", str(problem)
    ProcessingJob.objects.filter(pk=key).update(state=state, words=words[:_MAX_WORDS], ended_at=station().clock.now())


def _done(job: ProcessingJob) -> str:
    """Process a job's footage, take its incidents in, and return what it came to."""
    here, folder = station(), job_folder(job)
    if not here.options.processing:
        raise StoreFailed(_("This station was started without --processing; process the footage by hand."))
    footage, cases = folder / "footage", folder / "cases"
    _link_originals(job, footage)
    called = [sys.executable, "-m", "app", "process", str(footage), *here.options.processing, "--out", str(cases)]
    environment = {
        **os.environ,
        "SKYWARDEN_STORE": str(here.options.store),  # an address may hold a password; arguments can be read by others
        "SKYWARDEN_LANG": here.options.language,
        "NO_COLOR": "1",
    }
    root = Path(__file__).resolve().parents[2]
    with (folder / "log.txt").open("ab") as log:
        done = subprocess.run(called, cwd=root, env=environment, stdout=log, stderr=log, check=False)  # noqa: S603
    if done.returncode != 0:
        said = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise StoreFailed(_("Processing failed: {words}").format(words=" ".join(said[-3:])))
    district = "" if job.district is None else str(job.district.code)
    taken = take_in_run(cases, actor=actor_of_user(job.owner), district=district, title=str(job.batch))
    told = _("{cases} cases, {refused} refused").format(cases=taken.opened + taken.known, refused=len(taken.refusals))
    return "; ".join([told, *map(str, taken.refusals[:_MOST_REASONS])])


def _link_originals(job: ProcessingJob, footage: Path) -> None:
    """Lay a job's originals out under their names; the vault's files are only linked, and are read-only."""
    here, seen = station(), Counter[str]()
    for name, sha256 in job.files:
        seen[name] += 1  # cameras begin again at DJI_0001 in each folder of a card
        folder = footage / f"{seen[name]:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        place = here.vault.local_path(media_key("original", sha256))
        if place is None:
            raise StoreFailed(_("The vault is on another machine; process the footage there."))
        target = folder / Path(name).name
        if not target.exists():
            target.symlink_to(place.resolve())
