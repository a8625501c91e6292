"""Real files for tests, made here: images and PDFs, harmless and not."""

from __future__ import annotations

import io
import struct
import zlib

import pikepdf
from PIL import Image

RED, BLUE = (220, 20, 20), (20, 20, 220)


def image(kind: str = "JPEG", size: tuple[int, int] = (40, 20), **more: object) -> bytes:
    """Return an image whose left half is red and whose right half is blue."""
    made = Image.new("RGB", size, RED)
    made.paste(BLUE, (size[0] // 2, 0, *size))
    out = io.BytesIO()
    made.save(out, kind, **more)
    return out.getvalue()


def photo_with_position() -> bytes:
    """Return a JPEG that lies on its side, with its camera, position, a comment and a profile."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    exif[0x010F] = "SECRETCAMERA"
    exif.get_ifd(0x8825).update({1: "N", 2: (29.0, 33.0, 1.0), 3: "E", 4: (106.0, 34.0, 1.0)})
    return image(exif=exif, comment=b"SECRETCOMMENT", icc_profile=b"SECRETPROFILE")


def bomb(side: int = 30_000) -> bytes:
    """Return a PNG of a few hundred kilobytes that stands for side x side pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packer = zlib.compressobj(9)
    line = bytes(side // 8 + 2)
    rows = b"".join(packer.compress(line) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def pdf(*, password: str = "", scripted: bool = False) -> bytes:
    """Return a PDF of one page; `scripted`: with scripts, an embedded file, metadata and actions."""
    made = pikepdf.new()
    page = made.add_blank_page(page_size=(200, 100))
    page.Contents = made.make_stream(b"BT /F1 12 Tf (VISIBLE) Tj ET")
    if scripted:
        _script(made, page)
    out = io.BytesIO()
    locks = pikepdf.Encryption(owner=password, user=password) if password else None
    made.save(out, encryption=locks or False, compress_streams=False)
    return out.getvalue()


def _script(made: pikepdf.Pdf, page: pikepdf.Page) -> None:
    def action(text: str) -> pikepdf.Object:
        return made.make_indirect(pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=text))

    launch = pikepdf.Dictionary(S=pikepdf.Name.Launch, F="SECRETLAUNCH")
    made.Root.OpenAction = action("SECRETOPEN")
    made.Root.Names = pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=["a", action("SECRETNAMED")]))
    page.obj.AA = pikepdf.Dictionary(O=action("SECRETPAGE"))
    rect = [0, 0, 9, 9]
    link = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=rect, A=launch)
    page.obj.Annots = [made.make_indirect(link)]
    made.Root.AcroForm = pikepdf.Dictionary(Fields=[], XFA="SECRETXFA")
    made.attachments["x.exe"] = pikepdf.AttachedFileSpec(made, b"SECRETEMBEDDED", filename="SECRETNAME.exe")
    with made.open_metadata() as metadata:
        metadata["dc:title"] = "SECRETTITLE"
    made.docinfo["/Author"] = "SECRETAUTHOR"


def pdf_with(picture: bytes, kind: pikepdf.Name = pikepdf.Name.DCTDecode, *, packed: bool = False) -> bytes:
    """Return a page with a picture on it, as an app that scans makes it; `packed`: compressed once more."""
    made = pikepdf.new()
    page = made.add_blank_page(page_size=(200, 200))
    stream = pikepdf.Stream(made, b"")
    filters = pikepdf.Array([pikepdf.Name.FlateDecode, kind]) if packed else kind
    stream.write(zlib.compress(picture) if packed else picture, filter=filters)
    stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    stream.Width, stream.Height, stream.BitsPerComponent = 40, 20, 8
    stream.ColorSpace = pikepdf.Name.DeviceRGB
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=stream))
    page.Contents = pikepdf.Stream(made, b"200 0 0 100 0 0 cm /Im0 Do")
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()
