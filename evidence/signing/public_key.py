"""Public keys: Ed25519, ECDSA on P-256, or SM2 (GB/T 32918) where the bureau's key is so; told apart and checked.

A public key is its SubjectPublicKeyInfo in DER and nothing else. A key id is the SHA-256 of those bytes, as ``openssl
pkey -pubin -outform DER | sha256sum`` prints it, so it is the same for every kind.
ECDSA is with SHA-256 (FIPS 186-5), its signatures in DER (RFC 3279, 2.2.3), as openssl writes and reads them.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.errors import InputRefused
from core.text import _
from evidence.signing.sm2 import sm2_signature_holds

# What precedes the key's own bytes in SubjectPublicKeyInfo (RFC 8410; RFC 5480 with curve secp256r1; GB/T 35276 with
# curve 1.2.156.10197.1.301).
_ED25519: Final = bytes.fromhex("302a300506032b6570032100")
_P256: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
_SM2: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
_PEM: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)-----END PUBLIC KEY-----\s*")


class Algorithm(StrEnum):
    """How a key signs."""

    ED25519 = "Ed25519"
    ECDSA = "ECDSA-P256"
    SM2 = "SM2"


_KINDS: Final = ((_ED25519, 32, Algorithm.ED25519), (_P256, 65, Algorithm.ECDSA), (_SM2, 65, Algorithm.SM2))


def _algorithm_of(der: bytes) -> Algorithm | None:
    return next(
        (kind for head, size, kind in _KINDS if der.startswith(head) and len(der) == len(head) + size),
        None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public key.

    Attributes:
        der: Its SubjectPublicKeyInfo, DER.
    """

    der: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if _algorithm_of(self.der) is None:
            raise ValueError("a public key is Ed25519, ECDSA on P-256 or SM2, as SubjectPublicKeyInfo in DER")

    @property
    def algorithm(self) -> Algorithm:
        """How it signs."""
        return _algorithm_of(self.der) or Algorithm.ED25519  # one of them, as it was made

    @property
    def key_id(self) -> str:
        """The SHA-256 of :attr:`der`, hex."""
        return sha256(self.der).hexdigest()


def ed25519_public(raw: bytes) -> PublicKey:
    """Return the public key of an Ed25519 key's 32 raw bytes."""
    return PublicKey(der=_ED25519 + raw)


def p256_public(point: bytes) -> PublicKey:
    """Return the public key of a point on P-256: 0x04 and both coordinates, 65 bytes."""
    return PublicKey(der=_P256 + point)


def public_pem(public: PublicKey) -> bytes:
    """Return a public key as PEM, as openssl reads and writes it."""
    text = base64.b64encode(public.der)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN PUBLIC KEY-----", *lines, b"-----END PUBLIC KEY-----", b""])


def public_from_pem(content: bytes, source: Path | str) -> PublicKey:
    """Return the public key in PEM bytes. Raises ``InputRefused`` when there is none of a kind that signs here."""
    remedy = _("Name a PEM file of an Ed25519, ECDSA P-256 or SM2 public key.")
    match = _PEM.fullmatch(content.strip() + b"\n")
    if match is None:
        raise InputRefused(source, _("holds no public key"), remedy)
    try:
        return PublicKey(der=base64.b64decode(b"".join(match.group(1).split()), validate=True))
    except binascii.Error as problem:
        raise InputRefused(source, _("holds no public key"), remedy) from problem
    except ValueError as problem:
        raise InputRefused(source, _("holds a key that is not Ed25519, ECDSA P-256 or SM2"), remedy) from problem


def signature_holds(public: PublicKey, signature: bytes, message: bytes) -> bool:
    """Return whether ``signature`` is ``public``'s over ``message``.

    Raises:
        InputRefused: The key is SM2 and this machine has no OpenSSL command to check it with.
    """
    if public.algorithm is Algorithm.SM2:
        return sm2_signature_holds(public_pem(public), signature, message)
    if public.algorithm is Algorithm.ECDSA:
        return _ecdsa_holds(public.der[-65:], signature, message)
    try:
        Ed25519PublicKey.from_public_bytes(public.der[-32:]).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _ecdsa_holds(point: bytes, signature: bytes, message: bytes) -> bool:
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):  # ValueError: the point is not on the curve
        return False
    return True
