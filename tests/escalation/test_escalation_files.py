"""Files are found by content and written anew: what is hidden in them is gone, what is dangerous is refused."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import files_made
import filetype
import pikepdf
import pytest
from files_made import image, pdf
from PIL import Image

from core.errors import FileRefusedError, UnavailableError
from escalation.attachments import named
from escalation.files import LARGEST, LONGEST_SIDE, clean
from escalation.scanner import scan


def opened(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as found:
        found.load()
        return found


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_image_keeps_its_type_and_its_pixels(kind: str) -> None:
    file = clean(image(kind))
    found = opened(file.content)
    assert (file.type, file.kind) == (f"image/{kind.lower()}", "image")
    assert (found.format, found.size) == (kind, (40, 20))
    red, _, blue = found.convert("RGB").getpixel((5, 10))  # type: ignore[misc]
    assert red > 180
    assert blue < 60


def test_position_camera_comment_and_profile_of_a_photo_are_gone_and_it_stands_upright() -> None:
    before = files_made.photo_with_position()
    assert opened(before).getexif().get_ifd(0x8825)
    file = clean(before)
    found = opened(file.content)
    assert (dict(found.getexif()), found.info.get("icc_profile"), found.info.get("comment")) == ({}, None, None)
    assert b"SECRET" in before
    assert b"SECRET" not in file.content
    assert found.size == (20, 40)
    assert found.getpixel((10, 5))[0] > 180  # type: ignore[index]  # left went up
    assert found.getpixel((10, 35))[2] > 180  # type: ignore[index]


def test_what_hangs_behind_or_beside_the_pixels_is_gone() -> None:
    script = b"<script>SECRET</script>"
    assert b"SECRET" not in clean(image() + script).content
    assert b"SECRET" not in clean(image(comment=script)).content


def test_transparency_stays() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(out, "PNG")
    assert opened(clean(out.getvalue()).content).getpixel((1, 1)) == (0, 0, 0, 0)


def test_a_large_image_becomes_smaller() -> None:
    assert opened(clean(image(size=(6000, 3000))).content).size == (LONGEST_SIDE, LONGEST_SIDE // 2)


@pytest.mark.parametrize("side", [8_000, 12_000, 30_000])
def test_a_bomb_is_refused_before_it_is_unpacked(side: int) -> None:
    content, begin = files_made.bomb(side), time.perf_counter()
    with pytest.raises(FileRefusedError, match="像素太大"):
        clean(content)
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><html><script>alert(1)</script></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"MZ" + bytes(200),
        b"PK\x03\x04" + bytes(200),
        b"GIF89a" + bytes(200),
        b"words",
        b"\0",
    ],
)
def test_what_is_no_image_and_no_pdf_is_refused_whatever_its_name(content: bytes) -> None:
    with pytest.raises(FileRefusedError, match="只能上传图片"):
        clean(content)


def test_a_phones_format_is_refused_with_what_to_do() -> None:
    heic = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100)
    assert filetype.guess_mime(heic) == "image/heic"
    with pytest.raises(FileRefusedError, match=r"HEIC.*转成 JPG"):
        clean(heic)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_cut_off_image_is_refused(kind: str) -> None:
    content = image(kind, (900, 900))
    with pytest.raises(FileRefusedError, match="打不开"):
        clean(content[: len(content) // 2])


def test_a_html_page_that_begins_like_a_jpeg_is_refused() -> None:
    with pytest.raises(FileRefusedError, match="打不开"):
        clean(b"\xff\xd8\xff\xe0<html><script>alert(1)</script></html>")


def test_a_pdf_keeps_its_pages_and_loses_scripts_embedded_files_actions_and_authors() -> None:
    before = pdf(scripted=True)
    assert b"SECRETOPEN" in before
    file = clean(before)
    assert (file.type, file.kind) == ("application/pdf", "pdf")
    with pikepdf.open(io.BytesIO(file.content)) as found:
        assert [page.Contents.read_bytes() for page in found.pages] == [b"BT /F1 12 Tf (VISIBLE) Tj ET"]
        assert "/OpenAction" not in found.Root
        assert "/Metadata" not in found.Root
        assert "/Info" not in found.trailer
        assert len(found.attachments) == 0
        out = io.BytesIO()
        found.save(
            out, object_stream_mode=pikepdf.ObjectStreamMode.disable, stream_decode_level=pikepdf.StreamDecodeLevel.all
        )
    for word in (b"SECRET", b"JavaScript", b"Launch"):
        assert word not in out.getvalue()


@pytest.mark.parametrize("packed", [False, True])
def test_a_photo_in_a_pdf_keeps_its_pixels_and_loses_what_the_camera_wrote(packed: bool) -> None:
    photo = files_made.photo_with_position()
    with Image.open(io.BytesIO(photo)) as before:
        assert before.getexif()
        pixels = before.tobytes()
    with pikepdf.open(io.BytesIO(clean(files_made.pdf_with(photo, packed=packed)).content)) as found:
        kept = found.pages[0].Resources.XObject.Im0.read_raw_bytes()
    with Image.open(io.BytesIO(kept)) as after:
        assert (dict(after.getexif()), after.info.get("comment")) == ({}, None)
        assert after.tobytes() == pixels


@pytest.mark.parametrize("told", [b"xml ", b"uuid"])
def test_a_jpeg_2000_in_a_pdf_loses_what_is_told_beside_it(told: bytes) -> None:
    out = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(out, "JPEG2000")
    picture, beside = out.getvalue(), b"latitude 29.56"
    at = picture.index(b"jp2c") - 4
    box = (len(beside) + 8).to_bytes(4) + told + beside
    made = files_made.pdf_with(picture[:at] + box + picture[at:], pikepdf.Name.JPXDecode)
    with pikepdf.open(io.BytesIO(clean(made).content)) as found:
        assert found.pages[0].Resources.XObject.Im0.read_raw_bytes() == picture


@pytest.mark.parametrize("broken", [b"", b"no picture", b"\xff\xd8\xff\xe1\x00\x04", b"\xff\xd8\x00\x01\x02\x03"])
def test_a_pdf_with_a_broken_photo_is_refused(broken: bytes) -> None:
    with pytest.raises(FileRefusedError, match="PDF 打不开"):
        clean(files_made.pdf_with(broken))


def test_an_encrypted_pdf_is_refused_with_what_to_do() -> None:
    with pytest.raises(FileRefusedError, match=r"加了密.*没有密码"):
        clean(pdf(password="geheim"))


@pytest.mark.parametrize("content", [b"%PDF-1.7\n" + bytes(500), b"%PDF-1.4\nhello"])
def test_a_broken_pdf_is_refused_with_what_to_do(content: bytes) -> None:
    with pytest.raises(FileRefusedError, match=r"打不开.*重新导出"):
        clean(content)


def test_what_grows_beyond_the_limit_when_written_anew_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escalation.files.LARGEST", 100)
    with pytest.raises(FileRefusedError, match="仍超过"):
        clean(image())
    assert LARGEST == 10 * 1024 * 1024


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("户口本.JPG", "户口本.jpg"),
        ("C:\\Users\\me\\a.b.png", "a.b.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("x.html", "x.jpg"),
        ("孩子500112201809120008.jpg", "孩子[身份证号].jpg"),
        ("a\x00\r\nb\u202e.jpg", "ab.jpg"),
        ("", "图片.jpg"),
        ("..", "图片.jpg"),
        ("长" * 200 + ".jpg", "长" * 60 + ".jpg"),
    ],
)
def test_names_are_masked_short_and_end_as_the_type_does(given: str, kept: str) -> None:
    assert named(given, clean(image())).name == kept


def test_the_step_says_what_it_is() -> None:
    assert named("a.jpg", clean(image())).step == "（图片）a.jpg"
    assert named("a.jpg", clean(pdf())).step == "（PDF 文件）a.pdf"


class TestScanner:
    @pytest.fixture
    def command(self, tmp_path: Path) -> str:
        """Give a scanner: it keeps what it was given, refuses what has EICAR in it, fails at BROKEN, hangs at SLOW."""
        script = tmp_path / "scan me.py"
        script.write_text(
            "import sys, time, pathlib\n"
            "data = sys.stdin.buffer.read()\n"
            f"pathlib.Path({str(tmp_path / 'seen')!r}).write_bytes(data)\n"
            "if b'SLOW' in data: time.sleep(60)\n"
            "sys.exit(1 if b'EICAR' in data else 3 if b'BROKEN' in data else 0)\n"
        )
        return f"{sys.executable} '{script}'"

    def test_a_clean_file_passes_and_was_seen_whole(self, command: str, tmp_path: Path) -> None:
        content = bytes(range(256)) * 4000
        scan(command, content, 20)
        assert (tmp_path / "seen").read_bytes() == content

    def test_a_refused_file_is_refused(self, command: str) -> None:
        with pytest.raises(FileRefusedError, match="没有通过安全检查"):
            scan(command, b"..EICAR..", 20)

    def test_a_scanner_that_hangs_fails_or_is_not_there_lets_nothing_in(self, command: str) -> None:
        begin = time.perf_counter()
        for word, with_command, seconds in ((b"SLOW", command, 1), (b"BROKEN", command, 20), (b"x", "/no/such", 20)):
            with pytest.raises(UnavailableError, match="请稍后再试"):
                scan(with_command, word, seconds)
        assert time.perf_counter() - begin < 20

    def test_without_a_scanner_nothing_is_scanned(self) -> None:
        scan("", b"EICAR", 1)
