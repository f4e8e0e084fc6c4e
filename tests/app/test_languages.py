"""The Chinese catalogue: complete, true to its placeholders, compiled, and seen by people."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from string import Formatter

import pytest
import typer
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from app.languages import language_of, use_language
from core.refusal import Refusal
from core.text import translate

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "app" / "locale"
PO = LOCALE / "zh_CN" / "LC_MESSAGES" / "skywarden.po"
ROOMS = ("core", "flight", "detection", "geofence", "evidence", "maps", "app")
HAN = re.compile(r"[\u4e00-\u9fff]")
KEPT = re.compile(r"`[^`]*`|--[a-z][a-z-]+|\[/?[a-z][a-z ]*\]|\w+\.(?:yaml|md|json)\b")
"""What a person types or a markup reads, and no translation may change."""
MEND = "run `make messages`, then translate what is empty in app/locale/zh_CN/LC_MESSAGES/skywarden.po"


def _catalogue(domain: str) -> Catalog:
    with (PO.parent / f"{domain}.po").open("rb") as file:
        return read_po(file, locale="zh_CN")


@pytest.fixture(scope="module")
def chinese() -> Catalog:
    return _catalogue("skywarden")


@pytest.fixture(scope="module")
def sources() -> set[str]:
    """Every message marked in the code and the templates, as Babel extracts them with the project's configuration."""
    with (LOCALE / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    found = set()
    for room in ROOMS:
        for _file, _line, message, _comments, _context in extract_from_dir(
            ROOT / room, [(pattern.removeprefix(f"{room}/"), method) for pattern, method in methods], options
        ):
            assert isinstance(message, str)
            found.add(message)
    return found


def _translations(catalogue: Catalog) -> Iterator[tuple[str, str]]:
    for message in catalogue:
        if message.id:
            assert isinstance(message.id, str)
            assert isinstance(message.string, str)
            yield message.id, message.string


def _placeholders(text: str) -> list[tuple[str, str, str]]:
    """Name, format and conversion of each placeholder; their order is the language's own."""
    return sorted(
        (name, form or "", conversion or "")
        for _literal, name, form, conversion in Formatter().parse(text)
        if name is not None
    )


def test_every_message_of_the_code_is_in_the_catalogue_and_no_other(chinese: Catalog, sources: set[str]) -> None:
    kept = {source for source, _translation in _translations(chinese)}
    assert len(sources) > 1000
    assert not sorted(sources - kept), f"not in the catalogue; {MEND}"
    assert not sorted(kept - sources), f"no longer in the code; {MEND}"
    assert not chinese.obsolete, f"no longer in the code; {MEND}"


def test_every_marked_message_can_be_extracted(sources: set[str]) -> None:
    # Babel sees no call inside an f-string and no text that is not written out, so these would stay English.
    missed = []
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_bytes())):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_"):
                    continue
                marked = node.args[0]
                if not (isinstance(marked, ast.Constant) and marked.value in sources):
                    missed.append(f"{file.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert not missed


def test_every_message_is_translated_and_none_is_a_guess(chinese: Catalog) -> None:
    assert not [source for source, translation in _translations(chinese) if not translation.strip()], MEND
    assert not [message.id for message in chinese if message.id and message.fuzzy], MEND


def test_placeholders_and_commands_are_those_of_the_source(chinese: Catalog) -> None:
    for source, translation in _translations(chinese):
        assert _placeholders(translation) == _placeholders(source), source
        assert sorted(KEPT.findall(translation)) == sorted(KEPT.findall(source)), source
        assert translation.count("\n") == source.count("\n"), source


def test_every_message_with_words_is_chinese(chinese: Catalog) -> None:
    for source, translation in _translations(chinese):
        words = re.findall(r"[A-Za-z]{3,}", re.sub(r"\{[^{}]*\}", "", source))
        if words and words != ["skywarden"]:  # the command's own name
            assert HAN.search(translation), source


def test_a_sentence_stays_a_sentence_and_a_clause_a_clause(chinese: Catalog) -> None:
    # Clauses are put into sentences that bring their own full stop.
    ends = [("." if one.endswith(".") else "", other[-1:]) for one, other in _translations(chinese)]
    assert {stop for point, stop in ends if point} == {"。"}
    assert "。" not in {stop for point, stop in ends if not point}
    assert "." not in {stop for _point, stop in ends}


@pytest.mark.parametrize("domain", ["skywarden", "messages"])
def test_the_compiled_catalogue_is_that_of_the_source_file(domain: str) -> None:
    fresh = BytesIO()
    write_mo(fresh, _catalogue(domain))
    fresh.seek(0)
    with (PO.parent / f"{domain}.mo").open("rb") as file:
        shipped = read_mo(file)
    assert dict(_translations(shipped))
    assert dict(_translations(shipped)) == dict(_translations(read_mo(fresh))), "run `make messages`"


def test_what_typer_says_itself_is_translated() -> None:
    asked = {
        message
        for _file, _line, message, _comments, _context in extract_from_dir(
            Path(typer.__file__).parent, [("core.py", "python"), ("rich_utils.py", "python")]
        )
    }
    translated = dict(_translations(_catalogue("messages")))
    assert len(asked) > 10
    assert not asked - translated.keys()
    for source, translation in translated.items():
        assert _placeholders(translation) == _placeholders(source), source
        assert HAN.search(translation), source


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"SKYWARDEN_LANG": "zh_CN"}, "zh_CN"),
        ({"SKYWARDEN_LANG": "zh-Hans"}, "zh_CN"),
        ({"SKYWARDEN_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"SKYWARDEN_LANG": "", "LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_first_one_asked_for(environment: Mapping[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_a_language_without_catalogue_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="de is not one of en, zh_CN"):
        use_language("de")


def test_refusals_are_told_in_the_language_of_the_process() -> None:
    use_language("zh_CN")
    try:
        refusal = Refusal(
            subject="a.jpg", code="empty", reason=translate("is empty"), remedy=translate("Save it again.")
        )
        assert str(refusal) == "a.jpg：为空。请重新保存。"
        assert translate("") == ""  # and not the catalogue's header
    finally:
        use_language("en")
    assert translate("is empty") == "is empty"


def _skywarden(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env={
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "SKYWARDEN_LANG": "zh_CN",
            "COLUMNS": "120",
            "NO_COLOR": "1",
            "TERM": "dumb",
            "PYTHONUTF8": "1",
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_the_manual_is_chinese() -> None:
    done = _skywarden("--help")
    assert done.returncode == 0, done.stderr
    assert "无人机辅助现场执法" in done.stdout
    assert "退出码：0 完成" in done.stdout
    assert "─ 选项 ─" in done.stdout
    named = [line for line in done.stdout.splitlines() if re.match(r"│ [a-z]+(-[a-z]+)* {2,}", line)]
    assert len(named) >= 10
    assert all(HAN.search(line) for line in named)  # a line for each command, in Chinese


def test_a_wrong_call_is_told_in_chinese() -> None:
    done = _skywarden("conquer")
    assert done.returncode == 2
    assert "没有命令 'conquer'" in done.stderr
    assert "用法见 'python -m app --help'" in done.stderr


def test_an_error_is_chinese(tmp_path: Path) -> None:
    done = _skywarden("process", "nowhere", "--sites", "missions/photos/sites.geojson", "--out", str(tmp_path / "case"))
    assert done.returncode == 3
    assert done.stderr.strip() == "skywarden： nowhere：不存在。请指定存放照片和视频的目录。"
