from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID

from core.clock import FrozenClock, SystemClock
from core.errors import InputRefused, IntegrityFailed
from evidence.papers.documents import CaseFile, Paper, write_document
from evidence.signing.pdf_signature import check_document, load_document_signer, sign_document

NOW = datetime.now(UTC)


def _bureau(folder: Path, *, name: str = "示范区应急管理局", signing: bool = True, days: int = 30) -> x509.Certificate:
    """Make a self-issued certificate and write it with its key to ``bureau.p12``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    usage |= {"digital_signature": signing, "content_commitment": signing}
    if not signing:
        usage["key_cert_sign"] = True
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle = pkcs12.serialize_key_and_certificates(
        b"b", key, certificate, None, BestAvailableEncryption(b"correct horse")
    )
    (folder / "bureau.p12").write_bytes(bundle)
    return certificate


@pytest.fixture
def pdf(case: Any) -> bytes:
    case_file = CaseFile(incident=case.incident, originals=(), program="skywarden 0.1.0", at=NOW)
    return write_document(Paper.EVIDENCE_LIST, case_file)


def test_a_signed_document_checks_out_and_keeps_its_pages(pdf: bytes, tmp_path: Path) -> None:
    root = _bureau(tmp_path)
    signer = load_document_signer(tmp_path / "bureau.p12", "correct horse")
    signed = sign_document(pdf, signer, reason="证据目录", clock=SystemClock())
    assert signed.startswith(pdf)  # an incremental update: what was set stays as it was
    [check] = check_document(signed, (root,), "list.pdf")
    assert check.good
    assert "示范区应急管理局" in check.signer
    assert check.signed_at is not None
    assert check_document(pdf, (root,), "list.pdf") == ()


def test_a_changed_document_and_a_stranger_are_found(pdf: bytes, tmp_path: Path) -> None:
    root = _bureau(tmp_path)
    signer = load_document_signer(tmp_path / "bureau.p12", "correct horse")
    signed = sign_document(pdf, signer, reason="证据目录", clock=SystemClock())
    place = len(pdf) // 2
    altered = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
    [check] = check_document(altered, (root,), "list.pdf")
    assert not check.intact
    (tmp_path / "other").mkdir()
    stranger = _bureau(tmp_path / "other", name="某人")
    [check] = check_document(signed, (stranger,), "list.pdf")
    assert check.intact
    assert not check.trusted
    assert not check.good


def test_an_expired_or_unfit_certificate_signs_nothing(pdf: bytes, tmp_path: Path) -> None:
    _bureau(tmp_path)
    signer = load_document_signer(tmp_path / "bureau.p12", "correct horse")
    for now in (NOW + timedelta(days=31), NOW - timedelta(days=2)):
        with pytest.raises(IntegrityFailed, match="valid from"):
            sign_document(pdf, signer, reason="x", clock=FrozenClock(instant=now))
    _bureau(tmp_path, signing=False)
    with pytest.raises(IntegrityFailed, match="not meant for signing"):
        sign_document(
            pdf, load_document_signer(tmp_path / "bureau.p12", "correct horse"), reason="x", clock=SystemClock()
        )


def test_files_that_are_not_what_they_should_be_are_refused(tmp_path: Path) -> None:
    _bureau(tmp_path)
    with pytest.raises(InputRefused, match="does not open"):
        load_document_signer(tmp_path / "bureau.p12", "wrong")
    with pytest.raises(InputRefused, match="does not open"):
        load_document_signer(tmp_path / "none.p12", "correct horse")
    with pytest.raises(InputRefused, match="no readable PDF"):
        check_document(b"no pdf", (), "x.pdf")
