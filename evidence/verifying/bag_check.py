"""Whether a bag is a bag: RFC 8493 (BagIt 1.0) and its predecessors 0.93 to 0.97, as errors and warnings.

A package must be more than a valid bag, and the other steps of a verification ask for it. This one asks only what any
receiver's BagIt software would: completeness, validity, and what is allowed but unwise (section 6). It knows no
Skywarden and takes any bag.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from core.text import _
from evidence.sealing.bag import decode_path

HEX_LENGTH: Final = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128, "sm3": 64}
WEAK: Final = frozenset({"md5", "sha1"})
_DECLARATION: Final = re.compile(
    r"BagIt-Version: (?P<version>\d+\.\d+)(?:\r\n|\n|\r)Tag-File-Character-Encoding: (?P<encoding>[A-Za-z0-9_.-]+)"
    r"(?:\r\n|\n|\r)?\Z"
)
_MANIFEST: Final = re.compile(r"(?P<tag>tag)?manifest-(?P<algorithm>[A-Za-z0-9-]+)\.txt\Z")
_LINE: Final = re.compile(r"(?P<digest>[0-9A-Fa-f]+)[ \t]+(?P<star>\*)?(?P<path>[^ \t].*)\Z", re.DOTALL)
_FETCH: Final = re.compile(r"(?P<url>\S+)[ \t]+(?P<length>\d+|-)[ \t]+(?P<path>\S.*)\Z", re.DOTALL)
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_KNOWN: Final = frozenset({"0.93", "0.94", "0.95", "0.96", "0.97", "1.0"})
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?\Z")
_FORBIDDEN: Final = re.compile(r'[<>:"|?*\\\x00-\x1f]')

Digest = Callable[[str, str], str]
Content = Callable[[str], bytes]
Size = Callable[[str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BagCheck:
    """What a bag is.

    Attributes:
        version: As it declares; empty when it declares none.
        errors: Why it is incomplete or invalid, one sentence each.
        warnings: What is allowed but unwise.
    """

    version: str
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Whether it is complete and every digest holds."""
        return not self.errors


@dataclass(slots=True, kw_only=True)
class _Bag:
    members: frozenset[str]
    content: Content
    size: Size
    digest: Digest
    version: str = ""
    encoding: str = "UTF-8"
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def text(self, member: str) -> str | None:
        content = self.content(member)
        if self.encoding.upper() in {"UTF-8", "UTF8"} and content.startswith(b"\xef\xbb\xbf"):
            self.errors.append(_("{path} begins with a byte-order mark").format(path=member))
            content = content[3:]
        try:
            return content.decode(self.encoding)
        except (UnicodeDecodeError, LookupError):
            self.errors.append(
                _("{path} is not in the declared encoding {encoding}").format(path=member, encoding=self.encoding)
            )
            return None


def check_bag(members: frozenset[str], *, content: Content, size: Size, digest: Digest) -> BagCheck:
    """Return what is wrong and what is unwise about a bag.

    Args:
        members: Paths of its regular files.
        content: Gives a tag file's bytes.
        size: Gives a file's size, bytes.
        digest: Gives the digest, hex, of a file (first) by an algorithm of :data:`HEX_LENGTH` (second).
    """
    bag = _Bag(members=members, content=content, size=size, digest=digest)
    _check_declaration(bag)
    payload = {path for path in members if path.startswith("data/")}
    manifests = _manifests(bag, tags=False)
    if not payload and "data" not in {path.partition("/")[0] for path in members}:
        bag.errors.append(_("there is no payload folder data/"))
    if not manifests:
        bag.errors.append(_("there is no payload manifest"))
    fetched = _check_fetch(bag)
    listed = {name: _entries(bag, name, algorithm) for name, algorithm in manifests.items()}
    for name, entries in listed.items():
        outside = sorted(path for path in entries if not path.startswith("data/"))
        bag.errors += [_("{name} names {path}, which is no payload").format(name=name, path=path) for path in outside]
        _check_digests(bag, name, manifests[name], entries)
        if bag.version >= "1.0":
            bag.errors += [
                _("{path} is not in {name}").format(path=path, name=name) for path in sorted(payload - entries.keys())
            ]
    named = {path for entries in listed.values() for path in entries}
    if bag.version < "1.0":
        bag.errors += [_("{path} is in no manifest").format(path=path) for path in sorted(payload - named)]
    bag.errors += [
        _("fetch.txt names {path}, which no manifest does").format(path=path) for path in sorted(fetched - named)
    ]
    for name, algorithm in _manifests(bag, tags=True).items():
        entries = _entries(bag, name, algorithm)
        wrong = sorted(path for path in entries if path.startswith(("data/", "tagmanifest-")))
        bag.errors += [_("{name} may not name {path}").format(name=name, path=path) for path in wrong]
        _check_digests(bag, name, algorithm, {path: entries[path] for path in entries if path not in wrong})
    _check_oxum(bag, payload)
    _check_names(bag, named | payload)
    return BagCheck(version=bag.version, errors=tuple(bag.errors), warnings=tuple(bag.warnings))


def _check_declaration(bag: _Bag) -> None:
    """Section 2.1.1: exactly two lines, UTF-8 without a byte-order mark."""
    if "bagit.txt" not in bag.members:
        bag.errors.append(_("there is no bagit.txt"))
        return
    text = bag.text("bagit.txt")
    match = None if text is None else _DECLARATION.match(text)
    if match is None:
        bag.errors.append(_("bagit.txt is not the two lines of a declaration"))
        return
    bag.version, bag.encoding = match["version"], match["encoding"]
    if bag.version not in _KNOWN:
        bag.errors.append(_("BagIt version {version} is not known").format(version=bag.version))
    elif bag.version != "1.0":
        bag.warnings.append(_("BagIt version {version} is out of date").format(version=bag.version))
    if bag.encoding.upper() != "UTF-8":
        bag.warnings.append(_("tag files are in {encoding}, not UTF-8").format(encoding=bag.encoding))


def _manifests(bag: _Bag, *, tags: bool) -> dict[str, str]:
    """Return the manifests that can be checked, with their algorithms."""
    found: dict[str, str] = {}
    for name in sorted(bag.members):
        match = _MANIFEST.match(name)
        if match is None or bool(match["tag"]) is not tags:
            continue
        algorithm = match["algorithm"].lower().replace("-", "")
        if algorithm not in HEX_LENGTH:
            bag.errors.append(_("{name} is of an algorithm that is not known").format(name=name))
        elif algorithm in found.values():
            bag.errors.append(_("{name} is a second manifest of its algorithm").format(name=name))
        else:
            found[name] = algorithm
    if found and not set(found.values()) - WEAK:
        bag.warnings.append(_("the digests are of weak algorithms only ({names})").format(names=", ".join(found)))
    return found


def _entries(bag: _Bag, name: str, algorithm: str) -> dict[str, str]:
    """Return a manifest's digests by path, noting what is wrong with its lines (section 2.1.3)."""
    text = bag.text(name)
    entries: dict[str, str] = {}
    for number, line in enumerate(_lines(text or ""), start=1):
        match = _LINE.match(line)
        if match is None or len(match["digest"]) != HEX_LENGTH[algorithm]:
            bag.errors.append(_("{name}, line {number}: no digest with a path").format(name=name, number=number))
            continue
        path = decode_path(match["path"])
        if match["star"]:
            bag.warnings.append(_("{name}, line {number}: written by md5sum's rules").format(name=name, number=number))
        if path.startswith("./"):
            bag.warnings.append(_("{name}, line {number}: a path begins with ./").format(name=name, number=number))
            path = path[2:]
        if path.startswith(("/", "~")) or ".." in path.split("/") or re.match(r"[A-Za-z]:[\\/]", path):
            bag.errors.append(_("{name}, line {number}: leads out of the bag").format(name=name, number=number))
            continue
        path = _as_stored(bag, path, name)
        if path in entries:
            say = bag.errors if entries[path] != match["digest"].lower() or bag.version >= "1.0" else bag.warnings
            say.append(_("{name} names {path} twice").format(name=name, path=path))
        entries[path] = match["digest"].lower()
    return entries


def _as_stored(bag: _Bag, path: str, name: str) -> str:
    """Return the path as the file system has it: another Unicode form is the same name, and unwise (section 6.1)."""
    if path in bag.members:
        return path
    normal = unicodedata.normalize("NFC", path)
    for member in bag.members:
        if unicodedata.normalize("NFC", member) == normal:
            bag.warnings.append(_("{name} writes {path} in another Unicode form").format(name=name, path=path))
            return member
    return path


def _check_digests(bag: _Bag, name: str, algorithm: str, entries: Mapping[str, str]) -> None:
    for path, stated in entries.items():
        if path not in bag.members:
            bag.errors.append(_("{path} is named in {name} but missing").format(path=path, name=name))
        elif bag.digest(path, algorithm) != stated:
            bag.errors.append(_("{path} has another digest than {name} says").format(path=path, name=name))


def _check_fetch(bag: _Bag) -> set[str]:
    """Section 2.2.3: what is to be fetched is not here yet, so the bag is incomplete; nothing is ever fetched here."""
    if "fetch.txt" not in bag.members:
        return set()
    fetched = set()
    for number, line in enumerate(_lines(bag.text("fetch.txt") or ""), start=1):
        match = _FETCH.match(line)
        if match is None:
            bag.errors.append(_("fetch.txt, line {number}: no address, length and path").format(number=number))
            continue
        path = decode_path(match["path"])
        if not path.startswith("data/") or ".." in path.split("/"):
            bag.errors.append(_("fetch.txt, line {number}: leads out of the payload").format(number=number))
            continue
        fetched.add(path)
    return fetched


def _check_oxum(bag: _Bag, payload: set[str]) -> None:
    """Section 2.2.2: bag-info.txt is labels with values, and Payload-Oxum counts what is there."""
    if "bag-info.txt" not in bag.members:
        return
    labels: Counter[str] = Counter()
    stated = ""
    for number, line in enumerate(_lines(bag.text("bag-info.txt") or ""), start=1):
        if line[:1] in {" ", "\t"} and labels:
            continue
        label, colon, value = line.partition(":")
        if not colon or not label.strip():
            bag.errors.append(_("bag-info.txt, line {number}: no label with a value").format(number=number))
            continue
        labels[label.strip().lower()] += 1
        if label.strip().lower() == "payload-oxum":
            stated = value.strip()
    if labels["payload-oxum"] > 1:
        bag.errors.append(_("bag-info.txt states Payload-Oxum twice"))
    if not stated:
        return
    found = f"{sum(bag.size(path) for path in payload)}.{len(payload)}"
    if stated != found:
        bag.errors.append(
            _("bag-info.txt states Payload-Oxum {stated}, the payload is {found}").format(stated=stated, found=found)
        )


def _check_names(bag: _Bag, paths: set[str]) -> None:
    """Section 6: names that other systems mix up or cannot hold."""
    folded: dict[str, str] = {}
    for path in sorted(paths):
        parts = path.split("/")
        for name in ("/".join(parts[:count]) for count in range(1, len(parts) + 1)):  # the folders on the way too
            key = unicodedata.normalize("NFC", name).casefold()
            if folded.setdefault(key, name) != name:
                warning = _("{path} and {other} are one name elsewhere").format(path=name, other=folded[key])
                if warning not in bag.warnings:
                    bag.warnings.append(warning)
        if any(_RESERVED.match(part) or _FORBIDDEN.search(part) or part != part.rstrip(" .") for part in _parts(path)):
            bag.warnings.append(_("{path} is no name on Windows").format(path=path))
        if path.rsplit("/", 1)[-1] in {".DS_Store", "Thumbs.db", "desktop.ini"}:
            bag.warnings.append(_("{path} is a file system's own").format(path=path))


def _parts(path: str) -> Iterator[str]:
    yield from path.split("/")


def _lines(text: str) -> list[str]:
    lines = _LINE_END.split(text)
    return lines[:-1] if not lines[-1] else lines
