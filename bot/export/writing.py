"""How every export is made: look through all of it for people's names, write beside the place, note it, move it there.

Nothing is at the place before all of it is written, and a stopped export leaves nothing behind. What one that was
killed left is removed by the next one in that folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from bot.errors import ExportError
from bot.export.identifiers import Found, Scanner, study_words
from bot.export.reading import Study, Track, untracked
from bot.export.record import Case, Head, Scope
from bot.export.undecided import MOST_COUNTED, Undecided, count
from bot.records.database import Database
from bot.records.unit_of_work import UnitOfWork

ACTOR = "command line"
MOST_HITS_TOLD = 40
ATTRIBUTE = "attribute "
"""How the place of what enrolment said of a person begins."""

UNFINISHED = ".ownpace-unfinished-"
"""How the folder is called in which an export grows, before its random end."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that an export would write, and the question or column it stands at. `ours`: the bot said it."""

    place: str
    text: str
    ours: bool = False


def joined(case: Case) -> Iterator[Passage]:
    """Answers that came in several messages, as one text: a number may begin in one and end in the next."""
    for answer in case.answers:
        if len(answer.parts) > 1:
            yield Passage(f"question {answer.question}", answer.text)


class Exporter(Protocol):
    """One kind of export."""

    @property
    def name(self) -> str: ...

    def passages(self, case: Case) -> Iterable[Passage]:
        """Every text of the case that `write` writes."""

    def write(self, study: Study, place: Path) -> None:
        """Write the whole export at a place that is free: a file, or a folder that it makes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of an export. `codes`: only these cases; `named`: researchers by name.

    `agreed_to`: only those who said yes to this consent statement. `actor`: who asks; `to`: where it goes, where that
    is not `out`. `unless`: refuse while suggestions of names are undecided, and say this mend.
    """

    out: Path
    force: bool = False
    originals: bool = False
    named: bool = False
    codes: tuple[str, ...] = ()
    scope: Scope = Scope.CONSENTED
    agreed_to: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ACTOR
    to: str = ""
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of an export, for the person who asked for it.

    `undecided` is None for words as they were said; `left_out`: how many people are not in it, by the reason.
    """

    out: Path
    cases: int
    answers: int
    undecided: Undecided | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)


def export(
    database: Database, zone: ZoneInfo, exporter: Exporter, wanted: Wanted, track: Track[Head] = untracked
) -> Written:
    """Make one export.

    Raises ExportError when the place is taken, a code is unknown, a text names somebody, or somebody left meanwhile;
    with `unless` also while a suggestion of names is undecided.
    """
    with new_place(wanted.out, wanted.force) as place:

        def write(uow: UnitOfWork) -> Study:
            study = Study(
                uow,
                zone,
                originals=wanted.originals,
                named=wanted.named,
                codes=wanted.codes,
                scope=wanted.scope,
                agreed_to=wanted.agreed_to,
                track=track,
            )
            _check(study, wanted)
            study.undecided = _undecided(study, wanted)
            look_through(study, exporter)
            exporter.write(study, place)
            return study

        study = database.read_now(write)
        database.run_now(_finished, exporter.name, study, wanted)
    undecided = None if wanted.originals else study.undecided
    return Written(wanted.out, len(study.heads), study.survey.answers, undecided, study.left_out)


def _finished(uow: UnitOfWork, name: str, study: Study, wanted: Wanted) -> None:
    """The line of the audit trail: what left, and of whom, so that a withdrawal can list who holds the data.

    It stands there before the export is at its place. Raises ExportError where somebody's record may not leave any
    more: what was read is of the moment when it began.
    """
    if left := study.left(uow):
        raise ExportError(
            f"Nothing was written: {', '.join(left)} left, or asked for deletion, while this was made. Make it again."
        )
    uow.note(
        wanted.actor,
        "exported",
        wanted.codes[0].upper() if len(wanted.codes) == 1 else None,
        what=name,
        cases=len(study.heads),
        codes=[head.code for head in study.heads],
        answers=study.survey.answers,
        originals=wanted.originals,
        researchers_named=wanted.named,
        to=wanted.to or os.path.abspath(wanted.out),
        **wanted.detail,
    )


def _check(study: Study, wanted: Wanted) -> None:
    missing = sorted({code.strip().upper() for code in wanted.codes} - {head.code for head in study.heads})
    if missing:
        raise ExportError(
            f"There is no record of {', '.join(missing)} that may leave: not in the study, not yet consented, or to be "
            "deleted. See: ownpace participants"
        )
    if wanted.agreed_to and not study.heads:
        raise ExportError(f"Nobody whose record may leave has answered YES to the statement {wanted.agreed_to}.")


def _undecided(study: Study, wanted: Wanted) -> Undecided:
    """What nobody has decided about; not counted of many people, unless nothing may be undecided."""
    if wanted.originals or not (wanted.unless or len(study.heads) <= MOST_COUNTED):
        return Undecided()
    found = count(study.uow, study.track("Looking for names", study.heads), MOST_COUNTED)
    if wanted.unless and found.found:
        raise ExportError(f"Nothing was written. {found.warning()}\n{wanted.unless}")
    return found


# Looking for people


def look_through(study: Study, exporter: Exporter) -> None:
    """Go through every case once: what all of them have is remembered, and nobody may be named in any text.

    Raises ExportError that says where somebody is named, and never by what.
    """
    scanner = None if study.originals else Scanner.of(study.uow)
    ours = study_words(text for cohort in study.cohorts for s in cohort.schedules for text in (s.to_json(),))
    hits: dict[str, None] = {}
    mends: dict[str, None] = {}
    for case in study.cases("Looking through"):
        study.survey.see(case)
        for passage in exporter.passages(case) if scanner else ():
            for found in _found(scanner, case, passage, ours) if scanner else ():
                hits[_told(case, passage, found)] = None
                mends[_mend(passage)] = None
    if hits:
        raise ExportError(_stopped(list(hits), mends))


def _found(scanner: Scanner, case: Case, passage: Passage, ours: frozenset[str]) -> Iterator[Found]:
    if passage.ours:
        return scanner.find(passage.text, ours)
    return scanner.find(passage.text, own=case.code)


def _told(case: Case, passage: Passage, found: Found) -> str:
    whose = "the participant themselves" if case.code in found.whose else " or ".join(found.whose[:3])
    ours = ", in a text of our own" if passage.ours else ""
    return f"{case.code}, {passage.place}{ours}: {found.kind} of {whose}"


def _mend(passage: Passage) -> str:
    """What can be done about a text that names somebody: words that people wrote can be replaced, the rest cannot."""
    if passage.place.startswith(ATTRIBUTE):
        return "An attribute was a column at enrolment. Take out what has no attributes: export transcript or answers."
    if passage.ours:
        return "A text of our own: take it out without, as with export transcript --bot none, or export matrix."
    return "Say what stands for them: ownpace anonymise CODE; what it does not offer: --also 'WORDS=[LABEL]'."


def _stopped(hits: list[str], mends: Iterable[str]) -> str:
    more = [f"... and {len(hits) - MOST_HITS_TOLD} more"] if len(hits) > MOST_HITS_TOLD else []
    return "\n".join(
        [
            "Nothing was written: these texts would tell who somebody is.",
            *(f"  {hit}" for hit in hits[:MOST_HITS_TOLD]),
            *(f"  {line}" for line in more),
            *mends,
            "For a key holder: what was said, --as-said --as NAME.",
        ]
    )


# The place


@contextmanager
def new_place(out: Path, force: bool | None) -> Iterator[Path]:
    """A free place beside `out`, on the same disk, that is moved to `out` when all went well and removed when not.

    What is written there can be read only by who asked for it.
    Raises ExportError where something is at `out` already, unless `force`; then it is replaced at the end. `force` is
    None where nobody can ask for that.
    """
    out = Path(os.path.abspath(out))
    if os.path.lexists(out) and not force:
        mend = "Name another place." if force is None else "Name another place, or replace it with --force."
        raise ExportError(f"{out} is there already. {mend}")
    if not out.parent.is_dir():
        raise ExportError(f"There is no folder {out.parent}. Make it first.")
    try:
        with work_folder(out.parent) as folder, _only_mine():
            yield folder / out.name
            _move(folder / out.name, out, folder / "replaced")
    except OSError as error:
        raise ExportError(f"{out} could not be written: {error.strerror or error}.") from error


@contextmanager
def work_folder(within: Path) -> Iterator[Path]:
    """A folder for what is not finished, which is locked as long as somebody works in it, and gone afterwards.

    Whatever others have left unlocked, because they were killed, is removed first. Where folders cannot be locked, as
    on some network drives, nothing is.
    """
    for left in within.glob(f"{UNFINISHED}*"):
        _remove_if_left(left)
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=within))
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _remove_if_left(folder: Path) -> None:
    """Remove a folder in which nobody works."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)


@contextmanager
def _only_mine() -> Iterator[None]:
    """What is written within this can be read only by who writes it."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _move(made: Path, out: Path, aside: Path) -> None:
    """Put what was made at its place; what was there goes only once the new one can take it."""
    if os.path.lexists(out) and (made.is_dir() or (out.is_dir() and not out.is_symlink())):
        out.rename(aside)
    try:
        made.replace(out)
    except OSError:
        if os.path.lexists(aside):
            aside.rename(out)
        raise
