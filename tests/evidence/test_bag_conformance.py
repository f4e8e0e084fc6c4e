"""Cases of conformance, written from RFC 8493 section by section: valid, invalid, and valid with a warning.

Where the Library of Congress's own bagit.py has an opinion on a case, it must be ours too; the few where it is more
lenient than the text are named with the reason.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import bagit
import pytest

from evidence.verifying.bag_check import BagCheck, check_bag

Files = dict[str, bytes]
DECLARED = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def _sum(content: bytes, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, content).hexdigest()


def _bag(payload: Files | None = None, algorithm: str = "sha256", **more: bytes) -> Files:
    """Return a minimal bag (section 2), with a tag manifest over its tag files when it has a bag-info.txt."""
    payload = {"data/a.txt": b"alpha", "data/sub/b.txt": b"beta"} if payload is None else payload
    manifest = "".join(f"{_sum(content, algorithm)}  {path}\n" for path, content in sorted(payload.items()))
    return {"bagit.txt": DECLARED, f"manifest-{algorithm}.txt": manifest.encode(), **payload, **more}


def _with(**changes: bytes | None) -> Files:
    """Return the minimal bag with files added, replaced, or (None) taken away; "__" stands for "/", "_dot_" for "."."""
    files = _bag()
    for name, content in changes.items():
        path = name.replace("__", "/").replace("_dot_", ".").replace("_dash_", "-")
        if content is None:
            files.pop(path)
        else:
            files[path] = content
    return files


def _manifest(text: str) -> Files:
    return _with(manifest_dash_sha256_dot_txt=text.encode())


A, B = _sum(b"alpha"), _sum(b"beta")
BOTH = f"{A}  data/a.txt\n{B}  data/sub/b.txt\n"
TAGGED = _bag() | {"bag-info.txt": b"Source-Organization: x\n"}
TAGGED["tagmanifest-sha256.txt"] = "".join(
    f"{_sum(TAGGED[name])}  {name}\n" for name in ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")
).encode()

TAGGED_DEEP = _bag() | {"notes/readme.txt": b"hello"}
TAGGED_DEEP["tagmanifest-sha512.txt"] = "".join(
    f"{_sum(TAGGED_DEEP[name], 'sha512')}  {name}\n"
    for name in ("bagit.txt", "manifest-sha256.txt", "notes/readme.txt")
).encode()

VALID: dict[str, Files] = {
    "2 minimal": _bag(),
    "2.1.1 declaration without a last line end": _with(bagit_dot_txt=DECLARED.rstrip(b"\n")),
    "2.1.1 declaration with CRLF": _with(bagit_dot_txt=DECLARED.replace(b"\n", b"\r\n")),
    "2.1.3 capital hex": _manifest(BOTH.replace(A, A.upper())),
    "2.1.3 tabs and many spaces": _manifest(f"{A}\tdata/a.txt\n{B}     data/sub/b.txt\n"),
    "2.1.3 CR alone ends a line": _manifest(BOTH.replace("\n", "\r")),
    "2.1.3 no last line end": _manifest(BOTH.rstrip("\n")),
    "2.1.3 percent escapes": _bag({"data/50%.txt": b"x"})
    | {"manifest-sha256.txt": f"{_sum(b'x')}  data/50%25.txt\n".encode()},
    "2.1.3 spaces within a name": _bag({"data/a b  c.txt": b"x"}),
    "2.2.1 tag manifest": TAGGED,
    "2.2.2 metadata continued on a second line": _with(bag_dash_info_dot_txt=b"Note: one\n  two\nNote: again\n"),
    "2.2.2 right Payload-Oxum": _with(bag_dash_info_dot_txt=b"Payload-Oxum: 9.2\n"),
    "2.2.4 other tag files": _with(notes__readme_dot_txt=b"hello"),
    "2.4 two manifests": _bag() | {"manifest-sha512.txt": _bag(algorithm="sha512")["manifest-sha512.txt"]},
    "2.4 SHA-512 alone": _bag(algorithm="sha512"),
    "3 empty payload": {"bagit.txt": DECLARED, "manifest-sha256.txt": f"{_sum(b'')}  data/empty\n".encode(),
                        "data/empty": b""},
    "2.1.3 other percent signs are the name's own": _bag({"data/%2e%2e%41.txt": b"x"}),
    "2.2.3 what fetch.txt names is here already": _with(fetch_dot_txt=b"http://127.0.0.1/a 5 data/a.txt\n"),
    "2.2.3 fetch of unknown length": _with(fetch_dot_txt=b"http://127.0.0.1/a - data/a.txt\n"),
    "2.2.4 a tag file in a folder, in the tag manifest": TAGGED_DEEP,
    "2.1.3 names in Chinese": _bag({"data/消防车通道.txt": b"x"}),
}  # fmt: skip

INVALID: dict[str, tuple[Files, str]] = {
    "2.1.1 no declaration": (_with(bagit_dot_txt=None), "no bagit.txt"),
    "2.1.1 byte-order mark": (_with(bagit_dot_txt=b"\xef\xbb\xbf" + DECLARED), "byte-order mark"),
    "2.1.1 lines in the wrong order": (
        _with(bagit_dot_txt=b"Tag-File-Character-Encoding: UTF-8\nBagIt-Version: 1.0\n"),
        "two lines",
    ),
    "2.1.1 version without a point": (_with(bagit_dot_txt=DECLARED.replace(b"1.0", b"1")), "two lines"),
    "2.1.1 a third line": (_with(bagit_dot_txt=DECLARED + b"More: x\n"), "two lines"),
    "2.1.1 unknown version": (_with(bagit_dot_txt=DECLARED.replace(b"1.0", b"9.9")), "not known"),
    "2.1.2 no payload folder": ({"bagit.txt": DECLARED, "manifest-sha256.txt": b""}, "no payload folder"),
    "2.1.3 no manifest": (_with(manifest_dash_sha256_dot_txt=None), "no payload manifest"),
    "2.1.3 a payload file missing": (_with(data__a_dot_txt=None), "data/a.txt is named in manifest-sha256.txt"),
    "2.1.3 a payload file more": (_with(data__c_dot_txt=b"x"), "data/c.txt is not in"),
    "2.1.3 a payload file altered": (_with(data__a_dot_txt=b"Alpha"), "data/a.txt has another digest"),
    "2.1.3 not in every manifest": (
        _bag() | {"manifest-sha512.txt": f"{_sum(b'alpha', 'sha512')}  data/a.txt\n".encode()},
        "data/sub/b.txt is not in manifest-sha512.txt",
    ),
    "2.1.3 a path twice": (_manifest(BOTH + f"{A}  data/a.txt\n"), "twice"),
    "2.1.3 a path twice with two digests": (_manifest(BOTH + f"{B}  data/a.txt\n"), "twice"),
    "2.1.3 a digest too short": (_manifest(BOTH.replace(A, A[:40])), "line 1"),
    "2.1.3 a line without a path": (_manifest(BOTH + A + "\n"), "line 3"),
    "2.1.3 a tag file in a payload manifest": (
        _manifest(BOTH + f"{_sum(DECLARED)}  bagit.txt\n"),
        "no payload",
    ),
    "2.1.3 unknown algorithm": (_with(manifest_dash_tiger_dot_txt=b""), "algorithm that is not known"),
    "2.1.3 two manifests of one algorithm": (
        _bag() | {"manifest-SHA-256.txt": BOTH.encode()},
        "second manifest",
    ),
    "2.2.1 a tag file altered": (TAGGED | {"bag-info.txt": b"Source-Organization: y\n"}, "bag-info.txt has another"),
    "2.2.1 a tag file missing": (
        {path: content for path, content in TAGGED.items() if path != "bag-info.txt"},
        "bag-info.txt is named in tagmanifest",
    ),
    "2.2.1 a tag manifest names itself": (
        TAGGED
        | {"tagmanifest-sha256.txt": TAGGED["tagmanifest-sha256.txt"] + f"{A}  tagmanifest-sha256.txt\n".encode()},
        "may not name",
    ),
    "2.2.2 a line without a label": (_with(bag_dash_info_dot_txt=b"hello\n"), "line 1"),
    "2.2.2 wrong Payload-Oxum": (_with(bag_dash_info_dot_txt=b"Payload-Oxum: 10.2\n"), "the payload is 9.2"),
    "2.2.2 Payload-Oxum twice": (
        _with(bag_dash_info_dot_txt=b"Payload-Oxum: 9.2\nPayload-Oxum: 9.2\n"),
        "twice",
    ),
    "2.2.3 fetched file not here": (
        _with(data__a_dot_txt=None, fetch_dot_txt=b"http://127.0.0.1/a 5 data/a.txt\n"),
        "data/a.txt is named",
    ),
    "2.2.3 fetch of what no manifest names": (
        _with(fetch_dot_txt=b"http://127.0.0.1/z - data/z.txt\n"),
        "fetch.txt names data/z.txt",
    ),
    "2.2.3 fetch out of the payload": (_with(fetch_dot_txt=b"http://127.0.0.1/z 1 ../z\n"), "out of the payload"),
    "2.2.3 fetch line without a length": (_with(fetch_dot_txt=b"http://127.0.0.1/z data/a.txt\n"), "line 1"),
    "2.3 tag file not in the declared encoding": (_with(bag_dash_info_dot_txt=b"Note: \xff\xfe\n"), "encoding"),
    "2.1.1 an encoding that nobody knows": (
        _with(bagit_dot_txt=DECLARED.replace(b"UTF-8", b"KLINGON")),
        "encoding",
    ),
    "2.1.1 empty declaration": (_with(bagit_dot_txt=b""), "two lines"),
    "2.1.3 byte-order mark in a manifest": (
        _with(manifest_dash_sha256_dot_txt=b"\xef\xbb\xbf" + BOTH.encode()),
        "byte-order",
    ),
    "2.1.3 a name with a bare line feed": (
        _bag({"data/a\nb.txt": b"x"}) | {"manifest-sha256.txt": f"{_sum(b'x')}  data/a\nb.txt\n".encode()},
        "line 2",
    ),
    "2.1.3 a digest that is no hex": (_manifest(BOTH.replace(A, "z" * 64)), "line 1"),
    "2.2.1 a tag file twice": (
        TAGGED | {"tagmanifest-sha256.txt": TAGGED["tagmanifest-sha256.txt"] * 2},
        "twice",
    ),
    "2.2.1 the declaration altered": (TAGGED | {"bagit.txt": DECLARED.rstrip(b"\n")}, "bagit.txt has another"),
    "2.2.1 a payload manifest altered": (
        TAGGED | {"manifest-sha256.txt": BOTH.rstrip("\n").encode()},
        "manifest-sha256.txt has another",
    ),
    "2.2.1 tag manifest of an unknown algorithm": (
        _with(tagmanifest_dash_tiger_dot_txt=b""),
        "algorithm that is not known",
    ),
    "2.2.1 path out of the bag in a tag manifest": (
        TAGGED | {"tagmanifest-sha256.txt": TAGGED["tagmanifest-sha256.txt"] + f"{A}  ../x\n".encode()},
        "out of the bag",
    ),
    "2.2.2 Payload-Oxum that is none": (_with(bag_dash_info_dot_txt=b"Payload-Oxum: many\n"), "Payload-Oxum"),
    "2.2.2 Payload-Oxum with another count": (
        _with(bag_dash_info_dot_txt=b"Payload-Oxum: 9.3\n"),
        "the payload is 9.2",
    ),
    "2.2.3 fetch of an absolute path": (
        _with(fetch_dot_txt=b"http://127.0.0.1/z 1 /etc/passwd\n"),
        "out of the payload",
    ),
    "2.2.3 fetch of a tag file": (_with(fetch_dot_txt=b"http://127.0.0.1/z 1 bagit.txt\n"), "out of the payload"),
    "5.2 path out of the bag": (_manifest(BOTH + f"{A}  data/../../etc/passwd\n"), "out of the bag"),
    "5.2 absolute path": (_manifest(BOTH + f"{A}  /etc/passwd\n"), "out of the bag"),
    "5.2 home of a user": (_manifest(BOTH + f"{A}  ~root/x\n"), "out of the bag"),
    "5.2 a drive of Windows": (_manifest(BOTH + f"{A}  C:\\x\n"), "out of the bag"),
}

WARNED: dict[str, tuple[Files, str]] = {
    "2.4 MD5 alone": (_bag(algorithm="md5"), "weak"),
    "2.4 SHA-1 alone": (_bag(algorithm="sha1"), "weak"),
    "2.1.1 an old version": (_with(bagit_dot_txt=DECLARED.replace(b"1.0", b"0.97")), "out of date"),
    "2.1.1 another encoding": (_with(bagit_dot_txt=DECLARED.replace(b"UTF-8", b"ISO-8859-1")), "not UTF-8"),
    "2.1.3 a path with ./": (_manifest(BOTH.replace("data/a", "./data/a")), "./"),
    "2.1.3 md5sum's asterisk": (_manifest(BOTH.replace("  data/a", " *data/a")), "md5sum"),
    "2.1.3 CR and LF in a name, as percent escapes": (
        _bag({"data/a\nb\rc.txt": b"x"}) | {"manifest-sha256.txt": f"{_sum(b'x')}  data/a%0Ab%0Dc.txt\n".encode()},
        "no name on Windows",
    ),
    "2.1.3 lower-case percent escapes": (
        _bag({"data/a\nb.txt": b"x"}) | {"manifest-sha256.txt": f"{_sum(b'x')}  data/a%0ab.txt\n".encode()},
        "no name on Windows",
    ),
    "6.1 another Unicode form": (
        _bag({"data/Zürich.txt": b"x"}) | {"manifest-sha256.txt": f"{_sum(b'x')}  data/Zu\u0308rich.txt\n".encode()},
        "Unicode form",
    ),
    "6.1 names that differ in case only": (_bag({"data/a": b"x", "data/A": b"y"}), "one name elsewhere"),
    "6.1 a name reserved by Windows": (_bag({"data/aux.txt": b"x"}), "no name on Windows"),
    "6.1 the other Unicode form": (
        _bag({"data/Zu\u0308rich.txt": b"x"}) | {"manifest-sha256.txt": f"{_sum(b'x')}  data/Zürich.txt\n".encode()},
        "Unicode form",
    ),
    "6.1 folders that differ in case only": (_bag({"data/a/x": b"x", "data/A/y": b"y"}), "one name elsewhere"),
    "6.1 a character that Windows forbids": (_bag({"data/a:b": b"x"}), "no name on Windows"),
    "6.1 a file system's own file": (_bag({"data/.DS_Store": b"x"}), "file system's own"),
}

# bagit.py 1.9 accepts these, the text does not.
LENIENT = {
    "2.1.3 byte-order mark in a manifest",
    "2.2.1 tag manifest of an unknown algorithm",
    "2.2.3 fetch of a tag file",
    "2.1.1 lines in the wrong order",
    "2.1.1 a third line",
    "2.1.3 a path twice",
    "2.1.3 a tag file in a payload manifest",
    "2.1.3 unknown algorithm",
    "2.1.3 two manifests of one algorithm",
    "2.1.3 a digest too short",
    "2.1.3 a line without a path",
    "2.1.3 not in every manifest",
    "2.1.1 unknown version",
    "2.2.1 a tag manifest names itself",
    "2.2.2 a line without a label",
    "2.2.2 Payload-Oxum twice",
    "2.2.3 fetch line without a length",
    "2.2.3 fetch out of the payload",
    "2.3 tag file not in the declared encoding",
    "5.2 home of a user",
    "5.2 a drive of Windows",
    "2.1.1 version without a point",
    "2.2.3 fetch of what no manifest names",
}
# bagit.py 1.9 does not undo %25 and lower-case escapes, and compares decomposed names byte for byte.
STRICTER = {"2.1.3 percent escapes", "2.1.3 lower-case percent escapes", "6.1 another Unicode form"}


def _check(files: Files) -> BagCheck:
    return check_bag(
        frozenset(files),
        content=lambda path: files[path],
        size=lambda path: len(files[path]),
        digest=lambda path, algorithm: _sum(files[path], algorithm),
    )


def _bagit_py(files: Files, folder: Path) -> bool | None:
    """Return whether bagit.py finds the bag valid; None where it breaks down instead of judging."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    logging.disable(logging.CRITICAL)
    try:
        return bool(bagit.Bag(str(folder)).is_valid())
    except bagit.BagError:
        return False
    except Exception:  # noqa: BLE001 - a crash of the other implementation is no verdict
        return None
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", VALID)
def test_a_valid_bag_is_valid_without_a_warning(name: str, tmp_path: Path) -> None:
    checked = _check(VALID[name])
    assert checked.errors == ()
    assert checked.warnings == ()
    assert _bagit_py(VALID[name], tmp_path) in {True, None} or name in STRICTER


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_bag_is_invalid_for_its_reason(name: str, tmp_path: Path) -> None:
    files, reason = INVALID[name]
    checked = _check(files)
    assert not checked.valid
    assert any(reason in error for error in checked.errors), checked.errors
    if name not in LENIENT:
        assert _bagit_py(files, tmp_path) in {False, None}


@pytest.mark.parametrize("name", WARNED)
def test_what_is_unwise_is_warned_of_and_still_valid(name: str, tmp_path: Path) -> None:
    files, reason = WARNED[name]
    checked = _check(files)
    assert checked.errors == ()
    assert any(reason in warning for warning in checked.warnings), checked.warnings
    assert _bagit_py(files, tmp_path) in {True, None} or name in STRICTER


def test_every_byte_of_a_whole_bag_counts() -> None:
    files = TAGGED
    for path, content in files.items():
        if path == "tagmanifest-sha256.txt":
            continue  # nothing covers it
        for place in range(len(content)):
            flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
            assert not _check(files | {path: flipped}).valid, (path, place)


@pytest.mark.parametrize("change", ["drop", "add"])
def test_a_whole_bag_misses_nothing_that_is_dropped_or_added(change: str) -> None:
    for path in TAGGED:
        files = dict(TAGGED)
        if change == "drop":
            del files[path]
        else:
            files[f"data/{path.replace('/', '-')}.more"] = b"x"
        if path != "tagmanifest-sha256.txt" or change == "add":
            assert not _check(files).valid, path


def test_our_own_packages_are_bags_without_a_warning(package: Path) -> None:
    files = {path.relative_to(package).as_posix(): path.read_bytes() for path in package.rglob("*") if path.is_file()}
    checked = _check(files)
    assert checked == BagCheck(version="1.0", errors=(), warnings=())
