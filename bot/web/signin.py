"""Signing in and out, and the door in front of every page."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.service import access, drafts, staff
from bot.service.access import May
from bot.service.staff import User
from bot.web import guessing
from bot.web.pages import page
from bot.web.posted import TooLarge, read_fields, whole_fields
from bot.web.state import keep_draft, kept_draft, web

COOKIE = "ownpace"

FORMS = re.compile(r"^(/participants/[^/]+|/tasks)/.*")
"""Where the forms of a page are sent to, and the page."""

OWN_PAGE = re.compile(
    r"^/participants/[^/]+/(?:contact|copy|needs|refile|whose-words|withdraw|(?:split|write-ups)/[^/]+)"
)
"""A page of its own about one participant, which is open also to some who do not read what they say."""

OF_ONE = re.compile(r"/(?:participants|simulator)/([^/]{1,20})(?:/|$)")
"""A page of one participant, with their code."""

FREE_WORDS = ("note", "worry", "reason", "outcome", "words", "people", "codes", "now-safe_contact")
"""Fields of forms, other than messages and write-ups, in which somebody may have written for long."""

UNSAVED = "/unsaved"

NOT_SIGNED_IN = (
    "You are not signed in any more. What you are writing stays here: sign in on a new tab, then load this page again."
)
OLD = "What you see may be old."
SECOND_STEP = (
    "This study asks everybody for a second step. Set it up first, under your name at the top of the page. "
    "A message that you wrote is kept where you wrote it."
)


Page = Callable[[Request, User], Awaitable[Response]]


Guarded = Callable[[Request], Awaitable[Response]]


def signed_in(what: May) -> Callable[[Page], Guarded]:
    """A page for those of the study team whose role lets them; everybody else is shown the sign-in.

    A page of one participant (`code` in its path) opens only to whom their conversation is open.
    """

    def door(handler: Page) -> Guarded:
        @wraps(handler)
        async def guarded(request: Request) -> Response:
            if request.method == "POST" and not same_origin(request):
                return page(request, "problem.html", status=403, problem="This form came from another site.")
            user = await current_user(request)
            listens = "text/event-stream" in request.headers.get("accept", "")
            if user is None:
                return told(NOT_SIGNED_IN) if listens else await _stopped(request)
            if not user.two_steps and web(request).two_step_required and what is not May.OWN:
                return told(SECOND_STEP) if listens else await _second_step_first(request, user)
            if problem := await _barred(request, user, what):
                return told(f"{OLD} {problem}") if listens else await refused(request, user, problem)
            request.state.may = what
            answer = await handler(request, user)
            if answer.status_code < 400:
                await _arrived(request, user)
            return answer

        guarded.may = what  # type: ignore[attr-defined]  # read by the test that walks all routes
        return guarded

    return door


def told(problem: str) -> Response:
    """A page that listens hears why it hears no more: what it would make of a status is that the connection is lost."""
    headers = {"cache-control": "no-store"}
    return Response(f"event: shut\ndata: {problem}\n\n", media_type="text/event-stream", headers=headers)


async def _second_step_first(request: Request, user: User) -> Response:
    """To their own sign-in; words that were to be sent or saved are kept, as they are when a session ends."""
    if request.method != "POST":
        return RedirectResponse("/account", 303)
    posted = dict(await read_fields(request)) if not request.url.path.endswith("/count") else {}
    keep = posted.get("text", "")
    if keep.strip():
        await keep_draft(request, user.name, _page_of(request.url.path), keep)
    return await given_back(request, user, SECOND_STEP, [pair for pair in posted.items() if pair[0] != "text"], 403)


async def refused(request: Request, user: User, problem: str) -> Response:
    """Not for them; what they wrote there is kept for them to copy."""
    typing = request.url.path.endswith("/count")
    posted = await read_fields(request) if request.method == "POST" and not typing else []
    return await given_back(request, user, problem, posted, 403)


async def too_large(request: Request, error: Exception) -> Response:
    """A form that is too large: whoever is signed in finds their words again."""
    assert isinstance(error, TooLarge)
    problem = "What you sent is too large: a form holds at most 1 MB and 1,000 fields. Nothing of it was saved or sent."
    user = await current_user(request)
    if user is None:
        return page(request, "problem.html", status=413, problem=problem)
    return await given_back(request, user, problem, error.posted, 413)


async def given_back(
    request: Request, user: User, problem: str, posted: list[tuple[str, str]], status: int
) -> Response:
    """What could not be done, on a page without the form; the words that came with it are kept, to copy."""
    words = _written(dict(posted), "text", *FREE_WORDS)
    await _keep(request, user, words, request.url.path)
    return page(request, "problem.html", status=status, user=user, problem=problem, unsaved=words)


async def _keep(request: Request, user: User, words: str, path: str) -> None:
    """Put words below those of theirs that are kept already; the same ones are kept once. Those from the pages of one
    participant have a place of their own."""
    about = OF_ONE.match(path)
    place = drafts.place(UNSAVED, about[1].upper()) if about else UNSAVED
    before = await kept_draft(request, user.name, place)
    if words not in before:
        await keep_draft(request, user.name, place, f"{before}\n\n{words}".strip())


def _written(posted: dict[str, str], *names: str) -> str:
    """What somebody wrote in these fields of a form."""
    return "\n\n".join(words for name in names if (words := posted.get(name, "").strip()))


async def _barred(request: Request, user: User, what: May) -> str:
    """Why somebody may not have this page; '' when they may. Every refusal is noted."""
    code = request.path_params.get("code")
    reaches = what is May.CONTACT and code and await web(request).database.read(access.may_reach, user, code)
    if access.may(user, what) or reaches:
        return await closed(request, user, code) if code else ""
    await web(request).database.run(access.refused, user, what.value, request.url.path)
    return f"As {access.NAMES.get(user.role, user.role)} you cannot {what.value} here."


async def closed(request: Request, user: User, code: str) -> str:
    """Why somebody may not open this participant's conversation; '' when they may. A refusal is noted."""
    parts = web(request)
    if await parts.database.read(access.may_open, user, code, assigned_only=parts.assigned_only):
        return ""
    await parts.database.run(access.refused, user, "open another's conversation", request.url.path)
    return "This participant is another researcher's. A coordinator can give them to you, on the page Assignments."


async def shut(request: Request) -> str:
    """Why a page that was opened is not open any more to whoever opened it; '' while it is. A refusal is noted."""
    user = await current_user(request)
    if user is None:
        return NOT_SIGNED_IN
    problem = await _barred(request, user, request.state.may)
    return f"{OLD} {problem}" if problem else ""


async def _stopped(request: Request) -> Response:
    """Sign in first; words that were to be sent are carried along in the form, and are on their page afterwards."""
    target = _page_of(request.url.path)
    posted = dict(await read_fields(request)) if request.method == "POST" else {}
    draft = posted.get("text", "")
    unsaved = _written(posted, *FREE_WORDS)
    if not draft.strip() and not unsaved:
        return RedirectResponse(f"/sign-in?next={quote(target)}", 303)
    if draft.strip():
        problem = "You are not signed in any more, so your message was not sent. It is kept: sign in to see it again."
    else:
        problem = "You are not signed in any more, so what you wrote was not saved. Sign in to see your words again."
    kept = {"draft": draft, "unsaved": unsaved}
    return page(request, "signin.html", status=401, problem=problem, next=target, **kept)


async def _arrived(request: Request, user: User) -> None:
    """Words in a field that came with a form, and were not refused, are unsent no more.

    A message has its own page do this: a button beside it sends it along too, and it stays a draft.
    """
    fields = getattr(request.state, "posted", ())
    posted = {" ".join(words.split()) for name, words in fields if name != "text"} - {""}
    database = web(request).database
    if posted and (places := await database.read(drafts.among, user.name, posted)):
        await database.run(drafts.drop, user.name, *places)


def _page_of(path: str) -> str:
    """The page on which the form stands that is sent to this path. The words of a write-up, for one, are never put
    where a message to the participant is written."""
    own = OWN_PAGE.match(path)
    return own[0] if own else FORMS.sub(r"\1", path).replace("/tasks", "/queue")


async def current_user(request: Request) -> User | None:
    """Who is signed in, if anybody."""
    token = request.cookies.get(COOKIE)
    return await web(request).database.read(staff.signed_in, token) if token else None


def same_origin(request: Request) -> bool:
    """Whether a form was sent from a page of ours (Fetch standard, Origin and Sec-Fetch-Site headers)."""
    origin = request.headers.get("origin")
    if origin is None or origin == "null":
        return request.headers.get("sec-fetch-site") == "same-origin"
    return urlsplit(origin).netloc == request.headers.get("host") or urlsplit(origin)[:2] == _public(request)[:2]


def _public(request: Request) -> SplitResult:
    """Where browsers find us, as the settings say: a proxy in front may pass on another host, and speaks plain HTTP."""
    return urlsplit(web(request).terms.site.casefold())


async def form(request: Request) -> dict[str, str]:
    """The fields of a posted form. Raises TooLarge."""
    return dict(await fields(request))


async def fields(request: Request) -> list[tuple[str, str]]:
    """The same, where a field may be there more than once."""
    request.state.posted = await whole_fields(request)
    found: list[tuple[str, str]] = request.state.posted
    return found


async def ask(request: Request) -> Response:
    """The sign-in page."""
    return page(request, "signin.html", next=inside(request.query_params.get("next", "/")))


async def sign_in(request: Request) -> Response:
    """Check the name and the password, and begin a session."""
    if not same_origin(request):
        return page(request, "problem.html", status=403, problem="This form came from another site.")
    parts, sent = web(request), dict(await read_fields(request))  # with what was written when the session ended
    name, target = sent.get("name", ""), inside(sent.get("next", "/"))
    kept = {each: sent.get(each, "") for each in ("draft", "unsaved")}
    again = {"name": name[: staff.LONGEST_NAME], "next": target, **kept}
    problem, status, user = await _tried(request, name.strip(), sent.get("password", ""))
    if user is None:
        return page(request, "signin.html", status=status, problem=problem, **again)
    token = await parts.database.run(staff.sign_in, user)
    if kept["draft"]:
        await keep_draft(request, user.name, target, kept["draft"])
    if kept["unsaved"]:
        await _keep(request, user, kept["unsaved"], target)
        target = f"{UNSAVED}?next={quote(target)}"
    response = _with_cookie(request, f"/second-step?next={quote(target)}" if user.two_steps else target, token)
    mark = guessing.remembered(parts.database.vault, user.name.casefold())
    lasting = int(guessing.KNOWN_FOR.total_seconds())
    known: dict[str, Any] = {"max_age": lasting, "path": "/sign-in", "httponly": True, "samesite": "lax"}
    response.set_cookie(guessing.KNOWN, mark, secure=_secure(request), **known)
    return response


async def _tried(request: Request, name: str, password: str) -> tuple[str, int, User | None]:
    """Who has this name and password; or what is wrong, and the status that says so."""
    wrong = "This name and password do not fit together. Check both and try again.", 401, None
    if len(name) > staff.LONGEST_NAME:
        return wrong
    database, tries, checking = web(request).database, request.app.state.tries, request.app.state.checking
    browser = guessing.browser_of(database.vault, request.cookies.get(guessing.KNOWN, ""), name.casefold())
    limits = guessing.limits(name.casefold(), request.client.host if request.client else "", browser)
    if not tries.begin(limits):
        return "Too many tries. Wait a minute, then try again.", 429, None
    user, sealed = await database.read(staff.password_of, name)
    try:
        if not await checking.fits(sealed, password, known=bool(browser)) or user is None:
            return wrong
    except guessing.Busy:
        return "Too many people try to sign in at this moment. Wait a minute, then try again.", 429, None
    tries.take_back(limits)
    return "", 303, user


def _with_cookie(request: Request, target: str, token: str) -> Response:
    response = RedirectResponse(target, 303)
    response.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=_secure(request))
    return response


def _secure(request: Request) -> bool:
    """Whether a cookie may go by https only: not where somebody came past the proxy, as from the machine itself."""
    public, origin = _public(request), urlsplit(request.headers.get("origin", ""))
    return origin.scheme == "https" or (public.scheme == "https" and origin.netloc in ("", public.netloc))


async def ask_again(request: Request) -> Response:
    """The page of the second step."""
    target = inside(request.query_params.get("next", "/"))
    user = await web(request).database.read(staff.half_signed_in, request.cookies.get(COOKIE, ""))
    return page(request, "second_step.html", next=target) if user else RedirectResponse("/sign-in", 303)


async def finish(request: Request) -> Response:
    """Check the figures of the authenticator, or a recovery code."""
    if not same_origin(request):
        return page(request, "problem.html", status=403, problem="This form came from another site.")
    parts, sent, half = web(request), await form(request), request.cookies.get(COOKIE, "")
    target = inside(sent.get("next", "/"))
    user = await parts.database.read(staff.half_signed_in, half)
    if user is None:
        problem = "Too much time went by. Sign in again."
        return page(request, "signin.html", status=401, problem=problem, next=target)
    tries, limits = request.app.state.tries, {f"second step of {user.name}": guessing.TRIES}
    if not tries.begin(limits):
        problem = "Too many tries. Wait a minute, then try again."
        return page(request, "second_step.html", status=429, problem=problem, next=target)
    token = await parts.database.run(staff.finish_sign_in, half, sent.get("figures", ""))
    if token is None:
        problem = "These figures do not fit, or were used already. Wait for the next ones, or use a recovery code."
        return page(request, "second_step.html", status=401, problem=problem, next=target)
    tries.take_back(limits)
    return _with_cookie(request, target, token)


async def sign_out(request: Request) -> Response:
    """End the session."""
    if same_origin(request) and (token := request.cookies.get(COOKIE)):
        await web(request).database.run(staff.sign_out, token)
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE)
    return response


@signed_in(May.OWN)
async def unsaved(request: Request, user: User) -> Response:
    """What somebody wrote that could be neither saved nor sent, for them to copy."""
    words = "\n\n".join((await web(request).database.read(drafts.on_page, user.name, UNSAVED)).values())
    target = inside(request.query_params.get("next", "/"))
    return page(request, "unsaved.html", user=user, words=words, next=target)


@signed_in(May.OWN)
async def copied(request: Request, user: User) -> Response:
    """They have it."""
    database = web(request).database
    places = [drafts.place(UNSAVED, field) for field in await database.read(drafts.on_page, user.name, UNSAVED)]
    await database.run(drafts.drop, user.name, *places)
    return RedirectResponse(inside((await form(request)).get("next", "/")), 303)


def inside(target: str) -> str:
    """Only a path of ours: a link cannot send somebody elsewhere."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


routes = [
    Route("/sign-in", ask),
    Route("/sign-in", sign_in, methods=["POST"]),
    Route("/second-step", ask_again),
    Route("/second-step", finish, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route(UNSAVED, unsaved),
    Route(UNSAVED, copied, methods=["POST"]),
]
