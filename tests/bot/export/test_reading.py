"""What a case is made of: answers and their parts, what left and what did not, reminders, versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete, insert, select, update

from bot.export.answers import answer_row
from bot.export.measures import merged, natural, tidy
from bot.export.reading import Study
from bot.export.record import Case, Kind, Scope, Speaker
from bot.export.transcript import shown
from bot.interview.state import Progress
from bot.messages import Address, Inbound, Media, MediaKind
from bot.records.tables import interviews, messages, metadata
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import Vault
from bot.service import enrolment, intake
from bot.service.enrolment import Entry
from tests.bot.export.study import cases, joins, stored_answers
from tests.bot.world import NOON, World, world

UTC_ZONE = ZoneInfo("UTC")


def the(held: World, code: str) -> Case:
    return next(case for case in cases(held) if case.code == code)


def test_every_answer_is_the_one_in_the_database(held: World) -> None:
    stored = {key: text for key, text in stored_answers(held).items() if key[0] not in ("P02", "SW03")}
    read = {
        (case.code, answer.question): answer.text for case in cases(held) for answer in case.answers if answer.parts
    }
    assert read == stored
    assert len(stored) == 10


def test_a_skipped_question_has_no_words_and_says_so(held: World) -> None:
    skipped = [a for a in the(held, "SW01").answers if a.progress is Progress.SKIPPED]
    assert [(answer.question, answer.text) for answer in skipped] == [("b-access", "")]


def test_what_was_taken_back_is_counted_and_not_a_part(held: World) -> None:
    taken_back = [(a.question, a.text, a.removed) for case in cases(held) for a in case.answers if a.removed]
    assert taken_back == [("b-private", "", 1), ("b-decide", "", 1)]


def test_a_probe_and_its_reply_stand_at_the_question_that_was_open(held: World) -> None:
    answers = {answer.question: answer for answer in the(held, "P01").answers}
    assert [probe.author for probe in answers["a-choice"].probes] == ["R01"]
    assert [reply.text for reply in answers["a-choice"].replies] == ["About visits."]
    assert [probe.author for probe in answers["a-reach"].probes] == ["R02"]


def test_researchers_are_numbered_as_they_first_wrote_and_each_is_found_without_reading_what_people_said() -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    row = {"participant_id": 1, "key_id": 1, "channel": "sms", "belongs": "sent", "at": NOON}
    wrote = [("out", "bot"), ("in", "participant"), ("out", "Zoë"), ("out", "Ann"), ("out", "Zoë"), ("out", "Ann")]
    with engine.begin() as connection:
        rows = [{**row, "direction": direction, "author": author} for direction, author in wrote]
        connection.execute(insert(messages), rows)
        connection.execute(insert(messages).values({**rows[-1], "author": "Nobody", "participant_id": None}))
        uow = UnitOfWork(connection, Vault(b"k" * 32), NOON, str, {})
        assert Study(uow, UTC_ZONE).researchers == {"Zoë": "R01", "Ann": "R02"}
        run: list[str] = []
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(run.append)
        Study(uow, UTC_ZONE)
        driver.set_trace_callback(None)
        plans = [driver.execute(f"EXPLAIN QUERY PLAN {one}").fetchall() for one in run if "messages.author" in one]
    engine.dispose()
    assert len(plans) == 3
    assert all("USING INDEX ix_messages_team" in plan[0][3] for plan in plans)


def test_a_message_that_never_left_was_not_said(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        phone = joins(study, 1)
        phone.consents()
        for number, text in enumerate(("an answer", "DONE", "STOP")):
            inbound = Inbound(f"late/{number}", phone.address, text, text.encode())
            study.run(intake.receive, study.program.terms, inbound)
        (case,) = cases(study)
        assert [a.question for a in case.answers] == ["b-now", "b-decide"]
        assert case.answers[1].asked == ()
        never = [turn for turn in case.turns if not turn.left]
        assert {turn.delivery for turn in never} == {"cancelled", "pending"}
        assert not {turn.id for turn in never} & {turn.id for turn in case.heard}


def test_reminders_before_the_answer_are_counted(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        phone = joins(study, 1)
        phone.consents()
        phone.says("HELP", "HELP", "my answer", "HELP")
        help_texts = messages.c.texts == "help"
        study.run(lambda uow: uow.execute(update(messages).where(help_texts).values(texts="reminder-1")))
        (case,) = cases(study)
        assert case.answers[0].reminders == 2
        assert [turn.kind for turn in case.turns].count(Kind.REMINDER) == 3


def test_a_simulated_phone_is_read_as_the_channel_it_plays(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        entry = Entry("social-workers", Address("simulator", "whatsapp/ann"))
        study.run(enrolment.enrol, study.program.terms, study.program.rules, entry)
        (case,) = cases(study, scope=Scope.ENROLLED)
        assert {turn.channel for turn in case.turns} == {"WhatsApp"}
        assert {turn.speaker for turn in case.turns} == {Speaker.BOT}


def test_scopes_hold_who_they_say(held: World) -> None:
    assert [case.code for case in cases(held)] == ["P01", "SW01", "SW02"]
    assert [case.code for case in cases(held, scope=Scope.ENROLLED)] == ["P01", "SW01", "SW02", "SW03"]
    assert [case.code for case in cases(held, scope=Scope.ALL)] == ["P01", "P02", "SW01", "SW02", "SW03"]


def test_codes_are_in_the_order_people_count() -> None:
    assert sorted(["P10", "SW1", "P2", "P02B", "7P"], key=natural) == ["7P", "P2", "P02B", "P10", "SW1"]


@pytest.mark.parametrize(
    ("orders", "whole"),
    [
        ([], ()),
        ([["a", "b"]], ("a", "b")),
        ([["a", "c"], ["a", "b", "c"]], ("a", "b", "c")),
        ([["a", "b", "c"], ["a", "c", "d"]], ("a", "b", "c", "d")),
        ([["b"], ["a", "b"]], ("a", "b")),
    ],
)
def test_orders_of_several_versions_become_one(orders: list[list[str]], whole: tuple[str, ...]) -> None:
    assert merged(orders) == whole


@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True), max_size=4))
def test_a_merged_order_has_everything_once(orders: list[list[str]]) -> None:
    whole = merged(orders)
    assert sorted(whole) == sorted({name for order in orders for name in order})


@given(st.text())
def test_tidy_words_can_be_in_any_document(text: str) -> None:
    tidied = tidy(text)
    assert "\r" not in tidied
    assert tidy(tidied) == tidied
    if not any(0xD800 <= ord(letter) <= 0xDFFF for letter in tidied):
        element = Element("a")
        element.text = tidied
        assert fromstring(tostring(element, "unicode")).text == (tidied or None)


def test_a_changed_message_has_its_newest_words_once_at_its_first_place(held: World) -> None:
    with_changes = ("SW02", "b-now")
    case = the(held, with_changes[0])
    (first, second) = next(a for a in case.answers if a.question == with_changes[1]).parts
    person = {"participant_id": case.head.id, "key_id": _key_of(held, first.id), "channel": "sms"}
    for text in ("first changed", "first changed again"):
        _insert(held, case, person, replaces=first.id, text=text)
    try:
        (now, then) = next(a for a in the(held, "SW02").answers if a.question == "b-now").parts
        assert (now.id, now.text, now.edits) == (first.id, "first changed again", 2)
        assert (then.text, then.edits) == (second.text, 0)
        taken_back = update(messages).where(messages.c.id == first.id)
        held.run(lambda uow: uow.execute(taken_back.values(removed_at=held.clock())))
        answer = next(a for a in the(held, "SW02").answers if a.question == "b-now")
        assert (answer.text, answer.removed) == ("second", 1), "what was taken back is gone in every form"
    finally:
        held.run(lambda uow: uow.execute(delete(messages).where(messages.c.replaces == first.id)))
        held.run(lambda uow: uow.execute(update(messages).where(messages.c.id == first.id).values(removed_at=None)))


def test_what_came_besides_words_is_named(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        phone = joins(study, 1)
        phone.consents()
        voice = Media(MediaKind.VOICE, "audio/ogg", content=b"sound", seconds=92)
        inbound = Inbound("voice/1", phone.address, "", b"", media=(voice,))
        study.run(intake.receive, study.program.terms, inbound)
        (case,) = cases(study)
        (part,) = case.answers[0].parts
        assert [one.what for one in part.media] == ["voice note 1:32"]
        assert shown(part) == "[voice note 1:32]"


def _key_of(held: World, message: int) -> int:
    query = select(messages.c.key_id).where(messages.c.id == message)
    found: int = held.program.database.read_now(lambda uow: uow.execute(query).scalar_one())
    return found


def _insert(held: World, case: Case, person: dict[str, object], replaces: int, text: str) -> None:
    """A newer form of a message, as intake stores it."""

    def store(uow: UnitOfWork) -> None:
        key = uow.key(_key_of(held, replaces))
        row = {"direction": "in", "author": "participant", "belongs": "answer", "question": "b-now", "at": uow.now}
        uow.execute(insert(messages).values(**person, **row, replaces=replaces, body=key.seal(text, "body")))

    held.run(store)


def test_a_supporters_help_and_a_researcher_who_has_not_written_are_told_without_names(tmp_path: Path) -> None:
    """Whose words an answer is in is data; the name of whoever is to write is not."""
    with world(tmp_path) as study:
        person = joins(study, 1, researcher="Kim Lee")
        person.consents()
        person.answers("I text her.")
        person.says("PERSON")
        saved = study.program.database.read_now(lambda uow: uow.all(select(interviews.c.saved)))[0]["saved"]
        saved["answers"]["b-now"][4] = "with help"
        study.run(lambda uow: uow.execute(update(interviews).values(saved=saved)))
        (case,) = cases(study)
        assert answer_row(case, case.answers[0])["whose_words"] == "with help"
        assert answer_row(case, case.answers[1])["whose_words"] == ""
        texts = " ".join(turn.text for turn in case.turns)
        assert "Kim Lee" not in texts
        assert "R01" in texts
