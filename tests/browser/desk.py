"""A study with simulated phones, served, and a browser in front of it."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, StorageState, expect, sync_playwright
from sqlalchemy import update

from bot import bootstrap
from bot.messages import Address, Inbound
from bot.records import participants
from bot.records.tables import outbox
from bot.records.unit_of_work import UnitOfWork
from bot.service import intake, staff
from bot.web.signin import COOKIE
from tests.rig import ROOT, unavailable
from tests.rig.study import Study

AXE = ROOT / ".rig/node_modules/axe-core/axe.min.js"
RULES = """axe.run(document, {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations']
})"""
SAME_NAMES = """() => {
  const places = {};
  for (const link of document.querySelectorAll("a[href]")) {
    if (link.offsetParent) (places[link.textContent.replace(/\\s+/g, " ").trim()] ??= new Set()).add(link.href);
  }
  return Object.entries(places).filter(([, to]) => to.size > 1).map(([name]) => name);
}"""
"""The names of links that lead to more than one place (WCAG 2.4.4)."""
CONFIG = """
[study]
name = "Keeping in touch"
prompts = "{prompts}"
contact_phone = "01632 960000"
researcher = "Ann"
[server]
port = {port}
[pace]
settle = "1s"
[channels.simulator]
enabled = true
"""


@contextmanager
def desk(folder: Path) -> Iterator[tuple[Study, str]]:
    """Serve a new study; it and the password of its first user, admin."""
    study = Study.on_either(folder)
    study.use(CONFIG.format(prompts=ROOT / "prompts", port=study.port))
    said = study.command("users", "add", "admin", "--first")
    found = re.search(r"password (\S+)", said)
    assert found, said
    study.start()
    try:
        yield study, found[1]
    finally:
        study.stop()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A real browser, without a window."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        unavailable("Chromium")
        raise AssertionError
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page: Page, study: Study, password: str) -> None:
    page.goto(study.url)
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{study.url}/")


def new_phone(page: Page, study: Study, name: str, wording: str = "standard") -> str:
    """Add a simulated phone; the participant's code. The page shows the phone then."""
    page.goto(f"{study.url}/simulator")
    page.get_by_label("First name").fill(name)
    page.get_by_label("Wording").select_option(wording)
    page.get_by_role("button", name="Start an interview").click()
    page.wait_for_url(re.compile(r"/simulator/\w+"))
    return page.url.rstrip("#end").rsplit("/", 1)[1]


def say(page: Page, words: str) -> None:
    """Send a message from the phone that is shown."""
    said = page.get_by_text(words, exact=True)
    before = said.count()
    page.get_by_label("Your message").fill(words)
    page.get_by_role("button", name="Send").click()
    expect(said).to_have_count(before + 1)


@dataclass
class Desk:
    """The served study, the browser, somebody who is signed in, and a participant on the first question."""

    study: Study
    browser: Browser
    state: StorageState
    code: str
    password: str

    def page(self, path: str, width: int = 1280, scheme: Literal["light", "dark"] = "light", **more: Any) -> Page:
        viewport: Any = {"width": width, "height": 800}
        context = self.browser.new_context(storage_state=self.state, viewport=viewport, color_scheme=scheme, **more)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.goto(self.study.url + path)
        return page


@contextmanager
def at_the_first_question(folder: Path) -> Iterator[tuple[Desk, Page]]:
    """A participant who has said YES to every statement; the page is their phone."""
    with desk(folder) as (study, password), chromium() as browser:
        page = browser.new_page()
        sign_in(page, study, password)
        code = new_phone(page, study, "Sam")
        statements = 0
        while "Question 1 of" not in page.inner_text("main"):
            statements += 1
            assert statements < 30, page.inner_text("main")
            say(page, "yes")
            expect(page.get_by_role("log")).to_contain_text(re.compile(r"(YES or NO\?|Question 1 of)"))
        yield Desk(study, browser, page.context.storage_state(), code, password), page


@contextmanager
def with_an_answer(folder: Path) -> Iterator[Desk]:
    """The same, who has answered a question and asked for a person; and two messages of somebody unknown."""
    with at_the_first_question(folder) as (made, phone):
        say(phone, "I mostly text, and with my brother I talk.")
        expect(phone.get_by_text("Question 2 of").first).to_be_visible(timeout=15_000)
        say(phone, "PERSON")
        hold(made, "Hello, this is my new phone", "Is this the study?")
        yield made


def hold(table: Desk, *words: str) -> list[int]:
    """Messages of somebody unknown, put into the study by a program beside the server; their ids."""
    program = bootstrap.build(bootstrap.load_settings(table.study.folder / "config.toml"))
    for text in words:
        stranger = Inbound(f"{text} {time.time_ns()}", Address("simulator", "sms/nobody"), text, text.encode())
        program.database.run_now(intake.receive, program.terms, stranger)
    found = program.database.read_now(
        lambda uow: (
            uow.connection.exec_driver_sql(
                "SELECT id FROM messages WHERE belongs = 'held' AND direction = 'in' ORDER BY id"
            )
            .scalars()
            .all()
        )
    )
    program.database.close()
    return [int(each) for each in found]


def silent_since(table: Desk, code: str, length: timedelta) -> None:
    """What somebody was sent, they were sent so long ago: put so by a program beside the server."""
    program = bootstrap.build(bootstrap.load_settings(table.study.folder / "config.toml"))

    def earlier(uow: UnitOfWork) -> None:
        one, ago = participants.named(uow, program.terms, code), uow.now - length
        uow.execute(update(outbox).where(outbox.c.lane == participants.lane(one.id)).values(claimed_at=ago))
        participants.save(uow, one.id, one.interview.but(asked=ago, heard=ago - length))

    program.database.run_now(earlier)
    program.database.close()


def said(table: Desk) -> int:
    """The message with the first answer."""
    page = table.page(f"/participants/{table.code}")
    found = page.locator(".timeline li").filter(has_text="I mostly text, and").get_attribute("id")
    page.context.close()
    assert found
    return int(found[1:])


COLLEAGUE = "three or four words"
"""The password of whoever is added to the team."""


def colleague(table: Desk, name: str, role: str = "researcher", width: int = 1280) -> Page:
    """A page of somebody new of the team, who is signed in."""
    program = bootstrap.build(bootstrap.load_settings(table.study.folder / "config.toml"))
    program.database.run_now(staff.add_user, name, COLLEAGUE, role)
    token = program.database.run_now(staff.sign_in, program.database.read_now(staff.known, name))
    program.database.close()
    context = table.browser.new_context(viewport={"width": width, "height": 800}, bypass_csp=True)
    context.add_cookies([{"name": COOKIE, "value": token, "url": table.study.url}])
    page = context.new_page()
    page.set_default_timeout(10_000)
    return page


TEMPLATES = ROOT / "bot/web/templates"
CHECKED: set[str] = set()
"""The templates of the pages that axe has looked at."""


def headings() -> dict[str, list[str]]:
    """The headings of level 1 of each template that is a page, as patterns."""
    found = {}
    for file in sorted(TEMPLATES.glob("*.html")):
        if written := re.findall(r"<h1>(.*?)</h1>", file.read_text(encoding="utf-8")):
            parts = [re.split(r"\{\{.*?\}\}", heading) for heading in written]
            found[file.name] = [".*".join(re.escape(part) for part in heading) for heading in parts]
    return found


def template_of(page: Page) -> str:
    """By its heading: of those that fit, the template with the most words of its own there."""
    heading = page.locator("h1").inner_text()
    fit = [(len(each), name) for name, each_ in headings().items() for each in each_ if re.fullmatch(each, heading)]
    return max(fit)[1]


def check_both(page: Page) -> None:
    """The same in both colour schemes."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        check(page)


def check(page: Page) -> None:
    """No violation of WCAG 2.2 A or AA, nothing that only scrolls sideways; what was refused has the keyboard."""
    CHECKED.add(template_of(page))
    if page.title().startswith("Problem"):
        expect(page.get_by_role("alert")).to_be_focused()
    if not AXE.exists():
        unavailable("axe-core (scripts/rig installs it)")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    same = page.evaluate(SAME_NAMES)
    assert not same, (page.url, same)
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    found = page.evaluate(RULES)["violations"]
    wrong = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
    assert not wrong, (page.url, wrong)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]  # it has a size
