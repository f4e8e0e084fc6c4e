"""The command ``skywarden``: chooses the language, runs a command, and turns failures into one sentence and a code."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from rich.console import Console

from app.exit_codes import FAILED, INTERRUPTED, exit_code_of, said_of_disk
from app.languages import language_of, use_language, use_language_for_options
from core.errors import SkywardenError
from core.text import _


def main() -> NoReturn:
    """Run ``skywarden`` with the process's arguments and end the process with its exit code."""
    language = language_of(os.environ)
    use_language(language)
    use_language_for_options(language, os.environ)
    # Imported after the language is chosen, because help texts are translated when the commands are defined.
    from app.commands import build

    try:
        build()()
    except SkywardenError as failure:
        name = _("skywarden:")
        Console(stderr=True).print(f"[red]{name}[/red] ", end="")
        Console(stderr=True, markup=False, highlight=False).print(str(failure), soft_wrap=True)
        sys.exit(exit_code_of(failure))
    except OSError as failure:
        said = said_of_disk(failure)
        if said is None:
            raise
        Console(stderr=True, markup=False, highlight=False).print(_("skywarden:"), said, soft_wrap=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        Console(stderr=True).print(_("interrupted; everything finished so far is kept, run the same command again"))
        sys.exit(INTERRUPTED)
    sys.exit(0)
