"""Signing in: password, lockout, second factor.

Five failures within a quarter of an hour lock a user name, and twenty lock an address; the same sentence answers a
wrong name, a wrong password and a lock, so that nobody learns which it was. A time-based code (RFC 6238) of the running
or the two neighbouring half minutes is taken once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pyotp
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from app.station.models import SignInFailure, User
from core.clock import Clock

WINDOW: Final = timedelta(minutes=15)
MAX_BY_NAME: Final = 5
MAX_BY_ADDRESS: Final = 20
STEP_S: Final = 30
ISSUER: Final = "Skywarden"


def is_locked(username: str, address: str, clock: Clock) -> bool:
    """Return whether a user name or an address has failed too often of late."""
    recent = SignInFailure.objects.filter(at__gt=clock.now() - WINDOW)
    return bool(
        recent.filter(username=username.lower()[:64]).count() >= MAX_BY_NAME
        or recent.filter(address=address).count() >= MAX_BY_ADDRESS
    )


def note_failure(username: str, address: str, clock: Clock) -> None:
    """Count a failure, and forget those that no lock looks at any more."""
    SignInFailure.objects.filter(at__lt=clock.now() - 4 * WINDOW).delete()
    SignInFailure.objects.create(username=username.lower()[:64], address=address[:64], at=clock.now())


def forgive(username: str) -> None:
    """Forget a user name's failures: it signed in, or the administrator unlocked it."""
    SignInFailure.objects.filter(username=username.lower()[:64]).delete()


def check_credentials(username: str, password: str) -> User | None:
    """Return the active account that a name and password open; an unknown name takes as long as a wrong password."""
    user: User | None = User.objects.filter(username__iexact=username[:64], is_active=True).first()
    if user is None:
        make_password(password)
        return None
    return user if check_password(password, user.password, setter=None) else None


def new_totp_secret() -> str:
    """Return a secret for an authenticator."""
    return pyotp.random_base32(32)


def enrolment_address(user: User) -> str:
    """Return the ``otpauth:`` address that an authenticator scans."""
    return pyotp.TOTP(user.totp_secret).provisioning_uri(name=user.username, issuer_name=ISSUER)


def enrolment_picture(user: User) -> str:
    """Return the QR code of :func:`enrolment_address` as a ``data:`` address."""
    import segno

    return str(
        segno.make(enrolment_address(user), error="m").svg_data_uri(scale=5, border=2, dark="#000", light="#fff")
    )


def take_code(user: User, code: str, clock: Clock) -> bool:
    """Return whether ``code`` is right now and was not used; a code that is taken is used up."""
    digits = code.replace(" ", "")
    if not user.totp_secret or not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
        return False
    totp, step = pyotp.TOTP(user.totp_secret), int(clock.now().timestamp()) // STEP_S
    with transaction.atomic():
        last = User.objects.values_list("totp_last_step", flat=True).get(pk=user.pk)
        for candidate in (step - 1, step, step + 1):
            if candidate > last and pyotp.utils.strings_equal(totp.generate_otp(candidate), digits):
                User.objects.filter(pk=user.pk).update(totp_last_step=candidate)
                user.totp_last_step = candidate
                return True
    return False
