"""What has been kept long enough is listed, and deleted once a person has confirmed it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, update

from bot.errors import OwnPaceError
from bot.export import replacing
from bot.export.answers import Answers
from bot.export.matrix import Matrix
from bot.export.record import DATA
from bot.export.replacing import Offer
from bot.export.transcript import Transcripts
from bot.messages import Address, Inbound
from bot.records import trail
from bot.records.tables import addresses, audit, consents, contents, data_keys, media, messages, meta, outbox
from bot.records.vault import open_key_file
from bot.service import deletion, handovers, intake, retention
from bot.service.retention import Due, Rules
from tests.bot.export.study import Email, Phone, cases, joins, take_out
from tests.bot.service.test_withdrawal import OTHER, WORDS, person, rows, speaks
from tests.bot.world import PHONE, Post, World, on_sqlite, world
from tests.rig import ROOT, traces

LONDON = ZoneInfo("Europe/London")
DAYS = {"contact": 10, "raw": 20, "media": 30, "messages": 40, "consent": 50, "audit": 60}


def rules(study_ends: date | None = None, **days: int | None) -> Rules:
    chosen = {**DAYS, **days}
    return Rules({name: timedelta(days=n) if n else None for name, n in chosen.items()}, study_ends, LONDON)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def due(study: World, of: Rules) -> list[tuple[str, str]]:
    found: list[Due] = study.program.database.read_now(retention.due, of)
    return [(one.kind, one.code) for one in found]


def confirm(study: World, of: Rules) -> list[Due]:
    study.run(retention.show, of)
    return confirm_unseen(study, of)


def confirm_unseen(study: World, of: Rules) -> list[Due]:
    done: list[Due] = study.run(retention.confirm, of, "kim")
    deletion.clean(study.program.database)
    return done


def ended(study: World) -> str:
    """Somebody who has left and whose answers stay; somebody else who is in the middle of it. The code of the first."""
    code = speaks(study)
    study.consented(OTHER)
    study.says("LEAVE")
    study.says("1")
    study.leave()
    return code


def test_each_class_is_due_when_its_time_has_come_and_nobody_elses(study: World) -> None:
    """The period counts from the end of the interview; an interview that goes on is never due."""
    code = ended(study)
    begun = []
    for _ in range(1, 70):
        study.clock.forward(days=1)
        begun.append({kind for kind, whose in due(study, rules()) if whose == code})
    for kind, days in DAYS.items():
        if kind != "audit":
            assert [kind in one for one in begun] == [day >= days for day in range(1, 70)]
    assert {whose for _, whose in due(study, rules())} == {code, ""}


def test_nothing_is_deleted_before_a_person_confirms_and_then_it_is_written_down(study: World) -> None:
    """The proof says what, whose, how much and since when, and holds no word."""
    code = ended(study)
    study.clock.forward(days=31)
    before = len(rows(study, messages))
    listed = study.program.database.read_now(retention.due, rules())
    assert len(rows(study, messages)) == before
    done = confirm(study, rules())
    assert done == listed
    proof = {row["detail"]["kind"]: row for row in rows(study, audit, act="deleted as due")}
    assert set(proof) == {"contact", "raw", "media"}
    assert {row["actor"] for row in proof.values()} == {"kim"}
    assert {row["subject"] for row in proof.values()} == {code}
    told = {"kind": "contact", "rows": 1, "since": "2026-12-04", "older_backups": noted(study, 0)}
    assert proof["contact"]["detail"] == {name: value for name, value in told.items() if value is not None}
    assert confirm(study, rules()) == []


def noted(study: World, backups: int) -> int | None:
    """So many backups as the proof tells them: of those that PostgreSQL's own program made nothing is known."""
    return None if study.program.database.shared else backups


def test_the_proof_says_how_many_older_backups_still_hold_it(study: World) -> None:
    """Of what shares a key with what stays; a participant's messages open in none."""
    ended(study)
    for name in ("one.zip", "two.zip"):
        study.run(lambda uow, to=name: uow.note("kim", retention.BACKED_UP, None, to=to))
    assert study.program.database.read_now(retention.backups) == dict.fromkeys(["one.zip", "two.zip"], "backed up")
    study.clock.forward(days=51)
    confirm(study, rules())
    proof = {row["detail"]["kind"]: row["detail"] for row in rows(study, audit, act="deleted as due") if row["subject"]}
    told = {kind: line.get("older_backups") for kind, line in proof.items()}
    assert told == dict.fromkeys(("raw", "media", "contact", "consent"), noted(study, 2)) | {"messages": None}
    assert study.program.database.read_now(retention.backups) == {}, "they were to be destroyed then"


def held(study: World) -> dict[str, list[dict[str, Any]]]:
    """Everything that could be deleted."""
    tables = (messages, media, contents, addresses, consents, data_keys, audit)
    return {table.name: rows(study, table) for table in tables}


CHANGES: list[tuple[str, int, Rules]] = [
    ("more of the same person is due", 9, rules()),
    ("a period was made shorter", 0, rules(messages=15)),
    ("somebody else is due too", 0, rules(study_ends=date(2026, 1, 1))),
    ("what was shown is not due any more, and something else is", 0, rules(contact=99, raw=15)),
]


@pytest.mark.parametrize(("what", "days", "then"), CHANGES, ids=[row[0] for row in CHANGES])
def test_nothing_is_deleted_when_the_list_is_not_the_one_that_was_shown(
    study: World, what: str, days: int, then: Rules
) -> None:
    """Whoever confirms has seen all of it; the new list is to be looked at first."""
    code = ended(study)
    study.clock.forward(days=17)
    assert [(one.kind, one.code) for one in study.run(retention.show, rules())] == [("contact", code)]
    study.clock.forward(days=days)
    before = held(study)
    with pytest.raises(OwnPaceError, match="nothing of it was deleted"):
        confirm_unseen(study, then)
    assert held(study) == before
    assert confirm(study, then), "once it was shown"
    assert held(study) != before


def test_nothing_is_deleted_that_was_never_shown_and_one_look_confirms_once(study: World) -> None:
    ended(study)
    study.clock.forward(days=17)
    before = held(study)
    with pytest.raises(OwnPaceError, match="nothing of it was deleted"):
        confirm_unseen(study, rules())
    assert held(study) == before
    assert confirm(study, rules())
    assert confirm_unseen(study, rules()) == [], "nothing is due"
    study.clock.forward(days=14)
    before = held(study)
    with pytest.raises(OwnPaceError, match="nothing of it was deleted"):
        confirm_unseen(study, rules())
    assert held(study) == before


def test_a_few_people_at_a_time_are_deleted_and_only_whoever_was_shown(study: World) -> None:
    """Others wait for each of these transactions, so none is long; what comes due between two was not confirmed."""
    many = retention.AT_ONCE + 2
    for number in range(many):
        phone = Address("sms", f"+4477009002{number:02}")
        study.consented(phone)
        study.says("LEAVE", phone)
        study.says("1", phone)
        study.leave()
    only = rules(raw=None, media=None, messages=None, consent=None, audit=None)
    study.run(lambda uow: uow.note("kim", retention.BACKED_UP, None, to="one.zip"))
    study.clock.forward(days=10)
    first = confirm(study, only)
    assert len({one.code for one in first}) == retention.AT_ONCE
    study.clock.forward(days=1)
    rest = confirm_unseen(study, only)
    assert len({one.code for one in (*first, *rest)}) == many
    assert confirm_unseen(study, only) == []
    proof = [row["detail"] for row in rows(study, audit, act="deleted as due")]
    assert [line.get("older_backups") for line in proof] == [noted(study, 1)] * many


def test_other_rows_of_the_same_number_and_day_are_another_list(study: World) -> None:
    """What somebody looked at was one stranger's message; it is a participant's now, and another one's is due."""
    first, second = (Address("sms", f"+44770090055{number}") for number in (5, 6))
    study.says("A wrong number?", first)
    study.leave()
    study.clock.forward(hours=1)
    study.says("Who is this?", second)
    study.leave()
    study.clock.forward(days=40, minutes=-30)
    (shown,) = study.run(retention.show, rules())
    study.clock.forward(hours=1)
    study.run(deletion.messages_where, messages.c.id.in_(_of(study, first)))
    (now,) = study.program.database.read_now(retention.due, rules())
    assert (now.kind, now.code, now.since, now.rows) == (shown.kind, shown.code, shown.since, shown.rows)
    before = held(study)
    with pytest.raises(OwnPaceError, match="nothing of it was deleted"):
        confirm_unseen(study, rules())
    assert held(study) == before


def _of(study: World, sender: Address) -> list[int]:
    """What a stranger wrote, and what they were told."""
    found = study.program.database.vault.find(sender)
    return [row["id"] for row in rows(study, messages) if row["sender"] == found]


def test_two_who_confirm_at_once_delete_it_once(study: World) -> None:
    """The second one, like somebody who presses twice, finds nothing due; the trail has one line of each."""
    ended(study)
    study.clock.forward(days=31)
    shown = study.run(retention.show, rules())
    start, done = Barrier(2), dict[str, list[Due]]()

    def one(who: str) -> None:
        start.wait()
        done[who] = study.run(retention.confirm, rules(), who)

    people = [Thread(target=one, args=(who,)) for who in ("kim", "ann")]
    for each in people:
        each.start()
    for each in people:
        each.join()
    assert sorted(done.values(), key=len) == [[], shown]
    (who,) = {name for name, theirs in done.items() if theirs}
    assert [row["actor"] for row in rows(study, audit, act="deleted as due")] == [who] * len(shown)


def test_a_clock_that_was_set_back_deletes_nothing(study: World) -> None:
    """What was shown is not due by it; and what a wrong clock calls due is in no list that somebody has seen."""
    ended(study)
    study.clock.forward(days=17)
    study.run(retention.show, rules())
    before = held(study)
    study.clock.forward(days=-10)
    assert confirm_unseen(study, rules()) == []
    study.clock.forward(days=3650)
    with pytest.raises(OwnPaceError, match="nothing of it was deleted"):
        confirm_unseen(study, rules())
    assert held(study) == before


def test_nothing_of_somebody_goes_while_a_person_is_wanted_there(study: World) -> None:
    """They have left and then asked for a person, or for their copy: they could not be answered any more."""
    code = ended(study)
    study.clock.forward(days=17)
    shown = study.run(retention.show, rules())
    study.run(lambda uow: uow.open_task("copy asked", 1))
    assert study.program.database.read_now(retention.put_off, rules()) == [code]
    assert confirm_unseen(study, rules()) == []
    assert study.record(code).name == "Sam"
    study.run(lambda uow: uow.close_tasks(1, frozenset({"copy asked"})))
    assert study.program.database.read_now(retention.put_off, rules()) == []
    assert confirm_unseen(study, rules()) == shown


def test_nothing_of_somebody_goes_while_they_talk_with_a_researcher(study: World) -> None:
    """Also where the study has ended, and the interview counts as ended with it."""
    code, over = study.consented(), rules(study_ends=date(2026, 1, 1))
    assert code in {whose for _, whose in due(study, over)}
    study.run(handovers.take_over, study.program.terms, code, "Ann")
    assert code not in {whose for _, whose in due(study, over)}
    assert study.program.database.read_now(retention.put_off, over) == [code]


KILLED = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from tests.bot.service.test_retention import rules
from tests.bot.world import on_sqlite, world
from bot.service import retention
folder = Path(sys.argv[1])
with world(folder, **on_sqlite(folder)) as study:
    study.clock.forward(days=41)
    study.run(retention.show, rules())
    assert len(study.run(retention.confirm, rules(), "kim")) > 3
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_whoever_is_killed_before_the_files_are_clean_leaves_that_to_the_server(tmp_path: Path) -> None:
    """The deletion is committed and its words are still in the files; then they are not, though nobody types again."""
    with world(tmp_path, **on_sqlite(tmp_path)) as study:
        code = ended(study)
        theirs = traces.of(tmp_path / "study.db", code)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    words = [one for one in theirs if one.where == "messages.body"]
    assert traces.missing(words, traces.everything(tmp_path)) == []
    with world(tmp_path, **on_sqlite(tmp_path)) as study:
        assert study.heard(code) == [""] * len(study.heard(code)), "it was committed"
        with suppress(TimeoutError):
            asyncio.run(asyncio.wait_for(study.program.worker._delete_round(), 0.5))
        assert traces.found(words, traces.everything(tmp_path)) == []
        assert not study.program.database.read_now(deletion.unclean)


def test_somebody_who_is_written_to_at_this_moment_waits_and_is_shown_again(study: World) -> None:
    """What is confirmed is what was shown or less, never more."""
    code = ended(study)
    study.clock.forward(days=17)
    study.run(lambda uow: uow.execute(update(outbox).where(outbox.c.participant_id == 1).values(state="sending")))
    shown = study.run(retention.show, rules())
    before = held(study)
    assert ("contact", code) in [(one.kind, one.code) for one in shown]
    assert ("contact", code) not in [(one.kind, one.code) for one in confirm_unseen(study, rules())]
    assert held(study)["addresses"] == before["addresses"]


def test_contact_details_go_and_the_answers_stay_readable(study: World) -> None:
    """Nobody can be written to, found or named any more; the record is there for those who analyse it."""
    code = ended(study)
    study.clock.forward(days=12)
    confirm(study, rules())
    assert study.record(code).name == ""
    assert study.record(code).address == ""
    assert WORDS[0] in study.heard(code)
    assert PHONE.value not in str(rows(study, addresses))
    assert study.program.database.vault.find(PHONE) not in {row["found_by"] for row in rows(study, addresses)}
    assert study.says("It is me.").name == "HELD"
    assert code in [case.code for case in cases(study)]


def named_everywhere(study: World) -> Phone:
    """Somebody whose name and address are in what was sent, in what they said, and in what they typed after CHANGE."""
    phone = joins(study, 901, name="Ffion Gwenllian", attributes={"team": "that of Ffion"})
    phone.consents()
    phone.answers("My name is Ffion Gwenllian.", "Ring 07700 900901 and ask for me.")
    phone.asks_for_a_person("Kim", "Hello Ffion, how is your daughter Ella?", "ffion here: well, thank you")
    phone.says("CHANGE", "email", "fg@example.org")
    study.run(replacing.decide, phone.code, ella(study, phone.code), [])
    phone.says("LEAVE", "1")
    return phone


def ella(study: World, code: str) -> list[Offer]:
    found = study.program.database.read_now(replacing.offers, code)
    return [one for one in found if one.suggestion.words == "Ella"]


@pytest.fixture
def with_mail(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, channels={"sms": Post("sms"), "email": Email("email")}) as made:
        yield made


def test_contact_details_go_from_the_words_that_stay(with_mail: World, tmp_path: Path) -> None:
    """The name in what was sent and the typed address are stored nowhere; in the person's own words exports hide it."""
    study = with_mail
    phone = named_everywhere(study)
    study.clock.forward(days=12)
    confirm(study, rules())

    take_out(study, Answers("csv"), tmp_path / "data")
    take_out(study, Transcripts("txt", bot="all", steering=True), tmp_path / "transcripts")
    take_out(study, Matrix("csv"), tmp_path / "matrix.csv")
    files = [file for file in tmp_path.rglob("*") if file.suffix in (".csv", ".txt")]
    written = "\n".join(file.read_text(encoding="utf-8") for file in files)
    for name in ("ffion", "gwenllian", "fg@example.org", "900901", "ella?"):
        assert name not in written.casefold()
    assert f"Hello [{phone.code}], how is your daughter [daughter's name]?" in written
    assert "that of [" in written

    sent = [text for turn in cases(study, originals=True)[0].turns if turn.kind not in DATA for text in (turn.text,)]
    assert not [text for text in sent if "Ffion" in text or "fg@" in text]
    assert "My name is Ffion Gwenllian." in study.heard(phone.code), "what they answered is kept as answers are"


def test_media_and_raw_deliveries_go_alone(study: World) -> None:
    """What was written up and answered stays."""
    code = ended(study)
    study.clock.forward(days=31)
    confirm(study, rules(contact=None))
    assert rows(study, contents) == []
    assert [row["state"] for row in rows(study, media)] == ["deleted"]
    assert all(row["raw"] is None for row in rows(study, messages, participant_id=1))
    assert any(row["raw"] is not None for row in rows(study, messages, participant_id=2))
    assert WORDS[0] in study.heard(code)
    assert study.record(code).name == "Sam"


def test_words_go_with_the_key_they_were_sealed_under(study: World) -> None:
    """So they are gone from every older copy too, while name and address may be kept for longer."""
    code = ended(study)
    key_id = person(study, code)["key_id"]
    wrapped = rows(study, data_keys, id=key_id)[0]["wrapped"]
    study.clock.forward(days=41)
    confirm(study, rules(contact=None))
    assert open_key_file(study.program.settings.security.key_file).destroyed(wrapped)
    assert study.heard(code) == [""] * len(study.heard(code))
    assert study.record(code).name == "Sam"
    assert len(rows(study, consents, participant_id=1)) > 10
    study.clock.forward(days=10)
    confirm(study, rules(contact=None))
    assert rows(study, consents, participant_id=1) == []
    assert len(rows(study, consents, participant_id=2)) > 10


def test_interviews_that_never_end_count_from_the_end_of_the_study(study: World) -> None:
    """Nobody is pressed: without such a day they are kept."""
    code = study.consented()
    study.clock.forward(days=400)
    assert ("contact", code) not in due(study, rules())
    assert ("contact", code) in due(study, rules(study_ends=date(2027, 6, 1)))
    assert ("contact", code) not in due(study, rules(study_ends=date(2028, 6, 1)))


def test_strangers_words_and_old_lines_of_the_trail_go_by_their_own_age(study: World) -> None:
    """Nobody's interview has to end for that."""
    study.says("A wrong number?", Address("sms", "+447700900555"))
    study.run(lambda uow: uow.note("kim", "looked"))
    study.leave()
    study.clock.forward(days=61)
    study.says("A new stranger.", Address("sms", "+447700900556"))
    found = {(one.kind, one.code): one.rows for one in confirm(study, rules())}
    assert found == {("messages", ""): 2, ("audit", ""): 1}
    assert rows(study, audit, act="looked") == []
    verdict = study.run(lambda uow: trail.verify(uow.connection, uow.vault))
    assert (verdict.lines, verdict.broken) == (len(rows(study, audit)), None), "the chain begins where it was cut"
    study.run(lambda uow: uow.execute(update(meta).where(meta.c.name == trail.BEGINNING).values(value="00 00")))
    assert study.run(lambda uow: trail.verify(uow.connection, uow.vault)).broken is not None, "and nowhere else"
    assert len([row for row in rows(study, messages) if row["body"] is not None and row["direction"] == "in"]) == 1
    assert study.open_tasks() == ["unknown sender"]


def test_what_has_no_period_is_never_due_and_the_trail_still_refuses_everybody_else(study: World) -> None:
    """The door is open only within a confirmed deletion."""
    ended(study)
    study.clock.forward(days=4000)
    nothing = rules(**dict.fromkeys(DAYS))
    assert due(study, nothing) == []
    confirm(study, rules())
    with pytest.raises(Exception, match="append-only"):
        study.run(lambda uow: uow.execute(delete(audit)))


def test_a_providers_key_that_tells_an_address_goes_with_the_address(study: World) -> None:
    """Telegram names a message by its chat, which is the person; of strangers it goes with their message."""
    stranger = Address("sms", "+447700900555")
    for sender in (PHONE, stranger):
        inbound = Inbound(f"bot/{sender.value}/16", sender, "Who is this?", b"raw")
        study.run(intake.receive, study.program.terms, inbound)
    study.leave()
    ended(study)
    more = Inbound(f"bot/{PHONE.value}/17", PHONE, "More words", b"raw")
    study.run(intake.receive, study.program.terms, more)
    study.leave()
    study.clock.forward(days=12)
    confirm(study, rules())
    kept = [row["provider_key"] for row in rows(study, messages, participant_id=1)]
    assert not any(PHONE.value in str(key) for key in kept)
    assert any(row["body"] for row in rows(study, messages, participant_id=1)), "the words are not due yet"
    study.clock.forward(days=30)
    confirm(study, rules())
    assert PHONE.value not in str(rows(study, messages))
    assert stranger.value not in str(rows(study, messages))
