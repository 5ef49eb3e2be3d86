"""A response's body as it arrives: decoded piece by piece, and never more of it than was agreed."""

from __future__ import annotations

import re
import zlib
from typing import Protocol

import httpx

MEMBERS = 16
"""How many gzip members one body may have: each costs a fresh decoder, and half a million fit into 10 MB."""

STEP = 1 << 18
"""Bytes to decode at a time."""

CRUMBS, CRUMB = 10_000, 16
"""So many pieces of so few bytes on average are an attack: each costs as much as a large one."""


class TooLarge(httpx.TransportError):
    """The answer is larger than this client accepts; it was cut off, not read to its end."""


class Undecodable(httpx.DecodingError, httpx.TransportError):
    """The answer is encoded in a way that was not asked for, or not the way it says."""


class _Inflater(Protocol):
    """What `zlib.decompressobj` returns."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, /, max_length: int = ...) -> bytes: ...


class Body:
    """Takes the raw bytes of one answer, holds the decoded ones.

    `raw_cap` and `cap` are bytes, before and after decoding. `add` and `finish` raise TooLarge,
    Undecodable and, for a body in crumbs, httpx.RemoteProtocolError.
    """

    def __init__(self, host: str, encoding: str, *, raw_cap: int, cap: int) -> None:
        self._host = host
        self._raw_cap, self._cap = raw_cap, cap
        self._raw = self._pieces = 0
        self._decoded = bytearray()
        self._decoding = _decoding(encoding)
        self._inflater: _Inflater | None = None
        self._held = b""
        self._members = 0
        self._over = False

    def add(self, piece: bytes) -> None:
        """Takes the next raw bytes."""
        self._raw += len(piece)
        self._pieces += 1
        if self._raw > self._raw_cap:
            raise self._cut_off(self._raw_cap)
        if self._pieces > CRUMBS and self._raw < CRUMB * self._pieces:
            raise httpx.RemoteProtocolError(f"{self._host}: answers in crumbs of a few bytes, cut off")
        if self._decoding == "identity":
            self._keep(piece)
        elif self._decoding in ("gzip", "deflate"):
            self._inflate(piece)
        else:
            raise Undecodable(f"{self._host}: answered in the encoding {self._decoding}, which was not asked for")

    def finish(self) -> bytes:
        """The whole decoded body. An empty one is empty in every encoding: 304 and HEAD have none."""
        if self._inflater is not None or (self._held and not self._members):
            raise self._corrupt()
        return bytes(self._decoded)

    def _keep(self, piece: bytes) -> None:
        self._decoded += piece
        if len(self._decoded) > self._cap:
            raise self._cut_off(self._cap, "once decoded")

    def _inflate(self, piece: bytes) -> None:
        piece, self._held = self._held + piece, b""
        while piece and not self._over:
            if self._inflater is not None:
                piece = self._inflated(self._inflater, piece)
            elif len(piece) > 1:
                self._begin(piece)
            else:  # two bytes tell a zlib wrapper from bare deflate, and a further gzip member from padding
                piece, self._held = b"", piece

    def _begin(self, piece: bytes) -> None:
        if self._members and not (self._decoding == "gzip" and piece.startswith(b"\x1f\x8b")):
            self._over = True  # padding: counted, and not read
            return
        self._members += 1
        if self._members > MEMBERS:
            raise self._corrupt()
        wrapped = piece[0] & 0x0F == zlib.DEFLATED and int.from_bytes(piece[:2], "big") % 31 == 0
        bits = zlib.MAX_WBITS | 16 if self._decoding == "gzip" else zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS
        self._inflater = zlib.decompressobj(bits)

    def _inflated(self, inflater: _Inflater, piece: bytes) -> bytes:
        """Takes `piece` in and returns what of it is still to be read."""
        room = min(STEP, self._cap - len(self._decoded) + 1)  # never 0, which means without limit
        try:
            self._keep(inflater.decompress(piece, room))
        except zlib.error:
            raise self._corrupt() from None
        if inflater.eof:
            self._inflater = None
            return inflater.unused_data
        return inflater.unconsumed_tail

    def _cut_off(self, limit: int, where: str = "") -> TooLarge:
        self._decoded.clear()  # who keeps the error keeps its traceback, and with it this body
        return too_large(self._host, limit, where)

    def _corrupt(self) -> Undecodable:
        return Undecodable(f"{self._host}: answered with {self._decoding} that is corrupt or cut short")


def too_large(host: str, limit: int, where: str = "") -> TooLarge:
    """The refusal of an answer of more than `limit` bytes."""
    return TooLarge(f"{host}: answered with more than {limit:,} bytes {where}".rstrip() + ", cut off")


def _decoding(encoding: str) -> str:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return "identity"
    if name == "x-gzip":
        return "gzip"
    return name if re.fullmatch(r"[a-z0-9-]{1,20}", name) else "of an unknown name"
