"""What coordinators do: watch progress, enrol, remind, and hold all that leaves."""

from __future__ import annotations

import re
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.errors import OwnPaceError
from bot.interview.state import State
from bot.records.participants import Terms
from bot.records.tables import interviews
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import enrolment, opening, progress, reminding, switch, views, work
from bot.service.access import May, may
from bot.service.staff import User
from bot.web.live import stream
from bot.web.once import once
from bot.web.pages import page, render
from bot.web.posted import has_parts, parsed, parts_of
from bot.web.signin import fields, signed_in
from bot.web.state import web

LARGEST_FILE = 1_000_000
"""Bytes of a file of people."""

MOST_PEOPLE = 500
"""Enrolled in one commit, all of them or nobody, which takes about a second: nobody else can write meanwhile."""

MOST_COLUMNS = 60

IN_LINE = re.compile(r"^line:(\d+):")
"""Where in a file a problem is, as commands say it: FILE:LINE."""


# Progress, and the switch


@signed_in(May.LOOK)
async def board(request: Request, user: User) -> Response:
    """Where everybody stands, in figures."""
    return page(request, "progress.html", user=user, **await _board(request, user))


async def _board(request: Request, user: User) -> dict[str, Any]:
    database = web(request).database
    return {
        "lines": await database.read(progress.board),
        "on_hold": await database.read(switch.on_hold),
        "work": await database.read(work.page, user, most=1),
        "arranges": may(user, May.ARRANGE),
    }


@signed_in(May.LOOK)
async def board_live(request: Request, user: User) -> Response:
    """The figures again, whenever they change."""

    async def fresh() -> dict[str, str]:
        return {"board": render(request, "board.html", user=user, **await _board(request, user))}

    return stream(request, "participants", fresh)


@signed_in(May.LOOK)
async def hold(request: Request, user: User) -> Response:
    """Nothing leaves from now on. Anybody of the team may do this."""
    await web(request).database.run(switch.hold, user.name)
    return RedirectResponse("/progress", 303)


@signed_in(May.ARRANGE)
async def release(request: Request, user: User) -> Response:
    """Messages leave again, in order."""
    parts = web(request)
    await parts.database.run(switch.release, parts.terms, user.name)
    return RedirectResponse("/progress", 303)


# Enrolment


@signed_in(May.ARRANGE)
async def enrol(request: Request, user: User) -> Response:
    """A file of people, or their lines."""
    return _enrol(request, user)


def _enrol(request: Request, user: User, text: str = "", problem: str = "", **more: Any) -> Response:
    known: dict[str, Any] = {
        "text": text,
        "shown": [],
        "firsts": [],
        "codes": [],
        "waiting": [],
        "done": False,
        "key": secrets.token_hex(16),
        "columns": enrolment.COLUMNS,
        "found": _columns(text) if problem else [],
    }
    status = 409 if problem else 200
    problems = [IN_LINE.sub(r"Line \1:", each) for each in problem.splitlines()]
    return page(request, "enrol.html", status=status, user=user, problems=problems, **known | more)


@signed_in(May.ARRANGE)
async def enrol_look(request: Request, user: User) -> Response:
    """Who would be enrolled, and how; nobody is, and nothing is sent."""
    return await _enrolling(request, user, look=True)


@signed_in(May.ARRANGE)
async def enrol_all(request: Request, user: User) -> Response:
    """Enrol everybody who was shown, or nobody."""
    return await _enrolling(request, user, look=False)


async def _enrolling(request: Request, user: User, *, look: bool) -> Response:
    parts, text = web(request), ""
    try:
        posted = await _posted(request)
        request.state.posted = list(posted.items())
        text = posted.get("people", "")
        if names := [name for field, name in posted.items() if field.startswith("column-")]:
            text = enrolment.named_anew(text, names)
        entries = enrolment.read_text("line", text, parts.rules)
        if len(entries) > MOST_PEOPLE:
            raise OwnPaceError(
                f"There are {len(entries):,} people in this file. Here at most {MOST_PEOPLE} are enrolled at once, so "
                "that participants who write meanwhile are not kept waiting. Split the file, or have it enrolled on "
                "the server: scripts/ownpace enrol FILE.csv takes any number."
            )
        if look:
            shown = await parts.database.read(opening.preview, parts.terms, parts.rules, entries)
            waiting = [one.code for one in shown if one.waits]
            return _enrol(request, user, text, shown=shown, firsts=opening.firsts(shown), waiting=waiting)
        form, who = (posted.get("key", ""), text), user.name
        placed = await once(request, user, form, enrolment.enrol_all, parts.terms, parts.rules, entries, who)
    except OwnPaceError as problem:
        return _enrol(request, user, text, str(problem))
    waiting = [one.code for one in placed if one.waits]
    return _enrol(request, user, codes=[one.code for one in placed if not one.waits], waiting=waiting, done=True)


def _columns(text: str) -> list[tuple[str, str]]:
    """The columns of a file that could not be taken, to be called by what they are; none where there is no table."""
    try:
        found = enrolment.columns_of(text)
    except OwnPaceError:
        return []
    return found if 1 < len(found) <= MOST_COLUMNS else []


async def _posted(request: Request) -> dict[str, str]:
    """The fields of the form; `people` is the text of the file that was chosen, or else of the field.

    Raises OwnPaceError where it cannot be read, TooLarge where it has far too many parts.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FILE:
            raise OwnPaceError("This file is too large: a file of people has at most 1 MB. Split it in two.")
    kind = request.headers.get("content-type", "")
    if not has_parts(kind):
        return dict(await parsed(kind, bytes(body)))
    content = {name: part for name, _, part in parts_of(kind, bytes(body))}
    try:
        return {"people": (content.get("file") or content.get("people", b"")).decode("utf-8-sig")}
    except UnicodeDecodeError:
        raise OwnPaceError("The file is not UTF-8 text. Save it again as CSV UTF-8.") from None


# Reminders by hand

WAITED_FOR = (State.CONSENT.value, State.ACTIVE.value)


@signed_in(May.ARRANGE)
async def reminders(request: Request, user: User) -> Response:
    """Who would get which words if they were reminded now, or why not."""
    return await _reminders(request, user)


async def _reminders(
    request: Request, user: User, problem: str = "", done: list[reminding.Preview] | None = None
) -> Response:
    parts, after = web(request), request.query_params.get("after", "")
    shown, more = await parts.database.read(_waited_for, parts.terms, after)
    known = {"shown": shown, "more": more, "after": after, "done": done or [], "problem": problem}
    known["key"] = secrets.token_hex(16)
    return page(request, "reminders.html", status=409 if problem else 200, user=user, **known)


def _waited_for(uow: UnitOfWork, terms: Terms, after: str, most: int = 50) -> tuple[list[reminding.Preview], str]:
    """Those whom we may be waiting for, and after which code the next page begins."""
    rows = views.listed(uow, interviews.c.state.in_(WAITED_FOR), people.c.code > after, most=most + 1)
    codes = [row.code for row in rows[:most]]
    shown = reminding.preview(uow, terms, codes) if codes else []
    return shown, codes[-1] if len(rows) > most else ""


@signed_in(May.ARRANGE)
async def remind(request: Request, user: User) -> Response:
    """Remind those who were chosen, by the same guards; what each got, or why not. The same form twice is one."""
    parts, sent = web(request), await fields(request)
    codes, key = [value for name, value in sent if name == "code"], dict(sent).get("key", "")
    if not codes:
        return await _reminders(request, user, "Choose at least one person.")
    try:
        done = await once(request, user, (key, *codes), reminding.remind, parts.terms, user.name, codes)
    except OwnPaceError as problem:
        return await _reminders(request, user, str(problem))
    return await _reminders(request, user, done=done)


@signed_in(May.LOOK)
async def to_board(request: Request, user: User) -> Response:
    """Where a form was sent to there is no page: the board is what was meant."""
    return RedirectResponse("/progress", 303)


routes = [
    Route("/progress", board),
    Route("/progress/live", board_live),
    Route("/progress/hold", hold, methods=["POST"]),
    Route("/progress/release", release, methods=["POST"]),
    Route("/progress/hold", to_board),
    Route("/progress/release", to_board),
    Route("/enrol", enrol),
    Route("/enrol", enrol_all, methods=["POST"]),
    Route("/enrol/preview", enrol_look, methods=["POST"]),
    Route("/enrol/preview", enrol),
    Route("/reminders", reminders),
    Route("/reminders", remind, methods=["POST"]),
]
