from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import av
import numpy as np
import pytest
import typst
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from core.errors import IntegrityFailed
from evidence.handing_out.content_credentials import ContentSigner, check_copy, mark_copy

NOW = datetime.now(UTC)


def _usage(**on: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{name: on.get(name, False) for name in names})


def _authority(name: str) -> tuple[str, ContentSigner]:
    """Return a root (PEM) and a signer whose certificate it issued."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _one in range(2))
    root_name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name), x509.NameAttribute(NameOID.COMMON_NAME, f"{name} root")]
    )
    leaf_name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )

    def build(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=30))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        )

    root = (
        build(root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        build(leaf_name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    root_pem = root.public_bytes(Encoding.PEM).decode()
    return root_pem, ContentSigner(chain_pem=leaf.public_bytes(Encoding.PEM).decode() + root_pem, key_pem=pem)


def test_a_marked_copy_is_trusted_by_who_trusts_the_bureau_and_by_nobody_else(case: Any) -> None:
    root, signer = _authority("示范区应急管理局")
    stranger_root, _signer = _authority("somebody")
    copy = case.derived[0]
    marked = mark_copy(copy, signer, program="skywarden 0.1.0")
    assert marked.content != copy.content
    check = check_copy(marked.content, "image/jpeg", root)
    assert check.good, check
    assert check.source_sha256 == copy.derivation.source_sha256
    assert check.issuer == "示范区应急管理局"
    other = check_copy(marked.content, "image/jpeg", stranger_root)
    assert other.state == "Valid"  # the library's word for: unchanged, and signed by anybody
    assert not other.good
    assert Image.open(BytesIO(marked.content)).size == Image.open(BytesIO(copy.content)).size


def _video() -> bytes:
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as sink:
        stream = sink.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(0, 200, 20):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade, np.uint8), format="rgb24")
            sink.mux(stream.encode(picture))
        sink.mux(stream.encode())
    return buffer.getvalue()


def _pdf() -> bytes:
    content = typst.compile(b"#set page(width: 80mm, height: 40mm)\nhello", format="pdf")
    assert isinstance(content, bytes)
    return content


@pytest.mark.parametrize(
    ("name", "media_type", "make"), [("a.mp4", "video/mp4", _video), ("a.pdf", "application/pdf", _pdf)]
)
def test_clips_and_documents_are_marked_too_and_a_changed_byte_of_theirs_is_found(
    case: Any, name: str, media_type: str, make: Callable[[], bytes]
) -> None:
    root, signer = _authority("bureau")
    plain = make()
    copy = replace(case.derived[0], name=name, media_type=media_type, content=plain)
    marked = mark_copy(copy, signer, program="skywarden 0.1.0").content
    check = check_copy(marked, media_type, root)
    assert check.good, check
    assert check.source_sha256 == copy.derivation.source_sha256
    body = marked.index(b"mdat") + 60 if name == "a.mp4" else 60
    for place in (body, len(marked) // 2):
        changed = marked[:place] + bytes([marked[place] ^ 1]) + marked[place + 1 :]
        assert not check_copy(changed, media_type, root).good
    assert not check_copy(plain, media_type, root).good
    assert not check_copy(marked, media_type, _authority("somebody")[0]).good


def test_a_changed_copy_and_one_without_credentials_are_not_good(case: Any) -> None:
    root, signer = _authority("bureau")
    copy = case.derived[0]
    marked = mark_copy(copy, signer, program="skywarden 0.1.0").content
    for place in (len(marked) - 50, len(marked) // 2, len(marked) // 3):
        changed = marked[:place] + bytes([marked[place] ^ 1]) + marked[place + 1 :]
        assert not check_copy(changed, "image/jpeg", root).good
    bare = check_copy(copy.content, "image/jpeg", root)
    assert bare.state == "None"
    assert not bare.good


def test_a_certificate_that_is_none_is_a_plain_failure(case: Any) -> None:
    _root, signer = _authority("bureau")
    with pytest.raises(IntegrityFailed, match="could not be added"):
        mark_copy(case.derived[0], replace(signer, chain_pem="nothing"), program="skywarden 0.1.0")
