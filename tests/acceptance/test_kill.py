"""The serving process is killed with no warning, again and again, while people are answering."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bot import bootstrap, prompts
from tests.acceptance.crowd import crowd, enrol, judge, points
from tests.rig import ROOT, postgres
from tests.rig.participant import Participant
from tests.rig.study import Study
from tests.rig.twilio_emulator import Emulator, emulator

PEOPLE, KILLS = 20, 15 if postgres.wanted() else 50
"""Fewer on PostgreSQL: what a process had in hand when it was killed is let go of only once its lease has ended."""

MOST_SECONDS = 400


class Phones:
    """Everybody's phones: what reaches them is read, and answered at once."""

    def __init__(self, network: Emulator, people: dict[str, Participant]) -> None:
        self.network = network
        self.people = people
        self.carried: set[str] = set()
        self.turns = 0

    @property
    def finished(self) -> bool:
        return all(person.thanked for person in self.people.values())

    def go_on(self, pool: ThreadPoolExecutor) -> None:
        """Read every phone once and send what is said back, many at a time."""
        texts = self.network.texts()
        arrived = [t for t in texts if t["direction"] != "inbound" and t["sid"] not in self.carried]
        self.carried |= {text["sid"] for text in arrived}
        for _ in pool.map(lambda text: self.network.becomes(text["sid"], "delivered"), arrived):
            pass
        replies = []
        for phone, person in self.people.items():
            reached = [t["body"] for t in texts if t["direction"] != "inbound" and t["to"] == phone]
            replies += [(phone, reply) for reply in person.replies(reached)]
        for _ in pool.map(self._send, replies):
            pass
        if not replies:
            time.sleep(0.4)  # the emulator answers 5,000 requests in an hour

    def _send(self, reply: tuple[str, str]) -> None:
        self.network.text(*reply)
        self.turns += 1


def keep_killing(study: Study, phones: Phones, moments: list[int], chance: random.Random, killed: list[int]) -> None:
    """Kill the process whenever the crowd has come so far, somewhere within a turn, and start it again."""
    for moment in moments:
        while phones.turns < moment:
            if phones.finished:
                return
            time.sleep(0.002)
        time.sleep(chance.random() * 0.03)
        study.kill()
        killed.append(phones.turns)
        study.start()


def test_kills_during_twenty_interviews_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    schedule = prompts.load(ROOT / "prompts")[("social-workers", "en")]
    people = crowd(PEOPLE, schedule)
    turns = PEOPLE * len(points(schedule))

    study = Study.on_either(tmp_path)
    with emulator(f"{study.url}/webhooks/twilio/messages") as network:
        try:
            study.configure(api=network.url, settle="0")
            study.start()
            enrol(study, "social-workers", people)
            phones = Phones(network, people)
            killed: list[int] = []
            moments = sorted(chance.sample(range(turns * 95 // 100), KILLS))
            killer = threading.Thread(target=keep_killing, args=(study, phones, moments, chance, killed))
            killer.start()
            end = time.monotonic() + MOST_SECONDS
            with ThreadPoolExecutor(8) as pool:
                while not phones.finished:
                    assert time.monotonic() < end, f"stuck after {phones.turns} turns, {len(killed)} kills, seed {seed}"
                    phones.go_on(pool)
            killer.join()
            time.sleep(1)  # whatever would still leave has its chance to be seen
            sent = [text for text in network.texts() if text["direction"] != "inbound"]
        finally:
            study.stop()

    program = bootstrap.build(bootstrap.load_settings(tmp_path / "config.toml"))
    unknown = judge(program, people, lambda phone: [text["body"] for text in sent if text["to"] == phone], seed)
    program.database.close()
    assert len(killed) == KILLS
    print(f"{KILLS} kills in {turns} turns of {PEOPLE} interviews; {unknown} messages flagged unknown")
