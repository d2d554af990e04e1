"""Pictures of how the study goes, each with a table of the same figures."""

from __future__ import annotations

from datetime import date
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.export.charts import Chart, Lines, svg, svg_lines
from bot.service import pictures
from bot.service.access import May
from bot.service.pictures import Cohort, Pace
from bot.service.staff import User
from bot.web.pages import page
from bot.web.signin import signed_in
from bot.web.state import web


@signed_in(May.LOOK)
async def show(request: Request, user: User) -> Response:
    """Progress week by week, how soon people answer, and how far they came. No words of anybody."""
    parts = web(request)
    cohorts = await parts.database.read(pictures.cohorts, parts.zone)
    paces = await parts.database.read(pictures.paces)
    drawn: dict[str, Any] = {
        "cohorts": [(cohort, _weeks(cohort), _questions(cohort)) for cohort in cohorts],
        "paces": [(pace, _spans(pace)) for pace in paces],
    }
    return page(request, "pictures.html", user=user, latest=pictures.LATEST, **drawn)


def _weeks(cohort: Cohort) -> Markup:
    series = {
        "Enrolled": tuple(week.enrolled for week in cohort.weeks),
        "Agreed": tuple(week.agreed for week in cohort.weeks),
        "Finished": tuple(week.finished for week in cohort.weeks),
    }
    places = tuple(_short(week.start) for week in cohort.weeks)
    return Markup(svg_lines(Lines(f"{cohort.name}, week by week", "people", places, tuple(series.items()))))


def _short(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _questions(cohort: Cohort) -> Markup:
    bars = tuple((question.id, float(question.answered)) for question in cohort.questions)
    return Markup(svg(Chart(f"{cohort.name}: people who answered each question", "Question", "people", bars)))


def _spans(pace: Pace) -> Markup:
    bars = tuple((span, float(many)) for span, many in pace.spans.items())
    return Markup(svg(Chart(f"By {pace.channel}: how soon answers came", "Time", "answers", bars)))


routes = [Route("/pictures", show)]
