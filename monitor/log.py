"""Logs: facts for an operator, on one stream, and never what somebody said, who they are, or a secret."""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, TextIO

import structlog

DROPPED = frozenset({"text", "title", "author", "url", "recipient"})
"""Keys that never reach a log, whatever they hold, at whatever depth."""

_FOREIGN = ("httpx", "httpcore", "apscheduler")
_LONGEST = 1000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_URL = re.compile(
    r"\b([a-z][a-z0-9+.-]{1,20})://(?:[^\s/?#@\"'<>]*@)?([^\s/?#\"'<>,;)\]}]*)([^\s\"'<>]*)", re.IGNORECASE
)
_ADDRESS = re.compile(r"[^\s@<>,;:\"'()\[\]{}=]+@([A-Za-z0-9.-]+)")
_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|credential|authori[sz]ation|api_?-?key|cookie|signature", re.IGNORECASE
)
_CREDENTIAL = re.compile(
    r"\b([\w-]*(?:password|passwd|secret|token|authorization|api[_-]?key|signature|cookie|assertion)[\w-]*[\"']?"
    r"\s*[:=]\s*)(?:\"[^\"]*\"?|'[^']*'?|(?:(?:bearer|basic|digest)\s+)?[^\s\"'&,;)\]}]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE)
_QUERY = re.compile(r"(?<=[\w/])\?[\w.%-]+=[^\s\"'<>]*")


def configure(*, json: bool, stream: TextIO, level: str = "info") -> None:
    """Sends our logs, and those of every library from warning up, to `stream`: JSON lines, or lines for a person."""
    lowest = logging.getLevelNamesMapping()[level.upper()]
    coloured = not json and stream.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            clean,
            structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=coloured),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, _Passing)]:
        root.removeHandler(old)
    root.addHandler(_Passing())
    root.setLevel(logging.WARNING)
    for name in _FOREIGN:
        # At INFO httpx writes every URL with its query, and httpcore every header.
        logging.getLogger(name).setLevel(logging.WARNING)


def clean(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that lets nothing out: keys dropped, values masked, exceptions told without their values."""
    failure = _exception(entry.pop("exc_info", None))
    entry.pop("stack_info", None)
    cleaned = _mapping(entry)
    if failure is not None:
        cleaned["exception"] = told(failure)
    return cleaned


def masked(text: str) -> str:
    """`text` with every URL cut to its host, every e-mail address to its domain, and without credentials, line breaks
    or control characters; at most a thousand characters of it."""
    text = _CONTROL.sub(" ", text[:_LONGEST])
    text = _URL.sub(lambda url: f"{url[1]}://{url[2]}" + ("/..." if url[3].strip("/.,;:!") else ""), text)
    text = _ADDRESS.sub(r"...@\1", text)
    text = _CREDENTIAL.sub(r"\1...", text)
    text = _BEARER.sub(r"\1 ...", text)
    return _QUERY.sub("?...", text)


def told(failure: BaseException) -> str:
    """An exception, its causes and where they were raised. Of each message the first line, masked: the lines below it are
    where databases and validators repeat the values that they were given."""
    return "\n".join(_told(failure, set(), ""))


def _told(failure: BaseException, seen: set[int], indent: str) -> Iterator[str]:
    seen.add(id(failure))
    cause = failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__)
    if cause is not None and id(cause) not in seen:
        yield from _told(cause, seen, indent)
        yield f"{indent}then:"
    yield indent + _named(failure)
    for frame in traceback.extract_tb(failure.__traceback__, limit=-20):
        yield f"{indent}  {frame.filename}:{frame.lineno} in {frame.name}"
    if isinstance(failure, BaseExceptionGroup):
        for inner in failure.exceptions[:10]:
            yield from _told(inner, seen, indent + "    ")


def _named(failure: BaseException) -> str:
    try:
        message = str(failure).strip()
    except Exception:  # noqa: BLE001 - a foreign exception whose own text fails must not cost us the log line
        message = ""
    first = masked(message.splitlines()[0]) if message else ""
    return f"{type(failure).__qualname__}: {first}" if first else type(failure).__qualname__


def _exception(info: Any) -> BaseException | None:
    """What structlog and logging mean by `exc_info`: True, an exception, or the three parts of one."""
    if info is True:
        return sys.exc_info()[1]
    if isinstance(info, tuple) and len(info) == 3:
        info = info[1]
    return info if isinstance(info, BaseException) else None


def _mapping(entry: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        masked(str(key)): "..." if _SECRET_KEY.search(str(key)) else _value(value)
        for key, value in entry.items()
        if str(key).lower() not in DROPPED
    }


def _value(value: Any) -> Any:  # noqa: PLR0911 - one line for each kind of value
    """`value` as it may be seen. Of an object of ours or of anybody's only its type: its repr may hold what was said."""
    match value:
        case Enum():
            return _value(value.value)
        case None | bool() | int() | float():
            return value
        case str():
            return masked(value)
        case Mapping():
            return _mapping(value)
        case list() | tuple() | set() | frozenset():
            return [_value(one) for one in value]
        case datetime() | date():
            return value.isoformat()
        case timedelta() | PurePath():
            return masked(str(value))
        case BaseException():
            return _named(value)
        case _:
            return f"<{type(value).__name__}>"


class _Lines(structlog.PrintLogger):
    """Writes lines to a stream; one that is gone or full must not stop what was to be told of it."""

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):
            super().msg(message)

    log = debug = info = warn = warning = error = err = critical = fatal = failure = exception = msg


class _Passing(logging.Handler):
    """Passes what libraries log through the same processors as ours."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - a library's arguments that do not fit its own message
            message = "a message that does not fit its arguments"
        # The arguments stand in the message already; further ones would be formatted a second time.
        logger = structlog.get_logger()
        logger.log(record.levelno, message, logger=record.name, exc_info=record.exc_info)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's own name
        """Nothing: the library would print the raw record."""
