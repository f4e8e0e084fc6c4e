"""The access table: every page of the station, who may open it, and what its address names.

This is the one place where a page comes into being; see docs/station.md, "How a page is added".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from app.station.access import EVERYBODY, FORM, READ, WRITE, About, Page, Rate
from app.station.roles import Role
from core.text import _

_READERS: Final = EVERYBODY - {Role.PILOT, Role.ADMINISTRATOR}  # who may see cases; keeping accounts is not reading
_REVIEWERS: Final = frozenset({Role.REVIEWER, Role.SENIOR_REVIEWER})
_SENIORS: Final = frozenset({Role.SENIOR_REVIEWER})
_ADMINISTRATORS: Final = frozenset({Role.ADMINISTRATOR})
_PILOTS: Final = frozenset({Role.PILOT})
_FLEET: Final = frozenset({Role.PILOT, Role.OFFICER, Role.COMMANDER})
_AUDITORS: Final = frozenset({Role.AUDITOR})

PAGES: Final[tuple[Page, ...]] = (
    # Before anybody has signed in.
    Page(
        name="asset",
        route="assets/<str:digest>/<path:path>",
        view="assets.serve",
        public=True,
        audited=False,
        rate=Rate.ASSET,
    ),
    Page(
        name="setup",
        route="setup",
        view="setup.first_start",
        public=True,
        methods=FORM,
        audited=False,
        rate=Rate.SECRET,
    ),
    Page(
        name="sign-in",
        route="sign-in",
        view="signing_in.sign_in",
        public=True,
        methods=FORM,
        audited=False,
        rate=Rate.SECRET,
    ),
    Page(
        name="sign-in-code",
        route="sign-in/code",
        view="signing_in.second_step",
        public=True,
        methods=FORM,
        audited=False,
        rate=Rate.SECRET,
    ),
    Page(name="language", route="language", view="account.choose_language", public=True, methods=WRITE, audited=False),
    # One's own account.
    Page(
        name="sign-out",
        route="sign-out",
        view="signing_in.sign_out",
        roles=EVERYBODY,
        methods=WRITE,
        audited=False,
        before_second_factor=True,
    ),
    Page(name="account", route="account", view="account.show", roles=EVERYBODY, before_second_factor=True),
    Page(
        name="password",
        route="account/password",
        view="account.change_password",
        roles=EVERYBODY,
        methods=FORM,
        rate=Rate.SECRET,
        before_second_factor=True,
    ),
    Page(
        name="second-factor",
        route="account/second-factor",
        view="account.enrol",
        roles=EVERYBODY,
        methods=FORM,
        rate=Rate.SECRET,
        before_second_factor=True,
    ),
    Page(name="tokens", route="account/tokens", view="tokens.browse", roles=_READERS, methods=FORM),
    Page(
        name="token-revoke",
        route="account/tokens/<int:token_id>/revoke",
        view="tokens.revoke",
        roles=_READERS,
        about=About.OWN_TOKEN,
        methods=WRITE,
    ),
    # Work.
    Page(name="home", route="", view="home.show", roles=EVERYBODY, label=lambda: _("Home")),
    Page(
        name="review",
        route="review",
        view="review.begin",
        roles=_REVIEWERS,
        audited=False,
        label=lambda: _("Review"),
    ),
    Page(name="queue", route="review/queue", view="review.queue", roles=_REVIEWERS, label=lambda: _("Queue")),
    Page(name="review-days", route="review/days", view="review_watch.days", roles=_REVIEWERS, label=lambda: _("Days")),
    Page(name="review-undo", route="review/undo", view="review.undo", roles=_REVIEWERS, methods=WRITE, audited=False),
    Page(
        name="review-previous",
        route="review/previous",
        view="review.previous",
        roles=_REVIEWERS,
        methods=WRITE,
        audited=False,
    ),
    Page(
        name="reviewers",
        route="review/reviewers",
        view="review_watch.reviewers",
        roles=_SENIORS,
        label=lambda: _("Reviewers"),
    ),
    Page(name="known-answers", route="review/known", view="review_watch.known", roles=_SENIORS),
    Page(
        name="known-answer",
        route="review/known/<str:incident_id>",
        view="review_watch.keep_known",
        roles=_SENIORS,
        about=About.CASE,
        methods=WRITE,
    ),
    Page(
        name="review-lead",
        route="review/<str:incident_id>",
        view="review.show",
        roles=_REVIEWERS,
        about=About.CASE,
        audited=False,
    ),
    Page(
        name="review-decide",
        route="review/<str:incident_id>/decide",
        view="review.decide",
        roles=_REVIEWERS,
        about=About.CASE,
        methods=WRITE,
        audited=False,
    ),
    Page(
        name="review-skip",
        route="review/<str:incident_id>/skip",
        view="review.skip",
        roles=_REVIEWERS,
        about=About.CASE,
        methods=WRITE,
        audited=False,
    ),
    Page(name="incidents", route="incidents", view="incidents.browse", roles=_READERS, label=lambda: _("Incidents")),
    Page(
        name="incident",
        route="incidents/<str:incident_id>",
        view="incidents.show",
        roles=_READERS,
        about=About.CASE,
        audited=False,
    ),
    Page(
        name="incident-change",
        route="incidents/<str:incident_id>/changes/<str:change>/<str:when>",
        view="commander_map.change_of_case",
        roles=_READERS,
        about=About.CASE,
        audited=False,
        rate=Rate.ASSET,
    ),
    Page(
        name="media",
        route="media/<str:sha256>",
        view="media.serve",
        roles=_READERS,
        about=About.MEDIA,
        audited=False,
        rate=Rate.ASSET,
    ),
    Page(
        name="save-filter", route="filters", view="incidents.save_filter", roles=_READERS, methods=WRITE, audited=False
    ),
    Page(
        name="drop-filter",
        route="filters/<int:filter_id>/drop",
        view="incidents.drop_filter",
        roles=_READERS,
        about=About.OWN_FILTER,
        methods=WRITE,
        audited=False,
    ),
    # The fleet.
    Page(name="fleet", route="fleet", view="fleet.show", roles=_FLEET, label=lambda: _("Fleet")),
    Page(name="fleet-progress", route="fleet/progress", view="fleet.progress", roles=_PILOTS, audited=False),
    Page(name="uploads", route="fleet/uploads", view="fleet.begin", roles=_PILOTS, methods=WRITE, audited=False),
    Page(
        name="upload",
        route="fleet/uploads/<str:upload_id>",
        view="fleet.piece",
        roles=_PILOTS,
        about=About.OWN_UPLOAD,
        methods=FORM,
        audited=False,
        piece_of_upload=True,
    ),
    Page(name="process", route="fleet/process", view="fleet.process", roles=_PILOTS, methods=WRITE),
    Page(name="fleet-unread", route="fleet/unread/<int:run_id>", view="fleet.unread", roles=_FLEET, methods=WRITE),
    # For programs.
    Page(name="api-description", route="api/v1/openapi.json", view="api.describe", roles=EVERYBODY, audited=False),
    Page(name="api-incidents", route="api/v1/incidents", view="api.incidents", roles=_READERS, api=True, rate=Rate.API),
    Page(
        name="api-geojson",
        route="api/v1/incidents.geojson",
        view="api.geojson",
        roles=_READERS,
        api=True,
        rate=Rate.API,
    ),
    Page(
        name="api-cot",
        route="api/v1/incidents.cot",
        view="api.cursor_on_target",
        roles=_READERS,
        api=True,
        rate=Rate.API,
    ),
    Page(
        name="api-incident",
        route="api/v1/incidents/<str:incident_id>",
        view="api.incident",
        roles=_READERS,
        about=About.CASE,
        api=True,
        audited=False,
        rate=Rate.API,
    ),
    Page(
        name="api-incident-cot",
        route="api/v1/incidents/<str:incident_id>/cot",
        view="api.incident_cot",
        roles=_READERS,
        about=About.CASE,
        api=True,
        audited=False,
        rate=Rate.API,
    ),
    # Where it stands: the commander's map.
    Page(name="map", route="map", view="commander_map.show", roles=_READERS, label=lambda: _("Map")),
    Page(
        name="map-marks", route="map/marks", view="commander_map.marks", roles=_READERS, audited=False, rate=Rate.ASSET
    ),
    Page(name="map-ground", route="map/ground", view="commander_map.ground", roles=_READERS, audited=False),
    Page(name="map-live", route="map/live", view="commander_map.live", roles=_READERS, audited=False),
    Page(
        name="map-mosaic",
        route="map/mosaic",
        view="commander_map.mosaic",
        roles=_READERS,
        audited=False,
        rate=Rate.ASSET,
    ),
    Page(
        name="map-change",
        route="map/change",
        view="commander_map.change",
        roles=_READERS,
        audited=False,
        rate=Rate.ASSET,
    ),
    Page(
        name="map-tile",
        route="map/tiles/<int:layer>/<int:z>/<int:x>/<int:y>",
        view="commander_map.tile",
        roles=_READERS,
        audited=False,
        rate=Rate.ASSET,
    ),
    Page(name="map-offline", route="map/offline", view="commander_map.offline", roles=_READERS),
    Page(name="dashboard", route="dashboard", view="dashboard.show", roles=_READERS, label=lambda: _("Dashboard")),
    Page(name="reports", route="dashboard/reports", view="dashboard.reports", roles=_READERS),
    Page(name="dashboard-file", route="dashboard/report.<str:form>", view="dashboard.save", roles=_READERS),
    # Watching over it.
    Page(name="audit", route="audit", view="audit_log.browse", roles=_AUDITORS, label=lambda: _("Audit")),
    Page(name="audit-check", route="audit/check", view="audit_log.check", roles=_AUDITORS, methods=WRITE),
    # Keeping it.
    Page(name="people", route="people", view="people.browse", roles=_ADMINISTRATORS, label=lambda: _("People")),
    Page(name="person-new", route="people/new", view="people.create", roles=_ADMINISTRATORS, methods=FORM),
    Page(
        name="person",
        route="people/<str:username>",
        view="people.edit",
        roles=_ADMINISTRATORS,
        about=About.ACCOUNT,
        methods=FORM,
    ),
    Page(
        name="person-reset",
        route="people/<str:username>/reset",
        view="people.reset",
        roles=_ADMINISTRATORS,
        about=About.ACCOUNT,
        methods=WRITE,
    ),
    Page(
        name="districts",
        route="districts",
        view="districts.browse",
        roles=_ADMINISTRATORS,
        label=lambda: _("Districts"),
    ),
    Page(name="district-new", route="districts/new", view="districts.create", roles=_ADMINISTRATORS, methods=FORM),
    Page(
        name="district",
        route="districts/<str:code>",
        view="districts.edit",
        roles=_ADMINISTRATORS,
        about=About.DISTRICT,
        methods=FORM,
    ),
)

BY_NAME: Final = MappingProxyType({page.name: page for page in PAGES})
if len(BY_NAME) != len(PAGES) or len({page.route for page in PAGES}) != len(PAGES):
    raise ValueError("two pages have one name or one address")


def menu_of(roles: frozenset[Role]) -> tuple[Page, ...]:
    """Return the pages of the menu that somebody with ``roles`` may open, in the table's order."""
    return tuple(page for page in PAGES if page.label is not None and page.roles & roles and page.methods >= READ)
