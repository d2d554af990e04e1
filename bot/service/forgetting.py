"""Taking somebody's name and addresses out of the words that stay when their contact details are deleted.

Exports and pages hide a name by the name in the database; once that is gone, the words themselves must not hold it.
What we sent, mail text that came along, what the team wrote, file names and attributes are written anew, and so is an
address that was typed after CHANGE; words that somebody of the team has not sent yet go. In what somebody answered, a
decision stands for it, as one that a researcher makes: the answer stays as it was said, as long as answers are kept.
"""

from __future__ import annotations

import json
import re

from sqlalchemy import delete, insert, select, update

from bot.export import replacing
from bot.export.identifiers import ORDINARY, Hiding, Scanner, fold
from bot.records.participants import reached_at
from bot.records.tables import (
    delivery_updates,
    drafts,
    field_notes,
    media,
    messages,
    outbox,
    postponed,
    refilings,
    tasks,
)
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import DataKey

ASKS_ADDRESS = frozenset({"change-address", "change-no-address"})
"""The texts after which somebody types the address they want to move to."""

_ADDRESS = re.compile(r"@|\d(?:\D{0,3}\d){6}")
"""An address that was typed where only the channel was asked for; a code has six figures."""

HOW_TO_REACH = "safe_contact"
"""The attribute that says in words how the team may reach them: of no use without an address, and gone with it."""


def forget(uow: UnitOfWork, participant_id: int) -> None:
    """Put the code in brackets in the place of the name and addresses, while both are still known.

    Within `deletion.removing`: lines that are append-only are among what is written anew.
    """
    person = uow.one(select(people).where(people.c.id == participant_id))
    assert person is not None
    key, code = uow.key(person["key_id"]), person["code"]
    name, reached = key.open(person["name"], "name"), reached_at(uow, participant_id, key)
    hiding = Hiding(name, code, reached=reached)
    told = {
        what: hiding.hidden(value)
        for what, value in json.loads(key.open(person["attributes"], "attributes")).items()
        if what != HOW_TO_REACH
    }
    sealed = key.seal(json.dumps(told), "attributes")
    uow.execute(update(people).where(people.c.id == participant_id).values(attributes=sealed))
    _write_anew(uow, participant_id, f"[{code}]", hiding, key)
    _write_the_teams_anew(uow, participant_id, hiding, key)
    _write_reasons_anew(uow, participant_id, hiding, key)
    _forget_providers_names(uow, participant_id)
    uow.execute(delete(drafts).where(drafts.c.participant_id == participant_id))
    _decide(uow, code, name, reached)


def _write_anew(uow: UnitOfWork, participant_id: int, label: str, hiding: Hiding, key: DataKey) -> None:
    """What was sent, an address that was typed, and mail text that came along."""
    asked = False
    mine = messages.c.participant_id == participant_id
    for row in uow.all(select(messages).where(mine).order_by(messages.c.id)):
        if row["elided"]:
            _reword(uow, row["id"], "elided", key, key.open(row["elided"], "elided"), hiding)
        if not row["body"]:
            continue
        said = key.open(row["body"], "body")
        if row["direction"] == "out":
            asked = not ASKS_ADDRESS.isdisjoint((row["texts"] or "").split())
            _reword(uow, row["id"], "body", key, said, hiding)
        elif row["belongs"] == "choice" and (asked or _ADDRESS.search(said)):
            uow.execute(update(messages).where(messages.c.id == row["id"]).values(body=key.seal(label, "body")))
            replacing.refit(uow, row["id"], "body", key, said, label, hiding)


def _reword(uow: UnitOfWork, message_id: int, part: str, key: DataKey, said: str, hiding: Hiding) -> None:
    now = hiding.hidden(said)
    if now != said:
        uow.execute(update(messages).where(messages.c.id == message_id).values({part: key.seal(now, part)}))
        replacing.refit(uow, message_id, part, key, said, now, hiding)


def _write_the_teams_anew(uow: UnitOfWork, participant_id: int, hiding: Hiding, key: DataKey) -> None:
    """Field notes, replies for later, what came of tasks, and the names of files."""
    mine = select(messages.c.id).where(messages.c.participant_id == participant_id)
    for table, column, about, which in (
        (field_notes, field_notes.c.body, "field note", field_notes.c.participant_id == participant_id),
        (postponed, postponed.c.body, "body", postponed.c.participant_id == participant_id),
        (tasks, tasks.c.outcome, "outcome", tasks.c.participant_id == participant_id),
        (media, media.c.name, "file name", media.c.message_id.in_(mine)),
    ):
        for row in uow.all(select(table.c.id, column.label("sealed")).where(which, column.is_not(None))):
            said = key.open(row["sealed"], about)
            if (now := hiding.hidden(said)) != said:
                uow.execute(update(table).where(table.c.id == row["id"]).values({column: key.seal(now, about)}))


def _write_reasons_anew(uow: UnitOfWork, participant_id: int, hiding: Hiding, key: DataKey) -> None:
    """Why messages were moved: these lines cannot be changed, so another one takes the place of each."""
    of = (refilings.c.participant_id == participant_id, refilings.c.reason.is_not(None))
    for row in uow.all(select(refilings).where(*of)):
        said = key.open(row["reason"], "reason")
        if (now := hiding.hidden(said)) != said:
            uow.execute(delete(refilings).where(refilings.c.id == row["id"]))
            uow.execute(insert(refilings).values({**row, "reason": key.seal(now, "reason")}))


def _forget_providers_names(uow: UnitOfWork, participant_id: int) -> None:
    """How providers and mail programs name the messages, which may tell the address; and from where they came."""
    sent = outbox.c.participant_id == participant_id
    of = select(outbox.c.seq).where(sent)
    uow.execute(delete(delivery_updates).where(delivery_updates.c.outbox_seq.in_(of)))
    uow.execute(update(outbox).where(sent).values(provider_id=None))
    mine = messages.c.participant_id == participant_id
    nowhere = dict.fromkeys(("provider_id", "sender", "sent_from"))
    uow.execute(update(messages).where(mine).values(**nowhere))


def _decide(uow: UnitOfWork, code: str, name: str, reached: list[tuple[str, str]]) -> None:
    """Wherever they named themselves in their own words, or a write-up of them does, the code stands in exports."""
    known = Scanner()
    known.add_name(code, name)
    for kind, value in reached:
        known.add_address(code, kind, value)
    parts = [part for part in name.split() if len(part) > 1 and fold(part) not in ORDINARY]
    words = {name.strip(), *parts, *(value for _, value in reached)} - {""}
    offers = replacing.offers(uow, code, dict.fromkeys(words, f"[{code}]"))
    theirs = [one for one in offers if one.suggestion.put == f"[{code}]" or any(known.find(one.suggestion.words))]
    replacing.decide(uow, code, theirs, [], by="service")
