"""SM2 keys: made, stored encrypted, sealing with one, and the seal checked by openssl alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputRefused
from evidence.sealing import package as names
from evidence.sealing.package_source import MemorySource
from evidence.signing.keys import TrustedKey, create_key, load_key
from evidence.signing.public_key import Algorithm, public_from_pem, public_pem, signature_holds
from evidence.verify import verify, verify_source
from evidence.verifying.verification import Outcome

PASSPHRASE = "correct horse"  # noqa: S105 - a test's own


@pytest.fixture
def sm2(tmp_path: Path) -> Any:
    return create_key(tmp_path / "sm2.pem", PASSPHRASE, label="bureau", algorithm=Algorithm.SM2)


def test_an_sm2_key_is_made_encrypted_and_opens_again(sm2: Any, tmp_path: Path) -> None:
    content = (tmp_path / "sm2.pem").read_bytes()
    assert content.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert (tmp_path / "sm2.pem").stat().st_mode & 0o777 == 0o600
    again = load_key(tmp_path / "sm2.pem", PASSPHRASE)
    assert again.public == sm2.public
    assert again.public.algorithm is Algorithm.SM2
    assert public_from_pem((tmp_path / "sm2.pub.pem").read_bytes(), "x") == sm2.public
    assert public_pem(sm2.public) == (tmp_path / "sm2.pub.pem").read_bytes()
    signature = again.sign(b"x")
    assert signature_holds(sm2.public, signature, b"x")
    assert not signature_holds(sm2.public, signature, b"y")
    assert not signature_holds(sm2.public, b"", b"x")


def test_a_wrong_passphrase_is_refused(sm2: Any, tmp_path: Path) -> None:
    assert sm2.label == "bureau"
    with pytest.raises(InputRefused, match="passphrase"):
        load_key(tmp_path / "sm2.pem", "wrong horse")


def test_a_package_sealed_with_sm2_verifies_and_every_changed_signature_is_found(
    sm2: Any, case: Any, tmp_path: Path
) -> None:
    package = replace(case, key=sm2).seal(tmp_path / "packages")
    trusted = [TrustedKey(public=sm2.public, label="bureau")]
    verification = verify(package, trusted_keys=trusted)
    assert verification.findings == ()
    [signature] = [step for step in verification.steps if step.code == "signature"]
    assert "SM2" in signature.expected
    files = {path.relative_to(package).as_posix(): path.read_bytes() for path in package.rglob("*") if path.is_file()}
    envelope = json.loads(files[names.ENVELOPE])
    sig = files[names.ENVELOPE].index(envelope["signatures"][0]["sig"].encode()) + 10
    for place in (sig, sig + 20, sig + 40):
        content = files[names.ENVELOPE]
        other = content[:place] + (b"A" if content[place : place + 1] != b"A" else b"B") + content[place + 1 :]
        forged = MemorySource(where=Path("p"), contents=files | {names.ENVELOPE: other})
        steps = {step.code: step.outcome for step in verify_source(forged, trusted_keys=trusted).steps}
        assert steps["signature"] is Outcome.FAIL


def test_without_openssl_the_signature_is_unknown_and_not_passed(
    sm2: Any, case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = replace(case, key=sm2).seal(tmp_path / "packages")
    monkeypatch.setenv("PATH", str(tmp_path))
    verification = verify(package, trusted_keys=[TrustedKey(public=sm2.public, label="bureau")])
    [signature] = [step for step in verification.steps if step.code == "signature"]
    assert signature.outcome is Outcome.UNKNOWN
    assert "openssl" in signature.found
    with pytest.raises(InputRefused, match="openssl"):
        create_key(tmp_path / "another.pem", PASSPHRASE, algorithm=Algorithm.SM2)
    assert not (tmp_path / "another.pem").exists()
