"""YAML files that people write: as plain data with the line of everything, and every problem named with its mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from bot.yaml_slips import HASH, LINE_END, in_words, is_cut, shown

MEND = {
    "missing": "is missing: add it",
    "extra_forbidden": "is not known here",
    "string_too_short": "is empty: fill it in",
    "too_short": "is empty: add at least one",
    "string_pattern_mismatch": (
        "has a character that cannot be used: ids are small letters, figures and hyphens, begin with a letter, and "
        "have at most 40 characters"
    ),
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be text",
    "date_from_datetime_parsing": "must be a date such as 2027-03-31",
    "date_from_datetime_inexact": "must be a date without a time, such as 2027-03-31",
    "zoneinfo_str": "must be a time zone such as Europe/London",
    "time_parsing": "must be a time such as 09:00",
    "tuple_type": "must be a list: put each item on a line of its own, after a hyphen",
    "dict_type": "must be a list of names, each with its texts below it",
    "model_type": "must have its parts on the lines below it",
}

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]
"""Where something stands in a file: the keys and numbers that lead to it."""

DEEPEST = 12
"""Levels of nesting; a schedule has seven."""

READABLE = 100
"""Levels of nesting that are read at all."""

_Quick = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's; a PyYAML that was built without it has none


@dataclass
class File:
    """A YAML file as plain data and as rows, with the line of everything in it. `problems` gathers what is wrong."""

    path: Path
    data: Any
    lines: dict[Place, int]
    problems: list[str]
    rows: list[str]

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest thing around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def lines_of(self, name: str) -> list[int]:
        """The lines on which something has this id or this name."""
        return [self.lines[place] for place in self._named(name)]

    def place_of(self, name: str) -> Place | None:
        """Where the first thing with this id or this name stands."""
        place = next(self._named(name), None)
        return place[:-1] if place and place[-1] == "id" != name else place

    def _named(self, name: str) -> Iterator[Place]:
        for place in self.lines:
            if place and (place[-1] == name or (place[-1] == "id" and _at(self.data, place) == name)):
                yield place

    def complain(self, line: int, problem: str) -> None:
        end = "" if problem.endswith("?") else "."
        self.problems.append(f"{self.path}:{line}: {problem.rstrip('.')}{end}")


def checked(model: type[Model], file: File | None) -> Model | None:
    if file is None:
        return None
    try:
        return model.model_validate(file.data)
    except ValidationError as error:
        complain(file, model, error)
        return None


def complain(file: File, model: type[BaseModel], error: ValidationError) -> None:
    for each in error.errors(include_url=False):
        place = tuple(part for part in each["loc"] if isinstance(part, str | int) and part != "[key]")
        name = _identified(file.data, place)
        if each["type"] == "value_error":
            what = str(each["ctx"]["error"])
        elif each["type"] in ("enum", "literal_error"):
            what = f"{_called(place)} must be one of {each['ctx']['expected']}"
        else:
            what = f"{_called(place)} {MEND.get(each['type'], each['msg'])}"
        if each["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(place[-1]), _names(model, place[:-1]), n=1)
            what += f": did you mean {near[0]}?" if near else ": remove it"
        file.complain(file.line(place), f"{name}{what}")


def _called(place: Place) -> str:
    """The name of a place: its key, or which item of a list it is."""
    if not place:
        return "the file"
    *before, last = place
    return f"{before[-1]}: item {last + 1}" if isinstance(last, int) and before else str(last)


def _identified(data: Any, place: Place) -> str:
    """The id of the thing around a place, so that the message says which question is meant."""
    for depth in range(len(place), 0, -1):
        around = _at(data, place[:depth])
        if isinstance(around, dict) and isinstance(around.get("id"), str):
            return f"{around['id']}: "
    return f"{place[1]}: " if len(place) > 1 and place[0] == "texts" else ""


def _at(data: Any, place: Place) -> Any:
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _names(model: Any, place: Place) -> list[str]:
    """The keys that are known at a place."""
    for part in place:
        if isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields:
            model = model.model_fields[str(part)].annotation
        for inner in get_args(model):
            if inner is not str and inner is not type(None) and inner is not Ellipsis:
                model = inner
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def read(path: Path, problems: list[str]) -> File | None:
    text = ""
    try:
        text = path.read_text(encoding="utf-8-sig")
        node = _composed(text)
    except FileNotFoundError:
        problems.append(f"{path}: is missing; every language needs it.")
        return None
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}.")
        return None
    except UnicodeDecodeError as error:
        problems.append(not_utf8(path, error))
        return None
    except yaml.MarkedYAMLError as error:
        line, problem = in_words(error, text)
        problems.append(f"{path}:{line}: {problem}.")
        return None
    except (yaml.YAMLError, RecursionError):
        problems.append(f"{path}: holds characters or nesting that YAML does not allow. Save it again as plain text.")
        return None
    file = File(path, None, {}, problems, LINE_END.split(text))
    if node is None:
        problems.append(f"{path}:1: is empty; fill it in or remove it.")
        return None
    before = len(problems)
    file.data = _plain(node, (), file)
    return file if len(problems) == before else None


def not_utf8(path: Path, error: UnicodeDecodeError) -> str:
    """The line on which the first character stands that is none, and the mend."""
    before = error.object[: error.start].decode()
    return f"{path}:{len(LINE_END.split(before))}: has a character that is not UTF-8. Save the file again as UTF-8."


def _composed(text: str) -> yaml.Node | None:
    """By libyaml, which is ten times as fast; but what is wrong with a text PyYAML's own parser says better.

    Raises RecursionError for a text with more nesting than libyaml survives.
    """
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_Quick):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > READABLE:
                raise RecursionError
        return yaml.compose(text, Loader=_Quick)
    except yaml.YAMLError:
        return yaml.compose(text, Loader=yaml.SafeLoader)


def _plain(node: yaml.Node, place: Place, file: File) -> Any:
    """The node as text, lists and dictionaries: a bare yes or 1 stays what was written."""
    line = node.start_mark.line + 1
    file.lines.setdefault(place, line)
    if len(place) > DEEPEST:
        file.complain(line, "is nested too deeply for a schedule; check the indentation")
        return ""
    if isinstance(node, yaml.ScalarNode):
        end = node.end_mark
        if not node.style and is_cut(file.rows[end.line], end.column, node.value):
            file.complain(end.line + 1, f"{HASH}. The line is {shown(file.rows[end.line])}")
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, number), file) for number, item in enumerate(node.value)]
    plain: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            file.complain(line, "has a name that is not plain text")
            continue
        if key.value in plain:
            first = file.lines[(*place, key.value)]
            file.complain(key.start_mark.line + 1, f"{key.value} is there twice, first on line {first}; keep one")
        file.lines[(*place, key.value)] = key.start_mark.line + 1
        plain[key.value] = _plain(value, (*place, key.value), file)
    return plain
