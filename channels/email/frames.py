"""What mail programs write around a quote, in many languages: "On … wrote:", Outlook's headers, rulers, taglines.

The forms were collected from the programs' own translations; a quoted mail in a language that is not here is still
found where its head carries an address and a time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto


class Kind(Enum):
    """How sure it is that a mail program wrote this head and the person did not."""

    MARKER = auto()  # our own ruler
    STRONG = auto()  # a block of headers, or "Original Message"
    ADDRESSED = auto()  # "On … <address> wrote:"
    WEAK = auto()  # "On 5 May 2025 Ann wrote:", or "Ann wrote:" above quote marks: maybe the person's own sentence


Marked = tuple[int, str]
"""A line as its depth of quote marks and the text after them."""


def find(lines: Sequence[Marked], said: Sequence[tuple[str, ...]], marker: tuple[str, ...]) -> list[Kind | None]:
    """For each line the kind of head that it is part of, or None.

    `said` has the words of each line, `marker` those of our own ruler.
    """
    kinds: list[Kind | None] = [None] * len(lines)
    for at, (_, body) in enumerate(lines):
        if kinds[at] or not body:
            continue
        if marker and said[at] == marker:
            kinds[at] = Kind.MARKER
        elif _is_delimiter(body):
            kinds[at] = Kind.STRONG
        elif end := _headers_end(lines, at):
            kinds[at:end] = [Kind.STRONG] * (end - at)
            _take_ruler(lines, kinds, at)
        elif found := _attribution(lines, kinds, at):
            start, kind = found
            kinds[start : at + 1] = [kind] * (at + 1 - start)
    return kinds


# "-----Original Message-----"

_DELIMITER = re.compile(
    r"[-_=*\s]*(?:begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-mail)"
    r"|début du message (?:transféré|réexpédié)"
    r"|inizio messaggio inoltrato|inicio del mensaje reenviado|początek przekazywanej wiadomości)\s*[:：]?[-_=*\s]*"
    r"|[-_=*]{2,}\s*(?:original message|forwarded message|forwarded by .{1,80}|original appointment|reply message"
    r"|ursprüngliche nachricht|original-?nachricht|ursprungsnachricht|weitergeleitete nachricht"
    r"|message d'origine|message original|message transféré|message initial"
    r"|mensaje original|mensaje reenviado|messaggio originale|messaggio inoltrato"
    r"|mensagem original|mensagem encaminhada|oorspronkelijk bericht|doorgestuurd bericht"
    r"|oryginalna wiadomość|wiadomość oryginalna|treść przekazanej wiadomości|wiadomość przekazana dalej"
    r"|neges wreiddiol|y neges wreiddiol|neges a anfonwyd ymlaen|neges wedi'i hanfon ymlaen"
    r"|ursprungligt meddelande|vidarebefordrat meddelande|oprindelig meddelelse|opprinnelig melding"
    r"|videresendt melding"
    r"|alkuperäinen viesti|původní zpráva|pôvodná správa|mesaj original|eredeti üzenet|orijinal mesaj|özgün ileti"
    r"|исходное сообщение|пересылаемое сообщение|пересланное сообщение|оригінальне повідомлення|αρχικό μήνυμα"
    r"|الرسالة الأصلية|رسالة معاد توجيهها|اصل پیغام|اصل پیام|הודעה מקורית"
    r"|原始邮件|原始郵件|转发邮件|轉寄郵件|轉寄的郵件|转发的邮件"
    r"|元のメッセージ|転送メッセージ|원본 메시지|원본 메일|전달된 메시지)"
    r"\s*[:：]?\s*[-_=*]{2,}",
    re.IGNORECASE,
)
_RULER = re.compile(r"[_\-=]{5,}|[─━—]{3,}")


def _is_delimiter(body: str) -> bool:
    return len(body) < 150 and bool(_DELIMITER.fullmatch(body.replace("’", "'")))


# Outlook's block of headers

_LABELS = {
    "from": "from de von da van od från fra lähettäjä от від kimden από feladó oddi wrth oddi_wrth o"
    " من مرسل منجانب از 发件人 寄件者 寄件人 差出人 送信元 보낸사람 보낸_사람 מאת de_la expediteur expéditeur",
    "date": "sent date gesendet datum envoyé date_d'envoi enviado enviado_el enviada enviada_em fecha inviato"
    " data verzonden"
    " wysłano wysłane data_wysłania skickat sendt dato lähetetty päivämäärä päiväys odesláno odoslané отправлено дата"
    " надіслано gönderme_tarihi gönderildi tarih στάλθηκε ημερομηνία trimis trimisă küldve dátum anfonwyd dyddiad"
    " تاريخ_الإرسال أرسلت تم_الإرسال التاريخ تاريخ بھیجا_گیا تاریخ"
    " 发送时间 发送日期 日期 时间 寄件日期 傳送時間 送信日時 日時"
    " 보낸날짜 보낸_날짜 날짜 נשלח תאריך",
    "to": "to an à a para aan do till til vastaanottaja komu кому kime προς către címzett at إلى الى بنام بخدمت به"
    " 收件人 收件者 宛先 받는사람 받는_사람 אל",
    "subject": "subject betreff objet asunto oggetto onderwerp assunto temat ämne emne aihe předmět predmet"
    " тема konu θέμα"
    " subiect tárgy pwnc testun الموضوع موضوع 主题 主旨 主題 件名 제목 נושא",
    "other": "cc bcc reply-to importance attachments kopie kopia antwort_an wichtigkeit anlagen pièces_jointes"
    " dw udw копия"
    " resent-from organization sender sensitivity copi blaenoriaeth نسخة 抄送 副本 참조 עותק",
}
_KIND_OF = {label.replace("_", " "): kind for kind, labels in _LABELS.items() for label in labels.split()}
_LABEL = re.compile(r"[*\u200e\u200f]{0,3}\s*([^\W\d_][^:：\n]{0,24}?)\s*[*]{0,2}\s*[:：]\s*(.*)")


def _label(body: str) -> str | None:
    found = _LABEL.match(body)
    return _KIND_OF.get(found[1].strip("* ").casefold().replace("’", "'")) if found else None


def _headers_end(lines: Sequence[Marked], at: int) -> int:
    """One past the last line of a block of headers that begins here; 0 where there is none.

    It names a sender and two of date, recipient and subject; a writer's "From: Monday / To: Friday" does not.
    """
    depth, body = lines[at]
    if _label(body) is None:
        return _unknown_headers_end(lines, at)
    kinds: set[str] = set()
    end, blank = at, False
    for place in range(at, min(len(lines), at + 20)):
        here, text = lines[place]
        if here != depth or (not text and blank):
            break
        kind = _label(text)
        if kind is None and text and not _continues(text):
            break
        if kind:
            kinds.add(kind)
        end = place + 1 if text else end
        blank = not text
    return end if "from" in kinds and len(kinds - {"other"}) >= 3 else 0


def _continues(text: str) -> bool:
    """The rest of a long list of recipients: an address, and no sentence."""
    return "@" in text and (";" in text or "<" in text or len(text.split()) <= 3)


def _unknown_headers_end(lines: Sequence[Marked], at: int) -> int:
    """Three lines of "Label: value" right under a ruler, one with an address: headers in a language not listed"
    " above."""
    depth = lines[at][0]
    above = [body for _, body in lines[max(0, at - 2) : at] if body]
    block = [body for here, body in lines[at : at + 4] if here == depth and _LABEL.match(body)]
    if not above or not _RULER.fullmatch(above[-1]) or len(block) < 3 or not any("@" in body for body in block):
        return 0
    return at + len(block)


def _take_ruler(lines: Sequence[Marked], kinds: list[Kind | None], at: int) -> None:
    """The ruler above a block of headers belongs to it."""
    place = at - 1
    while place >= 0 and not lines[place][1]:
        place -= 1
    if place >= 0 and _RULER.fullmatch(lines[place][1]):
        kinds[place] = Kind.STRONG


# "On … wrote:"

_WROTE = re.compile(
    r"\b(?:wrote|writes|schrieb|schreef|a écrit|écrivait|escribió|escribio|ha scritto|scrisse|escreveu|skrev|kirjoitti"
    r"|napisał|napisała|pisze|napsal|napsala|napísal|написала?|пишет|пише|пишет|написав|yazdı|έγραψε|a scris|írta"
    r"|ysgrifennodd|ysgrifennwyd|scríobh|sgrìobh"
    r"|đã viết|menulis|je napisao|je napisal|napisana przez|kirjutas|rašė|rakstīja"
    r"|shkroi)\b"
    r"|كتب|كتابة|لکھا|نوشت|写道|寫道|书写|のメール|書きました|작성|썼습니다|लिखा|ਲਿਖਿਆ|লিখেছেন|כתב",
    re.IGNORECASE,
)
_STARTS = re.compile(
    r"(?:on|am|le|el|il|op|em|den|på|w dniu|dnia|ar|ddydd|dydd|dne|dňa|στις|în|la|vào|pada|at)\b|في|یوم|بتاريخ"
    r"|بروز|在|于|於"
    r"|\d|[^\W\d_]{2,9}[.,]? \d|[^\W\d_]{2,9}[.,],? ",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b\d{1,2}[:.h時]\d{2}\b|\d[:：]\d\d")
_DAY = re.compile(r"\b(?:19|20|١٩|٢٠)\d\d\b|\d{4}\s?年|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b")
_ADDRESS = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
LONGEST = 4
"""Lines over which mail programs break "On … wrote:"."""


def _attribution(lines: Sequence[Marked], kinds: Sequence[Kind | None], at: int) -> tuple[int, Kind] | None:
    """The first line and the kind of an "On … wrote:" that ends on this line."""
    depth, body = lines[at]
    if not body:
        return None
    closed = body.rstrip("*_ \u200e\u200f").endswith((":", "："))
    quoted = _quoted_below(lines, at)
    if not closed and not quoted:
        return None
    for judge in (_dated, _named):
        text = ""
        for start in range(at, max(-1, at - LONGEST), -1):
            here, more = lines[start]
            if here != depth or not more or kinds[start]:
                break
            text = f"{more} {text}".strip()
            if len(text) <= 300 and (kind := judge(text, closed=closed, quoted=quoted)):
                return start, kind
    return None


def _dated(text: str, *, closed: bool, quoted: bool) -> Kind | None:
    """A head that begins with when it was: "On Mon, 5 May 2025 at 10:00, Ann <…> wrote:"."""
    if not (_STARTS.match(text) and (_TIME.search(text) or _DAY.search(text))):
        return None
    wrote, address = bool(_WROTE.search(text)), bool(_ADDRESS.search(text))
    if address and (closed or quoted):
        return Kind.ADDRESSED
    if wrote and closed:
        return Kind.WEAK
    return None


def _named(text: str, *, closed: bool, quoted: bool) -> Kind | None:
    """A head that begins with who wrote: "Ann <…> schrieb am 5. Mai:"; without a date, only above quote marks."""
    if not closed or not _WROTE.search(text):
        return None
    if _ADDRESS.search(text) and (quoted or _TIME.search(text) or _DAY.search(text)):
        return Kind.ADDRESSED
    return Kind.WEAK if quoted and len(text.split()) <= 8 else None


def _quoted_below(lines: Sequence[Marked], at: int) -> bool:
    depth = lines[at][0]
    below = next((line for line in lines[at + 1 : at + 4] if line[1] or line[0] > depth), (0, ""))
    return below[0] > depth


# "Sent from my iPhone"

_FORMS = (
    "sent from my …|sent from …|sent via …|sent with …|sent using …|sent by …|sent securely from …|someone from …"
    "|from my …|get outlook for …"
    "|von meinem … gesendet|von meiner … gesendet|gesendet von …|gesendet mit …|gesendet über …"
    "|von meinem … aus gesendet"
    "|diese nachricht wurde von meinem … gesendet|holen sie sich outlook für …|outlook für …"
    "|envoyé depuis …|envoyé de …|envoyé à partir de …|envoyé avec …|télécharger outlook pour …"
    "|obtenir outlook pour …"
    "|obtenez outlook pour …|enviado desde …|enviado do …|enviado de …|enviado a partir do …|enviado con …"
    "|obtener outlook para …|obter o outlook para …|inviato da …|inviato dal …|inviato con …|scarica outlook per …"
    "|verzonden vanaf …|verzonden vanuit …|verzonden met …|verzonden via …|verstuurd vanaf …"
    "|outlook voor … downloaden"
    "|wysłano z …|wysłane z …|wysłano za pomocą …|pobierz outlook dla …|skickat från …|hämta outlook för …"
    "|sendt fra …"
    "|lähetetty …|odesláno z …|odoslané z …|отправлено с …|отправлено из …|надіслано з …|trimis de pe …"
    "|στάλθηκε από …"
    "|anfonwyd o …|anfonwyd o'm …|danfonwyd o …|anfonwyd gan …|… gönderildi"
    "|أُرسلت من …|أرسلت من …|تم الإرسال من …|تم إرسالها من …|مرسل من …|میرے … سے بھیجا گیا|… سے بھیجا گیا|נשלח מ…"
    "|发自我的 …|发自 …|發自我的 …|發自 …|来自我的 …|來自我的 …|從我的 … 傳送|从我的 … 发送"
    "|… から送信|나의 …에서 보냄|… 에서 보냄"
)
_ENDS = sorted(
    ((start.strip(), end.strip()) for start, _, end in (form.partition("…") for form in _FORMS.split("|"))),
    key=lambda ends: -len(ends[0]),
)


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


_DEVICES = _set(
    "iphone iphone'umdan ipad ipod ios samsung galaxy android smartphone phone cell mobile mobil mobiltelefon"
    " mobiltelefonen"
    " mobilgerät handy tablet outlook yahoo hotmail gmail proton protonmail aol blackberry huawei nokia htc"
    " xiaomi redmi oneplus"
    " pixel motorola lg sony xperia alcatel windows mail mailbox airmail sparrow thunderbird fairemail spark"
    " tutanota tuta"
    " bluemail telefon telefonu telefonie telefono teléfono téléphone portable móvil movil cellulare telefoon"
    " puhelimesta"
    " iphonesta ffôn dyfais gerät apple macbook mac device هاتفي هاتف جوالي جوال ايفون آيفون الآيفون فون موبائل"
    " فون手机 手机 手機"
)
_GLUE = _set(
    "a an my the for on with via by using from mit von für auf dem der meinem meiner mon ma mes un une pour sur"
    " avec mi mio mia"
    " il dal da per meu minha um uma para de do mijn een voor vanaf met mojego mojej min mit fra från fy'r fy"
    " m'n gan mae"
    " app get all secure encrypted email k plus pro max mini se ultra note duo pc work old new smart edge"
    " mobiles appen sovelluksesta z dla на"
    " моего з мого"
)
_EXCUSE = re.compile(r"[\s,.;–-]*\b(?:please )?(?:excuse|forgive|pardon)\b.{0,60}$", re.IGNORECASE)
_AROUND = " \t<>()[]*_-.–—"


def is_tagline(body: str) -> bool:
    """Whether a line is what a device puts under every mail. "Sent from my bed because it hurts" is not.

    Between the fixed words there may only be names of devices and programs, and few words unknown to us.
    """
    if len(body) > 120:
        return False
    said = _EXCUSE.sub("", re.sub(r"<?https?://\S+", "", body)).strip(_AROUND).casefold().replace("’", "'")
    return any(
        _names_a_device(said.removeprefix(start).removesuffix(end)) for start, end in _ENDS if _fits(said, start, end)
    )


def _fits(said: str, start: str, end: str) -> bool:
    return said.startswith(start) and said.endswith(end) and len(said) > len(start) + len(end)


def _names_a_device(text: str) -> bool:
    names = re.findall(r"[\w'-]+", text)
    devices = [name for name in names if re.search(r"\d", name) or _DEVICES & set(re.split("['-]", name))]
    unknown = len([name for name in names if name not in _GLUE and name not in devices])
    return bool(devices) and unknown <= len(devices) // 3 and len(names) <= 9
