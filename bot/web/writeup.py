"""What a person writes down of voice notes, pictures, videos and files, and somebody else checks."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.errors import OwnPaceError
from bot.export.measures import media_word
from bot.records import participants
from bot.records.participants import Terms
from bot.records.unit_of_work import UnitOfWork
from bot.service import access, drafts, writeups
from bot.service.access import May
from bot.service.staff import User
from bot.service.writeups import Piece, Version, WriteUpKind
from bot.web import questions
from bot.web.pages import page
from bot.web.rows import ROW, row_number
from bot.web.signin import form, signed_in
from bot.web.state import kept_draft, web

MOST = 100
"""Pieces on one page, the newest."""

KINDS = {
    WriteUpKind.TRANSCRIPTION: "Words written down",
    WriteUpKind.DESCRIPTION: "What it shows, described",
    WriteUpKind.TRANSLATION: "Put into another language, such as BSL into English",
}


@signed_in(May.READ)
async def listed(request: Request, user: User) -> Response:
    """Everything besides words that somebody sent: what waits first, then the newest."""
    code = request.path_params["code"].strip().upper()
    try:
        pieces = await web(request).database.read(writeups.of, code)
    except OwnPaceError as problem:
        return page(request, "problem.html", status=404, user=user, problem=str(problem))
    found = sorted(pieces, key=lambda one: (one.write_up is not None, bool(one.checked_by), -one.message_id))[:MOST]
    shown, names = [(one, media_word(one.kind, one.seconds)) for one in found], questions.names(web(request).schedules)
    return page(request, "writeups.html", user=user, code=code, shown=shown, many=len(pieces), names=names)


@signed_in(May.READ)
async def one(request: Request, user: User) -> Response:
    """The pieces of one message, each with its versions and a form for the next; that it was opened is noted."""
    await web(request).database.run(access.seen, user, request.path_params["code"])
    return await _one(request, user)


async def _one(request: Request, user: User, problem: str = "", **sent: str) -> Response:
    parts, code = web(request), request.path_params["code"].strip().upper()
    try:
        known = await parts.database.read(_known, parts.terms, code, request.path_params["id"])
    except OwnPaceError as gone:
        return page(request, "problem.html", status=404, user=user, problem=str(gone))
    filled = {"text": "", "kind": "", "media": ""} | sent
    status = 409 if problem else 200
    draft = await kept_draft(request, user.name, request.url.path)
    known |= {"draft": draft, "code": code, "kinds": KINDS, "filled": filled, "problem": problem}
    return page(request, "writeup.html", status=status, user=user, **known)


def _known(uow: UnitOfWork, terms: Terms, code: str, message: int) -> dict[str, Any]:
    found = participants.named(uow, terms, code)
    writeups.message_of(uow, found.code, message)
    pieces: list[Piece] = [each for each in writeups.pieces(uow, found.id) if each.message_id == message]
    versions: list[Version] = writeups.versions(uow, message)
    newest = {each.write_up for each in pieces} or {versions[-1].id if versions else None}
    named = [(each, media_word(each.kind, each.seconds)) for each in pieces]
    return {"message": message, "pieces": named, "versions": versions[::-1], "newest": newest}


@signed_in(May.WRITE)
async def write(request: Request, user: User) -> Response:
    """A new version."""
    parts, sent = web(request), await form(request)
    code, message = request.path_params["code"], request.path_params["id"]
    filled = {name: sent.get(name, "") for name in ("text", "kind", "media")}
    try:
        keep = drafts.sending(user.name, request.url.path, _write)
        await parts.database.run(keep, parts.terms, code, message, user.name, filled)
    except OwnPaceError as problem:
        return await _one(request, user, str(problem), **filled)
    return RedirectResponse(f"/participants/{code}/write-ups/{message}", 303)


def _write(uow: UnitOfWork, terms: Terms, code: str, message: int, author: str, sent: dict[str, str]) -> None:
    found = participants.named(uow, terms, code)
    writeups.message_of(uow, found.code, message)
    if sent["kind"] not in set(WriteUpKind):
        raise OwnPaceError("Choose what you did.")
    writeups.write_up(uow, message, WriteUpKind(sent["kind"]), sent["text"], author, row_number(sent["media"]))
    uow.changed.add(f"participant {found.id}")


@signed_in(May.WRITE)
async def check(request: Request, user: User) -> Response:
    """Somebody other than its author found the newest version right."""
    parts, sent = web(request), await form(request)
    code, message = request.path_params["code"], request.path_params["id"]
    try:
        await parts.database.run(_check, parts.terms, code, message, row_number(sent.get("version", "")), user.name)
    except OwnPaceError as problem:
        return await _one(request, user, str(problem))
    return RedirectResponse(f"/participants/{code}/write-ups/{message}", 303)


def _check(uow: UnitOfWork, terms: Terms, code: str, message: int, version: int | None, by: str) -> None:
    found = participants.named(uow, terms, code)
    writeups.message_of(uow, found.code, message)
    if version not in {each.id for each in writeups.versions(uow, message)}:
        raise OwnPaceError("There is no such version of this message.")
    assert version is not None
    writeups.check(uow, version, by)
    uow.changed.add(f"participant {found.id}")


@signed_in(May.READ)
async def back(request: Request, user: User) -> Response:
    """Where a form was sent to there is no page: the message is what was meant."""
    return RedirectResponse(f"/participants/{request.path_params['code']}/write-ups/{request.path_params['id']}", 303)


HERE = "/participants/{code}/write-ups"

routes = [
    Route(HERE, listed),
    Route(f"{HERE}/{ROW}", one),
    Route(f"{HERE}/{ROW}", write, methods=["POST"]),
    Route(f"{HERE}/{ROW}/check", check, methods=["POST"]),
    Route(f"{HERE}/{ROW}/check", back),
]
