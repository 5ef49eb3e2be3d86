"""Which mentions a topic holds for, and the evidence it shows."""

import random
import time
from datetime import UTC, datetime

import pytest

from monitor.model import Kind, Mention
from monitor.topics import And, Hit, Or, Prefix, Symbol, Topics, Word, parse


def mention(text="", **facts):
    return Mention(
        **{
            "external_id": "1",
            "kind": Kind.POST,
            "text": text,
            "published_at": datetime(2026, 3, 2, tzinfo=UTC),
            **facts,
        }
    )


def evidence(query, said, source="news", labels=None):
    """The evidence of one query, None where it does not hold."""
    return Topics({"it": parse(query)}).match(said, source=source, labels=labels or {}).get("it")


def holds(query, said, **where):
    return evidence(query, said, **where) is not None


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        # words are whole, and neither case nor accents nor signs matter
        ("hospital", "The HOSPITAL.", True),
        ("hospital", "hospitals", False),
        ("hospital", "cohospital", False),
        ("hospital", "Practice Hospital's ward", True),
        ("cafe", "Café", True),
        ("CAFÉ", "cafe", True),
        ("strasse", "Elm-Straße", True),
        ("practicehosp", "thanks @practicehosp!", True),
        ("practicehosp", "#PracticeHosp", True),
        ("practicehosp", "@practicehosp_fans", True),
        # phrases
        ('"practice hospital"', "Practice\n Hospital", True),
        ('"practice hospital"', "practice-hospital", True),
        ('"practice hospital"', "practice the hospital", False),
        ('"practice hospital"', "hospital practice", False),
        ('"a a b"', "a a a b", True),
        ('"a b"', "b a a", False),
        ("O'Brien", "Dr. O\u2019Brien", True),
        ("O'Brien", "OBrien", False),
        ("病院", "大学病院です", True),
        ("病院", "病と院", False),
        # prefixes
        ("hosp*", "hospice", True),
        ("hosp*", "hosp", True),
        ("hosp*", "inhospitable", False),
        ('"big hosp*"', "a big hospice", True),
        ('"big hosp*"', "hospice big", False),
        # exact case
        ("=WHO", "the WHO says", True),
        ("=WHO", "who says", False),
        ("=Élan", "E\u0301lan", True),
        ("=Élan", "Elan", False),
        ("=Hospital", "Hos\u00adpital", True),
        ('="Practice Hospital"', "at Practice, Hospital", True),
        ('="Practice Hospital"', "at Practice hospital", False),
        ('="A B"', "A b B", False),
        # symbols
        ("\u2764\ufe0f", "great\u2764", True),
        ("\u2764", "love \u2764\ufe0f it", True),
        ("\U0001f600", "\U0001f601", False),
        # and, or, not
        ("a b", "b x a", True),
        ("a AND b", "a", False),
        ("a OR b", "b", True),
        ("a OR b", "c", False),
        ("a NOT b", "a c", True),
        ("a NOT b", "a b", False),
        ("a OR b c", "a", True),
        ("(a OR b) c", "a", False),
        ("a NOT (b c)", "a b", True),
        ("a (b OR NOT c)", "a", True),
        ("a (b OR NOT c)", "a c", False),
        ("a NOT NOT b", "a b", True),
        # near
        ("a NEAR/1 b", "a b", True),
        ("a NEAR/1 b", "b a", True),
        ("a NEAR/1 b", "a x b", False),
        ("a NEAR/3 b", "a x x b", True),
        ("a NEAR/3 b", "a x x x b", False),
        ("a ONEAR/3 b", "a x b", True),
        ("a ONEAR/3 b", "b x a", False),
        ("a NEAR/3 a", "a x", False),
        ("a NEAR/3 a", "a x a", True),
        ("a* NEAR/3 ab", "ab", False),
        ('"a b" NEAR/2 c', "a b x c", True),
        ('"a b" NEAR/2 c', "a b x x c", False),
        ('"a b" NEAR/2 c', "c x a b", True),
        ('"a b" NEAR/5 "b c"', "a b c", False),
        ("(a OR b) NEAR/1 (c OR d)", "x d b", True),
        ("a NEAR/1 b NEAR/1 c", "a b c", True),
        ("a NEAR/1 b NEAR/1 c", "a b x c b", False),
        ("a ONEAR/2 b ONEAR/2 c", "b a x b x c", True),
    ],
)
def test_operators_hold_where_they_say(query, text, expected):
    assert holds(query, mention(text)) is expected


@pytest.mark.parametrize(
    ("query", "facts", "expected"),
    [
        ("author:jane", {"author": "Jané Doe"}, True),
        ("author:jan", {"author": "Jane Doe"}, False),
        ("author:jan*", {"author": "@jane.doe"}, True),
        ('author:"doe jane"', {"author": "Jane Doe"}, False),
        ("author:=jane", {"author": "Jane"}, False),
        ("author:jane", {"author": None}, False),
        ("site:news.example", {"url": "https://www.NEWS.example:443/a?b=1"}, True),
        ("site:news.example", {"url": "https://fakenews.example/"}, False),
        ("site:www.news.example", {"url": "https://news.example/"}, True),
        ("site:münchen.example", {"url": "https://xn--mnchen-3ya.example/"}, True),
        ("site:news.example", {"url": "https://[broken/"}, False),
        ("site:news.example", {"url": None}, False),
        ("lang:pt", {"lang": "pt-BR"}, True),
        ("lang:pt-br", {"lang": "pt_BR"}, True),
        ("lang:pt-br", {"lang": "pt"}, False),
        ("lang:fi", {"lang": "fil"}, False),
        ("lang:en", {"lang": None}, False),
        ("kind:review", {"kind": Kind.REVIEW}, True),
        ("kind:review", {"kind": Kind.POST}, False),
        ("stars<3", {"stars": 2.5}, True),
        ("stars<3", {"stars": 3}, False),
        ("stars<=3", {"stars": 3}, True),
        ("stars>3", {"stars": 3}, False),
        ("stars>=3", {"stars": 3}, True),
        ("stars=3", {"stars": 3}, True),
        ("stars:3", {"stars": 3.5}, False),
        ("stars<3", {"stars": None}, False),
        ("kind:post NOT stars<3", {"stars": None}, True),
        ("ours:yes", {"ours": True}, True),
        ("ours:no", {"ours": True}, False),
        ("ours:no", {}, True),
    ],
)
def test_fields_ask_what_is_known_of_a_mention(query, facts, expected):
    assert holds(query, mention("x", **facts)) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("source:google-main", True),
        ("source:Google-MAIN", True),
        ("source:google", False),
        ("source:goo*", True),
        ('location:"main campus"', True),
        ("location:main", False),
        ("location:main*", True),
        ("location:other", False),
    ],
)
def test_source_and_location_are_compared_whole(query, expected):
    assert holds(query, mention(), source="google-main", labels={"location": "Main campus"}) is expected


def test_an_unknown_location_is_none_of_those_asked_for():
    assert not holds("location:main", mention("main"))


def test_title_and_text_are_both_searched_and_nothing_spans_the_two():
    said = mention("street fair", title="On Elm")
    assert evidence("elm street", said) == (Hit(3, 6, "elm", "title"), Hit(0, 6, "street", "text"))
    assert not holds('"elm street"', said)
    assert not holds("elm NEAR/5 street", said)
    assert holds('"elm street" OR "street fair"', said)


def test_evidence_is_what_holds_and_nothing_else():
    said = mention("Elm Street Hospital, not the Elm Road hospice; hospital")
    query = '(hospital NEAR/2 "elm street") OR (hosp* road missing) OR fair NOT concert'
    assert evidence(query, said) == (Hit(0, 10, '"elm street"', "text"), Hit(11, 19, "hospital", "text"))


def test_an_ordered_pair_shows_only_what_stands_in_that_order():
    assert [hit.start for hit in evidence("a ONEAR/1 b", mention("b a b a"))] == [2, 4]


def test_a_chain_shows_only_occurrences_that_are_part_of_a_whole_one():
    said = mention("a b x x x a b c x x x b c")
    assert [(hit.start, hit.term) for hit in evidence("a NEAR/1 b NEAR/1 c", said)] == [(10, "a"), (12, "b"), (14, "c")]


def test_what_is_absent_or_known_otherwise_leaves_no_evidence():
    assert evidence("kind:post NOT concert", mention("hospital")) == ()
    assert [hit.term for hit in evidence("hospital kind:post NOT concert", mention("hospital"))] == ["hospital"]


@pytest.mark.parametrize(
    ("query", "text", "shown"),
    [
        ("strasse", "\U0001f600 Die Straße.", ["Straße"]),
        ('"istanbul klinik"', "\u0130stanbul, Klinik!", ["\u0130stanbul, Klinik"]),
        ("cafe", "Cafe\u0301s: cafe\u0301, CAFE\u0301.", ["cafe\u0301", "CAFE\u0301"]),
        ("efficient", "very e\ufb03cient", ["e\ufb03cient"]),
        ("\u2764", "a \u2764\ufe0f b\u2764", ["\u2764", "\u2764"]),
        ("病院", "近くの病院。", ["病院"]),
        ("=Straße NEAR/3 (ßß* OR who)", "STRASSE Straße ßßx Who", ["Straße", "ßßx", "Who"]),
    ],
)
def test_evidence_is_in_offsets_of_the_original(query, text, shown):
    assert [text[hit.start : hit.end] for hit in evidence(query, mention(text))] == shown


def test_overlapping_terms_are_all_shown_in_the_order_of_the_text():
    assert evidence('hosp* OR hospital OR "big hospital"', mention("big hospital")) == (
        Hit(0, 12, '"big hospital"', "text"),
        Hit(4, 12, "hosp*", "text"),
        Hit(4, 12, "hospital", "text"),
    )


def test_topics_come_in_the_order_they_were_given_and_only_those_asked_for():
    topics = Topics({"second": parse("b"), "first": parse("a"), "third": parse("c"), "all": parse("kind:post")})
    said = mention("a b")
    assert list(topics.match(said, source="s", labels={})) == ["second", "first", "all"]
    assert list(topics.match(said, source="s", labels={}, only=["first", "third", "unheard-of"])) == ["first"]
    assert topics.match(said, source="s", labels={}, only=[]) == {}
    many = Topics({str(number): parse("a" if number % 7 == 1 else "c") for number in range(1000)})
    assert list(many.match(said, source="s", labels={})) == [str(number) for number in range(1, 1000, 7)]
    few = Topics({str(number): parse("a" if number in {1, 8, 64} else "c") for number in range(100)})
    assert list(few.match(said, source="s", labels={})) == ["1", "8", "64"]


class Unaskable(Word):
    """A word that must not be looked for."""

    def found(self, reading):
        raise AssertionError(f"{self.word} was asked of {reading.mention.text!r}")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (Unaskable("hospital"), "a clinic"),
        (And((Unaskable("hospital"), Word("elm"))), "a hospital"),
        (And((Unaskable("elm"), Word("hospital"))), "a hospital"),
        (Or((And((Unaskable("hospital"), Word("elmstreet"))), Word("clinic"))), "a hospital"),
        (And((Unaskable("hospital"), Prefix("elm"))), "in an old helm"),
        (And((Unaskable("hospital"), Symbol("\u2764"))), "a clinic \u2764"),
    ],
)
def test_a_topic_is_not_even_asked_where_a_word_that_it_needs_is_missing(query, text):
    assert Topics({"it": query}).match(mention(text), source="s", labels={}) == {}


def test_of_many_topics_only_those_with_a_rare_word_of_the_text_are_asked():
    queries = {f"{number}": And((Word("hospital"), Unaskable(f"w{number}"))) for number in range(1000)}
    assert Topics(queries).match(mention("hospital hospital"), source="s", labels={}) == {}


def test_without_topics_nothing_matches():
    assert Topics({}).match(mention("a"), source="s", labels={}) == {}


def test_a_mention_without_words_is_matched_by_its_fields_alone():
    topics = Topics({"words": parse("a OR \u2764 OR a*"), "stars": parse("stars<3")})
    assert topics.match(mention("", stars=1), source="s", labels={}) == {"stars": ()}


def test_broken_text_is_read_like_any_other():
    assert holds("hospital", mention("\ud83d hospital \udc00\x00"))


WORDS = [
    "elm",
    "oak",
    "Elma",
    "étage",
    "病院",
    "hospital",
    "clinic",
    "O'Brien",
    "\u2764",
    "street",
    "=Elm",
    "hosp*",
    "el*",
]


def random_query(dice, depth=3):
    if depth == 0 or dice.random() < 0.2:
        return dice.choice([*WORDS, '"elm street"', "stars<3", "kind:review", '"oak hosp*"'])
    parts = [random_query(dice, depth - 1) for _ in range(dice.randint(2, 3))]
    joined = dice.choice([" ", " OR ", " NOT "]).join(f"({part})" for part in parts)
    return dice.choice([joined, joined, f"({dice.choice(WORDS[:5])} NEAR/2 (hospital OR clinic)) {parts[0]}"])


@pytest.mark.parametrize("seed", range(5))
def test_asking_only_likely_topics_finds_what_asking_each_alone_finds(seed):
    dice = random.Random(seed)
    queries = {f"topic-{number}": parse(random_query(dice)) for number in range(300)}
    together = Topics(queries)
    alone = {name: Topics({name: query}) for name, query in queries.items()}
    found = 0
    for _ in range(40):
        said = mention(
            " ".join(dice.choices([*WORDS, "x", "y"], k=dice.randint(0, 8))).replace("=", "").replace("*", "ish"),
            title=" ".join(dice.choices(WORDS, k=dice.choice([0, 0, 2]))),
            stars=dice.choice([None, 1, 5]),
        )
        asked = {name: topic.match(said, source="s", labels={}) for name, topic in alone.items()}
        expected = {name: match[name] for name, match in asked.items() if match}
        assert together.match(said, source="s", labels={}) == expected
        found += len(expected)
    assert found > 1000


@pytest.mark.parametrize(
    "query",
    [
        "a NEAR/1000 a NEAR/1000 a NEAR/1000 a NEAR/1000 a",
        "a NEAR/5 (a OR a OR a OR a* OR =a) ONEAR/3 a",
        f'"{"a " * 100}"',
        f'"{"a " * 99}b"',
        f"{'(a OR ' * 50}b{')' * 50}",
        f"{'(a (b OR ' * 25}a{'))' * 25}",
        f"{'NOT ' * 50}a b",
        " OR ".join(f"a{number} OR a" for number in range(1000)),
    ],
)
def test_a_hostile_text_costs_bounded_time(query):
    said = mention("a " * 10_000 + "b", title="a " * 200)
    start = time.process_time()
    found = evidence(query, said)
    assert time.process_time() - start < 5
    assert found is None or len(found) <= 2000


def test_one_place_is_kept_once_and_at_most_a_hundred_of_a_term():
    assert len(evidence("a OR a OR (a x)", mention("a " * 5000 + "x"))) == 101


def test_nodes_can_be_told_apart_and_used_as_keys():
    assert len({Word("a"), Word("a"), Prefix("a")}) == 2
