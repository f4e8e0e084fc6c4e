"""Commands for the register of sites: check it, mend it on request, take it in, show a fence as it was."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from core.clock import SystemClock
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from core.whole_file import write_text

if TYPE_CHECKING:
    from geofence.datums import Datum
    from geofence.register.site_features import Feature
    from geofence.register.site_files import Source
    from geofence.register.site_finding import Finding
    from geofence.register.site_folder import Change
    from geofence.register.site_mend import Mended
    from geofence.site import Register

_MOST_ROWS: Final = 40
FINDINGS_PAGE: Final = "findings.html"
FINDINGS_GEOJSON: Final = "findings.geojson"

Sites = Annotated[
    str,
    typer.Argument(
        help=_(
            "GeoJSON, GeoPackage, Shapefile, KML, CSV or Excel file, a folder that an import wrote, or with --postgis "
            "a table."
        )
    ),
]
Zones = Annotated[str, typer.Option(help=_("A second file (or table) of zones, if they are kept apart."))]
Postgis = Annotated[
    str, typer.Option(help=_("Connection string of a PostGIS database; then sites and zones are names of tables."))
]
Shifted = Annotated[
    bool, typer.Option("--shifted", help=_("Take it in although it lies as a whole where another datum puts it."))
]
DATUMS: Final = _("WGS-84, CGCS2000, GCJ-02 (Amap, Tencent) or BD-09 (Baidu)")


def add_commands(application: typer.Typer) -> None:
    """Add the register commands to the command line."""
    register = typer.Typer(no_args_is_help=True, help=_("Check, mend and take in the register of sites."))
    register.command(name="check", help=_("Say what is wrong with a register, with a map; changes nothing."))(_check)
    register.command(name="mend", help=_("Mend what is asked for, list it, and take the result in."))(_mend)
    register.command(name="import", help=_("Take a register in: one form, versions kept, changes told."))(_import)
    register.command(name="fence", help=_("Print a fence as it was in a version that an incident names."))(_fence)
    application.add_typer(register, name="register", rich_help_panel=_("Whose site, which rule"))


def _check(
    *,
    sites: Sites,
    zones: Zones = "",
    postgis: Postgis = "",
    datum: Annotated[str, typer.Option(help=_("What the degrees are in: {datums}.").format(datums=DATUMS))] = "WGS-84",
    before: Annotated[
        Path | None, typer.Option(help=_("An earlier register, to find one that moved as a whole."))
    ] = None,
    out: Annotated[Path | None, typer.Option(help=_("Folder for the map and the GeoJSON of the findings."))] = None,
) -> None:
    from geofence.register.site_files import compile_register, read_register
    from geofence.register.site_finding import Finding, findings_geojson, findings_of_refusals
    from geofence.register.site_report import examine_register
    from maps.findings_map import render_findings

    source = _read(sites, zones, postgis, _datum(datum))
    register, refused = compile_register(source.features, sha256=source.sha256)
    earlier = None if before is None else read_register(before)[0]
    doubts = (
        Finding(code=doubt.code, keys=(doubt.subject,), says=doubt.reason, remedy=doubt.remedy, where=None)
        for doubt in source.doubts
    )
    findings = (*doubts, *findings_of_refusals(refused, source.features), *examine_register(register, before=earlier))
    console = Console()
    console.print(
        _("{sites} sites, {zones} zones, {refused} entries refused, {findings} findings").format(
            sites=len(register.sites), zones=len(register.zones), refused=len(refused), findings=len(findings)
        )
    )
    if findings:
        console.print(_table(findings))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        title = _("Register check: {name}").format(name=Path(sites).name)
        write_text(out / FINDINGS_PAGE, render_findings(findings, register, title=title))
        write_text(out / FINDINGS_GEOJSON, findings_geojson(findings))
        for path in (out / FINDINGS_PAGE, out / FINDINGS_GEOJSON):
            console.print(str(path), soft_wrap=True, markup=False, highlight=False)
    elif findings:
        console.print(_("--out FOLDER writes these on a map."), markup=False)


def _mend(
    *,
    sites: Sites,
    datum: Annotated[
        str, typer.Option(help=_("What the degrees are in, to be declared: {datums}.").format(datums=DATUMS))
    ],
    register: Annotated[Path, typer.Option(help=_("Folder to take the mended register in."))],
    zones: Zones = "",
    postgis: Postgis = "",
    shifted: Shifted = False,
    crossings: Annotated[bool, typer.Option("--crossings", help=_("Outlines that cross themselves."))] = False,
    repeats: Annotated[bool, typer.Option("--repeats", help=_("Entries that repeat another word for word."))] = False,
    slivers: Annotated[
        bool, typer.Option("--slivers", help=_("Overlaps narrower than 2 m: the later entry takes the line."))
    ] = False,
    gaps: Annotated[
        bool, typer.Option("--gaps", help=_("Gaps narrower than 2 m: the later entry takes the line."))
    ] = False,
    undo_shift: Annotated[
        Path | None, typer.Option(help=_("An earlier register; undo a tiny shift of the whole against it."))
    ] = None,
) -> None:
    from geofence.register.site_files import read_register
    from geofence.register.site_mend import Mend, mend_source

    flags = {
        Mend.CROSSINGS: crossings,
        Mend.REPEATS: repeats,
        Mend.SLIVERS: slivers,
        Mend.GAPS: gaps,
        Mend.SHIFT: undo_shift is not None,
    }
    asked = {mend for mend, wanted in flags.items() if wanted}
    if not asked:
        remedy = _("Say --crossings, --repeats, --slivers, --gaps or --undo-shift.")
        raise InputRefused(sites, _("is not mended without saying what"), remedy)
    source = _read(sites, zones, postgis, _datum(datum))
    before = None if undo_shift is None else read_register(undo_shift)[0]
    features, done = mend_source(source, asked, before=before)
    console = Console()
    table = Table(title=_("Mended"), title_justify="left")
    for name in (_("entry"), _("mend"), _("what was done")):
        table.add_column(name, overflow="fold")
    for one in done:
        table.add_row(one.subject, one.mend.value, one.says)
    console.print(table if done else _("nothing needed mending"))
    _take_in(source, features=features, name=sites, datum=_datum(datum), folder=register, done=done, shifted=shifted)


def _import(
    *,
    sites: Sites,
    datum: Annotated[
        str, typer.Option(help=_("What the degrees are in, to be declared: {datums}.").format(datums=DATUMS))
    ],
    register: Annotated[Path, typer.Option(help=_("The register's folder; made when missing."))],
    zones: Zones = "",
    postgis: Postgis = "",
    shifted: Shifted = False,
) -> None:
    source = _read(sites, zones, postgis, _datum(datum))
    _take_in(
        source, features=source.features, name=sites, datum=_datum(datum), folder=register, done=(), shifted=shifted
    )


def _take_in(
    source: Source,
    *,
    features: Sequence[Feature],
    name: str,
    datum: Datum,
    folder: Path,
    done: Sequence[Mended],
    shifted: bool,
) -> None:
    from geofence.register.site_files import SITES_FILE, compile_register, read_register, refuse_empty
    from geofence.register.site_folder import take_in
    from geofence.register.site_shift import find_shift

    compiled, refused = compile_register(features, sha256=source.sha256)
    refusals = (*source.doubts, *refused)
    refuse_empty(compiled, refusals, name)
    earlier = read_register(folder)[0] if (folder / SITES_FILE).is_file() else None
    shifts = {one.code: one for one in find_shift(compiled, earlier)}
    moved = shifts.get("datum-shift")
    if moved is not None and not shifted:
        remedy = _("Declare its datum; if it is the register in force that was wrong, say --shifted.")
        raise InputRefused(name, moved.says, remedy)
    origin = {"source": name, "sha256": source.sha256, "datum": datum.value}
    register, change = take_in(features, folder, source=origin, at=SystemClock().now(), mended=done)
    console = Console()
    _print_refusals(refusals, console)
    if "tiny-shift" in shifts:
        slight = shifts["tiny-shift"]
        console.print(f"{slight.says}. {slight.remedy}", style="bold yellow", soft_wrap=True, highlight=False)
    console.print(_told(register, change), soft_wrap=True, markup=False, highlight=False)
    console.print(str(folder), soft_wrap=True, markup=False, highlight=False)


def _told(register: Register, change: Change) -> str:
    told = _(
        "{sites} sites and {zones} zones are in force: {added} added, {changed} changed, {removed} removed, "
        "{unchanged} as before; {versions} new versions kept"
    ).format(
        sites=len(register.sites),
        zones=len(register.zones),
        added=len(change.added),
        changed=len(change.changed),
        removed=len(change.removed),
        unchanged=change.unchanged,
        versions=change.versions,
    )
    if change.removed:
        told += "\n" + _("removed: {keys}").format(keys=", ".join(change.removed[:20]))
    return told


def _fence(
    *,
    register: Annotated[Path, typer.Argument(help=_("The register's folder, or a case folder."))],
    key: Annotated[str, typer.Argument(help=_("The site's code, or the zone's id."))],
    version: Annotated[str, typer.Argument(help=_("The version, or its first characters; all when left out."))] = "",
) -> None:
    from geofence.register.site_archive import versions_of
    from geofence.register.site_folder import ARCHIVE

    lines = [
        line for line in versions_of(register / ARCHIVE, key) if str(line["properties"]["version"]).startswith(version)
    ]
    if not lines:
        problem = _("holds no version {version} of {key}").format(version=version or "–", key=key)
        raise InputRefused(register / ARCHIVE, problem, _("Name the key and version as the incident does."))
    typer.echo(json.dumps({"type": "FeatureCollection", "features": lines}, ensure_ascii=False, indent=1))


def _datum(name: str) -> Datum:
    from geofence.datums import Datum

    for datum in Datum:
        if name.upper().replace("-", "").replace("_", "") == datum.value.replace("-", ""):
            return datum
    raise InputRefused(name, _("is no datum"), _("Use {datums}.").format(datums=DATUMS))


def _read(sites: str, zones: str, postgis: str, datum: Datum) -> Source:
    from geofence.register.site_files import read_files
    from geofence.register.site_postgis import read_tables

    if postgis:
        return read_tables(postgis, sites, zones or None)
    return read_files(Path(sites), Path(zones) if zones else None, datum=datum)


def _table(findings: Sequence[Finding]) -> Table:
    """Return the findings as a table; of many alike only the first are shown, and how many more there are is said."""
    table = Table(title=_("Findings"), title_justify="left")
    for name in (_("what"), _("where"), _("why"), _("what to do")):
        table.add_column(name, overflow="fold")
    counts = Counter(finding.code for finding in findings)
    most = max(3, _MOST_ROWS // len(counts))
    shown: Counter[str] = Counter()
    for finding in findings:
        shown[finding.code] += 1
        if shown[finding.code] <= most:
            keys = ", ".join(finding.keys[:3]) + (" …" if len(finding.keys) > 3 else "")
            table.add_row(finding.code, keys, finding.says, finding.remedy)
    for code, count in counts.items():
        if count > most:
            table.add_row(code, "", _("and {count} more").format(count=count - most), "")
    return table


def _print_refusals(refusals: Sequence[Refusal], console: Console) -> None:
    for refusal in refusals[:_MOST_ROWS]:
        console.print(str(refusal), soft_wrap=True, markup=False, highlight=False)
    if len(refusals) > _MOST_ROWS:
        console.print(_("and {count} more").format(count=len(refusals) - _MOST_ROWS))
