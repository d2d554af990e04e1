"""Every task of the study team, with the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import Desk, check, said, with_an_answer


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with with_an_answer(tmp_path_factory.mktemp("keyboard")) as made:
        yield made


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
    expect(page.get_by_role("alert")).to_have_count(0)
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
