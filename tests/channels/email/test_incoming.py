"""From one raw mail to news: who wrote it, what it answers, what it says, what came along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messages import Address, Delivery, DeliveryUpdate, Inbound, MediaKind, Undeciphered
from channels.email.closing import MORE_BELOW
from channels.email.compose import Letterhead, plain
from channels.email.incoming import PERHAPS_A_PERSON, read
from tests.channels.email.test_compose import outbound
from tests.rig.mailroom import Mailroom

OURS = "voices@study.example"
STUDY = "Voices Study"
TOKEN, OTHER = "a" * 26, "b" * 26
OWN_ID = f"<{TOKEN}@study.example>"
ANN = Address("email", "ann@people.example")
HEADERS = {
    "From": "Ann Example <Ann@People.Example>",
    "To": OURS,
    "Subject": "Re: Voices Study [#thread22]",
    "Date": "Tue, 3 Nov 2026 10:00:00 +0100",
    "Message-ID": "<m1@people.example>",
}


def mail(text: str = "My answer.", **changes: str | None) -> EmailMessage:
    made = EmailMessage()
    for name, value in {**HEADERS, **{key.replace("_", "-"): value for key, value in changes.items()}}.items():
        if value is not None:
            made[name] = value
    made.set_content(text)
    return made


async def inbound(made: EmailMessage, texts: Sequence[str] = ()) -> Inbound:
    news = await read(made.as_bytes(), OURS, STUDY, Mailroom(texts={ANN.value: list(texts)}))
    assert isinstance(news, Inbound), news
    return news


async def test_a_mail_says_who_when_and_what() -> None:
    made = mail(Received="from phone (phone [192.0.2.1]) by mx.study.example; Tue, 3 Nov 2026 09:00:00 +0000 (UTC)")
    news = await inbound(made)
    assert (news.sender, news.sender.value, news.body) == (ANN, ANN.value, "My answer.")
    assert news.written_at == datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
    assert (news.provider_id, news.raw) == ("<m1@people.example>", made.as_bytes())
    assert (news.automatic, news.doubt, news.elided, news.media) == (False, "", "", ())


async def test_what_it_answers_is_named_the_surest_first() -> None:
    made = mail(
        To=f"Voices <voices+{TOKEN}@study.example>",
        In_Reply_To=f"<{OTHER}@study.example>",
        References=f"<thread22.thread@study.example> <0100@eu-west-2.amazonses.com> <{OTHER}@study.example>",
    )
    assert (await inbound(made)).reply_to == (
        TOKEN,
        f"<{OTHER}@study.example>",
        "<0100@eu-west-2.amazonses.com>",
        "<thread22.thread@study.example>",
        OTHER,
        "thread22",
    )


async def test_a_mail_whose_sender_may_be_forged_is_kept_whole_and_flagged() -> None:
    news = await inbound(mail(Authentication_Results="mx.study.example; dmarc=fail header.from=people.example"))
    assert (news.sender, news.body) == (ANN, "My answer.")
    assert "forged" in news.doubt
    assert not (await inbound(mail(Authentication_Results="mx.study.example; dmarc=pass"))).doubt


async def test_an_endless_id_is_none() -> None:
    assert (await inbound(mail(Message_ID=f"<{'a' * 400}@people.example>"))).provider_id == ""


async def test_the_same_mail_has_the_same_key_wherever_it_is_found() -> None:
    first = await inbound(mail())
    copy = mail()
    copy["Received"] = "by another way"
    assert (await inbound(copy)).provider_key == first.provider_key
    assert (await inbound(mail("Another answer."))).provider_key != first.provider_key


async def test_a_quote_of_ours_is_set_aside_with_marker_and_footer() -> None:
    sent = "What does a good day look like?"
    head = Letterhead(OURS, "Voices Study", "https://study.example")
    quoted = "\n".join(f"> {line}" for line in plain(outbound(sent), head).splitlines())
    room = Mailroom(texts={ANN.value: [sent]})
    made = mail(
        f"Sunshine.\n\nOn Tue, 3 Nov 2026 at 10:00, Voices <{OURS}> wrote:\n{quoted}\n", In_Reply_To="<x@y.example>"
    )
    news = await read(made.as_bytes(), OURS, STUDY, room)
    assert isinstance(news, Inbound)
    assert (news.body, news.doubt) == ("Sunshine.", "")
    assert sent in news.elided
    assert room.asked == [(ANN, news.reply_to)]


async def test_files_come_along_by_what_they_are() -> None:
    made = mail("See here")
    made.add_attachment(b"1", maintype="audio", subtype="amr", filename="note.amr")
    made.add_attachment(b"22", maintype="image", subtype="jpeg", filename="cat.jpg")
    made.add_attachment(b"333", maintype="video", subtype="mp4", filename="film.mp4")
    made.add_attachment(b"4444", maintype="application", subtype="ms-tnef", filename="winmail.dat")
    kinds = [MediaKind.VOICE, MediaKind.PICTURE, MediaKind.VIDEO, MediaKind.FILE]
    media = (await inbound(made)).media
    assert [one.kind for one in media] == kinds
    assert [one.size for one in media] == [1, 2, 3, 4]
    assert media[3].content == b"4444"


AUTOMATIC = [
    ("an out-of-office reply", {"Auto_Submitted": "auto-replied", "Subject": "Automatic reply: Voices Study"}),
    ("our own mail coming back", {"X_Own_Pace": "1"}),
    ("a mail from our own address", {"From": "Voices <voices@study.example>"}),
    ("a list's mail", {"Precedence": "bulk"}),
]


@pytest.mark.parametrize("changes", [one[1] for one in AUTOMATIC], ids=[one[0] for one in AUTOMATIC])
async def test_what_no_person_wrote_is_marked(changes: dict[str, str]) -> None:
    assert (await inbound(mail(**changes))).automatic


SUBJECTS = [
    ("stop in the subject stops", "STOP", "", "STOP"),
    ("however it is written", "Re: Stop!", "", "STOP"),
    ("whatever a program wrote below", "stop", "This message was generated by a machine.", "STOP"),
    ("words only in the subject are the message", "I am moving house", "", "I am moving house"),
    ("our own subject is not", "Re: Voices Study [#thread22]", "", ""),
    ("a subject above an answer is not the answer", "Hello", "My answer.", "My answer."),
    ("words after our own subject are the message", "Re: Voices Study [#thread22] yes I agree", "", "yes I agree"),
    ("words before it are", "No, never. Re: Voices Study [#thread22]", "", "No, never."),
    ("words in place of it are", "Re: yes I agree", "", "yes I agree"),
    ("words in place of its name are", "Re: yes I agree [#thread22]", "", "yes I agree"),
    ("a sign is", "AW: Re: Voices  Study [#thread22] 👍", "", "👍"),
    ("a question mark is", "Re: Voices Study [#thread22]?", "", "?"),
    ("the study's name within a sentence is", "Re: I think voices study is kind", "", "I think voices study is kind"),
    ("a word with a colon is", "Yes: every day", "", "Yes: every day"),
    ("what a mail server wrote is not", "[EXTERNAL] Re: Voices Study [#thread22]", "", ""),
    ("nor is it before an answer", "Re: ***SPAM*** Voices Study [#thread22] in May", "", "in May"),
    ("our name alone is not", "Re: Voices Study", "", ""),
]


@pytest.mark.parametrize(("subject", "text", "body"), [one[1:] for one in SUBJECTS], ids=[one[0] for one in SUBJECTS])
async def test_in_subjects(subject: str, text: str, body: str) -> None:
    news = await inbound(mail(text, Subject=subject))
    assert news.body == body
    assert body == text or news.elided == text.strip()


QUOTE = f"On Tue, 3 Nov 2026 at 10:00, Voices <{OURS}> wrote:\n> Do you agree?\n"
SIGNATURES = [
    ("what a telephone writes", "Sent from my iPhone"),
    ("what stands after two hyphens", "-- \nAnn Example\n12 High Street"),
    ("a farewell and a name", "Kind regards,\nAnn"),
    ("the writer's name", "Ann"),
    ("the writer's name, place and number", "Ann Example\nSocial worker, North Team\nTel: 01632 960001"),
    ("our text, quoted", QUOTE),
    ("a signature above our text", f"Sent from my iPhone\n\n{QUOTE}"),
]


@pytest.mark.parametrize("text", [one[1] for one in SIGNATURES], ids=[one[0] for one in SIGNATURES])
async def test_new_words_in_the_subject_are_the_answer_above(text: str) -> None:
    news = await inbound(mail(text, Subject="Re: Voices Study [#thread22] yes I agree"), ["Do you agree?"])
    assert (news.body, news.elided) == ("yes I agree", text.strip())
    assert "subject" in news.doubt


@pytest.mark.parametrize("text", [one[1] for one in SIGNATURES], ids=[one[0] for one in SIGNATURES])
async def test_our_own_subject_is_no_answer_above(text: str) -> None:
    assert (await inbound(mail(text), ["Do you agree?"])).body == (text.removesuffix(QUOTE) or text).strip()


ANSWERS_BELOW = [
    "Yes",
    "Ann\nYes",
    "Ann is my sister.",
    "--\nI was ill. Nobody called me.",
    "Thanks\nI want to die",
    "Sent from my bed, in pain",
]


@pytest.mark.parametrize("text", ANSWERS_BELOW)
async def test_words_below_a_subject_that_may_be_an_answer_are_the_answer(text: str) -> None:
    assert (await inbound(mail(text, Subject="Re: Voices Study [#thread22] my answer"))).body == text


async def test_a_picture_may_have_its_answer_in_the_subject_but_not_its_own_name() -> None:
    for subject, body in (("My dog Bess", "My dog Bess"), ("IMG_1234", "")):
        made = mail("", Subject=subject)
        made.add_attachment(b"22", maintype="image", subtype="jpeg", filename="IMG_1234.jpg")
        assert (await inbound(made)).body == body


FAREWELLS = [
    ("STOP\n\nKind regards,\nSam Jones\nUnit 4", "STOP"),
    ("Yes\nThanks!\n", "Yes"),
    ("Skip\n\nCofion gorau\nŴyn", "Skip"),
    ("Yes\nBest wishes\nann xx\nx", "Yes"),
    ("STOP\nKind regards\nAnn Example\nsocial worker, north team\nTel: 01632 960001", "STOP"),
    ("Yes\n\nAnn", "Yes"),
    ("Yes\n\nMany thanks, Ann", "Yes"),
]
GREETINGS = [
    "CAUTION: This email originated from outside of the organisation. Do not click links.\n\nPlease stop.\n\nAnn",
    "[External email]\nDo not click on links unless you know the sender.\nHello\nPlease stop.",
    "Hi,\n\nPlease stop.",
    "Dear Ms Jones,\nPlease stop.\n\nThanks\nAnn",
    "Good morning\nPlease stop.\n\nAnn",
]
LONG_SIGNATURES = [
    "Kind regards,\n\nAnn Example (she/her)\nSenior Social Worker, Adult Social Care North\nExample County Council\n"
    "T: 01632 960001 | M: 07700 900123\nMy working days are Monday to Wednesday.\n\nThis email and any attachments are "
    "confidential. If you are not the intended recipient please delete it.",
    "Ann\n\nAnn Example\nSocial Worker\nNorth Team\nExample Council\nTel: 01632 960001\nwww.council.example",
    "Thanks, Ann\n\nAnn Example | Social Worker | Example Council | 01632 960001 | www.council.example\n",
]
NO_FAREWELLS = [
    "Yes\n\nNever again",
    "My manager said:\nThanks for nothing, and then she left the room without another word.",
    "Two things I would like to tell you\nRegards\nSam",
    "Yes\nThanks\nbut I am not sure that I want to go on with this at all.",
    "It was fine.\nThanks\nI want to die",
    "Yes I do\nThank you\nbut only on Mondays",
    "No\nBest\nHELP ME",
    "Fine\nThanks\nAnn\nthe night shift broke me",
    "Fine.\n--\nI want to die",
    "Thanks",
    "Kind regards,\nSam",
    "Kind regards,\nAnn",
    "Ann\nAnn Example",
    "Yes\n\nKind regards,\nAnn\n\nPS but not my quotes",
    "Yes\nI asked Ann about it, and she did not know either.",
    "Hello",
    "She is from outside the area\nand he is not",
    "External email",
]


@pytest.mark.parametrize(("text", "body"), FAREWELLS)
async def test_a_farewell_below_one_short_line_is_set_aside_and_kept(text: str, body: str) -> None:
    news = await inbound(mail(text))
    assert news.body == body
    assert news.around.split() == text.split()[1:]


@pytest.mark.parametrize("text", GREETINGS)
async def test_a_greeting_above_one_short_line_is_set_aside_and_kept(text: str) -> None:
    news = await inbound(mail(text))
    assert news.body == "Please stop."
    assert f"{news.around}".split() == text.replace("Please stop.", "").split()
    assert not news.doubt


@pytest.mark.parametrize("word", ["STOP", "Yes", "skip"])
@pytest.mark.parametrize("signature", LONG_SIGNATURES)
async def test_a_word_above_the_signature_of_an_office_counts_and_a_person_looks_at_the_rest(
    word: str, signature: str
) -> None:
    news = await inbound(mail(f"{word}\n\n{signature}"))
    assert news.body == word
    assert news.around.split() == signature.split()
    assert "signature" in news.doubt


@pytest.mark.parametrize("text", NO_FAREWELLS)
async def test_any_other_answer_stays_whole(text: str) -> None:
    news = await inbound(mail(text))
    assert (news.body.split(), news.elided, news.around) == (text.split(), "", "")


async def test_a_stop_counts_whatever_stands_below_its_farewell_and_a_person_reads_that() -> None:
    news = await inbound(mail("STOP\nThanks\nI want to die"))
    assert (news.body, news.around.split("\n")[-1], news.doubt) == ("STOP", "I want to die", MORE_BELOW)


@pytest.mark.parametrize(
    ("more", "doubted"),
    [
        ({"Subject": "Out of office working is what I do"}, True),
        ({"Precedence": "list"}, True),
        ({"Subject": "Out of office", "Auto_Submitted": "auto-replied"}, False),
    ],
    ids=["a subject of their own", "over a list", "a program says that it is one"],
)
async def test_what_is_only_perhaps_a_programs_mail_is_looked_at(more: dict[str, str], doubted: bool) -> None:
    """Else an answer would count for nothing, and nobody would know."""
    news = await inbound(mail("I work from home.", **more))
    assert (news.automatic, news.doubt.startswith(PERHAPS_A_PERSON)) == (True, doubted)


async def test_a_mail_begun_anew_to_an_address_of_ours_says_so() -> None:
    to = f"voices+{TOKEN}@study.example"
    begun, answered = [await inbound(mail("Words", To=to, Subject=said)) for said in ("Tea", "Re: Tea")]
    assert (begun.anew, begun.reply_to[0]) == (True, TOKEN), "whose it is, it says all the same"
    assert not answered.anew


async def test_stop_counts_even_when_a_program_sends_it() -> None:
    """RFC 2369: the mail program of the person makes the mail that List-Unsubscribe names."""
    news = await inbound(mail("", Subject="STOP", To=f"voices+{TOKEN}@study.example", Auto_Submitted="auto-generated"))
    assert (news.body, news.automatic, news.reply_to[0]) == ("STOP", False, TOKEN)


NOBODY = [
    ("nobody", None),
    ("two people", "ann@people.example, bob@people.example"),
    ("no address", "Ann Example"),
]


@pytest.mark.parametrize("sender", [one[1] for one in NOBODY], ids=[one[0] for one in NOBODY])
async def test_a_mail_from_nobody_in_particular_is_for_a_person_to_read(sender: str | None) -> None:
    raw = mail("Words", From=None).as_bytes()
    raw = f"From: {sender}\n".encode() + raw if sender else raw
    news = await read(raw, OURS, STUDY, Mailroom())
    assert isinstance(news, Undeciphered)
    assert news.raw == raw


async def test_a_quote_splitter_that_stumbles_costs_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_arguments: object) -> None:
        raise IndexError

    monkeypatch.setattr("channels.email.incoming.reply.split", stumble)
    news = await inbound(mail("All of it."))
    assert news.body == "All of it."
    assert "IndexError" in news.doubt


async def test_a_mailroom_that_fails_is_not_taken_for_a_bad_mail() -> None:
    class Closed(Mailroom):
        async def sent(self, sender: Address, reply_to: Sequence[str]) -> list[str]:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await read(mail().as_bytes(), OURS, STUDY, Closed())


# Reports


def report(*, to: str = OURS, status: str = "5.1.1", action: str = "failed", original: str | None = None) -> bytes:
    returned = f"Message-ID: {original}\n" if original else "Subject: something\n"
    return f"""Return-Path: <>
From: MAILER-DAEMON@mx.example
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <report@mx.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

I am sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ann@people.example
Action: {action}
Status: {status}

--b
Content-Type: text/rfc822-headers

{returned}
--b--
""".encode()


REPORTS: list[tuple[str, dict[str, str], DeliveryUpdate]] = [
    (
        "nobody of that name closes the address",
        {"to": f"voices+b-{TOKEN}@study.example"},
        DeliveryUpdate(OWN_ID, Delivery.FAILED, TOKEN, "5.1.1", "the address does not exist (5.1.1)", closed=True),
    ),
    (
        "a full mailbox is not a dead address",
        {"to": f"voices+b-{TOKEN}@study.example", "status": "5.2.2"},
        DeliveryUpdate(OWN_ID, Delivery.FAILED, TOKEN, "5.2.2", "the mailbox is full (5.2.2)"),
    ),
    (
        "a server that has tried for long enough has given up, whatever the first figure",
        {"to": f"voices+b-{TOKEN}@study.example", "status": "4.4.7"},
        DeliveryUpdate(
            OWN_ID, Delivery.FAILED, TOKEN, "4.4.7", "the receiving server could not be reached in time (4.4.7)"
        ),
    ),
    (
        "a delay is not a failure",
        {"to": f"voices+b-{TOKEN}@study.example", "status": "4.4.1", "action": "delayed"},
        DeliveryUpdate(OWN_ID, Delivery.ACCEPTED, TOKEN, "4.4.1", "the receiving server does not answer (4.4.1)"),
    ),
    (
        "a refusal by rules says nothing about the address",
        {"to": f"voices+b-{TOKEN}@study.example", "status": "5.7.1"},
        DeliveryUpdate(OWN_ID, Delivery.FAILED, TOKEN, "5.7.1", "the receiving server does not want our mail (5.7.1)"),
    ),
    (
        "without a token the mail's own id tells",
        {"original": OWN_ID},
        DeliveryUpdate(
            OWN_ID,
            Delivery.FAILED,
            TOKEN,
            "5.1.1",
            "the address does not exist (5.1.1)",
            closed=True,
        ),
    ),
    (
        "or the one that Amazon gave",
        {"original": "<0100@email.amazonses.com>"},
        DeliveryUpdate(
            "<0100@email.amazonses.com>",
            Delivery.FAILED,
            None,
            "5.1.1",
            "the address does not exist (5.1.1)",
            closed=True,
        ),
    ),
]


@pytest.mark.parametrize(("made", "expected"), [one[1:] for one in REPORTS], ids=[one[0] for one in REPORTS])
async def test_in_a_report(made: dict[str, str], expected: DeliveryUpdate) -> None:
    raw = report(**made)
    news = await read(raw, OURS, STUDY, Mailroom())
    assert isinstance(news, DeliveryUpdate)
    assert replace(news, otherwise=None) == expected
    assert news.otherwise is not None
    assert news.otherwise.raw == raw, "for a person to read, if it is about no mail of ours"


async def test_a_report_that_names_no_mail_of_ours_is_for_a_person_to_read() -> None:
    assert isinstance(await read(report(), OURS, STUDY, Mailroom()), Undeciphered)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", mail().as_bytes(), report()]), st.integers(0, 400))
async def test_whatever_comes_is_one_piece_of_news_and_keeps_its_bytes(noise: bytes, base: bytes, at: int) -> None:
    raw = base[:at] + noise + base[at:]
    news = await read(raw, OURS, STUDY, Mailroom())
    assert isinstance(news, Inbound | Undeciphered | DeliveryUpdate)
    kept = news.otherwise if isinstance(news, DeliveryUpdate) else news
    assert kept is not None
    assert kept.raw == raw
