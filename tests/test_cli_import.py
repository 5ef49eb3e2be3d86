"""import: what is kept, what is rejected and why, and what a second time changes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from monitor.store import sources
from tests.cli import DISCLOSING, THREAT, ago, terminal


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        yield one


def sheet(typed, *rows: tuple[object, ...]) -> Path:
    path = typed.folder / "sheet.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("Name", "Rating", "Review"), *rows])
    return path


def test_rows_of_json_become_mentions(typed):
    typed.write("in.jsonl", {"text": "Kind people.", "stars": 5, "author": "Kim Fiction", "kind": "review"},
                {"text": "Long wait."})  # fmt: skip

    done = typed("import", "in.jsonl", "--source", "reviews")

    assert (done.code, done.out, done.err) == (0, "in.jsonl: 2 rows read, 2 new, 0 changed, 0 rejected\n", "")
    rows = typed("mentions", "--json").rows
    assert sorted((row["text"], row["stars"], row["author"], row["kind"]) for row in rows) == [
        ("Kind people.", 5, "Kim Fiction", "review"),
        ("Long wait.", None, None, "post"),
    ]
    assert {row["source"] for row in rows} == {"reviews"}
    assert [row["labels"] for row in rows] == [{"location": "Main campus"}] * 2
    assert not (typed.folder / "in.jsonl.rejected.csv").exists()


def test_rows_of_a_sheet_are_mapped(typed):
    sheet(typed, ("Kim Fiction", 4, "Kind, but slow."), ("", 1, 'Said "no".\nAnd left.'))

    done = typed("import", "sheet.csv", "--source", "sheet", "--json")

    assert done.code == 0
    assert done.row == {"file": "sheet.csv", "read": 2, "new": 2, "changed": 0, "rejected": 0, "first_rejected": [],
                        "error": None, "dry_run": False}  # fmt: skip
    rows = typed("mentions", "--json").rows
    assert sorted((row["text"], row["stars"], row["author"], row["kind"]) for row in rows) == [
        ("Kind, but slow.", 4, "Kim Fiction", "review"),
        ('Said "no".\nAnd left.', 1, None, "review"),
    ]


def test_the_same_file_twice_changes_nothing(typed):
    typed.write(
        "in.jsonl", {"text": "One.", "published_at": "2026-03-01T10:00:00Z"}, {"external_id": "x", "text": "Two."}
    )
    typed("import", "in.jsonl", "--source", "reviews")

    again = typed("import", "in.jsonl", "--source", "reviews")

    assert again.out == "in.jsonl: 2 rows read, 0 new, 0 changed, 0 rejected\n"
    assert len(typed("mentions", "--json").rows) == 2


def test_an_edit_is_a_change(typed):
    typed.write("one.jsonl", {"external_id": "x", "text": "Good."})
    typed.write("two.jsonl", {"external_id": "x", "text": "Bad."})
    typed("import", "one.jsonl", "--source", "reviews")

    assert typed("import", "two.jsonl", "--source", "reviews").out.startswith(
        "two.jsonl: 1 row read, 0 new, 1 changed,"
    )


def test_bad_rows_are_listed_with_line_and_reason_and_the_rest_is_kept(typed):
    typed.write(
        "in.jsonl", {"text": "Good."}, "canary-json", {"text": "canary-stars", "stars": 9}, {"text": "Good, too."}
    )

    done = typed("import", "in.jsonl", "--source", "reviews")

    assert done.code == 1
    said = done.out.splitlines()
    assert said[0] == "in.jsonl: 2 rows read, 2 new, 0 changed, 2 rejected"
    assert [line.split(":")[0] for line in said[1:]] == ["  line 2", "  line 3", "  all of them with their reasons"]
    with (typed.folder / "in.jsonl.rejected.csv").open(newline="", encoding="utf-8") as written:
        listed = list(csv.reader(written))
    assert [row[0] for row in listed] == ["line", "2", "3"]
    assert all(row[1] for row in listed)
    assert "canary" not in str(listed) + done.out + done.err


def test_the_list_of_bad_rows_goes_when_the_file_was_mended(typed):
    typed.write("in.jsonl", {"text": "Good."}, "no json")
    typed("import", "in.jsonl", "--source", "reviews")
    typed.write("in.jsonl", {"text": "Good."})

    assert typed("import", "in.jsonl", "--source", "reviews").code == 0
    assert not (typed.folder / "in.jsonl.rejected.csv").exists()


def test_only_the_first_bad_rows_are_printed(typed):
    typed.write("in.jsonl", {"text": "Good."}, *(["no json"] * 30))

    done = typed("import", "in.jsonl", "--source", "reviews")

    assert done.out.count("\n  line ") == 10
    assert len(typed("import", "in.jsonl", "--source", "reviews", "--json").row["first_rejected"]) == 10
    assert (typed.folder / "in.jsonl.rejected.csv").read_text().count("\n") == 31


def test_where_the_list_cannot_be_written_the_import_goes_on(typed):
    typed.write("in.jsonl", {"text": "Good."}, "no json", "no json")
    (typed.folder / "in.jsonl.rejected.csv").mkdir()

    done = typed("import", "in.jsonl", "--source", "reviews")

    assert done.code == 1
    assert "1 new" in done.out
    assert "  line 2: " in done.out
    assert "in.jsonl.rejected.csv cannot be written: Is a directory" in done.out


def test_a_dry_run_counts_and_stores_nothing(typed):
    typed.write("one.jsonl", {"external_id": "x", "text": "Good."})
    typed("import", "one.jsonl", "--source", "reviews")
    typed.write("two.jsonl", {"external_id": "x", "text": "Good."}, {"external_id": "y", "text": "Bad."}, "no json")

    done = typed("import", "two.jsonl", "--source", "reviews", "--dry-run")

    assert done.code == 1
    assert done.out.startswith("two.jsonl: 2 rows read, 1 would be new, 1 rejected\n  line 3: ")
    assert [row["external_id"] for row in typed("mentions", "--json").rows] == ["x"]
    assert not (typed.folder / "two.jsonl.rejected.csv").exists()


def test_what_is_imported_is_judged(typed):
    typed.write("in.jsonl", {"text": THREAT})

    typed("import", "in.jsonl", "--source", "reviews")

    assert [row["rule"] for row in typed("incidents", "--json").rows] == ["threat_to_staff"]


def test_a_reply_is_linked_when_its_review_comes_in_a_later_file(typed):
    reply = {"external_id": "o", "text": DISCLOSING, "ours": True, "kind": "comment", "parent_id": "r"}
    typed.write("replies.jsonl", reply)
    typed("import", "replies.jsonl", "--source", "reviews")
    alone = typed("mentions", "ours:yes", "--json").row["risk_score"]
    # The review says itself what the reply repeats: that weighs less, and only the review can show it.
    typed.write("reviews.jsonl", {"external_id": "r", "text": DISCLOSING.replace("your", "my"), "kind": "review"})

    typed("import", "reviews.jsonl", "--source", "reviews")

    linked = typed("mentions", "ours:yes", "--json").row
    assert linked["parent_id"] == "r"
    assert 0 < linked["risk_score"] < alone


def test_a_header_of_no_use_is_one_sentence_and_lets_go_of_the_source(typed):
    (typed.folder / "in.csv").write_text("Nothing,Known\n1,2\n")

    done = typed("import", "in.csv", "--source", "sheet")

    assert done.code == 1
    assert "in.csv, line 1: the header has no column 'Name'" in done.out
    sheet(typed, ("Kim", 3, "Well."))
    assert typed("import", "sheet.csv", "--source", "sheet").code == 0


def test_a_source_that_is_being_polled_is_busy(typed):
    typed.write("in.jsonl", {"text": "Good."})
    with typed.database() as database, database.write() as tx:
        sources.ensure(tx, "reviews", "file", ago(hours=1))
        sources.claim_one(tx, "reviews", ago(hours=1), lease="other", until=ago(minutes=-5))

    done = typed("import", "in.jsonl", "--source", "reviews")

    assert done.code == 75
    assert done.err == "source reviews is being polled or imported right now; try again in a moment\n"
    assert typed("mentions", "--json").out == ""


def test_a_file_is_read_page_by_page_to_its_end(typed):
    typed.write("in.jsonl", *({"external_id": str(key), "text": f"Row {key}."} for key in range(1203)))

    assert typed("import", "in.jsonl", "--source", "reviews", "--json").row["new"] == 1203


def test_only_sources_of_files_take_files(typed):
    typed.write("in.jsonl", {"text": "Good."})
    typed.configure('organisation = "P"\n[inboxes.risk]\nfolder = "m"\n[inboxes.marketing]\nfolder = "m"\n')

    done = typed("import", "in.jsonl", "--source", "reviews")

    assert done.code == 2
    assert 'no source takes files: add [sources.NAME] with connector = "file"' in done.err
