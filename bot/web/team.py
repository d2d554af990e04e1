"""The team's own pages: whose participants are whose, who reads when, and invitations to give out."""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from collections.abc import Sequence
from datetime import date, time, timedelta
from hashlib import sha256
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.errors import OwnPaceError
from bot.interview.rota import DAYS, Day, Hours, Turn
from bot.interview.schedule import Wording
from bot.records.participants import CHANNEL_NAMES
from bot.service import access, alerts, enrolment, invitations
from bot.service.access import May
from bot.service.invitations import Group
from bot.service.staff import User
from bot.web import sheet
from bot.web.once import once
from bot.web.pages import HEADERS, page
from bot.web.signin import fields, form, signed_in
from bot.web.state import web

# Whose participants are whose


@signed_in(May.ARRANGE)
async def assignments(request: Request, user: User) -> Response:
    """Everybody with their researcher, fifty at a time."""
    return await _assignments(request, user)


async def _assignments(request: Request, user: User, problem: str = "", done: Sequence[str] = ()) -> Response:
    database, after = web(request).database, request.query_params.get("after", "")
    rows, more = await database.read(enrolment.assigned, after)
    known = {"rows": rows, "more": more, "after": after, "team": await database.read(access.writers)}
    status = 409 if problem else 200
    return page(request, "assignments.html", status=status, user=user, problem=problem, done=done, **known)


@signed_in(May.ARRANGE)
async def assign(request: Request, user: User) -> Response:
    """Give each participant whose researcher was changed on the page to the new one, all or none."""
    parts, posted = web(request), dict(await fields(request))
    chosen = {name[4:]: value for name, value in posted.items() if name.startswith("now-")}
    changed = {code: name for code, name in chosen.items() if name and name != posted.get(f"was-{code}")}
    try:
        done = await parts.database.run(enrolment.assign_all, parts.terms, changed, user.name)
    except OwnPaceError as problem:
        return await _assignments(request, user, str(problem))
    return await _assignments(request, user, done=done)


# Who reads when


@signed_in(May.LOOK)
async def rota(request: Request, user: User) -> Response:
    """The rota in words, and who is told of distress at this moment."""
    parts = web(request)
    kept = parts.terms.study.rota
    people = [
        {
            "name": one.name,
            "hours": [hours_said(hours) for hours in one.hours],
            "away": [_away(away.start, away.end) for away in one.away],
            "cover": one.cover or "",
            "calls": ", ".join(way.value for way in one.calls),
        }
        for one in (kept.people if kept else ())
    ]
    known: dict[str, Any] = {
        "people": people,
        "turns": [{"who": ", then ".join(turn.who), "when": turn_said(turn)} for turn in (kept.turns if kept else ())],
        "now": kept.on_call(parts.database.clock()) if kept else (),
        "kept": kept,
        "unreached": await parts.database.read(alerts.warning, parts.terms),
    }
    return page(request, "rota.html", user=user, **known)


def hours_said(hours: Hours) -> str:
    """'Monday to Friday, 9:00 am to 5:00 pm'."""
    return f"{days_said(hours.days)}, {_clock(hours.start)} to {_clock(hours.end)}"


def turn_said(turn: Turn) -> str:
    """'Every day, at all hours'."""
    if turn.start == turn.end:
        return f"{days_said(turn.days)}, at all hours"
    over = " the next morning" if turn.end < turn.start else ""
    return f"{days_said(turn.days)}, {_clock(turn.start)} to {_clock(turn.end)}{over}"


def days_said(days: Sequence[Day]) -> str:
    """'Monday to Friday', 'Monday, Wednesday', 'Every day': days that follow one another are said as a stretch."""
    places = sorted({DAYS.index(one) for one in days})
    if len(places) == len(DAYS):
        return "Every day"
    stretches: list[list[int]] = []
    for place in places:
        if stretches and place == stretches[-1][-1] + 1:
            stretches[-1].append(place)
        else:
            stretches.append([place])
    return ", ".join(
        part for stretch in stretches for part in _stretch([DAYS[place].capitalize() for place in stretch])
    )


def _stretch(names: list[str]) -> list[str]:
    return names if len(names) < 3 else [f"{names[0]} to {names[-1]}"]


def _clock(moment: time) -> str:
    half = "am" if moment.hour < 12 else "pm"
    return f"{(moment.hour + 11) % 12 + 1}:{moment.minute:02} {half}"


def _away(start: date, end: date) -> str:
    said = [f"{one.day} {one:%B %Y}" for one in (start, end)]
    return said[0] if start == end else " to ".join(said)


# Invitations

LONGEST = 365
"""Days for which an invitation can be used."""


@signed_in(May.ARRANGE)
async def invite(request: Request, user: User) -> Response:
    """How each cohort stands, and the form for new invitations."""
    return await _invite(request, user)


async def _invite(
    request: Request, user: User, problem: str = "", chosen: dict[str, str] | None = None, done: str = ""
) -> Response:
    parts = web(request)
    known: dict[str, Any] = {
        "done": done,
        "standing": await parts.database.read(invitations.standing, parts.rules),
        "groups": [f"{cohort}, {language}" for cohort, language in sorted(parts.rules.schedules)],
        "kinds": {kind: CHANNEL_NAMES.get(kind, "simulated phone") for kind in sorted(parts.rules.channels)},
        "wordings": [one.value for one in Wording],
        "chosen": {"group": "", "channel": "", "wording": "", "number": "10", "days": "60", "codes": ""}
        | (chosen or {}),
        "most": invitations.MOST_AT_ONCE,
        "longest": LONGEST,
        "key": secrets.token_hex(16),
    }
    return page(request, "invitations.html", status=409 if problem else 200, user=user, problem=problem, **known)


@signed_in(May.ARRANGE)
async def make(request: Request, user: User) -> Response:
    """New invitations, as a sheet to print: their codes cannot be shown again."""
    parts, posted = web(request), await form(request)
    try:
        group, number, days = _wanted(posted)
        expires_at = parts.database.clock() + timedelta(days=days)
        said = tuple(posted.get(name, "") for name in ("key", "group", "channel", "wording", "number", "days"))
        codes = await once(request, user, said, invitations.make, parts.rules, group, number, expires_at, user.name)
    except OwnPaceError as problem:
        return await _invite(request, user, str(problem), posted)
    site = str(request.base_url).rstrip("/") if not parts.terms.site else parts.terms.site
    return _printed(sheet.made(parts, site, group, codes, expires_at))


@signed_in(May.ARRANGE)
async def withdraw(request: Request, user: User) -> Response:
    """These codes are not to be used any more."""
    return await _withdraw(request, user, undo=False)


@signed_in(May.ARRANGE)
async def give_back(request: Request, user: User) -> Response:
    """These codes can be used again."""
    return await _withdraw(request, user, undo=True)


async def _withdraw(request: Request, user: User, *, undo: bool) -> Response:
    parts, posted = web(request), await form(request)
    codes = [line for line in posted.get("codes", "").splitlines() if line.strip()]
    try:
        if not codes:
            raise OwnPaceError("Write the code, as it stands on the card; several, each on a line of its own.")
        number = await parts.database.run(invitations.withdraw, codes, user.name, undo=undo)
    except OwnPaceError as problem:
        return await _invite(request, user, str(problem), posted)
    act = "can be used again" if undo else "withdrawn. Whoever sends such a code hears what every unknown sender hears"
    return await _invite(request, user, done=f"{number} {'invitation' if number == 1 else 'invitations'} {act}.")


def _wanted(posted: dict[str, str]) -> tuple[Group, int, int]:
    cohort, _, language = posted.get("group", "").partition(", ")
    wordings = {one.value: one for one in Wording}
    group = Group(cohort, language, posted.get("channel") or None, wordings.get(posted.get("wording", "")))
    number = _whole(posted, "number", "How many", invitations.MOST_AT_ONCE)
    return group, number, _whole(posted, "days", "The days for which they can be used", LONGEST)


def _whole(posted: dict[str, str], name: str, label: str, most: int) -> int:
    given = posted.get(name, "").strip()
    if not (given.isascii() and given.isdecimal() and len(given) < 7 and 1 <= int(given) <= most):
        raise OwnPaceError(f"{label}: write a whole number from 1 to {most}.")
    return int(given)


def _printed(text: str) -> HTMLResponse:
    """A page that stands alone: its own style is allowed by its hash (CSP level 3, section 6.7.3)."""
    found = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    allowed = b64encode(sha256(found[1].encode() if found else b"").digest()).decode()
    policy = HEADERS["content-security-policy"].replace("style-src 'self'", f"style-src 'sha256-{allowed}'")
    return HTMLResponse(text, headers={**HEADERS, "content-security-policy": policy})


routes = [
    Route("/assignments", assignments),
    Route("/assignments", assign, methods=["POST"]),
    Route("/rota", rota),
    Route("/invitations", invite),
    Route("/invitations", make, methods=["POST"]),
    Route("/invitations/withdraw", withdraw, methods=["POST"]),
    Route("/invitations/give-back", give_back, methods=["POST"]),
    Route("/invitations/withdraw", invite),
    Route("/invitations/give-back", invite),
]
