"""Words that somebody is writing on a page and has not sent: the page keeps them here, and asks for them again.

They are kept in the database, as `bot.service.drafts` says, and not in the browser, where whoever uses it next could
find them.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.service import drafts
from bot.service.access import May
from bot.service.staff import User
from bot.web.posted import whole_fields
from bot.web.signin import signed_in
from bot.web.state import keep_draft, web


@signed_in(May.OWN)
async def kept(request: Request, user: User) -> Response:
    """The words of theirs on a page, by their field; behind those that the page before has sent on its way out."""
    found = await web(request).database.run(drafts.on_page, user.name, request.query_params.get("page", ""))
    return JSONResponse(found, headers={"cache-control": "no-store"})


@signed_in(May.OWN)
async def keep(request: Request, user: User) -> Response:
    """Keep the words of a field until they are sent; none take away what was kept."""
    posted = dict(await whole_fields(request))
    place = drafts.place(posted.get("page", ""), posted.get("field", ""))
    if len(place) > drafts.LONGEST_PLACE or not place.startswith("/"):
        return Response(status_code=400)
    await keep_draft(request, user.name, place, posted.get("words", ""))
    return Response(status_code=204)


routes = [Route("/unsent", kept), Route("/unsent", keep, methods=["POST"])]
