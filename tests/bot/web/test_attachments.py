"""What somebody sent besides words: played or shown beside its write-up, and never run."""

from __future__ import annotations

import re

import pytest

from bot.messages import Media, MediaKind
from bot.service import writeups
from bot.service.programs import is_program
from bot.service.writeups import WriteUpKind
from tests.bot.web.conftest import Team

SCRIPT = b"<script>alert(1)</script>"
PNG, OGG, MP4 = b"\x89PNG\r\n\x1a\n", b"OggS\x00\x02", b"\x00\x00\x00\x20ftypisom"
SAVED = "application/octet-stream"


@pytest.mark.parametrize(
    ("sent_as", "content", "served"),
    [
        ("audio/ogg; codecs=opus", OGG, "audio/ogg"),
        ("Audio/OGG", OGG, "audio/ogg"),
        ("video/mp4", MP4, "video/mp4"),
        ("audio/mp4", MP4, "audio/mp4"),
        ("audio/mpeg", b"ID3\x04", "audio/mpeg"),
        ("audio/mpeg", b"\xff\xfb\x90", "audio/mpeg"),
        ("image/jpeg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("image/png", PNG + SCRIPT, "image/png"),  # with nosniff it is a picture, whatever is in it
        ("image/webp", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        ("audio/ogg", SCRIPT, SAVED),
        ("image/png", b"GIF89a" + SCRIPT, SAVED),
        ("image/png", b" " + PNG, SAVED),
        ("text/html", PNG, SAVED),
        ("text/html", SCRIPT, SAVED),
        ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'>", SAVED),
        ("application/pdf", b"%PDF-1.7", SAVED),
        ("", b"", SAVED),
    ],
)
async def test_only_what_cannot_run_and_is_what_it_says_is_shown(
    team: Team, sent_as: str, content: bytes, served: str
) -> None:
    team.study.consented()
    team.study.says("", media=(Media(MediaKind.FILE, sent_as, "<b>x</b>.html", content=content),))
    answer = await team.ann.get("/media/1")
    assert (answer.content, answer.headers["content-type"]) == (content, served)
    assert answer.headers["content-disposition"] == ("attachment" if served == SAVED else "inline")
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = (await team.ann.get("/participants/SW01")).text
    assert "<b>x</b>.html" not in page
    assert "&lt;b&gt;x&lt;/b&gt;.html" in page
    assert (await team.ann.get("/media/99")).status_code == 404
    team.ann.cookies.clear()
    assert (await team.ann.get("/media/1")).status_code == 303, "only for people who have signed in"


@pytest.mark.parametrize(
    ("asked", "status", "part", "said"),
    [
        ("bytes=0-", 206, b"OggS\x00\x02", "bytes 0-5/6"),
        ("bytes=1-2", 206, b"gg", "bytes 1-2/6"),
        ("bytes=4-99", 206, b"\x00\x02", "bytes 4-5/6"),
        ("bytes=6-", 416, b"", "bytes */6"),
        ("bytes=3-2", 416, b"", "bytes */6"),
        ("bytes=-2", 200, b"OggS\x00\x02", None),
        ("bytes=0-1,3-4", 200, b"OggS\x00\x02", None),
    ],
)
async def test_a_player_gets_the_part_it_asks_for(
    team: Team, asked: str, status: int, part: bytes, said: str | None
) -> None:
    team.study.consented()
    team.study.says("", media=(Media(MediaKind.VOICE, "audio/ogg", content=OGG),))
    answer = await team.ann.get("/media/1", headers={"range": asked})
    assert (answer.status_code, answer.content, answer.headers.get("content-range")) == (status, part, said)


async def test_a_voice_note_has_a_player_with_a_name_and_its_write_up_beside_it(team: Team) -> None:
    code = team.study.consented()
    team.study.says("", media=(Media(MediaKind.VOICE, "audio/ogg; codecs=opus", content=OGG, seconds=12),))
    team.study.says("", media=(Media(MediaKind.PICTURE, "image/png", content=PNG),))
    team.study.says("", media=(Media(MediaKind.FILE, "application/pdf", "form.pdf", content=b"%PDF-1.7"),))
    page = (await team.ann.get(f"/participants/{code}")).text
    (player,) = re.findall(r"<audio [^>]*>", page)
    assert 'src="/media/1"' in player
    assert f'aria-label="Voice note of {code}, Tuesday 24 November, 12:00 pm"' in player
    assert f'alt="Picture of {code}, not described yet"' in page
    assert 'href="/media/3">save it to a file' in page
    first = team.study.record(code).entries
    voice, picture = (entry.id for entry in first if entry.media and entry.media[0].kind in ("voice", "picture"))
    for message, kind, text in (
        (voice, WriteUpKind.TRANSCRIPTION, "A first try"),
        (voice, WriteUpKind.TRANSCRIPTION, "I text <them>"),
        (picture, WriteUpKind.DESCRIPTION, "A phone on a table"),
    ):
        team.study.run(writeups.write_up, message, kind, text, "Ann")
    page = (await team.ann.get(f"/participants/{code}")).text
    assert "Written up by Ann, not checked yet:</span> I text &lt;them&gt;</p>" in page
    assert "A first try" not in page
    assert 'alt="A phone on a table"' in page


def test_a_voice_note_of_an_old_phone_is_no_script() -> None:
    assert not is_program("audio/amr", "note.amr", b"#!AMR\n\x3c")
    assert is_program("audio/amr", "note.amr", b"#!/bin/sh\n")
