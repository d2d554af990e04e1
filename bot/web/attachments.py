"""Voice notes, pictures, videos and files, served so that none of them can run here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.service import media
from bot.service.access import May
from bot.service.staff import User
from bot.web.pages import page
from bot.web.rows import ROW
from bot.web.signin import closed, signed_in
from bot.web.state import web

BEGINNINGS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), ("image/png",)),
    (re.compile(rb"\xff\xd8\xff"), ("image/jpeg", "image/jpg", "image/pjpeg")),
    (re.compile(rb"GIF8[79]a"), ("image/gif",)),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), ("image/webp",)),
    (re.compile(rb"RIFF.{4}WAVE", re.DOTALL), ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")),
    (re.compile(rb"OggS\x00"), ("audio/ogg", "audio/opus", "video/ogg", "application/ogg")),
    (re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"), ("audio/mpeg", "audio/mp3")),
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"), ("audio/aac", "audio/x-aac", "audio/aacp")),
    (
        re.compile(rb".{4}ftyp", re.DOTALL),
        ("audio/mp4", "audio/m4a", "audio/x-m4a", "audio/aac", "audio/3gpp", "video/mp4", "video/3gpp",
         "video/quicktime"),
    ),
    (re.compile(rb"\x1a\x45\xdf\xa3"), ("audio/webm", "video/webm")),
)  # fmt: skip
"""How a file begins (WHATWG MIME Sniffing, 6), and the types that it may have been sent as."""

PLAYED: Mapping[str, str] = MappingProxyType(
    {kind: kind.partition("/")[0].replace("application", "audio") for _, kinds in BEGINNINGS for kind in kinds}
)
"""What a page shows by itself: type, and whether as image, audio or video. Anything else is saved to a file."""

_ASKED = re.compile(r"bytes=(\d+)-(\d*)")


def plain(content_type: str) -> str:
    """The type without what stands behind it: of 'audio/ogg; codecs=opus' the first part."""
    return content_type.partition(";")[0].strip().casefold()


def as_what(content_type: str) -> str:
    """'image', 'audio' or 'video' where a page may show something that was sent as this; else ''."""
    return PLAYED.get(plain(content_type), "")


def shown_as(content_type: str, content: bytes) -> str:
    """The type under which a browser gets it: only one that it was sent as and that its first bytes say too."""
    sent_as = plain(content_type)
    if any(sent_as in kinds and begins.match(content) for begins, kinds in BEGINNINGS):
        return sent_as.replace("application/ogg", "audio/ogg")
    return "application/octet-stream"


@signed_in(May.READ)
async def attachment(request: Request, user: User) -> Response:
    """What somebody sent, as it was sent, whole or the part that a player asks for; noted in the trail."""
    parts = web(request)
    code = await parts.database.read(media.whose, request.path_params["id"])
    if code and (problem := await closed(request, user, code)):
        return page(request, "problem.html", status=403, user=user, problem=problem)
    found = await parts.database.run(media.opened, request.path_params["id"], user.name)
    if found is None:
        return page(request, "problem.html", status=404, user=user, problem="This is not here, or not here yet.")
    content_type, content = found
    shown = shown_as(content_type, content)
    headers = {
        "accept-ranges": "bytes",
        "content-disposition": "attachment" if shown == "application/octet-stream" else "inline",
        "content-security-policy": "sandbox; default-src 'none'; media-src 'self'; img-src 'self'",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    asked = _ASKED.fullmatch(request.headers.get("range", ""))
    if asked is None:
        return Response(content, media_type=shown, headers=headers)
    first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
    if first > last:
        return Response(status_code=416, headers=headers | {"content-range": f"bytes */{len(content)}"})
    headers["content-range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(content[first : last + 1], 206, headers, shown)


routes = [Route(f"/media/{ROW}", attachment)]
