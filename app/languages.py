"""The language of this process: reads the compiled catalogues in ``app/locale`` and installs one.

English is the language of the source strings; Simplified Chinese is complete (a test compares).
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping, MutableMapping
from functools import cache
from importlib.resources import as_file, files

from core.text import install_catalogue

LANGUAGES = ("en", "zh_CN")


def language_of(environment: Mapping[str, str]) -> str:
    """Return the language asked for by SKYWARDEN_LANG, LC_ALL, LC_MESSAGES or LANG, in this order; else English."""
    for name in ("SKYWARDEN_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        wanted = environment.get(name, "")
        if wanted:
            return "zh_CN" if wanted.lower().replace("-", "_").startswith("zh") else "en"
    return "en"


def use_language_for_options(language: str, environment: MutableMapping[str, str]) -> None:
    """Have typer head its help and its errors in ``language`` too; call before typer is imported.

    Typer asks gettext's default domain ("messages"), which goes by LANGUAGE; so ``environment`` is the process's own.
    """
    environment["LANGUAGE"] = language
    gettext.bindtextdomain("messages", str(files("app") / "locale"))


@cache
def catalogue_of(language: str) -> gettext.NullTranslations:
    """Return the catalogue of ``language`` ("en" or "zh_CN").

    Raises:
        ValueError: The language is not one of :data:`LANGUAGES`.
    """
    if language not in LANGUAGES:
        raise ValueError(f"{language} is not one of {', '.join(LANGUAGES)}")
    if language == "en":
        return gettext.NullTranslations()
    with as_file(files("app") / "locale") as folder:
        return gettext.translation("skywarden", folder, [language])


def use_language(language: str) -> None:
    """Install the catalogue of ``language`` ("en" or "zh_CN") for this process.

    Raises:
        ValueError: The language is not one of :data:`LANGUAGES`.
    """
    install_catalogue(catalogue_of(language))
