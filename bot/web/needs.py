"""What one person needs: a page on which it is seen, changed, and changed back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.errors import OwnPaceError
from bot.interview.needs import WHO
from bot.interview.rota import CallWay
from bot.interview.schedule import Wording
from bot.interview.state import YES
from bot.service import adapting, contact
from bot.service.access import May, may
from bot.service.adapting import Change
from bot.service.staff import User
from bot.web.pages import page
from bot.web.signin import form, signed_in
from bot.web.state import web

YES_OR_NO = (("", "As the study says"), ("yes", "Yes"), ("no", "No"))
WORDINGS = {Wording.STANDARD: "Standard", Wording.EASY_READ: "Easy Read", Wording.SHORT: "Short, for text messages"}
ANSWERING = {"own": "Their own words", "help": "With help", "behalf": "On their behalf", "ask": "They are asked"}
CALLS = {CallWay.PHONE: "By phone", CallWay.VIDEO: "By video", CallWay.BSL: "By video in BSL"}


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be changed: what it is called, how to write it, and what may be chosen, if it is a choice."""

    name: str
    label: str
    hint: str = ""
    choices: Sequence[tuple[str, str]] = ()


def _chosen(known: Mapping[Any, str], *, usual: bool = True) -> Sequence[tuple[str, str]]:
    return (*((("", "As the study says"),) if usual else ()), *((str(key), label) for key, label in known.items()))


GROUPS: tuple[tuple[str, tuple[Field, ...]], ...] = (
    (
        "Words",
        (
            Field("wording", "Wording", choices=_chosen(WORDINGS, usual=False)),
            Field("language", "Language"),
            Field("who", "Whose words they write", choices=_chosen({key: ANSWERING[key] for key in WHO})),
            Field("prompts", "Follow-up questions of the schedule are welcome", choices=YES_OR_NO),
        ),
    ),
    (
        "Pace",
        (
            Field("settle", "How long they are quiet before an answer counts as whole", "From 1m to 72h, such as 2h"),
            Field("review", "How long a person may look before the next question", "0, or 4h, or manual"),
            Field("questions_a_day", "Questions in a day, at the most", "A number; 0 for as many as they like"),
            Field("days", "Days on which they want to hear from us", "Such as: mon, tue, sat"),
            Field("hours", "Hours in which they want to hear from us", "Such as: 10:00-16:00"),
            Field("no_contact", "Dates without a message", "Such as: 2027-02-01..2027-02-14; several with ; between"),
            Field("timezone", "Time zone", "Such as: Europe/London"),
        ),
    ),
    (
        "Reaching them safely",
        (
            Field("discreet", "Others may see their phone", choices=YES_OR_NO),
            Field("safe_contact", "How the team may safely reach them", "Whoever is fetched is told to read it first"),
            Field("no_calls", "They are never offered a call", choices=YES_OR_NO),
            Field("call", "How they want to be called", choices=_chosen(CALLS)),
        ),
    ),
)

LABELS = {field.name: field.label for _, fields in GROUPS for field in fields}
"""How the pages name what a file of people, and `ownpace needs`, name by a column."""


@signed_in(May.ADAPT)
async def shown(request: Request, user: User) -> Response:
    """What they need, as it acts now."""
    return await _needs(request, user)


@signed_in(May.ADAPT)
async def change(request: Request, user: User) -> Response:
    """Change what was changed on the page; what a colleague has changed meanwhile stays."""
    parts, posted = web(request), await form(request)
    said = {name[4:]: value.strip() for name, value in posted.items() if name.startswith("now-")}
    wanted = {name: value for name, value in said.items() if value != posted.get(f"was-{name}", "").strip()}
    code = request.path_params["code"]
    try:
        if _private(wanted) and not may(user, May.CONTACT):
            raise OwnPaceError("How they are reached, and notes on them, are changed by whoever may see them.")
        done = await parts.database.run(adapting.change, parts.terms, parts.rules, code, wanted, user.name)
    except OwnPaceError as problem:
        return await _needs(request, user, str(problem), said)
    return await _needs(request, user, done=done, saved=True)


async def _needs(
    request: Request,
    user: User,
    problem: str = "",
    said: Mapping[str, str] | None = None,
    done: Sequence[Change] = (),
    *,
    saved: bool = False,
) -> Response:
    parts, code = web(request), request.path_params["code"].strip().upper()
    try:
        now = await parts.database.read(adapting.of, parts.terms, code)
    except OwnPaceError as gone:
        return page(request, "problem.html", status=404, user=user, problem=str(gone))
    if not may(user, May.CONTACT):
        now = {name: value for name, value in now.items() if name not in _private(now)}
    elif any(now[name] for name in _private(now)):
        await parts.database.run(contact.seen, user, code)
    now = {name: _in_words_of_the_page(name, value) for name, value in now.items()}
    known: dict[str, Any] = {
        "code": code,
        "groups": list(_groups(now, [language for _, language in sorted(parts.rules.schedules)])),
        "now": now,
        "said": now | dict(said or {}),
        "done": done,
        "labels": LABELS,
        "saved": saved,
    }
    return page(request, "needs.html", status=409 if problem else 200, user=user, problem=problem, **known)


def _in_words_of_the_page(name: str, value: str) -> str:
    """A choice however a file of people says it: what was not changed on the page must not change."""
    choices = next((field.choices for _, fields in GROUPS for field in fields if field.name == name), ())
    if choices is YES_OR_NO and value:
        return "yes" if value.strip().casefold() in YES else "no"
    return value.strip().casefold() if choices else value


def _private(names: Iterable[str]) -> set[str]:
    """How they are reached, and what was noted of them at their enrolment: for whoever may see contact details."""
    return {name for name in names if name == "safe_contact" or name not in adapting.SETTINGS}


def _groups(now: Mapping[str, str], languages: Sequence[str]) -> Iterator[tuple[str, list[Field]]]:
    """The fields as they stand on the page: a language where there are several, and the person's notes."""
    several = [(each, each) for each in dict.fromkeys((now["language"], *languages))]
    for title, fields in GROUPS:
        language = Field("language", "Language", choices=several)
        shown = [language if field.name == "language" else field for field in fields]
        yield title, [one for one in shown if one.name in now and (one is not language or len(several) > 1)]
    if notes := [Field(name, name) for name in now if name not in adapting.SETTINGS]:
        yield "Notes from the enrolment", notes


routes = [
    Route("/participants/{code}/needs", shown),
    Route("/participants/{code}/needs", change, methods=["POST"]),
]
