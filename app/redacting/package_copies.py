"""Redacts every picture and clip of a package, or says why one stays here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.redacting.added import Added
from app.redacting.clips import redacted_clip
from app.redacting.pictures import redacted_picture
from app.redacting.secret_file import SecretGround
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from detection.detection import Detector
from evidence.handing_out.redact_clip import Mark
from evidence.sealing.again import Contents
from evidence.sealing.derivation import Derived


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """What may leave, and what may not.

    Attributes:
        copies: Redacted.
        left_out: Why each other copy stays here.
    """

    copies: tuple[Derived, ...]
    left_out: tuple[Refusal, ...]


def redacted_copies(
    contents: Contents,
    detectors: Sequence[Detector],
    *,
    added: Sequence[Added] = (),
    secret: SecretGround | None = None,
    clips_seen_by: str = "",
    by: str,
) -> Redacted:
    """Return each picture and clip of a package, redacted, or why it stays here.

    Args:
        contents: The package.
        detectors: Look at every picture and every frame.
        added: What a person adds.
        secret: Ground that no copy may show.
        clips_seen_by: Who looked through the clips for what no detector looks for; empty for nobody.
        by: Who added what is added.

    Raises:
        InputRefused: The package holds no picture and no clip, or something is added to one that it does not hold.
    """
    shown = {"image/jpeg", "image/png", "video/mp4"}
    copies = [copy for copy in contents.derived if copy.media_type in shown and copy.derivation.operation != "redact"]
    names = {copy.name for copy in copies}
    if not copies:
        raise InputRefused(
            contents.incident.number, _("its package holds no picture"), _("There is nothing to redact.")
        )
    for name in [one.name for one in added if one.name and one.name not in names]:
        raise InputRefused(
            name,
            _("is no picture of this package"),
            _("Its pictures are {names}.").format(names=", ".join(sorted(names))),
        )
    given: list[Derived] = []
    left_out: list[Refusal] = []
    for copy in copies:
        if copy.media_type == "video/mp4":
            here = [one for one in added if one.name == copy.name]
            done = redacted_clip(
                contents,
                copy,
                detectors,
                marks=[Mark(at_s=one.at_s, shape=one.shape, by=by) for one in here],
                secret=secret,
                seen_by=clips_seen_by,
            )
        else:
            done = redacted_picture(
                contents,
                copy,
                detectors,
                added=[one for one in added if one.name in {"", copy.name}],
                secret=secret,
                by=by,
            )
        if isinstance(done, Refusal):
            left_out.append(done)
        else:
            given.append(done)
    return Redacted(copies=tuple(given), left_out=tuple(left_out))
