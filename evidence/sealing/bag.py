"""BagIt 1.0 (RFC 8493): the words of its files, written and read.

Knows the format only: which files a bag has is :mod:`evidence.seal`'s business, whether it holds is
:mod:`evidence.verify`'s. Paths in manifests are relative, with ``/``; line feed, carriage return and per cent sign are
written as ``%0A``, ``%0D`` and ``%25`` (section 2.1.3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from core.text import _

DECLARATION: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_ESCAPES: Final = {"%": "%25", "\n": "%0A", "\r": "%0D"}
_LINE_END: Final = re.compile(r"\r\n|\n|\r")  # not str.splitlines: a file name may hold U+2028
_LINE: Final = re.compile(r"([0-9A-Fa-f]+)[ \t]+([^ \t].*)\Z", re.DOTALL)


def manifest_name(algorithm: str, *, tags: bool = False) -> str:
    """Return the file name of a payload manifest, or of a tag manifest."""
    return f"{'tagmanifest' if tags else 'manifest'}-{algorithm}.txt"


def encode_path(path: str) -> str:
    """Return a path as a manifest writes it."""
    return re.sub(r"[%\n\r]", lambda match: _ESCAPES[match.group()], path)


def decode_path(text: str) -> str:
    """Return the path that a manifest's text names."""
    return re.sub(r"%(0[AaDd]|25)", lambda match: chr(int(match.group(1), 16)), text)


def manifest_text(digests: Mapping[str, str]) -> bytes:
    """Return a manifest: one line a file, digest, two spaces, path; in order of paths."""
    return "".join(f"{digests[path]}  {encode_path(path)}\n" for path in sorted(digests)).encode()


def read_manifest(content: bytes, hex_length: int) -> tuple[dict[str, str], list[str]]:
    """Return a manifest's digests by path, and its complaints in words (empty when it is well formed).

    Args:
        content: The file's bytes.
        hex_length: How many hex characters a digest of its algorithm has.
    """
    digests: dict[str, str] = {}
    complaints: list[str] = []
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return {}, [_("it is not UTF-8")]
    lines = _LINE_END.split(text)
    if not lines[-1]:
        lines.pop()  # the last line end ends a line; it does not begin one
    for number, line in enumerate(lines, start=1):
        match = _LINE.match(line)
        if match is None or len(match.group(1)) != hex_length:
            complaints.append(_("line {number} is no digest with a path").format(number=number))
            continue
        path = decode_path(match.group(2))
        if path.startswith(("/", "~")) or ".." in path.split("/"):
            complaints.append(_("line {number} leads out of the bag").format(number=number))
        elif path in digests:
            complaints.append(_("line {number} names {path} a second time").format(number=number, path=path))
        else:
            digests[path] = match.group(1).lower()
    return digests, complaints


def bag_info_text(fields: Mapping[str, str]) -> bytes:
    """Return ``bag-info.txt``: one ``Label: value`` a line, in the order given; a value stays on its line."""
    return "".join(f"{label}: {' '.join(value.split())}\n" for label, value in fields.items()).encode()


def read_bag_info(content: bytes) -> dict[str, str]:
    """Return the labels and values of ``bag-info.txt``; a repeated label keeps its last value, a stray line is left."""
    fields: dict[str, str] = {}
    last = ""
    for line in content.decode("utf-8", "replace").splitlines():
        if line[:1] in {" ", "\t"} and last:
            fields[last] += " " + line.strip()
        elif ":" in line:
            last, value = line.split(":", 1)
            fields[last] = value.strip()
    return fields
