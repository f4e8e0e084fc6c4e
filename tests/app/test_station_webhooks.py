"""Webhooks: signed, retried, once, and only to addresses that were configured."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from core.errors import InputRefused
from evidence.cases.life import Decision, Deed, Person, Reason, Verdict
from tests.app.station_world import Bureau
from tests.app.webhook_receiver import Receiver, receiving

CHEN, LIN = (Person(name=name, certificate_no=f"粤{name}") for name in ("陈", "林"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as kept:
        yield kept


def decide(bureau: Bureau, district: str, *verdicts: Verdict) -> None:
    from app.station.context import station

    case = bureau.cases[district]
    taken_up = Decision(at=bureau.clock.now(), deed=Deed.TAKEN_UP, people=(CHEN,))
    answers: list[Any] = [station().store.decide(case, taken_up)]
    for person, verdict in zip((CHEN, LIN), verdicts, strict=False):
        reason = None if verdict is Verdict.CONFIRM else Reason.FALSE_DETECTION
        decision = Decision(at=bureau.clock.now(), deed=Deed.VERDICT, people=(person,), verdict=verdict, reason=reason)
        answers.append(station().store.decide(case, decision))
    assert all(hasattr(answer, "decisions") for answer in answers), answers


def tell(bureau: Bureau) -> int:
    from app.station.webhooks import collect, deliver, post_over_http

    collect(bureau.clock)
    return deliver(bureau.clock, post_over_http)


def test_a_confirmed_case_is_told_once_with_a_signature_that_holds(bureau: Bureau, receiver: Receiver) -> None:
    from app.station.models import WebhookTarget
    from app.station.webhooks import settle_targets

    settle_targets((receiver.address,))
    decide(bureau, "north", Verdict.CONFIRM)
    assert tell(bureau) == 0
    decide_second = Decision(at=bureau.clock.now(), deed=Deed.VERDICT, people=(LIN,), verdict=Verdict.CONFIRM)
    from app.station.context import station

    station().store.decide(bureau.cases["north"], decide_second)
    decide(bureau, "south", Verdict.REJECT, Verdict.REJECT)
    assert tell(bureau) == 1
    assert tell(bureau) == 0
    [(headers, body)] = receiver.got
    told = json.loads(body)
    assert (told["type"], told["data"]["id"]) == ("incident.confirmed", bureau.cases["north"])
    secret = base64.b64decode(WebhookTarget.objects.get().secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}".encode()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.new(secret, signed, sha256).digest()).decode()


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_is_not_taken_is_tried_again_with_the_same_id(bureau: Bureau, receiver: Receiver, status: int) -> None:
    from app.station.webhooks import settle_targets

    settle_targets((receiver.address,))
    decide(bureau, "north", Verdict.CONFIRM, Verdict.CONFIRM)
    receiver.status = status
    assert tell(bureau) == 0
    assert tell(bureau) == 0  # not yet due
    bureau.clock.advance(6)
    receiver.status = 204
    assert tell(bureau) == 1
    assert len(receiver.got) == 2  # a redirect was not followed
    assert receiver.got[0][0]["webhook-id"] == receiver.got[1][0]["webhook-id"]


def test_an_address_that_is_away_for_good_is_given_up(bureau: Bureau) -> None:
    from app.station.models import WebhookMessage
    from app.station.webhooks import WAITS_S, settle_targets

    settle_targets(("http://127.0.0.1:9/nobody",))
    decide(bureau, "north", Verdict.CONFIRM, Verdict.CONFIRM)
    for wait_s in (0, *WAITS_S):
        bureau.clock.advance(wait_s)
        tell(bureau)
    message = WebhookMessage.objects.get()
    assert (message.outcome, message.tries) == ("given-up", len(WAITS_S) + 1)
    assert message.answer


def test_nobody_is_told_of_what_was_before_or_after_it_was_taken_out(bureau: Bureau, receiver: Receiver) -> None:
    from app.station.webhooks import settle_targets

    decide(bureau, "north", Verdict.CONFIRM, Verdict.CONFIRM)
    settle_targets((receiver.address,))
    assert tell(bureau) == 0
    settle_targets(())
    decide(bureau, "south", Verdict.CONFIRM, Verdict.CONFIRM)
    assert tell(bureau) == 0
    settle_targets((receiver.address,))
    assert tell(bureau) == 0
    assert receiver.got == []


@pytest.mark.parametrize("address", ["http://bureau.example/", "ftp://x/", "https://u:p@x/", "file:///etc/passwd", ""])
def test_only_https_or_this_machine_can_be_told(bureau: Bureau, address: str) -> None:
    from app.station.webhooks import settle_targets

    assert bureau.store.exists()
    with pytest.raises(InputRefused):
        settle_targets((address,))
