"""The command that checks a draft reply before a person posts it: lint."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

import click

from monitor import voice
from monitor.cli.findings import finding
from monitor.cli.frame import DONE, FAILED, Asked, command, now
from monitor.config import Config
from monitor.messages import wording
from monitor.messages.advice import Severity
from monitor.messages.answers import Answer, answer, for_draft, situation
from monitor.model import Kind, Mention
from monitor.pipeline.line import assessor

SAFER: Mapping[str, str] = {
    risk: answer(for_draft(risk)).text
    for risk in ("own_reply_phi", "own_post_phi", "own_reply_conduct", "own_medical_advice")
}
"""What to write instead where only the draft is known, by what was found in it."""
_ENGLISH = "en"


@command("lint")
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"), default="-")
@click.option("--review", type=click.File("r", encoding="utf-8", errors="replace"), metavar="FILE",
              help="The review that the draft answers.")  # fmt: skip
@click.option("--reviewer", metavar="NAME", help="The reviewer's name as the platform shows it.")
@click.option("--post", is_flag=True, help="The draft is a post of our own and answers nobody.")
def lint(asked: Asked, file: TextIO, *, review: TextIO | None, reviewer: str | None, post: bool) -> int:
    """Check a draft reply before it is posted.

    Exit code 1 when it must not be posted, with each finding's words, why it matters, what to do and a safer wording. With
    the review and the reviewer's name it finds more, and words that fit. Without FILE, or with -, the draft is read from
    standard input. A clean result is no approval."""
    config = asked.config()
    if post and (review or reviewer):
        raise click.UsageError("a post answers nobody: leave --review and --reviewer out, or --post")
    if file.isatty():
        click.echo("Write or paste the draft; end with Ctrl-D on a line of its own.", err=True)
    text = file.read()
    if not text.strip():
        raise click.UsageError("the draft is empty")
    draft = _Draft(config, text, review.read() if review else "", reviewer, moment=now(), post=post)
    rows = draft.rows()
    if draft.lang not in {_ENGLISH, None}:
        click.echo(f"note: {_UNREAD.format(draft.lang)}", err=True)
    if asked.json:
        asked.lines(rows)
    else:
        _tell(asked, draft, rows)
    return FAILED if any(row["must_not_be_posted"] for row in rows) else DONE


_UNREAD = "the draft reads as {!r}, and the rules read English: little can be found in it; let a second person read it"


class _Draft:
    """A draft, the review it answers, and what was found in both."""

    def __init__(
        self, config: Config, text: str, review: str, reviewer: str | None, *, moment: datetime, post: bool
    ) -> None:
        self.config = config
        self.parent: Mention | None = None
        if review or reviewer:
            self.parent = Mention(
                external_id="review", kind=Kind.REVIEW, text=review, author=reviewer, published_at=moment
            )
        self.said = Mention(
            external_id="draft", kind=Kind.POST if post else Kind.COMMENT, text=text, published_at=moment, ours=True,
            parent_id=None if post else "review",
        )  # fmt: skip
        reader = assessor(config)
        self.found = reader.assess(self.said, self.parent)
        self.situation = situation(self.parent, reader.assess(self.parent)) if self.parent and review else None

    @property
    def lang(self) -> str | None:
        """The language that the draft is written in, as far as it could be told."""
        return self.found.lang

    def rows(self) -> list[dict[str, Any]]:
        """The findings, worst first, each with an answer that may be posted."""
        rows = []
        for one in self.found.signals:
            may = self.answer(one.risk)
            more = {"safer": may.text, "situation": may.situation, "first": may.first}
            rows.append(finding(self.said, one, self.parent, self.config) | more)
        return rows

    def answer(self, risk: str) -> Answer:
        """What to write instead: by the review where there is one, unless what was found says more. What only breaks our
        own policy is mended where it stands."""
        if risk == voice.RISK:
            return Answer("", "")
        own = for_draft(risk)
        fits = self.situation if self.situation and own in {"any", "complaint"} else own
        return answer(fits, self.lang)


def _tell(asked: Asked, draft: _Draft, rows: Sequence[Mapping[str, Any]]) -> None:
    screen = asked.screen()
    if not rows:
        screen.text("Nothing was found. That is no approval: a person decides what is posted.")
        if draft.lang not in {_ENGLISH, None}:
            screen.heading("Safe, for example")
            screen.text(draft.answer("").text, indent=3)
        return
    screen.heading(**_verdict(rows))
    screen.quote(draft.said.text, [(row["start"], row["end"]) for row in rows])
    for number, row in enumerate(rows, 1):
        screen.heading(f"{number}. {wording(row['risk']).title}")
        screen.facts([("says", f'"{row["says"]}" (characters {row["start"]} to {row["end"]})'), ("which", row["means"]),
                      ("adds", row["adds"]), ("why", row["why"]), ("do", row["do"]), ("rule", row["rule"]),
                      ("severity", f"{row['severity']}, {row['score']:g} of 25")], indent=3)  # fmt: skip
    first = dict.fromkeys(row["first"] for row in rows if row["first"])
    if first:
        screen.heading("Before anybody answers")
        for sentence in first:
            screen.text(sentence, indent=3)
    safe = dict.fromkeys(row["safer"] for row in rows if row["safer"])
    if safe:
        screen.heading("Safer, for example")
    for safer in safe:
        screen.text(safer, indent=3)
    sys.stdout.flush()


def _verdict(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    grades = {row["severity"] for row in rows}
    if any(row["must_not_be_posted"] for row in rows):
        return {"title": "Do not post this.", "style": "bold red"}
    if Severity.LOOK in grades:
        return {"title": "Look at this again before you post it.", "style": "bold yellow"}
    return {"title": "This may be posted, and there is something to know.", "style": "bold"}


COMMANDS = (lint,)
