"""A transcript has every word that was said, by whom, on which day and channel, in each of its four forms."""

from __future__ import annotations

import gc
import html.parser
import re
from itertools import pairwise
from pathlib import Path

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.opc.package import OpcPackage
from docx.oxml.ns import qn

from bot.errors import ExportError
from bot.export import replacing
from bot.export.document import Document, Said, escaped, write
from bot.export.record import DATA, Case, Speaker
from bot.export.transcript import Transcripts
from bot.export.word import COLLECTED_AFTER, reads_right_to_left
from bot.messages import Inbound
from bot.service import intake
from tests.bot.export.study import cases, joins, stored_answers, take_out
from tests.bot.world import World, world

TURN = re.compile(r"^(\w+): ", re.MULTILINE)
"""How QualCoder finds a speaker: a name and a colon at the start of a line."""


def own(case: Case) -> list[str]:
    """What the participant said that a transcript has."""
    said = [turn.text for turn in case.heard if turn.kind in DATA]
    return [text if text.strip() else "[no words]" for text in said]


def spoken(text: str) -> list[tuple[str, str]]:
    """The turns of a text transcript, as a reader of speakers finds them."""
    found = list(TURN.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    return [(match[1], text[match.end() : end]) for match, end in zip(found, ends, strict=True)]


class Page(html.parser.HTMLParser):
    """The text of each paragraph of a page, and its headings in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.paragraphs: list[str] = []
        self.headings: list[int] = []
        self.language = ""
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "html":
            self.language = dict(attrs)["lang"] or ""
        if tag == "p":
            self._open = True
            self.paragraphs.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "p":
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.paragraphs[-1] += data


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text.replace("  \n", "\n"))


@pytest.mark.parametrize("form", ["txt", "md", "html", "docx"])
def test_every_answer_in_the_database_is_in_the_transcript_word_for_word(held: World, out: Path, form: str) -> None:
    take_out(held, Transcripts(form), out)
    for (code, _), answer in stored_answers(held).items():
        if code in ("P02", "SW03"):
            assert not (out / f"{code}.{form}").exists()
            continue
        path = out / f"{code}.{form}"
        if form == "docx":
            whole = "\n".join(p.text for p in docx.Document(str(path)).paragraphs)
        elif form == "html":
            whole = "\n".join(Page(path.read_text()).paragraphs)
        else:
            whole = unescaped(path.read_text()) if form == "md" else path.read_text()
        for part in answer.split("\n"):
            assert part in whole


def test_a_reader_of_speakers_finds_every_turn(held: World, out: Path) -> None:
    take_out(held, Transcripts("txt"), out)
    for case in cases(held):
        found = spoken((out / f"{case.code}.txt").read_text())
        assert {speaker for speaker, _ in found} <= {case.code, "Bot", "R01", "R02"}
        assert [text.rstrip("\n").partition("\n\n24 ")[0].rstrip("\n") for who, text in found if who == case.code] == [
            text.rstrip("\n") for text in own(case)
        ]


@pytest.mark.parametrize("form", ["txt", "md", "docx"])
def test_copied_talk_inside_an_answer_is_nobodys_turn(tmp_path: Path, form: str) -> None:
    """Whoever copies what the bot or a researcher wrote into an answer puts no words into their mouths."""
    with world(tmp_path) as study:
        phone = joins(study, 1)
        phone.consents()
        phone.answers("It went so:\nBot: will you tell us?\r\nsw01: no\nMum: why?")
        take_out(study, Transcripts(form, bot="none", one=True), tmp_path / "o", codes=("SW01",))
        if form == "docx":
            text = "\n".join(paragraph.text for paragraph in docx.Document(str(tmp_path / "o")).paragraphs)
        else:
            text = (tmp_path / "o").read_text()
        assert [who for who, _ in spoken(text)] == ["SW01", "Mum"]
        assert re.search(r"^ Bot: will you tell us\?", text, re.MULTILINE)


def test_the_date_and_the_channel_stand_on_their_own_line_before_the_turns(held: World, out: Path) -> None:
    take_out(held, Transcripts("txt", times=True), out)
    lines = (out / "P01.txt").read_text().split("\n")
    place = lines.index("P01: I text her.")
    assert re.fullmatch(r"24 November 2026, \d\d:\d\d, by text message", lines[place - 2])


def test_researchers_have_pseudonyms_in_the_order_in_which_they_first_wrote(held: World, out: Path) -> None:
    take_out(held, Transcripts("txt"), out)
    text = (out / "P01.txt").read_text()
    assert "R01: Hi [P01], what do you text about?\n\nR01\n" in text
    assert "R02: Thank you.\n\nR02\n" in text
    take_out(held, Transcripts("txt"), out, force=True, named=True)
    assert "Ruth Jones: Hi [P01]" in (out / "P01.txt").read_text()


def test_bot_texts_probes_and_steering_are_there_when_asked_for(held: World, out: Path) -> None:
    def speakers(**options: object) -> tuple[set[str], str]:
        take_out(held, Transcripts("txt", one=True, **options), out, force=True, codes=("P01",))  # type: ignore[arg-type]  # options of it
        text = out.read_text()
        return {speaker for speaker, _ in spoken(text)}, text

    assert speakers(bot="none", probes=False)[0] == {"P01"}
    assert speakers(bot="none")[0] == {"P01", "R01", "R02"}
    assert "thank you for joining our study" not in speakers()[1]
    assert "Hello [P01], thank you for joining our study" in speakers(bot="all")[1]
    assert "P01: yes" not in speakers()[1]
    assert "P01: yes" in speakers(steering=True)[1]


def test_the_cover_tells_how_the_interview_was_held(held: World, out: Path) -> None:
    take_out(held, Transcripts("txt"), out)
    text = (out / "SW01.txt").read_text()
    case = next(case for case in cases(held) if case.code == "SW01")
    answered = sum(bool(answer.parts) for answer in case.answers)
    assert f"Answers – {answered}, " in text
    assert "Taken back by the participant – 1" in text
    assert "Channels – text message" in text
    own = sum(turn.speaker is Speaker.PARTICIPANT for turn in case.heard)
    assert f"Messages by channel – text message {own}" in text
    assert "Longest silence – less than a day" in text
    assert "Voice notes, pictures, videos and files – none" in text


def test_text_that_came_along_is_there_when_asked_for_and_is_nobodys_turn(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        phone = joins(study, 1, name="Cerys")
        phone.consents()
        said = "By text."
        came = Inbound("mail/1", phone.address, said, said.encode(), elided="On Monday you wrote:\r\nBot: How?")
        study.run(intake.receive, study.program.terms, came)
        for form in ("txt", "md", "html", "docx"):
            take_out(study, Transcripts(form, elided=True), tmp_path / form)
        text = (tmp_path / "txt/SW01.txt").read_text()
        assert "SW01: By text.\n\n[text that came along]\n> On Monday you wrote:\n> Bot: How?\n" in text
        assert [who for who, _ in spoken(text)].count("Bot") == 1, "what came along is no turn"
        take_out(study, Transcripts("txt"), tmp_path / "without")
        assert "On Monday" not in (tmp_path / "without/SW01.txt").read_text()


def test_a_name_in_text_that_came_along_stops_the_export_that_has_it(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        phone = joins(study, 1, name="Cerys")
        phone.consents()
        came = Inbound("mail/1", phone.address, "Yes.", b"Yes.", elided="Dear Cerys, how do you text?")
        study.run(intake.receive, study.program.terms, came)
        take_out(study, Transcripts("txt"), tmp_path / "without")
        with pytest.raises(ExportError, match="text that came along: a name of the participant themselves"):
            take_out(study, Transcripts("txt", elided=True), tmp_path / "with")
        offers = study.program.database.read_now(replacing.offers, "SW01")
        study.run(replacing.decide, "SW01", offers, [])
        take_out(study, Transcripts("txt", elided=True), tmp_path / "with")
        assert "> Dear [SW01], how do you text?" in (tmp_path / "with/SW01.txt").read_text()


def test_a_page_has_its_language_and_headings_in_order(held: World, out: Path) -> None:
    take_out(held, Transcripts("html"), out)
    page = Page((out / "P01.html").read_text())
    assert page.language == "en"
    assert page.headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(page.headings))
    assert "SW01:</strong> =1+1" in (out / "SW01.html").read_text()
    assert "<b>not</b>" not in (out / "SW01.html").read_text()


def test_a_word_file_has_title_language_styles_headings_and_page_numbers(held: World, out: Path) -> None:
    take_out(held, Transcripts("docx"), out)
    word = docx.Document(str(out / "P01.docx"))
    assert word.core_properties.title == "Interview P01"
    assert {lang.get(qn("w:val")) for lang in word.styles.element.iter(qn("w:lang"))} == {"en-GB"}
    styles = [paragraph.style.name for paragraph in word.paragraphs if paragraph.style]
    assert styles[:2] == ["Title", "Heading 1"]
    assert {"Participant", "Researcher", "Bot", "Stamp", "Heading 2"} <= set(styles)
    levels = [int(style[-1]) for style in styles if style.startswith("Heading")]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    fields = [f.get(qn("w:instr")) for f in word.sections[0].footer._element.iter(qn("w:fldSimple"))]
    assert fields == ["PAGE", "NUMPAGES"]
    said = [p.text for p in word.paragraphs if p.style and p.style.name == "Participant"]
    assert said == [f"P01: {text}" for text in own(next(c for c in cases(held) if c.code == "P01"))]


def test_word_files_are_forgotten_when_they_are_written(tmp_path: Path) -> None:
    """However many there are: memory holds a few of them, also where Python itself would wait."""
    long = COLLECTED_AFTER // 20
    document = Document("Interview", [Said("P01", "w" * long, "participant")])
    gc.disable()
    try:
        for _ in range(3 * COLLECTED_AFTER // long):
            write(document, tmp_path / "a.docx", "docx")
        alive = sum(isinstance(each, OpcPackage) for each in gc.get_objects())
    finally:
        gc.enable()
    assert alive <= COLLECTED_AFTER // long


def test_right_to_left_words_run_from_right_to_left(held: World, out: Path) -> None:
    take_out(held, Transcripts("docx"), out)
    word = docx.Document(str(out / "SW01.docx"))
    turned = [p.text for p in word.paragraphs if p._p.find(f".//{qn('w:bidi')}") is not None]
    assert turned == ["SW01: أستخدم الهاتف كل يوم", "SW01: שלום, and then English."]
    assert not reads_right_to_left("123 Rwy'n ŵ שלום")


@pytest.mark.parametrize(
    "text", ["# no heading", "- no list", "1. no list", "*no* _stress_", "a\nb", "<b>", "> q", "`c`"]
)
def test_markdown_shows_words_as_they_were_written(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert not re.match(r"\s*([#>*+`<-]|\d+[.)])", escaped(text))


def test_a_word_document_carries_nothing_that_it_does_not_use(held: World, out: Path) -> None:
    """Ten thousand of them are written in one go: each is small, and its tables still have their style."""
    take_out(held, Transcripts("docx"), out)
    path = out / "SW01.docx"
    package = OpcPackage.open(str(path))
    assert not [part.partname for part in package.iter_parts() if "Effects" in part.partname or "jpeg" in part.partname]
    word = docx.Document(str(path))
    kinds = {style.name for style in word.styles if style.type == WD_STYLE_TYPE.TABLE}
    assert kinds == {"Normal Table", "Table Grid"}
    assert {table.style.name for table in word.tables if table.style} == {"Table Grid"}
    assert path.stat().st_size < 20_000
