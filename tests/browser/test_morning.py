"""A morning of the team, from an empty study to the files that leave: every step in a real browser."""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bot import bootstrap
from bot.service import staff
from tests.browser.desk import chromium, desk, say, sign_in
from tests.rig.study import Study

BEN = "three or four words"
PEOPLE = "cohort,channel,address,name,wording\nsocial-workers,simulator,sms/kim,Kim,short\n"


@dataclass
class Morning:
    study: Study
    browser: Browser
    password: str

    def page(self) -> Page:
        page = self.browser.new_context().new_page()
        page.set_default_timeout(15_000)
        return page


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Morning]:
    with desk(tmp_path_factory.mktemp("morning")) as (study, password), chromium() as browser:
        program = bootstrap.build(bootstrap.load_settings(study.folder / "config.toml"))
        program.database.run_now(staff.add_user, "Ben", BEN, "researcher")
        program.database.close()
        yield Morning(study, browser, password)


def enrolled(page: Page, study: Study) -> str:
    """Enrol from a file: nothing happens before it is confirmed; the code."""
    page.goto(f"{study.url}/enrol")
    file = study.folder / "people.csv"
    file.write_text(PEOPLE.replace("simulator", "pigeon"))
    page.get_by_label("A CSV file").set_input_files(file)
    page.get_by_role("button", name="Look before enrolling").click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody was enrolled")
    file.write_text(PEOPLE)
    page.get_by_label("A CSV file").set_input_files(file)
    page.get_by_role("button", name="Look before enrolling").click()
    code = page.get_by_role("rowheader").first.inner_text()
    other = page.context.new_page()
    other.goto(study.url)
    expect(other.get_by_text("Nobody is enrolled yet")).to_be_visible()
    other.close()
    page.get_by_role("button", name=re.compile("Enrol 1")).click()
    expect(page.get_by_role("status").filter(has_text="Enrolled 1")).to_contain_text(code)
    return code


def answered_until_the_first_question(phone: Page) -> None:
    """YES to every statement, each after it has come."""
    for following in range(2, 30):
        say(phone, "yes")
        expect(phone.get_by_role("log")).to_contain_text(re.compile(rf"{following}\. [A-Z]|Q1 of"))
        if "Q1 of" in phone.inner_text("main"):
            return
    raise AssertionError(phone.inner_text("main"))


def test_from_a_file_of_people_to_the_files_that_leave(morning: Morning) -> None:
    study, ann, ben, phone = morning.study, morning.page(), morning.page(), morning.page()
    sign_in(ann, study, morning.password)
    code = enrolled(ann, study)
    phone.context.add_cookies(ann.context.cookies())  # type: ignore[arg-type]  # what it gives it takes
    phone.goto(f"{study.url}/simulator/{code}")
    expect(phone.get_by_role("log")).to_contain_text("Kim")
    answered_until_the_first_question(phone)

    ann.goto(f"{study.url}/participants/{code}#end")
    say(phone, "I mostly text.")
    sent = time.perf_counter()
    expect(ann.get_by_text("I mostly text.")).to_be_visible()
    print(f"\nan answer is on the researcher's page {time.perf_counter() - sent:.2f} s after it is on the phone")

    ben.goto(study.url)
    ben.get_by_label("Name").fill("Ben")
    ben.get_by_label("Password").fill(BEN)
    ben.get_by_role("button", name="Sign in").click()
    ben.goto(f"{study.url}/participants/{code}")
    expect(ann.get_by_text(re.compile("Ben"))).to_be_visible()
    ann.get_by_role("button", name="Take over").click()
    expect(ann.get_by_role("button", name="Hand back")).to_be_visible()
    ben.get_by_label(re.compile("Your message")).fill("Me too")
    ben.get_by_role("button", name="Send").click()
    expect(ben.get_by_role("alert")).to_contain_text("admin")
    expect(ben.get_by_label(re.compile("Your message"))).to_have_value("Me too")

    ann.get_by_label(re.compile("Your message")).fill("Could you say more about texting?")
    ann.get_by_role("button", name="Send").click()
    expect(phone.get_by_role("log")).to_contain_text("Could you say more about texting?", timeout=25_000)
    say(phone, "Some people ring me at home.")
    expect(ann.get_by_text("Some people ring me at home.")).to_be_visible()
    expect(phone.get_by_role("log")).not_to_contain_text("Me too")
    ann.get_by_role("button", name="Hand back").click()
    expect(phone.get_by_text(re.compile(r"Q\d of")).last).to_be_visible()

    ann.goto(f"{study.url}/participants/{code}/refile")
    ann.get_by_label(re.compile("Some people ring me at home.")).check()
    ann.get_by_label("Where do they belong?").select_option(index=2)
    ann.get_by_label("Why? The trail keeps it.").fill("It is part of that answer.")
    ann.get_by_role("button", name="Move them").click()
    expect(ann.get_by_text(re.compile("1 message from"))).to_be_visible()

    ann.goto(f"{study.url}/export")
    ann.get_by_label("Make it also while suggestions of names are undecided").check()
    with ann.expect_download() as waiting:
        ann.get_by_role("button", name="Make the file").click()
    file = study.folder / waiting.value.suggested_filename
    waiting.value.save_as(file)
    assert [Path(name).name for name in zipfile.ZipFile(file).namelist() if name.endswith(".docx")] == [f"{code}.docx"]
    for page in (ann, ben, phone):
        page.context.close()
