"""Signs documents as PDFs (PAdES baseline B) with the bureau's certificate, and checks such signatures, by pyHanko.

The one module that speaks to pyHanko. A certificate that is not valid at the time of signing, or not for signing, is
refused before anything is signed. Checking needs no network: revocation is looked up only in what the PDF carries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from core.clock import Clock, in_utc, iso_utc
from core.errors import InputRefused, IntegrityFailed
from core.text import _

if TYPE_CHECKING:
    from pyhanko.sign.signers import SimpleSigner

FIELD = "Skywarden"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSigner:
    """A certificate with its private key.

    Attributes:
        certificate: The certificate.
        signer: pyHanko's signer.
    """

    certificate: x509.Certificate
    signer: SimpleSigner = field(repr=False)

    @property
    def name(self) -> str:
        """The certificate's subject."""
        return self.certificate.subject.rfc4514_string()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentCheck:
    """What a signature on a PDF says.

    Attributes:
        signer: The certificate's subject.
        signed_at: By the signer's clock, aware UTC; None when not stated.
        intact: Whether what was signed is unchanged.
        whole: Whether the signature covers the whole file (nothing was added after it).
        trusted: Whether the certificate leads to a trusted root and was valid.
    """

    signer: str
    signed_at: datetime | None
    intact: bool
    whole: bool
    trusted: bool

    @property
    def good(self) -> bool:
        """Whether everything holds."""
        return self.intact and self.whole and self.trusted


def load_document_signer(path: Path, passphrase: str) -> DocumentSigner:
    """Return the signer in a PKCS#12 file.

    Raises:
        InputRefused: The file cannot be read or opened, or holds no certificate with its key.
    """
    from pyhanko.sign.signers import SimpleSigner

    remedy = _("Name the bureau's PKCS#12 file and give its passphrase.")
    try:
        content = path.read_bytes()
        _key, certificate, _others = pkcs12.load_key_and_certificates(content, passphrase.encode())
    except (OSError, ValueError) as problem:
        raise InputRefused(path, _("does not open ({problem})").format(problem=problem), remedy) from problem
    signer = SimpleSigner.load_pkcs12_data(content, other_certs=[], passphrase=passphrase.encode())
    if certificate is None or signer is None:
        raise InputRefused(path, _("holds no certificate with its key"), remedy)
    return DocumentSigner(certificate=certificate, signer=signer)


def sign_document(pdf: bytes, signer: DocumentSigner, *, reason: str, clock: Clock) -> bytes:
    """Return a PDF with a PAdES signature over the whole of it.

    Args:
        pdf: The document.
        signer: Who signs.
        reason: What the signature is for; shown by PDF readers.
        clock: Tells whether the certificate is valid; the time stated in the signature is pyHanko's, the machine's.

    Raises:
        IntegrityFailed: The certificate is not valid now, or is not meant for signing.
    """
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import SigSeedSubFilter
    from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner

    _check_certificate(signer, clock.now())
    metadata = PdfSignatureMetadata(
        field_name=FIELD, reason=reason, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256"
    )
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    signed = PdfSigner(metadata, signer=signer.signer).sign_pdf(writer)
    return bytes(signed.getbuffer())


def _check_certificate(signer: DocumentSigner, now: datetime) -> None:
    certificate = signer.certificate
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise IntegrityFailed(
            _("The certificate of {name} is valid from {start} to {end}, not at {now}; nothing was signed.").format(
                name=signer.name,
                start=iso_utc(certificate.not_valid_before_utc),
                end=iso_utc(certificate.not_valid_after_utc),
                now=iso_utc(now),
            )
        )
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not (usage.digital_signature or usage.content_commitment):
        raise IntegrityFailed(
            _("The certificate of {name} is not meant for signing; nothing was signed.").format(name=signer.name)
        )


def check_document(pdf: bytes, roots: tuple[x509.Certificate, ...], name: str) -> tuple[DocumentCheck, ...]:
    """Return what each signature on a PDF says; an unsigned one has none.

    Args:
        pdf: The document.
        roots: Certificates that the verifier trusts.
        name: The document's name, for refusals.

    Raises:
        InputRefused: It is no readable PDF.
    """
    from pyhanko.keys import load_certs_from_pemder_data
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko_certvalidator import ValidationContext

    trust = [one for root in roots for one in load_certs_from_pemder_data(root.public_bytes(Encoding.DER))]
    try:
        reader = PdfFileReader(BytesIO(pdf))
        signatures = list(reader.embedded_signatures)
    except (PdfError, ValueError, KeyError) as problem:
        raise InputRefused(
            name, _("is no readable PDF ({problem})").format(problem=problem), _("Use the document as it was signed.")
        ) from problem
    context = ValidationContext(trust_roots=trust, allow_fetching=False)
    return tuple(_check(signature, context) for signature in signatures)


def _check(signature: Any, context: Any) -> DocumentCheck:  # noqa: ANN401 - pyHanko's objects stay in this module
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.errors import SignatureValidationError

    try:
        status = validate_pdf_signature(signature, context)
    except (SignatureValidationError, SigningError, ValueError) as problem:
        return DocumentCheck(signer=str(problem), signed_at=None, intact=False, whole=False, trusted=False)
    stated = status.signer_reported_dt
    return DocumentCheck(
        signer=status.signing_cert.subject.human_friendly,
        signed_at=None if stated is None else in_utc(stated),
        intact=bool(status.intact and status.valid),
        whole=status.modification_level is ModificationLevel.NONE,
        trusted=bool(status.trusted),
    )
