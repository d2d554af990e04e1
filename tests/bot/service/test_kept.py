"""What is in each column of each table, and when it goes: nothing of somebody is kept that nobody has thought of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from bot.export import replacing
from bot.messages import Address, Inbound, Media, MediaKind
from bot.records import participants
from bot.records.tables import calls, delivery_updates, messages, metadata, moves, outbox, tasks
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import (
    deletion,
    drafts,
    field_notes,
    handovers,
    intake,
    postponing,
    refiling,
    retention,
    writeups,
)
from bot.service.writeups import WriteUpKind
from tests.bot.export.study import Email, Phone, joins
from tests.bot.service.test_retention import DAYS, rules
from tests.bot.service.test_withdrawal import rows
from tests.bot.world import Post, World, world
from tests.rig import traces

CLASSES = {
    "plain": "numbers, codes, states, settings and times: they tell nobody's name, address or words",
    "team": "of people of the team, and of the program",
    "contact": "names, addresses and what leads to them: gone when contact is due",
    "ours": "what we sent, and what the team wrote: without name and addresses then, gone with the messages",
    "said": "what somebody said themselves: as they said it, until messages are due",
    "media": "goes when media are due, or with the messages",
    "raw": "goes when raw deliveries are due, with contact, whose address is in each, or with the messages",
    "consent": "the ledger, without words",
    "audit": "the trail: reasons are sealed under the participant's key, and go with it",
}

KEPT = {
    "addresses": {
        "contact": "found_by value",
        "plain": "id participant_id kind verified main closed heard_at",
    },
    "audit": {"audit": "id actor act subject detail at chain"},
    "buckets": {"team": "name full_at"},
    "calls": {
        "contact": "invitation",
        "plain": "id participant_id researcher way uid changed starts_at ends_at booked_at",
    },
    "consents": {"consent": "id participant_id statement version wording agreed message_id channel helper at"},
    "contents": {"media": "found_by sealed", "plain": "key_id"},
    "data_keys": {"plain": "id wrapped created_at destroyed_at leaf"},
    "delivery_updates": {"contact": "provider_id", "plain": "id outbox_seq status code at"},
    "drafts": {"ours": "body", "plain": "id participant_id author place at"},
    "field_notes": {"ours": "body", "plain": "id participant_id author at"},
    "forms": {"team": "pressed at"},
    "interviews": {
        "plain": "id participant_id version state position saved cutoff changed_at cause progress",
    },
    "invitations": {
        "plain": "id found_by cohort language wording channel participant_id made_at expires_at used_at withdrawn_at",
    },
    "leases": {"team": "name holder token until"},
    "media": {
        "media": "name reference found_by",
        "plain": "id message_id key_id channel kind content_type size seconds state problem tries fetch_at at",
    },
    "messages": {
        "said": "body elided",  # and in bodies that went out, ours
        "raw": "raw",
        "contact": "provider_id sender sent_from",
        "plain": "id participant_id key_id direction channel provider_key author belongs question texts wording "
        "version replaces album problem written_at at removed_at",
    },
    "meta": {"team": "name value"},
    "moves": {"contact": "found_by value code", "plain": "id participant_id kind tries created_at"},
    "outbox": {
        "contact": "address address_id provider_id",
        "plain": "seq id lane participant_id message_id key_id kind question template urgent unasked unwanted state "
        "attempts follows delivery code not_before claimed_at claimed_by reconcile_at put_off_since changed_at",
    },
    "participants": {
        "contact": "name thread",
        "ours": "attributes",
        "plain": "id code cohort key_id wording language timezone researcher created_at",
    },
    "postponed": {"ours": "body", "plain": "id participant_id author problem due at done_at"},
    "refilings": {
        "ours": "reason",
        "plain": "id participant_id act message_id belonged was belongs question author undoes form starts ends at",
    },
    "replacements": {
        "said": "sealed",
        "plain": "id participant_id message_id writeup_id key_id kind accepted decided_by at undone_at",
    },
    "schedules": {"team": "version cohort language content added_at"},
    "sessions": {"team": "token user_id waiting created_at expires_at"},
    "tasks": {
        "ours": "outcome",
        "plain": "id kind participant_id message_id note owner asked_by closed_by opened_at closed_at",
    },
    "timers": {"plain": "id participant_id kind position due"},
    "users": {
        "team": "id name password role email second_step second_step_used recovery undo_for created_at disabled_at",
    },
    "withdrawals": {"plain": "id participant_id kept actor cutoff deleted asked_at at finished_at"},
    "writeups": {
        "said": "text",
        "plain": "id participant_id message_id media_id key_id kind author checked_by at checked_at",
    },
}

CLASS_OF = {
    f"{table}.{column}": name
    for table, classes in KEPT.items()
    for name, columns in classes.items()
    for column in columns.split()
}

THEIRS = ("contact", "ours", "said", "raw", "media")
"""Classes of what tells of one person."""

NAMED = {
    "addresses.value", "audit.detail", "calls.invitation", "delivery_updates.provider_id", "drafts.body",
    "field_notes.body", "media.name", "messages.body", "messages.elided", "messages.provider_id",
    "messages.provider_key", "messages.raw", "messages.sent_from", "moves.value", "outbox.address",
    "outbox.provider_id", "participants.attributes", "participants.name", "postponed.body", "refilings.reason",
    "replacements.sealed", "tasks.outcome", "writeups.text",
}  # fmt: skip
"""Where a name or an address is, in this study, while they take part. Reasons in the trail never have one."""

PHONE, MAIL = Address("sms", "+447700900901"), Address("email", "fg@example.org")
TELLING = re.compile(r"ffion|gwenllian|fg@example|7700\D{0,3}900\D{0,3}901", re.IGNORECASE)
ABOUT_THEM = "Ffion Gwenllian has 07700 900901, or (0044) 7700-900 901, or FG@example.org."

WHY = "Ffion Gwenllian said so on 07700 900901."


def test_each_column_of_each_table_is_in_a_class() -> None:
    """Whoever adds one says here what it holds, and the tests below see that it goes in time."""
    assert set(CLASS_OF) == {str(column) for table in metadata.sorted_tables for column in table.c}
    assert set(CLASS_OF.values()) == set(CLASSES)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, {"sms": Post("sms"), "email": Email("email")}) as made:
        yield made


def named_everywhere(study: World) -> Phone:
    """Somebody whose name and addresses are wherever words can be, and who has left; their answers stay."""
    attributes = {"team": "that of Ffion", "safe_contact": "Ring her sister Ella, never 07700 900901."}
    phone = joins(study, 901, name="Ffion Gwenllian", attributes=attributes)
    terms, code = study.program.terms, phone.code
    phone.consents()
    voice = Media(MediaKind.VOICE, "audio/ogg", content=b"OggS of a harp" * 40, name="Ffion 07700900901.ogg")
    picture = Media(MediaKind.PICTURE, "image/jpeg", reference="https://api.example/1")
    phone.says("It rained.")
    for inbound in (
        Inbound(f"bot/{PHONE.value}/3", PHONE, ABOUT_THEM, b"From: Ffion", elided=f"On Monday {ABOUT_THEM}",
                provider_id=f"bot/{PHONE.value}/2"),
        Inbound("voice", PHONE, "", PHONE.value.encode(), media=(voice,)),
        Inbound("picture", PHONE, "", PHONE.value.encode(), media=(picture,)),
    ):  # fmt: skip
        study.run(intake.receive, terms, inbound)
    phone.says("DONE")
    phone.asks_for_a_person("Kim", f"Hello! {ABOUT_THEM} How is your daughter Ella?", "well, thank you")
    study.run(handovers.take_over, terms, code, "Kim", "", WHY)
    study.run(handovers.hand_back, terms, code, "Kim", WHY)
    phone.says("CHANGE", "email", MAIL.value)
    mail = Inbound("mail", MAIL, ABOUT_THEM, b"From: Ffion <fg@example.org>", provider_id="<1@fg@example.org>")
    assert study.run(intake.receive, terms, mail) is intake.Received.HELD
    study.leave()
    study.run(_worked_on, study, code)
    phone.says("LEAVE", "1")
    study.run(_wants_to_move, code)
    return phone


def _wants_to_move(uow: UnitOfWork, code: str) -> None:
    person = uow.one(select(people).where(people.c.code == code))
    assert person
    value = uow.key(person["key_id"]).seal(MAIL.value, "address")
    code_sent = uow.vault.find(Address("code", "123456"))
    move = {"kind": "email", "found_by": uow.vault.find(MAIL), "value": value, "code": code_sent, "tries": 0}
    uow.execute(insert(moves).values(participant_id=person["id"], **move, created_at=uow.now))


def _worked_on(uow: UnitOfWork, study: World, code: str) -> None:
    """What the team, and providers, have written about them."""
    terms = study.program.terms
    person = participants.named(uow, terms, code)
    of = uow.all(messages.select().where(messages.c.participant_id == person.id))
    voice = next(row["id"] for row in of if row["provider_key"] == "voice")
    answer = next(row["id"] for row in of if row["belongs"] == "answer")
    writeups.write_up(uow, voice, WriteUpKind.TRANSCRIPTION, ABOUT_THEM, "R02")
    field_notes.write(uow, person, "Kim", ABOUT_THEM)
    drafts.keep(uow, "Kim", f"/participants/{code}", ABOUT_THEM)
    postponing.write(uow, terms, code, "Kim", ABOUT_THEM, study.clock() + timedelta(days=50))
    refiling.refile(uow, terms, code, "Kim", [answer], "", ABOUT_THEM)
    replacing.decide(uow, code, replacing.offers(uow, code, {"Gwenllian": "[hers]", "Ella": "[hers]"}), [])
    seen_to = {"outcome": person.key.seal(ABOUT_THEM, "outcome"), "closed_at": uow.now}
    uow.open_task("who answers", person.id)
    uow.execute(update(tasks).where(tasks.c.kind == "who answers").values(**seen_to))
    sent = uow.one(outbox.select().where(outbox.c.participant_id == person.id).limit(1))
    assert sent
    uow.execute(update(outbox).where(outbox.c.seq == sent["seq"]).values(provider_id=f"bot/{PHONE.value}/9"))
    part = {"provider_id": f"bot/{PHONE.value}/10", "status": "part", "at": uow.now}
    uow.execute(insert(delivery_updates).values(outbox_seq=sent["seq"], **part))
    times = dict.fromkeys(("starts_at", "ends_at", "booked_at"), uow.now)
    call = {"researcher": "Kim", "way": "phone", "uid": "1", "changed": 0, **times}
    uow.execute(
        insert(calls).values(participant_id=person.id, invitation=person.key.seal(ABOUT_THEM, "invitation"), **call)
    )


def everything(study: World, folder: Path) -> bytes:
    """Every byte of the study's files, and what the database says where it is none of them."""
    return traces.everything(folder) + traces.values(study.program.settings.database.url)


def confirm(study: World, days: int, *kinds: str) -> None:
    """So many days later, delete these classes."""
    study.clock.forward(days=days)
    chosen = rules(**dict.fromkeys(DAYS) | dict.fromkeys(kinds, days))
    assert {one.kind for one in study.run(retention.show, chosen)} == set(kinds)
    study.run(retention.confirm, chosen, "kim")
    assert deletion.clean(study.program.database)


def test_no_name_and_no_address_outlives_contact_details_in_any_column(study: World, tmp_path: Path) -> None:
    """Only what they said themselves stays as they said it; there exports show the code."""
    phone, database = named_everywhere(study), study.program.settings.database.url
    vault = study.program.database.vault
    before, of = traces.told(database, vault), traces.of(database, phone.code)
    telling = {where for where, texts in before.items() if any(TELLING.search(text) for text in texts)}
    assert telling == NAMED - {"audit.detail"}
    empty = {where for where, name in CLASS_OF.items() if name in THEIRS and not before[where]}
    assert empty == set(), "so that the test sees it go"
    hashes = [vault.find(PHONE), vault.find(MAIL)]
    assert all(one in everything(study, tmp_path) for one in hashes)

    confirm(study, 12, "contact")
    after = traces.told(database, vault)
    telling = {where for where, texts in after.items() if any(TELLING.search(text) for text in texts)}
    assert telling == {"messages.body", "replacements.sealed", "writeups.text"}
    assert all(CLASS_OF[where] == "said" for where in telling)
    assert not any(one in everything(study, tmp_path) for one in hashes)
    gone = [one for one in of if CLASS_OF[one.where] in ("contact", "raw")]
    assert traces.found(gone, everything(study, tmp_path)) == []
    assert after["messages.raw"] == []
    sent = [entry.body for entry in study.record(phone.code).entries if not entry.incoming]
    assert not any(TELLING.search(body) for body in sent)
    assert ABOUT_THEM in study.heard(phone.code), "what they said is as they said it"
    assert "Ring her sister" not in str(after["participants.attributes"])
    assert f"[{phone.code}] has [{phone.code}], or ([{phone.code}], or [{phone.code}]." in after["field_notes.body"]


def test_nothing_that_was_said_or_written_outlives_the_messages_in_any_column(study: World, tmp_path: Path) -> None:
    """Name and address, which may be kept for longer, are all that still tells who it was; reasons in the trail do not
    open any more."""
    phone, database = named_everywhere(study), study.program.settings.database.url
    vault = study.program.database.vault
    of = [one for one in traces.of(database, phone.code) if CLASS_OF[one.where] in THEIRS[1:]]
    assert {one.where for one in of} == {where for where, name in CLASS_OF.items() if name in THEIRS[1:]}
    assert any("said so" in text for text in traces.told(database, vault)["audit.detail"])
    strangers = rows(study, messages, participant_id=None)
    confirm(study, 40, "messages")
    after, content = traces.told(database, vault), everything(study, tmp_path)
    assert not any("said so" in text for text in after["audit.detail"])
    kept = {row[name] for row in strangers for name in ("body", "raw") if row[name]}
    assert len(kept) > 2
    assert traces.found([one for one in of if one.value not in kept], content) == []
    assert after["participants.name"] == ["Ffion Gwenllian"]
    assert after["participants.attributes"] == ["{}"]
