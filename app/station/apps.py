"""The station as a Django application."""

from __future__ import annotations

from django.apps import AppConfig


class StationConfig(AppConfig):
    """Accounts, districts and what lists show of a case."""

    name = "app.station"
    label = "station"
    default_auto_field = "django.db.models.BigAutoField"
