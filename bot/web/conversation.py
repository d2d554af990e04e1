"""One participant: the conversation as it grows, what stands beside it, and the words of whoever speaks with them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.errors import DoneAlready, OwnPaceError
from bot.interview.wording import NAME, day
from bot.records import participants
from bot.records.participants import Terms
from bot.records.unit_of_work import UnitOfWork
from bot.service import (
    access,
    contact,
    desk,
    drafts,
    field_notes,
    handovers,
    moves,
    postponing,
    reasons,
    splitting,
    switch,
    views,
    withdrawal,
    work,
    writeups,
)
from bot.service.access import May, may
from bot.service.staff import User
from bot.service.views import Stretch
from bot.web.attachments import as_what
from bot.web.live import stream
from bot.web.needs import LABELS
from bot.web.once import once
from bot.web.pages import page, render, said_at
from bot.web.rows import row_number
from bot.web.signin import form, signed_in
from bot.web.state import keep_draft, kept_draft, web

AHEAD_DAYS = 14
"""So many days ahead words may be left to wait."""

NOT_HERE = "There is no participant with this code."


# The page


@signed_in(May.READ)
async def participant(request: Request, user: User) -> Response:
    """One participant's conversation; that it was opened is noted."""
    await web(request).database.run(access.seen, user, request.path_params["code"])
    return await shown(request, user)


async def shown(request: Request, user: User, problem: str = "", draft: str = "", **more: Any) -> Response:
    """The page, with what went wrong, and the words that wait to be sent."""
    parts = web(request)
    known = await _known(request, user, _asked_for(request))
    if known is None:
        return page(request, "problem.html", status=404, user=user, problem=NOT_HERE)
    record = known["record"]
    here = f"/participants/{record.row.code}"
    parts.presence.seen(here, user.name)
    draft = draft or await kept_draft(request, user.name, here)
    seen: dict[str, int] = {"start": record.entries[0].id if record.entries else 0}
    if record.newer:
        seen["end"] = record.entries[-1].id
    composer = {
        "problem": problem,
        "draft": draft,
        "key": secrets.token_hex(16),
        "previews": (),
        "size": await parts.database.read(desk.preview, parts.terms, record.row.code, user.name, draft),
        "kinds": parts.terms.study.channels,
        "days": _days(parts.database.clock().astimezone(record.zone)),
        "live": f"{here}/live?{urlencode(seen)}",
        "sees_notes": may(user, May.WRITE),
        "reasons": await parts.database.read(reasons.about, parts.terms, record.row.code),
        "filled": {},
    }
    return page(request, "participant.html", status=409 if problem else 200, user=user, **known, **composer | more)


async def _known(request: Request, user: User, stretch: Stretch) -> dict[str, Any] | None:
    parts, code = web(request), request.path_params["code"]
    record = await parts.database.read(views.record, parts.terms, code, stretch)
    if record is None:
        return None
    incoming = [entry.id for entry in record.entries if entry.incoming]
    with_media = [entry.id for entry in record.entries if entry.media]
    holder = record.row.held_by
    return {
        "record": contact.under_code(record),
        "reaches": await parts.database.read(access.may_reach, user, record.row.code),
        "passages": await parts.database.read(splitting.passages, parts.terms, record.row.code, incoming),
        "written": await parts.database.read(writeups.beside, with_media) if with_media else {},
        "as_what": as_what,
        "labels": LABELS,
        "beside": await parts.database.read(desk.beside, parts.terms, user, record.row.code),
        "on_hold": await parts.database.read(switch.on_hold),
        "others": parts.presence.others(f"/participants/{record.row.code}", user.name),
        "holder_left": bool(holder) and not await parts.database.read(access.signs_in, holder),
    }


def _asked_for(request: Request) -> Stretch:
    """Which part of the conversation: the newest, or that before or from a message on."""
    return Stretch(before=number(request, "before"), start=number(request, "at"))


def number(request: Request, name: str) -> int | None:
    """A number from the address of the page, where it is one."""
    return row_number(request.query_params.get(name, ""))


def _days(now: datetime) -> list[tuple[str, str]]:
    """The days on which words may leave, as they are sent and as they are read."""
    days = [now.date() + timedelta(days=ahead) for ahead in range(AHEAD_DAYS + 1)]
    return [(each.isoformat(), f"{'Today, ' if each == now.date() else ''}{day(each)}") for each in days]


@signed_in(May.READ)
async def live(request: Request, user: User) -> Response:
    """What changes on the page, whenever it does; that it was opened is noted once."""
    parts = web(request)
    stretch = Stretch(start=number(request, "start") or 0, end=number(request, "end"), most=10_000)
    first = await _known(request, user, stretch)
    if first is None:
        return Response("", 404)
    await parts.database.run(access.seen, user, first["record"].row.code)
    name = f"participant {first['record'].id}"
    here = f"/participants/{first['record'].row.code}"

    async def fresh() -> dict[str, str]:
        known = await _known(request, user, stretch)
        if known is None:
            return {}
        known |= {"user": user, "filled": {}, "sees_notes": may(user, May.WRITE)}
        names = ("record", "voice", "consent", "plan", "probes", "leaving", "others", "notes")
        return {part: render(request, f"{part}.html", **known) for part in names}

    during = parts.presence.at(here, user.name, lambda: parts.news.tell(frozenset({name})))
    return stream(request, name, fresh, during)


# Speaking


@signed_in(May.WRITE)
async def reply(request: Request, user: User) -> Response:
    """Send the researcher's words. The same form sent twice, as after a lost answer, is one message."""
    parts, posted = web(request), await form(request)
    code, text = request.path_params["code"], posted.get("text", "")
    said = (posted.get("key", ""), text)
    send = drafts.sending(user.name, f"/participants/{code}", handovers.reply)
    try:
        await once(request, user, said, send, parts.terms, code, user.name, text, user.undo_for)
    except DoneAlready:
        pass  # by another process, and that is as good
    except OwnPaceError as problem:
        return await shown(request, user, str(problem), text)
    return _back(code)


@signed_in(May.WRITE)
async def take_back(request: Request, user: User) -> Response:
    """What was written a moment ago, or left for later, is not sent: it is in the field again."""
    parts, posted = web(request), await form(request)
    code, text = request.path_params["code"], posted.get("text", "")
    which = row_number(posted.get("message") or posted.get("later") or "") or 0
    undo = handovers.take_back if "message" in posted else postponing.take_back
    try:
        await parts.database.run(_take_back, undo, parts.terms, code, user.name, which, text.strip())
    except OwnPaceError as problem:
        return await shown(request, user, str(problem), text)
    return _back(code, "speak")


def _take_back(
    uow: UnitOfWork, undo: Callable[..., str], terms: Terms, code: str, author: str, which: int, text: str
) -> None:
    """It waits no more and is a draft again, in one commit, above what has been written since."""
    words = undo(uow, terms, code, author, which)
    drafts.keep(uow, author, f"/participants/{code}", "\n\n".join(each for each in (words, text) if each))


@signed_in(May.WRITE)
async def look(request: Request, user: User) -> Response:
    """How the words would arrive, at each of the person's addresses, before they are sent."""
    parts, posted = web(request), await form(request)
    code, text = request.path_params["code"], posted.get("text", "")
    try:
        handovers.checked(text)
        previews = await parts.database.read(desk.previews, parts.terms, code, user.name, text)
    except OwnPaceError as problem:
        return await shown(request, user, str(problem), text)
    if NAME in text:
        await parts.database.run(access.greeted, user, code)
    await keep_draft(request, user.name, f"/participants/{code}", text)
    return await shown(request, user, draft=text, previews=previews)


@signed_in(May.WRITE)
async def count(request: Request, user: User) -> Response:
    """The size of words that are being written, in one line."""
    parts, posted = web(request), await form(request)
    code = request.path_params["code"].upper()
    try:
        size = await parts.database.read(desk.preview, parts.terms, code, user.name, posted.get("text", ""))
    except OwnPaceError:
        return Response("", 404)
    if parts.presence.wrote(f"/participants/{code}", user.name):
        found = await parts.database.read(_id_of, parts.terms, code)
        parts.news.tell(frozenset({f"participant {found}"}))
    return PlainTextResponse(render(request, "size.html", size=size).strip(), headers={"cache-control": "no-store"})


def _id_of(uow: UnitOfWork, terms: Terms, code: str) -> int:
    found = participants.by_code(uow, terms, code)
    return found.id if found else 0


@signed_in(May.WRITE)
async def insert_probe(request: Request, user: User) -> Response:
    """A probe of the open question is put below what is written already."""
    parts, posted = web(request), await form(request)
    code, text = request.path_params["code"], posted.get("text", "").rstrip()
    try:
        probe = await parts.database.read(desk.probe, parts.terms, code, posted.get("probe", ""))
    except OwnPaceError as problem:
        return await shown(request, user, str(problem), text)
    if not probe:
        return await shown(request, user, "This probe belongs to another question than the open one.", text)
    await keep_draft(request, user.name, f"/participants/{code}", f"{text}\n\n{probe}" if text else probe)
    return _back(code, "speak")


@signed_in(May.WRITE)
async def later(request: Request, user: User) -> Response:
    """The words are sent at a time of the researcher's choice, in the participant's zone."""
    parts, posted = web(request), await form(request)
    code, text = request.path_params["code"], posted.get("text", "")
    said = tuple(posted.get(name, "") for name in ("key", "text", "day", "hour"))
    leave = drafts.sending(user.name, f"/participants/{code}", postponing.write)
    try:
        due = await parts.database.read(_moment, parts.terms, code, *said[2:])
        await once(request, user, said, leave, parts.terms, code, user.name, text, due)
    except DoneAlready:
        pass  # by another process, and that is as good
    except OwnPaceError as problem:
        return await shown(request, user, str(problem), text)
    return _back(code, "speak")


def _moment(uow: UnitOfWork, terms: Terms, code: str, on: str, at: str) -> datetime:
    found = participants.named(uow, terms, code)
    try:
        local = datetime.combine(datetime.fromisoformat(on).date(), time.fromisoformat(at))
    except ValueError:
        raise OwnPaceError("Choose a day and a time.") from None
    return local.replace(tzinfo=found.interview.person.timezone)


# The rest of what can be done here


TYPED = ("worry", "reason", "kind", "address")
"""Fields that are filled again when their form was refused."""


def _act(use_case: Callable[..., None], *names: str) -> Callable[[Request], Any]:
    """A button on a participant's page. What was being written there stays."""

    @signed_in(May.WRITE)
    async def act(request: Request, user: User) -> Response:
        parts, posted = web(request), await form(request)
        code, draft = request.path_params["code"], posted.get("text", "")
        request.state.posted = [(name, posted.get(name, "")) for name in names]  # no other words arrive by it
        try:
            more = [posted.get(name, "") for name in names]
            await parts.database.run(use_case, parts.terms, code, user.name, *more)
        except OwnPaceError as problem:
            filled = {name: posted.get(name, "") for name in TYPED}
            return await shown(request, user, str(problem), draft, filled=filled)
        if "text" in posted:
            await keep_draft(request, user.name, f"/participants/{code}", draft)
        if not await parts.database.read(access.may_open, user, code, assigned_only=parts.assigned_only):
            return RedirectResponse("/queue?done=back", 303)  # whoever was fetched has handed back
        return _back(code)

    return act


@signed_in(May.WRITE)
async def move(request: Request, user: User) -> Response:
    """The person carries on somewhere else."""
    parts, posted = web(request), await form(request)
    code, kind, written = request.path_params["code"], posted.get("kind", ""), posted.get("address", "")
    try:
        await parts.database.run(moves.move, parts.terms, code, kind, written, user.name)
    except OwnPaceError as problem:
        return await shown(request, user, str(problem), filled={"kind": kind, "address": written})
    return _back(code)


@signed_in(May.WRITE)
async def note(request: Request, user: User) -> Response:
    """A field note: for researchers only."""
    parts, posted = web(request), await form(request)
    code, words = request.path_params["code"], posted.get("note", "")
    try:
        await once(request, user, (posted.get("key", ""), words), _note, parts.terms, code, user, words)
    except DoneAlready:
        pass  # by another process, that is as good
    except OwnPaceError as problem:
        return await shown(request, user, str(problem), note=words)
    return _back(code, "kept-notes")


def _note(uow: UnitOfWork, terms: Terms, code: str, user: User, words: str) -> None:
    found = participants.named(uow, terms, code)
    field_notes.write(uow, found, user.name, words)


@signed_in(May.WRITE)
async def notes_file(request: Request, user: User) -> Response:
    """Every field note about this interview, as a text file; noted in the trail."""
    parts = web(request)
    try:
        said = await parts.database.run(_notes, parts.terms, request.path_params["code"], user)
    except OwnPaceError as problem:
        return page(request, "problem.html", status=404, user=user, problem=str(problem))
    code = request.path_params["code"].upper()
    text = "\n\n".join(f"{each.author}, {said_at(each.at, parts.zone)}\n{each.words}" for each in reversed(said))
    headers = {"content-disposition": f'attachment; filename="{code}-field-notes.txt"', "cache-control": "no-store"}
    return PlainTextResponse(text + "\n", headers=headers)


def _notes(uow: UnitOfWork, terms: Terms, code: str, user: User) -> tuple[field_notes.Note, ...]:
    found = participants.named(uow, terms, code)
    uow.note(user.name, withdrawal.FIELD_NOTES, found.code)
    return field_notes.shown(uow, found)


# Who they are


@signed_in(May.CONTACT)
async def ask_contact(request: Request, user: User) -> Response:
    """Before name and addresses are shown: that it is noted."""
    parts, code = web(request), request.path_params["code"].upper()
    known = await parts.database.read(views.is_known, code)
    if not known:
        return page(request, "problem.html", status=404, user=user, problem=NOT_HERE)
    return page(request, "contact.html", user=user, code=code, contact=None)


@signed_in(May.CONTACT)
async def see_contact(request: Request, user: User) -> Response:
    """Name, addresses, and how it is safe to reach them; noted in the trail."""
    parts = web(request)
    try:
        found = await parts.database.run(contact.shown, parts.terms, user, request.path_params["code"])
    except OwnPaceError as problem:
        return page(request, "problem.html", status=404, user=user, problem=str(problem))
    return page(request, "contact.html", user=user, code=found.code, contact=found)


@signed_in(May.WRITE)
async def talk(request: Request, user: User) -> Response:
    """The user would like to talk about this conversation: coordinators are told, and nobody else."""
    parts, code = web(request), request.path_params["code"]
    try:
        await parts.database.run(_talk, parts.terms, code, user)
    except OwnPaceError as problem:
        return await shown(request, user, str(problem))
    return _back(code, "talk")


def _talk(uow: UnitOfWork, terms: Terms, code: str, user: User) -> None:
    found = participants.named(uow, terms, code)
    work.ask_to_talk(uow, user, found)


@signed_in(May.READ)
async def record_of(request: Request, user: User) -> Response:
    """Where a form was sent to there is no page: the record is what was meant."""
    return _back(request.path_params["code"])


def _back(code: str, place: str = "end") -> Response:
    """To the record, at this place of it. What is folded up around it browsers open (HTML, the details element)."""
    return RedirectResponse(f"/participants/{code}#{place}", 303)


FORMS: dict[str, Callable[[Request], Any]] = {
    "take-over": _act(handovers.take_over, "anyway"),
    "reply": reply,
    "take-back": take_back,
    "preview": look,
    "insert": insert_probe,
    "later": later,
    "move": move,
    "hand-back": _act(handovers.hand_back, "reason"),
    "reviewed": _act(handovers.reviewed),
    "acknowledge": _act(handovers.acknowledge),
    "worry": _act(handovers.worry, "worry"),
    "note": note,
    "talk": talk,
}

routes = [
    Route("/participants/{code}", participant),
    Route("/participants/{code}/live", live),
    Route("/participants/{code}/count", count, methods=["POST"]),
    Route("/participants/{code}/field-notes.txt", notes_file),
    Route("/participants/{code}/contact", ask_contact),
    Route("/participants/{code}/contact", see_contact, methods=["POST"]),
    *(Route(f"/participants/{{code}}/{name}", act, methods=["POST"]) for name, act in FORMS.items()),
    *(Route(f"/participants/{{code}}/{name}", record_of) for name in FORMS),
]
