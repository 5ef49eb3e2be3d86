"""Texts to measure with, made from a seed: what patients and passers-by write, about places that do not exist."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""The time it is in every benchmark that needs no clock of its own."""

_CARE = (
    "the {who} was {good} and took time to explain everything", "the {who} at {place} was {bad}",
    "we waited {number} hours in the {room} before anyone saw my {kin}",
    "I would not send my worst enemy to this place", "my {kin} had {care} here last {day} and all went well",
    "nobody called back about the {paper} even though we left {number} messages", "the {room} was {bad} but quiet",
    "billing sent me the wrong {paper} again and now they want {number} dollars", "thank you to the {who} on {day}",
    "does anyone know if {place} takes new patients this {day}", "the food was not as bad as people say",
    "they were VERY {good} with my {kin} who is scared of needles",
    "the new {room} opens on {day} next to the old library", "never had a better {care} in my life",
    "I am still in pain after the {care} and the {who} just shrugged", "they lost my {paper} twice",
    "if you need {care} go somewhere else", "the {who} barely looked up from the screen",
    "the portal does not work and the phone is always busy", "can't say enough about how {good} the {who} was",
    "my {kin} works there and says the same", "five stars for the {who} and one for the {room}",
    "free flu shots on {day} at {place}", "{good} care from start to finish",
)  # fmt: skip
_EVERYDAY = (
    "parking is a nightmare as always",
    "traffic near {place} is closed until {day} because of the marathon",
    "{name} plays at the arena on {day} and tickets are nearly gone", "reading {name} again this {day}",
    "the library has new opening hours from {day}", "my {kin} started school this {day} and cried more than I did",
    "anyone else watching the game with {number} friends tonight", "the bus was {number} minutes late so I walked",
    "a quiet walk along the river with my {kin} and the dog", "it has rained for {number} days now",
    "the bakery on the corner has the best bread in town", "I have {number} tabs open and no idea why",
    "looking for a flat with {number} rooms near {place}", "who painted the fence by the station blue",
    "the train to {name} leaves at {number} past", "we planted {number} tomatoes and the snails ate them all",
    "my {kin} asked me what a fax machine is", "listening to {name} on the way to work again",
    "the meeting could have been an email", "there is a sale on bicycles until {day}",
    "the lecture by {name} starts at {number} past on {day}", "the bridge will be painted green in {day}",
    "the council voted {number} to {number} on the new road by the river", "{name} won again and nobody is surprised",
)  # fmt: skip
"""What the same people write about the rest of their lives: most of what a search brings."""
_GRAVE = (
    "they gave my {kin} the wrong medication and she ended up in intensive care", "I will sue {place} for this",
    "the {who} told the whole waiting room about my diagnosis", "someone should burn that place down with them in it",
    "my {kin} fell out of bed and nobody came for {number} hours", "I have reported the {who} to the state board",
)  # fmt: skip
_SLOTS = {
    "who": [
        "nurse",
        "doctor",
        "receptionist",
        "surgeon",
        "midwife",
        "therapist",
        "technician",
        "porter",
        "physician",
        "pharmacist",
    ],
    "good": [
        "kind",
        "wonderful",
        "patient",
        "gentle",
        "excellent",
        "friendly",
        "caring",
        "thorough",
        "amazing",
        "professional",
    ],
    "bad": [
        "rude",
        "filthy",
        "dismissive",
        "awful",
        "cold",
        "rushed",
        "terrible",
        "careless",
        "disgusting",
        "unhelpful",
    ],
    "room": ["waiting room", "emergency room", "ward", "clinic", "lobby", "maternity unit", "imaging centre"],
    "kin": ["mother", "father", "daughter", "son", "wife", "husband", "grandmother", "brother", "friend", "baby"],
    "care": [
        "surgery",
        "imaging",
        "physiotherapy",
        "treatment",
        "vaccination",
        "bloodwork",
        "dialysis",
        "chemotherapy",
    ],
    "paper": ["bill", "referral", "prescription", "invoice", "record", "letter", "report", "form"],
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "weekend", "month", "winter"],
    "number": [str(number) for number in range(2, 60)],
}
_LINKS = ("and", "but", "so", "because", "while", "honestly", "then", "also")
_SIGNS = ("😷", "❤", "👍", "it\u2019s", "#care", "@practicehosp", "café", "“ok”", "😡")
_SYLLABLES = [a + b for a in "bcdfglmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "el", "is", "or")]


class Texts:
    """Sentences without end. One post in four has a signal, mostly a complaint; one in seven has a sign beyond ASCII."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.places = [f"{self.name()} {self.random.choice(('Clinic', 'Hospital', 'Practice'))}" for _ in range(200)]

    def name(self) -> str:
        """Two made-up words."""
        return " ".join("".join(self.random.choices(_SYLLABLES, k=self.random.choice((2, 3)))).title() for _ in "ab")

    def text(self, words: int) -> str:
        """A text of so many words."""
        said: list[str] = []
        pick = self.random
        grave = pick.random() < 0.02
        while len(said) < words:
            pattern = pick.choice(_GRAVE if grave else _CARE if pick.random() < 0.4 else _EVERYDAY)
            sentence = self._filled(pattern).split()
            grave = False
            said += (
                [sentence[0].capitalize(), *sentence[1:]] if pick.random() < 0.8 else [pick.choice(_LINKS), *sentence]
            )
            said[-1] += pick.choice((".", ".", ".", "!", "?", ","))
        del said[words:]
        if pick.random() < 1 / 7:
            said[-1] = pick.choice(_SIGNS)
        return " ".join(said)

    def _filled(self, pattern: str) -> str:
        slots = {slot: self.random.choice(words) for slot, words in _SLOTS.items() if slot in pattern}
        return pattern.format_map(slots | {"place": self.random.choice(self.places), "name": self.name()})


def queries(texts: Texts, count: int = 200) -> tuple[dict[str, str], list[str]]:
    """`count` boolean queries of five phrases each, and for each a name that satisfies it."""
    made, names = {}, []
    for number in range(count):
        one, two, three, road = (texts.name() for _ in range(4))
        handle = one.replace(" ", "").lower()
        made[f"clinic-{number}"] = f'("{one} Hospital" OR "{two} Clinic" OR {handle} OR "{three}") NOT "{road} Road"'
        names.append(f"{one} Hospital")
    return made, names


def recorded(folder: Path | None) -> Iterator[str]:
    """The `text` of each line of each JSONL file in `folder`, over and over; nothing without a folder."""
    found = [
        said
        for file in sorted(folder.glob("*.jsonl") if folder else ())
        for line in file.read_text().splitlines()
        if (said := json.loads(line).get("text"))
    ]
    while found:
        yield from found


def corpus(texts: Texts, count: int, words: int, *, names: list[str], share: float, data: Path | None) -> list[str]:
    """`count` texts of `words` words, of which `share` name one of `names`; those of `data` where it is given."""
    given = recorded(data)
    made = []
    for _ in range(count):
        text = next(given, None) or texts.text(words)
        if texts.random.random() < share:
            text = f"{texts.random.choice(names)}: {text}"
        made.append(text)
    return made


# What platforms send, in their shapes


def bluesky(said: list[str], page: int, token: str | None) -> bytes:
    """An answer of app.bsky.feed.searchPosts; `token` leads to the next page."""
    posts = [_post(text, page * 100_000 + number) for number, text in enumerate(said)]
    return json.dumps({"posts": posts} | ({"cursor": token} if token else {}), ensure_ascii=False).encode()


def _post(text: str, number: int) -> dict[str, object]:
    did = f"did:plc:writer{number % 977:018}"
    return {
        "uri": f"at://{did}/app.bsky.feed.post/3k{number:011}",
        "cid": f"bafyrei{number:052}",
        "author": {
            "did": did, "handle": f"writer{number % 977}.social.example", "displayName": f"Writer {number % 977}",
            "avatar": f"https://cdn.social.example/avatar/{number % 977}@jpeg", "labels": [],
            "createdAt": "2024-01-02T03:04:05.678Z", "viewer": {"muted": False, "blockedBy": False},
        },
        "record": {
            "$type": "app.bsky.feed.post", "createdAt": f"2026-03-02T11:{number % 60:02}:07.{number % 1000:03}Z",
            "langs": ["en"], "text": text, "facets": [],
        },
        "replyCount": number % 3, "repostCount": number % 2, "likeCount": number % 17, "quoteCount": 0,
        "indexedAt": f"2026-03-02T11:{number % 60:02}:08.{number % 1000:03}Z", "labels": [],
        "viewer": {"threadMuted": False, "embeddingDisabled": False},
    }  # fmt: skip


def mastodon(said: list[str], page: int) -> bytes:
    """An answer of /api/v1/timelines/tag/."""
    statuses = [_status(text, page * 100_000 + number) for number, text in enumerate(said)]
    return json.dumps(statuses, ensure_ascii=False).encode()


def _status(text: str, number: int) -> dict[str, object]:
    name = f"writer{number % 977}"
    uri = f"https://social.example/users/{name}/statuses/{10**17 - number}"
    return {
        "id": str(10**17 - number), "created_at": f"2026-03-02T11:{number % 60:02}:07.{number % 1000:03}Z",
        "in_reply_to_id": None, "in_reply_to_account_id": None, "sensitive": False, "spoiler_text": "",
        "visibility": "public", "language": "en", "uri": uri, "url": uri.replace("users/", "@"),
        "replies_count": number % 3, "reblogs_count": number % 2, "favourites_count": number % 17, "edited_at": None,
        "content": f"<p>{escape(text, quote=False)}</p>", "reblog": None, "media_attachments": [], "mentions": [],
        "tags": [{"name": "care", "url": "https://social.example/tags/care"}], "emojis": [], "card": None, "poll": None,
        "account": {
            "id": str(number % 977), "username": name, "acct": name, "display_name": name, "locked": False,
            "bot": False, "created_at": "2023-01-02T00:00:00.000Z", "note": "<p>I write.</p>",
            "url": f"https://social.example/@{name}", "uri": f"https://social.example/users/{name}",
            "avatar": f"https://social.example/{name}.png", "followers_count": number % 5000, "following_count": 7,
            "statuses_count": 99, "emojis": [], "fields": [],
        },
    }  # fmt: skip


def rss(said: list[str], feed: int, *, date: str = "Mon, 02 Mar 2026") -> bytes:
    """An RSS 2.0 document whose descriptions are escaped HTML, as most are."""
    entries = "".join(_entry(text, feed * 100_000 + number, date) for number, text in enumerate(said))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
        f"<title>Gazette {feed}</title><link>https://gazette{feed}.example/</link><description>News</description>"
        f"<language>en-us</language>{entries}</channel></rss>\n"
    ).encode()


def _entry(text: str, number: int, date: str) -> str:
    half = text.find(" ", len(text) // 2)
    first, second = escape(text[:half], quote=False), escape(text[half + 1 :], quote=False)
    html = f"<p>{first}</p><p>{second} <a href='https://gazette.example/{number}'>more</a></p>"
    return (
        f"<item><title>{escape(text[: text.find(' ', 40)])}</title><link>https://gazette.example/{number}</link>"
        f"<guid isPermaLink='false'>gazette-{number}</guid><pubDate>{date} 11:{number % 60:02}:00 GMT</pubDate>"
        f"<dc:creator>Writer {number % 977}</dc:creator><category>health</category><category>local</category>"
        f"<description>{escape(html, quote=False)}</description></item>\n"
    )
