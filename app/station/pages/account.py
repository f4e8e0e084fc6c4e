"""One's own account: language, password, second factor."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from app.languages import LANGUAGES
from app.station.accounts import password_faults
from app.station.audit import actor_of_user, note_account
from app.station.context import station
from app.station.middleware import LANGUAGE_COOKIE
from app.station.models import User
from app.station.objects import districts_of
from app.station.signing_in import enrolment_picture, new_totp_secret, take_code
from core.text import _


def show(request: Any) -> Any:  # noqa: ANN401 - Django's request and response
    """Show who is signed in, as what, and for which districts."""
    return render(request, "station/account.html", {"districts": list(districts_of(request.user))})


def choose_language(request: Any) -> Any:  # noqa: ANN401 - as above
    """Keep a language in the account, or in this browser while nobody has signed in, and go back."""
    language = str(request.POST.get("language", ""))
    back = str(request.POST.get("back", ""))
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None) or not back.startswith("/"):
        back = reverse("home")
    response = HttpResponseRedirect(back)
    if language in LANGUAGES:
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(language=language)
        options = station().options
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=31_536_000, secure=options.encrypted, httponly=True, samesite="Lax"
        )
    return response


def change_password(request: Any) -> Any:  # noqa: ANN401 - as above
    """Ask for the old password and twice for the new one."""
    user, fault = request.user, ""
    if request.method == "POST":
        old, new = (str(request.POST.get(name, ""))[:256] for name in ("old", "new"))
        if not user.check_password(old):
            fault = _("The old password is wrong.")
        elif new != str(request.POST.get("again", "")):
            fault = _("The two passwords differ.")
        elif new == old:
            fault = _("The new password is the old one.")
        else:
            fault = " ".join(password_faults(new, user))
        if not fault:
            user.set_password(new)
            user.must_change_password = False
            user.save(update_fields=["password", "must_change_password"])
            update_session_auth_hash(request, user)
            note_account(actor_of_user(user), user.username, "password changed")
            return HttpResponseRedirect(reverse("home"))
    return render(request, "station/password.html", {"fault": fault}, status=403 if fault else 200)


def enrol(request: Any) -> Any:  # noqa: ANN401 - as above
    """Show a new secret as a QR code until a code of it is typed; an enrolled one is not shown again."""
    user, fault = request.user, ""
    if user.totp_confirmed:
        return render(request, "station/second_factor.html", {"fault": "", "picture": "", "secret": ""})
    if not user.totp_secret:
        user.totp_secret = new_totp_secret()
        user.save(update_fields=["totp_secret"])
    if request.method == "POST":
        if take_code(user, str(request.POST.get("code", ""))[:16], station().clock):
            User.objects.filter(pk=user.pk).update(totp_confirmed=True)
            note_account(actor_of_user(user), user.username, "second factor enrolled")
            return HttpResponseRedirect(reverse("home"))
        fault = _("The code is wrong. Check that the telephone's clock is right.")
    context = {"fault": fault, "picture": enrolment_picture(user), "secret": user.totp_secret}
    return render(request, "station/second_factor.html", context, status=403 if fault else 200)
