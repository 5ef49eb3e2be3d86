"""config.toml to frozen models, or to everything that is wrong with it, where it stands and what would be right."""

from monitor.config.mistakes import ConfigError, Mistake
from monitor.config.models import (
    FALLBACK,
    SECTIONS,
    Appetite,
    Chat,
    Config,
    DigestConfig,
    Inbox,
    Network,
    Retention,
    RiskOverride,
    Smtp,
    Source,
    Topic,
    VoicePolicy,
    Webhook,
    keys,
)
from monitor.config.reading import RISKS, load
from monitor.config.values import Weekly

__all__ = [
    "FALLBACK", "RISKS", "SECTIONS", "Appetite", "Chat", "Config", "ConfigError", "DigestConfig", "Inbox", "Mistake",
    "Network", "Retention", "RiskOverride", "Smtp", "Source", "Topic", "VoicePolicy", "Webhook", "Weekly", "keys", "load",
]  # fmt: skip
