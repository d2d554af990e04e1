"""Names, numbers and addresses of participants are found in every form, and words that only look like them are not."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.export.identifiers import Kind, Scanner, study_words


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    made = Scanner()
    made.add_name("P01", "Siân O'Neill")
    made.add_name("P02", "Will")
    made.add_name("P03", "Yó No 王芳")
    made.add_name("P05", "欧阳小芳 田中さくら")
    made.add_name("P06", "สมชาย ใจดี")
    made.add_name("P07", "प्रिया राम")
    made.add_name("P08", "김민수")
    made.add_name("P09", "علي מרים")
    made.add_name("P10", "李小龙")
    made.add_name("P11", "Rose Ward")
    made.add_name("P12", "Mark Bay")
    made.add_address("P01", "sms", "+447700900123")
    made.add_address("P02", "email", "Jo.Bloggs+study@example.org")
    made.add_address("P03", "telegram", "5551234567")
    made.add_address("P04", "sms", "+33612345678")
    return made


NAMED = [
    ("a name", "I told Siân about it", Kind.NAME),
    ("in small letters", "then sian came", Kind.NAME),
    ("in capitals", "SIÂN!", Kind.NAME),
    ("with a combining accent", "Sia\u0302n", Kind.NAME),
    ("a possessive", "it was Sian's idea", Kind.NAME),
    ("a part of a name", "Mrs O’Neill rang", Kind.NAME),
    ("in wide letters", "Ｓｉａｎ", Kind.NAME),
    ("an everyday word as a name", "Yesterday Will came", Kind.NAME),
    ("of two letters", "Yo came", Kind.NAME),
    ("of two letters with an accent, in capitals", "THEN YÓ CAME", Kind.NAME),
    ("of two letters, an everyday word", "then No came", Kind.NAME),
    ("in a script without capitals", "我，王芳，说", Kind.NAME),
    ("in running Chinese", "昨天王芳来看我", Kind.NAME),
    ("in running Chinese, a long name", "我和欧阳小芳说了", Kind.NAME),
    ("in running Chinese, without the family name", "昨天小龙来看我", Kind.NAME),
    ("in running Japanese", "昨日は田中さくらさんと話した", Kind.NAME),
    ("in running Thai", "เมื่อวานสมชายมาหาฉัน", Kind.NAME),
    ("with an ending in Hindi", "मैं प्रियाको जानता हूँ।", Kind.NAME),
    ("of two letters in Hindi", "वह राम है", Kind.NAME),
    ("with an ending in Korean", "어제 김민수가 왔다", Kind.NAME),
    ("with a word joined in Arabic", "أنا وعلي", Kind.NAME),
    ("with a word joined in Hebrew", "דיברתי ומרים שמעה", Kind.NAME),
    ("an everyday first name and surname", "my friend rose ward", Kind.NAME),
    ("the same in capitals, the other way round", "WARD, ROSE", Kind.NAME),
    ("with what nobody sees inside", "then Si\u200ban, and Si\xada\u2060n", Kind.NAME),
    ("with spaces around a stroke", "07700  /  900 123", Kind.PHONE),
    ("an email address before a stroke", "jo.bloggs+study@example.org/ and on", Kind.EMAIL),
    ("national", "ring 07700900123", Kind.PHONE),
    ("with spaces", "07700 900 123", Kind.PHONE),
    ("international", "+447700900123", Kind.PHONE),
    ("with a trunk zero", "+44 (0)7700 900123", Kind.PHONE),
    ("with two noughts", "0044 7700-900-123", Kind.PHONE),
    ("with dots", "07700.900.123.", Kind.PHONE),
    ("two numbers in a row", "01632 960001 07700 900123", Kind.PHONE),
    ("in Arabic digits", "٠٧٧٠٠٩٠٠١٢٣", Kind.PHONE),
    ("of another country", "06 12 34 56 78", Kind.PHONE),
    ("an email address", "write to jo.bloggs+study@EXAMPLE.org.", Kind.EMAIL),
    ("an email address in brackets", "<jo.bloggs+study@example.org>", Kind.EMAIL),
    ("another address", "my telegram is 5551234567", Kind.ADDRESS),
]

NOT_NAMED = [
    ("a word that holds a name", "Siana and persian rugs"),
    ("an everyday word", "I will, and you will"),
    ("an everyday word that opens a sentence", "No. Will you?"),
    ("everyday words of two people", "a rose, and I will mark it on the ward by the bay"),
    ("everyday words apart", "I will buy a rose. Ward 5 has none"),
    ("two letters in small", "yo, and a yo-yo"),
    ("a word of two letters", "No, I said no"),
    ("Chinese that names nobody", "王老师和芳芳来看我"),
    ("a Thai word that is part of a name", "ฉันใจเย็น"),
    ("a Hindi word that ends like a name", "मुझे आराम चाहिए"),
    ("an Arabic word that holds a name", "تعليم"),
    ("another number", "07700 900124"),
    ("a date and a time", "24/11/2026 12:00"),
    ("another mail address", "bloggs@example.org"),
    ("nothing", ""),
]


@pytest.mark.parametrize(("what", "text", "kind"), NAMED, ids=[row[0] for row in NAMED])
def test_it_is_found(scanner: Scanner, what: str, text: str, kind: Kind) -> None:
    assert [found.kind for found in scanner.find(text)] == [kind]


@pytest.mark.parametrize(("what", "text"), NOT_NAMED, ids=[row[0] for row in NOT_NAMED])
def test_it_is_left_alone(scanner: Scanner, what: str, text: str) -> None:
    assert list(scanner.find(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        *("Rose here.", "hello, rose speaking", "my name is rose", "My name’s rose", "I am rose here", "it's rose."),
        *("Good morning. Rose here", "it’s rose again", "This is ward\nI am writing"),
    ],
)
def test_an_everyday_word_is_a_name_where_its_owner_says_who_they_are(scanner: Scanner, text: str) -> None:
    assert [found.whose for found in scanner.find(text, own="P11")] == [("P11",)]
    assert list(scanner.find(text, own="P12")) == [], "it is no name of theirs"


@pytest.mark.parametrize(
    "text",
    [
        *("a rose for you", "they put me on a ward here", "it's rose coloured", "this is ward five", "my rose is here"),
        *("I am ward bound", "it is a rose", "prices rose here"),
    ],
)
def test_an_everyday_word_of_their_own_is_left_alone_elsewhere(scanner: Scanner, text: str) -> None:
    assert list(scanner.find(text, own="P11")) == []


def test_words_of_the_studys_texts_name_nobody_there_in_running_writing_either(scanner: Scanner) -> None:
    assert list(scanner.find("请问王芳", study_words(["请问王芳在吗"]))) == []


def test_it_says_whose_it_is(scanner: Scanner) -> None:
    assert [found.whose for found in scanner.find("Sian")] == [("P01",)]


def test_a_word_of_the_studys_own_texts_names_nobody_there(scanner: Scanner) -> None:
    assert list(scanner.find("Sian", study_words(["Ask SIÂN for help"]))) == []


around = st.text(st.characters(blacklist_categories=("Cs", "Nd", "L", "M", "Nl", "No", "Lm")), max_size=8)


@given(before=around, after=around, case=st.sampled_from([str.lower, str.upper, str.title]))
def test_a_name_is_found_between_any_marks(before: str, after: str, case: type[str]) -> None:
    scanner = Scanner()
    scanner.add_name("P01", "Ffion")
    assert list(scanner.find(before + case("Ffion") + after))


@given(
    number=st.integers(7_000_000_000, 7_999_999_999),
    form=st.sampled_from([f for f in vars(phonenumbers.PhoneNumberFormat).values() if isinstance(f, int)][:3]),
)
def test_a_number_is_found_in_every_form_of_the_phone_library(number: int, form: int) -> None:
    scanner = Scanner()
    scanner.add_address("P01", "sms", f"+44{number}")
    written = phonenumbers.format_number(phonenumbers.parse(f"+44{number}"), form)
    assert [found.kind for found in scanner.find(f"call {written} now")] == [Kind.PHONE]
