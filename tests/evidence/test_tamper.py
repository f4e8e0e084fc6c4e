from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bagit
import pytest

from evidence.sealing import package as names
from evidence.sealing.bag import manifest_text
from evidence.sealing.canonical import canonical_bytes
from evidence.sealing.digests import ALGORITHMS, digest_bytes
from evidence.sealing.package_source import MemorySource
from evidence.signing.dsse import encode_envelope, sign
from evidence.signing.keys import TrustedKey, ephemeral_key
from evidence.signing.public_key import public_pem
from evidence.verify import verify, verify_source
from evidence.verifying.verification import Outcome, Verification

# From a moving start, so that repeated runs of similar records meet other bytes; 1 (make soak-evidence) is every byte.
STRIDE = int(os.environ.get("SKYWARDEN_FLIP_STRIDE", "13"))


@pytest.fixture
def small(case_maker: Any, tmp_path: Path) -> tuple[Any, Path, dict[str, bytes]]:
    case = case_maker("small", photos=1)
    package = case.seal(tmp_path / "packages", derived=())
    files = {path.relative_to(package).as_posix(): path.read_bytes() for path in package.rglob("*") if path.is_file()}
    return case, package, files


def _verify(files: dict[str, bytes], case: Any, **options: Any) -> Verification:
    return verify_source(MemorySource(where=Path("package"), contents=files), trusted_keys=case.trusted, **options)


def _failed(verification: Verification) -> set[str]:
    return {step.code for step in verification.steps if step.outcome is Outcome.FAIL}


def _names(verification: Verification, path: str) -> bool:
    return any(path in finding for finding in verification.findings)


def _resigned(files: dict[str, bytes], case: Any) -> dict[str, bytes]:
    """Return the files as a thorough forger leaves them: every manifest made anew and signed with a key of his own."""
    forged = dict(files)
    payload = {path: digest_bytes(content) for path, content in forged.items() if path.startswith("data/")}
    octets = sum(one.size_bytes for one in payload.values())
    info = forged[names.BAG_INFO].decode().splitlines()
    info = [f"Payload-Oxum: {octets}.{len(payload)}" if line.startswith("Payload-Oxum") else line for line in info]
    forged[names.BAG_INFO] = ("\n".join(info) + "\n").encode()
    for algorithm in ALGORITHMS:
        forged[f"manifest-{algorithm}.txt"] = manifest_text(
            {path: getattr(one, algorithm) for path, one in payload.items()}
        )
    key = case.key
    statement = json.loads(forged[names.STATEMENT])
    statement["predicate"]["key_id"] = key.key_id
    covered = {**payload, **{path: digest_bytes(forged[path]) for path in names.SIGNED_TAGS}}
    statement["subject"] = [
        {"name": path, "digest": {"sha256": covered[path].sha256, "sm3": covered[path].sm3}} for path in sorted(covered)
    ]
    forged[names.STATEMENT] = canonical_bytes(statement)
    forged[names.ENVELOPE] = encode_envelope(sign(forged[names.STATEMENT], key))
    forged[names.PUBLIC_KEY] = public_pem(key.public)
    return _retagged(forged)


def _retagged(files: dict[str, bytes]) -> dict[str, bytes]:
    tags = {
        path: digest_bytes(content)
        for path, content in files.items()
        if not path.startswith(("data/", "tagmanifest-")) and path != names.TIME_TOKEN
    }
    for algorithm in ALGORITHMS:
        files[f"tagmanifest-{algorithm}.txt"] = manifest_text(
            {path: getattr(one, algorithm) for path, one in tags.items()}
        )
    return files


def test_a_package_as_it_was_sealed_has_no_findings(small: Any) -> None:
    case, _package, files = small
    assert _verify(files, case).findings == ()
    assert _resigned(files, case) == files  # the forger's hand is the sealer's: his forgeries below are thorough


def test_a_flipped_byte_anywhere_is_found_and_its_file_named(small: Any) -> None:
    case, _package, files = small
    missed = []
    start = 0
    for path, content in files.items():
        for place in range(start % STRIDE, len(content), STRIDE):
            start += 1
            flipped = content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :]
            verification = _verify(files | {path: flipped}, case)
            if verification.outcome is not Outcome.FAIL or not _names(verification, path):
                missed.append((path, place))
    assert start > 1000
    assert missed == []


@pytest.mark.parametrize(
    "garbage",
    [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b'{"schema":7}', b"\n", b"\0" * 100, b"1e999"],
    ids=["nothing", "object", "list", "null", "no text", "deep", "other schema", "line", "zeros", "infinite"],
)
def test_garbage_in_any_place_is_a_finding_and_never_a_crash(small: Any, garbage: bytes) -> None:
    case, _package, files = small
    for path in files:
        forgeries = [files | {path: garbage}]
        if path not in names.TAG_MANIFESTS:
            forgeries.append(_retagged(files | {path: garbage}))
        for forged in forgeries:
            verification = _verify(forged, case)
            assert verification.outcome is Outcome.FAIL, path
            assert _names(verification, path)


def test_a_dropped_file_is_found_and_named(small: Any) -> None:
    case, _package, files = small
    for path in files:
        rest = {name: content for name, content in files.items() if name != path}
        verification = _verify(rest, case)
        assert verification.outcome is Outcome.FAIL, path
        assert _names(verification, path), path


@pytest.mark.parametrize("path", ["data/extra.txt", "data/originals/00000000/x.jpg", "stray.txt", "signature/x.json"])
def test_an_added_file_is_found_and_named(small: Any, path: str) -> None:
    case, _package, files = small
    verification = _verify(files | {path: b"added"}, case)
    assert verification.outcome is Outcome.FAIL
    assert _names(verification, path)


def test_a_renamed_file_is_found_under_both_names(small: Any) -> None:
    case, _package, files = small
    [original] = [path for path in files if path.startswith("data/originals/")]
    renamed = {("data/originals/other.jpg" if path == original else path): content for path, content in files.items()}
    verification = _verify(renamed, case)
    assert _names(verification, original)
    assert _names(verification, "data/originals/other.jpg")


def test_two_files_with_their_contents_exchanged_are_both_named(case: Any, package: Path) -> None:
    first, second = (package / "data/originals" / one.sha256[:8] / one.name for one in case.originals)
    contents = first.read_bytes(), second.read_bytes()
    for path, content in zip((second, first), contents, strict=True):
        path.chmod(0o644)
        path.write_bytes(content)
    verification = verify(package, trusted_keys=case.trusted)
    assert _names(verification, first.name)
    assert _names(verification, second.name)


def test_a_bag_made_anew_passes_bagit_and_fails_here(small: Any) -> None:
    """What a bag alone cannot tell: the payload changed and every manifest was made again, the signature was not."""
    case, package, files = small
    forged = dict(files)
    forged["data/context/rules.yaml"] = b"rules: [none]\n"
    remade = _resigned(forged, case) | {path: files[path] for path in files if path.startswith("signature/")}
    remade = _retagged(remade)
    for path, content in remade.items():
        (package / path).chmod(0o644)
        (package / path).write_bytes(content)
    assert bagit.Bag(str(package)).is_valid()
    verification = verify(package, trusted_keys=case.trusted)
    assert "statement" in _failed(verification)
    assert _names(verification, "data/context/rules.yaml")


def test_a_package_signed_again_by_another_key_is_not_trusted(small: Any) -> None:
    case, _package, files = small
    stranger = replace(case, key=ephemeral_key())
    forged = _resigned(files | {"data/context/rules.yaml": b"rules: [none]\n"}, stranger)
    verification = _verify(forged, case)
    assert "signer" in _failed(verification)
    assert "signature" not in _failed(verification)  # it is a good signature, only nobody's


@pytest.mark.parametrize(
    ("path", "change", "code"),
    [
        (names.INCIDENT, lambda text: text.replace('"probability":0.97', '"probability":0.99', 1), "custody"),
        (names.CUSTODY, lambda text: text.replace("program:skywarden", "program:somebody", 1), "custody"),
        (names.ORIGINALS, lambda _text: '{"originals":[],"schema":"skywarden/originals/1"}', "originals"),
        (names.CONTEXT, lambda text: text.replace('"sha256":"', '"sha256":"0', 1), "context"),
    ],
)
def test_records_that_disagree_are_found_even_under_the_bureaus_own_signature(
    small: Any, path: str, change: Any, code: str
) -> None:
    case, _package, files = small
    changed = change(files[path].decode()).encode()
    assert changed != files[path]
    verification = _verify(_resigned(files | {path: changed}, case), case)
    assert code in _failed(verification)


def test_two_cases_with_a_record_exchanged_are_found(case_maker: Any, tmp_path: Path) -> None:
    one = case_maker("one", photos=1)
    two = case_maker("two", photos=1, label="truck")
    packages = [case.seal(tmp_path / "out", derived=()) for case in (one, two)]
    files = [
        {path.relative_to(package).as_posix(): path.read_bytes() for path in package.rglob("*") if path.is_file()}
        for package in packages
    ]
    exchanged = 0
    for path in sorted(files[0].keys() & files[1].keys()):
        if files[0][path] == files[1][path]:  # the same photograph, the same rules, the bureau's key
            continue
        exchanged += 1
        verification = _verify(files[0] | {path: files[1][path]}, one)
        assert verification.outcome is Outcome.FAIL
        assert _names(verification, path)
    assert exchanged >= 10
    both = {path: files[1][path] for path in (names.STATEMENT, names.ENVELOPE)}
    assert "incident" in _failed(_verify(_retagged(files[0] | both), one))


def test_reordered_custody_is_found(case: Any, package: Path) -> None:
    path = package / names.CUSTODY
    lines = path.read_bytes().splitlines(keepends=True)
    path.chmod(0o644)
    path.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))
    assert {"custody", "payload-sha256", "statement"} <= _failed(verify(package, trusted_keys=case.trusted))


def test_links_and_empty_folders_are_named_not_followed(case: Any, package: Path, tmp_path: Path) -> None:
    original = next((package / "data/originals").rglob("*.JPG"))
    shutil.copy(original, tmp_path / "elsewhere.jpg")
    original.unlink()
    original.symlink_to(tmp_path / "elsewhere.jpg")
    (package / "data/empty").mkdir()
    os.mkfifo(package / "pipe")
    verification = verify(package, trusted_keys=case.trusted)
    assert _names(verification, original.relative_to(package).as_posix())
    assert _names(verification, "data/empty")
    assert _names(verification, "pipe")


SEALED = datetime(2026, 10, 1, 4, 3, 4, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"valid_from": SEALED + timedelta(seconds=1)}, "not yet valid"),
        ({"valid_to": SEALED - timedelta(seconds=1)}, "expired"),
        ({"revoked_at": SEALED + timedelta(days=90)}, "revoked"),
    ],
)
def test_a_key_out_of_its_time_is_refused(small: Any, bounds: dict[str, datetime], words: str) -> None:
    case, _package, files = small
    trusted = (TrustedKey(public=case.key.public, label="bureau", **bounds),)
    verification = verify_source(MemorySource(where=Path("p"), contents=files), trusted_keys=trusted)
    assert any(words in finding for finding in verification.findings)
    assert "signer" in _failed(verification)


def test_a_package_from_the_future_is_refused(small: Any) -> None:
    case, _package, files = small
    assert "signer" in _failed(_verify(files, case, now=SEALED - timedelta(days=1)))
    assert "signer" not in _failed(_verify(files, case, now=SEALED))
