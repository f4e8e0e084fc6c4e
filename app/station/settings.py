"""Django's settings, made from the station's options; nothing is read from the environment.

:func:`app.store.database.configure_django` fixes what a process can say only once (the applications, the user model);
what differs from station to station (database, hosts, cookies) is set here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from app.station.map_base import layers_of
from app.station.options import StationOptions
from app.store.database import APPLICATIONS, database_settings
from maps.base_layers import services_of

ALIAS: Final = "default"
MEBIBYTE: Final = 1024 * 1024
MAX_BODY_BYTES: Final = 2 * MEBIBYTE  # of any request but a piece of an upload
SESSION_S: Final = 12 * 3600  # one shift

_OURS: Final = "app.station.middleware"
_MIDDLEWARE: Final = (
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    f"{_OURS}.harden_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    f"{_OURS}.speak",
    f"{_OURS}.FailureMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "app.station.access_check.AccessMiddleware",
)
_VALIDATION: Final = "django.contrib.auth.password_validation"


def content_security_policy(pictures_from: Sequence[str] = ()) -> dict[str, Any]:
    """Return the policy of every page: nothing from elsewhere, no script or style that the page did not vouch for.

    Args:
        pictures_from: Origins of map services that the station was told to show under its map; none by default.
    """
    from csp.constants import NONCE, NONE, SELF

    return {
        "DIRECTIVES": {
            "default-src": [NONE],
            "script-src": [SELF, NONCE],
            "style-src": [SELF, NONCE],
            "img-src": [SELF, "data:", "blob:", *pictures_from],
            "media-src": [SELF, "blob:"],
            "font-src": [SELF],
            "connect-src": [SELF],
            "worker-src": [SELF],
            "frame-src": [SELF],
            "manifest-src": [SELF],
            "form-action": [SELF],
            "frame-ancestors": [NONE],
            "base-uri": [NONE],
            "object-src": [NONE],
        }
    }


def station_settings(options: StationOptions, *, secret_key: str) -> dict[str, Any]:
    """Return every setting of a station."""
    prefix = "__Host-" if options.encrypted else ""  # the browser itself then holds the cookie to this host and TLS
    return {
        "INSTALLED_APPS": list(APPLICATIONS),
        "AUTH_USER_MODEL": "station.User",
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "DATABASES": {ALIAS: database_settings(options.store)},
        "SECRET_KEY": secret_key,
        "DEBUG": False,
        "ALLOWED_HOSTS": options.allowed_hosts,
        "ROOT_URLCONF": "app.station.urls",
        "MIDDLEWARE": list(_MIDDLEWARE),
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.jinja2.Jinja2",
                "APP_DIRS": False,
                "DIRS": [],
                "OPTIONS": {"environment": "app.station.environment.make_environment"},
            }
        ],
        "USE_TZ": True,
        "TIME_ZONE": "Asia/Shanghai",
        "USE_I18N": True,
        "LANGUAGE_CODE": "zh-hans" if options.language == "zh_CN" else "en",
        "AUTHENTICATION_BACKENDS": ["django.contrib.auth.backends.ModelBackend"],
        "PASSWORD_HASHERS": [
            "django.contrib.auth.hashers.ScryptPasswordHasher",
            "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        ],
        "AUTH_PASSWORD_VALIDATORS": [
            {
                "NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator",
                "OPTIONS": {"user_attributes": ("username", "name", "certificate_no")},
            },
            {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
            {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
            {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
        ],
        "SESSION_ENGINE": "django.contrib.sessions.backends.db",
        "SESSION_COOKIE_NAME": f"{prefix}station",
        "SESSION_COOKIE_SECURE": options.encrypted,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_AGE": SESSION_S,
        "SESSION_EXPIRE_AT_BROWSER_CLOSE": True,
        "CSRF_COOKIE_NAME": f"{prefix}csrf",
        "CSRF_COOKIE_SECURE": options.encrypted,
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SAMESITE": "Strict",
        "CSRF_FAILURE_VIEW": "app.station.pages.failures.csrf_failed",
        "SECURE_SSL_REDIRECT": options.encrypted,
        "SECURE_HSTS_SECONDS": 31_536_000 if options.encrypted else 0,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": options.encrypted,
        "SECURE_HSTS_PRELOAD": options.encrypted,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
        "X_FRAME_OPTIONS": "DENY",
        "CONTENT_SECURITY_POLICY": content_security_policy(services_of(layers_of(options))),
        "DATA_UPLOAD_MAX_MEMORY_SIZE": MAX_BODY_BYTES,
        "DATA_UPLOAD_MAX_NUMBER_FIELDS": 500,
        "DATA_UPLOAD_MAX_NUMBER_FILES": 4,
        "FILE_UPLOAD_MAX_MEMORY_SIZE": MAX_BODY_BYTES,
        "APPEND_SLASH": False,
        "LOGGING_CONFIG": None,
        "STATION_OPTIONS": options,
    }


def configure_station(options: StationOptions, *, secret_key: str) -> None:
    """Settle Django for a station; what a process has settled before (the applications) stays."""
    import django
    from django.conf import settings
    from django.db import connections

    wanted = station_settings(options, secret_key=secret_key)
    if not settings.configured:
        settings.configure(**wanted)
    else:
        for name, value in wanted.items():
            setattr(settings, name, value)
        with suppress(AttributeError):  # this thread's connection to another store, if there is one
            connections[ALIAS].close()
            del connections[ALIAS]
        connections.databases[ALIAS] = connections.configure_settings({ALIAS: wanted["DATABASES"][ALIAS]})[ALIAS]
    django.setup()
