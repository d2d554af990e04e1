"""What a newcomer does on the first morning, in a real browser; and that every page can be used by everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import expect

from bot.web.signin import COOKIE
from tests.browser.desk import AXE, Desk, at_the_first_question, new_phone, say
from tests.rig import unavailable


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with at_the_first_question(tmp_path_factory.mktemp("desk")) as (made, _phone):
        yield made


def test_what_somebody_says_appears_on_the_dashboard_by_itself(table: Desk) -> None:
    watching, phone = table.page(f"/participants/{table.code}"), table.page(f"/simulator/{table.code}")
    expect(watching.get_by_text("I mostly text.")).to_have_count(0)
    say(phone, "I mostly text.")
    expect(watching.get_by_text("I mostly text.")).to_be_visible()
    expect(phone.get_by_text("Question 2 of")).to_be_visible(timeout=15_000)
    expect(watching.get_by_text("Question 2 of").first).to_be_visible()


def test_somebody_who_reads_easy_read_gets_every_text_in_it(table: Desk) -> None:
    page = table.page("/")
    new_phone(page, table.study, "Eve", "easy_read")
    phone = page.get_by_role("log")
    expect(phone).to_contain_text("Thank you for helping us. Send as many messages as you like.")
    expect(phone).to_contain_text("I understand what this is about.")
    say(page, "perhaps")
    expect(phone).to_contain_text("Sorry, we did not understand. Please say YES or NO.")
    say(page, "yes")
    expect(phone).to_contain_text("I choose to take part. I can stop when I want.")
    page.context.close()


def test_a_researcher_takes_over_writes_and_hands_back(table: Desk) -> None:
    watching, phone = table.page(f"/participants/{table.code}"), table.page(f"/simulator/{table.code}")
    watching.get_by_role("button", name="Take over").click()
    watching.get_by_label(re.compile("Your message")).fill("Hello, I am Ann. How is it going?")
    watching.get_by_role("button", name="Send").click()
    expect(phone.get_by_text("Hello, I am Ann.")).to_be_visible(timeout=25_000)
    say(phone, "Fine so far.")
    watching.get_by_role("button", name="Hand back").click()
    expect(phone.get_by_text(re.compile(r"Question \d of")).last).to_be_visible()


def test_what_a_researcher_wrote_stays_while_they_take_over(table: Desk) -> None:
    page = table.page(f"/participants/{table.code}")
    field = page.get_by_label(re.compile("Your message"))
    field.fill("Hello,\nI am Ann.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("Take over first")
    expect(field).to_have_value("Hello,\nI am Ann.")
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_text("You have the conversation.")).to_be_visible()
    expect(field).to_have_value("Hello,\nI am Ann.")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".timeline li").last).to_contain_text("I am Ann.")
    expect(field).to_have_value("")
    page.get_by_role("button", name="Hand back").click()
    expect(page.get_by_role("button", name="Hand back")).to_have_count(0)
    page.context.close()


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_what_a_researcher_wrote_is_there_after_signing_in_again(table: Desk, script: bool) -> None:
    page = table.page(f"/participants/{table.code}", java_script_enabled=script)
    page.get_by_label(re.compile("Your message")).fill("Written\nfor a long time.")
    page.context.clear_cookies()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("It is kept")
    page.get_by_label("Name").fill("ADMIN")
    page.get_by_label("Password").fill(table.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(rf"/participants/{table.code}$"))
    expect(page.get_by_label(re.compile("Your message"))).to_have_value("Written\nfor a long time.")
    page.context.close()


def test_what_somebody_writes_anywhere_is_there_after_a_reload_until_it_is_sent(table: Desk) -> None:
    page = table.page(f"/participants/{table.code}")
    page.get_by_text("Field notes", exact=True).click()
    page.get_by_label("A note of yours").fill("They laughed.\nThen they were quiet.")
    message = page.get_by_label(re.compile("Your message"))
    message.fill("Dear")
    page.reload()
    note = page.get_by_label("A note of yours")
    expect(note).to_be_visible()
    expect(note).to_have_value("They laughed.\nThen they were quiet.")
    expect(message).to_have_value("Dear")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.locator("#notes .ledger")).to_contain_text("They laughed.")
    expect(message).to_have_value("Dear")
    with page.expect_response(lambda answer: "/unsent?" in answer.url):
        page.reload()
    page.get_by_text("Field notes", exact=True).click()
    expect(note).to_have_value("")
    with page.expect_response(lambda answer: answer.url.endswith("/unsent")):
        message.fill("")
    page.reload()
    expect(message).to_have_value("")
    page.context.close()


def test_what_somebody_writes_is_there_after_the_service_was_started_again(table: Desk) -> None:
    """Also a reason of one line; but not a code that is written to be sure that it is the right person."""
    say(table.page(f"/simulator/{table.code}"), "I ring my brother.")
    page = table.page(f"/participants/{table.code}/refile")
    reason = page.get_by_label("Why? The trail keeps it.")
    with page.expect_response(lambda answer: answer.url.endswith("/unsent") and answer.ok):
        reason.fill("It is about their brother")
    page.goto(f"{table.study.url}/participants/{table.code}/withdraw")
    page.get_by_label(re.compile("Write the code")).fill(table.code)
    table.study.stop()
    table.study.start()
    with page.expect_response(lambda answer: "/unsent?" in answer.url):
        page.reload()
    expect(page.get_by_label(re.compile("Write the code"))).to_have_value("")
    page.goto(f"{table.study.url}/participants/{table.code}/refile")
    expect(reason).to_have_value("It is about their brother")
    expect(page.locator("#news")).to_have_text("What you had not sent is in its field again.")
    reason.fill("")
    page.reload()
    page.context.close()


def test_words_written_after_the_session_ended_are_kept_once_somebody_has_signed_in_on_another_tab(
    table: Desk,
) -> None:
    page = table.page(f"/participants/{table.code}")
    token = next(one["value"] for one in page.context.cookies() if one["name"] == COOKIE)
    page.context.clear_cookies()
    message = page.get_by_label(re.compile("Your message"))
    with page.expect_response(lambda answer: answer.url.endswith("/unsent") and answer.status == 401):
        message.fill("Written after it ended.")
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload(), 0)")
    assert asked.value.type == "beforeunload", "the browser asks before the words are lost"
    asked.value.dismiss()
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": table.study.url}])
    page.wait_for_event("response", lambda answer: answer.url.endswith("/unsent") and answer.ok)
    page.reload()
    expect(message).to_have_value("Written after it ended.")
    message.fill("")
    page.reload()
    page.context.close()


def test_a_page_says_when_it_is_not_live_keeps_the_words_and_says_when_it_is_again(table: Desk) -> None:
    page, people = table.page(f"/participants/{table.code}"), table.page("/")
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_role("button", name="Hand back")).to_be_visible()
    field = page.get_by_label(re.compile("Your message"))
    field.fill("Are you there?")
    said = (table.study.folder / "out.log").read_text()
    table.study.stop()
    assert (table.study.folder / "out.log").read_text() == said, "pages that are open are no reason to complain"
    for each in (page, people):
        expect(each.locator("#connection")).to_have_text("Connection lost. What you see may be old.")
    page.get_by_role("button", name="Send").click()
    page.wait_for_function("document.querySelector('textarea').validationMessage.startsWith('This was not sent')")
    expect(field).to_have_value("Are you there?")
    table.study.start()
    for each in (page, people):
        expect(each.locator("#connection")).to_have_text(re.compile("Connected again"), timeout=30_000)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".timeline li").last).to_contain_text("Are you there?")
    expect(page.locator(".timeline").get_by_text("Are you there?")).to_have_count(1)
    page.get_by_role("button", name="Hand back").click()
    expect(page.get_by_role("button", name="Hand back")).to_have_count(0)
    page.context.close()
    people.context.close()


def test_words_that_could_not_be_sent_are_sent_by_the_next_press_of_enter(table: Desk) -> None:
    phone = table.page("/")
    new_phone(phone, table.study, "Lou")
    field = phone.get_by_role("textbox")
    phone.context.set_offline(True)
    field.fill("Yes, as I said")
    field.press("Enter")
    phone.wait_for_function("document.querySelector('[name=text]').validationMessage.startsWith('This was not sent')")
    phone.context.set_offline(False)
    field.press("Enter")
    expect(phone.get_by_text("Yes, as I said")).to_have_count(1, timeout=15_000)  # live again after five seconds
    expect(field).to_have_value("")
    phone.context.close()


def test_a_page_says_that_the_session_ended_while_it_was_off_line(table: Desk) -> None:
    page = table.page(f"/participants/{table.code}")
    status = page.locator("#connection")
    page.context.set_offline(True)
    expect(status).to_have_text("Connection lost. What you see may be old.")
    page.context.clear_cookies()
    page.context.set_offline(False)
    expect(status).to_have_text(re.compile("sign in on a new tab, then load this page again"), timeout=15_000)
    page.context.close()


def test_the_consent_panel_is_live_and_stays_open(table: Desk) -> None:
    phone = table.page("/")
    code = new_phone(phone, table.study, "Kim")
    watching = table.page(f"/participants/{code}")
    watching.get_by_text("Consent statements", exact=True).click()
    ledger = watching.locator(".ledger li")
    expect(ledger.first).to_contain_text("Not asked yet")
    expect(phone.get_by_text(re.compile(r"YES or NO\?"))).to_be_visible()
    say(phone, "YES!")
    expect(ledger.first).to_be_visible()
    expect(ledger.first).to_contain_text("Yes: I have read or heard the information")
    expect(ledger.first).to_contain_text("They wrote YES!, ")
    phone.context.close()
    watching.context.close()


@pytest.mark.parametrize("width", [320, 1280])
def test_a_record_opens_at_the_newest_message_and_tasks_are_seen_first(table: Desk, width: int) -> None:
    page = table.page("/", width)
    tasks = page.get_by_role("columnheader", name="Tasks").bounding_box()
    assert tasks
    assert tasks["x"] + tasks["width"] <= width
    page.get_by_role("link", name=table.code).click()
    expect(page.locator(".timeline li").last).to_be_in_viewport()
    page.evaluate("window.scrollTo(0, 0)")
    page.get_by_role("link", name="Newest message").click()
    expect(page.locator(".timeline li").last).to_be_in_viewport()
    page.context.close()


def test_everything_can_be_done_with_the_keyboard_alone(table: Desk) -> None:
    page = table.page("/")
    page.keyboard.press("Tab")
    assert "main" in (page.evaluate("document.activeElement.getAttribute('href')") or ""), "first, a way past the menu"
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "getComputedStyle(document.activeElement).outlineStyle != 'none'"
            " || getComputedStyle(document.activeElement).boxShadow != 'none'"
        ), "where the keyboard is can be seen"
        if page.evaluate("document.activeElement.textContent") == table.code:
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(table.code)
    page.goto(f"{table.study.url}/simulator/{table.code}")
    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.type("Typed without a mouse.")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Send")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("Typed without a mouse.")


def test_pages_work_without_javascript(table: Desk) -> None:
    page = table.page(f"/simulator/{table.code}", java_script_enabled=False)
    page.get_by_label("Your message").fill("Sent without a script.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Sent without a script.")).to_be_visible()


PAGES = ["/", "/participants/{code}", "/simulator", "/simulator/{code}", "/participants/P99", "/sign-in", "/nowhere"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_wrong(table: Desk, path: str, scheme: Literal["light", "dark"], width: int) -> None:
    if not AXE.exists():
        unavailable("axe-core (scripts/rig installs it)")
    page = table.page(path.format(code=table.code), width, scheme, bypass_csp=True)
    page.add_script_tag(path=AXE)
    run = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    found = page.evaluate(run)["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
    page.context.close()


@pytest.mark.parametrize("path", [path for path in PAGES if "P99" not in path and path != "/nowhere"])
def test_the_browser_has_nothing_to_complain_of(table: Desk, path: str) -> None:
    page = table.page("/sign-in")
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(table.study.url + path.format(code=table.code))
    page.goto(table.study.url + path.format(code=table.code))
    assert complaints == []
    page.context.close()


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_cut_off_on_a_narrow_screen(table: Desk, path: str) -> None:
    page = table.page(path.format(code=table.code), 320)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.context.close()


def test_news_leaves_the_keyboard_where_it_is(table: Desk) -> None:
    page, phone = table.page("/"), table.page(f"/simulator/{table.code}")
    link = page.get_by_role("link", name=table.code)
    row = page.get_by_role("row").filter(has=link)
    link.focus()
    before = row.inner_text()
    say(phone, "PAUSE 1")
    expect(row).to_contain_text("On a break")
    assert row.inner_text() != before
    assert page.evaluate("document.activeElement.textContent") == table.code
    say(phone, "READY")
