"""The command that goes through all that we ever wrote: audit."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from monitor.cli.findings import advised, finding, graded
from monitor.cli.frame import DONE, FAILED, Asked, command, opened
from monitor.cli.screen import Column, progress
from monitor.cli.story import means
from monitor.cli.typed import Since
from monitor.messages import remediation
from monitor.messages.advice import Severity
from monitor.messages.remediation import Finding, shown, still_up
from monitor.model import Detail, Mention, Signal, Stored
from monitor.pipeline import Line
from monitor.store import Transaction, mentions

_BATCH = 500
_ON_SCREEN = 50
_ON_PAGE = 1000
"""A page with more than this is read by nobody, and opens on no telephone; a spreadsheet gets all."""
_COLUMNS = (
    Column("severity"),
    Column("class", least=70, most=22),
    Column("mention", right=True),
    Column("up", "still up", most=22),
    Column("published", least=90),
    Column("platform", least=130, most=18),
    Column("words", fills=True, least=60),
)
_SUFFIXES = (".csv", ".html", ".htm")


@command("audit")
@click.option(
    "--since", type=Since(), metavar="DATE", help="Only what was published since; a date, or a span such as 90d."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the remediation list: FILE.csv for a spreadsheet, FILE.html for a browser.")  # fmt: skip
def audit(asked: Asked, *, since: datetime | None, out: Path | None) -> int:
    """Go through all our own posts and replies.

    Lists what discloses health information or harms otherwise, the most severe first, with what to do. Exit code 1 when
    something that is still up must be mended. How much of the words is shown is the `detail` of the inbox compliance."""
    if out is not None and out.suffix.lower() not in _SUFFIXES:
        raise click.UsageError("--out takes a file that ends in .csv or .html")
    with opened(asked) as line:
        found = _walked(line, since)
        if out is not None:
            _written(line, found, out)
        if asked.json:
            asked.lines(row for row in _rows(line, found))
        else:
            _tell(asked, line, found, out)
    return FAILED if found.to_mend else DONE


@dataclass(slots=True)
class _Found:
    """What the walk found: ids with their signals, worst first, and no words: those are read again, batch by batch."""

    read: int = 0
    to_mend: int = 0
    counts: Counter[Severity] = field(default_factory=Counter)
    worst: list[tuple[float, int, tuple[Signal, ...]]] = field(default_factory=list)


def _walked(line: Line, since: datetime | None) -> _Found:
    """Assesses every stored post and reply of ours, with what it answers; a read transaction for each batch."""
    found, key = _Found(), 0
    with line.database.read() as tx:
        total = mentions.count_own(tx, since=since)
    with progress("reading", total) as step:
        while True:
            with line.database.read() as tx:
                batch = mentions.own(tx, key, limit=_BATCH, since=since)
                answered = _answered(tx, batch)
            for one in batch:
                _count(line, found, one, answered.get((one.platform, one.mention.parent_id or "")))
            step(len(batch))
            if len(batch) < _BATCH:
                break
            key = batch[-1].id
    found.worst.sort(key=lambda row: (-row[0], -row[1]))
    return found


def _answered(tx: Transaction, batch: Sequence[Stored]) -> dict[tuple[str, str], Mention]:
    """What these answer, by platform and external id."""
    found: dict[tuple[str, str], Mention] = {}
    for platform in {one.platform for one in batch}:
        wanted = {one.mention.parent_id for one in batch if one.platform == platform and one.mention.parent_id}
        parents = mentions.parents(tx, platform, wanted)
        found.update({(platform, key): parent for key, parent in parents.items()})
    return found


def _count(line: Line, found: _Found, one: Stored, parent: Mention | None) -> None:
    signals = _signals(line, one, parent)
    found.read += 1
    if not signals:
        return
    grade = graded(signals[0], line.config)
    found.counts[grade] += 1
    if grade is Severity.INFORMATION:
        return
    found.to_mend += grade.forbidden and one.gone_at is None
    found.worst.append((signals[0].score, one.id, signals))


def _signals(line: Line, one: Stored, parent: Mention | None) -> tuple[Signal, ...]:
    """What the assessor that lint uses finds, worst first: from the store where that very one has looked already."""
    assessment = one.assessment
    if assessment.assessor != line.assessor.name:
        assessment = line.assessor.assess(one.mention, parent)
    return tuple(sorted(assessment.signals, key=lambda signal: -signal.score))


def _again(line: Line, found: _Found) -> Iterator[tuple[Stored, Mention | None, tuple[Signal, ...], datetime]]:
    """What was found, worst first, with its words and what it answers, read batch by batch."""
    for start in range(0, len(found.worst), _BATCH):
        some = found.worst[start : start + _BATCH]
        with line.database.read() as tx:
            keys = [key for _, key, _ in some]
            by_id = {one.id: one for one in mentions.by_id(tx, keys)}
            last = mentions.seen(tx, keys)
            answered = _answered(tx, list(by_id.values()))
        for _, key, signals in some:
            if key in by_id:  # nobody deleted it meanwhile
                one = by_id[key]
                yield one, answered.get((one.platform, one.mention.parent_id or "")), signals, last[key]


def _detail(line: Line) -> Detail:
    """How much of the words whoever mends them may see: what the privacy officer's inbox may."""
    return line.config.inbox("compliance").detail


def _listed(line: Line, found: _Found) -> Iterator[Finding]:
    detail = _detail(line)
    keep = (line.config.organisation, *line.config.brands, *line.config.people)
    for one, parent, signals, seen_at in _again(line, found):
        worst = signals[0]
        told = advised(worst, line.config)
        said = one.mention.title if worst.field == "title" else one.mention.text
        yield Finding(
            stored=one, severity=graded(worst, line.config), risk=worst.risk, score=worst.score,
            means=means(worst.rule) or worst.rule, why=told.why, do=told.do,
            words=shown(said, worst.start, worst.end, detail=detail, keep=keep), answers=_answers(parent),
            others=_others(signals), last_seen_at=seen_at,
        )  # fmt: skip


def _others(signals: Sequence[Signal]) -> list[str]:
    more = dict.fromkeys(means(one.rule) or one.rule for one in signals[1:])
    return [one for one in more if one != means(signals[0].rule)][:4]


def _answers(parent: Mention | None) -> str:
    """What sort of thing was answered: enough to find it, and nothing of what it says."""
    if parent is None:
        return ""
    return f"a {parent.kind.value}" + (f" of {parent.stars:g} stars" if parent.stars is not None else "")


def _written(line: Line, found: _Found, out: Path) -> None:
    """Writes the list beside `out` and then in its place, readable by nobody else: it tells where disclosures are."""
    zone = line.config.timezone
    page: Iterable[str]
    if out.suffix.lower() == ".csv":
        page = remediation.as_csv(_listed(line, found), zone)
    else:
        shown_only = replace(found, worst=found.worst[:_ON_PAGE])
        page = remediation.as_page(
            _listed(line, shown_only), found.counts, read=found.read, more=len(found.worst) - len(shown_only.worst),
            organisation=line.config.organisation, zone=zone, now=line.now(),
        )  # fmt: skip
    part = out.with_name(f".{out.name}.part")
    try:
        # With a mark at its beginning, or Excel would not take it for UTF-8.
        with open(part, "w", encoding="utf-8-sig", newline="", opener=_private) as file:
            file.writelines(page)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _rows(line: Line, found: _Found) -> Iterator[dict[str, Any]]:
    """For machines: one line for each mention, with its findings; words as much as `detail` allows."""
    detail = _detail(line)
    for one, parent, signals, seen_at in _again(line, found):
        yield {
            "id": one.id, "severity": graded(signals[0], line.config).value, "risk": signals[0].risk,
            "score": round(signals[0].score, 1), "still_up": one.gone_at is None, "gone_at": one.gone_at,
            "last_seen_at": seen_at, "platform": one.platform, "source": one.source, "kind": one.mention.kind.value,
            "labels": dict(one.labels), "parent_id": one.mention.parent_id, "url": one.mention.url,
            "published_at": one.mention.published_at,
            "findings": [_finding(line, one.mention, signal, parent, detail) for signal in signals],
        }  # fmt: skip


def _finding(line: Line, said: Mention, one: Signal, parent: Mention | None, detail: Detail) -> dict[str, Any]:
    row = finding(said, one, parent, line.config)
    if detail is not Detail.FULL:
        keep = (line.config.organisation, *line.config.brands, *line.config.people)
        whole = said.title if one.field == "title" else said.text
        row |= {"says": shown(whole, one.start, one.end, detail=detail, keep=keep), "adds": None}
    return row


def _tell(asked: Asked, line: Line, found: _Found, out: Path | None) -> None:
    screen = asked.screen()
    listed = _listed(line, replace(found, worst=found.worst[:_ON_SCREEN]))
    table = [
        {"severity": one.severity.value, "class": one.risk, "mention": one.stored.id,
         "up": still_up(one.stored, line.config.timezone), "published": one.stored.mention.published_at,
         "platform": one.stored.platform,
         "words": one.words if one.words != remediation.WITHHELD else one.means}
        for one in listed
    ]  # fmt: skip
    screen.table(table, _COLUMNS, empty="nothing was found that must be looked at")
    if len(found.worst) > len(table):
        screen.text(f"and {len(found.worst) - len(table):,} more: --out writes all of them", style="dim")
    counts = ", ".join(f"{found.counts[grade]:,} {grade.value}" for grade in Severity if found.counts[grade])
    screen.heading(f"{found.read:,} posts and replies of ours were read: {counts or 'nothing was found'}.")
    if found.to_mend:
        verb = "is" if found.to_mend == 1 else "are"
        screen.text(f"{found.to_mend:,} of them must be mended and {verb} still up.", style="bold red")
    if out is not None:
        screen.text(f"The list is in {out}.")


COMMANDS = (audit,)
