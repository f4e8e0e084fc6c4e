"""The vehicle's words: STATUSTEXT messages, long ones put together from their pieces.

A text of more than 50 bytes travels in pieces that share an ``id`` and are numbered by ``chunk_seq``; the piece that is
not full ends it (https://mavlink.io/en/messages/common.html#STATUSTEXT). A piece may be lost, late or twice: what is
there is given after a second, with an ellipsis for what is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Message: TypeAlias = Any  # a pymavlink message

_PIECE_BYTES: Final = 50
_WAIT_S: Final = 1.0
_GAP: Final = "…"


def status_text(message: Message) -> str:
    """Return the words of one STATUSTEXT."""
    raw = message.text
    return str(raw.decode(errors="replace") if isinstance(raw, bytes) else raw).rstrip("\x00")


@dataclass(slots=True)
class _Pieces:
    """One long text as far as it has come."""

    since_s: float
    texts: dict[int, str] = field(default_factory=dict)
    last: int | None = None

    def whole(self) -> bool:
        return self.last is not None and all(number in self.texts for number in range(self.last + 1))

    def joined(self) -> str:
        end = self.last if self.last is not None else max(self.texts)
        text = "".join(self.texts.get(number, _GAP) for number in range(end + 1))
        return (text if self.last is not None else text + _GAP).strip()


@dataclass(slots=True)
class StatusTexts:
    """Puts long texts together; used from one thread."""

    _waiting: dict[tuple[int, int], _Pieces] = field(default_factory=dict)
    _given: dict[tuple[int, int], float] = field(default_factory=dict)

    def heard(self, message: Message, now_s: float) -> list[str]:
        """Take a STATUSTEXT and return the texts that are complete with it."""
        number = getattr(message, "id", 0)
        text = status_text(message)
        if not number:
            return [text.strip()]
        key = (message.get_srcComponent(), number)
        if now_s - self._given.get(key, -10.0) < 2 * _WAIT_S:
            return []  # a piece that came twice, of a text that was given
        pieces = self._waiting.setdefault(key, _Pieces(now_s))
        pieces.texts[message.chunk_seq] = text
        if len(text.encode()) < _PIECE_BYTES:
            pieces.last = message.chunk_seq
        return [self._give(key, now_s)] if pieces.whole() else []

    def overdue(self, now_s: float) -> list[str]:
        """Return what has come of texts whose other pieces have not, after a second."""
        late = [key for key, pieces in self._waiting.items() if now_s - pieces.since_s > _WAIT_S]
        return [self._give(key, now_s) for key in late]

    def _give(self, key: tuple[int, int], now_s: float) -> str:
        self._given[key] = now_s
        return self._waiting.pop(key).joined()
