"""Mail of real programs and servers: the samples that talon 1.4.4 and flufl.bounce 6.0.0 test themselves with."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from flufl.bounce import all_failures

from channels.email.automatic import Kind, nature
from channels.email.body import from_html, read
from channels.email.mail import parse
from channels.email.reply import split, words
from tests.rig import ROOT, unavailable

SAMPLES = ROOT / ".rig" / "mail-samples"


def samples(pattern: str) -> list[Path]:
    if not (ROOT / ".rig" / "mail-samples.installed").exists():
        unavailable("the sample mails of talon and flufl.bounce (scripts/rig fetches them)")
    return sorted(SAMPLES.glob(pattern))


def test_replies_of_twelve_programs_keep_every_word_of_their_writers() -> None:
    """Nine are exactly what talon expects. Two more lose their tagline or signature, one keeps what it answers."""
    found = {path.stem: split(read(path.read_bytes()).text, ()) for path in samples("standard_replies/*.eml")}
    assert len(found) == 12
    assert {name for name, reply in found.items() if reply.answer.strip() != "Hello"} == {"thunderbird"}
    assert words(found["thunderbird"].answer) == ("hi", "hello")
    assert "Sent from my iPhone" in found["iphone"].elided
    assert "Sent with Sparrow" in found["sparrow"].elided
    assert not any(reply.doubt for reply in found.values())


def test_html_replies_of_nine_programs_come_to_the_words_of_their_writers() -> None:
    """Office-namespaced HTML among them, on which talon itself raises."""
    found = {path.stem: split(from_html(path.read_text("utf-8")), ()) for path in samples("html_replies/*.html")}
    assert len(found) == 9
    wrong = {name for name, reply in found.items() if words(reply.answer) != words("Hi. I am fine. Thanks, Alex")}
    assert wrong == set()


NO_FAILURE_IN_IT = {"bounce_01", "dumbass_01", "groupwise_03", "qmail_08", "simple_43"}
"""Samples in which flufl.bounce itself finds no address: mail that looks like a bounce and is none, or names nobody."""

A_REPLY_BY_ITS_SUBJECT = {"simple_20"}


def test_bounces_of_many_servers_are_known_as_bounces() -> None:
    found = {path.stem: nature(parse(path.read_bytes()), "study@example.org") for path in samples("bounces/*.txt")}
    assert len(found) == 117
    missed = {name for name, what in found.items() if what.kind is not Kind.BOUNCE}
    assert missed == NO_FAILURE_IN_IT | A_REPLY_BY_ITS_SUBJECT
    final = [name for name, what in found.items() if any(failure.permanent for failure in what.failures)]
    assert (len(found) - len(missed), len(final)) == (111, 99)


def test_every_bounce_can_be_shown_to_a_person() -> None:
    for path in samples("bounces/*.txt"):
        body = read(path.read_bytes())
        assert body.text or body.attachments, path.stem
        assert bool(split(body.text, [body.text[:200]]).answer) == bool(body.text), path.stem


def test_a_bounce_on_which_the_library_raises_does_not_stop_us() -> None:
    (path,) = samples("bounces/yale_01.txt")
    lines = [line for line in path.read_bytes().split(b"\n") if not line.lower().startswith(b"from:")]
    message = parse(b"\n".join(lines))
    with suppress(IndexError):  # Python 3.11.7's reader of mail makes it raise, that of 3.11.2 does not
        all_failures(message)
    assert nature(message, "study@example.org").kind is Kind.AUTOMATIC


def test_replies_of_people_are_not_taken_for_bounces_or_machines() -> None:
    for path in samples("standard_replies/*.eml"):
        assert nature(parse(path.read_bytes()), "study@example.org").kind is Kind.HUMAN, path.stem
