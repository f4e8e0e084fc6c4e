"""A writer of MISB ST 0601 packets, for tests."""

from __future__ import annotations

from datetime import datetime
from typing import Final

KEY: Final = bytes.fromhex("060e2b34020b01010e01030101000000")
RANGES: Final = {
    5: (16, 0, 360), 6: (16, -20, 20), 7: (16, -50, 50), 13: (32, -90, 90), 14: (32, -180, 180), 15: (16, -900, 19_000),
    16: (16, 0, 180), 17: (16, 0, 180), 18: (32, 0, 360), 19: (32, -180, 180), 20: (32, 0, 360), 75: (16, -900, 19_000),
    90: (32, -90, 90), 91: (32, -90, 90),
}  # fmt: skip


def item(number: int, raw: bytes) -> bytes:
    tag = bytes([number]) if number < 128 else bytes([0x80 | number >> 7, number & 0x7F])
    return tag + length_of(len(raw)) + raw


def length_of(length: int) -> bytes:
    return bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")


def mapped(number: int, value: float) -> bytes:
    bits, low, high = RANGES[number]
    if low < 0 and low == -high:
        return round(value / high * (2 ** (bits - 1) - 1)).to_bytes(bits // 8, "big", signed=True)
    return round((value - low) / (high - low) * (2**bits - 1)).to_bytes(bits // 8, "big")


def packet(at: datetime | None, values: dict[int, float | bytes], *, sound: bool = True) -> bytes:
    """Return one packet with a checksum (a wrong one when not ``sound``)."""
    body = b"" if at is None else item(2, round(at.timestamp() * 1e6).to_bytes(8, "big"))
    for number, value in values.items():
        body += item(number, value if isinstance(value, bytes) else mapped(number, value))
    head = KEY + length_of(len(body) + 4) + body + b"\x01\x02"
    total = 0
    for index, byte in enumerate(head):
        total += byte << (8 * ((index + 1) % 2))
    return head + ((total + (not sound)) & 0xFFFF).to_bytes(2, "big")
