"""The database of a store: configures Django where nobody did, joins the database, brings its tables up to date.

A store is a SQLite file, or a PostgreSQL database for a bureau where many review at once; which one is one setting.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from core.errors import InputRefused
from core.text import _

# Written through before a commit returns; readers do not wait for the writer; a writer takes its turn at once.
SQLITE_OPTIONS: Final = {
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
}


# One configuration for the store alone and for the station, because a process configures Django once.
APPLICATIONS: Final = (
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "app.store",
    "app.station",
)


def configure_django() -> None:
    """Configure Django with the store's and the station's tables, unless somebody has configured it already.

    Raises:
        ValueError: Somebody has, and left the store out of ``INSTALLED_APPS``.
    """
    import django
    from django.apps import apps
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=list(APPLICATIONS),
            AUTH_USER_MODEL="station.User",
            DATABASES={},
            USE_TZ=True,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
    django.setup()
    if not apps.is_installed("app.store"):
        raise ValueError("Django is configured without app.store in INSTALLED_APPS")


def database_settings(where: Path | str) -> dict[str, Any]:
    """Return Django's settings of a store in the SQLite file, or the PostgreSQL database, at ``where``.

    Raises:
        ValueError: A text that does not begin with ``postgresql://``.
        InputRefused: One that does, and is no address all the same.
    """
    settings: dict[str, Any] = {
        "ATOMIC_REQUESTS": False,
        "AUTOCOMMIT": True,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "TIME_ZONE": None,
        "USER": "",
        "PASSWORD": "",
        "HOST": "",
        "PORT": "",
        "TEST": {"CHARSET": None, "COLLATION": None, "MIGRATE": True, "MIRROR": None, "NAME": None},
    }
    if isinstance(where, Path):
        return settings | {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(where.absolute()),
            "OPTIONS": dict(SQLITE_OPTIONS),
        }
    if not where.startswith(("postgresql://", "postgres://")):
        raise ValueError("a store is a file, or an address that begins with postgresql://")
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        known = conninfo_to_dict(where)
    except psycopg.ProgrammingError as problem:  # its text does not repeat the address, which may hold a password
        raise InputRefused(
            _("the address of the store"),
            _("is no PostgreSQL address ({problem})").format(problem=str(problem).strip()),
            _("Write postgresql://user:password@host:port/database."),
        ) from problem
    columns = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    return settings | {
        "ENGINE": "django.db.backends.postgresql",
        **{name: str(known.pop(key, "") or "") for name, key in columns.items()},
        "OPTIONS": known,
    }


def join_database(where: Path | str) -> str:
    """Make a store's database known to Django and return the alias it goes by."""
    from django.db import connections

    address = str(where.absolute()) if isinstance(where, Path) else where
    alias = f"store-{sha256(address.encode()).hexdigest()[:12]}"
    if alias not in connections.databases:
        connections.databases[alias] = database_settings(where)
    return alias


def migrate(where: Path | str) -> str:
    """Bring a store's tables up to date, making them (and a SQLite file) where missing; return Django's alias of it."""
    from django.core.management import call_command

    from app.store.claims import alone

    alias = join_database(where)
    if isinstance(where, Path):
        where.parent.mkdir(parents=True, exist_ok=True)
    with alone("migrate", alias=alias):
        call_command("migrate", "store", database=alias, verbosity=0, interactive=False)
    return alias
