"""How long to leave a host alone: every unit in which hosts say it, and what is no answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.http import wait
from monitor.http.patience import RESETS, whole_seconds

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
SKEWED = "Sat, 21 Nov 2026 13:00:00 GMT"  # the server's clock is three hours ahead of ours

TABLE = [
    ({}, None),
    ({"Retry-After": "120"}, 120),
    ({"Retry-After": " 120 "}, 120),
    ({"Retry-After": "1.5"}, 1.5),
    ({"Retry-After": "0"}, 0),
    ({"Retry-After": "-30"}, 0),
    ({"Retry-After": "+30"}, 30),
    ({"Retry-After": "172800"}, 172800),
    ({"Retry-After": "Sat, 21 Nov 2026 10:02:00 GMT"}, 120),
    ({"Retry-After": "Saturday, 21-Nov-26 10:02:00 GMT"}, 120),
    ({"Retry-After": "Sat Nov 21 10:02:00 2026"}, 120),
    ({"Retry-After": "Sat, 21 Nov 2026 12:02:00 +0200"}, 120),
    ({"Retry-After": "Mon, 23 Nov 2026 10:00:00 GMT"}, 172800),
    ({"Retry-After": "Sat, 21 Nov 2026 09:00:00 GMT"}, 0),
    ({"Retry-After": "Sat, 21 Nov 2026 13:02:00 GMT", "Date": SKEWED}, 120),
    ({"Retry-After": "Sat, 21 Nov 2026 10:02:00 GMT", "Date": "yesterday"}, 120),
    ({"Retry-After": "2026-11-21T10:02:00Z"}, 120),
    ({"Retry-After": str(EPOCH + 120)}, 120),
    ({"Retry-After": "soon"}, None),
    ({"Retry-After": ""}, None),
    ({"Retry-After": "inf"}, None),
    ({"Retry-After": "nan"}, None),
    ({"Retry-After": "1e3"}, None),
    ({"Retry-After": "1_000"}, None),
    ({"Retry-After": "9" * 25}, None),
    ({"Retry-After": "9" * 5000}, None),
    ({"Retry-After": "٣"}, None),
    ({"Retry-After": "9999-12-31T23:59:59Z"}, None),
    ({"Retry-After": "0001-01-01T00:00:00+14:00"}, None),
    ({"x-rate-limit-reset": str(EPOCH + 900)}, 900),
    ({"X-RateLimit-Reset": str(EPOCH + 900)}, 900),
    ({"X-RateLimit-Reset": str((EPOCH + 900) * 1000)}, 900),
    ({"X-RateLimit-Reset": str(EPOCH + 10800 + 900), "Date": SKEWED}, 900),
    ({"X-RateLimit-Reset": "2026-11-21T10:15:00.000Z"}, 900),
    ({"X-RateLimit-Reset": "2026-11-21T10:15:00"}, 900),
    ({"X-RateLimit-Reset": "412.0"}, 412),
    ({"X-RateLimit-Reset": str(EPOCH - 5)}, 0),
    ({"RateLimit-Reset": "50"}, 50),
    ({"RateLimit-ResetTime": "Sat, 21 Nov 2026 10:15:00 GMT"}, 900),
    ({"RateLimit-Reset": "50", "X-RateLimit-Reset": "60"}, 60),
    ({"X-RateLimit-Reset": "900", "X-RateLimit-Remaining": "0"}, 900),
    ({"X-RateLimit-Reset": "900", "X-RateLimit-Remaining": "0.0"}, 900),
    ({"X-RateLimit-Reset": "900", "X-RateLimit-Remaining": "299"}, None),
    ({"Retry-After": "30", "X-RateLimit-Reset": "900"}, 30),
    ({"Retry-After": "30", "X-RateLimit-Reset": "900", "X-RateLimit-Remaining": "299"}, 30),
    ({"Retry-After": "soon", "X-RateLimit-Reset": "900"}, 900),
]


@pytest.mark.parametrize(("headers", "seconds"), TABLE)
def test_the_wait_is_read_in_every_unit(headers, seconds):
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert wait(httpx.Headers({name: value.encode() for name, value in headers.items()}), now=NOW) == expected


@given(st.text() | st.from_regex(r"[-+]?[0-9]{1,40}(\.[0-9]*)?") | st.datetimes().map(str))
def test_no_header_whatever_breaks_it_and_no_wait_is_negative(value):
    for name in ("retry-after", *RESETS):
        for date in ("", value, SKEWED):
            found = wait({name: value, "date": date}, now=NOW)
            assert found is None or timedelta(0) <= found


@given(st.timedeltas(timedelta(0), timedelta(days=7)), st.timedeltas(timedelta(days=-3), timedelta(days=3)))
def test_the_skew_of_the_servers_clock_does_no_harm(patience, skew):
    there = (NOW + skew).replace(microsecond=0)
    asked = format_datetime(there + timedelta(seconds=int(patience.total_seconds())), usegmt=True)
    found = wait({"retry-after": asked, "date": format_datetime(there, usegmt=True)}, now=NOW)
    assert found == timedelta(seconds=int(patience.total_seconds()))


@pytest.mark.parametrize(("patience", "said"), [(0, "0"), (0.001, "1"), (30, "30"), (timedelta(seconds=1.5), "2")])
def test_a_wait_is_passed_on_in_whole_seconds_rounded_up(patience, said):
    assert whole_seconds(patience) == said
