"""What to do about a mention on each platform: every platform that we read has its playbook."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor import rules
from monitor.clocks import deadlines
from monitor.connector import load, names
from monitor.messages.playbooks import OTHER, platforms, playbook, risks
from monitor.model import Answer, Kind, Reason, Removal, State
from tests.test_messages import NOW, flat, incident, stored, told, whole

GROUNDS = {"threat", "privacy", "fake", "impersonation", "crisis"}
LABELS = {"First", "Ask", "Removal", "They remove", "They keep", "Take it down", "Answer"}
SHORT = 160


@pytest.mark.parametrize("name", names())
def test_every_connector_has_the_playbook_of_its_platform(name):
    assert load(name).platform in platforms()


def test_nothing_is_written_about_a_platform_or_class_that_is_not_there():
    known = {load(name).platform for name in names()} | {OTHER}
    assert platforms().keys() <= known
    assert risks().keys() == rules.builtin().keys()


@pytest.mark.parametrize(("name", "one"), platforms().items())
def test_each_sentence_is_short_plain_and_says_where_it_is_from(name, one):
    for said in (one.ask, one.removes, one.keeps, one.own):
        assert 10 <= len(said) <= SHORT
        assert said.endswith(".")
    assert GROUNDS.issuperset(one.grounds)
    assert not one.grounds or {"threat", "privacy", "fake", "impersonation"} <= one.grounds.keys()
    assert one.unconfirmed or one.source.startswith("https://") or not one.grounds, name


@pytest.mark.parametrize(("risk", "what"), risks().items())
def test_each_class_says_what_not_to_answer(risk, what):
    assert what.keys() <= {"ground", "police", "never"}
    assert what.get("ground", "threat") in GROUNDS
    assert 10 <= len(what["never"]) <= SHORT, risk


@pytest.mark.parametrize("platform", platforms())
@pytest.mark.parametrize("risk", [*risks(), None])
@pytest.mark.parametrize("ours", [True, False])
def test_a_playbook_is_two_to_five_steps_and_ends_with_what_not_to_answer(platform, risk, ours):
    found = playbook(platform, risk, ours=ours)
    labels = [label for label, _ in found.steps]
    assert 2 <= len(labels) <= 5
    assert len(set(labels)) == len(labels)
    assert LABELS.issuperset(labels)
    assert labels[-1] == "Answer"
    assert ("Take it down" in labels) is ours


def test_a_threat_is_for_the_police_and_for_the_platform():
    said = dict(playbook("google_business_profile", "threat_to_staff", ours=False).steps)
    assert "police" in said["First"]
    assert "Ground: Violence or harassment." in said["Ask"]


def test_an_allegation_is_no_ground_and_what_is_ours_is_ours_to_take_down():
    said = dict(playbook("yelp", "clinical_harm_allegation", ours=False).steps)
    assert "No ground" in said["Removal"]
    assert "Ask" not in said
    own = dict(playbook("facebook", "own_reply_phi", ours=True).steps)
    assert own.keys() == {"Take it down", "Answer"}


def test_what_patients_tell_of_themselves_is_repeated_by_nobody():
    said = dict(playbook("trustpilot", "self_disclosed_phi", ours=False).steps)
    assert "Repeat none of it" in said["Answer"]
    assert "what the reviewers say of themselves" in said["They keep"]


def test_a_platform_that_nobody_wrote_about_has_the_general_one():
    found = playbook("somebodys-own", "threat_to_staff", ours=False)
    assert found.where == "its platform"
    assert found.unconfirmed


@pytest.mark.parametrize("risk", [*risks()])
def test_every_incident_mail_carries_it_as_text_as_html_and_for_machines(risk):
    message = told(about=incident(risk=risk, rule=risk))
    book = playbook("google_business_profile", risk, ours=False)
    body = message.data["data"]["playbook"]
    assert body["platform"] == "Google"
    assert [one["step"] for one in body["steps"]] == [label for label, _ in book.steps]
    for _, said in book.steps:
        assert flat(said) in flat(message.text).replace("\n", " ")
    assert "On Google" in message.html
    assert whole(message).count("unconfirmed") == 1


def test_what_is_not_confirmed_says_so_in_its_heading():
    message = told(mentions=[replace(stored(), platform="reddit")])
    assert "On Reddit, not confirmed" in message.text
    assert message.data["data"]["playbook"]["unconfirmed"] is True


def test_the_ask_names_the_command_that_follows_it():
    assert "`wellheard removal 12 --asked`" in flat(told().text)
    assert "removal 12 --asked</code>" in told().html
    assert "`wellheard removal mention:7 --asked`" in flat(told(mentions=[stored(7)], about=incident(mentions=9)).text)


def test_nothing_is_to_be_done_where_it_is_resolved_or_about_a_source():
    assert told(Reason.RESOLVED, about=incident(state=State.RESOLVED)).data["data"]["playbook"] is None
    failing = incident(rule="source_failing", risk=None, group="google-main", mentions=0)
    assert told(about=failing, mentions=[]).data["data"]["playbook"] is None


# Deadlines


def test_a_deadline_says_by_when_and_what_to_type():
    about = incident(risk="own_reply_phi", rule="own_reply_phi", state=State.ACKED, acked_at=NOW)
    own = stored(kind=Kind.COMMENT, ours=True)
    message = told(Reason.DEADLINE, [own], about=about)
    assert (
        message.subject == "[URGENT] Our reply may reveal a patient - Main campus: a deadline comes near (incident 12)"
    )
    assert "Correct by Wed 9 Dec, 14:14 CST (in 29 days)" in flat(message.text)
    assert re.search(r"    wellheard (.*)", message.text).group(1) == "resolve 12 --outcome OUTCOME"
    assert message.data["type"] == "incident.deadline"
    assert "A deadline comes near, and this is not resolved." in flat(message.text)
    late = told(Reason.DEADLINE, [own], about=replace(about, opened_at=NOW - timedelta(days=31)))
    assert "A deadline has passed" in flat(late.text)


def test_what_is_still_up_after_it_was_asked_for_is_told_as_that():
    asked = Removal(mention_id=1, asked_at=NOW, asked_by="Ana", ground="canary-ground", answer=Answer.GRANTED)
    message = told(Reason.DEADLINE, about=incident(state=State.ACKED, acked_at=NOW), awaited=[asked, asked])
    assert message.subject.endswith("Main campus: still up (incident 12)")
    assert "2 mentions are still up: the platform was asked on Mon 9 Nov, 14:17 CST to take it down." in flat(
        message.text
    )
    assert re.search(r"    wellheard (.*)", message.text).group(1) == "removal 12"
    assert "canary-ground" not in whole(message)


def test_a_device_report_is_named_with_its_rule_of_law():
    about = incident(risk="patient_safety_signal", rule="patient_safety_signal", report_due_at=NOW)
    assert [one.what for one in deadlines(about)] == ["Report by"]
    assert "21 CFR 803.30" in flat(told(about=about).text)
    assert told(about=about).data["data"]["report_due_at"] == "2026-11-09T20:17:00Z"
