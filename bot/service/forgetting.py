"""Taking somebody's name and addresses out of the words that stay when their contact details are deleted.

Exports hide a name by the name in the database; once that is gone, the words themselves must not hold it. What we sent
is written anew, and so is an address that was typed after CHANGE. In what somebody answered, a decision stands for it,
as one that a researcher makes: the answer stays as it was said, for as long as answers are kept.
"""

from __future__ import annotations

import json
import re

from sqlalchemy import select, update

from bot.export import replacing
from bot.export.identifiers import ORDINARY, Hiding, Scanner, fold
from bot.records.tables import addresses, messages, moves
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import DataKey

ASKS_ADDRESS = frozenset({"change-address", "change-no-address"})
"""The texts after which somebody types the address they want to move to."""

_ADDRESS = re.compile(r"@|\d(?:\D{0,3}\d){6}")
"""An address that was typed where only the channel was asked for; a code has six figures."""


def forget(uow: UnitOfWork, participant_id: int) -> None:
    """Put the code in brackets in the place of the name and addresses, while both are still known."""
    person = uow.one(select(people).where(people.c.id == participant_id))
    assert person is not None
    key, code = uow.key(person["key_id"]), person["code"]
    name = key.open(person["name"], "name")
    hiding = Hiding(name, code)
    told = {
        what: hiding.hidden(value) for what, value in json.loads(key.open(person["attributes"], "attributes")).items()
    }
    sealed = key.seal(json.dumps(told), "attributes")
    uow.execute(update(people).where(people.c.id == participant_id).values(attributes=sealed))
    _write_anew(uow, participant_id, f"[{code}]", hiding, key)
    _decide(uow, code, name, _addresses(uow, participant_id, key))


def _addresses(uow: UnitOfWork, participant_id: int, key: DataKey) -> list[tuple[str, str]]:
    """Where they are or wanted to be reached: kind and value."""
    return [
        (row["kind"], value)
        for table in (addresses, moves)
        for row in uow.all(select(table).where(table.c.participant_id == participant_id))
        if (value := key.open(row["value"], "address"))
    ]


def _write_anew(uow: UnitOfWork, participant_id: int, label: str, hiding: Hiding, key: DataKey) -> None:
    asked = False
    query = select(messages).where(messages.c.participant_id == participant_id, messages.c.body.is_not(None))
    for row in uow.all(query.order_by(messages.c.id)):
        said = key.open(row["body"], "body")
        if row["direction"] == "out":
            asked = not ASKS_ADDRESS.isdisjoint((row["texts"] or "").split())
            now = hiding.hidden(said)
        elif row["belongs"] == "choice" and (asked or _ADDRESS.search(said)):
            now = label
            uow.execute(update(messages).where(messages.c.id == row["id"]).values(raw=None))
        else:
            continue
        if now != said:
            uow.execute(update(messages).where(messages.c.id == row["id"]).values(body=key.seal(now, "body")))
            replacing.refit(uow, row["id"], key, said, now, hiding)


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
