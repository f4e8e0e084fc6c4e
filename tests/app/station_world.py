"""A bureau for the station's tests: a store of its own, two districts, somebody of every role in each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from app.station.opening import open_station
from app.station.options import StationOptions
from app.station.roles import Role
from benchmarks.station_cases import fill_store, synthetic_incidents
from core.clock import FrozenClock

NOW = datetime(2026, 12, 1, 2, tzinfo=UTC)
PASSWORD = "correct horse battery staple"  # noqa: S105 - of invented people
HOST = "127.0.0.1"


@dataclass(slots=True, kw_only=True)
class Bureau:
    """A station that is open in this process.

    Attributes:
        store: Its SQLite file.
        vault: Its vault's folder.
        clock: Its clock, to be moved by the test.
        cases: A case's id by the code of its district.
        files: A picture's digest by the code of its district.
    """

    store: Path
    vault: Path
    clock: FrozenClock
    cases: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def person(self, role: Role, district: str = "north", **fields: Any) -> Any:
        """Return somebody of ``role`` in ``district`` ("" for all districts), made when there is none."""
        from app.station.models import District, User

        username = f"{role.value}-{district or 'all'}"
        user = User.objects.filter(username=username).first()
        if user is None:
            user = User.objects.create(
                username=username, name=f"某{role.value}", certificate_no=f"粤{username}", roles=[role.value],
                all_districts=not district, created_at=NOW, **fields,
            )  # fmt: skip
            user.districts.set(District.objects.filter(code=district))
        return user

    def browser(self, role: Role, district: str = "north") -> Any:
        """Return a browser in which somebody of ``role`` has signed in."""
        from django.test import Client

        client = Client(SERVER_NAME=HOST)
        client.force_login(self.person(role, district))
        return client

    def stranger(self) -> Any:
        """Return a browser in which nobody has signed in."""
        from django.test import Client

        return Client(SERVER_NAME=HOST)


@cache
def _prepared_store(*, fresh: bool) -> Path:
    """Return a store whose tables were made once, with an administrator unless ``fresh``; every test copies it."""
    place = Path(mkdtemp(prefix="station-")) / "prepared.sqlite3"
    open_station(StationOptions(store=place, vault=place.parent / "vault"), FrozenClock(instant=NOW))
    from django.db import connections

    from app.station.models import User

    if not fresh:
        User.objects.create(username="chief", name="Chief", roles=["administrator"], all_districts=True,
                            second_factor_required=True, created_at=NOW)  # fmt: skip
    connections["default"].close()
    return place


@contextmanager
def open_bureau(folder: Path, **options: Any) -> Iterator[Bureau]:
    """Open a bureau with a store in ``folder``; set up, unless ``fresh=True``."""
    fresh = options.pop("fresh", False)
    store, clock = folder / "store.sqlite3", FrozenClock(instant=NOW)
    shutil.copy(_prepared_store(fresh=fresh), store)
    settled = StationOptions(**{"store": store, "vault": folder / "vault", "language": "en"} | options)
    open_station(settled, clock)
    from django.db import connections

    try:
        yield Bureau(store=store, vault=folder / "vault", clock=clock)
    finally:
        connections["default"].close()


def settle(bureau: Bureau) -> Bureau:
    """Give a bureau two districts, each with one case and a picture of it."""
    from app.station.context import station
    from app.station.models import CaseCard, District, MediaRow
    from app.station.vault_keys import media_key

    for code, name in (("north", "北区"), ("south", "南区")):
        District.objects.create(code=code, name=name)
    keys = list(District.objects.order_by("code").values_list("id", flat=True))
    fill_store(synthetic_incidents(2), districts=keys)
    for card in CaseCard.objects.select_related("district"):
        content = f"picture of {card.number}".encode()
        digest = _sha256(content)
        station().vault.put(media_key("crop", digest), content)
        MediaRow.objects.create(case=card, sha256=digest, kind="crop", name=f"{card.number}.jpg",
                                media_type="image/jpeg", size_bytes=len(content))  # fmt: skip
        bureau.cases[card.district.code], bureau.files[card.district.code] = card.pk, digest
    return bureau


def _sha256(content: bytes) -> str:
    from hashlib import sha256

    return sha256(content).hexdigest()
