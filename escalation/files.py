"""What may be attached to a ticket: images and PDFs, found by content, opened and written anew without what is hidden.

All of it takes processor time and blocks; callers run it in a worker thread.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import Final, Literal

import filetype
import pikepdf
from pikepdf.sanitize import Sanitizer
from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import FileRefusedError
from escalation.embedded import strip_picture

LARGEST: Final = 10 * 1024 * 1024
"""Bytes of the largest file, as it is sent and as it is kept."""
MOST_PIXELS: Final = 50_000_000
LONGEST_SIDE: Final = 4096
"""Pixels: a larger image is made smaller; print on a photographed page stays readable."""
SMALL_SIDE: Final = 480
"""Pixels of an image in a list, at most."""
_MOST_OBJECTS: Final = 200_000
_QUALITY: Final = 88

Kind = Literal["image", "pdf"]
_FORMATS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
SUFFIXES: Final = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "application/pdf": ".pdf"}
"""Every type that is kept, with the ending of its name."""
_PHONE_FORMATS: Final = ("image/heic", "image/heif", "image/avif")
_SANITIZER: Final = (
    Sanitizer()
    .remove_javascript()
    .remove_external_access()
    .remove_multimedia()
    .remove_attachments()
    .remove_private_app_data()
    .remove_web_capture()
    .remove_collection()
    .remove_thumbnails()
)


@dataclass(frozen=True, slots=True)
class CleanFile:
    """A file that may be kept: its type, one of `SUFFIXES`, and its bytes."""

    type: str
    content: bytes

    @property
    def kind(self) -> Kind:
        """Whether it is an image or a PDF."""
        return "pdf" if self.type == "application/pdf" else "image"


def clean(content: bytes) -> CleanFile:
    """Return the file written anew: pixels or pages, and nothing else that came with them.

    Args:
        content: at most `LARGEST` bytes, whatever they claim to be.

    Raises:
        FileRefusedError: it is neither image nor PDF, or can't be opened, or is too much; says what to do.
    """
    guessed = filetype.guess_mime(content)
    if guessed in _PHONE_FORMATS:
        raise FileRefusedError("暂不支持 HEIC 格式的照片，请截图或转成 JPG 后再传。")
    if guessed == "application/pdf":
        made = CleanFile(guessed, _pdf(content))
    elif guessed in _FORMATS:
        made = CleanFile(guessed, _image(content, _FORMATS[guessed]))
    else:
        raise FileRefusedError("只能上传图片（JPG、PNG、WebP）或 PDF 文件。")
    if len(made.content) > LARGEST:
        raise FileRefusedError("文件处理后仍超过 10 MB，请压缩或截图后再传。")
    return made


def small(file: CleanFile) -> CleanFile:
    """Return a kept image with at most `SMALL_SIDE` pixels a side, for a list; a PDF as it is."""
    if file.kind == "pdf":
        return file
    kind = _FORMATS[file.type]
    with Image.open(io.BytesIO(file.content), formats=[kind]) as image:
        image.draft("RGB", (SMALL_SIDE, SMALL_SIDE))
        image.thumbnail((SMALL_SIDE, SMALL_SIDE))
        out = io.BytesIO()
        image.save(out, kind, **({} if kind == "PNG" else {"quality": _QUALITY}))
        return CleanFile(file.type, out.getvalue())


def _image(content: bytes, kind: str) -> bytes:
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise FileRefusedError("图片的像素太大，请截图或缩小后再传。")
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a large JPEG is decoded at a part of its size
            return _written(image, kind)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileRefusedError("图片的像素太大，请截图或缩小后再传。") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise FileRefusedError("这张图片打不开，可能没有传完整，请重新拍照或截图后再传。") from error


def _written(image: Image.Image, kind: str) -> bytes:
    upright = ImageOps.exif_transpose(image)
    plain = upright.convert("RGBA" if kind != "JPEG" and upright.has_transparency_data else "RGB")
    plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    plain.info = {}  # comments, profiles, positions
    out = io.BytesIO()
    plain.save(out, kind, **({} if kind == "PNG" else {"quality": _QUALITY}))
    return out.getvalue()


def _pdf(content: bytes) -> bytes:
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            if pdf.is_encrypted:
                raise pikepdf.PasswordError
            if not len(pdf.pages) or len(pdf.objects) > _MOST_OBJECTS:
                raise FileRefusedError("这个 PDF 没有内容或太复杂，请截图后再传。")
            _strip(pdf)
            out = io.BytesIO()
            pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
            return out.getvalue()
    except pikepdf.PasswordError as error:
        raise FileRefusedError("这个 PDF 加了密，请传没有密码的文件，或截图后再传。") from error
    except (pikepdf.PdfError, RuntimeError, ValueError, TypeError, zlib.error) as error:
        raise FileRefusedError("这个 PDF 打不开，可能已损坏，请重新导出，或截图后再传。") from error


def _strip(pdf: pikepdf.Pdf) -> None:
    """Take away what acts, what is hidden and what tells of the author; what is seen on the pages stays."""
    _SANITIZER.apply(pdf)
    for key in ("/OpenAction", "/AA", "/Metadata", "/AF", "/Lang", "/Perms"):
        if key in pdf.Root:
            del pdf.Root[key]
    form = pdf.Root.get("/AcroForm")
    if isinstance(form, pikepdf.Dictionary) and "/XFA" in form:
        del form["/XFA"]
    for one in pdf.objects:
        if isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
            _defang(one)
        if isinstance(one, pikepdf.Stream):
            strip_picture(one)
    if "/Info" in pdf.trailer:
        del pdf.trailer["/Info"]


def _defang(one: pikepdf.Object) -> None:
    """Empty a script or embedded file wherever it hangs."""
    if one.get("/Type") == pikepdf.Name.Metadata:
        one.write(b"")
    for key in ("/JS", "/EF", "/AA", "/Metadata"):
        if isinstance(one.get(key), pikepdf.Dictionary | pikepdf.Stream | pikepdf.String):
            del one[key]
