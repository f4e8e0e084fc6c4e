"""The register of incidents as CSV, for spreadsheets: one line an incident, UTF-8 with a byte-order mark.

Cells that a spreadsheet would take for a formula are written with a leading apostrophe; positions are WGS-84.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO
from math import sqrt
from typing import Final

from evidence.incident import Incident
from evidence.sealing.viewer import STATE_ZH, beijing
from geofence.attribution import Attribution

COLUMNS: Final = (
    "编号", "隐患代码", "隐患名称", "状态", "统一社会信用代码", "归属概率", "区域", "首次发现", "末次发现", "飞经次数",
    "经度", "纬度", "误差_米", "主管部门", "依据",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def _cell(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def _line(incident: Incident) -> list[str]:
    sighting, hazard, outcome = incident.sighting, incident.hazard, incident.attribution
    site = outcome.site_code if isinstance(outcome, Attribution) else None
    share = next((one.probability for one in outcome.sites if one.key == site), None)
    sigma = sqrt(sighting.covariance.east_m2 + sighting.covariance.north_m2)
    return [
        _cell(incident.number),
        _cell(hazard.code),
        _cell(hazard.name_zh),
        STATE_ZH[incident.state],
        _cell(site or ""),
        "" if share is None else f"{share:.3f}",
        _cell(hazard.zone_id or ""),
        beijing(sighting.first_seen),
        beijing(sighting.last_seen),
        str(sighting.passes),
        f"{sighting.point.lon_deg:.7f}",
        f"{sighting.point.lat_deg:.7f}",
        f"{sigma:.2f}",
        _cell(hazard.authority),
        _cell("；".join(f"《{one.law}》{one.article}" for one in hazard.citations)),
    ]


def register_csv(incidents: Iterable[Incident]) -> bytes:
    """Return the register as CSV (RFC 4180), in order of numbers."""
    stream = StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    writer.writerows(_line(incident) for incident in sorted(incidents, key=lambda one: one.number))
    return b"\xef\xbb\xbf" + stream.getvalue().encode()
