"""Synthetic cases for the station, many and fast: a hundred thousand in a store for its tests of load.

Every case is a whole incident, encoded and audited as :meth:`app.store.django_store.DjangoCaseStore.open_case` does it,
but a thousand in one transaction; the audit chain of the store holds afterwards. The same seed gives the same cases.

Run it to fill a store by hand::

    python -m benchmarks.station_cases --store big.sqlite3 --vault vault --cases 100000
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path

from core.clock import SystemClock
from core.ids import derived_id
from core.points import GeoPoint
from detection.detection import Box, Detection
from evidence.custody import SCHEMA as AUDIT_SCHEMA
from evidence.custody import Action, CustodyEntry, append
from evidence.incident import Incident
from evidence.sealing.canonical import decode, encode
from evidence.sealing.incident_json import encode_incident
from geofence.attribution import Attribution, Share, Undecided
from geofence.fix import Covariance, Fix
from geofence.hazard import Citation, Hazard, Value
from geofence.sighting import Sighting

FIRST_DAY = datetime(2026, 9, 1, 1, tzinfo=UTC)
WEST, SOUTH, WIDE, HIGH = 113.20, 22.90, 0.60, 0.40  # a rectangle over the bureau's ground, degrees
HAZARDS = (
    ("H13", "占用、堵塞消防车通道", "blocked fire lane", Value.PROVABLE, "vehicle"),
    ("H01", "露天焚烧", "open burning", Value.LEAD, "smoke"),
    ("H05", "罐区违规停车", "vehicle in tank farm", Value.LEAD, "vehicle"),
    ("H21", "森林火险区用火", "fire in a fire-risk forest", Value.ALERT, "fire"),
)
DUTY = Citation(
    law="中华人民共和国消防法", article="第二十八条", version="主席令第八十一号 2021修正", effective_from=None, text="",
    confidence="B",
)  # fmt: skip
AT_A_TIME = 1000


def synthetic_incidents(count: int, *, seed: int = 1, sites: int = 400) -> Iterator[Incident]:
    """Yield ``count`` incidents over ninety days, on ``sites`` enterprises, of every severity."""
    luck = random.Random(seed)  # noqa: S311 - a repeatable world, no secret
    for index in range(count):
        code, name_zh, name_en, value, label = HAZARDS[luck.randrange(len(HAZARDS))]
        at = FIRST_DAY + timedelta(minutes=luck.randrange(90 * 24 * 60), seconds=index % 60)
        place = GeoPoint(lon_deg=WEST + WIDE * luck.random(), lat_deg=SOUTH + HIGH * luck.random())
        spread = Covariance(east_m2=luck.uniform(0.5, 9), north_m2=luck.uniform(0.5, 9), east_north_m2=0.1)
        fix = Fix(
            detection=Detection(
                frame_id=derived_id("frame", f"synthetic-{seed}", index), label=label, score=0.5 + luck.random() / 2,
                box=Box(left_px=100, top_px=100, right_px=180, bottom_px=160), weight_sha256="ab" * 32,
            ),
            captured_at=at, point=place, covariance=spread, ground_hae_m=None, slant_m=110.0, camera_point=place,
            assumptions=("ground flat at take-off height",),
        )  # fmt: skip
        sighting = Sighting(label=label, fixes=(fix,), point=place, covariance=spread, passes=1, moving=None)
        site = f"914401{luck.randrange(sites):012d}"
        share = Share(key=site, version="e1", probability=0.97)
        attribution = (
            Undecided(sighting_id=sighting.sighting_id, sites=(share,), zones=(), reason="two sites are as likely")
            if luck.random() < 0.1
            else Attribution(sighting_id=sighting.sighting_id, site_code=site, sites=(share,), zones=())
        )
        yield Incident(
            hazard=Hazard(
                code=code, name_zh=name_zh, name_en=name_en, rule_id=f"{code}-rule", rules_sha256="cd" * 32,
                sighting_id=sighting.sighting_id, zone_id=f"zone-{luck.randrange(900)}", zone_version="v1",
                probability=0.6 + 0.4 * luck.random(), value=value,
                periods=("national-day",) if index % 5 == 0 else (),
                citations=(DUTY,),
                authority="消防救援机构", explanation="synthetic", severity=1 + luck.randrange(4),
            ),
            sighting=sighting, attribution=attribution, opened_at=at + timedelta(hours=2),
        )  # fmt: skip


def fill_store(incidents: Iterator[Incident] | Sequence[Incident], *, districts: Sequence[int] = ()) -> int:
    """Put incidents into the station that is open in this process; return how many.

    Args:
        incidents: What to put in; none of them is there yet.
        districts: Ids of districts to deal them out to in turn, where no outline holds them.
    """
    from django.db import transaction

    from app.station.cards import Districts, make_card
    from app.station.models import CaseCard, District
    from app.store.models import AuditHead, AuditRow, CaseRow

    outlines, now, count = Districts(District.objects.all()), SystemClock().now(), 0
    last = AuditRow.objects.order_by("-seq").first()
    tail = () if last is None else (decode(AUDIT_SCHEMA, CustodyEntry, last.document.encode(), "audit"),)
    waiting = iter(incidents)
    while bunch := list(islice(waiting, AT_A_TIME)):
        cases, cards, audit = [], [], []
        for incident in bunch:
            at = now if not tail else max(now, tail[-1].at)
            document = encode_incident(incident)  # once: its digest is what the store's own way of opening audits
            tail = append(tail[-1:], at=at, actor="program:synthetic", action=Action.OPENED, subject=incident.number,
                          subject_sha256=sha256(document).hexdigest())[-1:]  # fmt: skip
            cases.append(
                CaseRow(incident_id=incident.incident_id, number=incident.number, hazard_code=incident.hazard.code,
                        site_code=getattr(incident.attribution, "site_code", None), state=incident.state.value,
                        document=document.decode())
            )  # fmt: skip
            card = make_card(incident, districts=outlines)
            if card.district_id is None and districts:
                card.district_id = districts[count % len(districts)]
            count += 1
            cards.append(card)
            [entry] = tail
            audit.append(
                AuditRow(seq=entry.seq, subject=entry.subject, action=entry.action.value, sha256=entry.sha256,
                         document=encode(AUDIT_SCHEMA, entry).decode())
            )  # fmt: skip
        with transaction.atomic():
            CaseRow.objects.bulk_create(cases)
            CaseCard.objects.bulk_create(cards)
            for row in audit:  # the database lets the audit grow by one entry at a time, and its end with it
                row.save(force_insert=True)
                head = {"entries": row.seq + 1, "sha256": row.sha256}
                if not AuditHead.objects.filter(only=1).update(**head):
                    AuditHead.objects.create(only=1, **head)
    return count


def main() -> None:
    """Fill a store and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--vault", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    from app.station.opening import open_station
    from app.station.options import StationOptions

    open_station(StationOptions(store=arguments.store, vault=arguments.vault), SystemClock())
    from app.station.models import District

    for number, name in enumerate(("南区", "北区", "东区")):
        District.objects.get_or_create(code=f"d{number}", defaults={"name": name})
    began = time.perf_counter()
    keys = list(District.objects.values_list("id", flat=True))
    count = fill_store(synthetic_incidents(arguments.cases, seed=arguments.seed), districts=keys)
    print(f"{count} cases in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
