"""Which language a text is in, as far as a look at its letters and commonest words can tell.

Each word votes for the languages it is known in; the votes travel packed in one integer, a byte for each language, so
that a text costs one look-up and one addition a word. This names seven languages of Latin script and those with a
script of their own; it says None rather than guess. Short texts are the hard ones ("Rude." must be English, "Muy mal"
must not), so words of the sentiment lexicon count for English and a connector's hint is evidence, but never truth.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import chain, compress

from monitor.assess.vader import LEXICON

_LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "nl")
_SHIFT = {lang: 8 * i for i, lang in enumerate(_LANGUAGES)}
_MASK = (1 << 8) - 1
_NO_WORD = 1 << 8 * len(_LANGUAGES)
"""Counted above the votes: a token that is no word of any language."""

READ = 60
"""So many words are looked at. A word's votes are at most 4, so the packed sums stay below their 8 bits, and the whole
below the 63 of a machine word."""

_NO_WORDS = ("@", "#", "http://", "https://", "www.", "&")
"""What begins so is a handle, a tag, an address or an HTML entity, and no word of a language."""
_LETTERS = re.compile(r"[^\W\d_]")
_EDGES = "\"'\u201c\u201d\u2018\u2019\u00ab\u00bb\u201e\u00bf\u00a1!?.,;:()[]{}<>*_-\u2013\u2014\u2026/\\|~`+=&%$\u00a3\u20ac0123456789"

_SCRIPTS = (
    ("ja", "\u3040-\u30ff", ("ja",)),
    ("ko", "\uac00-\ud7af\u1100-\u11ff", ("ko",)),
    ("zh", "\u4e00-\u9fff\u3400-\u4dbf", ("zh", "ja", "ko")),
    ("ru", "\u0400-\u052f", ("ru", "uk", "bg", "sr", "mk", "be", "kk", "mn")),
    ("ar", "\u0600-\u06ff\u0750-\u077f", ("ar", "fa", "ur", "ps", "ckb")),
    ("he", "\u0590-\u05ff", ("he", "yi")),
    ("el", "\u0370-\u03ff\u1f00-\u1fff", ("el",)),
    ("th", "\u0e00-\u0e7f", ("th",)),
    ("hi", "\u0900-\u097f", ("hi", "mr", "ne")),
)
"""The language most written in a script, its letters, and the languages a hint may name instead."""

_SCRIPT_LETTERS = [(lang, re.compile(f"[{letters}]"), hints) for lang, letters, hints in _SCRIPTS]
_FOREIGN_SCRIPT = re.compile(r"[\u0370-\u1dff\u1f00-\u1fff\u2d80-\u2dff\u2e80-\ud7ff\uf900-\ufdff\ufe70-\ufeff]")

_FRENCH_ELISION = re.compile(r"(?:l|d|j|qu|n|s|c|m|t|jusqu|aujourd)'(?=\w)")
_ENGLISH_ENDING = re.compile(r"\w{2,}(?:n't|'s|'ll|'ve|'re|'d|ing|ness|ful|ly|ed|tion|ght)$|i'm$|i'd$|i'll$|i've$")
_OTHER_ENDING = re.compile(
    r"\w{2,}(?:(?P<de>(?:lich|isch|ig)(?:e[rsnm]?)|(?:keit|heit|schaft|tät)(?:en)?)|(?P<es>ci[oó]n|ciones|ísim[oa]s?)"
    r"|(?P<it>zion[ei]|issim[oaie])|(?P<pt>ção|ções|íssim[oa]s?)|(?P<fr>euse?s?|eux|ités?)|(?P<nl>lijke?|heid))$"
)
"""Endings of one of these languages, which English words do not have."""


_DATA = tomllib.loads(files(__package__).joinpath("languages.toml").read_text(encoding="utf-8"))


def _known() -> dict[str, int]:
    """Packed votes by word: 4 for a function word of one language, 2 where several share it, 2 for a word of care."""
    words = {lang: set(listed.split()) for lang, listed in _DATA["function_words"].items()}
    spoken = Counter(chain.from_iterable(words.values()))
    votes: dict[str, int] = {}
    for lang, listed in words.items():
        for word in listed:
            votes[word] = votes.get(word, 0) + ((2 if spoken[word] > 1 else 4) << _SHIFT[lang])
    for word in _DATA["care_words"]["en"].split():
        votes.setdefault(word, 2 << _SHIFT["en"])
    return votes


_KNOWN = _known()
_SHORT = 4
"""A text of fewer words is read by each of them."""
_LOANS = frozenset(_DATA["loanwords"]["words"].split())


def votes(token: str) -> int:
    """What a token of `str.split` says of the language, packed."""
    if token.startswith(_NO_WORDS):
        return _NO_WORD
    word = token.lower().replace("\u2019", "'").strip(_EDGES)
    vote = _KNOWN.get(word)
    if vote is not None:
        return vote
    if _FRENCH_ELISION.match(word):
        return 4 << _SHIFT["fr"]
    english = 2 * (word in LEXICON) + (1 if word.isascii() and _ENGLISH_ENDING.match(word) else 0)
    if not english and any(mark in word for mark in "/-.,…"):
        # "wait/parking", "good.The": the first word that votes
        return next((vote for part in re.split(r"[^\w']+", word)[:4] if (vote := _KNOWN.get(part, 0))), 0)
    if not english and (other := _OTHER_ENDING.match(word)) and other.lastgroup:
        return 2 << _SHIFT[other.lastgroup]
    return english << _SHIFT["en"]


def foreign(text: str) -> bool:
    """Whether the text has letters of a script other than Latin."""
    return not text.isascii() and _FOREIGN_SCRIPT.search(text) is not None


def language(text: str, hint: str | None = None) -> str | None:
    """The ISO 639-1 code of the text's language, "und" for a script without one here, None where nothing tells.

    `hint` is what the platform says; it decides between languages that the text leaves open.
    """
    return elected(text, list(map(votes, text.split(None, READ)[:READ])), hint, strange=foreign(text))


def elected(text: str, said: Sequence[int], hint: str | None, *, strange: bool) -> str | None:
    """The same where the first `READ` tokens have voted; `strange`: there are letters of a script other than Latin."""
    hint = _primary(hint) if hint else None
    if strange and (named := _script(text, hint)):
        return named
    total = sum(said)
    words = len(said)
    if total >= _NO_WORD:
        words -= total >> 8 * len(_LANGUAGES)
        total &= _NO_WORD - 1
    if not total:
        return hint if hint not in (None, "en") and words and any(map(str.isalpha, text)) else None
    if 1 < words < _SHORT and (others := _unborrowed(text, said)) < total:
        if not others:
            return None if hint == "en" else hint
        total = others
    if total <= _MASK and total * 3 >= words * 2 and hint in (None, "en"):
        return "en"
    return _elected(total, words, hint)


@lru_cache(maxsize=256)
def _primary(hint: str) -> str:
    """The language that a tag such as en_GB begins with."""
    return hint.replace("_", "-").split("-")[0].lower()


def _unborrowed(text: str, said: Sequence[int]) -> int:
    """The votes of a short text's words without those at home in many languages, where it has others: "Freundliches Team"
    is not English by its "Team"."""
    native = [token.lower().strip(_EDGES) not in _LOANS for token in text.split()]
    votes = [vote & (_NO_WORD - 1) for vote in said]
    return sum(compress(votes, native)) if any(native) else sum(votes)


def _script(text: str, hint: str | None) -> str | None:
    """The language of a text mostly in a script other than Latin; a few such letters in a Latin text tell nothing."""
    text = text[:2_000]
    found = len(_FOREIGN_SCRIPT.findall(text))
    if not found or found * 3 < len(_LETTERS.findall(text)):
        return None
    for lang, letters, hints in _SCRIPT_LETTERS:
        if 5 * len(letters.findall(text)) >= found:
            return hint if hint in hints else lang
    return "und"


def _elected(total: int, words: int, hint: str | None) -> str | None:
    """The language with most votes, if they are enough: a Polish text has its "to" and "on" too."""
    counts = bytearray(total.to_bytes(len(_LANGUAGES), "little"))
    most = max(counts)
    english = counts[0] == most
    if words >= _SHORT and (most * 3 < words * 2 if english else most < words):
        return None if hint == "en" else hint
    if hint in _SHIFT:
        counts[_LANGUAGES.index(hint)] += 1 if hint == "en" else 2
        most = max(counts)
    return "en" if counts[0] == most else _LANGUAGES[counts.index(most)]
