"""Keys that never leave their hardware: Ed25519 or ECDSA on P-256 through PKCS#11 (OASIS 3.0) by ``python-pkcs11``.

The one module that speaks to it.

The token (a smart card, an HSM; SoftHSM2 for rehearsal) keeps the private key; this module finds it by its label, has
it sign, and takes its public half. ``python-pkcs11`` is an optional dependency (``skywarden[pkcs11]``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, cast

from core.errors import InputRefused
from core.text import _
from evidence.signing.keys import SigningKey
from evidence.signing.public_key import Algorithm, PublicKey, ed25519_public, p256_public

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import pkcs11


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAddress:
    """Where a hardware key is.

    Attributes:
        module: The maker's PKCS#11 library (``libsofthsm2.so``, ``opensc-pkcs11.so``).
        token: The token's label.
        label: The key's label on the token.
        pin: Opens it.
    """

    module: Path
    token: str
    label: str
    pin: str = field(repr=False)


def open_hardware_key(address: TokenAddress, label: str = "") -> SigningKey:
    """Return a key that signs on its token.

    Args:
        address: Where it is.
        label: Whose it is, for people; the key's label when empty.

    Raises:
        InputRefused: The library, the token or the key is not there, the PIN is wrong or locked, or the key is of a
            kind that seals nothing here. The reason says which.
    """
    with _session(address) as session:
        public = _public_key(session, address)

    def sign(message: bytes) -> bytes:
        with _session(address) as session:
            return _sign(session, address, public.algorithm, message)

    return SigningKey(public=public, sign=sign, label=label or address.label)


def _refused(address: TokenAddress, problem: str) -> InputRefused:
    return InputRefused(
        address.module,
        _("the key {label} on the token {token} cannot be used: {problem}").format(
            label=address.label, token=address.token, problem=problem
        ),
        _("Check the library, the token's and the key's labels, and the PIN."),
    )


def _what_failed(problem: Exception) -> str:
    """Return why the token cannot be used, in words; the library's errors often have none of their own."""
    import pkcs11

    told = {
        pkcs11.exceptions.PinIncorrect: _("the PIN is wrong"),
        pkcs11.exceptions.PinLenRange: _("the PIN is wrong"),
        pkcs11.exceptions.PinInvalid: _("the PIN is wrong"),
        pkcs11.exceptions.PinLocked: _("the PIN is locked after too many wrong ones; the token's maker unlocks it"),
        pkcs11.exceptions.NoSuchToken: _("no token of this label is there; plug it in"),
        pkcs11.exceptions.TokenNotPresent: _("no token of this label is there; plug it in"),
        pkcs11.exceptions.TokenNotRecognised: _("the library does not know this token"),
        pkcs11.exceptions.DeviceRemoved: _("the token was pulled out"),
        pkcs11.exceptions.MultipleTokensReturned: _("several tokens have this label"),
        pkcs11.exceptions.NoSuchKey: _("no key of this label is on the token"),
        pkcs11.exceptions.MultipleObjectsReturned: _("several keys have this label"),
    }
    words = next((text for kind, text in told.items() if isinstance(problem, kind)), "")
    return words or str(problem) or type(problem).__name__


def _session(address: TokenAddress) -> AbstractContextManager[pkcs11.Session]:
    from contextlib import contextmanager

    @contextmanager
    def session() -> Iterator[pkcs11.Session]:
        try:
            import pkcs11
        except ImportError as missing:
            raise InputRefused(
                address.module,
                _("hardware keys need the package python-pkcs11"),
                _("Install it: pip install 'skywarden[pkcs11]'."),
            ) from missing
        try:
            token = pkcs11.lib(str(address.module)).get_token(token_label=address.token)
            with token.open(user_pin=address.pin) as opened:
                yield opened
        except (pkcs11.exceptions.PKCS11Error, RuntimeError, OSError) as problem:
            raise _refused(address, _what_failed(problem)) from problem

    return session()


def _public_key(session: pkcs11.Session, address: TokenAddress) -> PublicKey:
    from pkcs11 import Attribute, KeyType, ObjectClass
    from pkcs11.util.ec import encode_named_curve_parameters

    key = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=address.label)
    point = bytes(key[Attribute.EC_POINT]) if key[Attribute.KEY_TYPE] in {KeyType.EC, KeyType.EC_EDWARDS} else b""
    # An OCTET STRING around the point (PKCS#11 3.0, 2.3.3); some tokens give the bare point.
    if len(point) > 2 and point[0] == 4 and point[1] == len(point) - 2:
        point = point[2:]
    if key[Attribute.KEY_TYPE] is KeyType.EC_EDWARDS and len(point) == 32:
        return ed25519_public(point)
    if key[Attribute.KEY_TYPE] is KeyType.EC and len(point) == 65:
        curve = bytes(key[Attribute.EC_PARAMS])
        if curve == encode_named_curve_parameters("secp256r1"):
            return p256_public(point)
    raise _refused(address, _("it is neither Ed25519 nor ECDSA on P-256"))


def _sign(session: pkcs11.Session, address: TokenAddress, algorithm: Algorithm, message: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from pkcs11 import Mechanism, ObjectClass

    key = cast("pkcs11.SignMixin", session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=address.label))
    if algorithm is Algorithm.ECDSA:
        # Every token has the bare mechanism; those that hash by themselves are fewer.
        signature = bytes(key.sign(sha256(message).digest(), mechanism=Mechanism.ECDSA))
    else:
        signature = bytes(key.sign(message, mechanism=Mechanism.EDDSA))
    if len(signature) != 64:
        raise _refused(address, _("it signs with {count} bytes").format(count=len(signature)))
    if algorithm is Algorithm.ECDSA:
        halves = (int.from_bytes(signature[start : start + 32], "big") for start in (0, 32))
        return encode_dss_signature(*halves)
    return signature
