"""What a locked screen may show: no reminder, no template and no study name may say what the study is about (R35)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.interview.commands import Command, parse, yes_or_no
from bot.interview.lint import Finding, Severity, in_english
from bot.interview.schedule import Schedule, Wording

BLOCKED = (
    "abus*", "advoca*", "anxi*", "assessment*", "autis*", "benefits", "blind*", "care", "cared", "carer*", "caring",
    "charit*", "client*", "condition*", "consent*", "council*", "counsel*", "crip*", "crisis", "deaf*", "depress*",
    "diagnos*", "direct payment*", "disab*", "distress*", "doctor*", "esa", "gp", "handicap*", "health*", "hospital*",
    "illness*", "impair*", "learning difficult*", "local authorit*", "medic*", "mental*", "nhs", "nurse*", "patient*",
    "personal assistant*", "pip", "safeguard*", "samaritans", "service user*", "sick*", "social service*",
    "social work*", "special needs", "suicid*", "support worker*", "therap*", "vulnerab*", "wellbeing", "wheelchair*",
)  # fmt: skip
"""Words and phrases; * stands for any ending."""

NEUTRAL_TEXTS = ("reminder-", "template-", "distress-discreet")
"""How the names of texts begin that may be read by somebody else."""


BRINGING = frozenset({Command.READY, Command.AGAIN, Command.DONE, Command.SKIP, Command.BACK})
"""Words of ours with which somebody asks for what comes next."""


def brings(text: str) -> bool:
    """Whether the message is a YES, or a word that asks for what comes next: then it is not whoever found the phone."""
    word = parse(text)
    return word.command in BRINGING if word else yes_or_no(text, numbered=False) is True


def blocked(text: str, words: Iterable[str] = BLOCKED) -> tuple[str, ...]:
    """The words of the text that are on the list, as they stand there, each once."""
    return tuple(dict.fromkeys(found[0] for found in _pattern(tuple(words)).finditer(text)))


def exposed(schedule: Schedule, words: Iterable[str] = BLOCKED) -> list[Finding]:
    """Every blocked word in the texts that may be read by somebody else.

    The list is English: elsewhere such a word may be another, as 'care' is in Romanian, and keeps no server from
    starting.
    """
    severity = Severity.WRONG if in_english(schedule) else Severity.STYLE
    return [
        Finding(
            key,
            wording,
            f"says '{word}', which tells others at a glance what the study is about; leave it out",
            (key, wording.value),
            severity,
        )
        for key, text in schedule.texts.items()
        if key.startswith(NEUTRAL_TEXTS)
        for wording in Wording
        for word in blocked(text.worded(wording), words)
    ]


def study_name_problem(name: str, words: Iterable[str] = BLOCKED) -> str | None:
    """What `ownpace check` says about the study's name, or None: it stands in every reminder."""
    found = blocked(name, words)
    if not found:
        return None
    said = ", ".join(f"'{word}'" for word in found)
    return f"the study's name says {said}, which others may read on a locked screen; choose a neutral name"


def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    each = (r"[\s-]+".join(re.escape(part).replace(r"\*", r"\w*") for part in word.split()) for word in words)
    return re.compile(rf"(?<!\w)(?:{'|'.join(each)})(?!\w)", re.IGNORECASE)
