"""Somebody leaves a study that is being served, and the study moves to another machine."""

from __future__ import annotations

import shutil
import sqlite3
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx

from bot import prompts
from bot.interview.schedule import Schedule, Wording
from bot.records.vault import open_key_file
from tests.rig import ROOT, traces
from tests.rig.participant import Participant
from tests.rig.study import Study
from tests.rig.twilio_emulator import NUMBER, Emulator, emulator

LEAVES, STAYS = "+447700900401", "+447700900402"
PELICAN = "The pelican on my roof."


def until(done: Callable[[], object], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.1)


def answers(network: Emulator, schedule: Schedule, phone: str, words: str, questions: int) -> Participant:
    """Somebody consents and answers so many questions; the next one has reached them."""
    script = {question.id: [f"{words} About {question.id}."] for question in schedule.questions}
    person = Participant(phone, schedule, Wording.SHORT, script)
    statements = [statement.id for statement in schedule.statements]

    def goes_on() -> bool:
        for reply in person.replies([text["body"] or "" for text in network.texts(To=phone)]):
            if len(person.asked) <= len(statements) + questions:
                network.text(phone, reply)
        return len(person.asked) > len(statements) + questions

    until(goes_on, f"question {questions + 1}")
    return person


def something_fails(study: Study, network: Emulator) -> None:
    """The interview of SW01 cannot be read for a moment in which they write: the server tells its log."""
    with closing(sqlite3.connect(study.folder / "data/ownpace.db")) as database, database:
        ((saved,),) = database.execute("SELECT saved FROM interviews WHERE participant_id = 1")
        database.execute("UPDATE interviews SET saved = '{}' WHERE participant_id = 1")
        database.commit()
        network.text(LEAVES, PELICAN)
        until(lambda: b"could not be taken" in (study.folder / "out.log").read_bytes(), "the line in the log")
        database.execute("UPDATE interviews SET saved = ? WHERE participant_id = 1", (saved,))


def test_a_person_leaves_and_the_others_go_on_on_another_machine(tmp_path: Path) -> None:
    """While it is served: a backup, a withdrawal, the receipt; then a restore elsewhere, and the next text goes on."""
    schedule = prompts.load(ROOT / "prompts")[("social-workers", "en")]
    here = Study(tmp_path / "here")
    there = Study(tmp_path / "there", port=here.port)
    here.folder.mkdir()
    there.folder.mkdir()
    with emulator(f"{here.url}/webhooks/twilio/messages") as network:
        try:
            here.configure(api=network.url)
            here.start()
            here.enrol(f"social-workers,sms,{LEAVES},short,SW01", f"social-workers,sms,{STAYS},short,SW02")
            answers(network, schedule, LEAVES, PELICAN, 1)
            person = answers(network, schedule, STAYS, "I stay.", 1)
            here.command("export", "transcript", "--out", str(here.folder / "transcripts"))
            made = here.command("backup", str(tmp_path / "study.zip"))
            assert "2 participants" in made

            something_fails(here, network)
            forged = {"From": LEAVES, "To": NUMBER, "Body": PELICAN, "MessageSid": "SM1"}
            assert httpx.post(f"{here.url}/webhooks/twilio/messages", data=forged).status_code == 403
            network.text(LEAVES, "LEAVE")
            until(lambda: "Reply 1 if we may keep" in network.to(LEAVES)[-1], "the choice")
            network.text(LEAVES, "2")
            until(lambda: "A person will delete your answers" in network.to(LEAVES)[-1], "the promise")
            until(lambda: "leaving" not in here.command("show", "SW01"), "the promise to be accepted")
            database = here.folder / "data/ownpace.db"
            theirs, others = traces.of(database, "SW01"), traces.of(database, "SW02")
            assert traces.missing((*theirs, *others), traces.everything(here.folder)) == []
            said = here.command("withdraw", "SW01", "--yes")
            assert f"Delete their part of the transcript of {time.strftime('%d %B %Y')}" in said
            assert "transcripts" in said
            assert "Copy " in said
            until(lambda: "We have deleted your answers" in network.to(LEAVES)[-1], "the receipt")
            until(lambda: "SW01" not in here.command("participants"), "the deletion of their address")
            assert "What SW01 had said was deleted on" in here.command("show", "SW01", code=1)
            assert "SW02" in here.command("participants")
            time.sleep(6)  # the log of the database is emptied by the server, once a round
        finally:
            here.stop()

        shutil.rmtree(here.folder / "transcripts")  # what the receipt asked for
        (here.folder / "people.csv").unlink()
        log, after = (here.folder / "out.log").read_bytes(), traces.everything(here.folder)
        assert b"could not be taken through its interview" in log
        assert log in after
        assert traces.found(theirs, after) == []
        assert traces.missing(others, after) == []
        hashed = [one.value.hex().encode() for one in theirs if one.where == "addresses.found_by"]
        assert hashed
        for plain in (PELICAN.encode(), b"pelican", LEAVES[3:].encode(), *hashed):
            assert plain not in after
        vault = open_key_file(here.folder / "data/study.key")
        with zipfile.ZipFile(tmp_path / "study.zip") as packed:
            older = Path(packed.extract("ownpace.db", tmp_path))
        assert traces.found(theirs, older.read_bytes())
        assert traces.opened(older, theirs, vault) == []
        assert "messages.body" in traces.opened(older, others, vault)

        (there.folder / "data").mkdir()
        shutil.copy(here.folder / "data/study.key", there.folder / "data")
        shutil.copy(here.folder / "config.toml", there.folder)
        try:
            restored = there.command("restore", str(tmp_path / "study.zip"))
            assert "Deleted since then, and so again: SW01." in restored
            there.start()
            before = len(network.to(STAYS))
            following = schedule.questions[1]
            network.text(STAYS, person.script[following.id][0])
            network.text(STAYS, "DONE")
            until(lambda: len(network.to(STAYS)) > before, "the next question")
            assert person.says(schedule.questions[2], network.to(STAYS)[before])
            record = there.record("SW02")
            assert [entry["question"] for entry in record["entries"] if "I stay." in entry["body"]] == [
                schedule.questions[0].id,
                following.id,
            ]
        finally:
            there.stop()
