"""Pictures inside a PDF: what a camera wrote beside the picture (place, device, time) is cut out; no pixel changes.

JPEG: ISO/IEC 10918-1, segments before the first scan. JPEG 2000: ISO/IEC 15444-1, boxes at the top level.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pikepdf
from pikepdf import Array, Name, Stream

_SCAN = 0xDA
_COMMENT = 0xFE
_APPLICATION = range(0xE0, 0xF0)
_NEEDED = (0xE0, 0xEE)  # JFIF's density; Adobe's segment says how colours are meant
_TOLD_BESIDE = (b"xml ", b"uuid", b"uinf")


def strip_picture(one: Stream) -> None:
    """Take from a stream that is a picture what is written beside the picture.

    Raises:
        ValueError: the picture is broken.
    """
    filters = one.get("/Filter")
    names = list(filters) if isinstance(filters, Array) else [filters]
    if not names or names[-1] not in (Name.DCTDecode, Name.JPXDecode) or names[:-1] not in ([], [Name.FlateDecode]):
        return
    content = one.read_raw_bytes()
    if len(names) > 1:
        content = zlib.decompress(content)
    kind, parts = (Name.DCTDecode, _jpeg) if names[-1] == Name.DCTDecode else (Name.JPXDecode, _jpeg_2000)
    plain = b"".join(parts(content))
    parameters = one.get("/DecodeParms")
    if isinstance(parameters, Array):
        parameters = parameters[-1]
    one.write(plain, filter=kind, decode_parms=parameters if isinstance(parameters, pikepdf.Dictionary) else None)


def _jpeg(content: bytes) -> Iterator[bytes]:
    if content[:2] != b"\xff\xd8":
        raise ValueError("no JPEG where one should be")
    yield content[:2]
    at = 2
    while at + 4 <= len(content):
        if content[at] != 0xFF:
            raise ValueError("a JPEG's segment begins with no mark")
        if content[at + 1] == 0xFF:  # a mark may be filled up
            at += 1
            continue
        mark, end = content[at + 1], at + 2 + int.from_bytes(content[at + 2 : at + 4])
        if mark == _SCAN:
            yield content[at:]
            return
        if mark in _NEEDED or not (mark in _APPLICATION or mark == _COMMENT):
            yield content[at:end]
        at = end
    raise ValueError("a JPEG without its picture")


def _jpeg_2000(content: bytes) -> Iterator[bytes]:
    if content[:4] == b"\xff\x4f\xff\x51":  # a bare code stream: nothing stands beside it
        yield content
        return
    at = 0
    while at < len(content):
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        if length == 1:
            length = int.from_bytes(content[at + 8 : at + 16])
        end = at + length if length else len(content)
        if end < at + 8 or end > len(content):
            raise ValueError("a JPEG 2000's box goes beyond its end")
        if kind not in _TOLD_BESIDE:
            yield content[at:end]
        at = end
