"""A time-stamping authority made with openssl: a real one, without a network."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from core.refusal import Refusal

CONFIG = """
[tsa]
default_tsa = here
[here]
dir = {folder}
serial = $dir/serial
crypto_device = builtin
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
ordering = yes
tsa_name = yes
[extensions]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpensslAuthority:
    """A real authority without a network."""

    folder: Path

    def stamp(self, request: bytes) -> bytes | Refusal:
        (self.folder / "request").write_bytes(request)
        _openssl(self.folder, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request", "-out", "reply")
        return (self.folder / "reply").read_bytes()


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_time_authority(folder: Path) -> Path:
    """Give a time-stamping authority a root, a key and a certificate in a folder, and return the folder."""
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _openssl(
        folder, "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=Test root"
    )
    _openssl(folder, "req", *curve, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Test time authority")
    issue = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30")
    _openssl(
        folder, "x509", "-req", "-in", "tsa.csr", *issue, "-extfile", "tsa.cnf", "-extensions", "extensions",
        "-out", "tsa.pem",
    )  # fmt: skip
    return folder
