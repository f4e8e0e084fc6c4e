from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

from evidence.cases.life import Reason
from evidence.verify import verify

PAGE = Path(__file__).parents[2] / "docs/evidence.md"


def test_the_page_lists_the_steps_of_a_verification_in_their_order(case: Any, package: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("| step |") : text.index("Measured:")]
    first_cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    listed = [code for cell in first_cells for code in re.findall(r"`([a-z0-9-]+)`", cell)]
    assert listed == [step.code for step in verify(package, trusted_keys=case.trusted).steps]


def test_every_member_of_a_package_is_on_the_page(package: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for path in package.rglob("*"):
        member = path.relative_to(package).as_posix()
        if path.is_file() and member.startswith("data/"):
            folder = "/".join(member.split("/")[:2])
            assert f"`{member}`" in text or f"`{folder}/…`" in text, member


def test_every_module_and_reason_named_on_the_page_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in set(re.findall(r"`((?:evidence|app\.store)\.[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)", text)):
        module, _dot, last = name.rpartition(".")
        try:
            import_module(name)
        except ModuleNotFoundError:
            assert hasattr(import_module(module), last), name
    for reason in Reason:
        assert reason.value in text
