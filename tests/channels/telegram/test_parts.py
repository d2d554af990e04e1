"""Long texts are cut where people would cut them."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.telegram.parts import LIMIT, split, units


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


PIECES = st.sampled_from(
    [
        "word",
        "a sentence. ",
        "Really? ",
        "\n",
        "\n\n",
        " ",
        "🙂",
        "👩🏽‍🦽",
        "🇬🇧",
        "é",
        "e\u0301",
        "x" * 30,
        "“Yes.” ",
        "。",
        "\u00a0",
    ]
)


@given(st.lists(PIECES | st.text(max_size=8), max_size=60).map("".join), st.integers(10, 60))
@settings(max_examples=500, deadline=None)
def test_no_part_is_too_long_and_nothing_but_spaces_at_joints_is_lost(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(units(part) <= limit for part in parts)
    assert squeezed("".join(parts)) == squeezed(text)
    assert all(parts) or parts == [""]
    at, whole = 0, text.strip()
    for part in parts:  # each part is a piece of the text as it is, with only spaces between them
        found = whole.index(part, at)
        assert not whole[at:found].strip()
        at = found + len(part)


@given(st.text(st.characters(min_codepoint=0x1F600, max_codepoint=0x1F64F), min_size=1, max_size=100))
def test_an_emoji_is_never_cut(text: str) -> None:
    parts = split(text, 11)
    assert "".join(parts) == text
    assert all(units(part) == len(part.encode("utf-16-le")) // 2 <= 11 for part in parts)


@pytest.mark.parametrize("seen", ["👩🏽‍🦽", "🇬🇧", "e\u0301", "❤️", "1\ufe0f\u20e3", "🏴\U000e0067\U000e0062\U000e007f"])
def test_what_is_seen_as_one_character_stays_one(seen: str) -> None:
    """A wheelchair user does not arrive as a woman and a wheelchair."""
    for before in range(20):
        for part in split("x" * before + seen + "y" * 20, 20):
            assert not unicodedata.category(part[0]).startswith("M")
            assert (seen in part) or not set(seen) & set(part)


def test_a_text_that_fits_is_one_part() -> None:
    assert split("x" * LIMIT) == ["x" * LIMIT]
    assert split("🙂" * (LIMIT // 2)) == ["🙂" * (LIMIT // 2)]
    assert len(split("🙂" * (LIMIT // 2) + "x")) == 2


@given(st.lists(st.from_regex(r"[A-Z][a-z ,]{0,28}[a-z][.!?]", fullmatch=True), min_size=1, max_size=40))
def test_sentences_that_fit_are_never_cut(sentences: list[str]) -> None:
    """Each sentence is at most half a part long, so that one always ends in its second half."""
    parts = split(" ".join(sentences), 64)
    assert all(part[-1] in ".!?" for part in parts)


def test_paragraphs_are_better_than_lines_and_lines_better_than_sentences() -> None:
    assert split("One. Two. Go.\n\nThree.\nFour. Five.", 24) == ["One. Two. Go.", "Three.\nFour. Five."]
    assert split("One. Two.\nThree. Four.", 18) == ["One. Two.", "Three. Four."]
    assert split("One two. Three four", 16) == ["One two.", "Three four"]
    assert split("One two three four", 12) == ["One two", "three four"]
