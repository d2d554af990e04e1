"""From a mail to the text its writer sees and the files that came along. Nothing here raises, and no letter is lost."""

from __future__ import annotations

import codecs
import mimetypes
import re
import unicodedata
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import Message
from html import unescape
from typing import Any

from charset_normalizer import from_bytes
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import html as lxml_html

from channels.email import mail
from channels.email.mail import clean, safely, storable


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file or picture that came with a mail. `name` is harmless as a file name; it says nothing about the content."""

    name: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Body:
    """What a mail says: its text, quotes as lines that start with `>`, and its files."""

    text: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """What one part of a mail holds: text, whether it was made from HTML, files."""

    text: str = ""
    from_html: bool = False
    files: tuple[Attachment, ...] = ()


def read(source: bytes | Message) -> Body:
    """Every inline text in order (Apple Mail splits text around pictures) and every other part as a file.

    Where a mail says the same in plain text and HTML the plain text counts, unless it is empty or only points at the
    HTML. A mail whose only text came as text files says what is in them (MMS gateways send `text_0.txt`).
    """
    message = mail.parse(source) if isinstance(source, bytes) else source
    found = _part(message)
    text = found.text
    if not text.strip():
        text = "\n".join(decode(file.data, None) for file in found.files if file.content_type == "text/plain")
    return Body(storable(text).strip("\n"), found.files)


# The parts of a mail


def _part(message: Message) -> _Part:
    kind = mail.kind(message)
    if kind.startswith("message/"):
        return _Part(files=(_forwarded(message, kind),))
    if message.is_multipart():
        parts = [_part(child) for child in message.get_payload() if isinstance(child, Message)]
        return _best(parts) if kind == "multipart/alternative" else _joined(parts)
    return _leaf(message, kind)


def _joined(parts: list[_Part]) -> _Part:
    return _Part(
        "\n".join(part.text for part in parts if part.text.strip()),
        any(part.from_html for part in parts),
        tuple(file for part in parts for file in part.files),
    )


def _best(parts: list[_Part]) -> _Part:
    """Plain text that says something, else HTML that does, else whatever there is; the files of all."""
    said = [part for part in parts if part.text.strip()]
    plain = [part for part in said if not part.from_html and not _is_stub(part.text)]
    made = [part for part in said if part.from_html]
    best = next(iter(plain or made or said), _Part())
    return _Part(best.text, best.from_html, tuple(file for part in parts for file in part.files))


_PLACEHOLDER = re.compile(r"\[(?:cid|image|inline)[^\]]*\]", re.IGNORECASE)
_POINTS_AT_HTML = re.compile(
    r"\bhtml\b.*\b(?:view|client|support|browser|display|viewer|reader|compatible|enabled|version|format)"
    r"|\b(?:view|client|support|browser|display|version|format)\w*\b.*\bhtml\b",
    re.IGNORECASE | re.DOTALL,
)


def _is_stub(text: str) -> bool:
    """Whether plain text says nothing itself: pictures' names only, or "view this mail in HTML"."""
    words = _PLACEHOLDER.sub("", text).split()
    return not words or (len(words) <= 30 and bool(_POINTS_AT_HTML.search(text)))


_SEALS = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"})
"""Made by a program over the rest of the mail (RFC 8551, RFC 3156): nobody sends them as an answer."""


def _leaf(message: Message, kind: str) -> _Part:
    if kind in _SEALS:
        return _Part()
    data = mail.content(message)
    name = safely(lambda: _filename(message), lambda: "")
    is_text = kind in ("text/plain", "text/html") and not name
    if not is_text:
        return _Part(files=(Attachment(harmless(name, kind), kind, data),)) if data or name else _Part()
    text = decode(data, safely(lambda: _parameter(message, "charset"), lambda: ""))
    if kind == "text/html":
        return _Part(from_html(text), from_html=True)
    if safely(lambda: _parameter(message, "format"), lambda: "").lower() == "flowed":
        text = unflow(text, delsp=safely(lambda: _parameter(message, "delsp"), lambda: "").lower() == "yes")
    return _Part(text)


def _forwarded(message: Message, kind: str) -> Attachment:
    """A mail inside a mail is a file, never mixed with its bearer's words."""
    inner = message.get_payload() if message.is_multipart() else []
    data = b"\n".join(safely(part.as_bytes, lambda: b"") for part in inner if isinstance(part, Message))
    name = harmless(safely(lambda: _filename(message), lambda: ""), kind)
    return Attachment(name, kind, data or mail.content(message))


def _parameter(message: Message, name: str) -> str:
    return str(message.get_param(name, "") or "").strip()


def _filename(message: Message) -> str:
    name = message.get_filename("") or ""
    return str(make_header(decode_header(name))) if "=?" in name else name


# Names of files

_TYPES = {"image/jpeg": ".jpg", "message/rfc822": ".eml", "text/plain": ".txt", "application/ms-tnef": ".dat"}
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


def harmless(name: str, content_type: str) -> str:
    """A file name without path, control or direction-changing characters, at most 120 characters, never empty."""
    last = re.split(r"[/\\]", clean(unicodedata.normalize("NFC", storable(name))))[-1]
    kept = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C" and letter not in '<>:"|?*')
    stem, dot, suffix = kept.strip(". ").rpartition(".")
    short = f"{stem[: 110 - len(suffix[:9])]}.{suffix[:9]}" if dot else suffix[:120]
    if not short:
        return "file" + (_TYPES.get(content_type) or mimetypes.guess_extension(content_type) or "")
    return f"file-{short}" if _RESERVED.match(short) else short


# Charsets


def decode(data: bytes, declared: str | None) -> str:
    """Text in the charset its sender named, or the one it is really in; no byte is dropped.

    Labels are wrong often: `us-ascii` and `iso-8859-1` hold UTF-8 or Windows-1252, unknown names occur, and UTF-8 is
    cut within a letter. Text that is valid UTF-8 beyond ASCII is UTF-8, whatever a one-byte label claims.
    """
    charset = _codec(declared, data)
    if charset is None or charset in _ONE_BYTE:
        return _strict(data, "utf-8-sig") or _one_byte(data, charset)
    return _strict(data, charset) or _strict(data, "utf-8-sig") or data.decode(charset, _BYTE_BY_BYTE)


def _one_byte(data: bytes, charset: str | None) -> str:
    if charset not in (None, "cp1252"):
        return data.decode(charset or "", _BYTE_BY_BYTE)
    return _strict(data, "cp1252") or _guessed(data) or data.decode("utf-8", _BYTE_BY_BYTE)


def _guessed(data: bytes) -> str | None:
    """What statistics say of bytes that Windows-1252 cannot hold, such as unlabelled Chinese."""
    if _strict(data[:-3], "utf-8") or b"\0" in data or _mostly_utf8(data):
        return None
    best = safely(lambda: from_bytes(data[:20_000]).best(), lambda: None)
    return _strict(data, best.encoding) if best else None


def _mostly_utf8(data: bytes) -> bool:
    bad = data.decode("utf-8", "replace").count("\ufffd")
    return len(re.findall(rb"[\xc2-\xf4][\x80-\xbf]+", data)) > bad


def _strict(data: bytes, charset: str) -> str | None:
    """The text, or None where it is not of this charset; empty bytes are empty text in any."""
    try:
        return data.decode(charset)
    except (UnicodeError, LookupError, ValueError):
        return None


def _windows_byte(error: UnicodeError) -> tuple[str, int]:
    """One undecodable byte read as Windows-1252, and where to go on; its five holes stay as C1 controls."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    byte = error.object[error.start : error.start + 1]
    return _strict(byte, "cp1252") or byte.decode("latin-1"), error.start + 1


_BYTE_BY_BYTE = "ownpace-windows-byte"
codecs.register_error(_BYTE_BY_BYTE, _windows_byte)

_ONE_BYTE = frozenset(
    ["cp1252", *(f"cp{page}" for page in (437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865))]
    + [f"cp{page}" for page in (866, 869, 874, 1006, 1125, *range(1250, 1259))]
    + [f"iso8859-{part}" for part in range(1, 17)]
    + ["koi8-r", "koi8-u", "koi8-t", "kz1048", "tis-620", "ptcp154", "hp-roman8"]
    + ["mac-cyrillic", "mac-greek", "mac-iceland", "mac-latin2", "mac-roman", "mac-turkish"]
)
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "cp950",
    "iso8859-9": "cp1254",
}
"""What mail programs write under an older name."""
_ALIASES = {
    "utf8mb4": "utf-8",
    "utf8mb3": "utf-8",
    "unicode11utf8": "utf-8",
    "iso88598i": "iso8859-8",
    "iso88598e": "iso8859-8",
    "xgbk": "gbk",
    "xsjis": "shift_jis",
    "xeucjp": "euc_jp",
    "windows874": "cp874",
    "ksc56011987": "cp949",
    "ansix31101983": "ascii",
}
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})


def _codec(declared: str | None, data: bytes) -> str | None:
    """Python's name of a declared charset, widened to what is really written under it; None where it means nothing."""
    label = re.sub(r"[^a-z0-9]", "", (declared or "").lower())
    known = _looked_up(_ALIASES.get(label) or (declared or "").strip()) or _looked_up(label.removeprefix("x"))
    if known is None or (known.startswith(("utf-16", "utf-32")) and b"\0" not in data[:64]):
        return None
    return _SUPERSETS.get(known, known)


def _looked_up(name: str) -> str | None:
    try:
        found: Any = codecs.lookup(name.encode("ascii", "ignore").decode().replace("\0", ""))
    except (LookupError, ValueError, TypeError):
        return None
    return found.name if found._is_text_encoding and found.name not in _NOT_CHARSETS else None


# format=flowed


def unflow(text: str, *, delsp: bool = False) -> str:
    """Soft-broken lines as the paragraphs they were typed as, quote marks kept (RFC 3676, section 4)."""
    out: list[str] = []
    depth_before, open_line = 0, False
    for line in text.replace("\r\n", "\n").split("\n"):
        bare = line.lstrip(">")
        depth = len(line) - len(bare)
        bare = bare.removeprefix(" ")
        soft = bare.endswith(" ") and bare != "-- "
        if soft and delsp:
            bare = bare[:-1]
        if open_line and depth == depth_before and bare != "-- ":
            out[-1] += bare
        else:
            out.append(">" * depth + (" " if depth else "") + bare)
        depth_before, open_line = depth, soft
    return "\n".join(out)


# HTML

_QUOTE_NAMES = re.compile(
    r"(?:^|[\s_-])(?:yahoo_quoted|protonmail_quote|tutanota_quote|gmail_quote|front-blockquote|moz-cite-quote)"
)
_WHOLE_QUOTES = frozenset({"OLK_SRC_BODY_SECTION", "mail-editor-reference-message-container"})
_UNSEEN = frozenset({"script", "style", "head", "title", "meta", "template", "noscript"})
_RULE = "_" * 32
"""What Outlook itself writes in plain text where its HTML has a line above the quoted mail's headers."""


def from_html(html: str) -> str:
    """The text of an HTML mail; what a mail program marked as quoted has `>` in front, as in plain text."""
    bare = _without_office(storable(html))
    text = safely(lambda: _html_text(bare), lambda: "")
    return text if text.strip() else _tagless(bare)


def _tagless(html: str) -> str:
    """What remains of HTML that cannot be parsed, or that parses to nothing because a tag is never closed."""
    lines = re.sub(r"<(?:br|/p|/div|/tr|/li)\b[^<>]*>", "\n", html, flags=re.IGNORECASE)
    return unescape(re.sub(r"<[^<>]*>", " ", lines))


def _without_office(html: str) -> str:
    """HTML without comments, declarations, Office's namespaced tags and control characters.

    The text is already decoded, so the charset it declares is of no use, and lxml stumbles over the rest.
    """
    bare = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    bare = re.sub(r"<(style|script)\b[^<>]*>.*?</\1\s*>", "", bare, flags=re.DOTALL | re.IGNORECASE)
    bare = re.sub(r"<\?xml[^<>]*>|<!\[[^\]<>]*\]>|<!--|</?(?:o|v|w|m|x|p|dt|st\d|u\d):\w+[^<>]*>", "", bare)
    return re.sub(r"[\x01-\x08\x0b\x0c\x0e-\x1f]", " ", bare)


def _html_text(bare: str) -> str:
    if not bare.strip():
        return ""
    tree = lxml_html.document_fromstring(bare, parser=lxml_html.HTMLParser(encoding=None, huge_tree=True))
    quotes: dict[str, str] = {}
    for unseen in [element for element in tree.iter() if element.tag in _UNSEEN]:
        unseen.drop_tree()
    for header in tree.xpath("//*[@id='divRplyFwdMsg']"):
        header.addprevious(_line(_RULE))
    _lift_quotes(tree, quotes)
    return _restored(_rendered(tree), quotes)


def _lift_quotes(tree: Any, quotes: dict[str, str]) -> None:
    """Put a mark in the place of each quote and render the quote by itself, innermost first."""
    for element in reversed([element for element in tree.iter() if _is_quote(element)]):
        mark = f"\ue000{len(quotes)}\ue001"
        if element.getparent() is None:
            continue
        line = _line(mark)
        line.tail, element.tail = element.tail, None
        element.getparent().replace(element, line)
        quotes[mark] = _rendered(element)


def _line(text: str) -> Any:
    element = lxml_html.Element("div")
    element.text = text
    return element


def _is_quote(element: Any) -> bool:
    """Whether a mail program made this element to hold a quoted mail; a person's own indented block is none."""
    if not isinstance(element.tag, str):
        return False
    names = f"{element.get('class', '')} {element.get('id', '')}"
    if element.tag == "blockquote":
        return element.get("type") == "cite" or "cite" in element.attrib or bool(_QUOTE_NAMES.search(names))
    return (
        element.get("id") in _WHOLE_QUOTES
        or element.get("name") == "messageReplySection"
        or element.get("data-marker") == "__QUOTED_TEXT__"
        or "yahoo_quoted" in names
    )


def _rendered(tree: Any) -> str:
    text: str = Inscriptis(tree, ParserConfig(css=CSS_PROFILES["strict"])).get_text()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip("\n")


def _restored(text: str, quotes: dict[str, str]) -> str:
    """The text with each quote back in its place, one `>` deeper for each quote around it."""
    out = []
    for line in text.split("\n"):
        pieces = re.split(r"(\ue000\d+\ue001)", line)
        for piece in pieces:
            if piece in quotes:
                inner = _restored(quotes[piece], quotes).split("\n")
                out += [f">{quoted}" if quoted.startswith(">") else f"> {quoted}".rstrip() for quoted in inner]
            elif piece.strip() or len(pieces) == 1:
                out.append(piece)
    return "\n".join(out)
