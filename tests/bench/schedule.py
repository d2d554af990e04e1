"""A study of one consent statement, ten questions and a closing one, in the program's own format."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.rig import ROOT

QUESTIONS = 10
TURNS = QUESTIONS + 1
"""Turns that are measured in one interview: the answers to the questions and to the closing one."""

CONSENT = """
opening:
  - [welcome]
statements:
  - id: c1
    required: true
    standard: I choose to take part.
    easy_read: I choose to take part.
    short: 1. I choose to take part. YES or NO?
"""
COHORT = """
cohort: bench
title: Bench
code_prefix: B
sections:
  - id: all
    title: All
    questions:
"""
QUESTION = """
      - id: q{number}
        standard: Question {number}, which is about as long as questions are in interviews by message?
        easy_read: Question {number}?
        short: Question {number}, which is about as long as questions are in interviews by message?
"""

STARTS = {"Hello": 0, "1. I choose": 1, "Thank you": 2, "That was the last": TURNS + 3}
"""How each text that is no question begins, and its place in the order of all texts of an interview."""


def place(body: str) -> int:
    """The place of a text in the order of all texts of an interview, from 0; -1 for a text that belongs nowhere."""
    question = re.search(r"Question (\d+),", body)
    if question:
        return int(question[1]) + 2
    return next((number for start, number in STARTS.items() if body.startswith(start)), -1)


def write(folder: Path, turns: int = TURNS) -> None:
    """Make the prompts folder of the study, with so many questions, the closing one included."""
    language = folder / "en"
    language.mkdir(parents=True)
    for name in ("texts.yaml", "safeguarding.yaml", "signposting.yaml"):
        shutil.copy(ROOT / "prompts/en" / name, language)
    (language / "consent.yaml").write_text(CONSENT)
    questions = "".join(QUESTION.format(number=number) for number in range(1, turns + 1))
    (language / "bench.yaml").write_text(f"{COHORT}{questions}        closing: true\n")
