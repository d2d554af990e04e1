"""The desk of the study team in a real browser: every page and state can be used by everybody, with any tool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import expect
from pyotp import TOTP

from tests.browser.desk import (
    CHECKED,
    COLLEAGUE,
    Desk,
    check,
    check_both,
    colleague,
    headings,
    hold,
    new_phone,
    said,
    say,
    with_an_answer,
)


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


@pytest.mark.parametrize("width", [320, 1280])
def test_every_page_of_the_desk_is_accessible(table: Desk, width: int) -> None:
    known = {"code": table.code, "held": hold(table)[0], "said": said(table)}
    page = table.page("/", width, bypass_csp=True)
    for path in PAGES:
        page.goto(table.study.url + path.format(**known))
        check_both(page)
    page.context.close()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("path", ["/", "/invitations", "/pictures/questions", "/enrol"])
def test_a_table_is_read_without_scrolling_sideways_and_stays_a_table_to_a_screen_reader(
    table: Desk, path: str, width: int
) -> None:
    page = table.page(path, width)
    if path == "/enrol":
        lines = "cohort,channel,address,name,team\nsocial-workers,simulator,sms/max,Max,A team with a long name"
        page.get_by_label("Or its lines").fill(lines)
        page.get_by_role("button", name="Look before enrolling").click()
    regions = page.locator(".scroll:not(.chart)").all()
    assert regions
    for region in regions:
        assert region.evaluate("region => region.scrollWidth <= region.clientWidth")
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    cells = page.locator("td").all_inner_texts()
    heads = [name for role, name in roles if role == "columnheader"]
    assert len([role for role, _ in roles if role == "table"]) == len(regions)
    assert heads == [text.strip() for text in page.locator("thead th").all_inner_texts()]
    assert [name for role, name in roles if role == "rowheader"] == page.locator("tbody th").all_inner_texts()
    said = [name for role, name in roles if role in ("cell", "gridcell")]
    assert len(said) == len(cells)
    assert not any(name.startswith(f"{head}:") for name in said for head in heads), "the heading is heard once"
    page.context.close()


SEEN = """() => {
  const box = document.activeElement.getBoundingClientRect();
  const places = [...Array(25).keys()].map((each) => [(each % 5 + 0.5) / 5, (Math.floor(each / 5) + 0.5) / 5]);
  return places.some(([across, down]) =>
    document.activeElement.contains(document.elementFromPoint(box.x + box.width * across, box.y + box.height * down)));
}"""
"""Whether any of what has the keyboard is seen (WCAG 2.4.11)."""


def test_what_has_the_keyboard_is_not_hidden_by_the_words_that_the_page_is_not_live(table: Desk) -> None:
    page = table.page(f"/participants/{table.code}", 320)
    page.get_by_text("Move to another way of messaging").focus()
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text("Connection lost. What you see may be old.")
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        what = page.evaluate("document.activeElement.outerHTML")
        if "Skip to the content" in what:
            break
        assert page.evaluate(SEEN), what
    page.context.close()


@pytest.mark.parametrize("width", [320, 1280])
def test_what_somebody_asked_for_is_seen_at_once_and_has_the_keyboard(table: Desk, width: int) -> None:
    """What was found, a preview, a note that was kept, and that the coordinators know of the wish to talk."""
    page = table.page("/search", width)
    page.get_by_label("Words", exact=True).fill("text")
    page.keyboard.press("Enter")
    found = page.get_by_role("heading", name=re.compile(r"^\d+ messages?"))
    expect(found).to_be_in_viewport()
    expect(found).to_be_focused()
    page.goto(f"{table.study.url}/participants/{table.code}")
    mine = page.get_by_label(re.compile("Your message"))
    mine.fill("Good morning")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview")).to_be_in_viewport()
    expect(page.locator(".preview")).to_be_focused()
    with page.expect_response(lambda answer: answer.url.endswith("/unsent")):
        mine.fill("")
    page.get_by_text("Field notes", exact=True).click()
    page.get_by_label("A note of yours").fill(f"Seen at {width}")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_text(f"Seen at {width}")).to_be_in_viewport()
    if page.get_by_text("You have asked to talk").count() == 0:
        page.get_by_text("Worried, or in need of a talk").click()
        page.get_by_role("button", name="I need to talk about this").click()
        expect(page.get_by_text("You have asked to talk about this conversation.")).to_be_in_viewport()
    page.context.close()


def test_a_sheet_of_invitations_is_accessible_and_fits_a_narrow_page(table: Desk) -> None:
    page = table.page("/invitations", 320, bypass_csp=True)
    page.get_by_label("How many").fill("2")
    page.get_by_role("button", name="Make them").click()
    expect(page.get_by_role("heading", name="2 invitations")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.qr')).flexBasis") == "144px"
    check_both(page)
    page.context.close()


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
    page.get_by_label("Where do they belong?").select_option(index=1)
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
    page.get_by_label("Where do they belong?").select_option(index=1)
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


def test_two_researchers_see_each_other(table: Desk) -> None:
    watching, ben = table.page(f"/participants/{table.code}"), colleague(table, "Ben")
    expect(watching.locator("[data-part=others]")).to_be_empty()
    ben.goto(f"{table.study.url}/participants/{table.code}")
    expect(watching.get_by_text("Ben is looking at this too.")).to_be_visible()
    expect(ben.get_by_text("admin is looking at this too.")).to_be_visible()
    ben.get_by_label(re.compile("Your message")).press_sequentially("Hello")
    expect(watching.get_by_text("Ben is writing here.")).to_be_visible()
    ben.context.close()
    expect(watching.locator("[data-part=others]")).not_to_contain_text("Ben")
    watching.context.close()


def test_the_queue_is_live_and_leaves_half_a_sentence_where_it_is(table: Desk) -> None:
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
    with queue.expect_response(lambda answer: answer.url.endswith("/unsent")):
        outcome.fill("")  # what is left here would be there again
    queue.context.close()


def test_words_about_a_task_that_somebody_else_has_seen_to_are_theirs_to_copy(table: Desk) -> None:
    """Also where it was the last of its kind; the keyboard stays, and what they send then is given back."""
    hold(table, "Who is this?")
    queue, other = table.page("/queue?group=Unknown+sender"), colleague(table, "Uma")
    other.goto(queue.url)
    last = queue.locator(".cards > li").last
    name = last.get_attribute("id")
    card, outcome = queue.locator(f"#{name}"), queue.locator(f"#{name} textarea")
    card.locator("summary").click()
    outcome.fill("I asked around for a long time")
    while other.locator(".cards > li").count():
        other.locator("summary").first.click()
        other.get_by_label(re.compile("What came of it")).first.fill("Seen to")
        with other.expect_navigation():
            other.get_by_role("button", name=re.compile("^Resolve")).first.click()
    expect(queue.locator(".problem").filter(has_text="This is not here any more")).to_be_visible()
    expect(outcome).to_be_focused()
    expect(outcome).to_have_value("I asked around for a long time")
    card.get_by_role("button", name=re.compile("^Resolve")).click()
    expect(queue.locator("main")).to_contain_text("This task is done already, by Uma.")
    queue.get_by_role("link", name="see it and copy it").click()
    expect(queue.get_by_label(re.compile("Copy it"))).to_have_value("I asked around for a long time")
    queue.get_by_role("button", name="I have copied it").click()
    queue.context.close()
    other.context.close()


def test_what_was_refused_is_there_also_after_looking_elsewhere(table: Desk) -> None:
    page = table.page("/")
    code = new_phone(page, table.study, "Ida")
    say(page, "person")
    expect(page.get_by_text("will message you")).to_be_visible()
    page.goto(f"{table.study.url}/queue")
    card = page.locator(".cards > li").filter(has_text=f"Person asked: {code}")
    card.locator("summary").click()
    outcome = card.get_by_label(re.compile("What came of it"))
    outcome.fill("I rang them")
    card.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("alert")).to_be_focused()
    with page.expect_response(lambda answer: answer.url.endswith("/unsent")):
        expect(outcome).to_have_value("I rang them")
    page.goto(f"{table.study.url}/progress")
    page.goto(f"{table.study.url}/queue")
    expect(outcome).to_be_visible()
    expect(outcome).to_have_value("I rang them")
    outcome.fill("")
    page.reload()
    page.context.close()


def test_pages_that_few_see_are_accessible_in_every_state(table: Desk) -> None:
    """Signing in, the second step, words that were not saved, joining, stopping, and what nobody may."""
    page, base = colleague(table, "Kim", "admin", 320), table.study.url

    def press(button: str, **filled: str) -> None:
        for label, words in filled.items():
            page.get_by_label(re.compile(label.replace("_", " "))).fill(words)
        page.get_by_role("button", name=re.compile(f"^{button}")).click()

    def seen(path: str = "", says: str = "") -> None:
        if path:
            page.goto(base + path)
        expect(page.locator("main")).to_contain_text(says)
        check_both(page)

    seen("/account", "You are signed in as Kim")
    page.get_by_label(re.compile("How long what you send")).select_option("120")
    press("Keep this time")
    seen(says="for 2 minutes")
    seen("/account/second-step")
    secret = page.locator("input[name=secret]").get_attribute("value") or ""
    press("Set up", Six_figures="000000", Your_password=COLLEAGUE)
    seen(says="Problem")
    press("Set up", Six_figures=TOTP(secret).now(), Your_password=COLLEAGUE)
    seen(says="each of these works once")
    codes = page.locator(".codes code").all_inner_texts()
    page.goto(f"{base}/account")
    press("Make new recovery codes", Your_password="not mine")
    seen(says="not your password")

    page.goto(f"{base}/participants/{table.code}")
    page.get_by_text("Field notes", exact=True).click()
    page.get_by_label("A note of yours").fill("She asked for more time")
    page.context.clear_cookies()
    press("Keep the note")
    press("Sign in", Name="Kim", Password="not mine")
    seen(says="do not fit together")
    press("Sign in", Name="Kim", Password=COLLEAGUE)
    seen(says="recovery codes")
    press("Sign in", Six_figures="000000")
    seen(says="do not fit")
    press("Sign in", Six_figures=codes[0])
    expect(page.get_by_label(re.compile("This was not saved"))).to_have_value("She asked for more time")
    seen(says="Copy it")
    press("I have copied it")
    seen("/unsaved", "nothing of yours")

    seen(f"/participants/{table.code}/contact", "the trail keeps")
    press("Show name and contact details")
    seen(says="Sam")
    page.goto(f"{base}/invitations")
    press("Make them", How_many="1")
    code = page.locator(".code.large").inner_text()
    seen("/join", "Your code")
    press("Go on", Your_code="AAA-AAA-AAA")
    seen(says="Problem")
    seen(f"/join/{code}", "works once")
    seen("/unsubscribe/nobody", "Press the button")
    press("Stop the messages")
    seen(says="will not send you")
    seen("/simulator")
    seen(f"/simulator/{table.code}")
    seen("/nowhere", "There is no such page")
    page.context.close()
    page = colleague(table, "Cora", "coordinator", 320)
    seen(f"/participants/{table.code}", "As a coordinator you cannot read")
    seen("/", "Participants")
    page.context.close()


def test_what_was_done_or_refused_is_accessible(table: Desk) -> None:
    """Each form of the desk when it was refused, and when its work was done."""
    one, two = hold(table, "Who is this for?", "And this?")[-2:]
    page, base = table.page("/search", 320, bypass_csp=True), table.study.url

    def press(button: str, says: str, **filled: str) -> None:
        for label, words in filled.items():
            page.get_by_label(re.compile(label.replace("_", " "))).first.fill(words)
        page.get_by_role("button", name=re.compile(f"^{button}")).first.click()
        expect(page.locator("main")).to_contain_text(says)
        check_both(page)

    press("Search", "Nothing found", Words="xyzzy")
    press("Search", "looked through", Words="text")
    page.goto(f"{base}/holding/{one}")
    press("Keep it with", "Problem", Code_of="P99", How_do_you="They said so")
    press("Keep it with", "Who is this for?", Code_of=table.code, How_do_you="They said so")
    page.goto(f"{base}/holding/{two}")
    press("Set it aside", "Unknown senders", Why_is_it="It is an advertisement")
    page.goto(f"{base}/holding/{two}")
    check_both(page)
    page.goto(f"{base}/participants/{table.code}/needs")
    check_both(page)
    press("Save", "Nothing was changed", How_long_they_are_quiet="1s")
    press("Save", "It was: as the study says", How_long_they_are_quiet="3h")
    press("Change it back", "as the study says. It was: 3h")
    page.goto(f"{base}/assignments")
    page.get_by_label(f"Researcher of {table.code}").select_option("admin")
    press("Save changes", "Assignments")
    page.goto(f"{base}/invitations")
    press("Withdraw", "Nothing was done", Codes="AAA-AAA-AAA")
    page.goto(f"{base}/enrol")
    lines = "cohort,channel,address\nsocial-workers,simulator,sms/lee"
    press("Look before enrolling", "What they get first", Or_its_lines=lines)
    press("Enrol", "nrolled")
    page.goto(f"{base}/export")
    page.goto(f"{base}/queue")
    page.locator("summary").first.click()
    press("Resolve", "Problem", What_came=" ")
    page.goto(f"{base}/progress")
    press("Hold all messages", "on hold")
    page.goto(f"{base}/participants/{table.code}")
    check_both(page)
    page.goto(f"{base}/progress")
    press("Release", "Hold all messages")
    page.context.close()


def test_axe_has_looked_at_every_page() -> None:
    """After the tests above: a new template has to be looked at too."""
    assert set(headings()) - CHECKED == set()
