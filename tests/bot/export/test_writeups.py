"""What people wrote up stands in every export below its mark, the original stays, and every version is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from bot.errors import ExportError, OwnPaceError, WrongUse
from bot.export.answers import Answers
from bot.export.matrix import Matrix
from bot.export.qdpx import Qdpx
from bot.export.record import Scope
from bot.export.subject_access import SubjectAccess
from bot.export.transcript import Transcripts
from bot.messages import Inbound, Media, MediaKind
from bot.records.tables import audit, media, messages, writeups
from bot.service import intake
from bot.service import writeups as service
from bot.service.writeups import WriteUpKind
from tests.bot.export.study import Phone, cases, joins, take_out
from tests.bot.export.test_matrix import read_csv
from tests.bot.export.test_qdpx import Project, valid
from tests.bot.world import World, world

VOICE = Media(MediaKind.VOICE, "audio/ogg", content=b"sound", seconds=92)
VIDEO = Media(MediaKind.VIDEO, "video/mp4", content=b"signs", seconds=40)
WORDS = "I text her when the bus is late 🚌.\nThen I wait."


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def phone(study: World) -> Phone:
    phone = joins(study, 1, name="Cerys")
    phone.consents()
    return phone


def sends(phone: Phone, *came: Media, words: str = "") -> int:
    """A message with media; its id."""
    key = f"media/{next(phone.numbers)}"
    inbound = Inbound(key, phone.address, words, words.encode(), media=came)
    phone.study.run(intake.receive, phone.study.program.terms, inbound)
    found: int = phone.study.program.database.read_now(
        lambda uow: uow.execute(select(messages.c.id).where(messages.c.provider_key == key)).scalar_one()
    )
    return found


def wrote(study: World, message: int, text: str, author: str, **more: object) -> int:
    kind = more.pop("kind", WriteUpKind.TRANSCRIPTION)
    version: int = study.run(service.write_up, message, kind, text, author, *more.values())
    return version


def test_a_transcript_has_the_mark_and_below_it_what_was_written_up(study: World, phone: Phone, tmp_path: Path) -> None:
    phone.says("Listen to this.")
    wrote(study, sends(phone, VOICE), WORDS, "Kim")
    for form in ("txt", "md", "html", "docx"):
        take_out(study, Transcripts(form), tmp_path / form)
    text = (tmp_path / "txt/SW01.txt").read_text()
    assert f"SW01: [voice note 1:32, written up by R01]\n{WORDS}\n" in text
    assert "[voice note 1:32, written up by R01]\nI text her" in (tmp_path / "html/SW01.html").read_text()


def test_every_table_and_project_has_what_was_written_up(study: World, phone: Phone, tmp_path: Path) -> None:
    phone.says("Listen to this.")
    wrote(study, sends(phone, VOICE), WORDS, "Kim")
    phone.says("That was it.", "DONE")
    (case,) = cases(study)
    whole = f"Listen to this.\n[voice note 1:32, written up by R01]\n{WORDS}\nThat was it."
    assert case.answers[0].text == whole
    assert case.answers[0].words == 3 + len(WORDS.split()) + 3, "a mark is no word of theirs"
    take_out(study, Matrix("csv"), tmp_path / "m.csv")
    assert read_csv(tmp_path / "m.csv")["SW01"]["b-now"] == whole
    take_out(study, Answers("jsonl"), tmp_path / "data")
    first = json.loads((tmp_path / "data/answers.jsonl").read_text().splitlines()[0])
    assert (first["text"], first["media"]) == (whole, "voice note 1:32")
    assert (first["write_ups"], first["written_up_by"], first["checked_by"]) == ("transcription", "R01", "")
    take_out(study, Qdpx(), tmp_path / "s.qdpx")
    project = Project(tmp_path / "s.qdpx")
    valid(project)
    assert project.spans()["SW01", "b-now"] == whole


def test_a_person_s_own_record_has_every_version(study: World, phone: Phone, tmp_path: Path) -> None:
    message = sends(phone, VOICE)
    wrote(study, message, "A first try.", "Kim")
    wrote(study, message, WORDS, "Kim")
    mine = {"codes": ("SW01",), "scope": Scope.ALL, "originals": True, "named": True}
    take_out(study, SubjectAccess(), tmp_path / "mine", **mine)
    rows = json.loads((tmp_path / "mine/record.json").read_text())["writeups"]
    assert [row["text"] for row in rows] == ["A first try.", WORDS]
    page = (tmp_path / "mine/record.html").read_text()
    assert "written up by Kim" in page
    assert "A first try" not in page


def test_what_waits_is_marked_in_the_matrix_and_not_taken_for_silence(
    study: World, phone: Phone, tmp_path: Path
) -> None:
    sends(phone, VOICE)
    take_out(study, Matrix("csv"), tmp_path / "m.csv")
    assert read_csv(tmp_path / "m.csv")["SW01"]["b-now"] == "[voice note 1:32]"


def test_a_translation_says_that_it_is_one_and_when(study: World, phone: Phone) -> None:
    wrote(study, sends(phone, VIDEO), "I was glad.", "Lee", kind=WriteUpKind.TRANSLATION)
    (case,) = cases(study)
    assert case.answers[0].text == "[video 0:40, translated by R01 on 24 November 2026]\nI was glad."


def test_a_message_without_media_can_be_translated(study: World, phone: Phone) -> None:
    phone.says("https://video.example/bsl")
    message = next(turn.id for turn in cases(study)[0].turns if turn.text.startswith("https"))
    wrote(study, message, "I was glad.", "Lee", kind=WriteUpKind.TRANSLATION)
    text = cases(study)[0].answers[0].text
    assert text == "https://video.example/bsl\n[message, translated by R01 on 24 November 2026]\nI was glad."


def test_the_newest_version_counts_and_the_older_ones_are_kept(study: World, phone: Phone) -> None:
    message = sends(phone, VOICE)
    wrote(study, message, "A first try.", "Kim")
    wrote(study, message, WORDS, "Lee")
    kept = study.program.database.read_now(service.versions, message)
    assert [(one.text, one.author) for one in kept] == [("A first try.", "Kim"), (WORDS, "Lee")]
    assert cases(study)[0].answers[0].text.endswith(WORDS)
    (turn,) = cases(study)[0].answers[0].parts
    assert turn.text == "", "the message itself is as it came"


def test_the_task_closes_when_nothing_of_the_person_waits(study: World, phone: Phone) -> None:
    first, second = sends(phone, VOICE), sends(phone, VIDEO)
    assert study.open_tasks().count("write up") == 1
    wrote(study, first, WORDS, "Kim")
    assert "write up" in study.open_tasks()
    wrote(study, second, "I was glad.", "Kim", kind=WriteUpKind.TRANSLATION)
    assert "write up" not in study.open_tasks()


def test_what_is_lost_or_was_taken_back_holds_no_task_open(study: World, phone: Phone) -> None:
    first, lost, gone = sends(phone, VOICE), sends(phone, VIDEO), sends(phone, Media(MediaKind.PICTURE, "image/png"))
    study.run(lambda uow: uow.execute(update(media).where(media.c.message_id == lost).values(state="lost")))
    study.run(lambda uow: uow.execute(update(messages).where(messages.c.id == gone).values(removed_at=uow.now)))
    wrote(study, first, WORDS, "Kim")
    assert "write up" not in study.open_tasks()


def test_the_same_content_sent_again_is_written_up_once(study: World, phone: Phone) -> None:
    wrote(study, sends(phone, VOICE), WORDS, "Kim")
    sends(phone, VOICE)
    answer = cases(study)[0].answers[0]
    assert [part.full.endswith(WORDS) for part in answer.parts] == [True, True]


def test_somebody_else_checks_the_newest_version(study: World, phone: Phone) -> None:
    message = sends(phone, VOICE)
    old = wrote(study, message, "A first try.", "Kim")
    new = wrote(study, message, WORDS, "Kim")
    with pytest.raises(OwnPaceError, match="somebody else"):
        study.run(service.check, new, "kim")
    with pytest.raises(OwnPaceError, match="newer version"):
        study.run(service.check, old, "Lee")
    study.clock.forward(hours=1)
    study.run(service.check, new, "Lee")
    (written,) = cases(study)[0].answers[0].parts[0].written_up
    assert (written.author, written.checked_by, written.checked_at) == ("R01", "R02", study.clock())
    wrote(study, message, "Better still.", "Kim")
    (written,) = cases(study)[0].answers[0].parts[0].written_up
    assert written.checked_by == "", "a newer version is not checked"


def test_of_several_in_one_message_it_is_said_which(study: World, phone: Phone) -> None:
    message = sends(phone, VOICE, VIDEO)
    with pytest.raises(WrongUse, match="--media"):
        wrote(study, message, WORDS, "Kim")
    with pytest.raises(WrongUse, match="did not come"):
        wrote(study, message, WORDS, "Kim", media=999)
    first, second = study.program.database.read_now(service.of, "sw01")
    wrote(study, message, WORDS, "Kim", media=second.media_id)
    assert cases(study)[0].answers[0].parts[0].marked.startswith("[video 0:40, written up by R01]")
    assert cases(study)[0].answers[0].parts[0].marked.endswith("[voice note 1:32]")
    assert first.write_up is None


@pytest.mark.parametrize(("text", "author"), [("  ", "Kim"), ("words", " "), ("words", "K" * 61)])
def test_nothing_without_words_or_without_a_name_is_stored(study: World, phone: Phone, text: str, author: str) -> None:
    message = sends(phone, VOICE)
    with pytest.raises(WrongUse):
        wrote(study, message, text, author)
    assert study.count_of(writeups) == 0


def test_what_was_written_up_is_sealed_and_the_trail_does_not_tell_it(study: World, phone: Phone) -> None:
    wrote(study, sends(phone, VOICE), "A secret bus.", "Kim")
    (row,) = study.program.database.read_now(lambda uow: uow.all(select(writeups)))
    assert b"bus" not in row["text"]
    trail = study.program.database.read_now(lambda uow: uow.all(select(audit).where(audit.c.act == "wrote up")))
    assert [(line["actor"], line["subject"]) for line in trail] == [("Kim", "SW01")]
    assert "bus" not in json.dumps([dict(line["detail"]) for line in trail])


def test_a_name_in_what_was_written_up_stops_an_export(study: World, phone: Phone, tmp_path: Path) -> None:
    wrote(study, sends(phone, VOICE), "This is Cerys speaking.", "Kim")
    for exporter in (Transcripts("txt"), Matrix("csv"), Answers("csv"), Qdpx()):
        with pytest.raises(ExportError, match="SW01, question b-now: a name of the participant themselves"):
            take_out(study, exporter, tmp_path / "x")
