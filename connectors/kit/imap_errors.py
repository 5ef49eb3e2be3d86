"""What a mail server's refusal means: by its response code (RFC 5530), and where it has none by what was asked."""

from __future__ import annotations

import imaplib
import re
import ssl
from datetime import timedelta

from monitor.connector import AuthRejected, Malformed, NotPermitted, PollError, Throttled, Unavailable

FAILURES = (imaplib.IMAP4.error, OSError, ValueError, LookupError, TypeError, PollError)
"""What `imaplib` raises where a server refuses, goes away or is none: a number that cannot be read is a ValueError."""

_CODE = re.compile(r"\[([A-Z][A-Z-]{2,30})[\] ]")
_BACKOFF = re.compile(r"Backoff Time: (\d{1,9}) milliseconds", re.IGNORECASE)
_PATIENCE = re.compile(r"too many|throttl|rate limit|bandwidth|quota", re.IGNORECASE)
_DOWN = re.compile(r"unavailable|temporar|try again later|internal|shutting down|\bBYE\b", re.IGNORECASE)

_LOG_IN = "the user name or password is not accepted: renew it in the source's options"
_MEANINGS: dict[str, tuple[type[PollError], str]] = {
    "AUTHENTICATIONFAILED": (AuthRejected, _LOG_IN),
    "AUTHORIZATIONFAILED": (AuthRejected, "the log-in is good, but not for this mailbox: check username in the source's options"),
    "EXPIRED": (AuthRejected, "the password has expired: set a new one in the source's options"),
    "PRIVACYREQUIRED": (AuthRejected, "it wants TLS: set security in the source's options"),
    "CONTACTADMIN": (AuthRejected, "it wants you to talk to its administrator"),
    "WEBALERT": (AuthRejected, "it wants you to log in with a web browser first"),
    "ALERT": (AuthRejected, "it refuses this log-in: look into the mailbox with a web browser; it may want an app password"),
    "NOPERM": (NotPermitted, "this account may not read the folder: have the right to read it granted"),
    "NONEXISTENT": (NotPermitted, "there is no such folder: check folder in the source's options"),
    "TRYCREATE": (NotPermitted, "there is no such folder: check folder in the source's options"),
    "CANNOT": (NotPermitted, "there can be no such folder: check folder in the source's options"),
    "UNAVAILABLE": (Unavailable, "it is down, and is tried again"),
    "SERVERBUG": (Unavailable, "it has a fault, and is tried again"),
    "CORRUPTION": (Unavailable, "the mailbox is damaged: tell its administrator"),
    "INUSE": (Unavailable, "the mailbox is in use, and is tried again"),
    "LIMIT": (Throttled, "it asks for patience"),
    "THROTTLED": (Throttled, "it asks for patience"),
    "OVERQUOTA": (Throttled, "the mailbox has used up its quota"),
}  # fmt: skip
_STRANGE = "does not answer as a mail server does: check server, port and security"
_SIGNS: tuple[tuple[re.Pattern[str], type[PollError], str], ...] = (
    # Exchange Online says so where a log-in is good, and not for this mailbox.
    (re.compile("authenticated but not connected"), NotPermitted, "lets this log-in in, but not to the mailbox: grant it"),
    (re.compile(r"^(?:command: \w+ => )?(?:socket error|connection closed)"), Unavailable, "broke the connection off: it is tried again"),
    (re.compile(r"^(?:command: \w+ => )?(?:unexpected |got more than )|not IMAP4 compliant|illegal in state"), Malformed, _STRANGE),
    (_PATIENCE, Throttled, "asks for patience"),
    (_DOWN, Unavailable, "is down, and is tried again"),
    (re.compile(r"^\w+ command error: BAD"), Malformed, "does not understand what it is asked: check server and port"),
)  # fmt: skip
_BY_STAGE: dict[str, tuple[type[PollError], str]] = {
    "LOGIN": (AuthRejected, f"refused to log in: {_LOG_IN}"),
    "greeting": (Malformed, _STRANGE),
    "STARTTLS": (Malformed, "offers no STARTTLS: set security to 'tls' in the source's options"),
    "EXAMINE": (NotPermitted, "does not open the folder: check folder in the source's options"),
}


def meaning(host: str, stage: str, error: Exception) -> PollError:
    """The error that `error` is, met at `stage`: "greeting", "STARTTLS", "LOGIN" or a command. It shows nothing of what
    the server wrote but a code that is known."""
    if isinstance(error, PollError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unavailable(
            f"{host}: its certificate is not good ({error.verify_message}): see ca_file for one of your own"
        )
    if isinstance(error, OSError):
        why = (
            "speaks no TLS here: check port and security"
            if isinstance(error, ssl.SSLError)
            else "broke the connection off"
        )
        return Unavailable(f"{host} {why}: it is tried again")
    said = str(error)
    if isinstance(error, imaplib.IMAP4.error):
        return _refused(host, stage, said, broken=isinstance(error, imaplib.IMAP4.abort))
    return Malformed(f"{host} {_STRANGE}")


def _refused(host: str, stage: str, said: str, *, broken: bool) -> PollError:
    if wait := _BACKOFF.search(said):
        return Throttled(f"{host}: it asks for patience", timedelta(milliseconds=int(wait[1])))
    code = next((code for code in _CODE.findall(said) if code in _MEANINGS), None)
    if code and not (code == "ALERT" and (_PATIENCE.search(said) or _DOWN.search(said))):
        kind, remedy = _MEANINGS[code]
        return kind(f"{host} answered {code}: {remedy}")
    for sign, meant, remedy in _SIGNS:
        if sign.search(said):
            return meant(f"{host} {remedy}")
    return Unavailable(f"{host} is down, and is tried again") if broken else _by_stage(host, stage)


def _by_stage(host: str, stage: str) -> PollError:
    if stage in _BY_STAGE:
        kind, remedy = _BY_STAGE[stage]
        return kind(f"{host} {remedy}")
    return Malformed(f"{host} refused {stage}, which every mail server knows: check server and port")
