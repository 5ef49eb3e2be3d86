"""The connector for feeds keeps every promise of a connector."""

from __future__ import annotations

from email.utils import format_datetime
from typing import ClassVar
from xml.sax.saxutils import escape

import httpx

from connectors.rss import Rss
from monitor.connector import Secret
from monitor.testing.connector import NOW, ConnectorContract
from monitor.testing.traffic import Traffic

URL = "https://feeds.example/all?token=not-to-be-seen"


class TestRss(ConnectorContract):
    connector = Rss
    options: ClassVar = {"url": Secret(URL)}

    def raw(self, said):
        return (
            f"<item><guid>https://news.example/{said.n}</guid><link>https://news.example/{said.n}</link>"
            f"<title>Entry {said.n}</title><description>{escape(escape(said.text))}</description>"
            f"<pubDate>{format_datetime(said.published_at)}</pubDate></item>"
        )

    def unreadable(self, raw):
        return "<item><category/></item>"

    def serve(self, items):
        body = f'<rss version="2.0"><channel><title>News</title>{"".join(items)}</channel></rss>'
        headers = {"date": format_datetime(NOW, usegmt=True)}
        return Traffic((URL, httpx.Response(200, content=body.encode(), headers=headers)))
