"""Writes every file of the demo district, the same on every machine.

    python missions/demo/make_district.py

The district is invented: no enterprise in it exists. Its ground lies at an arbitrary spot of Nansha, Guangzhou; the
register codes are well formed (GB 32100-2015) and belong to nobody known to us. Lengths below are metres east and north
of the origin.
"""

from __future__ import annotations

import json
import math
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from core.points import GeoPoint, LocalPlane, from_plane  # noqa: E402
from flight.rehearsal.world import Light, World
from flight.rehearsal.world_file import world_text  # noqa: E402
from flight.rehearsal.world_things import (
    Building,
    Container,
    DrumStack,
    Marking,
    MarkingKind,
    Material,
    Patch,
    Planted,
    RoofKind,
    Tank,
    Tree,
    Vehicle,
    VehicleKind,
    Wall,
)

ORIGIN = GeoPoint(lon_deg=113.58, lat_deg=22.76)
HOME = (-24.0, -14.0)

YELLOW = (214, 172, 52)
RED = (176, 52, 44)
WHITE = (222, 222, 218)
BLUE_ROOF = (66, 112, 166)
GREY_ROOF = (158, 160, 160)
WHITE_ROOF = (184, 188, 188)
GREEN_ROOF = (96, 138, 112)
RED_ROOF = (150, 84, 70)

# --- the register ----------------------------------------------------------------------------------------------------


def organisation_code(body: str) -> str:
    """Return eight characters with their check character (GB 11714-1997, clause 4)."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    check = 11 - sum(letters.index(letter) * weight for letter, weight in zip(body, weights, strict=True)) % 11
    return body + {10: "X", 11: "0"}.get(check, str(check))


def credit_code(body: str) -> str:
    """Return an 18-character code of an enterprise (91) in Nansha (440115) around an organisation code (GB 32100-2015)."""
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    first = "91440115" + organisation_code(body)
    total = sum(letters.index(letter) * pow(3, place, 31) for place, letter in enumerate(first))
    return first + letters[(31 - total % 31) % 31]


def box(west: float, south: float, east: float, north: float) -> tuple[tuple[float, float], ...]:
    return ((west, south), (east, south), (east, north), (west, north))


# key: (organisation code, name, name_en, box, licence, hazard attributes)
SITES = {
    "coatings": (
        "MADM0A1K",
        "广州南沙岭湾涂料有限公司(演示)",
        "Lingwan Coatings (demo)",
        box(0, 0, 140, 188),
        {"licence": "危险化学品生产许可证", "hazard_grade": "四级重大危险源", "industry": "涂料制造"},
    ),
    "warehouse": (
        "MADM0A2H",
        "广州南沙恒鲲仓储有限公司(演示)",
        "Hengkun Warehousing (demo)",
        box(140, 0, 288, 188),
        {"licence": "无", "hazard_grade": "无", "industry": "普通仓储"},
    ),
    "metal": (
        "MADM0A3F",
        "广州南沙凌澳金属制品有限公司(演示)",
        "Ling'ao Metalware (demo)",
        box(312, 0, 452, 92),
        {"licence": "无", "hazard_grade": "无", "industry": "金属制品"},
    ),
    "plastics": (
        "MADM0A4D",
        "广州南沙森橹塑料科技有限公司(演示)",
        "Senlu Plastics (demo)",
        box(312, 92, 452, 188),
        {"licence": "无", "hazard_grade": "无", "industry": "塑料制品"},
    ),
    "tankfarm": (
        "MADM0A5B",
        "广州南沙浩渊石化仓储有限公司(演示)",
        "Haoyuan Petrochemical Storage (demo)",
        box(452, 0, 600, 188),
        {"licence": "危险化学品经营许可证", "hazard_grade": "三级重大危险源", "industry": "油品仓储"},
    ),
    "electronics": (
        "MADM0A69",
        "广州南沙砚桥电子有限公司(演示)",
        "Yanqiao Electronics (demo)",
        box(0, 212, 98, 400),
        {"licence": "无", "hazard_grade": "无", "industry": "电子元件"},
    ),
    "furniture": (
        "MADM0A77",
        "广州南沙桐舟家具有限公司(演示)",
        "Tongzhou Furniture (demo)",
        box(98, 212, 194, 400),
        {"licence": "无", "hazard_grade": "无", "industry": "木质家具"},
    ),
    "food": (
        "MADM0A85",
        "广州南沙稷禾冷链食品有限公司(演示)",
        "Jihe Cold-chain Foods (demo)",
        box(194, 212, 288, 400),
        {"licence": "无", "hazard_grade": "液氨 8 t", "industry": "冷链食品"},
    ),
    "chemicals": (
        "MADM0A93",
        "广州南沙澜岬精细化工有限公司(演示)",
        "Lanjia Fine Chemicals (demo)",
        box(312, 212, 440, 400),
        {"licence": "危险化学品安全生产许可证", "hazard_grade": "四级重大危险源", "industry": "精细化工"},
    ),
    "logistics": (
        "MADM0AA1",
        "广州南沙迅瀛物流有限公司(演示)",
        "Xunying Logistics (demo)",
        box(440, 212, 600, 330),
        {"licence": "道路运输经营许可证", "hazard_grade": "无", "industry": "货运站场"},
    ),
    "substation": (
        "MADM0AB9",
        "广州南沙澄电供电服务有限公司(演示)",
        "Chengdian Power Services (demo)",
        box(440, 330, 600, 400),
        {"licence": "电力业务许可证", "hazard_grade": "无", "industry": "变电站"},
    ),
}
CODES = {key: credit_code(entry[0]) for key, entry in SITES.items()}

# zone_id: (type, name, site key or None, ring)
ZONES: dict[str, tuple[str, str, str | None, tuple[tuple[float, float], ...]]] = {
    "Z01": ("fire_lane", "涂料厂东侧消防车道", "coatings", box(122, 10, 132, 178)),
    "Z02": ("storage", "涂料厂原料库", "coatings", box(12, 96, 70, 176)),
    "Z03": ("tank_farm", "涂料厂溶剂罐区", "coatings", box(76, 122, 114, 176)),
    "Z04": ("exclusion", "涂料厂罐区禁停区", "coatings", box(72, 94, 116, 118)),
    "Z05": ("parking", "涂料厂停车场", "coatings", box(12, 10, 62, 30)),
    "Z06": ("fire_lane", "仓储西侧消防车道", "warehouse", box(148, 10, 158, 178)),
    "Z07": ("loading", "仓储装卸区", "warehouse", box(166, 78, 276, 100)),
    "Z08": ("parking", "仓储停车场", "warehouse", box(252, 104, 280, 178)),
    "Z09": ("fire_lane", "金属厂北侧消防车道", "metal", box(320, 76, 444, 86)),
    "Z10": ("parking", "金属厂停车场", "metal", box(322, 6, 382, 22)),
    "Z11": ("fire_lane", "塑料厂东侧消防车道", "plastics", box(434, 100, 444, 180)),
    "Z12": ("storage", "塑料厂成品堆场", "plastics", box(320, 100, 346, 178)),
    "Z13": ("tank_farm", "油库储罐区", "tankfarm", box(484, 34, 588, 138)),
    "Z14": ("dike", "油库防火堤", "tankfarm", box(482, 32, 590, 140)),
    "Z15": ("exclusion", "油库防火堤外禁停区", "tankfarm", box(462, 32, 480, 140)),
    "Z16": ("loading", "油库装车台", "tankfarm", box(484, 148, 560, 178)),
    "Z17": ("fire_lane", "电子厂西侧消防车道", "electronics", box(6, 222, 16, 390)),
    "Z18": ("parking", "电子厂停车场", "electronics", box(26, 220, 88, 240)),
    "Z19": ("fire_lane", "家具厂东侧消防车道", "furniture", box(178, 222, 188, 390)),
    "Z20": ("storage", "家具厂木料堆场", "furniture", box(106, 350, 168, 390)),
    "Z21": ("exclusion", "冷链液氨机房禁停区", "food", box(206, 341, 246, 380)),
    "Z22": ("loading", "冷链装卸区", "food", box(204, 222, 276, 244)),
    "Z23": ("tank_farm", "化工厂中间罐区", "chemicals", box(328, 336, 384, 390)),
    "Z24": ("exclusion", "化工厂罐区禁停区", "chemicals", box(326, 312, 388, 332)),
    "Z25": ("fire_lane", "化工厂东侧消防车道", "chemicals", box(424, 222, 434, 390)),
    "Z26": ("parking", "物流货车停放区", "logistics", box(450, 220, 530, 250)),
    "Z27": ("fire_lane", "物流仓库北侧消防车道", "logistics", box(448, 312, 592, 322)),
    "Z28": ("public_road", "环湾大道", None, box(-80, 192, 680, 208)),
    "Z29": ("public_road", "横沥南路", None, box(292, -80, 308, 480)),
}

# Where each site meets its road: the middle of a gate 12 m wide.
GATES = {
    "coatings": (66, 188),
    "warehouse": (214, 188),
    "metal": (312, 24),
    "plastics": (392, 188),
    "tankfarm": (471, 188),
    "electronics": (46, 212),
    "furniture": (146, 212),
    "food": (240, 212),
    "chemicals": (372, 212),
    "logistics": (490, 212),
    "substation": (600, 340),
}
GATE_HALF_M = 6.0

# --- the world -------------------------------------------------------------------------------------------------------

SIZES = {
    VehicleKind.CAR: (4.6, 1.82, 1.47),
    VehicleKind.VAN: (5.3, 1.98, 2.25),
    VehicleKind.TRUCK: (9.2, 2.48, 3.6),
    VehicleKind.TANKER: (11.2, 2.5, 3.5),
    VehicleKind.BUS: (10.8, 2.55, 3.2),
}
PAINTS = [
    (236, 237, 236),
    (236, 237, 236),
    (228, 229, 230),
    (176, 179, 182),
    (62, 64, 68),
    (44, 46, 50),
    (112, 116, 121),
    (150, 32, 34),
    (38, 66, 128),
    (196, 180, 150),
    (90, 22, 26),
    (60, 92, 84),
    (214, 214, 208),
]


def vehicles() -> list[Vehicle]:
    """Return planted vehicles, then innocent ones."""
    dice = random.Random(11)
    made: list[Vehicle] = []

    def stand(
        kind: VehicleKind,
        east: float,
        north: float,
        heading: float,
        paint: tuple[int, int, int] | None = None,
        zone: str | None = None,
        hazard: str = "H13",
    ) -> None:
        length, width, height = SIZES[kind]
        grow = dice.uniform(0.96, 1.04) if kind is VehicleKind.CAR else 1.0
        site = ZONES[zone][2] if zone else None
        planted = Planted(hazard=hazard, site_code=CODES[site], zone_id=zone) if zone and site else None
        made.append(
            Vehicle(
                vehicle_id=f"v{len(made) + 1:03d}",
                kind=kind,
                centre=(round(east, 2), round(north, 2)),
                heading_deg=round(heading, 1),
                length_m=round(length * grow, 2),
                width_m=width,
                height_m=height,
                colour=paint or dice.choice(PAINTS),
                planted=planted,
            )
        )

    car, van, truck, tanker, bus = (
        VehicleKind.CAR,
        VehicleKind.VAN,
        VehicleKind.TRUCK,
        VehicleKind.TANKER,
        VehicleKind.BUS,
    )
    # Planted: in fire lanes (H13) and in exclusion zones (EXCLUSION_HAZARD).
    stand(van, 127.2, 66.0, 2.0, (236, 237, 236), "Z01")
    stand(car, 153.1, 128.0, 181.0, (236, 237, 236), "Z06")
    stand(car, 402.0, 81.2, 88.0, (214, 214, 208), "Z09")
    stand(van, 439.2, 150.0, 1.0, (236, 237, 236), "Z11")
    stand(car, 183.2, 286.0, 178.0, (38, 66, 128), "Z19")
    stand(truck, 541.0, 316.6, 94.0, (38, 84, 160), "Z27")
    stand(car, 11.2, 300.0, 3.0, (228, 229, 230), "Z17")
    stand(car, 95.0, 106.5, 92.0, (236, 237, 236), "Z04", EXCLUSION_HAZARD)
    stand(tanker, 470.5, 98.0, 84.0, (226, 226, 222), "Z15", EXCLUSION_HAZARD)
    stand(car, 352.0, 322.5, 88.0, (176, 179, 182), "Z24", EXCLUSION_HAZARD)
    stand(van, 230.0, 348.0, 3.0, (236, 237, 236), "Z21", EXCLUSION_HAZARD)
    # Innocent: parked where parking is for.
    for east in (15.5, 18.2, 23.6, 29.0, 31.7, 39.8, 45.2, 53.3):
        stand(car, east, 24.8 + dice.uniform(-0.3, 0.3), dice.choice([0, 180]) + dice.uniform(-2, 2))
    for north in (108, 113.4, 116.1, 124.2, 135, 143.1, 151.2, 159.3, 167.4):
        stand(car, 274.6, north, dice.choice([90, 270]) + dice.uniform(-2, 2))
    for east in (325.5, 333.6, 336.3, 347.1, 360.6, 366, 374.1):
        stand(car, east, 16.6, dice.choice([0, 180]) + dice.uniform(-2, 2))
    for east in (30.0, 35.4, 38.1, 46.2, 54.3, 65.1, 73.2, 81.3):
        stand(car, east, 234.6, dice.choice([0, 180]) + dice.uniform(-2, 2))
    for east in (455, 463, 475, 487, 503, 519):
        stand(
            truck, east, 237.0, 0 if east != 487 else 180, dice.choice([(38, 84, 160), (176, 40, 36), (230, 230, 226)])
        )
    # At loading bays.
    stand(truck, 186.0, 89.0, 0, (176, 40, 36))
    stand(truck, 214.0, 89.5, 0, (230, 230, 226))
    stand(van, 242.0, 86.0, 0)
    stand(truck, 222.0, 233.0, 180, (230, 230, 226))
    stand(van, 252.0, 230.0, 180, (236, 237, 236))
    stand(tanker, 505.0, 163.0, 90, (200, 204, 208))
    # Close to fences and lanes, but in nobody's way.
    stand(car, 135.6, 40.0, 0, (104, 108, 113))
    stand(car, 165.0, 148.0, 90, (176, 179, 182))
    stand(car, 448.6, 60.0, 0, (236, 237, 236))
    stand(van, 200.5, 300.0, 0, (228, 229, 230))
    stand(car, 416.0, 262.0, 90, (44, 46, 50))
    stand(car, 92.0, 300.0, 0, (196, 180, 150))
    # On the public roads (right-hand traffic).
    for east, lane, kind in (
        (-20, 194.3, car),
        (44, 197.9, car),
        (92, 194.2, van),
        (236, 194.3, truck),
        (348, 197.8, car),
        (430, 194.3, car),
        (540, 197.8, bus),
    ):
        stand(kind, east, lane, 90, (226, 190, 60) if kind is bus else None)
    for east, lane, kind in (
        (20, 205.8, car),
        (150, 202.2, car),
        (262, 205.7, car),
        (390, 202.2, van),
        (470, 205.8, truck),
        (566, 202.1, car),
    ):
        stand(kind, east, lane, 270)
    for north, lane, kind in ((50, 305.8, car), (120, 302.2, van), (260, 305.8, car), (350, 302.2, car)):
        stand(kind, lane, north, 0)
    for north, lane, kind in ((30, 294.2, car), (150, 297.8, truck), (300, 294.2, car), (376, 297.8, car)):
        stand(kind, lane, north, 180)
    return made


EXCLUSION_HAZARD = "S01"


def patches() -> list[Patch]:
    """Return the ground, bottom first."""
    made = [
        Patch(material=Material.PAVING, ring=box(-80, 189, 680, 211)),
        Patch(material=Material.PAVING, ring=box(289, -80, 311, 480)),
    ]
    made += [
        Patch(material=Material.ASPHALT, ring=box(-200, 192, 800, 208)),
        Patch(material=Material.ASPHALT, ring=box(292, -200, 308, 600)),
    ]
    yards = {
        "coatings": Material.CONCRETE,
        "warehouse": Material.CONCRETE,
        "metal": Material.CONCRETE,
        "plastics": Material.ASPHALT,
        "tankfarm": Material.CONCRETE,
        "electronics": Material.PAVING,
        "furniture": Material.CONCRETE,
        "food": Material.ASPHALT,
        "chemicals": Material.CONCRETE,
        "logistics": Material.ASPHALT,
        "substation": Material.GRAVEL,
    }
    for key, material in yards.items():
        (west, south), _se, (east, north), _nw = SITES[key][3]
        made.append(Patch(material=material, ring=box(west + 1.5, south + 1.5, east - 1.5, north - 1.5)))
    for east, north in GATES.values():  # aprons from the gates to the kerb
        half, deep = GATE_HALF_M, 5.0
        across = (half, deep) if north in {188, 212} else (deep, half)
        made.append(
            Patch(
                material=Material.CONCRETE,
                ring=box(east - across[0], north - across[1], east + across[0], north + across[1]),
            )
        )
    for zone_type, _name, _site, ring in ZONES.values():
        if zone_type in {"fire_lane", "parking"}:
            made.append(Patch(material=Material.ASPHALT, ring=ring))
    made.append(Patch(material=Material.ASPHALT, ring=box(460, 4, 482, 186)))
    made.append(Patch(material=Material.GRAVEL, ring=box(484, 34, 588, 138)))
    made.append(Patch(material=Material.CONCRETE, ring=box(HOME[0] - 8, HOME[1] - 8, HOME[0] + 8, HOME[1] + 8)))
    made.append(Patch(material=Material.SOIL, ring=((-60, 230), (-14, 226), (-10, 300), (-34, 340), (-66, 310))))
    made.append(Patch(material=Material.WATER, ring=((-200, -70), (800, -90), (800, -46), (400, -40), (-200, -34))))
    for west, south, east, north in (
        (64, 34, 72, 90),
        (20, 246, 84, 252),
        (200, 104, 244, 110),
        (392, 8, 446, 20),
        (316, 216, 420, 222),
        (102, 216, 170, 224),
        (542, 254, 592, 262),
    ):
        made.append(Patch(material=Material.GRASS, ring=box(west, south, east, north)))
    return made


def markings() -> list[Marking]:
    """Return lane lines, fire-lane borders, parking bays and hatched ground."""
    made: list[Marking] = []

    def line(
        *path: tuple[float, float],
        kind: MarkingKind = MarkingKind.SOLID,
        colour: tuple[int, int, int] = WHITE,
        width: float = 0.15,
    ) -> None:
        made.append(Marking(kind=kind, path=tuple(path), colour=colour, width_m=width))

    for start, end in ((-200, 288), (312, 800)):
        for north in (199.8, 200.2):
            line((start, north), (end, north), colour=YELLOW)
        for north in (192.5, 207.5):
            line((start, north), (end, north))
        for north in (196.1, 203.9):
            line((start, north), (end, north), kind=MarkingKind.DASHED)
    for start, end in ((-200, 188), (212, 600)):
        for east in (299.8, 300.2):
            line((east, start), (east, end), colour=YELLOW)
        for east in (292.5, 307.5):
            line((east, start), (east, end))
        for east in (296.1, 303.9):
            line((east, start), (east, end), kind=MarkingKind.DASHED)
    for stripe in range(8):  # zebra crossings at the junction
        for west in (285.0, 312.0):
            line((west, 193.4 + stripe * 1.9), (west + 3.0, 193.4 + stripe * 1.9), width=0.6)
        for south in (185.0, 212.0):
            line((293.4 + stripe * 1.9, south), (293.4 + stripe * 1.9, south + 3.0), width=0.6)
    for zone_type, _name, _site, ring in ZONES.values():
        (west, south), _se, (east, north), _nw = ring
        if zone_type == "fire_lane":
            line(*ring, ring[0], colour=YELLOW, width=0.2)
            long_east = east - west > north - south
            for step in range(0, int(max(east - west, north - south)) - 8, 36):
                a = (
                    box(west + step + 1, south + 0.6, west + step + 6, north - 0.6)
                    if long_east
                    else box(west + 0.6, south + step + 1, east - 0.6, south + step + 6)
                )
                made.append(Marking(kind=MarkingKind.HATCHED, path=a, colour=YELLOW, width_m=0.18))
        elif zone_type == "exclusion":
            line(*ring, ring[0], colour=RED, width=0.25)
        elif zone_type == "loading":
            line(*ring, ring[0], colour=WHITE, width=0.15)
    for west, east, south, north in ((12, 62, 21, 29), (322, 382, 12.5, 20.5), (26, 88, 231, 239)):
        for step in range(int((east - west) / 2.7) + 1):
            line((west + 2.15 + step * 2.7 - 0.0, south), (west + 2.15 + step * 2.7, north), width=0.12)
        line((west, south), (east, south), width=0.12) if south > 30 and south < 0 else None
    for step in range(26):
        line((270.5, 106.6 + step * 2.7), (278.5, 106.6 + step * 2.7), width=0.12)
    for step in range(20):
        line((451 + step * 4.0, 230), (451 + step * 4.0, 244), width=0.15)
    line(*box(HOME[0] - 3, HOME[1] - 3, HOME[0] + 3, HOME[1] + 3), (HOME[0] - 3, HOME[1] - 3), colour=YELLOW, width=0.2)
    return made


def buildings() -> list[Building]:
    """Return every building."""
    made: list[Building] = []

    def put(
        west: float,
        south: float,
        east: float,
        north: float,
        height: float,
        roof: RoofKind,
        colour: tuple[int, int, int],
        wall: tuple[int, int, int] = (192, 188, 180),
    ) -> None:
        made.append(
            Building(
                building_id=f"b{len(made) + 1:02d}",
                ring=box(west, south, east, north),
                height_m=height,
                roof=roof,
                roof_colour=colour,
                wall_colour=wall,
            )
        )

    metal, flat, gable = RoofKind.CORRUGATED, RoofKind.FLAT, RoofKind.GABLED
    put(12, 38, 60, 88, 9, gable, BLUE_ROOF)
    put(14, 98, 60, 174, 8, metal, GREY_ROOF)
    put(76, 12, 112, 34, 14, flat, (170, 166, 160))
    put(78, 46, 110, 84, 7, gable, RED_ROOF)
    put(170, 16, 270, 72, 10, gable, BLUE_ROOF)
    put(172, 114, 242, 176, 10, gable, WHITE_ROOF)
    put(326, 28, 440, 66, 9, gable, GREY_ROOF)
    put(398, 98, 426, 138, 12, flat, (164, 164, 160))
    put(352, 102, 388, 176, 8, gable, GREEN_ROOF)
    put(398, 150, 426, 178, 7, metal, BLUE_ROOF)
    put(566, 148, 592, 180, 8, flat, (168, 164, 158))
    put(26, 258, 86, 300, 15, flat, (176, 172, 166))
    put(26, 312, 86, 380, 11, gable, WHITE_ROOF)
    put(108, 234, 166, 284, 8, gable, RED_ROOF)
    put(108, 296, 166, 338, 8, gable, BLUE_ROOF)
    put(208, 252, 276, 338, 11, metal, WHITE_ROOF)
    put(254, 352, 278, 388, 7, flat, (166, 168, 166))
    put(324, 232, 400, 256, 12, flat, (172, 170, 164))
    put(326, 268, 396, 302, 10, gable, GREY_ROOF)
    put(400, 346, 416, 386, 6, metal, BLUE_ROOF)
    put(456, 262, 590, 304, 11, gable, BLUE_ROOF)
    put(556, 222, 590, 246, 9, flat, (174, 170, 164))
    put(500, 346, 540, 372, 6, flat, (170, 170, 168))
    return made


def tanks() -> list[Tank]:
    """Return the storage tanks."""
    made: list[Tank] = []
    for north in (58, 112):
        for east in (506, 536, 566):
            made.append(Tank(tank_id=f"t{len(made) + 1:02d}", centre=(east, north), radius_m=11.0, height_m=13.0))
    for north in (134, 150, 166):
        for east in (86, 102):
            made.append(
                Tank(
                    tank_id=f"t{len(made) + 1:02d}",
                    centre=(east, north),
                    radius_m=4.6,
                    height_m=7.0,
                    colour=(214, 216, 214),
                )
            )
    for east in (342, 356, 370):
        for north in (350, 374):
            made.append(Tank(tank_id=f"t{len(made) + 1:02d}", centre=(east, north), radius_m=4.8, height_m=9.0))
    return made


def fence_pieces(
    ring: tuple[tuple[float, float], ...], gate: tuple[float, float]
) -> list[tuple[tuple[float, float], ...]]:
    """Return the straight pieces of a fence, a third of a metre inside its line, with a gap for the gate."""
    pieces = []
    step, inset = 46.0, 0.35
    for a, b in zip(ring, (*ring[1:], ring[0]), strict=True):
        length = math.hypot(b[0] - a[0], b[1] - a[1])
        along = ((b[0] - a[0]) / length, (b[1] - a[1]) / length)
        to_gate = (
            (gate[0] - a[0]) * along[0] + (gate[1] - a[1]) * along[1],
            (gate[1] - a[1]) * along[0] - (gate[0] - a[0]) * along[1],
        )
        stretches = [(0.0, length)]
        if abs(to_gate[1]) < 0.1 and 0 < to_gate[0] < length:
            stretches = [(0.0, to_gate[0] - GATE_HALF_M), (to_gate[0] + GATE_HALF_M, length)]
        for start, stop in stretches:
            place = start
            while place < stop - 0.1:
                end = min(stop, place + step - (0.4 if place + step < stop else 0))
                pieces.append(
                    tuple(
                        (
                            round(a[0] + along[0] * share - along[1] * inset, 2),
                            round(a[1] + along[1] * share + along[0] * inset, 2),
                        )
                        for share in (place, end)
                    )
                )
                place += step
    return pieces


def walls() -> list[Wall]:
    """Return fences with their gates, dikes and transformer walls."""
    made = [
        Wall(path=piece, height_m=2.0, width_m=0.22)
        for key in SITES
        for piece in fence_pieces(SITES[key][3], GATES[key])
    ]
    for west, south, east, north in ((482.5, 32.5, 589.5, 139.5), (76, 122, 114, 176), (328, 337, 384, 390)):
        ring = box(west, south, east, north)
        for a, b in zip(ring, (*ring[1:], ring[0]), strict=True):
            made.append(Wall(path=(a, b), height_m=1.2, width_m=0.4, colour=(170, 164, 150)))
    made.append(Wall(path=((536, 33), (536, 45.5)), height_m=0.8, width_m=0.3, colour=(170, 164, 150)))
    for east in (462, 474, 486):
        made.append(Wall(path=((east, 350), (east, 366)), height_m=5.0, width_m=0.4))
    return made


def trees() -> list[Tree]:
    """Return street trees, hedges and a wood."""
    dice = random.Random(5)
    made = []

    def plant(east: float, north: float, radius: float) -> None:
        made.append(
            Tree(centre=(round(east, 1), round(north, 1)), radius_m=round(radius, 2), height_m=round(radius * 2.1, 2))
        )

    for east in range(-70, 680, 14):
        if not 282 < east < 318:
            plant(east + dice.uniform(-1, 1), 190.0, dice.uniform(1.0, 1.5))
            plant(east + dice.uniform(-1, 1), 210.0, dice.uniform(1.0, 1.5))
    for north in range(-20, 470, 14):
        if not 182 < north < 218:
            plant(290.2, north + dice.uniform(-1, 1), dice.uniform(0.9, 1.3))
            plant(309.8, north + dice.uniform(-1, 1), dice.uniform(0.9, 1.3))
    for west, south, east, north, count in (
        (65, 36, 71, 88, 10),
        (22, 247, 82, 251, 9),
        (202, 105, 242, 109, 7),
        (394, 9, 444, 19, 9),
        (318, 217, 418, 221, 14),
        (104, 217, 168, 223, 9),
        (544, 255, 590, 261, 7),
        (-70, -30, -36, 180, 50),
        (-60, 345, -8, 420, 26),
        (606, -20, 660, 180, 40),
        (606, 220, 660, 420, 40),
        (0, -30, 286, -8, 30),
        (316, -30, 600, -8, 30),
        (0, 406, 286, 440, 36),
        (314, 406, 600, 440, 36),
    ):
        for _tree in range(count):
            plant(dice.uniform(west, east), dice.uniform(south, north), dice.uniform(1.1, 3.0))
    made = [
        tree
        for tree in made
        if all(math.hypot(tree.centre[0] - gate[0], tree.centre[1] - gate[1]) > 9 for gate in GATES.values())
    ]
    return [
        tree
        for index, tree in enumerate(made)
        if all(
            math.hypot(tree.centre[0] - other.centre[0], tree.centre[1] - other.centre[1])
            > (tree.radius_m + other.radius_m) * 0.9
            for other in made[:index]
        )
    ]


def containers() -> list[Container]:
    """Return shipping containers in rows."""
    dice = random.Random(9)
    made = []
    colours = [(40, 78, 128), (128, 48, 40), (52, 98, 74), (150, 110, 50), (170, 172, 172), (44, 60, 78)]

    def row(
        east: float, north: float, count: int, heading: float, step: tuple[float, float], length: float = 6.06
    ) -> None:
        for index in range(count):
            if dice.random() < 0.85:
                made.append(
                    Container(
                        container_id=f"c{len(made) + 1:02d}",
                        centre=(round(east + step[0] * index, 2), round(north + step[1] * index, 2)),
                        heading_deg=heading,
                        length_m=length,
                        height_m=2.59 * dice.choice([1, 1, 2]),
                        colour=dice.choice(colours),
                    )
                )

    row(326, 106, 9, 90, (0, 8.0))
    row(334, 106, 9, 90, (0, 8.0))
    row(112, 358, 6, 0, (9.4, 0))
    row(112, 376, 6, 0, (9.4, 0))
    row(566, 154 - 22, 0, 0, (0, 0))
    return made


def drums() -> list[DrumStack]:
    """Return drums where drums belong: in the raw material store of the coatings works."""
    return [DrumStack(stack_id="d01", centre=(66.0, 140.0), heading_deg=0, columns=8, rows=4)]


def demo_world() -> World:
    """Return the demo district."""
    return World(
        name="Demo district, Nansha",
        origin=ORIGIN,
        seed=7,
        ground=Material.GRASS,
        light=Light(azimuth_deg=148, elevation_deg=54),
        patches=tuple(patches()),
        markings=tuple(markings()),
        buildings=tuple(buildings()),
        tanks=tuple(tanks()),
        walls=tuple(walls()),
        trees=tuple(trees()),
        containers=tuple(containers()),
        vehicles=tuple(vehicles()),
        drums=tuple(drums()),
    )


# --- the other files -------------------------------------------------------------------------------------------------


def lonlat(ring: tuple[tuple[float, float], ...]) -> list[list[float]]:
    return [[round(float(part), 8) for part in point] for point in from_plane(LocalPlane(origin=ORIGIN), ring)]


def collection(name: str, features: list[dict[str, object]]) -> str:
    body = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in features)
    return f'{{"type": "FeatureCollection", "name": "{name}", "features": [\n{body}\n]}}\n'


def feature(ring: tuple[tuple[float, float], ...], properties: dict[str, object]) -> dict[str, object]:
    corners = lonlat(ring)
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [[*corners, corners[0]]]},
    }


NO_FLY = box(446, 344, 560, 394)
AREA = box(8, 26, 592, 386)


def patrol_text() -> str:
    def ring_text(ring: tuple[tuple[float, float], ...]) -> str:
        return "[" + ", ".join(f"[{east:.8f}, {north:.8f}]" for east, north in lonlat(ring)) + "]"

    home = lonlat((HOME,))[0]
    return f"""# A patrol of the demo district: one flight of about six minutes.
skywarden: patrol/1
name: demo-district
aircraft: generic-arducopter
camera: demo-12mp
home: {{lon: {home[0]:.8f}, lat: {home[1]:.8f}}}
areas:
  - name: Demo district, Nansha
    shape:
      coordinates: {ring_text(AREA)}
    pattern: survey
    height_agl_m: 110
    front_overlap: 0.68
    side_overlap: 0.25
    gimbal_pitch_deg: -90
    speed_m_s: 15
    priority: 1
no_fly_zones:
  - name: Substation
    shape:
      coordinates: {ring_text(NO_FLY)}
    floor_m: 0
    ceiling_m: 120
    reason: 变电站上空禁止飞行
limits:
  max_height_agl_m: 120
  battery_reserve: 0.25
  no_fly_margin_m: 15
  max_distance_m: 2000
periods: []
approval:
  number: 演示-0001
  starts_at: 2026-01-01T00:00:00+08:00
  ends_at: 2036-01-01T00:00:00+08:00
  max_height_agl_m: 120
wind: {{speed_m_s: 2.0, from_deg: 120}}
"""


def files() -> dict[str, str]:
    """Return every file's name and text."""
    sites = [
        feature(ring, {"code": CODES[key], "name": name, "name_en": name_en, **attributes})
        for key, (_body, name, name_en, ring, attributes) in SITES.items()
    ]
    zones = [
        feature(
            ring, {"zone_id": zone_id, "zone_type": zone_type, "name": name, "site_code": CODES[site] if site else None}
        )
        for zone_id, (zone_type, name, site, ring) in ZONES.items()
    ]
    no_fly = [feature(NO_FLY, {"name": "Substation", "floor_m": 0, "ceiling_m": 120, "reason": "变电站上空禁止飞行"})]
    return {
        "sites.geojson": collection("sites", sites),
        "zones.geojson": collection("zones", zones),
        "nofly.geojson": collection("nofly", no_fly),
        "patrol.yaml": patrol_text(),
        "world.yaml": world_text(demo_world()),
    }


def main() -> None:
    """Write the files beside this script."""
    for name, text in files().items():
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
