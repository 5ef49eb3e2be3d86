"""What is recognised by its form: telephone numbers, addresses, record numbers, names. Each pattern is bounded.

A shape is looked for only where its telltale character occurs. None of this is a general detector of personal data:
it finds what a rule needs, beside words of health or in a reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_PHONE = re.compile(
    r"(?<![\w./-])(?:\+?\d{1,2}[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])?\d{3}[.-]\d{4}(?![\w-])"
    r"|(?<![\w./-])\(?\d{3}\)? ?\d{3} \d{4}(?![\w-])"
    r"|(?<![\w./-])(?:0\d{4} ?\d{6}|0\d{3} ?\d{3} ?\d{4}|07\d{3} ?\d{3} ?\d{3})(?!\w)"
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_IDENTIFIER = re.compile(
    r"\b(?:(?:mrn|ssn|social security|date of birth|dob|d\.o\.b)(?: id| number| no| num)?\.?(?: is|:| #|#|=){0,2}"
    r"|(?:record|chart|policy|member|account|case|claim|nhs|hospital|insurance|patient)"
    r"(?:(?: id| number| no| num)\.?(?: is|:| #|#|=){0,2}| ?[:#=])) ?(?=[a-z]{0,4}[-/]?\d)[\w/-]{5,20}"
    r"|\b(?:medical record|acct)\.?(?: number| no)?\.?[ :#]{0,3}\d[\d-]{5,20}"
    r"|\b(?:ssn|social security)(?: number)?(?: is|:)? ?\d{3}[- ]\d\d[- ]\d{4}\b"
    r"|\bborn (?:on )?\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d\d)\b",
    re.IGNORECASE,
)
_SELF_NAMED = re.compile(
    r"\b(?:[Mm]y name is|I am|I[\u2019']?m|[Tt]his is) ([A-Z][a-z]{1,20}(?: [A-Z]\.?)? [A-Z][a-z]{1,20})\b"
)
_NAME = r"[A-Z](?:[a-z]{1,2}[A-Z])?[a-zé\u2019'-]{1,20}"
_ADDRESSED = re.compile(
    rf"(?:^|[.!>\n] ?)(?:Hi|Hello|Hey|Dear|Good morning|Good afternoon|Hola|Estimad[oa]|Querid[oa])[, ]{{1,2}}({_NAME}(?: {_NAME})?)"
    r"(?=[ ]?[,.!:;\n\u2013\u2014-]|[ ](?:we|thank|I|your?)\b)"
    rf"|\b(?:Mr|Mrs|Ms|Miss)\.? ({_NAME})"
    rf"|\b[Tt]hank(?:s| you)(?: so much| very much)?,? ({_NAME})(?=[,.!])"
    rf"|^({_NAME})(?: (?:and )?{_NAME})?, (?=we|thank|I\b|your|you|as\b|it\b)"
    rf"|(?<=[a-z!?\u2019]), ({_NAME})(?=[.!;:?]|,(?! (?:and|or) (?:[A-Z]|others|more)\b)| ?[-\u2013\u2014]|$)"
)
_SIGNED = re.compile(
    r"(?:^|[.!?>\n])\W*\w+$|\b(?:regards|thanks|yours|[Tt]ake care|wishes)$"
    r"|\b(?:in|at|from|near|of|to|and)(?: [A-Z][\w\u2019'-]{1,20}){1,3}$"
)
"""What stands before a comma and a name that calls nobody: "Warmly", "Best regards", "our office in Springfield"."""

_WITHIN = 5
"""The group of a name within a sentence: "your words, Ann."."""

_BEFORE = 80
"""So many characters before it are looked at: one sentence's end, not the reply."""

_NO_NAME = frozenset({
    "all", "again", "anonymous", "client", "clients", "customer", "dear", "doctor", "dr", "everybody", "everyone",
    "family", "folks", "friend", "friends", "google", "guest", "hello", "hi", "ma'am", "madam", "member",
    "neighbor", "neighbour", "parent", "parents", "patient", "patients", "reviewer", "reviewers", "sir", "sirs",
    "team", "there", "user", "valued", "we", "yelp", "you", "unfortunately", "sorry", "thanks", "thank", "however",
    "please", "sincerely", "regards", "our", "hey", "facebook", "currently", "typically", "today", "yesterday",
    "first", "finally", "hopefully", "additionally", "also", "regretfully", "actually", "honestly", "here", "yes",
    "well", "wow", "oh", "welcome", "absolutely", "recently", "monday", "tuesday", "wednesday", "thursday", "friday",
    "saturday", "sunday", "january", "february", "march", "july", "september", "october", "november", "december",
    "medicare", "medicaid", "spanish", "english", "covid", "inc", "god", "suite", "room", "federal", "state",
})  # fmt: skip

_DIGITS = re.compile(r"\d(?:\d{3}|[/-]\d|[ .)-]{1,2}\d\d)")
_INTRODUCING = frozenset(("name", "am", "i'm", "im", "this"))
_OPENERS = ("y name is ", "I am ", "I'm ", "I\u2019m ", "Im ", "his is ")


def telltale(token: str, words: Sequence[str]) -> str:
    """What in a token may be part of a shape other than a name in a greeting: a digit, an @, "I am". Mostly nothing."""
    if "@" in token:
        return "@"
    if any(map(str.isdigit, token)):
        return "#"
    return "" if _INTRODUCING.isdisjoint(words) else "i"


def telling(text: str, telltales: set[str]) -> bool:
    """Whether one of those shapes may stand in the text: a quick look, which most texts that have a telltale fail."""
    return (
        ("i" in telltales and _introduces(text))
        or ("@" in telltales and _EMAIL.search(text) is not None)
        or (not telltales.isdisjoint("#@") and _DIGITS.search(text) is not None)
    )


def _introduces(text: str) -> bool:
    """Whether a capital follows where somebody may say a name."""
    for opener in _OPENERS:
        at = text.find(opener)
        while at >= 0:
            at += len(opener)
            if text[at : at + 1].isupper():
                return True
            at = text.find(opener, at)
    return False


def shaped(shape: str, text: str, known: frozenset[str] = frozenset()) -> Iterator[tuple[int, int]]:
    """Places of `shape` in `text`. `known` are words (lower case) that as names tell nothing new: the display name of who
    is answered, our own people and names. Raises KeyError for a shape that is not known."""
    if shape == "addressed_name":
        yield from _names(text, known)
    else:
        yield from (match.span() for match in _SHAPES[shape].finditer(text))


_SHAPES = {"phone": _PHONE, "email": _EMAIL, "identifier": _IDENTIFIER, "self_named": _SELF_NAMED}


def _names(text: str, known: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Names by which somebody is addressed, unless every part of one is known."""
    for match in _ADDRESSED.finditer(text):
        at = match.lastindex or 0
        parts = match[at].lower().split()
        if parts[0] in _NO_NAME or known.issuperset(parts):
            continue
        if at < _WITHIN or not _SIGNED.search(text, max(match.start() - _BEFORE, 0), match.start()):
            yield match.span(at)
