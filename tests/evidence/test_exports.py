from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from prov.model import ProvActivity, ProvAgent, ProvDerivation, ProvDocument, ProvEntity

from evidence.cases.register import COLUMNS, register_csv
from evidence.incident import State
from evidence.sealing.case_uco import case_graph_of
from evidence.sealing.package_source import open_folder
from evidence.sealing.provenance import provenance_of
from evidence.sealing.reading import read_package


def _provenance(package: Path) -> bytes:
    seen = read_package(open_folder(package))
    assert seen.incident
    assert seen.originals
    assert seen.derivations
    assert seen.custody
    assert seen.statement
    return provenance_of(
        seen.incident,
        originals=seen.originals.originals,
        derived=seen.derivations.derived,
        custody=seen.custody,
        predicate=seen.statement.predicate,
    )


def test_the_provenance_is_read_by_the_peer_and_names_every_origin(case: Any, package: Path) -> None:
    content = _provenance(package)
    assert content == _provenance(package)
    document = ProvDocument.deserialize(content=content.decode(), format="json")
    entities = {str(entity.identifier): entity for entity in document.get_records(ProvEntity)}
    for original in case.originals:
        assert str(entities[f"sha256:{original.sha256}"].label) == original.name
    origins = {(str(one.args[0]), str(one.args[1])) for one in document.get_records(ProvDerivation)}
    for copy in case.derived:
        assert (f"sha256:{copy.sha256}", f"sha256:{copy.derivation.source_sha256}") in origins
    activities = {str(activity.label) for activity in document.get_records(ProvActivity)}
    assert {"ingested", "opened", "sealed", "annotate", "crop"} <= activities
    assert "program:skywarden" in {str(agent.label) for agent in document.get_records(ProvAgent)}


def test_the_register_has_a_line_for_every_incident(case: Any, case_maker: Any) -> None:
    other = case_maker("other", photos=1, label="truck").incident
    content = register_csv([case.incident, replace(other, state=State.CLOSED)])
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(StringIO(content.decode("utf-8-sig"))))
    assert tuple(rows[0]) == COLUMNS
    assert sorted(row["编号"] for row in rows) == [row["编号"] for row in rows]
    by_number = {row["编号"]: row for row in rows}
    line = by_number[case.incident.number]
    assert line["统一社会信用代码"] == "91440101MA5XXXXXX1"
    assert line["首次发现"] == "2026-10-01 10:03:04"
    assert line["依据"] == "《中华人民共和国消防法》第二十八条"
    assert by_number[other.number]["状态"] == "已结案"


def test_a_spreadsheet_takes_no_cell_for_a_formula(case: Any) -> None:
    evil = '=HYPERLINK("http://x")'
    hazard = replace(case.incident.hazard, authority=evil, name_zh="+1", zone_id="@SUM(A1)")
    content = register_csv([replace(case.incident, hazard=hazard)]).decode("utf-8-sig")
    [row] = csv.DictReader(StringIO(content))
    assert row["主管部门"] == "'" + evil
    assert row["隐患名称"] == "'+1"
    assert row["区域"] == "'@SUM(A1)"


def test_the_case_graph_conforms_to_the_ontology(package: Path, tmp_path: Path) -> None:
    seen = read_package(open_folder(package))
    assert seen.incident is not None
    assert seen.originals is not None
    assert seen.derivations is not None
    assert seen.custody is not None
    assert seen.statement is not None
    content = case_graph_of(
        seen.incident,
        originals=seen.originals.originals,
        derived=seen.derivations.derived,
        custody=seen.custody,
        predicate=seen.statement.predicate,
    )
    graph = tmp_path / "case.jsonld"
    graph.write_bytes(content)
    validator = Path(sys.executable).with_name("case_validate")
    done = subprocess.run([validator, "--allow-info", graph], capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout
    assert "Conforms: True" in done.stdout
    kinds = [node["@type"] for node in json.loads(content)["@graph"]]
    assert kinds.count("uco-observable:File") == len(
        {one.sha256 for one in (*seen.originals.originals, *seen.derivations.derived)}
    )
    assert kinds.count("case-investigation:InvestigativeAction") == len(seen.custody)
