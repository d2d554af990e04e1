"""Turning a template into a page."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import DictLoader, Environment, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from bot.interview.wording import clock, day
from bot.service import access
from bot.service.access import May
from bot.web.state import web

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def environment(folder: Path) -> Environment:
    """The templates as they are now: an upgrade replaces the files while a process of the old version still serves."""
    return Environment(
        loader=DictLoader({file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}),
        auto_reload=False,
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


templates = environment(Path(__file__).parent / "templates")


def said_at(moment: datetime, zone: ZoneInfo) -> str:
    """'Tuesday 24 November, 5:00 pm', in the study's zone."""
    local = moment.astimezone(zone)
    return f"{day(local)}, {clock(local)}"


def age(length: timedelta) -> str:
    """'3 hours', '2 days': as long as somebody has waited."""
    seconds = int(length.total_seconds())
    return lasting(length) if seconds >= 60 else "less than a minute"


def lasting(length: timedelta) -> str:
    """The same, also where it is only seconds: '10 seconds'."""
    seconds = int(length.total_seconds())
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            return f"{seconds // unit} {name}{'s' if seconds >= 2 * unit else ''}"
    return f"{seconds} seconds"


templates.filters["said_at"] = said_at
templates.filters["age"] = age
templates.filters["lasting"] = lasting
templates.globals["may"] = lambda user, what: access.may(user, May[what])


def render(request: Request, template: str, **values: Any) -> str:
    """The template as text."""
    parts = web(request)
    known = {"study": parts.study, "zone": parts.zone, "simulated": "simulator" in parts.channels, "problem": ""}
    known["path"] = request.url.path
    defaults = {"user": None, "name": "", "next": "/", "draft": "", "unsaved": ""}
    return templates.get_template(template).render(**{**known, **defaults, **values})


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """The template as a page that no other site can frame and no cache keeps."""
    return HTMLResponse(render(request, template, **values), status, HEADERS)
