"""Commands for rules and law: check a rule file with its own tests, show what a hazard class rests on, on a day."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from core.clock import BEIJING, SystemClock
from core.errors import InputRefused
from core.text import _

if TYPE_CHECKING:
    from geofence.hazard import Citation
    from geofence.rules.law_book import HazardClass, LawBook
    from geofence.rules.rule import RuleBook
    from geofence.rules.rule_cases import RuleTest

LawFolder = Annotated[
    Path | None, typer.Option(help=_("Folder with hazards/*.yaml and law/*.json; those shipped by default."))
]


def add_commands(application: typer.Typer) -> None:
    """Add the commands for rules and law to the command line."""
    panel = _("Whose site, which rule")
    rules = typer.Typer(no_args_is_help=True, help=_("Rules: what a sighting means."))
    rules.command(name="check", help=_("Run a rule file's own tests and say which classes it decides."))(_check)
    application.add_typer(rules, name="rules", rich_help_panel=panel)
    law = typer.Typer(no_args_is_help=True, help=_("The hazard catalogue and the articles it rests on."))
    law.command(name="show", help=_("Show what a hazard class rests on, as it stood on a day."))(_show)
    law.command(name="check", help=_("Check that every citation resolves; say what is unknown."))(_check_law)
    application.add_typer(law, name="law", rich_help_panel=panel)


def _check(
    *,
    rules: Annotated[Path | None, typer.Argument(help=_("Rule file (YAML); the shipped one by default."))] = None,
    law: LawFolder = None,
) -> None:
    from geofence.judge import check_codes, uncovered
    from geofence.rules.law import read_law
    from geofence.rules.rule_cases import failures, unguarded, untested
    from geofence.rules.rule_file import SHIPPED_RULES

    path = rules or SHIPPED_RULES
    book, tests = _parsed(path)
    known = read_law(law)
    try:
        check_codes(book, known)
    except ValueError as wrong:
        remedy = _("Correct the rule, or add the class to the catalogue.")
        raise InputRefused(path, str(wrong), remedy) from wrong
    failed = failures(book, tests)
    console = Console()
    console.print(_coverage(book, tests, known))
    for rule_id in untested(book, tests):
        console.print(_("{rule}: no test of the file shows that it ever holds").format(rule=rule_id), markup=False)
    for rule_id, word in unguarded(book, tests):
        console.print(
            _("{rule}: no test of the file would notice if “{word}” were struck out").format(rule=rule_id, word=word),
            markup=False,
        )
    for rule_id, code in _unknown_periods(book):
        console.print(
            _("{rule}: the shipped calendar has no period {code}").format(rule=rule_id, code=code), markup=False
        )
    for code in uncovered(book, known):
        console.print(_("{code}: neither decided nor named as undecided").format(code=code), markup=False)
    unseen = _unseen(book)
    if unseen:
        console.print(
            _("no installed weight reports these labels, so their rules wait for one: {labels}").format(
                labels=", ".join(unseen)
            ),
            soft_wrap=True,
            markup=False,
        )
    console.print(
        _("{passed} of {all} tests pass").format(passed=len(tests) - len(failed), all=len(tests)), markup=False
    )
    if failed:
        raise InputRefused(path, "; ".join(failed), _("Correct the rule or the test."))


def _parsed(path: Path) -> tuple[RuleBook, tuple[RuleTest, ...]]:
    from flight.planning.yaml_lines import read_yaml
    from geofence.rules.rule_file import parse_rules

    document = read_yaml(path)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return parse_rules(document.value, sha256=digest, line_of=document.line_of)
    except (ValueError, TypeError) as error:
        problem = _("is no rule file: {reason}").format(reason=" ".join(str(error).split()))
        raise InputRefused(path, problem, _("Correct the rule; docs/rules.md describes the language.")) from error


def _coverage(book: RuleBook, tests: tuple[RuleTest, ...], law: LawBook) -> Table:
    from geofence.rules.rule_cases import decide_hazards

    deciding = [match.rule.rule_id for test in tests for match in decide_hazards(book.rules, test.facts).values()]
    table = Table(title=book.name or _("rules"), title_justify="left")
    for name in (_("class"), _("hazard"), _("value"), _("decided by (tests in which it holds), or why not")):
        table.add_column(name, overflow="fold")
    for known in law.classes:
        own = [rule.rule_id for rule in book.rules if rule.hazard_code == known.code]
        how = ", ".join(f"{rule_id} ({deciding.count(rule_id)})" for rule_id in own)
        table.add_row(known.code, f"{known.name_zh} {known.name_en}", known.value, how or _why_not(book, known))
    return table


def _why_not(book: RuleBook, known: HazardClass) -> str:
    reason = book.not_decided.get(known.code, "")
    return _("not decided: {reason}").format(reason=reason) if reason else "–"


def _unknown_periods(book: RuleBook) -> list[tuple[str, str]]:
    """Return the periods, by rule, that no calendar of ours ever runs: a slip of the hand, or a bureau's own."""
    from flight.calendars.periods import read_calendar

    known = {period.code for period in read_calendar().periods}
    return [(rule.rule_id, code) for rule in book.rules for code in sorted((rule.only_in | rule.raised_in) - known)]


def _unseen(book: RuleBook) -> list[str]:
    """Return the labels that rules begin with and nothing installed reports: no weight, and no method of ours."""
    from detection.registry import read_registry
    from detection.thermal.hot_spot_detector import LABEL
    from geofence.gathering.body_length import LONG, UNTOLD

    seen = {label for entry in read_registry().entries for label in entry.card.labels.values()} | {LABEL}
    seen |= {LONG} if UNTOLD in seen else set()  # a vehicle that is longer than any car
    return sorted({label for rule in book.rules for label in rule.labels} - seen)


def _show(
    *,
    code: Annotated[str, typer.Argument(help=_("The class's code, e.g. H13."))],
    on: Annotated[str, typer.Option(help=_("Day of the act in Beijing, e.g. 2026-10-01; today by default."))] = "",
    law: LawFolder = None,
) -> None:
    from geofence.rules.law import cite, penalties_on, read_law

    book = read_law(law)
    day = _day(on)
    try:
        known = book.hazard_class(code.upper())
    except KeyError:
        codes = ", ".join(one.code for one in book.classes)
        problem = _("is no class of the catalogue")
        raise InputRefused(code, problem, _("Use one of: {codes}.").format(codes=codes)) from None
    console = Console()
    console.print(f"[bold]{known.code}[/bold] {known.name_zh} · {known.name_en}", highlight=False)
    facts = Table(show_header=False, box=None)
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    facts.add_row(_("on"), f"{day} (Asia/Shanghai)")
    facts.add_row(_("a frame shows"), known.shows)
    facts.add_row(_("value from the air"), known.value)
    facts.add_row(_("who decides"), known.authority)
    facts.add_row(_("handed over to"), known.transfer or "–")
    facts.add_row(_("put right by"), known.rectification)
    facts.add_row(_("confidence"), known.confidence)
    if known.note:
        facts.add_row(_("note"), known.note)
    console.print(facts)
    table = Table(title=_("Articles in force"), title_justify="left")
    for name in (_("role"), _("law"), _("article"), _("since"), _("confidence"), _("words relied on")):
        table.add_column(name, overflow="fold")
    for citation in cite(book, known.code, day):
        since = citation.effective_from.isoformat() if citation.effective_from else _("unknown")
        table.add_row(
            _roles()[citation.role], citation.law, citation.article, since, citation.confidence, _relied_on(citation)
        )
    console.print(table)
    console.print(_("confidence: A the text was read, B second-hand, C from memory; check B and C before use"))
    penalties = Table(title=_("What the law provides"), title_justify="left")
    for name in (_("under"), _("consequence"), _("confidence")):
        penalties.add_column(name, overflow="fold")
    provided = penalties_on(book, known.code, day)
    unread = {penalty.under for penalty in known.penalties if penalty.text is None}
    for penalty in provided:
        unknown = (
            _("unknown: nobody has read it") if penalty.under in unread else _("unknown: only later versions are held")
        )
        penalties.add_row(penalty.under, penalty.text or unknown, penalty.confidence)
    console.print(penalties if provided else _("no penalty by itself"))


def _roles() -> dict[str, str]:
    return {"duty": _("duty"), "penalty": _("penalty"), "competence": _("competence")}


def _relied_on(citation: Citation) -> str:
    if citation.words:
        return citation.words
    if citation.confidence == "unknown":
        return _("unknown: only later versions are held")
    return _("text not held")


def _check_law(*, law: LawFolder = None) -> None:
    from geofence.rules.law import read_law

    book = read_law(law)  # refuses what does not resolve
    cited = [basis for known in book.classes for basis in known.basis]
    held = sum(isinstance(basis.article, int) for basis in cited)
    console = Console()
    console.print(
        _("{classes} classes, {articles} articles held; {held} citations resolve and hold their words, {rest} are of "
          "texts that are not held").format(
            classes=len(book.classes), articles=len(book.articles), held=held, rest=len(cited) - held
        ),
        highlight=False,
    )  # fmt: skip
    for known in book.classes:
        unknown = [penalty.under for penalty in known.penalties if penalty.text is None]
        loose = [f"{basis.law} {basis.article} ({basis.confidence})" for basis in known.basis if basis.confidence]
        if unknown:
            console.print(
                _("{code}: penalty unknown under {laws}").format(code=known.code, laws=", ".join(unknown)),
                soft_wrap=True,
                highlight=False,
            )
        if loose:
            console.print(
                _("{code}: check before use: {places}").format(code=known.code, places="; ".join(loose)),
                soft_wrap=True,
                highlight=False,
            )
    undated = sorted({article.law for article in book.articles if article.effective_from is None})
    if undated:
        console.print(
            _("first day in force not found: {laws}").format(laws="、".join(undated)), soft_wrap=True, highlight=False
        )


def _day(text: str) -> date:
    if not text:
        return SystemClock().now().astimezone(BEIJING).date()
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        raise InputRefused(text, _("is no day"), _("Write it like 2026-10-01.")) from wrong
