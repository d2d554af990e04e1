"""Every task of the study team, with the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from pyotp import TOTP

from tests.browser.desk import Desk, check, hold, new_phone, said, say, silent_since, with_an_answer


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with with_an_answer(tmp_path_factory.mktemp("keyboard")) as made:
        yield made


def tab_to(page: Page, what: str, most: int = 90) -> None:
    """Press Tab until the keyboard is on something with this name or text."""
    name = "(e => e.labels?.[0]?.innerText ?? e.ariaLabel ?? e.innerText ?? '')(document.activeElement)"
    for _ in range(most):
        page.keyboard.press("Tab")
        if str(page.evaluate(name)).strip().startswith(what):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"where the keyboard is can be seen on {what!r}"
            return
    raise AssertionError(f"{what!r} cannot be reached with the keyboard")


def follow(page: Page, what: str) -> None:
    """Tab to a link or button, press Enter, and be on the page to which that leads."""
    tab_to(page, what)
    with page.expect_navigation():
        page.keyboard.press("Enter")


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
    page.keyboard.press("ArrowDown")
    tab_to(page, "Why?")
    page.keyboard.type("It is about that")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("1 message from"))).to_be_visible()
    page.context.close()


def test_the_rest_of_the_work_can_be_done_with_the_keyboard_alone(table: Desk) -> None:
    """Enrol, hold and release everything, split a message, write it up, take a line out of the copy.

    The form for leaving as far as the refusal of a wrong code.
    """
    here, message = f"/participants/{table.code}", said(table)
    page = table.page("/enrol")
    tab_to(page, "Or its lines")
    page.keyboard.type("cohort,channel,address\nsocial-workers,simulator,sms/kim")
    tab_to(page, "Look before enrolling")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nobody is enrolled yet")).to_be_visible()
    tab_to(page, "Enrol")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="nrolled").first).to_be_visible()
    page.goto(f"{table.study.url}/progress")
    tab_to(page, "Hold all messages")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=re.compile("^Release"))).to_be_visible()
    tab_to(page, "Release")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Hold all messages")).to_be_visible()
    page.goto(f"{table.study.url}{here}/split/{message}")
    tab_to(page, "Which words belong elsewhere?")
    page.keyboard.type("with my brother I talk")
    tab_to(page, "Where do they belong?")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Why?")
    page.keyboard.type("It is about that")
    tab_to(page, "Split the message")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("refile"))
    expect(page.get_by_role("listitem").filter(has_text="Words of a message from")).to_contain_text("It is about that")
    expect(page.locator("main")).to_contain_text("Moved: with my brother I talk")
    page.goto(f"{table.study.url}{here}/write-ups/{message}")
    tab_to(page, "The text")
    page.keyboard.type("What was said in the note")
    tab_to(page, "Keep it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What was written")).to_be_visible()
    page.goto(f"{table.study.url}{here}/copy")
    page.get_by_role("checkbox").first.focus()
    page.keyboard.press("Space")
    tab_to(page, "Take them out")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="taken out")).to_be_visible()
    page.get_by_role("checkbox").first.focus()
    page.keyboard.press("Space")
    tab_to(page, "Put them back")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="back")).to_be_visible()
    page.goto(f"{table.study.url}{here}/withdraw")
    tab_to(page, "They stay")
    page.keyboard.press("Space")
    tab_to(page, "Write the code")
    page.keyboard.type("P99")
    tab_to(page, "Do it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.context.close()


def test_everything_about_a_conversation_can_be_done_with_the_keyboard_alone(table: Desk) -> None:
    """A field note, a talk, a worry, the reason to go on, another way of messaging, and a move taken back."""
    here = f"/participants/{table.code}"
    page = table.page(here)
    tab_to(page, "Field notes")
    page.keyboard.press("Enter")
    tab_to(page, "A note of yours")
    page.keyboard.type("She asked for more time")
    follow(page, "Keep the note")
    expect(page.locator("[data-part=notes]")).to_contain_text("She asked for more time")
    tab_to(page, "Worried, or in need of a talk")
    page.keyboard.press("Enter")
    follow(page, "I need to talk about this")
    expect(page.get_by_text("You have asked to talk about this conversation")).to_be_visible()
    page.goto(f"{table.study.url}{here}")
    tab_to(page, "Worried, or in need of a talk")
    page.keyboard.press("Enter")
    tab_to(page, "Signs of harm or distress")
    page.keyboard.type("She sounds afraid")
    follow(page, "Hold the questions")
    expect(page.locator("main")).to_contain_text("There were signs of distress.")
    page.reload()
    tab_to(page, "Why is it all right to go on?")
    page.keyboard.type("Rang her: she is well")
    follow(page, "Hand back")
    expect(page.get_by_text("There were signs of distress.")).to_have_count(0)
    expect(page.get_by_role("button", name="Hand back")).to_have_count(0)
    follow(page, "Name and contact details")
    follow(page, "Show name and contact details")
    expect(page.get_by_text("Sam", exact=True)).to_be_visible()
    page.goto(f"{table.study.url}{here}")
    tab_to(page, "Move to another way of messaging")
    page.keyboard.press("Enter")
    tab_to(page, "Way of messaging")
    page.keyboard.type("em")
    tab_to(page, "Address or number")
    page.keyboard.type("sam")
    follow(page, "Move")
    expect(page.locator(".facts")).to_contain_text("email")
    page.goto(f"{table.study.url}{here}/refile")
    page.get_by_role("checkbox").first.focus()
    page.keyboard.press("Space")
    tab_to(page, "Where do they belong?")
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    tab_to(page, "Why?")
    page.keyboard.type("By mistake")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    moved = page.get_by_role("listitem").filter(has_text="By mistake")
    expect(moved).to_be_visible()
    follow(page, "Take it back")
    expect(moved).to_contain_text("Taken back.")
    page.context.close()


def test_the_work_of_the_team_can_be_done_with_the_keyboard_alone(table: Desk) -> None:
    """Resolve, see to unknown senders, give people to somebody, invite, remind, export, and secure the sign-in."""
    base, page = table.study.url, table.page("/queue?group=Everything+else")
    hold(table, "Which study is this?", "Buy a watch")
    page.goto(f"{base}/holding")
    follow(page, "Decide")
    tab_to(page, "Why is it set aside?")
    page.keyboard.type("It is an advertisement")
    follow(page, "Set it aside")
    page.goto(f"{base}/holding")
    follow(page, "Decide")
    tab_to(page, "Code of the participant")
    page.keyboard.type(table.code)
    tab_to(page, "How do you know")
    page.keyboard.type("They rang us")
    follow(page, "Keep it with this participant")
    page.wait_for_url(re.compile(rf"/participants/{table.code}"))
    expect(page.locator(".timeline")).to_contain_text("Which study is this?")

    hold(table, "Is anybody there?")
    page.goto(f"{base}/queue?group=Unknown+sender")
    tasks = page.locator(".cards > li")
    before = tasks.count()
    tab_to(page, "Done, or for somebody else")
    page.keyboard.press("Enter")
    tab_to(page, "What came of it?")
    page.keyboard.type("Seen to")
    follow(page, "Resolve")
    expect(tasks).to_have_count(before - 1)

    page.goto(f"{base}/assignments")
    tab_to(page, f"Researcher of {table.code}")
    page.keyboard.type("adm")
    follow(page, "Save changes")
    expect(page.get_by_role("status").filter(has_text="Changed:")).to_contain_text(table.code)

    page.goto(f"{base}/invitations")
    tab_to(page, "How many")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("1")
    follow(page, "Make them")
    expect(page.get_by_role("heading", name="1 invitation")).to_be_visible()
    code = page.locator(".code.large").inner_text()
    page.goto(f"{base}/invitations")
    tab_to(page, "Codes")
    page.keyboard.type(code)
    follow(page, "Withdraw")
    expect(page.get_by_role("status").filter(has_text="ithdrawn")).to_be_visible()

    silent = new_phone(page, table.study, "Kim")
    expect(page.get_by_role("log")).to_contain_text("YES or NO?")
    say(page, "yes")
    expect(page.get_by_role("log")).to_contain_text("I am 18 or over.")
    silent_since(table, silent, timedelta(days=2))
    page.goto(f"{base}/reminders")
    tab_to(page, silent)
    page.keyboard.press("Space")
    follow(page, "Remind those who are chosen")
    expect(page.get_by_role("status").filter(has_text="Done")).to_contain_text(f"{silent}: reminded")

    page.goto(f"{base}/export")
    tab_to(page, "Transcripts")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Make it also while suggestions of names are undecided")
    page.keyboard.press("Space")
    tab_to(page, "Make the file")
    with page.expect_download(timeout=60_000) as made:
        page.keyboard.press("Enter")
    assert made.value.suggested_filename == "matrix.xlsx"

    page.goto(f"{base}/account")
    follow(page, "Set up the second step")
    page.wait_for_url(re.compile("second-step"))
    secret = page.locator("input[name=secret]").get_attribute("value") or ""
    tab_to(page, "Six figures")
    page.keyboard.type(TOTP(secret).now())
    tab_to(page, "Your password once more")
    page.keyboard.type(table.password)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    codes = page.locator(".codes code")
    expect(codes).to_have_count(10)
    recovery = codes.first.inner_text()
    page.context.clear_cookies()
    page.goto(base)
    tab_to(page, "Name")
    page.keyboard.type("admin")
    tab_to(page, "Password")
    page.keyboard.type(table.password)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("second-step"))
    tab_to(page, "Six figures")
    page.keyboard.type(recovery)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Participants")).to_be_visible()
    page.context.close()
