"""What fetches a person: the study's own word list on cases written for it, and the machine that looks.

All cases are by one hand, which makes them kinder to the list than people will be. In the order they were written:

- `held-out.txt`, before the list: on the first run none of 42 signs missed, 1 false alarm in 46, mended since.
- `written.txt`, what the list was tuned on. Its last 120 lines were first run untuned, as two sets: of 36 signs 28 were
  missed, with 2 false alarms in 36; then, the list widened, of 24 signs 8, with 1 false alarm in 24.
- `unseen.txt`, after that, and the list left as it was: of 34 signs 23 are missed, with no false alarm in 34. They say
  it sideways ("I only stay alive for my cat"), as people do.

So the list finds what is said plainly and perhaps a third of what is not. A person has to read every answer.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import prompts
from bot.errors import ScheduleError
from bot.interview.safeguarding import EDGE, PAUSE, Group, Sign, Signs, signposts
from bot.interview.schedule import Wording
from tests.bot.interview.test_commands import ANSWERS
from tests.rig import ROOT

CASES = Path(__file__).parent / "signs"
FALSE_ALARMS = 0.02
"""Of the written innocent cases. A false alarm holds one interview until a person has looked, some hours at most; at
one in fifty of sentences that were chosen to mislead, ordinary answers set off far fewer."""

LIST = prompts.safeguarding(ROOT / "prompts")["en"]
SIGNS = Signs(LIST)


@dataclass(frozen=True)
class Case:
    must_catch: bool
    group: Group
    cohort: str
    text: str


def cases(name: str) -> Iterator[Case]:
    for line in (CASES / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            verdict, group, cohort, text = (part.strip() for part in line.split("|", 3))
            yield Case({"catch": True, "pass": False}[verdict], Group(group), cohort, text)


def table(name: str) -> tuple[str, int, int, int, int]:
    """The table to print, then the signs missed of how many, and the false alarms of how many."""
    signs: Counter[Group] = Counter()
    missed: Counter[Group] = Counter()
    innocent: Counter[Group] = Counter()
    alarmed: Counter[Group] = Counter()
    for case in cases(name):
        found = SIGNS.find(case.text)
        if case.must_catch:
            signs[case.group] += 1
            missed[case.group] += found is None
        else:
            innocent[case.group] += 1
            alarmed[case.group] += found is not None
    lines = [f"\n{name:12} {'signs':>6} {'missed':>7} {'innocent':>9} {'false alarms':>13}"]
    lines += [f"{g.value:12} {signs[g]:6} {missed[g]:7} {innocent[g]:9} {alarmed[g]:13}" for g in Group]
    sums = [sum(each.values()) for each in (signs, missed, innocent, alarmed)]
    lines.append(f"{'all':12} {sums[0]:6} {sums[1]:7} {sums[2]:9} {sums[3]:13}")
    return "\n".join(lines), sums[1], sums[0], sums[3], sums[2]


@pytest.mark.parametrize("name", ["written", "held-out"])
def test_no_written_sign_is_missed_and_few_innocent_words_alarm(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown, missed, _, alarms, innocent = table(name)
    with capsys.disabled():
        print(shown)
    assert missed == 0, [case.text for case in cases(name) if case.must_catch and not SIGNS.find(case.text)]
    assert alarms <= innocent * FALSE_ALARMS


def test_words_the_list_was_not_made_for_are_told_honestly(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing promises more than this; a change of the list that makes it worse shows here."""
    shown, missed, signs, alarms, innocent = table("unseen")
    with capsys.disabled():
        print(shown)
    assert (signs, innocent) == (34, 34)
    assert missed <= 23
    assert alarms <= 1


def test_the_cases_are_many_in_both_cohorts_and_half_of_them_innocent() -> None:
    found = [case for name in ("written", "held-out", "unseen") for case in cases(name)]
    assert len(found) >= 240
    assert sum(not case.must_catch for case in found) >= len(found) / 2
    assert {case.cohort for case in found} == {"adult", "worker"}
    assert {case.group for case in found if case.must_catch} == set(Group)


@pytest.mark.parametrize(
    ("text", "group", "words"),
    [
        ("Hello. He hits me.", Group.ABUSE, "He hits me"),
        ("The bus is late, I\u2019m s\u00faicidal", Group.SUICIDE, "I\u2019m s\u00faicidal"),
        ("\U0001f600\U0001f600 I want to \u200bdie \U0001f600", Group.SUICIDE, "I want to \u200bdie"),
        ("ﬁne but he HIT\u0307S me", Group.ABUSE, "he HIT\u0307S me"),
        ("I can\u2019t cope", Group.OVERWHELMED, "can\u2019t cope"),
        ("i want to d-i-e", Group.SUICIDE, "i want to d-i-e"),
        ("i want\n\nto die", Group.SUICIDE, "i want\n\nto die"),
        ("I want to... die", Group.SUICIDE, "I want to... die"),
        ("I just really want to die", Group.SUICIDE, "I just really want to die"),
    ],
)
def test_a_sign_says_its_group_and_where_it_stands(text: str, group: Group, words: str) -> None:
    """Case, accents, curly apostrophes, invisible signs, set-apart letters and line breaks change nothing."""
    found = SIGNS.find(text)
    assert found is not None
    assert (found.group, text[found.start : found.end]) == (group, words)


def test_the_most_urgent_sign_is_told() -> None:
    found = SIGNS.find("I am burnt out. My carer hits me. I want to die.")
    assert found is not None
    assert found.group is Group.SUICIDE


@pytest.mark.parametrize(
    ("denied", "meant"),
    [
        ("I am not suicidal", "I am suicidal"),
        ("I do not want to kill myself", "I want to kill myself"),
        ("He never hit me", "I never told anyone he hit me"),
        ("no thoughts of suicide", "No. I have thoughts of suicide"),
        ("I would never hurt myself", "I would never tell them I hurt myself"),
        ("not in danger", "I am in danger, not him"),
    ],
)
def test_a_denial_is_no_sign_but_a_no_elsewhere_takes_nothing_back(denied: str, meant: str) -> None:
    assert SIGNS.find(denied) is None
    assert SIGNS.find(meant) is not None


@given(st.text())
def test_no_text_whatever_makes_looking_raise(text: str) -> None:
    found = SIGNS.find(text)
    assert found is None or 0 <= found.start < found.end <= len(text)


words = st.lists(st.sampled_from(["the", "form", "was", "blue", "yesterday", "bus", "green"]), max_size=30)


@given(words, words)
@settings(max_examples=50)
def test_a_sign_is_found_wherever_it_stands_in_an_answer(before: list[str], after: list[str]) -> None:
    text = f"{' '.join(before)}. He hits me. {' '.join(after)}"
    found = SIGNS.find(text)
    assert found == Sign(Group.ABUSE, "hit", text.index("He"), text.index("He") + len("He hits me"))


HARD = ["i ", "i want to ", "my carer he ", "if someone says ", "k i l l ", "dying to ", "a", "é", ".", ",", "i want, "]


@pytest.mark.parametrize("unit", HARD)
def test_no_text_is_looked_at_more_than_a_few_times_over(unit: str) -> None:
    """Every word is followed for no longer than the longest phrase, so that twice the text is twice the work."""
    visits = [_visits(unit * (length // len(unit))) for length in (1_000, 2_000)]
    assert visits[1] <= 2.2 * visits[0] + 10
    assert visits[1] <= 2_000 * LONGEST


LONGEST = 20


class _Counted(list[str]):
    """Words that count how often they are looked at."""

    visits = 0

    def __getitem__(self, place: object) -> str:  # type: ignore[override]  # only ever a number here
        self.visits += 1
        return super().__getitem__(place)  # type: ignore[call-overload,no-any-return]


def _visits(text: str) -> int:
    """How often the walks look at a word of the text."""
    heard = [word if word in SIGNS._heard else "" for word, _, _ in SIGNS._speller.tokens(text.lower())]
    counted = _Counted(heard)
    for _ in SIGNS._walk(counted):
        pass
    return counted.visits


def test_pauses_and_edges_never_pile_up() -> None:
    """A thousand commas are one pause."""
    tokens = SIGNS._speller.tokens("i want" + " , " * 1000 + "to die")
    assert [word for word, _, _ in tokens] == [EDGE, "i", "want", PAUSE, "to", "die", EDGE]


# The file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "prompts", tmp_path / "prompts"))


DAMAGES = {
    "a bracket left open": ("- kill myself\n", "- (kill|hurt myself\n", "opens ( without closing it"),
    "an unknown set": ("- kill myself\n", "- <theym> hit me\n", "uses the set theym, which is not defined above it"),
    "a filler in a phrase": ("- kill myself\n", "- just die\n", "holds just, which is a filler"),
    "no word at all": ("- kill myself\n", "- ...\n", "has no word"),
    "an empty choice": ("- kill myself\n", "- kill (|me)\n", "has an empty choice"),
    "a sign of no meaning": ("- kill myself\n", "- kill * myself\n", "holds *, which means nothing here"),
    "an unknown group": ("  threats:\n", "  threads:\n", "threads must be one of"),
    "the same id twice": ("- id: suicidal\n", "- id: means\n", "two rules are called means"),
    "a date that is none": ("reviewed: never", "reviewed: soon", "reviewed must be a date such as"),
    "reviewed after it is due": ("reviewed: never", "reviewed: 2027-05-24", "must be later than reviewed"),
    "a misspelt key": ("owner:", "owmer:", "did you mean owner"),
}


@pytest.mark.parametrize(("old", "new", "what"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_list_names_file_line_and_mend(folder: Path, old: str, new: str, what: str) -> None:
    path = folder / "en" / "safeguarding.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    line = text[: text.index(old)].count("\n") + 1
    with pytest.raises(ScheduleError) as caught:
        prompts.safeguarding(folder)
    found = [each for each in str(caught.value).splitlines() if what in each]
    assert found, str(caught.value)
    assert f"{path}:" in found[0]
    if what not in ("must be later than reviewed", "two rules are called means"):
        assert f"{path}:{line}:" in found[0]


def test_a_language_without_a_list_is_told(folder: Path) -> None:
    (folder / "en" / "safeguarding.yaml").unlink()
    with pytest.raises(ScheduleError, match="is missing; every language needs it"):
        prompts.safeguarding(folder)


def test_the_numbers_to_call_go_at_most_once_in_a_day() -> None:
    now = datetime(2027, 1, 12, 3, tzinfo=UTC)
    assert signposts(now, None)
    assert not signposts(now, now - timedelta(hours=23, minutes=59))
    assert signposts(now, now - timedelta(hours=24))


# The study's own words


def test_the_studys_own_questions_and_texts_set_nothing_off() -> None:
    """People quote what they are asked. Only the texts for somebody in distress may speak as they do."""
    for schedule in prompts.load(ROOT / "prompts").values():
        texts = [text for key, text in schedule.texts.items() if not key.startswith("distress")]
        words = [text.worded(w) for text in (*texts, *schedule.questions, *schedule.statements) for w in Wording]
        words += [each for question in schedule.questions for each in (*question.prompts, *question.probes)]
        assert [each for each in words if SIGNS.find(each)] == []


def test_ordinary_answers_set_nothing_off() -> None:
    """Answers from the tests of commands and from the replayed transcripts, written with no thought of this list."""
    every = sorted((ROOT / "tests" / "transcripts").glob("*.txt"))
    transcripts = [path for path in every if not path.stem.startswith("distress")]
    lines = [line for path in transcripts for line in path.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if not line.startswith(">sign")]
    assert len(lines) > 100
    assert [each for each in (*ANSWERS, *lines) if SIGNS.find(each)] == []
