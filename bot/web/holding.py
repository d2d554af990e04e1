"""The holding area: messages of people nobody knows, and whose they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.errors import OwnPaceError
from bot.service import access, holding, reasons
from bot.service.access import May
from bot.service.staff import User
from bot.web.conversation import number
from bot.web.pages import page
from bot.web.rows import ROW
from bot.web.signin import Guarded, Page, closed, form, signed_in
from bot.web.state import web


@signed_in(May.READ)
async def held(request: Request, user: User) -> Response:
    """What is held, or was set aside."""
    aside = request.query_params.get("aside", "") == "yes"
    found, more = await web(request).database.read(holding.listed, aside, number(request, "before"))
    return page(request, "holding.html", user=user, held=found, more=more, aside=aside)


def _of(what: May) -> Callable[[Page], Guarded]:
    """The door of one message: what is kept with a participant opens only to whom their conversation is open."""

    def door(handler: Page) -> Guarded:
        @signed_in(what)
        @wraps(handler)
        async def inner(request: Request, user: User) -> Response:
            code = await web(request).database.read(holding.whose, request.path_params["id"])
            if code and (problem := await closed(request, user, code)):
                return page(request, "problem.html", status=403, user=user, problem=problem)
            return await handler(request, user)

        return inner

    return door


@_of(May.READ)
async def one(request: Request, user: User) -> Response:
    """One message, and what may be done with it; that it was opened is noted where it is kept with a participant."""
    if code := await web(request).database.read(holding.whose, request.path_params["id"]):
        await web(request).database.run(access.seen, user, code)
    return await _shown(request, user)


async def _shown(request: Request, user: User, problem: str = "", **sent: str) -> Response:
    found = await web(request).database.read(holding.one, request.path_params["id"])
    if found is None:
        return page(request, "problem.html", status=404, user=user, problem="This message is not in the holding area.")
    filled = {"code": "", "reason": "", "through": "", "address": "", "why": ""} | sent
    status = 409 if problem else 200
    said = await web(request).database.read(reasons.about_message, found.id)
    known = {"held": found, "filled": filled, "reasons": said}
    return page(request, "held.html", status=status, user=user, problem=problem, **known)


@_of(May.WRITE)
async def link(request: Request, user: User) -> Response:
    """It is this participant's."""
    parts, sent = web(request), await form(request)
    names = ("code", "reason", "through", "address")
    filled = {name: sent.get(name, "") for name in names}
    if problem := await closed(request, user, filled["code"]):
        return await _shown(request, user, problem, **filled)
    try:
        code = await parts.database.run(
            holding.link,
            parts.terms,
            request.path_params["id"],
            filled["code"],
            user.name,
            filled["reason"],
            through=filled["through"] == "yes",
            address=filled["address"] == "yes",
        )
    except OwnPaceError as problem:
        return await _shown(request, user, str(problem), **filled)
    message = request.path_params["id"]
    return RedirectResponse(f"/participants/{code}?at={message}#m{message}", 303)


@_of(May.WRITE)
async def set_aside(request: Request, user: User) -> Response:
    """It is nobody's of the study."""
    parts, sent = web(request), await form(request)
    try:
        await parts.database.run(holding.set_aside, request.path_params["id"], user.name, sent.get("why", ""))
    except OwnPaceError as problem:
        return await _shown(request, user, str(problem), why=sent.get("why", ""))
    return RedirectResponse("/holding", 303)


@_of(May.WRITE)
async def put_back(request: Request, user: User) -> Response:
    """It is held again."""
    try:
        await web(request).database.run(holding.put_back, request.path_params["id"], user.name)
    except OwnPaceError as problem:
        return await _shown(request, user, str(problem))
    return RedirectResponse(f"/holding/{request.path_params['id']}", 303)


@signed_in(May.READ)
async def back(request: Request, user: User) -> Response:
    """Where a form was sent to there is no page: the message is what was meant."""
    return RedirectResponse(f"/holding/{request.path_params['id']}", 303)


routes = [
    Route("/holding", held),
    Route(f"/holding/{ROW}", one),
    Route(f"/holding/{ROW}/link", link, methods=["POST"]),
    Route(f"/holding/{ROW}/set-aside", set_aside, methods=["POST"]),
    Route(f"/holding/{ROW}/put-back", put_back, methods=["POST"]),
    *(Route(f"/holding/{ROW}/{name}", back) for name in ("link", "set-aside", "put-back")),
]
