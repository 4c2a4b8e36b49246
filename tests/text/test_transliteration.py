from __future__ import annotations

import unicodedata

import pytest

from smppbridge.text import gsm7, segments
from smppbridge.text.coding import Alphabet
from smppbridge.text.transliteration import obstacles, transliterated

GSM = {*gsm7.BASIC.replace("\x1b", ""), *gsm7.EXTENSION.values()}
KEPT = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¡ÄÖÑÜ§¿äöñüà^{}\\[~]|€\n\r\f"

BROUGHT_OVER = [
    ("‘a’ “b” „c‟ «d» ‹e›", '\'a\' "b" "c" "d" \'e\''),
    ("a–b—c―d‐e‑f−g", "a-b-c-d-e-f-g"),
    ("wait…", "wait..."),
    ("a\u00a0b\u202fc\u2009d\u3000e\tf", "a b c d e f"),
    ("a\u200bb\ufeffc\u00add\u2060e\u200e", "abcde"),
    ("\u2028", "\n"),
    ("ﬁn eﬀect ﬄ œuvre ĳ", "fin effect ffl oeuvre ij"),
    ("ça êtes naïve Çà", "ca etes naive Çà"),
    ("żółć ĄĘ Łódź İı ș ž Đ", "zolc AE Lodz Ii s z D"),
    ("Tiếng Việt", "Tieng Viet"),
    ("e\u0301 E\u0301 o\u0302 A\u030a", "é É o Å"),
    ("`´", "''"),
    ("ＡＢＣ１２", "ABC12"),
    ("₦500 ₽", "NGN500 RUB"),
    ("5 µg, 10 μg, 3μm", "5 ug, 10 ug, 3um"),
    ("25\u212b \u2126", "25Å Ω"),
    # Greek: capitals of GSM stay, the others look like Latin ones
    ("Καλημέρα κόσμε", "KAΛHMEPA KOΣME"),
    ("Άγγελος ΐ μμ", "AΓΓEΛOΣ I MM"),
    ("αβγδεζηθικλμνξοπρςστυφχψω", "ABΓΔEZHΘIKΛMNΞOΠPΣΣTYΦXΨΩ"),
    ("ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ", "ABΓΔEZHΘIKΛMNΞOΠPΣTYΦXΨΩ"),
    ("Πού;", "ΠOY;"),
    # Russian: the alphabet by ICAO Doc 9303
    ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "abvgdeezhziiklmnoprstufkhtschshshchieyeiuia"),
    ("Щука ЩУКА Я иду. МОЯ", "Shchuka SHCHUKA Ia idu. MOIA"),
    ("Съезд, АЩа", "Sieezd, AShcha"),
    ("до\u0301ма", "dóma".replace("ó", "o")),
    # Ukrainian: the examples of resolution 55
    ("Алушта Борщагівка Вінниця Гадяч", "Alushta Borshchahivka Vinnytsia Hadiach"),
    ("Ґалаґан Єнакієве Гаєвич Їжакевич", "Galagan Yenakiieve Haievych Yizhakevych"),
    ("Йосипівка Стрий Олексій Кадиївка", "Yosypivka Stryi Oleksii Kadyivka"),
    ("Юрій Крюківка Яготин Костянтин їх", "Yurii Kriukivka Yahotyn Kostiantyn yikh"),
    ("Згурський Розгон ЗГ їсть п’ять п'ять", "Zghurskyi Rozghon ZGH yist piat piat"),
    # Bulgarian
    ("Кърджали Търговище Ямбол София", "Kardzhali Targovishte Yambol Sofia"),
    ("Синьо, хляб, цъфтя, ЮГЪТ", "Sinyo, hlyab, tsaftya, YUGAT"),
    # Serbian and Macedonian
    ("Ђорђе Ћирић Љубав Њега Џеп Жаба Чаша", "Djordje Ciric Ljubav Njega Dzep Zaba Casa"),
    ("Ѓорѓи Ќерка Ѕвезда Џвезда Хотел Жена", "Gjorgji Kjerka Dzvezda Djvezda Hotel Zhena"),
    # Belarusian
    ("Ігар Гродна ўсё Ёлка", "Ihar Hrodna usio Iolka"),
]


@pytest.mark.parametrize(("before", "after"), BROUGHT_OVER)
def test_a_text_is_brought_over(before: str, after: str) -> None:
    assert transliterated(before) == after
    assert set(after) <= GSM
    assert obstacles(before) == ()


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("“中” – 文", ("中", "文")),
        ("“مرحبا”", ("م", "ر", "ح", "ب", "ا")),
        ("Hi 😀", ("😀",)),
        ("😀 Hi’", ("😀",)),
        ("Привет 😀", ("😀",)),
        ("1\ufe0f\u20e3 – first", ("\u20e3",)),
        ("10² – 3½", ("²", "½")),
        ("①–②", ("①", "②")),
        ("¨–", ("¨",)),
        ("25 °C – now", ("°",)),
        ("қазақ", ("қ",)),
        ("\x1b–", ("\x1b",)),
        ("\ud800–", ("\ud800",)),
        ("है’", ("ह",)),
    ],
)
def test_one_odd_character_first_or_last_leaves_the_whole_text(
    text: str, odd: tuple[str, ...]
) -> None:
    assert transliterated(text) is text
    assert obstacles(text) == odd


def test_characters_of_gsm_stay() -> None:
    assert {*KEPT} <= GSM
    assert transliterated(KEPT) is KEPT
    assert transliterated(f"{KEPT}’") == f"{KEPT}'"


@pytest.mark.parametrize("text", ["\u200b", "\u0301", "\ufeff\u200d"])
def test_no_text_becomes_empty(text: str) -> None:
    assert transliterated(text) is text


def test_no_text_becomes_longer_on_the_air() -> None:
    assert transliterated("щ" * 40) == "shch" * 40
    assert transliterated("щ" * 41) == "щ" * 41
    assert segments.count("щ" * 41) == (Alphabet.UCS2, 1)


def test_whatever_is_brought_over_is_in_gsm() -> None:
    for code in range(0x20, 0x3000):
        character = chr(code)
        after = transliterated(character)
        assert after == character or set(after) <= GSM, unicodedata.name(character, hex(code))
        assert after or not character
