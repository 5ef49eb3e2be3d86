"""Real mails, wherever the recordings are: each is read without an error and in time, and those that are known say what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.kit.mail import Reader, read
from monitor.model import Kind
from tests.recordings import recorded

RECORDINGS = recorded("imap", "*.eml")
ARRIVED = datetime(2026, 6, 1, tzinfo=UTC)
NOTHING_SAID = {
    "attachment_emails__attachment_only_email.eml", "attachment_emails__attachment_with_quoted_filename.eml",
    "error_emails__bad_date_header.eml", "error_emails__bad_date_header2.eml", "error_emails__empty_in_reply_to.eml",
    "error_emails__missing_body.eml", "messages__attachment_7bit.eml", "messages__attachment_inline2.eml",
    "messages__forwarded_message.eml", "mime_emails__raw_email_with_binary_encoded.eml",
    "multi_charset__japanese_attachment_long_name.eml", "multipart_report_emails__multipart_report_multiple_status.eml",
}  # fmt: skip
"""Recordings of which nothing is left but headers, pictures and attachments: their subject is all that is read."""


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_every_recorded_mail_is_read(path: Path):
    letter = read(path.read_bytes())
    mentions = Reader(everybody=True).mentions(letter, ARRIVED)
    assert mentions
    assert letter.automatic == path.name.startswith(("multipart_report", "mime_emails__raw_email_with_mimepart"))
    for mention in mentions:
        assert mention.external_id
        assert mention.published_at.tzinfo is UTC
        assert "\0" not in mention.text
        assert bool(mention.text) != (path.name in NOTHING_SAID)


@pytest.mark.skipif(not recorded("imap", "google_alert*.eml"), reason="there are no recordings here")
def test_a_recorded_alert_says_each_of_its_results_once():
    for path in recorded("imap", "google_alert*.eml"):
        mentions = Reader().mentions(read(path.read_bytes()), ARRIVED)
        assert all(one.kind is Kind.ARTICLE and one.title and one.text for one in mentions)
        assert all(one.url and "google." not in one.url for one in mentions)
        assert len({one.url for one in mentions}) == len(mentions) == 6


@pytest.mark.skipif(not recorded("imap", "gbp_review*.eml"), reason="there are no recordings here")
def test_a_notification_of_a_review_says_what_is_known_of_it():
    for path in recorded("imap", "gbp_review*.eml"):
        (one,) = Reader().mentions(read(path.read_bytes()), ARRIVED)
        assert (one.kind, one.stars) == (Kind.REVIEW, 2.0)
        assert one.text.count("\n") == 1
        assert one.author
        assert one.title in path.read_text()
