from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geofence.register.credit_code import (
    ALPHABET,
    check_character,
    complete_code,
    fault_in_code,
    organisation_check_character,
)

# The example of GB 32100-2015 itself, and codes that public companies print on their annual reports.
PUBLISHED = ("91350100M000100Y43", "9144030071526726XG", "91440300708461136T")

organisations = st.text(alphabet="0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=8, max_size=8)


@pytest.mark.parametrize("code", PUBLISHED)
def test_published_codes_agree_with_the_check_character(code: str) -> None:
    assert check_character(code[:17]) == code[17]
    assert fault_in_code(code) is None


@given(organisations)
def test_a_completed_code_has_no_fault(organisation: str) -> None:
    assert fault_in_code(complete_code("91", "440115", organisation)) is None


@given(organisations, st.integers(0, 17), st.sampled_from(ALPHABET))
def test_any_one_wrong_character_is_caught(organisation: str, place: int, character: str) -> None:
    code = complete_code("91", "440115", organisation)
    wrong = code[:place] + character + code[place + 1 :]
    assert (fault_in_code(wrong) is None) == (wrong == code)


@given(organisations, st.integers(0, 16))
def test_swapped_neighbours_are_caught(organisation: str, place: int) -> None:
    code = complete_code("91", "440115", organisation)
    wrong = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert (fault_in_code(wrong) is None) == (wrong == code)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("", "0 characters"),
        ("91350100M000100Y4", "17 characters"),
        ("91350100M000100YI3", "'I' at place 17"),
        ("91A50100M000100Y43", "administrative division"),
        ("91350100M000100Y44", "asks for '3'"),
        ("91350100m000100y43", "'m' at place 9"),
    ],
)
def test_a_fault_says_where_it_lies(code: str, says: str) -> None:
    fault = fault_in_code(code)
    assert fault is not None
    assert says in fault


@pytest.mark.parametrize("part", ["", "1234567", "abcdefgh"])
def test_a_callers_mistake_is_a_value_error(part: str) -> None:
    with pytest.raises(ValueError, match="organisation code"):
        organisation_check_character(part)
