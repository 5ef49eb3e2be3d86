"""Words of a text, folded so that neither case nor accents matter, and where each of them stands in the original.

What a word is, the same for a query and for what it searches:

- A run of letters and digits. Anything else parts words: ``O'Brien`` is *o, brien*, ``hospital's`` holds *hospital*,
  ``follow-up`` is *follow, up*, ``@handle`` and ``#tag`` are *handle* and *tag*, ``a_b`` is *a, b*.
- Folded by Unicode's compatibility caseless matching (NFKD, case folding: chapter 3.13 of the standard), without the
  marks that writers leave out at will: Latin, Greek and Cyrillic accents, Hebrew and Arabic vowel points. The vowel
  signs of Indic and Thai scripts are no accents and stay. Full-width, ligature and "mathematical bold" letters are the
  plain ones. What Unicode does not decompose, but people write without, is in `_PLAIN`.
- Chinese, Japanese, Thai, Lao, Khmer and Burmese put no spaces between words: there each letter with its marks is a
  word, so that a longer word is a phrase of its letters, found anywhere.
- Invisible characters (soft hyphen, joiners, direction marks) are as if they were not there.
"""

from __future__ import annotations

import re
from itertools import chain
from unicodedata import category, normalize

_ACCENTS = frozenset(
    map(
        chr,
        chain(
            range(0x0300, 0x0370),  # Latin, Greek, Cyrillic
            range(0x0483, 0x048A),
            range(0x0591, 0x05C8),  # Hebrew points
            range(0x0610, 0x061B),  # Arabic vowel signs
            range(0x064B, 0x0660),
            range(0x0670, 0x0671),
            range(0x06D6, 0x06EE),
            range(0x1AB0, 0x1B00),
            range(0x1DC0, 0x1E00),
            range(0x20D0, 0x2100),
            range(0xFE00, 0xFE10),  # variation selectors
            range(0xFE20, 0xFE30),
            range(0xE0100, 0xE01F0),
        ),
    )
)

_PLAIN = {
    "\u0131": "i",  # the Turkish i without a dot
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "ŧ": "t",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "\u0640": "",  # the Arabic stroke that only stretches a word
}

# Marks that are part of their word, of the blocks of living scripts; scanned rather than listed.
_MARKS = "".join(
    chr(code)
    for code in chain(
        *map(range, (0x0300, 0x3000, 0xA600, 0x11000, 0x1E000), (0x1E00, 0x3100, 0xAC00, 0x11A00, 0x1E950))
    )
    if category(chr(code))[0] == "M" and chr(code) not in _ACCENTS
)

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai and Lao, Burmese, Khmer
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"  # kana and ideographs
)

_WORD = re.compile(rf"[{_UNSPACED}][{_MARKS}]*|[^\W_{_UNSPACED}]+(?:[{_MARKS}]+[^\W_{_UNSPACED}]*)*")
_ASCII_WORD = re.compile("[A-Za-z0-9]+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")

# `str.translate` with such a table and `split` find the words of ASCII text twice to three times as fast as a regex.
_ASCII = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}


class _Folded(dict[int, str]):
    """What each character beyond ASCII folds to, worked out when it is first met: at most as many as Unicode has."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold(chr(code))
        return folded


def _fold(char: str) -> str:
    kind = category(char)
    if kind == "Cf" and char != "\u200b":  # a zero-width space is a space; the others are invisible
        return ""
    if kind[0] not in "LMN" or kind == "No":
        return " "  # 'hospital¹' and 'Wellheard™' are the words without their sign
    plain = normalize("NFKD", normalize("NFKD", char).casefold())
    return "".join(_PLAIN.get(part, part) for part in plain if part not in _ACCENTS).lower()


_FOLDED = _Folded()


def _fold_run(run: re.Match[str]) -> str:
    return run[0].translate(_FOLDED)


def words(text: str) -> list[str]:
    """The words of `text`, folded, in their order."""
    if not text.isascii():
        text = _NOT_ASCII.sub(_fold_run, text)  # most such texts are English with an emoji: ASCII from here on
        if not text.isascii():
            return _WORD.findall(text.lower())
    return text.translate(_ASCII).split()


def spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of each of `words(text)` in `text` itself, one for one; folding may have changed lengths."""
    if text.isascii():
        return [word.span() for word in _ASCII_WORD.finditer(text)]
    folded: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text):
        part = char.lower() if char.isascii() else _FOLDED[ord(char)]
        folded.append(part)
        origin.extend([index] * len(part))
    return [
        (origin[word.start()], _with_marks(text, origin[word.end() - 1] + 1))
        for word in _WORD.finditer("".join(folded))
    ]


def written(text: str) -> str:
    """`text` composed (NFC) and without invisible characters: what exact case compares."""
    if text.isascii():
        return text
    return normalize("NFC", "".join(char for char in text if category(char) != "Cf"))


def _with_marks(text: str, end: int) -> int:
    """`end`, moved behind the accents that belong to the word's last letter and were folded away."""
    while end < len(text) and text[end] in _ACCENTS:
        end += 1
    return end
