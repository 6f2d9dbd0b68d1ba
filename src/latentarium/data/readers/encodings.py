"""Decode short texts of unknown encoding, such as the names of the files in a .zip.

All texts of a source are decoded with one encoding, so that different texts stay different. It is
UTF-8 if that is possible, and otherwise the encoding in which the texts have the most common
characters. Common characters are, by the order of the national standards: level 1 of Big5, of
GB 2312 and of JIS X 0208, Japanese kana, and the syllables of KS X 1001. The most frequent of them
count more, since a pair of bytes is often a common character of several encodings.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

TRADITIONAL = set(
    "的一是不了人我在有他這為之大來以個中上們到說時國和地要就出會可也你對生能而子那得于著下自年"
    "過發後作里用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心"
    "她本前開但因只從想實日軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間"
    "由問很最重物手應戰向頭文體政美相見被利什二等產或新己制身果加西斯月話合回特代內信表化老給世"
    "貓狗鳥魚馬牛羊豬雞鴨虎獅熊象鹿兔鼠蛇花草樹木水火山石紅黃藍綠白黑紫灰橙男女車船飛圖片照房門"
    "功夫資料夾測試訓練驗證類別貨數字圓形方三角星正常異瑕疵刮痕良品未完成左右東南北春夏秋冬早晚"
)
SIMPLIFIED = set(
    "的一是不了人我在有他这为之大来以个中上们到说时国和地要就出会可也你对生能而子那得于着下自年"
    "过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心"
    "她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间"
    "由问很最重物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世"
    "猫狗鸟鱼马牛羊猪鸡鸭虎狮熊象鹿兔鼠蛇花草树木水火山石红黄蓝绿白黑紫灰橙男女车船飞图片照房门"
    "功夫资料夹测试训练验证类别货数字圆形方三角星正常异瑕疵刮痕良品未完成左右东南北春夏秋冬早晚"
)
HANGUL = set(
    "이다는을의에가고하를은한지도사로기나서그자어대인해리아시정보수일전부있제과것라들면상만게장구"
    "소원주여비트조동스성마안선오용공화경연미관신모무방문우세계물당유국개위거생분내음력말했할적진"
    "회요중양된최반강학속실치타양노란색빨강파초록검정흰고양이강아지개새말소돼지닭토끼곰사과바나나"
    "배포도딸기꽃나무집차사람남자여자숫자글강산불물정상불량훈련시험검증데이터그림사진폴더"
)
ALPHABETS = {
    "CYRILLIC": {"cp866": "cp866", "cp1251": "Windows-1251", "koi8_r": "KOI8-R"},
    "LATIN": {
        "cp437": "cp437", "cp1252": "Windows-1252", "cp850": "cp850", "cp1250": "Windows-1250",
        "cp852": "cp852",
    },
    "GREEK": {"cp1253": "Windows-1253", "cp737": "cp737"},
    "THAI": {"cp874": "Windows-874"},
}  # fmt: skip
"""Encodings of one byte per character, with their names, by the alphabet."""
MIN_SCORE = 0.6
"""Smallest mean score of the characters that decides for an encoding."""


class _Encoding(NamedTuple):
    """An encoding with the score of each non-ASCII character, from 0 to 1.

    Arguments:
        codec: Name of Python's codec.
        name: Name for notes.
        score: Function that returns how likely a character is in a name.
    """

    codec: str
    name: str
    score: Callable[[str], float]


def decode_texts(texts: Sequence[bytes]) -> tuple[list[str], str]:
    """Decode texts with one encoding.

    Arguments:
        texts: Texts in one unknown encoding.

    Returns:
        The decoded texts, and the name of the encoding; "" for UTF-8 and ASCII.
    """
    try:
        return [text.decode() for text in texts], ""
    except UnicodeDecodeError:
        codec, name = _likely_encoding({text for text in texts if not text.isascii()})
        return [text.decode(codec) for text in texts], name


def _likely_encoding(texts: set[bytes]) -> tuple[str, str]:
    best, best_score = ("cp437", "cp437"), 0.0
    for encoding in ENCODINGS:
        try:
            decoded = [text.decode(encoding.codec) for text in sorted(texts)]
        except UnicodeDecodeError:
            continue
        scores = [
            encoding.score(char) * _fits_neighbours(text, i)
            for text in decoded
            for i, char in enumerate(text)
            if not char.isascii()
        ]
        score = sum(scores) / max(1, len(scores))
        if score > best_score:
            best, best_score = (encoding.codec, encoding.name), score
    # every text can be decoded with cp437, and no two texts become equal
    return best if best_score >= MIN_SCORE else ("cp437", "cp437")


def _fits_neighbours(text: str, i: int) -> float:
    """Return less than 1 if a letter is unlikely between its neighbours.

    Letters of two alphabets in one word, or a capital after a small letter, are signs of a wrong
    encoding.
    """
    char, before = text[i], text[i - 1] if i else ""
    after = text[i + 1] if i + 1 < len(text) else ""
    for other in (before, after):
        if other.isalpha() and _alphabet(other) != _alphabet(char):
            return 0.5 if char >= "\u3000" else 0.2
    is_mixed = (char.isupper() and before.islower()) or (char.islower() and after.isupper())
    return 0.3 if is_mixed else 1.0


def _alphabet(char: str) -> str:
    """Return the alphabet of a letter; the East Asian scripts count as one."""
    if char >= "\u2e80":
        return "EAST ASIAN"
    return unicodedata.name(char, "").partition(" ")[0]


def _by_lead_byte(
    codec: str, common: range, frequent: set[str], level: float, trail: int = 0
) -> Callable[[str], float]:
    """Score characters by the first byte of their code in a national standard."""

    def score(char: str) -> float:
        if char in frequent:
            return 1.0
        try:
            code = char.encode(codec)
        except UnicodeEncodeError:
            return 0.05
        is_common = len(code) == 2 and code[0] in common and code[1] >= trail
        return level if is_common else 0.2

    return score


def _score_japanese(level: float) -> Callable[[str], float]:
    kanji = _by_lead_byte("shift_jis", range(0x88, 0x98), set(), level)

    def score(char: str) -> float:
        if "\u3041" <= char <= "\u30ff":  # kana
            return 1.0
        return 0.15 if "\uff61" <= char <= "\uff9f" else kanji(char)  # half-width kana

    return score


def _score_big5(char: str) -> float:
    if char in TRADITIONAL:
        return 1.0
    try:
        lead = char.encode("big5")[0]
    except UnicodeEncodeError:
        return 0.05
    # ordered by strokes, and characters of few strokes are more frequent
    return 0.85 if 0xA4 <= lead <= 0xB4 else 0.7 if 0xB5 <= lead <= 0xC6 else 0.15


def _score_alphabet(alphabet: str) -> Callable[[str], float]:
    def score(char: str) -> float:
        name = unicodedata.name(char, "")
        if not name.startswith(alphabet):
            return 0.1
        is_common = re.match(r".* LETTER (\w+( WITH|$)|SHARP S$)", name)
        return 0.85 if is_common else 0.7

    return score


ENCODINGS = [
    _Encoding("cp950", "Big5", _score_big5),
    _Encoding("big5hkscs", "Big5 (HKSCS)", _score_big5),
    _Encoding("gb18030", "GBK", _by_lead_byte("gb2312", range(0xB0, 0xD8), SIMPLIFIED, 0.82)),
    _Encoding("cp932", "Shift JIS", _score_japanese(0.9)),
    _Encoding("euc_jp", "EUC-JP", _score_japanese(0.7)),
    _Encoding("cp949", "EUC-KR", _by_lead_byte("euc_kr", range(0xB0, 0xC9), HANGUL, 0.6)),
    *(
        _Encoding(codec, name, _score_alphabet(alphabet))
        for alphabet, codes in ALPHABETS.items()
        for codec, name in codes.items()
    ),
]
"""Encodings that are tried; of equal scores, the first counts."""
