"""Time stamps (RFC 3161): an authority confirms that a package's signature existed at a time.

A token is asked for after sealing, because the authority may be out of reach: a package without one is a package in the
queue, and its verification states the absence. Asking again finishes what a killed run began. Talking to the authority
is :class:`TimeStampAuthority`'s; parsing and checking tokens is ``rfc3161-client``'s, in this module only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final, Protocol
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from cryptography.x509 import Certificate, Name, load_pem_x509_certificates

from core.clock import in_utc
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from evidence.sealing import package as names
from evidence.sealing.bag import manifest_name, manifest_text
from evidence.sealing.digests import ALGORITHMS, digest_file
from evidence.sealing.staging import overwrite_durably

TOLERANCE: Final = timedelta(minutes=5)  # between the sealing machine's clock and the authority's
MAX_TOKEN_BYTES: Final = 1 << 20


class TimeStampAuthority(Protocol):
    """Answers requests for time stamps."""

    def stamp(self, request: bytes) -> bytes | Refusal:
        """Return the response (DER) to a request (DER), or why there is none."""
        ...


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object, **_more: object) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAuthority:
    """An authority behind HTTP (RFC 3161, section 3.4).

    Attributes:
        url: Where it listens.
        timeout_s: How long to wait.
    """

    url: str
    timeout_s: float = 20.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("a time-stamping authority's address begins with http:// or https://")

    def stamp(self, request: bytes) -> bytes | Refusal:
        """Return the response to a request, or a refusal with code "authority-unreachable"."""
        query = Request(self.url, data=request, headers={"Content-Type": "application/timestamp-query"})  # noqa: S310 - the scheme is checked above
        try:
            with build_opener(_NoRedirect).open(query, timeout=self.timeout_s) as answer:
                if answer.status != HTTPStatus.OK:
                    return self._unreachable(f"HTTP {answer.status}")
                content: bytes = answer.read(MAX_TOKEN_BYTES)
        except (URLError, OSError, ValueError) as problem:
            return self._unreachable(str(problem))
        return content

    def _unreachable(self, problem: str) -> Refusal:
        return Refusal(
            subject=self.url,
            code="authority-unreachable",
            reason=_("the time-stamping authority does not answer ({problem})").format(problem=problem),
            remedy=_("Ask again when it can be reached; the package stays in the queue."),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """A checked token.

    Attributes:
        package: Which package.
        at: The authority's time, aware UTC.
        authority: Name of the authority as its token says it.
    """

    package: str
    at: datetime
    authority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedAuthorities:
    """The root certificates of authorities that a verifier trusts."""

    roots: tuple[Certificate, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.roots:
            raise ValueError("at least one root certificate is needed")


def read_authorities(path: Path) -> TrustedAuthorities:
    """Return the root certificates of a PEM file. Raises ``InputRefused`` when it holds none."""
    try:
        return TrustedAuthorities(roots=tuple(load_pem_x509_certificates(path.read_bytes())))
    except (OSError, ValueError) as problem:
        raise InputRefused(
            path,
            _("holds no certificate ({problem})").format(problem=problem),
            _("Name a PEM file of root certificates."),
        ) from problem


def check_token(envelope: bytes, token: bytes, authorities: TrustedAuthorities, name: str) -> Stamped | Refusal:
    """Return what a token proves about an envelope, or a refusal with code "bad-token".

    Args:
        envelope: The bytes of ``signature/envelope.json``.
        token: The response of an authority, DER.
        authorities: Whom to trust.
        name: The package's name.
    """
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    try:
        response = decode_timestamp_response(token)
        builder = VerifierBuilder()
        for root in authorities.roots:
            builder = builder.add_root_certificate(root)
        builder.build().verify_message(response, envelope)
        info = response.tst_info
        return Stamped(package=name, at=in_utc(info.gen_time), authority=_name_of(info.name))
    except (VerificationError, ValueError, AttributeError, RuntimeError) as problem:
        return Refusal(
            subject=name,
            code="bad-token",
            reason=_("the time token does not hold ({problem})").format(problem=problem),
            remedy=_("Ask the authority for another token."),
        )


def _name_of(general: object) -> str:
    value = getattr(general, "value", "")
    return value.rfc4514_string() if isinstance(value, Name) else str(value)


def add_token(package: Path, authority: TimeStampAuthority, authorities: TrustedAuthorities) -> Stamped | Refusal:
    """Ask for a token over a package's signature, check it, and put it into the package.

    A package that has a token keeps it; what a killed run left undone is finished. A token that does not hold is never
    put in.

    Args:
        package: The package's folder.
        authority: Whom to ask.
        authorities: Roots that the token must lead to.

    Returns:
        What the token proves, or why there is none.
    """
    place = package / names.TIME_TOKEN
    envelope = (package / names.ENVELOPE).read_bytes()
    token = place.read_bytes() if place.exists() else authority.stamp(_request(envelope))
    if isinstance(token, Refusal):
        return token
    stamped = check_token(envelope, token, authorities, package.name)
    if isinstance(stamped, Stamped):
        if not place.exists():
            overwrite_durably(place, token, by=package.parent)
        _renew_tag_manifests(package)
    return stamped


def pending(places: Iterable[Path]) -> tuple[Path, ...]:
    """Return the packages that wait for a token, or for the end of a stamping: in ``places`` or the folders below.

    Raises:
        InputRefused: A place is no folder, or there is no package in it.
    """
    waiting: list[Path] = []
    for place in places:
        found = sorted(path.parent.parent for path in place.rglob(names.ENVELOPE)) if place.is_dir() else []
        if not found:
            raise InputRefused(place, _("holds no sealed package"), _("Name a package, or a folder of packages."))
        waiting += [one for one in found if not any(part.startswith(".") for part in one.relative_to(place).parts)]
    return tuple(package for package in dict.fromkeys(waiting) if _waits(package))


def _waits(package: Path) -> bool:
    """Return whether a package has no token, or a killed run put one in and did not come to the tag manifests."""
    if not (package / names.TIME_TOKEN).exists():
        return True
    manifests = [package / name for name in names.TAG_MANIFESTS]  # one that is gone is for verification to say
    return any(names.TIME_TOKEN.encode() not in one.read_bytes() for one in manifests if one.is_file())


def stamp_pending(
    packages: Iterable[Path], authority: TimeStampAuthority, authorities: TrustedAuthorities
) -> tuple[Stamped | Refusal, ...]:
    """Ask for a token for each package that waits; stop asking at the first time the authority is out of reach."""
    outcomes: list[Stamped | Refusal] = []
    for package in packages:
        if not _waits(package):
            continue
        outcome = add_token(package, authority, authorities)
        outcomes.append(outcome)
        if isinstance(outcome, Refusal) and outcome.code == "authority-unreachable":
            break
    return tuple(outcomes)


def _request(envelope: bytes) -> bytes:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(envelope).hash_algorithm(HashAlgorithm.SHA256)
    return builder.cert_request(cert_request=True).nonce(nonce=True).build().as_bytes()


def _renew_tag_manifests(package: Path) -> None:
    tags = {
        path.relative_to(package).as_posix(): digest_file(path)
        for folder in (package, package / "signature")
        for path in folder.iterdir()
        if path.is_file() and path.name not in names.TAG_MANIFESTS and not path.name.startswith(".")
    }
    for algorithm in ALGORITHMS:
        name = manifest_name(algorithm, tags=True)
        content = manifest_text({path: str(getattr(one, algorithm)) for path, one in tags.items()})
        if (package / name).read_bytes() != content:
            overwrite_durably(package / name, content, by=package.parent)
