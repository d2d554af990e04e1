"""Somebody who takes part by text or WhatsApp: reads what reaches the phone, and says what their script says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.interview.schedule import Schedule, Text, Wording
from bot.messages import gsm7_lookalike


@dataclass
class Participant:
    """`script` gives the messages that answer each question, by its id; each answer ends with `ends`, if any."""

    phone: str
    schedule: Schedule
    wording: Wording
    script: Mapping[str, Sequence[str]]
    ends: str = "DONE"
    read: int = 0
    said: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    thanked: int = 0

    def replies(self, texts: Sequence[str]) -> list[str]:
        """What the person sends when these, oldest first, are all the texts on their phone."""
        new, self.read = texts[self.read :], len(texts)
        return [reply for text in new for reply in self.answers(text)]

    def answers(self, text: str) -> list[str]:
        """What the person says to one text."""
        for statement in self.schedule.statements:
            if self.says(statement, text):
                self.asked.append(statement.id)
                self.said.append((statement.id, "Yes"))
                return ["Yes"]
        for question in self.schedule.questions:
            if self.says(question, text):
                self.asked.append(question.id)
                answer = list(self.script[question.id])
                self.said += [(question.id, part) for part in answer]
                return [*answer, self.ends] if self.ends else answer
        self.thanked += self.says(self.schedule.texts["thanks"], text)
        return []

    def says(self, words: Text, text: str) -> bool:
        """Whether the text says these words, whatever fills their placeholders."""
        pieces = re.split(r"\{\w+\}", _plain(words.worded(self.wording)))
        return re.search(".*?".join(re.escape(piece) for piece in pieces), _plain(text), re.DOTALL) is not None


def _plain(text: str) -> str:
    """Without what a channel may change: typographic characters, and where lines break."""
    return " ".join(gsm7_lookalike(text).split())
