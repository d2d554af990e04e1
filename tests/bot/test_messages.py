from __future__ import annotations

import pytest

from bot.messages import Address, Delivery, gsm7_lookalike, is_gsm7, segments


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ŵ" * 70, 1),
        ("ŵ" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_segments_follow_the_limits_of_gsm7_and_ucs2(body: str, parts: int) -> None:
    """A text costs the parts that the network will charge."""
    assert segments(body) == parts


def test_a_curly_quote_does_not_move_a_text_into_ucs2() -> None:
    """Typographic quotes, dashes and spaces have plain look-alikes."""
    assert is_gsm7(gsm7_lookalike("“We’ll wait” – as long as you like…\u00a0OK"))


def test_printing_an_address_shows_only_its_end() -> None:
    """A log line can never hold a whole phone number."""
    assert "+44770090" not in f"{Address('sms', '+447700900123')!r} {Address('sms', '+447700900123')}"


def test_a_late_sent_never_undoes_delivered() -> None:
    """Statuses form a ladder: delivered stands above sent, failed and accepted."""
    assert Delivery.DELIVERED.rank > Delivery.FAILED.rank > Delivery.SENT.rank > Delivery.ACCEPTED.rank
