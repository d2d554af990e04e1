"""Invitations on paper: each card has one code, as words, as a link, and as a square for the camera."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from pathlib import Path

import segno

from bot import bootstrap
from bot.interview.schedule import Wording
from bot.service.invitations import Group
from bot.web import sheet
from tests.bot.world import NOON, URL, world

CODES = ["CDF-HJK-MNP", "234-567-89C"]


def test_every_card_has_its_own_code_in_every_form(tmp_path: Path) -> None:
    with world(tmp_path, channels=None) as study:
        parts = bootstrap.web_parts(study.program)
        group = Group("social-workers", wording=Wording.EASY_READ)
        sheet.make_room(tmp_path / "out")
        sheet.write(tmp_path / "out", parts, URL, group, CODES, NOON + timedelta(days=30))
    page = (tmp_path / "out" / sheet.SHEET).read_text()
    assert page.count("<h2>our study: you are invited to take part</h2>") == 2
    assert page.count('by text to <span class="code">+44 7700 900000</span>') == 2
    assert page.count("Please use it by 24 December 2026.") == 2
    assert "{" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    for code in CODES:
        link = f"{URL}/join/{code}"
        assert f'href="{link}"' in page
        assert f"JOIN {code}" in page
        assert str(sheet.qr(link)) in page
    assert not re.search(r"(src|href)=\"(?!https://study.example/join/)", page), "nothing is fetched from anywhere"
    listed = list(csv.DictReader((tmp_path / "out" / sheet.LIST).read_text(encoding="utf-8").splitlines()))
    assert [row["code"] for row in listed] == CODES
    assert listed[0] == {
        "code": "CDF-HJK-MNP",
        "link": f"{URL}/join/CDF-HJK-MNP",
        "words": "JOIN CDF-HJK-MNP",
        "cohort": "social-workers",
        "channel": "",
        "wording": "easy_read",
        "expires": "2026-12-24T12:00+00:00",
    }


def test_the_square_is_the_link_and_nothing_else() -> None:
    """Black on white with a white edge of four, also on a dark page: cameras want it so (ISO/IEC 18004)."""
    link = f"{URL}/join/CDF-HJK-MNP"
    picture = str(sheet.qr(link))
    width = segno.make(link, error="m", micro=False).symbol_size(border=4)[0]
    assert f'viewBox="0 0 {width * 4} {width * 4}"' in picture or f'viewBox="0 0 {width} {width}"' in picture
    assert 'fill="#fff"' in picture
    assert sheet.qr(link) != sheet.qr(link[:-1] + "Q")


def test_an_invitation_for_one_channel_names_only_that(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        parts = bootstrap.web_parts(study.program)
        group = Group("social-workers", channel="simulator")
        sheet.make_room(tmp_path / "out")
        sheet.write(tmp_path / "out", parts, URL, group, CODES, NOON + timedelta(days=30))
    assert "by text to" not in (tmp_path / "out" / sheet.SHEET).read_text()
