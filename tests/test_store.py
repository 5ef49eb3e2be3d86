"""The store, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import multiprocessing
import select
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.pq import ConnStatus
from sqlalchemy import Connection, inspect, text

from monitor import audit
from monitor.model import Kind, Outcome, Rule, State, Step
from monitor.schema import metadata
from monitor.store import Busy, Database, StoreError, incidents, log, mentions, outbox, sources
from monitor.store.incidents import Match
from monitor.store.sources import Superseded
from tests.store import NOW, add, found, fresh, incident, keys, listed, notification, said, send, threat, with_source

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.upgrade()
    yield database
    database.close()


def test_a_mention_comes_back_as_it_went_in(database: Database) -> None:
    mention = said(
        "1", "Café ☕ \U0001f600 “ok”", title="T", url="https://x.example/1", author="A", stars=4.5, lang="en",
        parent_id="0", ours=True, engagement=3, audience=9, kind=Kind.COMMENT,
        published_at=datetime(2026, 3, 1, 23, 59, 59, 123456, tzinfo=timezone(timedelta(hours=-6))),
    )  # fmt: skip
    add(database, fresh(mention, found(threat()), topics=("main",)))
    (one,) = listed(database)
    assert one.mention == mention
    assert one.assessment == found(threat())
    assert (one.platform, one.source, one.topics, one.labels) == ("p", "s", ("main",), {"location": "Main"})
    assert one.first_seen_at == NOW
    assert one.mention.published_at.tzinfo is UTC


def test_the_same_id_of_the_same_platform_is_stored_once_and_of_another_beside_it(database: Database) -> None:
    add(database, fresh(said("1")), fresh(said("2")))
    add(database, fresh(said("1", "other words")), source="another")
    add(database, fresh(said("1")), platform="q")
    assert sorted(keys(listed(database))) == ["1", "1", "2"]
    assert [one.mention.text for one in listed(database, source="s")].count("other words") == 0


def test_an_edit_keeps_what_was_said_before_and_returns_to_the_judge(database: Database) -> None:
    add(database, fresh(said("1", "Fine.", stars=5), judged=True))
    with database.write() as tx:
        old = mentions.known(tx, "p", ["1"])["1"]
        mentions.change(tx, old, fresh(said("1", "Awful.", stars=1), found(sentiment=-0.5)), NOW + DAY)
    (one,) = listed(database)
    assert (one.mention.text, one.mention.stars, one.version) == ("Awful.", 1, 2)
    assert one.first_seen_at == NOW
    with database.write() as tx:
        assert [row.id for row in mentions.unjudged(tx, 10)] == [one.id]
        assert mentions.told(tx, one.id) == [(1, NOW + DAY)]


def test_a_text_that_changes_with_every_poll_stops_being_judged(database: Database) -> None:
    add(database, fresh(said("1"), judged=True))
    for n in range(30):
        with database.write() as tx:
            old = mentions.known(tx, "p", ["1"])["1"]
            mentions.change(tx, old, fresh(said("1", f"count {n}")), NOW)
    with database.write() as tx:
        assert mentions.unjudged(tx, 10) == []
    assert listed(database)[0].version == 31


def test_what_is_gone_leaves_a_tombstone_without_its_words(database: Database) -> None:
    add(database, fresh(said("1", "secret words", author="Somebody", title="T"), found(threat())))
    with database.write() as tx:
        mentions.change(tx, mentions.known(tx, "p", ["1"])["1"], fresh(said("1", "other words")), NOW)
        assert mentions.forget(tx, "p", ["1", "2"], NOW) == 1
        assert mentions.forget(tx, "p", ["1"], NOW) == 0
    (one,) = listed(database)
    assert (one.mention.text, one.mention.author, one.mention.title, one.gone_at) == ("", None, "", NOW)
    assert one.assessment.risk_score == 0  # the edit had no signal; what the tombstone shows is what it last was
    with database.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM versions")).scalar() == 0
        assert mentions.known(tx, "p", ["1"])["1"].gone


def test_our_own_words_that_are_gone_are_kept_as_evidence(database: Database) -> None:
    add(database, fresh(said("1", "our own words", ours=True), found(threat())), fresh(said("2"), found(threat())))
    with database.write() as tx:
        assert mentions.forget(tx, "p", ["1", "2"], NOW) == 2
    ours, theirs = sorted(listed(database), key=lambda one: not one.mention.ours)
    assert (ours.mention.text, ours.gone_at) == ("our own words", NOW)
    assert (theirs.mention.text, theirs.gone_at) == ("", NOW)
    assert theirs.assessment.signals == (threat(),)


def test_ids_by_the_thousand_are_found(database: Database) -> None:
    rows = [fresh(said(str(n))) for n in range(1700)]
    add(database, *rows)
    with database.read() as tx:
        assert len(mentions.known(tx, "p", (str(n) for n in range(3000)))) == 1700


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.text(min_size=1, max_size=30).map(lambda s: s.replace("\0", "")), max_size=8))
def test_any_text_that_unicode_allows_is_stored(database: Database, texts: list[str]) -> None:
    texts = [one for one in texts if one and one.isprintable()]
    with database.write() as tx:
        mentions.add(tx, "any", "s", [fresh(said(f"{n}-{one}", one)) for n, one in enumerate(texts)], NOW)
    with database.read() as tx:
        assert set(mentions.known(tx, "any", [f"{n}-{one}" for n, one in enumerate(texts)])) == {
            f"{n}-{one}" for n, one in enumerate(texts)
        }


def test_a_list_is_by_first_sight_and_can_be_narrowed_and_ordered(database: Database) -> None:
    add(database, fresh(said("old", published_at=NOW + DAY)), now=NOW - 9 * DAY)
    add(database, fresh(said("risky", audience=5), found(threat())), now=NOW - DAY)
    add(database, fresh(said("new", audience=900)), source="t")
    assert keys(listed(database)) == ["new", "risky", "old"]
    assert keys(listed(database, since=NOW - 7 * DAY)) == ["new", "risky"]
    assert keys(listed(database, until=NOW)) == ["risky", "old"]
    assert keys(listed(database, risk="threat_to_staff")) == ["risky"]
    assert keys(listed(database, risk="threat")) == []
    assert keys(listed(database, source="t")) == ["new"]
    assert keys(listed(database, order="reach")) == ["new", "risky", "old"]
    assert keys(listed(database, order="risk")) == ["risky"]
    assert keys(listed(database, limit=1)) == ["new"]


def test_unanswered_mentions_are_those_of_others_that_nobody_of_ours_answered(database: Database) -> None:
    add(database, fresh(said("answered")), fresh(said("open")), fresh(said("ours", ours=True)))
    add(database, fresh(said("old news"), history=True))
    add(database, fresh(said("reply", kind=Kind.COMMENT, ours=True, parent_id="answered")))
    with database.write() as tx:
        window = {"since": NOW - DAY, "until": NOW + DAY, "limit": 10}
        left = mentions.unanswered(tx, Rule(name="r", inboxes=()), **window)
        assert keys(left) == ["open"]
        assert mentions.unanswered(tx, Rule(name="r", inboxes=(), kinds=frozenset({Kind.POST})), **window) == []
        incidents.match(tx, [match(left[0].id, rule="r")])
        assert mentions.unanswered(tx, Rule(name="r", inboxes=()), **window) == []


def test_replies_that_came_before_their_parent_are_found(database: Database) -> None:
    add(database, fresh(said("r", ours=True, parent_id="p1")), fresh(said("c", parent_id="p1")))
    with database.read() as tx:
        assert keys(mentions.orphans(tx, "p", ["p1", "p2"])) == ["r"]
        assert mentions.parents(tx, "p", ["r"])["r"].parent_id == "p1"


# -- sources


def test_only_due_sources_are_leased_and_only_once(database: Database) -> None:
    with database.write() as tx:
        sources.sync(tx, {"a": "p", "b": "p", "c": "p"}, {"a": NOW, "b": NOW - MINUTE, "c": NOW + MINUTE}, NOW)
        held = {"lease": "me", "until": NOW + MINUTE, "limit": 5}
        assert [one.name for one in sources.claim(tx, NOW, **held)].count("c") == 0
        assert sources.claim(tx, NOW, **held) == []
        assert sources.claim_one(tx, "a", NOW, lease="you", until=NOW + MINUTE) is None
        later = NOW + 2 * MINUTE
        assert {one.name for one in sources.claim(tx, later, **held)} == {"a", "b", "c"}


def test_a_worker_whose_lease_was_taken_over_stores_nothing(database: Database) -> None:
    with_source(database, lease="slow")
    with database.write() as tx:
        assert sources.claim_one(tx, "s", NOW + DAY, lease="quick", until=NOW + 2 * DAY) is not None
    with pytest.raises(Superseded), database.write() as tx:
        mentions.add(tx, "p", "s", [fresh(said("1"))], NOW)
        sources.move(tx, "s", "slow", {"at": 1}, new=1, skipped=0, now=NOW, until=NOW)
    assert listed(database) == []


def test_a_failure_is_remembered_until_the_next_good_poll(database: Database) -> None:
    with_source(database)
    with database.write() as tx:
        fail = {"error": "host said no", "remedy": "AuthRejected"}
        sources.failed(tx, "s", "me", now=NOW, next_poll_at=NOW + MINUTE, **fail)
        one = sources.one(tx, "s")
        assert one is not None
        assert (one.failures, one.failing_since, one.error, one.remedy) == (1, NOW, "host said no", "AuthRejected")
        assert [row.name for row in sources.troubled(tx, NOW, DAY)] == ["s"]
        assert sources.claim_one(tx, "s", NOW, lease="me", until=NOW + MINUTE) is not None
        sources.polled(tx, "s", "me", now=NOW + MINUTE, next_poll_at=NOW + DAY)
        one = sources.one(tx, "s")
        assert one is not None
        assert (one.failures, one.failing_since, one.error, one.walked_at) == (0, None, None, NOW + MINUTE)


def test_a_source_that_leaves_the_configuration_keeps_its_cursor_for_its_return(database: Database) -> None:
    with_source(database)
    with database.write() as tx:
        sources.move(tx, "s", "me", {"at": 5}, new=0, skipped=2, now=NOW, until=NOW)
        sources.sync(tx, {}, {}, NOW)
        assert sources.every(tx) == []
        sources.sync(tx, {"s": "p"}, {"s": NOW}, NOW)
        (one,) = sources.every(tx)
        assert (one.cursor, one.skipped) == ({"at": 5}, 2)
        sources.sync(tx, {"s": "another platform"}, {"s": NOW}, NOW)
        assert sources.every(tx)[0].cursor == {}


# -- incidents


def match(mention_id: int, **values: object) -> Match:
    base: dict[str, object] = {"rule": "threat_to_staff", "group": "Main", "mention_id": mention_id, "at": NOW,
                               "impact": 5, "likelihood": 0.9}  # fmt: skip
    return Match(**(base | values))  # type: ignore[arg-type]


def test_an_incident_comes_back_as_it_went_in(database: Database) -> None:
    first = incident(chain=(Step(after=MINUTE, inbox="risk"),), ack_due_at=NOW + MINUTE, next_step_at=NOW + MINUTE)
    with database.write() as tx:
        kept = incidents.save(tx, first)
        assert kept.id > 0
        assert replace(kept, id=0) == first
        ended = replace(kept, state=State.RESOLVED, outcome=Outcome.REMOVED, resolved_at=NOW, next_step_at=None)
        assert incidents.save(tx, ended) == incidents.one(tx, kept.id)


def test_a_rule_and_group_have_at_most_one_unresolved_incident(database: Database) -> None:
    with database.write() as tx:
        kept = incidents.save(tx, incident())
    with pytest.raises(Exception, match="(?i)unique"), database.write() as tx:
        incidents.save(tx, incident())
    with database.write() as tx:
        incidents.save(tx, replace(kept, state=State.RESOLVED))
        assert incidents.save(tx, incident()).id != kept.id
        incidents.save(tx, incident(group="Other clinic"))


def test_matches_are_loose_until_an_incident_takes_them(database: Database) -> None:
    add(database, *(fresh(said(str(n))) for n in range(3)))
    ids = sorted(one.id for one in listed(database))
    with database.write() as tx:
        incidents.match(tx, [match(ids[0], at=NOW - DAY), match(ids[1]), match(ids[2], likelihood=0.2)])
        incidents.match(tx, [match(ids[1], likelihood=0.1)])  # the same mention matches a rule once
        assert [one.mention_id for one in incidents.loose(tx, "threat_to_staff", "Main", None)] == ids
        recent = incidents.loose(tx, "threat_to_staff", "Main", NOW - MINUTE)
        assert [one.mention_id for one in recent] == ids[1:]
        kept = incidents.save(tx, incident())
        incidents.attach(tx, kept.id, kept.rule, ids[1:])
        assert incidents.mention_ids(tx, kept.id) == [ids[1], ids[2]]
        assert incidents.mention_ids(tx, kept.id, limit=1) == [ids[1]]
        assert mentions.incidents_of(tx, ids) == {ids[1]: [kept.id], ids[2]: [kept.id]}
        assert [one.mention_id for one in incidents.loose(tx, "threat_to_staff", "Main", None)] == ids[:1]


def test_only_incidents_whose_step_has_come_are_due(database: Database) -> None:
    with database.write() as tx:
        for n in range(-1, 2):
            incidents.save(tx, incident(group=str(n), next_step_at=NOW + n * MINUTE))
        incidents.save(tx, incident(group="never"))
        assert [one.group for one in incidents.due(tx, NOW, 10)] == ["-1", "0"]
        assert incidents.overdue(tx, NOW) == 1


def test_silences_end_by_time_or_by_hand(database: Database) -> None:
    with database.write() as tx:
        key = incidents.silence(tx, "r", None, now=NOW, until=NOW + DAY, why="planned")
        assert [one.why for one in incidents.silenced(tx, NOW)] == ["planned"]
        assert incidents.silenced(tx, NOW + DAY) == []
        assert incidents.unsilence(tx, key, NOW)
        assert not incidents.unsilence(tx, key, NOW)


# -- outbox


def claim(database: Database, now: datetime = NOW, lease: str = "me", **how: object) -> list[str]:
    with database.write() as tx:
        held = {"lease": lease, "until": now + MINUTE, "limit": 10}
        return [one.id for one in outbox.claim(tx, now, **(held | how))]  # type: ignore[arg-type]


def test_a_notification_comes_back_as_it_went_in_and_its_key_is_written_once(database: Database) -> None:
    one = notification()
    assert send(database, one, replace(one, id="n2")) == 1
    with database.read() as tx:
        assert outbox.one(tx, "n1") == one
        assert outbox.exists(tx, "key/")
        assert not outbox.exists(tx, "%")


def test_due_notifications_are_leased_once_and_again_when_the_lease_is_over(database: Database) -> None:
    send(database, notification("n1"), notification("n2", due_at=NOW - MINUTE), notification("n3", due_at=NOW + DAY))
    assert claim(database, limit=1) == ["n2"]
    assert claim(database) == ["n1"]
    assert claim(database) == []
    assert claim(database, NOW + 2 * MINUTE, lease="you") == ["n2", "n1"]


def test_a_busy_channel_is_passed_over(database: Database) -> None:
    send(database, notification("n1"), notification("n2", channel="webhook"))
    assert claim(database, busy=[("risk", "email")]) == ["n2"]


def test_the_dead_do_not_mark_what_the_living_took_over(database: Database) -> None:
    send(database, notification())
    with database.write() as tx:
        (zombie,) = outbox.claim(tx, NOW, lease="zombie", until=NOW + MINUTE, limit=1)
    assert claim(database, NOW + 2 * MINUTE, lease="living") == ["n1"]
    with database.write() as tx:
        assert not outbox.sent(tx, zombie, NOW)
        assert not outbox.failed(tx, zombie, NOW, "x")
        assert outbox.listed(tx, "due")[0].sent_at is None


def test_a_notification_is_sent_put_off_given_up_or_replayed_under_its_id(database: Database) -> None:
    send(database, notification("a"), notification("b"), notification("c"))
    with database.write() as tx:
        a, b, c = outbox.claim(tx, NOW, lease="me", until=NOW + MINUTE, limit=3)
        assert outbox.sent(tx, a, NOW)
        assert outbox.later(tx, b, NOW + DAY, "busy")
        assert outbox.failed(tx, c, NOW, "no such address")
        states = {state: [one.id for one in outbox.listed(tx, state)] for state in ("due", "sent", "failed")}
        assert states == {"due": ["b"], "sent": ["a"], "failed": ["c"]}
        assert [(one.id, one.attempts) for one in outbox.listed(tx)] == [("a", 1), ("b", 1), ("c", 1)]
        assert outbox.next_due(tx) == NOW + DAY
        assert outbox.overdue(tx, NOW + 2 * DAY) == 1
        assert outbox.replay(tx, "c", NOW)
        assert not outbox.replay(tx, "x", NOW)
        assert [one.id for one in outbox.claim(tx, NOW, lease="me", until=NOW + MINUTE, limit=3)] == ["c"]


# -- log


def test_the_log_is_whole_until_a_line_is_changed_or_removed(database: Database) -> None:
    with database.write() as tx:
        for n in range(5):
            log.add(tx, NOW + n * MINUTE, "opened", f"incident:{n}", {"n": n, "level": "urgent", "words": ["é"]})
    with database.write() as tx:
        assert audit.broken(log.lines(tx)) is None
        assert [link.detail["n"] for link in log.about(tx, "incident:3")] == [3]
        tx.execute(text("UPDATE log SET actor = 'somebody else' WHERE id = 3"))
        assert audit.broken(log.lines(tx)) == 3
        tx.execute(text("DELETE FROM log WHERE id = 3"))
        assert audit.broken(log.lines(tx)) == 4


# -- the database itself


def test_a_worker_that_freezes_inside_a_transaction_is_cut_off_by_the_server(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    database.upgrade()
    for _ in range(2):  # the second connection comes out of the pool, where a rollback must not have undone it
        with database.write() as tx:
            assert tx.execute(text("SHOW idle_in_transaction_session_timeout")).scalar() == "1min"
        with pytest.raises(RuntimeError), database.write() as tx:
            raise RuntimeError
    with pytest.raises(StoreError, match="the connection is lost"), database.write() as tx:
        tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = '1ms'"))
        _wait_for_the_end_of(tx)
        tx.execute(text("SELECT 1"))
    with database.write() as tx:  # and the next one gets another connection
        assert tx.execute(text("SELECT 1")).scalar() == 1
    database.close()


def _wait_for_the_end_of(tx: Connection) -> None:
    """Reads what the server says to a session that does nothing, so that no test has to guess how long that takes."""
    wire = tx.connection.dbapi_connection.pgconn  # type: ignore[union-attr]
    while wire.status == ConnStatus.OK:
        select.select([wire.socket], [], [], 30)
        wire.consume_input()


def test_what_raises_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as tx:
        mentions.add(tx, "p", "s", [fresh(said("1"))], NOW)
        outbox.add(tx, [notification()])
        raise RuntimeError
    assert listed(database) == []
    with database.read() as tx:
        assert outbox.listed(tx) == []


def test_durability_is_read_back_from_the_connection_that_writes(database: Database) -> None:
    signs = database.vital_signs()
    if database.sqlite:
        assert signs == {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "mmap_size": "0"}
    else:
        assert signs["synchronous_commit"] == "on"


def test_the_migrations_make_the_tables_of_the_schema(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.write() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    assert database.behind() is None


def test_every_migration_goes_down_and_up_again_with_data_in_it(database: Database) -> None:
    add(database, fresh(said("1"), found(threat())))
    send(database, notification())
    database.downgrade("base")
    assert database.behind() is not None
    with database.read() as tx:
        assert set(inspect(tx).get_table_names()) <= {"alembic_version"}
    database.upgrade()
    assert listed(database) == []
    add(database, fresh(said("1")))


def test_a_schema_from_the_future_is_refused(database: Database) -> None:
    with database.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer than this version knows"):
        database.upgrade()
    with pytest.raises(StoreError, match="9999"):
        database.behind()


def test_the_long_lists_are_found_by_index_and_not_by_scanning(database: Database) -> None:
    if not database.sqlite:
        pytest.skip("the planner of PostgreSQL scans small tables on purpose")
    wanted = {
        "SELECT * FROM mentions WHERE first_seen_at >= '2026' ORDER BY first_seen_at DESC": "ix_mentions_first_seen_at",
        "SELECT * FROM mentions WHERE risk_score > 0 AND first_seen_at >= '2026'": "ix_mentions_risky",
        "SELECT * FROM mentions WHERE NOT judged ORDER BY id LIMIT 500": "ix_mentions_unjudged",
        "SELECT * FROM mentions WHERE platform = 'p' AND external_id IN ('1', '2')": "uq_mentions_identity",
        "SELECT * FROM mentions WHERE platform = 'p' AND parent_id IN ('1')": "ix_mentions_parent",
        "SELECT id FROM notifications WHERE sent_at IS NULL AND failed_at IS NULL AND told_in IS NULL AND due_at <= '2026'":
            "ix_notifications_due",
        "SELECT * FROM sources WHERE active AND next_poll_at <= '2026' ORDER BY next_poll_at": "ix_sources_next_poll_at",
    }  # fmt: skip
    with database.read() as tx:
        for statement, index in wanted.items():
            plan = " ".join(str(row) for row in tx.execute(text(f"EXPLAIN QUERY PLAN {statement}")))
            assert index in plan, plan


def lite(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    database.upgrade()
    return database


def test_a_second_daemon_on_one_file_is_refused_and_the_next_one_is_not(tmp_path: Path) -> None:
    first, second = lite(tmp_path), lite(tmp_path)
    first.claim_daemon()
    with pytest.raises(Busy, match="another wellheard daemon"):
        second.claim_daemon()
    first.close()
    second.claim_daemon()
    second.close()


def test_reading_connections_cannot_write(tmp_path: Path) -> None:
    database = lite(tmp_path)
    with pytest.raises(StoreError, match="readonly"), database.read() as tx:
        tx.execute(text("DELETE FROM mentions"))
    database.close()


def _write_many(url: str, start: int) -> None:
    database = Database(url)
    for n in range(start, start + 50):
        with database.write() as tx:
            mentions.add(tx, "p", "s", [fresh(said(str(n)))], NOW)
    database.close()


def test_writers_of_other_processes_wait_their_turn_and_nothing_is_lost(tmp_path: Path) -> None:
    database = lite(tmp_path)
    url = f"sqlite:///{tmp_path / 'x.db'}"
    spawn = multiprocessing.get_context("spawn")
    others = [spawn.Process(target=_write_many, args=(url, 50 * n)) for n in range(1, 4)]
    for other in others:
        other.start()
    _write_many(url, 0)
    for other in others:
        other.join()
    assert [other.exitcode for other in others] == [0, 0, 0]
    assert len(listed(database)) == 200
    with database.read() as tx:
        assert tx.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    database.close()


def test_a_backup_made_while_writing_is_whole_and_can_be_put_back(tmp_path: Path) -> None:
    database = lite(tmp_path)
    add(database, *(fresh(said(str(n))) for n in range(100)))
    with database.write() as tx:
        mentions.add(tx, "p", "s", [fresh(said("in flight"))], NOW)
        database.backup(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    add(database, fresh(said("after")))
    assert len(listed(database)) == 102
    database.restore(tmp_path / "copy.db")
    assert len(listed(database)) == 100
    with pytest.raises(StoreError, match="exists"):
        database.backup(tmp_path / "copy.db")
    database.close()


def test_what_is_no_backup_is_not_put_in_the_place_of_the_data(tmp_path: Path) -> None:
    database = lite(tmp_path)
    (tmp_path / "words").write_text("no database")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (x)").connection.close()
    for name in ("words", "other.db", "missing"):
        with pytest.raises(StoreError):
            database.restore(tmp_path / name)
    assert listed(database) == []
    database.close()


def test_an_unusable_database_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="needs a file"):
        Database("sqlite://")
    (tmp_path / "folder.db").mkdir()
    database = Database(f"sqlite:///{tmp_path / 'folder.db'}")
    with pytest.raises(StoreError, match="unable to open"):
        database.upgrade()
    database.close()
