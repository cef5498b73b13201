"""A folder of images is read as its files say: transparency, orientation, depth, colour, format."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from bridges.data import load, raw_vectors

GREY = np.arange(16, dtype=np.uint8).reshape(4, 4) * 16
FORMATS = ("png", "bmp", "webp", "tif", "tiff", "gif")  # that can be without loss


def save(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)


def rows_of(folder):
    return raw_vectors(str(folder)).numpy()


def png(pixels, kind):
    """A PNG of 16 bits per channel, by hand: Pillow writes none in colour."""
    height, width = pixels.shape[:2]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    blocks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in blocks
    )


def test_each_format_without_loss_gives_the_same_row(tmp_path, capsys):
    for ending in FORMATS:
        save(
            tmp_path / f"{ending}.{ending}", GREY, **{"lossless": True} if ending == "webp" else {}
        )
    assert np.array_equal(rows_of(tmp_path), np.tile(GREY.ravel(), (len(FORMATS), 1)))
    assert capsys.readouterr().err == ""


def test_what_is_left_out_is_said(tmp_path, capsys):
    (tmp_path / "class" / "deep").mkdir(parents=True)
    save(tmp_path / "class" / "0.png", GREY)
    save(tmp_path / "class" / "deep" / "1.png", GREY)
    save(tmp_path / "class" / "2.eps", GREY)
    (tmp_path / "README").write_text("")
    (tmp_path / ".hidden").write_text("")
    assert len(rows_of(tmp_path)) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"data: 3 other files of {tmp_path} left out: ")
    assert said.endswith(": .eps, .png in deeper folders, no ending\n")


def test_no_other_decoder_sees_a_file(tmp_path):
    content = io.BytesIO()
    Image.fromarray(GREY).save(content, "PPM")
    (tmp_path / "0.png").write_bytes(content.getvalue())
    with pytest.raises(ValueError, match=r"0.png cannot be read"):
        load(str(tmp_path))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_what_is_transparent_is_white(tmp_path, mode, ending):
    clear = Image.fromarray(np.array([[[0, 0], [0, 255], [0, 51]]], np.uint8))
    clear.convert(mode).save(tmp_path / f"0.{ending}")
    assert rows_of(tmp_path).tolist() == [[255, 0, 204]]  # a v + (1 − a) 255


@pytest.mark.parametrize("ending", ["png", "gif"])
def test_a_transparent_level_or_colour_is_white(tmp_path, ending):
    colours = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    colours.putpalette([0, 0, 0, 51, 51, 51, 90, 90, 90])
    colours.save(tmp_path / f"0.{ending}", transparency=0)
    assert rows_of(tmp_path).tolist() == [[255, 51, 90]]
    save(tmp_path / f"0.{ending}", np.array([[0, 51, 90]], np.uint8), transparency=0)
    assert rows_of(tmp_path).tolist() == [[255, 51, 90]]


@pytest.mark.parametrize(
    ("ending", "bits"),
    [("png", 8), ("webp", 8), ("tiff", 8), ("jpg", 8), ("png", 16), ("tiff", 16)],
)
def test_images_stand_upright(tmp_path, ending, bits):
    pixels = np.array([[0] * 8, [0] * 8, [250] * 8, [250] * 8], np.uint8).repeat(4, 0).repeat(2, 1)
    stored = pixels.astype(np.uint16) * 200 if bits == 16 else pixels
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[0x0112] = 6  # the first row lies at the right
    lossless = {"lossless": True} if ending == "webp" else {}
    image.save(tmp_path / f"0.{ending}", exif=exif, **lossless)
    found = rows_of(tmp_path).reshape(16, 16)
    assert found == pytest.approx(np.rot90(stored, -1).astype(float), abs=2)


def test_colour_is_kept_and_all_images_have_one_mode(tmp_path):
    colour = np.random.default_rng(0).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    save(tmp_path / "0.png", GREY)
    save(tmp_path / "1.png", colour)
    save(tmp_path / "2.png", np.stack([GREY] * 3, -1))  # of a mode with colour, without any
    grey = GREY.ravel().repeat(3)
    assert np.array_equal(rows_of(tmp_path), np.stack([grey, colour.ravel(), grey]))
    (tmp_path / "1.png").unlink()
    assert np.array_equal(rows_of(tmp_path), np.tile(GREY.ravel(), (2, 1)))


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_values_of_more_bits_are_kept(tmp_path, ending):
    pixels = np.array([[0, 255, 256], [1000, 40_001, 65_535]], np.uint16)
    save(tmp_path / f"0.{ending}", pixels)
    assert rows_of(tmp_path).tolist() == [pixels.ravel().tolist()]


def test_floats_are_kept_and_must_be_finite(tmp_path):
    save(tmp_path / "0.tiff", np.array([[0.25, -3.5]], np.float32))
    assert rows_of(tmp_path).tolist() == [[0.25, -3.5]]
    save(tmp_path / "0.tiff", np.array([[0.25, np.nan]], np.float32))
    with pytest.raises(ValueError, match="must be finite, got 1 NaN"):
        load(str(tmp_path))


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_colour_of_more_bits_is_refused_not_cut(tmp_path, kind, channels):
    pixels = np.full((2, 2 * channels), 1000, np.uint16)
    (tmp_path / "0.png").write_bytes(png(pixels.reshape(2, 2, channels), kind))
    with pytest.raises(
        ValueError, match=r"more than 8 bits with colour are not read; pass a \.npy"
    ):
        load(str(tmp_path))


@pytest.mark.parametrize("ending", ["gif", "tiff", "webp", "png"])
def test_the_first_of_several_frames_is_read_and_this_is_said(tmp_path, capsys, ending):
    frames = [Image.fromarray(pixels) for pixels in (GREY, GREY[::-1].copy(), GREY.T.copy())]
    lossless = {"lossless": True} if ending == "webp" else {}
    path = tmp_path / f"0.{ending}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **lossless)
    assert np.array_equal(rows_of(tmp_path), GREY.reshape(1, -1))
    assert "only the first frame of 1 images of" in capsys.readouterr().err
