"""Words that somebody wrote into a mail's subject, and whether the mail below says anything besides.

Our own subject is the study's name and a token, and programs write "Re:" in front of it. What stands there besides was
written now. It counts where the mail itself holds a signature only: above an answer, a subject is a title.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.utils import getaddresses

from channels.email import frames
from channels.email.closing import CONTACT, FAREWELL, names_the_writer
from channels.email.mail import value
from channels.email.reply import is_signature, words

_TOKEN = r"\[#\w+\]"
_REPLY = re.compile(
    r"(?:re|r|aw|antw|sv|vs|vá|odp|ynt|rif|res|rv|enc|tr|wg|fw|fwd|vl|vb|vid|pd|ilt|atb|ymlaen|απ|σχετ|πρθ|на|ответ|отв"
    r"|رد|إعادة توجيه|השב|הועבר|答复|答覆|回复|回覆|转发|轉寄|返信|回信|답장|전달)\s?(?:\[\d+\]|\(\d+\))?\s?[:：]\s*",
    re.IGNORECASE,
)
_WARNING = re.compile(
    r"\[[^\[\]]*\b(?:ext|external|spam|bulk|caution|suspicious|phishing)\b[^\[\]]*\]"
    r"|\*{2,}[^*]*\b(?:external|spam|bulk|caution|suspicious|phishing)\b[^*]*\*{2,}|\(no subject\)",
    re.IGNORECASE,
)
"""What mail servers and programs write into subjects."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The words written into a subject, and the names of the mail's writer as words, for knowing their signature."""

    words: str = field(default="", repr=False)
    names: frozenset[str] = field(default=frozenset(), repr=False)


def read(mail: Message, study: str) -> Subject:
    """What a mail's subject says that neither we nor a program wrote."""
    names = " ".join(name for name, _ in getaddresses([value(mail, "From")]))
    return Subject(new_words(value(mail, "Subject"), study), frozenset(words(names)))


def new_words(subject: str, study: str) -> str:
    """The subject without "Re:", warnings of mail servers, our token, and the study's name where it is our thread's."""
    rest, replies = _WARNING.sub(" ", subject).strip(), False
    while found := _REPLY.match(rest):
        rest, replies = _WARNING.sub(" ", rest[found.end() :]).strip(), True
    name = r"\s+".join(re.escape(word) for word in study.split())
    rest = re.sub(rf"(?:\b{name}\s*)?{_TOKEN}", " ", rest, flags=re.IGNORECASE)
    if replies:
        rest = re.sub(rf"^\s*{name}(?!\w)", " ", rest, flags=re.IGNORECASE) if name else rest
    said = re.sub(rf"(?:^|\s){_REPLY.pattern}\s*$", "", " ".join(rest.split()), flags=re.IGNORECASE)
    said = said.strip(" -–—:;,|/")
    return said if words(said) or re.search(r"[?!+]", said) else ""


def names_a_file(text: str, files: Sequence[str]) -> bool:
    """Whether it is no more than the names of the files that came along: programs write those into a subject."""
    return bool(files) and set(words(text)) <= set(words(" ".join(files)))


def only_signs(text: str, names: frozenset[str]) -> bool:
    """Whether a text is no more than a signature: after "--", a farewell or the writer's name, or what a device writes.

    A name may be followed by more lines only where one of them is a telephone number or an address.
    """
    first, *rest = [line for line in map(str.strip, text.splitlines()) if line and not frames.is_tagline(line)] or [""]
    if not first:
        return True
    if first == "--":
        return not rest or is_signature(rest)
    if FAREWELL.fullmatch(first):
        return names_the_writer(rest, names)
    if words(first) and set(words(first)) <= names:
        return not rest or (is_signature(rest) and any(map(CONTACT.search, rest)))
    return False
