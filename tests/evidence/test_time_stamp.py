"""Time stamps from an authority made with openssl, in memory and over HTTP on the loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import bagit
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from typer.testing import CliRunner

from app.commands import build
from app.store.open_store import open_store
from core.clock import FrozenClock, SystemClock
from core.errors import InputRefused, IntegrityFailed
from core.refusal import Refusal
from evidence.custody import Action
from evidence.sealing import package as names
from evidence.signing.public_key import public_pem
from evidence.signing.time_stamp import (
    HttpAuthority,
    Stamped,
    TrustedAuthorities,
    add_token,
    pending,
    read_authorities,
    stamp_pending,
)
from evidence.verify import verify
from evidence.verifying.verification import Outcome, Step
from tests.evidence.time_authority import CONFIG, OpensslAuthority


class Unreachable:
    def __init__(self) -> None:
        self.asked = 0

    def stamp(self, _request: bytes) -> bytes | Refusal:
        self.asked += 1
        return Refusal(subject="tsa", code="authority-unreachable", reason="no answer")


@pytest.fixture
def roots(tsa: Path) -> TrustedAuthorities:
    return read_authorities(tsa / "ca.pem")


@pytest.fixture
def fresh(case: Any) -> Any:
    """The case, sealed now: the authority's clock is the machine's."""
    return replace(case, clock=FrozenClock(instant=datetime.now(UTC)))


def _step(package: Path, case: Any, **options: Any) -> Step:
    verification = verify(package, trusted_keys=case.trusted, **options)
    assert {step.code for step in verification.steps if step.outcome is Outcome.FAIL} <= {"time-token", "signer"}
    return next(step for step in verification.steps if step.code == "time-token")


def test_a_stamped_package_passes_whole(fresh: Any, tsa: Path, roots: TrustedAuthorities, tmp_path: Path) -> None:
    package = fresh.seal(tmp_path / "out")
    stamped = add_token(package, OpensslAuthority(folder=tsa), roots)
    assert isinstance(stamped, Stamped)
    assert abs(stamped.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert stamped.authority == "CN=Test time authority"
    verification = verify(package, trusted_keys=fresh.trusted, authorities=roots)
    assert verification.outcome is Outcome.PASS
    assert bagit.Bag(str(package)).is_valid()
    assert _step(package, fresh).outcome is Outcome.UNKNOWN  # nobody was named to trust
    again = add_token(package, Unreachable(), roots)
    assert again == stamped
    checked = subprocess.run(
        ["openssl", "ts", "-verify", "-data", package / names.ENVELOPE, "-in", package / names.TIME_TOKEN,
         "-CAfile", tsa / "ca.pem"],
        check=False, capture_output=True,
    )  # fmt: skip
    assert checked.returncode == 0


def test_an_old_token_on_another_package_is_found(
    fresh: Any, case_maker: Any, tsa: Path, roots: TrustedAuthorities, tmp_path: Path
) -> None:
    first = fresh.seal(tmp_path / "one")
    add_token(first, OpensslAuthority(folder=tsa), roots)
    other = replace(case_maker("other", photos=1), clock=fresh.clock)
    second = other.seal(tmp_path / "two")
    (second / names.TIME_TOKEN).write_bytes((first / names.TIME_TOKEN).read_bytes())
    outcome = add_token(second, Unreachable(), roots)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "bad-token"
    findings = verify(second, trusted_keys=other.trusted, authorities=roots).findings
    assert any("time token does not hold" in finding for finding in findings)
    command = ["verify", str(second), "--authority", str(tsa / "ca.pem")]
    refusal = CliRunner().invoke(build(), command).exception
    assert isinstance(refusal, IntegrityFailed)
    assert "signature/time.tsr" in str(refusal)


def test_flipped_bytes_in_the_token_are_found(fresh: Any, tsa: Path, roots: TrustedAuthorities, tmp_path: Path) -> None:
    package = fresh.seal(tmp_path / "out", derived=())
    add_token(package, OpensslAuthority(folder=tsa), roots)
    place = package / names.TIME_TOKEN
    content = place.read_bytes()
    place.chmod(0o644)
    for position in range(0, len(content), 37):
        place.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        verification = verify(package, trusted_keys=fresh.trusted, authorities=roots)
        assert any(names.TIME_TOKEN in finding for finding in verification.findings), position


def test_a_token_older_than_the_sealing_is_found(
    case: Any, tsa: Path, roots: TrustedAuthorities, tmp_path: Path
) -> None:
    future = replace(case, clock=FrozenClock(instant=datetime.now(UTC) + timedelta(days=30)))
    package = future.seal(tmp_path / "out")
    assert isinstance(add_token(package, OpensslAuthority(folder=tsa), roots), Stamped)
    step = _step(package, future, authorities=roots)
    assert step.outcome is Outcome.FAIL
    assert "before the statement says" in step.findings[0]


def test_a_revoked_key_is_trusted_for_what_was_stamped_before(
    fresh: Any, tsa: Path, roots: TrustedAuthorities, tmp_path: Path
) -> None:
    package = fresh.seal(tmp_path / "out")
    for revoked_at, outcome in ((timedelta(days=1), Outcome.PASS), (timedelta(days=-1), Outcome.FAIL)):
        key = replace(fresh.trusted[0], revoked_at=datetime.now(UTC) + revoked_at)
        add_token(package, OpensslAuthority(folder=tsa), roots)
        steps = {step.code: step for step in verify(package, trusted_keys=[key], authorities=roots).steps}
        assert steps["signer"].outcome is outcome
    steps = {step.code: step for step in verify(package, trusted_keys=[key]).steps}
    assert steps["signer"].outcome is Outcome.FAIL


def test_without_an_answer_the_package_waits_and_is_stamped_later(
    fresh: Any, case_maker: Any, tsa: Path, roots: TrustedAuthorities, tmp_path: Path
) -> None:
    second = replace(case_maker("other", photos=1), clock=fresh.clock)
    packages = [case.seal(tmp_path / name) for name, case in (("one", fresh), ("two", second))]
    away = Unreachable()
    [refusal] = stamp_pending(packages, away, roots)
    assert isinstance(refusal, Refusal)
    assert away.asked == 1  # the second is not asked for while nobody answers
    assert all(isinstance(one, Stamped) for one in stamp_pending(packages, OpensslAuthority(folder=tsa), roots))
    assert stamp_pending(packages, away, roots) == ()


def test_a_run_killed_between_token_and_tag_manifests_is_finished_by_the_next(
    fresh: Any, tsa: Path, roots: TrustedAuthorities, tmp_path: Path
) -> None:
    package = fresh.seal(tmp_path / "out")
    manifest = (package / "tagmanifest-sm3.txt").read_bytes()
    add_token(package, OpensslAuthority(folder=tsa), roots)
    (package / "tagmanifest-sm3.txt").chmod(0o644)
    (package / "tagmanifest-sm3.txt").write_bytes(manifest)
    assert verify(package, trusted_keys=fresh.trusted, authorities=roots).outcome is Outcome.FAIL
    add_token(package, Unreachable(), roots)
    assert verify(package, trusted_keys=fresh.trusted, authorities=roots).outcome is Outcome.PASS


def _killed_at(step: int, work: Callable[[], object]) -> bool:
    """Run ``work`` in a process that is killed as it opens, makes, renames or removes its ``step``th file.

    Returns:
        Whether it was killed; False where it ended before.
    """
    child = os.fork()
    if child == 0:
        seen = 0

        def kill(event: str, _arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if event in {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}:
                seen += 1
                if seen == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill)
        try:
            work()
        finally:
            os._exit(0)
    _child, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_stamping_killed_at_any_step_leaves_a_good_package_and_is_finished_by_the_next(
    fresh: Any, tsa: Path, roots: TrustedAuthorities, tmp_path: Path
) -> None:
    whole = fresh.seal(tmp_path / "out", derived=())
    token = _token(whole, tsa)
    step, killed, unfinished = 0, True, 0
    while killed:
        step += 1
        packages = tmp_path / str(step)
        package = shutil.copytree(whole, packages / whole.name)
        killed = _killed_at(step, lambda here=package: stamp_pending([here], token, roots))  # type: ignore[misc]
        unfinished += bool(pending([packages]))
        if (package / names.TIME_TOKEN).exists():  # a whole token or none; and nobody is asked for another
            assert (package / names.TIME_TOKEN).read_bytes() == token.token
            stamp_pending(pending([packages]), Unreachable(), roots)
        else:  # not yet stamped, and whole
            assert verify(package, trusted_keys=fresh.trusted, authorities=roots).findings == (), step
            stamp_pending(pending([packages]), token, roots)
        assert pending([packages]) == ()
        assert verify(package, trusted_keys=fresh.trusted, authorities=roots).outcome is Outcome.PASS, step
        assert [path.name for path in packages.iterdir() if not path.name.endswith(".partial")] == [package.name]
    assert step > unfinished > 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Answers with what an authority said before."""

    token: bytes

    def stamp(self, _request: bytes) -> bytes | Refusal:
        return self.token


def _token(package: Path, tsa: Path) -> Ready:
    """Return an authority's answer for a package, which stays without it."""
    copy = shutil.copytree(package, package.with_name("asked"))
    add_token(copy, OpensslAuthority(folder=tsa), read_authorities(tsa / "ca.pem"))
    return Ready(token=(copy / names.TIME_TOKEN).read_bytes())


@pytest.fixture
def server(tsa: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    mood: dict[str, Any] = {"status": 200}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            mood["type"] = self.headers["Content-Type"]
            reply = OpensslAuthority(folder=tsa).stamp(request)
            self.send_response(mood["status"])
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_arguments: object) -> None:
            pass

    listener = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.server_port}/", mood
    listener.shutdown()
    listener.server_close()
    thread.join()


def test_an_authority_over_http(fresh: Any, server: Any, roots: TrustedAuthorities, tmp_path: Path) -> None:
    url, mood = server
    package = fresh.seal(tmp_path / "out")
    for status in (500, 302, 204):
        mood["status"] = status
        outcome = add_token(package, HttpAuthority(url=url), roots)
        assert isinstance(outcome, Refusal)
        assert outcome.code == "authority-unreachable"
        assert not (package / names.TIME_TOKEN).exists()
    mood["status"] = 200
    assert isinstance(add_token(package, HttpAuthority(url=url), roots), Stamped)
    assert mood["type"] == "application/timestamp-query"


def test_wrong_addresses_and_certificates_are_refused(tmp_path: Path, case: Any) -> None:
    with pytest.raises(ValueError, match="http"):
        HttpAuthority(url="file:///etc/passwd")
    path = tmp_path / "roots.pem"
    path.write_bytes(public_pem(case.key.public))
    with pytest.raises(InputRefused, match="no certificate"):
        read_authorities(path)
    gone = HttpAuthority(url="http://127.0.0.1:1/", timeout_s=2).stamp(b"x")
    assert isinstance(gone, Refusal)


def _certify(folder: Path, ends: datetime) -> None:
    """Give the authority in ``folder`` a certificate of the same root that ends at ``ends``."""
    root = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    root_key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    key = serialization.load_pem_private_key((folder / "tsa.key").read_bytes(), None)
    assert isinstance(root_key, ec.EllipticCurvePrivateKey)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
         "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test time authority")]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=9))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    (folder / "tsa.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def test_a_token_outlives_the_authoritys_certificate_and_none_is_made_after_it(
    fresh: Any, tsa: Path, roots: TrustedAuthorities, tmp_path: Path
) -> None:
    folder = tmp_path / "tsa"
    shutil.copytree(tsa, folder)
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
    ends = datetime.now(UTC) + timedelta(seconds=5)
    _certify(folder, ends)
    package = fresh.seal(tmp_path / "out")
    stamped = add_token(package, OpensslAuthority(folder=folder), roots)
    assert isinstance(stamped, Stamped)
    time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 1)
    assert verify(package, trusted_keys=fresh.trusted, authorities=roots).outcome is Outcome.PASS
    by_hand = ["openssl", "ts", "-verify", "-data", package / names.ENVELOPE, "-in", package / names.TIME_TOKEN]
    for more, holds in (((), False), (("-attime", str(int(stamped.at.timestamp()))), True)):  # as the page says it
        checked = subprocess.run([*by_hand, "-CAfile", tsa / "ca.pem", *more], check=False, capture_output=True)
        assert (checked.returncode == 0) == holds
    second = replace(fresh, clock=FrozenClock(instant=datetime.now(UTC))).seal(tmp_path / "late")
    late = add_token(second, OpensslAuthority(folder=folder), roots)
    assert isinstance(late, Refusal)
    assert "expired" in late.reason
    assert not (second / names.TIME_TOKEN).exists()


def test_the_queue_is_stamped_from_the_shell_when_the_authority_comes_back(
    fresh: Any, case_maker: Any, server: Any, tsa: Path, tmp_path: Path
) -> None:
    url, _answers = server
    store = open_store(tmp_path / "cases.sqlite3", SystemClock())
    for case in (fresh, replace(case_maker("other", label="another"), clock=fresh.clock)):
        store.open_case(case.incident, actor="program:skywarden")
        case.seal(tmp_path / "packages")

    def stamp(address: str) -> str:
        done = CliRunner().invoke(
            build(),
            ["stamp", str(tmp_path / "packages"), "--url", address, "--authority", str(tsa / "ca.pem"),
             "--store", str(tmp_path / "cases.sqlite3")],
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        return done.output

    assert "0 packages stamped, 2 wait in the queue" in stamp("http://127.0.0.1:9/")
    assert "2 packages stamped, 0 wait in the queue" in stamp(url)
    assert "0 packages stamped, 0 wait in the queue" in stamp(url)
    noted = [entry for entry in store.audit() if entry.action is Action.TIME_STAMPED]
    assert [dict(entry.facts)["authority"] for entry in noted] == ["CN=Test time authority"] * 2
    store.close()
