"""What a whole interview costs to send."""

from __future__ import annotations

from bot import prompts
from bot.interview.cost import sms_parts, texts
from bot.interview.schedule import Wording
from bot.messages import gsm7_lookalike, is_gsm7, segments
from tests.bot.interview.small import schedule
from tests.rig import ROOT


def test_everything_that_is_sent_in_a_whole_interview_is_counted() -> None:
    sent = texts(schedule(), Wording.STANDARD)
    assert sent[0] == "[welcome]\n\n[info-who]"
    assert sent[-1] == "[thanks NNNNNNNNNNNNNNN]\n\n[check-answers]"
    assert len(sent) == 2 + 3 + 1 + (1 + 4) + 1, "opening, statements, that is all, questions, thanks"
    assert sms_parts(schedule(), Wording.STANDARD) == len(sent), "each fits into one part"


def test_in_the_short_wording_every_question_of_the_study_takes_two_parts_at_most_and_none_is_dear() -> None:
    for made in prompts.load(ROOT / "prompts").values():
        sent = [gsm7_lookalike(text) for text in texts(made, Wording.SHORT)]
        assert all(is_gsm7(text) for text in sent)
        questions = [text for text in sent if "SKIP" in text]
        assert len(questions) >= made.total
        assert max(segments(text) for text in questions) <= 2
