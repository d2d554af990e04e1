"""What kind of mail it is: only a person's is an answer."""

from __future__ import annotations

import pytest

from channels.email.automatic import Failure, Kind, Nature, nature
from channels.email.mail import parse

OURS = "study@example.org"
TOKEN = "abcdefghijklmnopqrstuvwx23"


def of(*headers: str, body: str = "Hi") -> Nature:
    head = [] if any(header.startswith("From:") for header in headers) else ["From: Bob <bob@example.net>"]
    return nature(parse("\r\n".join([*head, *headers]).encode() + b"\r\n\r\n" + body.encode()), OURS)


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated (vacation)",
        "Auto-Submitted: auto-notified; owner-email=x@y",
        "Precedence: bulk",
        "Precedence: junk",
        "Precedence: list",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        "X-Autorespond: yes",
        "X-Auto-Reply-From: bob@example.net",
        "Return-Path: <>",
        "Return-Path: < >",
        "From: MAILER-DAEMON@example.net",
        "From: postmaster@example.net",
        "From: No Reply <no-reply@example.net>",
        "From: noreply@example.net",
        "From: donotreply+1@example.net",
        "Subject: Automatic reply: Question 3",
        "Subject: Out of Office: Question 3",
        "Subject: Abwesenheitsnotiz: Question 3",
        "Subject: =?utf-8?q?R=C3=A9ponse_automatique_=3A_Question_3?=",
        "Subject: Respuesta automática: Question 3",
        "Subject: Odpowiedź automatyczna: Question 3",
        "Subject: Ateb awtomatig: Cwestiwn 3",
        "Subject: رد تلقائي: Question 3",
        "Subject: 自动回复: Question 3",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
    ],
)
def test_a_machine_is_known_by_each_of_its_signs(header: str) -> None:
    assert of(header).kind is Kind.AUTOMATIC


@pytest.mark.parametrize(
    "header",
    [
        "Subject: Re: Question 3",
        "Subject: Re: Automatic reply: is that what you want?",
        "Subject: I was out of work, out of office and out of luck",
        "Auto-Submitted: no",
        "X-Auto-Response-Suppress: All",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "Precedence: normal",
        "X-Autoreply: no",
        "Return-Path: <bob@example.net>",
        "From: postmasterson@example.net",
        "From: reply@example.net",
        "Auto-Submitted:",
    ],
)
def test_a_person_is_not_taken_for_a_machine(header: str) -> None:
    assert of(header) == Nature(Kind.HUMAN)


def test_absence_is_told_from_other_automatic_mail() -> None:
    assert of("Subject: Automatic reply: Q", "Auto-Submitted: auto-replied").out_of_office
    assert not of("Precedence: bulk", "Subject: Our newsletter").out_of_office


@pytest.mark.parametrize(
    "header", ["X-Own-Pace: study", "From: study@example.org", f"From: Own Pace <STUDY+{TOKEN}@example.org>"]
)
def test_our_own_mail_coming_back_is_a_loop(header: str) -> None:
    assert of(header).kind is Kind.LOOP


def report(action: str, status: str, *more: str, recipient: str = "rfc822; ann@example.net") -> Nature:
    block = [f"Final-Recipient: {recipient}", f"Action: {action}", f"Status: {status}", *more]
    original = "Message-ID: <ours@example.org>\r\nX-Own-Pace: study\r\n\r\nWhat does a good day look like?"
    parts = [
        "Content-Type: text/plain\r\n\r\nIt did not go through.",
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n" + "\r\n".join(block),
        f"Content-Type: message/rfc822\r\n\r\n{original}",
    ]
    return of(
        "From: Mail Delivery System <MAILER-DAEMON@example.net>",
        f"To: study+b-{TOKEN}@example.org",
        "Auto-Submitted: auto-replied",
        "Return-Path: <>",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        body="".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n",
    )


def test_a_standard_report_says_who_was_not_reached_and_why() -> None:
    found = report("failed", "5.1.1")
    assert found.kind is Kind.BOUNCE
    assert (found.token, found.original) == (TOKEN, "<ours@example.org>")
    assert found.failures == (Failure("ann@example.net", "5.1.1", True, False, "the address does not exist (5.1.1)"),)


@pytest.mark.parametrize(
    ("action", "status", "permanent", "delayed", "words"),
    [
        ("failed", "5.1.1 (unknown)", True, False, "the address does not exist"),
        ("failed", "5.2.2", False, False, "the mailbox is full"),
        ("failed", "5.3.4", False, False, "too big"),
        ("failed", "4.4.7", False, False, "could not be reached in time"),
        ("delayed", "4.4.1", False, True, "does not answer"),
        ("delayed", "5.0.0", False, True, "no reason"),
        ("failure", "553 too big", True, False, "no reason"),
        ("failed", "5.7.99", True, False, "refused it by its rules"),
        ("FAILED", "", False, False, "no reason"),
    ],
)
def test_a_failure_is_permanent_only_where_the_address_is_to_blame(
    action: str, status: str, permanent: bool, delayed: bool, words: str
) -> None:
    (failure,) = report(action, status).failures
    assert (failure.permanent, failure.delayed) == (permanent, delayed)
    assert words in failure.reason


def test_the_status_is_read_from_the_servers_own_words_where_it_is_missing() -> None:
    (failure,) = report("failed", "", "Diagnostic-Code: smtp; 550 5.1.1 No such user at 192.0.2.1").failures
    assert failure.status == "5.1.1"


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_report_of_success_is_no_bounce(action: str) -> None:
    assert report(action, "2.0.0").kind is Kind.AUTOMATIC


def test_free_text_from_a_server_is_read_too() -> None:
    body = "Hi. This is the qmail-send program at example.net.\nI'm afraid I wasn't able to deliver your message.\n\n"
    body += (
        "<ann@example.net>:\nSorry, no mailbox here by that name.\n\n--- Below this line is a copy of the message.\n"
    )
    found = of("From: MAILER-DAEMON@example.net", "Subject: failure notice", body=body)
    assert (found.kind, [failure.recipient for failure in found.failures]) == (Kind.BOUNCE, ["ann@example.net"])


def test_a_person_who_tells_of_a_failure_is_a_person() -> None:
    body = "My account was closed, delivery failed.\n\n<ann@example.net>:\nSorry, no mailbox here by that name.\n"
    assert of("Subject: Re: Question 3", body=body).kind is Kind.HUMAN


def test_a_mail_without_sender_does_not_stop_the_reader() -> None:
    assert nature(parse(b"Subject: x\r\n\r\nHi"), OURS).kind is Kind.HUMAN


def test_addresses_do_not_print() -> None:
    found = report("failed", "5.1.1")
    assert "ann@" not in repr(found)
    assert TOKEN not in repr(found)


def test_a_person_who_sends_on_a_report_that_they_got_is_a_person() -> None:
    """Taken for a report of ours, their words would be kept nowhere."""
    lines = [
        *("From: Ann <ann@example.net>", "Subject: Re: Question 3", "Content-Type: multipart/mixed; boundary=m", ""),
        *("--m", "", "My mail to my mother came back. That is my answer.", "--m", "Content-Type: message/rfc822", ""),
        *("From: MAILER-DAEMON@example.net", "Message-ID: <1@example.net>"),
        *("Content-Type: multipart/report; report-type=delivery-status; boundary=r", ""),
        *("--r", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; example.net", ""),
        *("Final-Recipient: rfc822; mum@example.net", "Action: failed", "Status: 5.1.1", "", "--r--", "--m--", ""),
    ]
    assert nature(parse("\r\n".join(lines).encode()), OURS).kind is Kind.HUMAN
