"""Phones on the screen, to take an interview without a provider: for whoever may read what people say.

Only with the simulator on.
"""

from __future__ import annotations

import secrets
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.errors import OwnPaceError
from bot.interview.schedule import Wording
from bot.messages import Address, Inbound
from bot.records.participants import CHANNEL_NAMES
from bot.service import access, enrolment, figures, intake, views
from bot.service.access import May
from bot.service.enrolment import Entry
from bot.service.phones import Screen
from bot.service.phones import screen as screen_of
from bot.service.staff import User
from bot.web.live import stream
from bot.web.pages import page, render
from bot.web.signin import form, signed_in
from bot.web.state import keep_draft, kept_draft, web


@signed_in(May.READ)
async def phones(request: Request, user: User) -> Response:
    """Every simulated phone, and a form for one more."""
    return await _phones(request, user)


async def _phones(request: Request, user: User, problem: str = "") -> Response:
    parts = web(request)
    every = await parts.database.read(views.phones)
    codes = [row.code for row in every]
    theirs = await parts.database.read(access.open_to, user, codes, assigned_only=parts.assigned_only)
    return page(
        request,
        "simulator.html",
        status=409 if problem else 200,
        user=user,
        phones=[row for row in every if row.code in theirs],
        schedules=parts.schedules,
        wordings=list(Wording),
        kinds=CHANNEL_NAMES,
        problem=problem,
    )


@signed_in(May.READ)
async def add(request: Request, user: User) -> Response:
    """A new simulated participant, who gets the welcome at once."""
    parts, fields = web(request), await form(request)
    cohort, _, language = fields.get("schedule", "").partition("/")
    try:
        if fields.get("kind") not in CHANNEL_NAMES or fields.get("wording") not in list(Wording):
            raise OwnPaceError("Choose a way of messaging and a wording.")
        entry = Entry(
            cohort,
            Address("simulator", f"{fields['kind']}/{secrets.token_hex(4)}"),
            name=fields.get("name", "").strip(),
            wording=Wording(fields["wording"]),
            language=language,
        )
        enrolment.check(entry, parts.rules)
        code = await parts.database.run(enrolment.enrol, parts.terms, parts.rules, entry, user.name)
    except OwnPaceError as problem:
        return await _phones(request, user, str(problem))
    return RedirectResponse(f"/simulator/{code}", 303)


@signed_in(May.READ)
async def phone(request: Request, user: User) -> Response:
    """One phone, as its owner sees it; that it was opened is noted."""
    screen = await _screen(request)
    if screen is None:
        return page(request, "problem.html", status=404, user=user, problem="There is no simulated phone like this.")
    await web(request).database.run(access.seen, user, screen.code)
    draft = await kept_draft(request, user.name, f"/simulator/{screen.code}")
    return page(request, "phone.html", user=user, screen=screen, key=secrets.token_hex(16), draft=draft)


@signed_in(May.READ)
async def say(request: Request, user: User) -> Response:
    """Send a message from the phone: it takes the same way as one from a provider. The same form twice is one."""
    screen = await _screen(request)
    fields = await form(request)
    if screen is not None and (text := fields.get("text", "").strip()):
        parts = web(request)
        key = sha256(f"{fields.get('key') or secrets.token_hex(16)} {text}".encode()).hexdigest()
        said = Inbound(
            f"simulator-{screen.participant_id}-{key}", Address("simulator", screen.address), text, text.encode()
        )
        received = await parts.database.run(intake.receive, parts.terms, said)
        figures.count_turns(said.sender.kind, [received])
        await keep_draft(request, user.name, f"/simulator/{screen.code}", "")
    return RedirectResponse(f"/simulator/{request.path_params['code']}#end", 303)


@signed_in(May.READ)
async def live(request: Request, user: User) -> Response:
    """What is on the phone, whenever it changes; that it was opened is noted once."""
    screen = await _screen(request)
    if screen is None:
        return Response("", 404)
    await web(request).database.run(access.seen, user, screen.code)

    async def shown() -> dict[str, str]:
        return {"screen": render(request, "screen.html", screen=await _screen(request))}

    return stream(request, f"participant {screen.participant_id}", shown)


async def _screen(request: Request) -> Screen | None:
    parts = web(request)
    return await parts.database.read(screen_of, parts.terms, request.path_params["code"])


routes = [
    Route("/simulator", phones),
    Route("/simulator", add, methods=["POST"]),
    Route("/simulator/{code}", phone),
    Route("/simulator/{code}", say, methods=["POST"]),
    Route("/simulator/{code}/live", live),
]
