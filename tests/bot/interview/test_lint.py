"""What a text may be before anyone receives it."""

from __future__ import annotations

import pytest

from bot.interview.lint import lint
from bot.interview.schedule import Schedule, Text
from tests.bot.interview.small import schedule


def with_question(**wordings: str) -> Schedule:
    """The small schedule with its second question reworded."""
    made = schedule()
    section = made.sections[0]
    question = section.questions[2].model_copy(update=wordings)
    questions = (*section.questions[:2], question)
    sections = (section.model_copy(update={"questions": questions}), *made.sections[1:])
    return made.model_copy(update={"sections": sections})


def with_text(words: str) -> Schedule:
    made = schedule()
    return made.model_copy(
        update={"texts": {**made.texts, "help": Text(standard="Fine.", easy_read="Ok.", short=words)}}
    )


def found(made: Schedule, links: frozenset[str] = frozenset()) -> list[str]:
    return [str(finding) for finding in lint(made, links)]


def sentence(words: int) -> str:
    return " ".join(["word"] * words) + "."


def test_a_clean_schedule_has_no_findings() -> None:
    assert found(schedule()) == []


@pytest.mark.parametrize(("wording", "most"), [("standard", 25), ("easy_read", 15)])
def test_a_sentence_has_a_longest_length_in_each_wording(wording: str, most: int) -> None:
    assert found(with_question(**{wording: sentence(most)})) == []
    (finding,) = found(with_question(**{wording: sentence(most + 1)}))
    assert f"a-good ({wording})" in finding
    assert f"has {most + 1} words; use at most {most}" in finding


def test_two_short_sentences_are_not_one_long_one() -> None:
    assert found(with_question(easy_read=f"{sentence(12)} {sentence(12)}")) == []


def test_a_short_question_has_at_most_270_characters() -> None:
    assert found(with_question(short="x" * 270)) == []
    assert "has 271 characters" in found(with_question(short="x" * 271))[0]


def test_a_stock_text_has_at_most_two_segments_with_everything_filled_in() -> None:
    assert found(with_text("x" * 306)) == []
    assert "has 307 characters" in found(with_text("x" * 307))[0]
    assert found(with_text("x" * 286 + "{study}")) == []
    assert "has 307 characters" in found(with_text("x" * 287 + "{study}"))[0]


def test_a_euro_sign_counts_as_two() -> None:
    assert "has 307 characters" in found(with_text("x" * 305 + "€"))[0]


def test_a_character_that_doubles_the_cost_is_named() -> None:
    (finding,) = found(with_question(short="Say ciao bella à Zoë ł"))[:1]
    assert "U+00EB" in finding or "U+0142" in finding


def test_a_curly_quote_costs_nothing_because_it_is_replaced() -> None:
    assert found(with_question(short="It’s “fine” – really…")) == []


@pytest.mark.parametrize("link", ["https://example.org/page", "www.example.org", "example.org.uk"])
def test_a_link_must_be_on_the_list(link: str) -> None:
    made = with_question(standard=f"See {link} first.")
    assert any("which is not in prompts/links.txt" in finding for finding in found(made))


def test_a_listed_link_may_stand() -> None:
    made = with_question(standard="See https://example.org/page first.")
    assert found(made, frozenset({"https://example.org/page"})) == []


def test_a_picture_sign_is_to_be_said_in_words() -> None:
    assert any("say it in words" in finding for finding in found(with_question(standard="Well done \U0001f642")))
