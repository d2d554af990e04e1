"""Signs of harm or distress, from the message that comes in to the mail that goes to whoever is on call."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest

from bot import bootstrap
from bot.channel import Ability, Channel
from bot.errors import NotSent, OwnPaceError
from bot.messages import Address, Inbound
from bot.records.tables import audit, outbox
from bot.service import alerts, conversations, handovers, intake, outcomes, staff, switch, work
from bot.service.staff import User
from tests.bot.world import PHONE, URL, World, world
from tests.rig import ROOT


class Anything(Channel):
    """A channel that takes anything; nothing is ever really sent in these tests."""

    abilities = frozenset({Ability.WRITES_FIRST})

    def __init__(self, kind: str) -> None:
        self.kind = kind


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, {"sms": Anything("sms"), "email": Anything("email")}) as made:
        made.run(staff.add_user, "our researcher", "three or four words", "researcher")
        made.run(staff.set_email, "our researcher", "ann@example.org")
        yield made


def say(study: World, text: str, sender: Address = PHONE, **more: object) -> None:
    key = f"SM{next(study.numbers)}"
    study.run(intake.receive, study.program.terms, Inbound(key, sender, text, text.encode(), **more))  # type: ignore[arg-type]  # names of Inbound


def to_the_first_question(study: World) -> str:
    code = study.enrol()
    for _ in range(20):
        if study.record(code).row.state == "Answering":
            break
        study.leave()
        say(study, "yes")
    study.leave()
    return code


def mails(study: World) -> list[tuple[str, str]]:
    claimed = study.claim()
    return [(one.message.to.value, one.message.body) for one in claimed if one.kind == "email"]


def test_whoever_is_fetched_is_told_that_there_is_a_safe_way_to_contact_them_and_not_what_it_is(study: World) -> None:
    code = study.consented(attributes={"safe_contact": "Only by text; he reads my mail"})
    say(study, "PERSON")
    (mail,) = mails(study)
    assert "They have said how it is safe to contact them: read it on their page first, under Name" in mail[1]
    assert "he reads" not in mail[1]
    page = study.program.database.read_now(work.page, User(1, "Kim", "admin"))
    ((kind, note),) = [(one.kind, one.note) for one in page.tasks]
    assert (kind, note) == ("person asked", f"They were told: by Tuesday 24 November, 5:00 pm. {alerts.SAFELY}")
    assert study.record(code).notes == {"safe_contact": "Only by text; he reads my mail"}


ROTA = """\
people:
  - name: our researcher
    hours: [{from: "09:00", to: "17:00"}]
    telegram: 5512345678
"""


def test_whoever_wishes_is_told_by_telegram_too_and_that_leaves_while_the_study_is_on_hold(tmp_path: Path) -> None:
    channels = {kind: Anything(kind) for kind in ("sms", "email", "telegram")}
    prompts = tmp_path / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    (prompts / "rota.yaml").write_text(ROTA)
    with world(tmp_path, channels, study={"prompts": prompts, "contact_phone": "01632 960000"}) as study:
        code = to_the_first_question(study)
        study.run(switch.hold, "Cora")
        say(study, "PERSON")
        ((to, body),) = [(one.message.to, one.message.body) for one in study.claim()]
        assert (to.kind, to.value) == ("telegram", "5512345678")
        assert body == f"{code} would like a person to write to them.\n\n{URL}/participants/{code}"
        study.run(staff.add_user, "our researcher", "three or four words", "researcher")
        study.run(staff.set_email, "our researcher", "ann@example.org")
        say(study, "I dont want to be alive any more")
        assert {one.kind for one in study.claim()} == {"sms", "email"}, "one at a time to each chat"


def test_a_sign_is_answered_and_the_one_on_call_gets_a_mail_without_a_word_of_it(study: World) -> None:
    code = to_the_first_question(study)
    study.clock.forward(hours=15)  # three in the morning
    say(study, "I dont want to be alive any more")
    assert study.record(code).row.state == "Waiting for a person"
    assert study.open_tasks()[0] == "distress"
    claimed = study.claim()
    (text,) = [one.message.body for one in claimed if one.kind == "sms"]
    assert "116 123" in text
    (mail,) = [one.message for one in claimed if one.kind == "email"]
    assert mail.to.value == "ann@example.org"
    assert code in mail.body
    assert f"https://study.example/participants/{code}" in mail.body
    assert "alive" not in mail.body


def restarted(study: World, folder: Path, old: str, new: str) -> World:
    """The same study, begun anew after somebody has corrected its texts."""
    shutil.copytree(ROOT / "prompts", folder)
    for path in folder.rglob("*.yaml"):
        path.write_text(path.read_text().replace(old, new))
    settings = study.program.settings
    corrected = settings.model_copy(update={"study": settings.study.model_copy(update={"prompts": folder})})
    program = bootstrap.build(corrected, clock=study.clock, ids=lambda: uuid4().hex, channels=study.program.channels)
    return World(program, study.clock, count(1000))


def test_a_number_to_call_that_was_corrected_is_the_one_that_everybody_gets_from_then_on(
    study: World, tmp_path: Path
) -> None:
    code = to_the_first_question(study)
    later = restarted(study, tmp_path / "corrected", "116 123", "0808 808 7777")
    try:
        say(later, "I dont want to be alive any more")
        (text,) = [one.message.body for one in later.claim() if one.kind == "sms"]
        assert "0808 808 7777" in text
        assert "116 123" not in text
        assert later.record(code).version == study.program.schedules["social-workers", "en"].version
    finally:
        later.program.database.close()


def test_any_other_text_stays_as_it_was_when_they_began(study: World, tmp_path: Path) -> None:
    to_the_first_question(study)
    later = restarted(study, tmp_path / "corrected", "That is fine.", "No problem.")
    try:
        say(later, "SKIP")
        assert "That is fine." in next(one.message.body for one in later.claim())
    finally:
        later.program.database.close()


@pytest.mark.parametrize(
    ("word", "task"),
    [("CALL", "call asked"), ("please call me", "call asked"), ("PERSON", "person asked"), ("help me", "person asked")],
)
def test_in_distress_who_asks_for_a_person_hears_at_once_whom_to_call_also_at_night_and_on_hold(
    study: World, word: str, task: str
) -> None:
    code = to_the_first_question(study)
    study.clock.forward(hours=15)  # three in the morning
    say(study, "I want to end it all, I cannot go on")
    study.leave()
    study.run(switch.hold, "Ann")
    study.clock.forward(minutes=1)
    say(study, word)
    (text,) = [one.message.body for one in study.claim() if one.kind == "sms"]
    assert "116 123" in text
    page = study.program.database.read_now(work.page, User(1, "Kim", "admin"))
    assert [(one.kind, one.note) for one in page.tasks] == [("distress", ""), (task, conversations.IN_DISTRESS)]
    assert study.record(code).row.state == "Waiting for a person"


def distress_note(study: World) -> str:
    return note_of(study, "distress")


def note_of(study: World, kind: str) -> str:
    page = study.program.database.read_now(work.page, User(1, "Kim", "admin"))
    return next(one.note for one in page.tasks if one.kind == kind)


EMAIL = "scripts/ownpace users email 'our researcher' ADDRESS"


def test_the_task_says_once_that_nobody_could_be_told_and_whom_to_give_an_address(study: World) -> None:
    code = to_the_first_question(study)
    study.run(staff.set_email, "our researcher", "")
    say(study, "I want to die")
    said = f"Nobody could be told of this by mail or Telegram. Say where our researcher is told: {EMAIL}"
    assert distress_note(study) == said
    study.clock.forward(minutes=16)
    study.run(conversations.wake, study.program.terms)
    assert distress_note(study) == said
    assert study.record(code).distressed


def test_the_task_says_nothing_of_it_where_somebody_was_told(study: World) -> None:
    to_the_first_question(study)
    say(study, "I want to die")
    assert distress_note(study) == ""


def test_the_task_of_somebody_who_wants_a_person_says_once_that_nobody_could_be_told(study: World) -> None:
    to_the_first_question(study)
    study.run(staff.set_email, "our researcher", "")
    say(study, "PERSON")
    said = f"Nobody could be told of this by mail or Telegram. Say where our researcher is told: {EMAIL}"
    assert note_of(study, "person asked").startswith("They were told: by ")
    assert note_of(study, "person asked").endswith(f". {said}")
    study.clock.forward(days=4)
    study.run(conversations.wake, study.program.terms)
    assert note_of(study, "person asked").count("could be told of this") == 1


def test_whoever_asks_again_for_a_person_hears_so_once_a_day_at_any_hour_and_who_has_the_conversation_is_told(
    study: World,
) -> None:
    code = to_the_first_question(study)
    study.clock.forward(hours=15)  # three in the morning
    said = []
    for word in ("PERSON", "PERSON", "help"):
        say(study, word)
        said.append([body for body in study.leave() if "will message you" in body])
    assert [len(each) for each in said] == [1, 1, 0]
    assert said[0] == said[1]
    study.run(handovers.take_over, study.program.terms, code, "our researcher")
    study.clock.forward(days=1)
    say(study, "HELP")
    claimed = {one.kind: one.message.body for one in study.claim()}
    assert "sms" not in claimed, "the program spoke while a researcher had the conversation"
    assert "would like a person to write to them" in claimed["email"]


def test_the_task_of_somebody_who_wants_a_person_says_nothing_of_it_where_somebody_was_told(study: World) -> None:
    to_the_first_question(study)
    say(study, "PERSON")
    assert "told of this" not in note_of(study, "person asked")


def test_a_task_is_opened_where_whoever_has_a_conversation_cannot_be_reminded_of_it(study: World) -> None:
    code = to_the_first_question(study)
    study.run(handovers.take_over, study.program.terms, code, "Ann")
    for _ in range(2):
        study.clock.forward(days=4)
        study.run(conversations.wake, study.program.terms)
    assert study.open_tasks().count("a person goes on") == 1
    note = note_of(study, "a person goes on")
    assert note.startswith("A person has had the conversation for a day: hand it back when that is done.")
    assert note.count("Ann could not be told of this by mail or Telegram.") == 1
    assert "Nobody signs in as Ann, who has participants. Add them: scripts/ownpace users add Ann; or give" in note
    study.run(handovers.hand_back, study.program.terms, code, "Ann")
    assert "a person goes on" not in study.open_tasks()


def test_a_task_is_opened_where_nobody_could_be_told_that_a_call_is_soon(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "CALL")
    say(study, "1")
    study.run(staff.set_email, "our researcher", "")
    study.run(handovers.hand_back, study.program.terms, code, "our researcher")
    for _ in range(7 * 24):
        study.clock.forward(hours=1)
        study.run(conversations.wake, study.program.terms)
    assert note_of(study, "call asked").startswith("A call with them is soon: the time is on their page. Nobody could")


def test_the_task_about_a_stranger_says_that_nobody_could_be_told(study: World) -> None:
    study.run(staff.set_email, "our researcher", "")
    say(study, "I want to die", Address("sms", "+447700900999"))
    assert distress_note(study).endswith(
        f"Nobody has answered it. Nobody could be told of this by mail or Telegram. "
        f"Say where our researcher is told: {EMAIL}"
    )


def test_without_a_channel_for_mail_that_is_to_be_set_up_first(tmp_path: Path) -> None:
    with world(tmp_path, {"sms": Anything("sms")}) as study:
        study.run(staff.add_user, "our researcher", "three or four words", "researcher")
        study.run(staff.set_email, "our researcher", "ann@example.org")
        assert study.program.database.read_now(alerts.unreached, study.program.terms) == (
            "Nobody can be told of distress, or that somebody wants a person, by mail or Telegram. "
            f"Fill in [channels.email] in the settings. Say where our researcher is told: {EMAIL}"
        )


def test_of_a_rota_only_those_who_have_no_address_are_named(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    two = "people:\n" + "".join(
        f'  - {{name: {who}, hours: [{{from: "09:00", to: "17:00"}}]}}\n' for who in ("Ann", "Ben")
    )
    (prompts / "rota.yaml").write_text(two)
    channels = {kind: Anything(kind) for kind in ("sms", "email")}
    with world(tmp_path, channels, study={"prompts": prompts, "contact_phone": "01632 960000"}) as study:
        study.run(staff.add_user, "Ben", "three or four words", "researcher")
        study.run(staff.set_email, "Ben", "ben@example.org")
        mend = (
            "Nobody signs in as Ann, who stands in rota.yaml. Add them: scripts/ownpace users add Ann; or write a name "
            "there with which somebody signs in. Then say where they are told: scripts/ownpace users email NAME ADDRESS"
        )
        cannot = "Ann cannot be told by mail or Telegram that somebody needs or wants a person."
        assert study.program.database.read_now(alerts.warning, study.program.terms) == f"{cannot} {mend}"
        to_the_first_question(study)
        say(study, "I want to die")
        assert distress_note(study) == f"Ann could not be told of this by mail or Telegram. {mend}"


def test_a_sign_spread_over_two_messages_is_found(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "some days I really want to")
    assert study.record(code).row.state == "Answering"
    say(study, "die")
    assert study.record(code).row.state == "Waiting for a person"


def test_a_sign_below_a_short_answer_is_found_too(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "Skip", around="Thanks\nI want to die")
    assert "distress" in study.open_tasks()
    assert study.record(code).entries[-2].elided == "Thanks\nI want to die"


def test_a_sign_that_was_released_is_not_found_again_in_the_next_message(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "I want to die")
    study.run(handovers.hand_back, study.program.terms, code, "Ann", "We spoke.")
    say(study, "By phone mostly")
    assert study.record(code).row.state == "Answering"


def test_a_command_after_words_that_it_would_complete_is_only_a_command(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "I want it all to")
    say(study, "STOP")
    assert study.record(code).row.state == "Stopped messages"
    assert "distress" not in study.open_tasks()


def test_nobody_sees_it_so_the_next_one_is_told_after_a_quarter_of_an_hour(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "he is going to kill me")
    assert len(mails(study)) == 1
    study.clock.forward(minutes=14)
    assert study.run(conversations.wake, study.program.terms) == 0
    study.clock.forward(minutes=1)
    study.run(conversations.wake, study.program.terms)
    assert study.count_of(outbox, outbox.c.kind == "email") == 2
    assert study.record(code).distressed


def test_whoever_has_seen_it_stops_the_escalation(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "he is going to kill me")
    study.run(handovers.acknowledge, study.program.terms, code, "Ann")
    study.clock.forward(minutes=20)
    study.run(conversations.wake, study.program.terms)
    assert study.count_of(outbox, outbox.c.kind == "email") == 1


def test_stop_leaves_the_escalation_going(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "he is going to kill me")
    say(study, "STOP")
    study.clock.forward(minutes=15)
    study.run(conversations.wake, study.program.terms)
    assert study.count_of(outbox, outbox.c.kind == "email") == 2
    assert study.record(code).row.state == "Stopped messages"


def test_a_release_needs_a_reason_and_leaves_a_trail_that_does_not_show_it(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "I want to die")
    with pytest.raises(OwnPaceError, match="Say why"):
        study.run(handovers.hand_back, study.program.terms, code, "Ann", "  ")
    study.run(handovers.hand_back, study.program.terms, code, "Ann", "Her sister is with her.")
    assert "distress" not in study.open_tasks()
    assert study.count_of(audit, audit.c.act == "released", audit.c.subject == code) == 1
    trail = study.program.database.read_now(lambda uow: str(uow.all(audit.select())))
    assert "sister" not in trail


def test_a_researcher_who_has_it_keeps_it_until_somebody_takes_it_on_purpose(study: World) -> None:
    code = to_the_first_question(study)
    study.run(handovers.take_over, study.program.terms, code, "Ann")
    for act, more in ((handovers.take_over, ()), (handovers.reply, ("Hello",)), (handovers.hand_back, ())):
        with pytest.raises(OwnPaceError, match="Ann has the conversation"):
            study.run(act, study.program.terms, code, "Ben", *more)
    study.run(handovers.take_over, study.program.terms, code, "Ben", "yes")
    study.run(handovers.reply, study.program.terms, code, "Ben", "Hello")
    assert study.record(code).holder == "Ben"


def test_what_a_stranger_writes_is_looked_at_too(study: World) -> None:
    for _ in range(2):
        say(study, "please help he is hitting me", Address("sms", "+447700900999"))
    assert "distress" in study.open_tasks()
    ((address, words),) = mails(study)
    assert address == "ann@example.org"
    assert words.endswith("https://study.example/holding")
    assert "hitting" not in words


def test_what_comes_from_an_address_that_we_do_not_know_to_be_theirs_holds_the_questions_and_tells_the_team(
    study: World,
) -> None:
    code = to_the_first_question(study)
    sent = study.program.database.read_now(lambda uow: uow.all(outbox.select().where(outbox.c.kind == "sms")))
    say(study, "I want to die", Address("email", "other@example.org"), reply_to=(sent[-1]["id"],))
    assert study.record(code).distressed
    assert study.record(code).row.state == "Waiting for a person"
    assert len(mails(study)) == 1


def test_a_sign_written_over_an_older_message_is_heard(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "By phone", provider_id="m1")
    say(study, "I want to die", edits="m1")
    assert study.record(code).distressed


# Nothing keeps the support text and the alert from leaving


def texts(study: World) -> list[str]:
    """The first words of what leaves by text message."""
    return [one.message.body[:25] for one in study.claim() if one.kind == "sms"]


def test_while_the_study_is_on_hold_distress_is_answered_and_the_team_is_told(study: World) -> None:
    to_the_first_question(study)
    study.run(switch.hold, "coordinator")
    say(study, "HELP")
    say(study, "he is going to kill me")
    claimed = {one.kind: one.message.body for one in study.claim()}
    assert "999" in claimed["sms"]
    assert "sign of harm" in claimed["email"]
    assert study.claim() == [], "all else waits for the release"


def test_what_is_in_doubt_or_is_tried_again_keeps_no_support_text_from_leaving(study: World) -> None:
    to_the_first_question(study)
    say(study, "HELP")
    (doubtful,) = study.claim()
    study.run(outcomes.unknown, doubtful.seq, timedelta(minutes=2))
    say(study, "he is going to kill me")
    assert texts(study) == ["Thank you for telling us. "[:25]]


def test_the_support_text_overtakes_what_a_researcher_wrote_and_one_message_flies_at_a_time(study: World) -> None:
    code = to_the_first_question(study)
    study.run(handovers.take_over, study.program.terms, code, "Ann")
    study.run(handovers.reply, study.program.terms, code, "Ann", "Hello Sam")
    say(study, "he is going to kill me")
    (support,) = [one for one in study.claim() if one.kind == "sms"]
    assert "999" in support.message.body
    assert texts(study) == [], "the researcher's waits while the other is on its way"
    study.run(outcomes.accepted, support.seq, "SM1")
    assert texts(study) == ["Hello Sam\n\nAnn"]


def test_a_take_over_does_not_set_a_support_text_aside_that_has_not_left(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "he is going to kill me")
    (support,) = [one for one in study.claim() if one.kind == "sms"]
    study.run(handovers.take_over, study.program.terms, code, "Ann")
    study.run(outcomes.not_sent, study.program.terms, support, NotSent("busy"))
    study.clock.forward(seconds=2)
    assert texts(study) == ["Thank you for telling us. "[:25]]


def test_what_a_signature_says_of_emergencies_fetches_a_person_once(study: World) -> None:
    code = to_the_first_question(study)
    signature = "Kind regards\nSam Price\nSocial Worker\nIn an emergency please ring 999."
    say(study, "AGAIN", around=signature)
    assert study.record(code).row.state == "Waiting for a person"
    study.run(handovers.hand_back, study.program.terms, code, "Ann", "It is in their signature")
    say(study, "AGAIN", around=signature)
    assert study.record(code).row.state == "Answering"
    say(study, "AGAIN", around=f"I want to die\n{signature}")
    assert study.record(code).row.state == "Waiting for a person"


def test_a_sign_in_a_few_lines_below_a_short_answer_counts_each_time(study: World) -> None:
    code = to_the_first_question(study)
    for _ in range(2):
        say(study, "AGAIN", around="Thanks\nI want to die")
        assert study.record(code).row.state == "Waiting for a person"
        study.run(handovers.hand_back, study.program.terms, code, "Ann", "We have spoken")
