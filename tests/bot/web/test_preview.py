"""How a researcher's words would arrive, at each address of the person they are written to."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from bot import bootstrap
from bot.service import desk, handovers, moves, staff
from bot.web.app import create_app
from bot.web.signin import COOKIE
from tests.bot.web.conftest import add
from tests.bot.web.test_signin import HERE
from tests.bot.world import PHONE, URL, World, world

TWILIO = {"account_sid": "AC1", "auth_token": "t", "from": "+447700900000"}
MAIL = {"address": "a@example.org", "smtp_host": "out", "imap_host": "in", "username": "a", "password": "b"}
EVERY = bootstrap.open_channels(
    bootstrap.StudySettings.model_validate(
        {
            "study": {"name": "Keeping in touch"},
            "server": {"public_base_url": URL},
            "channels": {"sms": TWILIO, "whatsapp": TWILIO, "email": MAIL},
        }
    )
)


def somebody(study: World) -> str:
    """Reached by text, and before that by email and WhatsApp; they wrote by WhatsApp last."""
    code = study.consented()
    for kind, where in (("email", "sam@example.org"), ("whatsapp", PHONE.value), ("sms", PHONE.value)):
        study.run(moves.move, study.program.terms, code, kind, where, "Ann")
    return code


def test_words_are_shown_as_each_address_of_theirs_would_get_them(tmp_path: Path) -> None:
    with world(tmp_path, EVERY) as study:
        code, text = somebody(study), "It\N{RIGHT SINGLE QUOTATION MARK}s fine. " + "x" * 160
        read = study.program.database.read_now
        by_text, mail, whatsapp = read(desk.previews, study.program.terms, code, "Ann", text)
        assert [one.channel for one in (by_text, mail, whatsapp)] == ["text", "email", "WhatsApp"]
        assert [one.parts for one in (by_text, mail, whatsapp)] == [2, 0, 0]
        assert by_text.as_sent == text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'") + "\n\nAnn"
        assert whatsapp.as_sent == text + "\n\nAnn"
        assert whatsapp.window.startswith("The window is closed")
        assert (by_text.window, mail.window, by_text.subject, whatsapp.subject) == ("", "", "", "")
        assert re.fullmatch(r"Keeping in touch \[#\w+\]", mail.subject)
        assert mail.as_sent.startswith(text + "\n\nAnn\n\n")
        assert "To stop these emails, reply STOP." in mail.as_sent


async def test_every_preview_is_on_the_page_without_a_script(tmp_path: Path) -> None:
    with world(tmp_path, EVERY) as study:
        code = somebody(study)
        study.run(add, "Ann", "researcher")
        study.run(handovers.take_over, study.program.terms, code, "Ann")
        (ann,) = study.program.database.read_now(staff.list_users)
        app = httpx.ASGITransport(create_app(bootstrap.web_parts(study.program), None))
        async with httpx.AsyncClient(transport=app, base_url=URL, headers=HERE) as client:
            client.cookies.set(COOKIE, study.run(staff.sign_in, ann))
            page = await client.post(f"/participants/{code}/preview", data={"text": "Good <morning>"})
        shown = page.text[page.text.index("<h3>Preview</h3>") : page.text.index('<div data-part="leaving">')]
        ways = re.findall(r"As it would arrive by (\w+)\.|<summary>If it went by (\w+)", shown)
        assert ways == [("text", ""), ("", "email"), ("", "WhatsApp")]
        assert shown.count("Good &lt;morning&gt;\n\nAnn") == 3
        assert "Subject: <strong>Keeping in touch [#" in shown
        assert "The window is closed" in shown
