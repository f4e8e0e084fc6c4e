"""The application for a flight (飞行活动申请表) as a PDF: article 27's items, filled from the patrol and its plan.

What the patrol does not say stays a blank line for a person; nothing is invented. The page is set by typst with Noto
Sans CJK; the same patrol and time give the same bytes.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import shapely

from core.clock import in_utc
from core.errors import InputRefused
from core.points import GeoPoint
from core.text import _
from core.whole_file import write_bytes
from flight.flight_plan import FlightPlan
from flight.patrol import Patrol, flown_by
from flight.planning.airspace_law import controlled_kinds, deadlines, highest_agl_m, takeoffs
from flight.planning.airspace_rules import SHIPPED, AirspaceRules

BLANK: Final = "＿＿＿＿＿＿＿＿"


def write_application_sheet(
    flight_plan: FlightPlan, patrol: Patrol, rules: AirspaceRules, takeoff_at: datetime, path: Path
) -> None:
    """Write the application for flying ``flight_plan`` at ``takeoff_at`` (aware) to ``path`` as PDF.

    Raises:
        InputRefused: The jurisdiction has no sheet, or typst cannot set it.
    """
    import typst
    from noto_cjk_sans_otc import FONT_PATH

    template = SHIPPED / f"{rules.jurisdiction}_application.typ"
    if not template.is_file():
        raise InputRefused(
            template, _("the jurisdiction has no application sheet"), _("Add its template beside its rules.")
        )
    sheet = json.dumps(sheet_of(flight_plan, patrol, rules, takeoff_at), ensure_ascii=False, sort_keys=True)
    try:
        pdf = typst.compile(
            str(template),
            font_paths=[str(Path(FONT_PATH).parent) if Path(FONT_PATH).is_file() else str(FONT_PATH)],
            ignore_system_fonts=True,
            sys_inputs={"sheet": sheet},
            timestamp=int(in_utc(takeoff_at).timestamp()),
        )
    except (typst.TypstError, RuntimeError) as error:
        raise InputRefused(template, str(error), _("Correct the template.")) from error
    write_bytes(path, pdf)


def sheet_of(flight_plan: FlightPlan, patrol: Patrol, rules: AirspaceRules, takeoff_at: datetime) -> dict[str, Any]:
    """Return what the sheet says, in Chinese, as plain lists and text."""
    start = in_utc(takeoff_at).astimezone(rules.zone)
    begins = takeoffs(flight_plan.sorties, takeoff_at)
    end = max(begins[one.number] + timedelta(seconds=one.duration_s) for one in flight_plan.sorties)
    end = end.astimezone(rules.zone)
    due = deadlines(rules, takeoff_at, emergency=patrol.emergency)
    kinds = sorted({kind for sortie in flight_plan.sorties for kind in controlled_kinds(patrol, sortie)})
    ground = "；".join(rules.controlled[kind].name for kind in kinds if kind in rules.controlled) or "无"
    crafts = {sortie.crew: flown_by(patrol, sortie.crew).aircraft for sortie in flight_plan.sorties}
    models = list(dict.fromkeys(crafts.values()))
    crews = "；".join(f"{crew.name}（执照 {crew.licence or BLANK}）" for crew in patrol.crews) or BLANK
    fastest = max(point.speed_m_s for sortie in flight_plan.sorties for point in sortie.waypoints)
    highest = max(highest_agl_m(patrol, sortie) for sortie in flight_plan.sorties)
    launches = list(dict.fromkeys(_position(sortie.waypoints[0].position) for sortie in flight_plan.sorties))
    landing = [place for place in map(_position, (patrol.home, *patrol.rally_points)) if place not in launches]
    places = "起降：" + "；".join(launches) + ("；备降：" + "；".join(landing) if landing else "")
    kind = "；".join(
        f"{one.model}（{rules.class_of(one.mass_kg)}，{one.mass_kg:g} kg），"
        f"{sum(craft == one for craft in crafts.values())} 架"
        for one in models
    )
    able = "；".join(
        f"{one.model}：巡航 {one.cruise_m_s:g} m/s，续航 {one.endurance_s / 60:.0f} min，抗风 {one.max_wind_m_s:g} m/s"
        for one in models
    )
    task = f"{'应急任务；' if patrol.emergency else ''}安全生产执法巡查：{patrol.name}；自动航线飞行"
    reserve, margin = patrol.limits.battery_reserve, patrol.limits.no_fly_margin_m
    rows = [
        ["组织单位", patrol.operator or BLANK],
        ["操控人员及资质", crews],
        ["航空器类型、数量、登记号", f"{kind}；登记号 {BLANK}"],
        ["主要性能指标", able],
        ["飞行任务性质和方式", task],
        ["起降、备降场地", places],
        ["通信联络方法", BLANK],
        ["预计飞行时刻", f"{start:%Y-%m-%d %H:%M} 至 {end:%Y-%m-%d %H:%M}（{rules.zone.key}）"],
        ["最大真高、速度", f"{highest:.0f} m；{fastest:g} m/s"],
        ["涉及管制空域", ground],
        ["指挥控制链路频率、带宽", BLANK],
        ["通信、导航、被监视能力", f"GNSS；运行识别广播；{BLANK}"],
        ["应急处置程序", f"失联、低电量自动返航（备用电量 {reserve:.0%}）；距禁飞区不小于 {margin:g} m"],
        ["申请、报告时限", f"申请不迟于 {due.apply_by:%Y-%m-%d %H:%M}；报告不迟于 {due.report_by:%Y-%m-%d %H:%M}"],
    ]
    approval = patrol.approval
    return {
        "title": "无人驾驶航空器飞行活动申请表",
        "rows": rows,
        "sorties": [
            [
                str(sortie.number),
                f"{begins[sortie.number].astimezone(rules.zone):%H:%M}",
                "、".join(dict.fromkeys(point.area for point in sortie.waypoints if point.area)),
                f"{highest_agl_m(patrol, sortie):.0f}",
                f"{sortie.length_m:.0f}",
                f"{sortie.duration_s / 60:.1f}",
                str(sortie.photos),
            ]
            for sortie in flight_plan.sorties
        ],
        "airspace": [[area.name, _outline(area.shape)] for area in patrol.areas],
        "approval_number": approval.number if approval else BLANK,
        "approval_window": f"{approval.starts_at.astimezone(rules.zone):%Y-%m-%d %H:%M} 至 "
        f"{approval.ends_at.astimezone(rules.zone):%Y-%m-%d %H:%M}"
        if approval
        else BLANK,
        "footer": f"依据：{rules.law} {rules.articles['application']}",
    }


def _position(point: GeoPoint) -> str:
    return f"{point.lon_deg:.6f} {point.lat_deg:.6f}"


def _outline(shape: shapely.Geometry) -> str:
    parts = [shapely.get_coordinates(part.exterior if part.geom_type == "Polygon" else part)
             for part in shapely.get_parts(shape)]  # fmt: skip
    return "；".join("，".join(f"{lon:.6f} {lat:.6f}" for lon, lat in part.tolist()) for part in parts)
