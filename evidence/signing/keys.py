"""Signing keys: Ed25519, made here, stored encrypted, trusted by their digest.

A private key lies in an encrypted PKCS#8 file. A key id is the SHA-256 of the public key's SubjectPublicKeyInfo in DER,
as ``openssl pkey -pubin -outform DER | sha256sum`` prints it. An ephemeral key is for rehearsal: its signatures show
that nothing changed since sealing, and nothing about who sealed; every statement made with it says so.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.clock import in_utc
from core.errors import InputRefused
from core.text import _

MIN_PASSPHRASE_CHARS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key in memory.

    Attributes:
        private: The key.
        label: Whose it is, for people.
        ephemeral: True when it exists for one rehearsal only.
    """

    private: Ed25519PrivateKey = field(repr=False)
    label: str
    ephemeral: bool = False

    @property
    def public(self) -> Ed25519PublicKey:
        """The public half."""
        return self.private.public_key()

    @property
    def key_id(self) -> str:
        """The key's id, hex."""
        return key_id_of(self.public)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A public key that a verifier trusts.

    Attributes:
        public: The key.
        label: Whose it is.
        valid_from, valid_to: When it may sign; None for no bound.
        revoked_at: From when on it is not trusted, or None.
    """

    public: Ed25519PublicKey = field(repr=False)
    label: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    revoked_at: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("valid_from", "valid_to", "revoked_at"):
            instant = getattr(self, name)
            if instant is not None:
                object.__setattr__(self, name, in_utc(instant))

    @property
    def key_id(self) -> str:
        """The key's id, hex."""
        return key_id_of(self.public)


def key_id_of(public: Ed25519PublicKey) -> str:
    """Return the SHA-256 of a public key's SubjectPublicKeyInfo (DER), hex."""
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha256(der).hexdigest()


def public_pem(public: Ed25519PublicKey) -> bytes:
    """Return a public key as PEM, as openssl reads it."""
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_from_pem(content: bytes, source: Path | str) -> Ed25519PublicKey:
    """Return the Ed25519 public key in PEM bytes. Raises ``InputRefused`` when there is none."""
    try:
        public = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise InputRefused(source, _("holds no public key"), _("Name a PEM file of an Ed25519 key.")) from problem
    if not isinstance(public, Ed25519PublicKey):
        raise InputRefused(source, _("holds a key that is not Ed25519"), _("Name a PEM file of an Ed25519 key."))
    return public


def ephemeral_key(label: str = "rehearsal") -> SigningKey:
    """Return a new key that is kept nowhere."""
    return SigningKey(private=Ed25519PrivateKey.generate(), label=label, ephemeral=True)


def create_key(path: Path, passphrase: str, label: str = "") -> SigningKey:
    """Make a key, write it encrypted to ``path`` (which must not exist yet), readable by its owner only.

    Args:
        path: The file to write; its public half is written beside it with the suffix ``.pub.pem``.
        passphrase: Opens it again; at least eight characters.
        label: Whose key it is; the file's stem when empty.

    Raises:
        ValueError: The passphrase is too short.
        InputRefused: The file exists already, or cannot be written.
    """
    if len(passphrase) < MIN_PASSPHRASE_CHARS:
        raise ValueError(f"a passphrase has at least {MIN_PASSPHRASE_CHARS} characters")
    key = SigningKey(private=Ed25519PrivateKey.generate(), label=label or path.stem)
    encrypted = key.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    _write_new(path, encrypted, 0o600)
    _write_new(path.with_suffix(".pub.pem"), public_pem(key.public), 0o644)
    return key


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as problem:
        raise InputRefused(path, _("exists already; a key is never overwritten"), _("Name a new file.")) from problem
    except OSError as problem:
        raise InputRefused(
            path, _("cannot be written ({problem})").format(problem=problem.strerror), _("Name a writable folder.")
        ) from problem
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def load_key(path: Path, passphrase: str, label: str = "") -> SigningKey:
    """Return the private key of an encrypted file.

    Raises:
        InputRefused: The file is missing, not encrypted, of another kind, or the passphrase does not open it.
    """
    remedy = _("Name a key file made by this program and give its passphrase.")
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise InputRefused(path, _("cannot be read ({problem})").format(problem=problem.strerror), remedy) from problem
    if b"ENCRYPTED" not in content.split(b"\n", 1)[0]:
        raise InputRefused(path, _("is no encrypted private key"), remedy)
    try:
        private = serialization.load_pem_private_key(content, passphrase.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise InputRefused(path, _("does not open with this passphrase, or is damaged"), remedy) from problem
    if not isinstance(private, Ed25519PrivateKey):
        raise InputRefused(path, _("holds a key that is not Ed25519"), remedy)
    return SigningKey(private=private, label=label or path.stem)


def signature_holds(public: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """Return whether ``signature`` is ``public``'s over ``message``."""
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True
