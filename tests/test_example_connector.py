"""The connector that docs/write-a-connector.md shows is a distribution of its own: it is built, installed into a fresh
environment beside ours, passes the suite there, and reads a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.wheels import ROOT, built, installed, run

PAGE = ROOT / "docs" / "write-a-connector.md"
EXAMPLE = ROOT / "docs" / "example-connector"

CONFIG = """
organisation = "Practice Hospital"
timezone = "America/Chicago"
database = "sqlite:///wellheard.db"
brands = ["Practice Hospital"]

[network]
contact = "webmaster@practice.example"
allow = ["127.0.0.1/32"]

[inboxes.marketing]
folder = "mail"
[inboxes.risk]
folder = "mail"

[sources.board]
connector = "forum"
options = {{ url = "http://127.0.0.1:{port}", board = "health", token = {{ env = "FORUM_TOKEN" }} }}
"""


class _Board(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.headers["authorization"] == "Bearer let-me-in" and self.path == "/api/posts?board=health"
        post = {
            "id": "7",
            "created": datetime.now(UTC).isoformat(),
            "body": "<p>Waited &amp; waited</p>",
            "author": "visitor",
        }
        body = json.dumps({"posts": [post]} if known else {"error": "who are you"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def board() -> Iterator[int]:
    """The port of a forum that runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Board) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """The programs of a fresh environment that has our wheel and the example's."""
    wheels = (built(ROOT, tmp_path_factory.mktemp("ours")), built(EXAMPLE, tmp_path_factory.mktemp("theirs")))
    return installed(tmp_path_factory.mktemp("opt") / "third-party", *wheels)


@pytest.mark.parametrize("name", ["wellheard_forum.py", "test_forum.py"])
def test_the_page_shows_the_files_as_they_are(name):
    shown = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)

    assert (EXAMPLE / name).read_text() in shown


def test_the_page_shows_how_it_is_named():
    table = (EXAMPLE / "pyproject.toml").read_text().partition('[project.entry-points."wellheard.connectors"]')[2]

    assert table.strip().splitlines()[0] in PAGE.read_text()


def test_it_is_shorter_than_sixty_lines():
    assert len((EXAMPLE / "wellheard_forum.py").read_text().splitlines()) < 60


def test_it_passes_the_suite_where_it_is_installed(programs):
    done = run(
        programs / "python",
        EXAMPLE,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "test_forum.py",
        PYTHONDONTWRITEBYTECODE="1",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 10


def test_it_is_listed_beside_ours(programs, tmp_path):
    done = run(programs / "wellheard", tmp_path, "connectors", "--json")
    listed = {row["connector"] for row in map(json.loads, done.stdout.splitlines())}

    assert {"forum", "rss", "mastodon"} <= listed


def test_it_reads_a_real_server(programs, tmp_path, board):
    (tmp_path / "config.toml").write_text(CONFIG.format(port=board))

    done = run(programs / "wellheard", tmp_path, "poll", "board", "--dry-run", "--json", FORUM_TOKEN="let-me-in")
    refused = run(programs / "wellheard", tmp_path, "poll", "board", "--dry-run", FORUM_TOKEN="wrong")

    assert done.returncode == 0, done.stderr
    assert [row["text"] for row in map(json.loads, done.stdout.splitlines())] == ["Waited & waited"]
    assert refused.returncode == 1
    assert "127.0.0.1 answered 401" in refused.stdout + refused.stderr
