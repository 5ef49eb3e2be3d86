"""How people are told: one file a channel, each with `send`, which returns or says whether to try again."""

from monitor.channels.chat import Discord, Slack, Teams
from monitor.channels.delivery import Channel, DeliveryError
from monitor.channels.email import Email, Smtp
from monitor.channels.extra import Extra
from monitor.channels.folder import Folder
from monitor.channels.webhook import Webhook

__all__ = ["Channel", "DeliveryError", "Discord", "Email", "Extra", "Folder", "Slack", "Smtp", "Teams", "Webhook"]
