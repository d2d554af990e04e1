"""What the study team sees first: everybody, with where they stand, and what waits for a person."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.service import access, calls, switch, views, work
from bot.service.access import May
from bot.service.staff import User
from bot.web.live import stream
from bot.web.pages import page, render
from bot.web.signin import signed_in
from bot.web.state import web


@signed_in(May.LOOK)
async def participants(request: Request, user: User) -> Response:
    """Everybody, fifty at a time; a code that was asked for is opened."""
    wanted = request.query_params.get("code", "").strip().upper()
    if wanted:
        return RedirectResponse(f"/participants/{wanted}#end" if wanted.isalnum() else "/", 303)
    return page(request, "participants.html", **await _everybody(request, user))


async def _everybody(request: Request, user: User) -> dict[str, Any]:
    parts, after = web(request), request.query_params.get("after", "")
    database = parts.database
    rows, more = await database.read(views.page, after)
    waiting = await database.read(work.page, user, most=5, assigned_only=parts.assigned_only)
    codes = {row.code for row in rows} | {task.code for task in waiting.tasks}
    return {
        "user": user,
        "rows": rows,
        "more": more,
        "after": after,
        "live": "/live" + (f"?{urlencode({'after': after})}" if after else ""),
        "total": await database.read(views.everybody),
        "held": await database.read(views.held),
        "work": waiting,
        "theirs": await database.read(access.open_to, user, codes, assigned_only=parts.assigned_only),
        "on_hold": await database.read(switch.on_hold),
    }


@signed_in(May.LOOK)
async def invitation(request: Request, user: User) -> Response:
    """The invitation to the participant's next call, for the team's calendars."""
    parts = web(request)
    call = await parts.database.read(calls.of, parts.terms, request.path_params["code"])
    if call is None:
        return page(request, "problem.html", status=404, user=user, problem="No call is booked.")
    headers = {"content-disposition": f'attachment; filename="{call.code}.ics"', "cache-control": "no-store"}
    return Response(call.invitation, media_type="text/calendar", headers=headers)


@signed_in(May.LOOK)
async def participants_live(request: Request, user: User) -> Response:
    """The list again, whenever it changes."""

    async def shown() -> dict[str, str]:
        return {"rows": render(request, "rows.html", **await _everybody(request, user))}

    return stream(request, "participants", shown)


routes = [
    Route("/", participants),
    Route("/live", participants_live),
    Route("/participants/{code}/call.ics", invitation),
]
