"""The station's own tables; Django looks for them here."""

from __future__ import annotations

from app.station.models.accounts import ApiToken, District, Secret, SignInFailure, User
from app.station.models.cases import CaseCard, Fence, KnownAnswer, KnownReply, MediaRow, Run, SavedFilter
from app.station.models.footage import ProcessingJob, Upload
from app.station.models.webhooks import WebhookMessage, WebhookTarget

__all__ = [
    "ApiToken",
    "CaseCard",
    "District",
    "Fence",
    "KnownAnswer",
    "KnownReply",
    "MediaRow",
    "ProcessingJob",
    "Run",
    "SavedFilter",
    "Secret",
    "SignInFailure",
    "Upload",
    "User",
    "WebhookMessage",
    "WebhookTarget",
]
