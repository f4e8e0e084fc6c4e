"""Words for people: the gettext hook that every floor marks its messages with.

Source strings are English. ``app.languages`` installs a catalogue at start; without one, the English text is used.
A process that serves several people at once (the station) answers each in their own language: :func:`speaking` holds
for the thread or task that enters it, and for nobody else.
Write ``_("{name} holds no photos").format(name=path.name)``: never an f-string inside ``_``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from gettext import NullTranslations

_catalogue: NullTranslations = NullTranslations()
_spoken: ContextVar[NullTranslations | None] = ContextVar("spoken", default=None)


def install_catalogue(catalogue: NullTranslations) -> None:
    """Use ``catalogue`` for every later call of :func:`translate` in this process."""
    global _catalogue  # noqa: PLW0603 - the language of a process is one choice, made once by app.languages
    _catalogue = catalogue


@contextmanager
def speaking(catalogue: NullTranslations) -> Iterator[None]:
    """Use ``catalogue`` within this context alone: this thread or task, until the block ends."""
    token = _spoken.set(catalogue)
    try:
        yield
    finally:
        _spoken.reset(token)


def translate(message: str) -> str:
    """Return ``message`` in the language of this context or process (itself when no translation is known)."""
    if not message:  # gettext keeps the catalogue's header under ""
        return ""
    spoken = _spoken.get()
    return (_catalogue if spoken is None else spoken).gettext(message)


_: Callable[[str], str] = translate
