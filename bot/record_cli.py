"""What people add to a record by a command: what they wrote up of voice notes and videos."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot import bootstrap
from bot.bootstrap import Program
from bot.errors import WrongUse
from bot.export.measures import media_word
from bot.service import writeups
from bot.service.writeups import Piece, WriteUpKind

out = Console(highlight=False, soft_wrap=True)

ConfigPath = Annotated[
    Path, typer.Option("--config", help="The study's settings.", metavar="PATH", envvar="OWNPACE_CONFIG")
]
CONFIG = Path("config.toml")
Code = Annotated[str, typer.Argument(metavar="CODE", help="Whose record.")]


@contextmanager
def _open(path: Path) -> Iterator[Program]:
    program = bootstrap.build(bootstrap.load_settings(path), channels={})
    try:
        yield program
    finally:
        program.database.close()


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
    with _open(config) as program:
        if message is None:
            for piece in program.database.read_now(writeups.of, code):
                out.print(_told(piece), markup=False)
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
