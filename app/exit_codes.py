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

import errno
from typing import Final

from core.errors import InputRefused, IntegrityFailed, SkywardenError
from core.text import _

DONE: Final = 0
FAILED: Final = 1
INPUT_REFUSED: Final = 3
INTEGRITY: Final = 4
INTERRUPTED: Final = 130

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CLOSED: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})
_FAILING: Final = frozenset({errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ENAMETOOLONG})


def said_of_disk(failure: OSError) -> str | None:
    """Return what a failure of the disk is in words, or None for one that the disk is not to blame for."""
    if failure.errno in _FULL:
        remedy = _("Make room there and run the same command again; what is finished is kept.")
    elif failure.errno in _CLOSED:
        remedy = _("Name a folder that may be written to.")
    elif failure.errno in _FAILING:
        remedy = _("Look after the disk, then run the same command again; what is finished is kept.")
    else:
        return None
    return _("{path}: {problem}. {remedy}").format(
        path=failure.filename or _("a file"), problem=failure.strerror, remedy=remedy
    )


def exit_code_of(failure: SkywardenError) -> int:
    """Return the exit code of a failure."""
    if isinstance(failure, IntegrityFailed):
        return INTEGRITY
    if isinstance(failure, InputRefused):
        return INPUT_REFUSED
    return FAILED
