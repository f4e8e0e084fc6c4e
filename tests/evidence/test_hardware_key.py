"""Keys on a token, through PKCS#11: SoftHSM2 (Debian: softhsm2) plays the hardware."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputRefused
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
        nist = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        session.create_domain_parameters(KeyType.EC, nist, local=True).generate_keypair(
            mechanism=Mechanism.EC_KEY_PAIR_GEN, store=True, label="nist"
        )


def test_a_key_on_a_token_seals_and_the_package_verifies(token: TokenAddress, case: Any, tmp_path: Path) -> None:
    key = open_hardware_key(token, label="Bureau")
    assert key.public.algorithm is Algorithm.ED25519
    assert signature_holds(key.public, key.sign(b"x"), b"x")
    assert not signature_holds(key.public, key.sign(b"x"), b"y")
    package = replace(case, key=key).seal(tmp_path / "packages")
    assert verify(package, trusted_keys=[TrustedKey(public=key.public, label="Bureau")]).findings == ()


@pytest.mark.parametrize(
    "change",
    [{"pin": "654321"}, {"label": "none"}, {"token": "none"}, {"module": Path("/none.so")}, {"label": "nist"}],
    ids=["wrong PIN", "no key", "no token", "no library", "another kind"],
)
def test_what_cannot_be_used_is_refused_by_name(token: TokenAddress, change: dict[str, Any]) -> None:
    with pytest.raises(InputRefused, match="PIN"):
        open_hardware_key(replace(token, **change))
