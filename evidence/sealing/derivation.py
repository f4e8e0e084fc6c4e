"""Derived copy: a picture or clip made from an original, with the record of how it was made.

A derived copy explains; it never replaces the original. Its record says which original (by digest) and which frame, by
which tool in which version, with which parameters, so that somebody else can make it again and compare.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

SCHEMA: Final = "skywarden/derivations/1"
_NAME: Final = re.compile(r"[^/\\%\x00-\x1f\x7f]{1,200}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """How a derived copy was made.

    Attributes:
        source_sha256: Digest of the original, hex; of a redacted copy, that of the copy it was made from.
        source_name: Its file name.
        source_index: Frame number in it; 0 for a photo.
        operation: "annotate", "crop", "clip", "redact".
        tool: The library that wrote the bytes.
        tool_version: Its version, with those of the codecs that matter.
        parameters: In pairs, in order of their names; numbers as text with their unit in the name.
    """

    source_sha256: str
    source_name: str
    source_index: int
    operation: str
    tool: str
    tool_version: str
    parameters: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if len(self.source_sha256) != 64 or not self.operation or not self.tool or not self.tool_version:
            raise ValueError("a derivation names its source's digest, its operation and its tool with version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A derived copy.

    Attributes:
        name: File name in the package; unique among the copies of one package.
        media_type: "image/jpeg", ...
        content: Its bytes.
        derivation: How it was made.
    """

    name: str
    media_type: str
    content: bytes = field(repr=False)
    derivation: Derivation

    def __post_init__(self) -> None:
        if not _NAME.match(self.name) or self.name in {".", ".."}:
            raise ValueError(f"{self.name!r} is no plain file name")
        if not self.content:
            raise ValueError(f"{self.name}: a derived copy has content")

    @property
    def sha256(self) -> str:
        """Digest of its bytes, hex."""
        return sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedRecord:
    """What a package's list says of one derived copy: its file, its digest, how it was made."""

    path: str
    media_type: str
    sha256: str
    derivation: Derivation


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedRecords:
    """The list of a package's derived copies."""

    derived: tuple[DerivedRecord, ...]


def parameters_of(values: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return ``values`` as a derivation's parameters: text, in order of names."""
    return tuple(sorted((name, str(value)) for name, value in values.items()))


def without_source(derivations: Mapping[str, Derivation], originals: AbstractSet[str]) -> tuple[str, ...]:
    """Return what is made neither from one of the originals nor from a copy that is.

    Args:
        derivations: How each copy was made, by its digest.
        originals: Digests of the originals.
    """
    rooted = set(originals)
    waiting = dict(derivations)
    while found := [digest for digest, one in waiting.items() if one.source_sha256 in rooted]:
        rooted.update(found)
        for digest in found:
            del waiting[digest]
    return tuple(waiting)
