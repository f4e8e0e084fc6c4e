from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputRefused, IntegrityFailed
from evidence.custody import (
    Action,
    CustodyEntry,
    append,
    decode_chain,
    encode_chain,
    first_break,
    head_of,
)

START = datetime(2026, 10, 1, tzinfo=UTC)


def _chain(length: int) -> tuple[CustodyEntry, ...]:
    chain: tuple[CustodyEntry, ...] = ()
    for index in range(length):
        chain = append(
            chain,
            at=START + timedelta(minutes=index),
            actor=f"officer {index}",
            action=list(Action)[index % len(Action)],
            subject="DJI_0001.JPG",
            subject_sha256="ab" * 32,
            facts={"place": "番禺区", "reason": str(index)},
        )
    return chain


def test_a_chain_as_it_was_kept_holds() -> None:
    for length in (0, 1, 2, 9):
        chain = _chain(length)
        assert first_break(chain) is None
        assert first_break(chain, head_of(chain)) is None
        assert decode_chain(encode_chain(chain)) == chain


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_the_first_broken_entry_is_named(data: st.DataObject) -> None:
    chain = list(_chain(data.draw(st.integers(2, 7))))
    head = head_of(chain)
    place = data.draw(st.integers(0, len(chain) - 1))
    deed = data.draw(st.sampled_from(["alter", "drop", "repeat", "swap"]))
    if deed == "alter":
        chain[place] = replace(chain[place], actor="somebody else")
        # The entry after the altered one no longer follows; for the last one only the head can tell.
        expected = min(place + 1, len(chain) - 1)
    elif deed == "drop":
        del chain[place]
        expected = min(place, len(chain) - 1)
    elif deed == "repeat":
        chain.insert(place, chain[place])
        expected = place + 1
    else:
        place = min(place, len(chain) - 2)
        chain[place], chain[place + 1] = chain[place + 1], chain[place]
        expected = place
    broken = first_break(chain, head)
    assert broken is not None
    assert broken.position == expected


def test_a_chain_written_anew_holds_alone_and_fails_against_the_anchored_head() -> None:
    forged = list(_chain(3))
    anchored = head_of(forged)
    previous = forged[0]
    forged[1] = replace(forged[1], actor="somebody else", previous_sha256=previous.sha256)
    forged[2] = replace(forged[2], previous_sha256=forged[1].sha256)
    assert first_break(forged) is None
    assert first_break(forged, anchored) is not None


def test_a_clock_set_back_is_refused() -> None:
    chain = _chain(3)
    with pytest.raises(IntegrityFailed, match="set back"):
        append(
            chain,
            at=chain[-1].at - timedelta(microseconds=1),
            actor="a",
            action=Action.VIEWED,
            subject="x",
            subject_sha256="ab" * 32,
        )


@pytest.mark.parametrize("cut", [1, 40, -1])
def test_a_chain_cut_in_a_line_is_refused(cut: int) -> None:
    with pytest.raises(InputRefused):
        decode_chain(encode_chain(_chain(2))[:cut])


@pytest.mark.parametrize(
    "change",
    [{"seq": -1}, {"actor": ""}, {"subject_sha256": "AB" * 32}, {"facts": (("b", ""), ("a", ""))}],
)
def test_an_entry_checks_itself(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="custody entry"):
        replace(_chain(1)[0], **change)
