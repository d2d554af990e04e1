"""What a text may be before anyone receives it."""

from __future__ import annotations

import pytest

from bot.interview.lint import NONE_LISTED, Links, Severity, lint
from bot.interview.schedule import Schedule, Text
from tests.bot.interview.small import schedule


def with_question(**changes: object) -> Schedule:
    """The small schedule with its third question changed."""
    made = schedule()
    section = made.sections[0]
    question = section.questions[2].model_copy(update=changes)
    questions = (*section.questions[:2], question)
    sections = (section.model_copy(update={"questions": questions}), *made.sections[1:])
    return made.model_copy(update={"sections": sections})


def with_text(words: str) -> Schedule:
    made = schedule()
    return made.model_copy(
        update={"texts": {**made.texts, "help": Text(standard="Fine.", easy_read="Ok.", short=words)}}
    )


def found(made: Schedule, links: Links = NONE_LISTED) -> list[str]:
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


def in_welsh(made: Schedule) -> Schedule:
    return made.model_copy(update={"language": "cy"})


def test_in_another_language_letters_that_sms_has_not_are_a_note_that_says_what_they_cost() -> None:
    made = in_welsh(with_text("Mae'r tŷ yn ymyl y dŵr. " * 4))
    (finding,) = lint(made)
    assert str(finding) == (
        "help (short): holds ŵ, ŷ: with such a letter an SMS part takes 67 characters, not 153. To send it costs 2 SMS "
        "parts, and without such letters 1"
    )
    assert (finding.place, finding.severity) == (("help", "short"), Severity.NOTE)


def test_a_language_full_of_such_letters_is_one_note_with_the_whole_cost() -> None:
    made = in_welsh(with_question(short="п" * 71, prompts=("Яблоко?",)))
    made = made.model_copy(update={"texts": {**made.texts, "help": Text(standard="Да.", easy_read="Да.", short="Да.")}})
    (finding,) = lint(made)
    assert "a-good (short): and 2 more texts hold Д, Я, а, б, к, л, о, п:" in str(finding)
    assert "To send them all costs 4 SMS parts, and without such letters 3" in str(finding)


def test_a_question_is_counted_as_it_is_sent_and_what_costs_no_more_is_not_told() -> None:
    assert lint(in_welsh(with_question(short="Beth am y tŷ?"))) == []
    (finding,) = lint(in_welsh(with_question(short=f"Beth am y tŷ? {'a' * 40}")))
    assert "costs 2 SMS parts, and without such letters 1" in str(finding), "its number and SKIP stand around it"


def test_a_long_text_in_another_language_wants_mending_all_the_same() -> None:
    assert [finding.severity for finding in lint(in_welsh(with_text("x" * 307)))] == [Severity.STYLE]


def test_a_curly_quote_costs_nothing_because_it_is_replaced() -> None:
    assert found(with_question(short="It’s “fine” – really…")) == []


LINKS = """\
https://example.org/page
HTTP://EXAMPLE.ORG
ftp://example.org
tg://resolve?domain=x
www.example.org
example.org.uk
Example.Com
bit.ly/abc
t.me/x
youtu.be/x
example.eu/x
nhs.scot
sub.domain.nhs.scot/page?a=b#c
example.museum:8080/x
пример.рф
xn--e1afmkfd.xn--p1ai
mailto:a@b.de
a.b+c@example.co.uk
10.0.0.1/form
{study}.org""".splitlines()

NO_LINKS = """\
For example e.g. a letter, i.e. on paper
At 9.30 or 9.30am, or at 5.15 p.m. on 3.10.2027
P.S. we are in the U.K. and Ph.D. students too
and/or, he/she, 24/7, 1.5 hours
wait... and then
Call 01632 960000. Then text us.
No. 10 is the one
St. Mary's, Dr. Jones etc. and so on""".splitlines()


@pytest.mark.parametrize("link", LINKS)
def test_a_link_must_be_on_the_list(link: str) -> None:
    made = with_question(standard=f"See {link} first.")
    assert any("which is not in links.txt" in finding for finding in found(made))

    named = [finding for finding in found(with_question(standard=f"See ({link}).")) if f"the link {link}," in finding]
    assert len(named) == 1, "the whole link is named, once, without what stands around it"


@pytest.mark.parametrize("words", NO_LINKS)
def test_what_is_no_link_is_left_alone(words: str) -> None:
    assert found(with_question(standard=words)) == []


def test_a_listed_link_may_stand() -> None:
    made = with_question(standard="See https://example.org/page. Then answer.")
    assert found(made, Links(frozenset({"https://example.org/page"}))) == []


def test_a_stock_prompt_is_checked_as_a_text_in_every_wording() -> None:
    (link,) = found(with_question(prompts=("Anything at https://evil.example more?",)))
    assert "a-good prompt" in link
    assert "the link https://evil.example," in link
    assert any("has 400 characters" in finding for finding in found(with_question(prompts=("x" * 400,))))
    assert any("U+0142" in finding for finding in found(with_question(prompts=("ł" * 400,))))
    assert any("(easy_read): the sentence" in finding for finding in found(with_question(prompts=(sentence(16),))))
    assert found(with_question(prompts=("Anything more?",))) == []


def test_a_picture_sign_is_to_be_said_in_words() -> None:
    assert any("say it in words" in finding for finding in found(with_question(standard="Well done \U0001f642")))
    assert len(found(with_question(short="Well done \U0001f642"))) == 1, "and that is said once"
