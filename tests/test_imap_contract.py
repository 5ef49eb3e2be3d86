"""The connector for mailboxes keeps every promise of a connector, for a mail server in place of HTTP."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime
from typing import ClassVar

from connectors.imap import Imap
from monitor.connector import Secret
from monitor.testing.connector import ConnectorContract
from tests.mailserver import HOST, MailServer, Post


class TestImap(ConnectorContract):
    connector = Imap
    options: ClassVar = {
        "server": HOST,
        "security": "none",
        "username": "listener@practice.example",
        "password": Secret("not-to-be-seen"),
        "senders": ["news.example"],
    }

    def raw(self, said):
        mail = EmailMessage()
        mail["From"] = "Elm Street News <editor@news.example>"
        mail["Subject"] = f"Issue {said.n}"
        mail["Date"] = format_datetime(said.published_at)
        mail["Message-ID"] = f"<{said.n}@news.example>"
        mail.set_content(said.text)
        return Post(said.n, mail.as_bytes(), said.arrived_at)

    def unreadable(self, raw):
        return Post(raw.uid, b"From: editor@news.example\r\n\r\n", raw.arrived_at)

    def serve(self, items):
        return MailServer(items)
