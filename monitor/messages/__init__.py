"""What an incident, a back-fill or a failed delivery looks like to whom it is told: pure functions to a Message."""

from monitor.messages.digest import digest, pictures
from monitor.messages.incidents import incident, playbook
from monitor.messages.notices import backfilled, delivery_failed, test, withheld
from monitor.messages.page import GOOD, TONES, Page, rendered
from monitor.messages.playbooks import Playbook
from monitor.messages.redaction import redacted
from monitor.messages.risks import Wording, wording, wordings
from monitor.messages.text import clean, cut, line
from monitor.messages.times import lasting, local, stamp, until

__all__ = [
    "GOOD", "TONES", "Page", "Playbook", "Wording", "backfilled", "clean", "cut", "delivery_failed", "digest", "incident", "lasting",
    "line", "local", "pictures", "playbook", "redacted", "rendered", "stamp", "test", "until", "withheld", "wording", "wordings",
]  # fmt: skip
