"""Keys that never leave their hardware: Ed25519 through PKCS#11 (OASIS 3.0) by ``python-pkcs11``, the one module of it.

The token (a smart card, an HSM; SoftHSM2 for rehearsal) keeps the private key; this module finds it by its label, has
it sign, and takes its public half. ``python-pkcs11`` is an optional dependency (``skywarden[pkcs11]``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from core.errors import InputRefused
from core.text import _
from evidence.signing.keys import SigningKey
from evidence.signing.public_key import ed25519_public

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
        InputRefused: The library, the token or the key is not there, the PIN is wrong, or the key is not Ed25519.
    """
    with _session(address) as session:
        public = ed25519_public(_public_point(session, address))

    def sign(message: bytes) -> bytes:
        with _session(address) as session:
            return _sign(session, address, message)

    return SigningKey(public=public, sign=sign, label=label or address.label)


def _refused(address: TokenAddress, problem: str) -> InputRefused:
    return InputRefused(
        address.module,
        _("the key {label} on the token {token} cannot be used ({problem})").format(
            label=address.label, token=address.token, problem=problem
        ),
        _("Check the library, the token's and the key's labels, and the PIN."),
    )


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
            raise _refused(address, str(problem) or type(problem).__name__) from problem

    return session()


def _public_point(session: pkcs11.Session, address: TokenAddress) -> bytes:
    from pkcs11 import Attribute, KeyType, ObjectClass

    key = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=address.label)
    if key[Attribute.KEY_TYPE] is not KeyType.EC_EDWARDS:
        raise _refused(address, _("it is not Ed25519"))
    point = bytes(key[Attribute.EC_POINT])
    # An OCTET STRING around 32 bytes (PKCS#11 3.0, 2.3.3); some tokens give the bare 32.
    if len(point) == 34 and point[:2] == b"\x04\x20":
        point = point[2:]
    if len(point) != 32:
        raise _refused(address, _("it is not Ed25519"))
    return point


def _sign(session: pkcs11.Session, address: TokenAddress, message: bytes) -> bytes:
    from pkcs11 import Mechanism, ObjectClass

    key = cast("pkcs11.SignMixin", session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=address.label))
    signature = bytes(key.sign(message, mechanism=Mechanism.EDDSA))
    if len(signature) != 64:
        raise _refused(address, _("it signs with {count} bytes").format(count=len(signature)))
    return signature
