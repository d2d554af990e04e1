"""What is found in a study's words before anyone gets them: each with its file, its line, and how much it matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot import prompts
from bot.config import Study
from bot.errors import ScheduleError
from bot.interview.discreet import exposed, study_name_problem
from bot.interview.inherited import inherited
from bot.interview.lint import Finding, Severity, lint
from bot.interview.schedule import Schedule
from bot.interview.signposting import unlisted

Schedules = Mapping[tuple[str, str], Schedule]


@dataclass(frozen=True, slots=True)
class Proofs:
    """Everything that was found, each once, in the words of `check`."""

    found: Mapping[str, Severity]

    def of(self, severity: Severity) -> list[str]:
        return [words for words, its in self.found.items() if its is severity]

    def wrong(self) -> str:
        """What keeps a server from starting, '' where nothing does."""
        wrong = self.of(Severity.WRONG)
        return "\n".join([*wrong, "Until this is mended, serve does not start."]) if wrong else ""

    def to_mend(self) -> str:
        """Everything that is to be mended, '' where nothing is."""
        style = self.of(Severity.STYLE)
        want = "1 text wants" if len(style) == 1 else f"{len(style)} texts want"
        told = [self.wrong(), *style, f"{want} mending; that alone does not keep serve from starting." if style else ""]
        return "\n".join(part for part in told if part)

    def refuse(self) -> None:
        """Raises ScheduleError where something is wrong."""
        if wrong := self.wrong():
            raise ScheduleError(wrong)


def proofread(study: Study, schedules: Schedules) -> Proofs:
    """Read over every text of the study. Raises ScheduleError where links.txt or the signposts cannot be read."""
    found: dict[str, Severity] = {}
    for words, severity in _all(study, schedules):
        found.setdefault(words, severity)
    return Proofs(found)


def _all(study: Study, schedules: Schedules) -> Iterator[tuple[str, Severity]]:
    folder = study.prompts
    for schedule in schedules.values():
        findings = _of(schedule, study)
        lines = prompts.lines(folder, schedule, [finding.place for finding in findings]) if findings else []
        for line, finding in zip(lines, findings, strict=True):
            yield f"{line}: {finding}", finding.severity
    for difference in prompts.differences(folder, schedules):
        yield difference, Severity.STYLE
    for same in prompts.left_untranslated(folder, schedules):
        yield same, Severity.NOTE
    if problem := study_name_problem(study.name):
        yield problem, Severity.WRONG


def _of(schedule: Schedule, study: Study) -> list[Finding]:
    links, signposts = prompts.links(study.prompts), prompts.signposting(study.prompts)
    numbers = unlisted(schedule, signposts[schedule.language])
    return [*lint(schedule, links), *exposed(schedule), *numbers, *inherited(schedule)]
