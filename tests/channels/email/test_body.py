"""What a mail says, whatever it is wrapped in."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.body import decode, from_html, harmless, read, unflow
from channels.email.reply import split, words


def mail(content_type: str, body: bytes, *more: str) -> bytes:
    """One mail of one part, as it comes over the wire."""
    head = ["From: bob@example.net", "MIME-Version: 1.0", f"Content-Type: {content_type}", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def parts(kind: str, *inside: tuple[str, bytes]) -> bytes:
    """A mail of several parts: each a content type, further header lines included, and its body."""
    chunks = b"".join(b"--b\r\nContent-Type: " + head.encode() + b"\r\n\r\n" + body + b"\r\n" for head, body in inside)
    return mail(f'multipart/{kind}; boundary="b"', chunks + b"--b--\r\n")


# Parts


@pytest.mark.parametrize("kind", ["pkcs7-signature", "x-pkcs7-signature", "pgp-signature"])
def test_the_seal_that_a_program_puts_on_a_mail_is_no_file_that_somebody_sent(kind: str) -> None:
    found = read(
        parts(
            "signed",
            ("text/plain; charset=utf-8", b"Yes"),
            (f"application/{kind}; name=smime.p7s\r\nContent-Disposition: attachment; filename=smime.p7s", b"0\x82"),
        )
    )
    assert (found.text, found.attachments) == ("Yes", ())


def test_every_inline_text_is_kept_in_order_around_pictures() -> None:
    raw = parts(
        "mixed",
        ("text/plain; charset=utf-8", "Before the picture – ".encode()),
        ("image/png\r\nContent-Disposition: inline; filename=garden.png", b"\x89PNG"),
        ("text/plain; charset=utf-8\r\nContent-Disposition: inline", b"After the picture"),
    )
    body = read(raw)
    assert body.text == "Before the picture – \nAfter the picture"
    assert [(file.name, file.content_type, file.data) for file in body.attachments] == [
        ("garden.png", "image/png", b"\x89PNG")
    ]


def test_plain_text_counts_before_html() -> None:
    raw = parts("alternative", ("text/plain", b"Plain"), ("text/html", b"<p>Rich</p>"))
    assert read(raw).text == "Plain"


@pytest.mark.parametrize(
    "stub",
    [
        b"",
        b" \xa0\r\n",
        b"[cid:image001.png@01DB]",
        b"Please view this email in HTML format.",
        b"Your mail client does not support HTML.",
        b"This message needs an HTML compatible viewer",
    ],
)
def test_html_counts_where_plain_text_says_nothing(stub: bytes) -> None:
    raw = parts("alternative", ("text/plain; charset=iso-8859-1", stub), ("text/html", b"<p>Rich</p>"))
    assert read(raw).text == "Rich"


def test_the_word_html_in_an_answer_makes_it_no_stub() -> None:
    said = b"I taught myself to write HTML " + b"and it took long " * 10
    raw = parts("alternative", ("text/plain", said), ("text/html", b"<p>Rich</p>"))
    assert read(raw).text.startswith("I taught")


def test_files_in_the_html_branch_are_kept_when_the_plain_text_counts() -> None:
    inner = (
        b"--r\r\nContent-Type: text/html\r\n\r\n<p>Rich</p>\r\n"
        b"--r\r\nContent-Type: image/jpeg\r\nContent-ID: <a@b>\r\n\r\nJPEG\r\n--r--"
    )
    raw = parts("alternative", ("text/plain", b"Plain"), ('multipart/related; boundary="r"', inner))
    body = read(raw)
    assert (body.text, [file.name for file in body.attachments]) == ("Plain", ["file.jpg"])


def test_winmail_dat_is_kept_as_a_file() -> None:
    raw = parts("mixed", ("text/plain", b"Hi"), ('application/ms-tnef; name="winmail.dat"', b"\x78\x9f\x3e\x22"))
    (file,) = read(raw).attachments
    assert (file.name, file.content_type) == ("winmail.dat", "application/ms-tnef")


def test_a_mail_inside_a_mail_is_a_file() -> None:
    raw = parts("mixed", ("text/plain", b"See this."), ("message/rfc822", b"Subject: Care\r\n\r\nNo more care."))
    body = read(raw)
    assert body.text == "See this."
    assert body.attachments[0].name == "file.eml"
    assert b"No more care." in body.attachments[0].data


def test_a_text_file_is_a_file_and_is_the_text_where_there_is_no_other() -> None:
    file = ('text/plain; name="text_0.txt"\r\nContent-Disposition: attachment; filename="text_0.txt"', b"By MMS")
    assert read(parts("mixed", ("text/plain", b"Hi"), file)).text == "Hi"
    alone = read(parts("mixed", file))
    assert (alone.text, len(alone.attachments)) == ("By MMS", 1)


def test_an_email_message_that_python_made_reads_the_same() -> None:
    message = EmailMessage()
    message["Subject"] = "Hi"
    message.set_content("Zażółć gęślą jaźń\n")
    message.add_attachment(b"data", maintype="application", subtype="pdf", filename="lluniau ŵyl.pdf")
    body = read(message)
    assert (body.text, body.attachments[0].name) == ("Zażółć gęślą jaźń", "lluniau ŵyl.pdf")
    assert read(message.as_bytes()) == body


@pytest.mark.parametrize(
    ("name", "harmless_name"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\bob\\note.txt", "note.txt"),
        ("a\0b\r\nc.txt", "ab c.txt"),
        ("\u202egpj.exe", "gpj.exe"),
        ("con.txt", "file-con.txt"),
        ("...", "file.jpg"),
        ("", "file.jpg"),
        ("a<b>:c?.png", "abc.png"),
        ("سلام.pdf", "سلام.pdf"),
    ],
)
def test_names_of_files_are_harmless(name: str, harmless_name: str) -> None:
    assert harmless(name, "image/jpeg") == harmless_name


@settings(deadline=None)
@given(st.text(max_size=400))
def test_any_name_becomes_a_harmless_one(name: str) -> None:
    made = harmless(name, "application/octet-stream")
    assert 0 < len(made) <= 125
    assert not set(made) & set('/\\\0<>:"|?*\r\n')
    assert made not in (".", "..")


# Charsets


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        ("Ŵyl y môr".encode(), "utf-8", "Ŵyl y môr"),
        ("Ŵyl y môr".encode(), "us-ascii", "Ŵyl y môr"),
        ("Ŵyl y môr".encode(), "iso-8859-1", "Ŵyl y môr"),
        ("Ŵyl y môr".encode(), None, "Ŵyl y môr"),
        ("“café” – 5€".encode("cp1252"), "iso-8859-1", "“café” – 5€"),
        ("“café” – 5€".encode("cp1252"), "us-ascii", "“café” – 5€"),
        ("“café” – 5€".encode("cp1252"), "utf-8", "“café” – 5€"),
        ("“café” – 5€".encode("cp1252"), "unknown-8bit", "“café” – 5€"),
        ("“café” – 5€".encode("cp1252"), "x-no-such-charset", "“café” – 5€"),
        ("Żółć".encode("iso8859-2"), "iso-8859-2", "Żółć"),
        ("Żółć".encode("cp1250"), "windows-1250", "Żółć"),
        ("Größe".encode("cp850"), "cp-850", "Größe"),
        ("你好，今天很好".encode("gb18030"), "gb2312", "你好，今天很好"),
        ("你好，今天很好".encode("gbk"), "x-gbk", "你好，今天很好"),
        ("联通".encode("gbk"), "gb2312", "联通"),
        ("你好".encode(), "utf-8mb4", "你好"),
        ("שלום".encode("iso8859-8"), "iso-8859-8-i", "שלום"),
        ("今日は".encode("iso2022_jp"), "iso-2022-jp", "今日は"),
        ("سلام".encode("cp1256"), "windows-1256", "سلام"),
        (b"Hallo", "utf-16", "Hallo"),
        ("Hallo".encode("utf-16"), "utf-16", "Hallo"),
        (b"Hallo", "base64", "Hallo"),
        (b"Hallo", "rot13", "Hallo"),
        (b"Hallo", "", "Hallo"),
        (b"", "utf-8", ""),
        ("Dda iawn – ŵyn".encode()[:-1] + b"\x92", "utf-8", "Dda iawn – ŵy’"),
    ],
)
def test_no_letter_is_lost_to_a_wrong_label(data: bytes, label: str | None, text: str) -> None:
    assert decode(data, label) == text


@settings(deadline=None)
@given(
    st.text(alphabet=st.characters(codec="cp1252", exclude_categories=["Cc"])),
    st.sampled_from(["iso-8859-1", "ascii", "x"]),
)
def test_windows_text_survives_every_wrong_label(text: str, label: str) -> None:
    data = text.encode("cp1252")
    assert decode(data, label) in (text, data.decode("utf-8", "replace"))
    assert "\ufffd" not in decode(data, label)


@settings(deadline=None)
@given(st.binary(max_size=200), st.text(max_size=20))
def test_no_bytes_and_no_label_raise_or_leave_a_replacement_mark(data: bytes, label: str) -> None:
    decode(data, label)
    assert "\ufffd" not in decode(data.replace(b"\xef\xbf\xbd", b""), "utf-8")


def test_an_unknown_label_in_a_mail_does_not_raise() -> None:
    assert read(mail("text/plain; charset=unknown-8bit", b"caf\xe9")).text == "café"


def test_nul_bytes_and_half_characters_are_taken_out() -> None:
    assert read(mail("text/plain; charset=utf-8", b"a\0b")).text == "ab"
    read(mail("text/plain; charset=utf-7", b"+2D8-")).text.encode()


# format=flowed


def test_flowed_lines_become_the_paragraphs_that_were_typed() -> None:
    raw = mail(
        "text/plain; charset=utf-8; format=flowed",
        b"One long \r\nparagraph.\r\n\r\n> quoted \r\n> on two lines\r\n>> deeper\r\n From the start\r\n-- \r\nBob\r\n",
    )
    assert read(raw).text == ("One long paragraph.\n\n> quoted on two lines\n>> deeper\nFrom the start\n-- \nBob")


def test_delsp_takes_the_space_away_for_languages_without_spaces() -> None:
    raw = mail("text/plain; charset=utf-8; format=flowed; delsp=yes", "美好的 \r\n一天".encode())
    assert read(raw).text == "美好的一天"


def test_text_that_is_not_flowed_keeps_its_lines() -> None:
    assert read(mail("text/plain", b"One \r\ntwo")).text == "One \ntwo"


@settings(deadline=None)
@given(st.text(alphabet="ab >-\n", max_size=80))
def test_unflowing_loses_no_word(text: str) -> None:
    assert "".join(unflow(text).replace(">", "").split()) == "".join(text.replace(">", "").split())


# HTML

GMAIL = """<div dir="ltr">The sea, <b>last</b> Tuesday.<div><br></div><div>Bob</div></div><br>
<div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Mon, 5 May 2025 at 10:02, Own Pace
 &lt;<a href="mailto:s@example.org">s@example.org</a>&gt; wrote:<br></div>
<blockquote class="gmail_quote" style="margin:0"><p>What does a good day look like for you?</p><p>Ann</p></blockquote></div>"""
OUTLOOK = """<html xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:w="urn:schemas-microsoft-com:office:word">
<head><!--[if gte mso 9]><xml><o:shapedefaults v:ext="edit"/></xml><![endif]--><style>p {margin:0}</style></head>
<body lang=EN-GB><div class=WordSection1><p class=MsoNormal>The sea,<o:p></o:p></p><p class=MsoNormal>last
<o:p>Tuesday</o:p>.</p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>Bob</p></div>
<div><p><b>From:</b> Own Pace &lt;s@example.org&gt; <br><b>Sent:</b> 05 May 2025 10:02<br><b>To:</b> bob@example.net<br>
<b>Subject:</b> Question</p></div><p>What does a good day look like for you?</p><p>Ann</p></body></html>"""
OUTLOOK_WEB = """<div>The sea, last Tuesday.</div><div><br></div><div>Bob</div><div id="appendonsend"></div><hr>
<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri"><b>Kutoka:</b> Own Pace &lt;s@example.org&gt;<br>
<b>Imetumwa:</b> 5 Mei 2025<br><b>Kwa:</b> bob@example.net<br><b>Mada:</b> Swali</font><div>&nbsp;</div></div>
<div>What does a good day look like for you?</div><div>Ann</div>"""
APPLE = """<html><body>The sea, last Tuesday.<div><br></div><div>Bob<br><div><br><blockquote type="cite"><div>On 5 May 2025,
 at 10:02, Own Pace &lt;s@example.org&gt; wrote:</div><br><div>What does a good day look like for you?</div><div>Ann</div>
</blockquote></div></div></body></html>"""
THUNDERBIRD = """<p>The sea, last Tuesday.</p><p>Bob</p><div class="moz-cite-prefix">On 05/05/2025 10:02, Own Pace wrote:<br></div>
<blockquote type="cite" cite="mid:1@example.org"><p>What does a good day look like for you?</p><p>Ann</p></blockquote>"""
PROTON = """<div>The sea, last Tuesday.</div><div><br></div><div>Bob</div><div class="protonmail_quote">On Monday, 5 May 2025
 at 10:02, Own Pace &lt;s@example.org&gt; wrote:<br><blockquote class="protonmail_quote" type="cite"><p>What does a good day
 look like for you?</p><p>Ann</p></blockquote></div>"""
YAHOO = """<div>The sea, last Tuesday.</div><div><br></div><div>Bob</div><div id="ydp1yahoo_quoted_2" class="ydp1yahoo_quoted">
<div><div>On Monday, 5 May 2025 at 10:02:31 BST, Own Pace &lt;s@example.org&gt; wrote:</div><div><br></div>
<div>What does a good day look like for you?</div><div>Ann</div></div></div>"""
QUOTED = "What does a good day look like for you?\n\nAnn\n"


@pytest.mark.parametrize(
    "html",
    [GMAIL, OUTLOOK, OUTLOOK_WEB, APPLE, THUNDERBIRD, PROTON, YAHOO],
    ids=["gmail", "outlook", "outlook web", "apple", "thunderbird", "proton", "yahoo"],
)
@pytest.mark.parametrize("sent", [(), (QUOTED,)], ids=["by form", "by what we sent"])
def test_an_html_reply_of_every_program_comes_to_the_words_of_its_writer(html: str, sent: tuple[str, ...]) -> None:
    reply = split(read(mail("text/html; charset=utf-8", html.encode())).text, sent)
    assert words(reply.answer) == words("The sea, last Tuesday. Bob")
    assert "good day" in reply.elided
    assert not reply.doubt


def test_answers_between_html_quotes_keep_their_questions() -> None:
    html = GMAIL.replace(
        "<p>Ann</p>", '</blockquote></div><div>No pain.</div><blockquote class="gmail_quote"><p>Ann</p>'
    )
    html = html.replace('<div dir="ltr">The sea, <b>last</b> Tuesday.<div><br></div><div>Bob</div></div>', "")
    reply = split(from_html(html), [QUOTED])
    assert reply.answer == "> What does a good day look like for you?\n\nNo pain."


def test_quotes_within_quotes_are_marked_deeper() -> None:
    html = "Own<blockquote type=cite>One<blockquote type=cite>Two</blockquote></blockquote>Own too"
    assert [line for line in from_html(html).split("\n") if line.strip("> ")] == ["Own", "> One", ">> Two", "Own too"]


def test_a_block_that_the_person_indented_is_no_quote() -> None:
    assert from_html('<blockquote style="margin:0 0 0 40px">My own words</blockquote>').strip() == "My own words"


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<p>one<br>two</p><p>three</p>", "one two three"),
        ("<!-- never closed <p>one", "never closed one"),
        ("<style>p{} <p>one</p>", "p{} one"),
        ("<table><tr><td>one<td>two</table>", "one two"),
        ("a &lt; b &amp; c", "a b c"),
        ("<p>سلام</p><p>你好</p>", "سلام 你好"),
        ("plain words", "plain words"),
        ("<?xml version='1.0' encoding='x'?><html><body>one</body></html>", "one"),
        ("<svg><text>one</text></svg>", "one"),
        ("<div>" * 3000 + "deep", "deep"),
        ("", ""),
    ],
)
def test_html_of_any_kind_keeps_its_words(html: str, said: str) -> None:
    assert words(from_html(html)) == words(said)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "<div>",
                "<br>",
                "<blockquote type=cite>",
                "</blockquote>",
                "<o:p>",
                "</o:p>",
                "<td>",
                "w1",
                "w2 ",
                "é",
                "&amp;",
                "<b>",
                "</div>",
                "\n",
            ]
        ),
        max_size=30,
    )
)
def test_no_word_of_html_is_lost(pieces: list[str]) -> None:
    said = "".join(piece if not piece.startswith("<") else " " for piece in pieces)
    found = "".join(from_html("".join(pieces)).replace(">", "").split())
    assert found.replace("&", "") == "".join(said.replace("&amp;", "").split())
