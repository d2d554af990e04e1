"""Everything that is held about one person, for that person: a page to read and the same as JSON.

Nothing is made pseudonymous, and what was taken back is marked, not left out. What the team wrote for itself, such as
notes on tasks, is not part of it; the data protection lead decides on that.
"""

from __future__ import annotations

import base64
import json
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select

from bot.export.answers import moment
from bot.export.document import Document, Facts, Heading, Paragraph, Part, Said, Stamp, Table, write
from bot.export.measures import channel_word, tidy
from bot.export.reading import Study
from bot.export.record import Case, Head, Speaker, Turn
from bot.export.transcript import shown
from bot.export.writing import Passage
from bot.records.tables import (
    addresses,
    audit,
    calls,
    consents,
    data_keys,
    delivery_updates,
    interviews,
    invitations,
    media,
    messages,
    moves,
    outbox,
    replacements,
    tasks,
    timers,
    withdrawals,
    writeups,
)
from bot.records.tables import participants as people
from bot.records.vault import DataKey
from bot.service import media as stored_media

LEAVES_OUT = {
    "participants": {"id", "key_id"},
    "tasks": {"id", "participant_id", "message_id", "note", "owner", "asked_by", "closed_by", "outcome"},
    "invitations": {"id", "participant_id", "found_by"},
    "calls": {"id", "participant_id", "uid", "changed", "invitation"},
    "withdrawals": {"id", "participant_id", "actor"},
    "audit": {"id", "actor", "subject", "detail"},
}
"""Columns that are the machine's, or the team's own."""

OF_A_PERSON = (
    addresses, moves, invitations, interviews, messages, writeups, replacements, consents, timers, tasks, calls,
    withdrawals,
)  # fmt: skip
"""Tables with rows about somebody."""

OF_THE_TEAM = frozenset({"drafts", "field_notes", "postponed", "refilings"})
"""Tables with rows about somebody that are the team's own words, or a trail of their work."""

BEFORE = "messages before we knew them"
"""What came from an address of theirs when nobody knew yet whose it is, and what was answered."""

SEALED = {
    "participants": {"name": "name", "attributes": "attributes"},
    "addresses": {"value": "address"},
    "messages": {"body": "body", "raw": "raw", "elided": "elided", "sent_from": "address"},
    "media": {"name": "file name", "reference": "reference"},
    "moves": {"value": "address"},
    "outbox": {"address": "address"},
    "writeups": {"text": "write-up"},
    "replacements": {"sealed": "replacement"},
}
"""Sealed columns, with what each was sealed as."""


@dataclass(frozen=True, slots=True)
class SubjectAccess:
    """A folder with record.html, record.json, and in media/ what came besides words, by its number in record.json."""

    name: str = "subject-access"

    def passages(self, case: Case) -> Iterator[Passage]:
        """Nothing is looked for: the person's own copy names them."""
        return iter(())

    def write(self, study: Study, place: Path) -> None:
        place.mkdir()
        (head,) = study.heads
        (case,) = study.cases("Writing the record")
        held = everything(study, head)
        with (place / "record.json").open("w", encoding="utf-8") as file:
            json.dump(held, file, ensure_ascii=False, indent=2)
        write(_document(study, case, held), place / "record.html", "html")
        for row in study.uow.all(_media_of(head)):
            content = stored_media.content(study.uow, row["id"])
            if content is not None:
                (place / "media").mkdir(exist_ok=True)
                ending = mimetypes.guess_extension(row["content_type"]) or ""
                (place / "media" / f"{row['id']}{ending}").write_bytes(content)


def _media_of(head: Head) -> Select[Any]:
    theirs = select(messages.c.id).where(messages.c.participant_id == head.id)
    return select(media).where(media.c.message_id.in_(theirs)).order_by(media.c.id)


def everything(study: Study, head: Head) -> dict[str, Any]:
    """Every row about a person, opened: table by table, as JSON can hold it."""
    uow = study.uow
    person = uow.one(select(people).where(people.c.id == head.id))
    assert person is not None
    wrapped = uow.one(select(data_keys).where(data_keys.c.id == person["key_id"]))
    assert wrapped is not None
    key = uow.vault.data_key(wrapped["wrapped"])
    sent = select(outbox.c.seq).where(outbox.c.participant_id == head.id)
    of_person = {
        table: select(table).where(table.c.participant_id == head.id).order_by(table.c.id) for table in OF_A_PERSON
    }
    queries = {
        people: select(people).where(people.c.id == head.id),
        **of_person,
        media: _media_of(head),
        outbox: select(outbox).where(outbox.c.participant_id == head.id).order_by(outbox.c.seq),
        delivery_updates: select(delivery_updates).where(delivery_updates.c.outbox_seq.in_(sent)),
        audit: select(audit).where(audit.c.subject == head.code).order_by(audit.c.id),
    }
    held = {table.name: [_opened(table.name, row, key) for row in uow.all(query)] for table, query in queries.items()}
    return held | {BEFORE: [_opened("messages", row, uow.key(row["key_id"])) for row in uow.all(_before(head))]}


def _before(head: Head) -> Select[Any]:
    theirs = select(addresses.c.found_by).where(addresses.c.participant_id == head.id)
    strangers = (messages.c.participant_id.is_(None), messages.c.sender.in_(theirs))
    return select(messages).where(*strangers, messages.c.body.is_not(None)).order_by(messages.c.id)


def _opened(table: str, row: Mapping[Any, Any], key: DataKey) -> dict[str, Any]:
    hidden, sealed = LEAVES_OUT.get(table, set()), SEALED.get(table, {})
    return {
        str(name): _plain(_unsealed(value, sealed[name], key) if name in sealed and value is not None else value)
        for name, value in row.items()
        if name not in hidden
    }


def _unsealed(value: bytes, about: str, key: DataKey) -> Any:
    opened = key.open_bytes(value, about)
    try:
        text = opened.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(opened).decode()}
    return json.loads(text) if about == "attributes" else text


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    return f"fingerprint {value.hex()}" if isinstance(value, bytes) else value


# The page


def _document(study: Study, case: Case, held: Mapping[str, Any]) -> Document:
    name = held["participants"][0]["name"] or case.code
    return Document(f"What we hold about {tidy(name)}", list(_parts(study, case, held)), case.language)


def _parts(study: Study, case: Case, held: Mapping[str, Any]) -> Iterator[Part]:
    person, interview = held["participants"][0], held["interviews"][0]
    yield Paragraph(
        "This is everything the study holds about you. The file record.json beside it holds the same for machines, "
        "with each message as it came. Words you took back are marked. Notes that the team made for itself are not "
        "in it: ask the study's data protection lead."
    )
    yield Heading(1, "You")
    yield Facts(
        (
            ("Your name with us", tidy(person["name"])),
            ("Your code", case.code),
            ("Group", case.head.cohort),
            ("Wording", case.wording.replace("_", " ")),
            ("Language", person["language"]),
            ("Time zone", person["timezone"]),
            ("Your researcher", person["researcher"]),
            ("In the study since", study.day(case.enrolled_at)),
            ("Your interview", interview["state"]),
            ("Changes to your answers until", interview["cutoff"]),
            *((name, value) for name, value in case.attributes.items()),
        )
    )
    yield Heading(1, "How we reach you")
    yield Table(
        "Addresses",
        ("Channel", "Address", "Main", "Closed because"),
        tuple(
            (channel_word(row["kind"]), tidy(row["value"]), "yes" if row["main"] else "no", row["closed"] or "")
            for row in held["addresses"]
        ),
    )
    yield Heading(1, "What you agreed to")
    yield Table("Consent", ("Statement", "Your answer", "When", "How"), tuple(_consent(study, case, held)))
    yield Heading(1, "What was said")
    yield from _talk(study, case)
    if held[BEFORE]:
        yield Heading(1, "What was said before we knew that it was you")
        yield Table(
            "Messages",
            ("When", "Who", "What"),
            tuple((row["at"], "You" if row["direction"] == "in" else "The study", row["body"]) for row in held[BEFORE]),
        )
    yield Heading(1, "What is planned, and what was done")
    if held["calls"]:
        booked = tuple((row["way"], row["starts_at"], row["researcher"]) for row in held["calls"])
        yield Table("Calls", ("How", "When", "With"), booked)
    planned = tuple((row["kind"], row["due"]) for row in held["timers"])
    if planned:
        yield Table("Planned", ("What", "When"), planned)
    asked = tuple((row["kind"], row["opened_at"], row["closed_at"] or "open") for row in held["tasks"])
    if asked:
        yield Table("Work for the team about you", ("What", "Since", "Done"), asked)
    done = tuple((row["act"], row["at"]) for row in held["audit"])
    if done:
        yield Table("Done by the team", ("What", "When"), done)


def _consent(study: Study, case: Case, held: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    texts = {one.id: one.standard for one in case.schedule.statements}
    for row in held["consents"]:
        said = texts.get(row["statement"], row["statement"])
        yield said, "yes" if row["agreed"] else "no", row["at"], channel_word(row["channel"])


def _talk(study: Study, case: Case) -> Iterator[Part]:
    stamped = ""
    for turn in case.turns:
        stamp = f"{study.day(turn.at)}, {study.clock(turn.at)}, by {turn.channel}"
        if stamp != stamped:
            stamped = stamp
            yield Stamp(stamp)
        who = "You" if turn.speaker is Speaker.PARTICIPANT else "The study" if turn.author == "Bot" else turn.author
        yield Said(who, _marked(study, turn), turn.speaker.value)


def _marked(study: Study, turn: Turn) -> str:
    if turn.removed_at is not None:
        return f"{turn.full} [you took this back on {study.day(turn.removed_at)}; it is in no transcript]"
    return shown(turn) if turn.left else f"{turn.text} [{turn.delivery or 'waiting'}: it has not left]"
