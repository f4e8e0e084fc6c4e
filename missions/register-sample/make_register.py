"""Draw the sample register: 36 invented enterprises of an industrial district with their zones.

    python missions/register-sample/make_register.py

writes sites.geojson and zones.geojson beside this file, the same bytes each time. Names, codes and fences are invented;
the codes carry the check characters of GB 32100-2015 and GB 11714-1997, so that the register is read like a real one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from core.points import GeoPoint, LocalPlane, from_plane  # noqa: E402
from geofence.register.credit_code import complete_code  # noqa: E402

PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.4520, lat_deg=22.8340))
PLACES = ("珠湾", "南岸", "沙角", "横江", "榄核", "东涌", "大岗", "黄阁", "鱼窝", "灵山", "万顷", "龙穴")
KINDS = (
    ("化工有限公司", "危险化学品生产许可,安全生产许可", "二级", "危险化学品生产", "chemical"),
    ("危化仓储有限公司", "危险化学品经营许可", "三级", "危险化学品储存", "chemical"),
    ("物流有限公司", "道路运输经营许可", "", "普通货物仓储运输", "logistics"),
    ("塑料制品有限公司", "排污许可", "", "塑料制品制造", "factory"),
    ("纸业有限公司", "排污许可", "", "纸制品制造", "factory"),
    ("金属制品有限公司", "排污许可", "", "金属加工", "factory"),
)
CREDIT = ("A", "B", "B", "C")


def ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    """Return a closed ring in degrees, rounded to a centimetre."""
    metres = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return [[round(lon, 7), round(lat, 7)] for lon, lat in from_plane(PLANE, np.array(metres, dtype=float)).tolist()]


def feature(outline: list[list[float]], **properties: object) -> dict[str, object]:
    return {
        "type": "Feature",
        "properties": {key: value for key, value in properties.items() if value not in ("", None)},
        "geometry": {"type": "Polygon", "coordinates": [outline]},
    }


def zones_of(kind: str, code: str, number: int, box: tuple[float, float, float, float]) -> list[dict[str, object]]:
    """Return the zones of one enterprise, laid out by its kind."""
    west, south, east, north = box
    width, depth = east - west, north - south
    plan: list[tuple[str, str, tuple[float, float, float, float]]] = [
        ("fire_lane", "环形消防车道（东段）", (0.86, 0.06, 0.93, 0.94)),
        ("parking", "停车场", (0.05, 0.05, 0.30, 0.20)),
    ]
    if kind == "chemical":
        plan += [
            ("tank_farm", "储罐区", (0.10, 0.55, 0.45, 0.92)),
            ("dike", "防火堤", (0.08, 0.53, 0.47, 0.94)),
            ("loading", "装卸区", (0.52, 0.60, 0.80, 0.90)),
            ("storage", "危险化学品仓库", (0.52, 0.28, 0.80, 0.52)),
            ("exclusion", "罐区机动车禁入区", (0.06, 0.50, 0.49, 0.96)),
        ]
    elif kind == "logistics":
        plan += [
            ("loading", "装卸区", (0.40, 0.10, 0.80, 0.30)),
            ("storage", "仓库", (0.10, 0.40, 0.80, 0.90)),
            ("container_yard", "危险货物集装箱堆场", (0.10, 0.22, 0.36, 0.38)),
        ]
    else:
        plan += [
            ("storage", "原料仓库", (0.10, 0.60, 0.45, 0.90)),
            ("fire_separation", "厂房防火间距", (0.46, 0.30, 0.52, 0.90)),
            ("dormitory", "员工宿舍", (0.55, 0.65, 0.80, 0.90)),
            ("hydrant", "室外消火栓", (0.83, 0.50, 0.85, 0.52)),
            ("exit", "厂房安全出口外侧", (0.53, 0.58, 0.56, 0.62)),
            ("roof", "厂房屋顶", (0.12, 0.30, 0.43, 0.55)),
        ]
    return [
        feature(
            ring(west + left * width, south + low * depth, west + right * width, south + high * depth),
            zone_id=f"{code[-6:]}-{serial:02d}",
            zone_type=zone_type,
            name=name,
            site_code=code,
            boundary_sigma_m=0.5,
        )
        for serial, (zone_type, name, (left, low, right, high)) in enumerate(plan, start=1)
    ]


def draw() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return the features of sites and of zones."""
    sites, zones = [], []
    for number in range(36):
        column, row = number % 6, number // 6
        # Parcels touch in pairs and are parted by roads of 16 m, so that some fences are shared.
        west = column * 150 + (column // 2) * 16
        south = row * 120 + (row // 2) * 16
        box = (west, south, west + 150, south + 120)
        suffix, licences, grade, permitted, kind = KINDS[(number * 5 + row) % len(KINDS)]
        code = complete_code("91", "440115", f"MA{9 if number % 2 else 5}T{number:04d}")
        name = f"示范{PLACES[number % len(PLACES)]}{'甲乙丙'[number // len(PLACES)]}{suffix}"
        sites.append(
            feature(
                ring(*box),
                code=code,
                name=name,
                boundary_sigma_m=0.5 if kind == "chemical" else 1.0,
                licences=licences,
                major_hazard_grade=grade,
                credit_grade=CREDIT[number % len(CREDIT)],
                permitted=permitted,
                contact="安全管理部门",
            )
        )
        zones += zones_of(kind, code, number, box)
    for zone_id, zone_type, name, box, times in (
        ("OUT-01", "public_road", "一号路", (300, -40, 316, 800), {}),
        ("OUT-02", "public_road", "二号路", (616, -40, 632, 800), {}),
        ("OUT-03", "pipeline_buffer", "成品油管道保护范围", (-30, -70, 980, -45), {}),
        ("OUT-06", "excavation", "管廊基坑", (-120, 300, -60, 340), {}),
        ("OUT-07", "forecourt", "示范加油站作业区", (-120, 120, -80, 150), {}),
        ("OUT-08", "fireworks_depot", "示范烟花爆竹库区", (-380, 600, -300, 660), {}),
        ("OUT-09", "dam_slope", "示范渣土受纳场坝坡", (-380, 300, -300, 340), {}),
        ("OUT-04", "no_burn_forest", "后山森林防火区", (-400, 820, 1000, 1300), {}),
        (
            "OUT-05",
            "fireworks_ban",
            "春节禁放区",
            (-500, -200, 1100, 1400),
            {"valid_from": "2026-02-01T00:00:00+08:00", "valid_to": "2026-03-15T00:00:00+08:00"},
        ),
    ):
        zones.append(feature(ring(*box), zone_id=zone_id, zone_type=zone_type, name=name, boundary_sigma_m=2.0, **times))
    return sites, zones


def main() -> None:
    for name, features in zip(("sites", "zones"), draw(), strict=True):
        text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, indent=1)
        (HERE / f"{name}.geojson").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
