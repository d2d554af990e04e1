"""Invitations to give out: a sheet to print and cut, and a list for programs. Codes cannot be made out again later."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import segno
from markupsafe import Markup

from bot.errors import OwnPaceError
from bot.interview.wording import full_date
from bot.service.invitations import Group
from bot.web.join import about, doors, spoken
from bot.web.pages import templates
from bot.web.state import Web

SHEET, LIST = "invitations.html", "invitations.csv"
COLUMNS = ("code", "link", "words", "cohort", "channel", "wording", "expires")


def make_room(folder: Path) -> None:
    """A folder for both files. Raises OwnPaceError if there are some already: their codes are nowhere else."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (SHEET, LIST):
        if (folder / name).exists():
            there = f"{folder / name} is there already, and its codes are nowhere else."
            raise OwnPaceError(f"{there} Name another folder.")


def write(folder: Path, parts: Web, site: str, group: Group, codes: Sequence[str], expires_at: datetime) -> None:
    """Both files, readable by their owner only: whoever has a code can use it."""
    _private(folder / SHEET, made(parts, site, group, codes, expires_at))
    _private(folder / LIST, _listed(site, group, codes, expires_at))


def made(parts: Web, site: str, group: Group, codes: Sequence[str], expires_at: datetime) -> str:
    """The sheet to print: a card for each code."""
    day = full_date(expires_at.astimezone(parts.zone))
    cards = [
        {
            "code": code,
            "link": link(site, code),
            "page": f"{site}/join",
            "qr": qr(link(site, code)),
            "doors": _doors(parts, group, code),
        }
        for code in codes
    ]
    phone = "" if parts.terms.study.phone == "us" else parts.terms.study.phone
    known = {"study": parts.study, "about": about(parts), "phone": phone, "day": day, "cards": cards}
    known["language"] = spoken(parts)
    return templates.get_template("sheet.html").render(**known)


def link(site: str, code: str) -> str:
    """The page of an invitation."""
    return f"{site}/join/{code}"


def qr(address: str) -> Markup:
    """A picture of the address for a camera, black on white with the white edge that cameras need, as SVG."""
    made = segno.make(address, error="m", micro=False)
    return Markup(made.svg_inline(scale=4, border=4, light="#fff", omitsize=True))


def _doors(parts: Web, group: Group, code: str) -> list[Mapping[str, str]]:
    """The ways that need no link; all, or the one that the invitation is for."""
    found = [door for door in doors(parts.channels, code) if group.channel in (None, door.kind)]
    return [{"name": door.name, "words": door.words, "to": door.to} for door in found]


def _listed(site: str, group: Group, codes: Sequence[str], expires_at: datetime) -> str:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for code in codes:
        wording = group.wording.value if group.wording else ""
        ends = expires_at.isoformat(timespec="minutes")
        rows.writerow([code, link(site, code), f"JOIN {code}", group.cohort, group.channel or "", wording, ends])
    return text.getvalue()


def _private(path: Path, words: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(words)
