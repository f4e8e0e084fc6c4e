"""The ring of public keys that a bureau signs with: added, rotated, revoked, and handed to whoever verifies.

A ring holds no secret. It is a file that only grows: a key that is rotated out or revoked stays, with the time, so that
packages that it sealed in its time can still be judged.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from core.clock import in_utc, iso_utc
from core.errors import InputRefused, IntegrityFailed
from core.text import _
from evidence.sealing.canonical import decode, encode
from evidence.sealing.staging import overwrite_durably
from evidence.signing.keys import TrustedKey
from evidence.signing.public_key import PublicKey

SCHEMA: Final = "skywarden/key-ring/2"


@dataclass(frozen=True, slots=True, kw_only=True)
class RingKey:
    """A key of the ring.

    Attributes:
        public: The key's SubjectPublicKeyInfo (DER), base64.
        label: Whose it is.
        valid_from: From when on it signs.
        valid_to: Until when, or None while it does.
        revoked_at: From when on it is not trusted, or None.
        reason: Why it was revoked; empty otherwise.
    """

    public: str
    label: str
    valid_from: datetime
    valid_to: datetime | None = None
    revoked_at: datetime | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        for name in ("valid_from", "valid_to", "revoked_at"):
            instant = getattr(self, name)
            if instant is not None:
                object.__setattr__(self, name, in_utc(instant))
        try:
            PublicKey(der=base64.b64decode(self.public, validate=True))
        except binascii.Error as problem:
            raise ValueError("a ring's key is base64") from problem
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("a key's validity ends after it begins")
        if (self.revoked_at is None) != (not self.reason):
            raise ValueError("a revoked key has a time and a reason")

    @property
    def key_id(self) -> str:
        """The key's id, hex."""
        return self.trusted.key_id

    @property
    def trusted(self) -> TrustedKey:
        """The key as a verifier takes it."""
        return TrustedKey(
            public=PublicKey(der=base64.b64decode(self.public)),
            label=self.label,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            revoked_at=self.revoked_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """Keys in the order in which they were added; each once."""

    keys: tuple[RingKey, ...] = ()

    def __post_init__(self) -> None:
        if len({key.public for key in self.keys}) != len(self.keys):
            raise ValueError("a key is on the ring once")


def trusted_keys(ring: KeyRing) -> tuple[TrustedKey, ...]:
    """Return the ring as :func:`evidence.verify.verify` takes it."""
    return tuple(key.trusted for key in ring.keys)


def add_key(ring: KeyRing, public: PublicKey, *, label: str, at: datetime) -> KeyRing:
    """Return the ring with one key more, which signs from ``at`` on."""
    text = base64.b64encode(public.der).decode()
    return KeyRing(keys=(*ring.keys, RingKey(public=text, label=label, valid_from=at)))


def rotate_key(ring: KeyRing, public: PublicKey, *, label: str, at: datetime) -> KeyRing:
    """Return the ring with a new key in the place of those of the same label, which sign until ``at``.

    Raises:
        IntegrityFailed: ``at`` lies before one of them began to sign: the clock was set back.
    """
    ended = []
    for key in ring.keys:
        running = key.label == label and key.valid_to is None
        if running and in_utc(at) < key.valid_from:
            raise IntegrityFailed(
                _("The key of {label} began to sign after this time: the clock was set back.").format(label=label)
            )
        ended.append(replace(key, valid_to=at) if running else key)
    return add_key(KeyRing(keys=tuple(ended)), public, label=label, at=at)


def revoke_key(ring: KeyRing, key_id: str, *, at: datetime, reason: str) -> KeyRing:
    """Return the ring with one key revoked from ``at`` on; what is revoked stays so with its first time.

    Raises:
        ValueError: No such key is on the ring, or no reason is given.
    """
    if not reason.strip():
        raise ValueError("a key is revoked for a reason")
    if key_id not in {key.key_id for key in ring.keys}:
        raise ValueError(f"no key {key_id} is on the ring")
    return KeyRing(
        keys=tuple(
            replace(key, revoked_at=at, reason=reason) if key.key_id == key_id and key.revoked_at is None else key
            for key in ring.keys
        )
    )


def check_may_sign(ring: KeyRing, public: PublicKey, *, at: datetime, ring_file: Path | str = "") -> None:
    """Check that a key may sign at a time.

    Args:
        ring: The bureau's keys.
        public: The key.
        at: The time.
        ring_file: Where the ring lies, for the reader of a refusal.

    Raises:
        IntegrityFailed: It is not on the ring, or no longer, or not yet.
    """
    key = next((one for one in ring.keys if one.key_id == public.key_id), None)
    if key is None:
        raise IntegrityFailed(
            _("The key {key_id} is not on the ring {ring}; nothing was sealed. Add it with skywarden key add.").format(
                key_id=public.key_id, ring=ring_file
            )
        )
    if key.revoked_at is not None and key.revoked_at <= in_utc(at):
        raise IntegrityFailed(
            _("The key of {label} was revoked at {at} ({reason}); nothing was sealed.").format(
                label=key.label, at=iso_utc(key.revoked_at), reason=key.reason
            )
        )
    if key.valid_to is not None and key.valid_to < in_utc(at):
        raise IntegrityFailed(
            _("The key of {label} signed until {at}; nothing was sealed. Use the key in its place.").format(
                label=key.label, at=iso_utc(key.valid_to)
            )
        )
    if in_utc(at) < key.valid_from:
        raise IntegrityFailed(
            _("The key of {label} signs from {at} on, and the clock says {now}: was it set back?").format(
                label=key.label, at=iso_utc(key.valid_from), now=iso_utc(at)
            )
        )


def write_ring(ring: KeyRing, path: Path) -> None:
    """Write a ring to a file, whole or not at all. Raises ``StoreFailed`` when the disk refuses."""
    overwrite_durably(path, encode(SCHEMA, ring))


def read_ring(path: Path) -> KeyRing:
    """Return the ring in a file. Raises ``InputRefused`` when it holds none."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise InputRefused(
            path, _("cannot be read ({problem})").format(problem=problem.strerror), _("Name a key ring file.")
        ) from problem
    return decode(SCHEMA, KeyRing, content, path)
