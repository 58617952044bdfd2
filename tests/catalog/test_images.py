from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtailor.catalog.images import open_image
from longtailor.errors import ImageError, UsageError

RED, WHITE = (255, 0, 0), (255, 255, 255)


@pytest.fixture
def photo() -> Image.Image:
    """Left half red, right half blue, 64 wide and 48 high."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :32, 0] = 255
    pixels[:, 32:, 2] = 255
    return Image.fromarray(pixels)


def announce(path: Path, width: int, height: int) -> Path:
    """A PNG whose header announces a size that its data does not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )
    return path


def test_a_photo_comes_back_as_it_was_saved(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "a.png")
    opened = open_image(tmp_path / "a.png")
    assert opened.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(opened), np.asarray(photo))


def test_a_file_object_is_read_and_left_open(photo: Image.Image) -> None:
    file = io.BytesIO()
    photo.save(file, "PNG")
    file.seek(0)
    assert open_image(file).size == (64, 48)
    assert not file.closed


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tif", "bmp"])
def test_a_truncated_file_is_refused_in_one_line(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    whole, cut = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    Image.fromarray(noise).save(whole)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(ImageError) as caught:
        open_image(cut)
    assert str(caught.value).startswith(f"{cut}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"this is no photo, whatever its name says\n", "no image in a known format"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "cannot be|no image"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason):
        open_image(path)
    with pytest.raises(ImageError, match=rf"^row 7: .*({reason})"):
        open_image(io.BytesIO(content), name="row 7")


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        open_image(tmp_path / "none.jpg")
    with pytest.raises(ImageError, match="cannot be read"):
        open_image(tmp_path)


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"bomb\.png: too many pixels"):
        open_image(announce(tmp_path / "bomb.png", 20_000, 20_000))
    # A size that Pillow itself lets pass: the refusal must name the size, not broken data.
    with (
        pytest.warns(Image.DecompressionBombWarning),
        pytest.raises(ImageError, match="12000 x 12000 pixels, more than 100 megapixels"),
    ):
        open_image(announce(tmp_path / "large.png", 12_000, 12_000))


def test_the_pixel_limit_can_be_set(
    tmp_path: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo.save(tmp_path / "a.png")
    monkeypatch.setenv("LONGTAILOR_MAX_MEGAPIXELS", "0.003")
    with pytest.raises(ImageError, match="64 x 48 pixels"):
        open_image(tmp_path / "a.png")
    monkeypatch.setenv("LONGTAILOR_MAX_MEGAPIXELS", "0.0031")
    assert open_image(tmp_path / "a.png").size == (64, 48)
    monkeypatch.setenv("LONGTAILOR_MAX_MEGAPIXELS", "many")
    with pytest.raises(UsageError, match="many"):
        open_image(tmp_path / "a.png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, photo: Image.Image, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo.save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    opened = open_image(tmp_path / "a.jpg")
    # Where the left (red) half of the stored pixels is seen, by the EXIF specification.
    red = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom"}
    x, y = {"left": (8, 24), "right": (56, 24), "top": (24, 8), "bottom": (24, 56)}[
        red.get(orientation, "bottom")
    ]
    assert opened.size == ((64, 48) if orientation <= 4 else (48, 64))
    pixel = opened.getpixel((x, y))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200
    assert pixel[2] < 50


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_exif_block_does_not_cost_the_photo(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12")
    assert open_image(tmp_path / "a.jpg").size == (64, 48)


def test_cmyk_is_converted(tmp_path: Path, photo: Image.Image) -> None:
    photo.convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    opened = open_image(tmp_path / "a.jpg")
    assert opened.mode == "RGB"
    np.testing.assert_allclose(np.asarray(opened)[24, 8], RED, atol=12)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32768, 65535]], np.uint16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name)
        grey = np.asarray(open_image(tmp_path / name))
        np.testing.assert_array_equal(grey[0, :, 0], [0, 1, 128, 255])
        assert (grey == grey[..., :1]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_pixels_without_a_range_are_refused(tmp_path: Path, dtype: type) -> None:
    Image.fromarray(np.array([[0, 100_000]], dtype)).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=r"a\.tif: .* no defined range"):
        open_image(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 255))
    image.convert(mode).save(tmp_path / "a.png")
    opened = open_image(tmp_path / "a.png")
    assert opened.getpixel((0, 0)) == WHITE
    assert opened.getpixel((1, 0)) == (0, 0, 0)


def test_a_transparent_palette_entry_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=0)
    opened = open_image(tmp_path / "a.png")
    assert opened.getpixel((0, 0)) == WHITE
    assert opened.getpixel((1, 0)) == RED


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_the_first_frame_of_an_animation_is_taken(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    first, second = (Image.new("RGB", (16, 16), colour) for colour in ("red", "blue"))
    first.save(path, save_all=True, append_images=[second], duration=100)
    pixel = open_image(path).getpixel((8, 8))
    np.testing.assert_allclose(np.asarray(pixel), RED, atol=6)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif"])
def test_one_pixel_is_an_image(tmp_path: Path, suffix: str) -> None:
    Image.new("RGB", (1, 1), "red").save(tmp_path / f"a.{suffix}")
    opened = open_image(tmp_path / f"a.{suffix}", draft=224)
    assert opened.size == (1, 1)
    assert opened.mode == "RGB"


@pytest.mark.parametrize(
    ("draft", "size"),
    [(None, (1600, 1200)), (301, (1600, 1200)), (300, (800, 600)), (75, (200, 150))],
)
def test_draft_keeps_twice_the_target_on_both_sides(
    tmp_path: Path, photo: Image.Image, draft: int | None, size: tuple[int, int]
) -> None:
    photo.resize((1600, 1200)).save(tmp_path / "a.jpg")
    photo.resize((1600, 1200)).save(tmp_path / "a.png")
    assert open_image(tmp_path / "a.jpg", draft=draft).size == size
    assert open_image(tmp_path / "a.png", draft=draft).size == (1600, 1200)


def test_draft_changes_the_resized_picture_little(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    coarse.resize((1200, 1200), Image.Resampling.BICUBIC).save(tmp_path / "a.jpg", quality=95)
    full, drafted = (
        np.asarray(
            open_image(tmp_path / "a.jpg", draft=draft).resize(
                (224, 224), Image.Resampling.BICUBIC
            ),
            np.float64,
        )
        for draft in (None, 224)
    )
    assert np.abs(full - drafted).mean() < 1.0


def test_formats_that_are_no_photos_are_refused(tmp_path: Path, photo: Image.Image) -> None:
    """Pillow would hand an EPS to Ghostscript, an interpreter."""
    photo.save(tmp_path / "drawing.eps")
    with pytest.raises(ImageError, match=r"drawing\.eps"):
        open_image(tmp_path / "drawing.eps")


def progressive(*, repeated: int) -> bytes:
    """Write a progressive JPEG whose last scan stands there several times more."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    last, end = content.rindex(b"\xff\xda"), content.rindex(b"\xff\xd9")
    return content[:end] + content[last:end] * repeated + content[end:]


def test_a_jpeg_of_endless_scans_is_not_decoded() -> None:
    for repeated in (0, 30):
        assert open_image(io.BytesIO(progressive(repeated=repeated))).size == (30, 20)
    with pytest.raises(ImageError, match=r"a\.jpg: a JPEG of more than 50 scans"):
        open_image(io.BytesIO(progressive(repeated=50)), name="a.jpg")


def test_a_limit_of_pixels_can_be_given() -> None:
    file = io.BytesIO()
    Image.new("RGB", (200, 100)).save(file, "PNG")
    assert open_image(file, max_megapixels=0.02).size == (200, 100)
    with pytest.raises(ImageError, match=r"image: 200 x 100 pixels, more than 0\.01 megapixels$"):
        open_image(file, max_megapixels=0.01)
