"""What participants are owed: their own copy, lines of it that are not to be used, and leaving with their data."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.errors import OwnPaceError
from bot.export import copy
from bot.records import participants
from bot.records.participants import Terms
from bot.records.unit_of_work import UnitOfWork
from bot.service import access, copies, deletion, withdrawal
from bot.service.access import May
from bot.service.staff import User
from bot.web.once import once
from bot.web.pages import HEADERS, page
from bot.web.rows import row_number
from bot.web.signin import fields, form, signed_in
from bot.web.state import Web, web

MOST = 100
"""Lines of a copy on one page."""

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


# Their own copy


@signed_in(May.READ)
async def own_copy(request: Request, user: User) -> Response:
    """The lines of somebody's copy, as they are numbered in it; that it was opened is noted."""
    await web(request).database.run(access.seen, user, request.path_params["code"])
    return await _copy(request, user)


async def _copy(request: Request, user: User, problem: str = "", done: str = "") -> Response:
    parts, code = web(request), request.path_params["code"].strip().upper()
    after = row_number(request.query_params.get("after", "")) or 0
    try:
        made = await parts.database.read(copy.read, parts.terms, code)
    except OwnPaceError as gone:
        return page(request, "problem.html", status=404, user=user, problem=str(gone))
    ours = await parts.database.read(copies.taken_out, code)
    lines = [(block.question, line) for block in made.blocks for line in block.lines]
    known: dict[str, Any] = {"code": code, "lines": lines[after : after + MOST], "ours": ours}
    known |= {"after": after, "many": len(lines), "most": MOST, "key": secrets.token_hex(16)}
    status = 409 if problem else 200
    return page(request, "copy.html", status=status, user=user, problem=problem, done=done, **known)


@signed_in(May.WRITE)
async def send(request: Request, user: User) -> Response:
    """Send the copy to an address that is known to be theirs."""
    parts, code = web(request), request.path_params["code"]
    key = (await form(request)).get("key", "")
    try:
        many = await once(request, user, (key,), copies.send_copy, parts.terms, code, user.name)
    except OwnPaceError as problem:
        return await _copy(request, user, str(problem))
    return await _copy(request, user, done=f"The copy leaves in {many} message{'s' if many != 1 else ''}.")


@signed_in(May.WRITE)
async def file(request: Request, user: User) -> Response:
    """The copy as a document, to be given to nobody but them; noted in the trail."""
    parts, code = web(request), request.path_params["code"].strip().upper()
    try:
        content = await asyncio.to_thread(_written, parts, code, user)
    except OwnPaceError as problem:
        return await _copy(request, user, str(problem))
    kept = {name: HEADERS[name] for name in ("cache-control", "x-content-type-options")}
    headers = {**kept, "content-disposition": f'attachment; filename="{code}-copy.docx"'}
    return Response(content, media_type=WORD, headers=headers)


def _written(parts: Web, code: str, user: User) -> bytes:
    with tempfile.TemporaryDirectory(prefix="ownpace-copy-") as folder:
        out = Path(folder) / "copy.docx"
        copy.put(parts.database, parts.terms, code, out, "docx", False, user.name, to="browser")
        return out.read_bytes()


@signed_in(May.WRITE)
async def take_out(request: Request, user: User) -> Response:
    """Lines that they do not want used leave every export from now on, or are put back."""
    parts, posted = web(request), await fields(request)
    code, back = request.path_params["code"], dict(posted).get("back") == "yes"
    numbers = [number for name, value in posted if name == "line" and (number := row_number(value))]
    try:
        if not numbers:
            raise OwnPaceError("Choose at least one line.")
        await parts.database.run(copies.take_out, parts.terms, code, numbers, user.name, back=back)
    except OwnPaceError as problem:
        return await _copy(request, user, str(problem))
    said = ", ".join(str(number) for number in numbers)
    what = "put back" if back else "taken out of every export from now on"
    return await _copy(request, user, done=f"Line {said}: {what}.")


# Leaving


@signed_in(May.ARRANGE)
async def leave(request: Request, user: User) -> Response:
    """What would be done, and what was done already."""
    return await _leave(request, user)


async def _leave(request: Request, user: User, problem: str = "", **sent: str) -> Response:
    parts, code = web(request), request.path_params["code"].strip().upper()
    known = await parts.database.read(_state, parts.terms, code)
    if known is None:
        return page(request, "problem.html", status=404, user=user, problem="There is no participant with this code.")
    filled = {"what": "", "code": "", "late": "", "quiet": ""} | sent
    status = 409 if problem else 200
    return page(request, "withdraw.html", status=status, user=user, problem=problem, filled=filled, done=None, **known)


def _state(uow: UnitOfWork, terms: Terms, code: str) -> dict[str, Any] | None:
    deleted = withdrawal.when(uow, code)
    found = participants.by_code(uow, terms, code)
    if found is None and deleted is None:
        return None
    return {"code": code, "deleted": deleted, "cutoff": found.interview.person.cutoff if found else None}


@signed_in(May.ARRANGE)
async def leave_now(request: Request, user: User) -> Response:
    """Take them out of the study; what is deleted is gone for good, and the page says what people have to do now."""
    parts, posted = web(request), await form(request)
    code = request.path_params["code"].strip().upper()
    filled = {name: posted.get(name, "") for name in ("what", "code", "late", "quiet")}
    try:
        if filled["what"] not in ("keep", "delete"):
            raise OwnPaceError("Choose what becomes of their answers.")
        if filled["code"].strip().upper() != code:
            raise OwnPaceError(f"Nothing was done. To be sure that it is the right person, write {code}.")
        how = {"keep": filled["what"] == "keep", "tell": filled["quiet"] != "yes", "late": filled["late"] == "yes"}
        receipt = await parts.database.run(withdrawal.withdraw, parts.terms, code, user.name, **how)
    except OwnPaceError as problem:
        said = str(problem).replace("--after-cutoff", "tick the box for it.").replace("Leave out --keep.", "Delete.")
        return await _leave(request, user, said, **filled)
    unclean = "" if receipt.kept else await asyncio.to_thread(_cleaned, parts)
    known = {"code": code, "done": receipt, "unclean": unclean, "filled": {}, "deleted": None, "cutoff": None}
    return page(request, "withdraw.html", user=user, **known)


def _cleaned(parts: Web) -> str:
    """Why what was deleted is not gone from every file yet, '' where it is: the receipt is shown whatever happens."""
    try:
        emptied = deletion.clean(parts.database, rewrite=False)
    except (OwnPaceError, DBAPIError, OSError) as problem:
        return str(problem) if isinstance(problem, OwnPaceError) else f"The database's files: {type(problem).__name__}."
    return "" if emptied else "The database's log is emptied within minutes: somebody is still reading an older state."


@signed_in(May.READ)
async def back(request: Request, user: User) -> Response:
    """Where a form was sent to there is no page: the copy is what was meant."""
    return RedirectResponse(f"/participants/{request.path_params['code']}/copy", 303)


COPY = "/participants/{code}/copy"

routes = [
    Route(COPY, own_copy),
    Route(f"{COPY}/send", send, methods=["POST"]),
    Route(f"{COPY}/file", file, methods=["POST"]),
    Route(f"{COPY}/lines", take_out, methods=["POST"]),
    *(Route(f"{COPY}/{name}", back) for name in ("send", "file", "lines")),
    Route("/participants/{code}/withdraw", leave),
    Route("/participants/{code}/withdraw", leave_now, methods=["POST"]),
]
