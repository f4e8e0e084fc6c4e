from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from core.errors import StoreFailed
from evidence.cases.life import Person
from evidence.incident import State
from evidence.papers.documents import CaseFile, Medium, Paper, Particulars, Party, write_document
from evidence.seal import list_originals
from evidence.sealing import package as names
from evidence.sealing.canonical import decode
from evidence.sealing.context import Attachment
from evidence.sealing.package import OriginalRecords

OFFICERS = (Person(name="陈某", certificate_no="粤A00001"), Person(name="林某", certificate_no="粤A00002"))
FULL = Particulars(
    bureau="广州市示范区应急管理局",
    prefix="穗示",
    year="2026",
    number="17",
    party=Party(name="广州示范化工有限公司", code="91440101MA5XXXXXX1", address="化工路1号"),
    officers=OFFICERS,
    place="厂区北侧消防车通道",
    deadline=date(2026, 10, 31),
    court="示范区",
)


@pytest.fixture
def case_file(case: Any) -> CaseFile:
    return CaseFile(
        incident=case.incident,
        originals=list_originals(case.incident, case.originals),
        derived=case.derived,
        site_name="广州示范化工有限公司",
        program="skywarden 0.1.0",
        at=case.clock.now(),
    )


def _tool(tool: str, pdf: bytes, tmp_path: Path, *arguments: str, options: tuple[str, ...] = ()) -> str:
    path = tmp_path / "paper.pdf"
    path.write_bytes(pdf)
    return subprocess.run([tool, *options, path, *arguments], check=True, capture_output=True, encoding="utf-8").stdout


def _text(pdf: bytes, tmp_path: Path) -> str:
    return re.sub(r"[\s\u200b]+", "", _tool("pdftotext", pdf, tmp_path, "-"))


MUST_SAY = {
    Paper.EVIDENCE_REPORT: ("无人机巡查证据报告", "不是行政处罚的证据", "第二十八条", "占用、堵塞消防车通道", "zone-7"),
    Paper.ON_SITE_RECORD: ("现场检查记录", "穗示", "应急检记", "粤A00002", "出示证件", "草稿"),
    Paper.EXTRACTION_RECORD: ("电子数据证据提取笔录", "DJI_0001.JPG", "见证人", "封存编号"),
    Paper.RECTIFICATION_ORDER: ("责令限期整改指令书", "2026年10月31日", "60日内", "示范区人民法院", "一式两份"),
    Paper.EVIDENCE_LIST: ("证据目录", "原始文件", "派生件", "移交人"),
}


@pytest.mark.parametrize("paper", list(Paper))
def test_every_paper_says_what_it_must_on_a4_with_its_font_in_it(
    case_file: CaseFile, paper: Paper, tmp_path: Path
) -> None:
    pdf = write_document(paper, case_file, FULL)
    text = _text(pdf, tmp_path)
    for words in MUST_SAY[paper]:
        assert words in text
    assert (case_file.incident.number in text) == (paper is not Paper.EXTRACTION_RECORD)
    assert "A4" in _tool("pdfinfo", pdf, tmp_path)
    fonts = _tool("pdffonts", pdf, tmp_path).splitlines()[2:]
    assert any("NotoSansCJKsc" in line for line in fonts)
    assert all(re.search(r"\syes\s+yes\s+yes\s", line) for line in fonts)  # embedded, subset, with Unicode
    assert write_document(paper, case_file, FULL) == pdf


def test_the_digests_in_the_papers_are_the_originals(case_file: CaseFile, tmp_path: Path) -> None:
    for paper in (Paper.EVIDENCE_REPORT, Paper.EXTRACTION_RECORD):
        text = _text(write_document(paper, case_file), tmp_path)
        for original in case_file.originals:
            assert original.sha256 in text
            assert original.sm3 in text


def test_what_is_not_known_is_left_blank_not_invented(case_file: CaseFile, tmp_path: Path) -> None:
    text = _text(write_document(Paper.ON_SITE_RECORD, case_file), tmp_path)
    assert "（）应急检记〔〕号" in text
    assert "被检查单位：地址：" in text
    assert "粤" not in text
    assert "None" not in text


def test_words_from_the_case_are_never_markup(case_file: CaseFile, tmp_path: Path) -> None:
    evil = '#panic("x") $x^2$ *bold* @ref <label> #read("/etc/passwd") \\ ] [ "'
    hazard = replace(case_file.incident.hazard, name_zh=evil, explanation=evil, authority=evil)
    spoiled = replace(case_file, incident=replace(case_file.incident, hazard=hazard), site_name=evil)
    particulars = replace(FULL, party=Party(name=evil, address=evil), bureau=evil, place=evil)
    wanted = re.sub(r"\s+", "", evil)
    for paper in Paper:
        assert wanted in _text(write_document(paper, spoiled, particulars), tmp_path), paper


def test_a_picture_that_is_none_is_a_plain_failure(case_file: CaseFile) -> None:
    broken = replace(case_file, derived=(replace(case_file.derived[0], content=b"no picture"),))
    with pytest.raises(StoreFailed, match="evidence-report"):
        write_document(Paper.EVIDENCE_REPORT, broken)


LONG_NAME = "广州市南沙区龙穴岛国际危险化学品仓储物流与精细化工新材料投资发展集团股份有限公司第十七分公司㙍𠮷"
LONG_ADDRESS = (
    "广东省广州市南沙区龙穴街道港前大道南一千二百三十四号第十七号地块东侧罐区三期工程综合办公楼㙍坑𠮷村段" * 3
)
LONG = replace(
    FULL,
    bureau="广州市南沙区应急管理局安全生产综合行政执法大队",
    party=Party(
        name=LONG_NAME,
        code="91440101MA5XXXXXX1",
        address=LONG_ADDRESS,
        representative="欧阳㙍𠮷",
        post="董事长兼总经理、安全生产第一责任人",
        phone="020-12345678转8001",
    ),
    place=LONG_ADDRESS,
    holder="欧阳建国（执法终端管理员）",
    stored_on="RAID6-" * 20,
    medium=Medium(brand="SanDisk Extreme PRO", model="SDSQXCD-256G-ZN6MA", serial="0x53" + "4a" * 20, seal="封" * 30),
)


def _words(pdf: bytes, tmp_path: Path) -> list[list[tuple[float, float, float, float, str]]]:
    """Return the boxes (left, top, right, bottom, points) and words of each page."""
    (tmp_path / "paper.pdf").write_bytes(pdf)
    subprocess.run(["pdftotext", "-bbox", tmp_path / "paper.pdf", tmp_path / "words.html"], check=True)
    pages = (tmp_path / "words.html").read_text(encoding="utf-8").split("<page ")[1:]
    box = r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</word>'
    return [[(*map(float, one[:4]), one[4]) for one in re.findall(box, page)] for page in pages]  # type: ignore[misc]


@pytest.mark.parametrize("paper", list(Paper))
def test_however_long_the_words_are_none_runs_off_the_page_or_over_another(
    case_file: CaseFile, paper: Paper, tmp_path: Path
) -> None:
    incident = case_file.incident
    citations = tuple(replace(incident.hazard.citations[0], article=f"第{number}条") for number in range(1, 16))
    hazard = replace(incident.hazard, name_zh=LONG_NAME, authority=LONG_NAME, citations=citations)
    first, second, *more = case_file.originals
    names_of = ("DJI_20261001020304_0001_V_" + "很长的文件名㙍𠮷" * 8 + ".JPG", "D" * 120 + ".MP4")
    originals = (replace(first, name=names_of[0]), replace(second, name=names_of[1], size_bytes=123456789012), *more)
    case = replace(case_file, incident=replace(incident, hazard=hazard), originals=originals, site_name=LONG_NAME)
    pdf = write_document(paper, case, LONG)
    for words in _words(pdf, tmp_path):
        for left, _top, right, _bottom, word in words:  # a mark at the end of a line hangs half out
            assert 2.45 * 28.35 <= left <= right <= (21 - 2.25) * 28.35, word
        for index, (left, top, right, bottom, word) in enumerate(words):
            for left_2, top_2, right_2, bottom_2, other in words[index + 1 :]:
                wide = min(right, right_2) - max(left, left_2)
                high = min(bottom, bottom_2) - max(top, top_2)
                assert wide < 1 or high < 0.5 * min(bottom - top, bottom_2 - top_2), (word, other)
    text = re.sub(r"[\s\u200b]+", "", _tool("pdftotext", pdf, tmp_path, "-", options=("-raw",)))
    if paper in {Paper.EVIDENCE_REPORT, Paper.EXTRACTION_RECORD, Paper.EVIDENCE_LIST}:
        assert all(name in text for name in names_of)
    if paper is not Paper.EXTRACTION_RECORD:
        assert LONG_NAME in text


def test_a_character_that_no_font_has_is_printed_by_its_number_and_no_other_is(
    case_file: CaseFile, tmp_path: Path
) -> None:
    party = Party(name="㙍𠮷𬭎䶮（Ø・σ）\U00031350公司", address="路\U0001f600")
    pdf = write_document(Paper.ON_SITE_RECORD, case_file, replace(FULL, party=party))
    text = _text(pdf, tmp_path)
    assert "㙍𠮷𬭎䶮（Ø・σ）〔U+31350〕公司" in text
    assert "路〔U+1F600〕" in text
    font = tmp_path / "fonts/bureau.ttf"  # a bureau's own font that has it
    font.parent.mkdir()
    made = FontBuilder(1000)
    made.setupGlyphOrder([".notdef", "rare"])
    made.setupCharacterMap({0x31350: "rare"})
    made.setupGlyf({name: TTGlyphPen(None).glyph() for name in (".notdef", "rare")})
    made.setupHorizontalMetrics(dict.fromkeys((".notdef", "rare"), (1000, 0)))
    made.setupHorizontalHeader(ascent=800, descent=-200)
    made.setupNameTable({"familyName": "Bureau", "styleName": "Regular"})
    made.setupOS2()
    made.setupPost()
    made.save(font)
    pdf = write_document(
        Paper.ON_SITE_RECORD,
        case_file,
        replace(FULL, party=party),
        font_folders=(font.parent,),
        font_families=("Bureau",),
    )
    assert "〔U+1F600〕" in (text := _text(pdf, tmp_path))
    assert "〔U+31350〕" not in text


def test_drafts_of_a_case_that_is_over_say_that_they_may_not_be_used(case_file: CaseFile, tmp_path: Path) -> None:
    for state, papers in (
        (State.LEAD, {Paper.RECTIFICATION_ORDER}),
        (State.REJECTED, {Paper.RECTIFICATION_ORDER, Paper.ON_SITE_RECORD}),
        (State.EVIDENCE, set()),
    ):
        standing = replace(case_file, incident=replace(case_file.incident, state=state))
        barred = {paper for paper in Paper if "使用本文书。" in _text(write_document(paper, standing, FULL), tmp_path)}
        assert barred - papers <= {Paper.RECTIFICATION_ORDER}
        assert papers <= barred
        order = _text(write_document(Paper.RECTIFICATION_ORDER, standing, FULL), tmp_path)
        assert ("制作现场检查记录之前，不得使用本文书" in order) == (state is State.LEAD)
        assert ("本线索经审核已排除" in order) == (state is State.REJECTED)


def test_two_officers_have_two_certificates() -> None:
    with pytest.raises(ValueError, match="two certificates"):
        Particulars(officers=(OFFICERS[0], replace(OFFICERS[1], certificate_no=OFFICERS[0].certificate_no)))


def test_a_report_is_sealed_with_the_case_and_lists_what_the_package_lists(
    case: Any, case_file: CaseFile, tmp_path: Path
) -> None:
    report = write_document(Paper.EVIDENCE_REPORT, case_file)
    attached = Attachment(name="evidence-report.pdf", media_type="application/pdf", content=report)
    package = case.seal(tmp_path / "out", documents=[attached])
    listed = decode(names.ORIGINALS_SCHEMA, OriginalRecords, (package / names.ORIGINALS).read_bytes(), "originals")
    assert listed.originals == case_file.originals
    assert (package / "data/documents/evidence-report.pdf").read_bytes() == report


def test_a_long_sighting_does_not_fill_the_report(case_maker: Any, tmp_path: Path) -> None:
    case = case_maker("many", photos=90, size=16)
    case_file = CaseFile(
        incident=case.incident,
        originals=list_originals(case.incident, case.originals),
        program="skywarden 0.1.0",
        at=case.clock.now(),
    )
    pdf = write_document(Paper.EVIDENCE_REPORT, case_file)
    assert "另有50次" in _text(pdf, tmp_path)
    pages = int(re.search(r"Pages:\s+(\d+)", _tool("pdfinfo", pdf, tmp_path))[1])
    assert pages <= 12
    text = _text(write_document(Paper.EXTRACTION_RECORD, case_file), tmp_path)
    assert all(original.sm3 in text for original in case_file.originals)  # the record of extraction lists them all
