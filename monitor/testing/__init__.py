"""What a connector's or a channel's author tests with: shipped, because ours are tested with the same."""

from monitor.testing.channel import Ailment, ChannelContract, FarEnd, Taken, make_notification
from monitor.testing.connector import FLOOR, NOW, ConnectorContract, Said
from monitor.testing.mentions import make_mention
from monitor.testing.refusals import REFUSALS, Refusal
from monitor.testing.traffic import Traffic

__all__ = [
    "FLOOR", "NOW", "REFUSALS", "Ailment", "ChannelContract", "ConnectorContract", "FarEnd", "Refusal", "Said", "Taken", "Traffic", "make_mention", "make_notification",
]  # fmt: skip
