from __future__ import annotations

import stat
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from core.errors import InputRefused
from evidence.signing.keys import create_key, ephemeral_key, load_key
from evidence.signing.public_key import Algorithm, PublicKey, p256_public, public_from_pem, public_pem, signature_holds


@pytest.mark.parametrize("algorithm", [Algorithm.ED25519, Algorithm.ECDSA])
def test_a_key_is_stored_encrypted_and_opens_with_its_passphrase(tmp_path: Path, algorithm: Algorithm) -> None:
    path = tmp_path / "bureau.pem"
    key = create_key(path, "correct horse", label="Bureau", algorithm=algorithm)
    assert key.public.algorithm is algorithm
    assert key.sign(b"x") == key.sign(b"x")  # the same inputs give the same package
    assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = load_key(path, "correct horse")
    assert again.key_id == key.key_id
    assert not again.ephemeral
    assert signature_holds(key.public, again.sign(b"x"), b"x")
    assert not signature_holds(key.public, again.sign(b"x"), b"y")


def test_openssl_prints_the_same_key_id(tmp_path: Path) -> None:
    key = create_key(tmp_path / "k.pem", "correct horse")
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", tmp_path / "k.pub.pem", "-outform", "DER"],
        check=True,
        capture_output=True,
    ).stdout
    assert sha256(der).hexdigest() == key.key_id


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    create_key(tmp_path / "k.pem", "correct horse")
    before = (tmp_path / "k.pem").read_bytes()
    with pytest.raises(InputRefused, match="never overwritten"):
        create_key(tmp_path / "k.pem", "correct horse")
    assert (tmp_path / "k.pem").read_bytes() == before


def test_wrong_files_and_words_are_refused(tmp_path: Path) -> None:
    create_key(tmp_path / "k.pem", "correct horse")
    with pytest.raises(InputRefused, match="passphrase"):
        load_key(tmp_path / "k.pem", "wrong")
    with pytest.raises(InputRefused, match="no encrypted private key"):
        load_key(tmp_path / "k.pub.pem", "correct horse")
    with pytest.raises(InputRefused, match="cannot be read"):
        load_key(tmp_path / "none.pem", "correct horse")
    with pytest.raises(InputRefused, match="no public key"):
        public_from_pem(b"hello", "x")
    with pytest.raises(ValueError, match="at least"):
        create_key(tmp_path / "short.pem", "short")
    assert not (tmp_path / "short.pem").exists()


def test_ephemeral_keys_differ_and_say_what_they_are() -> None:
    first, second = ephemeral_key(), ephemeral_key()
    assert first.ephemeral
    assert first.key_id != second.key_id
    assert public_from_pem(public_pem(first.public), "x") == first.public


def test_a_point_that_is_not_on_the_curve_vouches_for_nothing() -> None:
    nowhere = p256_public(b"\x04" + b"\x01" * 64)
    assert not signature_holds(nowhere, b"\x30\x06\x02\x01\x01\x02\x01\x01", b"x")
    with pytest.raises(ValueError, match="P-256"):
        PublicKey(der=nowhere.der[:-1])
