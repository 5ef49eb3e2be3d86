"""The connector for public pages keeps every promise of a connector."""

from __future__ import annotations

import json
from typing import ClassVar

from connectors.jsonld import Jsonld
from monitor.testing import Traffic
from monitor.testing.connector import ConnectorContract

URL = "https://reviews.example/practice-hospital"


class TestJsonld(ConnectorContract):
    connector = Jsonld
    options: ClassVar = {"urls": (URL,)}

    def raw(self, said):
        return {
            "@type": "Review",
            "author": {"@type": "Person", "name": f"Reviewer {said.n}"},
            "datePublished": said.published_at.isoformat(),
            "reviewBody": said.text.replace("&", "&amp;"),
            "reviewRating": {"@type": "Rating", "ratingValue": "4"},
        }

    def unreadable(self, raw):
        return {"@type": "Review", "author": None, "reviewBody": None}

    def serve(self, items):
        place = {"@context": "https://schema.org", "@type": "Hospital", "name": "Practice Hospital", "review": items}
        page = f'<html><script type="application/ld+json">{json.dumps(place)}</script></html>'
        return Traffic(("https://reviews.example/robots.txt", "User-agent: *\nDisallow: /private\n"), (URL, page))
