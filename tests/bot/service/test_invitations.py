"""Joining by an invitation: once, in time, without a word to anybody who has none; and waiting for a place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.channel import Ability
from bot.errors import EnrolmentError, OwnPaceError, WrongUse
from bot.interview.schedule import Wording
from bot.messages import Address, Inbound
from bot.records.tables import audit, contents, data_keys, invitations, media, messages, participants, tasks
from bot.service import enrolment, intake, views
from bot.service import invitations as inviting
from bot.service.enrolment import Entry, Placed
from bot.service.intake import Received
from bot.service.invitations import Group
from tests.bot.world import PHONE, Post, World, on_sqlite, world

UNKNOWN = "Thank you for your message. We do not have this number on our list."


def numbers(first: int = 1) -> Iterator[Address]:
    return (Address("sms", f"+4477009002{number:02}") for number in range(first, 99))


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def in_files(tmp_path: Path) -> Iterator[World]:
    """The same study in files that can be read byte by byte."""
    with world(tmp_path, **on_sqlite(tmp_path)) as made:
        yield made


@pytest.fixture
def small(tmp_path: Path) -> Iterator[World]:
    """A study with two places for social workers."""
    with of_two(tmp_path) as made:
        yield made


def of_two(folder: Path) -> Any:
    return world(
        folder,
        study={"prompts": Path("prompts").resolve(), "contact_phone": "01632 960000", "quotas": {"social-workers": 2}},
    )


def invite(study: World, number: int = 1, days: float = 60, cohort: str = "social-workers", **more: Any) -> list[str]:
    until = study.clock.now + timedelta(days=days)
    made: list[str] = study.run(inviting.make, study.program.rules, Group(cohort, **more), number, until, "Kim")
    return made


def notes(study: World) -> list[str]:
    query = select(tasks.c.note).where(tasks.c.kind == "unknown sender").order_by(tasks.c.id)
    return study.program.database.read_now(lambda uow: [row["note"] for row in uow.all(query)])


def state(study: World, code: str) -> str:
    return study.record(code).row.state


def sender_of(study: World, code: str) -> Address:
    return Address("sms", study.record(code).address)


# Coming in


def test_whoever_sends_the_code_is_asked_who_the_study_is_for_and_then_welcomed_without_a_name(study: World) -> None:
    (code,) = invite(study)
    assert study.says(f"join {code.lower()}") is Received.TAKEN
    asked = study.leave()
    assert asked[0].startswith("Hello, this is our study. Thank you for your interest.")
    assert asked[1].startswith("Do you work as a social worker")
    study.says("yes")
    welcome, *_, statement = study.leave()
    assert welcome.startswith("Hello, thank you for joining our study."), "no name, and no gap where it would be"
    assert statement.startswith("1. I have read or heard the information")
    record = study.record("SW01")
    assert record.name == ""
    assert record.wording == "short", "by text message"
    assert [(entry.body, entry.belongs) for entry in record.entries if entry.incoming] == [
        (f"join {code.lower()}", "command"),
        ("yes", "eligibility"),
    ]
    assert study.open_tasks() == []


def test_what_joins_at_night_is_answered_at_once_and_what_a_coordinator_does_is_not(study: World) -> None:
    (code,) = invite(study)
    study.clock.forward(hours=11)
    study.says(f"JOIN {code}")
    assert len(study.leave()) == 2
    study.enrol(Address("sms", "+447700900124"))
    assert study.leave() == []


def test_an_invitation_works_once(study: World) -> None:
    (code,) = invite(study)
    study.says(f"JOIN {code}")
    study.leave()
    other = Address("sms", "+447700900124")
    assert study.says(f"JOIN {code}", other) is Received.HELD
    assert [text.startswith(UNKNOWN) for text in study.leave()] == [True]
    assert study.count_of(participants) == 1
    assert notes(study) == ["They tried to join with an invitation that somebody has used. Each is for one person."]


def test_an_invitation_works_until_it_expires(study: World) -> None:
    first, second = invite(study, 2, days=10)
    study.clock.forward(days=10, seconds=-1)
    assert study.says(f"JOIN {first}") is Received.TAKEN
    study.clock.forward(seconds=1)
    assert study.says(f"JOIN {second}", Address("sms", "+447700900124")) is Received.HELD
    assert notes(study)[0].startswith("They tried to join with an invitation that has expired.")


def test_a_withdrawn_invitation_lets_nobody_in_until_that_is_undone(study: World) -> None:
    """Whoever sends it hears what every unknown sender hears; the team is told why; the trail says who did it."""
    kept, lost = invite(study, 2)
    assert study.run(inviting.withdraw, [lost.lower(), lost], "Kim") == 1
    assert study.says(f"JOIN {lost}") is Received.HELD
    (said,) = study.leave()
    assert said.startswith(UNKNOWN)
    assert notes(study)[0].startswith("They tried to join with an invitation that was withdrawn.")
    (cohort,) = [one for one in study.run(inviting.standing, study.program.rules) if one.cohort == "social-workers"]
    assert (cohort.open, cohort.withdrawn) == (1, 1)
    study.run(partial(inviting.withdraw, undo=True), [lost], "Kim")
    assert study.says(f"JOIN {lost}") is Received.TAKEN
    rows = study.program.database.read_now(lambda uow: uow.all(select(audit).order_by(audit.c.id)))
    acts = [(row["actor"], row["act"]) for row in rows]
    assert acts[1:3] == [("Kim", "invitation withdrawn"), ("Kim", "invitation given back")]
    assert not any(code in str(row["detail"]) for row in rows for code in (kept, lost))


def test_what_cannot_be_withdrawn_is_named_and_nothing_is_done(study: World) -> None:
    used, kept = invite(study, 2)
    study.says(f"JOIN {used}")
    for codes, undo, problem in (
        ([kept, used], False, f"{used} was used already"),
        ([kept, "CDF-HJK-MNP"], False, "is no code of an invitation here"),
        ([kept], True, "was not withdrawn"),
    ):
        with pytest.raises(WrongUse, match=problem):
            study.run(partial(inviting.withdraw, undo=undo), codes, "Kim")
    assert study.count_of(invitations, invitations.c.withdrawn_at.is_not(None)) == 0
    assert study.says(f"JOIN {kept}", Address("sms", "+447700900124")) is Received.TAKEN


def test_a_used_an_expired_an_unknown_code_and_no_code_are_all_answered_alike(study: World) -> None:
    """Nobody learns whether a code was ever one, nor whether anybody is enrolled."""
    used, expired, other = invite(study, days=90)[0], invite(study, days=1)[0], invite(study, channel="simulator")[0]
    (withdrawn,) = invite(study)
    study.run(inviting.withdraw, [withdrawn], "Kim")
    study.says(f"JOIN {used}", Address("sms", "+447700900199"))
    study.leave()
    study.clock.forward(days=2)
    said = []
    for sender, text in zip(numbers(), [used, expired, other, withdrawn, "CDF-HJK-MNP", "", "Hello?"], strict=False):
        study.says(f"JOIN {text}" if text != "Hello?" else text, sender)
        said.append(study.leave())
    assert all(len(texts) == 1 for texts in said)
    assert len({texts[0] for texts in said}) == 1
    assert said[0][0].startswith(UNKNOWN)
    assert study.count_of(participants) == 1


def test_after_five_codes_in_a_day_no_more_are_tried_and_nobody_is_bothered(study: World) -> None:
    (code,) = invite(study)
    for _ in range(5):
        study.says("JOIN CDF-HJK-MNP")
    assert len(study.open_tasks()) == 5, "each may be an honest slip"
    for text in (f"JOIN {code}", code, f"JOIN {code}"):
        assert study.says(text) is Received.HELD
    assert len(study.open_tasks()) == 5
    assert study.stored() == 8, "and still nothing is lost"
    study.says("Please help me")
    assert len(study.open_tasks()) == 6, "a message that is no code is for a person, as ever"
    assert study.says(f"JOIN {code}", Address("sms", "+447700900124")) is Received.TAKEN, "others are not held up"
    assert len([text for text in study.leave() if text.startswith(UNKNOWN)]) == 1, "the neutral reply goes once a day"


def test_a_day_later_codes_are_tried_again(study: World) -> None:
    (code,) = invite(study)
    for _ in range(5):
        study.says("JOIN CDF-HJK-MNP")
    study.clock.forward(days=1, seconds=1)
    assert study.says(f"JOIN {code}") is Received.TAKEN


def test_a_second_copy_of_a_join_is_no_second_join(study: World) -> None:
    (code,) = invite(study)
    copy = Inbound("once", PHONE, f"JOIN {code}", b"raw")
    assert study.run(intake.receive, study.program.terms, copy) is Received.TAKEN
    assert study.run(intake.receive, study.program.terms, copy) is Received.AGAIN
    assert len(study.leave()) == 2
    assert study.count_of(messages, messages.c.direction == "in") == 1


def test_whoever_joins_again_hears_the_open_question_again(study: World) -> None:
    """A second tap, or a text that was sent twice, is neither an answer nor an alarm."""
    code, unused = invite(study, 2)
    study.says(f"JOIN {code}")
    study.leave()
    study.says(f"JOIN {code}")
    assert [text[:20] for text in study.leave()] == ["Do you work as a soc"]
    assert study.open_tasks() == []
    study.says(f"JOIN {unused}")
    assert study.open_tasks() == ["joined already"], "perhaps somebody else at the same number"
    assert study.says(f"JOIN {unused}", Address("sms", "+447700900124")) is Received.TAKEN, "and it is not used up"


def test_a_code_by_itself_joins_as_the_reply_to_strangers_says(study: World) -> None:
    (code,) = invite(study)
    study.says("Hello, is this the study?")
    assert study.says(code.replace("-", " ")) is Received.TAKEN


def test_an_automatic_reply_and_an_opt_out_that_hold_a_code_join_nobody(study: World) -> None:
    (code,) = invite(study)
    study.says(f"JOIN {code}", automatic=True)
    study.says(f"JOIN {code}", opt_out="start")
    assert study.count_of(participants) == 0


def test_a_sender_who_is_in_doubt_is_not_enrolled(study: World) -> None:
    """Anybody can write any From into a mail: where the mail server doubts it, a person makes sure."""
    (code,) = invite(study)
    assert study.says(f"JOIN {code}", doubt="The sender cannot be confirmed.") is Received.HELD
    assert study.count_of(participants) == 0
    assert "not sure who sent this" in notes(study)[0]


def test_an_invitation_for_one_channel_does_not_work_on_another(study: World) -> None:
    (code,) = invite(study, channel="simulator")
    assert study.says(f"JOIN {code}") is Received.HELD
    assert study.says(f"JOIN {code}", Address("simulator", "sms/anna")) is Received.TAKEN
    (code,) = invite(study, channel="sms")
    assert study.says(f"JOIN {code}", Address("simulator", "email/ben")) is Received.HELD
    assert study.says(f"JOIN {code}", Address("simulator", "sms/ben")) is Received.TAKEN, "it plays a text message"


def test_somebody_who_opens_the_link_in_a_chat_is_in(tmp_path: Path) -> None:
    """A channel on which people write first: the code comes as the start of the conversation."""
    with world(
        tmp_path, channels={"telegram": Post("telegram", abilities=frozenset({Ability.LINKS_REPLIES}))}
    ) as study:
        code, typed = invite(study, 2)
        first = Address("telegram", "5512345678")
        assert study.says("", first, start=code) is Received.TAKEN
        said = study.leave()
        assert len(said) == 2
        study.says("", first, start=code)
        assert study.leave() == said[1:], "a second tap is answered with what is open"
        assert study.says(f"JOIN {typed}", Address("telegram", "5512345679")) is Received.TAKEN
        assert study.record("SW01").wording == "standard"
        assert study.says("", Address("telegram", "5512345680"), start="nonsense") is Received.HELD


def test_the_wording_is_that_of_the_invitation(study: World) -> None:
    (code,) = invite(study, wording=Wording.EASY_READ)
    study.says(f"JOIN {code}")
    assert study.record("SW01").wording == "easy read"


def test_where_somebody_cannot_be_enrolled_their_message_and_the_invitation_are_kept(tmp_path: Path) -> None:
    """The cutoff is past: nobody could be told that day. The person hears the neutral reply, the team why."""
    with world(tmp_path, retention={"cutoff": "2026-12-01"}) as study:
        (code,) = invite(study)
        study.clock.forward(days=30)
        assert study.says(f"JOIN {code}") is Received.HELD
        assert study.leave()[0].startswith(UNKNOWN)
        assert notes(study)[0].startswith("Their invitation fits, and still they could not be enrolled.")
        assert study.count_of(participants) == 0
        assert study.count_of(data_keys) == 1, "only that of the holding area"
        assert study.count_of(invitations, invitations.c.used_at.is_not(None)) == 0


def test_the_code_is_nowhere_in_the_database_but_in_the_message_that_brought_it(
    in_files: World, tmp_path: Path
) -> None:
    study = in_files
    (code,) = invite(study)
    study.says(f"JOIN {code}")
    study.program.database.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("study.db*"))
    for form in (code, code.replace("-", "")):
        assert form.encode() not in kept, "not even there in the clear"


def test_the_trail_says_who_made_them_and_who_joined(study: World) -> None:
    (code,) = invite(study)
    study.says(f"JOIN {code}")
    rows = study.program.database.read_now(lambda uow: uow.all(select(audit).order_by(audit.c.id)))
    assert [(row["actor"], row["act"], row["subject"]) for row in rows] == [
        ("Kim", "invitations made", None),
        ("participant", "enrolled", "SW01"),
    ]
    assert rows[0]["detail"] == {"cohort": "social-workers", "number": 1, "channel": "any"}


WRONG = {
    "none": ({"number": 0}, "Make from 1 to 1000"),
    "too many": ({"number": 1001}, "Make from 1 to 1000"),
    "no such cohort": ({"cohort": "nobody"}, "There is no cohort 'nobody'"),
    "no such language": ({"language": "cy"}, "in language 'cy'"),
    "no such channel": ({"channel": "telegram"}, "The channel 'telegram' is not set up here; there is simulator, sms"),
    "expired": ({"days": 0}, "expired already"),
}


@pytest.mark.parametrize(("wrong", "problem"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_made_is_named(study: World, wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(WrongUse, match=problem):
        invite(study, **wrong)
    assert study.count_of(invitations) == 0


def test_codes_differ_and_are_all_of_the_form_that_is_read(study: World) -> None:
    made = invite(study, 1000)
    assert len(set(made)) == 1000
    assert all(len(code) == 11 and code[3] == code[7] == "-" for code in made)


# For whom the study is


def test_what_they_answered_is_not_kept_where_the_study_is_not_for_them(study: World) -> None:
    (code,) = invite(study, cohort="disabled-adults")
    study.says(f"JOIN {code}")
    study.leave()
    study.says("Yes I am")
    study.leave()
    study.says("No")
    assert study.leave()[0].startswith("Thank you. This study is for other people")
    assert study.heard("P01") == [f"JOIN {code}", "", ""]
    rows = study.program.database.read_now(
        lambda uow: uow.all(select(messages).where(messages.c.belongs == "eligibility"))
    )
    assert [(row["body"], row["raw"], row["elided"]) for row in rows] == [(None, None, None)] * len(rows)
    assert len(rows) == 2
    assert state(study, "P01") == "Not eligible"
    assert study.open_tasks() == ["delete answers"]
    assert study.count_of(media) == study.count_of(contents) == 0
    study.says("but why")
    assert study.leave() == []
    assert study.says(f"JOIN {code}") is Received.TAKEN
    assert study.leave() == [], "they are not asked twice"


def test_what_they_answered_is_kept_where_it_is_for_them(study: World) -> None:
    (code,) = invite(study)
    study.says(f"JOIN {code}")
    study.leave()
    study.says("yes")
    assert study.heard("SW01") == [f"JOIN {code}", "yes"]


# Places


def test_who_comes_when_every_place_is_taken_gets_the_waiting_text_and_waits(small: World) -> None:
    senders = list(numbers())
    codes = invite(small, 4)
    for sender, code in zip(senders, codes, strict=False):
        small.says(f"JOIN {code}", sender)
    assert [state(small, f"SW0{number}") for number in (1, 2, 3, 4)] == [
        "Being asked whom the study is for",
        "Being asked whom the study is for",
        "On the waiting list",
        "On the waiting list",
    ]
    texts = small.leave()
    assert sum("We have enough people for now." in text for text in texts) == 2
    small.says("yes", senders[2])
    assert small.leave() == [
        "Thank you. You are on our waiting list. We will write to you here if a place comes up. "
        "You do not need to do anything now."
    ]
    ledger = small.record("SW03").consent
    assert (ledger[0].statement, ledger[0].answer, ledger[0].reply) == ("quota-full", "Yes", "yes")
    small.clock.forward(days=40)
    assert small.leave() == [], "nobody who waits is reminded"


def test_a_place_is_free_again_when_somebody_leaves_or_says_no_and_not_when_they_are_silent_or_stop(
    small: World,
) -> None:
    senders = list(numbers())
    for sender, code in zip(senders, invite(small, 3), strict=False):
        small.says(f"JOIN {code}", sender)
    rules = small.program.rules

    def taken() -> int:
        count: int = small.run(enrolment.taken, "social-workers")
        return count

    small.leave()
    small.clock.forward(days=60)
    assert taken() == 2, "nothing expires"
    small.says("STOP", senders[0])
    assert taken() == 2, "READY takes it up again"
    small.says("STOP", senders[2])
    assert taken() == 2, "whoever waited had none"
    small.says("READY", senders[2])
    small.says("PERSON", senders[2])
    assert taken() == 2, "nor while a person talks with them"
    with pytest.raises(OwnPaceError, match="SW03 is not on the waiting list: handover"):
        small.run(enrolment.admit, small.program.terms, rules, "SW03", "Kim")
    small.says("no", senders[1])
    assert state(small, "SW02") == "Not eligible"
    assert taken() == 1
    small.says("READY", senders[0])
    small.says("LEAVE", senders[0])
    small.says("2", senders[0])
    assert taken() == 0


def test_a_finished_interview_keeps_its_place_also_after_stop(small: World) -> None:
    small.consented()
    for _ in small.program.schedules[("social-workers", "en")].questions:
        small.says("SKIP")
    assert state(small, "SW01") == "Finished"
    assert small.run(enrolment.taken, "social-workers") == 1
    small.says("STOP")
    assert small.run(enrolment.taken, "social-workers") == 1


def test_a_coordinator_lets_somebody_in_when_a_place_is_free(small: World) -> None:
    senders = list(numbers())
    for sender, code in zip(senders, invite(small, 3), strict=False):
        small.says(f"JOIN {code}", sender)
    small.leave()
    admit = (enrolment.admit, small.program.terms, small.program.rules)
    with pytest.raises(OwnPaceError, match=r"No place is free: 2 of 2 in social-workers are taken\..*--over-quota"):
        small.run(*admit, "sw03", "Kim")
    with pytest.raises(OwnPaceError, match="SW01 is not on the waiting list: screening"):
        small.run(*admit, "SW01", "Kim")
    with pytest.raises(OwnPaceError, match="There is no participant SW99"):
        small.run(*admit, "SW99", "Kim")
    small.says("no", senders[0])
    small.leave()
    small.clock.forward(days=2, hours=10)  # at night
    small.run(*admit, "SW03", "Kim")
    assert small.leave() == [], "in daylight"
    small.clock.forward(hours=12)
    assert [text[:40] for text in small.leave()] == [
        "Hello, this is our study. A place has co",
        "Hello, this is our study. Thank you for ",
        "Do you work as a social worker with Disa",
    ]
    with pytest.raises(OwnPaceError, match="not on the waiting list"):
        small.run(*admit, "SW03", "Kim")


def test_rows_of_a_file_beyond_the_quota_wait_and_the_dry_run_knows(small: World) -> None:
    entries = [Entry("social-workers", sender, name="Sam") for sender, _ in zip(numbers(), range(4), strict=False)]
    entries.append(Entry("disabled-adults", Address("sms", "+447700900555")))
    terms, rules = small.program.terms, small.program.rules
    codes, waits = ("SW01", "SW02", "SW03", "SW04", "P01"), (False, False, True, True, False)
    as_seen = [Placed(code, beyond) for code, beyond in zip(codes, waits, strict=True)]
    assert small.program.database.read_now(enrolment.preview, rules, entries) == as_seen
    assert small.run(enrolment.enrol_all, terms, rules, entries) == as_seen
    listed = {row.code: row.state for row in small.program.database.read_now(views.listed)}
    assert [listed[code] for code in ("SW02", "SW03", "SW04", "P01")] == [
        "Reading the statements",
        "On the waiting list",
        "On the waiting list",
        "Reading the statements",
    ]
    (over,) = small.run(
        partial(enrolment.enrol_all, over_quota=True),
        terms,
        rules,
        [Entry("social-workers", Address("sms", "+447700900777"))],
    )
    assert state(small, over.code) == "Reading the statements", "a clear choice"


def test_an_address_that_is_enrolled_stays_refused_when_it_is_full(small: World) -> None:
    small.enrol()
    with pytest.raises(EnrolmentError, match="somebody is enrolled with this sms address already"):
        small.enrol()


def test_each_cohort_is_counted_by_stage(small: World) -> None:
    senders = list(numbers())
    codes = [*invite(small, 4), *invite(small, 2, days=1)]
    for sender, code in zip(senders, codes[:3], strict=False):
        small.says(f"JOIN {code}", sender)
    small.leave()
    small.says("no", senders[0])
    small.clock.forward(days=1)
    adults, workers = small.program.database.read_now(inviting.standing, small.program.rules)
    assert (adults.quota, adults.taken, adults.open) == (None, 0, 0)
    assert workers == inviting.Standing("social-workers", 2, 1, 1, 1, open=1, used=3, expired=2, withdrawn=0)
