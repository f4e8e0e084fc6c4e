"""Signing keys: Ed25519, ECDSA on P-256 or SM2, made here and stored encrypted, or kept by hardware.

A private key lies in an encrypted PKCS#8 file, or on a token (:mod:`evidence.signing.hardware_key`). An ephemeral key
is for rehearsal: its signatures show that nothing changed since sealing, and nothing about who sealed; every statement
made with it says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.clock import in_utc
from core.errors import InputRefused
from core.text import _
from evidence.signing.public_key import Algorithm, PublicKey, ed25519_public, p256_public, public_pem
from evidence.signing.sm2 import make_sm2_key, sm2_public_der, sm2_sign

MIN_PASSPHRASE_CHARS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that can sign.

    Attributes:
        public: The public half.
        sign: Gives the signature over a message.
        label: Whose it is, for people.
        ephemeral: True when it exists for one rehearsal only.
    """

    public: PublicKey
    sign: Callable[[bytes], bytes] = field(repr=False)
    label: str
    ephemeral: bool = False

    @property
    def key_id(self) -> str:
        """The key's id, hex."""
        return self.public.key_id


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A public key that a verifier trusts.

    Attributes:
        public: The key.
        label: Whose it is.
        valid_from, valid_to: When it may sign; None for no bound.
        revoked_at: From when on it is not trusted, or None.
    """

    public: PublicKey
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
        return self.public.key_id


def ed25519_key(private: Ed25519PrivateKey, label: str, *, ephemeral: bool = False) -> SigningKey:
    """Return the key that signs with an Ed25519 private key in memory."""
    public = ed25519_public(private.public_key().public_bytes_raw())
    return SigningKey(public=public, sign=private.sign, label=label, ephemeral=ephemeral)


def ecdsa_key(private: ec.EllipticCurvePrivateKey, label: str) -> SigningKey:
    """Return the key that signs with a P-256 private key in memory: always the same for the same bytes (RFC 6979)."""
    point = private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    def sign(message: bytes) -> bytes:
        return private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))

    return SigningKey(public=p256_public(point), sign=sign, label=label)


def ephemeral_key(label: str = "rehearsal") -> SigningKey:
    """Return a new key that is kept nowhere."""
    return ed25519_key(Ed25519PrivateKey.generate(), label, ephemeral=True)


def create_key(path: Path, passphrase: str, label: str = "", *, algorithm: Algorithm = Algorithm.ED25519) -> SigningKey:
    """Make a key, write it encrypted to ``path`` (which must not exist yet), readable by its owner only.

    Args:
        path: The file to write; its public half is written beside it with the suffix ``.pub.pem``.
        passphrase: Opens it again; at least eight characters, on one line.
        label: Whose key it is; the file's stem when empty.
        algorithm: How it is to sign.

    Raises:
        ValueError: The passphrase is too short, or of more than one line.
        InputRefused: The file exists already or cannot be written, or SM2 is asked for and there is no OpenSSL.
    """
    if len(passphrase) < MIN_PASSPHRASE_CHARS or "\n" in passphrase:
        raise ValueError(f"a passphrase has at least {MIN_PASSPHRASE_CHARS} characters on one line")
    if algorithm is Algorithm.SM2:
        encrypted = make_sm2_key(passphrase)
    else:
        ecdsa = algorithm is Algorithm.ECDSA
        private = ec.generate_private_key(ec.SECP256R1()) if ecdsa else Ed25519PrivateKey.generate()
        encrypted = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase.encode()),
        )
    _write_new(path, encrypted, 0o600)
    key = load_key(path, passphrase, label)
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
    except UnsupportedAlgorithm:  # it opened, and holds a key of a curve that ``cryptography`` does not know: SM2's
        return _load_sm2(path, passphrase, label)
    except (ValueError, TypeError) as problem:
        raise InputRefused(path, _("does not open with this passphrase, or is damaged"), remedy) from problem
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
        return ecdsa_key(private, label or path.stem)
    if not isinstance(private, Ed25519PrivateKey):
        raise InputRefused(path, _("holds a key that is not Ed25519, ECDSA P-256 or SM2"), remedy)
    return ed25519_key(private, label or path.stem)


def _load_sm2(path: Path, passphrase: str, label: str) -> SigningKey:
    try:
        public = PublicKey(der=sm2_public_der(path, passphrase))
    except ValueError as problem:
        raise InputRefused(
            path, _("holds a key that is not Ed25519, ECDSA P-256 or SM2"), _("Make one with skywarden key create.")
        ) from problem
    return SigningKey(public=public, sign=partial(sm2_sign, path, passphrase), label=label or path.stem)
