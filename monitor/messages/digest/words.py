"""The sentences of a digest: a week in one line, what became of its incidents, what could not be seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.digest import Blind, Clock, Digest, Partly, Precision
from monitor.messages.digest.rows import percent
from monitor.messages.page import TONES
from monitor.messages.risks import wording
from monitor.messages.text import cut, line
from monitor.messages.times import lasting, local
from monitor.model import Incident, State
from monitor.timing import Period

_SUBJECT = 200
_NAMED = 20
_WEEK = re.compile(r"\d{4}-W(\d{2})")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
OUTCOMES = {
    "responded": "responded",
    "removed": "removed",
    "no-action": "no action needed",
    "false-alarm": "false alarm",
    "other": "closed with a note",
    "": "ended by itself",
}
_LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "ht": "Haitian Creole", "hu": "Hungarian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "so": "Somali",
    "sv": "Swedish", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "vi": "Vietnamese", "zh": "Chinese", "unknown": "Language not recognised", "no words": "No words, stars alone",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An incident that was not over when the period ended."""

    level: str
    tone: str
    title: str
    where: str
    state: str
    command: str


def title(period: Period) -> str:
    """A period as a heading: "Week 46"."""
    found = _WEEK.fullmatch(period.name)
    if found:
        return f"Week {int(found.group(1))}"
    return "Since Wellheard began to listen" if _first(period) else line(period.name, 60)


def subject(week: Digest, organisation: str) -> str:
    """Such as "Practice Hospital: week 46 in reviews and mentions - 214 mentions, 3 incidents"."""
    name = title(week.period)
    about = "a first look at reviews and mentions" if _first(week.period) else f"{_small(name)} in reviews and mentions"
    numbers = f"{many(week.whole.mentions, 'mention')}, {many(len(week.opened), 'incident')}"
    return cut(f"{cut(organisation, 80)}: {about} - {numbers}", _SUBJECT)


def dates(period: Period, timezone: ZoneInfo) -> str:
    """The first and last day of a period as a calendar in `timezone` has them: "9 to 15 November 2026"."""
    first = period.since.astimezone(timezone).date()
    last = max((period.until - timedelta(microseconds=1)).astimezone(timezone).date(), first)
    if first == last:
        return _day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {_day(last)}"
    start = _day(first) if first.year != last.year else f"{first.day} {_MONTHS[first.month - 1]}"
    return f"{start} to {_day(last)}"


def said(week: Digest, timezone: ZoneInfo, now: datetime) -> str:
    """The period in one line, and whether that can be believed."""
    begun = week.watched_since
    sentences = [_line(week)]
    if now < week.period.until:
        sentences.append("It is not over: these are the numbers so far.")
    if begun is not None and begun > week.period.since:
        sentences.append(f"Wellheard began to listen only on {local(begun, timezone, now)}.")
    if week.history:
        were = "was" if week.history == 1 else "were"
        sentences.append(f"{many(week.history, 'earlier mention')} {were} read as history.")
    return " ".join([*sentences, coverage(week)])


def belated(period: Period, now: datetime) -> str:
    """What is added to the time of writing where a digest comes days after its period."""
    late = now - period.until
    return f", {lasting(late)} after the period ended" if late >= timedelta(days=2) else ""


def _line(week: Digest) -> str:
    name, still = title(week.period), len(week.unresolved)
    if not week.whole.mentions and not week.opened:
        left = f"no mentions, no new incidents, {still} still open" if still else "no mentions, no incidents"
        return f"{name}: {left}." if week.blind or not week.sources or still else f"{name} was quiet: {left}."
    parts = [
        many(week.whole.mentions, "mention"),
        _mood(week),
        many(len(week.opened), "new incident" if still else "incident"),
    ]
    if still or week.opened:
        parts.append(f"{still:,} still open" if still else "none still open")
    return f"{name}: {', '.join(filter(None, parts))}."


def _mood(week: Digest) -> str:
    whole = week.whole
    readable = whole.mentions - whole.sentiments.get("unread", 0)
    if not whole.mentions:
        return ""
    if not readable:
        return "none of them readable"
    of = "" if readable == whole.mentions else " of the readable ones"
    return f"{percent(whole.sentiments.get('positive', 0), readable)} %{of} positive"


def coverage(week: Digest) -> str:
    """Whether the numbers can be believed: how many of the sources were read."""
    if not week.sources:
        return "No source was watched in this time, so nothing could be seen."
    nothing = not week.whole.mentions
    part = _in_part(week)
    if not week.blind:
        quiet = ", so there was nothing to be seen" if nothing and not part else ""
        return f"{_every(week)} read as planned{quiet}.{part}"
    unseen = len({one.source for one in week.blind})
    doubt = " That nothing was seen does not mean that nothing was said." if nothing else ""
    which = f"{unseen:,} of {week.sources:,} sources" if max(week.sources, unseen) > 1 else "The only source"
    return f"{which} failed or fell silent for some of the time: see below.{doubt}{part}"


def _in_part(week: Digest) -> str:
    partly = len({one.source for one in week.partly})
    if not partly:
        return ""
    return f" {many(partly, 'source')} could be seen only in part: see below."


def seen(week: Digest) -> str:
    """What stands where nothing has to be said of what could not be seen."""
    return f"Nothing: {_small(_every(week))} read as planned." if week.sources else coverage(week)


def silent(week: Digest) -> str:
    """The sources that had nothing to tell, by name; empty where there are none."""
    names = sorted(line(name, 60) for name, part in week.by_source.items() if not part.mentions)
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"No mentions from {', '.join(names[:_NAMED])}{more}." if names else ""


def _every(week: Digest) -> str:
    return "The only source was" if week.sources == 1 else f"All {week.sources:,} sources were"


def incidents(week: Digest, timezone: ZoneInfo, now: datetime) -> list[tuple[str, str]]:
    """What became of incidents, label and value; empty where there were none."""
    if not (week.opened or week.unresolved or week.acked or week.resolved or week.drills):
        return []
    older = sum(1 for one in week.unresolved if one.opened_at < week.period.since)
    facts = [("Opened", f"{len(week.opened):,}"), ("Acknowledged", f"{week.acked:,}{_late(week)}")]
    outcomes = ", ".join(f"{count} {OUTCOMES.get(name, line(name, 30))}" for name, count in week.outcomes.items())
    facts.append(("Resolved", f"{week.resolved:,}" + (f": {outcomes}" if outcomes else "")))
    before = f", {older} of them from before" if older else ""
    facts.append(("Still open", f"{len(week.unresolved):,}{before}"))
    if week.overdue:
        facts.append(("Overdue", f"{len(week.overdue):,} not acknowledged by the deadline"))
    if week.due_soon:
        facts.append(("Due next week", f"{many(len(week.due_soon), 'deadline')} to acknowledge"))
    if week.clocks:
        facts.append(("Legal deadlines", _clocks(week, timezone, now)))
    if week.to_ack is not None:
        facts.append(("Median time to acknowledge", lasting(week.to_ack)))
    if week.to_resolve is not None:
        facts.append(("Median time to resolve", lasting(week.to_resolve)))
    if week.drills:
        facts.append(("Drills", f"{week.drills:,}, in no other number"))
    return facts


def _clocks(week: Digest, timezone: ZoneInfo, now: datetime) -> str:
    """The first of the deadlines that are over or run out next week, each with the command that shows its incident."""
    told = [f"{clock(one, timezone, now, week)} (wellheard show {one.incident.id})" for one in week.clocks[:3]]
    more = [f"{len(week.clocks) - 3} more"] if len(week.clocks) > 3 else []
    return "; ".join([*told, *more])


def clock(one: Clock, timezone: ZoneInfo, now: datetime, week: Digest) -> str:
    """A legal deadline: "Correct by Thu 19 Nov, 10:00 CST", or that it has passed by the end of the week."""
    over = ", which is over" if one.due_at < min(week.period.until, now) else ""
    return f"{line(one.name, 60)} {local(one.due_at, timezone, now)}{over}"


def _late(week: Digest) -> str:
    return f", {week.late:,} after the deadline" if week.late else ""


def heaviest(found: Iterable[Incident]) -> list[Incident]:
    """Incidents, the loudest first, then the oldest."""
    return sorted(found, key=lambda one: (-one.level.rank, one.opened_at, one.id))


def standing(one: Incident, timezone: ZoneInfo, now: datetime, clocks: Iterable[Clock] = ()) -> Standing:
    """An unresolved incident for people, with those of `clocks` that are its own."""
    due = one.ack_due_at
    late = f", due {local(due, timezone, now)}" if due and one.state is State.OPEN else ""
    state = {
        State.OPEN: f"{'overdue' if due and due <= now else 'not acknowledged'}{late}",
        State.ACKED: "acknowledged, not resolved",
        State.RESOLVED: "resolved since",
    }[one.state]
    mine = [clock for clock in clocks if clock.incident.id == one.id]
    running = "".join(f"; {_small(line(clock.name, 60))} {local(clock.due_at, timezone, now)}" for clock in mine)
    return Standing(
        level=one.level.value,
        tone=TONES[one.level],
        title=line(wording(one.risk or one.rule).title, 80),
        where=line(one.group, 60) or "everywhere",
        state=f"Since {local(one.opened_at, timezone, now)}, {state}{running}",
        command=f"wellheard show {one.id}",
    )


def risks(week: Digest) -> str:
    """How the counts of risk classes are to be read."""
    shows = "mention shows" if week.at_risk == 1 else "mentions show"
    return f"{week.at_risk:,} {shows} a risk, our own among them; one mention can show several."


def elsewhere(week: Digest) -> str:
    """What is left out since others are told of it; empty where nothing is."""
    left = week.elsewhere
    if left is None or not (left.at_risk or left.opened or left.unresolved):
        return ""
    parts = [many(left.at_risk, "mention")] if left.at_risk else []
    parts += [f"{many(left.opened, 'new incident')}"] if left.opened else []
    parts += [f"{left.unresolved:,} still open"] if left.unresolved else []
    return f"Of other classes, of which other inboxes are told: {', '.join(parts)}."


def replied(week: Digest) -> list[tuple[str, str]]:
    """Own replies and what was left unanswered, label and value; empty where there is neither."""
    reviews = week.whole.reviews
    answered, silent = sum(week.answered.values()), sum(week.unanswered.values())
    if not (week.replies or reviews):
        return []
    facts = [("Our own replies", f"{week.replies:,}")]
    if week.to_reply is not None:
        of = "" if week.timed == week.replies else f", over the {week.timed:,} of which it is known"
        facts.append(("Median time to reply", f"{lasting(week.to_reply)}{of}"))
    if week.replies:
        told = f"{week.disclosed:,}: wellheard audit" if week.disclosed else "none was found"
        facts.append(("May reveal a patient", told))
    if reviews:
        facts.append(("Reviews answered", f"{answered:,} of {reviews:,}, {percent(answered, reviews)} %"))
        facts.append(("Not answered", f"{silent:,}{_where(week)}{_gone(reviews - answered - silent)}"))
    return facts


def _gone(many: int) -> str:
    return f"; {many:,} {'was' if many == 1 else 'were'} taken down unanswered" if many > 0 else ""


def _where(week: Digest) -> str:
    if len(week.by_location) < 2 or not week.unanswered:
        return ""
    named = [f"{line(name, 60)} {count:,}" for name, count in list(week.unanswered.items())[:3]]
    more = f" and {len(week.unanswered) - 3} more" if len(week.unanswered) > 3 else ""
    return f": {', '.join(named)}{more}"


def records(week: Digest, limit: int) -> list[tuple[str, str]]:
    """How often each rule was right, label and value; those without a false alarm only while there is room."""
    return [(line(wording(one.rule).title, 60), _record(one)) for one in week.records[:limit]]


def _record(one: Precision) -> str:
    if not one.false:
        return f"right all of {many(one.judged, 'time')}"
    low, figure, high = (round(100 * part) for part in one.right)
    told = f"{many(one.false, 'false alarm')} of {one.judged:,}: right in {figure} %, likely {low} to {high} %"
    if one.threshold is None:
        return told
    return (
        f"{told}. From a score of {one.threshold:.3g} of 25 on it would have spared {one.spared:,} of them and missed "
        "nothing else"
    )


def unseen(one: Blind, timezone: ZoneInfo, now: datetime) -> tuple[str, str, str]:
    """A source that could not be seen: its name, when, and why."""
    if one.since is None:
        when = "the whole time"
    elif one.until is None:
        when = f"since {local(one.since, timezone, now)}"
    else:
        when = f"{local(one.since, timezone, now)} to {local(one.until, timezone, now)}"
    return line(one.source, 60), when, cut(line(one.why).rstrip("."), 200)


def seen_in_part(one: Partly, timezone: ZoneInfo, now: datetime) -> tuple[str, str, str]:
    """A source that was seen in part: its name, as of when, and why."""
    when = f"seen in part, as of {local(one.at, timezone, now)}"
    return line(one.source, 60), when, cut(line(one.why).rstrip("."), 200)


def unread(week: Digest) -> dict[str, int]:
    """Why the mood of mentions could not be read, in words: languages by their names."""
    found: Counter[str] = Counter()
    for code, count in week.unread.items():
        found[_LANGUAGES.get(code) or _LANGUAGES.get(code.split("-")[0].lower()) or line(code, 20)] += count
    return dict(found.most_common())


def also(week: Digest) -> list[tuple[str, str]]:
    """What else was counted, label and value."""
    posts = week.ours - week.replies
    facts = [
        ("Our own posts", f"{posts:,}"),
        ("Our own replies", f"{week.replies:,}"),
        (
            "History read",
            f"{many(week.history, 'mention')} from before we listened, in no other number" if week.history else "none",
        ),
    ]
    if week.undelivered:
        facts.append(("Not delivered", f"{many(week.undelivered, 'message')}: wellheard deliveries --state failed"))
    else:
        facts.append(("Not delivered", "none: no message was given up"))
    if week.at_odds:
        odd = many(week.at_odds, "mention")
        facts.append(("Stars against words", f"{odd}: praise with few stars, or anger with many"))
    facts.append(("Held back", held(week)))
    return facts


def held(week: Digest) -> str:
    """How many messages waited since a recipient had had enough for an hour, by inbox."""
    if not week.withheld:
        return "none: nobody got more than their inbox takes"
    told = ", ".join(f"{line(name, 60)} {count:,}" for name, count in week.withheld.items())
    return f"{many(sum(week.withheld.values()), 'message')}, told together later: {told}"


def counted(week: Digest, timezone: ZoneInfo, now: datetime) -> str:
    """What period the numbers are of, to the minute, and what they count."""
    since, until = (local(moment, timezone, now) for moment in (week.period.since, week.period.until))
    return (
        f"Counted: what Wellheard first saw between {since} and {until} ({timezone.key}). "
        "What the organisation itself said is in the table of risks and in no other."
    )


def commands(week: Digest, inbox: str) -> list[str]:
    """What to type for the same numbers, and for what is behind them; empty where there is no such command."""
    if not _WEEK.fullmatch(week.period.name):
        return []
    return [f"wellheard digest --week {week.period.name} --inbox {_quoted(inbox)}"]


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w.-]+", name) else "NAME"


def many(count: int, noun: str) -> str:
    """Such as "1 mention", "214 mentions", "no mentions"."""
    return f"{f'{count:,}' if count else 'no'} {noun}{'' if count == 1 else 's'}"


def _first(period: Period) -> bool:
    return period.name.startswith("first-")


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
