"""A body is decoded within its caps, however it is cut into pieces and whatever it claims to be."""

from __future__ import annotations

import gzip
import zlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.http import TooLarge, Undecodable
from monitor.http.body import CRUMBS, MEMBERS, Body


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {"": bytes, "identity": bytes, "gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}


def read(raw: bytes, encoding: str, *, size: int = 1 << 16, raw_cap: int = 1_000_000, cap: int = 1_000_000) -> bytes:
    body = Body("clinic.example", encoding, raw_cap=raw_cap, cap=cap)
    for start in range(0, len(raw), size):
        body.add(raw[start : start + size])
    return body.finish()


@given(st.binary(max_size=2000), st.sampled_from([*PACKED.items(), ("deflate", bare)]), st.integers(1, 3000))
def test_what_was_packed_is_what_is_read_wherever_it_is_cut(data, how, size):
    encoding, pack = how
    assert read(pack(data), encoding, size=size) == data


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=MEMBERS), st.integers(1, 500))
def test_a_gzip_body_of_several_members_is_read_to_its_end_wherever_it_is_cut(parts, size):
    assert read(b"".join(map(gzip.compress, parts)), "gzip", size=size) == b"".join(parts)


@pytest.mark.parametrize("size", [1, 2, 7, 4096])
@pytest.mark.parametrize("padding", [b"\0", b"\0" * 50, b"<!-- served from the cache -->", b"\x1f"])
def test_padding_behind_the_end_is_no_error(padding, size):
    assert read(gzip.compress(b"said") + padding, "gzip", size=size) == b"said"
    assert read(zlib.compress(b"said") + padding, "deflate", size=size) == b"said"


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]), st.integers(1, 50))
def test_bytes_that_are_no_such_encoding_are_undecodable_and_nothing_else(data, encoding, size):
    try:
        said = read(data, encoding, size=size)
    except Undecodable as error:
        said = str(error)
    assert isinstance(said, bytes) or said == f"clinic.example: answered with {encoding} that is corrupt or cut short"


@pytest.mark.parametrize("missing", [1, 4, 9, 30])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_is_cut_short_is_an_error_and_no_shorter_body(encoding, missing):
    packed = PACKED[encoding](bytes(range(256)))
    with pytest.raises(Undecodable, match="corrupt or cut short"):
        read(packed[:-missing], encoding)


def test_a_flipped_bit_is_noticed():
    packed = bytearray(gzip.compress(b"said in public" * 50))
    packed[-6] ^= 1
    with pytest.raises(Undecodable, match="corrupt"):
        read(bytes(packed), "gzip")


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "deflate, gzip", "gzip;q=1", "compress"])
def test_an_encoding_that_was_not_asked_for_is_refused_by_its_name(encoding):
    with pytest.raises(Undecodable, match=r"^clinic\.example: answered in the encoding .*, which was not asked for$"):
        read(b"\x1f\x8b", encoding)


def test_a_name_of_an_encoding_is_never_repeated_when_it_could_be_anything():
    with pytest.raises(Undecodable) as refused:
        read(b"x", "He said that the nurse")
    assert "nurse" not in str(refused.value)


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_an_empty_body_is_empty_in_every_encoding(encoding):
    assert read(b"", encoding) == b""


@pytest.mark.parametrize("size", [1, 100, 1 << 16])
@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_may_be_as_large_as_its_cap_and_not_one_byte_larger(encoding, size):
    pack = PACKED[encoding]
    assert len(read(pack(bytes(1000)), encoding, cap=1000, size=size)) == 1000
    with pytest.raises(TooLarge, match=r"^clinic\.example: answered with more than 1,000 bytes once decoded, cut off$"):
        read(pack(bytes(1001)), encoding, cap=1000, size=size)


def test_what_travels_has_a_cap_of_its_own():
    assert len(read(bytes(1000), "", raw_cap=1000)) == 1000
    with pytest.raises(TooLarge, match=r"^clinic\.example: answered with more than 1,000 bytes, cut off$"):
        read(bytes(1001), "", raw_cap=1000)
    with pytest.raises(TooLarge):
        read(gzip.compress(b"said") + bytes(1000), "gzip", raw_cap=1000)


def test_more_members_than_anybody_needs_are_corrupt():
    with pytest.raises(Undecodable):
        read(gzip.compress(b"") * (MEMBERS + 1), "gzip")


def test_a_few_crumbs_are_a_body_and_too_many_are_an_attack():
    assert len(read(bytes(CRUMBS), "", size=1)) == CRUMBS
    assert len(read(bytes(40 * CRUMBS), "", size=20)) == 40 * CRUMBS
    with pytest.raises(httpx.RemoteProtocolError, match=r"^clinic\.example: answers in crumbs"):
        read(bytes(CRUMBS + 1), "", size=1)


@pytest.mark.parametrize("kind", [TooLarge, Undecodable])
def test_who_catches_transport_errors_catches_these(kind):
    assert issubclass(kind, httpx.TransportError)
