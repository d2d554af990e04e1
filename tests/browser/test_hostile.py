"""Whatever a name, a message, a file or a mail holds, none of it ever runs in the browser of the team."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from bot import bootstrap
from bot.interview.schedule import Wording
from bot.messages import Address, Inbound, Media, MediaKind
from bot.records.participants import Terms, named
from bot.records.tables import media as files
from bot.records.tables import messages
from bot.records.unit_of_work import UnitOfWork
from bot.service import enrolment, field_notes, intake
from bot.service.enrolment import Entry
from channels.email.incoming import understood
from tests.browser.desk import chromium, desk, sign_in
from tests.rig.study import Study

RUN = "document.title='RUN'"
FORMS = (
    f"<script>{RUN}</script>",
    f"<img src=x onerror=\"{RUN}\">",
    f"\"><svg onload={RUN}>",
    f"'-{RUN}-'",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:" + RUN,
    f"</textarea><script>{RUN}</script>",
)  # fmt: skip
PHONE = Address("simulator", "sms/mallory")
HTML = f"<!doctype html><script>{RUN}</script>".encode()
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUN}"><script>{RUN}</script></svg>'.encode()
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
)
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
ATTACHED = {
    "text/html": HTML, "application/xhtml+xml": HTML, "image/svg+xml": SVG, "application/pdf": PDF,
    "image/png": HTML, "audio/ogg": SVG, "text/xml": SVG, "image/gif": PNG + HTML,
}  # fmt: skip
"""What a mail brings, by the type that it says; none of them is to be shown."""


def hostile_mail() -> Inbound:
    """A mail of HTML alone, with files that would run, read as any mail is."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "mallory@example.org", "study@example.org", FORMS[0]
    mail["Message-ID"] = "<1@example.org>"
    mail.set_content(
        f"<p onclick={RUN!r}>Words of the mail</p><script>{RUN}</script><img src=x onerror={RUN!r}>"
        f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe><a href='javascript:{RUN}'>link</a>",
        subtype="html",
    )
    for number, (kind, content) in enumerate(ATTACHED.items()):
        main, _, sub = kind.partition("/")
        mail.add_attachment(content, maintype=main, subtype=sub, filename=f"<img src=x onerror={RUN}>{number}")
    read, _ = understood(mail.as_bytes(), "study@example.org", "Keeping in touch")
    assert isinstance(read, Inbound)
    assert len(read.media) == len(ATTACHED)
    return replace(read, sender=PHONE)


def fill(study: Study) -> tuple[str, int, int]:
    """A study in which everything that others can write is hostile: a code, a held message, a file."""
    program = bootstrap.build(bootstrap.load_settings(study.folder / "config.toml"))
    database, terms = program.database, program.terms
    attributes = {"<b>note</b>": FORMS[0], "team": FORMS[1]}
    entry = Entry(
        "social-workers", PHONE, name="<i>M</i>", wording=Wording.SHORT, researcher="<u>R</u>", attributes=attributes
    )
    code = database.run_now(enrolment.enrol, terms, program.rules, entry)
    for number, words in enumerate(FORMS):
        page = Media(MediaKind.FILE, "text/html", f"{words}.html", content=HTML + words.encode())
        for sender in (PHONE, Address("simulator", "sms/unknown")):
            came = Inbound(f"{sender.value} {number}", sender, words, words.encode(), media=(page,), elided=words)
            database.run_now(intake.receive, terms, came)
        database.run_now(_note, terms, code, words)
    database.run_now(intake.receive, terms, hostile_mail())
    (file, *_) = database.read_now(lambda uow: uow.all(files.select().order_by(files.c.id)))
    held = messages.select().where(messages.c.belongs == "held", messages.c.direction == "in")
    (first, *_) = database.read_now(lambda uow: uow.all(held))
    database.close()
    return code, first["id"], file["id"]


def _note(uow: UnitOfWork, terms: Terms, code: str, words: str) -> None:
    field_notes.write(uow, named(uow, terms, code), "admin", words)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Study, Browser, Page, tuple[str, int, int]]]:
    with desk(tmp_path_factory.mktemp("hostile")) as (study, password), chromium() as browser:
        known = fill(study)
        page = browser.new_page()
        sign_in(page, study, password)
        yield study, browser, page, known


def test_nothing_that_others_wrote_runs_on_any_page(
    place: tuple[Study, Browser, Page, tuple[str, int, int]],
) -> None:
    study, _, page, (code, held, _) = place
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    paths = ("/", "/queue", f"/participants/{code}", f"/participants/{code}/refile",
             f"/participants/{code}/write-ups", f"/participants/{code}/copy", f"/participants/{code}/withdraw",
             "/holding", f"/holding/{held}",
             "/assignments", "/rota", "/reminders", "/progress", "/simulator", f"/simulator/{code}")  # fmt: skip
    for path in paths:
        page.goto(study.url + path)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.title() != "RUN", path
        assert page.locator("main img:not([src^='/media/']), main script, main i, main u").count() == 0, path
    assert [said for said in complaints if "Content Security Policy" in said] == []
    page.goto(f"{study.url}/participants/{code}")
    for words in FORMS:
        assert words in page.inner_text("main")


def test_what_is_sent_back_by_a_page_does_not_run(place: tuple[Study, Browser, Page, tuple[str, int, int]]) -> None:
    study, _, page, (code, *_) = place
    for words in FORMS:
        page.goto(f"{study.url}/search")
        page.get_by_label("Words", exact=True).fill(words)
        page.get_by_role("button", name="Search").click()
        assert page.get_by_label("Words", exact=True).input_value() == words
        assert page.title() != "RUN"
        page.goto(f"{study.url}/participants/{code}")
        page.get_by_label(re.compile("Your message")).fill(words)
        page.get_by_role("button", name="Preview").click()
        assert page.title() != "RUN"
        page.goto(f"{study.url}/enrol")
        page.get_by_label("Or its lines").fill(f"{words},x,y\n1,2,3")
        page.get_by_role("button", name="Look before enrolling").click()
        assert page.title() != "RUN"
        assert page.locator("main img:not([src^='/media/']), main script").count() == 0


def test_a_file_that_is_a_page_is_saved_and_does_not_run(
    place: tuple[Study, Browser, Page, tuple[str, int, int]], tmp_path: Path
) -> None:
    study, _, page, (*_, file) = place
    page.goto(f"{study.url}/")
    with page.expect_download() as waiting:
        page.evaluate("address => { location = address }", f"{study.url}/media/{file}")
    waiting.value.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes().startswith(HTML)
    assert page.title() != "RUN"


def test_no_file_of_a_mail_runs_whatever_it_says_it_is(
    place: tuple[Study, Browser, Page, tuple[str, int, int]],
) -> None:
    """On the conversation's page, and opened by itself: each is saved, and none is shown."""
    study, _, page, (code, *_) = place
    page.goto(f"{study.url}/participants/{code}")
    sent = page.locator(".timeline li").filter(has_text="Words of the mail")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    links = [str(link.get_attribute("href")) for link in sent.locator(".medium a[href^='/media/']").all()]
    assert len(links) == len(ATTACHED)
    assert page.locator("main iframe, main script, main [onclick], main a[href^='javascript']").count() == 0
    for link, content in zip(links, ATTACHED.values(), strict=True):
        with page.expect_download() as waiting:
            page.evaluate("address => { location = address }", study.url + link)
        assert Path(waiting.value.path()).read_bytes() == content, link
        assert page.title() != "RUN", link
    framed = "src => new Promise(done => { const f = document.createElement('img'); f.onerror = () => done('no'); "
    for link in links:
        assert page.evaluate(framed + "f.onload = () => done('shown'); f.src = src })", link) == "no", link
    assert page.title() != "RUN"
