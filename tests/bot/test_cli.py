"""The commands as people type them: what they print, and how they end."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from bot.bootstrap import load_settings
from bot.cli import COMMANDS as COMMANDS_OF_THE_PROGRAM
from bot.errors import NoStudyYet
from bot.service.batches import BATCH
from bot.service.enrolment import COLUMNS
from tests.bot.typed import ownpace, settings, standing_in, study_folder, write_settings
from tests.rig import ROOT

COMMANDS = [
    "serve",
    "migrate",
    "check",
    "enrol",
    "participants",
    "show",
    "handover",
    "invite",
    "needs",
    "remind",
    "reconfirm",
    "users add",
    "users list",
    "users enable",
    "users password",
    "talk",
]


def test_the_readme_names_every_command() -> None:
    table = (ROOT / "README.md").read_text().partition("| command | what it does |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z-]+)", " ".join(row.split("|")[1] for row in table.splitlines()[2:])))
    assert {name for commands in COMMANDS_OF_THE_PROGRAM.values() for name in commands} - named == set()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A study's folder as the README makes it."""
    with study_folder(tmp_path) as made:
        yield made


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    code, said = ownpace(tmp_path, *command.split(), "--help")
    assert code == 0
    assert "Usage" in said


def test_a_broken_setting_ends_with_2_and_names_the_line(folder: Path) -> None:
    path = folder / "config.toml"
    path.write_text(path.read_text().replace('timezone = "Europe/London"', 'timezone = "Europe/Lodnon"'))
    line = next(n for n, row in enumerate(path.read_text().splitlines(), 1) if "Lodnon" in row)
    for command in ("check", "serve"):
        code, said = ownpace(folder, command)
        assert code == 2
        assert f"config.toml:{line}: timezone in [study] is not a time zone" in said


def test_a_broken_schedule_ends_with_2_and_names_the_line(folder: Path) -> None:
    language = folder / "prompts" / "en"
    language.mkdir(parents=True)
    for path in (ROOT / "prompts/en").iterdir():
        (language / path.name).write_text(path.read_text())
    consent = language / "consent.yaml"
    consent.write_text(consent.read_text().replace("    required: true", "    required: maybe", 1))
    line = next(n for n, row in enumerate(consent.read_text().splitlines(), 1) if "maybe" in row)
    (folder / "config.toml").write_text((ROOT / "config.example.toml").read_text())
    code, said = ownpace(folder, "check")
    assert code == 2
    assert f"consent.yaml:{line}: c1-info: required must be true or false" in said


def test_a_study_that_is_in_order_says_so_and_that_a_server_must_be_started_again(folder: Path) -> None:
    code, said = ownpace(folder, "check")
    assert code == 0
    assert "Everything is in order." in said
    assert "start it again" in said


def test_check_says_how_many_interviews_go_on_with_older_versions(folder: Path) -> None:
    texts = own_texts(folder)
    assert "interviews that go on" not in ownpace(folder, "check")[1], "there is no database"
    ownpace(folder, "migrate")
    assert "interviews that go on" not in ownpace(folder, "check")[1], "there is nobody"
    (folder / "people.csv").write_text(
        "code,cohort,channel,address\n"
        "SW01,social-workers,simulator,sms/a\nSW02,social-workers,simulator,sms/b\nSW03,social-workers,simulator,sms/c\n"
        "P01,disabled-adults,simulator,sms/d\n"
    )
    ownpace(folder, "enrol", "people.csv")
    assert ownpace(folder, "withdraw", "SW03", "--yes")[0] == 0, "what is over does not count"
    texts.write_text(texts.read_text().replace("Hello from {study}.", "Welcome to {study}."))
    (folder / "people.csv").write_text("cohort,channel,address\nsocial-workers,simulator,sms/e\n")
    ownpace(folder, "enrol", "people.csv")
    (texts.parent / "disabled-adults.yaml").unlink()
    code, said = ownpace(folder, "check")
    assert code == 0
    assert said.count("interviews that go on") == 2
    assert "\nsocial-workers (en): interviews that go on: 1 with this version, 2 with older ones\n" in said
    assert "\ndisabled-adults (en): interviews that go on: 1 with a schedule that is not here any more\n" in said


def test_reminders_that_would_press_people_are_warned_of(folder: Path) -> None:
    assert "reminders" not in ownpace(folder, "check")[1]
    settings(folder, '["4d", "10d"]', '["5m", "10m"]')
    code, said = ownpace(folder, "check")
    assert code == 0
    assert "Warning: reminders in [pace] begin 0:05:00 (hours, minutes, seconds) after our message." in said


def test_a_study_name_that_makes_every_text_message_dear_is_warned_of(folder: Path) -> None:
    settings(folder, 'name = "Own Pace"', 'name = "Tŷ Ni"')
    code, said = ownpace(folder, "check")
    assert code == 0
    assert "Warning: name in [study] holds ŷ: a text message that says it costs about twice as much." in said
    assert "researcher in [study] holds" not in said


def test_a_key_that_has_gone_is_no_order(folder: Path) -> None:
    ownpace(folder, "migrate")
    (folder / "data/study.key").rename(folder / "elsewhere")
    code, said = ownpace(folder, "check")
    assert (code, "is missing" in said) == (2, True)


def test_an_address_that_is_not_safe_or_that_nobody_reaches_is_warned_of(folder: Path) -> None:
    unsafe, unreached = (
        "begins with http: passwords and words would pass in the clear",
        "Twilio cannot reach this machine",
    )
    said = ownpace(folder, "check")[1]
    assert (unsafe in said, unreached in said) == (False, False)
    sms = '[channels.sms]\naccount_sid = "AC1"\nauth_token = "t"\nfrom = "+447700900000"\n'
    with (folder / "config.toml").open("a") as file:
        file.write(sms)
    assert unreached in ownpace(folder, "check")[1]
    settings(folder, 'public_base_url = "http://127.0.0.1:8000"', 'public_base_url = "http://study.example.org"')
    said = ownpace(folder, "check")[1]
    assert (unsafe in said, unreached in said) == (True, False)


def test_check_says_whom_to_give_an_address_while_nobody_can_be_told_of_distress(folder: Path) -> None:
    ownpace(folder, "migrate")
    code, said = ownpace(folder, "check")
    assert code == 0
    nobody = "Warning: Nobody can be told of distress, or that somebody wants a person, by mail or Telegram."
    assert said.count(f"{nobody} Fill in [channels.email]") == 1
    assert "Nobody signs in as our researcher, which is how researcher in [study] names whoever reads." in said
    assert "(there is nobody yet: scripts/ownpace users add NAME)" in said
    assert "or several in rota.yaml" in said
    ownpace(folder, "users", "add", "Ann", typed="three or four words\n")
    assert "one of the team signs in (there is Ann)" in ownpace(folder, "check")[1]
    settings(folder, 'researcher = "our researcher"', 'researcher = "Ann"')
    said = ownpace(folder, "check")[1]
    assert "Nobody signs in" not in said
    assert "Say where Ann is told: scripts/ownpace users email Ann ADDRESS" in said


def test_serve_warns_while_somebody_cannot_be_told_and_falls_silent_once_they_can(folder: Path) -> None:
    ownpace(folder, "migrate")
    with socket.create_server(("127.0.0.1", 0)) as taken:  # it warns before it listens
        said = ownpace(folder, "serve", "--port", str(taken.getsockname()[1]))[1]
        assert said.startswith("Warning: Nobody can be told of distress, or that somebody wants a person,")
        settings(folder, "# [channels.email]", '[channels.email]\nusername = "x"\npassword = "x"')
        settings(folder, '# address = "', 'address = "')
        settings(folder, '# smtp_host = "', 'smtp_host = "')
        settings(folder, '# imap_host = "', 'imap_host = "')
        ownpace(folder, "users", "add", "our researcher", typed="three or four words\n")
        ownpace(folder, "users", "email", "our researcher", "ann@example.org")
        said = ownpace(folder, "serve", "--port", str(taken.getsockname()[1]))[1]
        assert "be told of distress" not in said
        assert "Address already in use" in said


def own_texts(folder: Path) -> Path:
    """The texts of prompts that the study has for itself."""
    shutil.copytree(ROOT / "prompts", folder / "ours")
    settings(folder, f"{ROOT}/prompts", "ours")
    return folder / "ours/en/texts.yaml"


def test_a_text_that_wants_mending_ends_with_2_and_is_named_once_with_its_file_line_and_wording(folder: Path) -> None:
    texts = own_texts(folder)
    rows = texts.read_text().splitlines()
    start = rows.index("help:")
    line = next(n for n in range(start, len(rows)) if rows[n].strip().startswith("short:"))
    rows[line + 1 : line + 1] = ["    See www.example.com for more."]
    texts.write_text("\n".join(rows))
    code, said = ownpace(folder, "check")
    assert code == 2
    listed = folder / "ours/links.txt"
    found = f"{texts}:{line + 1}: help (short): holds the link www.example.com, which is not in {listed}: add it there"
    assert said.count(found) == 1
    listed.write_text("www.example.com\n")
    assert ownpace(folder, "check")[0] == 0


def test_what_check_calls_wrong_keeps_serve_from_starting_and_what_is_only_hard_to_read_does_not(folder: Path) -> None:
    texts = own_texts(folder)
    ownpace(folder, "migrate")
    plain = texts.read_text()
    last = "Until this is mended, serve does not start."
    with socket.create_server(("127.0.0.1", 0)) as taken:  # a server that starts gets as far as this
        port = str(taken.getsockname()[1])
        long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."
        texts.write_text(
            plain.replace("help:\n  standard: >-", f"help:\n  standard: >-\n    {long} {long[:-1]} {long}")
        )
        code, said = ownpace(folder, "check")
        assert (code, last in said) == (2, False)
        assert said.endswith("use at most 25\n1 text wants mending; that alone does not keep serve from starting.\n")
        code, said = ownpace(folder, "serve", "--port", port)
        assert (code, "Address already in use" in said) == (1, True)
        assert "Warning: some texts want mending. See: scripts/ownpace check" in said
        for wrong in ("See www.example.com now.", "Call 0800 1111 now."):
            texts.write_text(plain.replace("help:\n  standard: >-", f"help:\n  standard: >-\n    {wrong}"))
            refused = ownpace(folder, "check")[1].partition(f"{texts}:")[2]
            assert refused.endswith(f"{last}\n")
            assert ownpace(folder, "serve", "--port", port) == (2, f"{texts}:{refused}")
        texts.write_text(plain)
        settings(folder, 'name = "Own Pace"', 'name = "Disabled voices"')
        assert ownpace(folder, "serve", "--port", port) == (
            2,
            "the study's name says 'Disabled', which others may read on a locked screen; choose a neutral name\n"
            f"{last}\n",
        )


@pytest.mark.parametrize(
    ("key", "words"),
    [("distress", "Call 0800 1111 now."), ("reminder-1", "Hello from the council.")],
    ids=["a number", "a telling word"],
)
def test_what_could_harm_is_named_with_the_line_of_its_wording(folder: Path, key: str, words: str) -> None:
    texts = own_texts(folder)
    before, found, after = texts.read_text().partition(f"\n{key}:\n")
    wording, *rest = after.partition("  short: >-\n")
    texts.write_text(f"{before}{found}{wording}{rest[0]}    {words}\n{rest[1]}")
    line = f"{before}{found}{wording}".count("\n") + 1
    assert f"{texts}:{line}: {key} (short): " in ownpace(folder, "check")[1]


def test_texts_of_our_study_in_another_are_warned_of_with_their_lines(folder: Path) -> None:
    texts = own_texts(folder)
    for other in ("disabled-adults.yaml", "social-workers.yaml"):
        (texts.parent / other).unlink()
    every = "standard: What do you grow?, easy_read: What do you grow?, short: What do you grow?"
    (texts.parent / "gardeners.yaml").write_text(
        "cohort: gardeners\ntitle: Gardeners\ncode_prefix: G\nsections:\n  - id: one\n    title: Allotments\n"
        f"    questions:\n      - {{id: last, closing: true, {every}}}\n"
    )
    code, said = ownpace(folder, "check")
    assert code == 0
    assert f"Warning: {texts}:5: info-who (standard): speaks of 'social care', which no question here does" in said


def test_a_second_language_that_asks_something_else_ends_with_2_and_names_both_places(folder: Path) -> None:
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    settings(folder, f"{ROOT}/prompts", "prompts")
    english, welsh = folder / "prompts/en/consent.yaml", folder / "prompts/cy/consent.yaml"
    shutil.copytree(english.parent, welsh.parent)
    welsh.write_text(welsh.read_text().replace("id: c9-quotes", "id: c9-geiriau"))
    line = next(n for n, row in enumerate(english.read_text().splitlines(), 1) if "c9-quotes" in row)
    code, said = ownpace(folder, "check")
    assert code == 2
    assert said.count("c9-quotes is missing: en has it") == 1, "both cohorts have it, and it is said once"
    assert f"{welsh}:{line}: c9-quotes is missing" in said
    assert f"Compare {english}:{line}." in said


def test_a_cutoff_that_is_past_ends_with_2_and_nobody_is_enrolled(folder: Path) -> None:
    settings(folder, "cutoff = 180", "cutoff = 2020-03-31")
    line = next(n for n, row in enumerate((folder / "config.toml").read_text().splitlines(), 1) if "2020" in row)
    code, said = ownpace(folder, "check")
    assert code == 2
    assert f"config.toml:{line}: cutoff in [retention] is 2020-03-31, which is past" in said
    ownpace(folder, "migrate")
    (folder / "people.csv").write_text("cohort,channel,address\nsocial-workers,simulator,sms/anna\n")
    code, said = ownpace(folder, "enrol", "people.csv")
    assert code == 2
    assert "2020-03-31, is past" in said


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    code, said = ownpace(tmp_path, "check")
    assert code == 2
    assert "Copy config.example.toml" in said


def test_a_wrong_option_ends_with_2(folder: Path) -> None:
    assert ownpace(folder, "check", "--nonsense")[0] == 2


def test_a_whole_morning_at_the_command_line(folder: Path) -> None:
    assert ownpace(folder, "participants") == (1, f"{NoStudyYet()}\n")
    assert ownpace(folder, "migrate")[0] == 0
    assert ownpace(folder, "migrate") == (0, "The database is up to date.\n")
    assert (folder / "data/study.key").stat().st_mode & 0o077 == 0

    people = folder / "people.csv"
    people.write_text("cohort,channel,address,name\nsocial-workers,simulator,sms/anna,Anna\nnobody,simulator,sms/b,B\n")
    code, said = ownpace(folder, "enrol", str(people))
    assert code == 2
    assert "people.csv:3: there is no cohort 'nobody'" in said
    people.write_text("cohort,channel,address,name,team\nsocial-workers,simulator,sms/anna,Anna,Hospital\n")
    assert ownpace(folder, "enrol", str(people), "--dry-run")[1].endswith(
        "\n1 person can be enrolled. Nothing was done.\n"
    )
    assert ownpace(folder, "enrol", str(people)) == (0, "Enrolled 1: SW01\n")
    assert ownpace(folder, "enrol", str(people))[0] == 2, "nobody is enrolled twice"

    code, said = ownpace(folder, "participants")
    assert code == 0
    assert "SW01" in said
    code, said = ownpace(folder, "show", "sw01")
    assert code == 0
    assert "Hello Anna" in said
    assert said.splitlines()[0].startswith("SW01  Anna  ")
    assert said.splitlines()[1] == "team: Hospital"
    known = json.loads(ownpace(folder, "show", "sw01", "--json")[1])
    assert (known["name"], known["notes"]) == ("Anna", {"team": "Hospital"})
    assert ownpace(folder, "show", "P99") == (1, "There is no participant P99. See: scripts/ownpace participants\n")

    assert ownpace(folder, "users", "add", "ann", typed="short\n")[0] == 2
    assert ownpace(folder, "users", "add", "ann", "--role", "boss", typed="correct horse battery\n")[0] == 2
    assert ownpace(folder, "users", "add", "ann", typed="correct horse battery\n")[0] == 0
    assert "ann" in ownpace(folder, "users", "list")[1]
    assert ownpace(folder, "users", "disable", "nobody")[0] == 1
    code, said = ownpace(folder, "users", "add", "admin", "--first")
    assert code == 0
    assert "There are users already (ann), so no first one was made." in said
    assert ownpace(folder, "users", "password", "ANN", typed="short\n")[0] == 2
    assert ownpace(folder, "users", "password", "ANN", typed="another horse battery\n")[0] == 0
    assert ownpace(folder, "users", "disable", "ann")[0] == 0
    assert "disabled" in ownpace(folder, "users", "list")[1]
    assert ownpace(folder, "users", "enable", "ann")[0] == 0
    assert "disabled" not in ownpace(folder, "users", "list")[1]

    (folder / "data/study.key").chmod(0o644)
    code, said = ownpace(folder, "participants")
    assert code == 2
    assert "chmod 600" in said


def test_a_participant_is_given_to_a_researcher(folder: Path) -> None:
    ownpace(folder, "migrate")
    (folder / "people.csv").write_text("cohort,channel,address\nsocial-workers,simulator,sms/anna\n")
    ownpace(folder, "enrol", "people.csv")
    ownpace(folder, "users", "add", "Ann", typed="correct horse battery\n")
    assert ownpace(folder, "assign", "sw01", "ann") == (0, "SW01 is Ann's now.\n")
    code, said = ownpace(folder, "assign", "SW01", "Anne")
    assert code == 2
    assert said == (
        "'Anne' is nobody who signs in here; there is Ann, our researcher. Is it somebody new? Then first: "
        "scripts/ownpace users add Anne\n"
    )
    code, said = ownpace(folder, "assign", "sw01", "our researcher")
    assert code == 0
    assert "Nobody called our researcher signs in here" in said
    assert ownpace(folder, "assign", "SW99", "Ann")[0] == 1
    assert ownpace(folder, "assign", "SW01", "A name too long for a text")[0] == 2


def test_the_list_of_users_says_what_each_has_set_up(folder: Path) -> None:
    ownpace(folder, "migrate")
    for name in ("Ann", "Ben"):
        ownpace(folder, "users", "add", name, typed="correct horse battery\n")
    rows = {
        line.split()[1]: line.replace("│", "").split()
        for line in ownpace(folder, "users", "list")[1].splitlines()[3:-1]
    }
    assert rows == {name: [name, "researcher", "no", "no"] for name in ("Ann", "Ben")}
    assert ownpace(folder, "users", "email", "ann", "ann@example.org")[0] == 0
    ownpace(folder, "users", "disable", "Ben")
    rows = {
        line.split()[1]: line.replace("│", "").split()
        for line in ownpace(folder, "users", "list")[1].splitlines()[3:-1]
    }
    assert rows == {"Ann": ["Ann", "researcher", "no", "yes"], "Ben": ["Ben", "researcher", "no", "no", "disabled"]}


def test_whoever_leaves_or_takes_another_role_leaves_nobody_alone(folder: Path) -> None:
    """Their people, conversations and place on the rota are named, each with its mend, until others have them."""
    ownpace(folder, "migrate")
    settings(folder, 'researcher = "our researcher"', 'researcher = "Ann"')
    (folder / "people.csv").write_text("cohort,channel,address\nsocial-workers,simulator,sms/anna\n")
    for name, role in (("Zoe", "admin"), ("Ann", "coordinator"), ("Ben", "researcher")):
        ownpace(folder, "users", "add", name, "--role", role, typed="correct horse battery\n")
    assert ownpace(folder, "users", "role", "Ann", "boss")[0] == 2
    assert ownpace(folder, "users", "role", "zoe", "researcher")[1].startswith("Zoe is the last admin who can sign in.")
    assert ownpace(folder, "users", "role", "ann", "researcher") == (
        0,
        "Ann is a researcher now, and has to sign in again.\n",
    )
    assert ownpace(folder, "users", "role", "ann", "researcher") == (0, "Ann is a researcher already.\n")
    assert "command line user role Ann  was=coordinator now=researcher" in ownpace(folder, "audit", "--last", "1")[1]
    ownpace(folder, "enrol", "people.csv")
    ownpace(folder, "handover", "SW01", "--as", "Ann")

    left = (
        "- Ann is still named as the researcher of SW01. Until somebody else is, every researcher may open them, and "
        "texts name Ann: scripts/ownpace assign SW01 NAME\n"
        "- Ann has the conversation with SW01, and the questions wait. Somebody else takes it: "
        "scripts/ownpace handover SW01 --as NAME --anyway\n"
        "- Ann is named as somebody who reads, or is told of distress: take the name out of rota.yaml in the prompts "
        "folder, or researcher in [study], run check, and start the server again.\n"
    )
    assert ownpace(folder, "users", "role", "Ann", "coordinator") == (
        0,
        f"Ann is a coordinator now, and has to sign in again.\n{left}",
    )
    assert ownpace(folder, "users", "disable", "ann") == (0, f"Ann can no longer sign in.\n{left}")
    ownpace(folder, "assign", "SW01", "Ben")
    ownpace(folder, "handover", "SW01", "--as", "Ben", "--anyway")
    settings(folder, 'researcher = "Ann"', 'researcher = "Ben"')
    assert ownpace(folder, "users", "disable", "ann") == (0, "Ann can no longer sign in.\n")


def test_a_statement_that_changed_is_put_to_those_who_had_agreed(folder: Path) -> None:
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    settings(folder, f"{ROOT}/prompts", "prompts")
    ownpace(folder, "migrate")
    (folder / "people.csv").write_text("cohort,channel,address\nsocial-workers,simulator,sms/anna\n")
    ownpace(folder, "enrol", "people.csv")
    assert ownpace(folder, "reconfirm") == (
        0,
        "0 are asked again.\nStart a running server again, so that whoever is enrolled from now on hears the new words "
        "too.\n",
    )
    consent = folder / "prompts/en/consent.yaml"
    consent.write_text(consent.read_text().replace("Taking part is my choice", "It is my choice"))
    code, said = ownpace(folder, "reconfirm", "sw01", "--statement", "c2-choice", "--dry-run")
    assert code == 0
    assert said == (
        "SW01: c2-choice: hears the new words when they come to them\n0 would be asked again. Nothing was done.\n"
    )
    assert ownpace(folder, "reconfirm", "--statement", "c2")[0] == 2
    assert ownpace(folder, "reconfirm")[0] == 0
    assert ownpace(folder, "reconfirm", "--dry-run") == (0, "0 would be asked again. Nothing was done.\n")


def test_what_somebody_needs_is_shown_and_changed(folder: Path) -> None:
    ownpace(folder, "migrate")
    (folder / "people.csv").write_text("cohort,channel,address\nsocial-workers,simulator,sms/anna\n")
    ownpace(folder, "enrol", "people.csv")
    changed = "wording: standard -> easy_read\nsettle: (as the study) -> 2h\n"
    wanted = ("needs", "sw01", "wording=easy_read", "settle=2h")
    assert ownpace(folder, *wanted, "--dry-run") == (0, f"{changed}Nothing was done.\n")
    assert ownpace(folder, *wanted) == (0, changed)
    assert ownpace(folder, *wanted) == (0, "It is so already.\n")
    code, said = ownpace(folder, "needs", "SW01")
    assert code == 0
    assert "easy_read" in said
    assert ownpace(folder, "needs", "SW01", "settle=") == (0, "settle: 2h -> (as the study)\n")
    assert "Write NAME=VALUE" in ownpace(folder, "needs", "SW01", "settle")[1]
    assert ownpace(folder, "needs", "SW01", "setle=2h")[0] == 2
    assert ownpace(folder, "needs", "SW01", "settle=1s")[0] == 2


def test_a_conversation_is_given_to_a_person_and_handed_back(folder: Path) -> None:
    """What the command does is what the dashboard does: one voice, the next one only on purpose, the question again."""
    ownpace(folder, "migrate")
    (folder / "people.csv").write_text(
        "cohort,channel,address,safe_contact\nsocial-workers,simulator,sms/anna,\n"
        "social-workers,simulator,sms/ben,Ring after six; never leave a message\n"
    )
    ownpace(folder, "enrol", "people.csv")
    for name in ("Ann", "Ben Jones"):
        assert ownpace(folder, "users", "add", name, typed="correct horse battery\n")[0] == 0

    assert ownpace(folder, "handover", "SW01") == (
        2,
        "Say who speaks: --as NAME, one of: scripts/ownpace users list\n",
    )
    assert ownpace(folder, "handover", "SW01", "--as", "Zoe") == (
        1,
        "There is no user Zoe. See: scripts/ownpace users list\n",
    )
    assert ownpace(folder, "handover", "SW99", "--as", "Ann")[1].startswith("There is no participant SW99.")
    assert ownpace(folder, "handover", "SW01", "--as", "Ann", "--back") == (1, "SW01 is not with a researcher.\n")

    code, said = ownpace(folder, "handover", "sw01", "--as", "ann", "--reason", "they rang")
    assert code == 0
    assert said == (
        "Ann has the conversation with SW01, and the service is silent. "
        "Write at http://127.0.0.1:8000/participants/SW01\n"
        "To hand it back: scripts/ownpace handover SW01 --as Ann --back\n"
    )
    assert "With Ann" in ownpace(folder, "show", "SW01")[1]
    for words in ([], ["--back"]):
        code, said = ownpace(folder, "handover", "SW01", "--as", "Ben Jones", *words)
        assert (code, said) == (1, "Ann has the conversation with SW01. Take it over from them first.\n")
    assert ownpace(folder, "handover", "SW01", "--as", "Ben Jones", "--back", "--anyway")[0] == 2
    assert ownpace(folder, "handover", "SW01", "--as", "Ben Jones", "--anyway")[0] == 0

    statement = "I have read or heard the information"
    assert ownpace(folder, "show", "SW01")[1].count(statement) == 1
    assert ownpace(folder, "handover", "SW01", "--as", "Ben Jones", "--back") == (
        0,
        "The service speaks to SW01 again.\n",
    )
    said = ownpace(folder, "show", "SW01")[1]
    assert "Reading the statements" in said
    assert said.count(statement) == 2, "the open statement is asked again"
    ownpace(folder, "users", "add", "Cora", "--role", "coordinator", typed="correct horse battery\n")
    code, said = ownpace(folder, "handover", "SW02", "--as", "Cora")
    assert (code, said) == (1, "Cora may not have the conversation with SW02: they are a coordinator.\n")
    said = ownpace(folder, "handover", "SW02", "--as", "Ann")[1]
    assert "How it is safe to contact them: Ring after six; never leave a message\n" in said
    ownpace(folder, "users", "disable", "Ann")
    assert "Ann is disabled" in ownpace(folder, "handover", "SW01", "--as", "Ann")[1]


def test_invitations_are_made_shown_once_and_counted(folder: Path) -> None:
    """A sheet and a list, for their owner only; nothing there is ever written over."""
    ownpace(folder, "migrate")
    code, said = ownpace(folder, "invite", "--cohort", "social-workers", "--number", "2", "--expires", "10d")
    assert code == 0
    rows = [line.split() for line in said.splitlines() if "/join/" in line]
    assert [link for _, link in rows] == [f"http://127.0.0.1:8000/join/{made}" for made, _ in rows]
    assert len(rows) == 2
    assert "2 invitations to social-workers. Each works once, until " in said
    assert "Warning: the links begin with http://127.0.0.1:8000, which opens on this computer only." in said

    settings(folder, 'public_base_url = "http://127.0.0.1:8000"', 'public_base_url = "https://voices.example"')
    make = ("invite", "--cohort", "disabled-adults", "--number", "3", "--out", "sheets")
    code, said = ownpace(folder, *make)
    assert code == 0
    assert "Warning: the links" not in said
    assert "Warning: only simulated phones can use them yet." in said
    listed = list(csv.DictReader((folder / "sheets/invitations.csv").read_text().splitlines()))
    assert [row["cohort"] for row in listed] == ["disabled-adults"] * 3
    assert all(row["words"] == f"JOIN {row['code']}" for row in listed)
    sheet = (folder / "sheets/invitations.html").read_text()
    assert all(row["code"] in sheet and row["link"] in sheet for row in listed)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder / "sheets").iterdir())
    code, said = ownpace(folder, *make)
    assert (code, said) == (
        1,
        "sheets/invitations.html is there already, and its codes are nowhere else. Name another folder.\n",
    )
    withdraw = ("invite", "--withdraw", listed[0]["code"].lower())
    assert ownpace(folder, *withdraw) == (0, "It is withdrawn. To undo that: the same with --undo.\n")
    assert ownpace(folder, *withdraw)[0] == 2
    assert ownpace(folder, *withdraw, "--undo") == (0, "It can be used again.\n")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in ownpace(folder, "invite")[1].splitlines()]
    assert ["disabled-adults", "no limit", "0", "0", "0", "3", "0", "0", "0"] in rows, "the refused ones were not made"
    assert ["social-workers", "no limit", "0", "0", "0", "2", "0", "0", "0"] in rows
    for words, problem in {
        ("--cohort", "nobody"): "There is no cohort 'nobody'",
        ("--cohort", "social-workers", "--number", "0"): "Make from 1 to 1000 invitations",
        ("--cohort", "social-workers", "--channel", "fax"): "The channel 'fax' is not set up here; there is simulator",
        ("--cohort", "social-workers", "--expires", "soon"): "--expires 'soon' is not a length of time",
        ("--cohort", "social-workers", "--expires", "0"): "would have expired already",
    }.items():
        code, said = ownpace(folder, "invite", *words)
        assert code == 2
        assert problem in said


def test_a_full_cohort_waits_by_file_and_is_let_in_by_hand(folder: Path) -> None:
    settings(folder, "# quotas = { disabled-adults = 30, social-workers = 25 }", "quotas = { social-workers = 1 }")
    ownpace(folder, "migrate")
    people = [f"social-workers,simulator,sms/{name}" for name in ("anna", "ben", "cat")]
    (folder / "people.csv").write_text("\n".join(["cohort,channel,address", *people]))
    said = ownpace(folder, "enrol", "people.csv", "--dry-run")[1]
    assert said.count("waits for a place") == 2
    assert "No place is left for 2: SW02, SW03. They would be put on the waiting list.\n" in said
    said = ownpace(folder, "enrol", "people.csv")[1]
    assert said.startswith("Enrolled 1: SW01\nNo place is left for 2: SW02, SW03. They are put on the waiting list.\n")
    assert ownpace(folder, "participants")[1].count("On the waiting list") == 2
    assert "We have enough people for now." in ownpace(folder, "show", "SW02")[1]
    code, said = ownpace(folder, "invite", "--admit", "SW02")
    assert code == 1
    assert "No place is free: 1 of 1 in social-workers are taken." in said
    assert ownpace(folder, "invite", "--admit", "sw02", "--over-quota")[0] == 0
    assert "I have read or heard the information" in ownpace(folder, "show", "SW02")[1]
    assert ownpace(folder, "invite", "--admit", "SW01")[1].startswith("SW01 is not on the waiting list")
    (folder / "people.csv").write_text("cohort,channel,address\nsocial-workers,simulator,sms/dan\n")
    assert ownpace(folder, "enrol", "people.csv", "--over-quota") == (0, "Enrolled 1: SW04\n")
    (row,) = [line for line in ownpace(folder, "invite")[1].splitlines() if "social-workers" in line]
    assert [cell.strip() for cell in row.split("│")[1:5]] == ["social-workers", "1", "3", "1"]


TWILIO = 'account_sid = "AC1"\nauth_token = "t"\nfrom = "+447700900000"'


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "[study]\nquotas = { disabled-adult = 30 }",
            "config.toml:2: disabled-adult in [study.quotas] has no cohort to act on; there is disabled-adults, "
            "social-workers.\n",
        ),
        (
            "[pace]\ncaps = 4\n[pace.cohorts.carers]\ncaps = 1",
            "config.toml:3: carers in [pace.cohorts] has no cohort to act on; there is disabled-adults, "
            "social-workers.\n",
        ),
        (
            f'[channels.whatsapp]\n{TWILIO}\ntemplates = {{ "template-repoen" = "HX1" }}',
            "config.toml:5: template-repoen in [channels.whatsapp.templates] has no text to act on; there is "
            "template-reopen.\n",
        ),
    ],
    ids=["quota", "pace", "template"],
)
def test_what_is_set_for_a_name_that_is_not_there_is_named_with_its_line(folder: Path, written: str, said: str) -> None:
    ownpace(folder, "migrate")
    plain = (folder / "config.toml").read_text()
    url = re.search(r"^url = .*$", plain, re.MULTILINE)
    assert url is not None
    rest = f"[database]\n{url[0]}\n[channels.simulator]\nenabled = true\n"
    study = written if written.startswith("[study]") else f"{written}\n[study]"
    (folder / "config.toml").write_text(f'{study}\nprompts = "{ROOT}/prompts"\n{rest}')
    for command in ("check", "serve"):
        assert ownpace(folder, command) == (2, said)


def test_serving_before_there_is_a_study_says_what_to_run(folder: Path) -> None:
    assert ownpace(folder, "serve") == (1, f"{NoStudyYet()}\n")
    assert not (folder / "data").exists()


def test_a_port_that_cannot_be_had_is_never_printed_as_an_address(folder: Path) -> None:
    ownpace(folder, "migrate")
    for port in ("99999", "0", "-1"):
        code, said = ownpace(folder, "serve", "--port", port)
        assert code == 2
        assert "http://" not in said
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = ownpace(folder, "serve", "--port", str(taken.getsockname()[1]))
    assert code == 1
    assert "Address already in use. Stop what uses it, or choose another" in said
    assert "http://" not in said
    code, said = ownpace(folder, "serve", "--host", "no.such.host.invalid")
    assert code == 1
    assert "\nCannot listen at no.such.host.invalid, port 8000: " in said


def test_a_database_that_cannot_be_used_ends_with_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path
    write_settings(folder)
    (folder / "data").write_text("a file")
    code, said = ownpace(folder, "migrate")
    assert code == 1
    assert "data: File exists. A folder is wanted there" in said
    (folder / "data").unlink()

    ownpace(folder, "migrate")
    for path in folder.glob("data/ownpace.db*"):
        path.unlink()
    (folder / "data/ownpace.db").write_text("This is no database at all, but a letter. " * 100)
    for words in (["migrate"], ["participants"], ["serve"]):
        code, said = ownpace(folder, *words)
        assert code == 1
        assert "The database (url in [database] of the settings) is no database. Move the file away" in said

    settings(folder, "sqlite:///data/ownpace.db", "sqlite:///data")
    code, said = ownpace(folder, "migrate")
    assert code == 1
    assert "cannot be opened. Check that its folder is there" in said
    settings(folder, "sqlite:///data", "sqlite+aiosqlite:///x.db")
    code, said = ownpace(folder, "migrate")
    assert code == 2
    assert 'url in [database] must be "sqlite:///" and the path of a file' in said


def test_help_says_where_the_port_comes_from(tmp_path: Path) -> None:
    said = ownpace(tmp_path, "serve", "--help")[1]
    assert "the settings' port" in said
    assert "the settings' host" in said


def test_help_names_every_column_on_a_narrow_screen(tmp_path: Path) -> None:
    said = ownpace(tmp_path, "enrol", "--help", columns=80)[1]
    for column in COLUMNS:
        assert column in said


def test_help_says_how_many_are_enrolled_at_once(tmp_path: Path) -> None:
    for said in (ownpace(tmp_path, "enrol", "--help")[1], (ROOT / "README.md").read_text()):
        assert re.search(rf"ore than {BATCH} people", said)


def test_in_a_terminal_an_answer_has_as_many_lines_as_somebody_likes(folder: Path) -> None:
    keyboard, terminal = pty.openpty()
    typed = "yes\n" * 13 + "First line.\nSecond line.\n\n" + "Another.\nDONE\n" + "A third.\nAnd more.\n\x04"
    os.write(keyboard, typed.encode())
    words = [sys.executable, "-m", "bot", "talk", "--cohort", "social-workers"]
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(words, cwd=folder, env=environment, stdin=terminal, capture_output=True, text=True, timeout=60)
    os.close(keyboard)
    os.close(terminal)
    assert ran.returncode == 0, ran.stderr
    assert "DONE or an empty line ends it" in ran.stdout.splitlines()[0]
    assert "Hello you" not in ran.stdout
    assert "3 of" in ran.stdout
    assert "4 of" not in ran.stdout


def test_a_whole_interview_can_be_had_in_the_terminal(folder: Path) -> None:
    answers = "yes\n" * 20 + "My answer.\n" * 40
    code, said = ownpace(folder, "talk", "--cohort", "social-workers", typed=answers)
    assert code == 0
    assert "Each line is a message, and a whole answer." in said.splitlines()[0]
    assert "That was the last question. Thank you" in said
    assert not (folder / "data").exists(), "nothing is kept"


def test_a_whole_interview_can_be_seen_at_one_look_in_any_wording_and_language(folder: Path) -> None:
    said = ownpace(folder, "talk", "--all", "--wording", "short")[1]
    assert said.startswith("Disabled adults who use social work services: en, short, version ")
    assert "\n--- YES: c2-choice\n\n2. I am 18 or over." in said
    assert "    --- If the answer is 'no', 'none'," in said
    assert "helpers is 'none': a-others-wish\n\n    Q11 of 14. If you could choose" in said
    assert "Thank you, (name). Your answers" in said
    english = own_texts(folder).parent
    shutil.copytree(english, english.with_name("cy"))
    assert ": en, standard, version" in ownpace(folder, "talk", "--all")[1], "English, where there is one"
    shutil.rmtree(english)
    code, said = ownpace(folder, "talk", "--all", "--cohort", "social-workers")
    assert (code, ": cy, standard, version" in said) == (0, True)
    assert ownpace(folder, "talk", "--language", "en")[0] == 2
    assert "there is no cohort 'carers' in language 'en'" in ownpace(folder, "talk", "--cohort", "carers")[1]
    assert not (folder / "data").exists(), "nothing is kept"


def test_an_interview_in_the_terminal_never_touches_the_study_that_the_environment_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = standing_in(folder, monkeypatch, capsys)
    known = load_settings(folder / "config.toml")
    monkeypatch.setenv("OWNPACE_DATABASE__URL", known.database.url)
    monkeypatch.setenv("OWNPACE_SECURITY__KEY_FILE", str(known.security.key_file))
    monkeypatch.setattr("sys.stdin", StringIO("yes\n"))
    before = typed("participants")
    assert "SW01" in before[1]
    assert typed("talk", "--cohort", "social-workers")[0] == 0
    assert typed("participants") == before
