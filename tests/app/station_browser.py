"""A station opened in Chromium with no network but the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
PASSWORD = "correct horse battery staple"  # noqa: S105 - of invented people


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Chromium; what it is asked for outside the loopback fails."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        )
        yield browser
        browser.close()


def sign_in(page: Any, address: str, username: str, password: str = PASSWORD) -> None:
    """Sign somebody in."""
    page.goto(f"{address}/sign-in")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", password)
    page.click("main button")
    page.wait_for_url(lambda url: "/sign-in" not in url)


def drawn_picture(number: int, size: tuple[int, int] = (960, 540)) -> bytes:
    """Return a picture of a yard with a vehicle in it, as JPEG; another one for every number."""
    import cv2
    import numpy as np

    luck = np.random.default_rng(number)
    pixels = cv2.GaussianBlur(luck.integers(90, 140, (size[1], size[0], 3), dtype=np.uint8), (0, 0), 3)
    left, top = (int(luck.integers(100, side - 200)) for side in size)
    cv2.rectangle(pixels, (left, top), (left + 90, top + 40), (40, 60, 200), -1)
    cv2.rectangle(pixels, (left - 6, top - 6), (left + 96, top + 46), (0, 200, 255), 2)
    done, coded = cv2.imencode(".jpg", pixels)
    assert done
    return bytes(coded.tobytes())
