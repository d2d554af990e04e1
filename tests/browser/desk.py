"""A study with simulated phones, served, and a browser in front of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.rig import ROOT, unavailable
from tests.rig.study import Study

AXE = ROOT / ".rig/node_modules/axe-core/axe.min.js"
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
    study = Study(folder)
    (folder / "config.toml").write_text(CONFIG.format(prompts=ROOT / "prompts", port=study.port))
    study.command("migrate")
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


def new_phone(page: Page, study: Study, name: str) -> str:
    """Add a simulated phone; the participant's code. The page shows the phone then."""
    page.goto(f"{study.url}/simulator")
    page.get_by_label("First name").fill(name)
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
