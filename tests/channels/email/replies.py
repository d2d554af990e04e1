"""Replies as mail programs write them, in our own words: a mail, what we had sent, and what its writer wrote."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

OURS = """--- Reply above this line ---

Hello P07,

Question 3 of 12

What does a good day look like for you? Tell me about the last one you had, from waking up to going to bed, and what made it good.

You can write as much or as little as you like. Send HELP to see what else you can write.

With best wishes
Ann Example
Own Pace study
"""
WELSH = """--- Reply above this line ---

Helo P12,

Cwestiwn 5 o 12

Sut le yw'r lle rydych chi'n byw ynddo? Beth sy'n gweithio i chi yno, a beth sydd ddim yn gweithio?

Cewch ysgrifennu cymaint neu gyn lleied ag y mynnwch.

Ann Enghraifft
"""


@dataclass(frozen=True)
class Case:
    """One mail. `plain_form`: its quote can be known by its form alone, without what we had sent."""

    name: str
    mail: str
    answer: str
    sent: tuple[str, ...] = (OURS,)
    plain_form: bool = True
    doubt: bool = False


def wrapped(text: str, width: int = 72) -> str:
    """The text as a mail program breaks it again."""
    return "\n".join("\n".join(textwrap.wrap(line, width)) if line else "" for line in text.strip().split("\n"))


def marked(text: str, marks: str = "> ") -> str:
    """The text with quote marks."""
    return "\n".join(f"{marks}{line}".rstrip() for line in text.split("\n"))


# What programs write above a quote that has marks: name, head, and an answer in its language.
MARKED = [
    ("gmail_en", "On Mon, 5 May 2025 at 10:02, Own Pace <study+abc@example.org> wrote:", "Slow mornings.\n\nAnn x"),
    ("gmail_en_us", "On Mon, May 5, 2025 at 10:02 AM Own Pace <study@example.org> wrote:", "One without pain."),
    (
        "gmail_two_lines",
        "On Mon, 5 May 2025 at 10:02, Own Pace <\nstudy+abcabcabc@example.org> wrote:",
        "Sun, tea, my dog.",
    ),
    (
        "gmail_three_lines",
        "On Mon, 5 May 2025 at 10:02, The Own Pace Study of Disabled Adults\nand Social Workers in Wales\n<study@example.org> wrote:",
        "A day when the lift works.",
    ),
    (
        "gmail_cy",
        "Ar Llun, 5 Mai 2025 am 10:02, Own Pace <study@example.org> ysgrifennodd:",
        "Bore araf, a phaned o de.",
    ),
    ("gmail_de", "Am Mo., 5. Mai 2025 um 10:02 Uhr schrieb Own Pace <study@example.org>:", "Ein Tag ohne Termine."),
    ("gmail_fr", "Le lun. 5 mai 2025 à 10:02, Own Pace <study@example.org> a écrit :", "Une journée sans douleur."),
    ("gmail_pl", "pon., 5 maj 2025 o 10:02 Own Pace <study@example.org> napisał(a):", "Dzień bez bólu i z psem."),
    ("gmail_es", "El lun, 5 may 2025 a las 10:02, Own Pace (<study@example.org>) escribió:", "Un día tranquilo."),
    (
        "gmail_it",
        "Il giorno lun 5 mag 2025 alle ore 10:02 Own Pace <study@example.org> ha scritto:",
        "Una giornata lenta.",
    ),
    ("gmail_pt", "Em seg., 5 de mai. de 2025 às 10:02, Own Pace <study@example.org> escreveu:", "Um dia sem pressa."),
    ("gmail_nl", "Op ma 5 mei 2025 om 10:02 schreef Own Pace <study@example.org>:", "Een dag zonder haast."),
    ("gmail_zh", "Own Pace <study@example.org> 于2025年5月5日周一 10:02写道：", "不痛的一天。早上喝茶，下午散步。"),
    ("gmail_zh_tw", "Own Pace <study@example.org> 於 2025年5月5日 週一 上午10:02寫道：", "可以慢慢來的一天。"),
    ("gmail_ja", "2025年5月5日(月) 10:02 Own Pace <study@example.org>:", "ゆっくりできる日です。"),
    ("gmail_ko", "2025년 5월 5일 (월) 오전 10:02, Own Pace <study@example.org>님이 작성:", "아프지 않은 날이요."),
    ("gmail_ru", "пн, 5 мая 2025 г. в 10:02, Own Pace <study@example.org>:", "День без боли."),
    (
        "gmail_ar",
        "في الاثنين، 5 مايو 2025 في 10:02 ص تمت كتابة ما يلي بواسطة Own Pace <study@example.org>:",
        "يوم هادئ مع عائلتي.\nأشرب الشاي وأمشي قليلا.",
    ),
    ("gmail_ur", "‫بروز پیر، 5 مئی 2025 کو 10:02 بجے ‪Own Pace‬‏ <study@example.org> نے لکھا:", "وہ دن جب درد کم ہو۔"),
    ("gmail_tr", "Own Pace <study@example.org>, 5 May 2025 Pzt, 10:02 tarihinde şunu yazdı:", "Sakin bir gün."),
    ("apple_en", "On 5 May 2025, at 10:02, Own Pace <study@example.org> wrote:", "Seeing my sister."),
    ("apple_de", "Am 05.05.2025 um 10:02 schrieb Own Pace <study@example.org>:", "Wenn meine Schwester kommt."),
    ("apple_fr", "Le 5 mai 2025 à 10:02, Own Pace <study@example.org> a écrit :", "Quand ma sœur vient."),
    (
        "apple_pl",
        "Wiadomość napisana przez Own Pace <study@example.org> w dniu 5 maj 2025, o godz. 10:02:",
        "Kawa rano.",
    ),
    ("apple_zh", "在 2025年5月5日，10:02，Own Pace <study@example.org> 写道：", "和家人一起吃饭。"),
    ("thunderbird_en", "On 05/05/2025 10:02, Own Pace wrote:", "Reading in bed. Nobody rings."),
    ("thunderbird_de", "Am 05.05.25 um 10:02 schrieb Own Pace:", "Lesen, und niemand ruft an."),
    ("thunderbird_fr", "Le 05/05/2025 à 10:02, Own Pace a écrit :", "Lire au lit."),
    ("thunderbird_pl", "W dniu 5.05.2025 o 10:02, Own Pace pisze:", "Czytanie w łóżku."),
    ("proton_en", "On Monday, 5 May 2025 at 10:02, Own Pace <study@example.org> wrote:", "A day at the sea."),
    ("roundcube", "On 2025-05-05 10:02, Own Pace wrote:", "A walk, then a nap."),
    ("k9_de", "Own Pace <study@example.org> schrieb:", "Ein Spaziergang."),
]

# Outlook and its kin write the headers of the mail and quote it without marks.
BARE = [
    (
        "outlook_en",
        "From: Own Pace <study@example.org>\nSent: 05 May 2025 10:02\nTo: Bob Jones <bob@example.net>\nSubject: Question 3",
        "No pain, and my support worker on time.",
    ),
    (
        "outlook_web_en",
        "________________________________\nFrom: Own Pace <study@example.org>\nSent: Monday, May 5, 2025 10:02 AM\n"
        "To: bob@example.net <bob@example.net>\nSubject: Question 3",
        "No pain.",
    ),
    (
        "outlook_bold",
        "*From:* Own Pace <study@example.org>\n*Sent:* Monday, 5 May 2025 10:02\n*To:* bob@example.net\n*Subject:* Question 3",
        "Quiet.",
    ),
    (
        "outlook_de",
        "Von: Own Pace <study@example.org>\nGesendet: Montag, 5. Mai 2025 10:02\nAn: bob@example.net\nBetreff: Question 3",
        "Keine Schmerzen und Besuch am Nachmittag.",
    ),
    (
        "outlook_fr",
        "De : Own Pace <study@example.org>\nEnvoyé : lundi 5 mai 2025 10:02\nÀ : bob@example.net\nObjet : Question 3",
        "Pas de douleur.",
    ),
    (
        "outlook_pl",
        "Od: Own Pace <study@example.org>\nWysłano: poniedziałek, 5 maja 2025 10:02\nDo: bob@example.net\nTemat: Question 3",
        "Bez bólu.",
    ),
    (
        "outlook_cy",
        "Oddi wrth: Own Pace <study@example.org>\nAnfonwyd: 05 Mai 2025 10:02\nAt: bob@example.net\nPwnc: Cwestiwn 3",
        "Dim poen.",
    ),
    (
        "outlook_ar",
        "من: Own Pace <study@example.org>\nتم الإرسال: 05 مايو 2025 10:02\nإلى: bob@example.net\nالموضوع: Question 3",
        "يوم بلا ألم.",
    ),
    (
        "outlook_zh",
        "发件人: Own Pace <study@example.org>\n发送时间: 2025年5月5日 10:02\n收件人: bob@example.net\n主题: Question 3",
        "没有疼痛。",
    ),
    (
        "outlook_unknown_language",
        "________________________________\nKutoka: Own Pace <study@example.org>\nImetumwa: 5 Mei 2025 10:02\n"
        "Kwa: bob@example.net\nMada: Question 3",
        "Siku njema.",
    ),
    (
        "outlook_blank_between",
        "From: Own Pace <study@example.org>\n\nSent: 05 May 2025 10:02\n\nTo: bob@example.net\n\nSubject: Question 3",
        "Rest.",
    ),
    (
        "original_message",
        "-----Original Message-----\nFrom: Own Pace <study@example.org>\nTo: bob@example.net\nSent: Mon, 5 May 2025 10:02\n"
        "Subject: Question 3",
        "Rest and music.",
    ),
    (
        "yahoo_old",
        '----- Original Message -----\nFrom: "Own Pace" <study@example.org>\nTo: bob@example.net\nCc: \n'
        "Sent: Monday, May 5, 2025 10:02 AM\nSubject: Question 3",
        "Music.",
    ),
    (
        "yahoo_new",
        "On Monday, 5 May 2025 at 10:02:31 BST, Own Pace <study@example.org> wrote:",
        "Music and a long bath.",
    ),
    (
        "samsung",
        "-------- Original message --------\nFrom: Own Pace <study@example.org>\nDate: 05/05/2025 10:02 (GMT+00:00)\n"
        "To: bob@example.net\nSubject: Question 3",
        "A long bath.",
    ),
]

# What phones put under a mail: the language's own, on the last line.
TAGLINES = [
    "Sent from my iPhone",
    "Sent from my Galaxy",
    "Sent from Outlook for iOS",
    "Get Outlook for Android",
    "Sent from Yahoo Mail on Android",
    "Sent with Proton Mail secure email.",
    "Von meinem iPhone gesendet",
    "Envoyé de mon iPhone",
    "Wysłane z iPhone'a",
    "Anfonwyd o'm iPhone",
    "Enviado desde mi iPhone",
    "发自我的 iPhone",
]

QUESTION = OURS.split("\n")[6]

COUNCIL = """From: Kim Lee <kim@council.example>
Sent: 1 May 2025 09:00
To: bob@example.net
Subject: Care

Dear Bob, we end your care package in June."""

SPECIAL = [
    Case(
        "a sentence of theirs above a text that they quote by hand",
        "It was like this.\n\nMy mum wrote:\n> you are lazy\n> and always were",
        "It was like this.\n\nMy mum wrote:\n> you are lazy\n> and always were",
        plain_form=False,
        doubt=True,
    ),
    Case("nothing quoted", "A day without pain.\n\nBob", "A day without pain.\n\nBob"),
    Case(
        "bottom-posted: the answer stands under the question that it answers",
        f"On 5 May 2025, at 10:02, Own Pace <study@example.org> wrote:\n\n{marked(OURS)}\n\nA day at the sea.\n\nBob",
        f"> {QUESTION}\n\nA day at the sea.\n\nBob",
        plain_form=False,
    ),
    Case(
        "bottom-posted under one kept line",
        f"On 05/05/2025 10:02, Own Pace wrote:\n{marked(wrapped(QUESTION))}\nA day at the sea.",
        f"{marked(wrapped(QUESTION))}\n\nA day at the sea.",
    ),
    Case(
        "interleaved",
        "Hello Ann,\n\nOn Mon, 5 May 2025 at 10:02, Own Pace <study@example.org> wrote:\n\n"
        "> What does a good day look like for you?\n\nNo pain.\n\n> Tell me about the last one you had,\n\nLast Tuesday.\n\n"
        "> With best wishes\n> Ann Example\n",
        "Hello Ann,\n\n> What does a good day look like for you?\n\nNo pain.\n\n> Tell me about the last one you had,\n\nLast Tuesday.",
    ),
    Case(
        "interleaved in Welsh",
        f"Ar Llun, 5 Mai 2025 am 10:02, Own Pace <study@example.org> ysgrifennodd:\n\n{marked('Helo P12,')}\n>\n"
        "> Sut le yw'r lle rydych chi'n byw ynddo?\n\nFflat ar y llawr gwaelod.\n\n"
        "> Beth sy'n gweithio i chi yno, a beth sydd ddim yn gweithio?\n\nMae'r gegin yn dda. Mae'r ystafell ymolchi yn rhy fach.\n",
        "> Sut le yw'r lle rydych chi'n byw ynddo?\n\nFflat ar y llawr gwaelod.\n\n"
        "> Beth sy'n gweithio i chi yno, a beth sydd ddim yn gweithio?\n\nMae'r gegin yn dda. Mae'r ystafell ymolchi yn rhy fach.",
        sent=(WELSH,),
        plain_form=False,
    ),
    Case(
        "Outlook, answer below the quote without marks",
        f"From: Own Pace <study@example.org>\nSent: 05 May 2025 10:02\nTo: bob@example.net\nSubject: Question 3\n\n{OURS}\n\n"
        "I had one on Tuesday.\nWe went to the sea.",
        f"> {QUESTION}\n\nI had one on Tuesday.\nWe went to the sea.",
        plain_form=False,
    ),
    Case(
        "Outlook, answer typed between our lines without marks",
        "See below.\n\nFrom: Own Pace <study@example.org>\nSent: 05 May 2025 10:02\nTo: bob@example.net\nSubject: Question 3\n\n"
        + OURS.replace("and what made it good.\n", "and what made it good.\n\nTuesday: the sea, and no pain at all.\n"),
        f"See below.\n\n> {QUESTION}\n\nTuesday: the sea, and no pain at all.",
        plain_form=False,
    ),
    Case(
        "Apple Mail keeps the quote mark before words typed inside the quote",
        f"On 5 May 2025, at 10:02, Own Pace <study@example.org> wrote:\n\n> {QUESTION}\n>\n> The sea, last Tuesday.\n>\n"
        "> With best wishes\n> Ann Example",
        f"> {QUESTION}\n\nThe sea, last Tuesday.",
        plain_form=False,
        doubt=True,
    ),
    Case(
        "words typed on the line of the question",
        "On 05/05/2025 10:02, Own Pace wrote:\n> Hello P07,\n>\n> Question 3 of 12 - the sea!\n",
        "> Hello P07,\n\nQuestion 3 of 12 - the sea!",
        plain_form=False,
        doubt=True,
    ),
    Case(
        "our text without any mark or head, as some phones quote it",
        f"The sea, last Tuesday.\n\n{wrapped(OURS, 40)}",
        "The sea, last Tuesday.",
        plain_form=False,
    ),
    Case(
        "marker only",
        "The sea.\n\n--- Reply above this line ---\n\nHello P07,\nQuestion 3 of 12\n",
        "The sea.",
    ),
    Case(
        "typographic quotes and links changed by the program",
        "The sea.\n\nOn 5 May 2025, at 10:02, Own Pace <study@example.org> wrote:\n\n> It’s “your” own pace — take time.\n"
        "> See https://example.org/help <https://example.org/help>\n",
        "The sea.",
        sent=('It\'s "your" own pace - take time.\nSee https://example.org/help\n',),
    ),
    Case(
        "signature after two hyphens",
        f"The sea.\n\n-- \nBob Jones\n12 High Street\n\nOn 05/05/2025 10:02, Own Pace wrote:\n{marked(OURS)}",
        "The sea.",
    ),
    Case(
        "signature below the quote",
        f"The sea.\n\nOn 05/05/2025 10:02, Own Pace wrote:\n{marked(OURS)}\n\n-- \nBob Jones",
        "The sea.",
    ),
    Case(
        "closing words are no signature",
        f"The sea.\n\nKind regards\nBob Jones\n\nOn 05/05/2025 10:02, Own Pace wrote:\n{marked(OURS)}",
        "The sea.\n\nKind regards\nBob Jones",
    ),
    Case(
        "a lone hyphen is a bullet", "Three things:\n-\nsea\n-\nsun\n-\nrest", "Three things:\n-\nsea\n-\nsun\n-\nrest"
    ),
    Case(
        "a ruler between two parts of an answer",
        "First part.\n\n____________________\n\nSecond part.\n\nOn 05/05/2025 10:02, Own Pace wrote:\n> Question 3 of 12",
        "First part.\n\n____________________\n\nSecond part.",
    ),
    Case(
        "a sentence like a mail's head",
        "On Tuesday 5 May 2025 at 10:00 my social worker wrote:\nwe cannot help you any more.\nThat was the worst day.",
        "On Tuesday 5 May 2025 at 10:00 my social worker wrote:\nwe cannot help you any more.\nThat was the worst day.",
    ),
    Case(
        "a sentence like a mail's head, after others",
        "I will tell you.\n\nOn Tuesday 5 May 2025 at 10:00 my social worker wrote:\nwe cannot help you any more.",
        "I will tell you.\n\nOn Tuesday 5 May 2025 at 10:00 my social worker wrote:\nwe cannot help you any more.",
        plain_form=False,
    ),
    Case(
        "from and to in a sentence of its own",
        "My carer comes\nFrom: Monday\nTo: Friday\nand then nobody does.",
        "My carer comes\nFrom: Monday\nTo: Friday\nand then nobody does.",
    ),
    Case(
        "a line that begins with a comparison", "My pain is bad\n> 5 times a day\n", "My pain is bad\n> 5 times a day"
    ),
    Case("a sad face", "It ended.\n>:(", "It ended.\n>:("),
    Case("mail stores escape From", "It was so.\n>From then on I was ill.", "It was so.\n>From then on I was ill."),
    Case(
        "the person repeats an option of ours",
        "Hello\nI live alone",
        "Hello\nI live alone",
        sent=("Which is true?\n- I live alone\n- I live with others\n",),
    ),
    Case(
        "short words of ours used by the person",
        "Thank you\nBest wishes\nBob",
        "Thank you\nBest wishes\nBob",
        sent=("Thank you\n\nHow are you?\n\nBest wishes\nAnn",),
    ),
    Case("only a sign", f"👍\n\nOn 05/05/2025 10:02, Own Pace wrote:\n{marked(OURS)}", "👍"),
    Case("only a question mark", f"?\n\nOn 05/05/2025 10:02, Own Pace wrote:\n{marked(OURS)}", "?"),
    Case("only a number", f"7\n\nOn 05/05/2025 10:02, Own Pace wrote:\n{marked(OURS)}", "7"),
    Case(
        "DONE above the quote",
        f"DONE\n\nOn Mon, 5 May 2025 at 10:02, Own Pace <study@example.org> wrote:\n\n{marked(wrapped(OURS))}",
        "DONE",
    ),
    Case(
        "sent from my bed",
        "It hurts.\n\nSent from my bed because it hurts",
        "It hurts.\n\nSent from my bed because it hurts",
    ),
    Case(
        "sent from my mother's phone", "It hurts.\n\nSent from my mum's phone", "It hurts.\n\nSent from my mum's phone"
    ),
    Case(
        "a tagline in the middle stays",
        "Sent from my iPhone is what it says.\nSent from my iPhone\nI did not choose that.",
        "Sent from my iPhone is what it says.\nSent from my iPhone\nI did not choose that.",
    ),
    Case(
        "nothing but the quote: everything stays, with a doubt",
        f"On 05/05/2025 10:02, Own Pace wrote:\n{marked(OURS)}",
        f"On 05/05/2025 10:02, Own Pace wrote:\n{marked(OURS)}",
        plain_form=False,
        doubt=True,
    ),
    Case(
        "a short note above a long letter that is not ours: everything stays, with a doubt",
        "See this.\n\nFrom: Council <c@example.net>\nSent: 1 May 2025 09:00\nTo: bob@example.net\nSubject: Care\n\n"
        "Dear Bob, we have decided to end your care package from the first of June. You may appeal.",
        "See this.\n\nFrom: Council <c@example.net>\nSent: 1 May 2025 09:00\nTo: bob@example.net\nSubject: Care\n\n"
        "Dear Bob, we have decided to end your care package from the first of June. You may appeal.",
        plain_form=False,
        doubt=True,
    ),
    Case(
        "a mail copied into the answer, and words below it",
        f"Here is what my social worker wrote:\n\n{COUNCIL}\n\nI cried.\n\nOn 05/05/2025 10:02, Own Pace wrote:\n{marked(OURS)}",
        f"Here is what my social worker wrote:\n\n{COUNCIL}\n\nI cried.",
        plain_form=False,
        doubt=True,
    ),
    Case(
        "the same with quote marks",
        f"She wrote this.\n\nOn 1 May 2025, at 09:00, Kim <kim@council.example> wrote:\n\n> We end your care.\n\nI cried.\n\n{OURS}",
        "She wrote this.\n\nOn 1 May 2025, at 09:00, Kim <kim@council.example> wrote:\n\n> We end your care.\n\nI cried.",
        plain_form=False,
        doubt=True,
    ),
    Case(
        "the same below our quoted text",
        f"On 05/05/2025 10:02, Own Pace wrote:\n{marked(OURS)}\n\nThis is what came.\n\n{COUNCIL}\n\nI cried.",
        f"> {QUESTION}\n\nThis is what came.\n\n{COUNCIL}\n\nI cried.",
        plain_form=False,
        doubt=True,
    ),
    Case(
        "short words below somebody else's signature",
        f"This came.\n\n{COUNCIL}\n\n-- \nKim Lee\nCouncil\n\nI cried",
        f"This came.\n\n{COUNCIL}\n\n-- \nKim Lee\nCouncil\n\nI cried",
        plain_form=False,
        doubt=True,
    ),
    Case(
        "forwarded with nothing above",
        "-------- Forwarded Message --------\nSubject: Care\nDate: 1 May 2025\nFrom: c@example.net\nTo: bob@example.net\n\nNo more.",
        "-------- Forwarded Message --------\nSubject: Care\nDate: 1 May 2025\nFrom: c@example.net\nTo: bob@example.net\n\nNo more.",
    ),
    Case(
        "two of our mails quoted in one",
        "The sea.\n\nOn 6 May 2025, at 10:02, Own Pace <study@example.org> wrote:\n\n> Thank you, that helps a lot.\n>\n"
        f"> On 5 May 2025, at 10:02, Own Pace <study@example.org> wrote:\n>\n{marked(OURS, '>> ')}",
        "The sea.",
        sent=(OURS, "Thank you, that helps a lot.\n"),
    ),
    Case(
        "Chinese text of ours broken elsewhere",
        "海边的一天。\n\n在 2025年5月5日，10:02，Own Pace <study@example.org> 写道：\n\n> 对您来说，美好的一天是\n> 什么样的？请告诉我最近的\n> 一次。",
        "海边的一天。",
        sent=("对您来说，美好的一天是什么样的？请告诉我最近的一次。\n",),
    ),
    Case(
        "Urdu, bottom-posted",
        "بروز پیر، 5 مئی 2025 کو 10:02 بجے Own Pace <study@example.org> نے لکھا:\n\n> آپ کے لیے اچھا دن کیسا ہوتا ہے؟\n\nجب درد کم ہو۔",
        "> آپ کے لیے اچھا دن کیسا ہوتا ہے؟\n\nجب درد کم ہو۔",
        sent=("آپ کے لیے اچھا دن کیسا ہوتا ہے؟\n",),
    ),
    Case(
        "Arabic, interleaved",
        "> كيف يبدو اليوم الجيد بالنسبة لك؟\n\nبلا ألم.\n\n> وماذا عن أمس؟\n\nكان صعبا.",
        "> كيف يبدو اليوم الجيد بالنسبة لك؟\n\nبلا ألم.\n\n> وماذا عن أمس؟\n\nكان صعبا.",
        sent=("كيف يبدو اليوم الجيد بالنسبة لك؟\nوماذا عن أمس؟\n",),
    ),
    Case(
        "our quoted text broken again without marks",
        "The sea.\n\nOn 05/05/2025 10:02, Own Pace wrote:\n> What does a good day look like for you? Tell me about the\nlast one\n"
        "> you had, from waking up to going to bed,\nand what\n> made it good.\n",
        "The sea.",
        plain_form=False,
    ),
]


def cases() -> list[Case]:
    """Every reply."""
    found = list(SPECIAL)
    for name, head, answer in MARKED:
        found.append(Case(name, f"{answer}\n\n{head}\n\n{marked(wrapped(OURS))}\n", answer))
        found.append(
            Case(
                f"{name}, below the quote",
                f"{head}\n{marked(wrapped(OURS, 60))}\n\n{answer}",
                f"{marked(wrapped(QUESTION, 60))}\n\n{answer}",
                plain_form=False,
            )
        )
    for name, head, answer in BARE:
        found.append(Case(name, f"{answer}\n\n{head}\n\n{OURS}", answer))
    for tagline in TAGLINES:
        quote = f"On 5 May 2025, at 10:02, Own Pace <study@example.org> wrote:\n\n{marked(wrapped(OURS))}"
        found.append(Case(tagline, f"A day at the sea.\n\n{tagline}\n\n{quote}", "A day at the sea."))
    return found
