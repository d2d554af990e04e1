"""Which interview a mail belongs to, and whether its sender is who they say."""

from __future__ import annotations

import pytest

from channels.email.account import normalised
from channels.email.mail import parse
from channels.email.threading import (
    Clue,
    Sort,
    clues,
    content_key,
    is_reply,
    may_be_forged,
    message_ids,
    sender,
)

OURS = "study@example.org"
ONE, TWO = "abcdefghijklmnopqrstuvwx23", "bcdefghijklmnopqrstuvwxy45"


def found(*headers: str) -> list[tuple[Sort, str]]:
    return [(clue.sort, clue.value) for clue in clues(parse("\r\n".join(headers).encode() + b"\r\n\r\nHi"), OURS)]


def test_clues_come_in_the_order_of_trust() -> None:
    assert found(
        "Subject: Re: Question 3 [#abcdefg2]",
        "References: <one@example.org> <two@example.org>",
        "In-Reply-To: <three@example.org>",
        f"To: Own Pace <study+{ONE}@example.org>",
    ) == [
        (Sort.TOKEN, ONE),
        (Sort.MESSAGE_ID, "<three@example.org>"),
        (Sort.MESSAGE_ID, "<two@example.org>"),
        (Sort.MESSAGE_ID, "<one@example.org>"),
        (Sort.SUBJECT, "abcdefg2"),
    ]


@pytest.mark.parametrize(
    ("header", "reply"),
    [
        ("In-Reply-To: <a@study.example>", True),
        ("References: <a@study.example>", True),
        ("Thread-Index: AdxyZ0==", True),
        ("Subject: Voices Study [#thread22]", True),
        ("Subject: RE: Voices Study", True),
        ("Subject: AW: Voices Study", True),
        ("Subject: Another thought", False),
        ("X-Nothing: at all", False),
    ],
)
def test_a_mail_that_answers_one_says_so_somewhere(header: str, reply: bool) -> None:
    assert is_reply(parse(header.encode() + b"\r\n\r\nHi")) is reply


@pytest.mark.parametrize("name", ["To", "Cc", "Delivered-To", "X-Original-To", "X-Forwarded-To", "Envelope-To"])
def test_a_token_is_found_in_every_recipient_header(name: str) -> None:
    assert found(f"{name}: study+{ONE}@example.org") == [(Sort.TOKEN, ONE)]


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (f"To: STUDY+{ONE.upper()}@EXAMPLE.ORG", [(Sort.TOKEN, ONE)]),
        (f"To: Other <o@example.net>,\r\n Own Pace <study+{ONE}@example.org>", [(Sort.TOKEN, ONE)]),
        (f"To: study+{ONE}@example.org, study+{TWO}@example.org", [(Sort.TOKEN, ONE), (Sort.TOKEN, TWO)]),
        (f"To: study+{ONE}@example.org, study+{ONE}@example.org", [(Sort.TOKEN, ONE)]),
        (f"To: study+b-{ONE}@example.org", [(Sort.BOUNCE, ONE)]),
        (f"To: my-study+{ONE}@example.org", []),
        (f"To: study+{ONE}@example.org.evil.net", []),
        (f"To: study+{ONE}@other.org", []),
        (f"To: study+{ONE}a@example.org", []),
        (f"To: study+{ONE[:-1]}@example.org", []),
        (f"To: study+{ONE[:-1]}1@example.org", []),
        ("To: study@example.org", []),
        ("To: =?utf-8?q?broken", []),
    ],
)
def test_a_token_counts_only_whole_and_in_our_own_address(header: str, wanted: list[tuple[Sort, str]]) -> None:
    assert found(header) == wanted


def test_message_ids_survive_folding_encoding_and_missing_brackets() -> None:
    assert message_ids("<a\r\n b@example.org><c@x>\t(said Ann) <d@y>") == ["<ab@example.org>", "<c@x>", "<d@y>"]
    assert message_ids("a@example.org") == ["<a@example.org>"]
    assert message_ids("nothing here") == []
    assert found("In-Reply-To: =?utf-8?q?=3Ca=40example=2Eorg=3E?=") == [(Sort.MESSAGE_ID, "<a@example.org>")]


def test_an_endless_list_of_references_is_cut_from_the_old_end() -> None:
    ids = [f"<{n}@example.org>" for n in range(1_000)]
    values = [value for _, value in found("References: " + "\r\n ".join(ids))]
    assert values == ids[::-1][:200]


def test_a_clue_does_not_print_its_token() -> None:
    assert ONE not in repr(Clue(Sort.TOKEN, ONE))


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        (["From: Bob <Bob@Example.NET>"], "bob@example.net"),
        (["From: bob@example.net"], "bob@example.net"),
        (['From: "ann@example.org" <bob@example.net>'], "bob@example.net"),
        (["From: =?utf-8?b?V8OmbA==?= <bob@example.net>"], "bob@example.net"),
        (["From: bob@example.net, eve@example.net"], None),
        (["From: bob@example.net", "From: eve@example.net"], None),
        (["From: nobody"], None),
        (["From: <>"], None),
        (["From: bob@@example.net"], None),
        (["Subject: no sender"], None),
        (['From: "Ŵyn" <bob@example.net>'], "bob@example.net"),
    ],
)
def test_the_sender_is_one_address_or_none(headers: list[str], address: str | None) -> None:
    assert sender(parse("\r\n".join(headers).encode() + b"\r\n\r\nHi")) == address


def test_a_sender_whose_domain_has_other_letters_is_who_was_enrolled() -> None:
    head = "From: Ann <Ann@Bücher.example>\r\n\r\nHi"
    assert sender(parse(head.encode())) == normalised("ann@bücher.example") == "ann@xn--bcher-kva.example"


def test_copies_of_one_mail_have_one_key_and_other_mails_another() -> None:
    mail = b"Message-ID: <1@x>\r\nDate: Mon, 5 May 2025 10:02:00 +0100\r\nFrom: bob@example.net\r\n\r\nHi"
    again = b"Received: from elsewhere\r\nDelivered-To: other@example.org\r\n" + mail
    key = content_key(parse(mail), "Hi")
    assert content_key(parse(again), "Hi") == key
    assert content_key(parse(mail), "Ho") != key
    assert content_key(parse(mail.replace(b"<1@x>", b"<2@x>")), "Hi") != key


OWN = "Authentication-Results: mx.example.org;"


@pytest.mark.parametrize(
    ("headers", "forged"),
    [
        ([f"{OWN} dmarc=pass header.from=example.net"], False),
        ([f"{OWN} dmarc=fail (p=reject) header.from=example.net"], True),
        ([f"{OWN} spf=pass smtp.mailfrom=a.example; dkim=pass header.d=example.net; DMARC = Fail"], True),
        ([f"{OWN} spf=fail; dkim=fail; dmarc=none"], False),
        ([f"{OWN} none"], False),
        ([f"{OWN} dmarc=temperror"], False),
        ([f'{OWN} dkim=fail (dmarc=fail; it said) reason="x; dmarc=fail"'], False),
        ([f"{OWN} dmarc=pass", f"{OWN} dmarc=fail"], False),
        (["Authentication-Results: spf=fail; dkim=none; dmarc=fail action=oreject"], True),
        ([], False),
    ],
)
def test_only_the_topmost_servers_word_that_the_sender_may_be_forged_counts(headers: list[str], forged: bool) -> None:
    message = parse("\r\n".join([*headers, "From: bob@example.net"]).encode() + b"\r\n\r\nHi")
    assert may_be_forged(message) is forged
