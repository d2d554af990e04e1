"""The same form sent twice, as by a double press or after a lost answer, does its work once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Concatenate, ParamSpec, TypeVar

from starlette.requests import Request

from bot.records.unit_of_work import UnitOfWork
from bot.service import forms
from bot.service.staff import User
from bot.web.state import web

P = ParamSpec("P")
T = TypeVar("T")

MOST_SENT = 1000
"""Forms that are remembered."""


async def once(
    request: Request,
    user: User,
    said: tuple[str, ...],
    use_case: Callable[Concatenate[UnitOfWork, P], T],
    *args: P.args,
    **more: P.kwargs,
) -> T:
    """Run the use case; what it returns or raises. The form that comes again gets what the first got, also meanwhile.

    Where another process has done the work, or this one before it was started again, it raises DoneAlready.

    `said`: the key of the form ('' is a new one each time), and what it says. A form counts as sent only when its work
    was done: what was refused may be sent again.
    """
    sent = web(request).sent
    form = (user.name, request.url.path, said[0] or secrets.token_hex(16), *said[1:])
    pressed = sha256("\n".join(form).encode()).digest()
    if pressed not in sent:
        work_of_it = web(request).database.run(_first_time, pressed, use_case, args, more)
        sent[pressed] = asyncio.ensure_future(work_of_it)
        for old in list(sent)[:-MOST_SENT]:
            del sent[old]
    work = sent[pressed]
    try:
        done: T = await asyncio.shield(work)
    except BaseException:
        if work.done() and sent.get(pressed) is work:
            del sent[pressed]
        raise
    return done


def _first_time(
    uow: UnitOfWork, pressed: bytes, use_case: Callable[..., Any], args: tuple[Any, ...], more: dict[str, Any]
) -> Any:
    forms.first_time(uow, pressed)
    return use_case(uow, *args, **more)
