"""What py-spy wrote is added up by thread, by part and by function of ours."""

from __future__ import annotations

from tests.bench import profile

LOOKS = (
    "thread (7): writer;Thread.run (threading.py:975);Database._write (bot/records/database.py:263);"
    "happen (bot/service/conversations.py:84);hear (bot/interview/hearing.py:60) 3",
    "thread (7): writer;Thread.run (threading.py:975);Database._write (bot/records/database.py:270) 1",
    "thread (8): MainThread;main (bot/__main__.py:15);hear (bot/interview/hearing.py:9) 1",
    "thread (8): MainThread;parse_qsl (urllib/parse.py:807);<lambda> (<string>:1) 3",
)


def test_looks_are_added_up() -> None:
    found = profile.read(LOOKS)
    assert found.samples == 8
    assert found.threads == {"writer": 4, "MainThread": 4}
    assert found.parts == {"bot/interview/": 4, "bot/records/": 1, "Python itself": 3}
    assert found.ways == {
        "Database._write (bot/records/database.py)": 4,
        "happen (bot/service/conversations.py)": 3,
        "hear (bot/interview/hearing.py)": 4,
    }
