"""Words that somebody is writing on a page and has not sent: the page keeps them here, and asks for them again.

They are kept in memory, as other drafts are, and not in the browser, where whoever uses it next could find them.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.service.access import May
from bot.service.staff import User
from bot.web.posted import whole_fields
from bot.web.signin import signed_in
from bot.web.state import draft_place, keep_draft, web

LONGEST_PLACE = 200


@signed_in(May.OWN)
async def kept(request: Request, user: User) -> Response:
    """The words of theirs on a page, by their field."""
    page = request.query_params.get("page", "")
    found = {}
    for (name, place), words in web(request).drafts.items():
        on, _, field = place.partition("#")
        if (name, on) == (user.name, page):
            found[field or "text"] = words
    return JSONResponse(found, headers={"cache-control": "no-store"})


@signed_in(May.OWN)
async def keep(request: Request, user: User) -> Response:
    """Keep the words of a field until they are sent; none take away what was kept."""
    posted = dict(await whole_fields(request))
    place = draft_place(posted.get("page", ""), posted.get("field", ""))
    if len(place) > LONGEST_PLACE or not place.startswith("/"):
        return Response(status_code=400)
    keep_draft(request, user.name, place, posted.get("words", ""))
    return Response(status_code=204)


routes = [Route("/unsent", kept), Route("/unsent", keep, methods=["POST"])]
