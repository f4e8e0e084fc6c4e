"""Commands for cases: list, show, review, record the check on site, decide, export; and the audit behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.commands.store_options import (
    DEFAULT_STORE,
    ByOption,
    ByOptions,
    NumberArgument,
    StoreOption,
    find_case,
    opened,
    people_of,
    person_of,
    unless_refused,
)
from core.clock import BEIJING
from core.errors import InputRefused, IntegrityFailed
from core.text import _
from evidence.cases.case_store import Case
from evidence.cases.life import Decision, Deed, Document, Life, Person, Quality, Reason, Verdict, state_of
from evidence.cases.retention import holds_of
from evidence.cases.timers import timers_of
from evidence.cases.working_days import read_working_days
from evidence.incident import State


def add_commands(application: typer.Typer) -> None:
    """Add the commands for cases and their audit to the command line."""
    panel = _("Evidence")
    case = typer.Typer(no_args_is_help=True, help=_("Cases: from a lead to its end, each step somebody's decision."))
    case.command(name="list", help=_("List the cases of a store."))(_list)
    case.command(name="show", help=_("Show a case, its decisions and what is due; the look is written down."))(_show)
    case.command(name="review", help=_("Give a verdict on a lead; a second person must give the second."))(_review)
    case.command(name="onsite", help=_("Record the check on site by two officers."))(_onsite)
    case.command(name="accept", help=_("Accept the record as evidence: true, clear, complete and accurate."))(_accept)
    case.command(name="issue", help=_("Record that a document was issued."))(_issue)
    case.command(name="rectified", help=_("Record that the hazard was put right."))(_rectified)
    case.command(name="transfer", help=_("Record to which authority the case went."))(_transfer)
    case.command(name="close", help=_("Close a case."))(_close)
    case.command(name="export", help=_("Write the register of incidents as CSV or GeoPackage."))(_export)
    application.add_typer(case, name="case", rich_help_panel=panel)
    audit = typer.Typer(no_args_is_help=True, help=_("The audit: what was done to which case, by whom and when."))
    audit.command(name="verify", help=_("Find rows that were altered, removed, put elsewhere or inserted."))(_verify)
    audit.command(name="show", help=_("Show the entries, of one case or of all."))(_entries)
    application.add_typer(audit, name="audit", rich_help_panel=panel)


def _list(
    *,
    store: StoreOption = DEFAULT_STORE,
    state: Annotated[State | None, typer.Option(help=_("Only the cases in this state."))] = None,
) -> None:
    lines = opened(store).list_cases(state=state)
    table = Table(box=None, pad_edge=False)
    for name in (_("number"), _("hazard"), _("state"), _("enterprise")):
        table.add_column(name, no_wrap=True)
    for line in lines:
        table.add_row(line.number, line.hazard_code, line.state.value, line.site_code or _("undecided"))
    console = Console()
    if lines:
        console.print(table)
    console.print(_("{count} cases").format(count=len(lines)))


def _show(
    *,
    number: NumberArgument,
    by: ByOption,
    workdays: Annotated[
        Path | None,
        typer.Option(envvar="SKYWARDEN_WORKDAYS", help=_("File of further years' working days, workdays/1.")),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    known = read_working_days(workdays)
    kept = opened(store)
    line = find_case(kept, number)
    case = unless_refused(kept.read_case(line.incident_id, viewer=person_of(by)))
    console = Console(markup=False, highlight=False)
    for label, value in _facts(case):
        console.print(f"{label}: {value}", soft_wrap=True)
    for decision in case.life.decisions:
        console.print("  " + _words(decision), soft_wrap=True)
    if not case.life.decisions:
        console.print("  " + _("nobody has decided anything yet"))
    for timer in timers_of(case.life, working_days=known):
        due = timer.due_at.astimezone(BEIJING).strftime("%Y-%m-%d")
        words = _("due {day}: {name} ({basis}; {count})")
        console.print(words.format(day=due, name=timer.name, basis=timer.basis, count=timer.count), soft_wrap=True)
    for hold in holds_of(kept.audit(line.number)):
        if hold.lifted_at is None:
            console.print(_("on legal hold: {reason}").format(reason=hold.reason), soft_wrap=True)


def _facts(case: Case) -> list[tuple[str, str]]:
    incident = case.incident
    sighting = incident.sighting
    return [
        (_("case"), incident.number),
        (_("hazard"), f"{incident.hazard.code} {incident.hazard.name_zh} / {incident.hazard.name_en}"),
        (_("state"), state_of(case.life).value),
        (_("enterprise"), getattr(incident.attribution, "site_code", None) or _("undecided")),
        (_("place"), f"{sighting.point.lon_deg:.7f}, {sighting.point.lat_deg:.7f} (WGS-84)"),
        (
            _("seen"),
            " … ".join(
                f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}" for at in (sighting.first_seen, sighting.last_seen)
            ),
        ),
        (_("basis"), "; ".join(f"{one.law} {one.article}" for one in incident.hazard.citations)),
    ]


def _words(decision: Decision) -> str:
    who = "、".join(f"{person.name} {person.certificate_no}" for person in decision.people)
    parts = [
        f"{decision.at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
        who,
        decision.deed.value,
        *(str(one.value) for one in (decision.verdict, decision.reason, decision.document) if one is not None),
        *(text for text in (decision.place, decision.note) if text),
    ]
    return " · ".join(parts)


def _decide(store: str, number: str, deed: Deed, people: tuple[Person, ...], **fields: object) -> None:
    """Append a decision to a case and say where the case stands now."""
    kept = opened(store)
    line = find_case(kept, number)
    decision = Decision(at=kept.clock.now(), deed=deed, people=people, **fields)  # type: ignore[arg-type]
    _tell(line.number, unless_refused(kept.decide(line.incident_id, decision)))


def _tell(number: str, life: Life) -> None:
    Console(markup=False, highlight=False).print(
        _("{number}: {count} decisions, now {state}").format(
            number=number, count=len(life.decisions), state=state_of(life).value
        )
    )


def _review(
    *,
    number: NumberArgument,
    verdict: Annotated[Verdict, typer.Option(help=_("What you say of it."))],
    by: ByOption,
    reason: Annotated[
        Reason | None, typer.Option(help=_("Why, where it is rejected or to be looked at again."))
    ] = None,
    note: Annotated[str, typer.Option(help=_("In your own words."))] = "",
    seconds: Annotated[float, typer.Option(min=0, help=_("How long you looked."))] = 0.0,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    kept = opened(store)
    line = find_case(kept, number)
    person = (person_of(by),)
    begin = {State.LEAD: Deed.TAKEN_UP, State.NEEDS_ANOTHER_LOOK: Deed.RESUMED}.get(line.state)
    if begin is not None:  # the first verdict of a round takes the lead up
        unless_refused(kept.decide(line.incident_id, Decision(at=kept.clock.now(), deed=begin, people=person)))
    decision = Decision(
        at=kept.clock.now(),
        deed=Deed.VERDICT,
        people=person,
        verdict=verdict,
        reason=reason,
        note=note,
        seconds_spent=seconds,
    )
    life = unless_refused(kept.decide(line.incident_id, decision))
    _tell(line.number, life)
    if state_of(life) is State.IN_REVIEW:
        Console().print(_("A second person, who does not see this verdict, must give another."))


def _onsite(
    *,
    number: NumberArgument,
    by: ByOptions,
    place: Annotated[str, typer.Option(help=_("Where."))],
    found: Annotated[str, typer.Option(help=_("What was found there."))],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    _decide(store, number, Deed.CHECKED_ON_SITE, people_of(by), place=place, note=found)


def _accept(
    *,
    number: NumberArgument,
    by: ByOption,
    true: Annotated[bool, typer.Option("--true", help=_("The record is true (真实)."))] = False,
    clear: Annotated[bool, typer.Option("--clear", help=_("The record is clear (清晰)."))] = False,
    complete: Annotated[bool, typer.Option("--complete", help=_("The record is complete (完整)."))] = False,
    accurate: Annotated[bool, typer.Option("--accurate", help=_("The record is accurate (准确)."))] = False,
    note: Annotated[str, typer.Option(help=_("In your own words."))] = "",
    store: StoreOption = DEFAULT_STORE,
) -> None:
    quality = Quality(true=true, clear=clear, complete=complete, accurate=accurate)
    _decide(store, number, Deed.ACCEPTED, (person_of(by),), quality=quality, note=note)


def _issue(
    *,
    number: NumberArgument,
    by: ByOptions,
    document: Annotated[Document, typer.Option(help=_("Which document."))],
    note: Annotated[str, typer.Option(help=_("Its number, or other words."))] = "",
    store: StoreOption = DEFAULT_STORE,
) -> None:
    _decide(store, number, Deed.DOCUMENT_ISSUED, people_of(by), document=document, note=note)


def _rectified(
    *,
    number: NumberArgument,
    by: ByOptions,
    note: Annotated[str, typer.Option(help=_("How."))] = "",
    store: StoreOption = DEFAULT_STORE,
) -> None:
    _decide(store, number, Deed.RECTIFIED, people_of(by), note=note)


def _transfer(
    *,
    number: NumberArgument,
    by: ByOption,
    to: Annotated[str, typer.Option(help=_("The authority that takes it."))],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    _decide(store, number, Deed.TRANSFERRED, (person_of(by),), note=to)


def _close(
    *,
    number: NumberArgument,
    by: ByOption,
    note: Annotated[str, typer.Option(help=_("How it ended."))] = "",
    store: StoreOption = DEFAULT_STORE,
) -> None:
    _decide(store, number, Deed.CLOSED, (person_of(by),), note=note)


def _export(
    *,
    out: Annotated[Path, typer.Argument(help=_("File to write: register.csv or register.gpkg."))],
    by: ByOption,
    state: Annotated[State | None, typer.Option(help=_("Only the cases in this state."))] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    from app.register_export import FORMATS, export_register

    if out.suffix.lower() not in FORMATS:
        raise InputRefused(out, _("is of no format that the register is written in"), _("Name a .csv or .gpkg file."))
    if out.exists():
        raise InputRefused(out, _("exists already"), _("Name a new file."))
    count = export_register(opened(store), out, state=state, by=person_of(by))
    Console(markup=False, highlight=False).print(
        _("{count} cases written to {path}").format(count=count, path=out), soft_wrap=True
    )


def _verify(
    *,
    store: StoreOption = DEFAULT_STORE,
    anchor: Annotated[
        str, typer.Option(help=_("An end of the audit noted earlier, as this command prints it: COUNT:SHA256."))
    ] = "",
) -> None:
    kept = opened(store)
    breaks = kept.audit_breaks()
    console = Console(markup=False, highlight=False)
    for broken in breaks:
        console.print(f"{broken.flaw.value}: {broken.reason}", soft_wrap=True)
    if breaks:
        raise IntegrityFailed(
            _("{store}: the audit does not hold in {count} places; see the list above.").format(
                store=store, count=len(breaks)
            )
        )
    chain = kept.audit()
    if anchor:
        count, _colon, digest = anchor.partition(":")
        if not count.isdecimal() or int(count) > len(chain) or chain[int(count) - 1].sha256 != digest:
            raise IntegrityFailed(
                _("{store}: the audit no longer holds the entry {anchor}; it was written anew or put back.").format(
                    store=store, anchor=anchor
                )
            )
    end = f"{len(chain)}:{chain[-1].sha256}" if chain else "0:"
    console.print(_("{count} entries, none altered, removed, put elsewhere or inserted").format(count=len(chain)))
    console.print(_("end of the audit, to be noted elsewhere: {end}").format(end=end), soft_wrap=True)


def _entries(
    *,
    number: Annotated[str | None, typer.Argument(help=_("Only this case."))] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    kept = opened(store)
    entries = kept.audit(None if number is None else find_case(kept, number).number)
    console = Console(markup=False, highlight=False)
    for entry in entries:
        facts = " ".join(f"{name}={value}" for name, value in entry.facts)
        at = f"{entry.at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
        console.print(
            f"{entry.seq:6d}  {at}  {entry.action.value:15s} {entry.subject}  {entry.actor}  {facts}", soft_wrap=True
        )
