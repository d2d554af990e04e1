"""The study's own schedules load, and a damaged one is told apart with its file, its line and the mend."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import String

from bot import prompts, yaml_slips
from bot.errors import ScheduleError
from bot.interview import languages
from bot.interview.lint import lint
from bot.interview.schedule import MUST_HOLD, Branch, Condition, Eligibility, Question, Schedule, Section, Text, Wording
from bot.records.tables import participants
from tests.rig import ROOT

ADULTS = "en/disabled-adults.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "prompts", tmp_path / "prompts"))


def problems(folder: Path) -> list[str]:
    with pytest.raises(ScheduleError) as caught:
        prompts.load(folder)
    return str(caught.value).splitlines()


def change(path: Path, old: str, new: str) -> int:
    """Replace the first occurrence; the line it was on."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_a_text_that_the_opening_names_and_nobody_wrote_is_reported_in_the_opening(folder: Path) -> None:
    line = change(folder / "en/consent.yaml", "[welcome, info-who", "[welcom, info-who") - 1
    assert problems(folder) == [f"{folder}/en/consent.yaml:{line}: the opening names welcom, which is no text here."]


def test_every_text_can_be_found_in_its_file(folder: Path) -> None:
    cohort, texts, consent = (folder / "en" / name for name in ("social-workers.yaml", "texts.yaml", "consent.yaml"))
    made = prompts.load(folder)[("social-workers", "en")]
    question, section = made.questions[1], made.sections[0]

    def written(path: Path, after: str, key: str) -> str:
        rows = path.read_text().splitlines()
        start = next(n for n, row in enumerate(rows) if row.strip() in (f"- id: {after}", f"id: {after}", f"{after}:"))
        return f"{path}:{next(n for n in range(start, len(rows)) if rows[n].strip().startswith(key)) + 1}"

    places = [(question.id, "short"), ("help", "easy_read"), ("c2-choice", "standard"), (section.id, "nowhere")]
    assert prompts.lines(folder, made, places) == [
        written(cohort, question.id, "short:"),
        written(texts, "help", "easy_read:"),
        written(consent, "c2-choice", "standard:"),
        written(cohort, section.id, ""),
    ]


def test_both_cohorts_load_with_every_text_in_three_wordings() -> None:
    loaded = prompts.load(ROOT / "prompts")
    assert set(loaded) == {("disabled-adults", "en"), ("social-workers", "en")}
    for schedule in loaded.values():
        texts = [*schedule.questions, *schedule.statements, *schedule.texts.values()]
        assert all(text.worded(wording).strip() for text in texts for wording in Wording)


def test_the_studys_own_texts_have_nothing_to_mend() -> None:
    for schedule in prompts.load(ROOT / "prompts").values():
        assert [str(finding) for finding in lint(schedule)] == []


@pytest.mark.parametrize("key", ["info-cost", "consent-intro"])
def test_who_is_to_ask_before_the_statements_is_told_how_since_only_yes_or_no_is_heard_there(key: str) -> None:
    for schedule in prompts.load(ROOT / "prompts").values():
        for wording in Wording:
            assert "PERSON" in schedule.texts[key].worded(wording)


def test_the_version_follows_the_content_and_nothing_else(folder: Path) -> None:
    before = {key: schedule.version for key, schedule in prompts.load(ROOT / "prompts").items()}
    assert {key: schedule.version for key, schedule in prompts.load(folder).items()} == before
    change(folder / ADULTS, "title:", "# a comment changes nothing\ntitle:")
    assert {key: schedule.version for key, schedule in prompts.load(folder).items()} == before
    change(folder / ADULTS, "title: ", "title: Our ")
    after = {key: schedule.version for key, schedule in prompts.load(folder).items()}
    assert after[("disabled-adults", "en")] != before[("disabled-adults", "en")]
    assert after[("social-workers", "en")] == before[("social-workers", "en")]


def test_a_schedule_that_was_stored_is_the_same_when_it_is_read_back() -> None:
    for schedule in prompts.load(ROOT / "prompts").values():
        assert Schedule.from_json(schedule.to_json()) == schedule
        assert Schedule.from_json(schedule.to_json()).version == schedule.version


@pytest.mark.parametrize("key", MUST_HOLD)
def test_a_text_that_has_lost_what_it_is_there_to_say_is_named_with_its_line(folder: Path, key: str) -> None:
    texts = folder / "en/texts.yaml"
    rows = texts.read_text().splitlines()
    at = rows.index(f"{key}:")
    for wording in Wording:
        start = next(n for n in range(at, len(rows)) if rows[n].strip().startswith(f"{wording.value}:")) + 1
        end = next((n for n in range(start, len(rows)) if not rows[n].startswith("    ")), len(rows))
        texts.write_text("\n".join([*rows[:start], "    Thank you.", *rows[end:]]))
        must = " and ".join(MUST_HOLD[key])
        assert problems(folder) == [
            f"{texts}:{at + 1}: {key}: {word} is missing in {wording.value}: put it in; this text must say {must} in "
            "every wording."
            for word in MUST_HOLD[key]
        ]


def test_a_word_to_reply_counts_only_as_a_word_of_its_own(folder: Path) -> None:
    change(folder / "en/texts.yaml", "Say STOP to stop messages.", "Say STOPPED to stop messages.")
    assert len(problems(folder)) == 1
    assert "help: STOP is missing in easy_read" in problems(folder)[0]


def test_a_schedule_that_was_stored_before_still_loads_without_what_its_texts_must_hold_today() -> None:
    stored = prompts.load(ROOT / "prompts")[("disabled-adults", "en")]
    code = Text(standard="Here it is.", easy_read="Here it is.", short="Here it is.")
    old = stored.model_copy(update={"texts": {**stored.texts, "change-code": code}})
    assert Schedule.from_json(old.to_json()).texts["change-code"] == code


@pytest.mark.parametrize("name", ["social-workers.yml", "social-workers.yaml.txt", "social-workers.YAML"])
def test_a_cohort_whose_file_has_a_slip_in_its_name_is_not_gone_in_silence(folder: Path, name: str) -> None:
    (folder / "en/social-workers.yaml").rename(folder / "en" / name)
    assert problems(folder) == [f"{folder}/en/{name} is not read: rename it to social-workers.yaml."]


def test_a_rota_whose_file_has_a_slip_in_its_name_is_not_gone_in_silence(folder: Path) -> None:
    shutil.copy(folder / "rota.example.yaml", folder / "rota.yml")
    assert problems(folder) == [f"{folder}/rota.yml is not read: rename it to rota.yaml."]


def test_a_cohort_that_lies_above_the_languages_is_not_gone_in_silence(folder: Path) -> None:
    (folder / "notes.txt").write_text("Ours.")
    (folder / "en/social-workers.yaml").rename(folder / "social-workers.yaml")
    (found,) = problems(folder)
    assert found.startswith(f"{folder}/social-workers.yaml is not read here: move it into a language's folder")


def test_two_files_about_one_cohort_are_both_named(folder: Path) -> None:
    shutil.copy(folder / ADULTS, folder / "en/others.yaml")
    line = line_of(folder / ADULTS, "cohort: disabled-adults")
    said = "disabled-adults.yaml is about the cohort disabled-adults too; rename one."
    assert problems(folder) == [f"{folder}/en/others.yaml:{line}: {said}"]


@pytest.mark.parametrize("name", ["texts.yml", "notes.txt", "texts.yaml~", "old/texts.yaml"])
def test_what_is_no_schedule_is_to_be_moved_out_of_the_way(folder: Path, name: str) -> None:
    path = folder / "en" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("Ours.")
    shown = folder / "en" / name.split("/")[0]
    assert problems(folder) == [f"{shown} is not read: move it somewhere else."]


@pytest.mark.parametrize("name", [".DS_Store", ".texts.yaml.swp", "README", "readme.txt", "README.md"])
def test_files_that_explain_or_are_hidden_may_stand_there(folder: Path, name: str) -> None:
    (folder / "en" / name).write_text("Ours.")
    assert prompts.load(folder)


def line_of(path: Path, words: str, start: int = 0) -> int:
    rows = path.read_text().splitlines()
    return next(n for n in range(start, len(rows)) if words in rows[n]) + 1


SLIPS: dict[str, tuple[str, str, int, str]] = {
    "a tab": ("        standard: >-", "\t\tstandard: >-", 0, f"{yaml_slips.TAB}. The line is '\t\tstandard: >-'."),
    "a name one space too far left": ("        standard: >-", "       standard: >-", 0, yaml_slips.SPACES),
    "a name one space too far right": ("        standard: >-", "         standard: >-", 0, yaml_slips.SPACES),
    "an item one space too far right": ("      - id: a-now", "       - id: a-now", 1, yaml_slips.SPACES),
    "a text one space too far right": (
        "          How do you and your social worker keep",
        "           How do you and your social worker keep",
        1,
        f"{yaml_slips.SPACES}. The line is '          the last one you had.'.",
    ),
    "a text with a colon": (
        "        standard: >-\n          How do you",
        "        standard: Tell us: how do you",
        0,
        f"{yaml_slips.COLON}. The line is '        standard: Tell us: how do you and your social",
    ),
    "a [ that is not closed": ("        objectives: [1]", "        objectives: [1", 0, yaml_slips.BRACKET),
    "a quote that is not closed": (
        '          - "Which way is used most?"',
        "          - 'Which way is used most?",
        0,
        f"{yaml_slips.QUOTE}. The line is '          - 'Which way is used most?'.",
    ),
    "another quote that is not closed": (
        '          - "Which way is used most?"',
        '          - "Which way is used most?',
        1,
        yaml_slips.QUOTED,
    ),
    "words after a quote": ('- "Which way is used most?"', '- "Which way" is used?', 0, yaml_slips.QUOTED),
    "a text that is not indented": ("          the last one you had.", "the last one you had.", 0, yaml_slips.BARE),
    "a name without its colon": ("        standard: >-", "        standard >-", 0, yaml_slips.BARE),
    "a name without its space": ("        standard: >-", "        standard:>-", 0, yaml_slips.BARE),
    "a # in a text": (
        "        standard: >-\n          How do you and your social worker keep in touch at the moment? If you do not",
        "        standard: Come to room #4. You",
        0,
        f"{yaml_slips.HASH}. The line is '        standard: Come to room #4. You have one now, think about'.",
    ),
    "a # in one line": (
        '          - "Which way is used most?"',
        "          - Which way is used most? # by you",
        0,
        f"{yaml_slips.HASH}. The line is '          - Which way is used most? # by you'.",
    ),
    "a # after one word": ("        objectives: [1]", "        objectives: [1 #2\n          ]", 0, yaml_slips.HASH),
    "a text that begins with @": ("        standard: >-", "        standard: @home", 0, yaml_slips.SIGN),
    "a text that begins with *": ("        standard: >-", "        standard: * How", 0, yaml_slips.SIGN),
    "what is rare": ("        standard: >-", "        standard: >>", 0, "is not YAML: expected"),
}


@pytest.mark.parametrize(("old", "new", "further", "problem"), SLIPS.values(), ids=SLIPS.keys())
def test_a_slip_in_yaml_is_told_in_plain_words(folder: Path, old: str, new: str, further: int, problem: str) -> None:
    path = folder / ADULTS
    text = path.read_text()
    start = text.index("      - id: a-now")
    place = text.index(old, start)
    line = text[:place].count("\n") + 1 + further
    path.write_text(text[:place] + new + text[place + len(old) :])
    (found,) = problems(folder)
    assert found.startswith(f"{path}:{line}: {problem}")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        sensitive: true", "        sensitive: true # it may hurt"),
        ("      - id: a-now", "      - id: a-now  # A1"),
        ("    questions:\n", "    questions: # the first of all\n"),
        ("        objectives: [1]", "        objectives: [1] # of the protocol"),
        ("        standard: >-\n", "        standard: >- # for the protocol\n          We are in room #4.\n"),
        ('- "Which way is used most?"', "- 'Which way is used #1 most?' # of them all"),
        ('- "Which way is used most?"', "- Which way is used most?\n          # - Which way is best?"),
    ],
)
def test_a_note_that_takes_nothing_of_a_text_may_stand_there(folder: Path, old: str, new: str) -> None:
    path = folder / ADULTS
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    assert prompts.load(folder)


DIFFERENT: dict[str, tuple[str, str, str, str]] = {
    "a trait": ("social-workers.yaml", "        sensitive: true\n", "", "sensitive is false here and true in en"),
    "what is optional": (
        "consent.yaml",
        "  - id: c8-agree\n    required: true",
        "  - id: c8-agree\n    required: false",
        "c8-agree: required is false here and true in en; make them the same",
    ),
    "an id": ("consent.yaml", "id: c8-agree", "id: c8-ok", "c8-agree is missing: en has it; add it before c8-ok"),
    "what a YES lets us do": (
        "consent.yaml",
        "    permits: other channel\n",
        "",
        "c13-other-channel: permits is not there here and other channel in en",
    ),
    "an answer that lets in": (
        "disabled-adults.yaml",
        "qualifies: yes",
        "qualifies: no",
        "e-adult: qualifies is false here and true in en",
    ),
    "one that is only here": (
        "disabled-adults.yaml",
        "      # A2\n",
        "      - id: a-more\n        standard: More?\n        easy_read: More?\n        short: More?\n",
        "a-more is not in en; add it there, or remove it here",
    ),
    "a branch": (
        "disabled-adults.yaml",
        "      - id: a-now\n",
        "      - id: a-now\n        branches: [{when: {answer_is: [na]}, goto: a-good}]\n",
        "a-now: branches go to a-good here and to nothing in en",
    ),
}


@pytest.mark.parametrize(("name", "old", "new", "problem"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_a_second_language_must_ask_the_same(folder: Path, name: str, old: str, new: str, problem: str) -> None:
    shutil.copytree(folder / "en", folder / "cy")
    assert prompts.differences(folder, prompts.load(folder)) == []
    change(folder / "cy" / name, old, new)
    (found,) = prompts.differences(folder, prompts.load(folder))
    assert found.startswith(f"{folder}/cy/{name}:")
    assert problem in found
    assert f"Compare {folder}/en/{name}:" in found


def test_questions_in_another_order_are_named_on_their_lines_in_both_languages(folder: Path) -> None:
    shutil.copytree(folder / "en", folder / "cy")
    path = folder / "cy/disabled-adults.yaml"
    path.write_text(
        path.read_text().replace("id: a-now", "id: x").replace("a-choice", "a-now").replace("id: x", "id: a-choice")
    )
    assert prompts.differences(folder, prompts.load(folder)) == [
        f"{path}:{line_of(path, 'id: a-choice')}: a-choice stands where en has a-now; put them in the same order. "
        f"Compare {folder}/en/disabled-adults.yaml:{line_of(folder / ADULTS, 'id: a-now')}."
    ]


def test_what_is_compared_holds_all_that_changing_the_language_needs() -> None:
    assert set(languages.NEEDED) <= set(languages.COMPARED)


def test_texts_that_were_not_translated_are_warned_of_once(folder: Path) -> None:
    shutil.copytree(folder / "en", folder / "cy")
    (same,) = prompts.left_untranslated(folder, prompts.load(folder))
    line = line_of(folder / "cy/disabled-adults.yaml", "id: e-adult")
    assert re.fullmatch(
        rf"{folder}/cy/disabled-adults.yaml:{line}: e-adult is the same as in en, and so are \d+ more: "
        "translate it into cy, or leave it if it is to be so",
        same,
    )
    for path in (folder / "cy").glob("*.yaml"):
        words = re.sub(r"(?m)^( +(?:standard|easy_read|short): >-\n +)", r"\1Yn Gymraeg: ", path.read_text())
        path.write_text(words)
    assert prompts.left_untranslated(folder, prompts.load(folder)) == []
    shutil.copytree(folder / "en", folder / "en-easy")
    assert prompts.left_untranslated(folder, prompts.load(folder)) == [], "that is English too"


def test_a_branch_may_wait_for_other_words_in_another_language(folder: Path) -> None:
    branch("first", "a-good")(folder)
    shutil.copytree(folder / "en", folder / "cy")
    change(folder / "cy/disabled-adults.yaml", "answer_is: [no]", "answer_is: [na, nac oes]")
    assert prompts.differences(folder, prompts.load(folder)) == []


NAMES = {"Welsh": "rename it to cy", "EN": "rename it to en", "en_GB": "rename it to en-gb", "Klingon": "such as en"}


@pytest.mark.parametrize(("name", "mend"), NAMES.items())
def test_a_folder_that_is_not_called_by_its_languages_code_is_refused(folder: Path, name: str, mend: str) -> None:
    (folder / "en").rename(folder / name)
    (found,) = problems(folder)
    assert found.startswith(f"{folder}/{name}: a folder is called by its language's code; ")
    assert mend in found


def test_a_hidden_folder_is_no_language(folder: Path) -> None:
    (folder / ".git").mkdir()
    assert {language for _, language in prompts.load(folder)} == {"en"}
    assert set(prompts.safeguarding(folder)) == {"en"}


@pytest.mark.parametrize("name", ["disabled-adults.yaml", "social-workers.yaml"])
def test_the_top_of_each_cohorts_file_says_what_every_key_means(name: str) -> None:
    top = (ROOT / "prompts/en" / name).read_text().partition("\nsections:")[0]
    said = " ".join(row for row in top.splitlines() if row.startswith("#"))
    models = (Eligibility, Question, Section, Branch, Condition)
    keys = {field.alias or key for model in models for key, field in model.model_fields.items()} | {"cohort", "title"}
    assert [key for key in sorted(keys | {"code_prefix"}) if not re.search(rf"\b{key}\b", said)] == []


def first_question(folder: Path) -> str:
    return prompts.load(folder)[("disabled-adults", "en")].questions[0].id


def last_question(folder: Path) -> str:
    return prompts.load(folder)[("disabled-adults", "en")].questions[-1].id


Damage = Callable[[Path], int | None]


def branch(where: str, goto: str) -> Damage:
    def damage(folder: Path) -> int:
        questions = prompts.load(folder)[("disabled-adults", "en")].questions
        key = questions[0].id if where == "first" else questions[2].id
        target = questions[0].id if goto == "first" else goto
        return change(
            folder / ADULTS,
            f"- id: {key}\n",
            f"- id: {key}\n        branches: [{{when: {{answer_is: [no]}}, goto: {target}}}]\n",
        )

    return damage


def empty(folder: Path) -> None:
    (folder / ADULTS).write_text("")


DAMAGES: dict[str, tuple[Damage, str, str]] = {
    "bad YAML": (lambda f: change(f / ADULTS, "title: ", "title: [") and None, "disabled-adults.yaml:", "never closed"),
    "an unknown key": (
        lambda f: change(f / ADULTS, "        easy_read:", "        easy_raed:"),
        "disabled-adults.yaml:",
        "did you mean easy_read",
    ),
    "an item that is none": (
        lambda f: change(f / ADULTS, "        objectives: [1]", "        objectives: [1, one]"),
        "disabled-adults.yaml:",
        "objectives: item 2 must be a whole number",
    ),
    "a code that begins with small letters": (
        lambda f: change(f / ADULTS, "code_prefix: P", "code_prefix: p"),
        "disabled-adults.yaml:",
        "code_prefix must be one to four capital letters, such as P",
    ),
    "a branch that goes back": (branch("third", "first"), "disabled-adults.yaml:", "would go round for ever"),
    "a branch on an answer that never comes": (
        lambda f: change(f / ADULTS, "answer_is: [no, none,", "answer_is: [No., none,") and None,
        "disabled-adults.yaml:",
        "waits for the answer 'No.', which never comes; write it as 'no'",
    ),
    "a branch to nowhere": (branch("first", "no-such"), "disabled-adults.yaml:", "is no question here"),
    "a follow-up that nothing reaches": (
        lambda f: change(
            f / ADULTS, f"- id: {first_question(f)}\n", f"- id: {first_question(f)}\n        follow_up: true\n"
        ),
        "disabled-adults.yaml:",
        "is a follow-up that no branch reaches",
    ),
    "no closing question": (
        lambda f: change(f / ADULTS, "        closing: true\n", "") and None,
        "disabled-adults.yaml:",
        "must have closing: true",
    ),
    "an unknown placeholder": (
        lambda f: change(f / "en/texts.yaml", "Hello {name}", "Hello {nmae}") and None,
        "texts.yaml:",
        "{nmae} in standard is not a placeholder",
    ),
    "a placeholder that this text has no value for": (
        lambda f: (
            change(f / "en/texts.yaml", "Hello {name}, thank you", "Hello {name}, until {day} thank you") and None
        ),
        "texts.yaml:",
        "welcome: {day} in standard cannot be filled: take it out; this text can hold {channel}",
    ),
    "a placeholder for later": (
        lambda f: change(f / "en/texts.yaml", "We will miss that question", "You get {amount}") and None,
        "texts.yaml:",
        "skipped: {amount} in easy_read cannot be filled",
    ),
    "a name in a text to somebody we do not know": (
        lambda f: (
            change(f / "en/texts.yaml", "Thank you. We do not know", "Thank you, {name}. We do not know") and None
        ),
        "texts.yaml:",
        "unknown-sender: {name} in easy_read cannot be filled: take it out; this text can hold {phone}, {study}",
    ),
    "a placeholder in a question": (
        lambda f: change(f / ADULTS, "How do you", "By {time}, how do you") and None,
        "disabled-adults.yaml:",
        "cannot be filled: take it out; a question can hold",
    ),
    "a placeholder in a statement": (
        lambda f: change(f / "en/consent.yaml", "I agree to use {channel}", "{n}. I agree to use {channel}") and None,
        "consent.yaml:",
        "c6-channel: {n} in standard cannot be filled",
    ),
    "a placeholder in a prompt": (
        lambda f: change(f / "en/social-workers.yaml", '- "Which ways', '- "{name}, which ways') and None,
        "social-workers.yaml:",
        "prompts are sent as they stand",
    ),
    "a brace alone": (
        lambda f: change(f / "en/texts.yaml", "Hello {name}", "Hello name}") and None,
        "texts.yaml:",
        "has a single { or }",
    ),
    "a stock text that is missing": (
        lambda f: change(f / "en/texts.yaml", "\nstopped:", "\nstoped:") and None,
        "texts.yaml:",
        "the text stopped is missing; every study needs it: copy it from the texts.yaml that came with",
    ),
    "no statement that is needed": (
        lambda f: (
            (f / "en/consent.yaml").write_text(
                (f / "en/consent.yaml").read_text().replace("required: true", "required: false")
            )
            and None
        ),
        "consent.yaml:",
        "mark at least one with required: true",
    ),
    "no consent file": (lambda f: (f / "en/consent.yaml").unlink(), "consent.yaml:", "is missing"),
    "an empty file": (empty, "disabled-adults.yaml:1:", "is empty"),
    "not UTF-8": (lambda f: (f / ADULTS).write_bytes(b"\xff\xfe\x00") and None, "disabled-adults.yaml:", "UTF-8"),
    "nested too deeply": (
        lambda f: change(f / ADULTS, "title:", "odd: " + "[" * 40 + "]" * 40 + "\ntitle:"),
        "disabled-adults.yaml:",
        "nested too deeply",
    ),
    "nested without end": (
        lambda f: change(f / ADULTS, "title:", "odd: " + "[" * 300_000 + "\ntitle:") and None,
        "disabled-adults.yaml:",
        "nesting that YAML does not allow",
    ),
    "a word for yes": (
        lambda f: change(f / "en/consent.yaml", "    required: true", "    required: perhaps"),
        "consent.yaml:",
        "must be true or false",
    ),
}


@pytest.mark.parametrize(("damage", "place", "what"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_schedule_names_file_line_and_mend(folder: Path, damage: Damage, place: str, what: str) -> None:
    line = damage(folder)
    found = problems(folder)
    assert any(place in problem and what in problem for problem in found), found
    if line is not None:
        assert any(f"{place}{line}:" in problem for problem in found), f"line {line} in {found}"


def test_a_missing_wording_says_whose_it_is(folder: Path) -> None:
    key = first_question(folder)
    text = (folder / ADULTS).read_text()
    start = text.index("        easy_read:", text.index(f"id: {key}"))
    (folder / ADULTS).write_text(text[:start] + text[text.index("        short:", start) :])
    assert any(f"{key}: easy_read is missing" in problem for problem in problems(folder))


def test_two_questions_of_one_name_are_both_named(folder: Path) -> None:
    first, last = f"- id: {first_question(folder)}", f"- id: {last_question(folder)}"
    lines = [line_of(folder / ADULTS, words) for words in (first, last)]
    change(folder / ADULTS, last, first)
    found = [f"{folder / ADULTS}:{line}: 2 questions are called a-now; give each its own id." for line in lines]
    assert problems(folder) == found


def test_a_question_and_a_statement_of_one_name_are_both_named(folder: Path) -> None:
    question, statement = line_of(folder / ADULTS, "id: a-now"), line_of(folder / "en/consent.yaml", "id: c8-agree")
    change(folder / ADULTS, "id: a-now", "id: c8-agree")
    said = "c8-agree is both a question and a consent statement; rename one."
    assert problems(folder) == [
        f"{folder / ADULTS}:{question}: {said}",
        f"{folder}/en/consent.yaml:{statement}: {said}",
    ]


def test_a_name_that_is_there_twice_says_where_it_was_first(folder: Path) -> None:
    line = change(folder / ADULTS, "title: ", "title: Ours\ntitle: ")
    assert problems(folder) == [f"{folder / ADULTS}:{line + 1}: title is there twice, first on line {line}; keep one."]


def test_a_question_in_a_mend_ends_as_a_question(folder: Path) -> None:
    line = change(folder / "en/consent.yaml", "    required: true", "    requird: true")
    found = f"{folder}/en/consent.yaml:{line}: c1-info: requird is not known here: did you mean required?"
    assert found in problems(folder)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_character_that_is_not_utf8_is_named_with_its_line(folder: Path, end: bytes) -> None:
    line = line_of(folder / ADULTS, "the last one you had")
    text = (folder / ADULTS).read_bytes().replace(b"you had", b"you\x92d", 1).replace(b"\n", end)
    (folder / ADULTS).write_bytes(text)
    mend = "has a character that is not UTF-8. Save the file again as UTF-8."
    assert problems(folder) == [f"{folder / ADULTS}:{line}: {mend}"]
    (folder / "links.txt").write_bytes(b"www.example.com" + end + b"\xff")
    with pytest.raises(ScheduleError, match=f"links.txt:2: {mend}"):
        prompts.links(folder)


def test_every_problem_is_told_at_once(folder: Path) -> None:
    change(folder / "en/texts.yaml", "Hello {name}", "Hello {nmae}")
    change(folder / ADULTS, "        easy_read:", "        easy_raed:")
    change(folder / ADULTS, "cohort: disabled-adults", "cohort: Adults")
    found = problems(folder)
    assert any("texts.yaml" in problem for problem in found)
    assert any("disabled-adults.yaml" in problem and "easy_raed" in problem for problem in found)
    assert any("cohort has a character that cannot be used" in problem for problem in found)


def test_a_language_whose_name_is_too_long_to_be_stored_is_named(folder: Path) -> None:
    kept_as = participants.c.language.type
    assert isinstance(kept_as, String)
    assert kept_as.length == prompts.LONGEST_LANGUAGE
    (folder / "en").rename(folder / "en-plain-uk1")
    assert prompts.load(folder)
    (folder / "en-plain-uk1").rename(folder / "en-plain-uk12")
    assert problems(folder) == [
        f"{folder}/en-plain-uk12: has too long a name; use a language's, such as en or cy-easy."
    ]


def test_a_folder_without_schedules_says_what_to_put_there(tmp_path: Path) -> None:
    assert "consent.yaml" in problems(tmp_path)[0]
