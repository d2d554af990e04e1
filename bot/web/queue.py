"""The work queue: what waits for a person, whose it is, and what came of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.errors import OwnPaceError
from bot.service import access, work
from bot.service.access import May
from bot.service.staff import User
from bot.web.live import stream
from bot.web.pages import page, render
from bot.web.rows import ROW
from bot.web.signin import closed, form, given_back, inside, signed_in
from bot.web.state import web


@signed_in(May.LOOK)
async def queue(request: Request, user: User) -> Response:
    """What waits, the most urgent first."""
    return await _shown(request, user)


async def _shown(
    request: Request, user: User, problem: str = "", back: str = "", wrote: tuple[int, str] | None = None
) -> Response:
    known = await _known(request, user, QueryParams(urlsplit(back).query) if back else None)
    known["wrote"] = wrote
    return page(request, "queue.html", status=409 if problem else 200, user=user, problem=problem, **known)


async def _known(request: Request, user: User, place: QueryParams | None = None) -> dict[str, Any]:
    asked = request.query_params if place is None else place
    group, mine, after = asked.get("group", ""), asked.get("mine", "") == "yes", asked.get("after", "")
    chosen = {name: value for name, value in (("group", group), ("mine", "yes" if mine else "")) if value}
    here = {**chosen, "after": after} if after else chosen
    parts = web(request)
    database = parts.database
    return {
        "work": await database.read(work.page, user, group, mine, after, assigned_only=parts.assigned_only),
        "sees_to": access.may_see_to,
        "can_own": access.may_own,
        "team": await database.read(work.colleagues),
        "group": group,
        "mine": mine,
        "after": after,
        "wrote": None,
        "done": "Handed back." if asked.get("done") == "back" else "",
        "chosen": urlencode(chosen),
        "back": "/queue" + (f"?{urlencode(here)}" if here else ""),
        "live": "/queue/live" + (f"?{urlencode(here)}" if here else ""),
    }


@signed_in(May.LOOK)
async def live(request: Request, user: User) -> Response:
    """The queue again, whenever something is added or done."""

    async def fresh() -> dict[str, str]:
        known = {"user": user, **await _known(request, user)}
        return {name: render(request, f"{name}.html", **known) for name in ("groups", "tasks")}

    return stream(request, "tasks", fresh)


async def _barred(request: Request, user: User, task: int) -> str:
    """Why this is not the user's to see to; '' where it is. A refusal is noted."""
    database, done = web(request).database, request.path_params["act"] == "resolve"
    kind, code = await database.read(work.about, task)
    if not kind:
        return ""
    if access.may_see_to(user, kind, done=done):
        return await closed(request, user, code) if code else ""
    what = f"say what came of {kind}" if done else "see to tasks"
    await database.run(access.refused, user, what, request.url.path)
    return f"As {access.NAMES.get(user.role, user.role)} you cannot {what} here."


@signed_in(May.LOOK)
async def act(request: Request, user: User) -> Response:
    """Claim, give to somebody, or say what came of it."""
    parts, posted, task = web(request), await form(request), request.path_params["id"]
    database = parts.database
    if problem := await _barred(request, user, task):
        return page(request, "problem.html", status=403, user=user, problem=problem)
    try:
        match request.path_params["act"]:
            case "claim":
                await database.run(work.claim, user, task, posted.get("seen", ""))
            case "assign":
                await database.run(work.assign, user, task, posted.get("owner", ""))
            case "resolve":
                await database.run(work.resolve, parts.terms, user, task, posted.get("outcome", ""))
            case _:
                return page(request, "problem.html", status=404, user=user, problem="There is no such page.")
    except OwnPaceError as problem:
        wrote = (task, posted.get("outcome", ""))
        if wrote[1] and not await database.read(work.is_open, user, task):
            return await given_back(request, user, str(problem), request.state.posted, 409)
        return await _shown(request, user, str(problem), posted.get("back", ""), wrote)
    return RedirectResponse(f"{inside(posted.get('back', '/queue'))}#t{task}", 303)


@signed_in(May.LOOK)
async def to_queue(request: Request, user: User) -> Response:
    """Where a form was sent to there is no page: the queue is what was meant."""
    return RedirectResponse("/queue", 303)


routes = [
    Route("/queue", queue),
    Route("/queue/live", live),
    Route(f"/tasks/{ROW}/{{act}}", act, methods=["POST"]),
    Route(f"/tasks/{ROW}/{{act}}", to_queue),
]
