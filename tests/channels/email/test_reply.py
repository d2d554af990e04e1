"""What of a mail is the person's own."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.mail import storable
from channels.email.reply import Reply, split, words
from tests.channels.email.replies import OURS, Case, cases, marked, wrapped

CASES = cases()


def peeled(text: str) -> Counter[str]:
    """The lines of a text that are not blank, without quote marks."""
    lines = (line.lstrip(" >\t\u00a0").strip() for line in text.split("\n"))
    return Counter(line for line in lines if line)


def complete(mail: str, reply: Reply) -> bool:
    """Whether every line is in the answer or in what was elided."""
    return peeled(reply.answer) + peeled(reply.elided) == peeled(mail)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_answer_is_exactly_what_the_person_wrote(case: Case) -> None:
    reply = split(case.mail, case.sent)
    assert reply.answer == case.answer
    assert bool(reply.doubt) == case.doubt
    assert complete(case.mail, reply)


@pytest.mark.parametrize("case", [case for case in CASES if case.plain_form], ids=lambda case: case.name)
def test_a_quote_is_known_by_its_form_where_we_do_not_know_what_we_sent(case: Case) -> None:
    reply = split(case.mail, ())
    assert reply.answer == case.answer
    assert complete(case.mail, reply)


def test_there_are_many_clients_languages_and_forms() -> None:
    assert len(CASES) >= 60
    assert len({case.mail for case in CASES}) == len(CASES)


# Words that are in none of our texts and in no head of a mail.
OWN = "fferm dafad mynydd tren ysbyty Schmerz Garten douleur jardin ból ogród درد باغ 疼 花 🌊 42"
OWN_WORDS = set(words(OWN))
OWN_WORD = st.sampled_from(sorted(OWN_WORDS))
OWN_LINE = st.lists(OWN_WORD, min_size=1, max_size=12).map(" ".join)
OWN_TEXT = st.lists(st.one_of(OWN_LINE, st.just("")), min_size=1, max_size=8).map("\n".join).filter(str.strip)
HEAD = st.sampled_from(
    [
        "On Mon, 5 May 2025 at 10:02, Own Pace <study@example.org> wrote:",
        "Am 05.05.25 um 10:02 schrieb Own Pace:",
        "Own Pace <study@example.org> 于2025年5月5日周一 10:02写道：",
        "-----Original Message-----\nFrom: Own Pace <s@example.org>\nSent: 5 May\nTo: b@example.net\nSubject: Q 3",
        "--- Reply above this line ---",
        "",
    ]
)
QUOTE = st.builds(
    lambda width, marks: marked(wrapped(OURS, width), marks),
    st.integers(30, 90),
    st.sampled_from(["> ", ">", ">> ", ""]),
)


@settings(deadline=None)
@given(st.lists(st.one_of(OWN_TEXT, st.tuples(HEAD, QUOTE).map("\n".join)), max_size=5).map("\n\n".join))
def test_no_word_that_is_not_ours_is_missing_from_the_answer(mail: str) -> None:
    reply = split(mail, [OURS])
    written = Counter(word for word in words(mail) if word in OWN_WORDS)
    assert Counter(word for word in words(reply.answer) if word in OWN_WORDS) == written
    assert complete(mail, reply)


@settings(deadline=None)
@given(OWN_TEXT, HEAD.filter(bool), st.integers(30, 90))
def test_a_text_above_our_quoted_mail_is_the_answer_and_nothing_else(own: str, head: str, width: int) -> None:
    reply = split(f"{own}\n\n{head}\n{marked(wrapped(OURS, width))}\n", [OURS])
    assert words(reply.answer) == words(own)
    assert not reply.doubt


@st.composite
def typed_into_our_mail(draw: st.DrawFn) -> str:
    """Our mail as a program quotes it, with words of the person's between its lines and at their ends."""
    marks = draw(st.sampled_from(["> ", ">", ">> ", ""]))
    lines = marked(wrapped(OURS, draw(st.integers(30, 90))), marks).split("\n")
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(lines)))
        said = draw(OWN_LINE)
        match draw(st.sampled_from(["line", "marked", "end", "start"])):
            case "line":
                lines.insert(at, said)
            case "marked":
                lines.insert(at, marks + said)
            case "end" if at < len(lines):
                lines[at] += f" {said}"
            case _ if at < len(lines):
                lines[at] = f"{said} {lines[at]}"
            case _:
                lines.append(said)
    above = draw(st.one_of(st.just(""), OWN_TEXT.map("{}\n\n".format)))
    return f"{above}{draw(HEAD)}\n" + "\n".join(lines)


@settings(deadline=None)
@given(typed_into_our_mail())
def test_words_typed_anywhere_into_our_quoted_text_are_in_the_answer(mail: str) -> None:
    reply = split(mail, [OURS])
    written = Counter(word for word in words(mail) if word in OWN_WORDS)
    assert Counter(word for word in words(reply.answer) if word in OWN_WORDS) == written
    assert complete(mail, reply)


FOREIGN = st.sampled_from(
    [
        "From: Kim <kim@council.example>\nSent: 1 May 2025 09:00\nTo: bob@example.net\nSubject: Care",
        "-----Original Message-----\nFrom: Kim <kim@council.example>\nTo: bob@example.net\nSent: 1 May\nSubject: Care",
        "On 1 May 2025, at 09:00, Kim <kim@council.example> wrote:",
        "---------- Forwarded message ---------",
    ]
)


@settings(deadline=None)
@given(OWN_TEXT, FOREIGN, st.sampled_from(["", "> "]), OWN_TEXT, OWN_TEXT, HEAD.filter(bool), QUOTE)
def test_a_mail_that_somebody_shows_us_cuts_nothing_of_it_and_nothing_below(
    above: str, head: str, marks: str, shown: str, below: str, ours: str, quote: str
) -> None:
    foreign = f"{head}\n\n{marked(shown, marks)}"
    reply = split(f"{above}\n\n{foreign}\n\n{below}\n\n{ours}\n{quote}", [OURS])
    assert words(reply.answer) == words(f"{above}\n{foreign}\n{below}")
    assert reply.doubt
    assert not set(words(reply.elided)) & OWN_WORDS


PIECES = st.one_of(
    st.text(max_size=40),
    OWN_LINE,
    HEAD,
    st.sampled_from(OURS.split("\n")),
    st.sampled_from(
        [">", "> ", ">> x", "-- ", "--", "Sent from my iPhone", "From: a", "To: b@c", "Subject: d", "Date: e", "_" * 30]
    ),
)
ANYTHING = st.lists(PIECES, max_size=25).map("\n".join)


@settings(deadline=None)
@given(ANYTHING, st.lists(st.one_of(st.text(max_size=60), st.just(OURS)), max_size=3))
def test_whatever_comes_every_line_is_kept_and_nothing_is_cut_below_blank_lines_only(
    mail: str, sent: list[str]
) -> None:
    reply = split(mail, sent)
    assert complete(storable(mail), reply)
    assert reply.answer.strip() or not mail.strip()


@settings(deadline=None)
@given(ANYTHING)
def test_what_has_no_answer_or_hardly_one_is_kept_whole_with_a_doubt(mail: str) -> None:
    reply = split(mail, [OURS])
    if reply.doubt.startswith(("only", "most")):
        assert reply.answer == storable(mail).strip("\n")
        assert not reply.elided


def test_a_huge_mail_takes_no_time_that_grows_out_of_hand() -> None:
    many = "\n".join(f"> > line {n} of nothing that we sent" for n in range(5_000))
    mail = f"Mine.\n\nOn 5 May 2025, at 10:02, A <a@example.org> wrote:\n{many}"
    assert split(mail, [OURS] * 40).answer == mail
    assert split(mail, []).answer == "Mine."


@pytest.mark.parametrize(
    "mail",
    [
        "I like the job itself.\n\n--\n\nBut my manager shouted at me every day.\n\nI stopped sleeping in March",
        "Yes.\n--\nI was off sick for a year after that and nobody called me",
        "Two things:\n--\nThe lift is broken.\nNobody listens.",
    ],
)
def test_two_hyphens_between_two_parts_of_an_answer_begin_no_signature(mail: str) -> None:
    reply = split(f"{mail}\n\nOn 05/05/2025 10:02, Own Pace <s@example.org> wrote:\n> How are you?", ["How are you?"])
    assert reply.answer == mail
