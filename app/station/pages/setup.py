"""The first start: whoever reads the terminal makes the first administrator. There is no password before that."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from app.station.accounts import create_account
from app.station.audit import actor_of_user, note_account
from app.station.context import station
from app.station.opening import has_administrator
from app.station.roles import Role
from core.errors import InputRefused
from core.text import _


def first_start(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """Ask for the token of the terminal and make the administrator; once there is one, this page is none."""
    here = station()
    if here.set_up or not here.setup_token:
        raise Http404
    said = {name: str(request.POST.get(name, ""))[:256] for name in ("username", "name", "password", "again")}
    token = str(request.POST.get("token") or request.GET.get("token") or "")[:64]
    if request.method != "POST":
        return _form(request, said, token)
    if not constant_time_compare(token, here.setup_token):
        return _form(request, said, "", _("The token is not the one that the terminal shows."))
    if said["password"] != said["again"]:
        return _form(request, said, token, _("The two passwords differ."))
    try:
        with transaction.atomic():
            if has_administrator():
                raise Http404
            user = create_account(
                username=said["username"],
                name=said["name"],
                password=said["password"],
                roles=[Role.ADMINISTRATOR],
                all_districts=True,
                must_change_password=False,
                clock=here.clock,
            )
            note_account(actor_of_user(user), user.username, "made at first start", roles=Role.ADMINISTRATOR.value)
    except InputRefused as refusal:
        return _form(request, said, token, str(refusal))
    here.set_up, here.setup_token = True, ""
    return HttpResponseRedirect(reverse("sign-in"))


def _form(request: Any, said: dict[str, str], token: str, fault: str = "") -> Any:  # noqa: ANN401 - as above
    context = {"said": said, "token": token, "fault": fault}
    return render(request, "station/setup.html", context, status=403 if fault else 200)
