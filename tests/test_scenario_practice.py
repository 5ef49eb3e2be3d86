"""The practice hospital: what each of its mentions is meant to show is found in it, and the near misses show nothing."""

from __future__ import annotations

import asyncio
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from connectors.scenario import Scenario, shipped
from monitor import rules
from monitor.assess import RISKS, Assessor
from monitor.config import load
from monitor.connector import Cursor
from monitor.daemon import begin
from monitor.model import Assessment, Incident, Kind, Level, Mention
from monitor.pipeline import judge
from monitor.pipeline.line import assemble
from monitor.pipeline.poll import poll_due
from monitor.store import incidents
from tests.clock import START, Clock
from tests.configured import ROOT, declared

WRITTEN = shipped()["practice-hospital"].read_text(encoding="utf-8")
SCRIPT = tomllib.loads(WRITTEN)
ENTRIES = {(table, entry["id"]): entry for table in ("mention", "change") for entry in SCRIPT[table]}
RULES = rules.builtin()


class Shown(NamedTuple):
    """A mention as it was handed over, whether it was there before the start, and what was found in it."""

    mention: Mention
    history: bool
    found: Assessment

    def risks(self) -> set[str]:
        """The classes that reach their rule's threshold."""
        return {one.risk for one in self.found.signals if one.score >= RULES[one.risk].score_at_least}


@pytest.fixture(scope="module")
def play() -> dict[tuple[str, str], Shown]:
    """Everything that is handed over when it is polled every five seconds, by table and id."""
    return asyncio.run(played())


async def played() -> dict[tuple[str, str], Shown]:
    clock = Clock()
    source = Scenario(Scenario.Options(scenario="practice-hospital"), None, now=clock.now)
    config = tomllib.loads((ROOT / "config.example.toml").read_text(encoding="utf-8"))
    assessor = Assessor(organisation=config["organisation"], brands=config["brands"], people=config["people"])
    shown: dict[tuple[str, str], Shown] = {}
    known: dict[str, Mention] = {}
    cursor: Cursor = {}
    for _ in range(12):
        async for page in source.poll(cursor, clock.now() - timedelta(days=30)):
            for one in page.mentions:
                table = "change" if one.external_id in known else "mention"
                found = assessor.assess(one, known.get(one.parent_id or ""))
                history = one.published_at < START and table == "mention"
                shown[table, one.external_id.rpartition("/")[2]] = Shown(one, history, found)
                known[one.external_id] = one
            cursor = page.cursor or cursor
        clock.advance(timedelta(seconds=5))
    return shown


def test_all_of_it_is_played_within_a_minute(play):
    assert play.keys() == ENTRIES.keys()
    assert 65 <= len(play) <= 85
    assert 18 <= sum(one.history for one in play.values()) <= 30


@pytest.mark.parametrize("key", ENTRIES, ids=" ".join)
def test_a_mention_shows_what_it_should_and_nothing_else(play, key):
    meant = set(ENTRIES[key].get("shows", ()))
    found = play[key].risks()

    assert meant <= found, f"not found: {meant - found}"
    assert found - meant <= {"brand_service_complaint"}, "this would open an incident"  # a complaint only counts


def test_what_is_meant_to_be_shown_is_a_class_of_risk():
    assert {risk for entry in ENTRIES.values() for risk in entry.get("shows", ())} <= set(RISKS)


NEAR = {
    "own_reply_phi": "reply-16", "own_post_phi": "post-01", "privacy_breach_allegation": "review-39",
    "self_disclosed_phi": "review-39", "own_medical_advice": "post-02", "clinical_harm_allegation": "review-27",
    "patient_safety_signal": "review-28", "misconduct_discrimination": "review-44", "legal_regulatory_threat": "review-20",
    "threat_to_staff": "post-07", "self_harm_crisis": "post-15", "account_compromise": "post-12",
    "impersonation_misrepresentation": "post-16", "coordinated_campaign": "post-16", "review_integrity": "review-44",
    "own_reply_conduct": "reply-13", "brand_service_complaint": "review-40",
}  # fmt: skip
"""What sounds like a class and is none, by class."""


@pytest.mark.parametrize("risk", RISKS)
def test_every_class_is_shown_once_truly_and_once_nearly(play, risk):
    assert any(risk in entry.get("shows", ()) and risk in play[key].risks() for key, entry in ENTRIES.items())
    near = play["mention", NEAR[risk]]
    assert near.mention.ours or not risk.startswith("own_"), "it would be no near miss from anybody else"
    assert not [one for one in near.found.signals if one.score >= 6], "this would be told"


@pytest.mark.parametrize(
    "risk",
    [
        "own_reply_phi", "clinical_harm_allegation", "privacy_breach_allegation", "legal_regulatory_threat",
        "threat_to_staff", "self_harm_crisis", "account_compromise", "impersonation_misrepresentation",
        "coordinated_campaign", "brand_service_complaint", "patient_safety_signal", "misconduct_discrimination",
        "review_integrity", "self_disclosed_phi",
    ],
)  # fmt: skip
def test_an_incident_of_each_of_these_classes_opens(play, risk):
    live = [one for one in play.values() if not one.history and risk in one.risks()]

    assert len(live) >= RULES[risk].count


def test_complaints_are_enough_before_the_pile_on_begins(play):
    before = [key for key, one in play.items() if not one.history and "brand_service_complaint" in one.risks()]
    threshold = RULES["brand_service_complaint"].count

    assert before.index(("mention", "review-23")) + 1 >= threshold


def test_the_review_that_turns_had_five_stars(play):
    before, after = play["mention", "review-12"], play["change", "review-12"]

    assert (before.mention.stars, before.history) == (5, True)
    assert (after.mention.stars, after.history) == (1, False)


def test_the_reply_that_discloses_says_what_the_review_does_not(play):
    reply, review = play["mention", "reply-19"].mention, play["mention", "review-19"].mention

    assert reply.ours
    assert reply.parent_id == review.external_id
    for told in ("Imaginary", "visit", "gallbladder", "insurance", "$412"):
        assert told in reply.text
        assert told not in f"{review.author} {review.text}"


def test_the_pile_on_is_a_row_of_one_star_reviews(play):
    crowd = [one.mention for one in play.values() if re.fullmatch(r"user_\d+_invented", one.mention.author or "")]

    assert 8 <= len(crowd) <= 10
    assert {(one.kind, one.stars) for one in crowd} == {(Kind.REVIEW, 1)}
    assert len({one.text for one in crowd}) == len(crowd)


def test_staff_who_speak_of_their_work_are_shown_to_nobody(play):
    assert play["mention", "post-05"].found.signals == ()


def test_it_has_near_misses_and_words_in_other_ways():
    near = [entry for entry in ENTRIES.values() if entry.get("shows") == []]
    said = " ".join(entry["text"] for entry in near)

    assert len(near) >= 12
    for word in ("Killer headache", "asthma attack", "Sue at", "flu shot", "bomb", "misdiagnosed", "drill", "❤️"):
        assert word in said


def test_nothing_in_it_could_be_taken_for_somebody_real():
    hosts = set(re.findall(r"https?://([^/\"]+)", WRITTEN))
    doctors = set(re.findall(r"Dr\. \w+ \w+", WRITTEN))

    assert hosts == {f"{name}.practice.example" for name in ("reviews", "social", "gazette")}
    assert doctors == {"Dr. Example Person"}
    assert re.findall(r"\b\d{3}[-. ]\d{4}\b|[\w.]+@[\w.]+\.\w+", WRITTEN) == []


def test_its_texts_differ_in_length():
    lengths = sorted(len(entry["text"]) for entry in ENTRIES.values())

    assert lengths[0] < 10
    assert lengths[-1] > 240
    assert all(ENTRIES[key].get("url", "https://") for key in ENTRIES)


def test_played_through_the_line_it_opens_each_incident_once_and_no_other(tmp_path):
    opened = asyncio.run(through_the_line(tmp_path))

    assert sorted(one.rule for one in opened) == [
        "account_compromise", "brand_service_complaint", "clinical_harm_allegation", "coordinated_campaign",
        "impersonation_misrepresentation", "legal_regulatory_threat", "misconduct_discrimination", "own_reply_phi",
        "patient_safety_signal", "privacy_breach_allegation", "review-slump", "review_integrity", "self_disclosed_phi",
        "self_harm_crisis", "threat_to_staff",
    ]  # fmt: skip
    assert {one.rule for one in opened if one.level is Level.CRITICAL} == {
        "own_reply_phi", "threat_to_staff", "account_compromise",
    }  # fmt: skip


async def through_the_line(folder: Path) -> list[Incident]:
    """The incidents that the example's configuration opens within the scenario's minute."""
    clock = Clock()
    path = folder / "config.toml"
    path.write_text((ROOT / "config.example.toml").read_text(encoding="utf-8"), encoding="utf-8")
    async with httpx.AsyncClient() as client:
        line = assemble(load(path, environ={}, connectors=declared), client, now=clock.now, lease="test")
        source = Scenario(line.config.sources["practice"].options, client, now=clock.now)
        line.connectors = lambda _: source
        try:
            line.database.upgrade()
            begin(line)
            for _ in range(12):
                await poll_due(line)
                await line.run(judge, line)
                clock.advance(timedelta(seconds=5))
            with line.database.read() as tx:
                return list(incidents.listed(tx, None))
        finally:
            line.close()
