"""What a query says, and what is said of one that cannot be read."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.topics import (
    And,
    Exact,
    Field,
    Link,
    Near,
    Not,
    Or,
    Phrase,
    Prefix,
    QueryError,
    Symbol,
    Word,
    parse,
)

A, B, C, D = (Word(letter) for letter in "abcd")


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Hospital", Word("hospital")),
        ('"hospital"', Word("hospital")),
        ("@Practice_Hosp", Phrase((Word("practice"), Word("hosp")))),
        ("#café", Word("cafe")),
        ("O'Brien", Phrase((Word("o"), Word("brien")))),
        ('"St. Mary\'s"', Phrase((Word("st"), Word("mary"), Word("s")))),
        ("\u201ctwo words\u201d \u00abtwo words\u00bb", And((Phrase((Word("two"), Word("words"))),) * 2)),
        ("hosp*", Prefix("hosp")),
        ('"big hosp* nearby"', Phrase((Word("big"), Prefix("hosp"), Word("nearby")))),
        ("病院", Phrase((Word("病"), Word("院")))),
        ("=WHO", Exact("WHO", "who")),
        ('="Élan Vital"', Phrase((Exact("Élan", "elan"), Exact("Vital", "vital")))),
        ("\u2764\ufe0f", Symbol("\u2764")),
        ('"\U0001f600"', Symbol("\U0001f600")),
        ("near", Word("near")),
        ('"and"', Word("and")),
        ("10:30", Phrase((Word("10"), Word("30")))),
    ],
)
def test_a_term_is_what_its_text_has_of_words(text, query):
    assert parse(text) == query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("a AND b", And((A, B))),
        ("a b", And((A, B))),
        ('a"b"(c)', And((A, B, C))),
        ("a OR b", Or((A, B))),
        ("a NOT b", And((A, Not(B)))),
        ("a AND NOT b", And((A, Not(B)))),
        ("a OR b AND c", Or((A, And((B, C))))),
        ("a b OR c d", Or((And((A, B)), And((C, D))))),
        ("(a OR b) c", And((Or((A, B)), C))),
        ("a NOT b c", And((A, Not(B), C))),
        ("a NOT (b OR c)", And((A, Not(Or((B, C)))))),
        ("NOT a b", And((Not(A), B))),
        ("NOT NOT a b", And((Not(Not(A)), B))),
        ("a (b OR NOT c)", And((A, Or((B, Not(C)))))),
        ("((a))", A),
        ("a (b (c d))", And((A, B, C, D))),
        ("a OR (b OR (c OR d))", Or((A, B, C, D))),
        ("a NEAR/5 b", Near((A, B), (Link(5, ordered=False),))),
        ("a ONEAR/2 b", Near((A, B), (Link(2, ordered=True),))),
        ("a NEAR/3 b ONEAR/1 c", Near((A, B, C), (Link(3, ordered=False), Link(1, ordered=True)))),
        ("a b NEAR/3 c", And((A, Near((B, C), (Link(3, ordered=False),))))),
        ("NOT (a NEAR/3 b) c", And((Not(Near((A, B), (Link(3, ordered=False),))), C))),
        ("a NEAR/3 (b OR (c OR d))", Near((A, Or((B, C, D))), (Link(3, ordered=False),))),
    ],
)
def test_not_binds_before_near_before_and_before_or(text, query):
    assert parse(text) == query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("stars<3", Field("stars", "<", 3.0)),
        ("stars <= 2.5", Field("stars", "<=", 2.5)),
        ("stars>4", Field("stars", ">", 4.0)),
        ("stars>=4", Field("stars", ">=", 4.0)),
        ("stars=5", Field("stars", ":", 5.0)),
        ("Stars:5", Field("stars", ":", 5.0)),
        ("author:jane", Field("author", ":", Word("jane"))),
        ("author:@jane.doe*", Field("author", ":", Phrase((Word("jane"), Prefix("doe"))))),
        ("author:=Jane", Field("author", ":", Exact("Jane", "jane"))),
        ("site:WWW.News.example", Field("site", ":", "news.example")),
        ("site:münchen.example", Field("site", ":", "xn--mnchen-3ya.example")),
        ("lang:pt_BR", Field("lang", ":", "pt-br")),
        ("KIND:Review", Field("kind", ":", "review")),
        ("source:google-main", Field("source", ":", "google main")),
        ("source:google*", Field("source", ":", "google*")),
        ('location:"Main Campus"', Field("location", ":", "main campus")),
        ("ours:yes", Field("ours", ":", value=True)),
        ("ours:false", Field("ours", ":", value=False)),
    ],
)
def test_a_field_has_a_value_of_its_own_kind(text, query):
    assert parse(text) == query


def test_stars_without_a_number_behind_are_a_word():
    assert parse("five stars") == And((Word("five"), Word("stars")))


@pytest.mark.parametrize(
    ("text", "column", "remedy"),
    [
        ("", 1, "at least one word"),
        (" \n ", 1, "at least one word"),
        ("(a OR b", 1, "write a ) where the group ends"),
        ("a (b (c)", 3, "write a ) where the group ends"),
        ("a) b", 2, "take it away"),
        (")", 1, "take it away"),
        ("a ()", 3, "fill them"),
        ('a "b c', 3, "write one more where the phrase ends"),
        ('author:"b c', 1, "write one more where the phrase ends"),
        ("a AND", 3, "AND needs something to find behind it"),
        ("a OR )", 3, "OR needs something to find behind it"),
        ("a NOT", 3, "NOT needs something to find behind it"),
        ("a NEAR/3", 3, "NEAR/3 needs something to find behind it"),
        ("AND a", 1, "AND needs something to find before it"),
        ("a (OR b)", 4, "OR needs something to find before it"),
        ("NEAR/3 a", 1, "NEAR/3 needs something to find before it"),
        ("a AND OR b", 3, "but OR follows"),
        ("a and b", 3, "write AND"),
        ("a Or b", 3, "write OR"),
        ("not a", 1, "write NOT"),
        ("a near/3 b", 3, "NEAR/n"),
        ("a NEAR b", 3, "NEAR/n"),
        ("a NEAR/ b", 3, "NEAR/n"),
        ("a NEAR/0 b", 3, "from 1"),
        ("a NEAR/-1 b", 3, "from 1"),
        ("a NEAR/x b", 3, "from 1"),
        ("a NEAR/1001 b", 3, "to 1000"),
        (f"a NEAR/{'9' * 5000} b", 3, "to 1000"),
        ("NOT a NEAR/3 b", 7, "NOT (a NEAR/5 b)"),
        ("a NEAR/3 (b c)", 3, "words, phrases or an OR"),
        ("a NEAR/3 (b OR NOT c)", 3, "words, phrases or an OR"),
        ("a NEAR/3 (b NEAR/3 c)", 3, "words, phrases or an OR"),
        ("a NEAR/3 stars<3", 3, "words, phrases or an OR"),
        ("a NEAR/3 \u2764", 3, "words, phrases or an OR"),
        ("NOT a", 1, "say what to find too"),
        ("NOT a NOT b", 1, "say what to find too"),
        ("a OR NOT b", 1, "say what to find too"),
        ("a colour:red", 3, "only author, site, lang, kind, stars, source, location, ours"),
        ("https://practice.example", 1, "put it in quotes"),
        ("author: jane", 1, "right behind it"),
        ("site:(a.example OR b.example)", 1, "OR between several"),
        ('author:"..."', 1, "letters or digits"),
        ("author:\u2764", 1, "letter or digit"),
        ("site:news.example/path", 1, "such as site:news.example"),
        ("lang:english", 1, "such as lang:en"),
        ("kind:tweet", 1, "post, comment, review, article"),
        ("stars<three", 1, "from 1 to 5"),
        ("stars<", 1, "from 1 to 5"),
        ("stars>5.5", 1, "from 1 to 5"),
        ("stars:0", 1, "from 1 to 5"),
        ("source:*", 1, "only at its end"),
        ("source:a*b", 1, "only at its end"),
        ("source:=a", 1, "leave out the ="),
        ("ours:maybe", 1, "yes (we wrote it) or no"),
        ("a likes>5", 3, "only stars can be compared"),
        ("*", 1, "hospital*"),
        ("*pital", 1, "hospital*"),
        ("hos*tal", 1, "hospital*"),
        ('"a *"', 1, "hospital*"),
        ("=Hosp*", 1, "take one of them"),
        ("=", 1, "letters or digits"),
        ("a ...", 3, "letters or digits"),
        ("a -b", 3, "write NOT before it"),
        ("a !b", 3, "write NOT before it"),
        ("a \u2212b", 3, "write NOT before it"),
        ("+a", 1, "leave out the +"),
        ("'a b'", 1, "in double quotes"),
        ("\u2018a b\u2019", 1, "in double quotes"),
        ("a && b", 3, "write AND"),
        ("a | b", 3, "write OR"),
        ('"a b"~5', 6, "NEAR/n"),
        ("wom?n", 1, "with OR"),
        (f'"{"a " * 101}"', 1, "at most 100 words"),
        (f"{'(' * 51}a{')' * 51}", 51, "write it flatter"),
        (f"a {'NOT ' * 51}b", 203, "write it flatter"),
        ("a " * 10_001, 20_001, "several topics"),
    ],
)
def test_an_unreadable_query_is_refused_with_its_place_and_remedy(text, column, remedy):
    with pytest.raises(QueryError) as refusal:
        parse(text)
    assert refusal.value.column == column
    assert remedy in str(refusal.value)
    assert str(refusal.value).startswith(f"column {column}: ")


def test_what_is_just_short_enough_is_read():
    assert parse(f"{'(' * 50}a{')' * 50}") == A
    assert parse("(a) " * 60 + "NOT b " * 60) == And((A,) * 60 + (Not(B),) * 60)
    assert parse(("a " * 10_000).strip()) == And((A,) * 10_000)


@pytest.mark.parametrize(
    "text",
    [
        '("Practice Hospital" OR practicehosp OR (hospital NEAR/5 "Elm Street")) NOT (concert OR "Practice Hospital Road")',
        'x NEAR/3 (b OR "c d*") ONEAR/2 =Foo',
        'a (b OR NOT (c NEAR/2 d)) NOT NOT e \u2764 "病院*" "and" "not or"',
        'stars<=3 author:="Jane Doe" author:jan* author:"jane d*" site:news.example lang:pt kind:post source:a*',
        'location:"Main Campus*" ours:no stars=4.5 ="Or And"',
    ],
)
def test_a_query_as_text_reads_as_the_same_query(text):
    assert parse(str(parse(text))) == parse(text)


_PIECES = st.sampled_from(
    [
        "a",
        "b*",
        '"',
        "(",
        ")",
        " ",
        "AND",
        "OR",
        "NOT",
        "NEAR/2",
        "stars<",
        "3",
        "author:",
        "=",
        "*",
        "\u2764",
        "é",
        "-",
    ]
)


@settings(max_examples=1500)
@given(st.lists(_PIECES, max_size=12).flatmap(lambda pieces: st.sampled_from(["".join(pieces), " ".join(pieces)])))
def test_any_text_is_a_query_that_survives_its_own_text_or_is_refused(text):
    try:
        query = parse(text)
    except QueryError as refusal:
        assert 1 <= refusal.column <= len(text) + 1  # noqa: PT017 - a refusal is one of two right answers
    else:
        assert parse(str(query)) == query


@settings(max_examples=500)
@given(st.text(max_size=40))
def test_whatever_is_typed_nothing_but_a_query_error_comes_back(text):
    try:
        query = parse(text)
    except QueryError as refusal:
        assert refusal.column >= 1  # noqa: PT017 - a refusal is one of two right answers
    else:
        assert parse(str(query)) == query


@pytest.mark.parametrize(
    "piece", ["(", "NOT ", '"', "a OR (", "a~", "-", "a?", "*", "stars<", "a:", "=", "a NEAR/2 ()", "_"]
)
def test_a_long_query_of_one_piece_is_read_or_refused_at_once(piece):
    start = time.process_time()
    with pytest.raises(QueryError):
        parse((piece * 20_000)[:19_999])
    assert time.process_time() - start < 5
