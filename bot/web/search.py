"""Searching what was said. The words go with the form and stand in no address, so that no log of a proxy has them."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.records.participants import CHANNEL_NAMES
from bot.service import search, views
from bot.service.access import May
from bot.service.search import Wanted
from bot.service.staff import User
from bot.web import questions
from bot.web.pages import page
from bot.web.rows import row_number
from bot.web.signin import form, signed_in
from bot.web.state import Web, web

PATIENCE = 0.2
"""Seconds after which what was found so far is shown; messages come and go meanwhile."""

FIELDS = ("words", "question", "channel", "state", "speaker")


@signed_in(May.READ)
async def ask(request: Request, user: User) -> Response:
    """The form."""
    return page(request, "search.html", user=user, **_known(web(request), Wanted("")))


@signed_in(May.READ)
async def find(request: Request, user: User) -> Response:
    """What was found, the newest first, and from where to go on."""
    parts, posted = web(request), await form(request)
    wanted = Wanted(**{name: posted.get(name, "").strip()[:200] for name in FIELDS})
    known = _known(parts, wanted)
    if not wanted.each:
        problem = "Write the words to look for."
        return page(request, "search.html", status=409, user=user, **known | {"problem": problem})
    end = time.monotonic() + PATIENCE
    found = await parts.database.read(
        search.find,
        user,
        wanted,
        row_number(posted.get("before", "")),
        assigned_only=parts.assigned_only,
        enough=lambda: time.monotonic() > end,
    )
    await parts.database.run(search.noted, user, found)
    return page(request, "search.html", user=user, **known | {"found": found})


def _known(parts: Web, wanted: Wanted) -> dict[str, Any]:
    names, words = questions.names(parts.schedules), questions.words(parts.schedules)
    asked = {question: f"{name}: {words[question]}" for question, name in names.items()}
    channels = {kind: CHANNEL_NAMES.get(kind, "simulated phone") for kind in sorted(parts.channels)}
    speakers = {"in": "What participants said", "out": "What was sent to them"}
    chosen = (
        ("question", "Question", "Any question", asked),
        ("channel", "Way of messaging", "Any way", channels),
        ("state", "Where the interview stands", "Anywhere", views.CHOICES),
        ("speaker", "Who said it", "Anybody", speakers),
    )
    return {"wanted": wanted, "chosen": chosen, "names": names, "found": None, "problem": ""}


routes = [Route("/search", ask), Route("/search", find, methods=["POST"])]
