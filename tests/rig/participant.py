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
        return [reply for text in new for reply in self._reply(text)]

    def _reply(self, text: str) -> list[str]:
        for statement in self.schedule.statements:
            if self._is(statement, text):
                self.asked.append(statement.id)
                self.said.append((statement.id, "Yes"))
                return ["Yes"]
        for question in self.schedule.questions:
            if self._is(question, text):
                self.asked.append(question.id)
                answer = list(self.script[question.id])
                self.said += [(question.id, part) for part in answer]
                return [*answer, self.ends] if self.ends else answer
        self.thanked += self._is(self.schedule.texts["thanks"], text)
        return []

    def _is(self, words: Text, text: str) -> bool:
        """Whether the text says these words, whatever fills their placeholders."""
        pieces = re.split(r"\{\w+\}", gsm7_lookalike(words.worded(self.wording)))
        return re.search(".*?".join(re.escape(piece) for piece in pieces), gsm7_lookalike(text), re.DOTALL) is not None
