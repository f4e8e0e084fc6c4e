"""The page for the party concerned: one HTML file inside the package that shows the case and checks the files.

It stands alone: pictures are in it, nothing is loaded, its one script is pinned by its digest, and every word that
comes from data is escaped. The language is Chinese, because the party is owed one it reads (行政处罚法 41, 45).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from math import sqrt
from string import Template
from typing import Final

from core.clock import BEIJING
from evidence.cases.life import Life
from evidence.cases.standing import standing_of
from evidence.custody import CustodyEntry
from evidence.incident import Incident, State
from evidence.sealing.derivation import Derived
from evidence.sealing.package import OriginalRecord
from geofence.attribution import Attribution
from geofence.fix import Fix
from geofence.sighting import Sighting

EMBED_LIMIT_BYTES: Final = 8 << 20  # pictures beyond this are linked, not embedded

STATE_ZH: Final = {
    State.LEAD: "线索（未经人工审核）",
    State.IN_REVIEW: "审核中",
    State.CONFIRMED_LEAD: "经审核的线索",
    State.REJECTED: "已排除",
    State.NEEDS_ANOTHER_LOOK: "需再次查看",
    State.ON_SITE_CHECKED: "已现场核查",
    State.EVIDENCE: "证据",
    State.RECTIFIED: "已整改",
    State.TRANSFERRED: "已移送",
    State.CLOSED: "已结案",
}
ACTION_ZH: Final = {
    "ingested": "采集入库",
    "opened": "立为线索",
    "derived": "制作派生件",
    "reviewed": "审核",
    "checked-on-site": "现场核查",
    "decided": "决定",
    "viewed": "查看",
    "handed-over": "移交",
    "copied": "复制",
    "sealed": "封装",
    "time-stamped": "加盖时间戳",
    "held": "保全",
    "disposed": "处置",
}


def beijing(instant: datetime) -> str:
    """Return a time for people in Beijing."""
    return instant.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


@cache
def _template(name: str) -> str:
    return files("evidence").joinpath("templates", name).read_text(encoding="utf-8")


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)


def _cells(rows: Iterable[Sequence[str]]) -> str:
    return "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)


def place_of(incident: Incident, site_name: str) -> str:
    """Return in words whose site an incident is at, or why that is not known."""
    outcome = incident.attribution
    if not isinstance(outcome, Attribution):
        return f"未定：{outcome.reason}"
    if outcome.site_code is None:
        return "不在任何已登记企业范围内"
    share = next((one.probability for one in outcome.sites if one.key == outcome.site_code), None)
    certainty = "" if share is None else f"（概率 {share:.3f}）"
    return f"{site_name} {outcome.site_code}{certainty}".strip()


def remarks_of(fixes: Sequence[Fix]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is remarked and assumed of fixes, each sentence once, and for each fix their numbers from one."""
    said = [(*fix.detection.remarks, *fix.assumptions) for fix in fixes]
    sentences = tuple(dict.fromkeys(sentence for one in said for sentence in one))
    return sentences, tuple("、".join(str(sentences.index(sentence) + 1) for sentence in one) for one in said)


def class_rows(sighting: Sighting) -> list[tuple[str, str]]:
    """Return what a thing is, and where its measured length decided that or was asked in vain, how."""
    rows = [("识别类别", sighting.label)]
    length = sighting.length
    if length is not None:
        seen_as = sighting.fixes[0].detection.label
        if seen_as != sighting.label:
            rows = [("识别类别", f"{sighting.label}（模型识别为 {seen_as}，按量得的车长判定）")]
        told = (
            f"{length.metres:.1f} 米（九成可能在 {length.least_m:.1f} 至 {length.most_m:.1f} 米之间）；"
            f"长于 {length.longer_than_m:g} 米的概率 {length.longer:.3f}；"
            f"据 {length.looks} 帧、{length.sides} 个方向的识别框"
        )
        rows.append(("车长", told))
    return rows


def _facts(incident: Incident, site_name: str) -> str:
    sighting, hazard, point = incident.sighting, incident.hazard, incident.sighting.point
    sigma = sqrt(sighting.covariance.east_m2), sqrt(sighting.covariance.north_m2)
    return _rows(
        [
            ("隐患代码", hazard.code),
            ("单位", place_of(incident, site_name)),
            ("区域", f"{hazard.zone_id}（版本 {hazard.zone_version}）" if hazard.zone_id else "无"),
            ("首次发现", beijing(sighting.first_seen)),
            ("末次发现", beijing(sighting.last_seen)),
            ("飞经次数", str(sighting.passes)),
            (
                "位置（WGS-84）",
                f"{point.lon_deg:.7f}, {point.lat_deg:.7f}（1σ 东 {sigma[0]:.2f} 米，北 {sigma[1]:.2f} 米）",
            ),
            ("主管部门", hazard.authority),
        ]
    )


def _figures(derived: Sequence[Derived]) -> str:
    room = EMBED_LIMIT_BYTES
    shown = []
    for copy in derived:
        address = f"derived/{copy.name}"
        source = copy.derivation.source_name
        if copy.media_type == "video/mp4":
            shown.append(
                f'<figure><video controls preload="metadata" src="{escape(address)}"></video>'
                f"<figcaption>{escape(f'{copy.name} · 片段，由 {source} 制作；以原始文件为准')}</figcaption></figure>"
            )
        if not copy.media_type.startswith("image/"):
            continue
        if len(copy.content) <= room:
            room -= len(copy.content)
            address = f"data:{copy.media_type};base64,{base64.b64encode(copy.content).decode()}"
        words = f"{copy.name} · 派生件，由 {source} 制作；以原始文件为准"
        shown.append(
            f'<figure><img src="{escape(address)}" alt="{escape(copy.name)}">'
            f"<figcaption>{escape(words)}</figcaption></figure>"
        )
    return "".join(shown) or "<p>无</p>"


def _citations(incident: Incident) -> str:
    shown = []
    for citation in incident.hazard.citations:
        since = f"，{citation.effective_from.isoformat()} 起施行" if citation.effective_from else ""
        text = citation.text or f"（条文未收录，可信度 {citation.confidence}，使用前须核对）"
        shown.append(
            f"<p>《{escape(citation.law)}》{escape(citation.article)}（{escape(citation.version)}{since}）</p>"
            f"<blockquote>{escape(text)}</blockquote>"
        )
    return "".join(shown) or "<p>无</p>"


def draw_viewer(
    incident: Incident,
    *,
    originals: Sequence[OriginalRecord],
    derived: Sequence[Derived],
    custody: Sequence[CustodyEntry],
    site_name: str,
    sealed_at: datetime,
    life: Life | None = None,
) -> bytes:
    """Return the page, UTF-8; the same inputs give the same bytes.

    Args:
        incident: The incident.
        originals: The package's list of originals.
        derived: Its derived copies; pictures are embedded, clips lie beside the page.
        custody: Its custody chain.
        site_name: Name of the site; empty when undecided.
        sealed_at: The time of sealing.
        life: The decisions on it; None for a fresh lead.
    """
    script = _template("viewer.js")
    detections = [fix.detection for fix in incident.sighting.fixes]
    sentences, marks = remarks_of(incident.sighting.fixes)
    page = Template(_template("viewer.html")).substitute(
        number=escape(incident.number),
        hazard=escape(incident.hazard.name_zh),
        sealed_at=beijing(sealed_at),
        state=STATE_ZH[incident.state],
        standing=standing_of(incident.state, life),
        facts=_facts(incident, site_name),
        figures=_figures(derived),
        citations=_citations(incident),
        explanation=escape(incident.hazard.explanation),
        model=_rows(
            [
                ("规则", f"{incident.hazard.rule_id}（文件 SHA-256 {incident.hazard.rules_sha256}）"),
                ("概率", f"{incident.hazard.probability:.3f}"),
                *class_rows(incident.sighting),
                ("识别置信度", " ".join(f"{detection.score:.2f}" for detection in detections[:20])),
                ("模型权重 SHA-256", " ".join(sorted({detection.weight_sha256 for detection in detections}))),
            ]
        ),
        fixes=_cells(
            (
                beijing(fix.captured_at),
                f"{fix.point.lon_deg:.7f}",
                f"{fix.point.lat_deg:.7f}",
                f"{sqrt(fix.covariance.east_m2):.2f} / {sqrt(fix.covariance.north_m2):.2f}",
                f"{fix.slant_m:.1f}",
                mark,
            )
            for fix, mark in zip(incident.sighting.fixes, marks, strict=True)
        ),
        remarks="".join(f"<li>{escape(sentence)}</li>" for sentence in sentences),
        originals=_cells(
            (one.name, str(one.size_bytes), one.sha256, one.sm3, one.path or "由执法机关保存，可凭校验值调取核对")
            for one in originals
        ),
        custody=_cells(
            (str(entry.seq), beijing(entry.at), entry.actor, ACTION_ZH[entry.action.value], entry.subject)
            for entry in custody
        ),
        script=script,
        script_hash="sha256-" + base64.b64encode(sha256(script.encode()).digest()).decode(),
    )
    return page.encode()
