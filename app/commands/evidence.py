"""Commands for evidence: verify a sealed package, make a signing key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from core.clock import SystemClock
from core.errors import InputRefused, IntegrityFailed
from core.text import _
from evidence.signing.keys import TrustedKey, create_key
from evidence.signing.public_key import public_from_pem
from evidence.verify import verify
from evidence.verifying.verification import Outcome, lines_of


def add_commands(application: typer.Typer) -> None:
    """Add the evidence commands to the command line."""
    panel = _("Evidence")

    @application.command(
        name="verify", rich_help_panel=panel, help=_("Check a sealed package; needs no store and no network.")
    )
    def _verify(
        package: Annotated[Path, typer.Argument(help=_("Folder of the sealed package."))],
        trust: Annotated[
            list[Path] | None, typer.Option(help=_("Public key (PEM) of a signer you trust; may be repeated."))
        ] = None,
    ) -> None:
        trusted = [TrustedKey(label=path.name, public=public_from_pem(_content(path), path)) for path in trust or []]
        verification = verify(package, trusted_keys=trusted, now=SystemClock().now())
        console = Console(markup=False, highlight=False)
        for line in lines_of(verification):
            console.print(line, soft_wrap=True)
        if verification.outcome is Outcome.FAIL:
            failed = [step for step in verification.steps if step.outcome is Outcome.FAIL]
            raise IntegrityFailed(
                _("{package}: {count} of {all} steps failed; the package is not what was sealed.").format(
                    package=package, count=len(failed), all=len(verification.steps)
                )
            )

    @application.command(
        name="create-key",
        rich_help_panel=panel,
        help=_("Make a signing key. The passphrase is read from SKYWARDEN_KEY_PASSPHRASE, or asked for."),
    )
    def _create_key(
        key: Annotated[Path, typer.Argument(help=_("File for the encrypted private key."))],
        label: Annotated[str, typer.Option(help=_("Whose key it is, for people."))] = "",
    ) -> None:
        passphrase = os.environ.get("SKYWARDEN_KEY_PASSPHRASE") or typer.prompt(
            _("Passphrase"), hide_input=True, confirmation_prompt=True
        )
        create_key(key, passphrase, label)
        public = key.with_suffix(".pub.pem")
        Console().print(_("private key: {key}\npublic key: {public}").format(key=key, public=public), soft_wrap=True)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise InputRefused(
            path, _("cannot be read ({why})").format(why=problem.strerror), _("Name a public key in PEM form.")
        ) from problem
