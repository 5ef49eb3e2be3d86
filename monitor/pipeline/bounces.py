"""Bounces: a message of ours that a server took and then could not deliver is as good as refused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from monitor.channels import DeliveryError
from monitor.connector import Bounce
from monitor.model import Notification
from monitor.pipeline.deliver import elsewhere_too
from monitor.pipeline.line import Line
from monitor.store import Transaction, log, outbox

_NOBODY = re.compile(r"5\.1\.(?:0|1|2|3|6|10)|5\.2\.1")
"""The address does not exist or is switched off (RFC 3463): not one that is full, nor a server that does not like us."""
_OURS = re.compile(r"[0-9a-f]{32}")
"""What our ids look like. Anybody writes what he likes into a mailbox: signs that no database takes, too."""


def bounced(line: Line, tx: Transaction, found: Iterable[Bounce], now: datetime) -> None:
    """Takes a bounce for what it is about: the message was not delivered, and an address that does not exist is written to
    no more. Only one that names a message of ours counts: its id is known to nobody but those who carried it."""
    for one in found:
        key = one.message_id.partition("@")[0]
        ours = outbox.one(tx, key) if _OURS.fullmatch(key) else None
        if ours is not None and ours.channel == "email":
            _came_back(line, tx, ours, one, now)


def _came_back(line: Line, tx: Transaction, ours: Notification, bounce: Bounce, now: datetime) -> None:
    why = f"{outbox.RETURNED}: {bounce.status}"
    if not outbox.returned(tx, ours, now, why):
        return
    log.add(tx, now, "bounced", f"notification:{ours.id}", {"inbox": ours.inbox, "status": bounce.status})
    # Somebody behind a shared address, who alone is gone, must not cost the others theirs.
    gone = bounce.recipient == ours.recipient.lower() and _NOBODY.fullmatch(bounce.status) is not None
    known = ours.recipient in outbox.refused(tx, ours.inbox, ours.channel)
    elsewhere_too(line, tx, ours, DeliveryError(why, permanent=not (gone and known), gone=gone), now)
