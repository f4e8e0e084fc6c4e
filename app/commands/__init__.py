"""The commands, one module per job; :func:`build` puts them together.

Help texts are translated when this package's :func:`build` runs, so the language must be chosen before.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Final

import typer

from app.commands.version import program_version
from core.text import _

MODULES: Final = (
    "demonstration",
    "planning",
    "calendars",
    "flying",
    "flight_log",
    "ingesting",
    "footage",
    "following_up",
    "comparing",
    "mapping",
    "registering",
    "judging",
    "inspecting",
    "clocks",
    "locating",
    "calibrating",
    "casework",
    "sealing",
    "keeping",
    "keys",
    "weights",
    "training",
    "serving",
)
"""The modules of commands, in the order in which help lists them."""


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback form
    if wanted:
        typer.echo(program_version())
        raise typer.Exit


def build() -> typer.Typer:
    """Return the whole command line."""
    application = typer.Typer(
        name="skywarden",
        help=_(
            "Drone-assisted field enforcement: plan a lawful patrol, fly it, find hazards in its footage, tie each to "
            "an enterprise with a probability, and seal what is found so that anybody can verify it.\n\n"
            "Everything runs on this machine; nothing is sent anywhere. A finding from the air is a lead (线索) until "
            "officers confirm it on site.\n\n"
            "Begin with: skywarden demo"
        ),
        epilog=_(
            "Exit codes: 0 done; 1 failed; 2 wrong call; 3 an input was refused; 4 a sealed thing was altered; "
            "130 interrupted. Language: SKYWARDEN_LANG=zh_CN or en. Manual: docs/ in the source."
        ),
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )

    @application.callback()
    def _root(
        *,
        version: Annotated[
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help=_("Show the version and end."))
        ] = False,
    ) -> None:
        pass

    for name in MODULES:
        import_module(f"app.commands.{name}").add_commands(application)
    return application
