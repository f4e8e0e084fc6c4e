"""Accounts: making them, and the sentences that say why one cannot be made so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from app.station.models import District, User
from app.station.roles import Role
from core.clock import Clock
from core.errors import InputRefused
from core.text import _

USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,31}\Z")


def refused(problem: str, remedy: str) -> InputRefused:
    """Return the refusal of an account."""
    return InputRefused(_("account"), problem, remedy)


def password_faults(password: str, user: User) -> list[str]:
    """Return what is wrong with a password, in the reader's language."""
    try:
        validate_password(password, user)
    except ValidationError as faults:
        return [str(fault) for fault in faults.messages]
    return []


def create_account(
    *,
    username: str,
    name: str,
    password: str,
    roles: Iterable[Role],
    clock: Clock,
    certificate_no: str = "",
    districts: Iterable[District] = (),
    all_districts: bool = False,
    must_change_password: bool = True,
) -> User:
    """Make an account and return it.

    Administrators must enrol a second factor at their first sign-in, and change a password that somebody else chose.

    Raises:
        InputRefused: The name, the password or the certificate cannot be taken; the text says why.
    """
    given = sorted({Role(role).value for role in roles})
    user = User(
        username=username.strip(),
        name=name.strip(),
        certificate_no=certificate_no.strip(),
        roles=given,
        all_districts=all_districts,
        must_change_password=must_change_password,
        second_factor_required=Role.ADMINISTRATOR.value in given,
        created_at=clock.now(),
    )
    check_account(user)
    faults = password_faults(password, user)
    if faults:
        raise refused(_("the password cannot be taken"), " ".join(faults))
    user.set_password(password)
    user.save(force_insert=True)
    user.districts.set(districts)
    return user


def check_account(user: User) -> None:
    """Check what an account says of a person, before it is kept.

    Raises:
        InputRefused: It cannot be kept so.
    """
    if not USERNAME.match(user.username):
        raise refused(
            _("the user name cannot be taken"), _("Use 2 to 32 letters, digits, dots, dashes, a letter or digit first.")
        )
    if not user.name.strip() or len(user.name) > 120 or len(user.certificate_no) > 64:
        raise refused(_("the name is missing or too long"), _("Give the name that records show."))
    if not user.roles:
        raise refused(_("it has no role"), _("Choose at least one."))
    others = User.objects.exclude(pk=user.pk)
    if others.filter(username__iexact=user.username).exists():
        raise refused(_("the user name is taken"), _("Choose another; names differ by more than capital letters."))
    if user.certificate_no and others.filter(certificate_no=user.certificate_no).exists():
        raise refused(_("the certificate number is somebody else's"), _("Check it: it identifies who decides."))
