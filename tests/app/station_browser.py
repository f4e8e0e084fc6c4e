"""A station served as its users have it: a process of its own, opened in Chromium with no network but loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
PASSWORD = "correct horse battery staple"  # noqa: S105 - of invented people


@dataclass(slots=True, kw_only=True)
class Served:
    """A station that runs.

    Attributes:
        address: Where, without the last slash.
        process: Its process.
    """

    address: str
    process: subprocess.Popen[bytes]


def free_port() -> int:
    """Return a port of the loopback that nobody listens to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def served(store: Path, vault: Path) -> Iterator[Served]:
    """Serve a station until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "app", "serve", "--store", str(store), "--vault", str(vault),
               "--listen", f"127.0.0.1:{port}", "--language", "en"]  # fmt: skip
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(command, cwd=root, env=dict(os.environ), stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _try in range(300):
            try:
                with urlopen(f"{address}/sign-in", timeout=5):  # noqa: S310 - loopback
                    break
            except (URLError, ConnectionError, TimeoutError):
                assert process.poll() is None
                time.sleep(0.2)
        yield Served(address=address, process=process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


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
