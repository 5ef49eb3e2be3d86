"""What people are told: complete at one look, safe whatever was written, and no more than the inbox may know."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import messages
from monitor.model import (
    Assessment,
    Detail,
    Incident,
    Kind,
    Level,
    Mention,
    Outcome,
    Reason,
    Signal,
    State,
    Step,
    Stored,
)
from monitor.testing.channel import make_notification

NOW = datetime(2026, 11, 9, 20, 17, tzinfo=UTC)
CHICAGO = ZoneInfo("America/Chicago")
SAID = "canary-text Dr. Quill leaves at five"
TALE = "canary-title of the tale"
AUTHOR = "canary-author"
RISKS = (
    "own_reply_phi", "own_post_phi", "privacy_breach_allegation", "self_disclosed_phi", "own_medical_advice",
    "clinical_harm_allegation", "patient_safety_signal", "misconduct_discrimination", "legal_regulatory_threat",
    "threat_to_staff", "self_harm_crisis", "account_compromise", "impersonation_misrepresentation",
    "coordinated_campaign", "review_integrity", "own_reply_conduct", "brand_service_complaint",
)  # fmt: skip


def stored(n=1, risks=("threat_to_staff",), *, lang="en", gone_at=None, sentiment=-0.5, **changes):
    usual = {
        "external_id": str(n), "kind": Kind.REVIEW, "text": SAID, "title": TALE, "author": AUTHOR, "stars": 1.0,
        "published_at": NOW - timedelta(minutes=20), "url": f"https://maps.practice.example/reviews/{n}",
    }  # fmt: skip
    signals = tuple(Signal(risk=risk, impact=5, likelihood=0.8, start=0, end=4, rule="t.1") for risk in risks)
    return Stored(
        id=n, platform="google_business_profile", source="google-main", mention=Mention(**(usual | changes)),
        assessment=Assessment(lang=lang, sentiment=sentiment, signals=signals, assessor="a/1"), first_seen_at=NOW,
        gone_at=gone_at,
    )  # fmt: skip


def incident(**changes):
    usual = {
        "id": 12, "rule": "threat_to_staff", "group": "Main campus", "risk": "threat_to_staff", "level": Level.URGENT,
        "impact": 5, "likelihood": 0.8, "state": State.OPEN, "opened_at": NOW - timedelta(minutes=3),
        "inboxes": ("risk",), "ack_due_at": NOW + timedelta(minutes=12), "mentions": 1,
    }  # fmt: skip
    return Incident(**(usual | changes))


def told(reason=Reason.OPENED, mentions=None, *, about=None, detail=Detail.NONE, **changes):
    usual = {"organisation": "Practice Hospital", "timezone": CHICAGO, "now": NOW, "inbox": "risk"}
    mentions = [stored()] if mentions is None else mentions
    return messages.incident(about or incident(), reason, mentions, detail=detail, **(usual | changes))


def whole(message):
    return "\n".join(
        (
            message.subject,
            message.text,
            message.html,
            json.dumps(message.data, ensure_ascii=False),
            str(message.headers),
        )
    )


def flat(text):
    return " ".join(text.split())


class Page(HTMLParser):
    """What a mail program would show, link and run."""

    def __init__(self, html):
        super().__init__()
        self.shown, self.links, self.tags = [], [], set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.shown.append(data)


# One look


def test_the_subject_says_how_bad_what_where_and_which_incident():
    assert told().subject == "[URGENT] Threat to staff - Main campus (incident 12)"


def test_a_phone_sees_by_when_and_what_to_type_before_anything_else():
    text = told().text
    first = text[: text.index("Mentions")]

    assert text.startswith("URGENT: Threat to staff\nMain campus\n")
    assert "Acknowledge by 14:29 CST (in 12 min)" in first
    assert "wellheard ack 12 --by NAME" in first
    assert "Mon 9 Nov, 14:14 CST" in first
    assert "Acknowledge by 14:29 CST (in 12 min)" in told().html


def test_a_mention_is_told_with_platform_kind_stars_source_time_risks_and_link():
    message = told(mentions=[stored(risks=("threat_to_staff", "clinical_harm_allegation"))])

    for part in (
        "Review on Google, 1 of 5 stars", "Source google-main, Mon 9 Nov, 13:57 CST",
        "Threat to staff; Harm from care alleged", "https://maps.practice.example/reviews/1",
    ):  # fmt: skip
        assert part in message.text
        assert part in message.html


def test_an_overdue_acknowledgement_says_so():
    about = incident(ack_due_at=NOW - timedelta(minutes=40))

    assert "Acknowledgement was due at 13:37 CST (40 min ago)" in told(about=about).text


@pytest.mark.parametrize("risk", RISKS)
def test_every_risk_class_says_what_it_means_and_what_to_do_first(risk):
    words = messages.wording(risk)
    message = told(about=incident(risk=risk, rule=risk))

    assert words.title in message.subject
    assert len(words.title) <= 40
    assert flat(words.means) in flat(message.text)
    assert flat(words.first) in flat(message.text)
    assert words.title in message.html


def test_legal_clocks_are_named_where_there_are_any():
    assert "30-day" in messages.wording("own_reply_phi").first
    assert "10 work days" in messages.wording("patient_safety_signal").first
    assert "Never reply" in messages.wording("threat_to_staff").first
    assert "Never reply automatically" in messages.wording("self_harm_crisis").first


def test_there_are_words_for_exactly_the_known_classes_and_the_two_rules_about_sources():
    assert set(messages.wordings()) == {*RISKS, "own_voice", "source_failing", "source_quiet"}


def test_a_rule_of_ones_own_is_called_as_it_was_named():
    assert told(about=incident(risk=None, rule="review-slump")).subject.startswith("[URGENT] Review slump - Main")


# Why it is told


@pytest.mark.parametrize(
    ("reason", "changes", "subject", "said"),
    [
        (Reason.GREW, {"mentions": 10, "told_mentions": 3}, "more mentions", "7 more mentions, 10 in all."),
        (Reason.GREW, {"mentions": 2, "told_mentions": 1}, "more mentions", "1 more mention, 2 in all."),
        (Reason.GREW, {"mentions": 9, "told_mentions": 9}, "more mentions", "3 more mentions, 9 in all."),
        (Reason.WORSENED, {"level": Level.CRITICAL}, "got worse", "This is worse than what was told before"),
        (Reason.ESCALATED, {}, "nobody has acknowledged", "Nobody has acknowledged this within 3 min; now it is yours."),
        (
            Reason.ESCALATED, {"chain": (Step(after=timedelta(0), inbox="*"),), "chain_step": 1},
            "nobody has acknowledged", "this is the last call",
        ),
        (Reason.REMINDER, {}, "not yet acknowledged", "Nobody has acknowledged this for 3 min."),
        (Reason.REMINDER, {"state": State.ACKED}, "not yet resolved", "Acknowledged, and not yet resolved after 3 min."),
        (
            Reason.RESOLVED, {"state": State.RESOLVED, "outcome": Outcome.RESPONDED},
            "[RESOLVED]", "Resolved after 3 min: somebody responded.",
        ),
        (Reason.RESOLVED, {"state": State.RESOLVED}, "[RESOLVED]", "Resolved after 3 min: closed."),
    ],
)  # fmt: skip
def test_each_reason_is_said_in_the_subject_and_in_a_sentence(reason, changes, subject, said):
    message = told(reason, about=incident(**changes), more=2)

    assert subject in message.subject
    assert message.subject.endswith("(incident 12)")
    assert said in flat(message.text)
    assert said in message.html
    assert message.data["type"] == f"incident.{reason.value}"
    assert message.headers["X-Wellheard-Reason"] == reason.value


@pytest.mark.parametrize(
    ("state", "command"),
    [(State.OPEN, "ack 12 --by NAME"), (State.ACKED, "resolve 12 --outcome OUTCOME"), (State.RESOLVED, "show 12")],
)
def test_the_command_is_the_next_one_to_type(state, command):
    assert re.search(r"    wellheard (.*)", told(about=incident(state=state)).text).group(1) == command


def test_nothing_is_asked_of_anybody_once_it_is_resolved():
    message = told(Reason.RESOLVED, about=incident(state=State.RESOLVED, outcome=Outcome.REMOVED))

    assert "Acknowledge by" not in message.text
    assert "What to do first" not in message.text
    assert "Importance" not in message.headers


def test_a_drill_says_so_first_everywhere():
    message = told(about=incident(drill=True))

    assert message.subject.startswith("DRILL [URGENT]")
    assert message.text.startswith("DRILL - this is an exercise.")
    assert "this is an exercise" in message.html
    assert message.data["data"]["drill"] is True


def test_the_headers_are_those_of_the_contract():
    assert told().headers == {
        "X-Wellheard-Incident": "12", "X-Wellheard-Reason": "opened", "X-Wellheard-Level": "urgent",
        "Importance": "high",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "reason", "state", "kind", "subject"),
    [
        ("source_failing", Reason.OPENED, State.OPEN, "source.failing", "[WARNING] Source failing - google-main"),
        ("source_failing", Reason.REMINDER, State.OPEN, "source.failing", "Source failing - google-main: still"),
        ("source_quiet", Reason.OPENED, State.OPEN, "source.quiet", "[WARNING] Source quiet - google-main"),
        ("source_quiet", Reason.RESOLVED, State.RESOLVED, "source.recovered", "[RECOVERED] Source quiet - google-main"),
    ],
)
def test_a_source_in_trouble_is_told_with_its_reason_and_the_remedy(rule, reason, state, kind, subject):
    about = incident(
        rule=rule, risk=None, group="google-main", level=Level.WARNING, state=state, ack_due_at=None, mentions=0,
        note="api.practice.example: the credential was refused (401)",
    )  # fmt: skip
    message = told(reason, [], about=about)

    assert subject in message.subject
    assert message.data["type"] == kind
    assert message.data["data"]["source"] == "google-main"
    if reason is Reason.RESOLVED:
        assert "This source works again" in message.text
    else:
        assert "the credential was refused (401)." in flat(message.text)
        assert "wellheard check" in message.text
        assert message.data["data"]["error"] == about.note


# How much of it


@pytest.mark.parametrize("risk", ["self_harm_crisis", "threat_to_staff", "brand_service_complaint"])
@pytest.mark.parametrize("detail", list(Detail))
def test_no_subject_and_no_header_ever_has_a_word_of_a_mention(risk, detail):
    message = told(about=incident(risk=risk), detail=detail)

    assert "canary" not in message.subject + str(message.headers)


def test_without_detail_there_is_neither_author_nor_text_nor_title_anywhere():
    assert "canary" not in whole(told(detail=Detail.NONE))


def test_redacted_is_an_excerpt_without_names_and_without_the_author():
    message = told(mentions=[stored(text="I know when Dr. Quill leaves.")], detail=Detail.REDACTED)

    assert "I know when Dr. [name] leaves." in message.text
    assert message.data["data"]["mentions"][0]["excerpt"] == "I know when Dr. [name] leaves."
    assert "canary" not in whole(message)
    assert "Quill" not in whole(message)


def test_an_excerpt_may_name_what_is_ours():
    said = "Practice Hospital and Dr. Example Person let Harold wait"
    message = told(mentions=[stored(text=said)], detail=Detail.REDACTED, ours=["Dr. Example Person"])

    assert "Practice Hospital and Dr. Example Person let [name] wait" in flat(message.text)


def test_an_excerpt_shows_what_the_signal_points_at():
    text = "a word " * 200 + "the point of it " + "a word " * 200
    signal = Signal(risk="threat_to_staff", impact=5, likelihood=1, start=1400, end=1409, rule="t.1")
    one = stored(text=text)
    one = replace(one, assessment=replace(one.assessment, signals=(signal,)))

    assert "the point of it" in flat(told(mentions=[one], detail=Detail.REDACTED).text)


@pytest.mark.parametrize("lang", ["de", "es", "zh"])
def test_an_excerpt_that_cannot_be_masked_is_withheld(lang):
    message = told(mentions=[stored(text="Doktor Meier kennt meine Mutter", lang=lang)], detail=Detail.REDACTED)

    assert "Meier" not in whole(message)
    assert "withheld" in message.text


def test_full_detail_is_text_title_and_author():
    message = told(detail=Detail.FULL)

    for canary in (SAID, TALE, AUTHOR):
        assert canary in message.text
        assert canary in message.html
    assert message.data["data"]["mentions"][0]["text"] == SAID


@pytest.mark.parametrize(
    ("author", "url"),
    [
        ("@kim@social.example", "https://social.example/@kim/1"),
        ("Kim Doe", "https://chat.example/profile/kim-doe/post/1"),
        ("kimdoe.social.example", "https://chat.example/profile/kimdoe.social.example/post/1"),
    ],
)
def test_a_link_that_names_its_author_is_sent_only_where_the_author_may_be_named(author, url):
    one = stored(url=url, author=author)

    assert url not in whole(told(mentions=[one]))
    assert "wellheard explain 1" in told(mentions=[one]).text
    assert url in told(mentions=[one], detail=Detail.FULL).text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "https://user:word@evil.example/", "https://x.example/a b", "http://[x",
        "https://x.example/\u202egpj", "https://x.example/" + "a" * 600, "//x.example", "ftp://x.example/",
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_no_link(url):
    message = told(mentions=[stored(url=url)], detail=Detail.FULL)

    assert Page(message.html).links == []
    assert message.data["data"]["mentions"][0]["url"] is None


def test_what_the_platform_no_longer_has_is_told_as_gone():
    assert "The platform no longer has it." in told(mentions=[stored(text="", gone_at=NOW)]).text


# The webhook's body


def test_the_body_is_that_of_the_contract():
    body = told(more=2).data

    assert body["timestamp"] == "2026-11-09T20:17:00Z"
    assert body["data"].items() >= {
        "id": 12, "rule": "threat_to_staff", "risk": "threat_to_staff", "level": "urgent", "group": "Main campus",
        "impact": 5, "likelihood": 0.8, "ack_due_at": "2026-11-09T20:29:00Z", "state": "open", "more": 2,
        "opened_at": "2026-11-09T20:14:00Z",
    }.items()  # fmt: skip
    assert body["data"]["mentions"] == [
        {
            "id": 1, "platform": "google_business_profile", "source": "google-main", "kind": "review", "ours": False,
            "url": "https://maps.practice.example/reviews/1", "published_at": "2026-11-09T19:57:00Z",
            "first_seen_at": "2026-11-09T20:17:00Z", "stars": 1.0, "sentiment": -0.5,
            "signals": [
                {"risk": "threat_to_staff", "impact": 5, "likelihood": 0.8, "start": 0, "end": 4, "rule": "t.1"}
            ],
        }
    ]  # fmt: skip


def test_a_sentiment_that_is_no_number_is_none():
    (mention,) = told(mentions=[stored(sentiment=float("nan"))]).data["data"]["mentions"]

    assert mention["sentiment"] is None


@pytest.mark.parametrize("detail", list(Detail))
@pytest.mark.parametrize("filler", ["x", "&", "👍", '"', "\u202e", "é "])
def test_however_much_was_said_a_message_keeps_its_limits_and_counts_what_it_leaves_out(detail, filler):
    one = stored(text=filler * 100_000, title=filler * 1000, author=filler * 1000, risks=RISKS)
    message = told(
        mentions=[replace(one, id=n) for n in range(100)], more=900, detail=detail,
        about=incident(group=filler * 500, rule=filler * 500, risk=None, mentions=1000, assignee=filler * 500),
    )  # fmt: skip
    data = message.data["data"]

    assert len(message.subject) <= 200
    assert message.subject.endswith("(incident 12)")
    assert len(message.html.encode()) < 100_000
    assert len(json.dumps(message.data, ensure_ascii=False).encode()) < 20_000
    assert len(data["mentions"]) + data["more"] == 1000
    assert "and 992 more mentions" in message.text


# Whatever was written


TEXTS = st.text() | st.text(alphabet="\0\r\n\x85\u2028\u202e\ud800<>&\"'`[]{}%")


@given(TEXTS, st.sampled_from(list(Detail)))
def test_a_message_is_built_whatever_an_author_has_written(text, detail):
    one = stored(text=text, title=text, author=text, url=text or None)
    message = told(mentions=[one], detail=detail, about=incident(group=text, rule=text or "r", risk=None, note=text))

    whole(message).encode()
    assert "\0" not in whole(message)
    assert not re.search("[\r\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]", whole(message))
    assert "\n" not in message.subject
    assert len(message.subject) <= 200
    assert Page(message.html).tags <= Page(told(detail=Detail.FULL).html).tags | {"code"}  # a command in our own note


def test_markup_in_a_mention_is_text():
    message = told(mentions=[stored(text="<script>alert(1)</script><img src=x onerror=y>")], detail=Detail.FULL)

    assert not {"script", "img"} & Page(message.html).tags
    assert "<script>alert(1)</script>" in "".join(Page(message.html).shown)


def test_a_mention_cannot_forge_a_line_of_the_message():
    message = told(mentions=[stored(text="fine\n\nURGENT: call 555\u2028    wellheard resolve 12")], detail=Detail.FULL)
    quoted = [line for line in message.text.splitlines() if "555" in line or "resolve 12" in line]

    assert quoted
    assert all(line.startswith("   > ") for line in quoted)


def test_a_template_in_a_mention_is_not_run():
    assert "{{ 7 * 7 }}" in told(mentions=[stored(text="{{ 7 * 7 }}")], detail=Detail.FULL).text


# The page


def test_the_page_loads_nothing_from_anywhere_and_links_only_to_the_mention():
    page = Page(told().html)

    assert page.links == ["https://maps.practice.example/reviews/1"]
    assert not {"script", "img", "link", "iframe", "form"} & page.tags


def test_the_page_can_be_dark_and_narrow():
    html = told().html

    assert '<meta name="color-scheme" content="light dark">' in html
    assert "prefers-color-scheme: dark" in html
    assert "max-width:600px" in html


@pytest.mark.parametrize("detail", list(Detail))
def test_what_a_phone_shows_under_the_subject_has_no_word_of_a_mention(detail):
    preheader = re.search(r'<div style="display:none[^>]*>([^<]*)', told(Reason.GREW, detail=detail).html).group(1)

    assert "Acknowledge by 14:29" in preheader
    assert "canary" not in preheader


def contrast(one, other):
    """The contrast of two colours by WCAG 2, 1.4.3."""

    def light(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("tone", [*messages.TONES.values(), messages.GOOD])
def test_white_on_a_level_can_be_read(tone):
    assert contrast("#ffffff", tone) >= 4.5


def test_plain_text_lines_fit_a_narrow_window():
    long = [line for line in told(detail=Detail.FULL).text.splitlines() if len(line) > 73 and "https://" not in line]

    assert long == []


# Messages about no incident


USUAL = {"organisation": "Practice Hospital", "timezone": CHICAGO, "now": NOW, "inbox": "risk"}


def test_a_backfill_is_told_as_numbers_and_a_command():
    message = messages.backfilled(
        "google-main", "google_business_profile", 1432, {"threat_to_staff": 1, "brand_service_complaint": 211},
        oldest=NOW - timedelta(days=400), newest=NOW, **USUAL,
    )  # fmt: skip

    assert message.subject == "[INFO] 1,432 earlier mentions read - google-main"
    assert "wellheard mentions --source google-main --sort risk" in message.text
    assert re.search(r"Service complaints +211\nThreat to staff +1", message.text)
    assert "Oct 2025" in message.text
    assert message.data["type"] == "source.backfilled"
    assert message.data["data"]["signals"] == {"brand_service_complaint": 211, "threat_to_staff": 1}
    assert message.headers == {"X-Wellheard-Reason": "backfilled", "X-Wellheard-Level": "info"}


def test_a_harmless_backfill_says_that_nothing_was_found():
    message = messages.backfilled("news", "rss", 3, {}, **USUAL)

    assert "No risk was found in it." in message.text
    assert "What to do first" not in message.text


def test_a_failed_delivery_is_told_without_its_recipient():
    lost = make_notification(channel="email", inbox="risk", attempts=4)
    message = messages.delivery_failed(lost, "mail.practice.example refused the recipient: 550 5.1.1", **USUAL)

    assert message.subject == "[URGENT] Not delivered: email to the risk inbox (incident 12)"
    assert "550 5.1.1" in message.text
    assert f"wellheard replay {lost.id}" in message.text
    assert "Threat to staff - Main campus" in flat(message.text)
    assert lost.recipient not in whole(message)
    assert message.data["type"] == "delivery.failed"
    assert message.headers["X-Wellheard-Incident"] == "12"


def test_a_failed_delivery_about_no_incident_is_told_as_well():
    message = messages.delivery_failed(make_notification(incident_id=None, headers={}), "x", **USUAL)

    assert message.subject == "[WARNING] Not delivered: any to the risk inbox"
    assert "X-Wellheard-Incident" not in message.headers


def test_a_test_says_that_nothing_is_to_be_done():
    message = messages.test("risk", organisation="Practice Hospital", timezone=CHICAGO, now=NOW)

    assert message.subject == "[TEST] Wellheard reaches the risk inbox"
    assert "nothing is to be done" in flat(message.text)
    assert message.data == {
        "type": "test", "timestamp": "2026-11-09T20:17:00Z",
        "data": {"organisation": "Practice Hospital", "inbox": "risk"},
    }  # fmt: skip


@given(TEXTS)
def test_no_name_in_the_configuration_breaks_a_notice(text):
    usual = USUAL | {"organisation": text, "inbox": text}
    made = [
        messages.backfilled(text, text, 1, {text: 1}, **usual),
        messages.delivery_failed(make_notification(inbox=text, subject=text, id=text), text, **usual),
    ]

    assert all(whole(message).encode() for message in made)
    assert all(len(message.subject) <= 200 and "\n" not in message.subject for message in made)
