"""Verifies a package: a numbered list that reads like ``docs/verify-without-skywarden.md``.

Needs no store, no network and no secret; only the public keys that the verifier trusts. Whether the incident is *right*
is for people; this says whether the package is what was sealed, and by whom.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from core.clock import in_utc, iso_utc
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from evidence.ingest import Digests
from evidence.sealing import package as names
from evidence.sealing.bag import DECLARATION, manifest_name, manifest_text, read_bag_info, read_manifest
from evidence.sealing.digests import ALGORITHMS
from evidence.sealing.package_source import PackageSource, open_folder
from evidence.sealing.reading import Reading, read_package
from evidence.sealing.zip_container import open_zip
from evidence.signing.dsse import pre_authentication_encoding
from evidence.signing.keys import TrustedKey
from evidence.signing.public_key import public_pem, signature_holds
from evidence.signing.time_stamp import TOLERANCE, Stamped, TrustedAuthorities, check_token
from evidence.verifying.bag_check import check_bag
from evidence.verifying.verification import Outcome, Step, Verification, judged
from evidence.verifying.verify_records import (
    check_context,
    check_custody,
    check_derivations,
    check_incident,
    check_originals,
    check_review,
)

_HEX_LENGTH: Final = {"sha256": 64, "sm3": 64}


def verify(
    package: Path,
    *,
    trusted_keys: Sequence[TrustedKey] = (),
    authorities: TrustedAuthorities | None = None,
    now: datetime | None = None,
) -> Verification:
    """Return what holds and what does not in the package at ``package``.

    Args:
        package: The sealed package.
        trusted_keys: Public keys that the verifier trusts; without one, who sealed it stays unknown.
        authorities: Time-stamping authorities that the verifier trusts; without one, a time token stays unknown.
        now: The verifier's time, aware; with it, a package from the future is found.

    Raises:
        InputRefused: There is no package to look at.
    """
    return verify_source(open_package(package), trusted_keys=trusted_keys, authorities=authorities, now=now)


def open_package(where: Path) -> PackageSource:
    """Return the package at ``where``, a folder or a ZIP file. Raises ``InputRefused`` when there is none."""
    return open_folder(where) if where.is_dir() else open_zip(where)


def verify_source(
    source: PackageSource,
    *,
    trusted_keys: Sequence[TrustedKey] = (),
    authorities: TrustedAuthorities | None = None,
    now: datetime | None = None,
) -> Verification:
    """Return what :func:`verify` does, for a package that is already open."""
    return verify_reading(
        read_package(source), name=source.where.name, trusted_keys=trusted_keys, authorities=authorities, now=now
    )


def verify_reading(
    reading: Reading,
    *,
    name: str,
    trusted_keys: Sequence[TrustedKey] = (),
    authorities: TrustedAuthorities | None = None,
    now: datetime | None = None,
) -> Verification:
    """Return what :func:`verify` does, for a package called ``name`` that was read through already."""
    stamped = _stamp_of(reading, authorities)
    steps: list[Callable[[Reading], Step]] = [
        _check_form,
        _check_bag,
        _check_declaration,
        _check_oxum,
        *(_payload_check(algorithm) for algorithm in ALGORITHMS),
        _check_tag_manifests,
        _check_signature,
        lambda seen: _check_signer(seen, trusted_keys, now, stamped),
        _check_statement,
        check_incident,
        check_originals,
        check_derivations,
        check_context,
        check_custody,
        check_review,
        lambda seen: _check_time_token(seen, stamped),
    ]
    return Verification(package=name, steps=tuple(step(reading) for step in steps))


def _check_form(seen: Reading) -> Step:
    required = {
        *names.SIGNED_TAGS,
        *names.TAG_MANIFESTS,
        names.STATEMENT,
        names.ENVELOPE,
        names.PUBLIC_KEY,
        names.INCIDENT,
        names.FRAMES,
        names.ORIGINALS,
        names.DERIVATIONS,
        names.CONTEXT,
        names.CUSTODY,
    }
    findings = [
        *seen.oddities,
        *(_("{path} is missing").format(path=path) for path in sorted(required - set(seen.members))),
        *(reason for path, reason in seen.refused.items() if path in seen.members),
    ]
    return judged(
        "form",
        _("The package is made of the files that it must have, and all can be read"),
        _("{count} records and tag files, regular files only").format(count=len(required)),
        findings,
        _("{count} regular files").format(count=len(seen.members)),
    )


def _check_bag(seen: Reading) -> Step:
    checked = check_bag(
        frozenset(seen.members),
        content=lambda path: seen.contents.get(path, b""),
        size=lambda path: seen.members[path].size_bytes,
        digest=lambda path, algorithm: getattr(seen.members[path], algorithm, ""),
    )
    warned = "; ".join(checked.warnings) or _("valid, without a warning")
    return judged("bag", _("Any BagIt software would find a valid bag"), "RFC 8493", checked.errors, warned)


def _check_declaration(seen: Reading) -> Step:
    content = seen.contents.get(names.DECLARATION, b"")
    findings = [] if content == DECLARATION else [_("bagit.txt does not declare BagIt 1.0 in UTF-8")]
    return judged(
        "declaration", _("bagit.txt declares the form"), "BagIt-Version: 1.0, UTF-8", findings, _("as expected")
    )


def _check_oxum(seen: Reading) -> Step:
    info = read_bag_info(seen.contents.get(names.BAG_INFO, b""))
    payload = [digests for path, digests in seen.members.items() if path.startswith("data/")]
    found = f"{sum(digests.size_bytes for digests in payload)}.{len(payload)}"
    stated = info.get("Payload-Oxum", _("nothing"))
    findings = (
        []
        if found == stated
        else [_("bag-info.txt states Payload-Oxum {stated}, the payload is {found}").format(stated=stated, found=found)]
    )
    return judged(
        "oxum",
        _("The payload has the size and number of files stated"),
        _("Payload-Oxum {oxum}").format(oxum=stated),
        findings,
        found,
    )


def _compare(stated: dict[str, str], found: dict[str, str], where: str) -> list[str]:
    """Return in words what differs between stated and found digests, by path."""
    missing = [
        _("{path} is named in {where} but missing").format(path=path, where=where)
        for path in sorted(stated.keys() - found.keys())
    ]
    added = [
        _("{path} is here but not named in {where}").format(path=path, where=where)
        for path in sorted(found.keys() - stated.keys())
    ]
    altered = [
        _("{path} is altered: {where} says {stated}, it is {found}").format(
            path=path, where=where, stated=stated[path], found=found[path]
        )
        for path in sorted(stated.keys() & found.keys())
        if stated[path] != found[path]
    ]
    return [*missing, *added, *altered]


def _digests(members: dict[str, Digests], algorithm: str, prefix: str = "") -> dict[str, str]:
    return {path: getattr(one, algorithm) for path, one in members.items() if path.startswith(prefix)}


def _payload_check(algorithm: str) -> Callable[[Reading], Step]:
    def check(seen: Reading) -> Step:
        name = manifest_name(algorithm)
        stated, complaints = read_manifest(seen.contents.get(name, b""), _HEX_LENGTH[algorithm])
        findings = [
            *(f"{name}: {complaint}" for complaint in complaints),
            *_compare(stated, _digests(seen.members, algorithm, "data/"), name),
        ]
        label = {"sha256": "SHA-256", "sm3": "SM3"}[algorithm]
        return judged(
            f"payload-{algorithm}",
            _("Every payload file has the {algorithm} digest of the manifest, and no other file is there").format(
                algorithm=label
            ),
            _("{count} files in {name}").format(count=len(stated), name=name),
            findings,
            _("{count} files, all with the digest stated").format(count=len(stated)),
        )

    return check


def _check_tag_manifests(seen: Reading) -> Step:
    """Tag manifests carry nothing of their own: they must be, byte for byte, what the files beside them give."""
    findings: list[str] = []
    tags = {path: one for path, one in seen.members.items() if not path.startswith("data/")}
    for algorithm in ALGORITHMS:
        name = manifest_name(algorithm, tags=True)
        covered = {path: one for path, one in tags.items() if path not in names.TAG_MANIFESTS}
        digests = _digests(covered, algorithm)
        content = seen.contents.get(name, b"")
        if content != manifest_text(digests):
            stated, complaints = read_manifest(content, _HEX_LENGTH[algorithm])
            differences = _compare(stated, digests, name)
            findings += [f"{name}: {complaint}" for complaint in complaints] + differences
            if not complaints and not differences:
                findings.append(_("{name} is written in another way than it was sealed").format(name=name))
    return judged(
        "tag-manifests",
        _("Every file outside the payload has the digests of the tag manifests"),
        _("{count} files").format(count=len(tags) - len(names.TAG_MANIFESTS)),
        findings,
        _("all with the digests stated"),
    )


def _check_signature(seen: Reading) -> Step:
    findings = [
        seen.refused[path] for path in (names.ENVELOPE, names.PUBLIC_KEY, names.STATEMENT) if path in seen.refused
    ]
    title = _("The statement is signed by the key that lies beside it")
    kind = "Ed25519" if seen.public is None else seen.public.algorithm.value
    expected = _("a signature by {kind} (DSSE) over signature/statement.json").format(kind=kind)
    if seen.envelope and seen.public:
        signed = pre_authentication_encoding(seen.envelope.body)
        try:
            if not signature_holds(seen.public, seen.envelope.signature, signed):
                findings.append(_("the signature in {path} does not hold").format(path=names.ENVELOPE))
        except InputRefused as unable:  # no OpenSSL for SM2: what cannot be checked is not known
            return Step(code="signature", title=title, expected=expected, found=str(unable), outcome=Outcome.UNKNOWN)
        if seen.envelope.body != seen.contents.get(names.STATEMENT):
            findings.append(_("{statement} is not the statement that was signed").format(statement=names.STATEMENT))
        if public_pem(seen.public) != seen.contents[names.PUBLIC_KEY]:
            findings.append(_("{path} is written in another way than it was sealed").format(path=names.PUBLIC_KEY))
    return judged(
        "signature",
        title,
        expected,
        findings,
        _("the signature holds"),
    )


def _check_signer(
    seen: Reading, trusted: Sequence[TrustedKey], now: datetime | None, stamped: Stamped | Refusal | None
) -> Step:
    title = _("The key belongs to somebody the verifier trusts, and was valid when it signed")
    expected = _("one of {count} trusted keys").format(count=len(trusted))
    if seen.public is None or seen.envelope is None or seen.statement is None:
        findings = [_("there is no readable key, envelope and statement to judge")]
        return judged("signer", title, expected, findings, "")
    predicate, public = seen.statement.predicate, seen.public
    match = next((key for key in trusted if key.public == public), None)
    findings = _signer_findings(seen, match, now, stamped)
    if trusted and match is None:
        findings.append(_("the key {key_id} is none of the trusted keys").format(key_id=seen.envelope.key_id))
    if findings:
        return judged("signer", title, expected, findings, "")
    if match is None:
        note = _("a rehearsal's key, kept nowhere") if predicate.key_ephemeral else _("no trusted key was given")
        found = _("key {key_id}: {note}; who sealed it is not known").format(key_id=seen.envelope.key_id, note=note)
        return Step(code="signer", title=title, expected=expected, found=found, outcome=Outcome.UNKNOWN)
    found = _("{label}, sealed at {time} by its own clock").format(label=match.label, time=iso_utc(predicate.sealed_at))
    return judged("signer", title, expected, [], found)


def _signer_findings(
    seen: Reading, match: TrustedKey | None, now: datetime | None, stamped: Stamped | Refusal | None
) -> list[str]:
    if seen.statement is None or seen.envelope is None or seen.public is None:
        raise ValueError("nothing to judge")
    predicate = seen.statement.predicate
    findings = []
    actual = seen.public.key_id
    if not actual == seen.envelope.key_id == predicate.key_id:
        findings.append(_("the key's id is {actual}, but envelope or statement name another").format(actual=actual))
    if now is not None and predicate.sealed_at > in_utc(now):
        findings.append(
            _("it says it was sealed at {time}, which has not come yet").format(time=iso_utc(predicate.sealed_at))
        )
    if match is None:
        return findings
    if match.valid_from is not None and predicate.sealed_at < match.valid_from:
        findings.append(_("the key of {label} was not yet valid when it signed").format(label=match.label))
    if match.valid_to is not None and predicate.sealed_at > match.valid_to:
        findings.append(_("the key of {label} had expired when it signed").format(label=match.label))
    proven = stamped.at if isinstance(stamped, Stamped) else None
    if match.revoked_at is not None and (proven is None or proven >= match.revoked_at):
        # A stolen key can write any time of sealing, so a revoked key is trusted only with an authority's time.
        findings.append(
            _("the key of {label} was revoked at {time}").format(label=match.label, time=iso_utc(match.revoked_at))
        )
    return findings


def _check_statement(seen: Reading) -> Step:
    title = _("The signed statement names exactly these files with these digests")
    if seen.statement is None:
        return judged("statement", title, names.STATEMENT, [_("there is no readable statement")], "")
    covered = {path: one for path, one in seen.members.items() if path.startswith("data/") or path in names.SIGNED_TAGS}
    known = {*covered, *names.TAG_MANIFESTS, names.STATEMENT, names.ENVELOPE, names.PUBLIC_KEY, names.TIME_TOKEN}
    findings = [
        *(
            finding
            for algorithm in ALGORITHMS
            for finding in _compare(
                dict(getattr(seen.statement, algorithm)), _digests(covered, algorithm), names.STATEMENT
            )
        ),
        *(_("{path} belongs to no package").format(path=path) for path in sorted(seen.members.keys() - known)),
    ]
    return judged(
        "statement",
        title,
        _("{count} files").format(count=len(seen.statement.sha256)),
        list(dict.fromkeys(findings)),
        _("all are here with the digests that were signed"),
    )


def _stamp_of(seen: Reading, authorities: TrustedAuthorities | None) -> Stamped | Refusal | None:
    token, envelope = seen.contents.get(names.TIME_TOKEN), seen.contents.get(names.ENVELOPE)
    if token is None or envelope is None or authorities is None:
        return None
    return check_token(envelope, token, authorities, names.TIME_TOKEN)


def _check_time_token(seen: Reading, stamped: Stamped | Refusal | None) -> Step:
    title = _("A time-stamping authority confirms when it was sealed")
    expected = _("an RFC 3161 token over signature/envelope.json")
    if stamped is None:
        found = (
            _("a token is here, but no trusted authority was named to check it")
            if names.TIME_TOKEN in seen.members
            else _("no token; the time of sealing rests on the sealing machine's clock alone")
        )
        return Step(code="time-token", title=title, expected=expected, found=found, outcome=Outcome.UNKNOWN)
    if isinstance(stamped, Refusal):
        return judged("time-token", title, expected, [f"{stamped.subject}: {stamped.reason}"], "")
    findings = []
    if seen.statement is not None and stamped.at < seen.statement.predicate.sealed_at - TOLERANCE:
        findings.append(
            _("the authority stamped it at {at}, before the statement says it was sealed").format(
                at=iso_utc(stamped.at)
            )
        )
    return judged("time-token", title, expected, findings, _("stamped at {at}").format(at=iso_utc(stamped.at)))
