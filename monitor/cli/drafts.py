"""The command that checks a draft reply before a person posts it: lint."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

import click

from monitor.cli.frame import DONE, FAILED, Asked, command, now
from monitor.cli.story import means
from monitor.config import Config
from monitor.messages import wording
from monitor.model import Kind, Mention, Signal
from monitor.pipeline.line import assessor

_STRICT = 6.0
"""However much risk an organisation wants to hear of, a draft that scores this much is not to be posted."""

_INVITE = (
    "Thank you for taking the time to write. Privacy rules keep us from discussing anyone's care here."
    " Please call our patient relations office, so that we can listen and help."
)
SAFER: Mapping[str, str] = {
    "own_reply_phi": _INVITE,
    "own_post_phi": (
        "Take everything about the person out: who it is, when, what for, and how it went."
        " A story about a patient needs that patient's written authorisation on file before it is posted."
    ),
    "own_reply_conduct": (
        "Thank you for telling us. We take every concern seriously and would like to understand this one."
        " Please call our patient relations office."
    ),
    "own_medical_advice": (
        "Thank you for your question. We cannot give medical advice here. Please call your care team or our nurse line;"
        " in an emergency, call 911."
    ),
}
"""What to write instead, by what was found. Fixed sentences, none of which holds anything about anybody."""


@command("lint")
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"), default="-")
@click.option("--review", type=click.File("r", encoding="utf-8", errors="replace"), metavar="FILE",
              help="The review that the draft answers.")  # fmt: skip
@click.option("--reviewer", metavar="NAME", help="The reviewer's name as the platform shows it.")
def lint(asked: Asked, file: TextIO, *, review: TextIO | None, reviewer: str | None) -> int:
    """Check a draft reply before it is posted.

    Exit code 1 when it must not be posted, with each finding's words and a safer wording. Without FILE, or with -, the
    draft is read from standard input. A clean result is no approval."""
    config = asked.config()
    if file.isatty():
        click.echo("Write or paste the draft; end with Ctrl-D on a line of its own.", err=True)
    draft = file.read()
    if not draft.strip():
        raise click.UsageError("the draft is empty")
    found = _found(config, draft, review.read() if review else "", reviewer, now())
    rows = [_row(config, draft, one) for one in found]
    if asked.json:
        asked.lines(rows)
    else:
        _tell(asked, draft, rows)
    return FAILED if any(row["must_not_be_posted"] for row in rows) else DONE


def _found(config: Config, draft: str, review: str, reviewer: str | None, moment: datetime) -> Sequence[Signal]:
    parent = None
    if review or reviewer:
        parent = Mention(external_id="review", kind=Kind.REVIEW, text=review, author=reviewer, published_at=moment)
    reply = Mention(
        external_id="draft", kind=Kind.COMMENT, text=draft, published_at=moment, ours=True, parent_id="review"
    )
    return assessor(config).assess(reply, parent).signals


def _row(config: Config, draft: str, one: Signal) -> dict[str, Any]:
    return {
        "risk": one.risk,
        "rule": one.rule,
        "means": means(one.rule),
        "start": one.start,
        "end": one.end,
        "says": draft[one.start : one.end],
        "impact": one.impact,
        "likelihood": one.likelihood,
        "score": round(one.score, 1),
        "must_not_be_posted": one.score >= min(config.appetite.notify, _STRICT),
        "safer": SAFER.get(one.risk, _INVITE),
    }


def _tell(asked: Asked, draft: str, rows: Sequence[Mapping[str, Any]]) -> None:
    screen = asked.screen()
    if not rows:
        screen.text("Nothing was found. That is no approval: a person decides what is posted.")
        return
    forbidden = any(row["must_not_be_posted"] for row in rows)
    screen.heading("Do not post this." if forbidden else "Look at this again before you post it.",
                   style="bold red" if forbidden else "bold yellow")  # fmt: skip
    screen.quote(draft, [(row["start"], row["end"]) for row in rows])
    for number, row in enumerate(rows, 1):
        screen.heading(f"{number}. {wording(row['risk']).title}")
        screen.facts([("says", f'"{row["says"]}" (characters {row["start"]} to {row["end"]})'), ("which", row["means"]),
                      ("rule", row["rule"]), ("score", f"{row['score']:g} of 25")], indent=3)  # fmt: skip
    screen.heading("Safer, for example")
    for safer in dict.fromkeys(row["safer"] for row in rows):
        screen.text(safer, indent=3)
    sys.stdout.flush()


COMMANDS = (lint,)
