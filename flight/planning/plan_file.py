"""The plan file: a FlightPlan as JSON and back, exactly.

The file's form is versioned (``skywarden: plan/1``). Numbers are written with all their digits, so reading gives the
very plan that was written; a file of another version or with a field too many is refused, not half understood.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cattrs import Converter
from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError

from core.errors import InputRefused
from core.text import _
from core.whole_file import write_text
from flight.flight_plan import FlightPlan

FORM: Final = "plan/1"


@lru_cache(maxsize=1)
def _converter() -> Converter:
    return Converter(forbid_extra_keys=True)


def write_plan_file(flight_plan: FlightPlan, path: Path) -> None:
    """Write the plan to ``path``; what was there before is replaced in one step."""
    document = {"skywarden": FORM, **_converter().unstructure(flight_plan)}
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    write_text(path, text)


def read_plan_file(path: Path) -> FlightPlan:
    """Return the plan in ``path``.

    Raises:
        InputRefused: The file cannot be read, is no plan file of this version, or does not hold together.
    """
    remedy = _("Make it again with skywarden plan.")
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputRefused(
            path, _("the file cannot be read ({error})").format(error=error.strerror), _("Name a plan file.")
        ) from error
    except ValueError as error:
        raise InputRefused(path, _("this is not JSON ({error})").format(error=error), remedy) from error
    if not isinstance(document, dict) or document.get("skywarden") != FORM:
        raise InputRefused(path, _("this is not a plan file of the form {form}").format(form=FORM), remedy)
    body = {key: value for key, value in document.items() if key != "skywarden"}
    try:
        return _converter().structure(body, FlightPlan)
    except (BaseValidationError, ForbiddenExtraKeysError, ValueError, TypeError, KeyError) as error:
        raise InputRefused(path, _("the plan does not hold together ({error})").format(error=error), remedy) from error
