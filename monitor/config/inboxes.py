"""What can be wrong with the way to an inbox: nobody there, an open line, a chain that goes round."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from monitor.channels.extra import unusable
from monitor.config.addresses import is_named, split
from monitor.config.findings import Finding, Names, unknown, unreachable
from monitor.config.mistakes import Loc
from monitor.config.models import FALLBACK, Config, Inbox
from monitor.connector import Secret
from monitor.model import Detail


def inbox_findings(config: Config, there: Names) -> Iterator[Finding]:
    """What is wrong with the inboxes of `config`, and with the way from one to the next."""
    for name in ("marketing", "risk"):
        if name not in there.inboxes:
            right = f'add [inboxes.{name}] with for example email = ["{name}@practice.example"]'
            yield Finding(loc=("inboxes", name), wrong="is missing, and built-in rules tell it", right=right)
    if config.administrator is not None and config.administrator not in there.reachable():
        yield unreachable(("administrator",), config.administrator, there)
    for inbox in config.inboxes.values():
        yield from _inbox(inbox)
        yield from _standby(inbox)
        yield from _quiet(inbox, there)
        if inbox.detail is Detail.FULL:
            yield from _full(inbox, config)
        yield from _steps(inbox, there)
        if circle := _circle(inbox.name, config):
            yield Finding(
                loc=("inboxes", inbox.name, "escalate"),
                wrong=f"goes round in a circle ({' -> '.join(circle)})",
                right="let the last inbox escalate to nobody",
            )


def _inbox(inbox: Inbox) -> Iterator[Finding]:
    loc: Loc = ("inboxes", inbox.name)
    if not _ways(inbox):
        yield Finding(
            loc=loc,
            wrong="nobody has this inbox",
            right="add email, webhook, slack, teams, discord, apprise or folder",
        )
    if inbox.apprise is not None and (fault := unusable(inbox.apprise.url)):
        yield Finding(loc=(*loc, "apprise", "url"), wrong=fault[0], right=fault[1])
    if inbox.folder and (obstacle := _obstacle(inbox.folder)):
        yield Finding(
            loc=(*loc, "folder"),
            wrong=f"{inbox.folder} cannot be written ({obstacle})",
            right="let the daemon's user write there, or name another folder",
        )


_CHANNELS = ("email", "webhook", "slack", "teams", "discord", "apprise", "folder")


def _ways(inbox: Inbox) -> list[str]:
    return [channel for channel in _CHANNELS if getattr(inbox, channel)]


def _standby(inbox: Inbox) -> Iterator[Finding]:
    loc: Loc = ("inboxes", inbox.name, "standby")
    ways = _ways(inbox)
    for index, channel in enumerate(inbox.standby):
        if channel not in ways:
            right = f"add {channel} to the inbox, or leave it out here"
            yield Finding(loc=(*loc, index), wrong=f"this inbox has no {channel}", right=right)
    if inbox.standby and ways and set(ways) <= set(inbox.standby):
        yield Finding(loc=loc, wrong="leaves no channel to begin with", right="keep one of the channels out of it")


def _quiet(inbox: Inbox, there: Names) -> Iterator[Finding]:
    if inbox.quiet is None:
        return
    loc: Loc = ("inboxes", inbox.name, "quiet")
    if inbox.quiet.begin == inbox.quiet.end:
        right = 'write for example { from = "22:00", to = "06:00" }'
        yield Finding(loc=loc, wrong="ends when it begins", right=right)
    for index, risk in enumerate(inbox.quiet.risks):
        if risk not in there.risks:
            yield unknown((*loc, "risks", index), "risk class", risk, there.risks)


def _obstacle(folder: Path) -> str | None:
    """Why nothing can be written to `folder`, which need not be there yet; None where it can."""
    for path in (folder, *folder.parents):
        if os.path.lexists(path):
            if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a link leads to what is not ours
                return f"{path} is no folder"
            return None if os.access(path, os.W_OK | os.X_OK) else f"{path} is not ours to write"
    return None


def _full(inbox: Inbox, config: Config) -> Iterator[Finding]:
    """Whole texts only leave over TLS, and only to a name that a certificate can vouch for."""
    loc: Loc = ("inboxes", inbox.name, "detail")
    if inbox.email and config.smtp and (config.smtp.security == "none" or not is_named(config.smtp.host)):
        yield Finding(
            loc=loc,
            wrong='"full" sends whole texts, and smtp is not a named mail server over TLS',
            right='write detail = "redacted", or smtp.security = "starttls" with the server\'s domain name',
            needs=(("smtp",),),
        )
    if inbox.apprise:
        yield Finding(
            loc=loc,
            wrong='"full" sends whole texts, and nobody vouches for what is behind apprise',
            right='write detail = "redacted", or leave apprise out',
        )
    for channel, url in _urls(inbox):
        parts = split(url.reveal())
        if parts and (parts.scheme != "https" or not is_named(parts.hostname or "")):
            yield Finding(
                loc=loc,
                wrong=f'"full" sends whole texts, and {channel} is not a named host over TLS',
                right='write detail = "redacted", or an https:// address with a domain name',
            )


def _urls(inbox: Inbox) -> Iterator[tuple[str, Secret]]:
    for channel in ("webhook", "slack", "teams", "discord"):
        if (configured := getattr(inbox, channel)) is not None:
            yield channel, configured.url


def _steps(inbox: Inbox, there: Names) -> Iterator[Finding]:
    loc: Loc = ("inboxes", inbox.name, "escalate")
    latest = timedelta(0)
    for index, step in enumerate(inbox.escalate):
        if step.inbox not in there.reachable():
            yield unreachable((*loc, index, "to"), step.inbox, there)
        if step.after <= latest:
            yield Finding(
                loc=(*loc, index, "after"),
                wrong="is not later than the step before it",
                right="write the steps in the order of time, counted from the opening",
            )
        latest = step.after


def _circle(start: str, config: Config) -> list[str]:
    """The way from `start` back to itself along escalations, empty where there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        inbox = config.inboxes.get(way[-1])
        for step in inbox.escalate if inbox else ():
            name = step.inbox if step.inbox in config.inboxes else FALLBACK.get(step.inbox, step.inbox)
            if name == start:
                return [*way, start]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
