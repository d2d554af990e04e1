"""Somebody leaves and wants their words deleted: what goes, what stays, and what they are told."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from bot.errors import OwnPaceError
from bot.export import replacing
from bot.export.transcript import Transcripts
from bot.messages import Address, Inbound, Media, MediaKind
from bot.records import participants as participants_of
from bot.records.tables import (
    addresses,
    audit,
    consents,
    data_keys,
    interviews,
    media,
    messages,
    metadata,
    participants,
    users,
    withdrawals,
)
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import open_key_file
from bot.service import (
    backup,
    deletion,
    drafts,
    field_notes,
    holding,
    intake,
    postponing,
    refiling,
    staff,
    withdrawal,
    writeups,
)
from bot.service import media as attachments
from bot.service.writeups import WriteUpKind
from tests.bot.export.study import cases, take_out
from tests.bot.world import PHONE, Post, World, on_sqlite, world
from tests.rig import traces

OTHER = Address("sms", "+447700900777")
WORDS = ["The pelican is on the roof.", "Nobody ever told me about the zebra."]
VOICE = b"OggS the sound of a marmalade jar" * 900
"""It lies on several pages of the database."""


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def in_files(tmp_path: Path) -> Iterator[World]:
    """The same study in files that can be read byte by byte."""
    with world(tmp_path, **on_sqlite(tmp_path)) as made:
        yield made


def speaks(study: World) -> str:
    """Somebody who has answered with words and a voice note; they wrote once before anybody knew them. Their code."""
    study.says("Is anybody there? It is about the flamingo.")
    study.leave()
    code = study.consented()
    for words in WORDS:
        study.says(words)
    study.says("", media=(Media(MediaKind.VOICE, "audio/ogg", content=VOICE, name="marmalade.ogg"),))
    study.says("DONE")
    study.leave()
    return code


def withdraw(study: World, code: str, *, rewrite: bool = True, **how: bool) -> withdrawal.Receipt:
    database = study.program.database
    done: withdrawal.Receipt = database.run_now(withdrawal.withdraw, study.program.terms, code, "kim", **how)
    assert deletion.clean(database, rewrite=rewrite)
    return done


def finish(study: World) -> None:
    study.run(withdrawal.finish)
    deletion.clean(study.program.database)


def rows(study: World, table: Table, **where: object) -> list[dict[str, Any]]:
    query = select(table).where(*(table.c[name] == value for name, value in where.items()))
    return study.program.database.read_now(lambda uow: [dict(row) for row in uow.all(query)])


def person(study: World, code: str) -> dict[str, Any]:
    return rows(study, participants, code=code)[0]


def test_a_file_that_another_stranger_sent_too_stays(study: World) -> None:
    """The same content of strangers is stored once, as the logo of a council in everybody's mails."""
    logo = Media(MediaKind.PICTURE, "image/png", content=b"the same logo", name="logo.png")
    study.says("It is me.", media=(logo,))
    study.says("And me.", OTHER, media=(logo,))
    code = study.consented()
    withdraw(study, code)
    finish(study)
    (kept,) = rows(study, media)
    assert study.run(attachments.content, kept["id"]) == b"the same logo"
    other = study.enrol(OTHER)
    study.run(holding.link, study.program.terms, kept["message_id"], other, "kim", "It is their number.")
    assert [one.media[0].here for one in study.record(other).entries if one.media] == [True]


@pytest.mark.parametrize("rewrite", [True, False], ids=["by the command", "by the server"])
def test_nothing_of_them_is_found_in_any_byte_nor_in_an_older_backup(
    in_files: World, tmp_path: Path, rewrite: bool
) -> None:
    """Sealed values, keyed hashes, wrapped keys, names of providers: gone from the files, whatever the table; and an
    older copy does not open. Of somebody who stays, worked on in the same way, all of it is found and opens."""
    study, key_file = in_files, in_files.program.settings.security.key_file
    database, archive = tmp_path / "study.db", tmp_path / "study.zip"
    code = speaks(study)
    study.program.database.scrub(rewrite=False)  # so far in the pages, from here on in the log
    other = study.consented(OTHER)
    study.says("I am staying.", OTHER)
    study.says("", OTHER, media=(Media(MediaKind.VOICE, "audio/ogg", content=VOICE[1:], name="harp.ogg"),))
    study.says("DONE", OTHER)
    study.leave()
    for one in (code, other):
        worked_on(study, one)
    theirs, others = traces.of(database, code), traces.of(database, other)
    assert {one.where for one in others} == SEALED
    assert {one.where for one in theirs} == SEALED | BEFORE
    assert len(theirs) > 80
    assert traces.found(theirs, database.read_bytes())
    assert traces.found(theirs, (tmp_path / "study.db-wal").read_bytes())
    sources = backup.Sources(database, tmp_path / "none", study.program.settings.study.prompts)
    backup.make(sources, study.program.database.vault, study.clock(), archive, lambda *_: None)
    kept = archive.read_bytes()
    assert traces.missing((*theirs, *others), kept) == [], "all of it is where the test looks for it"
    older, key = taken_out(archive, tmp_path / "older"), open_key_file(key_file)
    assert {*traces.opened(older, theirs, key)} == (SEALED | BEFORE) - HASHES, "a backup opens as long as they stay"
    archive.unlink()
    shutil.rmtree(older.parent)

    receipt = withdraw(study, code, rewrite=rewrite)
    assert receipt.deleted["messages"] > 30
    assert receipt.deleted["voice notes, pictures and files"] == 1
    assert study.leave() == [receipt_text(study)]
    again = traces.of(database, code)  # their name and address, under a new key
    assert traces.found(again, traces.everything(tmp_path))
    study.run(withdrawal.finish)
    assert deletion.clean(study.program.database, rewrite=rewrite)

    after = traces.everything(tmp_path)
    assert traces.found((*theirs, *again), after) == []
    assert traces.missing(others, after) == [], "of who stays all is there"
    for plain in (*WORDS, "pelican", "flamingo", "marmalade", PHONE.value, PHONE.value[1:]):
        assert plain.encode() not in after

    archive.write_bytes(kept)
    older, key = taken_out(archive, tmp_path / "older"), open_key_file(key_file)
    assert traces.missing(theirs, older.read_bytes()) == [], "it is there, sealed"
    assert traces.opened(older, theirs, key) == [], "not even with the study key"
    assert {*traces.opened(older, others, key)} == SEALED - HASHES
    assert "I am staying." in study.heard(other)


SEALED = {
    "participants.name", "participants.attributes", "addresses.value", "addresses.found_by", "messages.body",
    "messages.raw", "outbox.address", "outbox.provider_id", "media.name", "contents.sealed", "writeups.text",
    "replacements.sealed", "field_notes.body", "drafts.body", "postponed.body", "refilings.reason", "data_keys.wrapped",
    "contents.found_by", "media.found_by", "participants.thread",
}  # fmt: skip
"""Columns that hold something of both people."""

BEFORE = {"messages.sender", "messages.sent_from"}
"""And of somebody who wrote before anybody knew them."""

HASHES = {
    "addresses.found_by", "contents.found_by", "media.found_by", "messages.sender", "outbox.provider_id",
    "data_keys.wrapped", "participants.thread",
}  # fmt: skip
"""Nothing to be opened."""


def taken_out(archive: Path, folder: Path) -> Path:
    """The database of a backup."""
    with zipfile.ZipFile(archive) as packed:
        return Path(packed.extract("ownpace.db", folder))


def receipt_text(study: World) -> str:
    text = study.program.schedules[("social-workers", "en")].texts["answers-deleted"].short
    return text.replace("{name}", "Sam")


STAY = frozenset({"addresses", "audit", "consents", "interviews", "messages", "outbox", "tasks", "withdrawals"})
"""Tables in which a row of somebody stays until the end, emptied of what they said."""


LOOKED_FOR = {"pelican": "[bird]", "staying": "[here]"}


def worked_on(study: World, code: str) -> None:
    """The team has noted, written up, moved, replaced and left for later what is about them."""
    terms, who = study.program.terms, person(study, code)["id"]
    mine = rows(study, messages, participant_id=who)
    voice = next(row["message_id"] for row in rows(study, media) if row["message_id"] in {one["id"] for one in mine})
    answer = next(row["id"] for row in mine if row["belongs"] == "answer")
    study.run(writeups.write_up, voice, WriteUpKind.TRANSCRIPTION, "She lives in Bryn Glas.", "R02")
    study.run(lambda uow: field_notes.write(uow, participants_of.named(uow, terms, code), "Ann", "She was tired."))
    study.run(drafts.keep, "Ann", f"/participants/{code}#note", "She said that")
    study.run(postponing.write, terms, code, "Ann", "Until tomorrow.", study.clock.now + timedelta(days=1))
    study.run(refiling.refile, terms, code, "Ann", [answer], "", "It was about the weather.")
    study.run(lambda uow: replacing.decide(uow, code, replacing.offers(uow, code, LOOKED_FOR), []))


def test_what_the_team_wrote_about_them_goes_too_in_every_table_there_is(study: World) -> None:
    """A table that is new and has rows of participants fails here until somebody says what becomes of them."""
    code = speaks(study)
    worked_on(study, code)
    mine = person(study, code)["id"]
    filled = {table.name for table in metadata.sorted_tables if "participant_id" in table.c}
    about = {name for name in filled if rows(study, metadata.tables[name], participant_id=mine)}
    assert about >= {"writeups", "field_notes", "drafts", "postponed", "refilings", "replacements", "timers"}
    withdraw(study, code)
    left = {name for name in filled if rows(study, metadata.tables[name], participant_id=mine)}
    assert left <= STAY


def test_what_stays_is_that_they_agreed_and_that_their_wish_was_done(study: World) -> None:
    """The ledger without words, the trail, and the withdrawal with its times and cut-off; and no name."""
    code = speaks(study)
    agreed = len(rows(study, consents))
    study.says("LEAVE")
    study.says("2")
    asked = study.clock()
    study.leave()
    assert "delete answers" in study.open_tasks()
    study.clock.forward(days=1)
    withdraw(study, code)
    study.leave()
    finish(study)
    (fact,) = rows(study, withdrawals)
    assert (fact["kept"], fact["actor"], fact["asked_at"], fact["at"]) == (False, "kim", asked, study.clock())
    assert fact["finished_at"] == study.clock()
    assert fact["cutoff"] == "2027-05-23"
    ledger = rows(study, consents)
    assert len(ledger) == agreed
    replies = [row for row in rows(study, messages) if row["id"] in {line["message_id"] for line in ledger}]
    assert len(replies) == agreed
    assert all(row["body"] is row["raw"] is row["elided"] is None for row in replies)
    assert all(row["body"] is None and row["direction"] == "in" for row in rows(study, messages, participant_id=1))
    assert [row["detail"]["deleted"] for row in rows(study, audit, act="withdrew")] == [fact["deleted"]]
    assert (person(study, code)["name"], person(study, code)["attributes"]) == (b"", b"")
    assert [(row["saved"]["answers"], row["progress"]) for row in rows(study, interviews)] == [({}, "")]
    assert rows(study, addresses) == []
    assert study.open_tasks() == []
    assert cases(study) == []
    assert study.program.database.read_now(withdrawal.when, code) == study.clock()
    with pytest.raises(OwnPaceError, match=f"What {code} had said was deleted on 25 November 2026 already"):
        withdraw(study, code)


def test_the_receipt_for_the_coordinator_lists_past_exports_that_hold_the_data(study: World, tmp_path: Path) -> None:
    """Each export notes whom it holds and where it went."""
    code = speaks(study)
    other = study.consented(OTHER)
    take_out(study, Transcripts("txt"), tmp_path / "both")
    take_out(study, Transcripts("txt"), tmp_path / "only", codes=(other,))
    receipt = withdraw(study, code)
    assert [(one.what, one.to) for one in receipt.exports] == [("transcript", str(tmp_path / "both"))]
    assert receipt.channels == ("sms",)


def test_what_the_provider_brings_again_is_known_and_what_they_write_anew_is_a_strangers(study: World) -> None:
    """Their old messages do not come back by a second delivery; a new one is not linked to anybody."""
    code = study.consented()
    old = Inbound("AC1/SM99", PHONE, WORDS[0], b"raw")
    study.run(intake.receive, study.program.terms, old)
    withdraw(study, code)
    study.leave()
    finish(study)
    assert study.run(intake.receive, study.program.terms, old) is intake.Received.AGAIN
    assert study.says("Hello again") is intake.Received.HELD


def wants_mail(study: World, **more: Any) -> Address:
    """They want to go on by email, write from there without the code, and so are not known there. The address."""
    mail = Address("email", "sam@example.org")
    for words in ("CHANGE", "email", mail.value):
        study.says(words)
    assert study.says("It is me. My secret is the zebra.", mail, **more) is intake.Received.HELD
    study.leave()
    return mail


def readable(study: World) -> list[str]:
    """What came in and can be read."""

    def opened(uow: UnitOfWork) -> list[str]:
        came = uow.all(select(messages).where(messages.c.direction == "in", messages.c.body.is_not(None)))
        return [uow.key(row["key_id"]).open(row["body"], "body") for row in came]

    return study.program.database.read_now(opened)


def test_what_they_wrote_from_an_address_they_were_moving_to_goes_too(tmp_path: Path) -> None:
    """It was held, for the code had not come back; what somebody else wrote stays."""
    with world(tmp_path, {"sms": Post("sms"), "email": Post("email")}) as study:
        code = study.consented()
        study.says("I am somebody else.", OTHER)
        wants_mail(study)
        withdraw(study, code)
        assert readable(study) == ["I am somebody else."]


def test_what_was_held_in_an_older_backup_and_became_theirs_since_is_deleted_again(tmp_path: Path) -> None:
    """Nothing of theirs was left in the holding area, no reply to it either, so that its key is still there."""
    with world(tmp_path, {"sms": Post("sms"), "email": Post("email")}, **on_sqlite(tmp_path)) as study:
        code = study.consented()
        study.says("I am somebody else.", OTHER)
        wants_mail(study, written_at=study.clock() - timedelta(days=30))
        held = rows(study, messages, participant_id=None, channel="email", direction="in")[0]["id"]
        settings = study.program.settings
        sources = backup.Sources(tmp_path / "study.db", tmp_path / "none", settings.study.prompts)
        backup.make(sources, study.program.database.vault, study.clock(), tmp_path / "study.zip", lambda *_: None)
        study.run(holding.link, study.program.terms, held, code, "kim", "They told me on the phone.")
        study.leave()
        withdraw(study, code)
        vault = open_key_file(settings.security.key_file)
        places = backup.Places(tmp_path / "restored.db", tmp_path / "none", settings.study.prompts)
        backup.restore(tmp_path / "study.zip", places, vault, study.clock, lambda *_: None)
    with world(tmp_path, database={"url": f"sqlite:///{tmp_path}/restored.db"}) as again:
        assert readable(again) == ["I am somebody else."]


def test_a_providers_key_that_tells_the_address_goes(study: World) -> None:
    """Telegram names a message by its chat, which is the person."""
    code = study.consented()
    study.run(intake.receive, study.program.terms, Inbound(f"bot/{PHONE.value}/17", PHONE, "yes", b"raw"))
    withdraw(study, code)
    assert PHONE.value not in str(rows(study, messages))


def test_somebody_who_said_stop_hears_nothing_more(study: World) -> None:
    """STOP is final: their address goes at once, without a receipt."""
    code = study.consented()
    study.says("STOP")
    study.leave()
    receipt = withdraw(study, code)
    assert (receipt.told, receipt.finished) == (False, True)
    assert study.leave() == []
    assert rows(study, addresses) == []


def test_who_is_discreet_is_told_only_that_a_message_is_ready(study: World) -> None:
    """Whoever holds the phone does not read that answers were deleted."""
    code = study.consented(attributes={"discreet": "yes", "team": "Hospital"})
    study.clock.forward(hours=1)
    withdraw(study, code)
    (told,) = study.leave()
    assert "delete" not in told
    study.says("yes")
    assert receipt_text(study) in study.leave()
    finish(study)
    assert rows(study, addresses) == []


def test_a_receipt_that_cannot_leave_holds_up_the_deletion_for_thirty_days_at_most(study: World) -> None:
    """Nobody stays in the database because a provider takes nothing."""
    code = study.consented(attributes={"discreet": "yes"})
    study.clock.forward(hours=1)
    withdraw(study, code)
    study.leave()
    study.clock.forward(days=29)
    finish(study)
    assert len(rows(study, addresses)) == 1
    study.clock.forward(days=2)
    finish(study)
    assert rows(study, addresses) == []


def test_after_the_cutoff_a_person_decides(study: World) -> None:
    """What was asked for in time is deleted whenever it is done; later only on purpose."""
    code, other = study.consented(), study.consented(OTHER)
    study.says("LEAVE", OTHER)
    study.says("2", OTHER)
    study.leave()
    study.clock.forward(days=200)
    assert withdraw(study, other).deleted
    with pytest.raises(OwnPaceError, match="could be withdrawn until 23 May 2027"):
        withdraw(study, code)
    assert withdraw(study, code, late=True).deleted


def test_nothing_is_deleted_under_a_message_that_is_leaving(study: World) -> None:
    """What became of it must still be written down."""
    code = study.enrol()
    study.clock.forward(hours=1)
    assert study.claim()
    with pytest.raises(OwnPaceError, match="leaving at this moment"):
        withdraw(study, code)


def test_they_may_leave_and_let_their_answers_stay(study: World) -> None:
    """`keep` silences everything and deletes nothing; somebody who asked for the opposite is not kept by mistake."""
    code = speaks(study)
    study.clock.forward(days=1)
    receipt = withdraw(study, code, keep=True)
    assert receipt.kept
    assert "You have left the study. We will keep what you told us" in study.leave()[0]
    assert study.record(code).row.state == "Left the study"
    assert WORDS[0] in study.heard(code)
    assert [case.code for case in cases(study)] == [code]
    study.says("LEAVE", OTHER)
    other = study.consented(OTHER)
    study.says("LEAVE", OTHER)
    study.says("2", OTHER)
    study.leave()
    with pytest.raises(OwnPaceError, match="has asked for their answers to be deleted"):
        withdraw(study, other, keep=True)


def test_what_strangers_and_the_team_have_under_the_same_key_stays_readable(study: World) -> None:
    """The holding area gets a new key where the person had written before anybody knew them."""
    study.run(staff.add_user, "ann", "correct horse battery", "researcher")
    study.run(staff.set_email, "ann", "ann@example.org")
    study.says("I am somebody else.", OTHER)
    code = speaks(study)
    withdraw(study, code)

    def read(uow: UnitOfWork) -> list[str]:
        key_id, key = uow.holding_key()
        held = uow.all(
            select(messages).where(
                messages.c.key_id == key_id, messages.c.belongs == "held", messages.c.author == "unknown"
            )
        )
        (user,) = uow.all(select(users))
        return [*(key.open(row["body"], "body") for row in held), uow.open_of_team(user["email"], "address")]

    assert study.program.database.read_now(read) == ["I am somebody else.", "ann@example.org"]


def test_a_key_that_could_not_be_forgotten_is_forgotten_the_next_time(study: World) -> None:
    """The key file may be read-only for a while, or an old copy of it be put back: what is destroyed is remembered."""
    code = study.consented()
    wrapped = rows(study, data_keys, id=person(study, code)["key_id"])[0]["wrapped"]
    path = study.program.settings.security.key_file
    old = path.read_bytes()
    study.run(lambda uow: withdrawal.withdraw(uow, study.program.terms, code, "kim"))
    assert not open_key_file(path).destroyed(wrapped)
    assert deletion.forget_keys(study.program.database) == 1
    assert open_key_file(path).destroyed(wrapped)
    assert deletion.forget_keys(study.program.database) == 0
    path.write_bytes(old)
    with world(path.parent, database={"url": study.program.settings.database.url}) as again:
        assert not open_key_file(path).destroyed(wrapped)
        assert deletion.forget_keys(again.program.database) == 1
        assert open_key_file(path).destroyed(wrapped)
