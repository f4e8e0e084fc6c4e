"""Keys on a token, through PKCS#11: SoftHSM2 (Debian: softhsm2) plays the hardware."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.commands import build
from app.commands.keys import key_that_may_sign
from core.errors import InputRefused, IntegrityFailed
from evidence.signing.hardware_key import TokenAddress, open_hardware_key
from evidence.signing.keys import TrustedKey
from evidence.signing.public_key import Algorithm, signature_holds
from evidence.verify import verify

PIN = "123456"
LIBRARIES = [Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")]


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> TokenAddress:
    library = next((path for path in LIBRARIES if path.exists()), None)
    if library is None or shutil.which("softhsm2-util") is None:
        reason = "no SoftHSM2 is installed here (Debian: softhsm2)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)  # the library reads it once in a process, as it is loaded
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", "bureau", "--pin", PIN, "--so-pin", "12345678"],
        check=True,
        capture_output=True,
    )
    _make_keys(library)
    return TokenAddress(module=library, token="bureau", label="seal", pin=PIN)  # noqa: S106 - a label


def _make_keys(library: Path) -> None:
    import pkcs11
    from asn1crypto.core import PrintableString
    from pkcs11 import Attribute, KeyType, Mechanism
    from pkcs11.util.ec import encode_named_curve_parameters

    with pkcs11.lib(str(library)).get_token(token_label="bureau").open(rw=True, user_pin=PIN) as session:  # noqa: S106 - a label
        edwards = {Attribute.EC_PARAMS: PrintableString("edwards25519").dump()}
        session.create_domain_parameters(KeyType.EC_EDWARDS, edwards, local=True).generate_keypair(
            mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label="seal"
        )
        for label, curve in (("nist", "secp256r1"), ("another curve", "secp384r1")):
            nist = {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
            session.create_domain_parameters(KeyType.EC, nist, local=True).generate_keypair(
                mechanism=Mechanism.EC_KEY_PAIR_GEN, store=True, label=label
            )
        session.generate_keypair(KeyType.RSA, 2048, store=True, label="rsa")


@pytest.mark.parametrize(("label", "algorithm"), [("seal", Algorithm.ED25519), ("nist", Algorithm.ECDSA)])
def test_a_key_on_a_token_seals_and_the_package_verifies(
    token: TokenAddress, case: Any, tmp_path: Path, label: str, algorithm: Algorithm
) -> None:
    key = open_hardware_key(replace(token, label=label), label="Bureau")
    assert key.public.algorithm is algorithm
    for _again in range(8):  # an ECDSA signature is another each time, and not always as long
        assert signature_holds(key.public, key.sign(b"x"), b"x")
    assert not signature_holds(key.public, key.sign(b"x"), b"y")
    package = replace(case, key=key).seal(tmp_path / "packages")
    assert verify(package, trusted_keys=[TrustedKey(public=key.public, label="Bureau")]).findings == ()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"pin": "654321"}, "the PIN is wrong"),
        ({"pin": ""}, "the PIN is wrong"),
        ({"label": "none"}, "no key of this label"),
        ({"token": "none"}, "plug it in"),
        ({"module": Path("/none.so")}, "none.so"),
        ({"label": "another curve"}, "neither Ed25519 nor ECDSA"),
        ({"label": "rsa"}, "neither Ed25519 nor ECDSA"),
    ],
    ids=["wrong PIN", "no PIN", "no key", "no token", "no library", "another curve", "another kind"],
)
def test_what_cannot_be_used_is_refused_by_name(token: TokenAddress, change: dict[str, Any], why: str) -> None:
    with pytest.raises(InputRefused, match=why) as refusal:
        open_hardware_key(replace(token, **change))
    assert "PIN" in str(refusal.value)  # what to look at
    assert "654321" not in str(refusal.value)


def test_a_hardware_key_is_put_on_the_ring_seals_by_command_and_is_refused_once_revoked(
    token: TokenAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKYWARDEN_KEY_PASSPHRASE", PIN)
    place = f"{token.module}:bureau:nist"
    added = CliRunner().invoke(build(), ["key", "add", "--pkcs11", place, "--label", "局"])
    assert added.exit_code == 0, added.output
    public = open_hardware_key(replace(token, label="nist")).public
    assert added.output.strip() == public.key_id
    assert key_that_may_sign(None, place, None).key_id == public.key_id
    revoked = CliRunner().invoke(build(), ["key", "revoke", public.key_id[:8], "--reason", "遗失"])
    assert revoked.exit_code == 0
    with pytest.raises(IntegrityFailed, match="revoked"):
        key_that_may_sign(None, place, None)
    with pytest.raises(IntegrityFailed, match="not on the ring"):
        key_that_may_sign(None, f"{token.module}:bureau:seal", None)
