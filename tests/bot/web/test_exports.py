"""The record leaves from the browser with codes for names, for those who may, and nothing of it stays behind."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from openpyxl import load_workbook

from bot.messages import Address
from bot.records.tables import audit
from bot.web import exports
from tests.bot.web.conftest import Team

FIRST = Address("sms", "+447700900001")


def answered(team: Team, words: str = "I mostly text.") -> str:
    code = team.study.consented(FIRST)
    team.study.says(words, FIRST)
    team.study.says("DONE", FIRST)
    return code


def here(folder: Path) -> set[Path]:
    return set(folder.iterdir())


@pytest.fixture
def key_holder(team: Team) -> Team:
    """Cora has another role today."""
    team.study.run(lambda uow: uow.connection.exec_driver_sql("UPDATE users SET role='key-holder' WHERE name='Cora'"))
    return team


@pytest.mark.parametrize("kind", exports.KINDS)
async def test_each_kind_comes_as_a_file_and_leaves_nothing_here(
    key_holder: Team, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = answered(key_holder)
    before = here(tmp_path)
    answer = await key_holder.cora.post("/export", data={"kind": kind})
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    assert here(tmp_path) == before
    if kind == "matrix":
        book = load_workbook(io.BytesIO(answer.content))
        cells = [str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row]
        assert code in cells
        assert "I mostly text." in cells
    else:
        assert zipfile.is_zipfile(io.BytesIO(answer.content))
    line = key_holder.study.program.database.read_now(
        lambda uow: uow.all(audit.select().where(audit.c.act == "exported"))
    )[-1]
    assert (line["actor"], line["detail"]["to"], line["detail"]["originals"]) == ("Cora", "browser", False)


async def test_what_would_name_a_participant_is_not_written_and_the_page_says_where(key_holder: Team) -> None:
    code = answered(key_holder, f"Ring me: {FIRST.value}")
    answer = await key_holder.cora.post("/export", data={"kind": "matrix"})
    assert answer.status_code == 409
    assert code in answer.text
    assert FIRST.value not in answer.text


async def test_names_that_nobody_decided_about_are_told_before_the_file_is_made(key_holder: Team) -> None:
    code = answered(key_holder, "My daughter Ffion reads my letters.")
    assert "Files can still name people." in (await key_holder.cora.get("/export")).text
    answer = await key_holder.cora.post("/export", data={"kind": "answers"})
    assert answer.status_code == 409
    assert answer.text.count("Nothing was written") == 1, "said once"
    assert f"1 suggestion for 1 person. scripts/ownpace anonymise {code} shows them." in answer.text
    assert "Ffion" not in answer.text
    assert (await key_holder.cora.post("/export", data={"kind": "methods"})).status_code == 200, "it has no words"
    ticked = {"kind": "answers", "undecided": "yes"}
    assert (await key_holder.cora.post("/export", data=ticked)).status_code == 200


async def test_a_slip_and_a_large_study_are_answered_with_the_mend(
    key_holder: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(key_holder)
    assert "Choose what to take out." in (await key_holder.cora.post("/export", data={"kind": "all"})).text
    monkeypatch.setattr(exports, "MOST", 0)
    answer = await key_holder.cora.post("/export", data={"kind": "qdpx"})
    assert "scripts/ownpace export qdpx" in answer.text


async def test_researchers_and_coordinators_take_nothing_out(team: Team) -> None:
    answered(team)
    for client in (team.ann, team.cora):
        assert (await client.get("/export")).status_code == 403
        assert (await client.post("/export", data={"kind": "matrix"})).status_code == 403
        assert "/export" not in (await client.get("/progress")).text
