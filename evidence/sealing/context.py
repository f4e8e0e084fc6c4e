"""Context: what an incident was decided under, besides the footage.

The rule file, the register of sites and zones, the model card and the approval of the flight. What is not known is
empty or None, and the package states its absence rather than leaving it out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from core.clock import in_utc

SCHEMA: Final = "skywarden/context/1"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of the context, carried whole.

    Attributes:
        name: File name in the package: ASCII letters, digits, ``.``, ``_``, ``-``.
        media_type: "application/yaml", "application/geo+json", "text/markdown", ...
        content: Its bytes.
    """

    name: str
    media_type: str
    content: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise ValueError(f"{self.name!r} is no plain ASCII file name")

    @property
    def sha256(self) -> str:
        """Digest of its bytes, hex."""
        return sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightApproval:
    """What allowed the flight (无人驾驶航空器飞行管理暂行条例 19, 26–29), as far as it was stated.

    Attributes:
        task_no: The bureau's task number.
        approval_no: Number of the flight approval; empty when none was stated.
        airspace: Class of the airspace flown in.
        window_from, window_to: When flying was approved.
        pilot: Name.
        pilot_licence: CAAC licence number.
        aircraft_registration: 实名登记 number.
        aircraft_serial: The maker's serial number.
    """

    task_no: str = ""
    approval_no: str = ""
    airspace: str = ""
    window_from: datetime | None = None
    window_to: datetime | None = None
    pilot: str = ""
    pilot_licence: str = ""
    aircraft_registration: str = ""
    aircraft_serial: str = ""

    def __post_init__(self) -> None:
        for name in ("window_from", "window_to"):
            instant = getattr(self, name)
            if instant is not None:
                object.__setattr__(self, name, in_utc(instant))
        if self.window_from and self.window_to and self.window_to <= self.window_from:
            raise ValueError("an approval's window ends after it begins")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What an incident was decided under.

    Attributes:
        program: The program and version that processed and sealed ("skywarden 0.1.0").
        register_sha256: Digest of the register of sites and zones, hex.
        register_name: Its file name, for people.
        site_name: Name of the site it was attributed to; empty when undecided or nobody's ground.
        flight: What allowed the flight, or None when nothing was stated.
        parameters: Settings of the run that matter (thresholds, gathering distances), in pairs, in order of names.
        attachments: The rule file, the register, the model card, as files.
    """

    program: str
    register_sha256: str
    register_name: str = ""
    site_name: str = ""
    flight: FlightApproval | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        names = [attachment.name.lower() for attachment in self.attachments]
        if len(set(names)) != len(names):
            raise ValueError("two attachments have one name")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentRecord:
    """What a package's context says of one attachment."""

    path: str
    media_type: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRecord:
    """The context as a package holds it: :class:`Context` with its attachments as files beside it."""

    program: str
    register_sha256: str
    register_name: str
    site_name: str
    flight: FlightApproval | None
    parameters: tuple[tuple[str, str], ...]
    attachments: tuple[AttachmentRecord, ...]
