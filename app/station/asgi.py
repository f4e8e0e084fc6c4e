"""The station as an ASGI application, behind a gate that lets no body in that is larger than its page takes.

Django's own limits look at a body after it was received; the gate counts while it arrives, whatever its headers say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from app.station.access_table import PAGES
from app.station.settings import MAX_BODY_BYTES, MEBIBYTE

MAX_PIECE_BYTES: Final = 16 * MEBIBYTE  # of an upload; the browser sends pieces of eight

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_PIECES: Final = tuple("/" + page.route.partition("<")[0] for page in PAGES if page.piece_of_upload)


class _TooLarge(Exception):
    """A body went over its limit while it arrived."""


def limit_of(path: str) -> int:
    """Return how many bytes of body an address takes."""
    return MAX_PIECE_BYTES if _PIECES and path.startswith(_PIECES) else MAX_BODY_BYTES


def gate(application: Application) -> Application:
    """Return ``application`` behind the gate."""

    async def gated(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await _live(receive, send)
            return
        limit, arrived, begun = limit_of(scope["path"]), 0, False
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or len(announced) > 15 or int(announced) > limit:
            await _refuse(send)
            return

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > limit:
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await application(scope, counted, noted)
        except _TooLarge:
            if not begun:
                await _refuse(send)

    return gated


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": b"too large\n"})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def make_application() -> Application:
    """Return the whole station; :func:`app.station.opening.open_station` comes first."""
    from django.core.handlers.asgi import ASGIHandler

    return gate(ASGIHandler())
