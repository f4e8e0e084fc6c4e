from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputRefused, IntegrityFailed
from evidence.signing.key_ring import KeyRing, add_key, read_ring, revoke_key, rotate_key, trusted_keys, write_ring
from evidence.signing.keys import ephemeral_key
from evidence.verify import verify
from evidence.verifying.verification import Outcome


def _signer(package: Path, ring: KeyRing) -> Outcome:
    steps = {step.code: step for step in verify(package, trusted_keys=trusted_keys(ring)).steps}
    return steps["signer"].outcome


def test_a_ring_judges_packages_by_the_time_of_their_sealing(case: Any, tmp_path: Path) -> None:
    sealed = case.clock.now()
    before, after = sealed - timedelta(days=1), sealed + timedelta(days=1)
    package = case.seal(tmp_path / "out")
    ring = add_key(KeyRing(), case.key.public, label="bureau", at=before)
    assert _signer(package, ring) is Outcome.PASS
    later = rotate_key(ring, ephemeral_key().public, label="bureau", at=after)
    assert len(later.keys) == 2
    assert _signer(package, later) is Outcome.PASS  # sealed in the old key's time
    early = rotate_key(ring, ephemeral_key().public, label="bureau", at=sealed - timedelta(hours=1))
    assert _signer(package, early) is Outcome.FAIL
    assert _signer(package, revoke_key(later, case.key.key_id, at=after, reason="stolen")) is Outcome.FAIL
    assert _signer(package, add_key(KeyRing(), case.key.public, label="bureau", at=after)) is Outcome.FAIL


def test_a_ring_is_kept_in_a_file(case: Any, tmp_path: Path) -> None:
    ring = add_key(KeyRing(), case.key.public, label="bureau", at=case.clock.now())
    ring = revoke_key(ring, case.key.key_id, at=case.clock.now(), reason="lost")
    path = tmp_path / "ring.json"
    write_ring(KeyRing(), path)
    write_ring(ring, path)
    assert read_ring(path) == ring
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".partial")] == []
    again = revoke_key(ring, case.key.key_id, at=case.clock.now() + timedelta(days=1), reason="again")
    assert again == ring
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"lost", b""))
    with pytest.raises(InputRefused):
        read_ring(path)
    with pytest.raises(InputRefused, match="cannot be read"):
        read_ring(tmp_path / "none.json")


def test_mistakes_are_refused(case: Any) -> None:
    ring = add_key(KeyRing(), case.key.public, label="bureau", at=case.clock.now())
    with pytest.raises(IntegrityFailed, match="set back"):
        rotate_key(ring, ephemeral_key().public, label="bureau", at=case.clock.now() - timedelta(days=1))
    with pytest.raises(ValueError, match="no key"):
        revoke_key(ring, "ab" * 32, at=case.clock.now(), reason="x")
    with pytest.raises(ValueError, match="reason"):
        revoke_key(ring, case.key.key_id, at=case.clock.now(), reason=" ")
    with pytest.raises(ValueError, match="once"):
        add_key(ring, case.key.public, label="bureau", at=case.clock.now())
