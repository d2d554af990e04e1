"""The slips that people make most in YAML, told from PyYAML's own words, or from the line where it sees none, in words
for those who write a schedule.
"""

from __future__ import annotations

import re

import yaml

NEAR = "this line or the one above"
LONGEST_SHOWN = 70

LINE_END = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
"""Where a line ends, as PyYAML counts them."""

TAB = "has a tab: use spaces"
SPACES = f"begins one space too far right or left of its neighbours, {NEAR}: put it exactly under them"
COLON = f"has a text with a colon, {NEAR}: put the text in quotes, or on the next line under >-"
QUOTED = f"has words after a closing quote or bracket, {NEAR}: close it at the end, or put the whole text under >-"
BRACKET = "has a [ or { that is never closed: close it, or put the whole text in quotes or under >-"
QUOTE = "has a quote that is never closed: close it, or put the whole text under >-"
SIGN = "has a text that begins with a sign that YAML keeps for itself: put the text in quotes, or under >-"
BARE = (
    f"is a text that is not indented, or a name without a colon and a space after it, {NEAR}: begin the text two "
    "spaces further right than its name"
)

HASH = (
    "has a # in a text without quotes, and what comes after it would be lost: put the text in quotes, or under >-; put "
    "a note of your own on a line of its own"
)

_PLAIN = re.compile(r"""\s*(- )*([\w-]+:\s+)?[^\s'"|>#&*!\[{]""")
"""How a row begins in which a text stands without quotes."""


def is_cut(row: str, column: int, text: str) -> bool:
    """Whether a # cuts off a text without quotes that ends at this column of its row.

    A note after one word, such as 'required: true # they must', is none, but for what no note looks like: '#4'.
    """
    found = re.match(r"\s*#(\s?)\S", row[column:])
    return found is not None and (" " in text or not found[1])


def in_words(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    """The line, from 1, and what is wrong there, with the line itself; YAML's own words for what is none of these."""
    at, began = error.problem_mark, error.context_mark or error.problem_mark
    if at is None or began is None:
        return 1, f"is not YAML: {error.problem}. Check the indentation, colons and quotes"
    rows = LINE_END.split(text)
    slip = _slip(error, rows[at.line], at.column)
    line = began.line if slip in (BRACKET, QUOTE, BARE) else at.line
    if slip in (SPACES, BARE) and line and " #" in rows[line - 1] and _PLAIN.match(rows[line - 1]):
        slip, line = HASH, line - 1  # the text goes on here, after what was taken for a note
    if slip is None:
        return line + 1, f"is not YAML: {error.problem}. Check the indentation, colons and quotes"
    return line + 1, f"{slip}. The line is {shown(rows[line])}"


def shown(row: str) -> str:
    """A line between quotes, cut where it is long."""
    row = row.rstrip()
    return f"'{row}'" if len(row) <= LONGEST_SHOWN else f"'{row[:LONGEST_SHOWN]}…'"


def _slip(error: yaml.MarkedYAMLError, row: str, column: int) -> str | None:
    problem, context = error.problem or "", error.context or ""
    begins = not row[:column].strip()
    if "'\\t'" in problem:
        return TAB
    if problem.startswith("expected alphabetic or numeric") or "that cannot start any token" in problem:
        return SIGN
    if problem.startswith("mapping values are not allowed"):
        return SPACES if re.fullmatch(r"\s*(- )?[\w-]+\s*", row[:column]) else COLON
    if context.startswith("while parsing a flow"):
        return BRACKET
    if context.startswith("while scanning a quoted"):
        return QUOTE
    if problem.startswith("expected <block end>"):
        return SPACES if begins else QUOTED
    return BARE if problem.startswith("could not find expected ':'") else None
