"""Charts, drawn without a browser or a plotting library: SVG here, and Word's own kind of bars in `word`."""

from __future__ import annotations

import html
from collections.abc import Iterator
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


@dataclass(frozen=True, slots=True)
class Lines:
    """Figures that change from place to place along the bottom, a line for each series."""

    title: str
    unit: str
    places: tuple[str, ...]
    series: tuple[tuple[str, tuple[int, ...]], ...]


HEIGHT, LEFT, RIGHT, FOOT = 260, 50, 170, 30
"""Pixels: of the picture, and of its edges for the figures, the names of the lines, and the places."""

DASHES = ("none", "9 5", "2 5")
"""Each line differs from the others without its colour."""

LETTERS = 18
"""Pixels from one name to the next below it."""


def svg_lines(chart: Lines) -> str:
    """The chart as inline SVG, with a title and a description for those who do not see it."""
    said = "; ".join(f"{name} {values[-1] if values else 0}" for name, values in chart.series)
    foot = "".join(
        f'<text x="{x}" y="{HEIGHT - 6}" text-anchor="{anchor}">{html.escape(place)}</text>'
        for x, anchor, place in _ends(chart.places)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="Arial, sans-serif" font-size="14">'
        f"<title>{html.escape(chart.title)}</title>"
        f"<desc>Lines, in {html.escape(chart.unit)}. At the end: {html.escape(said)}</desc>"
        f"{_axis(_most(chart))}{''.join(_drawn(chart))}{foot}</svg>"
    )


def _most(chart: Lines) -> int:
    return max((value for _, values in chart.series for value in values), default=0) or 1


def _ends(places: tuple[str, ...]) -> list[tuple[int, str, str]]:
    first = [(LEFT, "start", places[0])] if places else []
    return [*first, (WIDTH - RIGHT, "end", places[-1])] if len(places) > 1 else first


def _axis(most: int) -> str:
    top, bottom = _height(most, most), _height(0, most)
    return (
        f'<path class="axis" d="M{LEFT} {top}V{bottom}H{WIDTH - RIGHT}" fill="none" stroke="#767676"/>'
        f'<text x="{LEFT - 8}" y="{top + 5}" text-anchor="end">{most}</text>'
        f'<text x="{LEFT - 8}" y="{bottom + 5}" text-anchor="end">0</text>'
    )


def _height(value: int, most: int) -> float:
    return round(10 + (HEIGHT - FOOT - 10) * (1 - value / most), 1)


def _drawn(chart: Lines) -> Iterator[str]:
    """Each line with its name at the end, names below one another where lines end close together."""
    most, taken = _most(chart), -float(LETTERS)
    lines = [(name, values, dash) for (name, values), dash in zip(chart.series, DASHES, strict=False) if values]
    for name, values, dash in sorted(lines, key=lambda line: -line[1][-1]):
        end = taken = max(_height(values[-1], most), taken + LETTERS)
        step = (WIDTH - LEFT - RIGHT) / max(len(values) - 1, 1)
        points = " ".join(f"{LEFT + number * step:.1f},{_height(value, most)}" for number, value in enumerate(values))
        yield (
            f'<polyline points="{points}" fill="none" stroke="#{BLUE}" stroke-width="2.5" stroke-dasharray="{dash}"/>'
            f'<circle cx="{points.split()[-1].split(",")[0]}" cy="{_height(values[-1], most)}" r="3.5" fill="#{BLUE}"/>'
            f'<text x="{WIDTH - RIGHT + 10}" y="{end + 5}">{html.escape(name)} {values[-1]}</text>'
        )
