"""Footage from a browser: in pieces, resumed, hashed on arrival, into the vault; and what does not get in."""

from __future__ import annotations

import base64
import hashlib
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.station.roles import Role
from tests.app.station_world import Bureau, open_bureau, settle

CONTENT = random.Random(3).randbytes(300_000)  # noqa: S311 - bytes, no secret
SPLIT = 100_000


@pytest.fixture
def pilot(bureau: Bureau) -> Any:
    return bureau.browser(Role.PILOT)


def begin(browser: Any, name: str = "DJI_0001.JPG", content: bytes = CONTENT, **more: str) -> Any:
    said = {"batch": "card A", "name": name, "size": str(len(content)), "modified": "1790000000000"}
    return browser.post("/fleet/uploads", said | {"district": "north"} | more)


def send(browser: Any, address: str, first: int, content: bytes, total: int = len(CONTENT), **more: str) -> Any:
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    headers = {
        "Content-Range": f"bytes {first}-{first + len(content) - 1}/{total}",
        "Content-Digest": f"sha-256=:{digest}:",
    }
    return browser.post(address, content, content_type="application/octet-stream", headers=headers | more)


def test_a_file_arrives_in_pieces_and_stands_in_the_vault(bureau: Bureau, pilot: Any) -> None:
    from app.station.uploads import wait_until_stored

    told = begin(pilot).json()
    for first in range(0, len(CONTENT), SPLIT):
        told = send(pilot, told["address"], first, CONTENT[first : first + SPLIT]).json()
    wait_until_stored()
    done = pilot.get(told["address"]).json()
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert (done["state"], done["sha256"]) == ("stored", digest)
    assert (bureau.vault / f"objects/sha256/{digest[:2]}/{digest}").read_bytes() == CONTENT
    assert list((bureau.store.parent / "store.sqlite3.uploads/parts").iterdir()) == []
    page = pilot.get("/fleet").content.decode()
    assert "card A" in page
    assert "1 of 1" in page


def test_an_upload_goes_on_after_the_station_was_killed(bureau: Bureau, pilot: Any) -> None:
    from app.station import uploads

    told = begin(pilot).json()
    send(pilot, told["address"], 0, CONTENT[:SPLIT])
    uploads._arriving.clear()  # what a kill takes away
    part = bureau.store.parent / f"store.sqlite3.uploads/parts/{told['id']}"
    with part.open("ab") as torn:  # a piece that was on the disk but not yet counted
        torn.write(b"torn" * 100)
    again = begin(pilot).json()
    assert (again["id"], again["received"]) == (told["id"], SPLIT)
    told = send(pilot, told["address"], SPLIT, CONTENT[SPLIT:]).json()
    uploads.wait_until_stored()
    assert pilot.get(told["address"]).json()["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_a_piece_that_is_altered_or_elsewhere_is_not_taken(pilot: Any) -> None:
    address = begin(pilot).json()["address"]
    other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    altered = send(pilot, address, 0, CONTENT[:SPLIT], **{"Content-Digest": f"sha-256=:{other}:"})
    assert (altered.status_code, altered.json()["refused"]) == (409, "altered")
    elsewhere = send(pilot, address, 5, CONTENT[:SPLIT])
    assert (elsewhere.status_code, elsewhere.json()["received"]) == (409, 0)
    for header in ("", "bytes 0-9/10", "bytes 9-0/300000", "bytes 0-299999999/300000", "bytes */300000", "x"):
        assert send(pilot, address, 0, b"x", **{"Content-Range": header}).status_code == 400, header
    assert pilot.get(address).json()["received"] == 0


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.jpg",
        "a/b.jpg",
        "a\\b.jpg",
        "/etc/x.jpg",
        ".jpg",
        "..",
        "x.exe",
        "x.html",
        "x\x00.jpg",
        "",
        "x" * 300,
    ],
)
def test_names_that_lead_elsewhere_or_are_no_footage_are_refused(bureau: Bureau, pilot: Any, name: str) -> None:
    assert begin(pilot, name).status_code == 400
    assert not (bureau.store.parent / "store.sqlite3.uploads").exists()


def test_what_is_said_of_a_file_must_be_possible(pilot: Any) -> None:
    for more in ({"size": "0"}, {"size": "-1"}, {"size": "9" * 15}, {"size": "x"}, {"modified": "x"}, {"batch": ""},
                 {"batch": "../x"}, {"district": "south"}, {"district": ""}):  # fmt: skip
        assert begin(pilot, **more).status_code == 400, more


def test_nobody_sees_or_writes_anothers_upload(bureau: Bureau, pilot: Any) -> None:
    address = begin(pilot).json()["address"]
    stranger = bureau.browser(Role.PILOT, "south")
    assert stranger.get(address).status_code == 404
    assert send(stranger, address, 0, CONTENT[:SPLIT]).status_code == 404
    assert pilot.get(f"{address[:-4]}beef").status_code == 404


def test_a_busy_vault_is_asked_again_later(pilot: Any) -> None:
    from app.station.context import station
    from app.station.uploads import wait_until_stored
    from evidence.originals.vault import open_vault

    address = begin(pilot).json()["address"]
    with open_vault(station().options.vault).held():
        send(pilot, address, 0, CONTENT)
        wait_until_stored()
        told = pilot.get(address).json()
        assert told["state"] == "storing"
        assert "in use" in told["reason"]
    pilot.get("/fleet/progress")
    wait_until_stored()
    assert pilot.get(address).json()["state"] == "stored"


def test_a_name_with_a_script_is_only_a_name(pilot: Any) -> None:
    from app.station.models import Upload

    begin(pilot, "<script>alert(1)<.jpg")
    Upload.objects.update(reason="<script>x</script>", batch="<img src=x onerror=alert(1)>")
    page = pilot.get("/fleet").content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;.jpg" in page


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Bureau]:
    """A station with patrol files: the demo's, one of another place, and one that is none."""
    folder = tmp_path / "patrols"
    folder.mkdir()
    missions = Path(__file__).resolve().parents[2] / "missions"
    shutil.copy(missions / "demo/patrol.yaml", folder / "demo.yaml")
    (folder / "broken.yaml").write_text("skywarden: patrol/1\nname: [", encoding="utf-8")
    with open_bureau(tmp_path, patrols=folder) as opened:
        yield settle(opened)


def test_patrols_are_shown_where_their_home_is_in_ones_district(fleet: Bureau) -> None:
    from app.station.models import District

    assert "demo-district" not in fleet.browser(Role.PILOT).get("/fleet").content.decode()
    square = "[[[113,22],[114,22],[114,23],[113,23],[113,22]]]"
    District.objects.filter(code="north").update(outline=f'{{"type":"Polygon","coordinates":{square}}}')
    page = fleet.browser(Role.PILOT).get("/fleet").content.decode()
    assert "demo-district" in page
    assert "演示-0001" in page
    assert "in force" in page
    assert "demo-district" not in fleet.browser(Role.PILOT, "south").get("/fleet").content.decode()
    assert "broken.yaml" in fleet.browser(Role.COMMANDER, "").get("/fleet").content.decode()


def test_options_for_processing_name_a_register_and_nothing_of_the_stations(tmp_path: Path) -> None:
    from app.station.processing import read_processing_options
    from core.errors import InputRefused

    path = tmp_path / "options"
    path.write_text("# ours\n--sites 'our sites.geojson' --zones z.geojson\n", encoding="utf-8")
    assert read_processing_options(path) == ("--sites", "our sites.geojson", "--zones", "z.geojson")
    for text in ("", "--zones z", "--sites s --out o", "--sites s --store=x", "--sites 's"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputRefused):
            read_processing_options(path)
