"""The station in Chromium over a hundred thousand cases: from a key to the next lead; the map's paint, pan and zoom.

    python -m benchmarks.station_browser [--cases 100000] [--decisions 30] [--store FILLED]

The station is served as its users have it and opened in Debian's Chromium without a network. A decision is measured in
the page itself: from the key's event to the moment in which another lead is on the screen and its picture is decoded.
The limit is one second in the median. The map's times run to the second frame after what was asked for is drawn.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

LIMIT_S = 1.0
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
PASSWORD = "correct horse battery staple"  # noqa: S105 - of an invented person
PORT = 8473

# Notes when a key goes down, and when the next lead's picture is ready to be painted.
WATCH = """() => {
    document.addEventListener("keydown", () => { window.pressed = performance.now(); window.ready = 0; }, true);
    const number = () => document.querySelector("[data-review]")?.dataset.number;
    let known = number();
    new MutationObserver(async () => {
        const now = number();
        if (!now || now === known) return;
        known = now;
        const picture = document.querySelector("[data-picture]:not([hidden])");
        if (picture) await picture.decode();
        window.ready = performance.now();
    }).observe(document.getElementById("lead"), { childList: true, subtree: true });
}"""
TWO_FRAMES = "await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));"
ASKED = f"""async (change) => {{
    const page = Sky.page, ask = Sky.Page.prototype.ask.bind(page);
    let answered = null;
    page.ask = () => (answered = ask());
    const start = performance.now(), size = page.map.getSize();
    if (change === "pan") page.map.panBy([size.x / 3, 0], {{ animate: false }});
    if (change === "zoom in") page.map.setZoom(page.map.getZoom() + 2, {{ animate: false }});
    if (change === "zoom out") page.map.setZoom(page.map.getZoom() - 2, {{ animate: false }});
    if (change === "filter") {{ page.wanted.severity.add("1"); answered = page.apply(); }}
    if (change === "filter off") {{ page.wanted.severity.clear(); answered = page.apply(); }}
    await answered;
    {TWO_FRAMES}
    return performance.now() - start;
}}"""
CHANGES = ("pan", "zoom in", "pan", "zoom out", "filter", "filter off")


def picture(number: int, size: tuple[int, int]) -> bytes:
    """Return a JPEG with the grain of a photograph, another one for every number."""
    import numpy as np
    from PIL import Image

    luck = np.random.default_rng(number)
    coarse = Image.fromarray(luck.integers(60, 190, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8))
    stream = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=88)
    return stream.getvalue()


def prepare(store: Path, vault: Path, cases: int, leads: int) -> None:
    """Fill the store where it is empty, make a reviewer, and give the first leads of the queue their pictures."""
    from app.station.opening import open_station
    from app.station.options import StationOptions
    from core.clock import SystemClock

    open_station(StationOptions(store=store, vault=str(vault), language="en"), SystemClock())
    from django.db import connections

    from app.station.audit import person_of
    from app.station.case_filter import CaseFilter
    from app.station.context import station
    from app.station.models import CaseCard, District, MediaRow, User
    from app.station.review_queue import in_order
    from app.station.vault_keys import media_key
    from benchmarks.station_cases import fill_store, synthetic_incidents

    now = SystemClock().now()
    if not CaseCard.objects.exists():
        districts = [District.objects.create(code=f"d{number}", name=f"District {number}") for number in range(4)]
        fill_store(synthetic_incidents(cases), districts=[district.pk for district in districts])
    User.objects.get_or_create(
        username="chief", defaults={"name": "Chief", "roles": ["administrator"], "created_at": now}
    )
    user, _made = User.objects.get_or_create(
        username="bench-reviewer",
        defaults={"name": "Bench", "certificate_no": f"bench {now:%H%M%S}", "roles": ["reviewer"],
                  "all_districts": True, "created_at": now},
    )  # fmt: skip
    user.set_password(PASSWORD)
    user.save()
    for place, card in enumerate(in_order(user, person_of(user), CaseFilter(), "severity", count=leads)):
        for kind, size in (("crop", (640, 640)), ("annotate", (1920, 1080))):
            content = picture(2 * place + (kind == "crop"), size)
            digest = sha256(content).hexdigest()
            if station().vault.size(media_key(kind, digest)) is None:
                station().vault.put(media_key(kind, digest), content)
            MediaRow.objects.get_or_create(
                case=card, sha256=digest, kind=kind,
                defaults={"name": f"{kind}.jpg", "media_type": "image/jpeg", "size_bytes": len(content)},
            )  # fmt: skip
    connections["default"].close()


def wait_for(page: Any, question: str, seconds: float = 60) -> None:  # noqa: ANN401 - a browser has no types here
    """Wait until the page says yes; its policy lets no script be made of words, so it is asked again and again."""
    end = time.monotonic() + seconds
    while not page.evaluate(question):
        if time.monotonic() > end:
            raise SystemExit(f"the page never said yes to: {question}")
        page.wait_for_timeout(20)


def decide(page: Any, address: str, decisions: int) -> list[float]:  # noqa: ANN401 - as above
    """Decide leads by keys and return the seconds from each key to the next lead's picture."""
    page.goto(f"{address}/review")
    page.wait_for_selector("[data-picture]")
    page.evaluate(WATCH)
    taken = []
    for number in range(decisions):
        if number % 3 == 2:  # every third is rejected: the clock starts with the second key, which sends it
            page.keyboard.press("n")
        page.keyboard.press("1" if number % 3 == 2 else "y")
        wait_for(page, "window.ready > 0")
        taken.append(page.evaluate("window.ready - window.pressed") / 1000)
        page.wait_for_timeout(300)
    return taken


def look(page: Any, address: str, rounds: int) -> dict[str, list[float]]:  # noqa: ANN401 - as above
    """Open the map, pan, zoom and filter; return the milliseconds of each."""
    times: dict[str, list[float]] = {}
    for _turn in range(3):
        start = time.perf_counter()
        page.goto(f"{address}/map")
        wait_for(page, "window.Sky?.page?.shownCount > 0 && Sky.page.drawn.length > 0")
        page.evaluate(f"async () => {{ {TWO_FRAMES} }}")
        times.setdefault("first paint", []).append((time.perf_counter() - start) * 1000)
    for _turn in range(rounds):
        for change in CHANGES:
            times.setdefault(change, []).append(page.evaluate(ASKED, change))
    return times


def main() -> None:
    """Fill, serve, open, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--decisions", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", type=Path, default=None, help="a filled store to use instead of a new one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, vault = asked.store or Path(folder) / "store.sqlite3", Path(folder) / "vault"
        prepare(store, vault, asked.cases, asked.decisions + 10)
        command = [sys.executable, "-m", "app", "serve", "--store", str(store), "--vault", str(vault),
                   "--listen", f"127.0.0.1:{PORT}", "--language", "en"]  # fmt: skip
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            measure(f"http://127.0.0.1:{PORT}", asked.decisions, asked.rounds)
        finally:
            server.terminate()
            server.wait(30)


def measure(address: str, decisions: int, rounds: int) -> None:
    """Open the station in Chromium and print the tables."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        for _try in range(100):
            try:
                page.goto(f"{address}/sign-in")
                break
            except Error:
                time.sleep(0.5)
        page.fill("input[name=username]", "bench-reviewer")
        page.fill("input[name=password]", PASSWORD)
        page.click("main button")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        taken = decide(page, address, decisions)
        print(f"{len(taken)} decisions: from the key to the next lead's picture decoded")
        p95 = statistics.quantiles(taken, n=20)[-1]
        print(f"median {statistics.median(taken):.2f} s, p95 {p95:.2f} s, most {max(taken):.2f} s; "
              f"{statistics.median(taken) / LIMIT_S:.2f} of the limit of {LIMIT_S:.0f} s")  # fmt: skip
        print(f"{'map, milliseconds':20}{'median':>8}{'most':>8}{'times':>7}")
        for name, found in look(page, address, rounds).items():
            print(f"{name:20}{statistics.median(found):8.0f}{max(found):8.0f}{len(found):7}")
        browser.close()


if __name__ == "__main__":
    main()
