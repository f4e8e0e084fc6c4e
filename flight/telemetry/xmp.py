"""XMP packets: the XML that aircraft makers write their telemetry into.

Reads a packet into a flat mapping of prefixed names ("drone-dji:GimbalYawDegree") to texts; attributes, elements and
structures (``parent/child``) alike. The prefix is the packet's own; makers keep theirs for life while their namespace
addresses change with firmware.

Entities and document types are refused (``defusedxml``): a photo is input from outside. Some firmware writes stray line
breaks and unescaped ampersands, and the Zenmuse XT S declares one namespace twice and calls it "DJI" instead of
"drone-dji"; such a packet is read by pattern instead, and the reader is told so.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

MAX_PACKET_BYTES: Final = 4 << 20  # ISO 16684-3 extended packets stay far below; a longer one is not telemetry

_ATTRIBUTE: Final = re.compile(r"([A-Za-z][\w.-]{0,60}:[A-Za-z]\w{0,80})\s{0,20}=\s{0,20}\"([^\"<>]{0,4000})\"")
_ELEMENT: Final = re.compile(r"<([A-Za-z][\w.-]{0,60}:[A-Za-z]\w{0,80})>([^<>]{0,4000})</\1\s{0,20}>")
_DJI: Final = "drone-dji:"
_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def read_xmp(packet: bytes) -> tuple[dict[str, str], bool]:
    """Return the packet's properties by prefixed name, and whether it was well-formed XML.

    Args:
        packet: The packet's bytes, wrapper and padding included.

    Returns:
        The properties (empty when nothing could be read), and False when they were read by pattern.
    """
    trimmed = packet[:MAX_PACKET_BYTES].strip(b"\x00 \t\r\n")
    start = trimmed.find(b"<x:xmpmeta")
    end = trimmed.rfind(b"</x:xmpmeta>")
    body = trimmed[start : end + len(b"</x:xmpmeta>")] if 0 <= start < end else trimmed
    try:
        return _parsed(body), True
    except (ParseError, DefusedXmlException, UnicodeDecodeError, ValueError, LookupError):
        return _matched(body.decode("utf-8", errors="replace")), False


def _parsed(body: bytes) -> dict[str, str]:
    """Return the properties of well-formed XML."""
    prefixes: dict[str, str] = {}
    root: Element | None = None
    for event, payload in iterparse(BytesIO(body), events=("start-ns", "start")):
        if event == "start-ns":
            prefix, address = payload
            prefixes.setdefault(address, prefix)
        elif root is None:
            root = payload
    found: dict[str, str] = {}

    def named(tag: str) -> str:
        address, closed, local = tag[1:].partition("}")
        return f"{prefixes.get(address, '')}:{local}" if closed else tag

    # An explicit stack, not recursion: depth is the file's choice.
    waiting: list[tuple[Element, str]] = [] if root is None else [(root, "")]
    while waiting:
        element, above = waiting.pop()
        is_rdf = element.tag.startswith(_RDF) or element.tag.endswith("}xmpmeta")
        path = above if is_rdf else (f"{above}/{named(element.tag)}" if above else named(element.tag))
        for key, text in element.attrib.items():
            if not key.startswith(_RDF):
                found.setdefault(f"{path}/{named(key)}" if path else named(key), text)
        if path and element.text and element.text.strip():
            found.setdefault(path, element.text.strip())
        waiting.extend((child, path) for child in reversed(element))
    return found


def _matched(text: str) -> dict[str, str]:
    """Return what looks like attributes and simple elements in text that is no XML."""
    found: dict[str, str] = {}
    for pattern in (_ATTRIBUTE, _ELEMENT):
        for match in pattern.finditer(text):
            if not match[1].startswith(("xmlns:", "rdf:")):
                name = match[1].replace("DJI:", _DJI, 1) if match[1].startswith("DJI:") else match[1]
                found.setdefault(name, match[2].strip())
    return found
