"""Bar charts, drawn without a browser or a plotting library: SVG here, and Word's own kind in `word`."""

from __future__ import annotations

import html
from dataclasses import dataclass

WIDTH, ROW, LABEL, SPACE = 640, 30, 220, 70
"""Pixels: of the picture, of one bar's row, of the names before the bars, and of the figures after them."""

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
