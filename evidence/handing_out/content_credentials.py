"""Content credentials (C2PA) on copies that leave the bureau: a manifest inside the JPEG, MP4 or PDF, by c2pa-python.

The one module that speaks to C2PA. The manifest says what the copy was made from and how; it is signed with the
bureau's C2PA certificate. A manifest alone proves nothing: the library calls a copy signed by anybody ``Valid``. Here a
copy is good only when it is ``Trusted``, that is when its certificate leads to a root that the verifier named. Nothing
is fetched from a network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any, Final, cast

from core.errors import InputRefused, IntegrityFailed
from core.text import _
from evidence.sealing.canonical import RECORDS
from evidence.sealing.derivation import Derived

ASSERTION: Final = "org.skywarden.derivation"
_ACTIONS: Final = {
    "annotate": "c2pa.drawing",
    "crop": "c2pa.cropped",
    "clip": "c2pa.trimmed",
    "redact": "c2pa.redacted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentSigner:
    """A C2PA certificate chain with its private key.

    Attributes:
        chain_pem: The signing certificate and its intermediates, PEM, signer first.
        key_pem: The private key, PEM (PKCS#8, P-256).
    """

    chain_pem: str
    key_pem: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyCheck:
    """What a copy's content credentials say.

    Attributes:
        state: The library's word: "Trusted", "Valid", "Invalid", or "None" for a copy without credentials.
        issuer: Who issued the signing certificate, as it says itself.
        source_sha256: Digest of the original that the copy says it was made from; empty when it does not say.
        findings: What does not hold, the library's codes.
    """

    state: str
    issuer: str
    source_sha256: str
    findings: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether the copy is unchanged and signed by somebody the verifier trusts."""
        return self.state == "Trusted"


def _settings(trust_anchors_pem: str) -> dict[str, Any]:
    return {
        "version": 1,
        "trust": {"user_anchors": trust_anchors_pem},
        "verify": {"verify_trust": True, "ocsp_fetch": False, "remote_manifest_fetch": False},
    }


def mark_copy(copy: Derived, signer: ContentSigner, *, program: str) -> Derived:
    """Return a derived copy with content credentials inside.

    Args:
        copy: The copy; a JPEG, PNG, MP4 or PDF.
        signer: The bureau's C2PA certificate.
        program: The program and version.

    Raises:
        IntegrityFailed: The certificate is not fit for C2PA, or the copy's format holds no manifest.
    """
    from c2pa import Builder, C2paError, C2paSignerInfo, C2paSigningAlg, Signer

    derivation = cast("dict[str, Any]", RECORDS.unstructure(copy.derivation))
    name, _space, version = program.partition(" ")
    manifest = {
        "claim_generator_info": [{"name": name, "version": version or "0"}],
        "title": copy.name,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/composite",
                        },
                        {"action": _ACTIONS.get(copy.derivation.operation, "c2pa.edited")},
                    ]
                },
            },
            {"label": ASSERTION, "data": derivation},
        ],
    }
    info = C2paSignerInfo(
        alg=C2paSigningAlg.ES256, sign_cert=signer.chain_pem.encode(), private_key=signer.key_pem.encode(), ta_url=None
    )
    marked = BytesIO()
    try:
        with Signer.from_info(info) as hand, Builder(manifest) as builder:
            builder.sign(hand, copy.media_type, BytesIO(copy.content), marked)
    except C2paError as problem:
        raise IntegrityFailed(
            _("{name}: content credentials could not be added ({problem}).").format(name=copy.name, problem=problem)
        ) from problem
    return replace(copy, content=marked.getvalue())


def check_copy(content: bytes, media_type: str, trust_anchors_pem: str) -> CopyCheck:
    """Return what a copy's content credentials say.

    Args:
        content: The copy's bytes.
        media_type: "image/jpeg", ...
        trust_anchors_pem: Root certificates that the verifier trusts, PEM.

    Raises:
        InputRefused: There is no certificate among them.
    """
    from c2pa import C2paError, Context, Reader
    from cryptography.x509 import load_pem_x509_certificates

    try:
        load_pem_x509_certificates(trust_anchors_pem.encode())
    except ValueError as wrong:
        raise InputRefused(
            _("the list of trust"),
            _("holds no certificate"),
            _("Name a PEM file of the root certificates of the bureaus that you trust."),
        ) from wrong
    try:
        with (
            Context.from_dict(_settings(trust_anchors_pem)) as context,
            Reader(media_type, BytesIO(content), context=context) as reader,
        ):
            document = json.loads(reader.json())
            state = str(reader.get_validation_state())
    except C2paError as problem:
        return CopyCheck(state="None", issuer="", source_sha256="", findings=(str(problem),))
    active = document["manifests"][document["active_manifest"]]
    derivations = [one["data"] for one in active.get("assertions", []) if one["label"] == ASSERTION]
    failures = document.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    return CopyCheck(
        state=state,
        issuer=str(active.get("signature_info", {}).get("issuer", "")),
        source_sha256=str(derivations[0].get("source_sha256", "")) if derivations else "",
        findings=tuple(str(one.get("code", one)) for one in failures),
    )
