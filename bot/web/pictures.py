"""Pictures of how the study goes, each with a table of the same figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.export.charts import Chart, Lines, svg, svg_lines
from bot.service import pictures
from bot.service.access import May
from bot.service.pictures import Pace, Question, Week
from bot.service.staff import User
from bot.web import questions
from bot.web.pages import page
from bot.web.signin import signed_in
from bot.web.state import web


@signed_in(May.LOOK)
async def over_time(request: Request, user: User) -> Response:
    """Progress week by week, and how soon people answer. No words of anybody."""
    parts = web(request)
    weeks = await parts.database.read(pictures.weeks, parts.zone)
    paces = await parts.database.read(pictures.paces)
    drawn: dict[str, Any] = {
        "cohorts": [(name, of, _weeks(name, of)) for name, of in weeks.items()],
        "paces": [(pace, _spans(pace)) for pace in paces],
    }
    return page(request, "pictures.html", user=user, latest=pictures.LATEST, **drawn)


@signed_in(May.LOOK)
async def by_question(request: Request, user: User) -> Response:
    """How far people came."""
    parts = web(request)
    names, words = questions.names(parts.schedules), questions.words(parts.schedules)
    found = await parts.database.read(pictures.questions)
    drawn = [(cohort, asked, _questions(cohort, asked, names)) for cohort, asked in found.items()]
    return page(request, "questions.html", user=user, cohorts=drawn, names=names, words=words)


def _weeks(cohort: str, weeks: list[Week]) -> Markup:
    series = tuple((step.capitalize(), tuple(getattr(week, step) for week in weeks)) for step in pictures.STEPS)
    places = tuple(_short(week.start) for week in weeks)
    return Markup(svg_lines(Lines(f"{cohort}, week by week", "people", places, series)))


def _short(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _questions(cohort: str, asked: list[Question], names: Mapping[str, str]) -> Markup:
    bars = tuple((names.get(question.id, question.id), float(question.answered)) for question in asked)
    return Markup(svg(Chart(f"{cohort}: people who answered each question", "Question", "people", bars)))


def _spans(pace: Pace) -> Markup:
    bars = tuple((span, float(many)) for span, many in pace.spans.items())
    return Markup(svg(Chart(f"By {pace.channel}: how soon answers came", "Time", "answers", bars)))


routes = [Route("/pictures", over_time), Route("/pictures/questions", by_question)]
