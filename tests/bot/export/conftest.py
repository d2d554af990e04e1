"""One study that most tests of exports read: three people who answered, one who has not consented, one who left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.export.study import hard_words, joins
from tests.bot.world import World, world

ANNA, BOB, CY, DEE = "Anna", "Robert", "Cyril", "Deirdre"


@pytest.fixture(scope="session")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """SW01 with hard words; P01 who talked with two researchers; SW02 who goes on; SW03 not consented; P02 to be
    deleted."""
    with world(tmp_path_factory.mktemp("held")) as study:
        hard_words(study)
        anna = joins(study, 2, "disabled-adults", ANNA, attributes={"region": "North", "channel": "letters"})
        anna.consents()
        anna.answers("I text her.")
        anna.asks_for_a_person("Ruth Jones", f"Hi {ANNA}, what do you text about?", "About visits.")
        anna.answers("She chose.")
        anna.asks_for_a_person("Omar", "Thank you.", "That is all.")
        anna.says("READY", "STOP")
        bob = joins(study, 3, name=BOB)
        bob.consents()
        bob.says("first", "second", "DONE", "third", "UNDO", "SKIP", "PAUSE 1")
        joins(study, 4, name=CY).says("yes")
        dee = joins(study, 5, "disabled-adults", DEE)
        dee.consents()
        dee.answers("Please forget that I said this.")
        dee.says("LEAVE", "2")
        yield study


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
