"""Accounts, for the administrator."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import transaction
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from app.station.accounts import check_account, create_account, refused
from app.station.audit import actor_of_user, note_account
from app.station.context import station
from app.station.models import District, User
from app.station.opening import has_administrator
from app.station.paging import page_of
from app.station.roles import Role
from app.station.signing_in import forgive
from core.errors import InputRefused
from core.text import _


def browse(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """List the accounts."""
    page = page_of(User.objects.prefetch_related("districts").order_by("username"), request.GET)
    return render(request, "station/people.html", {"page": page})


def create(request: Any) -> Any:  # noqa: ANN401 - as above
    """Make an account with a password that is shown once and must be changed."""
    if request.method != "POST":
        return _form(request, User(), made="")
    password, said = _fresh_password(), _said(request)
    try:
        with transaction.atomic():
            user = create_account(password=password, clock=station().clock, **said)
            note_account(actor_of_user(request.user), user.username, "made", **_facts(user))
    except InputRefused as refusal:
        shown = User(username=said["username"], name=said["name"], certificate_no=said["certificate_no"],
                     roles=[role.value for role in said["roles"]])  # fmt: skip
        return _form(request, shown, fault=str(refusal), made="")
    return render(request, "station/person_password.html", {"person": user, "password": password})


def edit(request: Any, username: str) -> Any:  # noqa: ANN401, ARG001 - as above; the check found it
    """Change what an account is and where it reaches."""
    user: User = request.found
    if request.method != "POST":
        return _form(request, user)
    said = _said(request)
    user.name, user.certificate_no = said["name"], said["certificate_no"]
    user.roles, user.all_districts = sorted(role.value for role in said["roles"]), said["all_districts"]
    user.is_active = request.POST.get("is_active") == "on"
    asked = request.POST.get("second_factor_required") == "on"
    user.second_factor_required = asked or Role.ADMINISTRATOR in said["roles"]
    try:
        with transaction.atomic():
            check_account(user)
            user.save()
            user.districts.set(said["districts"])
            if not has_administrator():
                raise refused(_("it is the last administrator"), _("Make another one first."))
            note_account(actor_of_user(request.user), user.username, "changed", **_facts(user))
    except InputRefused as refusal:
        return _form(request, user, fault=str(refusal))
    return HttpResponseRedirect(reverse("people"))


def reset(request: Any, username: str) -> Any:  # noqa: ANN401, ARG001 - as above
    """Give a new password, lift the lock, and let the second factor be enrolled anew."""
    user: User = request.found
    password = _fresh_password()
    with transaction.atomic():
        user.set_password(password)  # ends the account's sessions, which are bound to it
        user.must_change_password, user.totp_secret, user.totp_confirmed = True, "", False
        user.save()
        forgive(user.username)
        note_account(actor_of_user(request.user), user.username, "reset")
    return render(request, "station/person_password.html", {"person": user, "password": password})


def _fresh_password() -> str:
    return "-".join(secrets.token_hex(2) for _part in range(5))


def _said(request: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    posted = request.POST
    return {
        "username": str(posted.get("username", "")).strip()[:64],
        "name": str(posted.get("name", "")).strip()[:200],
        "certificate_no": str(posted.get("certificate_no", "")).strip()[:100],
        "roles": [Role(role) for role in posted.getlist("roles") if role in set(Role)],
        "districts": list(District.objects.filter(code__in=posted.getlist("districts"))),
        "all_districts": posted.get("all_districts") == "on",
    }


def _facts(user: User) -> dict[str, str]:
    return {
        "roles": ",".join(user.roles),
        "districts": "all" if user.all_districts else ",".join(user.districts.values_list("code", flat=True)),
        "active": "yes" if user.is_active else "no",
    }


def _form(request: Any, user: User, *, fault: str = "", made: str | None = None) -> Any:  # noqa: ANN401 - as above
    context = {
        "person": user,
        "new": made is not None,
        "fault": fault,
        "roles": [role.value for role in Role],
        "districts": list(District.objects.all()),
        "held": set() if user.pk is None else set(user.districts.values_list("code", flat=True)),
    }
    return render(request, "station/person.html", context, status=400 if fault else 200)
