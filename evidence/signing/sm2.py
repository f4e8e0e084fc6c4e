"""SM2 signatures (GB/T 32918.2-2016, with SM3) by OpenSSL's command line; the one module that runs it.

No well-kept Python library signs with SM2: ``cryptography`` refuses the curve, and the others are unmaintained or slow
re-implementations without review. OpenSSL 1.1.1 and later has it, so the command does the work, and the same command
checks it without this program. Private keys lie in PKCS#8 files encrypted by AES-256 (PBKDF2, 600,000 rounds); the
passphrase goes through a pipe and is in no argument, environment or file. SM2 draws a random number for every
signature, so two signatures over the same bytes differ and both hold.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from core.errors import InputRefused
from core.text import _

# The signer's identity that goes into the digest: the default of GM/T 0009 and GB/T 35276, as openssl must be told.
IDENTITY: Final = "1234567812345678"
_ROUNDS: Final = "600000"
_SIGNING: Final = ("-rawin", "-digest", "sm3", "-pkeyopt", f"distid:{IDENTITY}")
_TIMEOUT_S: Final = 30.0


def make_sm2_key(passphrase: str) -> bytes:
    """Return a new private key as encrypted PKCS#8 in PEM.

    Raises:
        InputRefused: There is no OpenSSL with SM2 here.
    """
    plain = _openssl(["genpkey", "-algorithm", "SM2", "-outform", "DER"])
    wrap = ["pkcs8", "-topk8", "-inform", "DER", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256", "-iter", _ROUNDS]
    return _openssl(wrap, content=plain, passphrase=passphrase, option="-passout")


def sm2_public_der(path: Path, passphrase: str) -> bytes:
    """Return the public half (SubjectPublicKeyInfo, DER) of the private key in a file.

    Raises:
        InputRefused: There is no OpenSSL here, or it does not open the file with this passphrase.
    """
    return _openssl(["pkey", "-in", str(path), "-pubout", "-outform", "DER"], passphrase=passphrase, subject=path)


def sm2_sign(path: Path, passphrase: str, message: bytes) -> bytes:
    """Return the signature (DER) of the key in a file over ``message``. Raises ``InputRefused`` as above."""
    with TemporaryDirectory(prefix="skywarden-") as place:
        signed = Path(place, "message")
        signed.write_bytes(message)
        sign = ["pkeyutl", "-sign", "-inkey", str(path), "-in", str(signed), *_SIGNING]
        return _openssl(sign, passphrase=passphrase, subject=path)


def sm2_signature_holds(public_pem: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether ``signature`` (DER) is the key's over ``message``.

    Raises:
        InputRefused: There is no OpenSSL here.
    """
    with TemporaryDirectory(prefix="skywarden-") as place:
        files = {name: Path(place, name) for name in ("key", "signature", "message")}
        for name, content in (("key", public_pem), ("signature", signature), ("message", message)):
            files[name].write_bytes(content)
        check = ["pkeyutl", "-verify", "-pubin", "-inkey", str(files["key"]), "-in", str(files["message"])]
        done = _run([*check, "-sigfile", str(files["signature"]), *_SIGNING])
    return done.returncode == 0


def _openssl(
    arguments: Sequence[str],
    *,
    content: bytes = b"",
    passphrase: str | None = None,
    option: str = "-passin",
    subject: Path | str = "openssl",
) -> bytes:
    done = _run(arguments, content=content, passphrase=passphrase, option=option)
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        raise InputRefused(
            subject,
            _("OpenSSL refuses ({problem})").format(problem=last or done.returncode),
            _("Check the file and its passphrase; SM2 needs OpenSSL 1.1.1 or later."),
        )
    return done.stdout


def _run(
    arguments: Sequence[str], *, content: bytes = b"", passphrase: str | None = None, option: str = "-passin"
) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("openssl")
    if program is None:
        raise InputRefused(
            "openssl",
            _("is not installed, and SM2 signatures are made and checked by it"),
            _("Install OpenSSL 3 (Debian: openssl), or use an Ed25519 key."),
        )
    if passphrase is None:
        return subprocess.run(  # noqa: S603 - our own arguments, no shell
            [program, *arguments], input=content, capture_output=True, check=False, timeout=_TIMEOUT_S
        )
    reading, writing = os.pipe()
    try:
        os.write(writing, passphrase.encode() + b"\n")
        os.close(writing)
        return subprocess.run(  # noqa: S603 - as above
            [program, *arguments, option, f"fd:{reading}"],
            input=content,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
            pass_fds=(reading,),
        )
    finally:
        os.close(reading)
