"""Whether a mail is from whom it says it is: a From line can be written by anybody."""

from __future__ import annotations

import re

from connectors.kit.mail.letter import Letter

_RESULT = re.compile(r"\b(dkim|dmarc)=(\w+)([^;]*)", re.IGNORECASE)
_DOMAIN = re.compile(r"\bheader\.(?:d|i|from)=(?:[^;\s@]*@)?([^;\s]+)", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")


def proven(letter: Letter, server: str) -> bool:
    """Whether the mail server that calls itself `server` in Authentication-Results (RFC 8601) found a good signature
    (DKIM, or DMARC) of the sender's domain. Only its topmost word counts: what stands below may come with the mail."""
    domain = letter.sender.rpartition("@")[2]
    said = next((proof for proof in letter.proofs if _by(proof) == server.lower()), "")
    passed = [found[3] for found in _RESULT.finditer(_COMMENT.sub("", said)) if found[2].lower() == "pass"]
    return bool(domain) and any(_same(domain, signed) for one in passed for signed in _DOMAIN.findall(one))


def _by(proof: str) -> str:
    """Who says so."""
    words = _COMMENT.sub("", proof).partition(";")[0].split()
    return words[0].lower() if words else ""


def _same(domain: str, signed: str) -> bool:
    signed = signed.lower().rstrip(".")
    return domain == signed or ("." in signed and domain.endswith(f".{signed}"))
