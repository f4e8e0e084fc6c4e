"""What a row of the access table says: a page, who may open it, and what its address names.

The table itself is :mod:`app.station.access_table`; addresses are made from it (:mod:`app.station.urls`), the
middleware enforces it (:mod:`app.station.access_check`), and the test of the access matrix is generated from it. A page
that is not in the table has no address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from app.station.roles import Role

EVERYBODY: Final = frozenset(Role)
READ: Final = frozenset({"GET", "HEAD"})
WRITE: Final = frozenset({"POST"})
FORM: Final = READ | WRITE


class About(StrEnum):
    """What object a page's address names, and so whose district is asked for."""

    NOTHING = "nothing"
    CASE = "case"  # <incident_id>: a case of one of the person's districts
    MEDIA = "media"  # <sha256>: a file of such a case
    ACCOUNT = "account"  # <username>
    DISTRICT = "district"  # <code>
    OWN_UPLOAD = "own-upload"  # <upload_id>: an upload of the person's own
    OWN_TOKEN = "own-token"  # noqa: S105 - <token_id>: a token of the person's own
    OWN_FILTER = "own-filter"  # <filter_id>: a saved filter of the person's own


class Rate(StrEnum):
    """How often one person (or address) may ask; :mod:`app.station.rate_limit` knows the numbers."""

    PAGE = "page"
    SECRET = "secret"  # noqa: S105 - pages where a secret could be guessed
    ASSET = "asset"
    API = "api"


# The part of the address that names the object.
OBJECT_KEYS: Final = MappingProxyType(
    {
        About.CASE: "incident_id",
        About.MEDIA: "sha256",
        About.ACCOUNT: "username",
        About.DISTRICT: "code",
        About.OWN_UPLOAD: "upload_id",
        About.OWN_TOKEN: "token_id",
        About.OWN_FILTER: "filter_id",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One row of the access table.

    Attributes:
        name: The page's name, as ``url(name)`` in templates calls it.
        route: Its address as a Django path, without the leading slash.
        view: Its function: module and name below ``app.station.pages``.
        roles: Who may open it; one of these roles is enough. Empty only where ``public``.
        public: Open to people who have not signed in.
        about: What its address names.
        methods: The HTTP methods it answers.
        label: Its name in the menu, in the reader's language; None keeps it out of the menu.
        audited: Whether seeing it is entered into the audit here. False where the page enters it itself (a case's page:
            reading the case does), or where it is a part of a page that was entered.
        rate: How often it may be asked for.
        before_second_factor: Open to people who still have to change a password or enrol a second factor.
        framed: May be shown in a frame of another page of this station.
        piece_of_upload: Takes a piece of a file, larger than a form.
        api: Read by programs with a token instead of a session; refused in JSON.
    """

    name: str
    route: str
    view: str
    roles: frozenset[Role] = frozenset()
    public: bool = False
    about: About = About.NOTHING
    methods: frozenset[str] = READ
    label: Callable[[], str] | None = None
    audited: bool = True
    rate: Rate = Rate.PAGE
    before_second_factor: bool = False
    framed: bool = False
    piece_of_upload: bool = False
    api: bool = False

    def __post_init__(self) -> None:
        if self.public == bool(self.roles):
            raise ValueError(f"{self.name}: a page is public, or it names who may open it")
        if self.public and self.about is not About.NOTHING:
            raise ValueError(f"{self.name}: an object is nobody's who has not signed in")
        key = OBJECT_KEYS.get(self.about)
        if key is not None and f":{key}>" not in self.route:
            raise ValueError(f"{self.name}: the address does not name {key}")
