"""The monitor: polls sources, assesses what they say, opens incidents and tells people."""
