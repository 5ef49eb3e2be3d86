"""show and explain: the whole story of an incident, a mention, a notification - and why nothing came of one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import benchmarks.accuracy
from benchmarks.accuracy.phrases import mention, phrases
from monitor.assess import Assessor
from monitor.audit import Link
from monitor.cli.timeline import sentence
from tests.cli import CONFIG, DISCLOSING, THREAT, ago, terminal, with_incident
from tests.store import NOW, add, found, fresh, notification, said, send, threat

TAUGHT = Path(benchmarks.accuracy.__file__).with_name("sentences")


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        yield one


def story(typed) -> None:
    """A threat comes, is judged, told into a folder, taken on, and ended."""
    row = {"external_id": "t1", "text": THREAT, "author": "Kim Fiction", "kind": "review", "stars": 1}
    typed.write("in.jsonl", row)
    assert typed("import", "in.jsonl", "--source", "reviews").code == 0
    assert typed("run", "--once").code == 0
    assert typed("ack", 1, "--by", "Ana", "--note", "called security").code == 0
    assert typed("assign", 1, "Ben", "--by", "Ana").code == 0
    assert typed("resolve", 1, "--outcome", "responded", "--by", "Ben").code == 0


def test_an_incident_shows_what_was_said_decided_sent_and_done(typed):
    story(typed)

    out = typed("show", 1).out

    assert out.startswith("Incident 1 · critical · resolved\nThreat to staff, Main campus\n")
    parts = re.split(r"\n\n(?=\w)", out)
    assert [part.split("\n")[0] for part in parts[1:]] == ["Mentions (1)", "Timeline", "Deliveries"]
    assert re.search(r"rated +impact 5 of 5, likelihood 80%\n", parts[0])
    assert re.search(r"resolved +\w{3} \d+ \w{3}, \d\d:\d\d C[SD]T, responded\n", parts[0])
    assert re.search(r"with +Ana\n", parts[0]) is None  # Ben has it
    assert re.search(r"with +Ben\n", parts[0])
    assert "Kim Fiction" in parts[1]
    assert THREAT in parts[1]
    assert re.search(r"shows +threat_to_staff, 20.0 of 25$", parts[1])
    told = [re.sub(r"^.*?\d\d:\d\d +", "", line) for line in parts[2].split("\n")[1:]]
    assert told == [
        "opened as critical with 1 mention; to tell risk",
        "sent: opened to risk by folder",
        'acknowledged, by Ana: "called security"',
        "assigned to Ben, by Ana",
        "resolved as responded, by Ben",
    ]
    assert re.search(r"^\w{32} +resolved +risk +folder +due", parts[3], re.MULTILINE)
    assert re.search(r"^\w{32} +opened +risk +folder +sent", parts[3], re.MULTILINE)


def test_programs_get_the_same_story(typed):
    story(typed)

    row = typed("show", 1, "--json").row

    assert (row["id"], row["state"], row["outcome"], row["assignee"]) == (1, "resolved", "responded", "Ben")
    assert [one["text"] for one in row["mentions"]] == [THREAT]
    assert [one["action"] for one in row["timeline"]] == ["opened", "sent", "acked", "assigned", "resolved"]
    assert [one["actor"] for one in row["timeline"]] == ["wellheard", "wellheard", "Ana", "Ana", "Ben"]
    assert [one["reason"] for one in row["deliveries"]] == ["resolved", "opened"]


def test_an_incident_shows_its_weightiest_mentions_and_counts_the_others(typed):
    one = with_incident(typed, mentions=25)
    with typed.database() as database:
        add(database, *(fresh(said(f"m{key}", f"Mention {key}.")) for key in range(24)), now=ago(minutes=1))
        from monitor.store import incidents
        from monitor.store.incidents import Match

        with database.write() as tx:
            incidents.match(tx, [Match(rule=one.rule, group=one.group, mention_id=key, at=NOW, impact=1,
                                       likelihood=0.1) for key in range(2, 26)])  # fmt: skip
            incidents.attach(tx, one.id, one.rule, list(range(2, 26)))

    out = typed("show", 1).out

    assert out.count("Mention ") == 19
    assert THREAT in out
    assert "and 5 more: --json has all" in out
    assert len(typed("show", 1, "--json").row["mentions"]) == 25


def test_a_mention_is_explained_from_its_source_to_its_deliveries(typed):
    story(typed)

    out = typed("explain", "mention:1").out

    for fact in (
        r"Mention 1 · review on file, 1 of 5 stars\n",
        r"source +reviews \(ok\)\n",
        r"last poll +\w{3} \d+ \w{3}, \d\d:\d\d",
        r"first seen +\w{3} ",
        r"labels +location Main campus\n",
        r"by +wellheard-\d+/vader-",
        r"shows +threat_to_staff, 20.0 of 25 \(impact 5 of 5, likelihood 80%\)\n",
        r"by rule +threat_to_staff\.\S+\n",
        r"which +[A-Z][^\n]+\.\n",
        r'at +text \d+-\d+: "I will kill the nurse[^\n]*"\n',
        r"threat_to_staff +incident 1, group Main campus\n",
        r"The rule threat_to_staff\n",
        r"score at least +6\n",
        r"ack within +15 min\n",
        r"opened as critical with 1 mention; to tell risk\n",
        r"sent: opened to risk by folder\n",
        r"opened +risk +folder +sent ",
    ):
        assert re.search(fact, out), fact
    assert "opened no incident" not in out


def test_what_a_rule_found_and_was_not_believed_is_told(typed):
    assessor = Assessor()
    sentences = [one for one in phrases(TAUGHT / "self_harm_crisis_3.txt") if not one.true]
    said, doubted = next((one.text, found) for one in sentences if (found := assessor.doubted(mention(one), None)))
    typed.write("in.jsonl", {"external_id": "d1", "text": said, "kind": "post"})
    assert typed("import", "in.jsonl", "--source", "reviews").code == 0

    assert re.search(rf'{doubted[0].rule} +not believed: [a-z ]+, at text "', typed("explain", "mention:1").out)
    row = typed("explain", "mention:1", "--json").row
    assert doubted[0].rule in {one["rule"] for one in row["not_believed"]}
    assert doubted[0].rule not in {one["rule"] for one in row["signals"]}


def test_programs_get_the_chain_of_a_mention(typed):
    story(typed)

    row = typed("explain", "mention:1", "--json").row

    signal = next(one for one in row["signals"] if one["risk"] == "threat_to_staff")
    assert signal["points_at"] == THREAT[signal["start"] : signal["end"]]
    assert signal["means"].endswith(".")
    assert row["matched_rules"] == [{"rule": "threat_to_staff", "group": "Main campus", "incident": 1}]
    assert (row["source_facts"]["name"], row["source_facts"]["state"]) == ("reviews", "ok")
    assert row["why_not"] is None
    (incident,) = row["incident_facts"]
    assert incident["rule_facts"]["score_at_least"] == 6
    assert [one["action"] for one in incident["timeline"]][:2] == ["opened", "sent"]
    assert [one["channel"] for one in incident["deliveries"]] == ["folder", "folder"]


def test_an_incident_is_explained_with_its_rule_and_the_words_of_its_signals(typed):
    story(typed)

    out = typed("explain", "incident:1").out

    assert "The rule threat_to_staff\n" in out
    assert re.search(r'at +text \d+-\d+: "I will kill', out)
    assert re.search(r"source +reviews \(ok, polled ", out)


def test_a_notification_is_explained_with_its_attempts_and_its_incident(typed):
    story(typed)
    sent = typed("deliveries", "--state", "sent", "--json").row

    out = typed("explain", sent["id"]).out

    assert out.startswith(f"Notification {sent['id']}\n")
    assert re.search(r"reason +opened\n", out)
    assert re.search(r"state +sent\n", out)
    assert "sent: opened to risk by folder" in out
    assert "Incident 1 · critical" in out
    assert THREAT in out
    row = typed("explain", f"notification:{sent['id']}", "--json").row
    assert [one["action"] for one in row["history"]] == ["sent"]
    assert row["incident_facts"][0]["mentions"][0]["text"] == THREAT


def test_the_beginning_of_an_id_names_a_notification(typed):
    with typed.database() as database:
        send(database, notification("abcdef11" + "0" * 24), notification("abcdef22" + "0" * 24), notification("f" * 32))

    assert typed("explain", "abcdef1").out.startswith("Notification abcdef11")
    assert typed("explain", "abcdef").code == 1
    assert typed("explain", "fffff").code == 1  # too short to be meant
    assert typed("explain", "ffffff").code == 0
    assert typed("replay", "abcdef2", "--json").row["id"] == "abcdef22" + "0" * 24


def test_a_plain_number_means_the_incident_and_the_mention(typed):
    story(typed)

    assert [row.get("rule") for row in typed("explain", "1", "--json").rows] == ["threat_to_staff", None]


REASONS = [
    (said("a", "Fine."), found(), {"history": True},
     "it was said before we watched: such mentions are counted and open nothing"),
    (said("b", "kill"), found(threat(0.2)), {},
     "its heaviest signal scores 5.0 of 25, and [appetite] notify is 6: it is only counted"),
    (said("c", "Fine."), found(), {}, "no rule's conditions hold for it"),
]  # fmt: skip


@pytest.mark.parametrize(("mention", "assessment", "how", "why"), REASONS, ids=["history", "appetite", "nothing"])
def test_a_mention_that_opened_nothing_says_why_not(typed, mention, assessment, how, why):
    with typed.database() as database:
        add(database, fresh(mention, assessment, **how), now=ago(hours=1))
    typed("run", "--once")

    assert f"It opened no incident: {why}.\n" in typed("explain", "mention:1").out
    assert typed("explain", "mention:1", "--json").row["why_not"] == why


def test_a_mention_that_waits_for_others_says_so(typed):
    typed.configure(f'{CONFIG}\n[rules.slump]\nstars_below = 3\ncount = 5\nwithin = "7d"\ninboxes = ["risk"]\n')
    typed.write("in.jsonl", {"text": "Closed.", "stars": 1})
    typed("import", "in.jsonl", "--source", "reviews")

    out = typed("explain", "mention:1").out

    assert re.search(r"slump +waits for more, group Main campus\n", out)
    assert "It opened no incident: it counts for slump, which takes more mentions than came.\n" in out


GROUPED = [
    ('slump = "medium"', r"no reviews with stars of the last 28 days, 1\.0 in the 1 of the year before"),
    ("negative_share = 0.4", r"nothing that was said in the last 7 days has a mood"),
    ('surge = "medium"', r"too little is known to say how the group stands"),
]


@pytest.mark.parametrize(("condition", "stands"), GROUPED, ids=["slump", "share", "surge"])
def test_a_mention_that_counts_for_a_group_says_how_the_group_stands(typed, condition, stands):
    typed.configure(f'{CONFIG}\n[rules.whole]\n{condition}\ninboxes = ["risk"]\n')
    typed("run", "--once")
    typed.write("in.jsonl", {"text": "Closed.", "stars": 1})
    typed("import", "in.jsonl", "--source", "reviews")

    row = typed("explain", "mention:1", "--json").row

    assert re.fullmatch(rf"it counts for whole, which is about the whole group: ({stands})", row["why_not"])


def test_a_mention_says_which_condition_keeps_it_from_a_rule(typed):
    rules = '[rules.odd]\nat_odds = true\ninboxes = ["risk"]\n[rules.low]\nstars_below = 3\nkinds = ["review"]\ninboxes = ["risk"]\n'
    typed.configure(f"{CONFIG}\n{rules}")
    typed.write("in.jsonl", {"text": "Closed.", "stars": 4, "kind": "review"})
    typed("import", "in.jsonl", "--source", "reviews")

    assert typed("explain", "mention:1", "--json").row["unmet"] == {"odd": ["at_odds"], "low": ["stars_below"]}
    assert re.search(r"odd +does not hold: at_odds\n", typed("explain", "mention:1").out)


def test_how_far_a_mention_reaches_is_told_with_what_that_does(typed):
    typed.write("in.jsonl", {"text": THREAT, "kind": "post", "engagement": 1_500})
    typed("import", "in.jsonl", "--source", "reviews")
    typed("run", "--once")

    out = typed("explain", "mention:1").out

    assert re.search(r"reach +1,500 reactions: impacts are raised by 2, to 5 at most\n", out)
    assert typed("explain", "mention:1", "--json").row["reach"] == 2
    assert re.search(r"because +one of its mentions has come to 1,000 reactions", typed("explain", "incident:1").out)


def test_an_edit_an_own_reply_and_a_deletion_are_told(typed):
    typed.write("one.jsonl", {"external_id": "r", "text": "Fine.", "stars": 5},
                {"external_id": "o", "text": DISCLOSING, "ours": True, "kind": "comment", "parent_id": "r"})  # fmt: skip
    typed.write("two.jsonl", {"external_id": "r", "text": "Not fine.", "stars": 1})
    typed("import", "one.jsonl", "--source", "reviews")
    typed("import", "two.jsonl", "--source", "reviews")
    with typed.database() as database, database.write() as tx:
        tx.exec_driver_sql("UPDATE mentions SET text = '', gone_at = first_seen_at WHERE external_id = 'o'")

    edited, reply = typed("explain", "mention:1").out, typed("explain", "mention:2").out

    assert re.search(r"earlier wordings +version 1 until \w{3} ", edited)
    assert reply.startswith("Mention 2 · our own comment on file\n")
    assert re.search(r"answers +r\n", reply)
    assert "no longer on its platform since " in reply


def test_a_rule_that_left_the_configuration_is_told_as_such(typed):
    with_incident(typed, rule="old-rule", risk=None)

    assert "The rule old-rule\n  is no longer in the configuration" in typed("explain", "incident:1").out


def test_a_signal_in_the_title_points_there(typed):
    in_title = said("1", "Nothing here.", title="They kill patients")
    with typed.database() as database:
        from dataclasses import replace

        add(database, fresh(in_title, found(replace(threat(), start=5, end=9, field="title"))), now=ago(hours=1))

    assert 'title 5-9: "kill"' in typed("explain", "mention:1").out
    row = typed("explain", "mention:1", "--json").row
    assert (row["signals"][0]["points_at"], row["signals"][0]["field"]) == ("kill", "title")


# The log as sentences


@pytest.mark.parametrize(
    ("action", "actor", "detail", "expected"),
    [
        ("opened", "wellheard", {"level": "urgent", "joined": 2, "told": [], "inboxes": []},
         "opened as urgent with 2 mentions; nobody is told"),
        ("opened", "wellheard", {"level": "warning", "joined": 0, "told": ["opened"], "inboxes": ["marketing", "risk"]},
         "opened as warning; to tell marketing, risk"),
        ("looked", "wellheard", {"mentions": 9, "joined": 1, "told": [], "inboxes": []},
         "1 more mention in it, 9 in all; nobody is told"),
        ("looked", "wellheard", {"mentions": 9, "joined": 0, "told": ["reminder"], "inboxes": ["risk"]},
         "reminder: to tell risk"),
        ("resolved", "wellheard", {"told": ["resolved"], "inboxes": ["risk"]},
         "resolved by itself; resolved: to tell risk"),
        ("delayed", "wellheard", {"reason": "opened", "inbox": "risk", "channel": "email", "attempt": 2, "error": "busy"},
         "not sent yet: opened to risk by email, attempt 2: busy"),
        ("failed", "wellheard", {"reason": "opened", "inbox": "risk", "channel": "email", "attempt": 13, "error": "no"},
         "given up: opened to risk by email, attempt 13: no"),
        ("replayed", "Ana", {}, "to be sent again, by Ana"),
        ("something_new", "wellheard", {"left": 3}, "something_new: left 3"),
    ],
)  # fmt: skip
def test_a_line_of_the_log_is_a_sentence(action, actor, detail, expected):
    link = Link(id=1, at=NOW, actor=actor, action=action, subject="incident:1", detail=detail, previous="", hash="")

    assert sentence(link) == expected
