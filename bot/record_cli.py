"""What people add to a record by a command: what they wrote up of voice notes and videos, and what stands for names."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from bot.bootstrap import Program
from bot.errors import WrongUse
from bot.export import replacing
from bot.export.measures import media_word
from bot.export.replacing import Decision, Offer
from bot.export.writing import ACTOR
from bot.export_cli import key_holder
from bot.service import writeups
from bot.service.writeups import Piece, WriteUpKind
from bot.terminal import CONFIG, ConfigPath, opened, out

Code = Annotated[str, typer.Argument(metavar="CODE", help="Whose record.")]


def write_up(
    code: Code,
    message: Annotated[int | None, typer.Argument(help="The message's number; without it, see what there is.")] = None,
    text: Annotated[str, typer.Option(help="The text itself.")] = "",
    file: Annotated[Path | None, typer.Option(help="A text file, UTF-8; - reads what is piped in.")] = None,
    kind: Annotated[WriteUpKind, typer.Option(help="What you did.")] = WriteUpKind.TRANSCRIPTION,
    media: Annotated[int | None, typer.Option(help="Which one, where several came with the message.")] = None,
    who: Annotated[str, typer.Option("--as", help="Your name.", metavar="NAME")] = "",
    check: Annotated[bool, typer.Option("--check", help="Say that you found the newest version right.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Write up a voice note, picture or video, or translate a message; or check what somebody else wrote."""
    with opened(config, {}) as program:
        if message is None:
            pieces = program.database.read_now(writeups.of, code)
            for piece in pieces:
                out.print(_told(piece), markup=False)
            if not pieces:
                out.print(
                    f"Nothing to write up: no voice note, picture, video or file of {code.upper()} is here. "
                    f"To translate a message, find its number (id): ownpace show {code} --json",
                    markup=False,
                )
            return
        program.database.read_now(writeups.message_of, code, message)
        if check:
            _check(program, message, media, who)
            out.print(f"Message {message}: checked by {who}.", markup=False)
            return
        words = _words(text, file)
        program.database.run_now(writeups.write_up, message, kind, words, who, media)
        out.print(
            f"Message {message}: {kind.value} stored. Somebody else checks it: "
            f"ownpace write-up {code} {message} --check --as NAME",
            markup=False,
        )


def _check(program: Program, message: int, media: int | None, who: str) -> None:
    newest = program.database.read_now(writeups.newest, message, media)
    if newest is None:
        raise WrongUse(f"Nothing is written up of message {message}.")
    program.database.run_now(writeups.check, newest, who)


def _words(text: str, file: Path | None) -> str:
    if bool(text) == (file is not None):
        raise WrongUse("Give the text with --text, or a file with --file.")
    if file is None:
        return text
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise WrongUse(f"{file} is no text in UTF-8. Save it as plain text, UTF-8.") from None


def _told(piece: Piece) -> str:
    """One line: '12  voice note 1:32  b-now  written up by Kim, checked by Lee'."""
    state = "not written up yet"
    if piece.write_up is not None:
        state = (
            f"written up by {piece.author}, {f'checked by {piece.checked_by}' if piece.checked_by else 'not checked'}"
        )
    place = piece.question or "no question"
    return f"{piece.message_id}  (media {piece.media_id})  {media_word(piece.kind, piece.seconds)}  {place}  {state}"


def anonymise(
    code: Code,
    accept: Annotated[str, typer.Option(help="Accept these of the list.", metavar="1,3-5")] = "",
    accept_all: Annotated[bool, typer.Option("--accept-all", help="Accept all that is not refused.")] = False,
    refuse: Annotated[str, typer.Option(help="Refuse these: they are not offered again.", metavar="2")] = "",
    also: Annotated[
        list[str] | None, typer.Option(help="Further words, and what stands for them.", metavar="'WORDS=[LABEL]'")
    ] = None,
    decided: Annotated[
        bool, typer.Option("--decided", help="Show what was decided already. For a key holder.")
    ] = False,
    undo: Annotated[str, typer.Option(help="Take these of --decided back. For a key holder.", metavar="7,9")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs: the list as JSON; nothing is asked.")] = False,
    who: Annotated[str, typer.Option("--as", help="Your name, for the trail.", metavar="NAME")] = ACTOR,
    config: ConfigPath = CONFIG,
) -> None:
    """Go through words of a participant that may tell who somebody is, and decide what stands for them in exports."""
    with opened(config, {}) as program:
        if undo or decided:
            who = key_holder(program, who, f"anonymise {code}", "--undo" if undo else "--decided")
        if undo:
            many = program.database.run_now(replacing.undo, code, _numbers(undo), who)
            out.print(f"{many} taken back.")
            return
        if decided:
            _show_decided(program.database.read_now(replacing.decisions, code), as_json)
            return
        offers = program.database.read_now(replacing.offers, code, _labels(also or []))
        chosen = _chosen(offers, accept, refuse, accept_all)
        if chosen is None:
            _show(offers, as_json)
            if as_json or not offers or not sys.stdin.isatty():
                return
            chosen = _asked(offers)
        program.database.run_now(replacing.decide, code, *chosen, who)
        out.print(f"{len(chosen[0])} accepted, {len(chosen[1])} refused, of {len(offers)}.")


def _chosen(offers: list[Offer], accept: str, refuse: str, rest: bool) -> tuple[list[Offer], list[Offer]] | None:
    """What is accepted and what is refused by options; None where they say nothing."""
    if not (accept or refuse or rest):
        return None
    yes, no, by_number = _numbers(accept), _numbers(refuse), {offer.number: offer for offer in offers}
    if strange := sorted((yes | no) - set(by_number)):
        raise WrongUse(f"{strange[0]} is not in the list, which has {len(offers)}.")
    if both := sorted(yes & no):
        raise WrongUse(f"{both[0]} cannot be accepted and refused.")
    yes = set(by_number) - no if rest else yes
    return [by_number[one] for one in sorted(yes)], [by_number[one] for one in sorted(no)]


def _asked(offers: list[Offer]) -> tuple[list[Offer], list[Offer]]:
    """Ask about each: y accepts, n refuses, l leaves it for later, a accepts all that follow, q ends."""
    yes: list[Offer] = []
    no: list[Offer] = []
    for place, offer in enumerate(offers):
        answer = ""
        while answer not in ("y", "n", "l", "a", "q"):
            asked = f"{offer.number}. {offer.suggestion.words} -> {offer.suggestion.put}? y, n, l(ater), a(ll), q(uit)"
            answer = str(typer.prompt(asked)).strip().lower()[:1]
        if answer == "q":
            break
        if answer == "a":
            return yes + offers[place:], no
        yes += [offer] * (answer == "y")
        no += [offer] * (answer == "n")
    return yes, no


def _show(offers: list[Offer], as_json: bool) -> None:
    if as_json:
        print(json.dumps([_plain(offer) for offer in offers], ensure_ascii=False, indent=2))
        return
    for offer in offers:
        one = offer.suggestion
        out.print(f"{offer.number:3}  {one.what.value}: {one.words} -> {one.put}", markup=False)
        where = f"message {offer.spot.message_id}, {offer.question or 'no question'}"
        out.print(f"     {where}: …{offer.before}«{one.words}»{offer.after}…", markup=False)
    out.print(f"{len(offers)} suggestions. Guesses: read the record too, and add with --also what they miss.")


def _plain(offer: Offer) -> dict[str, object]:
    one = offer.suggestion
    return {
        "number": offer.number,
        "message": offer.spot.message_id,
        "write_up": offer.spot.writeup_id,
        "part": offer.spot.part,
        "question": offer.question,
        "start": one.start,
        "end": one.end,
        "kind": one.what.value,
        "words": one.words,
        "replacement": one.put,
    }


def _show_decided(made: Iterable[Decision], as_json: bool) -> None:
    if as_json:
        rows = [
            {"id": one.id, "message": one.spot.message_id, "kind": one.what.value, "accepted": one.accepted,
             "words": one.replacement.words, "replacement": one.replacement.put, "by": one.decided_by}
            for one in made
        ]  # fmt: skip
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for one in made:
        state = f"-> {one.replacement.put}" if one.accepted else "stays"
        out.print(f"{one.id:4}  {one.what.value}: {one.replacement.words} {state}  ({one.decided_by})", markup=False)


def _numbers(text: str) -> set[int]:
    """1,3-5 as 1, 3, 4 and 5. Raises WrongUse."""
    found: set[int] = set()
    for piece in filter(None, (part.strip() for part in text.split(","))):
        first, dash, last = piece.partition("-")
        if not first.strip().isdecimal() or (dash and not last.strip().isdecimal()):
            raise WrongUse(f"{piece!r} is no number. Write numbers of the list, such as 1,3-5.")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _labels(written: Iterable[str]) -> dict[str, str]:
    """What a person adds: words, and the label in brackets that stands for them. Raises WrongUse."""
    labels = {}
    for one in written:
        words, _, label = (part.strip() for part in one.partition("="))
        inner = label.removeprefix("[").removesuffix("]").strip()
        if not words or not inner or "[" in words or "[" in inner or "]" in inner:
            raise WrongUse(f"--also {one!r}: write WORDS=[LABEL], such as 'Bryn Glas=[estate]'.")
        labels[words] = f"[{inner}]"
    return labels
