"""What the study team sees: everybody, and one participant's record as it grows."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.errors import OwnPaceError
from bot.service import access, calls, handovers, media, moves, switch, views
from bot.service.access import May
from bot.service.staff import User
from bot.web.pages import page, render
from bot.web.signin import current_user, form, signed_in
from bot.web.state import keep_draft, web

MOST_SENT = 1000
"""Replies that are remembered."""

HEARTBEAT = 20.0
"""Seconds after which an open page hears that it is still connected."""


@signed_in(May.LOOK)
async def participants(request: Request, user: User) -> Response:
    """Everybody, with where they stand."""
    return page(request, "participants.html", user=user, **await _everybody(request))


async def _everybody(request: Request) -> dict[str, Any]:
    database = web(request).database
    return {
        "rows": await database.read(views.listed),
        "held": await database.read(views.held),
        "work": await database.read(views.work),
        "on_hold": await database.read(switch.on_hold),
    }


@signed_in(May.READ)
async def participant(request: Request, user: User) -> Response:
    """One participant's record; that it was opened is noted."""
    await web(request).database.run(access.seen, user, request.path_params["code"])
    return await _participant(request, user)


async def _participant(request: Request, user: User, problem: str = "", draft: str = "") -> Response:
    record = await _record(request)
    if record is None:
        return page(request, "problem.html", status=404, user=user, problem="There is no participant with this code.")
    status = 409 if problem else 200
    draft = draft or web(request).drafts.get((user.name, f"/participants/{record.row.code}"), "")
    kinds = web(request).terms.study.channels
    known = {"record": record, "problem": problem, "draft": draft, "kinds": kinds, "key": secrets.token_hex(16)}
    return page(request, "participant.html", status=status, user=user, **known)


async def _record(request: Request) -> views.Record | None:
    parts = web(request)
    return await parts.database.read(views.record, parts.terms, request.path_params["code"])


def _act(use_case: Callable[..., None], *fields: str) -> Callable[[Request], Any]:
    """A button on a participant's page. What was being written there stays."""

    @signed_in(May.WRITE)
    async def act(request: Request, user: User) -> Response:
        parts, posted = web(request), await form(request)
        code, draft = request.path_params["code"], posted.get("text", "")
        try:
            more = [posted.get(name, "") for name in fields]
            await parts.database.run(use_case, parts.terms, code, user.name, *more)
        except OwnPaceError as problem:
            return await _participant(request, user, str(problem), draft)
        keep_draft(request, user.name, f"/participants/{code}", draft)
        return RedirectResponse(f"/participants/{code}#end", 303)

    return act


@signed_in(May.WRITE)
async def reply(request: Request, user: User) -> Response:
    """Send the researcher's words. The same form sent twice, as after a lost answer, is one message."""
    parts, posted = web(request), await form(request)
    code, text = request.path_params["code"], posted.get("text", "")
    pressed = sha256(f"{user.name}\n{code}\n{posted.get('key') or secrets.token_hex(16)}\n{text}".encode()).digest()
    if pressed not in parts.sent:
        parts.sent[pressed] = None
        try:
            await parts.database.run(handovers.reply, parts.terms, code, user.name, text)
        except BaseException as problem:
            parts.sent.pop(pressed, None)
            if isinstance(problem, OwnPaceError):
                return await _participant(request, user, str(problem), text)
            raise
        for old in list(parts.sent)[:-MOST_SENT]:
            del parts.sent[old]
    keep_draft(request, user.name, f"/participants/{code}", "")
    return RedirectResponse(f"/participants/{code}#end", 303)


@signed_in(May.READ)
async def record_of(request: Request, user: User) -> Response:
    """Where a form was sent to there is no page: the record is what was meant."""
    return RedirectResponse(f"/participants/{request.path_params['code']}#end", 303)


@signed_in(May.WRITE)
async def move(request: Request, user: User) -> Response:
    """The person carries on somewhere else."""
    parts, posted = web(request), await form(request)
    code, kind, written = request.path_params["code"], posted.get("kind", ""), posted.get("address", "")
    try:
        await parts.database.run(moves.move, parts.terms, code, kind, written, user.name)
    except OwnPaceError as problem:
        return await _participant(request, user, str(problem))
    return RedirectResponse(f"/participants/{code}#end", 303)


SHOWN = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "audio/ogg", "audio/mpeg", "audio/mp4", "video/mp4"}
)
"""What a browser may show by itself; anything else is saved to a file and cannot run here."""


@signed_in(May.READ)
async def attachment(request: Request, user: User) -> Response:
    """A voice note, picture, video or file, as it was sent; noted in the trail."""
    parts = web(request)
    found = await parts.database.run(media.opened, request.path_params["id"], user.name)
    if found is None:
        return page(request, "problem.html", status=404, user=user, problem="This is not here, or not here yet.")
    content_type, content = found
    shown = content_type if content_type in SHOWN else "application/octet-stream"
    headers = {
        "content-disposition": "inline" if shown == content_type else "attachment",
        "content-security-policy": "sandbox; default-src 'none'; media-src 'self'; img-src 'self'",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return Response(content, media_type=shown, headers=headers)


@signed_in(May.LOOK)
async def invitation(request: Request, user: User) -> Response:
    """The invitation to the participant's next call, for the team's calendars."""
    parts = web(request)
    call = await parts.database.read(calls.of, parts.terms, request.path_params["code"])
    if call is None:
        return page(request, "problem.html", status=404, user=user, problem="No call is booked.")
    headers = {"content-disposition": f'attachment; filename="{call.code}.ics"', "cache-control": "no-store"}
    return Response(call.invitation, media_type="text/calendar", headers=headers)


# Live


@signed_in(May.READ)
async def participant_live(request: Request, user: User) -> Response:
    """The record again, whenever it changes (server-sent events)."""
    record = await _record(request)
    if record is None:
        return Response("", 404)

    async def shown() -> dict[str, str]:
        known = {"record": await _record(request), "user": user}
        return {part: render(request, f"{part}.html", **known) for part in ("record", "voice", "consent")}

    return stream(request, f"participant {record.id}", shown)


@signed_in(May.LOOK)
async def participants_live(request: Request, user: User) -> Response:
    """The list again, whenever it changes."""

    async def shown() -> dict[str, str]:
        return {"rows": render(request, "rows.html", **await _everybody(request))}

    return stream(request, "participants", shown)


def stream(request: Request, name: str, parts: Callable[[], Awaitable[dict[str, str]]]) -> StreamingResponse:
    """The parts of a page, by name, whenever one changes, for as long as whoever asked is signed in.

    In between, an open page hears that it is still connected.
    """

    async def events() -> AsyncIterator[str]:
        async with web(request).news.of(name) as changed:
            shown: dict[str, str] = {}
            while not await request.is_disconnected():
                changed.clear()
                now = await parts()
                if await current_user(request) is None:
                    return
                yield f"data: {json.dumps(now)}\n\n" if now != shown else "event: here\ndata:\n\n"
                shown = now
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), HEARTBEAT)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


routes = [
    Route("/", participants),
    Route("/live", participants_live),
    Route("/participants/{code}", participant),
    Route("/participants/{code}/live", participant_live),
    Route("/participants/{code}/take-over", _act(handovers.take_over, "anyway"), methods=["POST"]),
    Route("/participants/{code}/reply", reply, methods=["POST"]),
    Route("/participants/{code}/move", move, methods=["POST"]),
    Route("/media/{id:int}", attachment),
    Route("/participants/{code}/hand-back", _act(handovers.hand_back, "reason"), methods=["POST"]),
    Route("/participants/{code}/reviewed", _act(handovers.reviewed), methods=["POST"]),
    Route("/participants/{code}/call.ics", invitation),
    Route("/participants/{code}/acknowledge", _act(handovers.acknowledge), methods=["POST"]),
    *(
        Route(f"/participants/{{code}}/{act}", record_of)
        for act in ("take-over", "reply", "move", "hand-back", "reviewed", "acknowledge")
    ),
]
