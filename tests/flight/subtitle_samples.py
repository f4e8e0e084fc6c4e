"""One generated record of every family of subtitle telemetry, and what it must be read as.

The place is made up (Guangzhou); the forms are those that aircraft write.
"""

# ruff: noqa: E501 - the lines are the aircraft's; breaking them would hide their form

from __future__ import annotations

from typing import Final

COUNTER = '<font size="28">FrameCnt: {n}, DiffTime: 33ms\n2026-10-01 10:03:04.{ms:03d}\n'
COUNTER_OLD = '<font size="36">{word} : {n}, DiffTime : 33ms\n2026-10-01 10:03:04,{ms:03d},500\n'
BRACKETS = "[iso: 200] [shutter: 1/500.0] [fnum: 2.8] [ev: -0.3] [ct: 5500] "

RECORDS: Final[dict[str, str]] = {
    "1": "HOME(113.2501,23.1201) 2026.10.1 10:03:{s:02d}\nGPS(113.2512,23.1234,16) Hb:61.9 Hs:1.9\nISO:200 TV:500 EV: 0 IR:F2.8",
    "2": "HOME(113.2501,23.1201) 2026.10.01 10:03:{s:02d}\nGPS(113.2512,23.1234,16) BAROMETER:61.9\nISO:200 Shutter:500 EV: Fnum:2.8",
    "3": "2026.10.01 10:03:{s:02d}\nGPS(23.1234,113.2512,70.5M) BAROMETER:61.9M",
    "4": "GPS(23.123400,113.251200,70.500) BAROMETER(61.9) HOME(23.120100,113.250100)",
    "5": "F/2.8, SS 500.00, ISO 200, EV -0.3, GPS (113.2512, 23.1234, 17), D 221.21m, H 61.90m, H.S n/a, V.S n/a ",
    "5b": "F/2.8, SS 500.00, ISO 200, EV 0, DZOOM 1.000, GPS (113.2512, 23.1234, 17), D 30m, H 61.90m, H.S 2m/s, V.S 0.10m/s",
    "6": (
        "F/2.8, SS 500, ISO 200, EV 0, GPS (113.251200, 23.123400, 17), HOME (113.250100, 23.120100, -57.98m), D 98.70m, "
        "H 61.90m, H.S 3.50m/s, V.S 0.00m/s, F.PRY (2.7°, -7.0°, 110.1°), G.PRY (-24.4°, 0.5°, 110.4°)"
    ),
    "6b": (
        "F/2.8, SS 500, ISO 200, EV 0, RTK (113.251200, 23.123400, 17), HOME (113.250100, 23.120100, 103.55m), D 98.70m, "
        "H 61.90m, H.S 3.50m/s, V.S 0.00m/s, F.PRY (2.7°, -7.0°, 110.1°), G.PRY (-24.4°, 0.5°, 110.4°)"
    ),
    "6c": (
        '<font size="36">F/2.8, SS 500, ISO 200, EV 0, DZOOM 1.0, GPS (113.251200, 23.123400, 17), D 80.50m, H 61.90m, '
        "H.S 3.50m/s, V.S 0.00m/s, G.PRY (-24.4, 0.5, 110.4)</font>"
    ),
    "7": (
        "No:1, F/2.8, SS 500.00, ISO 200, EV 0, M.M AE_METER_CENTER, A.T (126,109), Luma 106, Coef(1.0, 1.0, 1.0), "
        "GPS (113.2512, 23.1234, 17), D 0.61m, H 61.90m, H.S 0.00m/s, V.S 0.00m/s"
    ),
    "8": "2026.10.01 10:03:{s:02d},393,525\n[latitude : 23.1234] [longtitude : 113.2512] [iso : 200] [shutter : 1/500.0] [ev : 0] [fnum : 280]",
    "9": COUNTER_OLD.replace("{word}", "FrameCnt")
    + "[iso : 200] [shutter : 1/500.0] [fnum : 280] [ev : 0] [ct : 5627] </font>",
    "10": COUNTER_OLD.replace("{word}", "FrameCnt")
    + "[iso : 200] [shutter : 1/500.0] [fnum : 280] [ev : 0] [ct : 5174] [color_md : default] [focal_len : 240] "
    "[latitude : 23.123400] [longtitude : 113.251200] [altitude: 70.500000] </font>",
    "11": COUNTER_OLD.replace("{word}", "SrtCnt")
    + "[iso : 200] [shutter : 1/500.0] [fnum : 280] [ev : 0] [ct : 5744] [color_md : default] [focal_len : 240] "
    "[latitude: 23.123400] [longitude: 113.251200] [altitude: 70.500000] </font>",
    "12": COUNTER
    + "[iso : 200] [shutter : 1/500.0] [fnum : 280] [ev : 0] [ct : 5500] [color_md : default] [focal_len : 240] "
    "[dzoom_ratio: 10000, delta:0],[latitude: 23.123400] [longitude: 113.251200] [rel_alt: 61.900 abs_alt: 70.500] </font>",
    "13": COUNTER
    + "[iso : 200] [shutter : 1/500.0] [fnum : 280] [latitude: 23.123400] [longtitude: 113.251200] [altitude: 70.500] "
    "[Drone: Yaw:110.1, Pitch:2.7, Roll:-7.0] </font>",
    "13b": COUNTER
    + "[color_md : default] [iso : 200] [shutter : 1/500.0] [fnum : 280] [latitude: 23.123400] [longtitude: 113.251200] "
    "[rel_alt: 61.900 abs_alt: 70.500] [Drone: Yaw:110.1, Pitch:2.7, Roll:-7.0] </font>",
    "14": COUNTER
    + BRACKETS
    + "[color_md : default] [focal_len: 24.00] [latitude: 23.12340] [longitude: 113.25120] [rel_alt: 61.900 abs_alt: 70.500] </font>",
    "15": COUNTER
    + "[iso: 200] [shutter: 1/500.0] [fnum: 2.8] [ev: 0] [color_md: dlog_m] [focal_len: 24.00] [latitude: 23.123400] "
    "[longitude: 113.251200] [rel_alt: 61.900 abs_alt: 70.500] [ct: 5263] </font>",
    "16": COUNTER
    + BRACKETS
    + "[color_md : default] [focal_len: 24.00] [dzoom_ratio: 1.00], [latitude: 23.123400] [longitude: 113.251200] "
    "[rel_alt: 61.900 abs_alt: 70.500] [gb_yaw: 110.4 gb_pitch: -24.4 gb_roll: 0.5",
    "17": COUNTER
    + BRACKETS
    + "[dzoom: 1.00]\n[latitude: 23.123400] [longitude: 113.251200] [rel_alt: 61.900 abs_alt: 70.500]\n"
    "[drone_speedx: 1.0 drone_speedy: 0.5 drone_speedz: 0.0]\n[drone_yaw: 110.1 drone_pitch: 2.7 drone_roll: -7.0]\n"
    "[gb_yaw: 110.4 gb_pitch: -24.4 gb_roll: 0.5]\n\n0\n[ae_meter_md : 1] [af_mode : 0]</font>",
    "18": COUNTER.replace("33ms", "41ms, FrameId: 4787")
    + BRACKETS
    + "[color_md: dlog_m] [ae_meter_md: 0] [focal_len: 28.00] [dzoom_ratio: 1.00], [latitude: 23.123400] "
    "[longitude: 113.251200] [rel_alt: 61.900 abs_alt: 70.500] [gb_yaw: 110.4 gb_pitch: -24.4 gb_roll: 0.5] [vsync: 0] "
    "[eis: close] [shift x: 0.00, y: 0.00] [pp_vsync:0] [pp_timestamp:0] [pp_target:0.000, 0.000, 0.000, 0.000]",
    "19": COUNTER + "[iso: 200] [latitude: 23.123400] [longitude: 113.251200] [rel_alt: 61.900 abs_alt: 70.500] "
    "[Drone: Yaw:110.1, Pitch:2.7, Roll:-7.0] [Gimbal: Yaw:110.4, Pitch:-24.4, Roll:0.5]",
    "20": COUNTER
    + "ag: 1000 sdg: 1000 idg: 4096 "
    + BRACKETS
    + "[latitude: 23.123400] [longitude: 113.251200] [rel_alt: 61.900 abs_alt: 70.500][cmpr: lens pos = 37(stat 18), "
    "rel = 0][sensor_temperature: 32] </font>",
    "21": (
        "HOME(E: 113.250100, N: 23.120100) 2026-10-01 10:03:{s:02d}\nGPS(E: 113.251200, N: 23.123400, 070.50m)\n"
        "ISO:200 SHUTTER:500 EV:0.0 F-NUM:2.8\nF.PRY (2.7°, -7.0°, 110.1°), G.PRY (-24.4°, 0.5°, 110.4°)"
    ),
    "22": (
        "[latitude: 23.123400] [longitude: 113.251200] [rel_alt: 61.900 abs_alt: 70.500] [iso : 200] [shutter : 1/500.0] "
        "[fnum : 280]"
    ),
}

WITHOUT_CLOCK: Final = frozenset({"4", "5", "5b", "6", "6b", "6c", "7", "22"})
WITH_GIMBAL: Final = frozenset({"6", "6b", "6c", "16", "17", "18", "19", "21"})
WITH_TAKEOFF: Final = frozenset(RECORDS) - {"4", "8", "9", "10", "11", "13", "21"}
WITH_MSL: Final = frozenset({"12", "13b", "14", "15", "16", "17", "18", "19", "20", "22"})
WITH_UNSTATED: Final = frozenset({"3", "4", "10", "11", "13", "21"})


def subtitle(family: str, *, records: int = 3) -> str:
    """Return a file of ``records`` records, one second apart in families of one a second, else 33 ms."""
    texts = []
    for n in range(1, records + 1):
        body = (
            RECORDS[family].replace("{n}", str(n)).replace("{ms:03d}", f"{33 * n:03d}").replace("{s:02d}", f"{n:02d}")
        )
        step = 0.033 if "{ms" in RECORDS[family] else 1.0
        times = " --> ".join(f"00:00:{t:06.3f}".replace(".", ",") for t in ((n - 1) * step, n * step))
        texts.append(f"{n}\n" + ("" if family == "8" else f"{times}\n") + body + "\n")
    return "\n".join(texts) + "\n"
