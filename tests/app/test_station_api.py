"""The API: what it says, to whom, and that it is what its own description says."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import schemathesis
from defusedxml.ElementTree import fromstring as defused_xml
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.station.openapi import describe_api
from app.station.roles import Role
from benchmarks.station_cases import fill_store, synthetic_incidents
from tests.app.station_world import Bureau


def token_of(bureau: Bureau, role: Role = Role.COMMANDER, district: str = "north") -> dict[str, str]:
    from app.station.api_tokens import make_token

    return {"Authorization": f"Bearer {make_token(bureau.person(role, district), 't', days=1, clock=bureau.clock)}"}


def read(bureau: Bureau, address: str, headers: dict[str, str]) -> Any:
    return bureau.stranger().get(address, headers=headers)


def test_the_description_is_openapi() -> None:
    document = describe_api()
    schema = schemathesis.openapi.from_dict(document)
    assert len([operation for operation in schema.get_all_operations()]) == 5  # noqa: C416 - results are wrapped
    for name in ("Case", "Feature"):
        jsonschema.Draft202012Validator.check_schema(document["components"]["schemas"][name])


def test_pages_joined_by_the_cursor_are_the_whole_list_once(bureau: Bureau) -> None:
    from app.station.models import District

    north = District.objects.get(code="north").pk
    fill_store(synthetic_incidents(23, seed=9), districts=[north])
    headers, seen, address = token_of(bureau), [], "/api/v1/incidents?limit=7"
    while address:
        page = read(bureau, address, headers).json()
        seen += [one["id"] for one in page["incidents"]]
        address = f"/api/v1/incidents?limit=7&after={page['next']}" if page["next"] else ""
    assert len(seen) == len(set(seen)) == 24  # its own case, and none of the other district's
    assert bureau.cases["south"] not in seen


def test_geojson_puts_longitude_first(bureau: Bureau) -> None:
    headers, case = token_of(bureau), bureau.cases["north"]
    [feature] = read(bureau, "/api/v1/incidents.geojson", headers).json()["features"]
    single = read(bureau, f"/api/v1/incidents/{case}", headers).json()
    assert feature["geometry"]["coordinates"] == pytest.approx([single["longitude"], single["latitude"]], abs=1e-7)
    assert 113 < single["longitude"] < 114


def test_cursor_on_target_names_the_place_and_its_error(bureau: Bureau) -> None:
    headers, case = token_of(bureau), bureau.cases["north"]
    single = read(bureau, f"/api/v1/incidents/{case}", headers).json()
    event = defused_xml(read(bureau, f"/api/v1/incidents/{case}/cot", headers).content)[0]
    point = event.find("point")
    assert point is not None
    assert (event.get("type"), event.get("uid")) == ("b-m-p-s-m", f"skywarden-{case}")
    assert float(point.get("lat", "")) == pytest.approx(single["latitude"], abs=1e-7)
    assert float(point.get("ce", "")) == pytest.approx(single["error_90_m"], abs=0.06)


def test_a_token_ends_when_it_is_revoked_or_over_or_its_owner_is_out(bureau: Bureau) -> None:
    from app.station.models import ApiToken, User

    headers, address = token_of(bureau), "/api/v1/incidents"
    assert read(bureau, address, headers).status_code == 200
    assert headers["Authorization"].removeprefix("Bearer ") not in str(list(ApiToken.objects.values()))
    for changes in ({"revoked_at": bureau.clock.now()}, {"expires_at": bureau.clock.now()}):
        before = ApiToken.objects.values(*changes).get()
        ApiToken.objects.update(**changes)
        assert read(bureau, address, headers).status_code == 401
        ApiToken.objects.update(**before)
    User.objects.filter(username="commander-north").update(is_active=False)
    assert read(bureau, address, headers).status_code == 401


def test_a_token_shows_what_its_owner_may_see_now_and_changes_nothing(bureau: Bureau) -> None:
    from app.station.models import User

    headers, north, south = token_of(bureau), bureau.cases["north"], bureau.cases["south"]
    for form in ("", ".geojson", ".cot"):
        for query in ("", "?district=south", f"?number={south}", "?limit=500"):
            said = read(bureau, f"/api/v1/incidents{form}{query}", headers).content.decode()
            assert south not in said, (form, query)
    assert north in read(bureau, "/api/v1/incidents.geojson", headers).content.decode()
    assert read(bureau, f"/api/v1/incidents/{south}", headers).status_code == 404
    for method in ("post", "put", "patch", "delete"):
        for address in ("/api/v1/incidents", f"/api/v1/incidents/{north}"):
            assert getattr(bureau.stranger(), method)(address, headers=headers).status_code in {403, 405}
    User.objects.filter(username="commander-north").update(roles=["pilot"])  # another post: no longer a reader
    assert read(bureau, "/api/v1/incidents", headers).status_code == 403


def test_a_session_does_not_open_the_api_and_a_token_no_page(bureau: Bureau) -> None:
    assert bureau.browser(Role.COMMANDER).get("/api/v1/incidents").status_code == 401
    assert read(bureau, "/incidents", token_of(bureau)).headers["Location"].startswith("/sign-in")


def test_a_token_is_made_on_its_page_and_shown_once(bureau: Bureau) -> None:
    browser = bureau.browser(Role.COMMANDER)
    page = browser.post("/account/tokens", {"name": "TAK", "days": "30"}).content.decode()
    token = page.split('class="secret">')[1].split("<")[0]
    assert read(bureau, "/api/v1/incidents", {"Authorization": f"Bearer {token}"}).status_code == 200
    assert token not in browser.get("/account/tokens").content.decode()
    assert browser.post("/account/tokens", {"name": "TAK", "days": "9999"}).status_code == 400


SCHEMA = schemathesis.openapi.from_dict(describe_api())


@SCHEMA.parametrize()
@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_what_the_description_says(case: Any, bureau: Bureau) -> None:
    from django.core.handlers.wsgi import WSGIHandler

    from app.station.context import station
    from app.station.rate_limit import RateLimiter

    station().limits = RateLimiter()
    if "incident_id" in (case.path_parameters or {}) and len(case.path_parameters["incident_id"]) % 2:
        case.path_parameters["incident_id"] = bureau.cases["north"]
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    case.operation.app = WSGIHandler()
    answer = case.call(headers=token_of(bureau), base_url="http://127.0.0.1")
    case.validate_response(answer, checks=checks)
