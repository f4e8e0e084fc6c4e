"""Words for people: the gettext hook that every floor marks its messages with.

Source strings are English. ``app.languages`` installs a catalogue at start; without one, the English text is used.
Write ``_("{name} holds no photos").format(name=path.name)``: never an f-string inside ``_``.
"""

from __future__ import annotations

from collections.abc import Callable
from gettext import NullTranslations

_catalogue: NullTranslations = NullTranslations()


def install_catalogue(catalogue: NullTranslations) -> None:
    """Use ``catalogue`` for every later call of :func:`translate` in this process."""
    global _catalogue  # noqa: PLW0603 - the language of a process is one choice, made once by app.languages
    _catalogue = catalogue


def translate(message: str) -> str:
    """Return ``message`` in the language of this process (the message itself when no translation is known)."""
    return _catalogue.gettext(message) if message else ""  # gettext keeps the catalogue's header under ""


_: Callable[[str], str] = translate
