"""Reading a posted form, from whomever it comes: what that costs is bounded before anything of it is parsed."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import parse_qsl

from starlette.requests import Request

LARGEST = 1_000_000
"""Bytes of a form: an hour of speech, written down, in any script."""

MOST_READ = 4 * LARGEST
"""Bytes that are read of a larger one, so that its words can be given back."""

MOST_FIELDS = 1000
"""Our longest forms are the messages of one answer, with 200 boxes, and a message sentence by sentence."""

MOST_PARTS = 8
"""Of a form with a file: the only one has two."""

LONGEST_HEAD = 1000
"""Bytes before the content of a part."""

AT_ONCE = 64 * 1024
"""Bytes of a form that is parsed on the event loop; a larger one is parsed beside it, so that nobody waits for it."""

BOUNDARY = re.compile(r'; *boundary="?([^";]{1,70})"?', re.IGNORECASE)  # RFC 2046, section 5.1.1
FIELD = re.compile(rb'[; ]name="([^"]*)"', re.IGNORECASE)
FILE = re.compile(rb"[; ]filename\*?=", re.IGNORECASE)


class TooLarge(Exception):
    """A form of more than `LARGEST` bytes, with what it said, as far as it was read; or of far too many fields."""

    def __init__(self, posted: list[tuple[str, str]]) -> None:
        super().__init__("This form is too large.")
        self.posted = posted


async def read_fields(request: Request) -> list[tuple[str, str]]:
    """The fields of a form of any size, as far as it is read; files are left out. Raises TooLarge for too many."""
    return await parsed(_kind(request), await _body(request))


async def whole_fields(request: Request) -> list[tuple[str, str]]:
    """The fields of a form. Raises TooLarge."""
    body = await _body(request)
    found = await parsed(_kind(request), body)
    if len(body) > LARGEST:
        raise TooLarge(found)
    return found


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_READ:
            break
    return bytes(body[:MOST_READ])


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "")


async def parsed(kind: str, body: bytes) -> list[tuple[str, str]]:
    """The fields of a form of this content type; files are left out. Raises TooLarge for too many."""
    return _fields(kind, body) if len(body) <= AT_ONCE else await asyncio.to_thread(_fields, kind, body)


def _fields(kind: str, body: bytes) -> list[tuple[str, str]]:
    if has_parts(kind):
        return [(name, _text(words)) for name, is_file, words in parts_of(kind, body) if not is_file]
    if body.count(b"&") >= MOST_FIELDS:
        raise TooLarge([])
    return parse_qsl(_text(body).replace("%00", "%EF%BF%BD"), keep_blank_values=True)


def _text(written: bytes) -> str:
    """In a form that a database takes: without NUL."""
    return written.decode("utf-8", "replace").replace("\0", "\ufffd")


def has_parts(kind: str) -> bool:
    """Whether a form was sent as one that can have files."""
    return kind.startswith("multipart/form-data")


def parts_of(kind: str, body: bytes) -> list[tuple[str, bool, bytes]]:
    """The parts of such a form (RFC 7578): the name of each, whether it is a file, and its content. Raises TooLarge.

    A reader of mail would take a millisecond for each part, and minutes for one with a long head.
    """
    boundary = BOUNDARY.search(kind)
    if boundary is None:
        return []
    between = b"\r\n--" + boundary[1].encode("latin-1")
    pieces = (b"\r\n" + body).split(between, MOST_PARTS + 2)[1:]  # before the first there is nothing, or a preamble
    if len(pieces) > MOST_PARTS + 1:
        raise TooLarge([])
    found = []
    for piece in pieces:
        head, ends, content = piece.partition(b"\r\n\r\n")
        if ends and len(head) <= LONGEST_HEAD and (name := FIELD.search(head)):
            found.append((_text(name[1]), FILE.search(head) is not None, content))
    return found
