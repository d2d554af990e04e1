"""Forms that were sent: each does its work once, also where several processes serve the pages."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from bot.errors import DoneAlready
from bot.records.tables import forms
from bot.records.unit_of_work import UnitOfWork

KEPT_FOR = timedelta(days=2)
"""So long a form is remembered: a page that is older is loaded again."""

_INSERT = {
    "sqlite": sqlite_insert(forms).on_conflict_do_nothing().returning(forms.c.pressed),
    "postgresql": postgresql_insert(forms).on_conflict_do_nothing().returning(forms.c.pressed),
}


def first_time(uow: UnitOfWork, pressed: bytes) -> None:
    """Remember a form by its hash, in the transaction that does its work. Raises DoneAlready where it came before.

    While another process is at the same form, this waits for what becomes of it.
    """
    uow.execute(delete(forms).where(forms.c.at <= uow.now - KEPT_FOR))
    remembered = _INSERT[uow.dialect].values(pressed=pressed, at=uow.now)
    if uow.one(remembered) is None:
        raise DoneAlready
