"""Changing channel: one record, one place, nothing asked twice, and nobody's address taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import NotSent, OwnPaceError
from bot.messages import Address, Inbound
from bot.records import tables
from bot.records.tables import addresses, consents, outbox
from bot.service import intake, moves, outcomes
from bot.service.intake import Received
from tests.bot.world import PHONE, Post, World, world

MAIL = Address("email", "sam@example.org")
CHAT = Address("telegram", "4711")


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    channels = {"sms": Post("sms"), "email": Post("email"), "telegram": Post("telegram", abilities=frozenset())}
    with world(tmp_path, channels) as made:
        yield made


def code_sent(study: World) -> str:
    """The code in what leaves now."""
    found = [match[1] for said in study.leave() if (match := re.search(r"code is (\d{6})", said))]
    assert len(found) == 1
    return found[0]


def wants_email(study: World) -> str:
    study.says("CHANGE")
    study.says("email")
    study.says(" sam@example.org ")
    return code_sent(study)


def asked(study: World, code: str) -> list[tuple[str, str]]:
    """Channel and question of each question that was sent."""
    return [(e.channel, e.question) for e in study.record(code).entries if not e.incoming and e.number and e.question]


@pytest.mark.parametrize("sender", [PHONE, MAIL], ids=["on the old channel", "on the new one"])
def test_the_code_comes_back_and_the_open_question_appears_once_on_the_new_channel(
    study: World, sender: Address
) -> None:
    code = study.consented()
    assert study.says(f"the code is {wants_email(study)}", sender) is Received.TAKEN
    said = study.leave()
    assert "From now on we will write to you here." in said[0]
    assert asked(study, code) == [("sms", "b-now"), ("email", "b-now")]
    assert {e.channel for e in study.record(code).entries[-2:]} == {"email"}
    study.says("I answer by email", MAIL)
    assert [e.body for e in study.record(code).entries if e.question == "b-now" and e.incoming] == ["I answer by email"]


@pytest.mark.parametrize(("hours", "right"), [(1, True), (10, True), (10, False)], ids=["by day", "at night", "wrong"])
def test_whoever_sends_the_code_hours_later_hears_at_once(study: World, hours: int, right: bool) -> None:
    study.consented()
    code = wants_email(study)
    study.clock.forward(hours=hours)
    study.says(code if right else "000000")
    said = study.leave()
    assert said[0].startswith("Thank you. From now on" if right else "Sorry, that is not the code")
    assert [body[:5] for body in said[1:]] == (["Q1 of"] if right else [])


def test_an_answer_begun_on_one_channel_goes_on_on_the_other(study: World) -> None:
    code = study.consented()
    study.says("First part by text")
    study.says(wants_email(study))
    study.leave()
    study.says("Second part by email", MAIL)
    study.says("DONE", MAIL)
    parts = [(e.channel, e.body) for e in study.record(code).entries if e.question == "b-now" and e.incoming]
    assert parts == [("sms", "First part by text"), ("email", "Second part by email")]
    assert study.record(code).row.place.startswith("Question 2 ")


def test_a_code_that_waits_until_they_write_from_the_new_app_leaves_when_they_do(tmp_path: Path) -> None:
    app = Address("whatsapp", "+447700900456")
    window = {"window": timedelta(hours=24), "templates": frozenset({"template-reopen"})}
    with world(tmp_path, {"sms": Post("sms"), "whatsapp": Post("whatsapp", **window)}) as study:
        code = study.consented()
        for words in ("CHANGE", "WhatsApp", app.value):
            study.says(words)
        assert any("Reply YES to get it now" in body for body in study.leave())
        assert study.says("STOP", app) is Received.HELD
        assert study.leave() == []
        assert study.says("Yes", app) is Received.HELD, "they may have been written to by mistake"
        (told,) = study.leave()
        study.says(told.split("code is ")[1][:6], app)
        assert [body[:9] for body in study.leave()] == ["Thank you", "Q1 of 14."]
        assert asked(study, code)[-1] == ("whatsapp", "b-now")


def test_a_wrong_code_changes_nothing_and_too_many_bring_a_person(study: World) -> None:
    code = study.consented()
    right = wants_email(study)
    for _ in range(moves.MOST_TRIES):
        study.says("000000" if right != "000000" else "000001")
    assert "a person will see to it" in study.leave()[-1]
    study.says(right)
    study.leave()
    assert study.record(code).row.channel == "text"
    assert study.open_tasks() == ["change channel"]


def test_whoever_tries_codes_at_the_new_address_ends_there_and_the_person_hears_of_it(study: World) -> None:
    study.consented()
    right = wants_email(study)
    for _ in range(moves.MOST_TRIES):
        study.says("000000" if right != "000000" else "000001", MAIL)
    assert "a person will see to it" in study.leave()[-1]
    assert study.says(right, MAIL) is Received.HELD


def test_a_code_is_of_no_use_after_a_week_and_the_person_hears_why(study: World) -> None:
    code = study.consented()
    for sender in (PHONE, MAIL):
        right = wants_email(study)
        study.leave()
        study.clock.forward(days=7, minutes=1)
        study.says(right, sender)
        assert any("that code is too old" in said for said in study.leave())
        assert study.record(code).row.channel == "text"
        assert study.says(right, MAIL) is Received.HELD
        study.leave()


def test_a_link_is_of_no_use_after_a_week(study: World) -> None:
    code = study.consented()
    start = link_sent(study, PHONE)
    study.clock.forward(days=7, minutes=1)
    assert study.says("", CHAT, start=start) is Received.HELD
    assert any("that code is too old" in said for said in study.leave())
    assert study.record(code).row.channel == "text"


def test_after_three_codes_in_a_day_nobody_else_is_written_to_and_a_person_helps(study: World) -> None:
    """Whoever has somebody's phone cannot send our mail to the whole world, nor learn who else takes part."""
    study.enrol(Address("email", "taken0@example.org"))
    study.consented()
    study.leave()
    for number in range(6):
        study.says("CHANGE")
        study.says("email")
        study.says(f"taken{number}@example.org")
    said = study.leave()
    assert len([words for words in said if "Your code is" in words]) == moves.MOST_A_DAY - 1
    assert len([words for words in said if "We have sent a code" in words]) == moves.MOST_A_DAY
    assert "change channel" in study.open_tasks()
    assert "a person will see to it" in said[-1]
    study.clock.forward(days=1)
    study.says(wants_email(study))
    assert any("From now on we will write to you here" in words for words in study.leave())


def test_the_address_of_somebody_else_is_never_taken_and_nobody_learns_of_it(study: World) -> None:
    study.enrol(MAIL)
    code = study.consented()
    study.says("CHANGE")
    study.says("email")
    study.says("sam@example.org")
    said = study.leave()
    assert "We have sent a code" in said[-1], "the same words as ever"
    assert "address in use" in study.open_tasks()
    assert study.record(code).row.channel == "text"
    with pytest.raises(OwnPaceError, match="somebody else's"):
        study.run(moves.move, study.program.terms, code, "email", "sam@example.org", "Ann")


def test_what_is_no_address_is_asked_for_again(study: World) -> None:
    study.consented()
    study.says("CHANGE")
    study.says("telegraph")
    assert study.open_tasks() == ["change channel"], "a person helps with what is not there"


def test_somebody_who_never_asked_is_held_when_they_send_a_code(study: World) -> None:
    study.consented()
    wants_email(study)
    assert study.says("123 456", Address("email", "kim@example.org")) is Received.HELD


def test_a_code_leaves_by_whatsapp_once_they_have_written_there(tmp_path: Path) -> None:
    """Before that WhatsApp takes an approved text only, which holds no code and asks them to write."""
    window = {"window": timedelta(hours=24), "templates": frozenset({"template-reopen"})}
    new = Address("whatsapp", "+447700900555")
    with world(tmp_path, {"sms": Post("sms"), "whatsapp": Post("whatsapp", **window)}) as study:
        code = study.consented()
        for words in ("CHANGE", "WhatsApp", new.value):
            study.says(words)
            said = [*study.leave(), *study.leave()]
        assert any("message ready for you" in each for each in said)
        study.clock.forward(minutes=5)
        study.says("STOP", new)
        assert study.leave() == [], "a wrong number, perhaps"
        study.says("Yes", new)
        study.says(code_sent(study), new)
        assert any("From now on we will write to you here" in words for words in study.leave())
        assert study.record(code).row.channel == "WhatsApp"


def test_whoever_corrects_their_whatsapp_number_is_asked_to_write_there_too(tmp_path: Path) -> None:
    window = {"window": timedelta(hours=24), "templates": frozenset({"template-reopen"})}
    with world(tmp_path, {"sms": Post("sms"), "whatsapp": Post("whatsapp", **window)}) as study:
        study.consented()
        for number in ("+447700900554", "+447700900555"):
            for words in ("CHANGE", "WhatsApp", number):
                study.says(words)
                said = [*study.leave(), *study.leave()]
            assert any("message ready for you" in each for each in said), number
        assert [*study.leave(), *study.leave()] == []


def test_telegram_is_opened_by_a_link_and_only_once(study: World) -> None:
    code = study.consented()
    study.says("CHANGE")
    study.says("Telegram")
    link = next(said for said in study.leave() if "chat.example" in said)
    start = link.rsplit("/", 1)[1]
    assert study.says("", Address("telegram", "666"), start="guess") is Received.HELD
    assert study.says("", CHAT, start=start) is Received.TAKEN
    study.leave()
    assert asked(study, code)[-1] == ("telegram", "b-now")
    assert study.says("", Address("telegram", "666"), start=start) is Received.HELD, "a link opens once"
    assert study.says("", CHAT, start=start) is Received.TAKEN, "tapping it again harms nobody"
    assert [kind for kind, _ in asked(study, code)] == ["sms", "telegram", "telegram"], "and is answered"


def link_sent(study: World, sender: Address) -> str:
    """The code of the link that somebody gets who wants Telegram."""
    study.says("CHANGE", sender)
    study.says("Telegram", sender)
    link = next(said for said in study.leave() if "chat.example" in said)
    return link.rsplit("/", 1)[1]


def test_a_link_brings_somebody_back_to_where_they_were_before(study: World) -> None:
    code = study.consented()
    study.says("", CHAT, start=link_sent(study, PHONE))
    study.leave()
    study.run(moves.move, study.program.terms, code, "sms", PHONE.value, "Ann")
    study.leave()
    study.says("", CHAT, start=link_sent(study, PHONE))
    assert "From now on we will write to you here." in study.leave()[0]
    assert [kind for kind, _ in asked(study, code)] == ["sms", "telegram", "sms", "telegram"]


def test_a_link_that_is_used_up_gets_the_open_question_as_its_answer(study: World) -> None:
    code = study.consented()
    start = link_sent(study, PHONE)
    study.says("", CHAT, start=start)
    before = study.leave()
    study.says("", CHAT, start=start)
    assert study.leave() == before[-1:]
    assert study.open_tasks() == []
    assert study.heard(code)[-2:] == ["", ""]


def test_a_link_of_somebody_else_moves_nobody_and_brings_a_person(study: World) -> None:
    code = study.consented()
    study.says("", CHAT, start=link_sent(study, PHONE))
    study.leave()
    other = Address("sms", "+447700900124")
    others = study.consented(other)
    study.says("", CHAT, start=link_sent(study, other))
    assert len(study.leave()) == 1, "the open question is the answer"
    assert (study.record(others).row.channel, study.record(code).row.channel) == ("text", "Telegram")
    assert "joined already" in study.open_tasks()


def test_somebody_enrolled_on_telegram_is_written_to_once_they_have_opened_the_link(study: World) -> None:
    code = study.enrol(Address("telegram", ""))
    assert study.leave() == [], "a bot cannot write first"
    (row,) = study.program.database.read_now(lambda uow: uow.all(addresses.select()))
    key = study.program.database.read_now(lambda uow: uow.key(1))
    start = key.open(row["value"], "address").removeprefix("start ")
    assert study.says("", CHAT, start=start) is Received.TAKEN
    said = study.leave()
    assert said[0].startswith("Hello Sam")
    assert len(said) == len(set(said))
    assert "YES or NO" in said[-1]
    assert study.record(code).row.channel == "Telegram"


def test_where_the_study_asks_for_it_consent_is_given_again_before_any_question(tmp_path: Path) -> None:
    channels = {"sms": Post("sms"), "email": Post("email")}
    prompts = Path(__file__).parents[3] / "prompts"
    agree = {"prompts": prompts, "contact_phone": "01632 960000", "agree_again_on_new_channel": True}
    with world(tmp_path, channels, study=agree) as study:
        code = study.consented()
        study.says(wants_email(study))
        study.says("yes", MAIL)
        assert study.count_of(consents, consents.c.statement == "consent-again") == 0, "they cannot have read it yet"
        study.leave()
        assert asked(study, code) == [("sms", "b-now")]
        study.says("yes", MAIL)
        study.leave()
        assert asked(study, code) == [("sms", "b-now"), ("email", "b-now")]
        assert study.count_of(consents, consents.c.statement == "consent-again") == 1
        assert "still agree" in study.record(code).consent[-1].words


def test_stop_on_one_channel_stops_all(study: World) -> None:
    code = study.consented()
    study.says(wants_email(study))
    study.leave()
    study.says("STOP", PHONE)
    assert study.record(code).row.state == "Stopped messages"
    study.says("DONE", MAIL)
    assert study.count_of(outbox, outbox.c.state == "pending", outbox.c.question.is_not(None)) == 0


@pytest.mark.parametrize("kind", ["email", "telegram"])
@pytest.mark.parametrize("ends", ["STOP", "LEAVE"])
@pytest.mark.parametrize("again", ["AGAIN", "READY"])
def test_after_a_stop_no_code_leaves_and_none_is_of_use(study: World, kind: str, ends: str, again: str) -> None:
    """Not to the new address, and not on the old phone once they are back either."""
    code = study.consented()
    study.says("CHANGE")
    study.says(kind)
    if kind == "email":
        study.says(MAIL.value)
    study.says(ends)
    left = study.leave()
    study.says(again)
    left += study.leave()
    assert [said for said in left if " code" in said or "chat.example" in said] == []
    assert study.count_of(tables.moves) == 0
    assert study.record(code).row.channel == "text"


def test_a_code_under_way_at_a_stop_is_not_tried_again(study: World) -> None:
    study.consented()
    study.says("CHANGE")
    study.says("email")
    study.says(MAIL.value)
    under_way = next(one for one in study.claim() if one.kind == "email")
    study.says("STOP")
    study.run(outcomes.not_sent, study.program.terms, under_way, NotSent("The line is down."))
    study.clock.forward(minutes=1)
    assert MAIL.value not in {one.message.to.value for one in study.claim()}


def test_a_researcher_moves_somebody_after_making_sure_with_them(study: World) -> None:
    code = study.consented()
    study.run(moves.move, study.program.terms, code, "email", "sam@example.org", "Ann")
    study.leave()
    assert asked(study, code) == [("sms", "b-now"), ("email", "b-now")]
    with pytest.raises(OwnPaceError, match="not set up here"):
        study.run(moves.move, study.program.terms, code, "pigeon", "roof", "Ann")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("123456", "123456"),
        (" 123 456 ", "123456"),
        ("Code: 123-456.", "123456"),
        ("the code is 123456", "123456"),
        ("12345", None),
        ("1234567", None),
        ("I rang 123456 times and nobody came", None),
        ("", None),
    ],
)
def test_a_code_is_told_from_an_answer(text: str, code: str | None) -> None:
    assert moves.code_in(text) == code


def test_a_code_is_found_among_other_words_wherever_it_comes_from(study: World) -> None:
    study.consented()
    assert study.says(f"Hello, the code is {wants_email(study)}.\n\nKind regards\nSam", MAIL) is Received.TAKEN


def test_an_answer_with_another_number_is_an_answer_while_a_code_is_awaited(study: World) -> None:
    code = study.consented()
    right = wants_email(study)
    study.says("I earn 120 000 a year and 300 000 went to my flat.")
    assert "I earn 120 000 a year and 300 000 went to my flat." in study.heard(code)
    assert study.says(right, MAIL) is Received.TAKEN


def test_only_codes_are_counted_as_wrong_codes_and_each_once(study: World) -> None:
    """What Twilio holds is asked for again every five minutes, and programs answer by themselves."""
    study.consented()
    right = wants_email(study)
    for _ in range(6):
        study.says("Who are you?", MAIL)
        study.says("I am away. Call 111111", MAIL, automatic=True)
    wrong = Inbound("the same", MAIL, "000000", b"")
    for _ in range(6):
        study.run(intake.receive, study.program.terms, wrong)
    assert study.says(right, MAIL) is Received.TAKEN


def test_two_people_who_want_the_same_address_are_told_apart_by_their_codes(study: World) -> None:
    """Whoever brings their code first has it."""
    study.consented()
    other = Address("sms", "+447700900124")
    code = study.consented(other)
    wants_email(study)
    study.says("CHANGE", other)
    study.says("email", other)
    study.says("sam@example.org", other)
    assert study.says(code_sent(study), MAIL) is Received.TAKEN
    assert study.record(code).row.channel == "email"


def test_a_question_under_way_during_a_move_is_not_tried_again_at_the_old_address(study: World) -> None:
    code = study.consented()
    study.says("An answer")
    study.says("DONE")
    (question,) = study.claim()
    study.run(moves.move, study.program.terms, code, "email", MAIL.value, "Kim")
    study.run(outcomes.not_sent, study.program.terms, question, NotSent("The line is down."))
    study.clock.forward(minutes=1)
    assert {one.kind for one in study.claim()} == {"email"}
    assert study.count_of(outbox, outbox.c.question == "b-decide", outbox.c.state != "cancelled") == 1
