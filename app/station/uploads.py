"""Takes footage from a browser in pieces, hashes it as it arrives, and puts it into the vault when it is whole.

A file goes on where it stopped, after a lost connection, a closed browser or a kill of the station: the pieces are
appended to one file in order, each brought to the disk before it is counted, and what stands there beyond the count is
cut off. A piece says where it begins (``Content-Range``, RFC 9110) and what its digest is (``Content-Digest``,
RFC 9530); one that begins elsewhere or arrives altered is not taken. What the whole file hashed to while it arrived
must be what the vault read back. A name leads nowhere: it has no separators, and stands in a folder of the upload's id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final

from django.db import IntegrityError, transaction

from app.station.background import Worker
from app.station.context import station
from app.station.models import District, Upload, User
from app.station.settings import MEBIBYTE
from app.store.claims import claimed
from core.errors import InputRefused, StoreFailed
from core.refusal import Refusal
from core.text import _
from evidence.ingest import media_type_of
from evidence.originals.vault import deposit_file
from evidence.originals.vault_records import Card

PIECE_BYTES: Final = 8 * MEBIBYTE
MAX_FILE_BYTES: Final = 256 * 1024 * MEBIBYTE
MAX_OPEN: Final = 2000  # unfinished files of one person
_NAME: Final = re.compile(r"[^/\\\x00-\x1f\x7f]{1,200}\Z")
_RANGE: Final = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})\Z")
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):\Z")


@dataclass(slots=True)
class _Arriving:
    """A file on its way in: a lock, and the digest of what has come so far."""

    lock: Lock = field(default_factory=Lock)
    hashed_bytes: int = 0
    digest: Any = field(default_factory=hashlib.sha256)


_arriving: dict[str, _Arriving] = {}
_table: Final = Lock()
_waiting: Final[set[str]] = set()  # uploads that stand in the queue of the vault
_storing: Final = Worker("storing")  # one vault, one writer


def begin_upload(
    user: User, *, batch: str, name: str, size_bytes: int, modified_ms: int, district: District | None
) -> Upload:
    """Return the upload of a file, new or to be gone on with.

    Raises:
        InputRefused: It is no footage, is empty or too large, or its name cannot be one.
        StoreFailed: This station takes no uploads.
    """
    _folder()
    if not _NAME.match(name) or name.startswith(".") or not _NAME.match(batch) or len(batch) > 80:
        raise InputRefused(_("upload"), _("has a name that no file of a card has"), _("Name it as the camera did."))
    if media_type_of(Path(name)) is None:
        raise InputRefused(
            name, _("is no footage that Skywarden knows"), _("Choose photos, videos or their subtitles.")
        )
    if not 0 < size_bytes <= MAX_FILE_BYTES or not 0 <= modified_ms < 2**53:
        raise InputRefused(name, _("is empty or too large"), _("Check the card."))
    if Upload.objects.filter(owner=user, state="receiving").count() >= MAX_OPEN:
        raise InputRefused(name, _("is one unfinished upload too many"), _("Finish the others first."))
    now = station().clock.now()
    wanted = {"owner": user, "batch": batch, "name": name, "size_bytes": size_bytes, "modified_ms": modified_ms}
    fresh = {"upload_id": str(uuid.uuid4()), "district": district, "begun_at": now, "changed_at": now}
    upload: Upload
    try:
        with transaction.atomic():
            upload, _made = Upload.objects.get_or_create(**wanted, defaults=fresh)
    except IntegrityError:  # begun in two windows at once
        upload = Upload.objects.get(**wanted)
    return upload


def take_piece(upload: Upload, *, content_range: str, content_digest: str, pieces: Iterable[bytes]) -> Upload | Refusal:
    """Append one piece and return the upload as it stands then, or why the piece was not taken.

    Args:
        upload: Which file.
        content_range: The piece's Content-Range.
        content_digest: The piece's Content-Digest.
        pieces: Its bytes.
    """
    found, told = _RANGE.match(content_range), _DIGEST.match(content_digest)
    if found is None or told is None:
        return _refusal(upload, "no-range", _("a piece says where it belongs and what its SHA-256 is"))
    first, last, total = (int(number) for number in found.groups())
    if total != upload.size_bytes or not first <= last < total or last - first >= PIECE_BYTES:
        return _refusal(upload, "no-range", _("the piece does not belong to this file"))
    arriving = _arriving_of(upload)
    if not arriving.lock.acquire(blocking=False):
        return _refusal(upload, "busy", _("another piece of this file is arriving"))
    try:
        upload = Upload.objects.get(pk=upload.pk)
        if upload.state != "receiving" or first != upload.received_bytes:
            return _refusal(upload, "elsewhere", _("the file goes on at another place"))
        content = b"".join(pieces)
        try:
            digest = base64.b64decode(told[1], validate=True)
        except binascii.Error:
            digest = b""
        if len(content) != last - first + 1 or hashlib.sha256(content).digest() != digest:
            return _refusal(upload, "altered", _("the piece is not what was sent; send it again"))
        _append(upload, arriving, content)
    finally:
        arriving.lock.release()
    if upload.state == "storing":
        _queue(upload.pk)
    return upload


def _append(upload: Upload, arriving: _Arriving, content: bytes) -> None:
    path = part_path(upload)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("r+b" if path.exists() else "xb") as part:
            part.truncate(upload.received_bytes)  # what a kill left beyond the count
            part.seek(upload.received_bytes)
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
    except OSError as full:
        raise StoreFailed(
            _("{path}: the upload cannot be kept ({why}). Free space, then go on.").format(path=path, why=full.strerror)
        ) from full
    if arriving.hashed_bytes == upload.received_bytes:
        arriving.digest.update(content)
        arriving.hashed_bytes += len(content)
    upload.received_bytes += len(content)
    upload.changed_at = station().clock.now()
    if upload.received_bytes == upload.size_bytes:
        upload.state = "storing"
    upload.save(update_fields=["received_bytes", "changed_at", "state"])


def part_path(upload: Upload) -> Path:
    """Return where an upload waits until it is whole: named by its id alone."""
    return _folder() / "parts" / str(uuid.UUID(upload.pk))


def _folder() -> Path:
    folder = station().options.upload_folder
    if folder is None:
        raise StoreFailed(_("This station takes no uploads. Start it with --uploads FOLDER."))
    return folder


def _arriving_of(upload: Upload) -> _Arriving:
    with _table:
        return _arriving.setdefault(upload.pk, _Arriving())


def resume_storing() -> None:
    """Go on with what a kill, or a vault that was full or busy, left between the last piece and the vault."""
    for key in Upload.objects.filter(state="storing").values_list("pk", flat=True):
        _queue(key)


def _queue(key: str) -> None:
    with _table:
        if key in _waiting:
            return
        _waiting.add(key)
    _storing.submit(_store, key)


def wait_until_stored() -> None:
    """Return when everything that was whole has been put into the vault."""
    _storing.wait()


def _store(key: str) -> None:
    """Put a whole file into the vault; runs beside the requests. A vault that is full or busy is asked again later."""
    try:
        with claimed(f"upload {key}", alias=Upload.objects.db) as ours:
            if ours:
                _store_ours(key)
    finally:
        with _table:
            _waiting.discard(key)
            _arriving.pop(key, None)


def _store_ours(key: str) -> None:
    upload = Upload.objects.filter(pk=key, state="storing").first()
    if upload is None:
        return  # another station on this store has done it
    upload.reason = ""
    try:
        outcome = _deposited(upload)
    except (StoreFailed, OSError) as problem:
        upload.reason = str(problem)[:500]
    else:
        if isinstance(outcome, str):
            upload.state, upload.reason = "refused", outcome[:500]
        else:
            upload.state, (upload.sha256, upload.sm3) = "stored", outcome
    upload.changed_at = station().clock.now()
    upload.save(update_fields=["state", "reason", "sha256", "sm3", "changed_at"])


def _deposited(upload: Upload) -> tuple[str, str] | str:
    """Return both digests of the vault's copy, or why the file is refused for good.

    Raises:
        StoreFailed: The vault is full, busy or away; the file stays where it is.
    """
    here, part = station(), part_path(upload)
    named = part.with_name(f"{part.name}.whole") / str(upload.name)  # the vault's record says what it was called
    if not named.exists():
        named.parent.mkdir(exist_ok=True)
        part.replace(named)
    os.utime(named, (upload.modified_ms / 1000, upload.modified_ms / 1000))
    arrived = _digest_on_arrival(_arriving_of(upload), named, upload.size_bytes)
    card = Card(serial="", device="", operator=str(upload.owner.name))
    source = f"{upload.batch}/{upload.name}"
    with here.vault.held():
        deposit = deposit_file(named, here.vault, source=source, card=card, clock=here.clock)
    with suppress(OSError):
        named.unlink()
        named.parent.rmdir()
    if isinstance(deposit, Refusal):
        return str(deposit)
    if deposit.original.sha256 != arrived:
        return _("the vault's copy is not what arrived; its disk cannot be trusted")
    return deposit.original.sha256, deposit.original.sm3


def _digest_on_arrival(arriving: _Arriving, part: Path, size_bytes: int) -> str:
    """Return the digest taken while the file arrived; after a restart it is taken from the disk."""
    if arriving.hashed_bytes == size_bytes:
        return str(arriving.digest.hexdigest())
    with part.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").hexdigest()


def _refusal(upload: Upload, code: str, reason: str) -> Refusal:
    return Refusal(subject=str(upload.name), code=code, reason=reason)
