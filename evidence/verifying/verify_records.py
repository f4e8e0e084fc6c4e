"""The later steps of a verification: whether the records of a package agree with each other and with its files."""

from __future__ import annotations

from hashlib import sha256

from core.ids import derived_id
from core.text import _
from evidence.cases.life import state_of
from evidence.cases.order_rules import first_breach
from evidence.custody import Action, first_break, head_of
from evidence.incident import Incident, State
from evidence.sealing import package as names
from evidence.sealing.derivation import without_source
from evidence.sealing.package import OriginalRecord
from evidence.sealing.reading import Reading
from evidence.verifying.verification import Step, judged


def check_incident(seen: Reading) -> Step:
    """The incident record is whole, and is the one that the statement speaks of."""
    title = _("The incident can be read whole and is the one that was signed for")
    if seen.incident is None or seen.statement is None:
        reason = seen.refused.get(names.INCIDENT, _("there is no readable statement"))
        return judged("incident", title, names.INCIDENT, [reason], "")
    predicate, incident = seen.statement.predicate, seen.incident
    pairs = {
        "incident_id": (predicate.incident_id, incident.incident_id),
        "number": (predicate.number, incident.number),
        "state": (predicate.state, incident.state.value),
    }
    findings = [
        _("the statement says {name} {stated}, the incident {found}").format(name=name, stated=stated, found=found)
        for name, (stated, found) in pairs.items()
        if stated != found
    ]
    return judged(
        "incident",
        title,
        predicate.number,
        findings,
        _("{number}: {name}, {count} fixes").format(
            number=incident.number, name=incident.hazard.name_zh, count=len(incident.sighting.fixes)
        ),
    )


def check_originals(seen: Reading) -> Step:
    """Every fix leads to an original that is carried, bit-exact, or named with its digests."""
    title = _("Every fix leads to an original, here or named by its digest")
    if seen.originals is None or seen.incident is None or seen.frames is None:
        reason = [
            seen.refused[path] for path in (names.ORIGINALS, names.INCIDENT, names.FRAMES) if path in seen.refused
        ]
        return judged("originals", title, names.ORIGINALS, reason, "")
    listed = seen.originals.originals
    carried = {record.path: record for record in listed if record.path is not None}
    findings = [finding for path, record in carried.items() for finding in _original_findings(seen, path, record)]
    findings += [
        _("{path} is listed nowhere").format(path=path)
        for path in seen.members
        if path.startswith("data/originals/") and path not in carried
    ]
    known = {derived_id("frame", record.sha256, 0) for record in listed}
    digests = {record.sha256 for record in listed}
    known |= {frame.frame_id for frame in seen.frames.frames if frame.original_sha256 in digests}
    findings += [
        _("the fix of {time} was seen in a frame of no listed original").format(time=fix.captured_at.isoformat())
        for fix in seen.incident.sighting.fixes
        if fix.detection.frame_id not in known
    ]
    if seen.statement is not None:
        predicate = seen.statement.predicate
        counts = (len(carried), len(listed) - len(carried))
        if counts != (predicate.originals_carried, predicate.originals_kept):
            findings.append(_("the statement counts other numbers of originals than the list"))
    return judged(
        "originals",
        title,
        _("{count} originals").format(count=len(listed)),
        findings,
        _("{carried} carried bit-exact, {kept} kept by the bureau and named by digest").format(
            carried=len(carried), kept=len(listed) - len(carried)
        ),
    )


def _original_findings(seen: Reading, path: str, record: OriginalRecord) -> list[str]:
    here = seen.members.get(path)
    if here is None:
        return [_("{path} is listed but missing").format(path=path)]
    if (here.size_bytes, here.sha256, here.sm3) != (record.size_bytes, record.sha256, record.sm3):
        return [_("{path} is not the original that was ingested").format(path=path)]
    return []


def check_derivations(seen: Reading) -> Step:
    """Every derived copy is listed, is what its record says, and goes back to one of the incident's originals."""
    title = _("Every derived copy says which original it was made from, and how")
    if seen.derivations is None or seen.originals is None:
        reason = [seen.refused[path] for path in (names.DERIVATIONS, names.ORIGINALS) if path in seen.refused]
        return judged("derivations", title, names.DERIVATIONS, reason, "")
    made = {record.sha256: record.derivation for record in seen.derivations.derived}
    stray = without_source(made, {record.sha256 for record in seen.originals.originals})
    findings = []
    for record in seen.derivations.derived:
        here = seen.members.get(record.path)
        if here is None:
            findings.append(_("{path} is listed but missing").format(path=record.path))
        elif here.sha256 != record.sha256:
            findings.append(_("{path} is not the copy that was made").format(path=record.path))
        if record.sha256 in stray:
            findings.append(_("{path} names a source that is no original of this incident").format(path=record.path))
    listed = {record.path for record in seen.derivations.derived}
    findings += [
        _("{path} is listed nowhere").format(path=path)
        for path in seen.members
        if path.startswith("data/derived/") and path not in listed
    ]
    count = len(listed)
    return judged(
        "derivations",
        title,
        _("{count} copies").format(count=count),
        findings,
        _("{count} copies, all as recorded").format(count=count),
    )


def check_context(seen: Reading) -> Step:
    """The context's attachments are as recorded; what was not stated is named as absent."""
    title = _("The rules, register, model and flight approval are stated, or stated to be absent")
    if seen.context is None:
        return judged("context", title, names.CONTEXT, [seen.refused.get(names.CONTEXT, "")], "")
    findings = []
    for record in seen.context.attachments:
        here = seen.members.get(record.path)
        if here is None:
            findings.append(_("{path} is listed but missing").format(path=record.path))
        elif here.sha256 != record.sha256:
            findings.append(_("{path} is not the file that was attached").format(path=record.path))
    listed = {record.path for record in seen.context.attachments}
    findings += [
        _("{path} is listed nowhere").format(path=path)
        for path in seen.members
        if path.startswith("data/context/") and path not in listed
    ]
    flight = seen.context.flight
    approval = flight.approval_no if flight is not None and flight.approval_no else _("not stated")
    return judged(
        "context",
        title,
        _("{count} attachments").format(count=len(listed)),
        findings,
        _("{count} attachments; flight approval: {approval}").format(count=len(listed), approval=approval),
    )


def check_custody(seen: Reading) -> Step:
    """The custody chain holds, ends where the statement says, and its sealing is of this incident record."""
    title = _("The custody chain is unbroken and ends where it was signed")
    if seen.custody is None or seen.statement is None:
        reason = seen.refused.get(names.CUSTODY, _("there is no readable statement"))
        return judged("custody", title, names.CUSTODY, [reason], "")
    chain, predicate = seen.custody, seen.statement.predicate
    broken = first_break(chain, predicate.custody_head)
    findings = [] if broken is None else [broken.reason]
    if len(chain) != predicate.custody_entries:
        findings.append(
            _("the statement counts {stated} entries, there are {found}").format(
                stated=predicate.custody_entries, found=len(chain)
            )
        )
    if seen.incident is not None:
        findings += _sealing_findings(seen, seen.incident)
    return judged(
        "custody",
        title,
        _("{count} entries ending in {head}").format(count=predicate.custody_entries, head=predicate.custody_head[:16]),
        findings,
        _("{count} entries ending in {head}").format(count=len(chain), head=head_of(chain)[:16]),
    )


def check_review(seen: Reading) -> Step:
    """The decisions keep the rules of order and lead to the state that the incident is in."""
    title = _("The decisions on it were taken in lawful order and lead to its state")
    if names.REVIEW in seen.refused:
        return judged("review", title, names.REVIEW, [seen.refused[names.REVIEW]], "")
    if seen.life is None:
        fresh = seen.incident is not None and seen.incident.state is State.LEAD
        findings = [] if fresh else [_("the incident is no fresh lead, but no decisions are here")]
        return judged("review", title, names.REVIEW, findings, _("a fresh lead: nobody has decided yet"))
    breach = first_breach(seen.life)
    findings = [] if breach is None else [f"{names.REVIEW}: {breach.reason}"]
    if seen.incident is not None:
        if seen.life.incident_id != seen.incident.incident_id:
            findings.append(_("{path} is about another incident").format(path=names.REVIEW))
        if state_of(seen.life) is not seen.incident.state:
            findings.append(_("{path} leads to another state than the incident's").format(path=names.REVIEW))
    return judged(
        "review",
        title,
        _("{count} decisions").format(count=len(seen.life.decisions)),
        findings,
        _("{count} decisions, now: {state}").format(count=len(seen.life.decisions), state=state_of(seen.life).value),
    )


def _sealing_findings(seen: Reading, incident: Incident) -> list[str]:
    chain = seen.custody or ()
    record = sha256(seen.contents[names.INCIDENT]).hexdigest()
    sealed = [entry for entry in chain if entry.action is Action.SEALED and entry.subject == incident.number]
    if not sealed or sealed[-1].subject_sha256 != record:
        return [_("no entry seals the incident record that lies here")]
    if seen.statement is not None and sealed[-1].at != seen.statement.predicate.sealed_at:
        return [_("the entry of sealing and the statement name different times")]
    return []
