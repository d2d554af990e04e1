"""Reading prompts/: one folder a language, each with consent.yaml, texts.yaml and a file for each cohort.

Beside them stand safeguarding.yaml, signposting.yaml and, above the languages, rota.yaml where there is one. Every
problem is found in one go, and named with its file, its line and the mend.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.errors import ScheduleError
from bot.interview.languages import difference, english_first, untranslated
from bot.interview.lint import Links
from bot.interview.rota import Rota
from bot.interview.safeguarding import WordList
from bot.interview.schedule import Eligibility, Id, Prefix, Schedule, Section, Statement, Text, Words, lacking
from bot.interview.signposting import Signposting
from bot.yaml_files import File, Place, checked, complain, not_utf8, read

NOT_COHORTS = frozenset({"consent.yaml", "texts.yaml", "safeguarding.yaml", "signposting.yaml"})

LONGEST_LANGUAGE = 12
"""Characters of a language's folder: so many fit where its name is stored."""

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*")
"""How a language's code looks (RFC 5646): en, cy, pt-BR; what comes after a hyphen may be our own, as in cy-easy."""

SLIP = re.compile(r"\.ya?ml(\.txt)?$", re.IGNORECASE)
"""How a name ends that was meant to end in .yaml."""

CODES = {
    "arabic": "ar", "bengali": "bn", "chinese": "zh", "cymraeg": "cy", "english": "en", "farsi": "fa", "french": "fr",
    "gaelic": "gd", "german": "de", "gujarati": "gu", "hindi": "hi", "irish": "ga", "italian": "it", "kurdish": "ku",
    "lithuanian": "lt", "panjabi": "pa", "persian": "fa", "polish": "pl", "portuguese": "pt", "punjabi": "pa",
    "romanian": "ro", "russian": "ru", "scots": "sco", "somali": "so", "spanish": "es", "tamil": "ta", "turkish": "tr",
    "ukrainian": "uk", "urdu": "ur", "welsh": "cy",
}  # fmt: skip
"""Languages that studies in Britain and Ireland are likely to have (ISO 639)."""

Model = TypeVar("Model", bound=BaseModel)


class _Cohort(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    cohort: Id
    title: Words
    code_prefix: Prefix
    eligibility: tuple[Eligibility, ...] = ()
    sections: tuple[Section, ...]


class _Consent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    opening: tuple[tuple[str, ...], ...]
    statements: tuple[Statement, ...]


class _Texts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    texts: dict[str, Text]


def load(folder: Path) -> dict[tuple[str, str], Schedule]:
    """Every schedule in the folder, by cohort and language.

    Raises ScheduleError with all problems, one a line: file, line, what is wrong, and the mend.
    """
    languages = _languages(folder)
    if not languages:
        raise ScheduleError(
            f"{folder}: holds no schedules. Make a folder for each language, such as {folder / 'en'}, with "
            "consent.yaml, texts.yaml and a file for each cohort."
        )
    found: dict[tuple[str, str], Schedule] = {}
    problems = list(_unread_above(folder))
    for language in languages:
        problems += _name_problems(language)
        problems += _unread(language)
        for schedule in _language(language, problems):
            found[(schedule.cohort, schedule.language)] = schedule
    if problems:
        raise ScheduleError("\n".join(dict.fromkeys(problems)))
    return found


def _languages(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.is_dir() and not path.name.startswith(".")]


def _name_problems(language: Path) -> Iterator[str]:
    if not LANGUAGE.fullmatch(language.name):
        code = CODES.get(language.name.casefold(), language.name.casefold().replace("_", "-"))
        mend = f"rename it to {code}" if LANGUAGE.fullmatch(code) else "give it a language's code, such as en or cy"
        yield f"{language}: a folder is called by its language's code; {mend}."
    elif len(language.name) > LONGEST_LANGUAGE:
        yield f"{language}: has too long a name; use a language's, such as en or cy-easy."


def differences(folder: Path, schedules: Mapping[tuple[str, str], Schedule]) -> list[str]:
    """For each cohort the first thing that is not the same in its languages: file, line, and the mend.

    Each language is held against English, or, where there is none, the first by name.
    """
    found: dict[str, None] = {}
    for schedule, first in _beside_first(schedules):
        if (other := difference(schedule, first)) is not None:
            here, there = (*lines(folder, schedule, [other.here]), *lines(folder, first, [other.there]))
            found[f"{here}: {other.problem}. Compare {there}."] = None
    return list(found)


def left_untranslated(folder: Path, schedules: Mapping[tuple[str, str], Schedule]) -> list[str]:
    """For each language, once, the first text that is word for word as in the first language, and how many are."""
    found: dict[str, str] = {}
    for schedule, first in _beside_first(schedules):
        if same := untranslated(schedule, first):
            (line,) = lines(folder, schedule, [(same[0],)])
            others = f", and so are {len(same) - 1} more" if len(same) > 1 else ""
            mend = f"translate it into {schedule.language}, or leave it if it is to be so"
            found.setdefault(schedule.language, f"{line}: {same[0]} is the same as in {first.language}{others}: {mend}")
    return list(found.values())


def _beside_first(schedules: Mapping[tuple[str, str], Schedule]) -> Iterator[tuple[Schedule, Schedule]]:
    """Every schedule in a further language, with the same cohort's in the first."""
    for (cohort, language), schedule in schedules.items():
        first = min((n for c, n in schedules if c == cohort), key=english_first)
        if language != first:
            yield schedule, schedules[cohort, first]


def _unread(folder: Path) -> Iterator[str]:
    """What lies in a language's folder and would be passed over in silence: with a slip in its name, a whole cohort."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".yaml" or path.name.startswith(".") or path.name.casefold().startswith("readme"):
            continue
        yield f"{path} is not read: {_renamed(path) or 'move it somewhere else'}."


def _unread_above(folder: Path) -> Iterator[str]:
    """The same above the languages, where other things may lie: only what looks like one of ours."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix == ".yaml" and path.name not in ("rota.yaml", "rota.example.yaml"):
            yield f"{path} is not read here: move it into a language's folder, or somewhere else."
        elif (mend := _renamed(path)) is not None:
            yield f"{path} is not read: {mend}."


def _renamed(path: Path) -> str | None:
    """The mend for a slip in the name of a YAML file."""
    if not path.is_file() or path.name.startswith(".") or not SLIP.search(path.name):
        return None
    meant = SLIP.sub(".yaml", path.name)
    return f"rename it to {meant}" if not path.with_name(meant).exists() else None


def links(folder: Path) -> Links:
    """The links that texts may hold: the lines of links.txt, where there is one."""
    path = folder / "links.txt"
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines() if path.exists() else []
    except OSError as error:
        raise ScheduleError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ScheduleError(not_utf8(path, error)) from None
    listed = frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    return Links(listed, str(path))


def lines(folder: Path, schedule: Schedule, places: Iterable[Place]) -> list[str]:
    """Where parts of a schedule are written, as 'file:line'. A place is an id or a name, and the keys below it."""
    found = [file for path in sorted((folder / schedule.language).glob("*.yaml")) if (file := read(path, []))]
    files = [file for file in found if _is_part_of(file, schedule)]

    def line(place: Place) -> str:
        for file in files:
            if (start := file.place_of(str(place[0]))) is not None:
                return f"{file.path}:{file.line((*start, *place[1:]))}"
        return str(folder / schedule.language)

    return [line(place) for place in places]


def _is_part_of(file: File, schedule: Schedule) -> bool:
    if file.path.name in NOT_COHORTS:
        return file.path.name in ("consent.yaml", "texts.yaml")
    return isinstance(file.data, dict) and file.data.get("cohort") == schedule.cohort


def safeguarding(folder: Path) -> dict[str, WordList]:
    """The words that fetch a person, by language. Raises ScheduleError with all problems."""
    return _for_each_language(folder, "safeguarding.yaml", WordList, WordList.problems)


def signposting(folder: Path) -> dict[str, Signposting]:
    """The numbers that texts may name, by language. Raises ScheduleError with all problems."""
    return _for_each_language(folder, "signposting.yaml", Signposting, lambda _: ())


def rota(folder: Path) -> Rota | None:
    """Who reads when: rota.yaml, or None where there is none. Raises ScheduleError with all problems."""
    path = folder / "rota.yaml"
    if not path.exists():
        return None
    problems: list[str] = []
    found = _one(path, Rota, Rota.problems, problems)
    if found is None or problems:
        raise ScheduleError("\n".join(problems))
    return found


def _for_each_language(
    folder: Path, name: str, model: type[Model], wrong: Callable[[Model], Iterable[tuple[Place, str]]]
) -> dict[str, Model]:
    problems: list[str] = []
    languages = _languages(folder)
    found = {language.name: _one(language / name, model, wrong, problems) for language in languages}
    if problems:
        raise ScheduleError("\n".join(problems))
    return {language: each for language, each in found.items() if each is not None}


def _one(
    path: Path, model: type[Model], wrong: Callable[[Model], Iterable[tuple[Place, str]]], problems: list[str]
) -> Model | None:
    file = read(path, problems)
    found = checked(model, file)
    if file and found:
        for place, problem in wrong(found):
            file.complain(file.line(place), problem)
    return found


def _language(folder: Path, problems: list[str]) -> Iterator[Schedule]:
    consent_file = read(folder / "consent.yaml", problems)
    texts_file = read(folder / "texts.yaml", problems)
    paths = [path for path in sorted(folder.glob("*.yaml")) if path.name not in NOT_COHORTS]
    if not paths:
        problems.append(f"{folder}: has no cohort; add a file such as {folder / 'adults.yaml'}.")
    consent = checked(_Consent, consent_file)
    if texts_file is not None:
        texts_file.lines = {("texts", *place): line for place, line in texts_file.lines.items()}
        texts_file.data = {"texts": texts_file.data}
    texts = checked(_Texts, texts_file)
    known: dict[str, str] = {}
    for path in paths:
        file = read(path, problems)
        cohort = checked(_Cohort, file)
        if file and cohort and (other := known.setdefault(cohort.cohort, path.name)) != path.name:
            file.complain(file.line(("cohort",)), f"{other} is about the cohort {cohort.cohort} too; rename one")
        if cohort and consent and texts and file and consent_file and texts_file:
            schedule = _whole(folder.name, cohort, consent, texts, (file, consent_file, texts_file))
            if schedule is not None:
                yield schedule


def _whole(
    language: str, cohort: _Cohort, consent: _Consent, texts: _Texts, files: tuple[File, File, File]
) -> Schedule | None:
    parts = {**dict(cohort), **dict(consent), "texts": texts.texts, "language": language}
    problems = list(lacking(texts.texts))
    if cohort.sections and consent.statements:
        problems += Schedule.model_construct(**parts).problems()
    for (name, problem), times in Counter(problems).items():
        places = [(file, line) for file in files for line in file.lines_of(name)]
        for file, line in places[:times] or [(files[-1], 1)]:
            file.complain(line, problem)
    if problems:
        return None
    try:
        return Schedule(**parts)
    except ValidationError as error:
        complain(files[0], Schedule, error)
        return None
