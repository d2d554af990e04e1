"""Word documents: real styles and headings, the language, a title, page numbers, table heads that repeat.

The text is written as WordprocessingML (ECMA-376, part 1, section 17) and put into a package of python-docx in one go:
through its objects a paragraph costs many times as much, and a study may have a million.
"""

from __future__ import annotations

import gc
import html
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import docx
from docx.document import Document as WordDocument
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.packuri import PackURI
from docx.opc.part import Part as PackagePart
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Cm, Pt, RGBColor
from docx.text.paragraph import Paragraph as WordParagraph

from bot.export.charts import BLUE, Chart
from bot.export.document import Break, Document, Facts, Heading, Paragraph, Part, Said, Stamp, Table

TEXT_WIDTH, FIRST_COLUMN = 9072, 2835
"""Twentieths of a point: 16 cm and 5 cm."""

LETTER, BETWEEN, LONGEST_LINE = 0.7, 250, 40
"""How wide bold letters are, as a part of their height, also in what stands for Arial where it is not installed; what a
cell keeps free at its sides; letters of a text that needs no second line."""

PACKAGE, COLLECTED_AFTER = 50_000, 10_000_000
"""Letters of XML: about what a package without text has, and how many are forgotten together. A package and its parts
hold each other, and what lxml holds for them is nothing that Python counts: left alone, a folder of 10,000 transcripts
took more than 900 MB. Each time Python looks at everything that there is, which takes longer the larger a study is."""

SAID = {"participant": "Participant", "researcher": "Researcher", "bot": "Bot"}
LANGUAGES = {"en": "en-GB", "cy": "cy-GB"}

TABLES = ("Normal Table", "Table Grid")
UNUSED = ("/stylesWithEffects", "/thumbnail")
"""How the relations of parts end that a document does without."""

CHART_TYPE = "application/vnd.openxmlformats-officedocument.drawingml.chart+xml"
CHART_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/chart"


def write_word(document: Document, path: Path) -> None:
    """Write a document as .docx."""
    word = docx.Document(io.BytesIO(_template(document.language, document.note)))
    word.core_properties.title = document.title
    charts = _Charts(word)
    xml = [_paragraph("Title", _runs(document.title))]
    for part in document.parts:
        xml += _part(part, charts)
    inner = "".join(xml)
    body = parse_xml(f"<w:body {nsdecls('w')}>{inner}</w:body>")
    end = word.element.body[-1]  # the section's properties come last
    for element in list(body):
        end.addprevious(element)
    word.save(str(path))
    _WASTE.add(PACKAGE + len(inner))


class _Waste:
    """What was written and not yet forgotten."""

    def __init__(self) -> None:
        self._letters = 0

    def add(self, letters: int) -> None:
        self._letters += letters
        if self._letters >= COLLECTED_AFTER:
            self._letters = 0
            gc.collect()


_WASTE = _Waste()


def _part(part: Part, charts: _Charts) -> Iterator[str]:
    match part:
        case Heading():
            yield _paragraph(f"Heading{part.level}", _runs(part.text))
        case Paragraph():
            yield _paragraph("Normal", _runs(part.text), part.text)
        case Stamp():
            yield _paragraph("Stamp", _runs(part.text))
        case Said():
            speaker = _runs(f"{part.speaker}:", bold=True)
            yield _paragraph(SAID[part.style], speaker + _runs(f" {part.text}"), part.text)
        case Facts():
            yield from _table((), part.rows)
        case Table():
            yield _paragraph("Caption", _runs(part.caption))
            yield from _table(part.head, part.rows)
        case Chart():
            yield charts.add(part)
            yield _paragraph("Caption", _runs(f"The same as a table: {part.title}"))
            yield from _table((part.what, part.unit), [(name, f"{value:g}") for name, value in part.bars])
        case Break():
            yield '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'


def _paragraph(style: str, runs: str, text: str = "") -> str:
    """A paragraph; one whose text begins in a right-to-left script runs from right to left."""
    turned = "<w:bidi/>" if reads_right_to_left(text) else ""
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{turned}</w:pPr>{runs}</w:p>'


def _runs(text: str, bold: bool = False) -> str:
    """The text, with its line ends and tabs as Word has them."""
    inner = "".join(
        "<w:br/>" if piece == "\n" else "<w:tab/>" if piece == "\t" else f'<w:t xml:space="preserve">{piece}</w:t>'
        for piece in re.split(r"([\n\t])", html.escape(text, quote=False))
        if piece
    )
    return f"<w:r>{'<w:rPr><w:b/></w:rPr>' if bold else ''}{inner}</w:r>" if inner else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    columns = len(head) or (len(rows[0]) if rows else 0)
    if not columns:
        return
    style, points = ("Cell", 12) if columns < 5 else ("SmallCell", 10)
    widths = _widths([head, *rows], points) if head else [FIRST_COLUMN, TEXT_WIDTH - FIRST_COLUMN]
    yield (
        '<w:tbl><w:tblPr><w:tblStyle w:val="TableGrid"/><w:tblW w:w="0" w:type="auto"/>'
        '<w:tblLayout w:type="fixed"/></w:tblPr><w:tblGrid>'
        + "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
        + "</w:tblGrid>"
    )
    if head:
        yield _row(head, widths, style, heads=True)
    for row in rows:
        yield _row(row, widths, style)
    yield "</w:tbl>" + _paragraph("Normal", "")


def _widths(rows: Sequence[Sequence[str]], points: int) -> list[int]:
    """How wide the columns of a table are: no word is broken where there is room, and the rest goes to long texts."""
    columns = list(zip(*rows, strict=True))
    letter = points * 20 * LETTER
    least = [max(map(len, re.split(r"\s|(?<=-)", " ".join(cells)))) * letter + BETWEEN for cells in columns]
    wanted = [min(max(map(len, cells)), LONGEST_LINE) * letter + BETWEEN for cells in columns]
    if sum(least) > TEXT_WIDTH:
        return [int(TEXT_WIDTH * one / sum(least)) for one in least]
    more = [max(full - one, 0) for one, full in zip(least, wanted, strict=True)]
    left = TEXT_WIDTH - sum(least)
    shares = [one / sum(more) if sum(more) else 1 / len(columns) for one in more]
    return [int(one + left * share) for one, share in zip(least, shares, strict=True)]


def _row(cells: Sequence[str], widths: Sequence[int], style: str, heads: bool = False) -> str:
    inner = "".join(
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr>'
        f"{_paragraph(style, _runs(text, heads), text)}</w:tc>"
        for text, width in zip(cells, widths, strict=True)
    )
    return f"<w:tr><w:trPr><w:cantSplit/>{'<w:tblHeader/>' if heads else ''}</w:trPr>{inner}</w:tr>"


def reads_right_to_left(text: str) -> bool:
    """Whether the first letter that has a direction runs from right to left (Unicode annex 9, rules P2 and P3)."""
    if text.isascii():
        return False
    strong = (kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL"))
    return next(strong, "L") != "L"


# The empty document, made once


@lru_cache(maxsize=8)
def _template(language: str, note: str) -> bytes:
    """A document without text: styles, language, page, and the page number with the note at the foot."""
    word = docx.Document()
    properties = word.core_properties
    properties.author, properties.language = "Own Pace", language
    properties.comments, properties.keywords = "", ""
    for held in word.styles.element.iter(qn("w:lang")):
        held.set(qn("w:val"), LANGUAGES.get(language, language))
    page = word.sections[0]
    page.page_width, page.page_height = Cm(21), Cm(29.7)
    page.left_margin = page.right_margin = Cm(2.5)
    _styles(word)
    _foot(word, note)
    _lighten(word)
    made = io.BytesIO()
    word.save(made)
    return made.getvalue()


def _lighten(word: WordDocument) -> None:
    """Take out what no document of ours uses, and what each would pay for again: nine tenths of the bytes are styles of
    tables, all of them twice (for Word 2010), and there is a picture of python-docx's own empty page."""
    for relations in (word.part.rels, word.part.package.rels):
        for name in [name for name, one in relations.items() if one.reltype.endswith(UNUSED)]:
            del relations[name]
    for style in [one for one in word.styles if one.type == WD_STYLE_TYPE.TABLE and one.name not in TABLES]:
        style.delete()


def _styles(word: WordDocument) -> None:
    """Sans serif of 12 point or more, without italics (British Dyslexia Association, style guide)."""
    dark = RGBColor(0x1F, 0x1F, 0x1F)
    normal = word.styles["Normal"]
    normal.font.name, normal.font.size = "Arial", Pt(12)
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), "Arial")
    normal.element.rPr.rFonts.set(qn("w:cs"), "Arial")
    normal.paragraph_format.space_after = Pt(8)
    for name in ("Title", "Heading 1", "Heading 2", "Heading 3"):
        heading = word.styles[name]
        heading.font.color.rgb, heading.font.name = dark, "Arial"
        heading.element.rPr.rFonts.attrib.pop(qn("w:asciiTheme"), None)
        heading.element.rPr.rFonts.attrib.pop(qn("w:hAnsiTheme"), None)
    for name in (*SAID.values(), "Stamp", "Cell", "Small Cell"):
        style = word.styles.add_style(name, 1)
        style.base_style, style.quick_style = normal, True
    for name, size in (("Cell", 12), ("Small Cell", 10)):
        word.styles[name].font.size = Pt(size)
        word.styles[name].paragraph_format.space_before = word.styles[name].paragraph_format.space_after = Pt(2)
    stamp, caption = word.styles["Stamp"], word.styles["Caption"]
    stamp.font.size, stamp.font.color.rgb = Pt(11), RGBColor(0x59, 0x59, 0x59)
    stamp.paragraph_format.space_after = Pt(0)
    caption.font.size, caption.font.color.rgb = Pt(12), dark
    stamp.paragraph_format.keep_with_next = caption.paragraph_format.keep_with_next = True


def _foot(word: WordDocument, note: str) -> None:
    foot = word.sections[0].footer.paragraphs[0]
    foot.alignment = WD_ALIGN_PARAGRAPH.LEFT
    foot.add_run(f"{note}  Page " if note else "Page ")
    _field(foot, "PAGE")
    foot.add_run(" of ")
    _field(foot, "NUMPAGES")


def _field(paragraph: WordParagraph, code: str) -> None:
    field, run, text = OxmlElement("w:fldSimple"), OxmlElement("w:r"), OxmlElement("w:t")
    field.set(qn("w:instr"), code)
    text.text = "1"
    run.append(text)
    field.append(run)
    paragraph._p.append(field)


# Charts of Word's own kind (ECMA-376, part 1, section 21.2): their figures are inside them

_INLINE = """<w:p xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"
 xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"
 xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"
 xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><w:pPr><w:keepNext/></w:pPr><w:r>
<w:drawing><wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent cx="{cx}" cy="{cy}"/>
<wp:docPr id="{id}" name="Chart {id}" title="{title}" descr="{described}"/><wp:cNvGraphicFramePr/><a:graphic>
<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/chart"><c:chart r:id="{relation}"/>
</a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"""

_CHART = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"
 xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><c:roundedCorners val="0"/><c:chart>
<c:title><c:tx><c:rich><a:bodyPr/><a:p><a:pPr><a:defRPr sz="1200"/></a:pPr><a:r><a:rPr lang="en-GB" sz="1200"/>
<a:t>{title}</a:t></a:r></a:p></c:rich></c:tx><c:overlay val="0"/></c:title><c:autoTitleDeleted val="0"/>
<c:plotArea><c:layout/><c:barChart><c:barDir val="bar"/><c:grouping val="clustered"/><c:varyColors val="0"/>
<c:ser><c:idx val="0"/><c:order val="0"/><c:tx><c:v>{unit}</c:v></c:tx>
<c:spPr><a:solidFill><a:srgbClr val="{colour}"/></a:solidFill></c:spPr><c:invertIfNegative val="0"/>
<c:dLbls><c:showLegendKey val="0"/><c:showVal val="1"/><c:showCatName val="0"/><c:showSerName val="0"/>
<c:showPercent val="0"/><c:showBubbleSize val="0"/></c:dLbls>
<c:cat><c:strLit><c:ptCount val="{count}"/>{names}</c:strLit></c:cat>
<c:val><c:numLit><c:ptCount val="{count}"/>{values}</c:numLit></c:val></c:ser>
<c:gapWidth val="60"/><c:axId val="111"/><c:axId val="112"/></c:barChart>
<c:catAx><c:axId val="111"/><c:scaling><c:orientation val="maxMin"/></c:scaling><c:delete val="0"/>
<c:axPos val="l"/><c:majorTickMark val="none"/><c:minorTickMark val="none"/><c:tickLblPos val="low"/>
<c:crossAx val="112"/></c:catAx>
<c:valAx><c:axId val="112"/><c:scaling><c:orientation val="minMax"/><c:min val="0"/></c:scaling><c:delete val="1"/>
<c:axPos val="t"/><c:crossAx val="111"/></c:valAx></c:plotArea><c:plotVisOnly val="1"/></c:chart></c:chartSpace>"""


class _Charts:
    """The charts of one document, numbered as they come."""

    def __init__(self, word: WordDocument) -> None:
        self.word = word
        self.number = 0

    def add(self, chart: Chart) -> str:
        """Put the chart into the package; the paragraph that shows it, with its description for screen readers."""
        self.number += 1
        uri = PackURI(f"/word/charts/chart{self.number}.xml")
        part = PackagePart(uri, CHART_TYPE, _chart_xml(chart).encode(), self.word.part.package)
        described = "; ".join(f"{name} {value:g}" for name, value in chart.bars)
        return _INLINE.format(
            cx=Cm(16),
            cy=Cm(2 + 0.8 * max(len(chart.bars), 1)),
            id=100 + self.number,
            title=html.escape(chart.title),
            described=html.escape(f"Bars, in {chart.unit}: {described}"),
            relation=self.word.part.relate_to(part, CHART_RELATION),
        )


def _chart_xml(chart: Chart) -> str:
    points = list(enumerate(chart.bars))
    return _CHART.format(
        title=html.escape(chart.title),
        unit=html.escape(chart.unit),
        colour=BLUE,
        count=len(points),
        names="".join(f'<c:pt idx="{i}"><c:v>{html.escape(name)}</c:v></c:pt>' for i, (name, _) in points),
        values="".join(f'<c:pt idx="{i}"><c:v>{value:g}</c:v></c:pt>' for i, (_, value) in points),
    )
