"""Commands for the keys that a bureau seals with: made, listed, rotated, revoked, handed to whoever verifies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from core.clock import BEIJING, SystemClock
from core.errors import InputRefused
from core.text import _
from core.whole_file import write_bytes
from evidence.signing.key_ring import (
    KeyRing,
    RingKey,
    add_key,
    check_may_sign,
    read_ring,
    revoke_key,
    rotate_key,
    write_ring,
)
from evidence.signing.keys import MIN_PASSPHRASE_CHARS, SigningKey, create_key, load_key
from evidence.signing.public_key import Algorithm, public_from_pem, public_pem

PASSPHRASE = "SKYWARDEN_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
RingOption = Annotated[
    Path, typer.Option(envvar="SKYWARDEN_RING", help=_("Key ring: the public keys, for whoever verifies."))
]
DEFAULT_RING = Path("key-ring.json")
SigningRingOption = Annotated[
    Path | None,
    typer.Option(
        envvar="SKYWARDEN_RING",
        help=_(
            "Key ring; a key that may not sign by it is refused. By default key-ring.json here, where there is one."
        ),
    ),
]
HardwareOption = Annotated[str, typer.Option("--pkcs11", help=_("Hardware key instead: LIBRARY:TOKEN:LABEL."))]
KeyArgument = Annotated[Path, typer.Argument(help=_("File for the encrypted private key."))]
LabelOption = Annotated[str, typer.Option(help=_("Whose key it is, for people."))]
AlgorithmOption = Annotated[Algorithm, typer.Option(help=_("How it is to sign."))]


def add_commands(application: typer.Typer) -> None:
    """Add the commands for keys to the command line."""
    key = typer.Typer(
        no_args_is_help=True,
        help=_("Signing keys. A passphrase is read from SKYWARDEN_KEY_PASSPHRASE, or asked for."),
    )
    key.command(name="create", help=_("Make a signing key and put its public half on the ring."))(_create)
    key.command(name="add", help=_("Put a public key on the ring: a hardware key's, or another bureau's."))(_add)
    key.command(name="list", help=_("List the keys of the ring and what became of them."))(_list)
    key.command(name="rotate", help=_("Make a key in the place of the one with the same label."))(_rotate)
    key.command(name="revoke", help=_("Revoke a key: what it signs from now on is not trusted."))(_revoke)
    key.command(name="export", help=_("Write a public key as PEM, for openssl and for skywarden verify."))(_export)
    application.add_typer(key, name="key", rich_help_panel=_("Evidence"))


def _ring(path: Path) -> KeyRing:
    return read_ring(path) if path.exists() else KeyRing()


def _made(path: Path, label: str, algorithm: Algorithm) -> SigningKey:
    passphrase = os.environ.get(PASSPHRASE) or typer.prompt(_("Passphrase"), hide_input=True, confirmation_prompt=True)
    if len(passphrase) < MIN_PASSPHRASE_CHARS or "\n" in passphrase:
        raise InputRefused(
            path,
            _("the passphrase has fewer than {count} characters, or several lines").format(count=MIN_PASSPHRASE_CHARS),
            _("Choose a longer one; it cannot be recovered, so keep it where two people can reach it."),
        )
    return create_key(path, passphrase, label, algorithm=algorithm)


def _told(key: SigningKey, path: Path, ring: Path) -> None:
    Console(markup=False, highlight=False).print(
        _("private key: {key}\npublic key: {public}\nkey id: {key_id}\nring: {ring}").format(
            key=path, public=path.with_suffix(".pub.pem"), key_id=key.key_id, ring=ring
        ),
        soft_wrap=True,
    )


def _create(
    *,
    key: KeyArgument,
    label: LabelOption = "",
    algorithm: AlgorithmOption = Algorithm.ED25519,
    ring: RingOption = DEFAULT_RING,
) -> None:
    held = _ring(ring)
    name = label or key.stem
    running = [one for one in held.keys if one.label == name and one.valid_to is None and one.revoked_at is None]
    if running:
        raise InputRefused(
            ring,
            _("has a key of {label} that signs already").format(label=name),
            _("Use skywarden key rotate, or give another label."),
        )
    made = _made(key, name, algorithm)
    write_ring(add_key(held, made.public, label=name, at=SystemClock().now()), ring)
    _told(made, key, ring)


def _add(
    *,
    label: Annotated[str, typer.Option(help=_("Whose key it is, for people."))],
    public: Annotated[Path | None, typer.Argument(help=_("Public key, PEM."))] = None,
    pkcs11: HardwareOption = "",
    ring: RingOption = DEFAULT_RING,
) -> None:
    if (public is None) == (not pkcs11):
        raise InputRefused(
            _("the key"), _("is not named, or twice"), _("Name a PEM file, or say --pkcs11 LIBRARY:TOKEN:LABEL.")
        )
    key = _hardware_key(pkcs11).public if public is None else public_from_pem(content_of(public), public)
    held = _ring(ring)
    if key.key_id in {one.key_id for one in held.keys}:
        raise InputRefused(ring, _("has this key already"), _("Nothing is to be done."))
    write_ring(add_key(held, key, label=label, at=SystemClock().now()), ring)
    Console(markup=False, highlight=False).print(key.key_id)


def _list(*, ring: RingOption = DEFAULT_RING) -> None:
    console = Console(markup=False, highlight=False)
    for key in read_ring(ring).keys:
        console.print(
            f"{key.key_id[:16]}  {key.trusted.public.algorithm.value:8s} {key.label}  {_standing(key)}", soft_wrap=True
        )


def _standing(key: RingKey) -> str:
    if key.revoked_at is not None:
        day = f"{key.revoked_at.astimezone(BEIJING):%Y-%m-%d %H:%M}"
        return _("revoked {day}: {reason}").format(day=day, reason=key.reason)
    since = f"{key.valid_from.astimezone(BEIJING):%Y-%m-%d %H:%M}"
    if key.valid_to is not None:
        until = f"{key.valid_to.astimezone(BEIJING):%Y-%m-%d %H:%M}"
        return _("signed from {since} to {until}").format(since=since, until=until)
    return _("signs since {since}").format(since=since)


def _rotate(
    *,
    key: KeyArgument,
    label: Annotated[str, typer.Option(help=_("Label of the key whose place it takes."))],
    algorithm: AlgorithmOption = Algorithm.ED25519,
    ring: RingOption = DEFAULT_RING,
) -> None:
    held = read_ring(ring)
    if label not in {one.label for one in held.keys if one.valid_to is None}:
        raise InputRefused(
            ring,
            _("has no key of {label} that signs").format(label=label),
            _("Look with skywarden key list; make a first one with skywarden key create."),
        )
    made = _made(key, label, algorithm)
    write_ring(rotate_key(held, made.public, label=label, at=SystemClock().now()), ring)
    _told(made, key, ring)


def _revoke(
    *,
    key_id: Annotated[str, typer.Argument(help=_("The key's id, or its first eight characters or more."))],
    reason: Annotated[str, typer.Option(help=_("Why."))],
    ring: RingOption = DEFAULT_RING,
) -> None:
    held = read_ring(ring)
    key = _find(held, key_id, ring)
    if not reason.strip():
        raise InputRefused(ring, _("a key is revoked for a reason"), _("Say --reason."))
    write_ring(revoke_key(held, key.key_id, at=SystemClock().now(), reason=reason), ring)
    Console(markup=False, highlight=False).print(
        _("{key_id} of {label} is revoked; give the ring to whoever verifies.").format(
            key_id=key.key_id, label=key.label
        ),
        soft_wrap=True,
    )


def _find(ring: KeyRing, key_id: str, where: Path) -> RingKey:
    found = [key for key in ring.keys if len(key_id) >= 8 and key.key_id.startswith(key_id.lower())]
    if len(found) != 1:
        raise InputRefused(
            where, _("has no one key {key_id}").format(key_id=key_id), _("Look with skywarden key list.")
        )
    return found[0]


def _export(
    *,
    key_id: Annotated[str, typer.Argument(help=_("The key's id, or its first eight characters or more."))],
    out: Annotated[Path, typer.Argument(help=_("File to write."))],
    ring: RingOption = DEFAULT_RING,
) -> None:
    key = _find(read_ring(ring), key_id, ring)
    if out.exists():
        raise InputRefused(out, _("exists already"), _("Name a new file."))
    try:
        write_bytes(out, public_pem(key.trusted.public))
    except OSError as problem:
        raise InputRefused(
            out, _("cannot be written ({problem})").format(problem=problem.strerror), _("Name a writable folder.")
        ) from problem
    Console(markup=False, highlight=False).print(key.key_id)


def key_that_may_sign(key: Path | None, pkcs11: str, ring: Path | None) -> SigningKey:
    """Return the signing key that a user named, once the key ring allows it to sign now.

    Args:
        key: Its file.
        pkcs11: ``LIBRARY:TOKEN:LABEL`` of a hardware key instead; empty for none.
        ring: The key ring; where none is named, ``key-ring.json`` of the working folder if there is one.

    Raises:
        InputRefused: No key is named, or it cannot be used.
        IntegrityFailed: It is not on the ring, not yet valid, rotated out or revoked.
    """
    signer = _key_named(key, pkcs11)
    held = ring or (DEFAULT_RING if DEFAULT_RING.is_file() else None)
    if held is not None:
        check_may_sign(read_ring(held), signer.public, at=SystemClock().now(), ring_file=held)
    return signer


def _key_named(key: Path | None, pkcs11: str) -> SigningKey:
    """Return the key of a file, or a hardware key."""
    if pkcs11:
        return _hardware_key(pkcs11)
    if key is None:
        raise InputRefused(
            _("the signing key"), _("is not named"), _("Say --key, or --pkcs11; make one with skywarden key create.")
        )
    return load_key(key, os.environ.get(PASSPHRASE) or typer.prompt(_("Passphrase"), hide_input=True))


def _hardware_key(pkcs11: str) -> SigningKey:
    """Return the hardware key at ``LIBRARY:TOKEN:LABEL``."""
    from evidence.signing.hardware_key import TokenAddress, open_hardware_key

    module, _colon, rest = pkcs11.partition(":")
    token, _colon, label = rest.partition(":")
    if not (module and token and label):
        raise InputRefused(
            pkcs11, _("names no hardware key"), _("Say --pkcs11 LIBRARY:TOKEN:LABEL, such as libykcs11.so:seal:key.")
        )
    pin = os.environ.get(PASSPHRASE) or typer.prompt(_("PIN"), hide_input=True)
    return open_hardware_key(TokenAddress(module=Path(module), token=token, label=label, pin=pin))


def content_of(path: Path) -> bytes:
    """Return the bytes of a file that a user named. Raises ``InputRefused`` when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as problem:
        raise InputRefused(
            path, _("cannot be read ({why})").format(why=problem.strerror), _("Name a file that is there.")
        ) from problem
