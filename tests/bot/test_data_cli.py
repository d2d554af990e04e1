"""Copies, withdrawal, retention and backups as people type them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.bootstrap import load_settings
from bot.export import copy
from bot.records.tables import interviews
from tests.bot.typed import ownpace, settings, study_folder, write_settings
from tests.bot.world import world
from tests.rig import ROOT, postgres

SMS = '[channels.sms]\naccount_sid = "AC1"\nauth_token = "secret"\nfrom = "+447700900000"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A study's folder as the README makes it, with two people in it."""
    with study_folder(home_in(tmp_path)) as home:
        two_people(home)
        yield home


@pytest.fixture
def backed_up(tmp_path: Path) -> Path:
    """The same with SQLite, of which `backup` makes copies: PostgreSQL has ways of its own."""
    home = home_in(tmp_path)
    write_settings(home)
    two_people(home)
    return home


def home_in(folder: Path) -> Path:
    home = folder / "home"
    home.mkdir()
    return home


def two_people(home: Path) -> None:
    (home / "people.csv").write_text(
        "cohort,channel,address,name\nsocial-workers,simulator,sms/anna,Anna\nsocial-workers,simulator,sms/ben,Ben\n"
    )
    assert ownpace(home, "migrate")[0] == 0
    assert ownpace(home, "enrol", "people.csv")[0] == 0


@pytest.mark.parametrize("command", ["copy", "take-out", "withdraw", "retention", "backup", "restore"])
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    code, said = ownpace(tmp_path, command, "--help")
    assert code == 0
    assert "Usage" in said


def test_a_withdrawal_wants_a_yes_and_gives_a_receipt(folder: Path) -> None:
    """Without it nothing is done; afterwards whoever asks is told when it was."""
    code, said = ownpace(folder, "withdraw", "sw01")
    assert code == 2
    assert "Nothing was done. To do it: --yes" in said
    assert ownpace(folder, "show", "SW01")[0] == 0
    code, said = ownpace(folder, "withdraw", "sw01", "--yes", "--no-receipt")
    assert code == 0
    assert "SW01: deleted for good: 4 messages" in said
    assert "Kept: that they were in the study" in said
    assert "study.key over the copy you keep apart." in said
    assert "waits to leave" not in said
    code, said = ownpace(folder, "show", "sw01")
    assert (code, said.startswith("What SW01 had said was deleted on ")) == (1, True)
    assert ownpace(folder, "withdraw", "SW01", "--yes")[0] == 1
    assert ownpace(folder, "withdraw", "P99", "--yes")[0] == 1
    code, said = ownpace(folder, "withdraw", "SW02", "--keep", "--yes")
    assert (code, said) == (0, "SW02 has left the study. What they said stays.\n")
    code, said = ownpace(folder, "withdraw", "SW02", "--yes")
    assert code == 0
    assert "A message that says so waits to leave." in said


def test_a_receipt_is_printed_also_where_the_key_file_cannot_be_written(folder: Path) -> None:
    """What is left to do is told only once; the command still fails, and says what is to be mended."""
    (folder / "data/.study.key.new/in the way").mkdir(parents=True)
    code, said = ownpace(folder, "withdraw", "SW01", "--yes")
    assert code == 2
    assert "SW01: deleted for good: 4 messages" in said
    assert "What is left for you to do:" in said
    assert "study.key cannot be written" in said


def test_no_study_goes_live_while_a_class_has_no_period(folder: Path) -> None:
    """`check` warns, and `check --live` refuses; the line and the mend are named."""
    settings(folder, 'media = "1y"', "")
    settings(folder, 'audit = "10y"', "")
    code, said = ownpace(folder, "check")
    assert code == 0
    assert 'has no period for media, audit: say how long each is kept, such as media = "1y"' in said
    code, said = ownpace(folder, "check", "--live")
    assert code == 2
    line = (folder / "config.toml").read_text().splitlines().index("[retention]") + 1
    assert f"config.toml:{line}: [retention] has no period for media, audit" in said
    settings(folder, 'raw = "180d"', 'raw = "a while"\nmedia = "1y"\naudit = "10y"')
    code, said = ownpace(folder, "check")
    assert code == 2
    assert 'raw in [retention] must be a number of days or years, such as "90d" or "10y"' in said
    settings(folder, '"a while"', '"180d"')
    assert ownpace(folder, "check", "--live")[0] == 0
    settings(folder, 'raw = "180d"', 'raw = "366d"')
    settings(folder, 'media = "1y"', 'media = "365d"')
    longer = "[retention] keeps raw for longer than media"
    code, said = ownpace(folder, "check")
    assert (code, longer in said) == (0, True)
    code, said = ownpace(folder, "check", "--live")
    assert (code, longer in said) == (2, True)
    settings(folder, 'raw = "366d"', 'raw = "365d"')
    code, said = ownpace(folder, "check", "--live")
    assert (code, "[retention] keeps raw for longer than contact" in said) == (2, True)
    settings(folder, 'contact = "180d"', 'contact = "365d"')
    assert ownpace(folder, "check", "--live")[0] == 0


def test_what_is_due_is_listed_and_deleted_on_confirmation(folder: Path) -> None:
    assert ownpace(folder, "retention") == (0, "Nothing is due.\n")
    settings(folder, "# study_ends = 2028-12-31", "study_ends = 2020-01-01")
    code, said = ownpace(folder, "retention", "--confirm")
    assert code == 1, "nobody has seen the list"
    assert "nothing of it was deleted. Look at it: ownpace retention" in " ".join(said.split())
    code, said = ownpace(folder, "retention")
    assert code == 0
    assert "contact" in said
    assert "SW01" in said
    assert "Nothing was deleted. To delete all of it for good: ownpace retention --confirm" in said
    code, said = ownpace(folder, "retention", "--confirm")
    assert code == 0
    assert "Deleted, and written down in the trail." in said
    assert ownpace(folder, "retention") == (0, "Nothing is due.\n")
    assert "Anna" not in ownpace(folder, "show", "SW01")[1].splitlines()[0]


def deleted_as_due(folder: Path) -> str:
    """What is said when it is."""
    settings(folder, "# study_ends = 2028-12-31", "study_ends = 2020-01-01")
    ownpace(folder, "retention")
    return " ".join(ownpace(folder, "retention", "--confirm")[1].split())


def test_backups_that_still_hold_what_was_due_are_named(backed_up: Path) -> None:
    assert ownpace(backed_up, "backup", "study.zip")[0] == 0
    assert f"Made, or restored from, since the last deletion: {backed_up}/study.zip." in deleted_as_due(backed_up)


def test_the_backup_that_the_study_was_restored_from_is_named_with_them(backed_up: Path, tmp_path: Path) -> None:
    """It does not know of itself, and still holds what was deleted later."""
    archive = tmp_path / "first.zip"
    assert ownpace(backed_up, "backup", str(archive))[0] == 0
    there = tmp_path / "there"
    (there / "data").mkdir(parents=True)
    shutil.copy(backed_up / "data/study.key", there / "data")
    write_settings(there)
    assert ownpace(there, "restore", str(archive))[0] == 0
    for name in ("second", "third"):
        assert ownpace(there, "backup", f"{name}.zip")[0] == 0
    (there / "second.zip").unlink()
    archive.unlink()
    made = f"{archive}, {there}/third.zip, and no longer where they were written: 1."
    named = f"Made, or restored from, since the last deletion: {made}"
    assert named in deleted_as_due(there)


def test_backups_of_postgresql_are_made_by_pg_dump_and_known_to_it_alone(tmp_path: Path) -> None:
    with postgres.server().database(empty=True) as url:
        write_settings(tmp_path, url)
        two_people(tmp_path)
        code, said = ownpace(tmp_path, "backup", "study.zip")
        assert (code, "pg_dump makes a backup of it" in said) == (2, True)
        assert not (tmp_path / "study.zip").exists()
        assert "Those of pg_dump are not known here." in deleted_as_due(tmp_path)


def test_a_study_moves_to_another_machine_with_its_key(backed_up: Path, tmp_path: Path) -> None:
    """Where there are no settings yet those of the backup are put, without passwords: which are missing is said."""
    folder = backed_up
    (folder / "config.toml").write_text((folder / "config.toml").read_text() + SMS)
    archive = str(tmp_path / "study.zip")
    code, said = ownpace(folder, "backup", archive)
    assert code == 0
    assert "2 participants" in said
    assert "The study key is not in it" in said
    assert ownpace(folder, "backup", archive)[0] == 1, "it is there already"
    assert ownpace(folder, "restore", archive)[0] == 2, "so is the database"

    there = tmp_path / "there"
    there.mkdir()
    code, said = ownpace(there, "restore", archive)
    assert code == 2
    assert "study.key is missing. Put it back" in said
    assert list(there.iterdir()) == [], "nothing is left of it"
    (there / "data").mkdir()
    shutil.copy(folder / "data/study.key", there / "data")
    code, said = ownpace(there, "restore", archive)
    assert code == 0
    assert "config.toml: put back, without passwords and tokens" in said
    assert "Before you start, fill in what is missing in config.toml:" in said
    assert "auth_token in [channels.sms] is empty" in said
    settings(there, 'auth_token = ""', 'auth_token = "secret"')
    assert ownpace(there, "show", "SW01")[1].splitlines()[0].startswith("SW01  Anna")
    assert ownpace(there, "restore", archive, "--force")[0] == 0
    assert ownpace(there, "restore", "people.csv")[0] == 2


def test_prompts_come_along(backed_up: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "prompts", backed_up / "prompts")
    settings(backed_up, f"{ROOT}/prompts", "prompts")
    archive = str(tmp_path / "study.zip")
    assert ownpace(backed_up, "backup", archive)[0] == 0
    there = tmp_path / "there"
    (there / "data").mkdir(parents=True)
    shutil.copy(backed_up / "data/study.key", there / "data")
    code, said = ownpace(there, "restore", archive)
    assert code == 0
    assert "prompts: put back" in said
    assert ownpace(there, "check")[0] == 0


def test_prompts_that_are_not_those_of_the_study_stay_and_are_told_of(backed_up: Path, tmp_path: Path) -> None:
    """So it is on a new machine: the program brings prompts of its own."""
    shutil.copytree(ROOT / "prompts", backed_up / "prompts")
    settings(backed_up, f"{ROOT}/prompts", "prompts")
    (backed_up / "prompts/rota.yaml").write_bytes((ROOT / "prompts/rota.example.yaml").read_bytes())
    ours = (backed_up / "prompts/en/texts.yaml").read_text() + "# ours\n"
    (backed_up / "prompts/en/texts.yaml").write_text(ours)
    archive = str(tmp_path / "study.zip")
    assert ownpace(backed_up, "backup", archive)[0] == 0
    there = tmp_path / "there"
    (there / "data").mkdir(parents=True)
    shutil.copy(backed_up / "data/study.key", there / "data")
    shutil.copytree(ROOT / "prompts", there / "prompts")
    code, said = ownpace(there, "restore", archive)
    assert code == 0
    assert "prompts was there and stays. It is not as in the backup: en/texts.yaml, rota.yaml." in said
    shutil.move(there / "prompts", there / "away")
    code, said = ownpace(there, "restore", archive, "--force")
    assert (code, "It is not as in the backup" in said) == (0, False)
    assert (there / "prompts/en/texts.yaml").read_text() == ours


def test_a_copy_is_written_or_sent_and_never_both(folder: Path) -> None:
    assert ownpace(folder, "copy", "SW01")[0] == 2
    assert ownpace(folder, "copy", "SW01", "--send", "--out", "a.txt")[0] == 2
    assert ownpace(folder, "copy", "SW01", "--out", "a.pdf")[0] == 2
    assert ownpace(folder, "copy", "P99", "--out", "a.txt")[0] == 1
    code, said = ownpace(folder, "copy", "sw01", "--out", "a.docx")
    assert (code, said) == (0, "a.docx: 0 lines. Give it to nobody but them.\n")
    assert ownpace(folder, "copy", "SW01", "--out", "a.docx")[0] == 1
    code, said = ownpace(folder, "copy", "SW01", "--send")
    assert code == 0
    assert "The copy leaves in 1 message" in said
    assert ownpace(folder, "take-out", "SW01", "1")[0] == 1


def test_lines_are_shown_and_wait_for_a_yes_before_they_are_taken_out(folder: Path) -> None:
    url = load_settings(folder / "config.toml").database.url
    with world(folder / "data", database={"url": url}) as study:
        whose = study.consented()
        study.says("A long story.")
        study.run(lambda uow: uow.execute(update(interviews).values(cutoff="2999-12-31")))
        made = study.program.database.read_now(copy.read, study.program.terms, whose)
    (line,) = [line for block in made.blocks for line in block.lines]
    asked, done = f"{line.number}. A long story.\n", ("take-out", whose, str(line.number))
    code, said = ownpace(folder, *done)
    assert code == 2
    assert asked in said
    assert "Nothing was done. To do it: --yes" in said
    assert ownpace(folder, *done, "--yes") == (
        0,
        f"{asked}{whose}: {line.number} taken out of every export from now on.\n",
    )
    assert ownpace(folder, *done, "--yes", "--back")[0] == 0
