"""The one place where failures become exit codes and words on the terminal.

====  =====================================================================================
code  meaning
====  =====================================================================================
0     done; single inputs may still have been refused, the run's report lists them
1     the world failed: link, store, plan (the text says how)
2     the command was called wrongly (click's own)
3     an input that the whole run depends on was refused (file, folder, weight)
4     a sealed thing is not what it was
130   interrupted by the user; everything finished so far is kept
====  =====================================================================================
"""

from __future__ import annotations

from typing import Final

from core.errors import InputRefused, IntegrityFailed, SkywardenError

DONE: Final = 0
FAILED: Final = 1
INPUT_REFUSED: Final = 3
INTEGRITY: Final = 4
INTERRUPTED: Final = 130


def exit_code_of(failure: SkywardenError) -> int:
    """Return the exit code of a failure."""
    if isinstance(failure, IntegrityFailed):
        return INTEGRITY
    if isinstance(failure, InputRefused):
        return INPUT_REFUSED
    return FAILED
