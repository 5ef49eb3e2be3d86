"""A configuration without a mistake: what is written becomes what is meant."""

from __future__ import annotations

from datetime import time, timedelta
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor.config import Appetite, Config, ConfigError, Inbox, Retention, Source, Topic, Weekly, load
from monitor.config.lines import lines, nearest
from monitor.connector import Secret
from monitor.model import Detail, Kind, Level, Rule, Step
from tests.configured import ENVIRON, SIGNING, connectors, read, written


def test_what_is_left_out_has_its_default(tmp_path):
    config = read(tmp_path)
    assert config.path == tmp_path / "config.toml"
    assert config.timezone == ZoneInfo("America/Chicago")
    assert (config.brands, config.people, config.network.contact, config.network.allow) == ((), (), "", ())
    assert config.appetite == Appetite(notify=6, urgent=15)
    assert config.retention == Retention(mentions=timedelta(days=1098), own_replies=timedelta(days=2196))
    assert config.digest.at == Weekly(weekday=0, time=time(7))
    assert (config.digest.inboxes, config.digest.first) == (("marketing", "risk"), None)
    assert config.smtp is not None
    assert (config.smtp.security, config.smtp.port, config.smtp.password) == ("starttls", None, None)
    assert (config.rules, config.risks, config.heartbeat) == ((), {}, None)


def test_a_source_is_read_with_its_connectors_own_options(tmp_path):
    options = '{ url = "https://news.example/feed", token = { env = "NEWS_TOKEN" }, archive = "old" }'
    source = read(tmp_path, {"sources.news": f'options = {options}\nquiet_after = "4w"\nbackfill = "0d"'}).sources[
        "news"
    ]
    assert (source.name, source.connector, source.every) == ("news", "gazette", timedelta(minutes=15))
    assert (source.topics, source.labels, source.enabled) == (("main",), {}, True)
    assert (source.quiet_after, source.backfill) == (timedelta(weeks=4), timedelta(0))
    assert (source.options.token, source.options.pages) == (Secret("canary-news-token"), 3)
    assert source.options.archive == tmp_path / "old"


def test_secrets_deep_in_the_options_are_read_too(tmp_path):
    changes = {
        "sources.diary": 'connector = "diary"\nevery = "1s"\noptions = { books = [{ key = { env = "NEWS_TOKEN" } }] }'
    }
    options = read(tmp_path, changes).sources["diary"].options
    assert options.books == [{"key": Secret("canary-news-token")}]


def test_a_table_that_happens_to_have_a_file_among_other_keys_is_no_secret(tmp_path):
    changes = {"sources.diary": 'connector = "diary"\noptions = { map = { file = "Datei", text = "Text" } }'}
    assert read(tmp_path, changes).sources["diary"].options.map == {"file": "Datei", "text": "Text"}


def test_a_topic_is_ready_to_match(tmp_path):
    topic = read(tmp_path).topics["main"]
    assert topic.text == '"Practice Hospital" OR practicehosp'
    assert topic.query is topic.query
    assert topic.labels == {"location": "Main campus"}


def test_a_query_may_go_over_several_lines(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(written({"topics.main": "-"}) + '[topics.main]\nquery = """\nhospital\nNOT concert"""\n')
    assert load(path, environ=ENVIRON, connectors=connectors).topics["main"].text == "hospital\nNOT concert"


def test_an_inbox_has_all_its_ways(tmp_path):
    (tmp_path / "hidden").write_text("https://chat.example/T1\n")
    text = """
folder = "mail/risk"
webhook = { url = { env = "HOOK_URL" }, secret = { env = "HOOK_SECRET" } }
teams = { url = { file = "hidden" } }
escalate = [{ after = "30m", to = "director" }, { after = "2h", to = "marketing" }]
detail = "full"
"""
    inbox = read(tmp_path, {"inboxes.risk": text.strip(), "inboxes.director": 'folder = "/tmp"'}).inboxes["risk"]
    assert (inbox.name, inbox.email, inbox.folder) == ("risk", ("risk@practice.example",), tmp_path / "mail" / "risk")
    assert inbox.webhook is not None
    assert inbox.webhook.url.reveal() == ENVIRON["HOOK_URL"]
    assert inbox.webhook.secret.reveal() == SIGNING
    assert inbox.teams is not None
    assert inbox.teams.url.reveal() == "https://chat.example/T1"
    assert inbox.escalate == (
        Step(after=timedelta(minutes=30), inbox="director"),
        Step(after=timedelta(hours=2), inbox="marketing"),
    )
    assert (inbox.detail, inbox.slack, inbox.discord) == (Detail.FULL, None, None)


def test_a_rule_is_the_one_that_is_judged(tmp_path):
    text = """
level = "warning"
kinds = ["review"]
stars_below = 3
sentiment_below = 0.5
risk = "patient_safety_signal"
risk_at_least = 10
sources = ["news"]
ours = false
count = 5
within = "7d"
unanswered_for = "48h"
group_by = ["location"]
ack_within = "1d"
inboxes = ["marketing"]"""
    assert read(tmp_path, {"rules.slump": text.strip()}).rules == (
        Rule(
            name="slump",
            inboxes=("marketing",),
            level=Level.WARNING,
            group_by=("location",),
            kinds=frozenset({Kind.REVIEW}),
            risk="patient_safety_signal",
            sources=frozenset({"news"}),
            ours=False,
            stars_below=3,
            sentiment_below=0.5,
            score_at_least=10,
            count=5,
            within=timedelta(days=7),
            unanswered_for=timedelta(hours=48),
            ack_within=timedelta(days=1),
        ),
    )


def test_a_rule_has_the_defaults_of_the_model(tmp_path):
    (rule,) = read(tmp_path, {"rules.low": 'stars_below = 3\ninboxes = ["risk"]'}).rules
    assert rule == Rule(name="low", inboxes=("risk",), stars_below=3)


def test_inboxes_that_fall_back_to_risk_are_named_as_risk(tmp_path):
    changes = {
        "inboxes.marketing": 'escalate = [{ after = "1h", to = "security" }]',
        "rules.low": 'stars_below = 3\ninboxes = ["risk", "compliance"]',
        "risks.threat_to_staff": 'inboxes = ["security", "marketing"]\nlevel = "critical"\nack_within = "15m"',
        "digest": 'inboxes = ["compliance"]',
    }
    config = read(tmp_path, changes)
    assert config.rules[0].inboxes == ("risk",)
    assert config.risks["threat_to_staff"].inboxes == ("risk", "marketing")
    assert config.risks["threat_to_staff"].level is Level.CRITICAL
    assert config.digest.inboxes == ("risk",)
    assert config.inboxes["marketing"].escalate == (Step(after=timedelta(hours=1), inbox="risk"),)
    assert config.inbox("security") is config.inboxes["risk"]


def test_an_inbox_that_is_configured_is_not_replaced(tmp_path):
    config = read(tmp_path, {"inboxes.security": 'folder = "mail"', "digest": 'inboxes = ["security"]'})
    assert config.digest.inboxes == ("security",)
    assert config.inbox("security").name == "security"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"sqlite:///wellheard.db"', "sqlite:///{folder}/wellheard.db"),
        ('"sqlite:////var/lib/wellheard.db"', "sqlite:////var/lib/wellheard.db"),
        ('"postgresql+psycopg:///wellheard"', "postgresql+psycopg:///wellheard"),
        ('"postgresql+psycopg://w:throwaway@/w?host=/run/pg"', "postgresql+psycopg://w:throwaway@/w?host=/run/pg"),
        ('"postgresql+psycopg://w@db.practice.example/w"', "postgresql+psycopg://w@db.practice.example/w"),
        ('"postgresql+psycopg://w:throwaway@127.0.0.1:5432/w"', "postgresql+psycopg://w:throwaway@127.0.0.1:5432/w"),
        ('{ env = "DATABASE_URL" }', "postgresql+psycopg://w:canary@db.practice.example/w"),
    ],
)
def test_a_database_is_a_whole_address(tmp_path, written, meant):
    environ = ENVIRON | {"DATABASE_URL": "postgresql+psycopg://w:canary@db.practice.example/w"}
    config = read(tmp_path, {"": f"database = {written}"}, environ=environ)
    assert config.database == meant.format(folder=tmp_path)


def test_networks_may_be_written_with_or_without_their_length(tmp_path):
    config = read(tmp_path, {"network": 'allow = ["127.0.0.1", "10.0.0.0/8", "FD00::/8"]\ncontact = "a@b.example"'})
    assert config.network.allow == (ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def test_a_log_in_to_the_mail_server_is_read(tmp_path):
    (tmp_path / "ours.pem").touch()
    text = 'username = "w"\npassword = { env = "SMTP_PASSWORD" }\nca_file = "ours.pem"\nsecurity = "tls"\nport = 465'
    smtp = read(tmp_path, {"smtp": text}).smtp
    assert smtp is not None
    assert smtp.password == Secret("canary-smtp-password")
    assert (smtp.sender, smtp.ca_file) == ("Wellheard <wellheard@practice.example>", tmp_path / "ours.pem")


@pytest.mark.parametrize("at", ["sun 23:59", "Sunday 23:59", "sund 23:59"])
def test_a_weekday_may_be_cut_short(tmp_path, at):
    assert read(tmp_path, {"digest": f'at = "{at}"'}).digest.at == Weekly(weekday=6, time=time(23, 59))


@pytest.mark.parametrize(
    "written", ['"https://watch.example/ping"', '{ env = "HOOK_URL" }', '"http://localhost:8000/"']
)
def test_a_heartbeat_may_be_plain_and_is_kept_as_a_secret(tmp_path, written):
    config = read(tmp_path, {"": f"heartbeat = {written}"})
    assert config.heartbeat is not None
    assert config.heartbeat.reveal().startswith("http")
    assert "http" not in repr(config.heartbeat)


def test_a_file_saved_by_a_windows_editor_is_read(tmp_path):
    read(tmp_path)
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(path, environ={}, connectors=connectors).organisation == "Practice Hospital"


def test_a_configuration_shows_no_secret(tmp_path):
    url = "postgresql+psycopg://w:canary-database@db.practice.example/w"
    changes = {
        "": 'heartbeat = "https://watch.example/canary"\ndatabase = { env = "DATABASE_URL" }',
        "smtp": 'username = "w"\npassword = { env = "SMTP_PASSWORD" }',
        "sources.news": 'options = { url = "https://news.example/", token = { env = "NEWS_TOKEN" } }',
        "inboxes.risk": 'webhook = { url = { env = "HOOK_URL" }, secret = { env = "HOOK_SECRET" } }',
    }
    config = read(tmp_path, changes, environ=ENVIRON | {"DATABASE_URL": url})
    shown = repr(config) + str(config) + str(list(config))
    assert "Secret(...)" in shown
    assert SIGNING not in shown
    assert "canary" not in repr(config) + str(config)


def test_a_configuration_does_not_change(tmp_path):
    config = read(tmp_path)
    with pytest.raises(ValidationError):
        config.organisation = "Another"


def test_models_can_be_made_by_hand():
    inbox = Inbox(name="risk", email=("risk@practice.example",), escalate=(Step(after=timedelta(1), inbox="b"),))
    config = Config(
        organisation="Practice Hospital",
        database="sqlite://",
        sources={"news": Source(name="news", connector="gazette", every=timedelta(seconds=1), options=object())},
        topics={"main": Topic(text="hospital")},
        inboxes={"risk": inbox},
        rules=(Rule(name="low", inboxes=("risk",)),),
    )
    assert config.inbox("compliance") is inbox
    assert config.sources["news"].every == timedelta(seconds=1)


@given(st.integers(1, 99), st.sampled_from("smhdwy"))
def test_every_duration_is_its_number_times_its_unit(tmp_path_factory, number, unit):
    length = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 366 * 86400}[unit]
    config = read(tmp_path_factory.getbasetemp(), {"retention": f'own_replies = "{number}{unit}"'})
    assert config.retention.own_replies == timedelta(seconds=number * length)


@given(st.text(max_size=8))
def test_no_other_text_is_a_duration(tmp_path_factory, text):
    quoted = "".join(f"\\U{ord(sign):08x}" for sign in text if not "\ud800" <= sign <= "\udfff")
    with pytest.raises(ConfigError, match=r"retention\.own_replies: .* is not a duration"):
        read(tmp_path_factory.getbasetemp(), {"retention": f'own_replies = "x{quoted}"'})


LAYOUT = '''# a comment with [brackets] and a = b
top = 1
"quoted key" = """
[not.a.table]
not_a_key = 1
"""
[a.b]  # [c]
list = [  # x = 1
    { inner = "]" },
    "#",
]
dotted.key = {x = 1, y = [1, 2]}
[a."b.c".d]
literal = \'\'\'
x = 1
\'\'\'
after = 1
[[many]]
one = 1
[[many]]
one = 1
[many.below]
two = 2
'''


def test_every_key_is_found_on_its_line():
    assert lines(LAYOUT) == {
        ("top",): 2,
        ("quoted key",): 3,
        ("a", "b"): 7,
        ("a", "b", "list"): 8,
        ("a", "b", "dotted", "key"): 12,
        ("a", "b.c", "d"): 13,
        ("a", "b.c", "d", "literal"): 14,
        ("a", "b.c", "d", "after"): 17,
        ("many",): 18,
        ("many", "0"): 18,
        ("many", "0", "one"): 19,
        ("many", "1"): 20,
        ("many", "1", "one"): 21,
        ("many", "1", "below"): 22,
        ("many", "1", "below", "two"): 23,
    }


def test_what_is_not_found_has_the_line_around_it():
    found = lines(LAYOUT)
    assert nearest(found, ("a", "b", "dotted", "key", "y", "0")) == 12
    assert nearest(found, ("a", "b", "missing")) == 7
    assert nearest(found, ("missing",)) is None


@given(st.text(st.sampled_from("[]{}=\"'#\n\\ab.,"), max_size=60))
def test_no_text_is_too_odd_to_look_for_lines_in(text):
    assert all(1 <= line <= text.count("\n") + 1 for line in lines(text).values())


def test_a_path_is_made_whole_from_the_place_of_the_file_not_of_the_process(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    config = read(tmp_path, {"inboxes.risk": 'folder = "mail"'})
    assert config.inboxes["risk"].folder == tmp_path / "mail"


def test_a_relative_configuration_gives_absolute_paths(tmp_path, monkeypatch):
    read(tmp_path, {"inboxes.risk": 'folder = "mail"'})
    monkeypatch.chdir(tmp_path)
    config = load(Path("config.toml"), environ=ENVIRON, connectors=connectors)
    assert config.inboxes["risk"].folder == tmp_path / "mail"
    assert config.database == f"sqlite:///{tmp_path}/wellheard.db"
