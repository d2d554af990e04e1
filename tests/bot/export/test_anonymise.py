"""What may tell who somebody is is suggested; what is accepted changes that and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.export.anonymise import Anonymiser, Replacement, Suggestion, apply
from bot.export.telling import What
from bot.export.telling.forms import is_nhs_number
from tests.bot.export.anonymise_cases import FALSE_ALARMS, HITS, MISSES, NOTHING

OWN = ["Siân O'Neill"]


def suggested(*texts: str, own: list[str] = OWN) -> list[Suggestion]:
    return Anonymiser("P07", own).suggest(texts)


def replaced(texts: list[str], made: list[Suggestion]) -> list[str]:
    of = [[Replacement(s.start, s.end, s.words, s.put) for s in made if s.text == n] for n in range(len(texts))]
    return [apply(text, here) for text, here in zip(texts, of, strict=True)]


@pytest.mark.parametrize(("text", "found"), HITS, ids=[text for text, _ in HITS])
def test_what_tells_who_somebody_is_is_found_whole_and_nothing_else(text: str, found: dict[str, str]) -> None:
    assert {one.words: one.put for one in suggested(text)} == found


@pytest.mark.parametrize("text", NOTHING)
def test_what_tells_nothing_is_left_alone(text: str) -> None:
    assert suggested(text) == []


@pytest.mark.parametrize(("text", "why"), MISSES, ids=[why for _, why in MISSES])
def test_what_is_missed_is_known_to_be_missed(text: str, why: str) -> None:
    """When the aid learns one of these, it moves to the hits."""
    assert suggested(text, own=[]) == [], why


@pytest.mark.parametrize(("text", "words"), FALSE_ALARMS)
def test_false_alarms_are_known_too(text: str, words: str) -> None:
    assert [one.words for one in suggested(text)] == [words]


def test_there_are_as_many_cases_as_the_readme_says() -> None:
    assert (len(HITS), len(NOTHING), len(MISSES), len(FALSE_ALARMS)) == (76, 19, 9, 4)


def test_the_same_stands_for_the_same_in_every_text() -> None:
    texts = ["Wren rang.", "My daughter Wren is 9.", "WREN! And wren? 07700 900123", "+44 7700 900123, Leeds, leeds"]
    made = suggested(*texts)
    assert replaced(texts, made) == [
        "[daughter's name] rang.",
        "My daughter [daughter's name] is 9.",
        "[daughter's name]! And wren? [phone]",
        "[phone], [Place 1], [Place 1]",
    ]


def test_what_stood_before_goes_on_standing() -> None:
    again = Anonymiser("P07", OWN, known=[(What.PLACE, "Leeds", "[Place 4]"), (What.NAME, "Ella", "[niece's name]")])
    made = again.suggest(["Leeds, York and Ella Brown"])
    assert [one.put for one in made] == ["[Place 4]", "[Place 1]", "[niece's name]"]


def test_words_that_somebody_names_are_found_wherever_they_stand() -> None:
    made = Anonymiser("P07", also={"pant glas": "[estate]"}).suggest(["up Pant Glas", "pant glasses", "PANT GLAS!"])
    assert [(one.text, one.words, one.put) for one in made] == [
        (0, "Pant Glas", "[estate]"),
        (2, "PANT GLAS", "[estate]"),
    ]


@pytest.mark.parametrize(
    ("digits", "right"),
    [("9434765919", True), ("9434765918", False), ("943476591", False), ("0000000000", True), ("987654321x", False)],
)
def test_an_nhs_number_is_known_by_its_check_digit(digits: str, right: bool) -> None:
    assert is_nhs_number(digits) is right


def test_a_replacement_for_another_text_is_refused() -> None:
    with pytest.raises(ValueError, match="another text"):
        apply("Anna came", [Replacement(0, 4, "Ella", "[Person 1]")])
    with pytest.raises(ValueError, match="another text"):
        apply("Anna", [Replacement(0, 3, "Ann", "[a]"), Replacement(2, 4, "na", "[b]")])


_PIECES = """
Ella ella my daughter Ella, Dr Khan 07700 900123 LS1 4AP Leeds in Splott moved to is called I'm Siân . ? [P07] [Place 1]
[daughter's name] AB123456C 943 476 5919 born 3 March 1964 a@b.org 14 Beech Road St Mary's Hospital of Zinnia said my
May Will ÿ ŵ 📱 \ufffc ' ’ ( ) said: “ ß İ ǅ שלום ١٢٣
"""
PIECES = st.sampled_from([*_PIECES.split(), "\n"])
TEXTS = st.lists(st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=14).map(" ".join)), max_size=4)


@given(TEXTS)
def test_nothing_changes_outside_the_spans_and_nothing_is_lost(texts: list[str]) -> None:
    made = suggested(*texts)
    for number, (text, shown) in enumerate(zip(texts, replaced(texts, made), strict=True)):
        before, at = 0, 0
        for one in (each for each in made if each.text == number):
            assert before <= one.start < one.end <= len(text)
            assert text[one.start : one.end] == one.words
            between = text[before : one.start]
            assert shown[at : at + len(between) + len(one.put)] == between + one.put
            before, at = one.end, at + len(between) + len(one.put)
        assert shown[at:] == text[before:]


@given(TEXTS)
def test_when_all_is_accepted_nothing_more_is_suggested(texts: list[str]) -> None:
    shown = replaced(texts, suggested(*texts))
    assert suggested(*shown) == []


@given(TEXTS)
def test_what_is_decided_is_not_suggested_again(texts: list[str]) -> None:
    made = suggested(*texts)
    decided = [[(one.start, one.end) for one in made if one.text == n] for n in range(len(texts))]
    assert Anonymiser("P07", OWN).suggest(texts, decided) == []
