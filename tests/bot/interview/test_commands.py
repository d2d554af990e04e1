from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interview.commands import LEAVE_CHOICES, PAUSE_CHOICES, Command, Word, choice, parse, yes_or_no
from bot.interview.events import Belongs, Enrolled, File, SetTimer, TimerKind
from tests.bot.interview.player import Player
from tests.bot.interview.small import interview

ANSWERS = """\
I could not stop thinking about it
My social worker will not stop ringing me at dinner time
Please do not stop my direct payments
I want the phone calls to stop but nobody listens
Stop me if I have said this before, but nobody writes things down
We had to stop using video because my hands shake
If you stop replying they close your case
They stop answering emails after five
I asked them to stop and help me understand the letter instead
It comes back to trust
She never rings back when she says she will
They sent the form back twice because of one box
I look back at the texts when I forget what was agreed
Going back to the office was hard for those of us who lip read
Back then there was a person you could ring
I get sent back and forth between two teams
I had to skip my review because the link did not work
Some weeks I skip replying as typing hurts my hands
You can not skip a question on the council form
They skip over me and talk to my mum
I would not skip a home visit for anything
My PA will help me type this
I need help to open letters
A bit of help with the portal would have gone a long way
Help is there on paper only
I do not like asking for help
Who can help me when the line is engaged
When I ask for help by text I get a person I have never met
They help, but only when I am done being upset
I want to talk to a person, not a machine
The person I support uses an eye gaze device
Each person is different so I ask them first
As a Deaf person I cannot use the phone
It depends on the person and on the day
Every time it is a new person and I start again
I have done my own risk assessment
Nothing gets done unless I chase it
By the time I have typed it the meeting is done
Once the assessment is done they go quiet
I have done this job for nineteen years
Stop and search happened to me twice
They told me to stop work
It never stops
the bus stop is too far
I stopped going
Bus stop
I go back to my mum's house a lot
Back pain mostly
my back hurts
Back in 2019 I was on ESA
back 3 years ago
bad back
I had to skip meals
I skip lunch on assessment days
Skip the queue
My daughter is a big help
nobody would help
Help came too late
helpful
helpless
no help
A person from the council came
the person on the phone
One person
I am a private person
in person
What is done is done
I'm done
I am done
When the form was done I cried
well done
again and again
never again
Again, nothing happened
I had to pause
pause for thought
I was not ready
Ready meals
already
They call it support
Call handlers were rude
I got a call
no calls
a change of circumstances
Change is hard
nothing will change
You cannot undo it
undone
I kept a copy of the letter
Copy of my passport
I had to leave work
Leave me alone
annual leave
sick leave
start again
It was a bad start
read
stoop
gain
chance
Chang
spot
none
gone
calls
ship
end
quit
cancel
unsubscribe
end it
star
stat
please
Donne
stop/back
Stop it hurts when they shout
stop asking the same questions
No more visits
No more emails
Not now
Not today
I need to leave him
Thanks
Thank you
thanks for your help
Not now that my mum has moved in
Go back to the office
back to square 1
I need help every day
I asked if I could speak to someone
I want to talk to someone who knows me
STOP or SKIP
skip 3
back 2.5
back 0
back 300""".splitlines()

SPELLINGS = [
    ("HELP", "HELP"), ("help", "HELP"), (" Help! ", "HELP"), ("help?", "HELP"), ("hlep", "HELP"),
    ("hepl", "HELP"), ("hellp", "HELP"), ("please help", "HELP"), ("Help me", "HELP"), ("done", "DONE"),
    ("Done.", "DONE"), ("doen", "DONE"), ("DONE 👍🏽", "DONE"), ("“done”", "DONE"), ("skip", "SKIP"),
    ("skipp", "SKIP"), ("sikp", "SKIP"), ("Skip this one", "SKIP"), ("skip, please", "SKIP"),
    ("back", "BACK"), ("bakc", "BACK"), ("go back", "BACK"), ("again", "AGAIN"), ("agian", "AGAIN"),
    ("aggain", "AGAIN"), ("pause", "PAUSE"), ("puase", "PAUSE"), ("paus", "PAUSE"), ("ready", "READY"),
    ("Redy", "READY"), ("START", "READY"), ("strt", "READY"), ("I’m ready", "READY"), ("person", "PERSON"),
    ("preson", "PERSON"), ("persn", "PERSON"), ("call", "CALL"), ("clal", "CALL"), ("Call me please", "CALL"),
    ("change", "CHANGE"), ("chnage", "CHANGE"), ("chnge", "CHANGE"), ("undo", "UNDO"), ("udno", "UNDO"),
    ("copy", "COPY"), ("coppy", "COPY"), ("leave", "LEAVE"), ("laeve", "LEAVE"), ("leav", "LEAVE"),
    ("stop", "STOP"), ("STOP!!!", "STOP"), ("'Stop'", "STOP"), ("*stop*", "STOP"), ("sotp", "STOP"),
    ("stopp", "STOP"), ("S\u200btop", "STOP"), ("\ufeffstop\n", "STOP"), ("ＳＴＯＰ", "STOP"), ("stop 🛑", "STOP"),
    ("please stop", "STOP"), ("Please stop messaging me", "STOP"), ("stop texting me", "STOP"),
    ("Stop please, thank you", "STOP"),
    ("Stop  all messages.", "STOP"), ("STOP STOP STOP!", "STOP"), ("Stop thank you", "STOP"), ("ok stop", "STOP"),
    ("I said STOP", "STOP"), ("just stop please", "STOP"), ("Stop it", "STOP"), ("dont text me again", "STOP"),
    ("Don’t contact me any more", "STOP"), ("stop asking me questions", "STOP"),
    ("stop sending me these texts", "STOP"), ("Remove me from your list", "STOP"), ("skip thanks", "SKIP"),
    ("I want to speak to someone", "PERSON"), ("Can I talk to somebody please?", "PERSON"),
    ("I need to speak to a human", "PERSON"), ("please ring me", "CALL"), ("can you call me", "CALL"),
    ("I need help", "HELP"), ("help help help", "HELP"), ("I need a break", "PAUSE"),
    ("new number", "CHANGE"), ("I have a new number", "CHANGE"), ("my number has changed", "CHANGE"),
    ("send me a copy", "COPY"), ("Withdraw", "LEAVE"), ("I would like to withdraw from the study", "LEAVE"),
    ("delete my answers", "LEAVE"),
]  # fmt: skip


SIX = re.compile(r"\b(stop|back|skip|help|person|done)\b", re.IGNORECASE)
HOLDING_ONE = [answer for answer in ANSWERS if SIX.search(answer)]


def test_there_are_sixty_answers_that_hold_one_of_the_six_words() -> None:
    assert len(set(HOLDING_ONE)) >= 60
    assert {word.lower() for answer in HOLDING_ONE for word in SIX.findall(answer)} == {
        "stop",
        "back",
        "skip",
        "help",
        "person",
        "done",
    }


@pytest.mark.parametrize("answer", HOLDING_ONE)
def test_an_answer_that_holds_a_word_is_filed_as_an_answer_and_nothing_else_follows(answer: str) -> None:
    player = Player(interview())
    player.take(Enrolled())
    for _ in range(3):
        player.say("yes")
    before = player.interview
    effects = player.say(answer)
    (filed, timer) = effects
    assert filed == File(4, Belongs.ANSWER, "a-ways")
    assert isinstance(timer, SetTimer)
    assert timer.kind is TimerKind.SETTLE
    after = player.interview
    assert (after.state, after.position, after.menu) == (before.state, before.position, None)
    assert after.answers["a-ways"].parts == (4,)
    player.wait(timedelta(minutes=20))
    assert player.interview.position == "a-good", "the interview goes on from there"


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_word_inside_an_answer_triggers_nothing(answer: str) -> None:
    assert parse(answer) is None


@pytest.mark.parametrize(("text", "command"), SPELLINGS)
def test_a_whole_message_is_the_command_it_spells(text: str, command: str) -> None:
    assert parse(text) == Word(Command(command))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("BACK 3", Word(Command.BACK, 3)),
        ("back to 3 please", Word(Command.BACK, 3)),
        ("Back to question 3", Word(Command.BACK, 3)),
        ("go back to question 3 please", Word(Command.BACK, 3)),
        ("go back 3", Word(Command.BACK, 3)),
        ("bakc 12", Word(Command.BACK, 12)),
        ("Pause 2.", Word(Command.PAUSE, 2)),
    ],
)
def test_back_and_pause_carry_a_number(text: str, word: Word) -> None:
    assert parse(text) == word


@given(st.text())
def test_no_text_whatever_makes_parsing_raise(text: str) -> None:
    parse(text)
    yes_or_no(text, numbered=False)
    choice(text, PAUSE_CHOICES)


@given(
    st.lists(st.sampled_from(["my", "sister", "was", "the", "yesterday"]), min_size=1),
    st.sampled_from(Command),
    st.lists(st.sampled_from(["my", "sister", "was", "here", "often"])),
)
def test_a_command_word_in_a_longer_answer_never_triggers(
    before: list[str], command: Command, after: list[str]
) -> None:
    assert parse(" ".join([*before, command, *after])) is None
    assert parse(" ".join([command, *before])) is None


@pytest.mark.parametrize(
    "text",
    ["yes", "Y", "Yeah", "yep", "yup!", "OK", "okay", "I agree", "agree", "agre", "I aggree", "Yes, please",
     "yes, I agree.", "👍", "👍🏿", "✔️", "✅", "yes 👍", "yess", "yse", "Yes 😊"],
)  # fmt: skip
def test_these_mean_yes(text: str) -> None:
    assert yes_or_no(text, numbered=True) is True


@pytest.mark.parametrize(
    "text",
    ["no", "N", "nope", "nah", "No thanks", "no, thank you", "I do not agree", "I don’t agree", "disagree",
     "disagre", "👎", "👎🏼", "❌", "no 👎", "noo"],
)  # fmt: skip
def test_these_mean_no(text: str) -> None:
    assert yes_or_no(text, numbered=True) is False


@pytest.mark.parametrize(
    "text",
    ["", "yes and no", "yes but not the recording", "yes if it is anonymous", "no yes", "yes 👎", "👍👎", "yes?",
     "yes 🤔", "maybe", "not sure", "on", "I do not know", "3", "eager", "not ok", "please", "yes no", "12"],
)  # fmt: skip
def test_mixed_or_conditional_is_neither(text: str) -> None:
    assert yes_or_no(text, numbered=False) is None


def test_numbers_are_yes_and_no_only_where_the_statement_has_no_number() -> None:
    assert yes_or_no("1", numbered=False) is True
    assert yes_or_no("2.", numbered=False) is False
    assert yes_or_no("1", numbered=True) is None
    assert yes_or_no("2", numbered=True) is None


@pytest.mark.parametrize(
    ("text", "key"),
    [("1", "day"), ("Tomorrow", "day"), ("tommorow", None), ("tomorow", "day"), ("2)", "week"),
     ("a week please", "week"), ("3", "month"), ("mnoth", "month"), ("4️⃣", "open"), ("Until I say.", "open"),
     ("option 2", "week"), ("Two", "week"), ("four", "open"), ("5", None), ("a week or a month", None), ("", None)],
)  # fmt: skip
def test_a_pause_is_chosen_by_number_or_by_words(text: str, key: str | None) -> None:
    assert choice(text, PAUSE_CHOICES) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [("1", "keep"), ("Keep my answers", "keep"), ("2", "delete"), ("two", "delete"), ("DELETE", "delete"),
     ("delet", "delete"), ("do not delete", None), ("keep or delete", None)],
)  # fmt: skip
def test_leaving_asks_whether_to_keep_or_delete(text: str, key: str | None) -> None:
    assert choice(text, LEAVE_CHOICES) == key
