"""Opens a store: configures Django where nobody did, joins the database file, brings its tables up to date."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.clock import Clock
from core.errors import StoreFailed
from core.text import _

if TYPE_CHECKING:
    from app.store.django_store import DjangoCaseStore

# Written through before a commit returns; readers do not wait for the writer; a writer takes its turn at once.
SQLITE_OPTIONS: Final = {
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
}


def configure_django() -> None:
    """Configure Django with the store alone, unless the web console has configured it already."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=["app.store"],
            DATABASES={},
            USE_TZ=True,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
    django.setup()


def database_settings(path: Path) -> dict[str, Any]:
    """Return Django's settings of a store in the SQLite file at ``path``."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "ATOMIC_REQUESTS": False,
        "AUTOCOMMIT": True,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": dict(SQLITE_OPTIONS),
        "TIME_ZONE": None,
        "USER": "",
        "PASSWORD": "",
        "HOST": "",
        "PORT": "",
        "TEST": {"CHARSET": None, "COLLATION": None, "MIGRATE": True, "MIRROR": None, "NAME": None},
    }


def join_database(path: Path) -> str:
    """Make the SQLite file at ``path`` known to Django and return the alias it goes by."""
    from django.db import connections

    alias = f"store-{sha256(str(path.absolute()).encode()).hexdigest()[:12]}"
    if alias not in connections.databases:
        connections.databases[alias] = database_settings(path.absolute())
    return alias


def open_store(path: Path, clock: Clock) -> DjangoCaseStore:
    """Return the store in the SQLite file at ``path``, made when missing.

    Args:
        path: The file.
        clock: Tells when things are done.

    Raises:
        StoreFailed: It is no store, or cannot be opened or brought up to date.
    """
    configure_django()
    from django.core.management import call_command
    from django.db import DatabaseError

    from app.store.django_store import DjangoCaseStore

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        alias = join_database(path)
        call_command("migrate", database=alias, verbosity=0, interactive=False)
    except (DatabaseError, OSError) as problem:
        raise StoreFailed(
            _("{path}: the store cannot be opened ({problem}). Name another file, or restore a backup.").format(
                path=path, problem=problem
            )
        ) from problem
    return DjangoCaseStore(alias=alias, clock=clock)
