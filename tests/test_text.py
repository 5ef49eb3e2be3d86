"""HTML becomes the text a reader sees, and only web addresses are kept."""

from __future__ import annotations

import html
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from connectors.kit.text import https, plain, tidy

TAG = re.compile(r"<[A-Za-z/!?]")


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("", ""),
        ("No markup at all", "No markup at all"),
        ("  spaces \t everywhere  ", "spaces everywhere"),
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("<p>One</p>\n\n<p>Two &amp; three<br>four</p>", "One\nTwo & three\nfour"),
        ("<P CLASS='x'>Loud</P>", "Loud"),
        ("a<br/>b<br />c<BR>d", "a\nb\nc\nd"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("<td>1</td><td>2</td>", "1\n2"),
        ("in<b>si</b>de", "inside"),
        ("I <3 it, 1 < 2 and 5 < p > 3", "I <3 it, 1 < 2 and 5 < p > 3"),
        ("seen<script>if (a<b) x='</b>'</script><style>p{}</style> text", "seen text"),
        ("<svg><title>no</title></svg>yes<template>no</template>", "yes"),
        ("a<!-- a comment -->b<!-- <b>odd</b> -- > one -->c", "abc"),
        ("<a href='x>y' title=\"<\">link</a>", "link"),
        ("&lt;p&gt;Escaped twice &amp;amp; whole&lt;/p&gt;", "Escaped twice & whole"),
        ("Write &lt;b&gt; for bold", "Write <b> for bold"),
        ("no&nbsp;break &#8230;quoted&#x2026; &eacute;", "no break …quoted… é"),
        ("&am<b>p;</b>", "&amp;"),
        ("R&D at AT&T", "R&D at AT&T"),
        ("the author's\nlines  stay", "the author's\nlines stay"),
        ("but not <i>those\nof</i> HTML", "but not those of HTML"),
        ("soft\u00adhyphen, \u200bnothing, \ufeffmark, \x07bell", "softhyphen, nothing, mark, bell"),
        ("family 👨‍👩‍👧 stays", "family 👨‍👩‍👧 stays"),
        ("cut off <b", "cut off"),
    ],
)
def test_html_becomes_what_a_reader_sees(markup, text):
    assert plain(markup) == text


WORDS = st.sampled_from(["wait", "Größe", "3 h", "&amp;", "&lt;", "👍", "&nbsp;", "1 < 2", "&#8217;", "\n", " "])
TAGS = st.sampled_from(["b", "i", "em", "span", "a", "strong", "code", "u"])


@given(
    st.recursive(
        WORDS, lambda inner: st.builds("<{0}>{1}</{0}>".format, TAGS, inner) | st.builds(str.__add__, inner, inner)
    )
)
def test_ordinary_markup_reads_as_a_real_parser_reads_it(markup):
    tree = LexborHTMLParser(f"<body>{markup}")

    assert plain(f"<i></i>{markup}") == " ".join(tree.body.text().split())


@given(st.text(alphabet="<>/!-=\"'&;ab p\n\0#", max_size=60))
def test_no_text_breaks_it_and_what_it_says_is_tidy(markup):
    text = plain(markup)

    assert text == tidy(text)
    assert "\0" not in text


@given(st.text())
def test_what_is_escaped_comes_back_whole(text):
    assert " ".join(plain(html.escape(text)).split()) == " ".join(tidy(text).split())


@pytest.mark.parametrize(
    "bomb",
    [
        "<" * 500_000,
        "&" * 500_000,
        '<p a="' * 80_000,
        "<p a='<p b=\"' " * 40_000,
        "<!--" * 120_000,
        "<p " * 160_000,
        "<p a" + " a" * 250_000 + "=>",
        "".join(f'<b id={n}"x>' for n in range(30_000)) + '<p"x>' * 30_000,
        '<div">' * 80_000,
        "<table>" * 70_000,
        "<p>" + " " * 500_000,
    ],
    ids=lambda bomb: bomb[:8],
)
def test_half_a_megabyte_of_nonsense_takes_no_time(bomb):
    before = time.process_time()

    text = plain(bomb)

    assert time.process_time() - before < 5  # a hundredth of it on a quiet machine; hours if it were quadratic
    assert len(text) <= len(bomb)


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("https://news.example/a?b=c#d", "https://news.example/a?b=c#d"),
        ("http://news.example", "http://news.example"),
        (" https://news.example/a ", "https://news.example/a"),
        ("/a", "https://base.example/a"),
        ("a", "https://base.example/dir/a"),
        ("//other.example/a", "https://other.example/a"),
        ('https://news.example/a b"c', "https://news.example/a%20b%22c"),
        ("https://news.example/a\nb", "https://news.example/ab"),
        ("https:\\\\news.example\\a", "https://news.example/a"),
        ("https://news.example/Größe", "https://news.example/Größe"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("mailto:a@news.example", None),
        ("ftp://news.example/a", None),
        ("http://", None),
        ("http://[::1", None),
        ("http://news.example:99999/", None),
        ("https://news.example/" + "a" * 9_000, None),
        ("", None),
        (None, None),
    ],
)
def test_only_addresses_of_the_web_are_kept(url, resolved):
    assert https(url, "https://base.example/dir/page") == resolved


@given(st.text(alphabet='htps:/.@[]\\?# \n%aü<"', max_size=30))
def test_no_link_breaks_it(url):
    found = https(url, "https://base.example/")

    assert found is None or found.startswith(("https://", "http://"))
    assert found is None or not re.search(r"[\s<>\"]", found)
