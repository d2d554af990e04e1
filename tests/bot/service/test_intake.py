"""What comes in is stored first, under the right person, whatever else it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select, update

from bot.interview.engine import Step, step
from bot.interview.events import Event
from bot.interview.state import Interview
from bot.messages import Address, Delivery, DeliveryUpdate, Inbound, Media, MediaKind, Reach, Undeciphered
from bot.records import tables
from bot.records.unit_of_work import UnitOfWork
from bot.service import conversations, handovers, intake, media, outcomes
from bot.service.intake import Received
from tests.bot.world import PHONE, Post, World, world

OTHER = Address("sms", "+447700900124")


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, {"sms": Post("sms"), "email": Post("email", threads=True)}) as made:
        yield made


def outbox_ids(study: World, code: str, question: str) -> str:
    query = select(tables.outbox.c.id).where(tables.outbox.c.question == question)
    person = select(tables.participants.c.id).where(tables.participants.c.code == code).scalar_subquery()
    return str(
        study.program.database.read_now(
            lambda uow: uow.execute(query.where(tables.outbox.c.participant_id == person)).scalars().first()
        )
    )


def test_a_bounce_of_no_mail_of_ours_is_kept_for_a_person(study: World) -> None:
    """Once, and only that: a bounce of ours is news of it, and needs no place of its own."""
    code = study.consented(Address("email", "sam@example.org"))
    kept = Undeciphered("a digest", b"raw", "It is none of ours.")
    strange = DeliveryUpdate("<x@y.example>", Delivery.FAILED, "no token", otherwise=kept)
    ours = DeliveryUpdate("", Delivery.FAILED, outbox_ids(study, code, "b-now"), otherwise=kept)
    before = study.stored()
    study.run(intake.take, study.program.terms, "email", [ours])
    assert (study.stored(), study.open_tasks()) == (before, ["not delivered"])
    for _ in range(2):
        study.run(intake.take, study.program.terms, "email", [strange])
    assert study.stored() == before + 1
    assert study.open_tasks() == ["not delivered", "unreadable delivery"]


# The right person, the right question


def test_a_reply_by_token_attaches_to_the_question_it_answers(study: World) -> None:
    code = study.consented()
    token = outbox_ids(study, code, "b-now")
    study.says("First")
    study.says("DONE")
    study.leave()
    study.says("More about the first", reply_to=("unknown", token))
    assert [e.question for e in study.record(code).entries if e.incoming][-1] == "b-now"


def test_a_reply_by_token_attaches_to_the_question_it_answers_also_during_a_break(study: World) -> None:
    code = study.consented()
    token = outbox_ids(study, code, "b-now")
    for words in ("First", "DONE", "PAUSE", "2"):
        study.says(words)
        study.leave()
    study.says("More about the first", reply_to=(token,))
    study.says("And of the second")
    assert [e.question for e in study.record(code).entries if e.incoming][-2:] == ["b-now", "b-decide"]


def test_a_mail_begun_anew_to_a_remembered_address_answers_the_open_question(study: World) -> None:
    """Programs suggest the address that they know, which is that of a mail of long ago."""
    code = study.consented()
    token = outbox_ids(study, code, "b-now")
    study.says("First")
    study.says("DONE")
    study.leave()
    study.says("About the second", reply_to=(token,), anew=True)
    assert [e.question for e in study.record(code).entries if e.incoming][-1] == "b-decide"
    elsewhere = Address("email", "sam@elsewhere.example")
    assert study.says("From my other address", elsewhere, reply_to=(token,), anew=True) is Received.FLAGGED


def test_a_reply_to_any_part_of_a_long_question_attaches_to_it(study: World) -> None:
    code = study.consented()
    study.says("First")
    study.says("DONE")
    (long,) = study.claim()
    study.run(outcomes.accepted, long.seq, "part 1", ("part 2", "part 3"))
    study.says("Second")
    study.says("DONE")
    study.leave()
    study.says("More about the second question", reply_to=("part 3",))
    assert [e.question for e in study.record(code).entries if e.incoming][-1] == "b-decide"


NUMBER, USER = Address("whatsapp", "+447700900123"), Address("whatsapp", "GB.1234567890")


@pytest.fixture
def whatsapp(tmp_path: Path) -> Iterator[World]:
    channel = Post("whatsapp", window=timedelta(hours=24), templates=frozenset({"template-reopen"}))
    with world(tmp_path, {"whatsapp": channel}) as made:
        yield made


def begun(study: World) -> str:
    """Somebody on WhatsApp, who has seen the first question; their code."""
    code = study.enrol(NUMBER)
    for _ in range(len(study.program.schedules[("social-workers", "en")].statements) + 1):
        study.says("yes", NUMBER)
        study.leave()
    return code


def test_somebody_who_hides_their_number_later_is_known_and_answered_where_they_write(whatsapp: World) -> None:
    """WhatsApp tells their other id while it still tells the number."""
    study = whatsapp
    code = begun(study)
    study.says("First", NUMBER, also=(USER,))
    study.clock.forward(days=3)
    assert study.says("Second", USER) is Received.TAKEN
    assert study.heard(code)[-2:] == ["First", "Second"]
    study.says("DONE", USER)
    (question,) = study.claim()
    assert (question.message.to.value, question.message.template) == (USER.value, None)


def test_what_waits_for_somebody_to_write_leaves_when_they_write_without_their_number(whatsapp: World) -> None:
    study = whatsapp
    begun(study)
    study.says("First", NUMBER, also=(USER,))
    study.clock.forward(days=1)
    study.run(conversations.wake, study.program.terms)
    (reopen,) = next(claimed for _ in range(20) if (claimed := study.claim()))
    assert "message ready for you" in reopen.message.body
    study.run(outcomes.accepted, reopen.seq, "SM1")
    study.says("yes", USER)
    assert len(study.leave()) == 1


def test_somebody_with_a_new_number_is_not_written_to_at_the_old_one(whatsapp: World) -> None:
    study = whatsapp
    code = begun(study)
    study.says("First", NUMBER, also=(USER,))
    new = Address("whatsapp", "+447700900777")
    assert study.says("Second", new, also=(USER,)) is Received.TAKEN
    study.clock.forward(hours=23)
    study.run(conversations.wake, study.program.terms)
    assert {one.message.to.value for one in study.claim()} == {new.value}
    assert study.heard(code)[-2:] == ["First", "Second"]


def test_somebody_whose_id_nobody_told_is_known_by_the_chat_in_which_they_answer(whatsapp: World) -> None:
    study = whatsapp
    code = begun(study)
    study.says("First", NUMBER)
    study.says("DONE", NUMBER)
    (question,) = study.claim()
    study.run(outcomes.accepted, question.seq, "MM1")
    assert study.says("Second", USER, reply_to=("MM1",), in_chat=True) is Received.TAKEN
    assert study.says("DONE", USER) is Received.TAKEN
    assert study.heard(code)[-4:] == ["First", "DONE", "Second", "DONE"]
    assert study.open_tasks() == []
    assert {one.message.to.value for one in study.claim()} == {USER.value}
    assert study.says("HELP", NUMBER) is Received.TAKEN


def test_a_sender_whose_number_is_hidden_and_who_answers_nothing_waits_for_a_person_who_is_told_why(
    whatsapp: World,
) -> None:
    study = whatsapp
    code = begun(study)
    assert study.says("It is me", USER, if_unknown="They hide their number.") is Received.HELD
    notes = study.program.database.read_now(lambda uow: uow.all(select(tables.tasks.c.note)))
    assert [row["note"] for row in notes] == ["They hide their number."]
    assert "It is me" not in study.heard(code)


def test_an_id_that_is_somebody_elses_stays_theirs(whatsapp: World) -> None:
    study = whatsapp
    other = study.enrol(Address("whatsapp", "+447700900999"))
    study.says("HELP", Address("whatsapp", "+447700900999"), also=(USER,))
    code = begun(study)
    study.says("Mine", NUMBER, also=(USER,))
    study.says("Theirs", USER)
    assert (study.heard(code)[-1], study.heard(other)[-1]) == ("Mine", "Theirs")


def test_a_reply_from_an_address_that_is_not_theirs_is_kept_with_them_and_flagged(study: World) -> None:
    code = study.consented()
    token = outbox_ids(study, code, "b-now")
    assert study.says("I am somebody else", Address("email", "x@example.org"), reply_to=(token,)) is Received.FLAGGED
    entry = study.record(code).entries[-1]
    assert (entry.body, entry.belongs, entry.question) == ("I am somebody else", "flagged", None)
    assert study.open_tasks() == ["sender not confirmed"]


def test_somebody_known_who_answers_another_persons_message_is_held_not_guessed(study: World) -> None:
    code, other = study.consented(), study.consented(OTHER)
    token = outbox_ids(study, code, "b-now")
    assert study.says("Whose is this?", OTHER, reply_to=(token,)) is Received.HELD
    assert "Whose is this?" not in study.heard(code) + study.heard(other)
    assert study.open_tasks() == ["answers somebody else's message"]


def test_an_automatic_reply_is_recorded_and_answers_nothing(study: World) -> None:
    code = study.consented()
    study.says("I am out of the office until Monday", automatic=True)
    entry = study.record(code).entries[-1]
    assert (entry.belongs, entry.question) == ("automatic", None)
    assert study.waiting() == 0


def test_a_stranger_who_is_a_program_gets_no_reply(study: World) -> None:
    study.says("Automatic reply", Address("email", "robot@example.org"), automatic=True)
    assert study.waiting() == 0


def test_never_more_than_a_few_strangers_are_answered_in_an_hour(study: World) -> None:
    for number in range(40):
        study.says("Buy this", Address("email", f"{number}@example.org"))
    assert study.waiting() == intake.MOST_STRANGERS
    assert study.stored() == 40


# When it was written


def test_a_yes_to_a_statement_that_has_not_left_agrees_to_nothing(study: World) -> None:
    """Consent is never recorded for words that the person cannot have read."""
    code = study.enrol()
    study.says("yes")
    study.says("I agree")
    assert study.count_of(tables.consents) == 0
    study.leave()
    study.says("yes")
    study.says("I agree")
    assert study.count_of(tables.consents) == 1, "the second was written before the second statement left"
    assert study.record(code).row.place.startswith("Statement 2 ")


def test_asking_again_does_not_make_the_open_question_unseen(study: World) -> None:
    code = study.consented()
    study.says("First")
    study.says("DONE")
    study.leave()
    study.says("AGAIN")
    study.says("My second answer")
    assert [e.question for e in study.record(code).entries if e.incoming][-1] == "b-decide"
    study.clock.forward(minutes=30)
    study.run(conversations.wake, study.program.terms)
    assert study.record(code).row.place.startswith("Question 3 ")


def test_what_was_written_before_the_question_left_and_found_later_belongs_to_the_one_before(study: World) -> None:
    code = study.consented()
    written = study.clock.now
    study.says("First")
    study.says("DONE")
    study.clock.forward(minutes=10)
    study.leave()
    study.says("I forgot this", written_at=written)
    assert [e.question for e in study.record(code).entries if e.incoming][-1] == "b-now"
    study.says("About the second", written_at=study.clock.now + timedelta(seconds=1))
    assert [e.question for e in study.record(code).entries if e.incoming][-1] == "b-decide"


def test_a_provider_is_not_asked_about_the_time_before_the_study(study: World) -> None:
    early = Inbound("AC1/SM1", OTHER, "Hello", b"raw", written_at=study.clock.now - timedelta(days=1))
    study.run(intake.missed, study.program.terms, "sms", early)
    study.enrol()
    study.run(intake.missed, study.program.terms, "sms", early)
    assert study.stored() == 0
    study.run(intake.missed, study.program.terms, "sms", Inbound("AC1/SM2", PHONE, "Hello", b"raw", study.clock.now))
    assert study.stored() == 1


# Versions


def test_a_changed_message_is_kept_beside_the_first_and_moves_nothing(study: World) -> None:
    code = study.consented()
    study.says("By fone", provider_id="7/1")
    study.says("By phone", provider_id="7/1", edits="7/1")
    entries = [e for e in study.record(code).entries if e.incoming][-2:]
    assert [(e.body, e.belongs, e.question) for e in entries] == [
        ("By fone", "answer", "b-now"),
        ("By phone", "answer", "b-now"),
    ]
    rows = study.program.database.read_now(lambda uow: uow.all(select(tables.messages.c.replaces)))
    assert rows[-1]["replaces"] == entries[0].id


def test_a_stop_written_over_an_answer_stops(study: World) -> None:
    code = study.consented()
    study.says("By phone", provider_id="7/1")
    study.says("STOP", provider_id="7/1", edits="7/1")
    assert study.record(code).row.state == "Stopped messages"


def test_a_changed_answer_to_a_statement_is_for_a_person(study: World) -> None:
    study.enrol()
    study.leave()
    study.says("yes", provider_id="7/1")
    study.says("no", provider_id="7/1", edits="7/1")
    assert study.count_of(tables.consents, tables.consents.c.agreed.is_(False)) == 0
    assert study.open_tasks() == ["unclear"]


# Media


def test_of_several_voice_notes_in_one_answer_the_first_is_acknowledged(study: World) -> None:
    code = study.consented()
    for number in range(3):
        study.says("", media=(Media(MediaKind.VOICE, "audio/ogg", content=b"part %d" % number),))
        study.clock.forward(minutes=9)
    assert [body[:20] for body in study.leave()] == ["Thank you for your v"]
    study.says("", media=(Media(MediaKind.PICTURE, "image/png", content=b"a picture"),))
    assert [body[:20] for body in study.leave()] == ["Thank you for the pi"]
    study.clock.forward(hours=1)
    study.says("", media=(Media(MediaKind.VOICE, "audio/ogg", content=b"much later"),))
    assert [body[:20] for body in study.leave()] == ["Thank you for your v"]
    assert len([entry for entry in study.record(code).entries if entry.media]) == 5


def test_the_logo_in_a_signature_is_acknowledged_once_and_kept_each_time(study: World) -> None:
    code = study.consented()
    logo = (Media(MediaKind.PICTURE, "image/png", content=b"logo", name="image001.png"),)
    study.says("We ring people.\n\nAnn", media=logo)
    assert [body[:21] for body in study.leave()] == ["Thank you for the pic"]
    study.says("And we write to them.\n\nAnn", media=logo)
    assert study.leave() == []
    assert [len(entry.media) for entry in study.record(code).entries if entry.belongs == "answer"] == [1, 1]
    study.clock.forward(hours=1)
    study.says("", media=logo)
    assert [body[:21] for body in study.leave()] == ["Thank you for the pic"], "without a word it is the answer"


def test_a_voice_note_counts_as_an_answer_is_acknowledged_and_waits_to_be_written_up(study: World) -> None:
    code = study.consented()
    study.says("", media=(Media(MediaKind.VOICE, "audio/ogg", content=b"sound", seconds=92),))
    assert "voice message" in study.leave()[-1]
    assert study.open_tasks() == ["write up"]
    assert [e.question for e in study.record(code).entries if e.incoming][-1] == "b-now"
    assert study.program.database.read_now(media.content, 1) == b"sound"


def test_a_film_of_more_than_two_gigabytes_loses_no_word_that_came_with_it(study: World) -> None:
    """Telegram takes 4 GB, and a column of PostgreSQL holds no such number."""
    code = study.consented()
    study.says("My day.", media=(Media(MediaKind.VIDEO, "video/mp4", "", 4 * 10**9, 2**40, reference="film"),))
    assert "My day." in study.heard(code)
    (row,) = study.program.database.read_now(lambda uow: uow.all(select(tables.media)))
    assert (row["size"], row["seconds"]) == (media.MOST, media.MOST)


def test_pictures_sent_as_one_are_acknowledged_once(study: World) -> None:
    study.consented()
    for number in range(3):
        picture = Media(MediaKind.PICTURE, "image/png", content=b"picture %d" % number)
        study.says("", media=(picture,), group="album 1")
    assert len([said for said in study.leave() if "picture" in said]) == 1
    assert study.count_of(tables.media) == 3


def test_what_somebody_forwards_is_not_silently_their_own_words(study: World) -> None:
    code = study.consented()
    study.says("I am only a name on a list to them.", forwarded=True)
    (entry,) = [e for e in study.record(code).entries if e.body.startswith("I am only")]
    assert entry.problem == intake.FORWARDED
    assert study.open_tasks() == ["check an answer"]
    study.says("DONE", forwarded=True)
    assert study.open_tasks() == ["check an answer"], "a word of ours is one, whoever wrote it"


def test_the_same_file_is_stored_once_and_encrypted(study: World) -> None:
    study.consented()
    for _ in range(2):
        study.says("", media=(Media(MediaKind.FILE, content=b"the same words", name="my story.docx"),))
    assert study.count_of(tables.contents) == 1
    rows = study.program.database.read_now(lambda uow: uow.all(select(tables.contents)))
    assert b"the same words" not in rows[0]["sealed"]


def test_what_the_provider_keeps_is_fetched_then_deleted_there(study: World) -> None:
    study.consented()
    study.says("", media=(Media(MediaKind.VOICE, "audio/ogg", reference="https://media.example/1"),))
    (wanted,) = study.program.database.read_now(media.due, "sms")
    assert (wanted.media.reference, wanted.here) == ("https://media.example/1", False)
    study.run(media.stored, wanted.id, b"sound")
    (again,) = study.program.database.read_now(media.due, "sms")
    assert again.here
    study.run(media.forgotten, again.id)
    assert study.program.database.read_now(media.due, "sms") == []
    assert study.program.database.read_now(media.content, wanted.id) == b"sound"


def test_media_that_cannot_be_had_is_asked_for_again_and_then_brings_a_person(study: World) -> None:
    study.consented()
    study.says("", media=(Media(MediaKind.VOICE, "audio/ogg", reference="https://media.example/1"),))
    for _ in range(60):
        for wanted in study.program.database.read_now(media.due, "sms"):
            study.run(media.later, wanted.id, "out of reach")
        study.clock.forward(hours=1)
    assert "media lost" in study.open_tasks()
    study.says("", media=(Media(MediaKind.FILE, content=b"x" * (media.LARGEST + 1)),))
    assert study.count_of(tables.media, tables.media.c.state == "lost") == 2


class Silent(Post):
    """Its provider never answers."""

    async def fetch(self, media: Media, most: int) -> bytes:
        await asyncio.Event().wait()
        return b""


class Answering(Post):
    """Its provider hands over every file at once; `fetched` is set when it has."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.fetched = asyncio.Event()

    async def fetch(self, media: Media, most: int) -> bytes:
        self.fetched.set()
        return b"sound"


async def test_a_provider_that_hands_over_no_files_holds_up_no_other(tmp_path: Path) -> None:
    """Nor do the files of a channel that is switched off, however many wait."""
    answering = Answering("sms")
    channels = {"whatsapp": Silent("whatsapp"), "sms": answering, "telegram": Post("telegram")}
    voice = (Media(MediaKind.VOICE, "audio/ogg", reference="https://media.example/1"),)
    with world(tmp_path, channels) as study:
        for kind in channels:
            for _ in range(30 if kind != "sms" else 1):
                study.says("", Address(kind, "+447700900125"), media=voice)
        del channels["telegram"]
        worker = asyncio.create_task(study.program.worker.run())
        async with asyncio.timeout(20):
            await answering.fetched.wait()
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker


def test_what_was_written_before_somebody_was_enrolled_is_no_answer(study: World) -> None:
    study.consented()
    before = study.stored()
    old = study.clock.now - timedelta(days=400)
    assert study.says("An old letter.", written_at=old) is intake.Received.HELD
    assert study.stored() == before + 1
    assert "written before they were enrolled" in study.open_tasks()
    assert study.leave() == [], "it is answered by nobody"


def test_an_old_message_of_a_stranger_gets_no_reply(study: World) -> None:
    stranger = Address("sms", "+447700900555")
    study.says("Years ago.", stranger, written_at=study.clock.now - timedelta(days=400))
    assert study.leave() == []
    study.says("Today.", stranger, written_at=study.clock.now)
    assert len(study.leave()) == 1


PROGRAMS = [
    ("application/octet-stream", "holiday.jpg.exe", b"anything"),
    ("application/octet-stream", "run.PS1 ", b"anything"),
    ("application/x-msdownload", "", b"anything"),
    ("image/png", "picture.png", b"MZ\x90\x00 a Windows program"),
    ("text/plain", "notes", b"#!/bin/sh\nrm -rf"),
    ("text/javascript; charset=utf-8", "a", b"alert()"),
]
PAPERS = [
    ("application/octet-stream", "winmail.dat", b"\x78\x9f\x3e\x22"),
    ("application/pdf", "letter.pdf", b"%PDF-1.7"),
    ("application/octet-stream", "exe", b"words"),
    ("text/plain", "my com plan.txt", b"My plan"),
    ("image/svg+xml", "a.svg", b"<svg/>"),
]


@pytest.mark.parametrize(("content_type", "name", "content"), PROGRAMS)
def test_a_program_is_not_kept_and_a_person_is_told(study: World, content_type: str, name: str, content: bytes) -> None:
    study.consented()
    study.says("This is it.", media=(Media(MediaKind.FILE, content_type, name=name, content=content),))
    assert study.count_of(tables.contents) == 0
    assert "media lost" in study.open_tasks()


@pytest.mark.parametrize(("content_type", "name", "content"), PAPERS)
def test_any_other_file_is_kept(study: World, content_type: str, name: str, content: bytes) -> None:
    study.consented()
    study.says("", media=(Media(MediaKind.FILE, content_type, name=name, content=content),))
    assert study.count_of(tables.contents) == 1
    assert "media lost" not in study.open_tasks()


# Addresses that close


def test_an_address_that_closed_holds_what_waits_until_the_person_writes_again(study: World) -> None:
    code = study.consented()
    study.run(intake.take, study.program.terms, "sms", [Reach(PHONE, "blocked the bot")])
    assert study.record(code).row.state == "Answering", "they have not asked to stop"
    assert "address closed" in study.open_tasks()
    study.run(handovers.take_over, study.program.terms, code, "Ann")
    study.run(handovers.reply, study.program.terms, code, "Ann", "Are you there?")
    assert study.leave() == []
    study.says("I am back")
    assert study.leave() == ["Are you there?\n\nAnn"]


# When something of ours is broken


def test_a_stored_schedule_that_cannot_be_read_loses_no_message(study: World) -> None:
    code = study.consented()
    content = study.program.database.read_now(lambda uow: uow.execute(select(tables.schedules.c.content)).scalar_one())
    study.run(lambda uow: uow.execute(update(tables.schedules).values(content="{}")))
    study.program.database.schedules.clear()
    assert study.says("My words") is Received.TAKEN
    assert study.open_tasks() == ["message not taken"]
    assert study.count_of(tables.messages, tables.messages.c.belongs == "unread") == 1
    study.run(lambda uow: uow.execute(update(tables.schedules).values(content=content)))
    assert study.heard(code)[-1] == "My words"


def test_an_interview_that_began_before_a_text_existed_goes_on(study: World) -> None:
    """A new version of the program sends texts that an old schedule does not have; the old one keeps its version."""
    code = study.consented()
    version = study.record(code).version

    def older(uow: UnitOfWork) -> None:
        old = json.loads(uow.execute(select(tables.schedules.c.content)).scalar_one())
        del old["texts"]["undo"]
        uow.execute(update(tables.schedules).values(content=json.dumps(old)))

    study.run(older)
    study.program.database.schedules.clear()
    study.says("My words")
    study.says("UNDO")
    assert "taken out your last message to question 1." in study.leave()[-1]
    assert study.open_tasks() == []
    assert study.record(code).version != version, "worked out from what is stored"


def test_the_log_of_a_fault_holds_no_word_of_theirs(study: World, monkeypatch: pytest.MonkeyPatch) -> None:
    study.consented()

    def broken(*_args: object) -> None:
        raise RuntimeError("My secret answer")

    monkeypatch.setattr("bot.service.conversations.step", broken)
    with structlog.testing.capture_logs() as logs:
        study.says("My secret answer")
    assert len(logs) == 1
    assert "secret" not in str(logs)
    assert "+4477" not in str(logs)


def test_one_timer_that_cannot_be_taken_holds_up_nobody_else(study: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = study.consented(), study.consented(OTHER)
    study.says("One")
    study.says("Two", OTHER)
    study.clock.forward(minutes=30)
    broken: list[object] = []

    def broken_for_one(interview: Interview, event: Event, now: datetime) -> Step:
        broken.append(interview.answer.parts)
        if interview.answer.parts == broken[0]:
            raise RuntimeError("a fault of ours")
        return step(interview, event, now)

    monkeypatch.setattr("bot.service.conversations.step", broken_for_one)
    study.run(conversations.wake, study.program.terms)
    places = [study.record(code).row.place[:10] for code in (first, second)]
    assert sorted(places) == ["Question 1", "Question 2"]
    assert study.open_tasks() == ["timer not taken"]
    assert study.run(conversations.wake, study.program.terms) == 0


def test_the_name_of_a_conversation_in_a_subject_tells_whose_it_is_and_no_more(study: World) -> None:
    """Somebody unknown who quotes it is kept with that person, flagged, and never taken for them."""
    code = study.consented()
    (row,) = study.program.database.read_now(lambda uow: uow.all(select(tables.participants.c.thread)))
    stranger = Address("email", "other@example.org")
    assert study.says("From another mail program", stranger, reply_to=("nothing", row["thread"])) is Received.FLAGGED
    other = study.consented(OTHER)
    assert study.says("Whose?", OTHER, reply_to=(row["thread"],)) is Received.HELD
    assert "Whose?" not in study.heard(code) + study.heard(other)


def test_a_stop_that_answers_our_mail_stops_from_whichever_address_it_comes(study: World) -> None:
    """List-Unsubscribe makes such mails, and programs send them from another address of the same person's."""
    code = study.consented()
    token = outbox_ids(study, code, "b-now")
    assert study.says("STOP", Address("sms", "+447700900999"), reply_to=(token,)) is Received.FLAGGED
    assert study.record(code).row.state == "Stopped messages"
    assert "sender not confirmed" in study.open_tasks()
