"""Taking the record out from the browser: with codes for names, never as it was said; large studies by the command."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from bot.errors import OwnPaceError
from bot.export.record import Scope
from bot.export.undecided import MOST_COUNTED, NAMES
from bot.export.writing import Exporter, Wanted, export, work_folder
from bot.service import views
from bot.service.access import May
from bot.service.staff import User
from bot.web.pages import HEADERS, page
from bot.web.signin import form, signed_in
from bot.web.state import Web, web

MOST = 1000
"""Participants of a study that is exported while somebody waits at a page."""

TICK = "Decide first. Or, to have the file with the names that are in it, tick the box above the button."


@dataclass(frozen=True, slots=True)
class Kind:
    """Something to take out: what it is called, the file or folder, and what makes it, loaded only when it is used.

    `words`: what people wrote is in it.
    """

    label: str
    name: str
    make: Callable[[], Exporter]
    scope: Scope = Scope.CONSENTED
    words: bool = True


def _transcripts() -> Exporter:
    from bot.export.transcript import Transcripts

    return Transcripts("docx")


def _matrix() -> Exporter:
    from bot.export.matrix import Matrix

    return Matrix("xlsx")


def _qdpx() -> Exporter:
    from bot.export.qdpx import Qdpx

    return Qdpx(case_codes=False)


def _answers() -> Exporter:
    from bot.export.answers import Answers

    return Answers("csv")


def _methods() -> Exporter:
    from bot.export.methods import Methods

    return Methods("docx")


KINDS = {
    "transcripts": Kind("Transcripts: a Word document for each interview", "transcripts", _transcripts),
    "matrix": Kind("Case by question: a spreadsheet", "matrix.xlsx", _matrix),
    "qdpx": Kind("QDA project, for NVivo, ATLAS.ti, MAXQDA, QualCoder", "study.qdpx", _qdpx),
    "answers": Kind("Answers and messages as data: CSV tables with a dictionary", "answers", _answers),
    "methods": Kind("Methods report: how the interviews were held", "methods.docx", _methods, Scope.ENROLLED, False),
}


@signed_in(May.EXPORT)
async def ask(request: Request, user: User) -> Response:
    """What can be taken out."""
    return _ask(request, user)


def _ask(request: Request, user: User, problem: str = "", chosen: str = "transcripts") -> Response:
    known = {"problems": problem.splitlines(), "chosen": chosen, "kinds": KINDS, "names": NAMES, "most": MOST_COUNTED}
    return page(request, "export.html", status=409 if problem else 200, user=user, **known)


@signed_in(May.EXPORT)
async def take_out(request: Request, user: User) -> Response:
    """The file, or a zip of the folder; nothing of it stays here. A study that would name somebody stops it."""
    parts, asked = web(request), await form(request)
    chosen = asked.get("kind", "")
    if chosen not in KINDS:
        return _ask(request, user, "Choose what to take out.")
    people = await parts.database.read(views.everybody)
    if people > MOST:
        hint = f"This study is large. Use the command, which shows how far it is: scripts/ownpace export {chosen}"
        return _ask(request, user, hint, chosen)
    counted = KINDS[chosen].words and people <= MOST_COUNTED
    unless = TICK if counted and not asked.get("undecided") else ""
    if parts.exporting.locked():
        return _ask(request, user, "Somebody's export is being made. Try again in a minute.", chosen)
    async with parts.exporting:
        held = ExitStack()
        folder = await asyncio.to_thread(held.enter_context, work_folder(Path(tempfile.gettempdir())))
        gone = BackgroundTask(held.close)
        try:
            made = await asyncio.to_thread(_made, parts, KINDS[chosen], folder, user, unless)
        except OwnPaceError as problem:
            await gone()
            return _ask(request, user, str(problem), chosen)
        except BaseException:
            await gone()
            raise
    headers = {name: HEADERS[name] for name in ("cache-control", "x-content-type-options")}
    return FileResponse(made, filename=made.name, headers=headers, background=gone)


def _made(parts: Web, kind: Kind, folder: Path, user: User, unless: str) -> Path:
    wanted = Wanted(folder / kind.name, scope=kind.scope, actor=user.name, to="browser", unless=unless)
    written = export(parts.database, parts.zone, kind.make(), wanted).out
    if not written.is_dir():
        return written
    return Path(shutil.make_archive(str(written), "zip", folder, written.name))


routes = [Route("/export", ask), Route("/export", take_out, methods=["POST"])]
