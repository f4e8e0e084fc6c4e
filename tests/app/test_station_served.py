"""The station as it is served: TLS from files, behind a proxy, and stopped in order."""

from __future__ import annotations

import http.client
import signal
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.app.station_server import free_port, served


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine that vouches for itself, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "station")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "chain.pem", tmp_path / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def test_tls_from_files_with_cookies_that_know_it(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    chain, key = certificate
    trusting = ssl.create_default_context(cafile=str(chain))
    port = free_port()
    options = ("--certificate", str(chain), "--key", str(key))
    with served(tmp_path / "s.sqlite3", tmp_path / "vault", *options, port=port) as station:
        line = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=trusting)
        line.request("GET", "/setup")
        answer = line.getresponse()
        said = answer.read().decode()
        assert answer.status == 200
        assert "First start" in said
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-csrf=")
        assert "Secure" in cookie
        assert answer.headers["Server"] is None
        line.close()
        station.process.send_signal(signal.SIGINT)
        assert station.process.wait(timeout=30) in {0, 130}


def test_behind_a_proxy_of_this_machine_its_word_is_taken(tmp_path: Path) -> None:
    port = free_port()
    options = ("--behind-proxy", "--name", "station.bureau.example")
    with served(tmp_path / "s.sqlite3", tmp_path / "vault", *options, port=port):
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        said = {"Host": "station.bureau.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.1.2.3"}
        line.request("GET", "/setup", headers=said)
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200
        line.request("GET", "/setup", headers={"Host": "station.bureau.example"})
        answer = line.getresponse()
        answer.read()
        assert answer.headers["Location"] == "https://station.bureau.example/setup"
        line.close()
