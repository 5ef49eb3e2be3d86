"""Nothing a server can answer costs more than one failed poll: no file is opened, nothing grows, everything ends."""

from __future__ import annotations

import gzip
import resource
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit import feed
from connectors.kit.feed import patient, quick
from connectors.kit.feed.document import LARGEST
from connectors.kit.feed.entry import Unreadable, Unsure
from monitor.connector import Malformed

URL = "https://feeds.example/all?token=not-to-be-seen"
MB = 1_000_000
ITEM = "<item><title>Wait</title><description>Three hours</description></item>"
DTD = '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "{}">{}]><rss version="2.0"><channel><title>t</title><item><title>{}</title></item></channel></rss>'
QUADRATIC = DTD.format("x" * 50_000, "", "&a;" * 20_000)
LAUGHS = DTD.format("ha", "".join(f'<!ENTITY a{n} "{"&a;" * 10}">' for n in range(9)), "&a8;")


def rss(inside: str) -> bytes:
    return f'<rss version="2.0"><channel><title>t</title>{inside}</channel></rss>'.encode()


REFUSED = {
    "an entity used often": (QUADRATIC.encode(), "entity declarations"),
    "entities of entities": (LAUGHS.encode(), "entity declarations"),
    "entities in UTF-16": (QUADRATIC.encode("utf-16"), "entity declarations"),
    "entities in UTF-16 without a mark": (QUADRATIC.encode("utf-16-be"), "entity declarations"),
    "entities in UTF-32": (LAUGHS.encode("utf-32"), "entity declarations"),
    "entities in EBCDIC": (LAUGHS.encode("cp037"), "entity declarations"),
    "entities behind a comment": (b"<!-- <a> -->" + LAUGHS.encode(), "entity declarations"),
    "entities behind a closing bracket": (
        LAUGHS.replace("[", '[<!ELEMENT x (#PCDATA)><!ENTITY y "]>">').encode(),
        "entity",
    ),
    "an external entity": (
        b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel><title>&x;</title></channel></rss>',
        "entity declarations",
    ),
    "100,000 levels": (rss("<item><title>a</title>" + "<x>" * 100_000 + "</x>" * 100_000 + "</item>"), "deep"),
    "a device": (b"/dev/zero", "no feed"),
    "a file": (b"/etc/passwd", "no feed"),
    "the address of a file": (b"file:///etc/passwd", "no feed"),
    "a web page": (b"<!DOCTYPE html><html><head><title>t</title></head><body>x</body></html>", "web page"),
    "a log-in page": (b"\n<html lang='en'><body><form><input name='password'></form></body></html>", "web page"),
    "a page in capitals": (b"<HTML><BODY>Sorry</BODY></HTML>", "web page"),
    "a piece of a page": (b"<form action='/login'></form>", "web page"),
    "XML that is no feed": (b"<catalog><book><title>t</title></book></catalog>", "no feed"),
    "words": (b"Service temporarily overloaded", "no feed"),
    "nothing": (b"", "empty"),
    "only spaces": (b" \n" * 1000, "empty"),
    "NUL bytes": (rss("<item><title>a\0b</title></item>"), "NUL"),
    "noise": (bytes(range(256)) * 100, "no "),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "NUL"),
    "more than 10 MB": (b"<rss>" + b" " * LARGEST, "more than 10 MB"),
    "a gzip bomb": (gzip.compress(b"<rss>" + b" " * 50 * MB), "more than 10 MB"),
    "a broken gzip archive": (gzip.compress(rss(ITEM))[:30] + b"\xff" * 40, "gzip"),
    "10 MB of broken entries": (rss(ITEM.replace("Three", "x &nbsp; y") * 130_000), "MB"),
    "10 MB of brackets": (b"<rss><channel><item><title>" + b"<" * 9 * MB, "MB"),
    "10 MB of open elements": (b"<rss><channel>" + b"<a>" * 3 * MB, "MB"),
    "deep JSON": (b'{"version": "https://jsonfeed.org/version/1", "items": ' + b"[" * 100_000, "JSON"),
    "JSON of small values": (b'{"items": [' + b"{}," * 3 * MB + b"{}]}", "JSON"),
    "a long number": (b'{"version": "1", "items": [' + b"9" * 100_000 + b"]}", "JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_a_sentence(name):
    body, words = REFUSED[name]
    start = time.monotonic()

    with pytest.raises(Malformed) as refused:
        feed.read(body, {}, URL)

    assert words in str(refused.value)
    assert str(refused.value).startswith("feeds.example ")
    assert "not-to-be-seen" not in str(refused.value)
    assert time.monotonic() - start < 30


READ = {
    "50 levels": (rss("<item><title>Wait</title>" + "<x>" * 50 + "</x>" * 50 + "</item>"), 1),
    "truncated": (b'<?xml version="1.0"?>' + rss(ITEM * 3)[:-60], 3),
    "broken entities": (rss(ITEM.replace("Three", "R&D &nbsp; more")), 1),
    "an unclosed element": (rss(ITEM.replace("</description>", "")), 1),
    "an unknown prefix": (rss(ITEM.replace("<title>", "<who:knows/><title>")), 1),
    "invalid UTF-8": (rss(ITEM).replace(b"Three", b"Thr\xffee"), 1),
    "blank lines before the prolog": (b"\n \t\n<?xml version='1.0'?>" + rss(ITEM), 1),
    "warnings before the prolog": (
        b"<br />\n<b>Warning</b>: foo in <b>/srv/x.php</b> on line 3<br />\n<?xml version='1.0'?>" + rss(ITEM), 1
    ),
    "a comment before the root": (b"<?xml version='1.0'?><!-- <rss> --><?xml-stylesheet href='x'?>" + rss(ITEM), 1),
    "a document type without entities": (
        b'<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://x.example/rss.dtd">' + rss(ITEM), 1
    ),
    "a feed in a page": (b"<!DOCTYPE html><html><body>" + rss(ITEM) + b"</body></html>", 1),
    "gzip that nobody mentioned": (gzip.compress(rss(ITEM)), 1),
    "an author of 200,000 letters": (rss(f"<item><title>t</title><author>{'a' * 200_000}</author></item>"), 1),
    "an article about entities": (rss("<item><title>&lt;!DOCTYPE x [&lt;!ENTITY a 'b'>]></title></item>"), 1),
    "utf-7 that nobody reads": (
        b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE r [+ADwAIQ-ENTITY a "b">]>' + rss(ITEM + "&a;"), 1
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_it_is_read_all_the_same(name):
    body, entries = READ[name]

    found = feed.read(body, {}, URL)

    assert len([entry for entry in found.entries if entry.title]) == entries
    assert all(len(entry.author) < 1000 for entry in found.entries)


def test_what_would_take_the_square_of_its_time_ends_in_time():
    body = rss(f"<item><title>t</title><author>{'a' * 300_000}</author><image/></item>")
    start = time.monotonic()

    with pytest.raises(Unreadable, match="too long"):
        patient.in_child(body, within=1)

    assert time.monotonic() - start < 20


def test_such_a_document_is_left_to_a_child():
    with pytest.raises(Unsure) as unsure:
        quick.read(rss(f"<item><title>t</title><author>{'a' * 300_000}</author><image/></item>"))

    assert not unsure.value.tame


def test_the_child_is_given_nothing_of_our_environment(monkeypatch, tmp_path):
    spy = tmp_path / "spy.py"
    spy.write_text("import json, os; print(json.dumps(sorted(os.environ)))")
    monkeypatch.setenv("CANARY", "not-to-be-seen")

    told = patient.in_child(rss(ITEM), program=str(spy))

    assert "PYTHONPATH" in told
    assert "CANARY" not in told


def test_a_child_that_fails_is_a_feed_that_cannot_be_read(tmp_path):
    spy = tmp_path / "spy.py"
    spy.write_text("import sys; sys.exit(1)")

    with pytest.raises(Unreadable, match="too long or too much"):
        patient.in_child(rss(ITEM), program=str(spy))


def test_memory_of_the_process_stays_within_bounds():
    # In a process of its own, since the highest memory use of a process never falls.
    program = """
        import resource, sys
        from connectors.kit import feed
        from monitor.connector import Malformed
        item = "<item><title>Wait 👍</title><description>" + "three hours 👍 " * 500 + "</description></item>"
        bodies = [
            ("<rss><channel><title>t</title>" + item * 1000 + "</channel></rss>").encode(),
            b"<rss><channel>" + b"<a/>" * 2_400_000 + b"</channel></rss>",
            b"<rss><channel>" + b"<a>" * 1_600_000 + b"</a>" * 1_200_000,
            b'{"version": "1", "items": [' + b"[]," * 3_000_000 + b"1]}",
            ("<rss " + " ".join(f"a{n}='{n}'" for n in range(300_000)) + "/>").encode(),
        ]
        feed.read(b"<rss><channel><title>t</title></channel></rss>", {}, "https://feeds.example/")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for body in bodies:
            assert len(body) < 10_000_000
            try:
                feed.read(body, {}, "https://feeds.example/")
            except Malformed:
                pass
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, check=True, timeout=120, cwd=Path(__file__).parents[1],
    )  # fmt: skip

    assert int(done.stdout) < 150, f"{done.stdout} MB"


def test_limits_of_the_child_do_not_touch_this_process():
    before = resource.getrlimit(resource.RLIMIT_AS)

    patient.read(rss(ITEM), tame=False)

    assert resource.getrlimit(resource.RLIMIT_AS) == before


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(body):
    refusal = ""
    try:
        feed.read(body, {"content-type": "text/xml; charset=koi8-r"}, URL)
    except Malformed as refused:
        refusal = str(refused)

    assert not refusal or refusal.startswith("feeds.example ")
