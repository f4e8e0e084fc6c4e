"""Commands for the station: serve it, make its first administrator by hand, take a run in."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app.languages import language_of
from core.clock import BEIJING, SystemClock
from core.errors import InputRefused
from core.text import _

if TYPE_CHECKING:
    from app.station.options import StationOptions

POSTGRESQL = ("postgresql://", "postgres://")


def add_commands(application: typer.Typer) -> None:
    """Add the station's commands to the command line."""
    panel = _("The station")
    group = typer.Typer(no_args_is_help=True, help=_("Keep the station: accounts and what is in it."))
    application.add_typer(group, name="station", rich_help_panel=panel)

    @application.command(
        name="serve", rich_help_panel=panel, help=_("Serve the station: review, map and accounts in the browser.")
    )
    def _serve(
        *,
        store: Annotated[str, typer.Option(help=_("SQLite file, or postgresql:// address, of the cases."))],
        vault: Annotated[str, typer.Option(help=_("Folder or address of the vault."))],
        listen: Annotated[str, typer.Option(help=_("Address and port; only loopback is served without TLS."))] = (
            "127.0.0.1:8443"
        ),
        certificate: Annotated[Path | None, typer.Option(help=_("TLS certificate chain, PEM."))] = None,
        key: Annotated[Path | None, typer.Option(help=_("The certificate's key, PEM."))] = None,
        behind_proxy: Annotated[
            bool, typer.Option("--behind-proxy", help=_("A proxy on this machine speaks TLS and says who asks."))
        ] = False,
        name: Annotated[
            list[str] | None, typer.Option(help=_("Host name under which it is opened; may be repeated."))
        ] = None,
        webhook: Annotated[
            list[str] | None,
            typer.Option(help=_("Address that is told of newly confirmed cases; may be repeated; none by default.")),
        ] = None,
        uploads: Annotated[
            Path | None, typer.Option(help=_("Folder where uploads wait until they are whole; else beside the store."))
        ] = None,
        patrols: Annotated[
            Path | None, typer.Option(help=_("Folder of patrol files that the fleet page shows."))
        ] = None,
        processing: Annotated[
            Path | None,
            typer.Option(help=_("File with options of skywarden process, for footage uploaded in the browser.")),
        ] = None,
        stream: Annotated[
            list[Path] | None,
            typer.Option(help=_("File that skywarden fly --stream writes: an aircraft on the map; may be repeated.")),
        ] = None,
        base: Annotated[
            list[str] | None,
            typer.Option(help=_("What lies under the map, as for skywarden map; nothing by default.")),
        ] = None,
        base_key: Annotated[str, typer.Option(envvar="SKYWARDEN_BASE_KEY", help=_("Key that Tianditu asks for."))] = "",
        language: Annotated[str, typer.Option(help=_("For people who chose none: zh_CN or en."))] = "zh_CN",
    ) -> None:
        from app.station.context import station
        from app.station.opening import open_station
        from app.station.serving import serve_station

        options = _options(
            store, vault, listen=listen, certificate=certificate, key=key, behind_proxy=behind_proxy,
            names=tuple(name or ()), language=language, webhooks=tuple(webhook or ()), uploads=uploads, patrols=patrols,
            streams=tuple(stream or ()), base=tuple(base or ()), base_key=base_key,
        )  # fmt: skip
        clock = SystemClock()
        open_station(options, clock)
        if processing is not None:
            from app.station.processing import read_processing_options

            station().options = replace(options, processing=read_processing_options(processing))
        _greet(options, station().setup_token)
        serve_station(options, clock)

    _add_report(group)

    @group.command(name="create-admin", help=_("Make an administrator; the password is asked for."))
    def _create_admin(
        username: Annotated[str, typer.Argument(help=_("Name to sign in with."))],
        store: Annotated[str, typer.Option(help=_("As for serve."))],
        person: Annotated[str, typer.Option(help=_("The person's name."))],
    ) -> None:
        from app.station.context import station
        from app.station.opening import open_station
        from app.station.roles import Role

        # Nothing is put into a vault here; its address is only opened when something is.
        open_station(_options(store, "."), SystemClock())
        from app.station.accounts import create_account  # what knows the tables wants Django settled
        from app.station.audit import note_account

        password = os.environ.get("SKYWARDEN_STATION_PASSWORD") or typer.prompt(
            _("Password"), hide_input=True, confirmation_prompt=True
        )
        user = create_account(
            username=username, name=person, password=password, roles=[Role.ADMINISTRATOR], all_districts=True,
            must_change_password=False, clock=station().clock,
        )  # fmt: skip
        note_account("program:skywarden", user.username, "made on the terminal", roles=Role.ADMINISTRATOR.value)
        Console(markup=False).print(_("{name} is an administrator now.").format(name=user.username), soft_wrap=True)

    @group.command(name="webhooks", help=_("List the addresses that are told of confirmed cases, with their secrets."))
    def _webhooks(store: Annotated[str, typer.Option(help=_("As for serve."))]) -> None:
        from app.station.opening import open_station

        open_station(_options(store, "."), SystemClock())
        from app.station.models import WebhookTarget  # as above

        console = Console(markup=False, highlight=False)
        for target in WebhookTarget.objects.order_by("address"):
            counts = {
                outcome: target.messages.filter(outcome=outcome).count()
                for outcome in ("waiting", "arrived", "given-up")
            }
            state = _("told") if target.active else _("off")
            console.print(target.address, state, target.secret, counts, soft_wrap=True)

    @group.command(name="export-verdicts", help=_("Write reviewed boxes and their photos, for skywarden train set."))
    def _export_verdicts(
        folder: Annotated[Path, typer.Argument(help=_("A new folder."))],
        store: Annotated[str, typer.Option(help=_("As for serve."))],
        vault: Annotated[str, typer.Option(help=_("As for serve."))],
    ) -> None:
        from app.station.opening import open_station

        open_station(_options(store, vault), SystemClock())
        from app.station.verdict_export import VERDICTS, export_verdicts  # as above

        done = export_verdicts(folder)
        Console(markup=False, highlight=False).print(
            _(
                "{positives} confirmed and {negatives} rejected boxes in {file}; {without} decided cases gave none."
            ).format(positives=done.positives, negatives=done.negatives, without=done.without, file=folder / VERDICTS),
            soft_wrap=True,
        )

    @group.command(name="import", help=_("Take the incidents of a finished run of skywarden process into the store."))
    def _import(
        run: Annotated[Path, typer.Argument(help=_("Case folder that skywarden process wrote."))],
        store: Annotated[str, typer.Option(help=_("As for serve."))],
        vault: Annotated[str, typer.Option(help=_("As for serve."))],
        district: Annotated[
            str, typer.Option(help=_("Code of the district for incidents that no district's outline holds."))
        ] = "",
        title: Annotated[str, typer.Option(help=_("What the run is called; by default the folder's name."))] = "",
    ) -> None:
        from app.station.opening import open_station

        open_station(_options(store, vault), SystemClock())
        from app.station.filling import take_in_run  # as above

        taken = take_in_run(run, actor="program:skywarden", district=district, title=title)
        console = Console(markup=False, highlight=False)
        for refusal in taken.refusals:
            console.print(str(refusal), soft_wrap=True)
        console.print(
            _("{opened} cases opened, {known} were there, {files} files in the vault, {refused} refused.").format(
                opened=taken.opened, known=taken.known, files=taken.files, refused=len(taken.refusals)
            ),
            soft_wrap=True,
        )


def _add_report(group: typer.Typer) -> None:
    @group.command(name="report", help=_("Write a week's report, for a timer that runs on Mondays."))
    def _report(
        store: Annotated[str, typer.Option(help=_("As for serve."))],
        out: Annotated[Path, typer.Option(help=_("Folder for the files."))],
        week: Annotated[str, typer.Option(help=_("Week, as 2026-W47; or last, or this."))] = "last",
        form: Annotated[list[str] | None, typer.Option(help=_("pdf, xlsx or csv; may be repeated; pdf alone."))] = None,
        district: Annotated[str, typer.Option(help=_("Code of the one district to tell of; else all."))] = "",
    ) -> None:
        from app.station.opening import open_station

        clock = SystemClock()
        open_station(_options(store, "."), clock)
        from app.station.weekly import read_week, write_week  # what knows the tables wants Django settled

        now = clock.now()
        files = write_week(
            read_week(week, now.astimezone(BEIJING).date()), out, forms=tuple(form or ("pdf",)), district=district,
            now=now, chinese=language_of(os.environ) == "zh_CN",
        )  # fmt: skip
        for file in files:
            Console(markup=False, highlight=False).print(str(file), soft_wrap=True)


def _options(
    store: str,
    vault: str,
    *,
    listen: str = "127.0.0.1:8443",
    certificate: Path | None = None,
    key: Path | None = None,
    behind_proxy: bool = False,
    names: tuple[str, ...] = (),
    webhooks: tuple[str, ...] = (),
    uploads: Path | None = None,
    patrols: Path | None = None,
    streams: tuple[Path, ...] = (),
    base: tuple[str, ...] = (),
    base_key: str = "",
    language: str = "",
) -> StationOptions:
    """Return the options of a station; what cannot go together is refused in a sentence."""
    from app.station.options import StationOptions

    host, _colon, port = listen.rpartition(":")
    try:
        return StationOptions(
            store=store if store.startswith(POSTGRESQL) else Path(store),
            vault=vault,
            host=host.strip("[]") or "127.0.0.1",
            port=int(port) if port.isdigit() else -1,
            certificate=certificate,
            key=key,
            behind_proxy=behind_proxy,
            names=names,
            webhooks=webhooks,
            uploads=uploads,
            patrols=patrols,
            streams=streams,
            base=base,
            base_key=base_key,
            language=language or language_of(os.environ),
        )
    except ValueError as unfit:
        raise InputRefused(
            listen,
            _("cannot be served so ({why})").format(why=unfit),
            _("Say HOST:PORT; outside this machine's loopback name --certificate and --key, or --behind-proxy."),
        ) from unfit


def _greet(options: StationOptions, token: str) -> None:
    """Say where the station is, and at the first start how it is set up."""
    scheme = "https" if options.certificate is not None else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    address = f"{scheme}://{host}:{options.port}/"
    console = Console(markup=False, highlight=False)
    console.print(_("The station is at {address} (Ctrl+C ends it).").format(address=address), soft_wrap=True)
    if token:
        console.print(
            _("It has no administrator yet. Open {address}setup and give this token, which is good until then: {token}")
            .format(address=address, token=token),
            soft_wrap=True,
        )  # fmt: skip
