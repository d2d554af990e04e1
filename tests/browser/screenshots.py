"""`scripts/screenshots`: every page of a study in which somebody has answered: narrow, wide, light, dark and forced."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browser.desk import chromium, desk, new_phone, say, sign_in

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced": {"color_scheme": "dark", "forced_colors": "active"},
}
"""As people see it; forced colours are those of a high-contrast theme."""
WIDTHS = (320, 1280)


def take(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, desk(Path(place)) as (study, password), chromium() as browser:
        page = browser.new_page()
        page.goto(study.url)
        sign_in(page, study, password)
        code = new_phone(page, study, "Sam")
        for _ in range(40):
            if "Question 1 of" in page.inner_text("main"):
                break
            say(page, "yes")
        say(page, "I text most people. Some I ring, and one person I only ever see at home.")
        page.get_by_text("Question 2 of").first.wait_for(timeout=20_000)
        say(page, "I ask each person what suits them.")
        page.get_by_text("Question 3 of").first.wait_for(timeout=20_000)
        say(page, "PERSON")
        page.goto(f"{study.url}/participants/{code}")
        said = (page.locator(".timeline li").filter(has_text="I text most").get_attribute("id") or "m0")[1:]
        pages = {
            "participants": "/",
            "participant": f"/participants/{code}",
            "refile": f"/participants/{code}/refile",
            "split": f"/participants/{code}/split/{said}",
            "write-ups": f"/participants/{code}/write-ups",
            "write-up": f"/participants/{code}/write-ups/{said}",
            "copy": f"/participants/{code}/copy",
            "withdraw": f"/participants/{code}/withdraw",
            "queue": "/queue",
            "progress": "/progress",
            "pictures": "/pictures",
            "questions": "/pictures/questions",
            "search": "/search",
            "enrol": "/enrol",
            "invitations": "/invitations",
            "assignments": "/assignments",
            "rota": "/rota",
            "export": "/export",
            "phones": "/simulator",
            "phone": f"/simulator/{code}",
            "no-such-page": "/participants/P99",
        }
        state = page.context.storage_state()
        for scheme, look in LOOKS.items():
            for width in WIDTHS:
                context = browser.new_context(storage_state=state, viewport={"width": width, "height": 800}, **look)
                shot = context.new_page()
                for name, path in pages.items():
                    shot.goto(study.url + path)
                    shot.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=name != "phone")
                shot.goto(f"{study.url}/participants/{code}#end")
                shot.screenshot(path=folder / f"participant-end-{width}-{scheme}.png")
                shot.context.clear_cookies()
                shot.goto(study.url)
                shot.screenshot(path=folder / f"sign-in-{width}-{scheme}.png")
                context.close()
    print(f"Saved in {folder}")


if __name__ == "__main__":
    take(Path(sys.argv[1] if len(sys.argv) > 1 else "data/screenshots"))
