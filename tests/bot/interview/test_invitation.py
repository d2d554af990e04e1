"""Codes of invitations: easy to read out and to type, hard to guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interview.invitation import CODES, SIGNS, code_in, is_join, spelled, wants_to_join

NUMBERS = st.integers(min_value=0, max_value=CODES - 1)


def test_there_are_more_than_two_to_the_power_of_40() -> None:
    assert CODES > 2**40
    assert len(set(SIGNS)) == len(SIGNS)


@given(one=NUMBERS, other=NUMBERS)
def test_every_number_has_a_code_of_its_own(one: int, other: int) -> None:
    assert (spelled(one) == spelled(other)) == (one == other)


@given(
    number=NUMBERS,
    way=st.sampled_from(["{}", "JOIN {}", "join: {}", "Join {}.", "Hello, my code is {}", "jion {} please"]),
    hyphens=st.sampled_from(["-", "", " ", " - ", "\u2013", "."]),
    lower=st.booleans(),
)
def test_a_code_is_found_however_it_is_typed(number: int, way: str, hyphens: str, lower: bool) -> None:
    code = spelled(number)
    typed = code.replace("-", hyphens)
    text = way.format(typed.lower() if lower else typed)
    assert code_in(text) == code
    assert wants_to_join(text)


@pytest.mark.parametrize("text", ["JOIN 8SS-VUV-Z2Z", "join 855-vvv-222", "JOIN BSS VVU ZZZ"])
def test_signs_that_were_taken_for_others_are_read_as_meant(text: str) -> None:
    """No code has B, G, S, U or Z, so whoever reads one in it means 8, 6, 5, V or 2."""
    assert code_in(text) == "855-VVV-222"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello, who is this?",
        "I want to take part",
        "My social worker has not rung for three weeks.",
        "07700 900123",
    ],
)
def test_ordinary_words_hold_no_code(text: str) -> None:
    assert code_in(text) is None
    assert not wants_to_join(text)


def test_an_attempt_without_a_whole_code_is_an_attempt() -> None:
    for text in ("JOIN", "join CDF-HJK", "Jion please", "JOIN ABC-DEF-GHJ"):
        assert wants_to_join(text), text


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    code = code_in(text)
    assert code is None or code_in(code) == code
    assert wants_to_join(text) or code is None
    assert wants_to_join(text) or not is_join(text)


def test_join_and_a_code_is_a_join_and_a_sentence_with_them_is_none() -> None:
    assert is_join("Join CDF-HJK-MNP.")
    assert not is_join("CDF-HJK-MNP")
    assert not is_join("Join CDF-HJK-MNP was on the sheet that my mother got")
    assert not is_join("I tried join CDF-HJK-MNP")
