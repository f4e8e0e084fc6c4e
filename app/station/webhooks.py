"""Tells configured addresses of newly confirmed cases, as Standard Webhooks says it (signed, retried, once each).

Off unless ``skywarden serve --webhook ADDRESS`` names one; nothing else is ever asked. Messages stand in a queue in the
store, so that a kill or an address that is away loses none: each is tried at growing distances for about three days and
carries one id for all its tries. The signature is HMAC-SHA256 over ``id.timestamp.body`` with the address's own secret
(``skywarden station webhooks`` shows it); a receiver checks it, and that the timestamp is of the last minutes.

What is collected is decisions, not states: a case that is confirmed and checked on site within a moment is told too.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from http.client import HTTPException
from threading import Event
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from django.db import transaction

from app.station.background import let_go
from app.station.case_json import case_json
from app.station.models import CaseCard, WebhookMessage, WebhookTarget
from app.store.claims import claimed
from app.store.django_store import DECISION_SCHEMA
from app.store.models import DecisionRow
from core.clock import Clock, iso_utc
from core.errors import InputRefused
from core.text import _
from evidence.cases.life import Decision, Deed, Life, state_of
from evidence.incident import State
from evidence.sealing.canonical import decode

EVENT: Final = "incident.confirmed"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - as Standard Webhooks writes secrets
TIMEOUT_S: Final = 10.0
EVERY_S: Final = 3.0
AT_A_TIME: Final = 200
# Seconds to wait after the first, second, … failure; after the last the message is given up.
WAITS_S: Final = (5, 30, 120, 600, 1800, 3600, 3600 * 3, 3600 * 6, 3600 * 12, 3600 * 24, 3600 * 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an address answered.

    Attributes:
        taken: Whether it took the message (any status from 200 to 299).
        words: The status, or why there was none.
    """

    taken: bool
    words: str


Post = Callable[[str, dict[str, str], bytes], Answer]


class _NoRedirect(HTTPRedirectHandler):
    """An address that sends elsewhere is not followed: only configured addresses are told."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:  # noqa: ANN401 - urllib's form
        """Refuse."""


def check_address(address: str) -> None:
    """Check that an address may be told.

    Raises:
        InputRefused: It is neither https nor this machine's own loopback.
    """
    parts = urlsplit(address)
    local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if not parts.hostname or not (parts.scheme == "https" or local) or parts.username or len(address) > 500:
        raise InputRefused(
            address, _("cannot be told of cases"), _("Name an https:// address; http:// only on this machine.")
        )


def settle_targets(addresses: tuple[str, ...]) -> None:
    """Make ``addresses`` the ones that are told from now on; one that is new hears nothing of what was before."""
    for address in addresses:
        check_address(address)
    last = DecisionRow.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    with transaction.atomic():
        WebhookTarget.objects.exclude(address__in=addresses).update(active=False)
        for address in addresses:
            target, made = WebhookTarget.objects.get_or_create(
                address=address,
                defaults={
                    "secret": SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode(),
                    "seen_decision": last,
                },
            )
            if not made and not target.active:
                WebhookTarget.objects.filter(pk=target.pk).update(active=True, seen_decision=last)


def collect(clock: Clock) -> int:
    """Put a message into the queue for each case confirmed since the last time; return how many."""
    made = 0
    for target in WebhookTarget.objects.filter(active=True):
        with transaction.atomic():
            rows = list(DecisionRow.objects.filter(pk__gt=target.seen_decision).order_by("pk")[:AT_A_TIME])
            for row in rows:
                if row.deed == Deed.VERDICT.value and _confirms(row):
                    made += _enqueue(target, row, clock)
            if rows:
                WebhookTarget.objects.filter(pk=target.pk).update(seen_decision=rows[-1].pk)
    return made


def _confirms(row: DecisionRow) -> bool:
    """Return whether with this decision the case became a confirmed lead."""
    earlier = DecisionRow.objects.filter(case_id=row.case_id, seq__lte=row.seq).order_by("seq")
    decisions = tuple(decode(DECISION_SCHEMA, Decision, one.document.encode(), f"decision {one.pk}") for one in earlier)
    life = Life(incident_id=row.case_id, opened_at=decisions[0].at, last_seen=decisions[0].at, decisions=decisions)
    return state_of(life) is State.CONFIRMED_LEAD


def _enqueue(target: WebhookTarget, row: DecisionRow, clock: Clock) -> bool:
    card = CaseCard.objects.select_related("district").filter(pk=row.case_id).first()
    if card is None:
        return False
    now = clock.now()
    told = case_json(card) | {"state": State.CONFIRMED_LEAD.value}
    body = json.dumps({"type": EVENT, "timestamp": iso_utc(now), "data": told}, ensure_ascii=False)
    _message, made = WebhookMessage.objects.get_or_create(
        message_id=f"msg_{target.pk}_{row.pk}",
        defaults={"target": target, "case": card, "body": body, "made_at": now, "next_at": now},
    )
    return bool(made)


def sign(secret: str, message_id: str, timestamp: int, body: str) -> str:
    """Return the signature header of a message (Standard Webhooks, "v1")."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.new(key, f"{message_id}.{timestamp}.{body}".encode(), sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def deliver(clock: Clock, post: Post) -> int:
    """Try the messages that are due; return how many arrived."""
    arrived = 0
    due = WebhookMessage.objects.filter(outcome="waiting", next_at__lte=clock.now(), target__active=True)
    for message in due.select_related("target").order_by("next_at")[:AT_A_TIME]:
        timestamp = int(clock.now().timestamp())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "webhook-id": message.message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(message.target.secret, message.message_id, timestamp, message.body),
        }
        answer = post(message.target.address, headers, message.body.encode())
        message.tries += 1
        message.answer = answer.words[:200]
        if answer.taken:
            message.outcome, arrived = "arrived", arrived + 1
        elif message.tries > len(WAITS_S):
            message.outcome = "given-up"
        else:
            message.next_at = clock.now() + timedelta(seconds=WAITS_S[message.tries - 1])
        message.save(update_fields=["tries", "answer", "outcome", "next_at"])
    return arrived


def post_over_http(address: str, headers: dict[str, str], body: bytes) -> Answer:
    """Send one message; no proxy of the environment, no redirect, no longer than ten seconds."""
    opener = build_opener(ProxyHandler({}), _NoRedirect())
    request = Request(address, data=body, headers=headers, method="POST")  # noqa: S310 - checked by check_address
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            return Answer(taken=200 <= response.status < 300, words=str(response.status))
    except HTTPError as refused:
        with refused:
            return Answer(taken=False, words=str(refused.code))
    except (OSError, HTTPException, ValueError) as away:
        return Answer(taken=False, words=str(away) or type(away).__name__)


def keep_telling(clock: Clock, post: Post, stop: Event) -> None:
    """Collect and deliver until ``stop``; a failure of the store is tried again like everything else."""
    from django.db import DatabaseError

    while not stop.wait(EVERY_S):
        try:
            with claimed("webhooks", alias=WebhookTarget.objects.db) as ours:  # so that each is told once
                if ours:
                    collect(clock)
                    deliver(clock, post)
        except DatabaseError:
            continue
        finally:
            let_go()
