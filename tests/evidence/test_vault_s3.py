"""The shared vault against a server that speaks S3, on the loopback."""

from __future__ import annotations

import random
import uuid
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.clock import FrozenClock
from core.errors import StoreFailed
from evidence.originals.vault import ingest_card, open_vault
from evidence.originals.vault_check import verify_vault
from evidence.originals.vault_export import export_originals
from evidence.originals.vault_records import Card, DepositState, read_deposits

pytest.importorskip("s3fs", reason="the extra s3 is not installed")
moto = pytest.importorskip("moto.server", reason="no S3 server to talk to")

CLOCK = FrozenClock(instant=datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC))
CARD = Card(serial="SD-0042", device="Mavic 3E", operator="Chen")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),  # of the server, not ours
]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def address(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    import boto3

    for name, value in (
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "bureau"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    bucket = f"vault-{uuid.uuid4().hex}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
    return f"s3://{bucket}/originals"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "card"
    # The last is more than one part of a multipart upload holds (50 MB in s3fs).
    for name, size in (("DCIM/DJI_0001.JPG", 10_000), ("DCIM/DJI_0002.SRT", 700), ("DCIM/DJI_0002.MP4", 53_000_000)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(name).randbytes(size))  # noqa: S311 - repeatable content, not a secret
    return folder


def test_a_card_goes_to_s3_and_comes_back_whole(card: Path, address: str, tmp_path: Path) -> None:
    store = open_vault(address)
    report = ingest_card(card, store, card=CARD, clock=CLOCK)
    assert report.complete, [str(refusal) for refusal in report.refusals]
    assert {deposit.state for deposit in report.deposits} == {DepositState.COPIED}
    check = verify_vault(open_vault(address))
    assert (check.findings, check.objects, check.records) == ((), 3, 3)
    again = ingest_card(card, open_vault(address), card=CARD, clock=CLOCK)
    assert {deposit.state for deposit in again.deposits} == {DepositState.KNOWN}
    done, refused = export_originals(list(read_deposits(store)), store, tmp_path / "out")
    assert (len(done), refused) == (3, ())
    for copy in done:
        assert copy.path.read_bytes() == (card / copy.deposit.source).read_bytes()


def test_what_somebody_changed_on_the_server_is_found(card: Path, address: str, endpoint: str) -> None:
    import boto3

    (card / "DCIM/DJI_0002.MP4").unlink()
    store = open_vault(address)
    victim = ingest_card(card, store, card=CARD, clock=CLOCK).deposits[0].original
    bucket = address.split("/")[2]
    key = f"originals/objects/sha256/{victim.sha256[:2]}/{victim.sha256}"
    boto3.client("s3", endpoint_url=endpoint).put_object(Bucket=bucket, Key=key, Body=b"something else")
    check = verify_vault(open_vault(address))
    assert (check.sound, [finding.code for finding in check.findings]) == (False, ["altered"])
    report = ingest_card(card, open_vault(address), card=Card(serial="another"), clock=CLOCK)
    assert "vault-altered" in [refusal.code for refusal in report.refusals]


def test_a_bucket_that_is_not_there_is_one_sentence(card: Path, address: str) -> None:
    (card / "DCIM/DJI_0002.MP4").unlink()
    with pytest.raises(StoreFailed, match="no vault at"):
        verify_vault(open_vault(address.replace("vault-", "nothing-")))
    report = ingest_card(card, open_vault(address.replace("vault-", "nothing-")), card=CARD, clock=CLOCK)
    assert {refusal.code for refusal in report.refusals} == {"vault-failed"}
