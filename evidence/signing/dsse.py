"""DSSE envelopes (Dead Simple Signing Envelope 1.0) around in-toto statements (v1), signed with Ed25519, ECDSA or SM2.

What is signed is the pre-authentication encoding of DSSE: ``DSSEv1 <len type> <type> <len body> <body>``. The envelope
is written as canonical JSON, and only those very bytes are read back, so no byte of it can change unnoticed.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import InputRefused
from core.text import _
from evidence.sealing.canonical import canonical_bytes, read_canonical
from evidence.signing.keys import SigningKey

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A signed body.

    Attributes:
        body: The statement's bytes.
        key_id: Id of the key that is said to have signed.
        signature: 64 bytes for Ed25519, DER for ECDSA and SM2.
    """

    body: bytes
    key_id: str
    signature: bytes


def pre_authentication_encoding(body: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return the bytes that a DSSE signature covers (DSSE protocol, "PAE")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def sign(body: bytes, key: SigningKey) -> Envelope:
    """Return ``body`` signed by ``key``."""
    signature = key.sign(pre_authentication_encoding(body))
    return Envelope(body=body, key_id=key.key_id, signature=signature)


def encode_envelope(envelope: Envelope) -> bytes:
    """Return an envelope as canonical JSON."""
    return canonical_bytes(
        {
            "payload": base64.b64encode(envelope.body).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": envelope.key_id, "sig": base64.b64encode(envelope.signature).decode()}],
        }
    )


def decode_envelope(content: bytes, source: Path | str) -> Envelope:
    """Return the envelope in ``content``; the inverse of :func:`encode_envelope`, for those very bytes only.

    Raises:
        InputRefused: It is no such envelope with one signature, or not in canonical form.
    """
    document = read_canonical(content, source)
    try:
        envelope = _envelope_of(document)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as problem:
        raise _no_envelope(source) from problem
    if encode_envelope(envelope) != content:
        raise _no_envelope(source)
    return envelope


def _no_envelope(source: Path | str) -> InputRefused:
    return InputRefused(source, _("is no DSSE envelope with one signature"), _("Use the envelope as it was written."))


def _envelope_of(document: object) -> Envelope:
    if not isinstance(document, dict):
        raise TypeError("an envelope is an object")
    [signed] = document["signatures"]
    return Envelope(
        body=base64.b64decode(document["payload"], validate=True),
        key_id=str(signed["keyid"]),
        signature=base64.b64decode(signed["sig"], validate=True),
    )
