"""Matching against its definition: a slow, obvious reading of random queries over random texts."""

import unicodedata
from datetime import UTC, datetime
from functools import cache
from itertools import product

from hypothesis import example, settings
from hypothesis import given as over
from hypothesis import strategies as st

from monitor.model import Kind, Mention
from monitor.topics import Topics, parse

LETTERS = ["a", "b", "A", "B", "ä", "Ä", "a\u0308", "ß", "é", "\uff41"]
GAPS = [" ", " ", " ", ", ", "-", "'", "_", " \U0001f600 ", "\n"]


def fold(text):
    """The textbook's caseless, accentless form."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


@cache
def tokens(text):
    """(folded, start, end) of each run of letters, digits and accents."""
    found, start = [], None
    for index, char in enumerate(f"{text} "):
        if char.isalnum() or (start is not None and unicodedata.combining(char)):
            start = index if start is None else start
        elif start is not None:
            found.append((fold(text[start:index]), start, index))
            start = None
    return found


# A reference query is a tuple: its kind, then what it is made of.
WORD = st.text("ab", min_size=1, max_size=2)
EXACT = st.text(["a", "A", "ä", "b"], min_size=1, max_size=2)
ELEMENT = st.one_of(st.tuples(st.just("word"), WORD), st.tuples(st.just("prefix"), WORD))
TERM = st.one_of(
    ELEMENT,
    st.tuples(st.just("exact"), EXACT),
    st.tuples(st.just("phrase"), st.lists(ELEMENT, min_size=2, max_size=3)),
)
OPERAND = st.one_of(TERM, st.tuples(st.just("or"), st.lists(TERM, min_size=2, max_size=3)))
LINK = st.tuples(st.integers(1, 3), st.booleans())
NEAR = st.integers(2, 3).flatmap(
    lambda count: st.tuples(
        st.just("near"),
        st.lists(OPERAND, min_size=count, max_size=count),
        st.lists(LINK, min_size=count - 1, max_size=count - 1),
    )
)
STARS = st.tuples(st.just("stars"), st.integers(1, 5))
QUERY = st.recursive(
    st.one_of(TERM, TERM, NEAR, STARS),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
        st.tuples(st.just("not"), inner),
    ),
    max_leaves=8,
)


def positive(query):
    kind, *of = query
    if kind in {"and", "or"}:
        return (any if kind == "and" else all)(map(positive, of[0]))
    return kind != "not"


def askable(query):
    """The query itself, or, where it only says what is not there, with a word to find."""
    return query if positive(query) else ("and", [("word", "a"), query])


ASKABLE = QUERY.map(askable)
TEXT = st.lists(st.sampled_from([*LETTERS, *GAPS]), max_size=30).map("".join)


def written(query):
    """The query in the language, every operator in parentheses."""
    kind, *of = query
    forms = {"word": "{}", "prefix": "{}*", "exact": "={}", "stars": "stars<={}"}
    if kind in forms:
        return forms[kind].format(of[0])
    if kind == "not":
        return f"(NOT {written(of[0])})"
    parts = list(map(written, of[0]))
    if kind == "phrase":
        return f'"{" ".join(parts)}"'
    if kind == "near":
        links = [f"{'O' if ordered else ''}NEAR/{within}" for within, ordered in of[1]]
        return f"({parts[0]} {' '.join(f'{link} {part}' for link, part in zip(links, parts[1:], strict=True))})"
    return f"({f' {kind.upper()} '.join(parts)})"


def fits(element, text, token):
    kind, word = element
    if kind == "exact":
        return unicodedata.normalize("NFC", text[token[1] : token[2]]) == word
    return token[0].startswith(word) if kind == "prefix" else token[0] == word


def occurrences(term, text):
    """(first, last, term as written) of a term or an OR of terms, by trying every place."""
    kind, of = term
    if kind == "or":
        return [occurrence for inner in of for occurrence in occurrences(inner, text)]
    elements = of if kind == "phrase" else [term]
    found = tokens(text)
    return [
        (first, first + len(elements) - 1, written(term))
        for first in range(len(found) - len(elements) + 1)
        if all(fits(element, text, found[first + at]) for at, element in enumerate(elements))
    ]


def linked(left, right, within, ordered):
    forth = right[0] - left[1]
    back = left[0] - right[1]
    return 1 <= forth <= within or (not ordered and 1 <= back <= within)


def chained(operands, links, text):
    """The occurrences of all chains, by trying every combination."""
    return [
        occurrence
        for chain in product(*(occurrences(operand, text) for operand in operands))
        if all(linked(left, right, *link) for left, right, link in zip(chain, chain[1:], links, strict=False))
        for occurrence in chain
    ]


def judged(query, said):
    """The evidence as a set of (start, end, term, field), or None: straight from the definition."""
    kind, *of = query
    if kind == "stars":
        return set() if said.stars is not None and said.stars <= of[0] else None
    if kind == "not":
        return set() if judged(of[0], said) is None else None
    if kind in {"and", "or"}:
        parts = [judged(part, said) for part in of[0]]
        holding = [part for part in parts if part is not None]
        return set().union(*holding) if len(holding) >= (len(parts) if kind == "and" else 1) else None
    found = set()
    for field, text in (("title", said.title), ("text", said.text)):
        places = tokens(text)
        here = chained(*of, text) if kind == "near" else occurrences(query, text)
        found |= {(places[first][1], places[last][2], term, field) for first, last, term in here}
    return found or None


def mention(title, text, stars):
    when = datetime(2026, 3, 2, tzinfo=UTC)
    return Mention(external_id="1", kind=Kind.POST, text=text, title=title, published_at=when, stars=stars)


@settings(max_examples=800)
@over(ASKABLE, TEXT, st.one_of(st.just(""), TEXT), st.sampled_from([None, 1, 3, 5]))
@example(("near", [("word", "a"), ("word", "a")], [(1, True)]), "a\u0308, ä a", "", None)
@example(("exact", "ä"), "A\u0308 a\u0308b a\u0308", "", None)
def test_a_topic_holds_where_its_definition_does_and_shows_all_its_evidence(query, text, title, stars):
    said = mention(title, text, stars)
    match = Topics({"it": parse(written(query))}).match(said, source="s", labels={})
    shown = {(hit.start, hit.end, hit.term, hit.field) for hit in match["it"]} if match else None
    assert shown == judged(query, said)


@settings(max_examples=60)
@over(st.lists(ASKABLE, min_size=2, max_size=12), TEXT, TEXT, st.sampled_from([None, 1, 3]))
def test_many_topics_together_are_each_as_if_alone(queries, text, title, stars):
    said = mention(title, text, stars)
    topics = Topics({str(number): parse(written(query)) for number, query in enumerate(queries)})
    expected = [str(number) for number, query in enumerate(queries) if judged(query, said) is not None]
    assert list(topics.match(said, source="s", labels={})) == expected


@settings(max_examples=200)
@over(st.sampled_from(["a", "b", "ab", "ss"]), TEXT)
def test_the_evidence_of_a_word_is_a_whole_word_that_folds_to_it(word, text):
    hits = Topics({"it": parse(word)}).match(mention("", text, None), source="s", labels={}).get("it", ())
    whole = [(start, end) for folded, start, end in tokens(text) if folded == word]
    assert [(hit.start, hit.end) for hit in hits] == whole
    assert all(fold(text[hit.start : hit.end]) == hit.term == word for hit in hits)
