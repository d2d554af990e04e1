"""Bar charts, drawn without a browser or a plotting library: SVG for pages, a chart of its own kind for Word."""

from __future__ import annotations

import html
from dataclasses import dataclass

from docx.document import Document as WordDocument
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.shared import Cm

WIDTH, ROW, LABEL, SPACE = 640, 30, 220, 70
"""Pixels: of the picture, of one bar's row, of the names before the bars, and of the figures after them."""

CHART_TYPE = "application/vnd.openxmlformats-officedocument.drawingml.chart+xml"
CHART_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/chart"
BLUE = "1D4F8B"


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars: `what` is what each one is of, and `unit` what its length counts."""

    title: str
    what: str
    unit: str
    bars: tuple[tuple[str, float], ...]


def svg(chart: Chart) -> str:
    """The chart as inline SVG, with a title and a description for those who do not see it."""
    longest = max((value for _, value in chart.bars), default=0) or 1
    height = ROW * max(len(chart.bars), 1) + 10
    said = "; ".join(f"{name} {value:g}" for name, value in chart.bars) or "no figures yet"
    rows = []
    for number, (name, value) in enumerate(chart.bars):
        y = number * ROW + 5
        length = round((WIDTH - LABEL - SPACE) * value / longest, 1)
        rows.append(
            f'<text x="{LABEL - 8}" y="{y + 17}" text-anchor="end">{html.escape(name)}</text>'
            f'<rect x="{LABEL}" y="{y + 2}" width="{length}" height="{ROW - 8}" fill="#{BLUE}"/>'
            f'<text x="{LABEL + length + 6}" y="{y + 17}">{value:g}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="Arial, sans-serif" font-size="14">'
        f"<title>{html.escape(chart.title)}</title>"
        f"<desc>Bars, in {html.escape(chart.unit)}: {html.escape(said)}</desc>{''.join(rows)}</svg>"
    )


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


def word_chart(word: WordDocument, chart: Chart) -> None:
    """Add the chart to a Word document; its figures are inside it, and its description is for screen readers."""
    number = 1 + sum(part.partname.startswith("/word/charts/") for part in word.part.package.iter_parts())
    points = list(enumerate(chart.bars))
    xml = _CHART.format(
        title=html.escape(chart.title),
        unit=html.escape(chart.unit),
        colour=BLUE,
        count=len(points),
        names="".join(f'<c:pt idx="{i}"><c:v>{html.escape(name)}</c:v></c:pt>' for i, (name, _) in points),
        values="".join(f'<c:pt idx="{i}"><c:v>{value:g}</c:v></c:pt>' for i, (_, value) in points),
    )
    part = Part(PackURI(f"/word/charts/chart{number}.xml"), CHART_TYPE, xml.encode(), word.part.package)
    described = "; ".join(f"{name} {value:g}" for name, value in chart.bars)
    inline = _INLINE.format(
        cx=Cm(16),
        cy=Cm(2 + 0.8 * max(len(points), 1)),
        id=100 + number,
        title=html.escape(chart.title, quote=True),
        described=html.escape(f"Bars, in {chart.unit}: {described}", quote=True),
        relation=word.part.relate_to(part, CHART_RELATION),
    )
    word.element.body.insert(-1, parse_xml(inline))
