"""A QDA project is valid, is read by a program that is not ours, and each coded span is the stored answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

from bot.export.qdpx import NAMESPACE, REPLY, Qdpx
from tests.bench import schedule
from tests.bot.export.study import COHORTS, WORDS, cases, hard_words, joins, leave, stored_answers, take_out
from tests.bot.world import World, world
from tests.rig import ROOT, unavailable

RIG = ROOT / ".rig/python"
XSD = RIG / "qualitative_coding/refi_qda/schema.xsd"
Q = f"{{{NAMESPACE}}}"


class Project:
    """A .qdpx as written: its XML, its texts, and what is coded in them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with ZipFile(path) as file:
            self.names = file.namelist()
            self.times = {info.date_time for info in file.infolist()}
            self.xml = file.read("project.qde")
            self.texts = {name: file.read(name).decode() for name in self.names if name.endswith(".txt")}
        self.root = ElementTree.fromstring(self.xml)
        self.codes = {code.get("guid"): code for code in self.root.iter(f"{Q}Code")}

    def every(self, name: str) -> list[ElementTree.Element]:
        return list(self.root.iter(Q + name))

    def text(self, source: ElementTree.Element) -> str:
        path = source.get("plainTextPath", "")
        assert path.startswith("internal://")
        return self.texts[f"Sources/{path.removeprefix('internal://')}"]

    def coded(self) -> Iterator[tuple[str, str, str]]:
        """What is coded: the source, the code, and the words between the two positions in code points."""
        for source in self.every("TextSource"):
            text = self.text(source)
            for selection in source.iter(f"{Q}PlainTextSelection"):
                (ref,) = selection.iter(f"{Q}CodeRef")
                code = self.codes[ref.get("targetGUID")]
                assert code.get("isCodable") == "true"
                start, end = int(selection.get("startPosition", "")), int(selection.get("endPosition", ""))
                yield source.get("name", ""), code.get("name", ""), text[start:end]

    def spans(self) -> dict[tuple[str, str], str]:
        """The coded answers, by case and question."""
        coded = [(source, code, words) for source, code, words in self.coded() if code not in (REPLY, source)]
        found = {(source, code): words for source, code, words in coded}
        assert len(found) == len(coded), "one coding for each answer"
        return found

    def replies(self) -> list[str]:
        return [words for _, code, words in self.coded() if code == REPLY]


def valid(project: Project) -> None:
    """Check the project against the public schema, Project.xsd of QDA-XML 1.0, as qualitative-coding carries it."""
    if not XSD.exists():
        unavailable("the QDA-XML schema in .rig (scripts/rig)")
    from lxml import etree

    schema = etree.XMLSchema(etree.parse(str(XSD)))
    assert schema.validate(etree.fromstring(project.xml)), schema.error_log


def judged(project: Project) -> dict[str, Any]:
    """What qdapy and pyrefiqda, readers that are not ours, find in the project."""
    if not all((RIG / reader).exists() for reader in ("qdapy", "pyrefiqda")):
        unavailable("qdapy and pyrefiqda in .rig (scripts/rig)")
    judge = [sys.executable, "-m", "tests.rig.qda_judge", str(RIG), str(project.path)]
    ran = subprocess.run(judge, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def sound(study: World, project: Project, answers: int) -> None:
    """Everything that must hold of a project of ours."""
    stored = {key: text for key, text in stored_answers(study).items() if text.strip()}
    known = {case.code for case in cases(study)}
    stored = {key: text for key, text in stored.items() if key[0] in known}
    assert len(stored) == answers
    valid(project)
    assert project.spans() == stored
    importable(project)
    found = judged(project)
    fragments = {(title, code.rpartition("/")[2]): text for title, code, text, _, _ in found["fragments"]}
    assert {key: fragments[key] for key in stored} == stored
    typed = {(title, code): text for title, code, text in found["typed"] if code not in (REPLY, title)}
    assert typed == stored
    assert found["sources"] == sorted(known, key=[case.code for case in cases(study)].index)
    assert len(found["codes"]) == len(project.codes)


def importable(project: Project) -> None:
    """What importers need beyond the schema (reference/domain.md, section 4)."""
    assert project.root.get("origin") == "Own Pace"
    assert {name.partition("/")[0] for name in project.names} == {"Sources", "project.qde"}
    assert not any("\r" in text for text in project.texts.values())
    sources = project.every("TextSource")
    names = [source.get("name") for source in sources]
    assert len(names) == len(set(names))
    assert all(project.text(source) is not None for source in sources)
    assert not project.every("PlainTextContent") or all(
        parent.tag == f"{Q}Note" for parent in project.root.iter() if parent.find(f"{Q}PlainTextContent") is not None
    )
    assert all(note.get("creationDateTime") for note in project.every("Note"))
    variables = [variable.get("name") for variable in project.every("Variable")]
    assert len(variables) == len(set(variables))
    assert {variable.get("typeOfVariable") for variable in project.every("Variable")} <= {"Text"}
    code_names = [code.get("name") for code in project.codes.values()]
    assert len(code_names) == len(set(code_names))
    targets = {e.get("targetGUID") for e in project.root.iter() if e.get("targetGUID")}
    assert targets <= {e.get("guid") for e in project.root.iter()}
    guids = [
        e.get("guid") for name in ("Note", "TextSource", "PlainTextSelection", "Coding") for e in project.every(name)
    ]
    assert len(guids) == len(set(guids))
    (audit,) = [note for note in project.every("Note") if note.get("plainTextPath")]
    assert audit.get("name") == "About this export"


def test_an_empty_study(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        take_out(study, Qdpx(), tmp_path / "empty.qdpx")
        sound(study, Project(tmp_path / "empty.qdpx"), answers=0)


def test_one_participant(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        phone = joins(study, 1, attributes={"region": "North", "state": "rather not say"})
        phone.consents()
        phone.answers("one")
        phone.answers("two", "three")
        take_out(study, Qdpx(), tmp_path / "one.qdpx")
        project = Project(tmp_path / "one.qdpx")
        sound(study, project, answers=2)
        (case,) = project.every("Case")
        names = {variable.get("guid"): variable.get("name") for variable in project.every("Variable")}
        values = {
            names[value[0].get("targetGUID")]: value.findtext(f"{Q}TextValue")
            for value in case.iter(f"{Q}VariableValue")
        }
        assert (values["region"], values["state"], values["state (attribute)"]) == ("North", "active", "rather not say")


def test_fifty_five_participants(tmp_path: Path) -> None:
    schedule.write(tmp_path / "prompts")
    with world(tmp_path, study={"prompts": tmp_path / "prompts"}) as study:
        for number in range(55):
            phone = joins(study, number, "bench")
            phone.says("yes", f"answer {number} ŵ📱", "DONE", f"and {number}", "more", "DONE")
        leave(study)
        take_out(study, Qdpx(), tmp_path / "many.qdpx")
        project = Project(tmp_path / "many.qdpx")
        sound(study, project, answers=110)
        assert len(project.every("Case")) == len(project.every("TextSource")) == 55


def test_hard_words(tmp_path: Path) -> None:
    """Emoji, Welsh letters, right-to-left text, mail with CRLF, markup, control characters and an empty answer."""
    with world(tmp_path) as study:
        hard_words(study)
        take_out(study, Qdpx(), tmp_path / "hard.qdpx")
        project = Project(tmp_path / "hard.qdpx")
        sound(study, project, answers=7)
        spans = project.spans()
        assert spans["SW01", "b-now"] == "\n".join(WORDS["b-now"])
        assert spans["SW01", "b-good"] == "Dear team,\n\nfirst line\nsecond line\n"
        (source,) = project.every("TextSource")
        assert "SW01: [no words]" in project.text(source)
        assert "hold no words and so are not coded: 0." in "".join(project.texts.values())


def test_two_exports_of_the_same_data_are_the_same_bytes(held: World, out: Path) -> None:
    take_out(held, Qdpx(), out)
    before = out.read_bytes()
    held.clock.forward(days=400)
    try:
        take_out(held, Qdpx(), out, force=True)
    finally:
        held.clock.forward(days=-400)
    assert out.read_bytes() == before
    assert Project(out).times == {(1980, 1, 1, 0, 0, 0)}


def test_a_whole_study_of_two_cohorts(held: World, out: Path) -> None:
    take_out(held, Qdpx(), out)
    project = Project(out)
    sound(held, project, answers=10)
    top = [code.get("name") for codes in project.every("Codes") for code in codes]
    titles = [held.program.schedules[cohort, "en"].title for cohort in COHORTS]
    assert top == [*titles, "Objectives", REPLY]
    for section in (code for code in project.codes.values() if code.get("isCodable") == "false"):
        assert len(section) > 0, "a category holds its questions"
    questions = {q.id for s in held.program.schedules.values() for q in s.questions}
    assert questions <= {code.get("name") for code in project.codes.values()}


def test_prompts_and_probes_are_notes_of_the_answer(held: World, out: Path) -> None:
    take_out(held, Qdpx(), out)
    project = Project(out)
    notes = {note.get("guid"): note for note in project.every("Note")}
    of = {
        selection.get("name"): [notes[ref.get("targetGUID")] for ref in selection.iter(f"{Q}NoteRef")]
        for selection in project.every("PlainTextSelection")
    }
    (probe,) = of["P01 a-choice"]
    assert probe.findtext(f"{Q}PlainTextContent") == "R01: Hi [P01], what do you text about?\n\nR01"
    assert probe.get("name") == "P01 probe at a-choice"


def test_replies_to_a_researcher_have_a_code_of_their_own(held: World, out: Path) -> None:
    take_out(held, Qdpx(), out)
    said = {turn.text for case in cases(held) for answer in case.answers for turn in answer.replies}
    assert set(Project(out).replies()) == said == {"About visits.", "That is all."}


def test_each_objective_is_a_code_and_a_set_of_its_questions(held: World, out: Path) -> None:
    take_out(held, Qdpx(), out)
    project = Project(out)
    names = {code.get("name") for code in project.codes.values()}
    sets = project.every("Set")
    wanted = {n for s in held.program.schedules.values() for q in s.questions for n in q.objectives}
    assert {f"Objective {number}" for number in wanted} <= names
    assert {one.get("name") for one in sets} == {f"Objective {number}" for number in wanted}
    assert all(project.codes[ref.get("targetGUID")] is not None for one in sets for ref in one)


def test_case_codes_link_each_case_to_the_whole_of_its_text(held: World, out: Path) -> None:
    take_out(held, Qdpx(case_codes=True), out)
    project = Project(out)
    valid(project)
    cases_ = {case.get("guid"): case.get("name") for case in project.every("Case")}
    for source in project.every("TextSource"):
        whole = [
            (int(s.get("startPosition", "")), int(s.get("endPosition", "")))
            for s in source.iter(f"{Q}PlainTextSelection")
            if cases_.get(next(s.iter(f"{Q}CodeRef")).get("targetGUID")) == source.get("name")
        ]
        assert whole == [(0, len(project.text(source)))]
    assert len(project.spans()) == 10
