"""Mails as they come: encodings, nesting, notifications and forwards, and those that are built to hurt."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.mail import Reader, headed, read
from connectors.kit.mail.alerts import target
from connectors.kit.mail.mentions import forwarded
from connectors.kit.mail.reviews import stars
from monitor.model import Kind
from tests.spoiling import is_sound

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DATE = "Date: Mon, 01 Jun 2026 12:00:00 +0000\n"
ALERTS = "From: Google Alerts <googlealerts-noreply@google.com>\n" + DATE
GOOGLE = "From: Google Business Profile <businessprofile-noreply@google.com>\n" + DATE


def wrapped(url: str) -> str:
    return f"https://www.google.com/url?rct=j&sa=t&url={url}&ct=ga&cd=CAE&usg=AFQ"


def row(n: int) -> str:
    link = wrapped(f"https://news.example/{n}").replace("&", "&amp;")
    share = f"https://www.google.com/alerts/share?ru=https://news.example/{n}&amp;ss=fb"
    flag = f"https://www.google.com/alerts/feedback?ffu=https://news.example/{n}"
    return (
        f'<tr itemscope="" itemtype="http://schema.org/Article"><td><a></a><span><a href="{link}" itemprop="url">'
        f'<span itemprop="name">Practice <b>Hospital</b>&#39;s news {n}</span></a></span><div itemprop="publisher" itemscope=""'
        f' itemtype="http://schema.org/Organization"><a><span itemprop="name">Elm Street News</span></a></div>'
        f'<div itemprop="description">Excerpt <b>{n}</b>&nbsp;...</div><table><tr><td><a href="{share}"><img alt="x"></a></td>'
        f'<td><a href="{flag}">Flag as irrelevant</a></td></tr></table></td></tr>'
    )


def written(n: int, *, news: bool = True) -> str:
    publisher = "Elm Street News\n" if news else ""
    return f"Practice Hospital's news {n}\n{publisher}Excerpt {n}\n<{wrapped(f'https://news.example/{n}')}>\n\n"


def mentions(raw: str | bytes, **how):
    return Reader(**how).mentions(read(raw.encode() if isinstance(raw, str) else raw), None)


# How a mail is read


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=B6=C3=9Fe =\nweich", "Größe weich"),
        ("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nR3LDtsOfZQ==", "Größe"),
        ("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64 \n\nR3LDtsOfZQ", "Größe"),
        ("Content-Type: text/plain; charset=utf-8\n\nGröße".encode("latin-1"), "Größe"),
        ("Content-Type: text/plain; charset=us-ascii\n\nGröße", "Größe"),
        ("Content-Type: text/plain; charset=no-such-thing\n\nGröße", "Größe"),
        ("Content-Type: text/plain; charset=punycode\n\nplain", "plain"),
        ("Content-Type: text/plain; charset=zlib\n\nplain", "plain"),
        ("Content-Type: text/plain; charset=utf-16\n\nx", "x"),
        ("\nno headers at all", "no headers at all"),
        ("Content-Type: text/html\n\n<style>a{}</style><p>One<p>Two &amp; three", "One\nTwo & three"),
        ("Content-Type: nonsense\n\nplain", "plain"),
        ("Content-Type: multipart/mixed\n\nno boundary", "no boundary"),
        ("Content-Type: text/plain; format=flowed\n\none \ntwo\n-- \nme", "one two\n--\nme"),
        ("Content-Type: text/plain; format=flowed; delsp=yes\n\none \ntwo\n stuffed", "onetwo\nstuffed"),
        ("Content-Type: text/plain\n\nnul\0 and \u200b are left out", "nul and are left out"),
    ],
)  # fmt: skip
def test_a_text_is_decoded_as_well_as_it_goes(raw, text):
    assert read(raw.encode() if isinstance(raw, str) else raw).text == text


def test_of_two_versions_the_plain_one_is_read_and_attachments_are_not():
    mail = EmailMessage()
    mail.set_content("The plain one.")
    mail.add_alternative("<p>The <b>other</b> one.</p>", subtype="html")
    mail.add_attachment("not to be read", filename="a.txt")
    letter = read(mail.as_bytes())
    assert (letter.text, "other" in letter.html) == ("The plain one.", True)


@pytest.mark.parametrize(
    ("head", "field", "value"),
    [
        ("Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?= =?iso-8859-1?q?_=E4?=", "subject", "Größe ä"),
        ("Subject: =?utf-8?b?R3LDtsOf?=\n =?utf-8?b?ZQ==?=", "subject", "Größe"),
        ("Subject: =?utf-8?b?a?= x", "subject", "=?utf-8?b?a?= x"),
        ("Subject: =?no-such?q?plain?=", "subject", "plain"),
        ("Subject: Größe", "subject", "Größe"),
        ("Subject:", "subject", ""),
        ("From: =?utf-8?q?Ada_=3Cx=40evil.example=3E?= <ada@news.example>", "sender", "ada@news.example"),
        ("From: =?utf-8?q?Ada_Example?= <ADA@News.Example>", "sender", "ada@news.example"),
        ("From: =?utf-8?q?Ada_Example?= <ADA@News.Example>", "name", "Ada Example"),
        ("From: undisclosed", "sender", ""),
        ("From: <ada@news.example>, <bob@news.example>", "sender", "ada@news.example"),
        ("From: jdöe@exämple.example", "sender", "jdöe@exämple.example"),
        ("Message-ID: <1@news.example>", "id", "1@news.example"),
        ("Date: Mon, 01 Jun 2026 14:00:00 +0200 (CEST)", "sent_at", NOW),
        ("Date: Mon, 01 Jun 2026 12:00:00", "sent_at", NOW),
        ("Date: Mon, 01 Jun 99999 12:00:00 +0000", "sent_at", None),
        ("Date: yesterday", "sent_at", None),
        ("X: y", "sent_at", None),
    ],
)
def test_a_header_is_decoded_as_well_as_it_goes(head, field, value):
    assert getattr(read(f"{head}\n\nx".encode()), field) == value


def test_a_mail_without_an_id_goes_by_its_bytes():
    one, same, other = (read(f"Subject: x\n\n{text}".encode()).id for text in ("a", "a", "b"))
    assert one == same != other
    assert len(one) == 32


def test_headers_alone_are_read():
    assert headed(b"From: a@news.example\r\n\r\n").sender == headed(b"From: a@news.example").sender == "a@news.example"
    assert headed(b"").sender == ""


# Mails built to hurt


def nested(levels: int) -> bytes:
    heads = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(levels))
    return (ALERTS + heads + "Content-Type: text/plain\n\nthe innermost").encode()


def test_nesting_is_read_down_to_a_point():
    assert read(nested(40)).text == "the innermost"
    for levels in (51, 1000, 20_000):
        with pytest.raises(ValueError, match="nested"):
            read(nested(levels))
    with pytest.raises(ValueError, match="nested"):
        read(nested(45) + b"\nx" * 400_000)


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: " + b"=?utf-8?q?x?= " * 60_000 + b"\n\nhi",
        b"Content-Type: text/plain" + b"; a=b" * 190_000 + b"\n\nhi",
        b"Content-Type: text/plain; charset=" + b'"' * 900_000 + b"\n\nhi",
        b"From: " + b'"a" <a@b.example>, ' * 50_000 + b"\n\nhi",
        b"From: " + b"(" * 900_000 + b"\n\nhi",
        b"A: b\n" * 19_000 + b"\nhi",
        b"Authentication-Results: " + b"(" * 900_000 + b"\n\nhi",
        b"Message-ID: " + b"a" * 900_000 + b"\n\nhi",
        b"\n" + b"x:\nfrom:" + b"a" * 900_000,
    ],
)
def test_bombs_in_headers_do_no_harm(raw):
    try:
        letter = read(raw)
    except ValueError:
        return
    assert len(letter.id) <= 300
    assert len(letter.subject) <= 1000


def test_more_headers_or_parts_than_any_mail_has_are_refused():
    for raw in (
        b"A: b\n" * 30_000 + b"\nhi",
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 30_000,
    ):
        with pytest.raises(ValueError, match="divided"):
            read(raw)


@pytest.mark.parametrize(
    "page", ["<a href=x><div>" * 60_000, "".join(f"<font color={n}><p>" for n in range(40_000)), "<b><p>" * 150_000]
)
def test_a_page_built_to_hurt_is_no_alert(page):
    with pytest.raises(ValueError, match="no result"):
        mentions(f"{ALERTS}Content-Type: text/html\n\n{page}")


ODD = [
    b"=?utf-8?b?a?=",
    b"\xff\xfe",
    b"\0",
    b"charset*=''x",
    b'boundary="',
    b"\r\n\r\n",
    b"(((",
    b"@",
    b"<",
    b"=?",
    b"?=",
]


@given(
    places=st.lists(st.tuples(st.floats(0, 1), st.sampled_from(ODD) | st.binary(max_size=4)), min_size=1, max_size=6)
)
def test_whatever_stands_in_a_mail_only_sound_mentions_leave(places):
    raw = f"{GOOGLE}Subject: Ada left a review for Elm Street\nMessage-ID: <r1@x>\nContent-Type: text/plain\n\n{NOTE}".encode()
    for place, odd in places:
        at = int(place * len(raw))
        raw = raw[:at] + odd + raw[at:]
    with suppress(ValueError):
        assert all(is_sound(mention) for mention in Reader(everybody=True).mentions(read(raw), NOW))


# Google Alerts


def test_each_result_of_an_alert_is_an_article_at_its_own_address():
    page = f'<html><script data-scope="inboxmarkup">{{"cards": []}}</script><table>{row(1)}{row(2)}</table></html>'
    found = mentions(
        f"{ALERTS}Subject: Google Alert - practice hospital\nContent-Type: text/html; charset=utf-8\n\n{page}"
    )
    assert [(one.kind, one.url, one.title, one.text, one.author, one.published_at) for one in found] == [
        (
            Kind.ARTICLE,
            f"https://news.example/{n}",
            f"Practice Hospital's news {n}",
            f"Excerpt {n} ...",
            "Elm Street News",
            NOW,
        )
        for n in (1, 2)
    ]
    assert [one.external_id for one in found] == ["https://news.example/1", "https://news.example/2"]


def test_an_alert_in_plain_text_says_the_same():
    text = f"=== News - 2 new results for [practice hospital] ===\n\n{written(1)}{written(2)}\n=== Web - 1 new result for [x] ===\n\n{written(3, news=False)}"
    text += "- - - - -\nUnsubscribe from this Google Alert:\n<https://www.google.com/alerts/remove?hl=en>\n"
    found = mentions(f"{ALERTS}Content-Type: text/plain; charset=utf-8\n\n{text}")
    assert [(one.title, one.author, one.text) for one in found] == [
        ("Practice Hospital's news 1", "Elm Street News", "Excerpt 1"),
        ("Practice Hospital's news 2", "Elm Street News", "Excerpt 2"),
        ("Practice Hospital's news 3", None, "Excerpt 3"),
    ]


def test_an_alert_that_lost_its_marks_on_the_way_is_read_by_its_links():
    page = (row(1) + row(2)).replace("itemprop", "x").replace("itemtype", "y")
    found = mentions(f"{ALERTS}Content-Type: text/html\n\n<table>{page}</table>")
    assert [(one.title, one.url) for one in found] == [
        (f"Practice Hospital's news {n}", f"https://news.example/{n}") for n in (1, 2)
    ]


def test_the_same_article_in_two_alerts_is_one_whatever_trails_its_address():
    ids = [
        mentions(
            f"{ALERTS}Message-ID: <{n}@x>\nContent-Type: text/html\n\n<table>{row(1).replace('news.example/1', address)}</table>"
        )[0].external_id
        for n, address in enumerate(["News.example/1", "news.example/1%3Futm_source%3Dx"])
    ]
    assert ids[0] == ids[1]


def test_an_article_on_our_own_site_is_ours():
    page = f"{ALERTS}Content-Type: text/html\n\n<table>{row(1)}</table>"
    assert [
        mentions(page, own_domains=(own,))[0].ours for own in ("news.example", "www.news.example", "ews.example")
    ] == [True, True, False]


def test_an_alert_without_results_is_not_taken_for_silence():
    with pytest.raises(ValueError, match="no result"):
        mentions(f"{ALERTS}Subject: Your alerts\n\nNothing here")


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        (wrapped("https://news.example/1"), "https://news.example/1"),
        ("https://www.google.de/url?url=https%3A%2F%2Fnews.example%2F%3Fa%3Db&x=y", "https://news.example/?a=b"),
        ("https://www.google.co.uk/url?sa=t&url=http://news.example/1", "http://news.example/1"),
        ("https://www.google.com/alerts/share?ru=https://news.example", None), ("https://google.evil.example/url?url=https://a.example/", None),
        ("https://www.google.com/url?url=javascript:alert(1)", None), ("https://[broken/url?url=https://a.example/", None), (None, None),
    ],
)  # fmt: skip
def test_only_googles_redirector_is_followed_on_paper(link, leads):
    assert target(link) == leads


# Reviews


NOTE = """You got a new 2-star review

Read review
<https://business.example/reviews/1>

Ada Example

Waited 50 minutes.
Nobody was there.

Reply to review
<https://business.example/reviews/1/reply>
"""


def test_a_review_is_read_with_stars_place_author_and_words():
    (one,) = mentions(f"{GOOGLE}Subject: Ada left a review for Elm Street\nMessage-ID: <r1@google.example>\n\n{NOTE}")
    assert (one.kind, one.stars, one.title, one.author) == (Kind.REVIEW, 2.0, "Elm Street", "Ada Example")
    assert (one.text, one.url) == ("Waited 50 minutes.\nNobody was there.", "https://business.example/reviews/1")
    assert (one.external_id, one.published_at) == ("mail:r1@google.example", NOW)


def test_so_is_one_that_is_a_page_only():
    page = (
        "<h1>You got a new <b>2-star</b> review</h1><a href='https://business.example/reviews/1'>Read review</a><p>Ada Example</p>"
        "<p>Waited 50 minutes.<br>Nobody was there.</p><a href='https://business.example/reviews/1/reply'>Reply to review</a>"
    )
    (one,) = mentions(f"{GOOGLE}Subject: Ada left a review for Elm Street\nContent-Type: text/html\n\n{page}")
    assert (one.stars, one.author, one.text) == (2.0, "Ada Example", "Waited 50 minutes.\nNobody was there.")


def test_a_review_without_words_has_its_stars():
    note = NOTE.replace("Waited 50 minutes.\nNobody was there.\n\n", "")
    (one,) = mentions(f"{GOOGLE}Subject: Ada left a review for Elm Street\n\n{note}")
    assert (one.stars, one.author, one.text) == (2.0, "Ada Example", "")


def test_several_reviews_in_one_mail_are_told_of():
    (one,) = mentions(f"{GOOGLE}Subject: Elm Street, you got 3 new reviews\n\nAda, Bob and Cid left reviews")
    assert (one.kind, one.title, one.stars, one.text) == (
        Kind.REVIEW,
        "Elm Street",
        None,
        "Ada, Bob and Cid left reviews",
    )


def test_a_review_in_another_language_has_its_stars_and_words():
    note = NOTE.replace("You got a new 2-star review", "Neue Rezension mit 2 Sternen")
    (one,) = mentions(f"{GOOGLE}Subject: Ada hat Elm Street bewertet\n\n{note}")
    assert (one.stars, one.author, one.title) == (2.0, None, "Ada hat Elm Street bewertet")
    assert one.text == "Ada Example\nWaited 50 minutes.\nNobody was there."


def test_of_a_layout_that_nobody_knows_the_text_is_kept_whole():
    (one,) = mentions(
        f"From: no-reply@yelp.com\n{DATE}Subject: Practice Hospital has a new review\n\nAda wrote:\nRude.\n★★☆☆☆\nGoodbye.\n\nSee it\n<https://yelp.example/1>\n"
    )
    assert (one.kind, one.stars) == (Kind.REVIEW, 2.0)
    assert (one.text, one.url) == ("Ada wrote:\nRude.\n★★☆☆☆\nGoodbye.", "https://yelp.example/1")


def test_a_mail_of_a_review_platform_about_something_else_is_counted_as_unreadable():
    with pytest.raises(ValueError, match="no review"):
        mentions(f"{GOOGLE}Subject: Your performance in May\n\nYou had 300 visits")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("You got a new 2-star review", 2), ("4,5 von 5", 4.5), ("Rated 4 out of 5", 4), ("4/5", 4), ("★★☆☆☆", 2), ("⭐⭐⭐", 3),
        ("2-Sterne-Rezension", 2), ("1 étoile", 1), ("5 estrellas", 5), ("1 stella", 1), ("15 stars", None), ("24/5", None),
        ("5/50", None), ("a starry night", None), ("★★★★★★", None), ("0 stars", None), ("6 stars", None), ("1/2/2026", None), ("", None),
    ],
)  # fmt: skip
def test_stars_are_found_in_words(line, said):
    assert stars(line) == said


# Forwards


COLLEAGUE = "From: Cid Colleague <cid@practice.example>\n" + DATE


@pytest.mark.parametrize(
    "opening",
    [
        "FYI\n\n---------- Forwarded message ---------\nFrom: Google Business Profile <businessprofile-noreply@google.com>\nDate: Sun\n",
        "Begin forwarded message:\n\nFrom: businessprofile-noreply@google.com\nSubject: x\n",
        "-----Original Message-----\nFrom: Google [mailto:businessprofile-noreply@google.com]\nSent: Sunday\n",
        "________________________________\nVon: Google <businessprofile-noreply@google.com>\nGesendet: Sonntag\n",
        "Anfang der weitergeleiteten Nachricht:\n\n*Von:* Google <businessprofile-noreply@google.com>\n",
    ],
)
def test_a_review_that_a_colleague_forwards_is_a_review(opening):
    (one,) = mentions(
        f"{COLLEAGUE}Subject: Fwd: Ada left a review for Elm Street\n\n{opening}\n{NOTE}", senders=("practice.example",)
    )
    assert (one.kind, one.stars, one.author, one.title) == (Kind.REVIEW, 2.0, "Ada Example", "Elm Street")
    assert one.text == "Waited 50 minutes.\nNobody was there."


def test_so_are_those_that_are_attached():
    outer = EmailMessage()
    outer["From"], outer["Date"], outer["Subject"] = "cid@practice.example", "Mon, 01 Jun 2026 12:00:00 +0000", "Fwd"
    outer.set_content("Two of them")
    for n in (1, 2):
        inner = EmailMessage()
        inner["From"], inner["Subject"] = "businessprofile-noreply@google.com", f"Ada left a review for Elm Street {n}"
        inner["Message-ID"], inner["Date"] = f"<r{n}@google.example>", "Sun, 31 May 2026 12:00:00 +0000"
        inner.set_content(NOTE)
        outer.add_attachment(inner)
    found = mentions(outer.as_bytes(), senders=("practice.example",))
    assert [(one.external_id, one.title, one.published_at.day) for one in found] == [
        ("mail:r1@google.example", "Elm Street 1", 31), ("mail:r2@google.example", "Elm Street 2", 31),
    ]  # fmt: skip


def test_another_mail_that_is_forwarded_stays_a_mail():
    (one,) = mentions(
        f"{COLLEAGUE}Subject: Fwd: look\n\nSee below\n\n-----Original Message-----\nFrom: x@elsewhere.example\n\nHello"
    )
    assert (one.kind, one.author, one.title) == (Kind.ARTICLE, "Cid Colleague", "Fwd: look")


def test_nobody_is_quoted_by_a_line_in_passing():
    assert forwarded("I got this from: businessprofile-noreply@google.com") == ""
    assert forwarded("a" * 100_000) == ""


def test_the_words_of_a_listed_sender_are_an_article():
    body = base64.b64encode("Die Größe der Wartezeit.".encode()).decode()
    (one,) = mentions(
        f"From: editor@news.example\n{DATE}Subject: Issue 1\nMessage-ID: <1@news.example>\nContent-Type: text/plain; charset=utf-8\n"
        f"Content-Transfer-Encoding: base64\n\n{body}"
    )
    assert (one.kind, one.title, one.text, one.author) == (
        Kind.ARTICLE,
        "Issue 1",
        "Die Größe der Wartezeit.",
        "editor@news.example",
    )
    assert (one.external_id, one.url, one.published_at) == ("mail:1@news.example", None, NOW)


def test_a_mail_that_says_nothing_or_has_no_date_is_unreadable():
    for raw in (f"From: a@news.example\n{DATE}\n", "From: a@news.example\nSubject: x\n\ny"):
        with pytest.raises(ValueError, match="a mail"):
            mentions(raw)
