"""Masking what could identify a person in an excerpt: a doubtful word is masked, since a mask costs less than a name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files

from monitor.messages.text import clean, cut

WITHHELD = "[text withheld: it cannot be masked reliably in this language]"
_LONGEST = 20_000
_LONGEST_WORD = 40

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\.?"
_MASKS = (
    (re.compile(r"\b[ur]/\w+", re.IGNORECASE), "[handle]"),
    (re.compile(r"\b[a-z]\w*_\w*|\b_\w+", re.IGNORECASE), "[handle]"),
    (
        re.compile(rf"\b(?:{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?)\b", re.IGNORECASE),
        "[date]",
    ),
    (
        re.compile(rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:\s+\d{{4}})?(?!\w)", re.IGNORECASE),
        "[date]",
    ),
    (re.compile(r"\b(?!24/7\b)(?:\d{1,2}/\d{1,2}(?:/\d{2,4})?|\d{4}-\d\d?-\d\d?)\b"), "[date]"),
    (re.compile(r"(?<![\d.-])\d{1,2}([.-])\d{1,2}\1\d{2,4}(?![\d-])"), "[date]"),
    (re.compile(r"[+(]?\d(?:[\s().\-]{0,3}\d){4,}"), "[number]"),
    (
        re.compile(
            r"\b(room|bed|ward|unit|apt|suite|chart|record|mrn|policy|account|claim|member|case|ssn|dob)"
            r"(?:\s(?:number|no\.?|id|is))?[\s#:.\-]{0,3}(?:[a-z]{1,3}-)?\d\w*",
            re.IGNORECASE,
        ),
        r"\1 [number]",
    ),
    (
        re.compile(
            r"\b(?!\d+(?:st|nd|rd|th|am|pm|mins?|hrs?|hours?|days?|weeks?|mg|ml|k|x|s)\b)(?!covid)"
            r"(?=\w{0,39}[^\W\d])(?=\w{0,39}\d\w{0,39}\d)\w+",
            re.IGNORECASE,
        ),
        "[number]",
    ),
    (re.compile(r"(?<![\d$€£,.])(?!(?:19|20)\d\d\b)\d{4}\b"), "[number]"),
)
_PARTICLE = r"(?:de|del|della|di|da|do|dos|das|du|la|le|les|los|van|von|der|den|ten|nad|am|na|y|al|el|bin|[A-Z])"
_STREET = (
    r"(?:[Ss]treet|St|[Ss]tr|[Rr]oad|Rd|[Aa]venue|Ave|[Ll]ane|Ln|[Bb]oulevard|Blvd|Court|Place|Square|Terrace|Crescent"
    r"|Parkway|Highway|Alley|[Aa]pt|Apartment|[Ss]uite|ul(?=\.)|u(?=\.)|t\u00e9r|utca|Islands?|Junction|Meadow|Union|Ridge)s?\b\.?"
)
_HOUSE = r"\d{1,4}(?:[a-z]|[/-]\d{1,3})?"
_BEFORE_HOUSE = r"(?:(?<=[:(>\n,\]])|(?<=\b(?:at|to|is|of)))"
_LINES = r"[\s,.?>\\]{1,12}"
_ADDRESSES = (
    (re.compile(rf"\[name\]\.?(?: {_PARTICLE}\.?){{1,3}} \[name\]"), "[name]"),
    (re.compile(r"\b(?:New|North|South|East|West|San|Saint|Fort|Mount|Upper|Lower)(?= \[name\])"), "[name]"),
    (re.compile(rf"(?:\[name\]|\[number\]|\b{_HOUSE}) {_STREET}"), "[address]"),
    (
        re.compile(rf"\[address\],? (?:apt|suite|unit|floor|box)\.? (?:\[number\]|{_HOUSE}\b)", re.IGNORECASE),
        "[address]",
    ),
    (re.compile(rf"\[(?:name|address)\],? {_HOUSE}\b(?={_LINES}\[|\s*[,;:!?)]|\.?\s*$|\n)"), "[address]"),
    (re.compile(rf"{_BEFORE_HOUSE}(\s{{1,12}}){_HOUSE},? \[(?:name|address)\]"), r"\1[address]"),
    (re.compile(rf"^{_HOUSE},? \[(?:name|address)\]", re.MULTILINE), "[address]"),
    (re.compile(r"(\[date\]),? \d\d?:\d\d(?::\d\d)?\b"), r"\1"),
)
"""What is found around names that are masked: what joins them, what follows them, the house's number, the street."""

_DOMAIN = re.compile(r"[a-z0-9-]\.[a-z]{2,}(?:$|[/?#:,.)!])", re.IGNORECASE)
_WORD = re.compile(r"\[[a-z]+\]|[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_RUN = re.compile(r"\[(\w+)\](?:[\s,.&'\u2019-]{1,2}\[\1\])+")
_TITLES = frozenset({"dr", "mr", "mrs", "ms", "miss", "mister", "prof", "professor", "named"})


def redacted(text: str, keep: Sequence[str] = ()) -> str:
    """`text` with names, handles, e-mail addresses, street addresses, links, dates and all but short numbers masked.

    `keep` are the names that are the organisation's own. It reads English; a text in a script without capitals is
    withheld as a whole. Only the first 20,000 code points are looked at, the rest is cut.
    """
    plain = unicodedata.normalize("NFKC", clean(cut(text, _LONGEST)))
    plain = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    if _caseless(plain):
        return WITHHELD
    spaced = re.split(r"(\s+)", plain)
    masked = "".join(_token(part) for part in spaced)
    for pattern, mask in _MASKS:
        masked = pattern.sub(mask, masked)
    masked = _RUN.sub(r"[\1]", _names(masked, keep))
    for pattern, mask in _ADDRESSES:
        masked = pattern.sub(mask, masked)
    return _RUN.sub(r"[\1]", masked)


def _caseless(text: str) -> bool:
    """Whether too much of `text` is in scripts without capitals, where no name can be told from a word."""
    letters = [char for char in text if char.isalpha()]
    return sum(char.lower() == char.upper() for char in letters) * 10 > len(letters)


def _token(token: str) -> str:
    """`token`, which has no space, masked as a whole where it is an address, a link or too long to be a word."""
    if "@" in token:
        return "[e-mail]" if "@" in token.strip("@.,:;!?()") else "[handle]"
    if "://" in token or "www." in token.lower() or _DOMAIN.search(token):
        return "[link]"
    return token if len(token) <= _LONGEST_WORD or token.isspace() else "[…]"


def _names(text: str, keep: Iterable[str]) -> str:
    """`text` with every word masked that may be a name and is none of `keep`."""
    ours = list(_spans(text, keep))
    out: list[str] = []
    end, before = 0, ""
    for found in _WORD.finditer(text):
        word, between = found.group(), text[end : found.start()]
        own = any(start <= found.start() and found.end() <= stop for start, stop in ours)
        masked = not own and _name(word, before if between.strip() in ("", ".") else "")
        out += [between, "[name]" if masked else word]
        end, before = found.end(), word
    out.append(text[end:])
    return "".join(out)


def _name(word: str, before: str) -> bool:
    """Whether `word` may be somebody's name, given the word just `before` it, which may be empty."""
    if word.startswith("["):
        return False
    small = word.casefold().replace("\u2019", "'").removesuffix("'s")
    if small in _words("given_names.txt"):
        return True
    if small in _words("ordinary_words.txt"):
        return False
    # Who writes "karen" small writes her surname small as well; so does who writes "dr reyes".
    return word != word.lower() or before in _words("given_names.txt") or before.casefold() in _TITLES


def _spans(text: str, phrases: Iterable[str]) -> Iterator[tuple[int, int]]:
    for phrase in filter(None, phrases):
        for found in re.finditer(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE):
            yield found.span()


@cache
def _words(name: str) -> frozenset[str]:
    lines = (files(__package__) / name).read_text("utf-8").splitlines()
    return frozenset(word for row in lines if not row.startswith("#") for word in row.split())
