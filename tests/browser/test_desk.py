"""The desk of the study team in a real browser: every page and state can be used by everybody, with any tool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk, check, hold, said, with_an_answer


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with with_an_answer(tmp_path_factory.mktemp("desk")) as made:
        yield made


PAGES = (
    "/", "/queue", "/queue?mine=yes", "/queue?group=Unknown+sender", "/participants/{code}",
    "/participants/{code}/refile", "/participants/{code}/split/{said}",
    "/participants/{code}/write-ups", "/participants/{code}/write-ups/{said}", "/participants/{code}/copy",
    "/participants/{code}/withdraw", "/progress", "/enrol", "/reminders",
    "/holding", "/holding?aside=yes", "/holding/{held}", "/search", "/pictures", "/pictures/questions",
    "/assignments", "/rota", "/invitations", "/export",
)  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_every_page_of_the_desk_is_accessible(table: Desk, scheme: Literal["light", "dark"], width: int) -> None:
    held = hold(table)[0]
    for path in PAGES:
        page = table.page(path.format(code=table.code, held=held, said=said(table)), width, scheme, bypass_csp=True)
        check(page)
        page.context.close()


def test_a_sheet_of_invitations_is_accessible_and_fits_a_narrow_page(table: Desk) -> None:
    page = table.page("/invitations", 320)
    page.get_by_label("How many").fill("2")
    page.get_by_role("button", name="Make them").click()
    expect(page.get_by_role("heading", name="2 invitations")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.qr')).flexBasis") == "144px"
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_of_the_desk_is_accessible(table: Desk, scheme: Literal["light", "dark"]) -> None:
    """A preview, a message that has not left, words for later, and what went wrong."""
    page = table.page(f"/participants/{table.code}", 320, scheme, bypass_csp=True)
    mine = page.get_by_label(re.compile("Your message"))
    for _ in "ab":
        if page.get_by_role("button", name="Take over").count():
            page.get_by_role("button", name="Take over").first.click()
    mine.fill("A first line \N{GRINNING FACE}, " + "and a long one " * 20)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
    check(page)
    mine.fill("Good morning")
    page.get_by_role("button", name="Leave it until then").click()
    expect(page.get_by_text(re.compile("admin, for"))).to_be_visible()
    mine.fill("Now then")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name=re.compile("Take it back ?: Now then")).first.click()  # the newest
    expect(mine).to_have_value("Now then")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text(re.compile("leaves within")).first).to_be_visible()
    check(page)
    page.get_by_role("button", name=re.compile("Take it back ?: for")).click()
    expect(mine).to_have_value("Good morning")
    mine.fill("")
    page.goto(f"{table.study.url}/participants/{table.code}/refile")
    page.get_by_role("checkbox").first.check()
    page.get_by_label("Why? The trail keeps it.").fill(" ")
    page.get_by_role("button", name="Move them").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    check(page)
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_form_that_was_refused_or_done_is_accessible(table: Desk, scheme: Literal["light", "dark"]) -> None:
    """A file whose columns have other names, and what each new page says when something is missing, or done."""
    here, message = f"/participants/{table.code}", said(table)
    page = table.page("/enrol", 320, scheme, bypass_csp=True)
    page.get_by_label("Or its lines").fill("group,way,where,Diet\nsocial-workers,simulator,sms/lee,none")
    page.get_by_role("button", name="Look before enrolling").click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody was enrolled")
    check(page)
    expect(page.get_by_label(re.compile("^group, such as"))).to_be_visible()
    page.goto(f"{table.study.url}{here}/split/{message}")
    page.get_by_label("Why? The trail keeps it.").fill("It is about that")
    page.get_by_role("button", name="Split the message").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose the words")
    check(page)
    page.goto(f"{table.study.url}{here}/withdraw")
    page.get_by_label(re.compile("Write the code")).fill("P99")
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose what becomes")
    check(page)
    page.goto(f"{table.study.url}{here}/copy")
    page.get_by_role("button", name="Put them back").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose at least one line")
    check(page)
    page.goto(f"{table.study.url}{here}/write-ups/{message}")
    page.get_by_label(re.compile("The text")).fill("A text in Welsh")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("heading", name="What was written")).to_be_visible()
    check(page)
    page.goto(f"{table.study.url}{here}")
    page.get_by_text("Field notes", exact=True).click()
    page.get_by_label("A note of yours").fill("She asked for more time")
    page.context.clear_cookies()
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_role("alert")).to_contain_text("what you wrote was not saved")
    check(page)
    page.context.close()


def test_the_browser_notes_what_is_new_only_for_whoever_asked_and_names_nobody(table: Desk) -> None:
    page = table.page("/queue", permissions=["notifications"])
    page.evaluate("window.said = []; window.Notification = class extends Notification { constructor(title, more) "
                  "{ super(title, more); said.push(title + ': ' + more.body); } }; null")  # fmt: skip
    cards = page.locator(".cards > li")
    before = cards.count()
    hold(table, "Before anybody asked for it")
    expect(cards).to_have_count(before + 1, timeout=10_000)
    assert page.evaluate("said") == []
    asks = page.get_by_role("button", name="Tell me on this computer")
    asks.press("Enter")
    expect(asks).to_have_attribute("aria-pressed", "true")
    hold(table, "After it")
    expect(cards).to_have_count(before + 2, timeout=10_000)
    page.wait_for_function("said.length === 1")
    assert page.evaluate("said") == ["Own Pace: Something waits for a person."]
    page.reload()
    expect(asks).to_have_attribute("aria-pressed", "true")
    asks.press("Enter")
    expect(asks).to_have_attribute("aria-pressed", "false")
    page.context.close()


def test_two_researchers_see_each_other_and_the_queue_is_live(table: Desk) -> None:
    watching = table.page(f"/participants/{table.code}")
    queue: Any = table.page("/queue")
    before = queue.locator(".cards > li").count()
    name = queue.get_by_label("What came of it?").first.get_attribute("id")
    outcome = queue.locator(f"#{name}")
    queue.locator("summary").first.click()
    outcome.fill("Half a sentence")
    groups = queue.locator("[data-part=tasks] section").count()
    hold(table, "One more from outside")
    expect(queue.locator(".cards > li")).to_have_count(before + 1, timeout=10_000)
    expect(queue.locator("#news")).to_have_text("1 new task")
    hold(table, "I want to die")
    expect(queue.get_by_role("heading", name="Distress", exact=True, level=2)).to_have_count(1, timeout=10_000)
    expect(queue.locator("[data-part=tasks] section")).to_have_count(groups + 1)
    expect(outcome).to_have_value("Half a sentence")
    expect(outcome).to_be_focused()
    expect(watching.get_by_text("is looking at this too")).to_have_count(0)
    queue.context.close()
    watching.context.close()
