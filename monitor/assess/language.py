"""Which language a text is in, as far as a look at its letters and commonest words can tell.

Each word votes for the languages it is known in; the votes travel packed in one integer, a byte for each language, so
that a text costs one look-up and one addition a word. This names seven languages of Latin script and those with a
script of their own; it says None rather than guess. Short texts are the hard ones ("Rude." must be English, "Muy mal"
must not), so words of the sentiment lexicon count for English and a connector's hint is evidence, but never truth.
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

from monitor.assess.vader import LEXICON

_LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "nl")
_SHIFT = {lang: 12 * i for i, lang in enumerate(_LANGUAGES)}
_SHIFTS = tuple(_SHIFT.values())
_MASK = (1 << 12) - 1

_READ = 80
"""So many words are looked at. A word's votes are at most 4, so the packed sums stay below their 12 bits."""

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


def _known() -> dict[str, int]:
    """Packed votes by word: 4 for a function word of one language, 2 where several share it, 2 for a word of care."""
    data = tomllib.loads(files(__package__).joinpath("languages.toml").read_text(encoding="utf-8"))
    words = {lang: set(listed.split()) for lang, listed in data["function_words"].items()}
    spoken = [word for listed in words.values() for word in listed]
    shared = {word for word in spoken if spoken.count(word) > 1}
    votes: dict[str, int] = {}
    for lang, listed in words.items():
        for word in listed:
            votes[word] = votes.get(word, 0) + ((2 if word in shared else 4) << _SHIFT[lang])
    for word in data["care_words"]["en"].split():
        votes.setdefault(word, 2 << _SHIFT["en"])
    return votes


class _Votes(dict[str, int]):
    """Packed votes by word as written, remembered up to a bound."""

    def __init__(self) -> None:
        super().__init__()
        self._known = _known()

    def __missing__(self, token: str) -> int:
        vote = self._vote(token.lower().replace("\u2019", "'").strip(_EDGES))
        if len(token) <= 32:
            if len(self) >= 65_536:
                self.clear()
            self[token] = vote
        return vote

    def _vote(self, word: str) -> int:
        vote = self._known.get(word)
        if vote is not None:
            return vote
        if _FRENCH_ELISION.match(word):
            return 4 << _SHIFT["fr"]
        english = 2 * (word in LEXICON) + (1 if word.isascii() and _ENGLISH_ENDING.match(word) else 0)
        if not english and any(
            mark in word for mark in "/-.,…"
        ):  # "wait/parking", "good.The": the first word that votes
            return next((vote for part in re.split(r"[^\w']+", word)[:4] if (vote := self._known.get(part, 0))), 0)
        return english << _SHIFT["en"]


_VOTES = _Votes()


def language(text: str, hint: str | None = None) -> str | None:
    """The ISO 639-1 code of the text's language, "und" for a script without one here, None where nothing tells.

    `hint` is what the platform says; it decides between languages that the text leaves open.
    """
    hint = hint.replace("_", "-").split("-")[0].lower() if hint else None
    if not text.isascii() and (foreign := _script(text, hint)):
        return foreign
    words = text.split(None, _READ)[:_READ]
    if "@" in text or "#" in text or "/" in text or "&" in text:
        words = [word for word in words if not word.startswith(_NO_WORDS)]
    known = _VOTES
    votes = sum([known[word] for word in words])
    if not votes:
        return hint if hint not in (None, "en") and any(map(_LETTERS.search, words)) else None
    return _elected(votes, len(words), hint)


def _script(text: str, hint: str | None) -> str | None:
    """The language of a text mostly in a script other than Latin; a few such letters in a Latin text tell nothing."""
    text = text[:2_000]
    if not _FOREIGN_SCRIPT.search(text):
        return None
    found = len(_FOREIGN_SCRIPT.findall(text))
    if found * 3 < len(_LETTERS.findall(text)):
        return None
    for lang, letters, hints in _SCRIPT_LETTERS:
        if 5 * len(letters.findall(text)) >= found:
            return hint if hint in hints else lang
    return "und"


def _elected(votes: int, words: int, hint: str | None) -> str | None:
    """The language with most votes, if they are enough: a Polish text has its "to" and "on" too."""
    counts = [votes >> shift & _MASK for shift in _SHIFTS]
    most = max(counts)
    english = counts[0] == most
    if words >= 4 and (most * 3 < words * 2 if english else most < words):
        return None if hint == "en" else hint
    if hint in _SHIFT:
        counts[_LANGUAGES.index(hint)] += 2
        most = max(counts)
    return "en" if counts[0] == most else _LANGUAGES[counts.index(most)]
