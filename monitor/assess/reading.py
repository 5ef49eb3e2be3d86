"""A text is split once: what each of its tokens means to language, sentiment and rules is remembered by token.

Most tokens of a text have been seen before, so that reading one is a look-up per token. None of what is remembered
depends on the text around it or on the organisation; the memo is bounded, whatever strangers write.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from operator import attrgetter, itemgetter

from monitor.assess import language, phrases, shapes, vader
from monitor.assess.phrases import END
from monitor.assess.vader import Heard

_REMEMBERED = 65_536
_LONGEST_REMEMBERED = 32
"""The memo holds at most this many tokens of at most this many characters: some 30 MB."""

_CLOSING = "\"')]\u201d\u2019"
"""What may stand after the mark that ends a sentence."""

_CHUNK = 48
"""A sentence longer than this many words counts as several: people forget full stops, and strangers may do so on purpose."""

Span = tuple[int, int]


class Token(Heard):
    """What stands between two blanks: a word as VADER hears it, and what else is to be known of it.

    One object for all, since a look at many small ones is what reading costs."""

    __slots__ = ("foreign", "places", "spelt", "telltale", "votes", "words")

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.spelt = vader.spelt(token)
        self.words, self.places = phrases.words(token)
        self.votes = language.votes(token)
        self.foreign = language.foreign(token)
        self.telltale = shapes.telltale(token, self.words)


class _Tokens(dict[str, Token]):
    """What is known of a token, remembered up to a bound."""

    def __missing__(self, token: str) -> Token:
        known = Token(token)
        if len(token) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[token] = known
        return known


_TOKENS = _Tokens()
_token = _TOKENS.__getitem__
_words = attrgetter("words")
_places = attrgetter("places")
_spelt = attrgetter("spelt")
_votes = attrgetter("votes")
_telltale = attrgetter("telltale")
_first = itemgetter(0)


class Reading:
    """A text, and before it a title where there is one, as tokens and as lower-case words with the ends of sentences.

    The words of the title come first, an end of sentence after them: a rule that looks about itself sees both."""

    __slots__ = ("_lines", "_placed", "_sentences", "_tokens", "text", "titled", "words")

    def __init__(self, text: str, title: str = "") -> None:
        self.text = text
        self._placed: list[Span] | None = None
        self._sentences: list[Span] | None = None
        self._tokens = list(map(_token, text.split()))
        self.words: list[str] = []
        self._lines: list[tuple[int, int, str]] = []  # first word, place in the text, what is said
        if title:
            self._take(title, list(map(_token, title.split())))
            self.words.append(END)
        self.titled = len(self.words)  # so many are the title's
        self._take(text, self._tokens)

    def _take(self, text: str, tokens: list[Token]) -> None:
        if "\n" not in text:
            self._lines.append((len(self.words), 0, text))
            self.words += chain.from_iterable(map(_words, tokens))
            return
        at = 0
        for line in text.split("\n"):
            if at:
                self.words.append(END)
            self._lines.append((len(self.words), at, line))
            self.words += chain.from_iterable(map(_words, map(_token, line.split())))
            at += len(line) + 1

    def language(self, hint: str | None) -> str | None:
        """The language of the text; see `monitor.assess.language`."""
        votes = list(map(_votes, self._tokens[: language.READ]))
        strange = not self.text.isascii() and True in [token.foreign for token in self._tokens]
        return language.elected(self.text, votes, hint, strange=strange)

    def sentiment(self) -> float:
        """VADER's compound score of the text, which should be English."""
        if len(self.text) > vader.LIMIT:
            return _VADER.compound(self.text)
        return vader.compound(self.text, self._heard())

    def felt(self) -> vader.Felt:
        """All that VADER finds in the text, the same score among it."""
        if len(self.text) > vader.LIMIT:
            return Reading(self.text[: vader.LIMIT]).felt()
        return vader.felt(self.text, self._heard())

    def hits(self) -> list[tuple[str, float]]:
        """The words in which VADER finds a sentiment, and which."""
        if len(self.text) > vader.LIMIT:
            return Reading(self.text[: vader.LIMIT]).hits()
        words = self._heard()
        return [(words[i].lower, value) for i, value in vader.hits(words)]

    def by_sentence(self) -> Iterator[Reading]:
        """The sentences of the text, a line being at least one; of a long text the first."""
        for line in self.text[: vader.LIMIT].splitlines():
            said: list[str] = []
            for token in line.split():
                said.append(token)
                if token.rstrip(_CLOSING).endswith((".", "!", "?")):
                    yield Reading(" ".join(said))
                    said = []
            if said:
                yield Reading(" ".join(said))

    def _heard(self) -> Sequence[Heard]:
        """The tokens, with emoji spelt out."""
        if self.text.isascii() or not any(map(_spelt, self._tokens)):
            return self._tokens
        return [word for token in self._tokens for word in token.spelt or (token,)]

    @property
    def telling(self) -> bool:
        """Whether a look for phones, addresses, numbers or a writer's name is worth its time: in most texts it is not."""
        return shapes.telling(self.text, set(map(_telltale, self._tokens)))

    def place(self, span: Span) -> Span:
        """Words `span` as characters of the text or title."""
        first, at, line = self._lines[bisect_right(self._lines, span[0], key=_first) - 1]
        tokens = self._tokens if line is self.text else list(map(_token, line.split()))
        places = list(map(_places, tokens))
        ends = list(accumulate(map(len, places)))

        def place(word: int) -> Span:
            number = bisect_right(ends, word)
            start, end = places[number][word - ends[number]]
            begin = at + len(line) - len(line.split(None, number)[number])
            return begin + start, begin + end

        return place(span[0] - first)[0], place(span[1] - 1 - first)[1]

    def words_of(self, start: int, end: int) -> Span:
        """The words that hold the characters of the text from `start` to `end`."""
        if self._placed is None:
            self._placed = self._spans()
        spans = self._placed
        first = max(bisect_right(spans, (start, end)) - 1, 0)
        last = first + 1
        while last < len(spans) and spans[last][0] < end:
            last += 1
        return self.titled + first, self.titled + last

    def _spans(self) -> list[Span]:
        """The place of every word of the text."""
        found: list[Span] = []
        for first, at, line in self._lines:
            if first < self.titled:
                continue
            if at:
                found.append((at - 1, at))
            place = 0
            for token in line.split():
                place = line.index(token, place)
                found += [(at + place + start, at + place + end) for start, end in _token(token).places]
                place += len(token)
        return found

    @property
    def sentences(self) -> list[Span]:
        """First word and the one after the last of each sentence, in order; long ones in chunks."""
        if self._sentences is None:
            self._sentences = self._cut()
        return self._sentences

    def _cut(self) -> list[Span]:
        words = self.words
        found = []
        start = 0
        while start < len(words):
            try:
                end = words.index(END, start)
            except ValueError:
                end = len(words)
            found += [(at, min(at + _CHUNK, end)) for at in range(start, end, _CHUNK)]
            start = end + 1
        return found


_VADER = vader.Vader()
