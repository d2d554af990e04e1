"""The desk of the study team in a real browser: every page and state can be used by everybody, with any tool."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from bot import bootstrap
from bot.messages import Address, Inbound
from bot.service import intake
from tests.browser.desk import AXE, chromium, desk, new_phone, say, sign_in
from tests.browser.test_pages import Desk
from tests.rig import unavailable

RULES = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"


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


def said(table: Desk) -> int:
    """The message with the first answer."""
    page = table.page(f"/participants/{table.code}")
    found = page.locator(".timeline li").filter(has_text="I mostly text, and").get_attribute("id")
    page.context.close()
    assert found
    return int(found[1:])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("desk")) as (study, password), chromium() as browser:
        page = browser.new_page()
        sign_in(page, study, password)
        code = new_phone(page, study, "Sam")
        while "Question 1 of" not in page.inner_text("main"):
            say(page, "yes")
            expect(page.get_by_role("log")).to_contain_text(re.compile(r"(YES or NO\?|Question 1 of)"))
        say(page, "I mostly text, and with my brother I talk.")
        expect(page.get_by_text("Question 2 of").first).to_be_visible(timeout=15_000)
        say(page, "PERSON")
        made = Desk(study, browser, page.context.storage_state(), code, password)
        hold(made, "Hello, this is my new phone", "Is this the study?")
        yield made


def check(page: Page) -> None:
    """No violation of WCAG 2.2 A or AA, nothing that only scrolls sideways, and nothing the browser complains of."""
    if not AXE.exists():
        unavailable("axe-core (scripts/rig installs it)")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.add_script_tag(path=AXE)
    found = page.evaluate(RULES)["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]


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


def test_a_search_with_the_keyboard_alone_leads_to_the_message(table: Desk) -> None:
    page = table.page("/search", 320, bypass_csp=True)
    field = page.get_by_label("Words", exact=True)
    for _ in range(20):
        if field.evaluate("field => field === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.type("thank you")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("message"))).to_be_visible()
    assert "thank" not in page.url
    check(page)
    link = page.locator(".cards a").first
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/participants/{table.code}\?at="))


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


def tab_to(page: Page, what: str, most: int = 90) -> None:
    """Press Tab until the keyboard is on something with this name or text."""
    name = "(e => e.labels?.[0]?.innerText ?? e.innerText ?? '')(document.activeElement)"
    for _ in range(most):
        page.keyboard.press("Tab")
        if str(page.evaluate(name)).strip().startswith(what):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"where the keyboard is can be seen on {what!r}"
            return
    raise AssertionError(f"{what!r} cannot be reached with the keyboard")


def test_the_main_tasks_can_be_done_with_the_keyboard_alone(table: Desk) -> None:
    """Claim a task, open the conversation, take over, insert a probe, send, take it back, and move a message."""
    page = table.page("/queue")
    tab_to(page, "Claim")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Owner: admin.").first).to_be_visible()
    page.goto(f"{table.study.url}/participants/{table.code}")
    if page.get_by_role("button", name="Take over").count():
        tab_to(page, "Take over")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Hand back")).to_be_visible()
    tab_to(page, "Your message")
    page.keyboard.type("Hello Sam")
    tab_to(page, "Probes for the open question")
    page.keyboard.press("Enter")
    tab_to(page, "Put it into my message")
    page.keyboard.press("Enter")
    mine = page.get_by_label(re.compile("Your message"))
    expect(mine).to_be_focused()
    assert len(mine.input_value()) > len("Hello Sam")
    expect(page.locator("#size")).to_contain_text("to pay for")
    tab_to(page, "Send")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("leaves within")).first).to_be_visible()
    page.keyboard.press("Shift+Tab")
    tab_to(page, "Take it back", most=200)
    page.keyboard.press("Enter")
    expect(mine).to_have_value(re.compile("^Hello Sam"))
    page.goto(f"{table.study.url}/participants/{table.code}/refile")
    page.get_by_role("checkbox").first.focus()
    page.keyboard.press("Space")
    tab_to(page, "Where do they belong?")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Why?")
    page.keyboard.type("It is about that")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("1 message from"))).to_be_visible()
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
    outcome = queue.get_by_label("What came of it?").first
    queue.locator("summary").first.click()
    outcome.fill("Half a sentence")
    hold(table, "One more from outside")
    expect(queue.locator(".cards > li")).to_have_count(before + 1, timeout=10_000)
    expect(outcome).to_have_value("Half a sentence")
    expect(watching.get_by_text("is looking at this too")).to_have_count(0)
    queue.context.close()
    watching.context.close()
