from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evidence.sealing import package as names


def _page(package: Path) -> str:
    return (package / names.VIEWER).read_text(encoding="utf-8")


def test_the_page_stands_alone_and_says_what_the_case_is(case: Any, package: Path) -> None:
    page = _page(package)
    assert not re.search(r"""(src|href)=["']https?:""", page)
    assert page.count("data:image/jpeg;base64,") == len(case.derived)
    for words in (
        case.incident.number,
        "占用、堵塞消防车通道",
        "第二十八条",
        "广州示范化工有限公司",
        "不是行政处罚的证据",
    ):
        assert words in page
    for original in case.originals:
        assert original.sha256 in page
        assert original.sm3 in page


def test_words_from_data_cannot_become_markup(case: Any, tmp_path: Path) -> None:
    evil = """</td><script>alert(1)</script><img src=x onerror="alert(1)">'"""
    hazard = replace(case.incident.hazard, explanation=evil, authority=evil, name_zh=evil)
    spoiled = replace(
        case, incident=replace(case.incident, hazard=hazard), context=replace(case.context, site_name=evil)
    )
    page = _page(spoiled.seal(tmp_path / "evil"))
    assert page.count("<script") == 1
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.fixture
def chromium_page() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(offline=True)
        yield context.new_page()
        browser.close()


@pytest.mark.browser
def test_the_page_checks_the_package_in_a_browser(package: Path, chromium_page: Any) -> None:
    faults: list[str] = []
    chromium_page.on("pageerror", lambda fault: faults.append(str(fault)))
    chromium_page.goto((package / names.VIEWER).as_uri())
    chromium_page.set_input_files("#folder", str(package))
    chromium_page.wait_for_selector("#outcome p")
    good = chromium_page.inner_text("#outcome")
    assert "与签名清单一致" in good
    assert "签名有效" in good
    assert not chromium_page.query_selector("#outcome .bad")
    spoiled = package / names.CONTEXT
    spoiled.chmod(0o644)
    spoiled.write_bytes(spoiled.read_bytes().replace(b"skywarden", b"skywarder"))
    (package / "stray.txt").write_text("x")
    chromium_page.goto((package / names.VIEWER).as_uri())
    chromium_page.set_input_files("#folder", str(package))
    chromium_page.wait_for_selector("#outcome .bad")
    bad = chromium_page.inner_text("#outcome")
    assert f"文件被改动：{names.CONTEXT}" in bad
    assert "多出文件：stray.txt" in bad
    assert faults == []
