"""The fleet: patrols, periods, approvals and crews; footage on its way in; how far processing is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import Count, Sum
from django.http import Http404, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from app.station.announced_runs import forget, read_again, unread_runs
from app.station.audit import actor_of_user, note_account
from app.station.context import station
from app.station.fleet import patrol_lines, upcoming_windows
from app.station.map_ground import PER_PAGE, fault_of, runs_of
from app.station.models import District, ProcessingJob, Upload
from app.station.objects import districts_of
from app.station.processing import progress_of, start_job
from app.station.uploads import PIECE_BYTES, begin_upload, resume_storing, take_piece
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _

READ_BYTES: Final = 256 * 1024
SHOWN: Final = 200


def show(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """Show the fleet."""
    here, now = station(), station().clock.now()
    folder = here.options.patrols
    context = {
        "patrols": patrol_lines(folder, request.user, now) if folder is not None else None,
        "windows": upcoming_windows(now),
        "districts": list(districts_of(request.user)),
        "unread": unread_runs(),
        "lost": [(run, fault) for run in runs_of(request.user)[:PER_PAGE] if (fault := fault_of(run))],
        "takes_uploads": here.options.upload_folder is not None,
        "piece_bytes": PIECE_BYTES,
    } | _progress(request)
    return render(request, "station/fleet.html", context)


def unread(request: Any, run_id: int) -> Any:  # noqa: ANN401 - as above
    """Have a run that could not be read read again, or say no more of it; for those who see every district."""
    act = {"again": read_again, "forget": forget}.get(str(request.POST.get("deed", "")))
    if act is None:
        raise InputRefused(_("run"), _("cannot be dealt with so"), _("Use the buttons of the page."))
    if not request.user.all_districts or not act(run_id):
        raise Http404
    return HttpResponseRedirect(reverse("fleet"))


def progress(request: Any) -> Any:  # noqa: ANN401 - as above
    """Return the part of the page that changes while footage comes in and is processed."""
    resume_storing()
    return render(request, "station/fleet_progress.html", _progress(request))


def _progress(request: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    own = Upload.objects.filter(owner=request.user)
    batches = own.values("batch", "district__code", "district__name").annotate(
        files=Count("pk"), received=Sum("received_bytes"), size=Sum("size_bytes")
    )
    states = {
        (row["batch"], row["district__code"], row["state"]): row["files"]
        for row in own.values("batch", "district__code", "state").annotate(files=Count("pk"))
    }
    lines = [
        row
        | {
            state: states.get((row["batch"], row["district__code"], state), 0)
            for state in ("receiving", "storing", "stored", "refused")
        }
        for row in batches.order_by("batch")[:SHOWN]
    ]
    jobs = ProcessingJob.objects.filter(owner=request.user).select_related("district")[:20]
    return {
        "batches": lines,
        "faults": list(own.exclude(reason="").order_by("-changed_at")[:20]),
        "jobs": [(job, *progress_of(job)) for job in jobs],
        "may_process": bool(station().options.processing),
    }


def begin(request: Any) -> Any:  # noqa: ANN401 - as above
    """Begin a file, or find it again; the answer says how much of it is there."""
    said = {name: str(request.POST.get(name, "")) for name in ("batch", "name", "size", "modified", "district")}
    if not all(said[name].isascii() and said[name].isdigit() and len(said[name]) < 16 for name in ("size", "modified")):
        raise InputRefused(_("upload"), _("has no size or no time"), _("Use the page of the station."))
    upload = begin_upload(
        request.user,
        batch=said["batch"].strip(),
        name=said["name"],
        size_bytes=int(said["size"]),
        modified_ms=int(said["modified"]),
        district=_district(request, said["district"]),
    )
    return JsonResponse(_told(upload), status=201)


def _district(request: Any, code: str) -> District | None:  # noqa: ANN401 - as above
    """Return the district that footage is of: one of the person's own, none only for those who see all."""
    found: District | None = districts_of(request.user).filter(code=code).first()
    if found is None and (code or not request.user.all_districts):
        raise InputRefused(_("upload"), _("names no district of yours"), _("Choose the district that was flown over."))
    return found


def piece(request: Any, upload_id: str) -> Any:  # noqa: ANN401, ARG001 - as above; the check found it
    """Say how much of a file is there (GET), or append a piece (POST)."""
    upload: Upload = request.found
    if request.method != "POST":
        return JsonResponse(_told(upload))
    taken = take_piece(
        upload,
        content_range=request.headers.get("Content-Range", ""),
        content_digest=request.headers.get("Content-Digest", ""),
        pieces=_body(request),
    )
    if isinstance(taken, Refusal):
        upload.refresh_from_db()
        status = 400 if taken.code == "no-range" else 409
        return JsonResponse(_told(upload) | {"refused": taken.code, "reason": taken.reason}, status=status)
    return JsonResponse(_told(taken))


def _body(request: Any) -> Iterator[bytes]:  # noqa: ANN401 - as above
    while chunk := request.read(READ_BYTES):
        yield chunk


def _told(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.pk,
        "address": reverse("upload", kwargs={"upload_id": upload.pk}),
        "received": upload.received_bytes,
        "size": upload.size_bytes,
        "state": upload.state,
        "reason": upload.reason,
        "sha256": upload.sha256,
    }


def process(request: Any) -> Any:  # noqa: ANN401 - as above
    """Ask for a card's stored footage to be processed."""
    batch, code = str(request.POST.get("batch", "")), str(request.POST.get("district", ""))
    district = _district(request, code)
    stored = Upload.objects.filter(owner=request.user, batch=batch, district=district)
    if stored.exclude(state__in=["stored", "refused"]).exists() or not stored.filter(state="stored").exists():
        raise InputRefused(batch, _("is not whole yet, or holds nothing"), _("Finish the upload first."))
    if ProcessingJob.objects.filter(owner=request.user, batch=batch, state__in=["waiting", "running"]).exists():
        raise InputRefused(batch, _("is being processed already"), _("Wait until that is done."))
    files = sorted(stored.filter(state="stored").values_list("name", "sha256"))
    job = ProcessingJob.objects.create(
        owner=request.user, district=district, batch=batch, files=files, asked_at=station().clock.now()
    )
    note_account(actor_of_user(request.user), request.user.username, "processing asked", batch=batch,
                 files=str(len(files)))  # fmt: skip
    start_job(job)
    return HttpResponseRedirect(reverse("fleet"))
