"""The bench tells a lost, a doubled and a jumbled text from one that came as it should."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import Person, judged
from tests.bench.outside import Phones

TEXTS = ["Hello Sam, thank you", "1. I choose to take part.", "Thank you. Saved.", "Q1 of 10. Question 1, which is"]


@pytest.mark.parametrize(
    ("came", "verdict"),
    [
        ([0, 1, 2, 3], (0, 0, 0)),
        ([0, 1, 3], (1, 0, 0)),
        ([0, 1, 2, 2, 3], (0, 1, 0)),
        ([0, 1, 3, 2], (0, 0, 1)),
        ([0, 1, 2, 3, 1], (0, 1, 0)),
        ([], (4, 0, 0)),
    ],
)
def test_every_text_of_a_phone_is_judged(came: list[int], verdict: tuple[int, int, int]) -> None:
    phones = Phones()
    for number in came:
        phones.reached("+44", TEXTS[number])
    assert judged([Person("+44", texts=4)], phones) == verdict
