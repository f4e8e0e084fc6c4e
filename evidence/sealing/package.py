"""What a package holds and where: the names that sealing writes and verification expects.

::

    bagit.txt  bag-info.txt  manifest-sha256.txt  manifest-sm3.txt  tagmanifest-sha256.txt  tagmanifest-sm3.txt
    data/incident.json       the incident, whole
    data/frames.json         the frames its fixes were seen in, with poses
    data/track.json          the track around the sightings, when one was given
    data/originals.json      every original it rests on: carried here, or kept and named by digest
    data/derivations.json    every derived copy with how it was made
    data/context.json        rules, register, model, flight approval
    data/custody.jsonl       the custody chain
    data/review.json         the decisions on it, when there are any
    data/viewer.html         the page for the party concerned
    data/originals/<first 8 of SHA-256>/<name>      bit-exact
    data/derived/<name>      data/context/<name>      data/documents/<name>
    signature/statement.json in-toto statement: the digest of every file above, canonical
    signature/envelope.json  that statement signed (DSSE; Ed25519, ECDSA or SM2)
    signature/key.pub.pem    the public key
    signature/time.tsr       RFC 3161 token over envelope.json, when an authority answered
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

PACKAGES: Final = "packages"  # the folder of a run that holds them
INCIDENT: Final = "data/incident.json"
FRAMES: Final = "data/frames.json"
ORIGINALS: Final = "data/originals.json"
DERIVATIONS: Final = "data/derivations.json"
CONTEXT: Final = "data/context.json"
CUSTODY: Final = "data/custody.jsonl"
REVIEW: Final = "data/review.json"
TRACK: Final = "data/track.json"
VIEWER: Final = "data/viewer.html"
STATEMENT: Final = "signature/statement.json"
ENVELOPE: Final = "signature/envelope.json"
PUBLIC_KEY: Final = "signature/key.pub.pem"
TIME_TOKEN: Final = "signature/time.tsr"  # noqa: S105 - a file name, no secret
DECLARATION: Final = "bagit.txt"
BAG_INFO: Final = "bag-info.txt"

# The tag files that the statement covers. The tag manifests and the signature itself cannot be among them.
SIGNED_TAGS: Final = (DECLARATION, BAG_INFO, "manifest-sha256.txt", "manifest-sm3.txt")
TAG_MANIFESTS: Final = ("tagmanifest-sha256.txt", "tagmanifest-sm3.txt")

TRACK_SCHEMA: Final = "skywarden/track/1"
ORIGINALS_SCHEMA: Final = "skywarden/originals/1"
PREDICATE_TYPE: Final = "urn:skywarden:package:1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalRecord:
    """What a package says of one original.

    Attributes:
        name: File name as it came.
        size_bytes, sha256, sm3, media_type, ingested_at: As in :class:`evidence.original.Original`.
        path: Where the package carries it, or None when it is kept in the bureau's store and only named here.
    """

    name: str
    size_bytes: int
    sha256: str
    sm3: str
    media_type: str
    ingested_at: datetime
    path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalRecords:
    """Every original that an incident rests on, in order of first sight."""

    originals: tuple[OriginalRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """What a package's signed statement says besides the digests.

    Attributes:
        program: The program and version that sealed.
        incident_id, number: Which incident.
        state: Where the incident stood when it was sealed.
        sealed_at: When, by the sealing machine's clock.
        key_id, key_label: Who signed.
        key_ephemeral: True for a rehearsal's key, which proves nothing of who sealed.
        custody_entries: How many entries the custody chain has.
        custody_head: Digest of the last one, hex.
        originals_carried, originals_kept: How many originals are here, and how many are only named.
    """

    program: str
    incident_id: str
    number: str
    state: str
    sealed_at: datetime
    key_id: str
    key_label: str
    key_ephemeral: bool
    custody_entries: int
    custody_head: str
    originals_carried: int
    originals_kept: int
