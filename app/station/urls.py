"""Addresses, made from the access table."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from django.urls import path

from app.station.access import Page
from app.station.access_table import PAGES


def _view_of(page: Page) -> Any:  # noqa: ANN401 - Django's views have no type here
    module, _dot, name = page.view.rpartition(".")
    return getattr(import_module(f"app.station.pages.{module}"), name)


urlpatterns: Final = [path(page.route, _view_of(page), name=page.name) for page in PAGES]

handler400 = "app.station.pages.failures.bad_request"
handler403 = "app.station.pages.failures.forbidden"
handler404 = "app.station.pages.failures.not_found"
handler500 = "app.station.pages.failures.broken"
