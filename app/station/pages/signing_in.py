"""Sign in, second step, sign out."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth import login, logout
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from app.station.audit import actor_of_user, note_account
from app.station.context import station
from app.station.models import User
from app.station.signing_in import check_credentials, forgive, is_locked, note_failure, take_code
from core.text import _

HALF_WAY: Final = "half-way"  # session key: [account, when the password was right]
HALF_WAY_S: Final = 300
BACKEND: Final = "django.contrib.auth.backends.ModelBackend"


def sign_in(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """Ask for name and password; on to the second step where a second factor is enrolled."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(_where_to(request))
    if request.method != "POST":
        return _form(request)
    username, password = str(request.POST.get("username", ""))[:64], str(request.POST.get("password", ""))[:256]
    here, address = station(), str(request.META.get("REMOTE_ADDR", ""))
    user = None if is_locked(username, address, here.clock) else check_credentials(username, password)
    if user is None:
        note_failure(username, address, here.clock)
        known = User.objects.filter(username__iexact=username).first()
        if known is not None:
            note_account(actor_of_user(known), known.username, "sign-in refused", address=address)
        return _form(request, _("Name or password is wrong, or there were too many tries. Wait a quarter of an hour."))
    if user.totp_confirmed:
        request.session.cycle_key()
        request.session[HALF_WAY] = [user.pk, here.clock.now().timestamp()]
        request.session["next"] = _where_to(request)
        return HttpResponseRedirect(reverse("sign-in-code"))
    return _let_in(request, user, _where_to(request))


def second_step(request: Any) -> Any:  # noqa: ANN401 - as above
    """Ask for the code of the authenticator."""
    here, address = station(), str(request.META.get("REMOTE_ADDR", ""))
    account, since = request.session.get(HALF_WAY, (None, 0.0))
    user = User.objects.filter(pk=account, is_active=True).first()
    if user is None or here.clock.now().timestamp() - since > HALF_WAY_S:
        request.session.pop(HALF_WAY, None)
        return HttpResponseRedirect(reverse("sign-in"))
    if request.method != "POST":
        return render(request, "station/sign_in_code.html", {"fault": ""})
    locked = is_locked(user.username, address, here.clock)
    if locked or not take_code(user, str(request.POST.get("code", ""))[:16], here.clock):
        note_failure(user.username, address, here.clock)
        note_account(actor_of_user(user), user.username, "sign-in refused", address=address, step="code")
        if locked:
            request.session.flush()
            return HttpResponseRedirect(reverse("sign-in"))
        fault = _("The code is wrong or was used. Wait for the next one.")
        return render(request, "station/sign_in_code.html", {"fault": fault}, status=403)
    return _let_in(request, user, request.session.get("next", "/"))


def sign_out(request: Any) -> Any:  # noqa: ANN401 - as above
    """End the session."""
    note_account(actor_of_user(request.user), request.user.username, "signed out")
    logout(request)
    return HttpResponseRedirect(reverse("sign-in"))


def _let_in(request: Any, user: User, address: str) -> Any:  # noqa: ANN401 - as above
    request.session.flush()
    login(request, user, backend=BACKEND)
    forgive(user.username)
    User.objects.filter(pk=user.pk).update(last_login=station().clock.now())
    note_account(actor_of_user(user), user.username, "signed in", address=str(request.META.get("REMOTE_ADDR", "")))
    return HttpResponseRedirect(address)


def _where_to(request: Any) -> str:  # noqa: ANN401 - as above
    """Return the address asked for before, when it is one of ours."""
    wanted = str(request.POST.get("next") or request.GET.get("next") or "")
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours and wanted.startswith("/") else str(reverse("home"))


def _form(request: Any, fault: str = "") -> Any:  # noqa: ANN401 - as above
    wanted = str(request.POST.get("next") or request.GET.get("next") or "")[:500]
    return render(request, "station/sign_in.html", {"fault": fault, "next": wanted}, status=403 if fault else 200)
