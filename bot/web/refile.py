"""Putting messages, or some words of one, under the question they belong to, and taking that back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.errors import OwnPaceError
from bot.interview.state import Who
from bot.records import participants
from bot.records.participants import Terms
from bot.records.unit_of_work import UnitOfWork
from bot.service import access, contact, desk, refiling, splitting, views
from bot.service.access import May
from bot.service.staff import User
from bot.service.views import Stretch
from bot.web.conversation import NOT_HERE, number
from bot.web.pages import page
from bot.web.rows import ROW, row_number
from bot.web.signin import fields, form, signed_in
from bot.web.state import web

MOST = 200
"""Messages of one answer that are shown together."""


@dataclass(frozen=True, slots=True)
class Drawer:
    """What the page shows: some messages, the schedule, and what was moved of late."""

    record: views.Record
    plan: tuple[desk.Part, ...]
    acts: list[refiling.Act]
    who: str


@signed_in(May.READ)
async def refile(request: Request, user: User) -> Response:
    """Choose messages, and where they belong; that it was opened is noted."""
    await web(request).database.run(access.seen, user, request.path_params["code"])
    message = number(request, "message")
    return await _shown(request, user, chosen=[message] if message else [])


async def _shown(
    request: Request, user: User, problem: str = "", chosen: Sequence[int] = (), to: str | None = None, reason: str = ""
) -> Response:
    """`to`: the question that was chosen, '' for none of them; None where nothing was chosen yet."""
    parts, question = web(request), request.query_params.get("question", "")
    code = request.path_params["code"]
    stretch = Stretch(before=_before(request, chosen), most=30)
    drawer = await parts.database.read(_drawer, parts.terms, code, question, stretch)
    if drawer is None:
        return page(request, "problem.html", status=404, user=user, problem=NOT_HERE)
    steps = [step for part in drawer.plan for step in part.steps]
    known = {
        "record": drawer.record,
        "acts": drawer.acts,
        "plan": drawer.plan,
        "numbers": {step.id: f"Q{step.number}" if step.number else "the closing question" for step in steps},
        "entries": [entry for entry in drawer.record.entries if entry.movable],
        "question": question,
        "who": drawer.who,
        "kept": "said" in request.query_params,
        "whose": list(Who),
        "chosen": set(chosen),
        "to": to,
        "reason": reason,
    }
    return page(request, "refile.html", status=409 if problem else 200, user=user, problem=problem, **known)


def _before(request: Request, chosen: Sequence[int]) -> int | None:
    """The messages up to the one that was chosen, or before another."""
    return number(request, "before") or (max(chosen) + 1 if chosen else None)


def _drawer(uow: UnitOfWork, terms: Terms, code: str, question: str, stretch: Stretch) -> Drawer | None:
    found = participants.by_code(uow, terms, code)
    if found is None:
        return None
    answer = found.interview.answers.get(question)
    if answer and answer.parts:
        stretch = Stretch(only=answer.parts[:MOST])
    record = views.record(uow, terms, code, stretch)
    assert record is not None
    who = answer.who.value if answer and answer.who else ""
    return Drawer(contact.under_code(record), desk.plan(found.interview), refiling.acts(uow, found), who)


@signed_in(May.WRITE)
async def move(request: Request, user: User) -> Response:
    """Put the chosen messages under a question, or under none."""
    parts, posted = web(request), await fields(request)
    code, sent = request.path_params["code"], dict(posted)
    named = (row_number(value) for name, value in posted if name == "message")
    chosen = [one for one in named if one is not None]
    to, reason = sent.get("to"), sent.get("reason", "")
    try:
        if to is None:
            raise OwnPaceError("Choose where the messages belong.")
        await parts.database.run(refiling.refile, parts.terms, code, user.name, chosen, to, reason)
    except OwnPaceError as problem:
        return await _shown(request, user, str(problem), chosen, to, reason)
    return RedirectResponse(f"/participants/{code}/refile#moved", 303)


@signed_in(May.WRITE)
async def undo(request: Request, user: User) -> Response:
    """Put the messages of one act back."""
    parts, posted = web(request), await form(request)
    code = request.path_params["code"]
    try:
        await parts.database.run(refiling.undo, parts.terms, code, user.name, posted.get("act", ""))
    except OwnPaceError as problem:
        return await _shown(request, user, str(problem))
    return RedirectResponse(f"/participants/{code}/refile#moved", 303)


@signed_in(May.WRITE)
async def whose_words(request: Request, user: User) -> Response:
    """Correct whose words the answer to a question is in."""
    parts, posted = web(request), await form(request)
    code, question = request.path_params["code"], posted.get("question", "")
    try:
        said = posted.get("who", "")
        await parts.database.run(refiling.say_whose_words, parts.terms, code, user.name, question, said)
    except OwnPaceError as problem:
        return await _shown(request, user, str(problem))
    return RedirectResponse(f"/participants/{code}/refile?{urlencode({'question': question, 'said': 1})}#whose", 303)


# Splitting one message


@signed_in(May.WRITE)
async def split(request: Request, user: User) -> Response:
    """One message, sentence by sentence; that it was opened is noted."""
    await web(request).database.run(access.seen, user, request.path_params["code"])
    return await _split(request, user)


async def _split(request: Request, user: User, problem: str = "", sent: Sequence[tuple[str, str]] = ()) -> Response:
    parts, posted = web(request), dict(sent)
    code, message = request.path_params["code"].strip().upper(), request.path_params["id"]
    try:
        whole, plan = await parts.database.read(_divisible, parts.terms, code, message)
    except OwnPaceError as gone:
        return page(request, "problem.html", status=404, user=user, problem=problem or str(gone))
    known = {
        "code": code,
        "whole": whole,
        "plan": plan,
        "chosen": {value for name, value in sent if name == "part"},
        "words": posted.get("words", ""),
        "to": posted.get("to"),
        "reason": posted.get("reason", ""),
    }
    return page(request, "split.html", status=409 if problem else 200, user=user, problem=problem, **known)


def _divisible(
    uow: UnitOfWork, terms: Terms, code: str, message: int
) -> tuple[splitting.Divisible, tuple[desk.Part, ...]]:
    found = participants.named(uow, terms, code)
    return splitting.divisible(uow, found, message), desk.plan(found.interview)


@signed_in(May.WRITE)
async def split_it(request: Request, user: User) -> Response:
    """Put the chosen words under another question, or under none."""
    parts, posted = web(request), await fields(request)
    code, message, sent = request.path_params["code"], request.path_params["id"], dict(posted)
    try:
        if "to" not in sent:
            raise OwnPaceError("Choose where the words belong.")
        whole, _ = await parts.database.read(_divisible, parts.terms, code, message)
        if sent.get("form") != str(whole.form):
            raise OwnPaceError("The message was changed meanwhile. These are its words now: choose again.")
        chosen = [_stretch(value) for name, value in posted if name == "part"]
        if sent.get("words", "").strip():
            chosen.append(splitting.place_of(whole.text, sent["words"]))
        where = (message, chosen, sent["to"], sent.get("reason", ""))
        await parts.database.run(splitting.split, parts.terms, code, user.name, *where)
    except OwnPaceError as problem:
        return await _split(request, user, str(problem), posted)
    return RedirectResponse(f"/participants/{code}/refile#moved", 303)


def _stretch(value: str) -> splitting.Stretch:
    """From where to where, as the form has it; (0, 0) where it is none."""
    starts, _, ends = value.partition("-")
    return row_number(starts) or 0, row_number(ends) or 0


@signed_in(May.READ)
async def back(request: Request, user: User) -> Response:
    """Where the form was sent to there is no page."""
    return RedirectResponse(f"/participants/{request.path_params['code']}/refile", 303)


routes = [
    Route("/participants/{code}/refile", refile),
    Route("/participants/{code}/refile", move, methods=["POST"]),
    Route("/participants/{code}/whose-words", whose_words, methods=["POST"]),
    Route("/participants/{code}/whose-words", back),
    Route("/participants/{code}/refile/undo", undo, methods=["POST"]),
    Route("/participants/{code}/refile/undo", back),
    Route(f"/participants/{{code}}/split/{ROW}", split),
    Route(f"/participants/{{code}}/split/{ROW}", split_it, methods=["POST"]),
]
