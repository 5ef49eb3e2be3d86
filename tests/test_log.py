"""What reaches a log, and what never does."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from monitor import log
from monitor.connector import Secret
from monitor.model import Kind
from monitor.testing import make_mention

SECRET_URL = "https://user:canary@hooks.example:8443/services/canary?key=canary#canary"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The process's logging is given back as it was."""
    root = logging.getLogger()
    named = [root, *(logging.getLogger(name) for name in ("httpx", "httpcore", "apscheduler"))]
    levels, handlers = [logger.level for logger in named], list(root.handlers)
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    for logger, level in zip(named, levels, strict=True):
        logger.setLevel(level)


Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture
def lines() -> Lines:
    stream = io.StringIO()
    log.configure(json=True, stream=stream, level="debug")
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_entry_is_a_fact_with_its_keys_level_and_time(lines):
    structlog.get_logger().info("polled", source="news", mentions=3, took=timedelta(seconds=2), kind=Kind.REVIEW)
    (entry,) = lines()
    assert datetime.fromisoformat(str(entry.pop("timestamp"))).tzinfo is not None
    assert entry == {
        "event": "polled", "level": "info", "source": "news", "mentions": 3, "took": "0:00:02", "kind": "review",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["text", "title", "author", "url", "recipient", "Text", "URL"])
def test_what_was_said_and_who_said_it_is_dropped_at_any_depth(lines, key):
    structlog.get_logger().info("stored", **{key: "canary"}, inside={key: "canary", "at": [{key: "canary"}]}, id=1)
    (entry,) = lines()
    assert entry["inside"] == {"at": [{}]}
    assert entry["id"] == 1
    assert "canary" not in json.dumps(entry)


@pytest.mark.parametrize(
    "key", ["password", "secret", "api_key", "access_token", "Authorization", "Set-Cookie", "passwd"]
)
def test_what_is_called_a_secret_is_hidden(lines, key):
    structlog.get_logger().info("connected", **{key: "canary"})
    assert lines()[0][key] == "..."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"no answer from {SECRET_URL}, again", "no answer from https://hooks.example:8443/... again"),
        ("https://hooks.example/services/T1/canary", "https://hooks.example/..."),
        ("https://hooks.example?key=canary", "https://hooks.example/..."),
        ("https://hooks.example", "https://hooks.example"),
        ("https://hooks.example/.", "https://hooks.example"),
        ("postgresql+psycopg://w:canary@db.example/w", "postgresql+psycopg://db.example/..."),
        ("sqlite:////home/canary/w.db", "sqlite:///..."),
        ("GET /search?q=canary&key=canary HTTP/1.1", "GET /search?... HTTP/1.1"),
        ("550 <canary@practice.example> unknown", "550 <...@practice.example> unknown"),
        ("Authorization: Bearer canary.canary", "Authorization: ..."),
        ("sent bearer canarycanary", "sent bearer ..."),
        ('password = "canary canary" and on', "password = ... and on"),
        ("access_token=canary&n=1", "access_token=...&n=1"),
        ("{'api_key': 'canary', 'n': 1}", "{'api_key': ..., 'n': 1}"),
        ('{"client_secret":"canary"}', '{"client_secret":...}'),
        ("first\nlevel=critical\x1b[31m\u2028third", "first level=critical [31m third"),
        ("at 10:30 it is 3:1, ratio a/b?", "at 10:30 it is 3:1, ratio a/b?"),
    ],
)
def test_values_and_events_are_masked(lines, text, shown):
    structlog.get_logger().warning(text, error=text, many=[text], path=Path("mail/risk"))
    (entry,) = lines()
    assert (entry["event"], entry["error"], entry["many"], entry["path"]) == (shown, shown, [shown], "mail/risk")


def test_an_object_shows_only_what_it_is(lines):
    mention = make_mention(text="canary", author="canary")
    structlog.get_logger().info(
        "odd", mention=mention, secret_one=Secret("canary"), one=Secret("canary"), raw=b"canary"
    )
    (entry,) = lines()
    assert (entry["mention"], entry["one"], entry["raw"]) == ("<Mention>", "<Secret>", "<bytes>")
    assert "canary" not in json.dumps(entry)


class _Strict(BaseModel):
    number: int


def _deep() -> None:
    canary_local = "canary"
    try:
        _Strict(number=canary_local)
    except ValueError as error:
        raise RuntimeError(f"POST {SECRET_URL} failed\n[parameters: ('canary',)]") from error


def test_an_exception_is_told_with_its_causes_and_places_and_without_values(lines):
    try:
        _deep()
    except RuntimeError:
        structlog.get_logger().exception("job_failed", job="poll")
    (entry,) = lines()
    told = str(entry["exception"])
    assert "ValidationError: 1 validation error for _Strict" in told
    assert "RuntimeError: POST https://hooks.example:8443/... failed" in told
    assert "in _deep" in told
    assert "canary" not in json.dumps(entry)


def test_an_exception_given_as_a_value_or_in_a_group_is_masked_too(lines):
    logger = structlog.get_logger()
    logger.error("failed", error=OSError(f"no route to {SECRET_URL}"))
    logger.error("failed", exc_info=ExceptionGroup("two", [ValueError(SECRET_URL), KeyError("a")]))
    first, second = lines()
    assert first["error"] == "OSError: no route to https://hooks.example:8443/..."
    assert str(second["exception"]).splitlines() == [
        "ExceptionGroup: two (2 sub-exceptions)",
        "    ValueError: https://hooks.example:8443/...",
        "    KeyError: 'a'",
    ]


def test_a_cause_that_was_hidden_stays_hidden(lines):
    error = ValueError("wrong")
    error.__context__, error.__suppress_context__ = KeyError("canary"), True
    structlog.get_logger().error("failed", exc_info=error)
    assert lines()[0]["exception"] == "ValueError: wrong"


def test_an_exception_that_cannot_say_what_it_is_costs_no_entry(lines):
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("canary")

    structlog.get_logger().error("failed", exc_info=Odd())
    assert str(lines()[0]["exception"]).endswith("Odd")


def test_a_circle_of_causes_ends(lines):
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    structlog.get_logger().error("failed", exc_info=one)
    assert str(lines()[0]["exception"]).splitlines() == ["ValueError: two", "then:", "ValueError: one"]


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "apscheduler.scheduler", "some.library"])
def test_libraries_are_heard_from_warning_up_and_masked(lines, name):
    logger = logging.getLogger(name)
    logger.info("HTTP Request: GET %s", SECRET_URL)
    logger.warning("no answer from %s (100%%)", SECRET_URL)
    (entry,) = lines()
    assert entry["event"] == "no answer from https://hooks.example:8443/... (100%)"
    assert (entry["logger"], entry["level"]) == (name, "warning")


def test_an_exception_of_a_library_is_told_in_the_same_way(lines):
    try:
        _deep()
    except RuntimeError:
        logging.getLogger("apscheduler.executors").exception("Job %s raised", "poll")
    (entry,) = lines()
    assert "in _deep" in str(entry["exception"])
    assert "canary" not in json.dumps(entry)


def test_a_librarys_message_that_does_not_fit_is_no_failure(lines):
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if type(handler).__module__ == log.__name__]
    template = "%d of %d"
    logging.getLogger("some.library").error(template, "canary")
    assert [entry["event"] for entry in lines()] == ["a message that does not fit its arguments"]


def test_what_is_quieter_than_the_level_is_not_written():
    stream = io.StringIO()
    log.configure(json=True, stream=stream, level="warning")
    structlog.get_logger().info("polled")
    assert stream.getvalue() == ""


def test_configuring_again_moves_everything_to_the_new_stream(lines):
    stream = io.StringIO()
    log.configure(json=True, stream=stream)
    structlog.get_logger().info("polled")
    logging.getLogger("some.library").error("once")
    assert lines() == []
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["polled", "once"]


def test_a_stream_that_is_gone_stops_nobody():
    stream = io.StringIO()
    log.configure(json=True, stream=stream)
    stream.close()
    structlog.get_logger().error("poll_failed")
    logging.getLogger("some.library").error("gone")
    assert stream.closed


def test_for_a_person_an_entry_is_one_line_without_colours_where_nobody_watches():
    stream = io.StringIO()
    log.configure(json=False, stream=stream)
    structlog.get_logger().error("poll_failed", source="news", error=f"{SECRET_URL}\nsecond", text="canary")
    (line,) = stream.getvalue().splitlines()
    assert "poll_failed" in line
    assert "source=news" in line
    assert "\x1b" not in line
    assert "canary" not in line


def test_what_is_bound_to_the_context_is_in_every_entry_and_masked(lines):
    structlog.contextvars.bind_contextvars(source="news", url=SECRET_URL)
    structlog.get_logger().info("polled")
    (entry,) = lines()
    assert entry["source"] == "news"
    assert "canary" not in json.dumps(entry)


@given(
    st.text(),
    st.recursive(
        st.none() | st.text() | st.floats() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
)
def test_no_entry_is_too_odd_to_be_written(text, value):
    for as_json in (True, False):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        log.configure(json=as_json, stream=stream)
        structlog.get_logger().error(text, value=value)
        stream.flush()
        written = stream.buffer.getvalue().decode()
        assert written.count("\n") == 1


@pytest.mark.parametrize("piece", ["a", "a.", "http://", "x@", "token=", "/?a=", "bearer ", "secret_", "a?a=", "-a://"])
def test_a_long_text_is_cut_before_it_is_masked(piece):
    assert len(log.masked(piece * 200_000)) < 3000
