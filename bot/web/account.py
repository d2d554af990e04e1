"""Somebody's own sign-in: the second step, and recovery codes."""

from __future__ import annotations

from typing import Any

import segno
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.errors import OwnPaceError, WrongUse
from bot.service import second_step, staff
from bot.service.access import NAMES, May, may
from bot.service.staff import UNDO_CHOICES, User
from bot.web.pages import page
from bot.web.signin import form, signed_in
from bot.web.state import web

NOT_THEIRS = "This is not your password, so nothing was changed."


@signed_in(May.OWN)
async def account(request: Request, user: User) -> Response:
    """Who is signed in, and how."""
    return page(request, "account.html", user=user, **_known(request, user))


@signed_in(May.OWN)
async def begin(request: Request, user: User) -> Response:
    """A secret to put into an authenticator, as a picture and as letters."""
    return _setting_up(request, user, second_step.new_secret())


@signed_in(May.OWN)
async def confirm(request: Request, user: User) -> Response:
    """The authenticator shows the right figures: from now on they are asked for."""
    database, fields = web(request).database, await form(request)
    secret = fields.get("secret", "")
    if not second_step.is_secret(secret):
        return _setting_up(request, user, second_step.new_secret(), "Begin again: this page was not whole.")
    if await database.read(staff.password_fits, user.name, fields.get("password", "")) is None:
        return _setting_up(request, user, secret, NOT_THEIRS)
    try:
        codes = await database.run(second_step.begin, user.name, secret, fields.get("figures", ""))
    except WrongUse as problem:
        return _setting_up(request, user, secret, str(problem))
    return page(request, "recovery.html", user=user, codes=codes)


@signed_in(May.OWN)
async def codes_again(request: Request, user: User) -> Response:
    """New recovery codes in place of the old ones."""
    database, fields = web(request).database, await form(request)
    if not user.two_steps or await database.read(staff.password_fits, user.name, fields.get("password", "")) is None:
        return page(request, "account.html", status=409, user=user, problem=NOT_THEIRS, **_known(request, user))
    codes = await database.run(second_step.new_codes, user.name)
    return page(request, "recovery.html", user=user, codes=codes)


@signed_in(May.OWN)
async def undo(request: Request, user: User) -> Response:
    """How long they can take back what they sent."""
    try:
        await web(request).database.run(staff.set_undo, user, (await form(request)).get("seconds", ""))
    except OwnPaceError as problem:
        return page(request, "account.html", status=409, user=user, problem=str(problem), **_known(request, user))
    return RedirectResponse("/account?done=undo#undo", 303)


@signed_in(May.OWN)
async def to_account(request: Request, user: User) -> Response:
    """Where a form was sent to there is no page: one's own sign-in is what was meant."""
    return RedirectResponse("/account", 303)


def _known(request: Request, user: User) -> dict[str, Any]:
    return {
        "role": NAMES.get(user.role, user.role),
        "required": web(request).two_step_required,
        "undo_choices": UNDO_CHOICES,
        "writes": may(user, May.WRITE),
        "done": request.query_params.get("done") == "undo",
    }


def _setting_up(request: Request, user: User, secret: str, problem: str = "") -> Response:
    made = segno.make(second_step.address(secret, user.name), error="m")
    picture = made.svg_inline(scale=5, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None)
    spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    known = {"picture": picture, "secret": secret, "spaced": spaced, "problem": problem}
    return page(request, "authenticator.html", status=422 if problem else 200, user=user, **known)


routes = [
    Route("/account", account),
    Route("/account/second-step", begin),
    Route("/account/second-step", confirm, methods=["POST"]),
    Route("/account/recovery-codes", codes_again, methods=["POST"]),
    Route("/account/recovery-codes", to_account),
    Route("/account/undo", undo, methods=["POST"]),
    Route("/account/undo", to_account),
]
