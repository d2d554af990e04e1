"""STOP by a link in a mail (RFC 8058): a POST stops, at once and however often; a GET only asks.

Mail scanners follow links, so a GET must change nothing. No sign-in: whoever holds the link may stop the messages.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.service import intake
from bot.web.pages import page
from bot.web.state import web


async def ask(request: Request) -> Response:
    """One button."""
    return page(request, "unsubscribe.html", stopped=False)


async def stop(request: Request) -> Response:
    """The messages stop on every way of messaging. An unknown link is answered the same, and stops nobody."""
    parts = web(request)
    await parts.database.run(intake.unsubscribe, parts.terms, request.path_params["token"])
    return page(request, "unsubscribe.html", stopped=True)


routes = [
    Route("/unsubscribe/{token}", ask),
    Route("/unsubscribe/{token}", stop, methods=["POST"]),
]
