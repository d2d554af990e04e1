"""The page of an invitation: what it is, and every way to take it up. No sign-in.

It looks up nothing, so it tells nobody whether a code is one of ours, was used, or has expired; and following the link
uses up nothing, for programs follow links too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.channel import Channel
from bot.interview.invitation import code_in
from bot.interview.schedule import PLACEHOLDERS
from bot.interview.wording import fill
from bot.records.participants import CHANNEL_NAMES
from bot.web.pages import page
from bot.web.state import Web, web

ABOUT = ("info-who", "info-cost")
"""The study's own texts that say what it is."""


@dataclass(frozen=True, slots=True)
class Door:
    """One way to join: what it is called, the link that opens it, the words to send by hand, and where to."""

    kind: str
    name: str
    link: str
    words: str
    to: str


def doors(channels: Mapping[str, Channel], code: str) -> list[Door]:
    """Every way that is open now, in the order in which texts name them."""
    words = f"JOIN {code}"
    ways = [(kind, channels[kind].way_in(words, code)) for kind in CHANNEL_NAMES if kind in channels]
    return [Door(kind, CHANNEL_NAMES[kind], way.link, words, way.to) for kind, way in ways if way]


def about(parts: Web) -> list[str]:
    """What the study says of itself to somebody whose name and way of messaging are not known yet."""
    texts = next(iter(parts.schedules.values())).texts
    known = {"study": parts.study, "phone": parts.terms.study.phone, "researcher": parts.rules.researcher}
    values = {**dict.fromkeys(PLACEHOLDERS, ""), **known}
    return [fill(texts[key].standard, values) for key in ABOUT if key in texts]


def spoken(parts: Web) -> str:
    """The language of those texts."""
    return next(iter(parts.schedules.values())).language


async def ask(request: Request) -> Response:
    """For those who have a code on paper: where to type it."""
    typed = request.query_params.get("code", "")
    if code := code_in(typed):
        return RedirectResponse(f"/join/{code}", 303)
    return _page(request, problem=_slip(typed))


async def invited(request: Request) -> Response:
    """What this code is for, and how to use it. The page is the same for every code that could be one."""
    typed = request.path_params["code"]
    code = code_in(typed)
    if code is None:
        return _page(request, problem=_slip(typed))
    return RedirectResponse(f"/join/{code}", 303) if code != typed else _page(request, code)


def _slip(typed: str) -> str:
    return "This is not a whole code. A code has nine letters and figures, such as CDF-HJK-MNP." if typed else ""


def _page(request: Request, code: str = "", problem: str = "") -> Response:
    parts = web(request)
    shown = {"code": code, "about": about(parts), "doors": doors(parts.channels, code), "problem": problem}
    shown["language"] = spoken(parts)
    shown["phone"] = "" if parts.terms.study.phone == "us" else parts.terms.study.phone
    answer = page(request, "join.html", status=404 if problem else 200, **shown)
    answer.headers["x-robots-tag"] = "noindex"
    return answer


routes = [
    Route("/join", ask),
    Route("/join/{code}", invited),
]
