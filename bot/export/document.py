"""A document as its parts, and the four ways to write it down: plain text, Markdown, HTML and Word.

A part is a heading, a paragraph, a turn of talk, a table or a chart. The same parts say the same in every form.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import ExportError
from bot.export.charts import Chart, svg

SUFFIXES = {".txt": "txt", ".md": "md", ".html": "html", ".htm": "html", ".docx": "docx"}


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` 1 is the first below the title."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """When and on which channel what follows was said."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """A turn: the speaker, a colon, a space, the words. `style`: participant, researcher or bot."""

    speaker: str
    text: str
    style: str


@dataclass(frozen=True, slots=True)
class Table:
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Break:
    """A new page."""


Part = Heading | Paragraph | Stamp | Said | Table | Facts | Chart | Break


@dataclass(frozen=True, slots=True)
class Document:
    """A whole document. `language` is a BCP 47 tag such as en or cy; `note` stands at the foot of each Word page."""

    title: str
    parts: Sequence[Part] | Iterable[Part] = field(repr=False)
    language: str = "en"
    note: str = ""


def format_of(path: Path, asked: str = "") -> str:
    """The format that was asked for, or that the place's ending says. Raises ExportError."""
    chosen = asked or SUFFIXES.get(path.suffix.lower(), "")
    if chosen not in SUFFIXES.values():
        raise ExportError(f"{path}: say in which format: end it in .docx, .html, .md or .txt, or give --format.")
    return chosen


def write(document: Document, path: Path, as_: str) -> None:
    """Write the document as txt, md, html or docx."""
    if as_ == "docx":
        from bot.export.word import write_word  # it needs the parts below, and a large library

        write_word(document, path)
        return
    lines = {"txt": _txt, "md": _md, "html": _html}[as_](document)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(line + "\n")


# Plain text: a blank line between parts; no line begins like a turn that is not one


def _txt(document: Document) -> Iterator[str]:
    yield document.title
    for part in document.parts:
        yield ""
        match part:
            case Heading():
                yield part.text
            case Paragraph() | Stamp():
                yield part.text
            case Said():
                yield f"{part.speaker}: {part.text}"
            case Facts():
                yield from (f"{name} – {value}" for name, value in part.rows)
            case Table():
                yield part.caption
                yield "\t".join(part.head)
                yield from ("\t".join(row) for row in part.rows)
            case Chart():
                yield part.title
                yield from (f"{name}\t{value:g}" for name, value in part.bars)
            case Break():
                yield ""


# Markdown: what people wrote is escaped, so that it shows as they wrote it

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_LINE_START = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))", re.MULTILINE)


def escaped(text: str) -> str:
    """The text with everything that Markdown would act on behind a backslash; line ends stay line ends."""
    text = _LINE_START.sub(
        lambda m: m[1] + (m[2] + "\\" if m[2].isdecimal() else "\\" + m[2]), _MARKS.sub(r"\\\1", text)
    )
    return text.replace("\n", "  \n")


def _md(document: Document) -> Iterator[str]:
    yield f"# {escaped(document.title)}"
    for part in document.parts:
        yield ""
        match part:
            case Heading():
                yield f"{'#' * (part.level + 1)} {escaped(part.text)}"
            case Paragraph() | Stamp():
                yield escaped(part.text)
            case Said():
                yield f"{part.speaker}: {escaped(part.text)}"
            case Facts():
                yield from _md_table(("", ""), part.rows)
            case Table():
                yield f"{escaped(part.caption)}\n"
                yield from _md_table(part.head, part.rows)
            case Chart():
                yield f"{escaped(part.title)}\n"
                yield from _md_table((part.what, part.unit), [(name, f"{value:g}") for name, value in part.bars])
            case Break():
                yield "---"


def _md_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(escaped(cell).replace("  \n", "<br>") for cell in row) + " |"


# HTML: one page, no outside parts, readable on a phone and by a screen reader

_STYLE = """
body { font: 1.0625rem/1.5 Verdana, Arial, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
p { white-space: pre-wrap; overflow-wrap: anywhere; } .stamp { color: #595959; margin-bottom: 0; }
.said { margin-top: .25rem; } .bot { color: #444; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { border: 1px solid #767676; padding: .25rem .5rem; }
th, td { text-align: start; vertical-align: top; } svg { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
"""


def _html(document: Document) -> Iterator[str]:
    yield f'<!doctype html>\n<html lang="{html.escape(document.language)}">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{html.escape(document.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>"
    yield f"<h1>{html.escape(document.title)}</h1>"
    for part in document.parts:
        match part:
            case Heading():
                yield f"<h{part.level + 1}>{html.escape(part.text)}</h{part.level + 1}>"
            case Paragraph():
                yield f'<p dir="auto">{html.escape(part.text)}</p>'
            case Stamp():
                yield f'<p class="stamp">{html.escape(part.text)}</p>'
            case Said():
                speaker, words = html.escape(part.speaker), html.escape(part.text)
                yield f'<p class="said {part.style}" dir="auto"><strong>{speaker}:</strong> {words}</p>'
            case Facts():
                yield from _html_table("", (), part.rows)
            case Table():
                yield from _html_table(part.caption, part.head, part.rows)
            case Chart():
                yield f"<figure>\n{svg(part)}\n</figure>"
                rows = tuple((name, f"{value:g}") for name, value in part.bars)
                yield from _html_table(f"The same as a table: {part.title}", (part.what, part.unit), rows)
            case Break():
                yield "<hr>"
    yield "</main>\n</body>\n</html>"


def _html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield '<div class="wide"><table>'
    if caption:
        yield f"<caption>{html.escape(caption)}</caption>"
    if head:
        cells = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
        yield f"<thead><tr>{cells}</tr></thead>"
    yield "<tbody>"
    for first, *rest in rows:
        cells = "".join(f'<td dir="auto">{html.escape(cell)}</td>' for cell in rest)
        yield f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>'
    yield "</tbody></table></div>"
