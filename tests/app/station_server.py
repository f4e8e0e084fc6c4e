"""A station as its users run it: a process of its own, on a port of this machine, without any network beyond it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The program, in a process that ends at once when it asks for anything beyond this machine.
ALONE = """
import os, runpy, sys
HERE = {"127.0.0.1", "::1", "localhost", None, ""}
def watch(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in HERE:
        os._exit(97)
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in HERE:
        os._exit(97)
sys.addaudithook(watch)
sys.argv = ["skywarden", *sys.argv[1:]]
runpy.run_module("app", run_name="__main__")
"""


@dataclass(slots=True)
class Served:
    """A station that runs."""

    address: str
    token: str
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def served(store: Path | str, vault: Path, *options: str, port: int = 0) -> Iterator[Served]:
    """Serve a station until the block ends; what it says goes into serve.log beside its vault."""
    port = port or free_port()
    address = f"{'https' if '--certificate' in options else 'http'}://127.0.0.1:{port}"
    call = [sys.executable, "-c", ALONE, "serve", "--store", str(store), "--vault", str(vault)]
    call += ["--listen", f"127.0.0.1:{port}", "--language", "en", *options]
    log = (vault.parent / "serve.log").open("a", encoding="utf-8")
    environment = os.environ | {"SKYWARDEN_LANG": "en", "COLUMNS": "300"}
    with log:
        process = subprocess.Popen(call, cwd=ROOT, stdout=log, stderr=log, text=True, env=environment)
        try:
            wait_for(port, process)
            said = (vault.parent / "serve.log").read_text(encoding="utf-8")
            found = re.search(r"good until then: (\S+)", said)
            yield Served(address=address, token=found[1] if found else "", process=process)
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """Return a port of the loopback that nobody listens to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[str], *, seconds: float = 60) -> None:
    """Return when somebody listens to ``port``; what is sent then waits until the station answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the station ended with {process.returncode}"
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nobody listens to {port}")
