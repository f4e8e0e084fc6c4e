from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from core.errors import InputRefused
from geofence.hazard import Value
from geofence.rules.law import article_name, cite, penalties_on, read_law
from geofence.rules.law_book import Article, LawBook, Role, amounts_in

DAY = date(2026, 10, 1)
HERE = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def law() -> LawBook:
    return read_law()


@pytest.fixture(scope="module")
def public_texts() -> dict[tuple[str, int], dict[str, str]]:
    """The articles as their public source has them, held beside the repository."""
    path = HERE.parent / "shared" / "domain" / "law_articles.json"
    assert path.is_file(), "the folder shared/ must lie beside the repository"
    return {(entry["law"], entry["article"]): entry for entry in json.loads(path.read_text())}


def test_the_catalogue_holds_all_34_classes_and_names_them_in_two_languages(law: LawBook) -> None:
    codes = [known.code for known in law.classes if not known.site_rule]
    assert codes == [f"H{number:02d}" for number in range(1, 35)]
    assert len({known.name_zh for known in law.classes}) == len({known.name_en for known in law.classes}) == 35


def test_every_citation_resolves_against_the_public_texts_and_holds_its_words(
    law: LawBook, public_texts: dict[tuple[str, int], dict[str, str]]
) -> None:
    checked = 0
    for known in law.classes:
        for basis in known.basis:
            if isinstance(basis.article, int):
                assert basis.words in public_texts[basis.law, basis.article]["text"], (known.code, basis)
                checked += 1
    assert checked > 70


def test_shipped_articles_are_the_public_texts_word_for_word(
    law: LawBook, public_texts: dict[tuple[str, int], dict[str, str]]
) -> None:
    for article in law.articles:
        public = public_texts[article.law, article.number]
        assert article.text == public["text"]
        assert article.version == public["version"]
        assert (article.effective_from.isoformat() if article.effective_from else "") == public["effective"]
        assert (article.confidence == "A") == (public["confidence"] == "text read")


def test_a_blocked_fire_lane_cites_the_fire_protection_law(law: LawBook) -> None:
    citations = cite(law, "H13", DAY)
    first = citations[0]
    assert (first.law, first.article, first.confidence) == ("中华人民共和国消防法", "第二十八条", "A")
    assert first.words in first.text
    penalty = next(citation for citation in citations if citation.role == "penalty")
    assert penalty.article == "第六十条第一款第（五）项"
    assert law.hazard_class("H13").value is Value.PROVABLE


def test_the_law_on_chemicals_takes_over_on_its_day(law: LawBook) -> None:
    before = {(citation.law, citation.article) for citation in cite(law, "H01", date(2026, 4, 30)) if citation.text}
    after = {(citation.law, citation.article) for citation in cite(law, "H01", date(2026, 5, 1)) if citation.text}
    assert ("危险化学品安全管理条例", "第二十四条") in before - after
    assert ("中华人民共和国危险化学品安全法", "第四十一条") in after - before
    # Before its first day a new law is not unknown: it is no law yet.
    for known in law.classes:
        assert not [one for one in cite(law, known.code, date(2026, 4, 30)) if one.law.endswith("危险化学品安全法")]


def test_a_day_before_every_version_held_is_cited_as_unknown(law: LawBook) -> None:
    citations = [citation for citation in cite(law, "H13", date(2018, 3, 26)) if citation.law.endswith("消防法")]
    assert citations
    assert all((citation.confidence, citation.text, citation.version) == ("unknown", "", "") for citation in citations)


def test_who_decides_is_cited_with_every_penalty_of_the_two_main_laws(law: LawBook) -> None:
    for known in law.classes:
        roles = {(basis.law, basis.role) for basis in known.basis}
        for name in ("中华人民共和国安全生产法", "中华人民共和国消防法"):
            assert ((name, Role.PENALTY) in roles) == ((name, Role.COMPETENCE) in roles), known.code


def test_an_unread_penalty_is_unknown_and_never_a_number(law: LawBook) -> None:
    unread = [penalty for known in law.classes for penalty in known.penalties if penalty.text is None]
    assert {penalty.confidence for penalty in unread} == {"unknown"}
    assert any(penalty.under == "危险化学品安全法" for penalty in law.hazard_class("H01").penalties if not penalty.text)


def test_penalties_are_those_of_the_day_of_the_act(law: LawBook) -> None:
    def said(code: str, day: date) -> dict[str, str | None]:
        return {penalty.under: penalty.text for penalty in penalties_on(law, code, day)}

    before, after = said("H01", date(2026, 4, 30)), said("H01", date(2026, 5, 1))
    assert "五万元以上十万元以下" in (before["危险化学品安全管理条例80（四）"] or "")
    assert "危险化学品安全法" not in before  # it was no law yet, so that nothing of it is unknown
    assert after["危险化学品安全法"] is None
    assert "危险化学品安全管理条例80（四）" not in after
    # The amounts held are those since 2021-09-01; for the day before nobody has read any.
    assert "十万元以下" in (said("H01", date(2021, 9, 1))["安全生产法101（一）"] or "")
    assert said("H01", date(2021, 8, 31))["安全生产法101（一）"] is None


def test_every_amount_of_a_penalty_that_was_read_stands_in_its_article(
    law: LawBook, public_texts: dict[tuple[str, int], dict[str, str]]
) -> None:
    checked = 0
    for known in law.classes:
        for penalty in known.penalties:
            if penalty.confidence == "A":
                said = amounts_in(penalty.text or "")
                assert said <= amounts_in(public_texts[penalty.law, penalty.article]["text"]), (known.code, penalty)
                checked += len(said)
    assert checked > 60


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("处五千元以上五万元以下罚款", {(5000, "元"), (50_000, "元")}),
        ("处5万元以上10万元以下的罚款", {(50_000, "元"), (100_000, "元")}),
        ("处二十万元以下，处五日以下拘留", {(200_000, "元"), (5, "日")}),
        ("一百二十五万元、二千零三元、十元", {(1_250_000, "元"), (2003, "元"), (10, "元")}),
        ("一千平方米以上一万平方米以下", {(1000, "平方米"), (10_000, "平方米")}),
        ("责令停产停业整顿", set()),
    ],
)
def test_amounts_are_read_however_they_are_written(text: str, amounts: set[tuple[int, str]]) -> None:
    assert amounts_in(text) == amounts


@pytest.mark.parametrize(
    ("number", "name"),
    [(3, "第三条"), (10, "第十条"), (12, "第十二条"), (20, "第二十条"), (28, "第二十八条"), (100, "第一百条"),
     (101, "第一百零一条"), (112, "第一百一十二条"), (119, "第一百一十九条"), (120, "第一百二十条")],
)  # fmt: skip
def test_articles_are_numbered_as_they_are_cited(number: int, name: str) -> None:
    assert article_name(number) == name


def test_an_unknown_code_is_a_callers_mistake(law: LawBook) -> None:
    with pytest.raises(KeyError):
        cite(law, "H99", DAY)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("不得占用、堵塞、封闭疏散通道、安全出口、消防车通道}", "不得占用飞行通道}", "does not say"),
        (
            "法, article: 28, role: duty, words: 占用防火间距",
            "法, article: 29, role: duty, words: 占用防火间距",
            "no text of",
        ),
        ("code: H14", "code: H13", "one code"),
        ("value: provable", "value: certain", "certain"),
        ("shows: a gap", "show: a gap", "unknown fields show"),
        ("role: penalty", "role: fine", "fine"),
        ("处一百元以上五百元以下的罚款", "处一百元以上六百元以下的罚款", "does not say the amounts of"),
        (", law: 中华人民共和国消防法, article: 61}", "}", "names its law and article"),
        (", law: 中华人民共和国消防法, article: 61}", ", law: 中华人民共和国消防法, article: 6}", "no text of"),
        ("schema: 1", "schema: [", "line 13"),
        ("schema: 1", "schema: 2", "schema is not 1"),
        ("code: H14", "code: 14", "code is a text, not 14"),
        ("    rectification: 修复堤体", "    rectification: 移走\n    rectification: 修复堤体", "written twice"),
    ],
)
def test_a_wrong_catalogue_is_refused_when_it_is_read(tmp_path: Path, old: str, new: str, says: str) -> None:
    shutil.copytree(HERE / "missions" / "law", tmp_path / "law")
    (tmp_path / "hazards").mkdir()
    text = (HERE / "missions" / "hazards" / "catalogue.yaml").read_text()
    assert old in text
    (tmp_path / "hazards" / "catalogue.yaml").write_text(text.replace(old, new))
    with pytest.raises(InputRefused, match=says):
        read_law(tmp_path)


def test_a_folder_without_law_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="no hazard catalogue"):
        read_law(tmp_path)


def test_versions_meet_without_gap_or_overlap() -> None:
    old, new = (
        Article(
            law="某法",
            number=1,
            version=version,
            effective_from=start,
            effective_to=end,
            text="x",
            source="s",
            confidence="A",
        )
        for version, start, end in (("旧", date(2000, 1, 1), date(2020, 1, 1)), ("新", date(2020, 1, 1), None))
    )
    for day in (date(2019, 12, 31), date(2020, 1, 1)):
        assert old.holds_on(day) != new.holds_on(day)
