"""Documents of a case as PDF, by typst: Chinese, A4, filled from the case, blank where people must write.

The drafts are drafts: they are pre-filled with the lead and say so; findings, measures and signatures are people's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from importlib.resources import files
from math import sqrt
from pathlib import Path
from typing import Final

from core.clock import BEIJING, in_utc
from evidence.cases.life import Life, Person
from evidence.cases.standing import bar_on_order, bar_on_record, standing_of
from evidence.incident import Incident
from evidence.papers.typesetting import FONT_FAMILY, typeset
from evidence.sealing.derivation import Derived
from evidence.sealing.package import OriginalRecord
from evidence.sealing.viewer import STATE_ZH, beijing, class_rows, place_of, remarks_of
from geofence.attribution import Undecided
from geofence.fix import Fix

_MAX_PICTURES: Final = 6
MAX_FIXES: Final = 40


class Paper(StrEnum):
    """Which document; the value is its template's name."""

    EVIDENCE_REPORT = "evidence-report"
    ON_SITE_RECORD = "on-site-record"
    EXTRACTION_RECORD = "extraction-record"
    RECTIFICATION_ORDER = "rectification-order"
    EVIDENCE_LIST = "evidence-list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """The enterprise, as far as the register or the officers know it. Empty fields become blanks."""

    name: str = ""
    code: str = ""
    address: str = ""
    representative: str = ""
    post: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """The memory card that the originals came from (GA/T 1174: sealed with a number)."""

    brand: str = ""
    model: str = ""
    serial: str = ""
    seal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """What a document needs besides the case; whatever is empty becomes a blank to write in.

    Attributes:
        bureau: Name of the authority; ``prefix`` its short name in document numbers ("穗").
        year, number: Of the document number.
        party: The enterprise.
        officers: At most two.
        place: Where the check or extraction was.
        started_at, ended_at: When, aware.
        deadline: By when to put right.
        government, appeal_authority, court: Where to appeal.
        holder, witness, stored_on: Of an extraction.
        medium: The memory card.
    """

    bureau: str = ""
    prefix: str = ""
    year: str = ""
    number: str = ""
    party: Party = Party()
    officers: tuple[Person, ...] = ()
    place: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deadline: date | None = None
    government: str = ""
    appeal_authority: str = ""
    court: str = ""
    holder: str = ""
    witness: str = ""
    stored_on: str = ""
    medium: Medium = Medium()

    def __post_init__(self) -> None:
        if len(self.officers) > 2:
            raise ValueError("a document has room for two officers")
        if len({officer.certificate_no for officer in self.officers}) != len(self.officers):
            raise ValueError("two officers have two certificates")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """The case that a document is about.

    Attributes:
        incident: The incident.
        originals: Its originals, as a package lists them.
        derived: Its derived copies; pictures go into the report.
        site_name: Name of the site; empty when undecided.
        program: The program and version.
        at: The time the document is made, aware; also the PDF's time.
        life: The decisions on it; None where there are none.
    """

    incident: Incident
    originals: tuple[OriginalRecord, ...]
    derived: tuple[Derived, ...] = field(default=(), repr=False)
    site_name: str = ""
    program: str
    at: datetime
    life: Life | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", in_utc(self.at))


def write_document(
    paper: Paper,
    case: CaseFile,
    particulars: Particulars | None = None,
    *,
    font_folders: Sequence[Path] = (),
    font_families: Sequence[str] = (),
) -> bytes:
    """Return a document as PDF.

    Args:
        paper: Which.
        case: What it is about.
        particulars: What it needs besides.
        font_folders: Folders of the bureau's own fonts.
        font_families: Their families, tried before the embedded one ("FangSong").

    Raises:
        StoreFailed: typst cannot set it (a picture or font that it cannot read).
    """
    values = _values(case, particulars or Particulars())
    values["fonts"] = [*font_families, FONT_FAMILY]
    templates = ("common.typ", f"{paper.value}.typ")
    sources = {name: files("evidence").joinpath("templates", name).read_bytes() for name in templates}
    values["pictures"] = _pictures(case, sources) if paper is Paper.EVIDENCE_REPORT else []
    return typeset(paper.value, sources, inputs={"case": values}, at=case.at, font_folders=font_folders)


def _pictures(case: CaseFile, sources: dict[str, bytes]) -> list[dict[str, object]]:
    pictures: list[dict[str, object]] = []
    for index, copy in enumerate(copy for copy in case.derived if copy.media_type in {"image/jpeg", "image/png"}):
        if index == _MAX_PICTURES:
            break
        name = f"picture-{index}.{copy.media_type.rsplit('/', 1)[1]}"
        sources[name] = copy.content
        pictures.append(
            {
                "file": name,
                "name": copy.name,
                "source": copy.derivation.source_name,
                "tool": f"{copy.derivation.tool} {copy.derivation.tool_version}",
                "sha256": copy.sha256,
                "crop": copy.derivation.operation == "crop",
            }
        )
    return pictures


def _values(case: CaseFile, particulars: Particulars) -> dict[str, object]:
    incident = case.incident
    sighting, hazard, outcome = incident.sighting, incident.hazard, incident.attribution
    place = place_of(incident, case.site_name)
    printed = _shown(sighting.fixes)
    sentences, marks = remarks_of(printed)
    return {
        "number": incident.number,
        "hazard": hazard.name_zh,
        "standing": standing_of(incident.state, case.life),
        "bar_on_record": bar_on_record(incident.state, case.life),
        "bar_on_order": bar_on_order(incident.state, case.life),
        "authority": hazard.authority,
        "program": case.program,
        "ingested": "、".join(sorted({beijing(one.ingested_at) for one in case.originals})[:3]),
        "facts": _facts(incident, place),
        "lead_sentence": (
            f"{beijing(sighting.first_seen)} 至 {beijing(sighting.last_seen)}（北京时间），在 {place} 附近"
            f"（WGS-84 {sighting.point.lon_deg:.6f}，{sighting.point.lat_deg:.6f}）发现疑似“{hazard.name_zh}”，"
            f"共 {sighting.passes} 次飞经、{len(sighting.fixes)} 次定位。"
        ),
        "problem": f"{hazard.name_zh}（线索 {incident.number}，{beijing(sighting.first_seen)}）",
        "citations": [
            {
                "law": one.law,
                "article": one.article,
                "version": one.version,
                "since": one.effective_from.isoformat() if one.effective_from else "",
                "text": one.text,
                "confidence": one.confidence,
            }
            for one in hazard.citations
        ],
        "explanation": hazard.explanation,
        "model": [
            ["规则", hazard.rule_id],
            ["规则文件 SHA-256", hazard.rules_sha256],
            ["概率", f"{hazard.probability:.3f}"],
            *([name, told] for name, told in class_rows(sighting)),
            ["模型权重 SHA-256", sighting.fixes[0].detection.weight_sha256],
        ],
        "fixes": [
            [
                beijing(fix.captured_at),
                f"{fix.point.lon_deg:.7f}",
                f"{fix.point.lat_deg:.7f}",
                f"{sqrt(fix.covariance.east_m2):.2f} / {sqrt(fix.covariance.north_m2):.2f}",
                f"{fix.slant_m:.1f}",
                mark,
            ]
            for fix, mark in zip(printed, marks, strict=True)
        ],
        "remarks": list(sentences),
        "hidden_fixes": str(len(sighting.fixes) - len(printed)),
        "shares": [
            [kind, share.key, share.version, f"{share.probability:.3f}"]
            for kind, shares in (("单位", outcome.sites), ("区域", outcome.zones))
            for share in shares
        ],
        "undecided": outcome.reason if isinstance(outcome, Undecided) else "",
        "originals": [_original(one) for one in case.originals],
        "listed": _listed(case),
        "form": _form(particulars),
    }


def _shown(fixes: tuple[Fix, ...]) -> tuple[Fix, ...]:
    """Return the fixes that a report prints: all, or the first and last where they would fill pages."""
    return fixes if len(fixes) <= MAX_FIXES else (*fixes[: MAX_FIXES // 2], *fixes[-MAX_FIXES // 2 :])


def _facts(incident: Incident, place: str) -> list[list[str]]:
    sighting, point = incident.sighting, incident.sighting.point
    sigma = sqrt(sighting.covariance.east_m2), sqrt(sighting.covariance.north_m2)
    return [
        ["隐患", f"{incident.hazard.code} {incident.hazard.name_zh}"],
        ["状态", STATE_ZH[incident.state]],
        ["单位", place],
        ["首次发现", beijing(sighting.first_seen)],
        ["末次发现", beijing(sighting.last_seen)],
        ["飞经次数", str(sighting.passes)],
        ["位置", f"{point.lon_deg:.7f}，{point.lat_deg:.7f}（1σ 东 {sigma[0]:.2f} 米、北 {sigma[1]:.2f} 米）"],
        ["主管部门", incident.hazard.authority],
    ]


def _original(one: OriginalRecord) -> dict[str, str]:
    return {
        "name": one.name,
        "size": str(one.size_bytes),
        "sha256": one.sha256,
        "sm3": one.sm3,
        "media_type": one.media_type,
        "place": "随附" if one.path else "本机关保存",
    }


def _kind(media_type: str) -> str:
    return "视听资料" if media_type.startswith(("image/", "video/")) else "电子数据"


def _listed(case: CaseFile) -> list[dict[str, str]]:
    originals = [
        {"name": one.name, "kind": _kind(one.media_type), "source": "原始文件", "sha256": one.sha256}
        for one in case.originals
    ]
    copies = [
        {"name": one.name, "kind": _kind(one.media_type), "source": "派生件", "sha256": one.sha256}
        for one in case.derived
    ]
    return [*originals, *copies]


def _form(particulars: Particulars) -> Mapping[str, object]:
    party, medium = particulars.party, particulars.medium
    deadline = particulars.deadline
    return {
        "bureau": particulars.bureau,
        "prefix": particulars.prefix,
        "year": particulars.year,
        "number": particulars.number,
        "party": {
            "name": f"{party.name}（{party.code}）" if party.name and party.code else party.name,
            "address": party.address,
            "representative": party.representative,
            "post": party.post,
            "phone": party.phone,
        },
        "officers": [{"name": one.name, "certificate_no": one.certificate_no} for one in particulars.officers],
        "place": particulars.place,
        "started_at": _minute(particulars.started_at),
        "ended_at": _minute(particulars.ended_at),
        "deadline": f"{deadline.year}年{deadline.month}月{deadline.day}日" if deadline else None,
        "government": particulars.government,
        "appeal_authority": particulars.appeal_authority,
        "court": particulars.court,
        "holder": particulars.holder,
        "witness": particulars.witness,
        "stored_on": particulars.stored_on,
        "media": {"brand": medium.brand, "model": medium.model, "serial": medium.serial, "seal": medium.seal},
    }


def _minute(instant: datetime | None) -> str | None:
    """Return a time as the forms write it: year, month, day, hour and minute in Beijing."""
    if instant is None:
        return None
    local = instant.astimezone(BEIJING)
    return f"{local.year}年{local.month}月{local.day}日{local.hour}时{local.minute:02d}分"
